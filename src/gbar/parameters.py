"""The free parameters of a cell: names, units, ranges, scales, and the unit cube that networks work in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class FreeParameter:
    """One free parameter and its prior, uniform between low and high in its scale.

    `targets` are the quantities of the cell that take its value: `gnabar_hh.soma` (NEURON's range variable `.` region),
    `ena.soma`, `cm.soma`, `area.soma`. One parameter may set several (tied copies); its own name alone is the usual case.
    """

    name: str
    unit: str
    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParameterSpace:
    """An ordered set of free parameters. theta is [row, parameter] in physical units; unit is the same in [-1, 1]."""

    parameters: tuple[FreeParameter, ...]

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names, in order."""
        return tuple(p.name for p in self.parameters)

    def to_unit(self, theta: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row parameter"]:
        """theta scaled to [-1, 1] (outside the range: beyond)."""
        raise NotImplementedError

    def to_theta(self, unit: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row parameter"]:
        """The inverse of `to_unit`."""
        raise NotImplementedError

    def inside(self, theta: Float[np.ndarray, "row parameter"]) -> Bool[np.ndarray, " row"]:
        """Which rows lie in the prior's box."""
        raise NotImplementedError

    def check(self, theta: Float[np.ndarray, "row parameter"]) -> None:
        """Raises ParameterError naming the first value that is not finite or out of range."""
        raise NotImplementedError

    def draw(self, seed: int, start: int, stop: int) -> Float[np.ndarray, "row parameter"]:
        """Rows start..stop of the endless sample from the prior that `seed` names; row i depends on (seed, i) alone."""
        raise NotImplementedError
