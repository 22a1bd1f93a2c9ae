"""Where the cells that ship lie, and how a message names the file of a cell that is to be edited."""

from __future__ import annotations

from pathlib import Path

CELLS = Path(__file__).parent.parent / "cells"


def shipped_cells() -> tuple[str, ...]:
    """The names of the cells that ship."""
    return tuple(sorted(file.stem for file in CELLS.glob("*.yaml")))


def editable(file: Path | None) -> str:
    """What to edit in place of a cell's file: the file, or a copy of it where it ships."""
    if file is None:
        return "the cell"
    return f"a copy (gbar cells {file.stem} --copy mycell)" if file.parent == CELLS else file.name


def blamed(file: Path | None) -> Path | None:
    """The file of a cell that a message may point into: none where it ships, for that is not the user's to edit."""
    return None if file is None or file.parent == CELLS else file
