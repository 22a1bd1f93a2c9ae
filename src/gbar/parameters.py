"""The free parameters of a cell: names, units, ranges, scales, and the unit cube that networks work in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from gbar import draws, units
from gbar.errors import ParameterError
from gbar.prior import Prior, Uniform, prior_from_json

_PRIOR = 0x7072696F  # keeps these draws apart from others made with the same seed


@dataclass(frozen=True)
class FreeParameter:
    """One free parameter: its range from low to high, the scale that it is looked at on, and its prior there.

    The prior is uniform on the scale unless stated; whatever it is, it ends at low and at high.

    `targets` are the quantities of the cell that take its value: `gnabar_hh.soma` (NEURON's range variable `.`
    region), `q10_na_ms` (a GLOBAL one), `gnabar_hh.apical.length` (a coefficient of a profile), `ena.soma`, `cai.soma`,
    `cm.soma`, `Ra.soma`, `area.soma`, `L.soma`, `L_scale.soma`, `diam_scale.soma`, `celsius`. One parameter may set
    several (tied copies); its own name alone is the usual case, and what an empty tuple becomes. A parameter that is no
    quantity of the cell, which the cell's formulas read, has a `value` of its own and no targets. Raises ParameterError
    if low < high does not hold or a log scale reaches zero.
    """

    name: str
    unit: str
    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"
    targets: tuple[str, ...] = ()
    value: float | None = None  # the cell's own, of a parameter that is no quantity of it
    prior: Prior = field(default_factory=Uniform)

    def __post_init__(self) -> None:
        if not self.name or any(c.isspace() for c in self.name):
            raise ParameterError(f"{self.name!r} is no name for a parameter", remedy="use letters, digits, _ and .")
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        alone = () if self.value is not None else (self.name,)
        object.__setattr__(self, "targets", tuple(self.targets) or alone)
        if self.value is not None:
            object.__setattr__(self, "value", float(self.value))
            if self.targets or not math.isfinite(self.value):
                what = f"{self.name} has the value {self.value:g} and the targets {', '.join(self.targets) or 'none'}"
                raise ParameterError(what, remedy="state a finite value, or targets")
        place = f"the range of {self.name}, {self.low:g} to {self.high:g} {self.unit}".rstrip()
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ParameterError(f"{place}, is not finite", remedy="state two finite bounds")
        if not self.low < self.high:
            raise ParameterError(f"{place}, is empty", remedy="state a low bound below the high one")
        if self.scale not in ("linear", "log"):
            raise ParameterError(f"{self.name} has the unknown scale {self.scale!r}", remedy="use linear or log")
        if self.scale == "log" and self.low <= 0:
            raise ParameterError(f"{place}, has no logarithm", remedy="use a low bound above 0, or a linear scale")
        self.prior.check(self.name, self.low, self.high)

    def to_unit(self, value: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """Values on the scale, as [-1, 1] of the range (where a logarithm has no value: -inf at 0, NaN below)."""
        value = np.asarray(value, dtype=np.float64)
        if self.scale == "linear":
            return 2 * (value - self.low) / (self.high - self.low) - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            return 2 * (np.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low)) - 1

    def from_unit(self, unit: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """The inverse of `to_unit`; what lies in [-1, 1] is never, by rounding, out of range."""
        share = (np.asarray(unit, dtype=np.float64) + 1) / 2
        if self.scale == "log":
            value = np.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        return np.where((share >= 0) & (share <= 1), np.clip(value, self.low, self.high), value)

    def quantile(self, share: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """The values in the range below which these shares (0 to 1) of the prior lie."""
        if isinstance(self.prior, Uniform):
            return self.from_unit(2.0 * np.asarray(share, dtype=np.float64) - 1)
        return self.prior.quantile(np.asarray(share, dtype=np.float64), self.low, self.high)

    def cumulative(self, value: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """The share of the prior that lies below values; the inverse of `quantile`."""
        value = np.clip(np.asarray(value, dtype=np.float64), self.low, self.high)
        if isinstance(self.prior, Uniform):
            return np.clip((self.to_unit(value) + 1) / 2, 0.0, 1.0)
        return self.prior.cumulative(value, self.low, self.high)

    def log_prior(self, value: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """The logarithm of the prior's density on the scale from -1 to 1; -ln 2 if uniform, -inf out of range."""
        value = np.asarray(value, dtype=np.float64)
        inside = (value >= self.low) & (value <= self.high)
        if isinstance(self.prior, Uniform):
            return np.where(inside, -math.log(2.0), -np.inf)
        within = np.clip(np.where(inside, value, self.low), self.low, self.high)
        if self.scale == "log":
            stretch = np.log(within * math.log(self.high / self.low) / 2)
        else:
            stretch = np.full(value.shape, math.log((self.high - self.low) / 2))
        return np.where(inside, self.prior.log_density(within, self.low, self.high) + stretch, -np.inf)

    def describe(self) -> dict[str, str]:
        """Name, unit, low, high, scale, prior and targets as text, for a table's row."""
        low, high = f"{self.low:.4g}", f"{self.high:.4g}"
        row = {"name": self.name, "unit": self.unit, "low": low, "high": high, "scale": self.scale}
        return row | {"prior": self.prior.describe(self.unit), "targets": ", ".join(self.targets)}

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold and `from_json` reads back."""
        row: dict[str, Any] = {"name": self.name, "unit": self.unit, "low": self.low, "high": self.high}
        row |= {"scale": self.scale, "targets": list(self.targets)}
        row |= {} if self.value is None else {"value": self.value}
        return row if isinstance(self.prior, Uniform) else row | {"prior": self.prior.to_json()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> FreeParameter:
        """The inverse of `to_json`; raises ParameterError if something is missing or of the wrong type."""
        try:
            return FreeParameter(
                str(data["name"]),
                str(data["unit"]),
                float(data["low"]),
                float(data["high"]),
                data["scale"],
                tuple(str(target) for target in data["targets"]),
                None if data.get("value") is None else float(data["value"]),
                prior_from_json(data.get("prior", "uniform")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ParameterError(f"a stored parameter is damaged ({error!r})", remedy="make the file anew") from None


@dataclass(frozen=True)
class ParameterSpace:
    """An ordered set of free parameters. theta is [row, parameter] in physical units; unit is the same in [-1, 1]."""

    parameters: tuple[FreeParameter, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))
        set_by: dict[str, str] = {}
        for i, parameter in enumerate(self.parameters):
            if parameter.name in self.names[:i]:
                raise ParameterError(f"two free parameters are called {parameter.name}", remedy="rename one of them")
            for target in parameter.targets:
                if target in set_by:
                    other = set_by[target]
                    twice = f"{parameter.name} sets {target} twice"
                    both = f"{target} is set by {other} and by {parameter.name}"
                    raise ParameterError(
                        both if other != parameter.name else twice, remedy="let one free parameter set it, once"
                    )
                set_by[target] = parameter.name

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names, in order."""
        return tuple(p.name for p in self.parameters)

    @property
    def low(self) -> Float[np.ndarray, " parameter"]:
        """The low bounds, in physical units."""
        return np.array([p.low for p in self.parameters], dtype=np.float64)

    @property
    def high(self) -> Float[np.ndarray, " parameter"]:
        """The high bounds, in physical units."""
        return np.array([p.high for p in self.parameters], dtype=np.float64)

    @property
    def uniform(self) -> bool:
        """Whether every parameter's prior is uniform on its scale."""
        return all(isinstance(p.prior, Uniform) for p in self.parameters)

    def to_unit(self, theta: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row parameter"]:
        """Theta scaled to [-1, 1] (outside the range: beyond; where a logarithm has no value: -inf at 0, NaN below)."""
        return self._columns(FreeParameter.to_unit, theta)

    def to_theta(self, unit: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row parameter"]:
        """The inverse of `to_unit`; what lies in [-1, 1] is never, by rounding, out of range in theta."""
        return self._columns(FreeParameter.from_unit, unit)

    def quantile(self, shares: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row parameter"]:
        """Theta below whose values these shares (0 to 1) of each parameter's prior lie."""
        return self._columns(FreeParameter.quantile, shares)

    def log_prior(self, theta: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, " row"]:
        """The logarithm of the prior's density in unit space; -inf outside the box."""
        return np.asarray(self._columns(FreeParameter.log_prior, theta).sum(axis=1))

    def inside(self, theta: Float[np.ndarray, "row parameter"]) -> Bool[np.ndarray, " row"]:
        """Which rows lie in the prior's box."""
        theta = self._matrix(theta)
        return np.asarray(((theta >= self.low) & (theta <= self.high)).all(axis=1))

    def check(self, theta: Float[np.ndarray, "row parameter"]) -> None:
        """Raises ParameterError naming the first value that is not finite or out of range."""
        theta = self._matrix(theta)
        bad = ~((theta >= self.low) & (theta <= self.high))
        if not bad.any():
            return
        row, column = (int(i) for i in np.argwhere(bad)[0])
        value, p = theta[row, column], self.parameters[column]
        what = f"{p.name}[{row}] = {units.format(value, p.unit)} is "
        if not math.isfinite(value):
            raise ParameterError(what + "not finite", remedy=f"give a value from {p.low:g} to {p.high:g}")
        side = f"below its lower bound {p.low:g}" if value < p.low else f"above its upper bound {p.high:g}"
        raise ParameterError(what + side, remedy="give a value within the range, or widen the range in the cell")

    def draw(self, seed: int, start: int, stop: int) -> Float[np.ndarray, "row parameter"]:
        """Rows start..stop of the endless sample from the prior that `seed` names; row i depends on (seed, i) alone."""
        return self.quantile(draws.shares(seed, _PRIOR, start, stop, len(self)))

    def describe(self) -> list[dict[str, str]]:
        """One row of text per parameter, for tables: name, unit, low, high, scale, prior, targets."""
        return [p.describe() for p in self.parameters]

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold and `from_json` reads back."""
        return {"parameters": [p.to_json() for p in self.parameters]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ParameterSpace:
        """The inverse of `to_json`; raises ParameterError if the dictionary is damaged."""
        rows = data.get("parameters") if isinstance(data, Mapping) else None
        if not isinstance(rows, list):
            raise ParameterError("a stored parameter space is damaged", remedy="make the file anew")
        return ParameterSpace(tuple(FreeParameter.from_json(row) for row in rows))

    def _columns(
        self, function: Callable[..., np.ndarray], values: Float[np.ndarray, "row parameter"]
    ) -> Float[np.ndarray, "row parameter"]:
        """A function of a parameter and its values, for every column."""
        values = self._matrix(values)
        found = np.empty_like(values)
        for j, parameter in enumerate(self.parameters):
            found[:, j] = function(parameter, values[:, j])
        return found

    def _matrix(self, values: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row parameter"]:
        values = np.asarray(values, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self):
            raise ParameterError(
                f"expected a matrix of {len(self)} columns ({', '.join(self.names)}), got the shape {values.shape}",
                remedy="give one row per parameter set",
            )
        return values
