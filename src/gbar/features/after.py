"""What follows action potentials: the first minimum behind each, the slow one, and the lowest voltage in between."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from gbar.compiled import compiled, compiled_extremes
from gbar.features.names import AFTER

_SLOW = 5.0  # ms behind a peak, eFEL's sahp_start
_MINIMUM, _ABSOLUTE, _DEPTH, _FROM_PEAK, _TIME, _SLOW_DEPTH, _SLOW_TIME, _BETWEEN = range(len(AFTER))


@compiled_extremes
def _lowest(y: Float[np.ndarray, " time"]) -> float:
    lowest = y[0]
    for x in y:
        lowest = min(lowest, x)
    return lowest


@compiled
def after_spikes(
    y: Float[np.ndarray, "row time"],
    t: Float[np.ndarray, " time"],
    passive: Float[np.ndarray, "row feature"],
    peak: Int[np.ndarray, "row spike"],
    minimum: Int[np.ndarray, "row spike"],
    count: Int[np.ndarray, "row 4"],
    found: Float[np.ndarray, "row feature"],
) -> None:
    """Writes the features of AFTER into `found`, in their order; `passive` are those of PASSIVE, voltage_base first."""
    for r in range(len(y)):
        row = found[r]
        row[:] = np.nan
        spikes, number = count[r, 0], count[r, 1]
        level, depth, time = 0.0, 0.0, 0.0
        for i in range(number):
            level += y[r, minimum[r, i]]
            depth += y[r, peak[r, i]] - y[r, minimum[r, i]]
            time += t[minimum[r, i]] - t[peak[r, i]]
        if number > 0:
            row[_MINIMUM] = row[_ABSOLUTE] = level / number
            row[_DEPTH] = row[_MINIMUM] - passive[r, 0]
            row[_FROM_PEAK], row[_TIME] = depth / number, time / number
        between, level, time = 0.0, 0.0, 0.0
        for i in range(spikes - 1):
            first, last = peak[r, i], peak[r, i + 1]
            slow = first
            while slow < last and t[slow] < t[first] + _SLOW:
                slow += 1
            lowest = _lowest(y[r, slow:last]) if slow < last else y[r, last]
            between += min(lowest, _lowest(y[r, first:slow])) if first < slow else lowest
            if i > 0:
                late = slow
                while y[r, late] != lowest:
                    late += 1
                level += y[r, late]
                time += (t[late] - t[first]) / (t[last] - t[first])
        if spikes > 1:
            row[_BETWEEN] = between / (spikes - 1)
        if spikes > 2:
            row[_SLOW_DEPTH], row[_SLOW_TIME] = level / (spikes - 2), time / (spikes - 2)
