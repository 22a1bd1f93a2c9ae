"""The compiled side of `vitals`: a stretch whose greatest voltage says that nothing happens in it is passed at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from gbar.compiled import compiled, compiled_extremes
from gbar.features.names import VITALS

_STRETCH = 64  # samples
_REST, _SPIKES, _RATE, _PEAK, _WIDTH, _AHP, _PLATEAU = range(len(VITALS))


@compiled_extremes
def _greatest(y: Float[np.ndarray, " time"], high: Float[np.ndarray, " stretch"]) -> None:
    """Writes the greatest voltage of every stretch; in quarters, which a processor compares side by side."""
    quarter = _STRETCH // 4
    for s in range(len(y) // _STRETCH):
        part = y[s * _STRETCH : (s + 1) * _STRETCH]
        a, b, c, d = part[:quarter], part[quarter : 2 * quarter], part[2 * quarter : 3 * quarter], part[3 * quarter :]
        greatest = part[0]
        for k in range(quarter):
            first, second = a[k] if a[k] > b[k] else b[k], c[k] if c[k] > d[k] else d[k]
            larger = first if first > second else second
            greatest = larger if larger > greatest else greatest
        high[s] = greatest
    rest = y[len(y) // _STRETCH * _STRETCH :]
    if len(rest) > 0:
        high[-1] = rest[0]
        for x in rest:
            high[-1] = max(high[-1], x)


@compiled
def _crossings(
    y: Float[np.ndarray, " time"],
    high: Float[np.ndarray, " stretch"],
    threshold: float,
    up: Int[np.ndarray, " crossing"],
    down: Int[np.ndarray, " crossing"],
) -> tuple[int, int]:
    """Writes the first samples at or above the threshold (mV), and the first below it again; returns their numbers."""
    ups, downs = 0, 0
    above = y[0] >= threshold
    for s in range(len(high)):
        if high[s] < threshold and not above:
            continue
        for k in range(max(s * _STRETCH, 1), min((s + 1) * _STRETCH, len(y))):
            now = y[k] >= threshold
            if now and not above:
                up[ups] = k
                ups += 1
            elif above and not now and ups > 0:
                down[downs] = k
                downs += 1
            above = now
    return ups, downs


@compiled
def _plateau(
    y: Float[np.ndarray, " time"], high: Float[np.ndarray, " stretch"], level: float, up: Int[np.ndarray, " spike"]
) -> int:
    """The most samples in a row above the level (mV), counted anew from every spike's upward crossing."""
    longest, first = 0, 0
    for i in range(len(up) + 1):
        last = up[i] if i < len(up) else len(y)
        longest = _longer(y, high, level, first, last, longest)
        first = last
    return longest


@compiled
def _longer(
    y: Float[np.ndarray, " time"],
    high: Float[np.ndarray, " stretch"],
    level: float,
    first: int,
    last: int,
    longest: int,
) -> int:
    """The most of the samples [first, last) in a row above the level, if that is more than `longest`.

    What follows `below`, a sample that is not above, is longer only if the sample behind `longest` more is above; if
    that is, the samples in between are looked at, the last ones first.
    """
    below = first - 1
    while below + longest + 1 < last:
        ahead = below + longest + 1
        if high[ahead // _STRETCH] <= level:
            below = (ahead // _STRETCH + 1) * _STRETCH - 1
            continue
        k = ahead
        while k > below and y[k] > level:
            k -= 1
        if k > below:
            below = k
            continue
        while ahead < last and y[ahead] > level:
            ahead += 1
        longest, below = ahead - below - 1, ahead
    return longest


@compiled
def _highest(y: Float[np.ndarray, " time"], first: int, last: int) -> int:
    best = first
    for k in range(first + 1, last):
        if y[k] > y[best]:
            best = k
    return best


@compiled_extremes
def _lowest(y: Float[np.ndarray, " time"]) -> float:
    """In quarters, as `_greatest`."""
    quarter = len(y) // 4
    a, b, c, d = y[:quarter], y[quarter : 2 * quarter], y[2 * quarter : 3 * quarter], y[3 * quarter : 4 * quarter]
    lowest = y[-1]
    for k in range(quarter):
        first, second = a[k] if a[k] < b[k] else b[k], c[k] if c[k] < d[k] else d[k]
        smaller = first if first < second else second
        lowest = smaller if smaller < lowest else lowest
    for x in y[4 * quarter :]:
        lowest = min(lowest, x)
    return lowest


@compiled
def _spikes(
    y: Float[np.ndarray, " time"],
    threshold: float,
    dt: float,
    behind: int,
    up: Int[np.ndarray, " spike"],
    down: Int[np.ndarray, " spike"],
    found: Float[np.ndarray, " vital"],
) -> None:
    """Writes the means of the peaks, of the widths at the threshold and of the lowest voltages `behind` (samples) or
    less behind the spikes, before the next; of those that came down again, in `down`."""
    peak, width, lowest = 0.0, 0.0, 0.0
    for i in range(len(down)):
        first, last = up[i], down[i]
        peak += y[_highest(y, first, last)]
        early = (np.float64(y[first]) - threshold) / (np.float64(y[first]) - np.float64(y[first - 1]))
        late = (threshold - np.float64(y[last])) / (np.float64(y[last - 1]) - np.float64(y[last]))
        width += last - late - first + early
        lowest += _lowest(y[last : min(last + behind, up[i + 1] if i + 1 < len(up) else len(y))])
    found[_PEAK] = peak / len(down)
    found[_WIDTH] = dt * width / len(down)
    found[_AHP] = lowest / len(down)


@compiled
def fill_in_vitals(
    v: Float[np.ndarray, "row site time"],
    site: int,
    usable: Bool[np.ndarray, " row"],
    samples: tuple[int, int, int, int],
    dt: float,
    rate: float,
    threshold: float,
    level: float,
    found: Float[np.ndarray, "row vital"],
) -> None:
    """Writes the vitals; `samples` are the first of the base, of the stimulus and after it, and how many a minimum
    behind a spike is looked for in."""
    base, start, stop, behind = samples
    length = v.shape[2]
    stretches = (length + _STRETCH - 1) // _STRETCH
    high = np.empty(stretches, v.dtype)
    ups, downs = np.empty(length // 2 + 1, np.int32), np.empty(length // 2 + 1, np.int32)
    for r in range(len(v)):
        if not usable[r]:
            continue
        y, row = v[r, site], found[r]
        _greatest(y, high)
        number, ended = _crossings(y, high, threshold, ups, downs)
        up = ups[:number]
        row[_SPIKES] = number
        inside = 0
        for k in up:
            inside += start <= k < stop
        row[_RATE] = inside * rate
        row[_PLATEAU] = dt * _plateau(y, high, level, up)
        if start > base:
            total = 0.0
            for k in range(base, min(start + 1, length)):
                total += y[k]
            row[_REST] = total / (min(start + 1, length) - base)
        if ended > 0:
            _spikes(y, threshold, dt, behind, up, downs[:ended], row)
