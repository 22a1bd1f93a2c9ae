"""How much of every channel the compartments of a region have, for tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gbar import units
from gbar.cell.cell import Cell
from gbar.cell.painted import Painted
from gbar.cell.profile import Profile
from gbar.errors import UnitError
from gbar.morphology import segments

DENSITY = "S/cm2"


@dataclass(frozen=True)
class Density:
    """A parameter of a mechanism over the cell: its values in the compartments of every region that has it.

    `parameter` is empty for a mechanism of which the cell states nothing. `distance` is that of each compartment from
    the middle of the soma, in um; `varies` where a value depends on the place, `free` where a free parameter sets it.
    """

    mechanism: str
    parameter: str
    unit: str
    values: Mapping[str, Float[np.ndarray, " compartment"]]
    distance: Mapping[str, Float[np.ndarray, " compartment"]]
    varies: frozenset[str]
    free: frozenset[str]

    @property
    def name(self) -> str:
        """As NEURON names it: `gbar_na_ms`."""
        return f"{self.parameter}_{self.mechanism}" if self.parameter else self.mechanism

    @property
    def siemens(self) -> float | None:
        """What its values are multiplied by to be in S/cm2; None where it is no conductance of a membrane."""
        return _siemens(self.unit)


def densities(cell: Cell) -> tuple[Density, ...]:
    """The parameters of mechanisms that the cell states or lets free, and all conductances, mechanism by mechanism."""
    cut = segments(cell.morphology, cell.counts)
    sections = [cell.morphology.sections[i].region for i in cut.section]
    mine = {
        region.name: np.array([i for i, name in enumerate(sections) if name == region.name and cut.area[i] > 0])
        for region in cell.regions
    }
    painted = {(p.mechanism.name, region.name): p for region in cell.regions for p in region.mechanisms}
    found = []
    for mechanism in dict.fromkeys(name for name, _ in painted):
        of = {region: p for (name, region), p in painted.items() if name == mechanism}
        for parameter in _shown(cell, mechanism, of) or [""]:
            first = next(iter(of.values()))
            unit = first.parameters[parameter].unit.strip("() ") if parameter else ""
            stated = {region: p.value(parameter) if parameter else np.nan for region, p in of.items()}
            values = {}
            for region, value in stated.items():
                distance, diam = cut.distance[mine[region]], cut.diam[mine[region]]
                at = value.at(distance, diam) if isinstance(value, Profile) else np.full(len(diam), float(value))
                values[region] = at
            varies = frozenset(region for region, value in stated.items() if isinstance(value, Profile))
            distances = {region: cut.distance[mine[region]] for region in of}
            free = frozenset(region for region in of if _set(cell, mechanism, parameter, region))
            found.append(Density(mechanism, parameter, unit, values, distances, varies, free))
    return tuple(found)


def _shown(cell: Cell, mechanism: str, of: Mapping[str, Painted]) -> list[str]:
    """The parameters of a mechanism that are shown, in the order of its file."""
    known = next(iter(of.values())).parameters
    return [
        name
        for name, parameter in known.items()
        if _siemens(parameter.unit) is not None
        or any(name in painted.values for painted in of.values())
        or any(_set(cell, mechanism, name, region) for region in of)
    ]


def _set(cell: Cell, mechanism: str, parameter: str, region: str) -> bool:
    """Whether a free parameter, or a formula of some, sets a parameter of a mechanism there, or a coefficient of it."""
    label = f"{parameter}_{mechanism}"
    targets = [target for p in cell.space.parameters for target in p.targets]
    targets += [formula.target for formula in cell.formulas]
    at = f"{label}.{region}"
    return any(name in (label, at) or name.startswith(f"{at}.") for name in map(cell.canonical, targets))


def _siemens(unit: str) -> float | None:
    try:
        return units.factor(unit.strip("() "), DENSITY) if unit.strip("() ") else None
    except UnitError:
        return None
