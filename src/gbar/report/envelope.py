"""Fewer points for the same picture: the smallest and largest sample of every bin, so that no spike vanishes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float


def envelope(
    v: Float[np.ndarray, " time"], dt: float, points: int = 1500
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Times and values of a line that looks like the trace: each bin's extremes, at the times where they occur.

    A trace of at most `points` samples is returned whole; dt sets the unit of the times.
    """
    if len(v) <= points:
        return np.arange(len(v)) * dt, v
    bins = points // 2
    edges = np.linspace(0, len(v), bins + 1).astype(int)
    keep: set[int] = {0, len(v) - 1}
    for start, stop in pairwise(edges):
        part = v[start:stop]
        if np.isnan(part).any():
            keep.update((start, stop - 1))
        else:
            keep.update((start + int(np.argmin(part)), start + int(np.argmax(part))))
    index = np.array(sorted(keep))
    return index * dt, v[index]


def band(
    v: Float[np.ndarray, "row time"], dt: float, quantiles: tuple[float, float], points: int = 700
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Times, lower and upper edge of the pointwise quantile band of rows, widened to its extremes within every bin."""
    low, high = np.quantile(v, quantiles, axis=0)
    time = v.shape[1]
    if time <= points:
        return np.arange(time) * dt, low, high
    edges = np.linspace(0, time, points + 1).astype(int)[:-1]
    middle = (edges + np.append(edges[1:], time) - 1) / 2.0
    return middle * dt, np.minimum.reduceat(low, edges), np.maximum.reduceat(high, edges)
