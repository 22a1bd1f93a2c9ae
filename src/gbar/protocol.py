"""The experiment done on a cell: which currents are injected, for how long, and what is kept of the voltage.

Times are ms, currents nA, voltages mV. A waveform gives the current at any time; a `Stimulus` is one sweep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol as Interface

import numpy as np
from jaxtyping import Float


class Waveform(Interface):
    """A current that can be asked for at any time."""

    def current(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        """The current in nA at times t in ms."""
        ...


@dataclass(frozen=True)
class Stimulus:
    """One sweep: a waveform injected for `duration` ms, from v_init after a warm-up at a constant current.

    dt is the time step and `sampling` (a whole multiple of it) the distance of the samples that are kept, both in ms; the
    sweep has duration/sampling + 1 samples. The waveform acts at t + dt/2 in every step.
    """

    name: str
    waveform: Waveform
    duration: float  # ms
    dt: float = 0.025  # ms
    sampling: float = 0.025  # ms
    v_init: float = -65.0  # mV
    warm_up: float = 0.0  # ms
    warm_up_current: float = 0.0  # nA

    def injected(self) -> Float[np.ndarray, " step"]:
        """The current in nA of every time step, warm-up first: element k acts from k*dt to (k+1)*dt."""
        raise NotImplementedError


@dataclass(frozen=True)
class Protocol:
    """The stimuli that one cell is given, each from rest."""

    stimuli: tuple[Stimulus, ...]
