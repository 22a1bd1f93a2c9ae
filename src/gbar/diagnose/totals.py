"""What a patch pipette would call a conductance: density times membrane area, in nS."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
from jaxtyping import Float

from gbar import units
from gbar.cell import Cell
from gbar.compartments import Compartments, lower
from gbar.errors import UnitError


def total_conductances(
    cell: Cell, theta: Float[np.ndarray, "row parameter"]
) -> Mapping[str, Float[np.ndarray, " row"]]:
    """The total conductance in nS of every free conductance density, for parameter sets in physical units.

    The sum runs over all membrane that the parameter sets, with the density and the area (free or fixed) of every
    compartment. Parameters that are no conductance density are left out.
    """
    tables = lower(cell)
    values = tables.at(theta)
    found = {}
    for parameter in cell.space.parameters:
        try:
            per_area = units.quantity(f"1 {parameter.unit}", "S/cm2")
        except UnitError:
            continue
        set_by_it = {cell.canonical(target) for target in parameter.targets}
        total = np.zeros(len(theta))
        for density, area in _painted(tables, set_by_it):
            total += values[density] * values[area]
        found[parameter.name] = total * per_area * 10.0  # 1 S/cm2 is 10 nS/um2
    return found


def _painted(tables: Compartments, names: Collection[str]) -> Iterator[tuple[int, int]]:
    """(density, area) as quantities, of every instance that has one of these parameters (`g_pas.soma`, or GLOBAL)."""
    for compartment in tables.compartments:
        if compartment.area is None:
            continue
        for instance in compartment.instances:
            for variable, quantity in instance.bindings:
                label = f"{variable}_{instance.mechanism.name}"
                if label in names or f"{label}.{compartment.region}" in names:
                    yield quantity, compartment.area
