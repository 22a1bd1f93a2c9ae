"""The posterior predictive check: do the cells an estimate proposes do what the recorded cell did?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gbar.diagnose.narrowing import INTERVAL
from gbar.errors import ParameterError

MOST = 0.5  # what fewer of the predicted cells have, or lack, is not what they predict


@dataclass(frozen=True)
class FeatureCheck:
    """One feature, measured and predicted, in `unit`.

    NaN means undefined (a cell without spikes has no spike height). `median`, `interval` (5th to 95th percentile) and
    `span` (smallest and largest) are of the predicted cells in which the feature is defined; `undefined` the share of
    the cells in which it is not. `inside`: the measured value lies in the interval and at least half of the cells
    define it; for a feature undefined in the recording, at least half of the cells leave it undefined too.
    """

    name: str
    unit: str
    measured: float
    median: float
    interval: tuple[float, float]
    span: tuple[float, float]
    undefined: float
    inside: bool

    @property
    def lacking(self) -> bool:
        """Whether the recorded cell has the feature and most of the predicted cells have not."""
        return bool(np.isfinite(self.measured)) and self.undefined > 1.0 - MOST

    @property
    def beyond(self) -> bool:
        """Whether not a single predicted cell reaches the measured value from either side."""
        if np.isnan(self.measured):
            return self.undefined == 0.0
        return bool(self.undefined == 1.0 or self.measured < self.span[0] or self.measured > self.span[1])


@dataclass(frozen=True)
class PredictiveCheck:
    """All features of a recording against those of `draws` cells drawn from an estimate."""

    features: tuple[FeatureCheck, ...]
    draws: int

    @property
    def compared(self) -> tuple[FeatureCheck, ...]:
        """The features that either has: without those undefined in the recording and in most predicted cells."""
        return tuple(feature for feature in self.features if np.isfinite(feature.measured) or not feature.inside)

    @property
    def outside(self) -> tuple[FeatureCheck, ...]:
        """The features that the predicted cells do not reproduce."""
        return tuple(feature for feature in self.features if not feature.inside)

    @property
    def missed(self) -> str:
        """The names of the features that the predicted cells do not reproduce, one after the other."""
        return _listed([feature.name for feature in self.outside], most=len(self.outside))

    @property
    def verdict(self) -> str:
        """One or two sentences: how many features agree, and which do not."""
        total, missed = len(self.compared), self.outside
        if total == 0:
            return "No feature was compared."
        if not missed:
            return f"The predicted cells reproduce all {total} features that the recording has."
        agree = f"{total - len(missed)} of {total} features of the recording lie within the predicted 90 % intervals."
        never = [feature.name for feature in missed if feature.beyond]
        lacking = [feature.name for feature in missed if feature.lacking and not feature.beyond]
        rarely = [feature.name for feature in missed if not feature.beyond and not feature.lacking]
        sentences = [agree]
        if never:
            sentences.append(f"None of the {self.draws} predicted cells reaches this cell's {_listed(never)}.")
        if lacking:
            sentences.append(f"Most of the {self.draws} predicted cells have no {_listed(lacking)}.")
        if rarely:
            sentences.append(f"Few of the {self.draws} predicted cells reach this cell's {_listed(rarely)}.")
        return " ".join(sentences)


def check_predictions(
    measured: Mapping[str, float],
    predicted: Mapping[str, Float[np.ndarray, " draw"]],
    units: Mapping[str, str] | None = None,
) -> PredictiveCheck:
    """Compares each measured feature with the same feature of every predicted cell; NaN stands for undefined.

    Raises ParameterError where a measured feature was not predicted, or the features have different numbers of draws.

    >>> check = check_predictions({"spike count": 9.0}, {"spike count": np.array([7.0, 8.0, 9.0, 10.0])}, {})
    >>> check.features[0].inside
    True
    """
    missing = [name for name in measured if name not in predicted]
    if missing:
        raise ParameterError(
            f"measured but not predicted: {', '.join(missing)}", remedy="compute the same features of both"
        )
    lengths = {len(predicted[name]) for name in measured}
    if len(lengths) > 1 or 0 in lengths:
        raise ParameterError(
            f"features of {sorted(lengths)} predicted cells", remedy="give one value per feature and cell"
        )
    unit_of = units or {}
    checks = tuple(
        _check(name, unit_of.get(name, ""), float(value), np.asarray(predicted[name], dtype=float))
        for name, value in measured.items()
    )
    return PredictiveCheck(features=checks, draws=lengths.pop() if lengths else 0)


def closest(measured: Mapping[str, float], predicted: Mapping[str, Float[np.ndarray, " draw"]]) -> int:
    """The predicted cell whose features are closest to the measured ones: the least sum of distances, each in units of
    the predicted cells' own spread (half the width of the middle 68 %) and at most 3; a feature that only one of the
    two has counts as 3.

    >>> closest({"rest": -70.0}, {"rest": np.array([-60.0, -69.0, -80.0])})
    1
    """
    far = 3.0
    total: Float[np.ndarray, " draw"] = np.zeros(len(next(iter(predicted.values()))))
    for name, value in measured.items():
        found = np.asarray(predicted[name], dtype=float)
        defined = np.isfinite(found)
        if not np.isfinite(value):
            total += np.where(defined, far, 0.0)
        elif defined.any():
            low, high = np.quantile(found[defined], (0.16, 0.84))
            spread = max((high - low) / 2.0, 1e-9 * max(abs(value), 1.0))
            total += np.where(defined, np.minimum(np.abs(found - value) / spread, far), far)
    return int(np.argmin(total))


def _check(name: str, unit: str, measured: float, predicted: Float[np.ndarray, " draw"]) -> FeatureCheck:
    defined = predicted[np.isfinite(predicted)]
    undefined = 1.0 - len(defined) / len(predicted)
    points = np.quantile(defined, (0.0, INTERVAL[0], 0.5, INTERVAL[1], 1.0)) if len(defined) else np.full(5, np.nan)
    smallest, low, median, high, largest = (float(point) for point in points)
    if np.isfinite(measured):
        inside = bool(len(defined) and 1.0 - undefined >= MOST and low <= measured <= high)
    else:
        measured, inside = float("nan"), undefined >= MOST
    return FeatureCheck(name, unit, measured, median, (low, high), (smallest, largest), undefined, inside)


def _listed(names: list[str], most: int = 6) -> str:
    """The names in words, at most so many; "one: rest" and "two: rest", of two sweeps, are "rest (2 sweeps)"."""
    sweeps: dict[str, list[str]] = {}
    for name in names:
        sweep, _, feature = name.rpartition(": ")
        sweeps.setdefault(feature, []).append(sweep)
    told = [f"{feature}{_of(found)}" for feature, found in sweeps.items()]
    if len(told) > most + 1:
        told = [*told[:most], f"{len(told) - most} more features"]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def _of(sweeps: list[str]) -> str:
    if len(sweeps) > 1:
        return f" ({len(sweeps)} sweeps)"
    return f" ({sweeps[0]})" if sweeps[0] else ""
