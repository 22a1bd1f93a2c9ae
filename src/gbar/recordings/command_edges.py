"""The pieces of a command to the sample: where each begins, and its level from all samples that tell it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from gbar.recordings.command_bins import SETTLING, Bins
from gbar.recordings.command_pieces import Piece


def exact(
    x: Float[np.ndarray, " time"], spikes: Bool[np.ndarray, " time"], dt: float, pieces: list[Piece], bins: Bins
) -> list[Piece]:
    """The pieces in samples: edges where they part the levels best, levels from all samples that tell them."""
    size = bins.size
    rough = [
        Piece(s.first * size, s.end * size, s.level - s.slope * 0.5 * (1 - 1 / size), s.slope / size) for s in pieces
    ]
    edges = [0, *(_edge(x, spikes, size, p, q) for p, q in pairwise(rough)), len(x)]
    for k in range(1, len(edges) - 1):
        edges[k] = max(edges[k], edges[k - 1] + 1)
    found = []
    for s, first, end in zip(rough, edges[:-1], edges[1:], strict=True):
        settled = np.arange(first + (min(math.ceil(SETTLING / dt), (end - first) // 2) if first else 0), end)
        told = settled[~spikes[settled]] if not spikes[settled].all() else settled
        if s.slope == 0.0 or len(told) < 4:
            found.append(Piece(first, end, _central(x[told])))
        else:
            found.append(_ramp(x, told, first, end))
    return found


def _ramp(x: Float[np.ndarray, " time"], k: np.ndarray, first: int, end: int) -> Piece:
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
    return Piece(first, end, float(value[0] - slope * (at[0] - first)), float(slope))


def _edge(x: Float[np.ndarray, " time"], spikes: Bool[np.ndarray, " time"], size: int, p: Piece, q: Piece) -> int:
    """The first sample of q: what parts the samples best, by absolute differences from the two pieces."""
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


def _central(x: Float[np.ndarray, " sample"]) -> float:
    """The mean of the middle four fifths: between the digitiser's steps, where a median is on one of them."""
    low, high = np.quantile(x, (0.1, 0.9), method="inverted_cdf")
    kept = x[(x >= low) & (x <= high)]
    return float(kept.mean() if np.ptp(kept) else kept[0])
