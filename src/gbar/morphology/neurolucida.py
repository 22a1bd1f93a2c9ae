"""Neurolucida files as NEURON's Import3d reads them: outlines to a soma, trees to sections that join its middle.

Verified against NEURON's Import3d_Neurolucida3 (Carnevale & Hines 2006, doi 10.1017/CBO9780511541612).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar.errors import CellError
from gbar.morphology import contour
from gbar.morphology.asc import Branch, Drawing, parse_asc
from gbar.morphology.drafts import Draft, as_sphere, assemble
from gbar.morphology.morphology import Morphology
from gbar.morphology.points import THINNEST
from gbar.morphology.repair import REPAIRS

SOMA = 1


def read_asc(path: Path, repair: Collection[str]) -> Morphology:
    """The morphology of a Neurolucida file; see `read_morphology`."""
    drawing = parse_asc(path)
    notes = list(drawing.notes)
    if not drawing.branches and not drawing.outlines:
        raise CellError("no points of a cell", file=path, remedy="the file needs a CellBody and trees")
    drawing = replace(drawing, branches=_with_diameters(drawing.branches, path, repair, notes))
    soma = _soma(drawing, path, repair, notes)
    drafts = [soma]
    made: list[Draft] = []
    for branch in drawing.branches:
        draft = _tree_root(branch, soma) if branch.parent < 0 else _continued(branch, made[branch.parent])
        made.append(draft)
    return assemble(drafts + made, path, repair, notes)


def _tree_root(branch: Branch, soma: Draft) -> Draft:
    """A tree is wired to the middle of the soma: no membrane leads there."""
    points = np.concatenate((soma.points[:1], branch.points))
    return Draft(branch.type, branch.line, points, soma, 0.5, wired=True)


def _continued(branch: Branch, parent: Draft) -> Draft:
    """A branch begins at its parent's last point, with the width of its own first, unless it does so already."""
    points, last = branch.points, parent.points[-1, :3]
    if (np.abs(points[0, :3] - last) > 1e-11).any():
        points = np.concatenate((np.append(last, points[0, 3])[None, :], points))
    return Draft(branch.type, branch.line, points, parent)


def _soma(drawing: Drawing, path: Path, repair: Collection[str], notes: list[str]) -> Draft:
    """The soma of the outlines; those whose boxes overlap one after another are a stack."""
    if not drawing.outlines:
        return _sphere(drawing, path, repair, notes)
    line, first = drawing.outlines[0]
    group = [first]
    for at, outline in drawing.outlines[1:]:
        if not contour.overlap(group[-1], outline):
            what = f"a second soma, apart from the one in line {line}"
            raise CellError(what, file=path, line=at, remedy="keep the outlines of one cell in a file")
        group.append(outline)
    try:
        points = contour.single(first) if len(group) == 1 else contour.stack(group)
    except ValueError as error:
        raise CellError(f"the soma is {error}", file=path, line=line, remedy="draw its outline anew") from None
    return Draft(SOMA, line, points)


def _sphere(drawing: Drawing, path: Path, repair: Collection[str], notes: list[str]) -> Draft:
    roots = [branch for branch in drawing.branches if branch.parent < 0]
    if "soma" not in repair:
        what = "no outline of a soma (CellBody) with three points or more"
        remedy = f'draw it, or repair with "soma": {REPAIRS["soma"]}'
        raise CellError(what, file=path, line=roots[0].line, remedy=remedy)
    starts = np.array([root.points[0] for root in roots])
    centre: Float[np.ndarray, " 4"] = np.append(starts[:, :3].mean(axis=0), starts[:, 3].max())
    notes.append(f"soma: a sphere of {centre[3]:g} um put amid the first points of the trees ({len(roots)})")
    return Draft(SOMA, roots[0].line, as_sphere(centre))


def _with_diameters(branches: list[Branch], path: Path, repair: Collection[str], notes: list[str]) -> list[Branch]:
    mended: list[Branch] = []
    for branch in branches:
        wrong = branch.points[:, 3] < 2 * THINNEST
        if not wrong.any():
            mended.append(branch)
            continue
        known = branch.points[~wrong, 3]
        inherited = known[0] if len(known) else mended[branch.parent].points[-1, 3] if branch.parent >= 0 else 0.0
        if "radii" not in repair or inherited <= 0:
            what = f"{int(wrong.sum())} points of a branch without a diameter"
            remedy = f'give them one, or repair with "radii": {REPAIRS["radii"]}'
            raise CellError(what, file=path, line=branch.line, remedy=remedy)
        points = branch.points.copy()
        for k in np.flatnonzero(wrong):
            points[k, 3] = points[k - 1, 3] if k else inherited
        notes.append(f"radii: {path}:{branch.line}: {int(wrong.sum())} points given their neighbour's diameter")
        mended.append(replace(branch, points=points))
    return mended
