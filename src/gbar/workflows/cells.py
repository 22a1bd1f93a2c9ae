"""`gbar cells`: the cells that ship, what one of them is made of, its portrait, and a copy to edit."""

from __future__ import annotations

import textwrap
from pathlib import Path

from gbar.cell import read_cell, shipped_cells
from gbar.cell.copy import MOD_FILES, copy_cell
from gbar.errors import UserError
from gbar.files import refuse_existing
from gbar.workflows.described import described, gist
from gbar.workflows.progress import Progress


def cells(
    name: str | None = None,
    output: Path | None = None,
    *,
    copy: Path | None = None,
    morphology: Path | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> str:
    """What to print: the table of all cells, or all about one; its picture goes to `output`, a copy of it to `copy`.

    `name` is a cell that ships or a YAML file; `morphology` a reconstruction in the place of its shape. Raises
    CellError, OutputError, and UserError for options that do not go together.
    """
    if name is None:
        if output is not None or copy is not None or morphology is not None:
            raise UserError("no cell is named", remedy=f"there are {', '.join(shipped_cells())}")
        return table()
    if copy is not None:
        if output is not None or morphology is not None:
            raise UserError("--copy goes with no other option", remedy="copy the cell first, then use the copy")
        made = copy_cell(name, copy, overwrite=overwrite)
        return f"{made}: {name}, to edit; its channels are in {made.parent / MOD_FILES}\n"
    if output is not None:
        from gbar.report.output import picture_format

        picture_format(output)
        refuse_existing(output, overwrite, "")
    cell = read_cell(name, morphology=morphology)
    text = described(cell)
    if output is None:
        return text
    from gbar.workflows.portrait import draw

    draw(cell, output, threads=threads, progress=progress)
    return f"{text}\n{output}: the picture\n"


def table() -> str:
    """The cells that ship, a line each: free parameters, compartments, stimuli, sites, and what they are."""
    from gbar.report.tables import text_table

    rows = []
    for name in shipped_cells():
        cell = read_cell(name)
        recorded = textwrap.shorten(", ".join(site.name for site in cell.recorded), 24, placeholder=" …")
        counts = (str(len(cell.space)), str(cell.compartments), str(len(cell.protocol.stimuli)))
        rows.append((name, *counts, recorded, gist(cell.description, 84)))
    header = ("cell", "free", "compartments", "stimuli", "records", "what it is")
    more = "gbar cells NAME tells more, -o NAME.png draws it, --copy FOLDER makes a cell of your own of it."
    return f"{text_table(header, rows)}\n\n{more}\n"
