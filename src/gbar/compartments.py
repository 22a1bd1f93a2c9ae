"""A cell lowered to tables: every quantity in one order, what the free parameters set, which mechanism reads what.

Description only: nothing here computes. `kernel` turns these tables into code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from gbar.errors import CellError
from gbar.mechanism import Mechanism
from gbar.parameters import ParameterSpace

if TYPE_CHECKING:
    from gbar.cell import Cell, Painted, Region

UNBOUND = ("v", "t", "dt", "celsius", "area", "diam")


@dataclass(frozen=True)
class Quantity:
    """A number that the cell's equations read: `gnabar_hh.soma`, `ena.soma`, `cm.soma`, `area.soma`, `celsius`."""

    name: str
    value: float  # where no free parameter sets it


@dataclass(frozen=True)
class Instance:
    """A mechanism in a compartment, and the quantity that each of its parameters and reversal potentials is."""

    mechanism: Mechanism
    bindings: tuple[tuple[str, int], ...]  # (variable of the mechanism, index of a quantity)


@dataclass(frozen=True)
class Compartment:
    """An isopotential piece of membrane."""

    region: str
    area: int  # quantity, µm²
    cm: int  # quantity, µF/cm²
    instances: tuple[Instance, ...]


@dataclass(frozen=True)
class Compartments:
    """A cell as tables. `targets[p]` are the indices of the quantities that free parameter p sets."""

    cell: str
    quantities: tuple[Quantity, ...]
    celsius: int  # quantity, °C
    compartments: tuple[Compartment, ...]
    sites: tuple[int, ...]  # compartments whose voltage is recorded
    space: ParameterSpace
    targets: tuple[tuple[int, ...], ...]

    @property
    def values(self) -> Float[np.ndarray, " quantity"]:
        """The value of every quantity where no free parameter sets it."""
        return np.array([q.value for q in self.quantities], dtype=np.float64)

    @property
    def free(self) -> dict[int, int]:
        """Which free parameter sets a quantity: {quantity: parameter}."""
        return {quantity: p for p, quantities in enumerate(self.targets) for quantity in quantities}


def lower(cell: Cell) -> Compartments:
    """The tables of a cell.

    Raises CellError for what there is no code for yet: several regions, or a mechanism that reads more of its ions than
    their reversal potentials. (That the free parameters set what there is, the cell has made sure.)
    """
    if len(cell.regions) != 1:
        raise CellError(
            f"{cell.name} has {len(cell.regions)} regions, a kernel has one compartment",
            remedy="describe the cell with one region",
        )
    table: dict[str, float] = {"celsius": float(cell.temperature)}
    compartments = tuple(_compartment(cell, region, table) for region in cell.regions)
    index = {name: i for i, name in enumerate(table)}
    return Compartments(
        cell=cell.name,
        quantities=tuple(Quantity(name, value) for name, value in table.items()),
        celsius=index["celsius"],
        compartments=compartments,
        sites=(0,),
        space=cell.space,
        targets=tuple(tuple(index[name] for name in p.targets or (p.name,)) for p in cell.space.parameters),
    )


def _compartment(cell: Cell, region: Region, table: dict[str, float]) -> Compartment:
    area = _add(table, f"area.{region.name}", cell.morphology.region_area(region.name))
    cm = _add(table, f"cm.{region.name}", region.cm)
    instances = tuple(_instance(region, painted, table) for painted in region.mechanisms)
    return Compartment(region=region.name, area=area, cm=cm, instances=instances)


def _instance(region: Region, painted: Painted, table: dict[str, float]) -> Instance:
    mechanism = painted.mechanism
    bindings: list[tuple[str, int]] = []
    read = [name for ion in mechanism.ions for name in ion.reads]
    for name in read:
        if name not in region.reversals:
            raise CellError(
                f"{mechanism.name} reads {name}, which region {region.name} does not give",
                file=mechanism.file,
                remedy="gbar gives mechanisms reversal potentials, stated in mV; no concentrations or currents yet",
            )
        bindings.append((name, _add(table, f"{name}.{region.name}", region.reversals[name])))
    for parameter in mechanism.parameters:
        if parameter.name in read or parameter.name in UNBOUND:
            continue
        value = painted.values.get(parameter.name, parameter.value)
        bindings.append((parameter.name, _add(table, f"{parameter.name}_{mechanism.name}.{region.name}", value)))
    return Instance(mechanism=mechanism, bindings=tuple(bindings))


def _add(table: dict[str, float], name: str, value: float) -> int:
    table.setdefault(name, float(value))
    return list(table).index(name)
