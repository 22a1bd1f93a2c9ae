"""The defects of SWC files, each with its place, and the repairs of them, which say what they changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from gbar.errors import CellError
from gbar.morphology.points import THINNEST, Points

REPAIRS = {
    "duplicates": "of points with the same id, keeps the first",
    "drop-roots": "keeps the tree that has the soma, drops points that do not hang on it",
    "join-roots": "joins every other tree to the nearest point of the one that has the soma",
    "order": "orders and numbers the points depth first, the soma first",
    "radii": "gives a point without radius that of its parent",
    "soma": "makes a soma where there is none: of the first point (SWC), of a sphere amid the first points (ASC)",
    "lengths": "drops sections without length",
}


def check_repairs(repair: Collection[str], file: Path) -> None:
    """Raises CellError for a repair that does not exist, or two that exclude each other."""
    for name in repair:
        if name not in REPAIRS:
            known = "; ".join(f"{key}: {text}" for key, text in REPAIRS.items())
            raise CellError(f"there is no repair {name!r}", file=file, remedy=f"repairs: {known}")
    if {"drop-roots", "join-roots"} <= set(repair):
        raise CellError("drop-roots and join-roots exclude each other", file=file, remedy="choose one")


def sound(points: Points, repair: Collection[str], notes: list[str]) -> Points:
    """The points, after the repairs asked for; raises CellError at the first defect that none of them mends.

    What is returned is one tree in ascending ids, parents before children, all radii above 0, with a soma.
    """
    points = _unique(points, repair, notes)
    points = _one_tree(points, repair, notes)
    points = _ordered(points, repair, notes)
    points = _radii(points, repair, notes)
    return _soma(points, repair, notes)


def _unique(points: Points, repair: Collection[str], notes: list[str]) -> Points:
    _, first = np.unique(points.id, return_index=True)
    if len(first) == len(points):
        return points
    again = np.setdiff1d(np.arange(len(points)), first)
    k = int(again[0])
    if "duplicates" not in repair:
        before = points.line[first[np.searchsorted(points.id[first], points.id[k])]]
        what = f"id {points.id[k]} stands in line {before} already"
        raise points.fail(k, what, f'give it an id of its own, or repair with "duplicates": {REPAIRS["duplicates"]}')
    notes.append(f"duplicates: dropped {_count(len(again))} whose id came before: {_places(points, again)}")
    return points.take(np.sort(first))


def _one_tree(points: Points, repair: Collection[str], notes: list[str]) -> Points:
    parent = points.parent_index()
    tree = _trees(parent)
    main = _main(points, tree)
    if (tree == main).all() and (parent != -2).all():
        return points
    keep = tree == main
    if "drop-roots" in repair:
        lost = np.flatnonzero(~keep)
        if len(lost):
            notes.append(
                f"drop-roots: dropped {_count(len(lost))} off the tree that has the soma: {_places(points, lost)}"
            )
        if parent[main] == -2:
            notes.append(f"drop-roots: point {points.id[main]} (line {points.line[main]}) made the root")
        points = points.take(np.flatnonzero(keep))
        return replace(points, parent=np.where(points.parent_index() < 0, -1, points.parent))
    if "join-roots" in repair:
        return _joined(points, parent, tree, main, notes)
    k = _first_defect(parent, tree, main)
    if parent[k] == -2:
        what = f"point {points.id[k]} has the parent {points.parent[k]}, which does not exist"
    elif parent[k] == -1:
        root = points.line[np.flatnonzero((tree == main) & (parent < 0))[0]]
        what = f"point {points.id[k]} has no parent, nor has that in line {root}: several roots"
    else:
        what = f"point {points.id[k]} is its own ancestor: a cyclic tree"
    options = "; ".join(f'"{name}": {REPAIRS[name]}' for name in ("join-roots", "drop-roots"))
    raise points.fail(k, what, f"give it a parent, or repair with {options}")


def _first_defect(parent: Int[np.ndarray, " point"], tree: Int[np.ndarray, " point"], main: int) -> int:
    wrong = (parent == -2) | ((tree != main) & ((parent == -1) | (tree < 0)))
    return int(np.argmax(wrong))


def _trees(parent: Int[np.ndarray, " point"]) -> Int[np.ndarray, " point"]:
    """The index of the root that each point hangs on; -1 - (a point of the cycle) where it hangs on a cycle."""
    far = np.where(parent < 0, np.arange(len(parent)), parent)
    for _ in range(len(parent).bit_length()):
        far = far[far]
    name = {int(k): int(k) for k in np.unique(far) if parent[k] < 0}
    for start in np.unique(far).tolist():
        if start not in name:
            cycle = [start]
            while parent[cycle[-1]] != start:
                cycle.append(int(parent[cycle[-1]]))
            name |= dict.fromkeys(cycle, -1 - min(cycle))
    keys = np.array(sorted(name))
    return np.array([name[k] for k in keys.tolist()])[np.searchsorted(keys, far)]


def _main(points: Points, tree: Int[np.ndarray, " point"]) -> int:
    """The tree that has the soma; of several, the one with more of its points, then with more points in all."""
    best, most = 0, (-1, -1)
    for root in dict.fromkeys(tree.tolist()):
        inside = tree == root
        size = (int(np.sum(points.type[inside] == 1)), int(np.sum(inside)))
        if root >= 0 and size > most:
            best, most = root, size
    if most[0] < 0:
        raise points.fail(0, "no point is a root: a cyclic tree", "give the first point the parent -1")
    return best


def _joined(
    points: Points,
    parent: Int[np.ndarray, " point"],
    tree: Int[np.ndarray, " point"],
    main: int,
    notes: list[str],
) -> Points:
    new = points.parent.copy()
    new[main] = -1
    if parent[main] == -2:
        notes.append(f"join-roots: point {points.id[main]} (line {points.line[main]}) made the root")
    inside = np.flatnonzero(tree == main)
    for root in dict.fromkeys(tree.tolist()):
        if root == main:
            continue
        at = root if root >= 0 else -1 - root
        gap = np.sqrt(np.sum((points.xyz[inside] - points.xyz[at]) ** 2, axis=1))
        near = int(inside[np.argmin(gap)])
        new[at] = points.id[near]
        notes.append(
            f"join-roots: point {points.id[at]} (line {points.line[at]}) joined to point {points.id[near]}, "
            f"{gap.min():.6g} um away"
        )
    return replace(points, parent=new)


def _ordered(points: Points, repair: Collection[str], notes: list[str]) -> Points:
    defect = _order_defect(points)
    if defect is None:
        return points
    k, what = defect
    if "order" not in repair:
        raise points.fail(k, what, f'order the points, or repair with "order": {REPAIRS["order"]}')
    return _reordered(points, k, what, notes)


def _order_defect(points: Points) -> tuple[int, str] | None:
    after = points.parent >= points.id
    if after.any():
        k = int(np.argmax(after))
        return k, f"point {points.id[k]} has the parent {points.parent[k]}: a parent after its child"
    falls = points.id[1:] <= points.id[:-1]
    if falls.any():
        k = int(np.argmax(falls)) + 1
        return k, f"point {points.id[k]} stands after point {points.id[k - 1]}: ids do not ascend"
    return None


def _depth_first(points: Points) -> Int[np.ndarray, " point"]:
    """Parents before children, every first child right after its parent, points of the soma before others."""
    parent = points.parent_index()
    order = np.lexsort((points.id, points.type != 1))[::-1]
    children: dict[int, list[int]] = {}
    for k in order.tolist():
        children.setdefault(int(parent[k]), []).append(k)
    found, waiting = [], list(children.get(-1, []))
    while waiting:
        k = waiting.pop()
        found.append(k)
        waiting += children.get(k, [])
    return np.array(found, dtype=np.int64)


def interleaved(points: Points, repair: Collection[str], index: int, notes: list[str]) -> Points:
    """The points in depth-first order, for branches whose points lie among those of others; refused without "order"."""
    what = f"point {points.id[index]} continues no branch that stands right before it: branches are interleaved"
    if "order" not in repair:
        raise points.fail(index, what, f'order the points, or repair with "order": {REPAIRS["order"]}')
    return _reordered(points, index, what, notes)


def _reordered(points: Points, index: int, what: str, notes: list[str]) -> Points:
    notes.append(f"order: {len(points)} points ordered and numbered depth first (line {points.line[index]}: {what})")
    parent, order = points.parent_index(), _depth_first(points)
    place = np.empty(len(points), dtype=np.int64)
    place[order] = np.arange(1, len(points) + 1)
    renumbered = np.where(parent < 0, -1, place[parent])[order]
    return replace(points.take(order), id=np.arange(1, len(points) + 1), parent=renumbered)


def _radii(points: Points, repair: Collection[str], notes: list[str]) -> Points:
    wrong = np.flatnonzero(points.radius < THINNEST)
    if not len(wrong):
        return points
    k = int(wrong[0])
    if "radii" not in repair or len(wrong) == len(points):
        what = f"point {points.id[k]} has the radius {points.radius[k]:g} um"
        more = f" ({len(wrong)} points have no radius)" if len(wrong) > 1 else ""
        remedy = f'give it one, or repair with "radii": {REPAIRS["radii"]}'
        raise points.fail(k, what + more, remedy if len(wrong) < len(points) else "give the points radii in um")
    radius = np.where(points.radius < THINNEST, 0.0, points.radius).tolist()
    parent = points.parent_index().tolist()
    for i in range(1, len(radius)):
        radius[i] = radius[i] or radius[parent[i]]
    for i in range(len(radius) - 1, 0, -1):
        radius[parent[i]] = radius[parent[i]] or radius[i]
    for i in range(1, len(radius)):
        radius[i] = radius[i] or radius[parent[i]]
    notes.append(f"radii: {_count(len(wrong))} given a neighbour's radius: {_places(points, wrong)}")
    return replace(points, radius=np.array(radius))


def _soma(points: Points, repair: Collection[str], notes: list[str]) -> Points:
    if (points.type == 1).any():
        return points
    if "soma" not in repair:
        raise points.fail(0, "no point is of the soma (type 1)", f'mark it, or repair with "soma": {REPAIRS["soma"]}')
    notes.append(f"soma: point {points.id[0]} (line {points.line[0]}) of type {points.type[0]} made the soma")
    kind = points.type.copy()
    kind[0] = 1
    return replace(points, type=kind)


def _count(n: int) -> str:
    return f"{n} point" if n == 1 else f"{n} points"


def _places(points: Points, which: Int[np.ndarray, " some"] | Bool[np.ndarray, " point"], most: int = 5) -> str:
    lines = [str(i) for i in points.line[which][:most]]
    return f"line{'s' if len(lines) > 1 else ''} {', '.join(lines)}{', …' if len(points.line[which]) > most else ''}"
