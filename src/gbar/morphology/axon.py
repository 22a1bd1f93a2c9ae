"""Axons cut, replaced or put on, as published models do it: functions from a morphology to a morphology."""

from __future__ import annotations

import math
from dataclasses import replace

from gbar.errors import CellError
from gbar.morphology.morphology import Morphology, Section, stepped
from gbar.morphology.segments import Segments, segments


def remove_axon(morphology: Morphology) -> Morphology:
    """The morphology without its axon; raises CellError where a dendrite hangs on it."""
    return _noted(morphology, morphology.without(_axon(morphology)), "the axon removed")


def stub_axon(morphology: Morphology, length: float = 30.0, diam: float = 1.0, at: float = 0.5) -> Morphology:
    """The Allen Institute's axon: two sections of `length` and `diam` um in place of the old one, from soma(`at`).

    Source: allensdk.model.biophysical.utils.Utils.generate_morphology (perisomatic and all-active stub models).
    """
    return _two_cylinders(morphology, length, (diam, diam), at)


def replace_axon(
    morphology: Morphology, length: float = 60.0, segment: float = 40.0, origin: float = 0.5
) -> Morphology:
    """BluePyOpt's axon: two sections of half the length each, as thick as the old axon, from the end of the soma.

    The first is as thick as the middle segment of the old axon's first section, the second as that of the first section
    whose middle is farther than `length` um from soma(`origin`), or as the first. Old sections have 1 + 2 int(L /
    `segment`) segments; without an axon both are 1 um thick. With `origin` 0 it is the "truncated" axon of the Allen
    Institute's all-active models. Source: bluepyopt.ephys.morphologies.NrnFileMorphology.replace_axon.
    """
    old = _axon(morphology)
    if not old:
        return _two_cylinders(morphology, length / 2, (1.0, 1.0), 1.0)
    nodes = segments(morphology, [s.nseg or 1 + 2 * int(s.L / segment) for s in morphology.sections])
    beyond = [i for i in old if len(old) > 1 and _distance(morphology, nodes, i, origin) > length]
    first, second = (float(nodes.diam[nodes.at(i, 0.5)]) for i in (old[0], (beyond or old)[0]))
    return _two_cylinders(morphology, length / 2, (first, second), 1.0)


def replace_axon_tapered(
    morphology: Morphology, length: float = 60.0, nseg: int = 5, myelin: float = 1000.0
) -> Morphology:
    """The axon of Blue Brain's SSCx models: two tapered sections and a myelinated one (region `myelin`).

    The old axon's sections, one after the other, give the diameters of 2 `nseg` segments of the two new sections of
    `length` / 2 um each; the last of them is that of `myelin` um of myelin in five segments. Raises CellError where the
    old axon has too few segments. Source: Reva et al. 2023, doi 10.1016/j.patter.2023.100855 (SSCxEModelExamples).
    """
    old, count = _axon(morphology), 2 * nseg
    chunk = length / count
    numbers = [1] * len(morphology.sections)
    for i in old:
        numbers[i] = 1 + int(morphology.sections[i].L / chunk / 2) * 2
    nodes = segments(replace(morphology, sections=tuple(replace(s, nseg=None) for s in morphology.sections)), numbers)
    diams: list[float] = []
    for i in old:
        inner = (nodes.section == i) & (nodes.length > 0)
        diams += nodes.diam[inner].tolist()
    if len(diams) < count:
        what = f"the axon has {len(diams)} segments of about {2 * chunk:g} um; its replacement needs {count}"
        raise CellError(what, remedy="replace it by a stub, or use a reconstruction with more of its axon")
    bare = morphology.without(old)
    soma, n = _soma(bare), len(bare.sections)
    made = bare.adding(
        stepped("axon[0]", "axon", length / 2, diams[:nseg], soma, 1.0),
        stepped("axon[1]", "axon", length / 2, diams[nseg:count], n, 1.0),
        Section("myelin[0]", "myelin", myelin, diams[count - 1], n + 1, 1.0, nseg=5),
    )
    what = f"a tapered one of {length:g} um and {myelin:g} um of myelin"
    return _noted(morphology, made, f"the axon of {len(old)} sections replaced by {what}")


def myelinated_axon(morphology: Morphology, internodes: int = 5) -> Morphology:
    """Mainen & Sejnowski's axon in place of the old one, from soma(0.5): hillock, initial segment, myelin and nodes.

    Regions `hillock` (10 um, from four times the initial segment's diameter to once), `initial` (15 um, the diameter of
    a sphere of the soma's area / 20), and `internodes` times `myelin` (100 um) and `node` (1 um, 0.75 of the diameter).
    Source: doi 10.1038/382363a0, ModelDB 2488.
    """
    bare = morphology.without(_axon(morphology))
    soma, n = _soma(bare), len(bare.sections)
    d = math.sqrt(bare.region_area("soma") / (4 * math.pi)) / 10
    hillock = [4 * d + (d - 4 * d) * (k + 0.5) / 5 for k in range(5)]
    parts = [stepped("hill", "hillock", 10.0, hillock, soma, 0.5), Section("iseg", "initial", 15.0, d, n, nseg=5)]
    for k in range(internodes):
        parts.append(Section(f"myelin[{k}]", "myelin", 100.0, d, n + len(parts) - 1, nseg=5))
        parts.append(Section(f"node[{k}]", "node", 1.0, 0.75 * d, n + len(parts) - 1, nseg=1))
    return _noted(morphology, bare.adding(*parts), f"an axon of {internodes} internodes put on")


def _axon(morphology: Morphology) -> list[int]:
    """The sections of the axon, in the order of their names."""
    found = [i for i, section in enumerate(morphology.sections) if section.region == "axon"]
    return sorted(found, key=lambda i: (_number(morphology.sections[i].name), i))


def _number(name: str) -> int:
    digits = name.partition("[")[2].rstrip("]")
    return int(digits) if digits.isdecimal() else 0


def _soma(morphology: Morphology) -> int:
    for i, section in enumerate(morphology.sections):
        if section.region == "soma":
            return i
    raise CellError("the morphology has no soma to put an axon on", remedy="give one section the region soma")


def _distance(morphology: Morphology, nodes: Segments, section: int, origin: float) -> float:
    """The distance in um of the middle of a section from soma(`origin`)."""
    soma, at = _soma(morphology), section
    while morphology.sections[at].parent not in (soma, -1):
        at = morphology.sections[at].parent
    far = float(nodes.distance[nodes.at(section, 0.5)])
    if morphology.sections[at].parent == -1:
        return far
    joint = _place(morphology, nodes, soma, morphology.sections[at].parent_x)
    middle, start = (_place(morphology, nodes, soma, x) for x in (0.5, origin))
    return far - abs(joint - middle) + abs(joint - start)


def _place(morphology: Morphology, nodes: Segments, section: int, x: float) -> float:
    """How far along a section the node of a place is, in um."""
    if 0 < x < 1:
        x = float(nodes.x[nodes.at(section, x)])
    return x * morphology.sections[section].L


def _two_cylinders(morphology: Morphology, length: float, diams: tuple[float, float], at: float) -> Morphology:
    old = _axon(morphology)
    bare = morphology.without(old)
    soma, n = _soma(bare), len(bare.sections)
    made = bare.adding(
        Section("axon[0]", "axon", length, diams[0], soma, at),
        Section("axon[1]", "axon", length, diams[1], n, 1.0),
    )
    what = f"an axon of two cylinders of {length:g} um, {diams[0]:.6g} and {diams[1]:.6g} um thick, put on"
    return _noted(morphology, made, f"{len(old)} sections of the axon removed, {what}")


def _noted(before: Morphology, after: Morphology, note: str) -> Morphology:
    return replace(after, notes=(*before.notes, note))
