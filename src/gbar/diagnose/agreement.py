"""How far two simulators of one cell are apart: gbar and NEURON, sample by sample and spike by spike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gbar.cell import Cell
from gbar.features import spike_times

SPIKES = 1.0  # us: how far a spike may be shifted


@dataclass(frozen=True)
class Comparison:
    """One parameter set under one stimulus at one site: the traces of both, and how far they are apart."""

    row: str  # "default", "random 1"
    stimulus: str
    site: str
    variable: str
    unit: str
    dt: float  # ms
    ours: Float[np.ndarray, " time"]
    neurons: Float[np.ndarray, " time"]
    limit: float  # of `difference`, in `unit`

    @property
    def difference(self) -> float:
        """The largest difference of any sample; infinite where one of the two is not finite."""
        worst = float(np.max(np.abs(self.ours.astype(np.float64) - self.neurons)))
        return worst if math.isfinite(worst) else math.inf

    @property
    def spikes(self) -> tuple[int, int]:
        """How many spikes gbar and NEURON have."""
        return len(self._times(self.ours)), len(self._times(self.neurons))

    @property
    def shift(self) -> float:
        """The largest shift of a spike in us; infinite where the numbers of spikes differ."""
        ours, neurons = self._times(self.ours), self._times(self.neurons)
        return 1e3 * float(np.abs(ours - neurons).max(initial=0.0)) if len(ours) == len(neurons) else math.inf

    @property
    def agrees(self) -> bool:
        """Whether every sample and every spike is within tolerance."""
        return self.difference <= self.limit and self.shift <= SPIKES

    def _times(self, v: Float[np.ndarray, " time"]) -> Float[np.ndarray, " spike"]:
        return spike_times(v[None], self.dt)[0] if self.variable == "v" else np.empty(0)


@dataclass(frozen=True)
class Check:
    """All comparisons of a cell; `movement` is how far rounding alone moves gbar's voltage, in mV, by row."""

    cell: Cell
    version: str  # NEURON's
    comparisons: tuple[Comparison, ...]
    movement: dict[str, float]

    @property
    def agrees(self) -> bool:
        """Whether gbar and NEURON agree everywhere."""
        return all(comparison.agrees for comparison in self.comparisons)
