"""The free parameters of a cell: names, units, ranges, scales, and the unit cube that networks work in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from gbar import units
from gbar.errors import ParameterError

_PRIOR = 0x7072696F  # keeps these draws apart from others made with the same seed


@dataclass(frozen=True)
class FreeParameter:
    """One free parameter and its prior, uniform between low and high in its scale.

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

    def describe(self) -> dict[str, str]:
        """Name, unit, low, high, scale and targets as text, for a table's row."""
        low, high = f"{self.low:.4g}", f"{self.high:.4g}"
        row = {"name": self.name, "unit": self.unit, "low": low, "high": high, "scale": self.scale}
        return row | {"targets": ", ".join(self.targets)}

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold and `from_json` reads back."""
        row: dict[str, Any] = {"name": self.name, "unit": self.unit, "low": self.low, "high": self.high}
        row |= {"scale": self.scale, "targets": list(self.targets)}
        return row if self.value is None else row | {"value": self.value}

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
    def log_volume(self) -> float:
        """The logarithm of the box's volume in unit space, n ln 2; minus this is the prior's log-density in the box."""
        return len(self) * math.log(2.0)

    def to_unit(self, theta: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row parameter"]:
        """Theta scaled to [-1, 1] (outside the range: beyond; where a logarithm has no value: -inf at 0, NaN below)."""
        theta = self._matrix(theta)
        unit = np.empty_like(theta)
        with np.errstate(divide="ignore", invalid="ignore"):
            for j, p in enumerate(self.parameters):
                if p.scale == "log":
                    unit[:, j] = 2 * (np.log(theta[:, j]) - math.log(p.low)) / (math.log(p.high) - math.log(p.low)) - 1
                else:
                    unit[:, j] = 2 * (theta[:, j] - p.low) / (p.high - p.low) - 1
        return unit

    def to_theta(self, unit: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row parameter"]:
        """The inverse of `to_unit`; what lies in [-1, 1] is never, by rounding, out of range in theta."""
        unit = self._matrix(unit)
        theta = np.empty_like(unit)
        for j, p in enumerate(self.parameters):
            share = (unit[:, j] + 1) / 2
            if p.scale == "log":
                theta[:, j] = np.exp(math.log(p.low) + share * (math.log(p.high) - math.log(p.low)))
            else:
                theta[:, j] = p.low + share * (p.high - p.low)
            theta[:, j] = np.where((share >= 0) & (share <= 1), np.clip(theta[:, j], p.low, p.high), theta[:, j])
        return theta

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
        """Rows start..stop of the endless sample from the prior that `seed` names; row i depends on (seed, i) alone.

        Philox counts in blocks of four 64-bit words; every row owns a whole number of blocks, so that any row is
        reached without drawing those before it.
        """
        if seed < 0 or not 0 <= start <= stop:
            raise ParameterError(
                f"seed {seed}, rows {start} to {stop} cannot be drawn", remedy="use a seed and rows from 0 up"
            )
        blocks = max(1, -(-len(self) // 4))
        generator = np.random.Philox(np.random.SeedSequence(seed, spawn_key=(_PRIOR,)))
        generator.advance(start * blocks)
        words = np.asarray(generator.random_raw((stop - start) * blocks * 4), dtype=np.uint64)
        words = words.reshape(stop - start, blocks * 4)[:, : len(self)]
        return self.to_theta((words >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1)

    def describe(self) -> list[dict[str, str]]:
        """One row of text per parameter, for tables: name, unit, low, high, scale, targets."""
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

    def _matrix(self, values: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row parameter"]:
        values = np.asarray(values, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self):
            raise ParameterError(
                f"expected a matrix of {len(self)} columns ({', '.join(self.names)}), got the shape {values.shape}",
                remedy="give one row per parameter set",
            )
        return values
