"""Somata drawn as outlines: the cable that stands for one, as NEURON's Import3d makes it.

A single outline becomes 21 points along its longest axis, as wide as the outline is there; a stack of outlines becomes
one point an outline.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

Outline = Float[np.ndarray, "point 3"]
_EPSILON = 1e-11  # within which NEURON's interpreter takes numbers to be equal


def single(outline: Outline) -> Float[np.ndarray, "21 4"]:
    """The centre line (x y z diam in um) of one outline [point, x y z].

    The axis is that of the largest moment of the resampled outline; the widths are taken at right angles to it, in the
    plane of the drawing, from both sides, each made monotonic along the axis. Raises ValueError where there is no such
    axis: an outline without width.
    """
    even = _resampled(outline)
    centre = _mean(even)
    around = even - centre
    major, minor = _axes(around)
    along, across = _along(around, major), _along(around, minor)
    top = int(np.argmax(along))
    along, across = np.roll(along, -top), np.roll(across, -top)
    bottom = int(np.argmin(along))
    one = _monotonic(along[:bottom][::-1], across[:bottom][::-1])
    other = _monotonic(along[bottom:], across[bottom:])
    if not len(one[0]) or not len(other[0]):
        raise ValueError("an outline without two sides")
    ends = np.sort(np.concatenate((one[0], other[0])))
    first, last = ends[1], ends[-2]
    step = (last - first) / 20
    if not step > 0:
        raise ValueError("an outline without length")
    place = np.arange(math.floor((last - first) / step + 1e-9) + 1) * step + first
    diam = np.abs(_interpolated(place, *one) - _interpolated(place, *other))
    diam[0] = (diam[0] + diam[1]) / 2
    diam[-1] = (diam[-1] + diam[-2]) / 2
    return np.column_stack((place[:, None] * major + centre, diam))


def stack(outlines: list[Outline]) -> Float[np.ndarray, "outline 4"]:
    """The centres and diameters (x y z diam in um) of the outlines of a stack, as circles.

    The diameter is the mean distance from the centre plus perimeter / 2 pi.
    """
    circles = []
    for outline in outlines:
        even = _resampled(outline)
        centre = _mean(even)
        edges = np.roll(outline, -1, axis=0) - outline
        perimeter = float(np.sum(np.sqrt(np.sum(edges**2, axis=1))))
        radius = float(np.mean(np.sqrt(np.sum((even - centre) ** 2, axis=1))))
        circles.append([*centre, radius + perimeter / (2 * math.pi)])
    return np.array(circles)


def overlap(a: Outline, b: Outline) -> bool:
    """Whether the bounding boxes of two outlines overlap in x and y: then they are of one soma."""
    low, high = np.maximum(a.min(axis=0), b.min(axis=0)), np.minimum(a.max(axis=0), b.max(axis=0))
    return bool((low[:2] <= high[:2]).all())


def _resampled(outline: Outline) -> Float[np.ndarray, "101 3"]:
    """101 points evenly along an outline from its first point to its last (it is not closed), by length in x and y."""
    step = np.sqrt(np.sum(np.diff(outline[:, :2], axis=0) ** 2, axis=1))
    length = np.concatenate(([0.0], np.cumsum(step)))
    place = np.arange(101) * (length[-1] / 100)
    return np.column_stack([_interpolated(place, length, outline[:, axis]) for axis in range(3)])


def _interpolated(
    place: Float[np.ndarray, " place"], x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"]
) -> Float[np.ndarray, " place"]:
    """Linear interpolation, constant beyond the ends; points that do not advance in x are passed over."""
    result = np.full(len(place), y[-1])
    at = 0
    while at < len(place) and place[at] <= x[0]:
        result[at] = y[0]
        at += 1
    for k in range(1, len(x)):
        if x[k] <= x[k - 1]:
            continue
        while at < len(place) and place[at] <= x[k]:
            part = (place[at] - x[k - 1]) / (x[k] - x[k - 1])
            result[at] = (1 - part) * y[k - 1] + part * y[k]
            at += 1
    return result


def _mean(points: Outline) -> Float[np.ndarray, " 3"]:
    return np.array([sum(column.tolist()) / len(points) for column in points.T])


def _axes(around: Outline) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    """The axis of the largest moment, and that of the middle one laid into the plane of the drawing."""
    moments, axes = _principal(around)
    large, small = int(np.argmax(moments)), int(np.argmin(moments))
    if not moments[large] > 0 or large == small:
        raise ValueError("an outline without an axis")
    major = axes[:, large]
    if major[np.argmax(np.abs(major))] < 0:
        major = -major
    minor = axes[:, 3 - small - large].copy()
    minor[2] = 0.0
    width = float(np.sqrt(np.sum(minor**2)))
    if width < 1e-6:
        raise ValueError("an outline without width in the plane of the drawing")
    return major, minor / width


def _along(points: Outline, axis: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " point"]:
    x, y, z = points.T
    return np.asarray(x * axis[0] + y * axis[1] + z * axis[2])


def _principal(around: Outline) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, "3 3"]]:
    """The moments [axis] of points about their centre and the axes [xyz, axis], by Jacobi's rotations.

    They keep the last bits of an axis that is nearly x, y or z, which decide where an angular outline has its ends;
    LAPACK sets such a bit to 0.
    """
    columns = [column.tolist() for column in around.T]
    m = [[sum(a * b for a, b in zip(p, q, strict=True)) for q in columns] for p in columns]
    axes = [[float(i == j) for j in range(3)] for i in range(3)]
    for _ in range(50):
        if m[0][1] == m[0][2] == m[1][2] == 0:
            break
        for p, q in ((0, 1), (0, 2), (1, 2)):
            _rotate(m, axes, p, q)
    return np.array([m[i][i] for i in range(3)]), np.array(axes)


def _rotate(m: list[list[float]], axes: list[list[float]], p: int, q: int) -> None:
    """One rotation of the axes p and q that makes m[p][q] 0, in place (Golub & Van Loan 1996, 8.4.2)."""
    if m[p][q] == 0:
        return
    theta = (m[q][q] - m[p][p]) / (2 * m[p][q])
    t = 1 / (abs(theta) + math.hypot(theta, 1.0))
    t = -t if theta < 0 else t
    c = 1 / math.hypot(t, 1.0)
    s = t * c
    small = t * m[p][q]
    m[p][p], m[q][q] = m[p][p] - small, m[q][q] + small
    m[p][q] = m[q][p] = 0.0
    r = 3 - p - q
    m[r][p], m[r][q] = c * m[r][p] - s * m[r][q], s * m[r][p] + c * m[r][q]
    m[p][r], m[q][r] = m[r][p], m[r][q]
    for row in axes:
        row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]


def _monotonic(
    along: Float[np.ndarray, " point"], across: Float[np.ndarray, " point"]
) -> tuple[Float[np.ndarray, " kept"], Float[np.ndarray, " kept"]]:
    """One side of an outline without the points that turn back along the axis."""
    x, y = along.tolist(), across.tolist()
    j = len(x) - 1
    while j > 0:
        if x[j] <= x[j - 1] + _EPSILON:
            del x[j], y[j]
            if j != len(x):
                j += 1
        j -= 1
    return np.array(x), np.array(y)
