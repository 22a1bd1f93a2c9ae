"""A cell as BluePyOpt's JSON, in the layout of its L5PC example, with the .mod files and the morphology.

What that layout has no words for (regions of one's own, diameters in a formula, tied parameters, clamps, currents that
are no steps) is left out or approximated, and each such thing is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gbar.cell import Along, Cell, Painted, Profile, Region, Site
from gbar.errors import CellError
from gbar.exchange.mod_files import neuron_name, write_mod_files
from gbar.exchange.neuron import parts
from gbar.files import make_folder, write_whole
from gbar.morphology import write_swc
from gbar.prior import Uniform
from gbar.protocol import Step, Stimulus, Train

LISTS = {"soma": "somatic", "axon": "axonal", "basal": "basal", "apical": "apical", "myelin": "myelinated"}
_ORIGINAL_AXONS = (None, "bluepyopt")
_WORD = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|\{\s*(?P<braced>\w+)\s*\}|(?:math\.)?(?P<name>[A-Za-z_]\w*)")
_OF_MATH = frozenset({"exp", "log", "log10", "sqrt", "fabs", "floor", "ceil", "tanh", "sin", "cos"})


@dataclass
class _Book:
    """A parameter file while it is written."""

    free: dict[str, tuple[str, float, float]]  # quantity -> name of the free parameter, low, high
    entries: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, quantity: str, region: str | None, entry: dict[str, Any], value: float) -> None:
        """One setting: bounds where the quantity is free, else its value."""
        name = entry["param_name"]
        where = {} if region is None else {"sectionlist": LISTS[region]}
        if quantity in self.free and region is not None:
            _, low, high = self.free[quantity]
            self.values[f"{name}.{LISTS[region]}"] = value
            self.entries.append({**entry, **where, "bounds": [low, high]})
        else:
            if quantity in self.free:
                self.notes.append(f"{quantity} is free, which BluePyOpt's file cannot say: it is {value:g} there")
            self.entries.append({**entry, **where, "value": value})


def export_bluepyopt(cell: Cell, folder: str | Path) -> tuple[str, ...]:
    """Writes `parameters.json`, `mechanisms.json`, `protocols.json`, `values.json`, the morphology and `mechanisms/`.

    `values.json` holds the cell's own values of its free parameters. Returns what could not be said, a line each.
    Raises CellError where a region is none of BluePyOpt's, OutputError.
    """
    strange = [region.name for region in cell.regions if region.name not in LISTS]
    if strange:
        raise CellError(f"BluePyOpt has no list of sections for the region {strange[0]}",
                        remedy=f"it has those for {', '.join(LISTS)}; export the cell to neuron")  # fmt: skip
    free = {cell.canonical(t): (p.name, p.low, p.high) for p in cell.space.parameters for t in p.targets}
    book = _Book(free)
    book.notes += [
        f"{p.name} sets {len(p.targets)} quantities at once; in BluePyOpt's file each is free by itself"
        for p in cell.space.parameters
        if len(p.targets) > 1
    ]
    book.notes += [
        f"{f.target} follows from the free parameters {', '.join(f.reads)}, which BluePyOpt's file cannot say; "
        "it keeps the cell's own value"
        for f in cell.formulas
    ]
    book.notes += [
        f"the prior of {p.name} ({p.prior.describe(p.unit)}) cannot be said in BluePyOpt's file, which has its range"
        for p in cell.space.parameters
        if not isinstance(p.prior, Uniform)
    ]
    _globals(cell, book)
    for region in cell.regions:
        _region(region, book)
    for name in free:
        if name.split(".")[0] in ("area", "L", "L_scale", "diam_scale") or name.count(".") > 1:
            book.notes.append(f"{name} is free, which BluePyOpt's file cannot say; it keeps the cell's own value")
    inserted = {LISTS[r.name]: [neuron_name(p.mechanism) for p in r.mechanisms] for r in cell.regions}
    protocols = _protocols(cell, book.notes)
    folder = make_folder(Path(folder))
    files = {"parameters": book.entries, "mechanisms": inserted, "protocols": protocols, "values": book.values}
    for name, data in files.items():
        write_whole(folder / f"{name}.json", json.dumps(data, indent=2, allow_nan=False) + "\n")
    write_mod_files([p.mechanism for r in cell.regions for p in r.mechanisms], folder / "mechanisms")
    _morphology(cell, folder, book.notes)
    return tuple(dict.fromkeys(book.notes))


def _globals(cell: Cell, book: _Book) -> None:
    v_init = {stimulus.v_init for stimulus in cell.protocol.stimuli}
    if len(v_init) > 1:
        book.notes.append(f"the stimuli begin at different voltages; BluePyOpt has one, {min(v_init):g} mV")
    book.add("v_init", None, {"param_name": "v_init", "type": "global"}, min(v_init))
    book.add("celsius", None, {"param_name": "celsius", "type": "global"}, float(cell.temperature))
    concentrations: dict[str, set[float]] = {}
    for region in cell.regions:
        for name, amount in region.concentrations.items():
            concentrations.setdefault(name, set()).add(float(amount))
    for ion, values in concentrations.items():
        if len(values) > 1:
            book.notes.append(f"{ion} differs between regions; BluePyOpt has one, {min(values):g} mM")
        book.add(ion, None, {"param_name": f"{ion}0_{ion[:-1]}_ion", "type": "global"}, min(values))
    said = set()
    for region in cell.regions:
        for painted in region.mechanisms:
            for name, parameter in painted.parameters.items():
                label, value = f"{name}_{neuron_name(painted.mechanism)}", painted.value(name)
                if parameter.scope == "global" and not isinstance(value, Profile) and label not in said:
                    said.add(label)
                    quantity = f"{name}_{painted.mechanism.name}"
                    book.add(quantity, None, {"param_name": label, "type": "global"}, float(value))


def _region(region: Region, book: _Book) -> None:
    at = region.name
    section = {"type": "section", "dist_type": "uniform"}
    plain = {"cm": region.cm, **({} if region.Ra is None else {"Ra": region.Ra}), **region.reversals}
    for name, value in plain.items():
        book.add(f"{name}.{at}", at, {"param_name": name, **section}, float(value))
    for name in sorted(region.fixed):
        book.notes.append(f"{name} of {at} is held against its concentrations, which BluePyOpt's file cannot say")
    for painted in region.mechanisms:
        for name, parameter in painted.parameters.items():
            if parameter.scope == "range":
                _density(painted, name, at, book)


def _density(painted: Painted, name: str, at: str, book: _Book) -> None:
    suffix, value = neuron_name(painted.mechanism), painted.value(name)
    entry: dict[str, Any] = {
        "param_name": f"{name}_{suffix}", "mech": suffix, "mech_param": name, "type": "range", "dist_type": "uniform",
    }  # fmt: skip
    number = value.coefficients.get("value", 1.0) if isinstance(value, Profile) else value
    if isinstance(value, Profile):
        others = {c: f"({x!r})" for c, x in value.coefficients.items() if c != "value"}
        dist = rewritten(value.formula, {**others, "distance": "{distance}", "value": "{value}"})
        if re.search(r"\bdiam\b", dist):
            raise CellError(f"{name}_{suffix} of {at} depends on the diameter, which BluePyOpt's formulas do not know",
                            remedy="export the cell to neuron")  # fmt: skip
        entry |= {"dist_type": "exp", "dist": dist}
    book.add(f"{name}_{painted.mechanism.name}.{at}", at, entry, float(number))


def rewritten(formula: str, names: Mapping[str, str]) -> str:
    """A formula as BluePyOpt writes them: distance and value in braces, coefficients as numbers, functions of math.

    >>> rewritten("value * exp(distance / length)", {"value": "{value}", "distance": "{distance}", "length": "(50.0)"})
    '{value} * math.exp({distance} / (50.0))'
    """

    def word(match: re.Match[str]) -> str:
        name = match["braced"] or match["name"]
        if name is None:
            return match[0]
        return names.get(name) or (f"math.{name}" if name in _OF_MATH else match[0])

    return _WORD.sub(word, formula)


def _morphology(cell: Cell, folder: Path, notes: list[str]) -> None:
    origin = cell.origin
    if origin is not None and origin.morphology == cell.morphology and set(origin.entries) <= {"axon"}:
        axon = origin.entries.get("axon")
        if axon in _ORIGINAL_AXONS:
            write_whole(folder / origin.file.name, origin.file.read_bytes())
            replaced = "with" if axon else "without"
            notes.append(f"the morphology is {origin.file.name}, to be used {replaced} do_replace_axon")
            return
    notes += write_swc(cell.morphology, folder / "morphology.swc")
    notes.append("the morphology is morphology.swc, to be used without do_replace_axon")
    if any(n != 1 + 2 * int(s.L / 40.0) for n, s in zip(cell.counts, cell.morphology.sections, strict=True)):
        notes.append("the cell's numbers of segments are not BluePyOpt's 1 + 2 int(L / 40 um), which replace them")


# --- protocols ---------------------------------------------------------------------------------------------------


def _protocols(cell: Cell, notes: list[str]) -> dict[str, Any]:
    found = {}
    records = [r for site in cell.recorded if site != cell.sites[0] and (r := _recording(site, notes)) is not None]
    for stimulus in cell.protocol.stimuli:
        if cell.protocol.blocks(stimulus):
            what = f"the stimulus {stimulus.name} is under {stimulus.condition}"
            notes.append(f"{what}, which BluePyOpt's file cannot say, and is left out")
            continue
        steps = _steps(stimulus, notes)
        if steps is not None:
            found[stimulus.name] = {"stimuli": steps} | ({"extra_recordings": records} if records else {})
    return found


def _recording(site: Site, notes: list[str]) -> dict[str, Any] | None:
    place = site.place
    if isinstance(place, Along) and not place.towards:
        listed = LISTS.get(place.region, place.region)
        where = {"somadistance": place.distance, "seclist_name": listed}
        return {"type": "somadistance", "name": site.name, "var": site.variable, **where}
    notes.append(f"the site {site.name} at {place} has no words in BluePyOpt's file, and is left out")
    return None


def _steps(stimulus: Stimulus, notes: list[str]) -> list[dict[str, float]] | None:
    """The steps of a stimulus; None where it holds something else."""
    whole = stimulus.warm_up + stimulus.duration
    found = []
    for part in parts(stimulus.waveform):
        if isinstance(part, Step):
            pulses = [(part.delay, part.duration, part.amplitude)]
        elif isinstance(part, Train):
            pulses = [(part.delay + k * part.period, part.width, part.amplitude) for k in range(part.count)]
        else:
            pulses = []
        if not pulses or stimulus.injections or stimulus.clamps:
            notes.append(f"the stimulus {stimulus.name} is more than steps of current at the soma, and is left out")
            return None
        found += [
            {"delay": delay + stimulus.warm_up, "amp": amplitude, "duration": duration, "totduration": whole}
            for delay, duration, amplitude in pulses
        ]
    if stimulus.warm_up and stimulus.warm_up_current:
        warm = {"delay": 0.0, "amp": stimulus.warm_up_current, "duration": stimulus.warm_up, "totduration": whole}
        found.append(warm)
    return found
