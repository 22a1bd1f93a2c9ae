"""A cell written as a YAML file, with the files that it needs beside it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from gbar import mechanism, units
from gbar.cell.cell import Cell
from gbar.cell.painted import Painted
from gbar.cell.profile import Profile
from gbar.cell.region import Region
from gbar.cell.section_table import table_of
from gbar.cell.segments import SegmentRule
from gbar.cell.site import At, Site
from gbar.criteria import Criteria
from gbar.errors import OutputError
from gbar.files import write_whole
from gbar.morphology import Section
from gbar.parameters import FreeParameter
from gbar.prior import Uniform
from gbar.protocol import Sampled, Sum, Waveform

SMALL = 64  # samples up to which a sampled current stands in the YAML itself
FEW = 200  # sections up to which a tree of cylinders does

_LINE_BREAKS = frozenset("\x85\u2028\u2029")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[\d+\])?", re.ASCII)


def write_cell(cell: Cell, file: str | Path) -> None:
    """Writes a YAML file that `read_cell` reads back to an equal cell.

    Mechanisms that ship are named; other mod files are copied next to it unless they lie there, or below, already; so
    is the file of its morphology. Long sampled currents go to CSV files next to it, and so do sections that no file
    holds. The YAML is written last and at once. Raises OutputError.
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
    text = {"name": cell.name, "description": cell.description, "source": cell.source}
    data: dict[str, Any] = {key: value for key, value in text.items() if value}
    data["temperature"] = units.exact(cell.temperature, "degC")
    data["morphology"] = _morphology_data(cell, file)
    if cell.segments != SegmentRule() or len(cell.morphology.sections) > 1:
        data["segments"] = _segments_data(cell.segments)
    data["regions"] = {region.name: _region_data(region, file) for region in cell.regions}
    data["sites"] = {site.name: _site_data(site) for site in cell.sites}
    data["parameters"] = {p.name: _parameter_data(p) for p in cell.space.parameters}
    if cell.formulas:
        data["formulas"] = {formula.target: formula.formula for formula in cell.formulas}
    if cell.vetting != Criteria():
        data["vetting"] = cell.vetting.to_json()
    data["protocol"] = {"sites": list(cell.protocol.sites)} if cell.protocol.sites else {}
    if cell.protocol.conditions:
        data["protocol"]["conditions"] = {c.name: c.to_json() for c in cell.protocol.conditions}
    data["protocol"] |= {
        "stimuli": [_with_tables(s.to_json(), s.waveform, s.name, file) for s in cell.protocol.stimuli]
    }
    for entry, stimulus in zip(data["protocol"]["stimuli"], cell.protocol.stimuli, strict=True):
        for k, injection in enumerate(stimulus.injections):
            name = f"{stimulus.name}_at_{injection.site}_{k}"
            entry["injections"][k] = _with_tables(entry["injections"][k], injection.waveform, name, file)
    return data


# --- shape -------------------------------------------------------------------------------------------------------


def _morphology_data(cell: Cell, file: Path) -> dict[str, Any]:
    origin, sections = cell.origin, cell.morphology.sections
    if origin is not None and origin.morphology == cell.morphology:
        copied = _beside(origin.file, origin.sha256, file, "morphology")
        return {"file": copied, **origin.entries}
    if len(sections) == 1 and sections[0] == Section(
        sections[0].region, sections[0].region, sections[0].L, sections[0].diam
    ):
        section = sections[0]
        if section.diam == section.L:
            return {"sphere": {"diameter": units.exact(section.diam, "um")}}
        return {"cylinder": {"L": units.exact(section.L, "um"), "diam": units.exact(section.diam, "um")}}
    simple = len(sections) <= FEW and all(s.points is None and _PLAIN_NAME.fullmatch(s.name) for s in sections)
    if simple:
        return {"sections": {s.name: _section_data(s, sections) for s in sections}}
    text = table_of(cell.morphology)
    digest = hashlib.sha256(text.encode()).hexdigest()
    table = file.with_name(f"{file.stem}.sections.{digest[:8]}.csv")
    write_whole(table, text.encode())
    return {"table": {"file": table.name, "sha256": digest}}


def _section_data(section: Section, sections: tuple[Section, ...]) -> dict[str, Any]:
    data: dict[str, Any] = {"L": units.exact(section.L, "um")}
    if section.diams is not None:
        data["diams"] = [units.exact(d, "um") for d in section.diams]
    else:
        data["diam"] = units.exact(section.diam, "um")
    if section.parent >= 0:
        data["parent"] = f"{sections[section.parent].name}({float(section.parent_x)!r})"
    data["region"] = section.region
    return data | ({"segments": section.nseg} if section.nseg is not None and section.diams is None else {})


def _segments_data(rule: SegmentRule) -> dict[str, Any]:
    unit = {"count": "", "d_lambda": ""}.get(rule.kind, "um")
    data: dict[str, Any] = {rule.kind: int(rule.value) if rule.kind == "count" else units.exact(rule.value, unit)}
    if rule.kind == "d_lambda":
        data["frequency"] = units.exact(rule.frequency, "Hz")
    return data | ({"sections": dict(rule.sections)} if rule.sections else {})


def _site_data(site: Site) -> Any:
    where = site.place
    variable = {"variable": site.variable} if site.variable != "v" else {}
    if isinstance(where, At):
        text = f"{where.section}({float(where.x)!r})"
        return {"at": text, **variable} if variable else text
    towards = {"towards": where.towards} if where.towards else {}
    return {"region": where.region, "distance": units.exact(where.distance, "um"), **towards, **variable}


# --- regions -----------------------------------------------------------------------------------------------------


def _region_data(region: Region, file: Path) -> dict[str, Any]:
    data: dict[str, Any] = {"cm": units.exact(region.cm, "uF/cm2")}
    if region.Ra is not None:
        data["Ra"] = units.exact(region.Ra, "ohm cm")
    if region.reversals:
        stated = {name: units.exact(value, "mV") for name, value in region.reversals.items()}
        data["reversals"] = {n: {"fixed": text} if n in region.fixed else text for n, text in stated.items()}
    if region.concentrations:
        data["concentrations"] = {name: units.exact(value, "mM") for name, value in region.concentrations.items()}
    data["mechanisms"] = {}
    for painted in region.mechanisms:
        known = painted.parameters
        values = {n: _value_data(v, known[n].unit.strip("() ")) for n, v in painted.values.items()}
        data["mechanisms"][painted.mechanism.name] = _mod_file(painted, file) | values
    return data


def _value_data(value: float | Profile, unit: str) -> Any:
    if not isinstance(value, Profile):
        return units.exact(value, unit)
    numbers = {name: units.exact(x, value.unit(name, unit)) for name, x in value.coefficients.items()}
    if value.kind == "formula":
        return {"formula": value.formula} | numbers
    return {value.kind: numbers}


def _parameter_data(parameter: FreeParameter) -> dict[str, Any]:
    data: dict[str, Any] = {side: units.exact(getattr(parameter, side), parameter.unit) for side in ("low", "high")}
    data["scale"] = parameter.scale
    if not isinstance(parameter.prior, Uniform):
        data["prior"] = _prior_data(parameter)
    if parameter.value is not None:
        return data | {"value": units.exact(parameter.value, parameter.unit)}
    return data | ({} if parameter.targets == (parameter.name,) else {"targets": list(parameter.targets)})


def _prior_data(parameter: FreeParameter) -> dict[str, Any]:
    """The prior as the cell format has it; its numbers in the parameter's unit, but for decades, which have none."""
    ((kind, stated),) = parameter.prior.to_json().items()
    return {kind: {name: units.exact(x, "" if name == "decades" else parameter.unit) for name, x in stated.items()}}


def _mod_file(painted: Painted, file: Path) -> dict[str, str]:
    """How the YAML names the mod file: nothing for a mechanism that ships, else a path relative to the YAML."""
    read = painted.mechanism
    shipped = mechanism.shipped_name(read)
    if shipped is not None:
        return {} if shipped == read.name else {"shipped": shipped}
    source = read.file.resolve()
    alone = source.exists() and _digest(source) == read.digest  # without what it INCLUDEs
    if not alone and (not source.exists() or mechanism.read(source).digest != read.digest):
        raise OutputError(
            "the mod file has changed or gone since the cell was read", file=source, remedy="read the cell again"
        )
    if not alone and not source.is_relative_to(file.parent.resolve()):
        raise OutputError("includes other files, and cannot be copied without them", file=source,
                          remedy="write the cell to a folder above the mod file")  # fmt: skip
    return {"file": _beside(source, _digest(source), file, read.name, f"{read.name}.mod")}


def _beside(source: Path, digest: str, file: Path, what: str, name: str = "") -> str:
    """The path of a file as the YAML names it: where it lies, if that is beside the YAML, else that of a copy there."""
    folder, source = file.parent.resolve(), source.resolve()
    if not source.exists() or _digest(source) != digest:
        raise OutputError(
            f"the {what} file has changed or gone since the cell was read", file=source, remedy="read the cell again"
        )
    if source.is_relative_to(folder):
        return source.relative_to(folder).as_posix()
    copy = folder / (name or source.name)
    if not copy.exists():
        write_whole(copy, source.read_bytes())
    elif _digest(copy) != digest:
        raise OutputError(f"holds another {what} already", file=copy, remedy="write the cell to another folder")
    return copy.name


# --- currents ----------------------------------------------------------------------------------------------------


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
