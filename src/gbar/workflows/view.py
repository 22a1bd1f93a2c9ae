"""What a network sees of an experiment: reduced sweeps, one channel each, with the noise of observing them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from gbar import units
from gbar.dataset import Dataset, Split
from gbar.errors import ParameterError, UnitError
from gbar.observation import Noise, Reduction, observe
from gbar.traces import Traces

AT_ONCE = 1024  # rows read from the disk together


@dataclass(frozen=True)
class View:
    """The reductions of an experiment's sweeps and the noise on them; one site."""

    reductions: tuple[Reduction, ...]
    noise: Noise

    @property
    def samples(self) -> int:
        """Samples of every channel."""
        return max(r.samples for r in self.reductions)

    def of(self, traces: Traces) -> Float32[np.ndarray, "row channel time"]:
        """Simulated traces as the network sees them, without noise."""
        return observe(traces, self.reductions)

    def of_dataset(self, data: Dataset, report: Callable[[int, int], None]) -> Float32[np.ndarray, "row channel time"]:
        """The usable rows of a data set as the network sees them, in order."""
        rows = np.flatnonzero(data.usable)
        out = np.empty((len(rows), len(self.reductions) * len(data.manifest.sites), self.samples), np.float32)
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            out[start : start + len(part)] = self.of(data.read(part))
            report(start + len(part), len(rows))
        return out

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Float32[np.ndarray, "row channel time"]:
        """Fresh noise for every channel; the padding behind a short sweep repeats its last value."""
        channels, dt = len(self.reductions), self.reductions[0].dt
        noise = self.noise.draw(rows * channels, self.samples, dt, rng).reshape(rows, channels, self.samples)
        for channel, reduction in enumerate(self.reductions):
            noise[:, channel, reduction.samples :] = noise[:, channel, reduction.samples - 1, None]
        return noise

    def to_json(self) -> list[dict[str, Any]]:
        """The reductions, as JSON."""
        return [{"dt": r.dt, "samples": r.samples, "cutoff_kHz": r.cutoff} for r in self.reductions]


def usable_split(data: Dataset) -> Split:
    """The data set's split, renumbered to its usable rows alone."""
    place = np.cumsum(data.usable) - 1
    split = data.split
    return Split(place[split.train], place[split.validation], place[split.test])


def noise_from(white: str, drift: str, tau: float = 20.0) -> Noise:
    """Noise from what a user types: "0.1 mV" of white noise, slow noise of "0.3 mV" or between "0.3 mV, 3 mV"."""
    try:
        bounds = [units.quantity(part, "mV") for part in drift.split(",")]
        level = units.quantity(white, "mV")
    except UnitError as error:
        raise UnitError(f"noise: {error.what}", remedy=error.remedy) from None
    if len(bounds) > 2:
        raise ParameterError(f"slow noise {drift!r}", remedy="give one level or a range, as in '0.3 mV, 3 mV'")
    return Noise(white=level, ou_sd=(bounds[0], bounds[-1]), ou_tau=tau)
