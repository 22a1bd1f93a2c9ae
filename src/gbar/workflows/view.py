"""What a network sees of an experiment: reduced sweeps, one channel each, with the noise of observing them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from gbar import units
from gbar.dataset import Dataset, Split
from gbar.errors import DatasetError, ParameterError, UnitError
from gbar.observation import Broadband, Disturbance, Noise, Reduction, Rig, Uniform, Value, observe, passed, seen
from gbar.observation.value import bounds
from gbar.protocol import Protocol
from gbar.traces import Traces

AT_ONCE = 1024  # rows read from the disk together
Draw = Callable[[int, np.random.Generator], Float32[np.ndarray, "row channel time"]]


@dataclass(frozen=True)
class View:
    """The reductions of an experiment's sweeps, the rig that they were recorded with, and the noise on them.

    `rig` is what the amplifier did, as far as it is known; `noise` is allowed for besides. There is a channel for
    each sweep and each of `sites`, sweeps first.
    """

    reductions: tuple[Reduction, ...]
    noise: Noise
    rig: Rig | None = None
    sites: int = 1

    @property
    def samples(self) -> int:
        """Samples of every channel."""
        return max(r.samples for r in self.reductions)

    def of(self, traces: Traces) -> Float32[np.ndarray, "row channel time"]:
        """Simulated traces as the network sees them, without noise."""
        return observe(traces, self.reductions)

    def recorded(self, traces: Traces) -> Traces:
        """Simulated traces behind the rig's filter, still at their own sampling."""
        return traces if self.rig is None else seen(self.rig, traces)

    @property
    def passed(self) -> dict[str, Any] | None:
        """What of the rig `recorded` passes traces through, as a manifest states it."""
        kept = None if self.rig is None else passed(self.rig)
        return None if kept is None else kept.to_json()

    def of_stored(self, data: Dataset) -> Callable[[Traces], Float32[np.ndarray, "row channel time"]]:
        """What makes of a data set's traces what the network sees of them; they may be stored as `recorded`.

        Raises DatasetError if they are, behind another rig than the view's.
        """
        stored = data.manifest.rig
        if stored is None:
            return lambda traces: self.of(self.recorded(traces))
        if self.rig is not None and self.passed != stored:
            what = "its voltages were stored behind another filter or digitiser than those of the rig"
            raise DatasetError(what, file=data.path, remedy="name the rig.json of the inference that made it, or none")
        return self.of

    def of_dataset(self, data: Dataset, report: Callable[[int, int], None]) -> Float32[np.ndarray, "row channel time"]:
        """The usable rows of a data set as the network sees them, in order."""
        rows, see = np.flatnonzero(data.usable), self.of_stored(data)
        out = np.empty((len(rows), len(self.reductions) * len(data.manifest.sites), self.samples), np.float32)
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            out[start : start + len(part)] = see(data.read(part))
            report(start + len(part), len(rows))
        return out

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Float32[np.ndarray, "row channel time"]:
        """Fresh noise for every channel; the padding behind a short sweep repeats its last value."""
        channels, dt = len(self.reductions) * self.sites, self.reductions[0].dt
        noise = self.noise.draw(rows * channels, self.samples, dt, rng).reshape(rows, channels, self.samples)
        for channel in range(channels):
            last = self.reductions[channel // self.sites].samples
            noise[:, channel, last:] = noise[:, channel, last - 1, None]
        return noise

    def disturbed(self, protocol: Protocol, seed: int) -> Draw | None:
        """What draws all that is added to the traces of a protocol: of the rig, and the noise. None if that is none."""
        quiet = self.noise.white == 0.0 and self.noise.ou_sd[1] == 0.0
        if self.rig is None:
            return None if quiet else self.draw_noise
        rigged = Disturbance.of(self.rig, protocol, self.reductions, seed, self.sites)
        return lambda rows, rng: rigged.draw(rows, rng) + self.draw_noise(rows, rng)

    @property
    def white(self) -> float:
        """The white noise in mV that a sample of the reduced grid has."""
        band = 0.5 / self.reductions[0].dt  # kHz
        parts = [part for part in self.rig.noise if isinstance(part, Broadband)] if self.rig is not None else []
        of_rig = sum(bounds(part.sd)[1] ** 2 * min(band / part.bandwidth, 1.0) for part in parts)
        return math.sqrt(self.noise.white**2 + of_rig)

    def noise_json(self) -> dict[str, Any]:
        """Noise and rig as JSON; `noise_and_rig` is the inverse."""
        return self.noise.to_json() | ({} if self.rig is None else {"rig": self.rig.to_json()})

    def to_json(self) -> list[dict[str, Any]]:
        """The reductions, as JSON."""
        return [{"dt": r.dt, "samples": r.samples, "cutoff_kHz": r.cutoff} for r in self.reductions]


def noise_and_rig(stored: Mapping[str, Any]) -> tuple[Noise, Rig | None]:
    """What `View.noise_json` wrote; raises ParameterError for anything else."""
    rig = stored.get("rig") if isinstance(stored, Mapping) else None
    return Noise.from_json(stored), None if rig is None else Rig.from_json(rig)


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


def value_from(text: str, unit: str) -> Value:
    """A number of the rig from what a user types: "10 Mohm", or a range from which each simulation draws its own."""
    try:
        ends = [units.quantity(part, unit) for part in text.split(",")]
    except UnitError as error:
        raise UnitError(f"rig: {error.what}", remedy=error.remedy) from None
    if len(ends) > 2:
        raise ParameterError(f"{text!r} is neither a number nor a range", remedy=f"as in '0 {unit}, 10 {unit}'")
    return ends[0] if len(ends) == 1 else Uniform(*ends)
