"""A number of the rig that is fixed, or drawn anew for every row from a stated range."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.errors import ParameterError


@dataclass(frozen=True)
class Uniform:
    """Every row draws its own value between `low` and `high`, all alike."""

    low: float
    high: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ParameterError(f"a range from {self.low:g} to {self.high:g}", remedy="give finite ends, low first")

    def draw(self, rng: np.random.Generator) -> float:
        """One row's value."""
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class LogUniform(Uniform):
    """Every row draws its own value between `low` and `high`, both above 0; its logarithm is uniform."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low <= 0.0:
            raise ParameterError(f"a logarithmic range from {self.low:g}", remedy="begin above 0, or use a linear one")

    def draw(self, rng: np.random.Generator) -> float:
        """One row's value."""
        value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return min(max(value, self.low), self.high)


Value = float | Uniform


def bounds(value: Value) -> tuple[float, float]:
    """The lowest and the highest value that a row can have."""
    return (value.low, value.high) if isinstance(value, Uniform) else (float(value), float(value))


def checked(value: Value, what: str, *, low: float = -math.inf, above: float = -math.inf) -> Value:
    """The value, fixed ones as float; raises ParameterError unless it is finite, at least `low` and over `above`."""
    lowest, highest = bounds(value)
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise ParameterError(f"{what} of {lowest:g}", remedy="give a finite number")
    if lowest < low or lowest <= above:
        limit = f"{low:g} or more" if lowest < low else f"more than {above:g}"
        raise ParameterError(f"{what} of {lowest:g}", remedy=f"give {limit}")
    return value if isinstance(value, Uniform) else lowest


def column(value: Value, rngs: Sequence[np.random.Generator]) -> Float[np.ndarray, "row 1"]:
    """The rows' values: a single row that stands for all where the value is fixed, else one for every generator."""
    if isinstance(value, Uniform):
        return np.array([[value.draw(rng)] for rng in rngs])
    return np.array([[value]])


def value_to_json(value: Value) -> Any:
    """A number, or a range with its scale."""
    if isinstance(value, Uniform):
        return {"low": value.low, "high": value.high, "scale": "log" if isinstance(value, LogUniform) else "linear"}
    return value


def value_from_json(stored: Any) -> Value:
    """The inverse of `value_to_json`; raises ParameterError for anything else."""
    if is_number(stored):
        return float(stored)
    kinds = {"linear": Uniform, "log": LogUniform}
    if isinstance(stored, Mapping) and set(stored) == {"low", "high", "scale"}:
        kind, ends = kinds.get(str(stored["scale"])), (stored["low"], stored["high"])
        if kind and all(map(is_number, ends)):
            return kind(*ends)
    raise ParameterError(f"{stored!r} is neither a number nor a range", remedy="give a number, or low, high and scale")


def is_number(stored: Any) -> bool:
    """Whether it is a number as JSON has them; true and false are none."""
    return isinstance(stored, int | float) and not isinstance(stored, bool)
