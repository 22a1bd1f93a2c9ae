"""The description of a cell: a morphology with mechanisms painted on its regions, and everything they need, stated.

Quantities are named as in NEURON, with the region behind a point: `gnabar_hh.soma` (range variable), `ena.soma`
(reversal potential), `cm.soma`, `area.soma`; and `celsius`. A `FreeParameter` takes hold of a cell through these names.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar import units
from gbar.document import nearest
from gbar.errors import CellError
from gbar.mechanism import Mechanism, MechanismParameter
from gbar.morphology import Morphology
from gbar.parameters import ParameterSpace
from gbar.protocol import Protocol

# Names that NEURON knows and a PARAMETER block may repeat; a cell gives them elsewhere.
_BUILT_IN = frozenset({"v", "t", "dt", "celsius", "area", "diam", "L", "cm", "Ra"})
_TYPICAL = {"ena": 50, "ek": -90, "eca": 140}  # mV, to show the form in messages


@dataclass(frozen=True)
class Quantity:
    """A number of a cell, by its name, in its unit ("" if it has none)."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True)
class Painted:
    """A mechanism on a region, with those of its parameters that the cell states, in the units of the mod file."""

    mechanism: Mechanism
    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", {name: float(value) for name, value in self.values.items()})
        if not self.mechanism.currents:
            what = f"{self.mechanism.name} carries no current, so it would do nothing"
            remedy = "declare its current in the mod file: NONSPECIFIC_CURRENT i, or USEION k READ ek WRITE ik"
            raise CellError(what, file=self.mechanism.file, remedy=remedy)
        known = self.parameters
        private = {p.name for p in self.mechanism.parameters if p.name not in known}
        for name, value in self.values.items():
            label = f"{name}_{self.mechanism.name}"
            if name in private:
                what = f"{self.mechanism.name} has a parameter {name!r} that a cell cannot set there"
                raise CellError(
                    what, remedy="declare it RANGE in the mod file; reversal potentials stand under reversals"
                )
            if name not in known:
                what = f"{self.mechanism.name} has no parameter {name!r}"
                raise CellError(what, remedy=f"{nearest(name, known)}it has: {', '.join(known) or 'none'}")
            if not math.isfinite(value):
                raise CellError(f"{label} is {value}", remedy="give a finite number")
            low, high = known[name].low, known[name].high
            if (low is not None and value < low) or (high is not None and value > high):
                bounds = f"{self.mechanism.file.name} allows {low} to {high}"
                raise CellError(f"{label} = {units.format(value, known[name].unit)} is out of range, {bounds}",
                                remedy="give a value within, or widen the limits in the mod file")  # fmt: skip

    @property
    def parameters(self) -> dict[str, MechanismParameter]:
        """The parameters that a cell may set: RANGE and GLOBAL ones, but not what NEURON or an ion provides."""
        taken = {name for ion in self.mechanism.ions for name in (*ion.reads, *ion.writes)}
        taken |= _BUILT_IN | {current.name for current in self.mechanism.currents}
        parameters = self.mechanism.parameters
        return {p.name: p for p in parameters if p.scope in ("range", "global") and p.name not in taken}

    def value(self, name: str) -> float:
        """A parameter's value: the cell's if it states one, else the mod file's."""
        return self.values[name] if name in self.values else self.parameters[name].value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Painted):
            return NotImplemented
        return (self.mechanism.digest, self.values) == (other.mechanism.digest, other.values)

    def __hash__(self) -> int:
        return hash(self.mechanism.digest)


@dataclass(frozen=True)
class Region:
    """The membrane of a region: capacitance, mechanisms, and the reversal potentials (`{"ena": 50.0}`) they read."""

    name: str
    cm: float  # uF/cm2
    mechanisms: tuple[Painted, ...]
    reversals: Mapping[str, float] = field(default_factory=dict)  # mV

    def __post_init__(self) -> None:
        object.__setattr__(self, "mechanisms", tuple(self.mechanisms))
        object.__setattr__(self, "reversals", {name: float(value) for name, value in self.reversals.items()})
        if not (math.isfinite(self.cm) and self.cm > 0):
            raise CellError(f"cm.{self.name} is {self.cm} uF/cm2", remedy="give a capacitance above 0")
        names = [painted.mechanism.name for painted in self.mechanisms]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise CellError(
                    f"{name} is painted twice on {self.name}", remedy="paint it once, with the sum of the densities"
                )
        for name, value in self.reversals.items():
            if not math.isfinite(value):
                raise CellError(f"{name}.{self.name} is {value}", remedy="give a finite reversal potential in mV")
        self._check_reversals()

    def _check_reversals(self) -> None:
        read: dict[str, str] = {}
        for painted in self.mechanisms:
            for ion in painted.mechanism.ions:
                for name in ion.reads:
                    if name == f"e{ion.name}":
                        read.setdefault(name, painted.mechanism.name)
                    elif name != f"i{ion.name}":
                        raise CellError(f"{painted.mechanism.name} reads {name}, and gbar has no concentrations yet",
                                        remedy="use a mechanism that reads a reversal potential")  # fmt: skip
        for name, reader in read.items():
            if name not in self.reversals:
                raise CellError(
                    f"{reader} reads {name}, which the cell does not state",
                    remedy=f"add `{name}: {_TYPICAL.get(name, 0)} mV` under regions.{self.name}.reversals",
                )
        for name in self.reversals:
            if name not in read:
                raise CellError(
                    f"no mechanism of {self.name} reads {name}",
                    remedy=f"{nearest(name, read)}take it out; those read are: {', '.join(read) or 'none'}",
                )


@dataclass(frozen=True)
class Cell:
    """A cell: its shape, what is painted on it, its temperature in degC, its free parameters and its experiment.

    Raises CellError where something is missing, unknown or contradictory. Two cells are equal if all but `file` is.
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
        self._check_space()

    def _check_space(self) -> None:
        known = self.quantities()
        for parameter in self.space.parameters:
            for target in parameter.targets:
                if target not in known:
                    what = f"the free parameter {parameter.name} sets {target!r}, which the cell does not have"
                    raise CellError(what, remedy=f"{nearest(target, known)}it has: {', '.join(known)}")
                if not units.same(parameter.unit, known[target].unit):
                    unit = known[target].unit or "no unit"
                    raise CellError(f"the free parameter {parameter.name} is in {parameter.unit or 'no unit'}, "
                                    f"{target} in {unit}", remedy=f"state its range in {unit}")  # fmt: skip
                if target.startswith(("cm.", "area.")) and parameter.low <= 0:
                    raise CellError(f"{parameter.name} may become {parameter.low:g} {parameter.unit}",
                                    remedy="state a low bound above 0")  # fmt: skip

    def region(self, name: str) -> Region:
        """The region of this name."""
        return next(region for region in self.regions if region.name == name)

    def quantities(self) -> dict[str, Quantity]:
        """Every number of the cell that a free parameter may set, by name, with its present value and unit."""
        found = [Quantity("celsius", self.temperature, "degC")]
        for region in self.regions:
            at = region.name
            found.append(Quantity(f"area.{at}", self.morphology.region_area(at), "um2"))
            found.append(Quantity(f"cm.{at}", region.cm, "uF/cm2"))
            found += [Quantity(f"{name}.{at}", value, "mV") for name, value in region.reversals.items()]
            for painted in region.mechanisms:
                for name, parameter in painted.parameters.items():
                    label = f"{name}_{painted.mechanism.name}.{at}"
                    found.append(Quantity(label, painted.value(name), parameter.unit.strip("() ")))
        return {quantity.name: quantity for quantity in found}

    @property
    def theta(self) -> Float[np.ndarray, "1 parameter"]:
        """The cell's own values of its free parameters, as one row (of a tied parameter: its first target's)."""
        values = self.quantities()
        return np.array([[values[p.targets[0]].value for p in self.space.parameters]], dtype=np.float64)

    def at(self, theta: Float[np.ndarray, " parameter"]) -> Cell:
        """The cell with these values of its free parameters as its own; they stay free. Raises CellError.

        The area scales the sections of a region in length and diameter alike.
        """
        values = np.asarray(theta, dtype=np.float64).reshape(-1)
        if len(values) != len(self.space) or not np.isfinite(values).all():
            names = ", ".join(self.space.names)
            raise CellError(
                f"{values.tolist()} are not the values of {names}", remedy="give one finite number for each"
            )
        given = {t: float(x) for p, x in zip(self.space.parameters, values, strict=True) for t in p.targets}
        morphology = self.morphology
        for region in self.regions:
            if (label := f"area.{region.name}") in given:
                morphology = morphology.with_area(region.name, given[label])
        regions = tuple(_region_at(region, given) for region in self.regions)
        temperature = given.get("celsius", self.temperature)
        return replace(self, morphology=morphology, regions=regions, temperature=temperature)

    @property
    def digest(self) -> str:
        """sha256 over everything that determines a simulation: shape, mod files, values, parameter space, protocol."""
        return hashlib.sha256(json.dumps(self._determinants(), sort_keys=True).encode()).hexdigest()

    def _determinants(self) -> dict[str, Any]:
        return {
            "sections": [[s.name, s.L, s.diam, s.region] for s in self.morphology.sections],
            "regions": [
                {
                    "name": region.name,
                    "cm": float(region.cm),
                    "reversals": dict(region.reversals),
                    "mechanisms": [
                        [
                            painted.mechanism.name,
                            painted.mechanism.digest,
                            {n: painted.value(n) for n in painted.parameters},
                        ]
                        for painted in region.mechanisms
                    ],
                }
                for region in self.regions
            ],
            "temperature": float(self.temperature),
            "space": self.space.to_json(),
            "protocol": self.protocol.to_json(),
        }


def _region_at(region: Region, given: Mapping[str, float]) -> Region:
    at = region.name
    mechanisms = tuple(
        replace(
            painted,
            values=dict(painted.values)
            | {
                name: given[label]
                for name in painted.parameters
                if (label := f"{name}_{painted.mechanism.name}.{at}") in given
            },
        )
        for painted in region.mechanisms
    )
    reversals = {name: given.get(f"{name}.{at}", value) for name, value in region.reversals.items()}
    return replace(region, cm=given.get(f"cm.{at}", region.cm), mechanisms=mechanisms, reversals=reversals)
