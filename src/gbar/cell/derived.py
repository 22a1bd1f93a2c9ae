"""Quantities of a cell that follow from its free parameters by a formula, as in `Ra.dend: 159 * kappa / rho`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.cell.formula import FUNCTIONS, Formula
from gbar.document import nearest
from gbar.errors import CellError
from gbar.parameters import ParameterSpace

MOST_CORNERS = 12  # parameters that one formula may read


@dataclass(frozen=True)
class Derived:
    """A quantity of the cell, by its name, and the formula of free parameters that gives it, in the quantity's unit.

    The formula reads free parameters by their names, each in its own unit. Raises CellError.
    """

    target: str
    formula: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parsed", Formula(self.formula))
        if not self.reads:
            raise CellError(f"the formula {self.formula!r} of {self.target} reads no free parameter",
                            remedy="state the value where the quantity stands")  # fmt: skip
        if len(self.reads) > MOST_CORNERS:
            raise CellError(f"the formula of {self.target} reads {len(self.reads)} free parameters",
                            remedy=f"keep to {MOST_CORNERS}")  # fmt: skip

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the free parameters that it reads."""
        return self._parsed.names  # type: ignore[attr-defined]

    def at(self, parameters: Mapping[str, Any]) -> Any:
        """The quantity where the free parameters have these values: numbers, or arrays [row]."""
        return self._parsed(parameters)  # type: ignore[attr-defined]

    def check(self, space: ParameterSpace, positive: bool) -> None:
        """Raises CellError for a name that is no free parameter, and for a value that the quantity cannot have.

        The value is looked at in every corner of the range of the parameters that it reads.
        """
        known = {p.name: p for p in space.parameters}
        for name in self.reads:
            if name not in known:
                hint = nearest(name, (*known, *FUNCTIONS))
                raise CellError(f"the formula of {self.target} reads {name!r}, which is no free parameter",
                                remedy=f"{hint}it knows {', '.join(known) or 'none'}")  # fmt: skip
        for corner in itertools.product(*((known[name].low, known[name].high) for name in self.reads)):
            value = float(self.at(dict(zip(self.reads, corner, strict=True))))
            if not np.isfinite(value) or (positive and value <= 0):
                where = ", ".join(f"{name} = {x:g}" for name, x in zip(self.reads, corner, strict=True))
                raise CellError(f"{self.target} is {value:g} at {where}",
                                remedy="mend the formula, or the ranges")  # fmt: skip


def widened(
    names: Sequence[str], formulas: Sequence[Derived], theta: Float[np.ndarray, "row parameter"]
) -> Float[np.ndarray, "row setting"]:
    """Theta with a column behind it for every formula: the values of what they give."""
    if not formulas:
        return theta
    given = dict(zip(names, theta.T, strict=True))
    derived = [np.broadcast_to(np.asarray(one.at(given), dtype=np.float64), len(theta)) for one in formulas]
    return np.column_stack([theta, *derived])
