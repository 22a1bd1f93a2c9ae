"""`gbar import` and `gbar export`: cells from and to the formats of other simulators."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from gbar import units
from gbar.cell import Cell, read_cell
from gbar.document import nearest
from gbar.errors import CellError, ParameterError
from gbar.exchange.importing import Choices, import_cell
from gbar.files import make_folder, refuse_existing

FORMATS = ("neuron", "bluepyopt", "swc")
_MARKS = {"neuron": "cell.py", "bluepyopt": "parameters.json", "swc": "morphology.swc"}


def import_from(
    source: Path,
    output: Path,
    *,
    morphology: Path,
    mechanisms: Path | None = None,
    axon: str | None = None,
    repair: tuple[str, ...] = (),
    values: Path | None = None,
    row: int = 0,
    threshold: str | None = None,
    holding: str | None = None,
    apical_point: int | None = None,
    overwrite: bool = False,
) -> str:
    """Makes a gbar cell of a BluePyOpt folder or an Allen fit.json in the folder `output`; returns what to print."""
    refuse_existing(output, overwrite, "cell.yaml")
    stated = {"threshold": threshold, "holding": holding}
    currents = {name: units.quantity(text, "nA") for name, text in stated.items() if text is not None}
    choices = Choices(axon, repair, values, row, apical_point=apical_point, **currents)
    made = import_cell(source, morphology, output, mod_files=mechanisms, choices=choices)
    cell = made.cell
    lines = [
        f"{cell.name}: {len(cell.morphology.sections)} sections, {cell.compartments} compartments, "
        f"{len(cell.space)} free parameters, {len(cell.protocol.stimuli)} stimuli, {len(cell.sites)} sites",
        *(f"note: {note}" for note in made.notes),
        f"written to {output / 'cell.yaml'}",
    ]
    return _printable([*lines, ""])


def export_to(
    source: str | Path | Cell,
    to: Literal["neuron", "bluepyopt", "swc"],
    output: Path,
    *,
    theta: Path | None = None,
    row: int = 0,
    overwrite: bool = False,
) -> str:
    """Writes a cell for another simulator into the folder `output`; returns what to print.

    `theta` is a file of parameter sets (JSON, CSV with names in its first line, or simulations made by gbar), `row` the
    one to take; without it, the cell's own values. Raises CellError, ParameterError, OutputError.
    """
    if to not in FORMATS:
        raise CellError(f"unknown format {to!r}", remedy=f"{nearest(to, FORMATS)}there are {', '.join(FORMATS)}")
    cell = source if isinstance(source, Cell) else read_cell(source)
    refuse_existing(output, overwrite, _MARKS[to])
    if theta is not None:
        cell = cell.at(read_theta(theta, cell, row))
    notes = _write(cell, to, output)
    told = [f"note: {note}" for note in notes]
    return _printable([f"{cell.name} written to {output}", *told, ""])


def _printable(lines: list[str]) -> str:
    """Lines for a terminal: names come from files, and may hold what no terminal takes."""
    return "\n".join(lines).encode("utf-8", "backslashreplace").decode()


def _write(cell: Cell, to: str, output: Path) -> tuple[str, ...]:
    if to == "neuron":
        from gbar.exchange.neuron import export_neuron

        export_neuron(cell, output)
        return ("compile with `nrnivmodl mechanisms` in that folder, then run `python cell.py -o traces.npz`",)
    if to == "bluepyopt":
        from gbar.exchange.bluepyopt_export import export_bluepyopt

        return export_bluepyopt(cell, output)
    from gbar.exchange.mod_files import write_mod_files
    from gbar.morphology import write_swc

    notes = write_swc(cell.morphology, make_folder(output) / _MARKS["swc"])
    write_mod_files([p.mechanism for region in cell.regions for p in region.mechanisms], output / "mechanisms")
    return notes


def read_theta(file: Path, cell: Cell, row: int) -> Float[np.ndarray, " parameter"]:
    """One parameter set of a cell from a file. Raises ParameterError, CellError, DatasetError."""
    names = cell.space.names
    if file.is_dir():
        from gbar.dataset import open_dataset

        data = open_dataset(file)
        if data.manifest.space.names != names:
            raise ParameterError("its parameters are not those of the cell", file=file, remedy="name another file")
        return np.array(data.theta[_checked(file, row, len(data.theta))], dtype=np.float64)
    rows = _json_rows(file) if file.suffix.lower() == ".json" else _csv_rows(file)
    found = rows[_checked(file, row, len(rows))]
    for name in names:
        if name not in found:
            what = f"has no value of {name}"
            raise ParameterError(
                what, file=file, remedy=f"{nearest(name, found)}give one for each of {', '.join(names)}"
            )
    return np.array([found[name] for name in names])


def _checked(file: Path, row: int, count: int) -> int:
    if not 0 <= row < count:
        raise ParameterError(f"has {count} parameter sets, none numbered {row}", file=file, remedy="count from 0")
    return row


def _json_rows(file: Path) -> list[dict[str, float]]:
    from gbar.exchange.json_file import numbers, read_json

    node = read_json(file)
    return [numbers(entry) for entry in (node.items() if isinstance(node.value, tuple) else (node,))]


def _csv_rows(file: Path) -> list[dict[str, float]]:
    from gbar.document import read_text

    lines = [line for line in read_text(file, ParameterError, limit=400_000_000).splitlines() if line.strip()]
    header = [name.strip().strip('"').split(" [")[0] for name in lines[0].split(",")]
    found = []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split(",")
        try:
            values = [float(cell) for cell in cells]
        except ValueError:
            values = []
        if len(values) != len(header) or not all(map(math.isfinite, values)):
            raise ParameterError(f"expected {len(header)} numbers, got {line[:40]!r}", file=file, line=number,
                                 remedy="write names in the first line and numbers below, commas between")  # fmt: skip
        found.append(dict(zip(header, values, strict=True)))
    return found
