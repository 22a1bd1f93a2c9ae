"""Foreign cells as gbar's: a BluePyOpt folder or an Allen fit.json, with a morphology, to a folder with a cell."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gbar.cell import Origin, write_cell
from gbar.document import Node
from gbar.errors import CellError
from gbar.exchange import allen, bluepyopt
from gbar.exchange.bluepyopt_protocols import read_protocols
from gbar.exchange.json_file import read_json
from gbar.exchange.recipe import Imported, cook
from gbar.files import make_folder, write_whole
from gbar.morphology import Morphology, read_morphology, replace_axon, replace_axon_tapered, stub_axon

AXONS: dict[str, tuple[Any, Any]] = {  # -> what it does, and what a cell's YAML calls it
    "keep": (lambda morphology: morphology, None),
    "stub": (stub_axon, "allen"),
    "truncated": (lambda morphology: replace_axon(morphology, origin=0.0), {"bluepyopt": {"origin": "0"}}),
    "bluepyopt": (replace_axon, "bluepyopt"),
    "sscx": (replace_axon_tapered, "sscx"),
}


@dataclass(frozen=True)
class Choices:
    """What the files leave open.

    `axon` is one of AXONS; without it, as the original builds the cell. `values` is a JSON file of parameter sets,
    `row` the one that becomes the cell's own. `threshold` and `holding` (nA) are the currents that some of BluePyOpt's
    protocols refer to, `apical_point` the number of the section that its distances lead to.
    """

    axon: str | None = None
    repair: tuple[str, ...] = ()
    values: Path | None = None
    row: int = 0
    threshold: float | None = None  # nA
    holding: float | None = None  # nA
    apical_point: int | None = None


def import_cell(
    source: str | Path,
    morphology: str | Path,
    folder: str | Path,
    *,
    mod_files: str | Path | None = None,
    choices: Choices | None = None,
) -> Imported:
    """Writes the cell of a BluePyOpt folder or an Allen fit.json into a folder: `cell.yaml`, morphology, .mod files.

    Mechanisms come from the folder `mod_files`, else from those that ship. Returns the cell and what was added or left
    out, a line each. Raises CellError, NmodlError, OutputError with the place of what cannot be taken over.
    """
    choices, source, morphology, folder = choices or Choices(), Path(source), Path(morphology), Path(folder)
    if not source.exists():
        raise CellError("no such file or folder", file=source, remedy="check the path")
    if choices.axon is not None and choices.axon not in AXONS:
        raise CellError(f"unknown axon {choices.axon!r}", remedy=f"there are {', '.join(AXONS)}")
    mods = Path(mod_files) if mod_files is not None else None
    read = _Morphology(morphology, choices)
    document = read_json(source) if source.is_file() else _only_fit(source)
    if document is not None and allen.is_allen(document):
        made = _allen(document, read, mods)
    else:
        made = _bluepyopt(source, read, mods, choices)
    return _written(made, folder)


def _only_fit(folder: Path) -> Node | None:
    """The fit.json of a folder, if it holds one; raises CellError where it holds several."""
    fits = [node for file in sorted(folder.glob("*.json")) if allen.is_allen(node := read_json(file))]
    if len(fits) > 1:
        names = ", ".join(node.file.name for node in fits if node.file)
        raise CellError(f"holds {len(fits)} fits: {names}", file=folder, remedy="name one of them")
    return fits[0] if fits else None


class _Morphology:
    """The reconstruction that a cell is put on, with the axon that the original gives it."""

    def __init__(self, file: Path, choices: Choices) -> None:
        self.file, self.choices = file, choices

    def made(self, axon: str) -> tuple[Morphology, Origin]:
        change, entry = AXONS[self.choices.axon or axon]
        shape = change(read_morphology(self.file, repair=self.choices.repair))
        entries = {"repair": list(self.choices.repair)} if self.choices.repair else {}
        entries |= {"axon": entry} if entry is not None else {}
        return shape, Origin(self.file, hashlib.sha256(self.file.read_bytes()).hexdigest(), entries, shape)


def _allen(document: Any, read: _Morphology, mods: Path | None) -> Imported:
    fit = allen.read_fit(document, _name(document.file.stem))
    shape, origin = read.made(fit.axon)
    made = cook(fit.recipe, shape, allen.protocol(fit.v_init), (), mod_files=mods, origin=origin)
    notes = (*fit.notes, f"a fit says no stimulus: a second of {allen.AMPLITUDE:g} nA is the cell's protocol")
    return replace(made, notes=(*shape.notes, *notes, *made.notes))


def _bluepyopt(source: Path, read: _Morphology, mods: Path | None, choices: Choices) -> Imported:
    files = bluepyopt.read_folder(source)
    recipe, v_init, notes = bluepyopt.read_recipe(files, _name(source.resolve().stem))
    shape, origin = read.made("sscx" if files.new else "bluepyopt")
    results = read_json(choices.values) if choices.values else files.results
    values = bluepyopt.read_values(results, choices.row) if results else {}
    if results and results.file:
        notes.append(f"{results.file.name}: parameter set {choices.row} gives the cell's own values")
    experiment = read_protocols(
        files.protocols, shape, v_init,
        threshold=choices.threshold, holding=choices.holding, apical_point=choices.apical_point,
    )  # fmt: skip
    made = cook(recipe, shape, experiment.protocol, experiment.sites, values=values, mod_files=mods, origin=origin)
    return replace(made, notes=(*shape.notes, *notes, *experiment.notes, *made.notes))


def _name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_") or "cell"


def _written(made: Imported, folder: Path) -> Imported:
    """The cell in its folder, with the morphology beside it."""
    make_folder(folder)
    origin = made.cell.origin
    if origin is None:
        raise CellError("the cell has no morphology", remedy="name a file")
    copy = folder / origin.file.name
    if not copy.exists() or copy.resolve() != origin.file.resolve():
        write_whole(copy, origin.file.read_bytes())
    cell = replace(made.cell, origin=replace(origin, file=copy), file=folder / "cell.yaml")
    write_cell(cell, folder / "cell.yaml")
    return replace(made, cell=cell)
