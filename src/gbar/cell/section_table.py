"""Any morphology as a table in a text file, exactly: what a cell's YAML refers to where no other file holds its shape.

Comma-separated, a heading, and one row for every 3-D point, or for a section without points: `section`, `region`,
`parent` (a section's name, empty for the root), `parent_x`, `segments` (empty: by the cell's rule), `L` and `diam`
(um), `diams` (um, of a section of cylinders, separated by blanks), `x`, `y`, `z`, `d` (um, of the point).
"""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import numpy as np

from gbar.document import read_text
from gbar.errors import CellError
from gbar.morphology import Morphology, Section

HEADING = ("section", "region", "parent", "parent_x", "segments", "L", "diam", "diams", "x", "y", "z", "d")
MAX_BYTES = 400_000_000


def table_of(morphology: Morphology) -> str:
    """The table as a text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADING)
    for section in morphology.sections:
        parent = morphology.sections[section.parent].name if section.parent >= 0 else ""
        diams = " ".join(repr(float(d)) for d in section.diams or ())
        size = (repr(float(section.L)), repr(float(section.diam)), diams)
        head = (section.name, section.region, parent, repr(float(section.parent_x)), section.nseg or "", *size)
        if section.points is None:
            writer.writerow((*head, "", "", "", ""))
        else:
            writer.writerows((*head, *map(repr, point)) for point in section.points.tolist())
    return text.getvalue()


def read_sections(file: Path, sha256: str | None = None) -> Morphology:
    """The morphology in a table; refuses one that does not have the stated sha256. Raises CellError with the line."""
    text = read_text(file, CellError, limit=MAX_BYTES)
    if sha256 is not None and hashlib.sha256(text.encode()).hexdigest() != sha256:
        raise CellError("does not hold the sections that were written", file=file, remedy="bring back the file")
    rows = csv.reader(io.StringIO(text))
    sections: list[Section] = []
    index: dict[str, int] = {}
    points: list[list[float]] = []
    head: list[str] = []
    try:
        if tuple(next(rows)) != HEADING:
            raise CellError("is no table of sections", file=file, line=1, remedy=f"begin with {','.join(HEADING)}")
        for row in rows:
            if len(row) != len(HEADING):
                raise ValueError(f"{len(row)} columns, not {len(HEADING)}")
            if row[:8] != head:
                _close(sections, index, head, points)
                head, points = row[:8], []
            if any(row[8:]):
                points.append([float(x) for x in row[8:]])
        _close(sections, index, head, points)
        return Morphology(tuple(sections))
    except (ValueError, KeyError, csv.Error, StopIteration) as trouble:
        raise CellError(f"is damaged: {trouble}", file=file, line=rows.line_num, remedy="bring back the file") from None


def _close(sections: list[Section], index: dict[str, int], head: list[str], points: list[list[float]]) -> None:
    """Adds the section whose rows have ended."""
    if not head:
        return
    name, region, parent, x, segments, L, diam, diams = head
    index[name] = len(sections)
    sections.append(
        Section(
            name,
            region,
            float(L),
            float(diam),
            index[parent] if parent else -1,
            float(x),
            np.array(points) if points else None,
            tuple(float(d) for d in diams.split()) or None,
            int(segments) if segments else None,
        )
    )
