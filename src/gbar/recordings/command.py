"""The current that was commanded, told from the current that was measured.

A monitored current carries the amplifier's noise, settles after every edge and has artefacts of up to 2 nA at spikes.
What was commanded is told from it where it is steps, trains of pulses or a few ramps: levels are means away from
spikes and edges, an edge is the sample that parts the two levels best. Anything else is used as it was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from gbar.recordings.recording import Sweep
from gbar.recordings.sanity import LOOKS_MONITORED

KEPT = "the measured current is neither steps nor ramps: it is used as it was measured, noise and artefacts included"
ANSWERED = "the voltage follows what is left of the measured current beside its steps: it is used as it was measured"

_SPIKE = -20.0  # mV; artefacts are expected while the voltage is above it, and
_BEFORE, _AFTER, _LONGEST = 0.6, 2.5, 6.0  # ms before and after that, for so long at most
_TAIL = 1.0  # ms at the end of a sweep, which say whether a step has ended at its last spike
_SETTLING = 1.5  # ms after an edge, in which the monitor is not yet at the level
_MOST_SEGMENTS, _MOST_RAMPS = 400, 3  # of a command; what has more is a waveform
_WINDOWS = (1, 4, 16, 64, 256, 1024)  # bins on either side of an edge
_FORGIVEN, _ARTEFACT = 0.02, 4  # of a sweep, and bins of each: artefacts that no spike explains
_AFTER_EDGE, _TOLD = 5.0, 100  # ms after an edge, and changes that are left, for telling delivered noise
_CAPACITANCES = 3.0, 3000.0  # pF, of cells
_FOLLOWED = 0.25  # the share of the voltage's changes that noise on the current explains if it was delivered


@dataclass(frozen=True)
class Residual:
    """What a measured current has beside the commanded one."""

    sd: float  # nA, of its noise: artefacts do not count
    largest: float  # nA, the largest absolute value: the artefacts
    explained: float  # the share of the measured current's variance that the command explains


@dataclass(frozen=True)
class _Segment:
    """A straight piece of the command, over the bins or samples `first` to `end`: level + slope * (k - first)."""

    first: int
    end: int
    level: float  # nA
    slope: float = 0.0  # nA per bin or sample
    known: bool = True  # False: an artefact without a shape

    def at(self, k: int) -> float:
        return self.level + self.slope * (k - self.first)


def idealised(sweep: Sweep) -> Sweep:
    """The sweep with the commanded current as `current`, told from its measured one; that itself where in doubt.

    A sweep without a measured current is returned as it is. What is kept as measured has a warning.
    """
    if sweep.monitored is None:
        return sweep
    command = commanded(sweep.monitored, sweep.v, sweep.dt)
    if command is None:
        return replace(sweep, current=sweep.monitored, warnings=(*sweep.warnings, KEPT))
    if _delivered(sweep.monitored - command, command, sweep.v, sweep.dt):
        return replace(sweep, current=sweep.monitored, warnings=(*sweep.warnings, ANSWERED))
    warnings = tuple(warning for warning in sweep.warnings if warning != LOOKS_MONITORED)
    return replace(sweep, current=command, warnings=warnings)


def as_measured(sweep: Sweep) -> Sweep:
    """The sweep with its measured current as `current`, where it has one."""
    return sweep if sweep.monitored is None else replace(sweep, current=sweep.monitored)


def residual(sweep: Sweep) -> Residual | None:
    """What the measured current has beside the commanded one; None where only one of them is known."""
    if sweep.monitored is None or sweep.monitored is sweep.current:
        return None
    rest = sweep.monitored - sweep.current
    sd = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    total = float(np.var(sweep.monitored))
    explained = 1.0 if total == 0.0 else max(0.0, 1.0 - float(np.mean(rest**2)) / total)
    return Residual(sd, float(np.abs(rest).max()), explained)


def commanded(
    measured: Float[np.ndarray, " time"], v: Float[np.ndarray, " time"], dt: float
) -> Float[np.ndarray, " time"] | None:
    """The steps and ramps in a measured current (nA) beside a voltage (mV), sampled every dt ms; None: not of these."""
    if len(measured) < 20 or not np.ptp(measured):
        return measured.copy() if len(measured) else None
    spikes = _spikes(v, dt)
    bins = _Bins.of(measured, spikes, dt)
    found = _segments(bins, 0, len(bins.m))
    if found is None:
        return None
    segments = _without_artefacts(bins, found)
    if segments is None:
        return None
    exact = _exact(measured, spikes, dt, _merged(bins, segments), bins)
    if sum(s.slope != 0.0 for s in exact) > _MOST_RAMPS or any(p.slope * q.slope > 0.0 for p, q in pairwise(exact)):
        return None  # slope after slope: a curve
    command = np.empty(len(measured))
    for s in exact:
        command[s.first : s.end] = s.level + s.slope * np.arange(s.end - s.first)
    return command if _holds(measured - command, command, spikes, dt, bins) else None


def _holds(
    rest: Float[np.ndarray, " time"],
    command: Float[np.ndarray, " time"],
    spikes: Bool[np.ndarray, " time"],
    dt: float,
    bins: _Bins,
) -> bool:
    """Whether the monitor comes to what was commanded after every edge, stays with it, and is there at the end."""
    settling, doubt = math.ceil(_SETTLING / dt), 6.0 * bins.noise * math.sqrt(bins.size)
    tail = max(4, round(_TAIL / dt))
    if abs(float(np.median(rest[-tail:]))) > 20.0 * (bins.noise + bins.floor):
        return False
    jumps = np.diff(command)
    settled = ~spikes
    for k in np.flatnonzero(np.abs(jumps) > bins.floor) + 1:
        after = rest[k + 1 : k + settling][~spikes[k + 1 : k + settling]]
        if len(after) > 2 and np.median(np.abs(after)) > 0.12 * abs(jumps[k - 1]) + doubt:
            return False
        settled[max(0, k - 2) : k + 2 * settling] = False
    count = len(bins.m)
    calm = _none(~settled, bins.size)
    odd = np.abs(np.median(rest[: count * bins.size].reshape(count, bins.size), axis=1))[calm]
    return int(np.count_nonzero(odd > 12.0 * bins.noise + 2.0 * bins.floor)) <= _ARTEFACT


def _spikes(v: Float[np.ndarray, " time"], dt: float) -> Bool[np.ndarray, " time"]:
    """Where artefacts of spikes are expected in the measured current."""
    above = np.concatenate([[False], v >= _SPIKE, [False]])
    up, down = np.flatnonzero(~above[:-1] & above[1:]), np.flatnonzero(above[:-1] & ~above[1:])
    mask = np.zeros(len(v), dtype=bool)
    for first, end in zip(up, down, strict=True):
        last = min(end + _AFTER / dt, first + _LONGEST / dt)
        mask[max(0, math.floor(first - _BEFORE / dt)) : math.ceil(last)] = True
    tail = max(1, round(_TAIL / dt))
    if not above[-1 - tail : -1].any():
        mask[-tail:] = False
    return mask


def _none(flags: Bool[np.ndarray, " time"], size: int) -> Bool[np.ndarray, " bin"]:
    """Bins of `size` samples of which none is flagged."""
    count = len(flags) // size
    return np.asarray(flags[: count * size].reshape(count, size).sum(axis=1) == 0)


@dataclass(frozen=True)
class _Bins:
    """The measured current as medians of short bins (half a millisecond, four samples at least)."""

    m: Float[np.ndarray, " bin"]  # nA; that of the bin before it where artefacts are expected
    free: Bool[np.ndarray, " bin"]  # of artefacts
    size: int  # samples
    settling: int  # bins
    noise: float  # nA, of one bin
    floor: float  # nA, what differs less is one level: 1 % of the range, a tenth of the noise

    @classmethod
    def of(cls, x: Float[np.ndarray, " time"], spikes: Bool[np.ndarray, " time"], dt: float) -> _Bins:
        size = max(4, round(0.5 / dt))
        count = len(x) // size
        parts = x[: count * size].reshape(count, size)
        m = np.median(parts, axis=1)
        free = _none(spikes, size)
        if not free.any():
            free[:] = True
        last = np.maximum.accumulate(np.where(free, np.arange(count), -1))
        m = m[np.where(last < 0, int(np.argmax(free)), last)]
        white = 1.4826 * float(np.median(np.abs(parts - np.median(parts, axis=1, keepdims=True)))) * math.sqrt(4 / 3)
        change = np.diff(m)[free[1:] & free[:-1]]
        step = 1.4826 * float(np.median(np.abs(change))) / math.sqrt(2.0) if len(change) else 0.0
        noise = max(step, 1.25 * white / math.sqrt(size), 1e-9 * float(np.ptp(x)))
        low, high = np.percentile(m, [0.5, 99.5])
        return cls(m, free, size, math.ceil(_SETTLING / (size * dt)), noise, max(0.01 * float(high - low), 0.1 * white))

    def inside(self, first: int, end: int) -> np.ndarray:
        """The bins of a segment that tell its level: free of artefacts, settled where enough are left."""
        free = int(np.count_nonzero(self.free[first:end]))
        settled = first + (min(self.settling, free // 2) if first else 0)
        stop = end - 1 if free >= 4 and end < len(self.m) else end
        k = np.arange(settled, stop)
        return k[self.free[k]]


def _segments(bins: _Bins, first: int, end: int) -> list[_Segment] | None:
    """Straight pieces that explain the bins from `first` to `end`; None if there are too many of them."""
    left = [(first, end)]
    done: list[_Segment] = []
    while left:
        a, b = left.pop()
        straight = _straight(bins, a, b)
        if straight is None:
            k = _split(bins, a, b)
            if k is not None:
                left += [(k, b), (a, k)]
                if len(left) + len(done) > _MOST_SEGMENTS:
                    return None
                continue
            straight = _Segment(a, b, float(np.median(bins.m[a:b])), known=False)
        done.append(straight)
    return sorted(done, key=lambda s: s.first)


def _straight(bins: _Bins, a: int, b: int) -> _Segment | None:
    """The level, or else the ramp, that explains the bins from a to b; None if neither does."""
    k = bins.inside(a, b)
    if len(k) < 2:
        return _brief(bins, a, b)
    m = bins.m[k]
    tolerance = 6.0 * bins.noise + bins.floor
    level = float(np.median(m))
    error = 4.0 * bins.noise * math.sqrt(12.0 / len(k))
    if len(k) < 8:
        return _Segment(a, b, level) if np.abs(m - level).max() <= tolerance else None
    x = (k - k[0]) / (k[-1] - k[0]) - 0.5
    curve = np.polynomial.polynomial.polyfit(x, m, 2)
    if abs(curve[2]) / 6.0 > max(error, bins.floor):
        return None
    base, rise = np.polynomial.polynomial.polyfit(x, m, 1)
    if abs(rise) <= max(error, 2.0 * bins.floor):
        return _Segment(a, b, level) if _level(bins, m - level) else None
    if not _level(bins, m - base - rise * x):
        return None
    slope = rise / (k[-1] - k[0])
    return _Segment(a, b, float(base - 0.5 * rise - slope * (k[0] - a)), float(slope))


def _level(bins: _Bins, rest: Float[np.ndarray, " bin"]) -> bool:
    """Whether what is left of bins beside a fit is noise alone: single bins, and the means of more and more of them."""
    for width in _WINDOWS:
        count = len(rest) // width
        if count < 2 and width > 1:
            break
        means = rest[: count * width].reshape(count, width).mean(axis=1)
        if np.abs(means).max() > 6.0 * bins.noise / math.sqrt(width) + bins.floor:
            return False
    return True


def _brief(bins: _Bins, a: int, b: int) -> _Segment:
    """A pulse that a spike follows at once, by its last bins before the spike; no level where there are too few."""
    free = a + np.flatnonzero(bins.free[a:b])
    tells = bool(len(free) >= 3 or (len(free) and b == len(bins.m)))
    return _Segment(a, b, float(bins.m[free[-1]] if len(free) else np.median(bins.m[a:b])), known=tells)


def _split(bins: _Bins, a: int, b: int) -> int | None:
    """Where the bins from a to b are best parted: at the clearest jump, else at a kink; None if they are too few."""
    if b - a < 4:
        return None
    m = bins.m[a:b]
    best, place, reach = 0.0, 0, 1
    for w in _WINDOWS:
        if 2 * w > b - a:
            break
        middles = _middles(m, w)
        jump = np.abs(middles[w + 1 : w + b - a] - middles[1 : b - a])
        k = int(np.argmax(jump))
        score = float(jump[k]) * math.sqrt(w)
        if score > 1.2 * best:
            best, place, reach = score, k + 1, w
    steep = best / (1.25 * math.sqrt(2.0) * bins.noise) > 6.0
    at = a + place if steep and not _sloped(m, place, reach) else _kink(bins, a, b)
    return at if at is not None and a < at < b else None


def _middles(m: Float[np.ndarray, " bin"], w: int) -> Float[np.ndarray, " bin"]:
    """The medians of w bins before every bin, and after the last ones; their means where w is large."""
    padded = np.pad(m, w, mode="edge")
    if w <= 4:
        return np.median(np.lib.stride_tricks.sliding_window_view(padded, w), axis=1)
    total = np.concatenate([[0.0], np.cumsum(padded - m[0])])
    return (total[w:] - total[:-w]) / w + m[0]


def _sloped(m: Float[np.ndarray, " bin"], k: int, w: int) -> bool:
    """Whether the current runs through bin k as on a ramp: the lines on either side meet there."""
    w = max(w, 6)
    left, right = m[max(0, k - w) : k], m[k : k + w]
    if min(len(left), len(right)) < 6:
        return False
    ends = [_end(left), _end(right[::-1])]
    return bool(abs(ends[1] - ends[0]) < 0.5 * abs(right.mean() - left.mean()))


def _end(m: Float[np.ndarray, " bin"]) -> float:
    """Where the line through some bins has come to at the last of them."""
    x = np.linspace(-1.0, 1.0, len(m))
    return float(m.mean() + (x @ m) / (x @ x))


def _kink(bins: _Bins, a: int, b: int) -> int | None:
    """Where two straight lines explain the bins from a to b best."""
    if b - a < 8:
        return None
    x, y = np.arange(b - a, dtype=float) / (b - a), bins.m[a:b] - bins.m[a]
    forward = _misfit(x, y)
    backward = _misfit(x[::-1], y[::-1])[::-1]
    total = forward[2:-4] + backward[3:-3]
    return a + 3 + int(np.argmin(total))


def _misfit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The squared misfit of the best line through the first k + 1 points, for every k."""
    n = np.arange(1, len(x) + 1)
    sx, sy = np.cumsum(x), np.cumsum(y)
    xx, yy, xy = np.cumsum(x * x) - sx**2 / n, np.cumsum(y * y) - sy**2 / n, np.cumsum(x * y) - sx * sy / n
    return np.maximum(yy - np.divide(xy**2, xx, out=np.zeros_like(xx), where=xx > 1e-15), 0.0)


def _central(x: Float[np.ndarray, " sample"]) -> float:
    """The mean of the middle four fifths: between the digitiser's steps, where a median is on one of them."""
    low, high = np.quantile(x, (0.1, 0.9), method="inverted_cdf")
    kept = x[(x >= low) & (x <= high)]
    return float(kept.mean() if np.ptp(kept) else kept[0])


def _without_artefacts(bins: _Bins, segments: list[_Segment]) -> list[_Segment] | None:
    """The segments, those without a shape given to their neighbours; None if they are more than artefacts."""
    free = [int(np.count_nonzero(bins.free[s.first : s.end])) for s in segments if not s.known]
    if max(free, default=0) > _ARTEFACT or sum(free) > max(_FORGIVEN * len(bins.m), 3.0) or len(free) == len(segments):
        return None
    for before, s, after in zip(segments, segments[1:], segments[2:], strict=False):
        lasts = not s.known and bins.free[s.first : s.end].any() and s.end - s.first > _ARTEFACT
        if lasts and abs(after.level - before.at(s.first)) < 0.5 * abs(s.level - before.at(s.first)):
            return None
    kept: list[_Segment] = []
    for s in segments:
        if s.known:
            start = kept[-1].end if kept else 0
            kept.append(replace(s, first=start, level=s.at(start)))
        elif kept:
            kept[-1] = replace(kept[-1], end=s.end)
    return kept


def _merged(bins: _Bins, segments: list[_Segment]) -> list[_Segment]:
    """The segments, neighbours that are one ramp joined, and those of one level; the closest first."""
    segments = _one_ramp(bins, segments)
    while len(segments) > 1:
        apart = []
        for p, q in pairwise(segments):
            short = min(len(bins.inside(p.first, p.end)), len(bins.inside(q.first, q.end)), 400)
            same = max(8.0 * bins.noise / math.sqrt(max(short, 1)), bins.floor)
            apart.append(math.inf if p.slope or q.slope else abs(p.level - q.level) / same)
        k = int(np.argmin(apart))
        if apart[k] > 1.0:
            break
        p, q = segments[k], segments[k + 1]
        level = float(np.median(bins.m[bins.inside(p.first, q.end)])) if len(bins.inside(p.first, q.end)) else p.level
        segments[k : k + 2] = [_Segment(p.first, q.end, level)]
    return segments


def _one_ramp(bins: _Bins, segments: list[_Segment]) -> list[_Segment]:
    """The segments, those joined that a spike has parted in the middle of a ramp."""
    joined: list[_Segment] = []
    for s in segments:
        while joined and (joined[-1].slope or s.slope):
            both = _straight(bins, joined[-1].first, s.end)
            if both is None or not both.known:
                break
            s = both
            joined.pop()
        joined.append(s)
    return joined


def _exact(
    x: Float[np.ndarray, " time"], spikes: Bool[np.ndarray, " time"], dt: float, segments: list[_Segment], bins: _Bins
) -> list[_Segment]:
    """The segments in samples: edges where they part the levels best, levels from all samples that tell them."""
    size = bins.size
    rough = [
        _Segment(s.first * size, s.end * size, s.level - s.slope * 0.5 * (1 - 1 / size), s.slope / size)
        for s in segments
    ]
    edges = [0, *(_edge(x, spikes, size, p, q) for p, q in pairwise(rough)), len(x)]
    for k in range(1, len(edges) - 1):
        edges[k] = max(edges[k], edges[k - 1] + 1)
    found = []
    for s, first, end in zip(rough, edges[:-1], edges[1:], strict=True):
        settled = np.arange(first + (min(math.ceil(_SETTLING / dt), (end - first) // 2) if first else 0), end)
        told = settled[~spikes[settled]] if not spikes[settled].all() else settled
        if s.slope == 0.0 or len(told) < 4:
            found.append(_Segment(first, end, _central(x[told])))
        else:
            found.append(_ramp(x, told, first, end))
    return found


def _ramp(x: Float[np.ndarray, " time"], k: np.ndarray, first: int, end: int) -> _Segment:
    """The line through the medians of the first and the last quarter of the samples k."""
    quarter = max(len(k) // 4, 1)
    low, high = k[:quarter], k[-quarter:]
    middle = np.polynomial.polynomial.polyfit(k - first, x[k], 1)
    rest = x[k] - middle[0] - middle[1] * (k - first)
    at = (float(low.mean()), float(high.mean()))
    value = [
        middle[0] + middle[1] * (t - first) + float(np.median(part))
        for t, part in zip(at, (rest[:quarter], rest[-quarter:]), strict=True)
    ]
    slope = (value[1] - value[0]) / (at[1] - at[0]) if at[1] > at[0] else 0.0
    return _Segment(first, end, float(value[0] - slope * (at[0] - first)), float(slope))


def _edge(x: Float[np.ndarray, " time"], spikes: Bool[np.ndarray, " time"], size: int, p: _Segment, q: _Segment) -> int:
    """The first sample of q: what parts the samples best, by absolute differences from the two segments."""
    low, high = max(p.first + 1, q.first - 2 * size), min(q.end - 1, q.first + 2 * size, len(x) - 1)
    while low > p.first + 1 and spikes[max(low - 4, 0) : low].any():
        low -= 1
    low = max(p.first + 1, low - 2 * size)
    while high < q.end - 1 and high < len(x) - 1 and spikes[high]:
        high += 1
    if p.slope != q.slope and (p.slope or q.slope):
        meeting = q.first + (q.level - p.at(q.first)) / (p.slope - q.slope)
        if low - 40 * size <= meeting <= high + 40 * size and p.first < meeting < q.end:
            near = abs(q.level - p.at(q.first)) <= 40 * size * abs(p.slope - q.slope)
            sharp = _jump(x, round(meeting), size) > 4.0 * abs(p.slope - q.slope) * size + 6.0 * _scatter(x, size)
            if near and not sharp:
                return round(meeting)
    k = np.arange(low, high + 1)
    before = np.abs(x[k] - (p.level + p.slope * (k - p.first)))
    after = np.abs(x[k] - (q.level + q.slope * (k - q.first)))
    cost = np.concatenate([[0.0], np.cumsum(before - after)])
    best = low + int(np.argmin(cost))
    rise = q.at(best) - p.at(best)
    if rise == 0.0 or not spikes[low : high + 1].any():
        return best
    before, after = (x[k[:-1]] - p.at(best)) / rise, (x[k[1:]] - p.at(best)) / rise
    steep = np.flatnonzero((np.abs(before) < 0.25) & (after > 0.5))  # a spike's artefact is slower, or starts elsewhere
    return low + 1 + int(steep[np.argmin(cost[1 + steep])]) if len(steep) else best


def _jump(x: Float[np.ndarray, " time"], k: int, size: int) -> float:
    """How far the medians of the two bins on either side of sample k are apart, nA."""
    left, right = x[max(0, k - 2 * size) : k], x[k : k + 2 * size]
    return abs(float(np.median(right)) - float(np.median(left))) if len(left) and len(right) else 0.0


def _scatter(x: Float[np.ndarray, " time"], size: int) -> float:
    """The standard error of a median over two bins, nA."""
    return 1.25 * 1.4826 * float(np.median(np.abs(np.diff(x)))) / math.sqrt(2.0) / math.sqrt(2 * size)


def _delivered(
    rest: Float[np.ndarray, " time"], command: Float[np.ndarray, " time"], v: Float[np.ndarray, " time"], dt: float
) -> bool:
    """Whether the voltage follows what is left of a current beside its command: then it was delivered, too.

    C dv/dt = I - (v - E) / R explains the voltage's changes over a millisecond, away from spikes and edges, with
    the C of a cell.
    """
    size = max(2, round(1.0 / dt))
    count = len(v) // size
    if count < _TOLD:
        return False
    mean = v[: count * size].reshape(count, size).mean(axis=1)
    current = rest[: count * size].reshape(count, size).mean(axis=1)
    disturbed = _spikes(v, dt)
    for edge in np.flatnonzero(np.abs(np.diff(command, 2)) > 1e-9 * np.ptp(command)):
        disturbed[max(0, edge - size) : edge + math.ceil(_AFTER_EDGE / dt)] = True
    calm = _none(disturbed, size)
    calm = calm[:-1] & calm[1:]
    change, drive = np.diff(mean)[calm], (0.5 * (current[:-1] + current[1:]))[calm]
    if len(change) < _TOLD or not np.ptp(drive):
        return False
    limit = [np.percentile(np.abs(a - np.median(a)), 99) for a in (change, drive)]
    kept = (np.abs(change - np.median(change)) <= limit[0]) & (np.abs(drive - np.median(drive)) <= limit[1])
    change, drive = change[kept], drive[kept]
    if not (np.ptp(change) and np.ptp(drive)):
        return False
    slope = float(np.polyfit(drive, change, 1)[0])  # mV per nA
    if slope <= 0.0 or not _CAPACITANCES[0] < 1000.0 * size * dt / slope < _CAPACITANCES[1]:
        return False
    return float(np.corrcoef(change, drive)[0, 1]) ** 2 > _FOLLOWED
