"""Where the spikes of a trace begin, peak, end and are followed by a minimum: eFEL's lists of indices.

The four lists of a row need not have the same length: `count[row]` holds the numbers of peaks, minima, onsets and ends.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from gbar.features.compiled import compiled

ONSET_SLOPE = 10.0  # mV/ms, eFEL's DerivativeThreshold
_ONSET_SAMPLES = 3  # it lasts so long, eFEL's DerivativeWindow
_END_SLOPE = -12.0  # mV/ms, eFEL's DownDerivativeThreshold
PEAKS, MINIMA, ONSETS, ENDS = range(4)


@compiled
def find_peaks(
    y: Float[np.ndarray, "row time"],
    threshold: float,
    up: Int[np.ndarray, " crossing"],
    down: Int[np.ndarray, " crossing"],
    peak: Int[np.ndarray, "row spike"],
    count: Int[np.ndarray, "row 4"],
) -> None:
    """The highest sample from each upward crossing of the threshold (mV) to the downward one of the same rank.

    Downward crossings before the first upward one do not count; the last upward ones may lack theirs. `up` and `down`
    are memory to work in.
    """
    for r in range(len(y)):
        ups, downs, number = 0, 0, 0
        above = y[r, 0] > threshold
        below = y[r, 0] < threshold
        for k in range(1, y.shape[1]):
            now_above = y[r, k] > threshold
            now_below = y[r, k] < threshold
            if now_above and below:
                up[ups] = k
                ups += 1
            elif now_below and above and ups > 0:
                down[downs] = k
                downs += 1
            above, below = now_above, now_below
        for i in range(min(ups, downs)):
            best = -1
            highest = -1e9
            for k in range(up[i], down[i] + 1):
                if y[r, k] > highest:
                    best, highest = k, y[r, k]
            if best >= 0:
                peak[r, number] = best
                number += 1
        count[r, PEAKS] = number


@compiled
def _first_minimum(y: Float[np.ndarray, " time"], first: int, last: int) -> int:
    """The first of [first, last) that two later samples without a lower one follow; the lowest if there is none."""
    lowest, found, behind = first, first, 0
    for k in range(first + 1, last):
        if y[k] < y[lowest]:
            lowest = k
        if y[k] >= y[found]:
            behind += 1
            if behind == 2:
                return found
        else:
            found, behind = k, 0
    return lowest


@compiled
def find_minima(
    y: Float[np.ndarray, "row time"],
    peak: Int[np.ndarray, "row spike"],
    minimum: Int[np.ndarray, "row spike"],
    count: Int[np.ndarray, "row 4"],
) -> None:
    """The first minimum between each spike and the next, or the end; one at the very end is none."""
    length = y.shape[1]
    for r in range(len(y)):
        number = 0
        for i in range(count[r, PEAKS]):
            last = peak[r, i + 1] if i + 1 < count[r, PEAKS] else length
            k = _first_minimum(y[r], peak[r, i], last)
            if k != length - 1:
                minimum[r, number] = k
                number += 1
        count[r, MINIMA] = number


@compiled
def _onset(slope: Float[np.ndarray, " time"], peak: int, minimum: int) -> int:
    """Where the last lasting steep stretch before the peak begins; -1 if there is none after the minimum."""
    length = len(slope)
    newest = peak
    while True:
        k = newest - 1
        while k >= minimum and slope[k] > ONSET_SLOPE:
            k -= 1
        begin = max(k + 1, minimum)
        begin = min(begin, length - _ONSET_SAMPLES)
        if begin <= minimum:
            return -1
        newest = begin - 1
        lasts = True
        for j in range(begin, begin + _ONSET_SAMPLES):
            lasts = lasts and slope[j] >= ONSET_SLOPE
        if lasts:
            return begin


@compiled
def find_onsets(
    slope: Float[np.ndarray, "row time"],
    start: int,
    peak: Int[np.ndarray, "row spike"],
    minimum: Int[np.ndarray, "row spike"],
    onset: Int[np.ndarray, "row spike"],
    count: Int[np.ndarray, "row 4"],
) -> None:
    """The onsets of the spikes that peak after the sample `start`, the stimulus' first; none if minima are too few."""
    before = start - 2 if start > 1 else 0
    for r in range(len(slope)):
        first, later = 0, 0  # the first peak, and the first minimum, after the stimulus' begin
        while first < count[r, PEAKS] and peak[r, first] <= start:
            first += 1
        while later < count[r, MINIMA] and minimum[r, later] <= start:
            later += 1
        spikes = count[r, PEAKS] - first
        number = 0
        if count[r, MINIMA] - later + 1 >= spikes:
            for i in range(spikes):
                since = before if i == 0 else minimum[r, later + i - 1]
                found = _onset(slope[r], peak[r, first + i], since)
                if found >= 0:
                    onset[r, number] = found
                    number += 1
        count[r, ONSETS] = number


@compiled
def find_ends(
    slope: Float[np.ndarray, "row time"],
    start: int,
    peak: Int[np.ndarray, "row spike"],
    end: Int[np.ndarray, "row spike"],
    count: Int[np.ndarray, "row 4"],
) -> None:
    """Where, behind the steepest fall after each peak that follows the sample `start`, the fall slows down."""
    length = slope.shape[1]
    for r in range(len(slope)):
        number = 0
        for i in range(count[r, PEAKS]):
            begin = peak[r, i] + 1
            last = peak[r, i + 1] if i + 1 < count[r, PEAKS] else length - 1
            if peak[r, i] <= start or begin >= last:
                continue
            steepest = begin
            for k in range(begin + 1, last):
                if slope[r, k] < slope[r, steepest]:
                    steepest = k
            k = steepest
            while k < last and not slope[r, k] >= _END_SLOPE:
                k += 1
            if k < last:
                end[r, number] = k
                number += 1
        count[r, ENDS] = number
