"""The times at which eFEL looks at a trace, and where the stimulus lies among them.

eFEL first interpolates a trace linearly at 0, step, 2 step, ..., each the sum of the one before and the step. Rounding
makes these times differ from multiples of the step by 1e-10 ms or so, which decides whether a sample lies in a
window, and which of two equal voltages is the lower one; so the same is done here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Float, Int

_PRECISION = 1e-10  # ms, eFEL's precision_threshold


@dataclass(frozen=True)
class Grid:
    """Times of analysis, and from which samples the voltages at them come: v = v[i] + (v[i+1] - v[i]) / gap * ahead."""

    t: Float[np.ndarray, " time"]  # ms
    sample: Int[np.ndarray, " time"]  # i
    gap: Float[np.ndarray, " time"]  # ms between the samples i and i + 1
    ahead: Float[np.ndarray, " time"]  # ms behind sample i
    runs: Int[np.ndarray, " run"]  # where runs of consecutive samples begin, and the end of the last
    span: Float[np.ndarray, " time"]  # ms: the central difference of t
    on: float  # ms
    off: float

    def first(self, time: float) -> int:
        """The index of the first time that is not before `time` (ms); len(t) if there is none."""
        return int(np.searchsorted(self.t, time, side="left"))

    @cached_property
    def start(self) -> int:
        """The index of the first time within the stimulus."""
        return self.first(self.on)

    @cached_property
    def stop(self) -> int:
        """The index of the first time that is not before the stimulus' end."""
        return self.first(self.off)

    @cached_property
    def middle(self) -> int:
        """The index of the first time that is not before the middle of the stimulus."""
        return self.first((self.on + self.off) / 2.0)

    @cached_property
    def behind(self) -> int:
        """The index of the first time after the stimulus' end; len(t) if there is none."""
        return int(np.searchsorted(self.t, self.off, side="right"))

    @cached_property
    def base(self) -> tuple[int, int]:
        """The last tenth of the time before the stimulus; (0, 0) if there is none."""
        begin = self.on * 0.9
        end = int(np.searchsorted(self.t, self.on + _PRECISION, side="right"))
        return (self.first(begin), end) if begin < self.on else (0, 0)

    @cached_property
    def steady(self) -> tuple[int, int]:
        """The last tenth of the stimulus."""
        return self.first(self.off - 0.1 * (self.off - self.on)), self.stop


@lru_cache(maxsize=4)  # sweeps of one protocol have one grid
def make_grid(samples: int, dt: float, window: tuple[float, float], step: float) -> Grid:
    """The grid of traces of so many samples every dt ms, looked at every `step` ms, with the stimulus' window (ms)."""
    own = np.arange(samples) * dt
    size = math.ceil(own[-1] / step)
    t = np.concatenate([[0.0], np.full(size, step)]).cumsum()
    t = t[: size + 1] if t[size - 1] < own[-1] else t[:size]
    later = np.clip(np.ceil(t / dt).astype(np.int64), 1, samples)  # the first sample that is not before t; next:
    later += np.append(own, np.inf)[later] < t  # rounding
    later -= own[later - 1] >= t
    inside = np.count_nonzero(later < samples)  # a time behind the last sample has that sample's voltage
    sample = np.clip(later - 1, 0, samples - 2)
    runs = np.concatenate([[0], np.flatnonzero(np.diff(sample[:inside]) != 1) + 1, [inside]])
    span = np.empty(len(t))
    span[1:-1] = (t[2:] - t[:-2]) / 2.0
    span[0], span[-1] = t[1] - t[0], t[-1] - t[-2]
    return Grid(
        t, sample, own[sample + 1] - own[sample], t - own[sample], runs, span, float(window[0]), float(window[1])
    )
