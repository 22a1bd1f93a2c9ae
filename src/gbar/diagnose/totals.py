"""What a patch pipette would call a conductance: density times membrane area, in nS."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from gbar import units
from gbar.cell import Cell
from gbar.errors import UnitError


def total_conductances(
    cell: Cell, theta: Float[np.ndarray, "row parameter"]
) -> Mapping[str, Float[np.ndarray, " row"]]:
    """The total conductance in nS of every free conductance density, for parameter sets in physical units.

    The membrane area is the region's, free or fixed. Parameters that are no conductance density are left out.
    """
    found = {}
    quantities = cell.quantities()
    column = {target: k for k, p in enumerate(cell.space.parameters) for target in p.targets}
    for k, parameter in enumerate(cell.space.parameters):
        try:
            per_area = units.quantity(f"1 {parameter.unit}", "S/cm2")
        except UnitError:
            continue
        region = parameter.targets[0].rpartition(".")[2]
        area = f"area.{region}"
        um2 = theta[:, column[area]] if area in column else np.full(len(theta), quantities[area].value)
        found[parameter.name] = theta[:, k] * per_area * um2 * 10.0  # 1 S/cm2 is 10 nS/um2
    return found
