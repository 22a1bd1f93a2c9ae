"""Writing a morphology as SWC, so that NEURON's Import3d makes the same sections of it, as far as SWC can say so."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar.errors import OutputError
from gbar.morphology.morphology import Morphology, Section
from gbar.morphology.swc import read_swc

_TYPES = {"soma": 1, "axon": 2, "basal": 3, "apical": 4}
_SOMA = 1


@dataclass
class _File:
    """Lines as they are made: a row a point."""

    rows: list[tuple[int, Float[np.ndarray, " 4"], int]] = field(default_factory=list)  # type, x y z diam, parent row
    first: dict[int, int] = field(default_factory=dict)  # of a section: the row of its first own point
    last: dict[int, int] = field(default_factory=dict)


def write_swc(morphology: Morphology, path: str | Path) -> tuple[str, ...]:
    """Writes a morphology as SWC; says, a line each, what the format could not hold.

    Plain cylinders get coordinates: each goes on from where it joins its parent. Custom regions get types from 5 on,
    named in the head of the file. What SWC has no words for is said, measured by reading the file again: sections that
    join amid another, single children of one type (they become one section with their parent), branches whose first
    point is as thick as they and not as their parent. Raises OutputError where the file cannot be written.
    """
    path = Path(path)
    types = _types(morphology)
    made = _File()
    placed = _placed(morphology)
    for index in _depth_first(morphology):
        _add(made, morphology, placed, index, types)
    head = [f"# {morphology.sections[0].name} and {len(morphology.sections) - 1} more sections; written by gbar"]
    head += [f"# type {kind}: region {region}" for region, kind in types.items()]
    lines = [
        f"{k + 1} {kind} {p[0]:.9g} {p[1]:.9g} {p[2]:.9g} {p[3] / 2:.9g} {parent + 1 if parent >= 0 else -1}"
        for k, (kind, p, parent) in enumerate(made.rows)
    ]
    try:
        path.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", file=path, remedy="choose another place") from None
    return _losses(morphology, path)


def _types(morphology: Morphology) -> dict[str, int]:
    custom = [region for region in morphology.regions if region not in _TYPES]
    known = {region: kind for region, kind in _TYPES.items() if region in morphology.regions}
    return known | {region: 5 + k for k, region in enumerate(custom)}


def _placed(morphology: Morphology) -> list[Float[np.ndarray, "point 4"]]:
    """The points of every section; those of cylinders side by side with their siblings."""
    found: list[Float[np.ndarray, "point 4"]] = []
    for index, section in enumerate(morphology.sections):
        if section.points is not None:
            found.append(section.points)
            continue
        start, toward = np.zeros(3), np.array([1.0, 0.0, 0.0])
        if section.parent >= 0:
            above = found[section.parent]
            start = _between(above, section.parent_x)
            angle = 2.399963 * index  # the golden angle spreads siblings
            toward = np.array([np.cos(angle), np.sin(angle), 0.0])
        diams = section.diams or (section.diam,) * 2
        ends = np.linspace(0, section.L, len(diams) + 1)
        place = np.repeat(ends, 2)[1:-1] if section.diams else np.array([0.0, section.L / 2, section.L])
        width = np.repeat(diams, 2) if section.diams else np.full(3, section.diam)
        found.append(np.column_stack((start + place[:, None] * toward, width)))
    return found


def _between(points: Float[np.ndarray, "point 4"], x: float) -> Float[np.ndarray, " 3"]:
    length = np.concatenate(([0.0], np.cumsum(np.sqrt(np.sum(np.diff(points[:, :3], axis=0) ** 2, axis=1)))))
    return np.array([np.interp(x * length[-1], length, points[:, axis]) for axis in range(3)])


def _depth_first(morphology: Morphology) -> list[int]:
    """Sections so that the points of each stand together.

    An only child of its parent's region stands later if it can, for right behind its parent it would be read as a part
    of that.
    """
    children: dict[int, list[int]] = {}
    for index, section in enumerate(morphology.sections):
        children.setdefault(section.parent, []).append(index)
    found: list[int] = []
    waiting, later = [0], deque[int]()
    while waiting or later:
        index = waiting.pop() if waiting else later.popleft()
        found.append(index)
        below = children.get(index, [])
        alike = len(below) == 1 and morphology.sections[below[0]].region == morphology.sections[index].region
        later.extend(below if alike else [])
        waiting += [] if alike else reversed(below)
    return found


def _joint(morphology: Morphology, section: Section) -> tuple[int, float]:
    """Where a section joins: what joins another at its 0 end joins where that does."""
    parent, x = section.parent, section.parent_x
    while x == 0 and morphology.sections[parent].parent >= 0:
        parent, x = morphology.sections[parent].parent, morphology.sections[parent].parent_x
    return parent, x


def _add(
    made: _File,
    morphology: Morphology,
    placed: list[Float[np.ndarray, "point 4"]],
    index: int,
    types: dict[str, int],
) -> None:
    section = morphology.sections[index]
    kind, points = types[section.region], placed[index]
    above = -1
    if section.parent >= 0:
        parent, x = _joint(morphology, section)
        low, high = made.first[parent], made.last[parent]
        above = low if x == 0 else high if x == 1 else _inner(low, high, x)
        wire = x not in (0, 1) and made.rows[above][0] == _SOMA != kind
        points = points if wire else points[_skipped(made, above, points, kind) :]
        if len(points) == 1:  # Import3d takes a branch of it for one that joins its 0 end
            points = np.stack((_middle(made.rows[above][1], points[0], kind, made.rows[above][0]), points[0]))
    elif len(points) == 3 and _is_sphere(points):
        points = points[1:2] if _wired(morphology) else points
    elif len(points) == 2:
        points = np.insert(points, 1, points.mean(axis=0), axis=0)  # something amid the soma to join
    made.first[index] = len(made.rows)
    for point in points:
        made.rows.append((kind, point, above))
        above = len(made.rows) - 1
    made.last[index] = above


def _inner(low: int, high: int, x: float) -> int:
    return min(max(low + 1, low + round((high - low) * x)), high - 1) if high - low > 1 else low


def _skipped(made: _File, above: int, points: Float[np.ndarray, "point 4"], kind: int) -> int:
    """1 where Import3d adds the first point by itself (or something nearer to it than twice the same place), else 0."""
    parent_kind, at, _ = made.rows[above]
    if np.abs(at[:3] - points[0, :3]).max() > 1e-4 or len(points) < 2:
        return 0
    length = float(np.sqrt(np.sum((points[1, :3] - points[0, :3]) ** 2)))
    first = points[1, 3] if parent_kind == _SOMA and kind != _SOMA else at[3]
    ring = 0.25 * abs(points[0, 3] ** 2 - first**2)
    return int(0.5 * abs(points[0, 3] - first) * length <= ring)


def _middle(
    above: Float[np.ndarray, " 4"], point: Float[np.ndarray, " 4"], kind: int, parent_kind: int
) -> Float[np.ndarray, " 4"]:
    """The point half way from a joint to the only point of a section."""
    middle = (above + point) / 2
    if parent_kind == _SOMA != kind:
        middle[3] = point[3]
    return np.asarray(middle)


def _is_sphere(points: Float[np.ndarray, "3 4"]) -> bool:
    d = points[0, 3]
    far = points[:, 0] - points[1, 0]
    same = np.ptp(points[:, 3]) == 0 and np.ptp(points[:, 1]) == 0 and np.ptp(points[:, 2]) == 0
    return bool(same and np.allclose(far, [-d / 2, 0, d / 2], rtol=1e-6))


def _wired(morphology: Morphology) -> bool:
    return all(section.parent_x == 0.5 for section in morphology.sections if section.parent == 0)


def _losses(morphology: Morphology, path: Path) -> tuple[str, ...]:
    again = read_swc(path, ("soma", "lengths"))
    said = [*again.notes]
    if len(again.sections) != len(morphology.sections):
        said.append(f"{len(morphology.sections)} sections are {len(again.sections)} in SWC")
    custom = [region for region in morphology.regions if region not in _TYPES]
    for name, regions in [*((r, [r]) for r in morphology.regions if r in _TYPES), (", ".join(custom), custom)]:
        before = sum(morphology.region_area(region) for region in regions)
        after = again.region_area(regions[0] if regions[0] in _TYPES else "custom") if regions else 0.0
        if abs(after - before) > 1e-6 * before:
            said.append(f"the area of {name} is {after:.6g} um2 in SWC instead of {before:.6g}")
    return tuple(said)
