"""A number of a cell by its name, as parameter sets and formulas take hold of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gbar import units
from gbar.cell.painted import Painted
from gbar.cell.profile import VALUE, Profile
from gbar.errors import CellError


@dataclass(frozen=True)
class Quantity:
    """A number of a cell, by its name, in its unit ("" if it has none), with the limits that a mod file declares."""

    name: str
    value: float
    unit: str
    limits: tuple[float, float] = (-math.inf, math.inf)
    file: str = ""  # that declares them

    def check_bound(self, value: float, parameter: str) -> None:
        """Raises CellError for a bound of a free parameter's range that the mod file does not allow."""
        low, high = self.limits
        if not low <= value <= high:
            which = self.name if parameter == self.name else f"{parameter}, which sets {self.name},"
            what = f"{which} may become {units.format(value, self.unit)}, {self.file} allows {low:g} to {high:g}"
            raise CellError(what, remedy="state a range within, or widen the limits in the mod file")


def painted_quantities(painted: Painted, region: str) -> list[Quantity]:
    """The parameters of a mechanism in a region: of a profile its coefficients."""
    found = []
    for name, parameter in painted.parameters.items():
        label, unit, value = f"{name}_{painted.mechanism.name}", parameter.unit.strip("() "), painted.value(name)
        if isinstance(value, Profile):
            for coefficient, number in value.coefficients.items():
                behind = "" if coefficient == VALUE else f".{coefficient}"
                found.append(Quantity(f"{label}.{region}{behind}", number, value.unit(coefficient, unit)))
        else:
            whole = label if parameter.scope == "global" else f"{label}.{region}"
            found.append(Quantity(whole, value, unit, parameter.limits, painted.mechanism.file.name))
    return found
