"""SWC files as NEURON's Import3d reads them: which points make a section, and where it joins its parent.

Verified against NEURON's Import3d_SWC_read (Carnevale & Hines 2006, The NEURON Book, doi 10.1017/CBO9780511541612).
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import numpy as np

from gbar.errors import CellError
from gbar.morphology.drafts import Draft, assemble
from gbar.morphology.morphology import Morphology
from gbar.morphology.points import Points, read_points
from gbar.morphology.repair import REPAIRS, interleaved, sound

SOMA = 1
_CHILD, _EXTRA = 1000, 1  # a section goes on where a point has one child, right behind it and of its own type


def read_swc(path: Path, repair: Collection[str]) -> Morphology:
    """The morphology of an SWC file; see `read_morphology`."""
    notes: list[str] = []
    found = read_points(path)
    try:
        points = sound(found, repair, notes)
    except CellError as error:
        raise _with_further(error, found, repair) from None
    table = _Table(points)
    broken = table.broken()
    if broken is not None:
        table = _Table(interleaved(points, repair, broken, notes))
    return assemble(table.sections(), path, repair, notes)


def _with_further(error: CellError, points: Points, repair: Collection[str]) -> CellError:
    """The error, and which repairs the file needs in all, if these are several."""
    notes: list[str] = []
    with suppress(CellError):
        sound(points, {*REPAIRS, *repair} - ({"drop-roots"} if "join-roots" in repair else {"join-roots"}), notes)
    needed = dict.fromkeys(note.partition(":")[0] for note in notes)
    if len(needed) < 2:
        return error
    listed = ", ".join(f'"{name}"' for name in needed)
    return CellError(error.what, file=error.file, line=error.line, remedy=f"{error.remedy} (in all it needs {listed})")


class _Table:
    """The points of one tree, and what Import3d makes out about each."""

    def __init__(self, points: Points) -> None:
        self.points = points
        self.type: list[int] = points.type.tolist()
        self.parent: list[int] = np.maximum(points.parent_index(), -1).tolist()
        single = np.column_stack((points.xyz, points.radius)).astype(np.float32)  # as Import3d scans numbers
        self.coordinates = single.astype(np.float64) * (1, 1, 1, 2)
        self.soma_children = [0] * len(points)
        for i, p in enumerate(self.parent):
            if p >= 0 and self.type[i] == SOMA and self.type[p] == SOMA:
                self.soma_children[p] += 1
        self.to_start = [False] * len(points)  # joins its parent's section at 0
        children = self._children()
        self.sphere = self._is_sphere_of_three(children)
        if self.sphere:
            self.parent[2] = 1
        self.ends = self._section_ends(children)

    def _children(self) -> list[int]:
        """Counts the children of every point, with a bit more for one that begins a section of its own."""
        count = [0] * len(self.parent)
        for i, p in enumerate(self.parent):
            if p < 0:
                continue
            count[p] += _CHILD
            if p != i - 1:
                count[p] += _EXTRA
                # A branch from the first own point of a dendrite that is wired to the soma joins that dendrite's 0 end.
                first = self.type[p] != SOMA and (p == 0 or (p > 1 and self.type[self.parent[p]] == SOMA))
                if first:
                    self.to_start[i] = True
                    count[p] = _CHILD
            if self.type[p] != self.type[i]:
                count[p] += _EXTRA
        return count

    def _is_sphere_of_three(self, children: list[int]) -> bool:
        """Whether the soma is NeuroMorpho.Org's three points: a centre, and two leaves a radius away (within 1 %)."""
        if self.type.count(SOMA) != 3 or self.parent[1] != 0 or self.parent[2] != 0 or children[1] or children[2]:
            return False
        d = self.coordinates[:, 3]
        if abs(d[1] - d[0]) > 1e-11 or abs(d[2] - d[0]) > 1e-11:
            return False
        xyz = self.coordinates[:3, :3]
        return bool(abs(np.sum(np.sqrt(np.sum((xyz[1:] - xyz[0]) ** 2, axis=1))) / d[0] - 1) < 0.01)

    def _section_ends(self, children: list[int]) -> list[int]:
        """The last point of every section."""
        for i in range(len(self.parent) - 1):
            chained = self.type[i] == SOMA and self.type[i + 1] == SOMA and self.parent[i + 1] == i
            if chained and not (i != 0 and self.soma_children[i] > 1):
                children[i] = _CHILD
        last = len(self.parent) - 1
        return [i for i, n in enumerate(children) if n != _CHILD or i == last]

    def broken(self) -> int | None:
        """The first point that Import3d would chain to a point that is not its parent; None where all is well."""
        begin = 0
        for end in self.ends:
            for i in range(begin + 1, end + 1):
                if self.parent[i] != i - 1 and not (self.sphere and i == 2):
                    return i
            begin = end + 1
        return None

    def sections(self) -> list[Draft]:
        """The sections in the order of the file."""
        drafts: list[Draft] = []
        firsts: list[int] = []
        holder = np.searchsorted(np.array(self.ends), np.arange(len(self.parent))).tolist()
        begin = 0
        for end in self.ends:
            if not drafts:
                stop = 1 if self.sphere else end + 1
                own = self.coordinates[:stop]
                drafts.append(Draft(self.type[0], int(self.points.line[0]), own))
            else:
                h = holder[self.parent[begin]]
                drafts.append(self._branch(begin, end, drafts[h], firsts[h], root=h == 0))
            firsts.append(begin)
            begin = end + 1
        return drafts

    def _branch(self, begin: int, end: int, parent: Draft, parent_first: int, *, root: bool) -> Draft:
        at, kind = self.parent[begin], self.type[begin]
        x, wired = self._connection(begin, end - begin + 1, parent, parent_first, root=root)
        points = np.concatenate((self.coordinates[at : at + 1], self.coordinates[begin : end + 1]))
        if parent.type == SOMA and kind != SOMA:
            points[0, 3] = points[1, 3]  # a neurite does not begin with the width of the soma
        if self.to_start[begin]:
            x = 0.0
        return Draft(kind, int(self.points.line[begin]), points, parent, x, wired)

    def _connection(self, begin: int, size: int, parent: Draft, parent_first: int, *, root: bool) -> tuple[float, bool]:
        """Where a section of `size` own points joins its parent, and whether by a wire."""
        at, kind = self.parent[begin], self.type[begin]
        neurite = kind != SOMA
        if root and parent.type == SOMA and neurite and len(parent.points) == 1:
            return 0.5, size > 1
        if root and at == parent_first:
            return 0.0, neurite and self.soma_children[at] > 1
        if parent.type != SOMA:
            return 1.0, False
        last = parent_first + len(parent.points) - (1 if parent_first == 0 else 2)
        if at < last:
            return 0.5, neurite and size > 1
        return 1.0, neurite and size > 1 and self.soma_children[at] > 1
