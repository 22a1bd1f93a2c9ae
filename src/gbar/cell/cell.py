"""The description of a cell: a morphology with mechanisms painted on its regions, and everything they need, stated.

Quantities are named as in NEURON, with the region behind a point: `gnabar_hh.soma` (RANGE variable), `ena.soma`
(reversal potential), `cai.soma` (concentration at the start), `cm.soma`, `Ra.soma`, `area.soma`; a GLOBAL variable
without one, `q10_na_ms`, and `celsius`. A parameter that is a profile has its coefficients behind a second point
(`gIhbar_Ih.apical.slope`; its `value` is `gIhbar_Ih.apical`). A `FreeParameter` takes hold of a cell through these
names, and so does a formula of free parameters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar import units
from gbar.cell import geometry
from gbar.cell.agreed import agreed, global_names
from gbar.cell.blocking import check_block
from gbar.cell.derived import Derived, widened
from gbar.cell.painted import Painted
from gbar.cell.profile import VALUE, Profile
from gbar.cell.quantity import Quantity, painted_quantities
from gbar.cell.recordable import check_variable
from gbar.cell.region import Region
from gbar.cell.segments import SegmentRule
from gbar.cell.site import At, Site
from gbar.criteria import Criteria
from gbar.document import listed, nearest
from gbar.errors import CellError, ProtocolError
from gbar.morphology import Morphology
from gbar.parameters import ParameterSpace
from gbar.protocol import Protocol, Stimulus
from gbar.protocol.condition import remaining

POSITIVE = ("cm", "Ra", "area", "L", "L_scale", "diam_scale")


@dataclass(frozen=True)
class Cell:
    """A cell: its shape, what is painted on it, its temperature in degC, its free parameters and its experiment.

    `segments` says how many compartments a section has; `sites` are named places (without any: the middle of the first
    section of the soma, or of the root). The protocol says which are recorded, or else all are, in their order. A
    stimulus acts at the first one if it does not name another. `formulas` give quantities that follow from the free
    parameters, in place of what the cell says of them; `vetting` is what its simulations must do. Raises CellError
    where something is missing, unknown or contradictory. Two cells are equal if all but `file` and `origin` is.
    """

    name: str
    morphology: Morphology
    regions: tuple[Region, ...]
    temperature: float  # degC
    space: ParameterSpace
    protocol: Protocol
    description: str = ""
    source: str = ""  # a DOI
    file: Path | None = field(default=None, compare=False)
    segments: SegmentRule = SegmentRule()  # noqa: RUF009 (frozen)
    sites: tuple[Site, ...] = ()
    origin: geometry.Origin | None = field(default=None, compare=False)  # the file that the morphology is from
    formulas: tuple[Derived, ...] = ()
    vetting: Criteria = Criteria()  # noqa: RUF009 (frozen)

    def __post_init__(self) -> None:
        object.__setattr__(self, "regions", tuple(self.regions))
        object.__setattr__(self, "description", self.description.strip())
        if not self.name.strip():
            raise CellError("the cell has no name", remedy="name it")
        if not -20 <= self.temperature <= 60:
            raise CellError(f"the temperature is {self.temperature} degC", remedy="give one between -20 and 60 degC")
        if sorted(region.name for region in self.regions) != sorted(self.morphology.regions):
            have, want = (", ".join(names) for names in ([r.name for r in self.regions], self.morphology.regions))
            raise CellError(
                f"regions {have} are described, the morphology has {want}", remedy="describe each region once"
            )
        object.__setattr__(self, "regions", agreed(self.regions))
        object.__setattr__(self, "formulas", tuple(self.formulas))
        object.__setattr__(self, "sites", tuple(self.sites) or (Site("soma", At(self._soma().name, 0.5)),))
        self._check_sites()
        self._check_resistivity()
        self._check_space()
        self._check_formulas()
        self._check_conditions()

    def _soma(self) -> Any:
        sections = self.morphology.sections
        return next((section for section in sections if section.region == "soma"), sections[0])

    def _check_sites(self) -> None:
        names = [site.name for site in self.sites]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise CellError(f"two sites are called {name}", remedy="rename one of them")
        for site in self.sites:
            at = self.place(site)
            region = self.region(self.morphology.sections[self.morphology.index(at.section)].region)
            check_variable(site, region)
        for stimulus in self.protocol.stimuli:
            for name in stimulus.sites:
                if name not in names:
                    what = f"the stimulus {stimulus.name} acts at {name!r}, which is no site of the cell"
                    raise CellError(what, remedy=f"{nearest(name, names)}there are: {', '.join(names)}")
        for name in self.protocol.sites:
            if name not in names:
                what = f"{name!r} is recorded, which is no site of {self.name}"
                raise CellError(what, remedy=f"{nearest(name, names)}there are: {', '.join(names)}")

    def _check_resistivity(self) -> None:
        if self.compartments == 1 and not self.ends:
            return
        for region in self.regions:
            if region.Ra is None:
                why = f"the cell has {self.compartments} compartments" if self.compartments > 1 else (
                    "a stimulus acts at an end of the section")  # fmt: skip
                raise CellError(
                    f"Ra.{region.name} is not stated, and {why}",
                    remedy=f"add `Ra: 100 ohm cm` under regions.{region.name}",
                )

    @property
    def ends(self) -> frozenset[tuple[int, float]]:
        """The very ends of sections at which a stimulus acts: (section, 0.0 or 1.0).

        They are points of their own, as in NEURON. A site there that only records has the voltage of the segment
        beside it, from which no current flows to the end.
        """
        acting = {name for stimulus in self.protocol.stimuli for name in stimulus.sites} | {self.sites[0].name}
        places = [self.place(site) for site in self.sites if site.name in acting]
        return frozenset((self.morphology.index(at.section), float(at.x)) for at in places if at.x in (0.0, 1.0))

    def _check_space(self) -> None:
        known = self.quantities()
        set_by: dict[str, str] = {}
        for parameter in self.space.parameters:
            for target in parameter.targets:
                name = self._known(target, f"the free parameter {parameter.name} sets", known)
                if name in set_by:
                    what = f"{name} is GLOBAL, one value for the cell, and set by {set_by[name]} and {parameter.name}"
                    raise CellError(what, remedy="let one free parameter set it, once")
                set_by[name] = parameter.name
                if not units.same(parameter.unit, known[name].unit):
                    unit = known[name].unit or "no unit"
                    raise CellError(f"the free parameter {parameter.name} is in {parameter.unit or 'no unit'}, "
                                    f"{target} in {unit}", remedy=f"state its range in {unit}")  # fmt: skip
                if self.positive(name) and parameter.low <= 0:
                    raise CellError(f"{parameter.name} may become {parameter.low:g} {parameter.unit}".rstrip(),
                                    remedy="state a low bound above 0")  # fmt: skip
                for bound in (parameter.low, parameter.high):
                    known[name].check_bound(bound, parameter.name)

    def _known(self, target: str, who: str, known: Mapping[str, Quantity]) -> str:
        """The canonical name of a quantity of the cell that something sets; raises CellError if there is none."""
        name = self.canonical(target)
        if name not in known:
            what = f"{who} {target!r}, which the cell does not have"
            raise CellError(what, remedy=f"{nearest(target, known)}it has: {listed(known)}")
        return name

    def _check_formulas(self) -> None:
        known = self.quantities()
        set_by = {self.canonical(target) for parameter in self.space.parameters for target in parameter.targets}
        for formula in self.formulas:
            name = self._known(formula.target, "a formula gives", known)
            if name in set_by:
                what = f"{name} is set twice, the second time by the formula {formula.formula!r}"
                raise CellError(what, remedy="let one formula, or one free parameter, set it")
            head, _, region = name.partition(".")
            if head in ("L_scale", "diam_scale"):
                raise CellError(f"a formula gives {name}, which is relative to the shape as it stands",
                                remedy=f"give L.{region} or area.{region}")  # fmt: skip
            set_by.add(name)
            formula.check(self.space, self.positive(name))
        read = {name for formula in self.formulas for name in formula.reads}
        for parameter in self.space.parameters:
            if parameter.value is not None and parameter.name not in read:
                raise CellError(f"no formula reads the free parameter {parameter.name}",
                                remedy="add one under formulas, or give it targets in place of a value")  # fmt: skip
        self._check_sizes(set_by)

    def _check_sizes(self, set_by: Collection[str]) -> None:
        """Refuses a region whose size is set in two ways."""
        for region in self.morphology.regions:
            sizes = [f"{kind}.{region}" for kind in ("area", "L", "L_scale", "diam_scale")]
            found = [name for name in sizes if name in set_by]
            if len(found) > 1 and found != [f"L.{region}", f"diam_scale.{region}"] and found != sizes[2:]:
                raise CellError(f"{found[0]} and {found[1]} are both free",
                                remedy="let the area be free, or the scales")  # fmt: skip

    def _check_conditions(self) -> None:
        for condition in self.protocol.conditions:
            try:
                remaining(condition.blocks, mechanism_parameters(self.regions))
                for block in condition.blocks:
                    check_block(block, self.regions, self.space)
            except ProtocolError as error:
                raise CellError(f"the condition {condition.name}: {error.what}", remedy=error.remedy) from None

    def remaining(self, stimulus: Stimulus) -> dict[str, float]:
        """What the condition of one of its stimuli leaves of the quantities that it blocks, 0 to 1, by their names."""
        return remaining(self.protocol.blocks(stimulus), mechanism_parameters(self.regions))

    def region(self, name: str) -> Region:
        """The region of this name."""
        return next(region for region in self.regions if region.name == name)

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of compartments (nseg) of every section."""
        return geometry.counts(self.morphology, self.segments, _properties(self.regions))

    @property
    def compartments(self) -> int:
        """The number of compartments of the cell."""
        return sum(self.counts)

    @property
    def recorded(self) -> tuple[Site, ...]:
        """The sites that are recorded, in the order of the traces: those that the protocol names, or all."""
        known = {site.name: site for site in self.sites}
        return tuple(known[name] for name in self.protocol.sites) or self.sites

    def recording(self, sites: tuple[str, ...]) -> Cell:
        """The cell with these of its sites recorded, in this order. Raises CellError for one that it does not have."""
        return replace(self, protocol=replace(self.protocol, sites=sites))

    def place(self, site: Site) -> At:
        """Where a site lies. Raises CellError where it lies nowhere."""
        return geometry.place(self.morphology, self.counts, site)

    def canonical(self, target: str) -> str:
        """The name of the quantity that a free parameter's target means.

        A GLOBAL variable of a mechanism has one value in the cell, and may be named with any region that has it.
        """
        label, _, region = target.rpartition(".")
        if any(region == r.name and label in global_names(r) for r in self.regions):
            return label
        return target

    def positive(self, name: str) -> bool:
        """Whether a quantity must be above 0: sizes, capacitances, resistivities and concentrations."""
        head, _, region = name.partition(".")
        return head in POSITIVE or any(region == r.name and head in r.concentrations for r in self.regions)

    def quantities(self) -> dict[str, Quantity]:
        """Every number of the cell that a free parameter may set, by name, with its present value and unit."""
        found = [Quantity("celsius", self.temperature, "degC")]
        for region in self.regions:
            at = region.name
            found.append(Quantity(f"area.{at}", self.morphology.region_area(at), "um2"))
            found.append(Quantity(f"L.{at}", geometry.total_length(self.morphology, at), "um"))
            found.append(Quantity(f"cm.{at}", region.cm, "uF/cm2"))
            found += [Quantity(f"Ra.{at}", region.Ra, "ohm cm")] if region.Ra is not None else []
            found += [Quantity(f"{name}.{at}", value, "mV") for name, value in region.reversals.items()]
            found += [Quantity(f"{name}.{at}", value, "mM") for name, value in region.concentrations.items()]
            for painted in region.mechanisms:
                found += painted_quantities(painted, at)
        found += [Quantity(f"{kind}.{r.name}", 1.0, "") for r in self.regions for kind in ("L_scale", "diam_scale")]
        return {quantity.name: quantity for quantity in found}

    @property
    def theta(self) -> Float[np.ndarray, "1 parameter"]:
        """The cell's own values of its free parameters, as one row (of a tied parameter: its first target's)."""
        values = self.quantities()
        row = [
            values[self.canonical(p.targets[0])].value if p.value is None else p.value for p in self.space.parameters
        ]
        return np.array([row], dtype=np.float64)

    @property
    def columns(self) -> dict[str, int]:
        """The column of `settings` that each quantity is which free parameters or formulas set."""
        found = {self.canonical(t): j for j, p in enumerate(self.space.parameters) for t in p.targets}
        return found | {self.canonical(f.target): len(self.space) + j for j, f in enumerate(self.formulas)}

    def settings(self, theta: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row setting"]:
        """Theta, and behind it a column for each formula: everything that parameter sets set, in its unit."""
        return widened(self.space.names, self.formulas, theta)

    def at(self, theta: Float[np.ndarray, " parameter"]) -> Cell:
        """The cell with these values of its free parameters as its own; they stay free. Raises CellError.

        The area scales the sections of a region in length and diameter alike. The compartments and the sites stay
        where they are, whatever rule made them.
        """
        values = np.asarray(theta, dtype=np.float64).reshape(-1)
        if len(values) != len(self.space) or not np.isfinite(values).all():
            names = ", ".join(self.space.names)
            raise CellError(
                f"{values.tolist()} are not the values of {names}", remedy="give one finite number for each"
            )
        pairs = list(zip(self.space.parameters, values.tolist(), strict=True))
        setting = self.settings(values[None])[0]
        given = {name: float(setting[column]) for name, column in self.columns.items()}
        space = ParameterSpace(tuple(p if p.value is None else replace(p, value=x) for p, x in pairs))
        regions = tuple(_region_at(region, given) for region in self.regions)
        morphology = geometry.scaled(self.morphology, geometry.scales(self.morphology, given))
        segments, sites = self.segments, self.sites
        if geometry.counts(morphology, segments, _properties(regions)) != self.counts:
            sections = zip(self.morphology.sections, self.counts, strict=True)
            segments = SegmentRule(sections={section.name: count for section, count in sections})
        if morphology is not self.morphology:
            sites = tuple(s if isinstance(s.place, At) else replace(s, place=self.place(s)) for s in sites)
        temperature = given.get("celsius", self.temperature)
        return replace(
            self, regions=regions, temperature=temperature, morphology=morphology, segments=segments, sites=sites,
            space=space,
        )  # fmt: skip

    @property
    def digest(self) -> str:
        """sha256 over everything that determines a simulation: shape, mod files, values, parameter space, protocol.

        Sites that are neither recorded nor acted on do not.
        """
        return hashlib.sha256(json.dumps(self._determinants(), sort_keys=True).encode()).hexdigest()

    def _determinants(self) -> dict[str, Any]:
        sites = [[s.name, str(self.place(s)), s.variable] for s in self.recorded]
        simple = len(self.morphology.sections) == 1 and self.compartments == 1
        more: dict[str, Any] = {"segments": list(self.counts)} if not simple else {}
        if self.formulas:
            more["formulas"] = [[f.target, f.formula] for f in self.formulas]
        acting = [self.sites[0].name, *(name for stimulus in self.protocol.stimuli for name in stimulus.sites)]
        if self.recorded[0] != self.sites[0] or not set(acting) <= {site.name for site in self.recorded}:
            more["acting"] = [[s.name, str(self.place(s))] for s in self.sites if s.name in acting]
        return (
            more
            | {
                "sections": [geometry.determinants(section) for section in self.morphology.sections],
                "regions": [_region_determinants(region) for region in self.regions],
                "temperature": float(self.temperature),
                "space": self.space.to_json(),
                "protocol": replace(self.protocol, sites=()).to_json(),
            }
            | ({} if simple and sites == [["soma", f"{self._soma().name}(0.5)", "v"]] else {"sites": sites})
        )


def _properties(regions: tuple[Region, ...]) -> dict[str, tuple[float | None, float]]:
    return {region.name: (region.Ra, region.cm) for region in regions}


def mechanism_parameters(regions: Iterable[Region]) -> dict[str, tuple[str]]:
    """The parameters of mechanisms by region, `gbar_na.soma`, and the quantity that each is: `gbar_na` if GLOBAL."""
    found: dict[str, tuple[str]] = {}
    for region in regions:
        for painted in region.mechanisms:
            for name, parameter in painted.parameters.items():
                label = f"{name}_{painted.mechanism.name}"
                at = f"{label}.{region.name}"
                found[at] = (label if parameter.scope == "global" else at,)
    return found


def _region_determinants(region: Region) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": region.name,
        "cm": float(region.cm),
        "reversals": dict(region.reversals),
        "mechanisms": [
            [p.mechanism.name, p.mechanism.digest, {n: _value_determinants(p.value(n)) for n in p.parameters}]
            for p in region.mechanisms
        ],
    }
    data |= {"Ra": region.Ra} if region.Ra is not None else {}
    data |= {"concentrations": dict(region.concentrations)} if region.concentrations else {}
    return data | ({"fixed": sorted(region.fixed)} if region.fixed else {})


def _value_determinants(value: float | Profile) -> Any:
    return [value.formula, dict(value.coefficients)] if isinstance(value, Profile) else value


def _region_at(region: Region, given: Mapping[str, float]) -> Region:
    at = region.name
    mechanisms = tuple(replace(painted, values=_values_at(painted, at, given)) for painted in region.mechanisms)
    return replace(
        region,
        cm=given.get(f"cm.{at}", region.cm),
        Ra=given.get(f"Ra.{at}", region.Ra),
        mechanisms=mechanisms,
        reversals={name: given.get(f"{name}.{at}", value) for name, value in region.reversals.items()},
        concentrations={name: given.get(f"{name}.{at}", value) for name, value in region.concentrations.items()},
    )


def _values_at(painted: Painted, region: str, given: Mapping[str, float]) -> dict[str, float | Profile]:
    values = dict(painted.values)
    for name, parameter in painted.parameters.items():
        label, value = f"{name}_{painted.mechanism.name}", painted.value(name)
        if isinstance(value, Profile):
            names = {c: f"{label}.{region}" + ("" if c == VALUE else f".{c}") for c in value.coefficients}
            numbers = {c: given.get(names[c], number) for c, number in value.coefficients.items()}
            values[name] = replace(value, coefficients=numbers)
            continue
        target = label if parameter.scope == "global" else f"{label}.{region}"
        if target in given:
            values[name] = given[target]
    return values
