"""Sections in the making, and what NEURON's Import3d does to all of them, whatever the format."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar.errors import CellError
from gbar.morphology.morphology import Morphology, Section, traced
from gbar.morphology.repair import REPAIRS

REGIONS = {1: "soma", 2: "axon", 3: "basal", 4: "apical"}
_STEMS = {1: "soma", 2: "axon", 3: "dend", 4: "apic"}


@dataclass(eq=False)
class Draft:
    """A section of a file: where its points are, how it joins its parent."""

    type: int
    line: int  # of its first own point
    points: Float[np.ndarray, "point 4"]  # x y z diam in um, with the point where it joins its parent, if any
    parent: Draft | None = None
    parent_x: float = 1.0
    wired: bool = False  # the first point is of the parent, and no membrane leads from it to the second
    shape: Float[np.ndarray, "point 4"] = field(init=False)  # the own points as NEURON gets them

    @property
    def own(self) -> Float[np.ndarray, "point 4"]:
        """The points between which there is membrane."""
        return self.points[1:] if self.wired else self.points

    @property
    def empty(self) -> bool:
        """Whether all own points are in one place."""
        return bool((self.shape[:, :3] == self.shape[0, :3]).all())


def stem(kind: int) -> str:
    """What the sections of a type are called, as Import3d calls them."""
    return _STEMS.get(kind) or (f"minus_{-kind}" if kind < 0 else f"dend_{kind}")


def assemble(drafts: list[Draft], file: Path, repair: Collection[str], notes: list[str]) -> Morphology:
    """The morphology of the sections of a file, named, ordered and with the points that Import3d gives them.

    Sections stand in NEURON's order (by type, then as in the file), but a parent always before its children.
    """
    for draft, shape in zip(drafts, _single_precision([draft.own for draft in drafts]), strict=True):
        draft.shape = shape
    drafts = _without_empty(drafts, file, repair, notes)
    names: dict[Draft, str] = {}
    count: dict[int, int] = {}
    for draft in drafts:
        n = count[draft.type] = count.get(draft.type, -1) + 1
        names[draft] = f"{stem(draft.type)}[{n}]"
    index: dict[Draft, int] = {}
    for draft in sorted(drafts, key=lambda d: d.type):
        line: list[Draft] = []
        at: Draft | None = draft
        while at is not None and at not in index:
            line.append(at)
            at = at.parent
        for each in reversed(line):
            index[each] = len(index)
    sections = tuple(_section(d, names[d], -1 if d.parent is None else index[d.parent]) for d in index)
    return Morphology(sections, tuple(notes))


def _section(draft: Draft, name: str, parent: int) -> Section:
    points = draft.shape
    if len(draft.own) == 1:
        (points,) = _single_precision([as_sphere(draft.own[0])])
    region = REGIONS.get(draft.type, "custom")
    return traced(name, region, points, parent, draft.parent_x if parent >= 0 else 1.0)


def as_sphere(point: Float[np.ndarray, " 4"]) -> Float[np.ndarray, "3 4"]:
    """A sphere around a point, as three points along x, as long as wide."""
    points = np.repeat(np.asarray(point)[None, :], 3, axis=0)
    points[0, 0] -= point[3] / 2
    points[2, 0] += point[3] / 2
    return points


def _single_precision(every: list[Float[np.ndarray, "point 4"]]) -> list[Float[np.ndarray, "point 4"]]:
    """The points of sections as NEURON stores them, all at once."""
    if not every:
        return []
    flat = eight_digits(np.concatenate(every)).astype(np.float32).astype(np.float64)
    return np.split(flat, np.cumsum([len(points) for points in every])[:-1])


def eight_digits(values: Float[np.ndarray, "point 4"]) -> Float[np.ndarray, "point 4"]:
    """Numbers to the eight digits with which Import3d hands points to NEURON (`%.8g`)."""
    with np.errstate(all="ignore"):
        size = np.floor(np.log10(np.abs(values), where=values != 0, out=np.zeros_like(values)))
        up, down = 10.0 ** np.maximum(7 - size, 0), 10.0 ** np.maximum(size - 7, 0)
        scaled = values * up / down
        rounded = np.rint(scaled) / up * down
        tie = np.abs(np.abs(scaled - np.rint(scaled)) - 0.5) < 1e-5
        unsure = tie | (values != 0) & ~((np.abs(scaled) > 1e7 + 1) & (np.abs(scaled) < 1e8 - 1))
    for i, j in zip(*np.nonzero(unsure), strict=True):
        rounded[i, j] = float(f"{values[i, j]:.8g}")
    return np.asarray(rounded)


def _without_empty(drafts: list[Draft], file: Path, repair: Collection[str], notes: list[str]) -> list[Draft]:
    """Drops, as Import3d, what has a parent and one point or two at one place; its children join its parent.

    Longer sections without length are refused: NEURON would divide by their length.
    """
    kept = list(drafts)
    for draft in reversed(drafts):
        points = draft.own
        if draft.parent is None:
            if len(points) > 1 and draft.empty:
                _refuse_or_note(draft, file, repair, notes, "a root without length", "made a sphere")
                draft.points, draft.wired = points[:1], False
            continue
        if len(points) == 1 or (len(points) == 2 and _same(points)):
            what = f"a section without length ({stem(draft.type)}) is left out, as NEURON does"
            notes.append(f"{file}:{draft.line}: {what}")
        elif draft.empty:
            _refuse_or_note(draft, file, repair, notes, f"a section without length ({stem(draft.type)})", "dropped")
        else:
            continue
        kept.remove(draft)
        for other in kept:
            if other.parent is draft:
                other.parent, other.parent_x = draft.parent, draft.parent_x
    return kept


def _same(points: Float[np.ndarray, "2 4"]) -> bool:
    return bool((np.abs(points[0, :3] - points[1, :3]) <= 1e-11).all())


def _refuse_or_note(draft: Draft, file: Path, repair: Collection[str], notes: list[str], what: str, done: str) -> None:
    if "lengths" not in repair:
        what = f"{what}: all of its {len(draft.own)} points are in one place"
        remedy = f'move or remove them, or repair with "lengths": {REPAIRS["lengths"]}'
        raise CellError(what, file=file, line=draft.line, remedy=remedy)
    notes.append(f"lengths: {file}:{draft.line}: {what}, {done}")
