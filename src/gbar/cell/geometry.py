"""A cell's shape: how its sections are divided, scaled by free parameters, and where a site lies."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gbar.cell.segments import MOST, SegmentRule
from gbar.cell.site import Along, At, Site
from gbar.document import nearest
from gbar.errors import CellError
from gbar.morphology import Morphology, Section

Scales = Mapping[str, tuple[float, float]]  # region -> factors of length and of diameter


@dataclass(frozen=True)
class Origin:
    """The file that a morphology was made from, and what a cell's YAML says of it beside `file`."""

    file: Path
    sha256: str
    entries: Mapping[str, Any]
    morphology: Morphology  # what came of it


def counts(
    morphology: Morphology, rule: SegmentRule, properties: Mapping[str, tuple[float | None, float]]
) -> tuple[int, ...]:
    """The number of compartments of every section by a rule; `properties` are Ra (ohm cm) and cm (uF/cm2) by region.

    Raises CellError.
    """
    sections = morphology.sections
    known = {section.name for section in sections} | {section.region for section in sections}
    for name in rule.sections:
        if name not in known:
            raise CellError(f"the number of segments is stated for {name}, which is no section and no region",
                            remedy=f"{nearest(name, known)}name one that there is")  # fmt: skip
    found = _ruled(morphology, rule, properties)
    stated = [
        rule.sections.get(s.name, s.nseg or rule.sections.get(s.region, n))
        for s, n in zip(sections, found, strict=True)
    ]
    for section, count in zip(sections, stated, strict=True):
        if count > MOST:
            raise CellError(f"section {section.name} has {count} segments, more than {MOST}",
                            remedy="divide it more coarsely")  # fmt: skip
    return tuple(stated)


def _ruled(
    morphology: Morphology, rule: SegmentRule, properties: Mapping[str, tuple[float | None, float]]
) -> Sequence[int]:
    sections = morphology.sections
    if rule.kind == "count":
        return [int(rule.value)] * len(sections)
    if rule.kind == "every":
        return [1 + 2 * int(section.L / rule.value) for section in sections]
    if rule.kind == "steps":
        return [1 + int(section.L / rule.value) for section in sections]
    from gbar.morphology import nseg_by_d_lambda, nseg_by_length

    if rule.kind == "length":
        return nseg_by_length(morphology, rule.value)
    resistivity = []
    for section in sections:
        Ra = properties[section.region][0]
        if Ra is None:
            raise CellError(f"Ra.{section.region} is not stated, and the length constant depends on it",
                            remedy=f"add `Ra: 100 ohm cm` under regions.{section.region}")  # fmt: skip
        resistivity.append(Ra)
    capacitance = [properties[section.region][1] for section in sections]
    return nseg_by_d_lambda(morphology, rule.value, resistivity, capacitance, rule.frequency)


def scales(morphology: Morphology, given: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """The factors of length and diameter of each region: what `area.R`, `L.R`, `L_scale.R`, `diam_scale.R` ask for."""
    found = {}
    for region in morphology.regions:
        if (label := f"area.{region}") in given:
            factor = math.sqrt(given[label] / morphology.region_area(region))
            found[region] = (factor, factor)
        else:
            along = given.get(f"L_scale.{region}", 1.0)
            if (label := f"L.{region}") in given:
                along = given[label] / total_length(morphology, region)
            found[region] = (along, given.get(f"diam_scale.{region}", 1.0))
    return found


def total_length(morphology: Morphology, region: str) -> float:
    """The length in um of all sections of a region."""
    return sum(section.L for section in morphology.sections if section.region == region)


def scaled(morphology: Morphology, factors: Scales) -> Morphology:
    """The morphology with the sections of each region scaled in length and in diameter."""
    if all(factors[region] == (1.0, 1.0) for region in morphology.regions):
        return morphology
    return Morphology(tuple(_scaled(section, *factors[section.region]) for section in morphology.sections))


def _scaled(section: Section, length: float, diameter: float) -> Section:
    if length == diameter == 1.0:
        return section
    points, diams = section.points, section.diams
    if points is not None:
        points = points * np.array([length, length, length, diameter])
    if diams is not None:
        diams = tuple(d * diameter for d in diams)
    return replace(section, L=section.L * length, diam=section.diam * diameter, points=points, diams=diams)


def place(morphology: Morphology, numbers: Sequence[int], site: Site) -> At:
    """Where a site lies, the sections divided into these numbers of compartments. Raises CellError."""
    where = site.place
    if isinstance(where, At):
        names = [section.name for section in morphology.sections]
        if where.section not in names:
            if f"{where.section}[0]" in names:  # as in hoc
                return At(f"{where.section}[0]", where.x)
            hint = nearest(where.section, names)
            shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
            raise CellError(f"the site {site.name} lies on {where.section}, which is no section",
                            remedy=f"{hint}there are: {shown}")  # fmt: skip
        return where
    if where.region not in morphology.regions:
        hint = nearest(where.region, morphology.regions)
        raise CellError(f"the site {site.name} lies in {where.region}, which is no region",
                        remedy=f"{hint}there are: {', '.join(morphology.regions)}")  # fmt: skip
    return _along(morphology, numbers, where, site.name)


def spans(morphology: Morphology, numbers: Sequence[int]) -> list[tuple[float, float]]:
    """The distances in um of the two ends of every section from the middle of the soma, along the tree."""
    from gbar.morphology.segments import segments

    nodes = segments(morphology, numbers)
    membrane = np.flatnonzero(nodes.area > 0)
    membrane = membrane[np.lexsort((nodes.x[membrane], nodes.section[membrane]))]
    ends = np.searchsorted(nodes.section[membrane], np.arange(len(numbers) + 1))
    towards = _towards_soma(morphology)
    found = []
    for i in range(len(numbers)):
        first, last = membrane[ends[i]], membrane[ends[i + 1] - 1]
        half = nodes.length[first] / 2
        nearest_end = towards.get(i, 0.0)
        start = nodes.distance[first] + (-half if nearest_end == 0.0 else half)
        stop = nodes.distance[last] + (-half if nearest_end == 1.0 else half)
        found.append((float(start), float(stop)))
    return found


def _towards_soma(morphology: Morphology) -> dict[int, float]:
    """Where the way to the soma leaves a section that the soma hangs on; 0.5 for the soma; of all others it is 0."""
    at = _root(morphology)
    found = {at: 0.5}
    while morphology.sections[at].parent >= 0:
        x = morphology.sections[at].parent_x
        at = morphology.sections[at].parent
        found[at] = x
    return found


def _root(morphology: Morphology) -> int:
    """The section that distances count from: the first of the soma, or the root."""
    return next((i for i, section in enumerate(morphology.sections) if section.region == "soma"), 0)


def _along(morphology: Morphology, numbers: Sequence[int], where: Along, name: str) -> At:
    """As BluePyOpt's NrnSomaDistanceCompLocation and its descendants choose: the last of the sections that spans it."""
    sections = morphology.sections
    mine = [i for i, section in enumerate(sections) if section.region == where.region]
    if where.towards:
        mine = _branch(morphology, _tip(morphology, mine, where, name))
    at = spans(morphology, numbers)
    found: At | None = None
    for i in mine:
        low, high = min(at[i]), max(at[i])
        if low <= where.distance <= high and high > low:
            found = At(sections[i].name, (where.distance - low) / (high - low))
    if found is None:
        farthest = max((max(at[i]) for i in mine), default=0.0)
        raise CellError(f"the site {name}: nothing of {where.region} lies at {where.distance:g} um from the soma",
                        remedy=f"it ends at {farthest:.4g} um; give a smaller distance, or another region")  # fmt: skip
    return found


def _tip(morphology: Morphology, mine: list[int], where: Along, name: str) -> int:
    names = [section.name for section in morphology.sections]
    if where.towards in names:
        return names.index(where.towards)
    if where.towards not in ("y", "radial"):
        raise CellError(f"the site {name} lies towards {where.towards!r}, which is no section",
                        remedy=f"{nearest(where.towards, names)}name a section, or y, or radial")  # fmt: skip
    ends = [morphology.sections[i].points for i in mine]
    if any(points is None for points in ends):
        raise CellError(f"the site {name} lies towards {where.towards}, and not all of {where.region} has coordinates",
                        remedy="name the section that the path leads to")  # fmt: skip
    last = np.array([points[-1, :3] for points in ends if points is not None])
    reach = np.linalg.norm(last, axis=1) if where.towards == "radial" else last[:, 1]
    return mine[int(np.argmax(reach))]


def _branch(morphology: Morphology, tip: int) -> list[int]:
    """The sections from a tip to the soma, which is left out, the tip first."""
    found, soma = [], _root(morphology)
    while tip not in (-1, soma):
        found.append(tip)
        tip = morphology.sections[tip].parent
    return found


def determinants(section: Section) -> list[Any]:
    """What of a section a simulation depends on, as plain data."""
    data: list[Any] = [section.name, section.L, section.diam, section.region]
    if section.parent >= 0:
        data += [section.parent, section.parent_x]
    if section.diams is not None:
        data.append(list(section.diams))
    if section.points is not None:
        points = np.ascontiguousarray(section.points, dtype="<f8")
        data.append(hashlib.sha256(points.tobytes()).hexdigest())
    return data
