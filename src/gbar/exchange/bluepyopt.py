"""BluePyOpt's optimisation folders as cells: the layout of its L5PC example, and that of the SSCx models.

The example's folder has `parameters.json` (a list of settings), `mechanisms.json` and `protocols.json`; the SSCx one
has `mechanisms`, `distributions` and `parameters` in one file, with protocols and a hall of fame beside it. Files are
told apart by what is in them. How the originals build a cell: `bluepyopt/ephys` and `examples/l5pc` in
github.com/BlueBrain/BluePyOpt, `optimization/opt_module/setup` in github.com/BlueBrain/SSCxEModelExamples.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gbar.cell import SegmentRule
from gbar.document import Node
from gbar.errors import CellError
from gbar.exchange.json_file import number, numbers, read_json, where
from gbar.exchange.recipe import Recipe, Setting

SECTION_LISTS = {
    "somatic": ("soma",),
    "axonal": ("axon",),
    "basal": ("basal",),
    "apical": ("apical",),
    "myelinated": ("myelin",),
    "all": ("soma", "axon", "basal", "apical", "myelin"),
    "alldend": ("apical", "basal"),
    "somadend": ("apical", "basal", "soma"),
    "somaxon": ("axon", "soma"),
    "allact": ("apical", "basal", "soma", "axon"),
}
EVERY = 40.0  # um: nseg = 1 + 2 int(L / 40)
HAY = "10.1371/journal.pcbi.1002107"


@dataclass(frozen=True)
class Folder:
    """The files of an optimisation, told apart by what is in them; `new` is the layout of the SSCx models."""

    parameters: Node
    mechanisms: Node
    distributions: Node | None
    protocols: Node | None
    results: Node | None  # parameter sets that an optimisation found
    new: bool
    notes: tuple[str, ...]


def is_bluepyopt(node: Node) -> bool:
    """Whether a JSON document is one of the parameter files of BluePyOpt."""
    value = node.value
    if isinstance(value, Mapping):
        return {"mechanisms", "parameters"} <= set(value)
    return (
        isinstance(value, tuple)
        and bool(value)
        and all(isinstance(entry.value, Mapping) and "param_name" in entry.value for entry in value)
    )


def read_folder(source: Path) -> Folder:
    """The files of a folder, or of the folder that a parameter file is in. Raises CellError where there is none."""
    folder = source if source.is_dir() else source.parent
    files = {file: read_json(file) for file in sorted(folder.glob("*.json"))}
    found = [file for file, node in files.items() if is_bluepyopt(node)] if source.is_dir() else [source]
    if len(found) != 1:
        what = "holds no parameter file of BluePyOpt" if not found else f"holds {len(found)} parameter files"
        raise CellError(what, file=folder, remedy="name the file: a list of settings, or mechanisms and parameters")
    parameters = files.get(found[0]) or read_json(found[0])
    new = isinstance(parameters.value, Mapping)
    others = {file: node for file, node in files.items() if file != found[0]}
    protocols, results = _one(others, is_protocols), _one(others, _is_results)
    if new:
        entries = parameters.mapping(required=("mechanisms", "parameters"), optional=None)
        parts = entries["parameters"], entries["mechanisms"], entries.get("distributions")
    else:
        mechanisms = _one(others, _is_mechanisms)
        if mechanisms is None:
            raise CellError("holds no mechanisms.json", file=folder, remedy="put it beside the parameters")
        parts = parameters, mechanisms, None
    used = {node.file for node in (parameters, parts[1], protocols, results) if node is not None}
    notes = tuple(f"{file.name}: not used" for file in files if file not in used)
    return Folder(*parts, protocols, results, new, notes)


def _one(files: Mapping[Path, Node], wanted: Callable[[Node], bool]) -> Node | None:
    return next((node for node in files.values() if wanted(node)), None)


def is_protocols(node: Node) -> bool:
    """Whether a JSON document holds protocols."""
    value = node.value
    return isinstance(value, Mapping) and any(
        isinstance(entry.value, Mapping) and "stimuli" in entry.value for entry in value.values()
    )


def _is_mechanisms(node: Node) -> bool:
    value = node.value
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(
            name in SECTION_LISTS
            and isinstance(entry.value, tuple)
            and all(isinstance(n.value, str) for n in entry.value)
            for name, entry in value.items()
        )
    )


def _is_results(node: Node) -> bool:
    value = node.value
    first = value[0] if isinstance(value, tuple) and value else node
    return (
        isinstance(first.value, Mapping)
        and bool(first.value)
        and all("." in name and isinstance(entry.value, int | float) for name, entry in first.value.items())
    )


def read_recipe(folder: Folder, name: str) -> tuple[Recipe, float, list[str]]:
    """The recipe of a folder, its v_init in mV, and notes."""
    notes = list(folder.notes)
    settings = _new_settings(folder, notes) if folder.new else _old_settings(folder.parameters)
    v_init, celsius, kept = -65.0, 34.0, []
    stated: set[str] = set()
    coefficients = {name for setting in settings for name in setting.coefficients}
    for setting in settings:
        if setting.variable not in ("v_init", "celsius"):
            kept.append(setting if setting.regions or setting.variable in coefficients else _everywhere(setting))
        elif setting.value is not None:
            stated.add(setting.variable)
            v_init = setting.value if setting.variable == "v_init" else v_init
            celsius = setting.value if setting.variable == "celsius" else celsius
    for what, value, unit in (("v_init", v_init, "mV"), ("celsius", celsius, "degC")):
        if what not in stated:
            notes.append(f"{what} is not stated: {value:g} {unit} is taken")
    inserted = tuple(_inserted(folder))
    recipe = Recipe(
        name, inserted, tuple(kept), celsius, ("sscx", "hay") if folder.new else ("hay",),
        SegmentRule("every", EVERY), source=HAY if not folder.new else "",
    )  # fmt: skip
    return recipe, v_init, notes


def _everywhere(setting: Setting) -> Setting:
    """A global variable: one of a mechanism, or what an ion's concentration starts from (`cai0_ca_ion`)."""
    found = re.fullmatch(r"(?P<variable>(?P<ion>[a-z]+)[io])0_(?P=ion)_ion", setting.variable)
    variable = found["variable"] if found else setting.variable
    return replace(setting, variable=variable, regions=SECTION_LISTS["all"])


def _regions(name: str, at: Node) -> tuple[str, ...]:
    if name not in SECTION_LISTS:
        raise at.fail(f"unknown list of sections {name!r}", f"known are {', '.join(SECTION_LISTS)}")
    return SECTION_LISTS[name]


def _inserted(folder: Folder) -> list[tuple[str, tuple[str, ...], Node]]:
    found = []
    for name, entry in folder.mechanisms.mapping(optional=None).items():
        listed = entry.mapping(required=("mech",), optional=None)["mech"] if folder.new else entry
        found += [(suffix.text(), _regions(name, entry), suffix) for suffix in listed.items()]
    return found


def _old_settings(parameters: Node) -> list[Setting]:
    found = []
    for entry in parameters.items():
        fields = entry.mapping(required=("param_name", "type"), optional=None)
        variable, kind = fields["param_name"].text(), fields["type"].text(("global", "section", "range"))
        regions = () if kind == "global" else _regions(_text(entry, "sectionlist"), entry)
        label = variable if kind == "global" else f"{variable}.{_text(entry, 'sectionlist')}"
        value, bounds = _value(entry, fields.get("value"), fields.get("bounds"))
        formula = fields["dist"].text() if "dist" in fields else None
        found.append(Setting(variable, label, regions, value, bounds, entry, formula))
    return found


def _text(entry: Node, key: str) -> str:
    return entry.mapping(required=(key,), optional=None)[key].text()


def _value(entry: Node, value: Node | None, bounds: Node | None) -> tuple[float | None, tuple[float, float] | None]:
    if value is not None:
        return number(value), None
    if bounds is None:
        raise entry.fail("has neither a value nor bounds", "give one of them")
    pair = bounds.items()
    if len(pair) != 2 or number(pair[0]) >= number(pair[1]):
        raise bounds.fail("expected a lower and a higher bound", "write [low, high]")
    return None, (number(pair[0]), number(pair[1]))


def _new_settings(folder: Folder, notes: list[str]) -> list[Setting]:
    formulas: dict[str, tuple[str, dict[str, str]]] = {}
    for name, entry in (folder.distributions.mapping(optional=None) if folder.distributions else {}).items():
        fields = entry.mapping(required=("fun",), optional=None)
        names = [p.text() for p in fields["parameters"].items()] if "parameters" in fields else []
        formulas[name] = fields["fun"].text(), {n: f"{n}.distribution_{name}" for n in names}
    found = []
    for group, entries in folder.parameters.mapping(optional=None).items():
        if group.startswith("__"):
            continue
        for entry in entries.items():
            fields = entry.mapping(required=("name", "val"), optional=None)
            variable, val = fields["name"].text(), fields["val"]
            free = isinstance(val.value, tuple)
            value, bounds = _value(entry, None if free else val, val if free else None)
            alone = group == "global" or group.startswith("distribution_")
            label = variable if group == "global" else f"{variable}.{group}"
            formula: str | None = None
            coefficients: dict[str, str] = {}
            if "dist" in fields and fields["dist"].text() != "uniform":
                if fields["dist"].text() not in formulas:
                    raise fields["dist"].fail(f"unknown distribution {fields['dist'].text()!r}",
                                              f"known are {', '.join(formulas)}")  # fmt: skip
                formula, coefficients = formulas[fields["dist"].text()]
            if "stage" in fields:
                notes.append(f"{where(fields['stage'])}: stages of the optimisation are not taken over")
            regions = () if alone else _regions(group, entry)
            found.append(Setting(variable, label, regions, value, bounds, entry, formula, coefficients))
    return found


def read_values(node: Node, row: int) -> dict[str, float]:
    """A parameter set of a file of results: of a list, the one numbered `row` from 0. Raises CellError."""
    rows = node.items() if isinstance(node.value, tuple) else (node,)
    if not 0 <= row < len(rows):
        raise node.fail(f"there are {len(rows)} parameter sets, none numbered {row}", "count from 0")
    return numbers(rows[row])
