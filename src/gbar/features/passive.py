"""Rest, deflection, sag and input resistance: means and extremes of a trace before and within the stimulus."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gbar.compiled import compiled, compiled_extremes
from gbar.features.names import PASSIVE

_ROUNDING = 1e-9  # mV: a voltage that has moved by less has not, and has no sag
_DEFLECTION_SAMPLES = 5  # eFEL takes the deflection from so many samples, as many before the end of the stimulus
(
    _BASE, _STEADY, _DEFLECTION, _TO_STEADY, _LOWEST, _HIGHEST, _SAG, _RATIO1, _RATIO2,
    _RESISTANCE, _TO_STEADY_RESISTANCE,
) = range(len(PASSIVE))  # fmt: skip


@compiled
def _mean(y: Float[np.ndarray, " time"], first: int, last: int) -> float:
    total = 0.0
    part = y[first:last]
    for k in range(len(part)):
        total += part[k]
    return total / (last - first) if last > first else np.nan


@compiled_extremes
def _extremes(y: Float[np.ndarray, " time"]) -> tuple[float, float]:
    lowest, highest = y[0], y[0]
    for x in y:
        lowest, highest = min(lowest, x), max(highest, x)
    return lowest, highest


@compiled
def passive(
    y: Float[np.ndarray, "row time"],
    start: int,
    stop: int,
    behind: int,
    base: tuple[int, int],
    steady: tuple[int, int],
    current: Float[np.ndarray, " row"],
    found: Float[np.ndarray, "row feature"],
) -> None:
    """Writes the features of PASSIVE into `found`, in their order.

    The stimulus is the samples [start, stop), `behind` the first after its end, `base` and `steady` those of
    voltage_base and of the steady state; `current` its amplitude (nA), 0 or NaN where there is none.
    """
    for r in range(len(y)):
        row = found[r]
        row[:] = np.nan
        row[_BASE], row[_STEADY] = _mean(y[r], base[0], base[1]), _mean(y[r], steady[0], steady[1])
        if start > 0 and behind < y.shape[1] and behind >= 2 * _DEFLECTION_SAMPLES:
            late = _mean(y[r], behind - 2 * _DEFLECTION_SAMPLES, behind - _DEFLECTION_SAMPLES)
            row[_DEFLECTION] = late - _mean(y[r], 0, start)
        row[_TO_STEADY] = row[_STEADY] - row[_BASE]
        last = min(stop, y.shape[1] - 1)
        if last > start:
            row[_LOWEST], row[_HIGHEST] = _extremes(y[r, start:last])
        depth = row[_BASE] - row[_LOWEST]
        if row[_TO_STEADY] <= 0.0:
            row[_SAG] = row[_STEADY] - row[_LOWEST]
        if abs(depth) > _ROUNDING:
            row[_RATIO1], row[_RATIO2] = row[_SAG] / depth, (row[_BASE] - row[_STEADY]) / depth
        if current[r] != 0.0:
            row[_RESISTANCE] = row[_DEFLECTION] / current[r]
            row[_TO_STEADY_RESISTANCE] = row[_TO_STEADY] / current[r]
