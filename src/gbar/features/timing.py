"""When spikes come: counts, latencies, intervals and their adaptation, from the times of the peaks."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from gbar.compiled import compiled
from gbar.features.names import TIMING

_SKIPPED = 0.1  # of the spikes, at most two, are left out at the beginning of adaptation_index
_MOST_SKIPPED = 2
(
    _COUNT, _WITHIN, _FREQUENCY, _FIRST, _LAST, _INVERSE, _DOUBLET, _ALL, _LATER, _CV, _IRREGULARITY,
    _ADAPTATION, _SECOND,
) = range(len(TIMING))  # fmt: skip


@compiled
def _mean_of_intervals(times: Float[np.ndarray, " spike"], first: int) -> float:
    total = 0.0
    for i in range(first + 1, len(times)):
        total += times[i] - times[i - 1]
    return total / (len(times) - first - 1) if len(times) > first + 1 else np.nan


@compiled
def _variation(times: Float[np.ndarray, " spike"], mean: float) -> float:
    """The coefficient of variation of the intervals after the first, of which it takes two."""
    if len(times) < 4:
        return np.nan
    total = 0.0
    for i in range(2, len(times)):
        total += (times[i] - times[i - 1] - mean) ** 2
    return np.sqrt(total / (len(times) - 3)) / mean


@compiled
def _irregularity(times: Float[np.ndarray, " spike"]) -> float:
    """The mean absolute difference of the intervals after the first and those that follow them."""
    total = 0.0
    for i in range(3, len(times)):
        total += abs((times[i] - times[i - 1]) - (times[i - 1] - times[i - 2]))
    return total / (len(times) - 3) if len(times) > 3 else np.nan


@compiled
def _adaptation(times: Float[np.ndarray, " spike"]) -> float:
    """The mean of (next - interval) / (next + interval)."""
    total = 0.0
    for i in range(2, len(times)):
        before, after = times[i - 1] - times[i - 2], times[i] - times[i - 1]
        total += (after - before) / (after + before)
    return total / (len(times) - 2)


@compiled
def timing(
    t: Float[np.ndarray, " time"],
    on: float,
    off: float,
    peak: Int[np.ndarray, "row spike"],
    count: Int[np.ndarray, "row 4"],
    found: Float[np.ndarray, "row feature"],
) -> None:
    """Writes the features of TIMING into `found`, in their order; `on` and `off` (ms) bound the stimulus."""
    for r in range(len(peak)):
        number = count[r, 0]
        times = t[peak[r, :number]]
        first = 0
        while first < number and times[first] < on:
            first += 1
        behind = first
        while behind < number and times[behind] <= off:
            behind += 1
        within = times[first:behind]
        row = found[r]
        row[:] = np.nan
        row[_COUNT], row[_WITHIN] = number, len(within)
        if number == 0:
            continue
        last = within[-1] if len(within) else 0.0
        if last != on:
            row[_FREQUENCY] = len(within) * 1000 / (last - on)
        row[_FIRST], row[_LAST] = times[0] - on, times[number - 1] - on
        row[_INVERSE] = 1000.0 / row[_FIRST]
        if number > 1:
            row[_DOUBLET] = times[1] - times[0]
        row[_ALL], row[_LATER] = _mean_of_intervals(times, 0), _mean_of_intervals(times, 1)
        row[_CV], row[_IRREGULARITY] = _variation(times, row[_LATER]), _irregularity(times)
        skipped = min(_MOST_SKIPPED, int(len(within) * _SKIPPED + 0.5))
        if len(within) - skipped >= 4:
            row[_ADAPTATION] = _adaptation(within[skipped:])
        if len(within) >= 4:
            row[_SECOND] = _adaptation(within[1:])
