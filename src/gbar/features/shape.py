"""The shape of action potentials: thresholds, peaks, widths, rise and fall; of a row's spikes the mean.

Where eFEL pairs lists of different lengths by rank, so does this; where it would read beyond their ends, or backwards
in time, the spike is left out.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from gbar.compiled import compiled
from gbar.features.names import SHAPE

(
    _PEAK, _HEIGHT, _BEGIN, _AMPLITUDE, _DURATION_HALF, _HALF, _WIDTH, _DURATION, _RISE, _FALL, _UP, _DOWN,
) = range(len(SHAPE))  # fmt: skip
_STRETCH = 64  # samples


@compiled
def _quotient(total: float, number: int) -> float:
    return total / number if number > 0 else np.nan


@compiled
def _mean_at(y: Float[np.ndarray, " time"], index: Int[np.ndarray, " spike"]) -> float:
    total = 0.0
    for k in index:
        total += y[k]
    return _quotient(total, len(index))


@compiled
def _amplitude(
    y: Float[np.ndarray, " time"], inside: Int[np.ndarray, " spike"], onset: Int[np.ndarray, " spike"]
) -> float:
    """Of the spikes within the stimulus, from their onsets; missing if there are fewer of these."""
    if len(inside) > len(onset):
        return np.nan
    total = 0.0
    for i in range(len(inside)):
        total += y[inside[i]] - y[onset[i]]
    return _quotient(total, len(inside))


@compiled
def _nearest(y: Float[np.ndarray, " time"], first: int, last: int, voltage: float) -> int:
    """The first of the samples [first, last) that is closest to a voltage (mV)."""
    best = first
    for k in range(first + 1, last):
        if abs(y[k] - voltage) < abs(y[best] - voltage):
            best = k
    return best


@compiled
def _duration_half_width(
    y: Float[np.ndarray, " time"],
    t: Float[np.ndarray, " time"],
    peak: Int[np.ndarray, " spike"],
    onset: Int[np.ndarray, " spike"],
    end: Int[np.ndarray, " spike"],
) -> float:
    """Half way between onset and peak; missing if a spike peaks before the onset of its rank (before the stimulus)."""
    total, number = 0.0, 0
    if len(end) == 0:
        return np.nan
    for i in range(min(len(onset), len(peak))):
        if peak[i] < onset[i]:
            return np.nan
        if i >= len(end) or peak[i] > end[i]:
            continue
        half = (y[peak[i]] + y[onset[i]]) / 2.0
        rise = _nearest(y, onset[i], peak[i], half)
        total += t[_nearest(y, peak[i], end[i], half)] - t[rise]
        number += 1
    return _quotient(total, number)


@compiled
def _first_at_least(y: Float[np.ndarray, " time"], first: int, last: int, voltage: float) -> int:
    """The first of the samples [first, last) that reaches a voltage (mV); `last` if there is none."""
    while first + _STRETCH <= last:  # a stretch that does not is passed at once
        reached = 0
        for k in range(first, first + _STRETCH):
            reached += y[k] >= voltage
        if reached > 0:
            break
        first += _STRETCH
    while first < last and not y[first] >= voltage:
        first += 1
    return first


@compiled
def _half_width(
    y: Float[np.ndarray, " time"],
    t: Float[np.ndarray, " time"],
    start: int,
    peak: Int[np.ndarray, " spike"],
    minimum: Int[np.ndarray, " spike"],
) -> float:
    """Half way between the minimum behind a spike and its peak, linearly interpolated on both flanks."""
    total, number = 0.0, 0
    since = start
    for i in range(len(minimum)):
        half = (y[peak[i]] + y[minimum[i]]) / 2.0
        rise, fall = since, peak[i]
        since = minimum[i]
        if rise > peak[i]:  # a spike of before the stimulus
            continue
        rise = _first_at_least(y, rise, peak[i], half)
        while fall < minimum[i] and not y[fall] <= half:
            fall += 1
        if rise == 0 or fall == 0:
            continue
        early = (t[rise] - t[rise - 1]) * (half - y[rise]) / (y[rise] - y[rise - 1])
        late = (t[fall] - t[fall - 1]) * (half - y[fall]) / (y[fall] - y[fall - 1])
        total += t[fall] - early - t[rise] + late
        number += 1
    return _quotient(total, number)


@compiled
def _width(
    y: Float[np.ndarray, " time"], t: Float[np.ndarray, " time"], threshold: float, minimum: Int[np.ndarray, " spike"]
) -> float:
    """Of what lies above the threshold (mV) first, from each minimum to the next."""
    total = 0.0
    first = 0
    for last in minimum:
        begin = _first_at_least(y, first, last, threshold)
        k = begin
        while k < last and not y[k] <= threshold:
            k += 1
        total += t[k] - t[begin]
        first = last
    return _quotient(total, len(minimum))


@compiled
def _upstroke(
    slope: Float[np.ndarray, " time"], peak: Int[np.ndarray, " spike"], onset: Int[np.ndarray, " spike"]
) -> float:
    """The steepest rise between an onset and the next peak that is not taken yet."""
    total, number, j = 0.0, 0, 0
    for first in onset:
        while j < len(peak) and peak[j] < first:
            j += 1
        if j == len(peak):
            break
        best = slope[first]
        for k in range(first + 1, peak[j]):
            best = max(best, slope[k])
        total += best
        number += 1
        j += 1
    return _quotient(total, number)


@compiled
def _downstroke(
    slope: Float[np.ndarray, " time"], peak: Int[np.ndarray, " spike"], minimum: Int[np.ndarray, " spike"]
) -> float:
    """The steepest fall between a peak and the minimum behind it."""
    total = 0.0
    for i in range(len(minimum)):
        best = slope[peak[i]]
        for k in range(peak[i] + 1, minimum[i]):
            best = min(best, slope[k])
        total += best
    return _quotient(total, len(minimum))


@compiled
def _interval(
    t: Float[np.ndarray, " time"], first: Int[np.ndarray, " spike"], last: Int[np.ndarray, " spike"], most: int
) -> float:
    """The mean time (ms) from the first to the last samples of the same rank."""
    total = 0.0
    number = min(len(first), len(last), most)
    for i in range(number):
        total += t[last[i]] - t[first[i]]
    return _quotient(total, number)


@compiled
def shape(
    y: Float[np.ndarray, "row time"],
    slope: Float[np.ndarray, "row time"],
    t: Float[np.ndarray, " time"],
    within: tuple[float, float],
    start: int,
    threshold: float,
    peaks: Int[np.ndarray, "row spike"],
    minima: Int[np.ndarray, "row spike"],
    onsets: Int[np.ndarray, "row spike"],
    ends: Int[np.ndarray, "row spike"],
    count: Int[np.ndarray, "row 4"],
    found: Float[np.ndarray, "row feature"],
) -> None:
    """Writes the features of SHAPE into `found`, in their order; `within` is when the stimulus begins and ends (ms)."""
    on, off = within
    for r in range(len(y)):
        row = found[r]
        row[:] = np.nan
        if count[r, 0] == 0:
            continue
        peak, minimum = peaks[r, : count[r, 0]], minima[r, : count[r, 1]]
        onset, end = onsets[r, : count[r, 2]], ends[r, : count[r, 3]]
        row[_PEAK] = row[_HEIGHT] = _mean_at(y[r], peak)
        row[_HALF], row[_DOWN] = _half_width(y[r], t, start, peak, minimum), _downstroke(slope[r], peak, minimum)
        row[_WIDTH] = _width(y[r], t, threshold, minimum)
        late = 0  # the first peak after the stimulus' begin
        while late < len(peak) and t[peak[late]] <= on:
            late += 1
        row[_FALL] = _interval(t, peak[late:], end, len(peak))
        if len(onset) == 0:
            continue
        first = 0
        while first < len(peak) and t[peak[first]] < on:
            first += 1
        last = first
        while last < len(peak) and t[peak[last]] <= off:
            last += 1
        row[_BEGIN], row[_AMPLITUDE] = _mean_at(y[r], onset), _amplitude(y[r], peak[first:last], onset)
        row[_UP] = _upstroke(slope[r], peak, onset)
        row[_DURATION_HALF] = _duration_half_width(y[r], t, peak, onset, end)
        row[_DURATION] = _interval(t, onset, end, len(peak))
        after = 0  # the first peak behind the first onset
        while after < len(peak) and peak[after] <= onset[0]:
            after += 1
        row[_RISE] = _interval(t, onset, peak[after:], len(peak))
