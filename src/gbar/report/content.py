"""What a report shows: plain data, every part of it optional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.diagnose.predictive import PredictiveCheck
from gbar.estimate import Estimate
from gbar.parameters import ParameterSpace
from gbar.recordings.recording import Recording, Sweep
from gbar.traces import Traces


@dataclass(frozen=True)
class SimulationSummary:
    """How many parameter sets were simulated and how they ended; `silent` counts the ones that never spiked."""

    statuses: Mapping[str, int]  # such as {"ok": 9988, "non-finite": 12}
    silent: int | None = None
    seconds: float | None = None
    note: str = ""

    @property
    def total(self) -> int:
        """The number of simulations."""
        return sum(self.statuses.values())


@dataclass(frozen=True)
class TrainingHistory:
    """The course of one training: `epochs` are mappings with "epoch", "train" and "validation"."""

    name: str
    loss: str  # what is minimised, with its unit: "mean squared error (unit space)"
    epochs: tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class NetworkScore:
    """A network's predictions on test rows that it never saw, in unit space ([-1, 1] per parameter)."""

    name: str
    space: ParameterSpace
    truth: Float[np.ndarray, "row parameter"]  # unit
    predicted: Float[np.ndarray, "row parameter"]  # unit
    weights: int | None = None
    seconds: float | None = None  # of training
    note: str = ""

    @property
    def mse(self) -> Float[np.ndarray, " parameter"]:
        """The mean squared error of every parameter in unit space; the middle scores 0.333 if the prior is uniform."""
        error: Float[np.ndarray, " parameter"] = np.mean((self.predicted - self.truth) ** 2, axis=0)
        return error


@dataclass(frozen=True)
class ParameterBox:
    """Traces over a grid of two parameters of a space: `v[y, x, time]` in mV, sample k at k * sampling ms."""

    space: ParameterSpace
    x: int  # index of the parameter that varies along a line of the grid
    y: int
    x_values: Float[np.ndarray, " x"]  # physical units
    y_values: Float[np.ndarray, " y"]
    v: Float[np.ndarray, "y x time"]  # mV
    sampling: float  # ms


@dataclass(frozen=True)
class HeldOut:
    """Sweeps that the estimate did not see, what its cells do in them, and how their features compare."""

    sweeps: tuple[Sweep, ...]
    predicted: Traces
    features: PredictiveCheck


@dataclass(frozen=True)
class Report:
    """Everything that one HTML page tells; a part that is None or empty is left out.

    `sweeps` are those the estimate rests on, one for each array of `predicted` (the recording's own where not given);
    `truth` is known only where a simulation was inverted; `totals` are conductances of the whole membrane by parameter.
    `summary` are sentences of the caller's for the headline, `provenance` may nest mappings and sequences, `files`
    names what else was written and says what it is.
    """

    title: str
    cell: str
    summary: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    recording: Recording | None = None
    sweeps: tuple[Sweep, ...] = ()
    estimate: Estimate | None = None
    truth: Float[np.ndarray, " parameter"] | None = None  # physical units
    totals: Mapping[str, Float[np.ndarray, " draw"]] = field(default_factory=dict)  # nS, of every sample
    predicted: Traces | None = None
    features: PredictiveCheck | None = None
    held_out: HeldOut | None = None
    simulations: SimulationSummary | None = None
    training: tuple[TrainingHistory, ...] = ()
    networks: tuple[NetworkScore, ...] = ()
    box: ParameterBox | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    commands: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def observed(self) -> tuple[Sweep, ...]:
        """The sweeps that the predictions answer to."""
        return self.sweeps or (self.recording.sweeps if self.recording else ())
