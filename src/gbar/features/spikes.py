"""Where the spikes of a trace begin, peak, end and are followed by a minimum: eFEL's lists of indices.

The four lists of a row need not have the same length: `count[row]` holds the numbers of peaks, minima, onsets and ends.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from gbar.compiled import compiled, compiled_extremes

ONSET_SLOPE = 10.0  # mV/ms, eFEL's DerivativeThreshold
_ONSET_SAMPLES = 3  # it lasts so long, eFEL's DerivativeWindow
_END_SLOPE = -12.0  # mV/ms, eFEL's DownDerivativeThreshold
_STRETCH = 64  # samples
PEAKS, MINIMA, ONSETS, ENDS = range(4)


@compiled_extremes
def _least(x: Float[np.ndarray, " time"]) -> float:
    least = x[0]
    for k in range(len(x)):
        least = min(least, x[k])
    return least


@compiled
def _any_above(y: Float[np.ndarray, " time"], threshold: float) -> bool:
    above = 0
    for k in range(len(y)):
        above += y[k] > threshold
    return above > 0


@compiled
def _crossings(
    y: Float[np.ndarray, " time"],
    threshold: float,
    up: Int[np.ndarray, " crossing"],
    down: Int[np.ndarray, " crossing"],
) -> tuple[int, int]:
    """Writes the first samples above and below the threshold (mV) after one on its other side; returns their numbers.

    Downward crossings before the first upward one do not count. A stretch that stays below is passed at once.
    """
    ups, downs = 0, 0
    for first in range(1, len(y), _STRETCH):
        last = min(first + _STRETCH, len(y))
        if not _any_above(y[first - 1 : last], threshold):
            continue
        for k in range(first, last):
            if y[k] > threshold and y[k - 1] < threshold:
                up[ups] = k
                ups += 1
            elif y[k] < threshold and y[k - 1] > threshold and ups > 0:
                down[downs] = k
                downs += 1
    return ups, downs


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

    The last upward ones may lack theirs. `up` and `down` are memory to work in.
    """
    for r in range(len(y)):
        number = 0
        ups, downs = _crossings(y[r], threshold, up, down)
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
def _find_onsets(
    slope: Float[np.ndarray, " time"],
    start: int,
    peak: Int[np.ndarray, " spike"],
    minimum: Int[np.ndarray, " spike"],
    onset: Int[np.ndarray, " spike"],
) -> int:
    """The onsets of the spikes that peak after the sample `start`, the stimulus' first; none if minima are too few."""
    first, later = 0, 0  # the first peak, and the first minimum, after the stimulus' begin
    while first < len(peak) and peak[first] <= start:
        first += 1
    while later < len(minimum) and minimum[later] <= start:
        later += 1
    number = 0
    if len(minimum) - later + 1 >= len(peak) - first:
        since = max(start - 2, 0)
        for i in range(len(peak) - first):
            if i > 0:
                since = minimum[later + i - 1]
            found = _onset(slope, peak[first + i], since)
            if found >= 0:
                onset[number] = found
                number += 1
    return number


@compiled
def _find_ends(
    slope: Float[np.ndarray, " time"], start: int, peak: Int[np.ndarray, " spike"], end: Int[np.ndarray, " spike"]
) -> int:
    """Where, behind the steepest fall after each peak that follows the sample `start`, the fall slows down."""
    number = 0
    for i in range(len(peak)):
        k = peak[i] + 1
        last = peak[i + 1] if i + 1 < len(peak) else len(slope) - 1
        if peak[i] <= start or k >= last:
            continue
        steepest = _least(slope[k:last])
        while slope[k] != steepest:
            k += 1
        while k < last and not slope[k] >= _END_SLOPE:
            k += 1
        if k < last:
            end[number] = k
            number += 1
    return number


@compiled
def find_flanks(
    y: Float[np.ndarray, "row time"],
    span: Float[np.ndarray, " time"],
    start: int,
    peak: Int[np.ndarray, "row spike"],
    minimum: Int[np.ndarray, "row spike"],
    slope: Float[np.ndarray, "row time"],
    onset: Int[np.ndarray, "row spike"],
    end: Int[np.ndarray, "row spike"],
    count: Int[np.ndarray, "row 4"],
) -> None:
    """The slope (mV/ms) of rows with spikes, and the onsets and ends of those that peak after the sample `start`.

    `span` are the central differences of the times (ms), by which those of the voltages are divided.
    """
    for r in range(len(y)):
        if count[r, PEAKS] == 0:
            count[r, ONSETS] = count[r, ENDS] = 0
            continue
        _differentiate(y[r], span, slope[r])
        peaks, minima = peak[r, : count[r, PEAKS]], minimum[r, : count[r, MINIMA]]
        count[r, ONSETS] = _find_onsets(slope[r], start, peaks, minima, onset[r])
        count[r, ENDS] = _find_ends(slope[r], start, peaks, end[r])


@compiled
def _differentiate(
    y: Float[np.ndarray, " time"], span: Float[np.ndarray, " time"], slope: Float[np.ndarray, " time"]
) -> None:
    last = len(y) - 1
    slope[0], slope[last] = (y[1] - y[0]) / span[0], (y[last] - y[last - 1]) / span[last]
    before, behind, between, to = y[:-2], y[2:], span[1:-1], slope[1:-1]
    for k in range(last - 1):
        to[k] = (behind[k] - before[k]) / 2.0 / between[k]
