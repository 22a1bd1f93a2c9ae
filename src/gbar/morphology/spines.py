"""Spines folded into dendrites: longer and thicker sections, as Mainen & Sejnowski did it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from gbar.errors import CellError
from gbar.morphology.morphology import Morphology, Section, arc, stepped, traced
from gbar.morphology.segments import segments


def add_spines(
    morphology: Morphology,
    nseg: Sequence[int],
    regions: Collection[str] | None = None,
    density: float = 1.0,
    area: float = 0.83,
) -> Morphology:
    """The dendrites with the area of their spines, `density` of them per um, each of `area` um2.

    Arguments: `nseg`, the number of segments of each section, which decides the result (diameters change by segments);
    the `regions` to put them on (basal and apical, if not stated).
    For a section of membrane area a, F = (a + L density area) / a: its length becomes L F^(2/3), and every segment's
    diameter F^(1/3) times as large, that of the first and the last once more each (the published loop `for (x)` visits
    both ends too), one after the other: NEURON gives every 3-D point its segment's diameter after each change, and
    takes the next diameter from the points. Source: doi 10.1038/382363a0, ModelDB 2488, after Jack et al. 1989.
    Raises CellError for a region that the morphology does not have.
    """
    if regions is None:
        regions = [region for region in morphology.regions if region in ("basal", "apical")]
    for region in regions:
        if region not in morphology.regions:
            have = ", ".join(morphology.regions)
            raise CellError(f"there is no region {region} to put spines on", remedy=f"choose among {have}")
    nodes = segments(morphology, nseg)
    owned = np.bincount(nodes.section, weights=nodes.area, minlength=len(nseg))
    sections = tuple(
        _folded(section, int(n), 1 + section.L * density * area / float(a)) if section.region in regions else section
        for section, n, a in zip(morphology.sections, nseg, owned, strict=True)
    )
    note = f"spines folded into {', '.join(regions)}: {density:g} per um, {area:g} um2 each"
    return replace(morphology, sections=sections, notes=(*morphology.notes, note))


def _folded(section: Section, nseg: int, factor: float) -> Section:
    wider, longer = factor ** (1 / 3), factor ** (2 / 3)
    visits = [0, *range(nseg), nseg - 1]
    if section.points is None:
        diams = list(section.diams or (section.diam,) * nseg)
        for k in visits:
            diams[k] *= wider
        thick = stepped(section.name, section.region, section.L * longer, diams, section.parent, section.parent_x)
        return replace(thick, nseg=section.nseg or nseg)
    points = section.points.copy()
    points[:, :3] = points[0, :3] + (points[:, :3] - points[0, :3]) * longer
    place = arc(section.points)
    owner = np.minimum((np.minimum(place / place[-1], 1.0) * nseg).astype(int), nseg - 1)
    for k in visits:
        diams = _diameters(points, nseg)
        diams[k] *= wider
        points[:, 3] = np.array(diams, dtype=np.float32)[owner]
    return replace(traced(section.name, section.region, points, section.parent, section.parent_x), nseg=section.nseg)


def _diameters(points: Float[np.ndarray, "point 4"], nseg: int) -> list[float]:
    """The diameters of the segments of a section with these points."""
    alone = Morphology((traced("alone", "alone", points),))
    return [float(d) for d in segments(alone, [nseg]).diam]
