"""When a voltage crosses a threshold upwards, between its samples; what rasters and counts of simulations show.

`peak_times` of `gbar.features` are eFEL's times, those of the samples of the peaks.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from gbar.traces import Traces

THRESHOLD = -20.0  # mV


def spike_times(
    v: Float[np.ndarray, "row time"], dt: float, threshold: float = THRESHOLD
) -> list[Float[np.ndarray, " spike"]]:
    """For each row the times (ms) at which v (mV) crosses `threshold` upwards, linearly interpolated.

    A crossing lies between a sample below the threshold and one at or above it.

    >>> spike_times(np.array([[-65.0, -30.0, 10.0, -65.0]]), dt=0.5)
    [array([0.625])]
    """
    row, k = np.nonzero((v[:, :-1] < threshold) & (v[:, 1:] >= threshold))
    low, high = v[row, k].astype(np.float64), v[row, k + 1].astype(np.float64)
    times = (k + (threshold - low) / (high - low)) * dt
    return np.split(times, np.searchsorted(row, np.arange(1, len(v)))) if len(v) else []


def spike_counts(traces: Traces, threshold: float = THRESHOLD) -> Int[np.ndarray, "row stimulus"]:
    """The upward crossings of `threshold` (mV) of every row under every stimulus, at the first site."""
    return np.stack([_crossings(v[:, 0], threshold) for v in traces.v], axis=1)


def _crossings(v: Float[np.ndarray, "row time"], threshold: float) -> Int[np.ndarray, " row"]:
    counts = np.zeros(len(v), dtype=np.int32)
    for start in range(0, len(v), 16):  # few enough rows that their flags stay in the cache
        above = v[start : start + 16] >= threshold
        counts[start : start + 16] = np.count_nonzero(above[:, 1:] > above[:, :-1], axis=1)
    return counts
