"""Voltages at the times of a grid, and their slopes: what all other features are read from."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from gbar.features.compiled import compiled


@compiled
def resample(
    v: Float[np.ndarray, "row sample"],
    sample: Int[np.ndarray, " time"],
    gap: Float[np.ndarray, " time"],
    ahead: Float[np.ndarray, " time"],
    inside: int,
    y: Float[np.ndarray, "row time"],
    failed: Bool[np.ndarray, " row"],
) -> None:
    """Writes v (mV), linearly interpolated, into y; a row that is not finite has failed, and is 0."""
    for r in range(len(v)):
        bad = 0
        for k in range(v.shape[1]):
            bad += v[r, k] - v[r, k] != 0.0
        failed[r] = bad > 0
        if bad > 0:
            y[r] = 0.0
            continue
        for k in range(inside):
            i = sample[k]
            low = np.float64(v[r, i])
            y[r, k] = low + (np.float64(v[r, i + 1]) - low) / gap[k] * ahead[k]
        for k in range(inside, y.shape[1]):
            y[r, k] = v[r, v.shape[1] - 1]


@compiled
def differentiate(
    y: Float[np.ndarray, "row time"], span: Float[np.ndarray, " time"], slope: Float[np.ndarray, "row time"]
) -> None:
    """Writes the central differences of y (mV) over those of time (ms) into `slope` (mV/ms)."""
    last = y.shape[1] - 1
    for r in range(len(y)):
        slope[r, 0] = (y[r, 1] - y[r, 0]) / span[0]
        for k in range(1, last):
            slope[r, k] = (y[r, k + 1] - y[r, k - 1]) / 2.0 / span[k]
        slope[r, last] = (y[r, last] - y[r, last - 1]) / span[last]
