"""Voltages at the times of a grid: what all features are read from."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from gbar.compiled import compiled


@compiled
def resample(
    v: Float[np.ndarray, "row sample"],
    sample: Int[np.ndarray, " time"],
    gap: Float[np.ndarray, " time"],
    ahead: Float[np.ndarray, " time"],
    runs: Int[np.ndarray, " run"],
    y: Float[np.ndarray, "row time"],
    failed: Bool[np.ndarray, " row"],
) -> None:
    """Writes v (mV), linearly interpolated, into y; a row that is not finite has failed, and is 0.

    `sample`, `gap` and `ahead` are a grid's; so are its `runs`, the bounds of stretches of consecutive samples.
    """
    for r in range(len(v)):
        bad = 0
        for k in range(v.shape[1]):
            bad += v[r, k] - v[r, k] != 0.0
        failed[r] = bad > 0
        if bad > 0:
            y[r] = 0.0
            continue
        for run in range(len(runs) - 1):
            first, last = runs[run], runs[run + 1]
            from_, to = v[r, sample[first] :], y[r, first:last]
            gaps, aheads = gap[first:last], ahead[first:last]
            for k in range(last - first):
                low = np.float64(from_[k])
                to[k] = low + (np.float64(from_[k + 1]) - low) / gaps[k] * aheads[k]
        for k in range(runs[-1], y.shape[1]):
            y[r, k] = v[r, v.shape[1] - 1]
