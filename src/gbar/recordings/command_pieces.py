"""The straight pieces, steps and ramps, that explain a measured current bin by bin."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from gbar.recordings.command_bins import Bins

ARTEFACT = 4  # bins of an artefact that no spike explains
_FORGIVEN = 0.02  # of a sweep, that may be such artefacts
_MOST_PIECES = 400  # of a command; what has more is a waveform
_WINDOWS = (1, 4, 16, 64, 256, 1024)  # bins on either side of an edge


@dataclass(frozen=True)
class Piece:
    """A straight piece of the command, over the bins or samples `first` to `end`: level + slope * (k - first)."""

    first: int
    end: int
    level: float  # nA
    slope: float = 0.0  # nA per bin or sample
    known: bool = True  # False: an artefact without a shape

    def at(self, k: int) -> float:
        """The current there, nA."""
        return self.level + self.slope * (k - self.first)


def pieces_of(bins: Bins, first: int, end: int) -> list[Piece] | None:
    """Straight pieces that explain the bins from `first` to `end`; None if there are too many of them."""
    left = [(first, end)]
    done: list[Piece] = []
    while left:
        a, b = left.pop()
        piece = _straight(bins, a, b)
        if piece is None:
            k = _split(bins, a, b)
            if k is not None:
                left += [(k, b), (a, k)]
                if len(left) + len(done) > _MOST_PIECES:
                    return None
                continue
            piece = Piece(a, b, float(np.median(bins.m[a:b])), known=False)
        done.append(piece)
    return sorted(done, key=lambda s: s.first)


def _straight(bins: Bins, a: int, b: int) -> Piece | None:
    """The level, or else the ramp, that explains the bins from a to b; None if neither does."""
    k = bins.inside(a, b)
    if len(k) < 2:
        return _brief(bins, a, b)
    m = bins.m[k]
    tolerance = 6.0 * bins.noise + bins.floor
    level = float(np.median(m))
    error = 4.0 * bins.noise * math.sqrt(12.0 / len(k))
    if len(k) < 8:
        return Piece(a, b, level) if np.abs(m - level).max() <= tolerance else None
    x = (k - k[0]) / (k[-1] - k[0]) - 0.5
    curve = np.polynomial.polynomial.polyfit(x, m, 2)
    if abs(curve[2]) / 6.0 > max(error, bins.floor):
        return None
    base, rise = np.polynomial.polynomial.polyfit(x, m, 1)
    if abs(rise) <= max(error, 2.0 * bins.floor):
        return Piece(a, b, level) if _level(bins, m - level) else None
    if not _level(bins, m - base - rise * x):
        return None
    slope = rise / (k[-1] - k[0])
    return Piece(a, b, float(base - 0.5 * rise - slope * (k[0] - a)), float(slope))


def _level(bins: Bins, rest: Float[np.ndarray, " bin"]) -> bool:
    """Whether what is left of bins beside a fit is noise alone: single bins, and the means of more and more of them."""
    for width in _WINDOWS:
        count = len(rest) // width
        if count < 2 and width > 1:
            break
        means = rest[: count * width].reshape(count, width).mean(axis=1)
        if np.abs(means).max() > 6.0 * bins.noise / math.sqrt(width) + bins.floor:
            return False
    return True


def _brief(bins: Bins, a: int, b: int) -> Piece:
    """A pulse that a spike follows at once, by its last bins before the spike; no level where there are too few."""
    free = a + np.flatnonzero(bins.free[a:b])
    tells = bool(len(free) >= 3 or (len(free) and b == len(bins.m)))
    return Piece(a, b, float(bins.m[free[-1]] if len(free) else np.median(bins.m[a:b])), known=tells)


def _split(bins: Bins, a: int, b: int) -> int | None:
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


def _kink(bins: Bins, a: int, b: int) -> int | None:
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


def without_artefacts(bins: Bins, pieces: list[Piece]) -> list[Piece] | None:
    """The pieces, those without a shape given to their neighbours; None if they are more than artefacts."""
    free = [int(np.count_nonzero(bins.free[s.first : s.end])) for s in pieces if not s.known]
    if max(free, default=0) > ARTEFACT or sum(free) > max(_FORGIVEN * len(bins.m), 3.0) or len(free) == len(pieces):
        return None
    for before, s, after in zip(pieces, pieces[1:], pieces[2:], strict=False):
        lasts = not s.known and bins.free[s.first : s.end].any() and s.end - s.first > ARTEFACT
        if lasts and abs(after.level - before.at(s.first)) < 0.5 * abs(s.level - before.at(s.first)):
            return None
    kept: list[Piece] = []
    for s in pieces:
        if s.known:
            start = kept[-1].end if kept else 0
            kept.append(replace(s, first=start, level=s.at(start)))
        elif kept:
            kept[-1] = replace(kept[-1], end=s.end)
    return kept


def merged(bins: Bins, pieces: list[Piece]) -> list[Piece]:
    """The pieces, neighbours that are one ramp joined, and those of one level; the closest first."""
    pieces = _one_ramp(bins, pieces)
    while len(pieces) > 1:
        apart = []
        for p, q in pairwise(pieces):
            short = min(len(bins.inside(p.first, p.end)), len(bins.inside(q.first, q.end)), 400)
            same = max(8.0 * bins.noise / math.sqrt(max(short, 1)), bins.floor)
            apart.append(math.inf if p.slope or q.slope else abs(p.level - q.level) / same)
        k = int(np.argmin(apart))
        if apart[k] > 1.0:
            break
        p, q = pieces[k], pieces[k + 1]
        level = float(np.median(bins.m[bins.inside(p.first, q.end)])) if len(bins.inside(p.first, q.end)) else p.level
        pieces[k : k + 2] = [Piece(p.first, q.end, level)]
    return pieces


def _one_ramp(bins: Bins, pieces: list[Piece]) -> list[Piece]:
    """The pieces, those joined that a spike has parted in the middle of a ramp."""
    joined: list[Piece] = []
    for s in pieces:
        while joined and (joined[-1].slope or s.slope):
            both = _straight(bins, joined[-1].first, s.end)
            if both is None or not both.known:
                break
            s = both
            joined.pop()
        joined.append(s)
    return joined
