"""Cells as YAML files: the ones that ship, by name, and a user's own, by path. The format: docs/cell-format.md."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from gbar import mechanism, units
from gbar.cell.cell import Cell
from gbar.cell.painted import Painted
from gbar.cell.region import Region
from gbar.document import Node, nearest, read_yaml
from gbar.errors import CellError, OutputError, UnitError
from gbar.files import write_whole
from gbar.morphology import Morphology, cylinder, sphere
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Protocol, Sampled, Sum, Waveform

CELLS = Path(__file__).parent.parent / "cells"
SMALL = 64  # samples up to which a sampled current stands in the YAML itself

_LINE_BREAKS = frozenset("\x85\u2028\u2029")
_REQUIRED = ("name", "temperature", "morphology", "regions", "parameters", "protocol")


def shipped_cells() -> tuple[str, ...]:
    """The names of the cells that ship."""
    return tuple(sorted(file.stem for file in CELLS.glob("*.yaml")))


def read_cell(source: str | Path) -> Cell:
    """The cell of a shipped name (`sphere`) or of a YAML file (`./mycell.yaml`).

    Raises CellError (ProtocolError, NmodlError) with file, line and column of what is wrong.
    """
    if isinstance(source, str) and not source.endswith((".yaml", ".yml")) and not re.search(r"[/\\]", source):
        if source not in shipped_cells():
            hint = nearest(source, shipped_cells())
            remedy = f"{hint}shipped: {', '.join(shipped_cells())}, or give a path to a .yaml file"
            raise CellError(f"no cell named {source!r}", remedy=remedy)
        return _cell(read_yaml(CELLS / f"{source}.yaml", CellError))
    return _cell(read_yaml(Path(source), CellError))


def _cell(node: Node) -> Cell:
    entries = node.mapping(required=_REQUIRED, optional=("description", "source"))
    regions = {name: _region(name, entry) for name, entry in entries["regions"].mapping(optional=None).items()}
    if len(regions) != 1:
        raise entries["regions"].fail(
            f"describes {len(regions)} regions", "describe one; gbar has one compartment for now"
        )
    with node.blamed():
        bare = Cell(
            name=entries["name"].text(),
            morphology=_morphology(entries["morphology"], next(iter(regions))),
            regions=tuple(regions.values()),
            temperature=entries["temperature"].quantity("degC"),
            space=ParameterSpace(()),
            protocol=Protocol.from_node(entries["protocol"]),
            description=entries["description"].text() if "description" in entries else "",
            source=entries["source"].text() if "source" in entries else "",
            file=node.file,
        )
    named = entries["parameters"].mapping(optional=None).items()
    parameters = tuple(_parameter(name, entry, bare) for name, entry in named)
    with entries["parameters"].blamed():
        return replace(bare, space=ParameterSpace(parameters))


def _morphology(node: Node, region: str) -> Morphology:
    shapes = node.mapping(optional=("sphere", "cylinder"))
    if len(shapes) != 1:
        raise node.fail(
            f"expected one shape, got {len(shapes)}",
            "write `sphere: {diameter: 20 um}` or `cylinder: {L: ..., diam: ...}`",
        )
    with node.blamed():
        if "sphere" in shapes:
            return sphere(shapes["sphere"].mapping(required=("diameter",))["diameter"].quantity("um"), region)
        lengths = shapes["cylinder"].mapping(required=("L", "diam"))
        return cylinder(lengths["L"].quantity("um"), lengths["diam"].quantity("um"), region)


def _region(name: str, node: Node) -> Region:
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise (node.key or node).fail(f"{name!r} is no name for a region", "use letters, digits and _")
    entries = node.mapping(required=("cm", "mechanisms"), optional=("reversals",))
    reversals = entries["reversals"].mapping(optional=None) if "reversals" in entries else {}
    painted = entries["mechanisms"].mapping(optional=None)
    with node.blamed():
        return Region(
            name=name,
            cm=entries["cm"].quantity("uF/cm2"),
            mechanisms=tuple(_painted(label, entry) for label, entry in painted.items()),
            reversals={ion: value.quantity("mV") for ion, value in reversals.items()},
        )


def _painted(name: str, node: Node) -> Painted:
    entries = node.mapping(optional=None) if node.value not in (None, "") else {}
    read = mechanism.read(_mod_path(name, node, entries.pop("file", None)))
    if read.name != name:
        raise (node.key or node).fail(f"{read.file.name} has the SUFFIX {read.name}", f"write `{read.name}:`")
    known = Painted(read).parameters
    values: dict[str, float] = {}
    for label, value in entries.items():
        with (value.key or value).blamed():
            if label not in known:
                Painted(read, {label: 0.0})  # complains
        values[label] = _number(value, known[label].unit)
        with value.blamed():
            Painted(read, {label: values[label]})
    return Painted(read, values)


def _mod_path(name: str, node: Node, stated: Node | None) -> Path:
    if stated is not None:
        file = stated.beside()
        if not file.is_file():
            raise stated.fail(f"there is no file {file}", "check the path: it is relative to the cell's file")
        return file
    if name not in mechanism.shipped():
        remedy = f"shipped: {', '.join(mechanism.shipped())}; or name your own with `file: {name}.mod`"
        raise (node.key or node).fail(
            f"no mechanism named {name!r} ships with gbar", nearest(name, mechanism.shipped()) + remedy
        )
    return mechanism.shipped_file(name)


def _number(node: Node, unit: str) -> float:
    """A parameter's value; where gbar does not know the mod file's unit, the same word must stand behind the number."""
    try:
        units.parse(unit)
    except UnitError:
        word = unit.strip("() ")
        try:
            return float(node.text().strip().removesuffix(word))
        except ValueError:
            raise node.fail(f"expected a number of {word}", f"write for example 1 {word}") from None
    return node.quantity(unit)


def _parameter(name: str, node: Node, cell: Cell) -> FreeParameter:
    entries = node.mapping(required=("low", "high"), optional=("scale", "targets"))
    known = cell.quantities()
    listed = entries["targets"].items() if "targets" in entries else ()
    for target, where in [(t.text(), t) for t in listed] or [(name, node.key or node)]:
        if target not in known:
            what = f"{target!r} is no quantity of the cell"
            raise where.fail(what, f"{nearest(target, known)}it has: {', '.join(known)}")
    targets = tuple(t.text() for t in listed) or (name,)
    unit = known[targets[0]].unit
    scale: Any = entries["scale"].text(("linear", "log")) if "scale" in entries else "linear"
    low, high = (_number(entries[side], unit) for side in ("low", "high"))
    with node.blamed():
        return FreeParameter(name, unit, low, high, scale, targets)


# --- writing -----------------------------------------------------------------------------------------------------


def write_cell(cell: Cell, file: str | Path) -> None:
    """Writes a YAML file that `read_cell` reads back to an equal cell.

    Mechanisms that ship are named; other mod files are copied next to it unless they lie there, or below, already; long
    sampled currents go to CSV files next to it. The YAML is written last and at once. Raises OutputError.
    """
    import yaml

    file = Path(file)
    try:
        data = _as_data(cell, file)
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
        if set(text) & _LINE_BREAKS:  # which YAML would fold: write them as escapes
            text = yaml.safe_dump(data, sort_keys=False, width=100)
        write_whole(file, text.encode())
    except OSError as trouble:
        raise OutputError(f"cannot be written: {trouble.strerror}", file=file, remedy="choose another place") from None


def _as_data(cell: Cell, file: Path) -> dict[str, Any]:
    (section,) = cell.morphology.sections
    if section.diam == section.L:
        shape: dict[str, Any] = {"sphere": {"diameter": units.exact(section.diam, "um")}}
    else:
        shape = {"cylinder": {"L": units.exact(section.L, "um"), "diam": units.exact(section.diam, "um")}}
    text = {"name": cell.name, "description": cell.description, "source": cell.source}
    return {key: value for key, value in text.items() if value} | {
        "temperature": units.exact(cell.temperature, "degC"),
        "morphology": shape,
        "regions": {region.name: _region_data(region, file) for region in cell.regions},
        "parameters": {p.name: _parameter_data(p) for p in cell.space.parameters},
        "protocol": {"stimuli": [_with_tables(s.to_json(), s.waveform, s.name, file) for s in cell.protocol.stimuli]},
    }


def _region_data(region: Region, file: Path) -> dict[str, Any]:
    data: dict[str, Any] = {"cm": units.exact(region.cm, "uF/cm2")}
    if region.reversals:
        data["reversals"] = {name: units.exact(value, "mV") for name, value in region.reversals.items()}
    data["mechanisms"] = {}
    for painted in region.mechanisms:
        known = painted.parameters
        values = {n: units.exact(v, known[n].unit.strip("() ")) for n, v in painted.values.items()}
        data["mechanisms"][painted.mechanism.name] = _mod_file(painted, file) | values
    return data


def _parameter_data(parameter: FreeParameter) -> dict[str, Any]:
    data: dict[str, Any] = {side: units.exact(getattr(parameter, side), parameter.unit) for side in ("low", "high")}
    data["scale"] = parameter.scale
    return data | ({} if parameter.targets == (parameter.name,) else {"targets": list(parameter.targets)})


def _mod_file(painted: Painted, file: Path) -> dict[str, str]:
    """How the YAML names the mod file: nothing for a mechanism that ships, else a path relative to the YAML."""
    name = painted.mechanism.name
    if name in mechanism.shipped() and _digest(mechanism.shipped_file(name)) == painted.mechanism.digest:
        return {}
    folder = file.parent.resolve()
    source = painted.mechanism.file.resolve()
    if not source.exists() or _digest(source) != painted.mechanism.digest:
        raise OutputError(
            "the mod file has changed or gone since the cell was read", file=source, remedy="read the cell again"
        )
    if source.is_relative_to(folder):
        return {"file": source.relative_to(folder).as_posix()}
    copy = folder / f"{name}.mod"
    if not copy.exists():
        write_whole(copy, source.read_bytes())
    elif _digest(copy) != painted.mechanism.digest:
        raise OutputError(f"holds another {name} already", file=copy, remedy="write the cell to another folder")
    return {"file": copy.name}


def _with_tables(data: dict[str, Any], waveform: Waveform, name: str, file: Path) -> dict[str, Any]:
    """A stimulus's dictionary with its long sampled currents moved to CSV files."""
    return data | {"waveform": _table(data["waveform"], waveform, name, file)}


def _table(data: dict[str, Any], waveform: Waveform, name: str, file: Path) -> dict[str, Any]:
    if isinstance(waveform, Sum):
        parts = zip(data["sum"], waveform.parts, strict=True)
        return {"sum": [_table(entry, part, f"{name}_{i}", file) for i, (entry, part) in enumerate(parts)]}
    if not isinstance(waveform, Sampled) or len(waveform.values) <= SMALL:
        return data
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name)
    table = file.with_name(f"{file.stem}.{plain}.{waveform.sha256[:8]}.csv")
    text = "current_nA\n" + "\n".join(map(repr, waveform.values.tolist())) + "\n"
    write_whole(table, text.encode())
    stated = {"dt": units.exact(waveform.dt, "ms"), "current": "nA", "sha256": waveform.sha256}
    return {"table": {"file": table.name, **stated}}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
