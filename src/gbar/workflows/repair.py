"""`gbar data check`: the checksums of a data set, and damaged blocks made anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar.cell import Cell, read_cell
from gbar.dataset import Damage, Manifest, find_damage, open_dataset, read_manifest, reopen, stored_theta
from gbar.design import design_from_json
from gbar.errors import DatasetError
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
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[Damage, ...]:
    """Compares the checksums of every chunk of the data set at `store`; returns what was damaged and has been repaired.

    With `repair`, the blocks that are damaged, and no others, are simulated again, with `cell` (the shipped one of the
    name in the manifest unless given), which has to be the one that they were made with. Raises DatasetError for damage
    that is left.
    """
    progress = progress or Silent()
    with progress.stage("checked", "rows") as report:
        damage = find_damage(store, report)
    if damage and not repair:
        raise DatasetError(in_words(damage), file=store, remedy="add --repair to make these blocks anew")
    if damage:
        progress.say(f"{store}: {in_words(damage)}")
        _repair(store, damage, cell, threads, progress)
    rows = len(open_dataset(store))
    progress.say(f"{store}: {rows:,} rows, every chunk is whole")
    return damage


def in_words(damage: Sequence[Damage]) -> str:
    """The first few pieces of damage, and how many there are."""
    more = f"; {len(damage) - _NAMED:,} more" if len(damage) > _NAMED else ""
    return "; ".join(str(one) for one in damage[:_NAMED]) + more


def _repair(
    store: Path, damage: Sequence[Damage], cell: str | Path | Cell | None, threads: int | None, progress: Progress
) -> None:
    about = read_manifest(store)
    cell, protocol = _made_with(about, cell, store, progress)
    kernel = build(cell, about.precision)  # type: ignore[arg-type]
    with reopen(store, damage) as writer, progress.stage("simulated again", "rows") as report:

        def draw(start: int, stop: int) -> Float[np.ndarray, "row parameter"]:
            """The stored parameters where they are whole, those of the design where not."""
            found = []
            for a, b in ((a, b) for a, b in about.blocks(writer.rows) if start <= a < stop):
                theta = stored_theta(store, a, b)
                if theta is None:
                    theta = design_from_json(about.design).theta(cell.space, about.seed, a, b, rows=writer.rows)
                found.append(theta)
            return np.concatenate(found)

        fill(writer, kernel, protocol, draw, writer.write, threads=threads, report=report)
        writer.mended()


def _made_with(
    about: Manifest, cell: str | Path | Cell | None, store: Path, progress: Progress
) -> tuple[Cell, Protocol]:
    """The cell and the protocol that a data set was made with; raises DatasetError naming what has changed."""
    protocol = Protocol.from_json(about.protocol)
    found = cell if isinstance(cell, Cell) else read_cell(cell or about.cell)
    found = found.recording(protocol.sites)
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
