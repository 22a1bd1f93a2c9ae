"""The voltage that a current leaves over its own electrode where the bridge is not balanced."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gbar.errors import ParameterError
from gbar.observation.modes import Modes
from gbar.observation.value import Value, checked, column
from gbar.protocol import Protocol

Drop = Callable[[Float[np.ndarray, " time"], float], Float[np.ndarray, "row time"]]  # of a current in nA, every dt ms


@dataclass(frozen=True)
class Electrode:
    """What is left uncompensated of the injecting electrode: I * `residual` mV on top of the cell's own voltage.

    `residual` is the series resistance minus the bridge balance in MOhm (below 0: overcompensated); `time_constant` in
    ms is how slowly the drop follows the current (its resistance times the capacitance that is not neutralised), 0 for
    at once. The engine has an electrode's series resistance as a circuit element in voltage clamp alone; a current
    clamp delivers its current through any resistance, so that a bridge error changes nothing but what is read.
    """

    residual: Value = 0.0  # MOhm
    time_constant: Value = 0.0  # ms

    def __post_init__(self) -> None:
        object.__setattr__(self, "residual", checked(self.residual, "a residual series resistance in MOhm"))
        object.__setattr__(
            self, "time_constant", checked(self.time_constant, "an electrode's time constant in ms", low=0.0)
        )

    def drawn(self, rngs: Sequence[np.random.Generator]) -> Drop:
        """What gives the drop in mV for the rows of those generators, with each row's resistance."""
        residual, tau = column(self.residual, rngs), column(self.time_constant, rngs)
        return lambda current, dt: residual * _followed(current, dt, tau)


def _followed(
    current: Float[np.ndarray, " time"], dt: float, tau: Float[np.ndarray, "row 1"]
) -> Float[np.ndarray, "row time"]:
    """A current held from each sample to the next, after an exponential of tau ms; itself where tau is 0."""
    first = current[0]
    decay = np.array([[math.exp(-dt / t) if t > 0.0 else 0.0] for (t,) in tau])
    at_once = tau == 0.0
    before, now = np.where(at_once, 0.0, 1.0 - decay), np.where(at_once, 1.0, 0.0)
    u = np.broadcast_to(current - first, (len(tau), len(current)))
    return Modes(decay.astype(complex), before.astype(complex), now.astype(complex)).run(u) + first


def delivered(protocol: Protocol, site: str | None = None) -> tuple[Float[np.ndarray, " time"], ...]:
    """The current in nA at every sample of every stimulus, as delivered at the cell's first site.

    `site` is that site's name: what a stimulus injects there by name is added. A voltage clamp delivers a current that
    is not in the protocol: raises ParameterError where there is one.
    """
    currents = []
    for stimulus in protocol.stimuli:
        if stimulus.clamps:
            raise ParameterError(
                f"stimulus {stimulus.name} is a voltage clamp, whose current is not stated",
                remedy="use a bridge error in current clamp only",
            )
        t = stimulus.times()
        current = stimulus.waveform.current(t)
        for injection in stimulus.injections:
            if injection.site == site:
                current = current + injection.waveform.current(t)
        currents.append(current)
    return tuple(currents)
