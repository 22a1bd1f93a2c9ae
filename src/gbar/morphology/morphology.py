"""The shape of a cell: sections, each an unbranched cylinder of membrane that belongs to a region."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from gbar.errors import CellError


@dataclass(frozen=True)
class Section:
    """An unbranched cylinder: `L` and `diam` in um, and the region that it belongs to."""

    name: str
    L: float  # um
    diam: float  # um
    region: str = "soma"

    def __post_init__(self) -> None:
        for label, value in (("L", self.L), ("diam", self.diam)):
            if not (math.isfinite(value) and value > 0):
                raise CellError(f"section {self.name} has {label} = {value} um", remedy="give a length above 0")

    @property
    def area(self) -> float:
        """The membrane's area in um2, the side of the cylinder without its ends, as NEURON counts it."""
        return math.pi * self.L * self.diam


@dataclass(frozen=True)
class Morphology:
    """The sections of a cell. For now there is one, and it is one compartment."""

    sections: tuple[Section, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sections", tuple(self.sections))
        if len(self.sections) != 1:
            raise CellError(
                f"a morphology of {len(self.sections)} sections", remedy="gbar simulates one section for now"
            )

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
        scaled = (replace(s, L=s.L * factor, diam=s.diam * factor) if s.region == region else s for s in self.sections)
        return Morphology(tuple(scaled))


def cylinder(L: float, diam: float, region: str = "soma") -> Morphology:
    """One cylinder of length L and diameter diam, both in um."""
    return Morphology((Section(region, L, diam, region),))


def sphere(diameter: float, region: str = "soma") -> Morphology:
    """A sphere of a diameter in um, held as the cylinder L = diam, which has the same area."""
    return cylinder(diameter, diameter, region)
