"""Measured sweeps and what is known of how they were taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from gbar.errors import RecordingError
from gbar.recordings.stimulus import departure, initial_level, strongest_level

if TYPE_CHECKING:
    from gbar.protocol import Protocol

_REARMED = 1.0  # mV below the threshold


@dataclass(frozen=True)
class Amplifier:
    """What a file says of the electrode and its amplifier; None where it says nothing."""

    bridge: float | None = None  # MOhm, compensated by bridge balance
    series_resistance: float | None = None  # MOhm, as measured
    filter: float | None = None  # kHz, corner of the low-pass filter of the voltage
    capacitance: float | None = None  # pF, compensated


@dataclass(frozen=True)
class Sweep:
    """One current-clamp sweep: the voltage, and the current as it was delivered, on the same time grid.

    Sample k is at k * dt. The baseline is what lies before the current first leaves its initial value. Where the file
    has the measured current, `current` is what was commanded, idealised from it, and `monitored` what was measured.
    """

    name: str
    v: Float[np.ndarray, " time"]  # mV, as recorded
    current: Float[np.ndarray, " time"]  # nA, as delivered; holding included
    dt: float  # ms
    start: float  # s after the first sweep, where known; else its index
    warnings: tuple[str, ...] = ()
    holding: float | None = None  # nA, the part of `current` that the file states apart from the stimulus
    stimulus: str = ""  # the name of the stimulus, as the file has it ("Long Square", "IDrest")
    condition: str = ""  # of the bath ("TTX"), where stated
    monitored: Float[np.ndarray, " time"] | None = None  # nA, the current as it was measured
    amplifier: Amplifier = Amplifier()
    source: Path | None = None  # the file that it comes from
    place: str = ""  # and where in it: the path inside the file, the channel

    @property
    def duration(self) -> float:
        """From the first to the last sample, ms."""
        return (len(self.v) - 1) * self.dt

    @property
    def departure(self) -> int | None:
        """The first sample at which the current has left its initial value; None if it never does."""
        return departure(self.current)

    @property
    def baseline(self) -> slice:
        """The samples before the stimulus: all of them where there is none, the first where it begins at once."""
        first = self.departure
        return slice(0, len(self.v) if first is None else max(first, 1))

    @property
    def baseline_voltage(self) -> float:
        """The median voltage of the baseline, mV."""
        return float(np.median(self.v[self.baseline]))

    @property
    def baseline_current(self) -> float:
        """The current before the stimulus, nA."""
        return initial_level(self.current)

    @property
    def amplitude(self) -> float:
        """The stimulus's strongest sustained level above the baseline current, nA; 0 where there is no stimulus."""
        first = self.departure
        return 0.0 if first is None else strongest_level(self.current[first:], self.baseline_current)

    @property
    def driven(self) -> Bool[np.ndarray, " time"]:
        """The samples at which the current is past half of its amplitude, in either direction."""
        return np.asarray(np.abs(self.current - self.baseline_current) > 0.5 * abs(self.amplitude))

    def spike_count(self, threshold: float = -20.0) -> int:
        """Upward crossings of `threshold` mV, each after the voltage was 1 mV below it: noise on a plateau is none."""
        above, below = self.v >= threshold, self.v < threshold - _REARMED
        below[0] = not above[0]
        told = np.flatnonzero(above | below)  # between the two levels nothing changes
        return int(np.count_nonzero(above[told][1:] & below[told][:-1]))


@dataclass(frozen=True)
class Recording:
    """The current-clamp sweeps of one cell, in order of time."""

    source: Path
    digest: str  # sha256 of the file, or of all files
    format: str  # "NWB 2", "ABF 1", "ABF 2", "Igor", "CSV", "TSV", "NPZ", "several files", "simulation"
    sweeps: tuple[Sweep, ...]
    description: str = ""
    device: str = ""  # amplifier and digitiser, where stated
    junction_potential: float | None = None  # mV, where stated
    junction_corrected: bool | None = None  # whether the voltages have it subtracted; None where nobody says
    refused: tuple[str, ...] = ()  # sweeps that were left out, and why
    warnings: tuple[str, ...] = ()  # about the whole file
    started: datetime | None = None  # when the session began, where stated
    subject: Mapping[str, str] = field(default_factory=dict)  # species, sex, age, ..., as far as stated

    def sweep(self, name: str) -> Sweep:
        """The sweep of that name; raises RecordingError if there is none."""
        for sweep in self.sweeps:
            if sweep.name == name:
                return sweep
        names = ", ".join(s.name for s in self.sweeps[:12]) + (" ..." if len(self.sweeps) > 12 else "")
        raise RecordingError(f"no sweep {name!r}", file=self.source, remedy=f"the sweeps are {names}")

    def select(self, sweeps: Sequence[Sweep | str] | None = None) -> tuple[Sweep, ...]:
        """Sweeps by name or as they are; all if None. Raises RecordingError for an unknown name, or none at all."""
        chosen = self.sweeps if sweeps is None else tuple(self.sweep(s) if isinstance(s, str) else s for s in sweeps)
        if not chosen:
            raise RecordingError("no sweep is chosen", file=self.source, remedy="name at least one")
        return chosen

    def protocol(
        self, sweeps: Sequence[Sweep | str] | None = None, *, dt: float = 0.025, warm_up: float = 500.0
    ) -> Protocol:
        """The experiment "as recorded": every sweep's delivered current, from its baseline voltage.

        v_init is the sweep's median baseline voltage; the warm-up of `warm_up` ms runs at its baseline current. dt is
        the time step of the simulation in ms; samples are kept at the largest multiple of it up to the recording's own
        interval (0.1 ms at most). A current of constant levels keeps its exact edges, any other is interpolated
        between its samples.

        >>> read("cell.nwb").protocol(["sweep_39"])  # doctest: +SKIP
        """
        from gbar.protocol import Protocol
        from gbar.recordings.as_recorded import stimulus_of

        return Protocol(tuple(stimulus_of(sweep, dt=dt, warm_up=warm_up) for sweep in self.select(sweeps)))
