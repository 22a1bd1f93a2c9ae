"""Synthetic trees: cylinders with names that join one another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gbar.errors import CellError
from gbar.morphology.morphology import Morphology, Section, listing


@dataclass(frozen=True)
class Cylinder:
    """One cylinder of a synthetic tree: `L` and `diam` in um, its region, and where on its `parent` its 0 end joins."""

    L: float
    diam: float
    region: str
    parent: str | None = None  # the name of another; None for the root
    parent_x: float = 1.0


def branching(cylinders: Mapping[str, Cylinder]) -> Morphology:
    """A tree of cylinders by their names, in any order; one has no parent.

    Raises CellError for a parent that does not exist, several roots or none, a circle, and lengths that are none.

        >>> from gbar.morphology import Cylinder, branching
        >>> cell = branching({"soma": Cylinder(20, 20, "soma"), "dend": Cylinder(200, 2, "basal", "soma", 0.5)})
        >>> [section.parent for section in cell.sections]
        [-1, 0]
    """
    if not cylinders:
        raise CellError("a tree without cylinders", remedy="give one at least")
    roots = [name for name, each in cylinders.items() if each.parent is None]
    if len(roots) != 1:
        what = f"{listing(roots)} have no parent" if roots else "every cylinder has a parent"
        raise CellError(what, remedy="leave the parent of exactly one out: it is the root")
    for name, each in cylinders.items():
        if each.parent is not None and each.parent not in cylinders:
            what = f"{name} joins {each.parent}, which is no cylinder"
            raise CellError(what, remedy=f"there are: {listing(cylinders)}")
    index: dict[str, int] = {}
    waiting = list(cylinders)
    while waiting:
        later = []
        for name in waiting:
            parent = cylinders[name].parent
            if parent is None or parent in index:
                index[name] = len(index)
            else:
                later.append(name)
        if len(later) == len(waiting):
            raise CellError(f"{listing(later)} join one another in a circle", remedy="join one to the root")
        waiting = later
    return Morphology(tuple(_section(name, cylinders[name], index) for name in index))


def _section(name: str, each: Cylinder, index: Mapping[str, int]) -> Section:
    if each.parent is None:
        return Section(name, each.region, float(each.L), float(each.diam))
    return Section(name, each.region, float(each.L), float(each.diam), index[each.parent], float(each.parent_x))


def ball_and_stick(soma: float, L: float, diam: float, region: str = "basal") -> Morphology:
    """A soma as long as wide (`soma` um) with one dendrite of L and diam um at its end."""
    return branching({"soma": Cylinder(soma, soma, "soma"), "dend": Cylinder(L, diam, region, "soma", 1.0)})


def binary_tree(
    soma: float, depth: int, L: float, diam: float, *, region: str = "basal", power: float = 1.5, trunks: int = 1
) -> Morphology:
    """A soma with `trunks` dendrites that fork in two `depth` times; at a fork diam^power is shared (Rall: 3/2).

    Every cylinder is L um long; the trunks are diam um thick.
    """
    if depth < 0 or trunks < 0 or trunks * 2**depth > 10_000 or not (math.isfinite(power) and power > 0):
        raise CellError(f"{trunks} trunks that fork {depth} times", remedy="give 0 or more, of 10,000 tips at most")
    made = {"soma": Cylinder(soma, soma, "soma")}
    tips = [(f"dend[{k}]", "soma") for k in range(trunks)]
    count, width = trunks, diam
    for _ in range(depth + 1):
        made |= {name: Cylinder(L, width, region, parent, 1.0) for name, parent in tips}
        width *= 0.5 ** (1 / power)
        children = [(f"dend[{count + k}]", tips[k // 2][0]) for k in range(2 * len(tips))]
        count, tips = count + len(children), children
    return branching(made)


def regions(morphology: Morphology, chosen: Mapping[str, str]) -> Morphology:
    """The morphology with sections moved to other regions.

    `chosen` maps a section's name (`dend_5[3]`), or the name of a group of them (`dend_5`: all `dend_5[...]`), to a
    region; a section's own name counts before its group's. Raises CellError for a name that is no section's.
    """
    groups = {section.name.partition("[")[0] for section in morphology.sections}
    names = {section.name for section in morphology.sections}
    for name in chosen:
        if name not in groups | names:
            raise CellError(f"there is no section {name}", remedy=f"there are: {listing(sorted(groups | names))}")

    def region(section: Section) -> str:
        return chosen.get(section.name) or chosen.get(section.name.partition("[")[0]) or section.region

    return replace(morphology, sections=tuple(replace(s, region=region(s)) for s in morphology.sections))
