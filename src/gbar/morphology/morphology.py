"""The shape of a cell: sections, each an unbranched piece of membrane that belongs to a region."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from gbar.errors import CellError


@dataclass(frozen=True, eq=False)
class Section:
    """An unbranched cable whose 0 end joins its parent, as NEURON's section.

    A section with `points` has NEURON's length and mean diameter of them (make it with `traced`); one without is a
    plain cylinder.
    """

    name: str  # soma[0], dend[3], apic[0], axon[1]
    region: str  # soma, axon, basal, apical, or the user's own
    L: float  # um
    diam: float  # um
    parent: int = -1  # index into Morphology.sections, before this one; -1 for the root
    parent_x: float = 1.0  # where on the parent, 0 to 1
    points: Float[np.ndarray, "point 4"] | None = None  # x y z diam in um; None: a plain cylinder, or
    diams: tuple[float, ...] | None = None  # um, of equally long cylinders, one after the other
    nseg: int | None = None  # how many segments, where that is the section's own affair and no rule's

    def __post_init__(self) -> None:
        for label, value in (("L", self.L), ("diam", self.diam)):
            if not (math.isfinite(value) and value > 0):
                raise CellError(f"section {self.name} has {label} = {value} um", remedy="give a length above 0")
        for value in self.diams or ():
            if not (math.isfinite(value) and value > 0):
                raise CellError(f"section {self.name} has a diameter of {value} um", remedy="give diameters above 0")
        if not 0 <= self.parent_x <= 1:
            raise CellError(f"section {self.name} joins its parent at {self.parent_x}", remedy="give a place of 0 to 1")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Section):
            return NotImplemented
        if (self.points is None) != (other.points is None) or self._key != other._key:
            return False
        return self.points is None or other.points is None or np.array_equal(self.points, other.points)

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[object, ...]:
        return self.name, self.region, self.L, self.diam, self.parent, self.parent_x, self.diams, self.nseg

    @cached_property
    def area(self) -> float:
        """The membrane's area in um2, the side of the cable without its ends, as NEURON counts it."""
        if self.points is None:
            return math.pi * self.L * self.diam  # with `diams`, diam is their mean
        d = np.abs(self.points[:, 3])
        step = np.diff(arc(self.points))
        return float(0.5 * math.pi * np.sum((d[1:] + d[:-1]) * np.sqrt(step**2 + (np.diff(d) / 2) ** 2)))

    def scaled(self, factor: float) -> Section:
        """The same shape, `factor` times as large in length and diameter."""
        if self.points is None:
            diams = None if self.diams is None else tuple(d * factor for d in self.diams)
            return replace(self, L=self.L * factor, diam=self.diam * factor, diams=diams)
        larger = traced(self.name, self.region, self.points * factor, self.parent, self.parent_x)
        return replace(larger, nseg=self.nseg)


@dataclass(frozen=True)
class Morphology:
    """The sections of a cell, a tree: parents before their children, the first is the root.

    `notes` say what a repair changed and what the reading of a file left out, a line each.
    """

    sections: tuple[Section, ...]
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sections", tuple(self.sections))
        if not self.sections:
            raise CellError("a morphology without sections", remedy="give one section at least")
        for i, section in enumerate(self.sections):
            if i == 0 and section.parent != -1:
                raise CellError(f"the first section, {section.name}, has a parent", remedy="begin with the root")
            if i > 0 and section.parent == -1:
                root = self.sections[0].name
                raise CellError(f"{root} and {section.name} both have no parent", remedy=f"join it to {root}")
            if section.parent >= i:
                raise CellError(f"section {section.name} stands before its parent", remedy="give parents first")
        name, times = Counter(section.name for section in self.sections).most_common(1)[0]
        if times > 1:
            raise CellError(f"{times} sections are called {name}", remedy="give each section a name of its own")

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that have sections, in order."""
        return tuple(dict.fromkeys(section.region for section in self.sections))

    @property
    def area(self) -> float:
        """The membrane's area in um2."""
        return sum(section.area for section in self.sections)

    def region_area(self, region: str) -> float:
        """The membrane's area in um2 of one region."""
        return sum(section.area for section in self.sections if section.region == region)

    def with_area(self, region: str, area: float) -> Morphology:
        """The same shape with the region's sections scaled (L and diam alike) to the given total area in um2."""
        factor = math.sqrt(area / self.region_area(region))
        if factor == 1.0:
            return self
        return replace(self, sections=tuple(s.scaled(factor) if s.region == region else s for s in self.sections))

    def without(self, gone: Collection[int]) -> Morphology:
        """The morphology without some sections (indices); raises CellError where another section joins one of them."""
        kept = [i for i in range(len(self.sections)) if i not in gone]
        place = {old: new for new, old in enumerate(kept)} | {-1: -1}
        for i in kept:
            if self.sections[i].parent not in place:
                name, parent = self.sections[i].name, self.sections[self.sections[i].parent].name
                raise CellError(f"{name} joins {parent}, which is to go", remedy=f"remove {name} too, or keep {parent}")
        sections = tuple(replace(self.sections[i], parent=place[self.sections[i].parent]) for i in kept)
        return replace(self, sections=sections)

    def adding(self, *sections: Section) -> Morphology:
        """The morphology with more sections at its end; their `parent` may be one of them."""
        return replace(self, sections=(*self.sections, *sections))

    def index(self, name: str) -> int:
        """The index of a section by its name; raises CellError where there is none."""
        for i, section in enumerate(self.sections):
            if section.name == name:
                return i
        raise CellError(f"there is no section {name}", remedy=f"sections: {listing(s.name for s in self.sections)}")


def arc(points: Float[np.ndarray, "point 4"]) -> Float[np.ndarray, " point"]:
    """The distance in um of every point from the first, along the points.

    As in NEURON, differences are taken in single precision and summed in double.
    """
    x, y, z = np.diff(points[:, :3].astype(np.float32), axis=0).astype(np.float64).T
    return np.concatenate(([0.0], np.cumsum(np.sqrt(x * x + y * y + z * z))))


def traced(
    name: str, region: str, points: Float[np.ndarray, "point 4"], parent: int = -1, parent_x: float = 1.0
) -> Section:
    """A section from its points (x y z diam in um), with NEURON's length and mean diameter.

    The points are kept in single precision, as NEURON keeps them.
    """
    kept = np.asarray(points, dtype=np.float32).astype(np.float64)
    kept.setflags(write=False)
    place = arc(kept)
    d = np.abs(kept[:, 3])
    length = float(place[-1])
    mean = float(np.sum((d[1:] + d[:-1]) * np.diff(place))) / (2 * length) if length else float(d[0])
    return Section(name, region, length, mean, parent, parent_x, kept)


def stepped(name: str, region: str, L: float, diams: Sequence[float], parent: int, parent_x: float = 1.0) -> Section:
    """A section of L um with a segment for each of the diameters in um, each a plain cylinder."""
    steps = tuple(float(d) for d in diams)
    return Section(name, region, L, sum(steps) / len(steps), parent, parent_x, diams=steps, nseg=len(steps))


def cylinder(L: float, diam: float, region: str = "soma") -> Morphology:
    """One cylinder of length L and diameter diam, both in um."""
    return Morphology((Section(region, region, L, diam),))


def sphere(diameter: float, region: str = "soma") -> Morphology:
    """A sphere of a diameter in um, held as the cylinder L = diam, which has the same area."""
    return cylinder(diameter, diameter, region)


def listing(names: Iterable[str], most: int = 12) -> str:
    """Names in one line, the first few of many."""
    every = list(names)
    more = f", … ({len(every)} in all)" if len(every) > most else ""
    return ", ".join(every[:most]) + more
