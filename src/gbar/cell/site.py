"""Named places on a cell, to record from and to inject at, as a cell's description gives them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from gbar.errors import CellError

_PLACE = re.compile(r"\s*(?P<section>[A-Za-z_][\w.\-]*(?:\[\d+\])?)\s*\(\s*(?P<x>[\d.eE+-]+)\s*\)\s*", re.ASCII)


@dataclass(frozen=True)
class At:
    """A place on a section: `x` from 0 to 1, as NEURON's `section(x)`."""

    section: str
    x: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.x) and 0 <= self.x <= 1):
            raise CellError(f"{self} lies beside the section", remedy="give a place from 0 to 1")

    def __str__(self) -> str:
        return f"{self.section}({self.x:g})"

    @staticmethod
    def parse(text: str) -> At:
        """The place that a text such as `apic[36](0.9)` names; raises CellError."""
        match = _PLACE.fullmatch(text)
        try:
            x = float(match["x"]) if match else math.nan
        except ValueError:
            match = None
        if match is None:
            raise CellError(f"{text!r} is no place on a section", remedy="write for example soma(0.5) or apic[36](0.9)")
        return At(match["section"], x)


@dataclass(frozen=True)
class Along:
    """A place at a distance (um) from the middle of the soma along the tree, in a region.

    Several branches may pass that distance. `towards` says which: a section's name, on the way from the soma to it
    (BluePyOpt's `somadistanceapic`); `y` or `radial`, on the way to the section of the region that ends farthest up, or
    farthest from the origin (BluePyOpt's trunk); nothing, on the last of the region's sections that passes it
    (BluePyOpt's `somadistance`).
    """

    region: str
    distance: float  # um
    towards: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.distance) and self.distance >= 0):
            raise CellError(f"{self.distance} um is no distance from the soma", remedy="give 0 um or more")

    def __str__(self) -> str:
        return f"{self.distance:g} um along {self.region}" + (f" towards {self.towards}" if self.towards else "")


@dataclass(frozen=True)
class Site:
    """A named place, and what is recorded there: `v`, or a variable as NEURON names it (`cai`, `m_hh`, `i_pas`)."""

    name: str
    place: At | Along
    variable: str = "v"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z_][\w.\-]*", self.name, re.ASCII):
            raise CellError(f"{self.name!r} is no name for a site", remedy="use letters, digits and _")
