"""A morphology cut into segments: the tree of nodes that a simulation computes, with NEURON's areas and resistances."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from gbar.errors import CellError
from gbar.morphology.morphology import Morphology, Section, arc

MAX_SEGMENTS = 1_000_000
_RESISTANCE = 0.04 / math.pi  # MOhm per ohm cm: 4 L / (pi d^2), L and d in um


@dataclass(frozen=True)
class Segments:
    """Nodes of a cell as arrays, a parent before its children; the root is the first segment of the first section.

    A node is the middle of a segment, or, with no area, a point where sections meet (kept where one joins an end).
    """

    section: Int[np.ndarray, " node"]  # index into Morphology.sections
    x: Float[np.ndarray, " node"]  # place along its section, 0 to 1
    parent: Int[np.ndarray, " node"]  # node; -1 for the root
    area: Float[np.ndarray, " node"]  # um2, NEURON's area(); 0 at a meeting point
    diam: Float[np.ndarray, " node"]  # um, NEURON's segment diameter; at a meeting point, of the segment beside it
    length: Float[np.ndarray, " node"]  # um, L / nseg; 0 at a meeting point
    resistance: Float[np.ndarray, " node"]  # to the parent: MOhm per ohm cm of the node's own section's Ra; 0: the root
    distance: Float[np.ndarray, " node"]  # um along the tree from the middle of the soma, NEURON's h.distance

    def at(self, section: int, x: float) -> int:
        """The node at a place of a section: the segment that holds it, or at 0 and 1 the point where sections meet.

        Where no section joins an end, there is no node at it, and the end segment's is returned.
        """
        nodes = np.flatnonzero(self.section == section)
        inner = nodes[self.length[nodes] > 0]
        if x <= 0 or x >= 1:
            ends = nodes[(self.length[nodes] == 0) & (self.x[nodes] == round(x))]
            if len(ends):
                return int(ends[0])
            parent = int(self.parent[inner[0]])
            if x <= 0 and parent >= 0 and self.section[parent] != section:
                return parent
        return int(inner[min(int(len(inner) * x), len(inner) - 1)])


@dataclass(frozen=True)
class _Cut:
    """One section in segments: what NEURON computes from its points."""

    area: list[float]
    diam: list[float]
    left: list[float]  # resistance from a segment's 0 end to its middle
    right: list[float]  # and from there to its 1 end
    length: float  # of a segment, um


def segments(morphology: Morphology, nseg: Sequence[int], ends: Collection[tuple[int, float]] = ()) -> Segments:
    """The nodes of a morphology whose sections have `nseg` segments each.

    `ends` are ends of sections, (index, 0.0 or 1.0), that have a node although nothing joins there: NEURON has one at
    every end, which matters where a current is injected.

    Areas, diameters and resistances are NEURON's (area(), diam, ri() = Ra * resistance), integrated over the 3-D points
    as it does. Raises CellError for a number of segments below 1 or more than gbar computes.
    """
    _check(morphology, nseg)
    nodes = _Nodes(morphology, nseg, ends)
    for index in range(len(morphology.sections)):
        nodes.add(index)
    return nodes.segments()


def _check(morphology: Morphology, nseg: Sequence[int]) -> None:
    if len(nseg) != len(morphology.sections):
        what = f"{len(nseg)} numbers of segments for {len(morphology.sections)} sections"
        raise CellError(what, remedy="give one a section")
    for section, n in zip(morphology.sections, nseg, strict=True):
        if int(n) != n or n < 1:
            raise CellError(f"section {section.name} has {n} segments", remedy="give a whole number of 1 or more")
        if section.diams is not None and len(section.diams) != n:
            what = f"section {section.name} is made of {len(section.diams)} cylinders and has {n} segments"
            raise CellError(what, remedy=f"give it {len(section.diams)}")
    if sum(nseg) > MAX_SEGMENTS:
        what = f"{sum(nseg)} segments are more than the {MAX_SEGMENTS} that gbar computes"
        raise CellError(what, remedy="cut the sections into longer segments")


class _Nodes:
    """The nodes as they are made, section by section."""

    def __init__(self, morphology: Morphology, nseg: Sequence[int], ends: Collection[tuple[int, float]]) -> None:
        self.sections, self.nseg = morphology.sections, [int(n) for n in nseg]
        self.rows: list[tuple[int, float, int, float, float, float, float, float]] = []
        self.first: list[int] = []  # of a section: its first segment's node
        self.start: dict[int, int] = {}  # of a section: the node at its 0 end
        self.end: dict[int, int] = {}  # and at its 1 end
        self.joined = {(s.parent, s.parent_x) for s in morphology.sections[1:] if s.parent_x in (0.0, 1.0)} | set(ends)

    def add(self, index: int) -> None:
        section, n = self.sections[index], self.nseg[index]
        cut = _cut(section, n)
        if index > 0:
            self.start[index] = self.place(section.parent, section.parent_x)
        self.first.append(len(self.rows))
        for k in range(n):
            if k > 0:
                parent, resistance, link = len(self.rows) - 1, cut.right[k - 1] + cut.left[k], cut.length
            elif index > 0:
                parent, resistance, link = self.start[index], cut.left[0], cut.length / 2
            else:
                parent, resistance, link = -1, 0.0, 0.0
            row = (index, (k + 0.5) / n, parent, cut.area[k], cut.diam[k], cut.length, resistance, link)
            self.rows.append(row)
        if index == 0 and (0, 0.0) in self.joined:
            self.start[0] = len(self.rows)
            self.rows.append((0, 0.0, self.first[0], 0.0, cut.diam[0], 0.0, cut.left[0], cut.length / 2))
        if (index, 1.0) in self.joined:
            last = self.first[index] + n - 1
            self.end[index] = len(self.rows)
            self.rows.append((index, 1.0, last, 0.0, cut.diam[-1], 0.0, cut.right[-1], cut.length / 2))

    def place(self, section: int, x: float) -> int:
        """The node at a place of a section that has been added; a section's 0 end is where it joins its parent."""
        if x <= 0:
            return self.start[section]
        if x >= 1:
            return self.end[section]
        return self.first[section] + min(int(self.nseg[section] * x), self.nseg[section] - 1)

    def segments(self) -> Segments:
        section, x, parent, area, diam, length, resistance, link = (
            np.array(column) for column in zip(*self.rows, strict=True)
        )
        soma = next((i for i, s in enumerate(self.sections) if s.region == "soma"), 0)
        distance = _distances(parent.tolist(), link.tolist(), self.place(soma, 0.5))
        return Segments(section, x, parent, area, diam, length, resistance, distance)


def _distances(parent: list[int], link: list[float], origin: int) -> Float[np.ndarray, " node"]:
    found = [-1.0] * len(parent)
    at, far = origin, 0.0
    while at >= 0:
        found[at] = far
        far += link[at]
        at = parent[at]
    for node, above in enumerate(parent):
        if found[node] < 0:
            found[node] = found[above] + link[node]
    return np.array(found)


@lru_cache(maxsize=4096)  # a cell asks again for each of its sites
def _cut(section: Section, n: int) -> _Cut:
    if section.points is None or len(section.points) < 2:
        diams, length = section.diams or (section.diam,) * n, section.L / n
        halves = [_RESISTANCE * (length / 2) / (d * d) for d in diams]
        return _Cut([math.pi * d * length for d in diams], list(diams), halves, halves, length)
    return _integrated(arc(section.points).tolist(), np.abs(section.points[:, 3]).tolist(), n)


def _integrated(place: list[float], width: list[float], n: int) -> _Cut:
    """Integrals over the points' frusta, half a segment after the other, as NEURON does it.

    Between points the diameter is linear. Each piece adds its side (taper included) to the area, its length times mean
    diameter to the diameter, and 4 L / (pi d1 d2) to the resistance. A jump of the diameter in one place adds its ring.
    """
    step = place[-1] / n
    cut = _Cut([], [], [], [], step)
    last = len(place) - 1
    j, x1, y1 = 0, place[0], width[0]
    for k in range(n):
        area = diam = 0.0
        stop = k * step
        for half in (cut.left, cut.right):
            resistance = 0.0
            stop += step / 2
            while True:
                ahead, behind = place[j + 1], place[j]
                inside = ahead > stop or j + 1 == last
                if inside:
                    part = 1.0 if abs(ahead - behind) < 1e-10 else (stop - behind) / (ahead - behind)
                    x2, y2 = stop, (1.0 - part) * width[j] + part * width[j + 1]
                else:
                    x2, y2 = ahead, width[j + 1]
                delta = x2 - x1
                diam += (y2 + y1) * delta
                delta = max(delta, 1e-15)
                resistance += 1 / (y2 * y1 / delta or 1e-15)
                area += (y2 + y1) * math.sqrt(delta * delta + (0.5 * (y2 - y1)) ** 2)
                x1, y1 = x2, y2
                if inside:
                    break
                j += 1
            half.append(resistance * _RESISTANCE)
        cut.area.append(area * 0.5 * math.pi)
        cut.diam.append(diam * 0.5 / step)
    return cut


def nseg_by_length(morphology: Morphology, length: float) -> tuple[int, ...]:
    """The least odd numbers of segments that are no longer than `length` um."""
    _positive("length", length)
    return nseg_by_rule(morphology, lambda L: _odd(math.ceil(L / length - 1e-9)))


def nseg_by_rule(morphology: Morphology, rule: Callable[[float], int]) -> tuple[int, ...]:
    """Numbers of segments by a function of a section's length in um, except where a section has a number of its own."""
    return tuple(s.nseg or max(1, rule(s.L)) for s in morphology.sections)


def nseg_bluepyopt(morphology: Morphology, length: float = 40.0) -> tuple[int, ...]:
    """BluePyOpt's and Allen's numbers of segments: 1 + 2 int(L / 40)."""
    _positive("length", length)
    return nseg_by_rule(morphology, lambda L: 1 + 2 * int(L / length))


def nseg_by_d_lambda(
    morphology: Morphology,
    d_lambda: float,
    Ra: Sequence[float] | float,
    cm: Sequence[float] | float,
    frequency: float = 100.0,
) -> tuple[int, ...]:
    """NEURON's d_lambda rule: odd numbers of segments no longer than d_lambda times the AC length constant.

    Arguments: `d_lambda`, usually 0.1; `Ra` in ohm cm and `cm` in uF/cm2, one number or one a section; the `frequency`
    in Hz. Source: Hines & Carnevale 2001, doi 10.1177/107385840100700207; the same numbers as NEURON's stdlib.hoc.
    """
    for label, value in (("d_lambda", d_lambda), ("frequency", frequency)):
        _positive(label, value)
    count = len(morphology.sections)
    every = zip(morphology.sections, _each(Ra, count), _each(cm, count), strict=True)
    found = []
    for section, ra, c in every:
        _positive(f"Ra of {section.name}", ra)
        _positive(f"cm of {section.name}", c)
        longest = d_lambda * _length_constant(section, ra, c, frequency)
        found.append(section.nseg or int((section.L / longest + 0.9) / 2) * 2 + 1)
    return tuple(found)


def _length_constant(section: Section, Ra: float, cm: float, frequency: float) -> float:
    """The AC length constant of a section in um, averaged over its points."""
    if section.points is None or len(section.points) < 2:
        return 1e5 * math.sqrt(section.diam / (4 * math.pi * frequency * Ra * cm))
    place, width = arc(section.points), np.abs(section.points[:, 3])
    constants = float(np.sum(np.diff(place) / np.sqrt(width[:-1] + width[1:])))
    constants *= math.sqrt(2) * 1e-5 * math.sqrt(4 * math.pi * frequency * Ra * cm)
    return section.L / constants


def _each(value: Sequence[float] | float, count: int) -> Sequence[float]:
    return [float(value)] * count if isinstance(value, (int, float)) else value


def _odd(n: int) -> int:
    return max(1, n + 1 - n % 2)


def _positive(label: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise CellError(f"{label} is {value}", remedy="give a number above 0")
