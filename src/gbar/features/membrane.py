"""Time constants of the membrane: exponentials fitted to the fall after a step's begin and to the decay after its end.

The first is eFEL's: where the slope has become steeper than -0.005 mV/ms the fall begins, where it has been flatter for
70 ms it ends, and the voltage it would end at is searched for by golden section, so that the logarithm of the distance
from it is straightest.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from gbar.compiled import compiled, compiled_sums
from gbar.features.names import MEMBRANE

_FLAT = 5e-3  # mV/ms
_LASTING = 70.0  # ms
_STEEP_SAMPLES = 5
_FEWEST = 10  # samples of a fall
_TRANSIENT = 10  # samples after the begin of the stimulus that are left out
_GOLDEN = 1.618033988
_FURTHEST = 5.0  # mV
_CLOSEST = 0.01  # mV
_ROUNDING = 1e6  # ms: a voltage that has not moved decays so slowly or slower by rounding alone
_LN2 = math.log(2.0)
_MANTISSA, _ONE, _HALF = (1 << 52) - 1, 1023 << 52, 1022 << 52
_FALL, _DECAY = range(len(MEMBRANE))


@compiled
def _differences(x: Float[np.ndarray, " time"], d: Float[np.ndarray, " time"]) -> None:
    """The five-point derivative of x by its index; of lower order at the ends. Four samples at least."""
    n = len(x)
    d[0], d[1] = x[1] - x[0], (x[2] - x[0]) / 2.0
    x0, x1, x3, x4, middle = x[: n - 4], x[1 : n - 3], x[3 : n - 1], x[4:n], d[2 : n - 2]
    for k in range(n - 4):
        middle[k] = (-x4[k] + 8 * x3[k] - 8 * x1[k] + x0[k]) / 12.0
    d[n - 2], d[n - 1] = (x[n - 1] - x[n - 3]) / 2.0, x[n - 1] - x[n - 2]


@compiled_sums
def _logarithms(x: Float[np.ndarray, " time"], shift: float, logs: Float[np.ndarray, " time"]) -> None:
    """log(x + shift) of positive, normal numbers: 2 artanh of (m - 1)/(m + 1), m the mantissa in [0.7, 1.4]."""
    bits = logs.view(np.int64)
    for k in range(len(x)):
        logs[k] = x[k] + shift
    for k in range(len(x)):
        word = bits[k]
        upper = (word & _MANTISSA) > 0x6A09E667F3BCD  # of the square root of 2
        power = (word >> 52) - 1023 + upper
        bits[k] = (word & _MANTISSA) | (_HALF if upper else _ONE)
        s = (logs[k] - 1.0) / (logs[k] + 1.0)
        z = s * s
        series = 1 / 17 + z * (1 / 19 + z * (1 / 21))
        series = 1 / 9 + z * (1 / 11 + z * (1 / 13 + z * (1 / 15 + z * series)))
        series = 1 / 3 + z * (1 / 5 + z * (1 / 7 + z * series))
        logs[k] = power * _LN2 + 2.0 * (s + s * z * series)


@compiled_sums
def _slope(t: Float[np.ndarray, " time"], logs: Float[np.ndarray, " time"]) -> tuple[float, float]:
    """Of the straight line through the logarithms, and the sum of the squares of what it leaves over."""
    n = len(t)
    mean, level = 0.0, 0.0
    for k in range(n):
        mean += t[k]
        level += logs[k]
    mean /= n
    level /= n
    squares, products = 0.0, 0.0
    for k in range(n):
        squares += (t[k] - mean) * (t[k] - mean)
        products += (t[k] - mean) * (logs[k] - level)
    slope = products / squares
    rest = 0.0
    for k in range(n):
        left = logs[k] - level - slope * (t[k] - mean)
        rest += left * left
    return slope, rest


@compiled
def _fit(
    t: Float[np.ndarray, " time"],
    above: Float[np.ndarray, " time"],
    lowest: float,
    highest: float,
    shift: float,
    logs: Float[np.ndarray, " time"],
) -> tuple[float, float]:
    """The slope of log(above + shift), and how bent it is; NaN where there is no logarithm."""
    if not lowest + shift > 0.0:
        return np.nan, np.nan
    _logarithms(above, shift, logs)
    slope, rest = _slope(t, logs)
    return slope, rest / np.log((highest + shift) / (lowest + shift)) ** 2


@compiled
def _golden(
    t: Float[np.ndarray, " time"], above: Float[np.ndarray, " time"], logs: Float[np.ndarray, " time"]
) -> float:
    """The time constant (ms) of a fall to `above` = 0 and a little further, by golden section."""
    lowest, highest = above[0], above[0]
    for x in above:
        lowest, highest = min(lowest, x), max(highest, x)
    if lowest + _FURTHEST <= 0.0:
        return np.nan
    low, high = 0.0, _FURTHEST
    middle = (low * _GOLDEN + high) / (1.0 + _GOLDEN)
    slope, least = _fit(t, above, lowest, highest, middle, logs)
    right = True
    while high - low > _CLOSEST:
        shift = (middle * _GOLDEN + high) / (1.0 + _GOLDEN) if right else (low + _GOLDEN * middle) / (1.0 + _GOLDEN)
        slope, bent = _fit(t, above, lowest, highest, shift, logs)
        if bent < least:
            if right:
                low = middle
            else:
                high = middle
            middle, least = shift, bent
        else:
            if right:
                high = shift
            else:
                low = shift
            right = not right
    return -1.0 / slope


@compiled
def _beginning(slope: Float[np.ndarray, " time"]) -> int:
    """Where it first stays steep; -1 if it never does."""
    run = 0
    for k in range(len(slope)):
        run = run + 1 if slope[k] <= -_FLAT else 0
        if run == _STEEP_SAMPLES:
            return k - _STEEP_SAMPLES + 1
    return -1


@compiled
def _end(
    t: Float[np.ndarray, " time"], slope: Float[np.ndarray, " time"], begin: int, total: Float[np.ndarray, " time"]
) -> int:
    """Where it first is flat, and stays so in the mean; `t` has one time more than `slope`, the last to look at."""
    n = len(slope)
    total[begin] = 0.0
    flat, k = begin, begin  # k: the first time that is not within 70 ms
    while t[flat] < t[n] - _LASTING:
        if slope[flat] + _FLAT > 0.0:
            while t[k] - t[flat] < _LASTING:
                total[k + 1] = total[k] + slope[k]
                k += 1
            if (total[k] - total[flat]) / (k - flat) + _FLAT > 0.0:
                break
        flat += 1
    return flat


@compiled
def fall(
    y: Float[np.ndarray, "row time"],
    t: Float[np.ndarray, " time"],
    start: int,
    middle: int,
    found: Float[np.ndarray, "row feature"],
) -> None:
    """Writes time_constant into its column: of the fall from the begin of the stimulus, `start`, to its middle."""
    first = start + _TRANSIENT
    n = middle - first
    found[:, _FALL] = np.nan
    if middle >= len(t) or n < _STEEP_SAMPLES:
        return
    times = t[first : middle + 1]
    step, slope, total, memory = np.empty(n), np.empty(n), np.empty(n + 1), np.empty(n)
    _differences(times[:n], step)
    for r in range(len(y)):
        v = y[r, first:middle]
        _differences(v, slope)
        for k in range(n):
            slope[k] /= step[k]
        begin = _beginning(slope)
        if begin < 0:
            continue
        end = _end(times, slope, begin, total)
        if end - begin >= _FEWEST:
            above = total[: end - begin]
            for k in range(begin, end):
                above[k - begin] = v[k] - v[end - 1]
            found[r, _FALL] = _golden(times[begin:end], above, memory[: end - begin])


@compiled
def decay(
    y: Float[np.ndarray, "row time"],
    t: Float[np.ndarray, " time"],
    start: int,
    first: int,
    last: int,
    found: Float[np.ndarray, "row feature"],
) -> None:
    """Writes decay_time_constant_after_stim into its column: of the samples [first, last), towards that at `start`."""
    found[:, _DECAY] = np.nan
    if last - first < 2:
        return
    logs = np.empty(last - first)
    for r in range(len(y)):
        for k in range(first, last):
            logs[k - first] = np.log(abs(y[r, k] - y[r, start]))
        slope, _ = _slope(t[first:last], logs)
        tau = abs(1.0 / slope)
        found[r, _DECAY] = tau if tau < _ROUNDING else np.nan
