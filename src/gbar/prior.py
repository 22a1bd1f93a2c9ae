"""Priors of one parameter: even over its range on its scale, or a bell cut off at the bounds of the range.

A bell is a normal distribution of a coordinate of the value: the value itself, or its logarithm. With Phi the standard
normal distribution, z the standardised coordinate and a, b its values at the bounds,

    F(value) = (Phi(z) - Phi(a)) / (Phi(b) - Phi(a)).

Where the range lies above the middle of the bell all is counted from the other side (Phi(-z)), because small shares are
exact and those near 1 are not.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar import units
from gbar.errors import ParameterError

LEAST = 1e-6  # of a bell, that its range must hold
_SMALLEST, _LARGEST = 1e-300, 1.0 - 2.0**-53  # shares whose z is finite

_upper = np.vectorize(math.erfc, otypes=[np.float64])
_inverse = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])


@dataclass(frozen=True)
class Uniform:
    """Even over the range, on the parameter's scale."""

    def check(self, name: str, low: float, high: float) -> None:
        """Any range will do."""

    def to_json(self) -> Any:
        """What JSON can hold and `prior_from_json` reads back."""
        return "uniform"

    def describe(self, unit: str) -> str:
        """The prior in words."""
        return "uniform"


@dataclass(frozen=True)
class Bell(ABC):
    """A distribution whose coordinate is normal, cut off at the bounds `low` and `high` of a parameter's range."""

    @abstractmethod
    def z(self, value: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """The standardised coordinate of values in the parameter's unit."""

    @abstractmethod
    def value(self, z: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """The inverse of `z`."""

    @abstractmethod
    def slope(self, value: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """The derivative of `z` by the value."""

    @abstractmethod
    def to_json(self) -> Any:
        """What JSON can hold and `prior_from_json` reads back."""

    @abstractmethod
    def describe(self, unit: str) -> str:
        """The prior in words, with its numbers in the parameter's unit."""

    def check(self, name: str, low: float, high: float) -> None:
        """Raises ParameterError where next to nothing of the bell lies in the range."""
        _, _, mass, _ = self._ends(low, high)
        if not mass >= LEAST:
            what = f"the prior of {name} ({self.describe('')}) has a share of {mass:.1g} in its range"
            remedy = f"let the range {low:g} to {high:g} hold a share of {LEAST:g} at least, or use a uniform prior"
            raise ParameterError(what, remedy=remedy)

    def quantile(self, share: Float[np.ndarray, " point"], low: float, high: float) -> Float[np.ndarray, " point"]:
        """The values in [low, high] below which these shares (0 to 1) of the prior lie."""
        first, _, mass, sign = self._ends(low, high)
        within = share if sign > 0 else 1.0 - share
        z = sign * _inverse(np.clip(first + within * mass, _SMALLEST, _LARGEST))
        return np.clip(self.value(z), low, high)

    def cumulative(self, value: Float[np.ndarray, " point"], low: float, high: float) -> Float[np.ndarray, " point"]:
        """The share of the prior below values; the inverse of `quantile`."""
        first, _, mass, sign = self._ends(low, high)
        within = np.clip((_below(sign * self.z(np.clip(value, low, high))) - first) / mass, 0.0, 1.0)
        return np.asarray(within if sign > 0 else 1.0 - within)

    def log_density(self, value: Float[np.ndarray, " point"], low: float, high: float) -> Float[np.ndarray, " point"]:
        """The logarithm of the density per unit of the value, within the range."""
        _, _, mass, _ = self._ends(low, high)
        with np.errstate(all="ignore"):
            z = self.z(value)
            found = np.log(self.slope(value)) - 0.5 * z**2 - 0.5 * math.log(2 * math.pi) - math.log(mass)
        return np.where(np.isfinite(z), found, -np.inf)

    def _ends(self, low: float, high: float) -> tuple[float, float, float, int]:
        """The shares of the whole bell below the range and up to its end, what is between, and from which side."""
        with np.errstate(over="ignore"):
            a, b = self.z(np.array([low, high])).tolist()
        sign = -1 if a + b > 0 else 1
        first, last = _below(np.array([a, b] if sign > 0 else [-b, -a])).tolist()
        return first, last, last - first, sign


@dataclass(frozen=True)
class Normal(Bell):
    """Normal, cut off at the bounds of the range. Raises ParameterError unless sd > 0."""

    mean: float  # in the parameter's unit
    sd: float  # in the parameter's unit

    def __post_init__(self) -> None:
        _positive(self, "mean", sign=False)
        _positive(self, "sd")

    def z(self, value: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """(value - mean) / sd."""
        return np.asarray((value - self.mean) / self.sd)

    def value(self, z: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """Mean + sd z."""
        return np.asarray(self.mean + self.sd * z)

    def slope(self, value: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """1 / sd."""
        return np.full(np.shape(value), 1.0 / self.sd)

    def to_json(self) -> Any:
        """As `{"normal": {"mean": 5.0, "sd": 1.0}}`."""
        return {"normal": {"mean": self.mean, "sd": self.sd}}

    def describe(self, unit: str) -> str:
        """As "normal, mean 5 mV, sd 1 mV"."""
        return f"normal, mean {units.format(self.mean, unit)}, sd {units.format(self.sd, unit)}"


@dataclass(frozen=True)
class LogNormal(Bell):
    """Its logarithm is normal, cut off at the bounds of the range. Raises ParameterError unless both are above 0."""

    median: float  # of the whole bell, in the parameter's unit
    decades: float  # standard deviation of the decimal logarithm

    def __post_init__(self) -> None:
        _positive(self, "median")
        _positive(self, "decades")

    def check(self, name: str, low: float, high: float) -> None:
        """Raises ParameterError for a range that reaches below 0, or holds next to nothing of the bell."""
        if low < 0:
            raise ParameterError(f"{name} has a lognormal prior and reaches down to {low:g}",
                                 remedy="let it begin at 0 or above, or use a normal prior")  # fmt: skip
        super().check(name, low, high)

    def z(self, value: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """The decimal logarithm of value / median, in standard deviations; -inf at 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log10(np.asarray(value) / self.median) / self.decades)

    def value(self, z: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """The inverse of `z`."""
        return np.asarray(self.median * 10.0 ** (self.decades * z))

    def slope(self, value: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """The derivative of `z`."""
        return np.asarray(1.0 / (np.asarray(value) * math.log(10.0) * self.decades))

    def to_json(self) -> Any:
        """As `{"lognormal": {"median": 5.0, "decades": 0.3}}`."""
        return {"lognormal": {"median": self.median, "decades": self.decades}}

    def describe(self, unit: str) -> str:
        """As "lognormal, median 5 mS/cm2, sd 0.3 decades"."""
        return f"lognormal, median {units.format(self.median, unit)}, sd {self.decades:.4g} decades"


Prior = Uniform | Normal | LogNormal


def prior_from_json(data: Any) -> Prior:
    """The inverse of a prior's `to_json`; raises KeyError, TypeError or ValueError for anything else."""
    if data == "uniform":
        return Uniform()
    if not isinstance(data, Mapping) or len(data) != 1:
        raise ValueError("a prior is damaged")
    if "normal" in data:
        return Normal(float(data["normal"]["mean"]), float(data["normal"]["sd"]))
    return LogNormal(float(data["lognormal"]["median"]), float(data["lognormal"]["decades"]))


def _below(z: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
    """The share of a standard normal distribution below z."""
    return np.asarray(0.5 * _upper(-z / math.sqrt(2.0)))


def _positive(prior: Bell, name: str, sign: bool = True) -> None:
    """Makes a field a number, and refuses one that is not finite or, unless its sign is free, not above 0."""
    value = float(getattr(prior, name))
    if not math.isfinite(value) or (sign and value <= 0):
        kind = type(prior).__name__.lower()
        bound = " above 0" if sign else ""
        raise ParameterError(f"the {name} of a {kind} prior is {value:g}", remedy=f"give a finite number{bound}")
    object.__setattr__(prior, name, value)
