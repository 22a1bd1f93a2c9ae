"""What parameter files of other simulators say of a cell, and the cell that comes of it.

BluePyOpt's and the Allen Institute's files are the same in kind: mechanisms inserted in groups of sections, then
variables set there one after another, so that a later line overrides an earlier one. A `Recipe` is that list; `cook`
makes a cell of it, with everything stated that NEURON would add in silence, and notes what it could not take over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from gbar import mechanism
from gbar.cell import Cell, Origin, Painted, Profile, Region, SegmentRule, Site, variables
from gbar.cell.formula import Formula
from gbar.cell.ions import DEFAULTS, ion_uses
from gbar.document import Node
from gbar.errors import CellError
from gbar.exchange.json_file import where
from gbar.mechanism import Mechanism
from gbar.morphology import Morphology
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Protocol

LOG_FROM = 10.0  # bounds above 0 that differ by this factor or more make a parameter logarithmic
REVERSALS = {"ena": 50.0, "ek": -77.0, "eca": 132.4579341637009}  # mV, NEURON's where nothing states them; all others 0
MEMBRANE = {"cm": 1.0, "Ra": 35.4}  # NEURON's, in uF/cm2 and ohm cm


@dataclass(frozen=True)
class Setting:
    """A variable set in some regions: to a value, or, free, to anything within bounds; times a formula of the place."""

    variable: str  # gIhbar_Ih, cm, ena
    label: str  # the name of the parameter in files of results: gIhbar_Ih.apical
    regions: tuple[str, ...]
    value: float | None
    bounds: tuple[float, float] | None
    at: Node  # where it stands
    formula: str | None = None
    coefficients: Mapping[str, str] = field(default_factory=dict)  # of the formula: name -> label of its own setting


@dataclass(frozen=True)
class Recipe:
    """A cell as parameter files describe it."""

    name: str
    inserted: tuple[tuple[str, tuple[str, ...], Node], ...]  # SUFFIX, regions, place
    settings: tuple[Setting, ...]  # in the order in which they are made
    celsius: float
    sets: tuple[str, ...]  # shipped sets of mechanisms to take, the first that has one
    segments: SegmentRule
    description: str = ""
    source: str = ""


@dataclass(frozen=True)
class Imported:
    """A cell made from files of another simulator, and what was added or left out, a line each."""

    cell: Cell
    notes: tuple[str, ...]


def cook(
    recipe: Recipe,
    morphology: Morphology,
    protocol: Protocol,
    sites: Sequence[Site],
    *,
    values: Mapping[str, float] | None = None,
    mod_files: Path | None = None,
    origin: Origin | None = None,
) -> Imported:
    """The cell of a recipe on a morphology.

    `values` are the free parameters' own values, by label (where one is missing: the middle of its bounds). Mechanisms
    come from the folder `mod_files`, else from those that ship. Raises CellError, NmodlError.
    """
    kitchen = _Kitchen(recipe, morphology.regions, dict(values or {}), mod_files)
    regions = tuple(kitchen.region(name) for name in morphology.regions)
    bare = Cell(
        recipe.name, morphology, regions, recipe.celsius, ParameterSpace(()), protocol,
        description=recipe.description, source=recipe.source, segments=recipe.segments, origin=origin,
    )  # fmt: skip
    bare = replace(bare, sites=tuple(site for site in sites if kitchen.possible(bare, site)))
    cell = replace(bare, space=ParameterSpace(tuple(kitchen.free(bare))))
    return Imported(cell, tuple(dict.fromkeys(kitchen.told())))


class _Kitchen:
    """A recipe while a cell is made of it."""

    def __init__(self, recipe: Recipe, regions: tuple[str, ...], values: dict[str, float], mod_files: Path | None):
        self.recipe, self.values = recipe, values
        self.notes: list[str] = []
        self.valueless: dict[str, None] = {}
        self.idle: list[tuple[Setting, str]] = []  # settings that a region has no use for
        self.used: set[str] = set()  # labels of those that some region has
        self.known = _in_folder(mod_files) if mod_files else {}
        self.inserted = {region: self._mechanisms(region) for region in regions}
        self.owners: dict[tuple[str, str], Setting] = {}  # (region, variable) -> the last setting of it
        for setting in recipe.settings:
            present = [region for region in setting.regions if region in regions]
            if setting.regions and not present:
                missing = " or ".join(setting.regions)
                self.note(setting.at, f"{setting.label} is not used: the morphology has no {missing}")
            for region in present:
                self.owners[region, setting.variable] = setting
        unused = set(values) - {setting.label for setting in recipe.settings}
        for label in sorted(unused):
            self.notes.append(f"the value of {label} is not used: no parameter has this name")

    def note(self, at: Node, what: str) -> None:
        self.notes.append(f"{where(at)}: {what}")

    def told(self) -> list[str]:
        """The notes, with one line for all parameters that have no value of their own."""
        for setting, what in self.idle:
            if "." in setting.label or setting.label not in self.used:
                self.note(setting.at, what)
        labels = list(self.valueless)
        if not labels:
            return self.notes
        shown = ", ".join(labels[:3]) + (", ..." if len(labels) > 3 else "")
        what = f"{len(labels)} free parameters ({shown}) have bounds but no value: the middle of the bounds is taken"
        return [*self.notes, what]

    def value(self, setting: Setting) -> float:
        """What a setting sets: its value, or the free parameter's own."""
        if setting.bounds is None:
            return setting.value if setting.value is not None else 0.0
        if setting.label in self.values:
            return self.values[setting.label]
        self.valueless.setdefault(setting.label)
        low, high = setting.bounds
        return float((low * high) ** 0.5) if _scale(low, high) == "log" else (low + high) / 2

    def _mechanisms(self, region: str) -> dict[str, Mechanism]:
        found = {}
        for suffix, regions, at in self.recipe.inserted:
            if region in regions:
                found[suffix] = self._mechanism(suffix, at)
        return found

    def _mechanism(self, suffix: str, at: Node) -> Mechanism:
        if suffix not in self.known:
            with at.blamed():
                self.known[suffix] = mechanism.read(mechanism.shipped_file(suffix, self.recipe.sets))
        return self.known[suffix]

    def region(self, name: str) -> Region:
        """A region with its mechanisms, and their values as set last."""
        mechanisms = self.inserted[name]
        values: dict[str, dict[str, float | Profile]] = {suffix: {} for suffix in mechanisms}
        plain: dict[str, tuple[float, Setting]] = {}
        for (region, variable), setting in self.owners.items():
            if region != name:
                continue
            split = self.split(variable, mechanisms)
            if split is None:
                plain[variable] = self.value(setting), setting
            else:
                parameter, suffix = split
                values[suffix][parameter] = self._density(setting)
        painted = tuple(Painted(m, values[suffix]) for suffix, m in mechanisms.items())
        cm, Ra = (self._membrane(name, key, plain) for key in ("cm", "Ra"))
        reversals, concentrations = self._ions(name, mechanisms, plain)
        for variable, (_, setting) in plain.items():
            place = f" of {name}" if "." in setting.label else ""  # what has no point is set in many regions at once
            self.idle.append((setting, f"{variable}{place} is not used: no mechanism there has or reads it"))
        mine = {setting.label for (region, _), setting in self.owners.items() if region == name}
        self.used |= mine - {setting.label for _, setting in plain.values()}
        return Region(name, cm, painted, reversals, Ra, concentrations)

    def split(self, variable: str, mechanisms: Mapping[str, Mechanism]) -> tuple[str, str] | None:
        """Parameter and SUFFIX of a variable such as gIhbar_Ih, if a mechanism there has it."""
        for suffix in sorted(mechanisms, key=len, reverse=True):
            parameter = variable.removesuffix(f"_{suffix}")
            if parameter != variable and parameter in Painted(mechanisms[suffix]).parameters:
                return parameter, suffix
        return None

    def _density(self, setting: Setting) -> float | Profile:
        value = self.value(setting)
        if setting.formula is None:
            return value
        labels = {s.label: s for s in self.recipe.settings}
        coefficients = {"value": value} if "value" in Formula(setting.formula).names else {}
        for name, label in setting.coefficients.items():
            if label not in labels:
                raise setting.at.fail(f"the formula reads {name}, which has no value", "give it a value or bounds")
            coefficients[name] = self.value(labels[label])
        with setting.at.blamed():
            return Profile(setting.formula, coefficients)

    def _membrane(self, region: str, key: str, plain: dict[str, tuple[float, Setting]]) -> float:
        if key in plain:
            return plain.pop(key)[0]
        self.notes.append(f"{key} of {region} is not stated: NEURON's {MEMBRANE[key]:g} is taken")
        return MEMBRANE[key]

    def _ions(
        self, region: str, mechanisms: Mapping[str, Mechanism], plain: dict[str, tuple[float, Setting]]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Reversal potentials and concentrations: as set, else NEURON's."""
        reversals, concentrations = {}, {}
        for use in ion_uses(mechanisms.values()).values():
            if use.uses_e and use.nernst == "never":
                reversals[use.e] = self._stated(region, use.e, plain, REVERSALS.get(use.e, 0.0), "mV")
            for name in use.needed(False):
                concentrations[name] = self._stated(region, name, plain, DEFAULTS.get(name, 1.0), "mM")
        return reversals, concentrations

    def _stated(
        self, region: str, name: str, plain: dict[str, tuple[float, Setting]], default: float, unit: str
    ) -> float:
        if name in plain:
            return plain.pop(name)[0]
        self.notes.append(f"{name} is not stated: NEURON's {default:g} {unit} is taken")
        return default

    def possible(self, cell: Cell, site: Site) -> bool:
        """Whether a site lies on the cell and has what is to be recorded there; notes it if not."""
        try:
            section = cell.place(site).section
        except CellError as error:
            self.notes.append(f"{error.what}; {site.name} is not recorded")
            return False
        region = cell.region(cell.morphology.sections[cell.morphology.index(section)].region)
        if site.variable not in variables(region):
            self.notes.append(f"{region.name} has no {site.variable}; {site.name} is not recorded")
            return False
        return True

    def free(self, cell: Cell) -> list[FreeParameter]:
        """The settings with bounds as free parameters of the cell, tied over the regions where none overrode them."""
        known = cell.quantities()
        found = []
        for setting in self.recipe.settings:
            if setting.bounds is None:
                continue
            targets = [cell.canonical(target) for target in self._targets(setting)]
            targets = [target for target in dict.fromkeys(targets) if target in known]
            if not targets:
                self.note(setting.at, f"{setting.label} is free, but nothing of the cell depends on it")
                continue
            low, high = setting.bounds
            name = targets[0] if len(targets) == 1 else setting.label
            with setting.at.blamed():
                unit = known[targets[0]].unit
                found.append(FreeParameter(name, unit, low, high, _scale(low, high), tuple(targets)))
        return found

    def _targets(self, setting: Setting) -> list[str]:
        mine = [f"{variable}.{region}" for (region, variable), owner in self.owners.items() if owner is setting]
        for (region, variable), owner in self.owners.items():
            mine += [f"{variable}.{region}.{c}" for c, label in owner.coefficients.items() if label == setting.label]
        return mine


def _scale(low: float, high: float) -> Literal["linear", "log"]:
    return "log" if low > 0 and high / low >= LOG_FROM else "linear"


def _in_folder(folder: Path) -> dict[str, Mechanism]:
    """The mechanisms of a folder of .mod files by SUFFIX; raises CellError where there are none, or two of one name."""
    files = sorted(folder.glob("*.mod")) if folder.is_dir() else []
    if not files:
        raise CellError("is no folder with .mod files", file=folder, remedy="name the folder that holds them")
    found: dict[str, Mechanism] = {}
    for file in files:
        read = mechanism.read(file)
        if read.name in found:
            raise CellError(f"two files have the SUFFIX {read.name}: {found[read.name].file.name} and {file.name}",
                            file=folder, remedy="take one of them out")  # fmt: skip
        found[read.name] = read
    return found
