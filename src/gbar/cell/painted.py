"""A mechanism on a region, with what the cell states of its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from gbar import units
from gbar.cell.profile import Profile
from gbar.document import nearest
from gbar.errors import CellError
from gbar.mechanism import Mechanism, MechanismParameter

# Names that NEURON knows and a PARAMETER block may repeat; a cell gives them elsewhere.
BUILT_IN = frozenset({"v", "t", "dt", "celsius", "area", "diam"})


@dataclass(frozen=True)
class Painted:
    """A mechanism on a region, with those of its parameters that the cell states, in the units of the mod file.

    A value is a number, or a `Profile` over the region. Raises CellError.
    """

    mechanism: Mechanism
    values: Mapping[str, float | Profile] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = {n: value if isinstance(value, Profile) else float(value) for n, value in self.values.items()}
        object.__setattr__(self, "values", given)
        for name, value in given.items():
            self._check_name(name)
            if not isinstance(value, Profile):
                self.check_value(name, value)
            elif self.parameters[name].scope == "global":
                raise CellError(f"{name}_{self.mechanism.name} is GLOBAL, one value for the whole cell",
                                remedy="give a number, or declare it RANGE in the mod file")  # fmt: skip

    @property
    def provided(self) -> frozenset[str]:
        """The names that NEURON, an ion or BREAKPOINT gives their values, whatever block declares them."""
        return self.mechanism.ion_variables | BUILT_IN | {current.name for current in self.mechanism.currents}

    @property
    def parameters(self) -> dict[str, MechanismParameter]:
        """The parameters that a cell may set: RANGE and GLOBAL ones, but not what is provided."""
        taken = self.provided
        parameters = self.mechanism.parameters
        return {p.name: p for p in parameters if p.scope in ("range", "global") and p.name not in taken}

    def value(self, name: str) -> float | Profile:
        """A parameter's value: the cell's if it states one, else the mod file's."""
        return self.values[name] if name in self.values else self.parameters[name].value

    def check_value(self, name: str, value: float, place: str = "") -> None:
        """Raises CellError where a parameter may not have this value; `place` says where, if not everywhere."""
        parameter, label = self.parameters[name], f"{name}_{self.mechanism.name}{place}"
        if not math.isfinite(value):
            raise CellError(f"{label} is {value}", remedy="give a finite number")
        low, high = parameter.low, parameter.high
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = f"{self.mechanism.file.name} allows {low} to {high}"
            raise CellError(f"{label} = {units.format(value, parameter.unit)} is out of range, {bounds}",
                            remedy="give a value within, or widen the limits in the mod file")  # fmt: skip

    def _check_name(self, name: str) -> None:
        known = self.parameters
        if name in known:
            return
        if any(p.name == name for p in self.mechanism.parameters):
            raise CellError(
                f"{self.mechanism.name} has a parameter {name!r} that a cell cannot set there",
                remedy="declare it RANGE in the mod file; reversal potentials stand under reversals",
            )
        raise CellError(
            f"{self.mechanism.name} has no parameter {name!r}",
            remedy=f"{nearest(name, known)}it has: {', '.join(known) or 'none'}",
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Painted):
            return NotImplemented
        return (self.mechanism.digest, self.values) == (other.mechanism.digest, other.values)

    def __hash__(self) -> int:
        return hash(self.mechanism.digest)
