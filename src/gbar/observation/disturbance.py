"""What a rig adds to a voltage, drawn beforehand on the grid that a network sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from gbar.observation.electrode import delivered
from gbar.observation.reduction import Reduction, observe
from gbar.observation.rig import Rig
from gbar.protocol import Protocol
from gbar.traces import Traces

BANK = 2048  # disturbances drawn of an experiment
_AT_ONCE = 32


@dataclass(frozen=True)
class Disturbance:
    """A bank of what noise, electrode, junction potential and digitiser of a rig leave on the reduced sweeps.

    All of it is added to the cell's voltage, and filter and reduction are linear: what is left of it on the reduced
    grid does not depend on the cell, and is drawn once. (The digitiser's error depends on where the voltage lies
    between two steps: every row of the bank has its own place.) The filter's effect on the voltage itself is `seen`.
    """

    rig: Rig
    bank: Float32[np.ndarray, "row channel time"]  # mV

    @classmethod
    def of(cls, rig: Rig, protocol: Protocol, reductions: Sequence[Reduction], seed: int) -> Disturbance:
        """The bank for a protocol whose stimuli have one site, the same bits for the same seed."""
        currents = delivered(protocol) if rig.electrode else None
        parts = []
        for start in range(0, BANK, _AT_ONCE):
            rows = np.arange(start, start + _AT_ONCE)
            offset = _offsets(rows, rig)
            v = tuple(np.repeat(offset[:, None, None], s.samples, axis=2) for s in protocol.stimuli)
            still = Traces(v, tuple(s.sampling for s in protocol.stimuli), np.zeros(_AT_ONCE, np.uint8))
            parts.append(observe(rig.apply(still, seed, rows=rows, currents=currents), reductions))
            parts[-1] -= offset[:, None, None]
        return cls(rig, np.concatenate(parts))

    def draw(self, rows: int, rng: np.random.Generator) -> Float32[np.ndarray, "row channel time"]:
        """What the rig adds in mV for that many rows, each taken from the bank at random."""
        return self.bank[rng.integers(len(self.bank), size=rows)]


def seen(rig: Rig, traces: Traces) -> Traces:
    """The traces behind the rig's filter alone: what of the rig is not added to a voltage."""
    if rig.filter is None:
        return traces
    return Rig(filter=rig.filter).apply(traces, seed=0)


def _offsets(rows: np.ndarray, rig: Rig) -> Float32[np.ndarray, " row"]:
    """Voltages of which each lies elsewhere between two of the digitiser's steps, spread evenly; 0 without one."""
    if rig.adc is None:
        return np.zeros(len(rows), np.float32)
    step = rig.adc.step if isinstance(rig.adc.step, float) else rig.adc.step.high
    golden = 0.6180339887498949  # its multiples spread evenly
    return (np.modf(rows * golden)[0] * step).astype(np.float32)
