"""`gbar data check`: the checksums of a data set, and damaged blocks made anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar.cell import Cell, read_cell, shipped_cells
from gbar.dataset import (
    Damage,
    Manifest,
    find_damage,
    open_dataset,
    read_manifest,
    reopen,
    settled,
)
from gbar.dataset.places import ANEW, CHECK
from gbar.design import Design, Table, design_from_json, read_table
from gbar.errors import DatasetError, ParameterError
from gbar.kernel.build import build
from gbar.protocol import Protocol
from gbar.workflows.progress import Progress, Silent
from gbar.workflows.simulate import fill, manifest

_NAMED = 3  # pieces of damage that a refusal names


def check_dataset(
    store: Path,
    *,
    repair: bool = False,
    cell: str | Path | Cell | None = None,
    table: Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[Damage, ...]:
    """Compares the checksums of every chunk of the data set at `store`; returns what was damaged and has been repaired.

    With `repair`, the blocks that are damaged, and no others, are simulated again, with `cell` (the shipped one of the
    name in the manifest unless given), which has to be the one that they were made with; `table` is that of the design,
    if parameters of it are damaged. Raises DatasetError for damage that is left.
    """
    progress, store = progress or Silent(), settled(store)
    damage = _found(store, progress)
    if damage and not repair:
        raise DatasetError(in_words(damage), file=store, remedy="add --repair to make these blocks anew")
    if damage:
        progress.say(f"{store}: {in_words(damage)}")
        _repair(store, damage, cell, table, threads, progress)
    rows = len(open_dataset(store))
    progress.say(f"{store}: {rows:,} rows, every chunk is whole")
    return damage


def _found(store: Path, progress: Progress) -> tuple[Damage, ...]:
    """What is damaged; raises DatasetError where it is that by which the rest is read."""
    try:
        with progress.stage("checked", "rows") as report:
            return find_damage(store, report)
    except DatasetError as error:
        remedy = f"what zarr.json says cannot be repaired: {ANEW}" if CHECK in (error.remedy or "") else error.remedy
        raise DatasetError(error.what, file=error.file, remedy=remedy) from None


def in_words(damage: Sequence[Damage]) -> str:
    """The first few pieces of damage, and how many there are."""
    more = f"; {len(damage) - _NAMED:,} more" if len(damage) > _NAMED else ""
    return "; ".join(str(one) for one in damage[:_NAMED]) + more


def _repair(
    store: Path,
    damage: Sequence[Damage],
    cell: str | Path | Cell | None,
    table: Path | None,
    threads: int | None,
    progress: Progress,
) -> None:
    about = read_manifest(store)
    cell, protocol = _made_with(about, cell, store, progress)
    lost = {one.start for one in damage if one.stop and one.array in ("theta", "unit")}
    design = _design(about, cell, table) if lost or table is not None else None
    kernel = build(cell, about.precision)  # type: ignore[arg-type]
    with reopen(store, damage) as writer, progress.stage("simulated again", "rows") as report:

        def draw(start: int, stop: int) -> Float[np.ndarray, "row parameter"]:
            """The stored parameters where they are whole, those of the design where not."""
            blocks = [(a, b) for a, b in about.blocks(writer.rows) if start <= a < stop]
            return np.concatenate(
                [
                    design.theta(cell.space, about.seed, a, b, writer.rows)
                    if design is not None and a in lost
                    else writer.theta(a, b)
                    for a, b in blocks
                ]
            )

        fill(writer, kernel, protocol, draw, writer.write, threads=threads, report=report)
        writer.mended()
    if left := find_damage(store, among={one.start for one in damage}):
        raise DatasetError(f"{in_words(left)}, still", file=store, remedy=ANEW)


def _design(about: Manifest, cell: Cell, table: Path | None) -> Design:
    """How the rows were chosen; of a table, from the file. Raises ParameterError for another table, or none."""
    if about.design.get("kind") != "table":
        if table is not None:
            raise ParameterError("its rows are not those of a table", file=table, remedy="leave out --table")
        return design_from_json(about.design)
    if table is None:
        what = f"damaged parameters are those of the table {about.design.get('file')}"
        raise ParameterError(what, remedy="name it: --table FILE.csv")
    values, sha256 = read_table(table, cell.space)
    if sha256 != about.design.get("sha256"):
        raise ParameterError("it is not the table that the rows were made of", file=table, remedy="name that one")
    return Table(table.name, sha256, values)


def _cell(about: Manifest, cell: str | Path | Cell | None, store: Path) -> Cell:
    """The cell that is named, or the shipped one of the name in the manifest, if it has these sites."""
    if cell is not None:
        return cell if isinstance(cell, Cell) else read_cell(cell)
    found = read_cell(about.cell) if about.cell in shipped_cells() else None
    if found is None or not set(about.sites) <= {site.name for site in found.sites}:
        what = f"it was made with a cell called {about.cell} that does not ship"
        raise DatasetError(what, file=store, remedy="name the file of that cell: --cell FILE")
    return found


def _made_with(
    about: Manifest, cell: str | Path | Cell | None, store: Path, progress: Progress
) -> tuple[Cell, Protocol]:
    """The cell and the protocol that a data set was made with; raises DatasetError naming what has changed."""
    protocol = Protocol.from_json(about.protocol)
    found = _cell(about, cell, store).recording(about.sites)
    asked = manifest(found, protocol, seed=about.seed, precision=about.precision, storage=about.storage)
    if asked.layouts != about.layouts or about.rig is not None:
        what = "it holds reduced or filtered traces, which cannot be repaired alone"
        raise DatasetError(what, file=store, remedy="delete it, and do the inference that made it again")
    asked = replace(asked, design=about.design, block=about.block, vetting=about.vetting)
    if changed := about.differences(asked):
        what = f"it was made with something else: {'; '.join(changed)}"
        raise DatasetError(what, file=store, remedy="name the cell that it was made with: --cell FILE")
    about.check_version(asked, store)
    if elsewhere := about.elsewhere(asked):
        progress.say(f"warning: {store.name} was made elsewhere ({', '.join(elsewhere)}); rows may differ by rounding")
    return found, protocol
