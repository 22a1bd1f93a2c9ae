"""The times at which eFEL looks at a trace, and where the stimulus lies among them.

eFEL first interpolates a trace linearly at 0, step, 2 step, ..., each the sum of the one before and the step. Rounding
makes these times differ from multiples of the step by 1e-10 ms or so, which decides whether a sample lies in a
window, and which of two equal voltages is the lower one; so the same is done here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
    inside: int  # times up to the last sample; one behind it has that sample's voltage
    span: Float[np.ndarray, " time"]  # ms: the central difference of t
    on: float  # ms
    off: float

    def first(self, time: float) -> int:
        """The index of the first time that is not before `time` (ms); len(t) if there is none."""
        return int(np.searchsorted(self.t, time, side="left"))

    def behind(self, time: float) -> int:
        """The index of the first time after `time` (ms); len(t) if there is none."""
        return int(np.searchsorted(self.t, time, side="right"))

    @property
    def start(self) -> int:
        """The index of the first time within the stimulus."""
        return self.first(self.on)

    @property
    def stop(self) -> int:
        """The index of the first time behind the stimulus."""
        return self.first(self.off)

    @property
    def base(self) -> tuple[int, int]:
        """The last tenth of the time before the stimulus; (0, 0) if there is none."""
        begin = self.on * 0.9
        return (self.first(begin), self.behind(self.on + _PRECISION)) if begin < self.on else (0, 0)

    @property
    def steady(self) -> tuple[int, int]:
        """The last tenth of the stimulus."""
        return self.first(self.off - 0.1 * (self.off - self.on)), self.stop


def make_grid(samples: int, dt: float, window: tuple[float, float], step: float) -> Grid:
    """The grid of traces of so many samples every dt ms, looked at every `step` ms, with the stimulus' window (ms)."""
    own = np.arange(samples) * dt
    size = math.ceil(own[-1] / step)
    t = np.concatenate([[0.0], np.full(size, step)]).cumsum()
    t = t[: size + 1] if t[size - 1] < own[-1] else t[:size]
    later = np.searchsorted(own, t, side="left")
    inside = int(np.count_nonzero(later < samples))
    sample = np.clip(later - 1, 0, samples - 2)
    span = np.empty(len(t))
    span[1:-1] = (t[2:] - t[:-2]) / 2.0
    span[0], span[-1] = t[1] - t[0], t[-1] - t[-2]
    return Grid(
        t, sample, own[sample + 1] - own[sample], t - own[sample], inside, span, float(window[0]), float(window[1])
    )
