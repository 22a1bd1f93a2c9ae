"""A density that depends on the place: a formula of the distance from the soma and of the diameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.cell.formula import FUNCTIONS, Formula
from gbar.document import nearest
from gbar.errors import CellError

PLACE = ("distance", "diam")  # what a formula knows of the place
VALUE = "value"  # the coefficient that has the unit of the density itself

_SHORT = {
    "linear": ("value + slope * distance", ("value", "slope")),
    "exponential": ("value * exp(distance / length)", ("value", "length")),
    "step": ("value if start <= distance < stop else outside", ("value", "outside", "start", "stop")),
}


@dataclass(frozen=True)
class Profile:
    """A parameter of a mechanism over a region: a formula of `distance`, `diam` and named coefficients.

    `distance` is the length in um of the path along the tree from the middle of the soma to the middle of the
    compartment (NEURON's `h.distance` from soma(0.5), as BluePyOpt takes it), `diam` the compartment's diameter in um.
    The coefficient `value` has the parameter's unit. `kind` says which shorthand a profile was made by, if any; the
    coefficients of a shorthand have units of their own. Raises CellError.

    >>> Profile.exponential(0.2, -50.0).at(np.array([0.0, 50.0]), np.array([1.0, 1.0])).round(4)
    array([0.2   , 0.0736])
    """

    formula: str
    coefficients: Mapping[str, float] = field(default_factory=dict)
    kind: str = "formula"

    def __post_init__(self) -> None:
        parsed = Formula(self.formula)
        given = {name: float(value) for name, value in self.coefficients.items()}
        object.__setattr__(self, "coefficients", given)
        object.__setattr__(self, "_parsed", parsed)
        for name in parsed.names:
            if name not in given and name not in PLACE:
                hint = nearest(name, (*PLACE, *given, *FUNCTIONS))
                remedy = f"{hint}it knows distance, diam and its coefficients: {', '.join(given) or 'none'}"
                raise CellError(f"the formula {self.formula!r} reads {name!r}, which has no value", remedy=remedy)
        for name, value in given.items():
            if name not in parsed.names:
                raise CellError(f"the formula {self.formula!r} does not read its coefficient {name!r}",
                                remedy=f"{nearest(name, parsed.names)}take it out, or use it")  # fmt: skip
            if name in PLACE or not math.isfinite(value):
                raise CellError(
                    f"the coefficient {name} is {value}", remedy="give a finite number, and a name of its own"
                )

    @staticmethod
    def linear(value: float, slope: float) -> Profile:
        """`value` at the soma, and `slope` more with every um."""
        return Profile(_SHORT["linear"][0], {"value": value, "slope": slope}, "linear")

    @staticmethod
    def exponential(value: float, length: float) -> Profile:
        """`value` at the soma, e times as much every `length` um (a negative length: falling)."""
        return Profile(_SHORT["exponential"][0], {"value": value, "length": length}, "exponential")

    @staticmethod
    def step(value: float, start: float, stop: float, outside: float = 0.0) -> Profile:
        """`value` from `start` to `stop` (um), `outside` elsewhere."""
        coefficients = {"value": value, "outside": outside, "start": start, "stop": stop}
        return Profile(_SHORT["step"][0], coefficients, "step")

    @staticmethod
    def short(kind: str, coefficients: Mapping[str, float]) -> Profile:
        """The profile of a shorthand, `linear`, `exponential` or `step`."""
        return Profile(_SHORT[kind][0], coefficients, kind)

    @staticmethod
    def shorthands() -> dict[str, tuple[str, ...]]:
        """The names of the shorthands, and of their coefficients."""
        return {kind: names for kind, (_, names) in _SHORT.items()}

    @staticmethod
    def bare(formula: str) -> tuple[str, ...]:
        """The coefficients that a formula needs. Raises CellError where it is none."""
        return tuple(name for name in Formula(formula).names if name not in PLACE)

    @property
    def reads(self) -> tuple[str, ...]:
        """The names that the formula reads."""
        return self._parsed.names  # type: ignore[attr-defined]

    def unit(self, coefficient: str, unit: str) -> str:
        """The unit of a coefficient, where the parameter's own is `unit`; "" where it is a plain number.

        In a formula all but `value` are plain numbers, in the parameter's unit and um.
        """
        if coefficient == VALUE or (self.kind == "step" and coefficient == "outside"):
            return unit
        if self.kind == "linear":
            return f"{unit}/um" if unit else "/um"
        return "" if self.kind == "formula" else "um"

    def at(
        self,
        distance: Float[np.ndarray, "..."],
        diam: Float[np.ndarray, "..."],
        coefficients: Mapping[str, Any] | None = None,
    ) -> Float[np.ndarray, "..."]:
        """Its values at distances and diameters in um, with these coefficients (arrays that broadcast) for its own."""
        names = {"distance": distance, "diam": diam, **self.coefficients, **(coefficients or {})}
        value = self._parsed(names)  # type: ignore[attr-defined]
        return np.asarray(value, dtype=np.float64) + np.zeros(np.broadcast(distance, diam).shape)
