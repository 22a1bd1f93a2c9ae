"""A measured current in short bins, and where spikes leave artefacts in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

SETTLING = 1.5  # ms after an edge, in which the monitor is not yet at the level
TAIL = 1.0  # ms at the end of a sweep, which say whether a step has ended at its last spike
_SPIKE = -20.0  # mV; artefacts are expected while the voltage is above it, and
_BEFORE, _AFTER, _LONGEST = 0.6, 2.5, 6.0  # ms before and after that, for so long at most


def artefacts(v: Float[np.ndarray, " time"], dt: float) -> Bool[np.ndarray, " time"]:
    """Where artefacts of spikes are expected in the measured current."""
    above = np.concatenate([[False], v >= _SPIKE, [False]])
    up, down = np.flatnonzero(~above[:-1] & above[1:]), np.flatnonzero(above[:-1] & ~above[1:])
    mask = np.zeros(len(v), dtype=bool)
    for first, end in zip(up, down, strict=True):
        last = min(end + _AFTER / dt, first + _LONGEST / dt)
        mask[max(0, math.floor(first - _BEFORE / dt)) : math.ceil(last)] = True
    tail = max(1, round(TAIL / dt))
    if not above[-1 - tail : -1].any():
        mask[-tail:] = False
    return mask


def none_flagged(flags: Bool[np.ndarray, " time"], size: int) -> Bool[np.ndarray, " bin"]:
    """Bins of `size` samples of which none is flagged."""
    count = len(flags) // size
    return np.asarray(flags[: count * size].reshape(count, size).sum(axis=1) == 0)


@dataclass(frozen=True)
class Bins:
    """The measured current as medians of short bins (half a millisecond, four samples at least)."""

    m: Float[np.ndarray, " bin"]  # nA; that of the bin before it where artefacts are expected
    free: Bool[np.ndarray, " bin"]  # of artefacts
    size: int  # samples
    settling: int  # bins
    noise: float  # nA, of one bin
    floor: float  # nA, what differs less is one level: 1 % of the range, a tenth of the noise

    @classmethod
    def of(cls, x: Float[np.ndarray, " time"], spikes: Bool[np.ndarray, " time"], dt: float) -> Bins:
        """The bins of the current x (nA), sampled every dt ms, of which `spikes` flags samples."""
        size = max(4, round(0.5 / dt))
        count = len(x) // size
        parts = x[: count * size].reshape(count, size)
        m = np.median(parts, axis=1)
        free = none_flagged(spikes, size)
        if not free.any():
            free[:] = True
        last = np.maximum.accumulate(np.where(free, np.arange(count), -1))
        m = m[np.where(last < 0, int(np.argmax(free)), last)]
        white = 1.4826 * float(np.median(np.abs(parts - np.median(parts, axis=1, keepdims=True)))) * math.sqrt(4 / 3)
        change = np.diff(m)[free[1:] & free[:-1]]
        step = 1.4826 * float(np.median(np.abs(change))) / math.sqrt(2.0) if len(change) else 0.0
        noise = max(step, 1.25 * white / math.sqrt(size), 1e-9 * float(np.ptp(x)))
        low, high = np.percentile(m, [0.5, 99.5])
        return cls(m, free, size, math.ceil(SETTLING / (size * dt)), noise, max(0.01 * float(high - low), 0.1 * white))

    def inside(self, first: int, end: int) -> np.ndarray:
        """The bins of a segment that tell its level: free of artefacts, settled where enough are left."""
        free = int(np.count_nonzero(self.free[first:end]))
        settled = first + (min(self.settling, free // 2) if first else 0)
        stop = end - 1 if free >= 4 and end < len(self.m) else end
        k = np.arange(settled, stop)
        return k[self.free[k]]
