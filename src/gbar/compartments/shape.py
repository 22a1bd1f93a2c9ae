"""The nodes of a cell, and how their areas, axial resistances, diameters and distances follow free parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gbar.cell import Cell, geometry
from gbar.morphology import Morphology, Segments


@dataclass(frozen=True)
class Dimensions:
    """Areas (um2), diameters (um), resistances (MOhm per ohm cm) and distances (um) of the nodes for some rows."""

    area: Float[np.ndarray, "node row"]
    diam: Float[np.ndarray, "node row"]
    resistance: Float[np.ndarray, "node row"]
    distance: Float[np.ndarray, "node row"]


Ends = frozenset[tuple[int, float]]  # (section, 0.0 or 1.0)


def nodes(morphology: Morphology, counts: tuple[int, ...], ends: Ends = frozenset()) -> Segments:
    """The nodes of a morphology whose sections are divided into these numbers of compartments.

    `ends` have a node although nothing joins there.
    """
    (first, *more) = morphology.sections
    if not more and counts == (1,) and first.points is None and not ends:
        zero, one = np.zeros(1), np.ones(1, dtype=np.int64)
        area, diam, length = (np.array([x]) for x in (first.area, first.diam, first.L))
        return Segments(0 * one, zero + 0.5, -one, area, diam, length, zero, zero)
    from gbar.morphology.segments import segments

    return segments(morphology, counts, ends)


@dataclass(frozen=True)
class Shape:
    """The nodes of a cell, and which columns of theta scale which region.

    A section that scales in length and diameter alike, and a plain cylinder in any way, keeps its proportions: areas
    follow the factors' product, axial resistances length over diameter squared, as they do in NEURON. Where a section
    with 3-D points scales in one of them alone, its nodes are made anew for every row.
    """

    morphology: Morphology
    counts: tuple[int, ...]
    nodes: Segments
    region: tuple[str, ...]  # of every node
    free: Mapping[str, int]  # `area.R`, `L.R`, `L_scale.R`, `diam_scale.R` -> column of theta
    paths: Mapping[str, Float[np.ndarray, " node"]]  # um of a node's distance that lie in a region that scales
    ends: Ends = frozenset()  # of sections, with a node although nothing joins there

    @staticmethod
    def of(cell: Cell, columns: Mapping[str, int]) -> Shape:
        """The shape of a cell whose free parameters set these quantities."""
        morphology, counts = cell.morphology, cell.counts
        ends = cell.ends
        cut = nodes(morphology, counts, ends)
        region = tuple(morphology.sections[i].region for i in cut.section)
        free = {name: j for name, j in columns.items() if name.startswith(("area.", "L.", "L_scale.", "diam_scale."))}
        paths = {}
        for name in dict.fromkeys(target.partition(".")[2] for target in free):
            factors = {r: (2.0, 2.0) if r == name else (1.0, 1.0) for r in morphology.regions}
            paths[name] = nodes(geometry.scaled(morphology, factors), counts, ends).distance - cut.distance
        return Shape(morphology, counts, cut, region, free, paths, ends)

    @property
    def scaling(self) -> frozenset[str]:
        """The regions whose size depends on theta."""
        return frozenset(self.paths)

    def moves(self, node: int) -> bool:
        """Whether a node's distance from the soma depends on theta."""
        return any(path[node] != 0 for path in self.paths.values())

    def factors(
        self, theta: Float[np.ndarray, "row parameter"]
    ) -> dict[str, tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]]]:
        """The factors of length and of diameter of every region that scales."""
        found = {}
        one = np.ones(len(theta))
        for region in self.paths:
            if (label := f"area.{region}") in self.free:
                factor = np.sqrt(theta[:, self.free[label]] / self.morphology.region_area(region))
                found[region] = (factor, factor)
            else:
                length, diam = (self.free.get(f"{kind}.{region}") for kind in ("L_scale", "diam_scale"))
                along = one if length is None else theta[:, length]
                if (label := f"L.{region}") in self.free:
                    along = theta[:, self.free[label]] / geometry.total_length(self.morphology, region)
                found[region] = (along, one if diam is None else theta[:, diam])
        return found

    def at(self, theta: Float[np.ndarray, "row parameter"]) -> Dimensions:
        """The dimensions of the nodes for parameter sets."""
        cut = self.nodes
        if not self.paths:
            return Dimensions(cut.area[:, None], cut.diam[:, None], cut.resistance[:, None], cut.distance[:, None])
        factors = self.factors(theta)
        length, diam = np.ones((len(cut.area), len(theta))), np.ones((len(cut.area), len(theta)))
        distance = np.repeat(cut.distance[:, None], len(theta), axis=1)
        for region, (along, across) in factors.items():
            mine = np.array([r == region for r in self.region])
            length[mine], diam[mine] = along, across
            distance += self.paths[region][:, None] * (along - 1.0)
        if self._anisotropic():
            return self._anew(factors, distance, len(theta))
        return Dimensions(
            cut.area[:, None] * (length * diam),
            cut.diam[:, None] * diam,
            cut.resistance[:, None] * (length / diam**2),
            distance,
        )

    def _anisotropic(self) -> bool:
        single = {name.partition(".")[2] for name in self.free if not name.startswith("area.")}
        return any(section.points is not None and section.region in single for section in self.morphology.sections)

    def _anew(
        self, factors: Mapping[str, tuple[np.ndarray, np.ndarray]], distance: np.ndarray, rows: int
    ) -> Dimensions:
        found = []
        for row in range(rows):
            scales = dict.fromkeys(self.morphology.regions, (1.0, 1.0))
            scales |= {r: (float(along[row]), float(across[row])) for r, (along, across) in factors.items()}
            good = all(math.isfinite(x) and x > 0 for pair in scales.values() for x in pair)
            found.append(nodes(geometry.scaled(self.morphology, scales), self.counts, self.ends) if good else None)
        missing = np.full(len(self.nodes.area), np.nan)
        area, diam, resistance = (
            np.stack([missing if cut is None else getattr(cut, name) for cut in found], axis=1)
            for name in ("area", "diam", "resistance")
        )
        return Dimensions(area, diam, resistance, distance)
