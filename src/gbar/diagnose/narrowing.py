"""How much a recording narrowed each parameter, and which parameters it can only tell together.

Everything is measured in unit space ([-1, 1] over a parameter's range, on its own scale).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from gbar.errors import ParameterError
from gbar.estimate import Estimate
from gbar.parameters import FreeParameter

INTERVAL = (0.05, 0.95)  # quantiles between which the 90 % interval lies
EDGE_WIDTH = 0.04  # in unit space: the outermost 2 % of a range
EDGE_SHARE = 0.10  # five times what a uniform prior puts there
EDGE_TIMES = 5.0  # what the prior itself puts there


@dataclass(frozen=True)
class Narrowing:
    """What a posterior says of one parameter, beside its prior; values in the parameter's own unit.

    `prior` is its range, `shape` its words ("uniform"). `narrowed` is 1 − (width of the posterior's 90 % interval)/
    (width of the prior's) in unit space: 1 is a point, 0 the prior itself. `edge` names the bound in whose outermost
    2 % of the range more than a tenth of the samples lie, and more than five times what the prior puts there.
    """

    name: str
    unit: str
    scale: Literal["linear", "log"]
    prior: tuple[float, float]
    shape: str
    median: float
    interval: tuple[float, float]  # 5th and 95th percentile
    narrowed: float
    edge: Literal["lower", "upper"] | None

    @property
    def verdict(self) -> str:
        """How well the recording determined the parameter, in plain words."""
        if self.narrowed >= 0.9:
            return "well determined"
        if self.narrowed >= 0.5:
            return "determined within limits"
        if self.narrowed >= 0.2:
            return "barely determined"
        return "not determined by this recording"


@dataclass(frozen=True)
class Correlation:
    """Two parameters that the posterior ties together: Pearson's r of their samples in unit space."""

    first: str
    second: str
    r: float


def narrowing(estimate: Estimate) -> tuple[Narrowing, ...]:
    """The narrowing of every parameter, in the order of the estimate's space. Raises ParameterError without samples."""
    unit = _unit_samples(estimate)
    low, high = np.quantile(unit, INTERVAL, axis=0)
    physical = np.quantile(estimate.samples, (INTERVAL[0], 0.5, INTERVAL[1]), axis=0)
    narrowed = np.clip(1.0 - (high - low) / [_prior_width(p) for p in estimate.space.parameters], 0.0, 1.0)
    return tuple(
        Narrowing(
            name=p.name,
            unit=p.unit,
            scale=p.scale,
            prior=(p.low, p.high),
            shape=p.prior.describe(p.unit),
            median=float(physical[1, k]),
            interval=(float(physical[0, k]), float(physical[2, k])),
            narrowed=float(narrowed[k]),
            edge=_edge(p, unit[:, k]),
        )
        for k, p in enumerate(estimate.space.parameters)
    )


def correlations(estimate: Estimate, threshold: float = 0.7) -> tuple[Correlation, ...]:
    """The pairs of parameters with |r| above `threshold`, strongest first."""
    r = correlation_matrix(estimate)
    names = estimate.space.names
    pairs = [
        Correlation(names[i], names[j], float(r[i, j]))
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if abs(r[i, j]) > threshold
    ]
    return tuple(sorted(pairs, key=lambda pair: -abs(pair.r)))


def correlation_matrix(estimate: Estimate) -> Float[np.ndarray, "parameter parameter"]:
    """Pearson's r of the samples in unit space; 0 where a parameter does not vary."""
    centred = _unit_samples(estimate)
    centred = centred - centred.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    varies = length > 1e-9 * np.sqrt(len(centred))
    normal = np.where(varies, centred / np.where(varies, length, 1.0), 0.0)
    r: Float[np.ndarray, "parameter parameter"] = np.clip(normal.T @ normal, -1.0, 1.0)
    np.fill_diagonal(r, 1.0)
    return r


def _unit_samples(estimate: Estimate) -> Float[np.ndarray, "draw parameter"]:
    if estimate.samples.ndim != 2 or len(estimate.samples) < 2:
        raise ParameterError(
            f"an estimate of {len(estimate.samples)} sample(s) has no interval", remedy="draw at least two samples"
        )
    return estimate.space.to_unit(estimate.samples)


def _prior_width(parameter: FreeParameter) -> float:
    """The width of the prior's own 90 % interval in unit space: 1.8 if it is uniform."""
    low, high = parameter.to_unit(parameter.quantile(np.array(INTERVAL))).tolist()
    return float(high - low)


def _edge(parameter: FreeParameter, unit: Float[np.ndarray, " draw"]) -> Literal["lower", "upper"] | None:
    """The bound that more samples press against than the prior explains."""
    below, above = parameter.cumulative(parameter.from_unit(np.array([-1.0 + EDGE_WIDTH, 1.0 - EDGE_WIDTH]))).tolist()
    lower, upper = float(np.mean(unit < -1.0 + EDGE_WIDTH)), float(np.mean(unit > 1.0 - EDGE_WIDTH))
    pressing = {
        "lower": lower if lower > max(EDGE_SHARE, EDGE_TIMES * below) else 0.0,
        "upper": upper if upper > max(EDGE_SHARE, EDGE_TIMES * (1.0 - above)) else 0.0,
    }
    if not any(pressing.values()):
        return None
    return "lower" if pressing["lower"] >= pressing["upper"] else "upper"
