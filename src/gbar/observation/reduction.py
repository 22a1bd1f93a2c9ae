"""What the network sees of a sweep: an anti-aliased reduction to a common grid.

Simulations and recordings go through the same continuous-time filter, evaluated on the sampling of each, so that a
recording at 200 kHz and a simulation at 40 kHz of the same voltage give the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32

from gbar.errors import ParameterError, RecordingError
from gbar.protocol import Protocol
from gbar.traces import Traces

PASS = 0.75  # of the reduced grid's Nyquist frequency: passed within 0.1 %; from the Nyquist frequency on, 60 dB down
_BETA = 5.65326  # Kaiser's window for 60 dB, 0.1102 (60 - 8.7)
_HALF = 26.0 / (
    2.285 * 2.0 * math.pi * (1.0 - PASS) / 2.0
)  # its half length in output samples, for that transition band
_ROWS = 64  # rows of one matrix product: always as many, so that a row's bits do not depend on its batch


@dataclass(frozen=True)
class Reduction:
    """A sweep as `samples` values `dt` ms apart, the first at 0 ms.

    The filter is a sinc with its cut-off (-6 dB) at 0.875 of the grid's Nyquist frequency 1/(2 dt), in a Kaiser window:
    up to 0.75 of the Nyquist frequency it passes within 0.1 %, from the Nyquist frequency on it suppresses by 60 dB.
    Its weights sum to 1 for every output sample; at both ends the sweep is continued by reflection. A sweep that
    already has the grid's sampling passes unchanged, bit by bit.
    """

    dt: float  # ms
    samples: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.dt) and self.dt > 0.0 and self.samples >= 2):
            raise ParameterError(
                f"a reduction to {self.samples} samples of {self.dt} ms", remedy="give 2 samples or more"
            )

    @property
    def duration(self) -> float:
        """From the first to the last sample, ms."""
        return (self.samples - 1) * self.dt

    @property
    def cutoff(self) -> float:
        """The frequency in kHz up to which the voltage passes."""
        return PASS / (2.0 * self.dt)

    def apply(self, v: Float[np.ndarray, "*batch time"], dt: float) -> Float32[np.ndarray, "*batch sample"]:
        """The reduced sweeps, float32, of sweeps in mV sampled every dt ms.

        Raises RecordingError if they are shorter than the reduction, or sampled more coarsely.

        >>> Reduction(dt=0.5, samples=3).apply(np.full((1, 101), -65.0), dt=0.01)
        array([[-65., -65., -65.]], dtype=float32)
        """
        length = math.floor(self.duration / dt + 1e-6) + 1
        if v.shape[-1] < length:
            have = (v.shape[-1] - 1) * dt
            raise RecordingError(
                f"a sweep of {have:g} ms for an observation of {self.duration:g} ms",
                remedy="use the protocol of the sweep",
            )
        if abs(dt - self.dt) <= 1e-6 * self.dt:
            return np.array(v[..., : self.samples], dtype=np.float32)
        if dt > self.dt:
            raise RecordingError(
                f"a sweep sampled every {dt:g} ms cannot be observed every {self.dt:g} ms",
                remedy="observe fewer samples",
            )
        rows = v[..., :length].reshape(-1, length)
        return _reduce(rows, _blocks(length, dt, self.dt, self.samples), self.samples).reshape(
            *v.shape[:-1], self.samples
        )


@dataclass(frozen=True)
class _Block:
    """Output samples [start, stop) as input samples [low, high) times a matrix."""

    start: int
    stop: int
    low: int
    high: int
    weights: Float32[np.ndarray, "input output"]


def _kernel(t: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The low-pass filter at t (in output samples), not yet normalised."""
    inside = np.clip(1.0 - (t / _HALF) ** 2, 0.0, None)
    window = np.where(np.abs(t) <= _HALF, np.i0(_BETA * np.sqrt(inside)), 0.0)
    return np.sinc((1.0 + PASS) / 2.0 * t) * window


@lru_cache(maxsize=16)
def _blocks(length: int, source: float, dt: float, samples: int) -> tuple[_Block, ...]:
    """The filter from `length` samples `source` ms apart to `samples` ones dt ms apart, as a band of dense blocks."""
    taps = math.floor(2.0 * _HALF * dt / source) + 1
    width = max(16, math.ceil(2.0 * _HALF))
    period = 2 * (length - 1)
    blocks = []
    for start in range(0, samples, width):
        centre = np.arange(start, min(start + width, samples)) * (dt / source)  # in input samples
        index = np.ceil(centre - _HALF * dt / source)[:, None].astype(np.int64) + np.arange(taps)
        weights = _kernel((centre[:, None] - index) * (source / dt))
        weights /= weights.sum(axis=1, keepdims=True)
        index %= period
        index = np.where(index >= length, period - index, index)  # reflection at both ends
        low, high = int(index.min()), int(index.max()) + 1
        matrix = np.zeros((high - low, len(centre)))
        np.add.at(matrix, (index - low, np.arange(len(centre))[:, None]), weights)
        blocks.append(_Block(start, start + len(centre), low, high, matrix.astype(np.float32)))
    return tuple(blocks)


def _reduce(
    rows: Float[np.ndarray, "row time"], blocks: tuple[_Block, ...], samples: int
) -> Float32[np.ndarray, "row sample"]:
    """Rows times the band of blocks, in groups of _ROWS (the last one filled up)."""
    out = np.empty((len(rows), samples), dtype=np.float32)
    for first in range(0, len(rows), _ROWS):
        some = rows[first : first + _ROWS]
        count = len(some)
        if count < _ROWS or some.dtype != np.float32 or some.strides[1] != 4:
            group = np.zeros((_ROWS, rows.shape[1]), dtype=np.float32)
            group[:count] = some
            some = group
        with np.errstate(invalid="ignore", over="ignore"):  # a failed simulation stays NaN, in its own row
            for block in blocks:
                out[first : first + count, block.start : block.stop] = (
                    some[:, block.low : block.high] @ block.weights
                )[:count]
    return out


def reduction_for(
    sweeps: Protocol | Sequence[float], max_samples: int = 8000, *, sampling: Sequence[float] = ()
) -> tuple[Reduction, ...]:
    """One reduction for each sweep, on a common grid that leaves the longest at most `max_samples`.

    `sweeps` is a protocol, or durations in ms with their `sampling` intervals; with a protocol, `sampling` adds the
    intervals (ms) of the recordings that are observed beside its simulations. The grid is a multiple of the coarsest
    interval: 1, which changes nothing, if all intervals are equal and the sweeps short enough; else at least 2.

    >>> reduction_for([1450.0], 2000, sampling=[0.025])
    (Reduction(dt=0.75, samples=1934),)
    """
    if max_samples < 2:
        raise ParameterError(f"at most {max_samples} samples", remedy="allow 2 samples or more")
    durations = [s.duration for s in sweeps.stimuli] if isinstance(sweeps, Protocol) else [float(d) for d in sweeps]
    intervals = [s.sampling for s in sweeps.stimuli] if isinstance(sweeps, Protocol) else []
    intervals += [float(dt) for dt in sampling]
    if not durations or not intervals or min(intervals) <= 0.0 or min(durations) < max(intervals):
        raise ParameterError(
            f"no grid for sweeps of {durations} ms sampled every {intervals} ms",
            remedy="give positive durations and intervals",
        )
    coarsest = max(intervals)
    alike = coarsest - min(intervals) <= 1e-6 * coarsest
    least = math.ceil(max(durations) / ((max_samples - 1) * coarsest) - 1e-9)
    dt = round(coarsest * max(least, 1 if alike else 2), 12)
    return tuple(Reduction(dt, max(2, math.floor(duration / dt + 1e-6) + 1)) for duration in durations)


def observe(traces: Traces, reductions: Sequence[Reduction]) -> Float32[np.ndarray, "row channel time"]:
    """Simulated sweeps as the network sees them: a channel for each (stimulus, site), stimuli first.

    Shorter sweeps are filled up with their own last sample.
    """
    return _channels([(v, dt) for v, dt in zip(traces.v, traces.sampling, strict=True)], reductions)


def observe_sweeps(
    sweeps: Sequence[tuple[Float[np.ndarray, " time"], float]], reductions: Sequence[Reduction]
) -> Float32[np.ndarray, "1 channel time"]:
    """Measured sweeps, as (voltage in mV, dt in ms), in the same form as `observe`: one row."""
    return _channels([(v[None, None, :], dt) for v, dt in sweeps], reductions)


def _channels(
    sweeps: Sequence[tuple[Float[np.ndarray, "row site time"], float]], reductions: Sequence[Reduction]
) -> Float32[np.ndarray, "row channel time"]:
    if len(sweeps) != len(reductions) or not sweeps:
        raise ParameterError(f"{len(reductions)} reductions for {len(sweeps)} sweeps", remedy="give one for each")
    rows, sites = len(sweeps[0][0]), [v.shape[1] for v, _ in sweeps]
    out = np.empty((rows, sum(sites), max(r.samples for r in reductions)), dtype=np.float32)
    channel = 0
    for (v, dt), reduction in zip(sweeps, reductions, strict=True):
        for site in range(v.shape[1]):
            out[:, channel, : reduction.samples] = reduction.apply(v[:, site], dt)
            out[:, channel, reduction.samples :] = out[:, channel, reduction.samples - 1, None]
            channel += 1
    return out
