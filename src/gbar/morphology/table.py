"""Section tables in JSON: cells that were published as lengths and diameters, without 3-D points."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gbar.errors import CellError
from gbar.morphology.cylinders import Cylinder, branching
from gbar.morphology.morphology import Morphology, Section, traced
from gbar.morphology.points import FARTHEST, read_text

_STEMS = (("soma", "soma"), ("axon", "axon"), ("dend", "basal"), ("apic", "apical"))


def read_table(path: Path, repair: Collection[str]) -> Morphology:
    """Reads `{"sections": [{"name", "parent", "parentx", "L", "diam", "pt3d"}, ...]}`.

    A section that joins its parent with its 0 end, is L um long and has one diameter, a list of them (of its segments,
    um; all alike) or points (x y z diam). Its region follows from its name: soma, axon, dend (basal), apic (apical), or
    else it is custom.
    """
    try:
        data = json.loads(read_text(path))
    except (ValueError, RecursionError):
        raise CellError("this is no JSON", file=path, remedy="a section table is JSON: {sections: [...]}") from None
    rows = data.get("sections") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise CellError("expected a list of sections", file=path, remedy='write {"sections": [{"name": ...}, ...]}')
    cylinders: dict[str, Cylinder] = {}
    points: dict[str, Any] = {}
    for number, row in enumerate(rows):
        name, cylinder = _row(path, number, row)
        if name in cylinders:
            raise CellError(f"two sections are called {name}", file=path, remedy="give each a name of its own")
        cylinders[name] = cylinder
        points[name] = row.get("pt3d")
    try:
        morphology = branching(cylinders)
        return replace(morphology, sections=tuple(_traced(section, points) for section in morphology.sections))
    except CellError as error:
        raise CellError(error.what, file=path, remedy=error.remedy) from None


def _row(path: Path, number: int, row: Mapping[str, Any]) -> tuple[str, Cylinder]:
    name, parent = row.get("name"), row.get("parent")
    where = f"section {number} ({name})"
    if not isinstance(name, str) or not name or not (parent is None or isinstance(parent, str)):
        raise CellError(
            f"{where}: name and parent are to be texts", file=path, remedy="name it, and its parent or null"
        )
    if row.get("childend") not in (None, 0):
        raise CellError(f"{where} joins its parent with its 1 end", file=path, remedy="turn it round")
    diams = row.get("diam")
    diams = diams if isinstance(diams, list) and diams else [diams]
    x = 1.0 if row.get("parentx") is None else row["parentx"]
    numbers = [row.get("L"), x, *diams]
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in numbers):
        raise CellError(f"{where}: L, parentx and diam are to be numbers", file=path, remedy="give L and diam in um")
    if len(set(diams)) > 1 and not row.get("pt3d"):
        what = f"{where} has several diameters and no points"
        raise CellError(what, file=path, remedy="divide it into sections of one diameter, or give it points")
    region = next((region for stem, region in _STEMS if name.startswith(stem)), "custom")
    return name, Cylinder(float(row["L"]), float(diams[0]), region, parent, float(x))


def _traced(section: Section, points: Mapping[str, Any]) -> Section:
    given = points[section.name]
    if not given:
        return section
    try:
        table = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        table = np.empty(0)
    if table.ndim != 2 or table.shape[1] != 4 or len(table) < 2 or not (np.abs(table) <= FARTHEST).all():
        raise CellError(
            f"section {section.name}: pt3d are no points", remedy="give two or more of [x, y, z, diam] in um"
        )
    return traced(section.name, section.region, table, section.parent, section.parent_x)
