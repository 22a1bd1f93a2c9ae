"""What a rig adds to a voltage, drawn beforehand on the grid that a network sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32

from gbar.errors import ParameterError
from gbar.observation.adc import Adc
from gbar.observation.electrode import delivered
from gbar.observation.reduction import Reduction, observe
from gbar.observation.rig import Rig
from gbar.observation.value import Uniform, bounds
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

    bank: Float32[np.ndarray, "row channel time"]  # mV

    @classmethod
    def of(
        cls, rig: Rig, protocol: Protocol, reductions: Sequence[Reduction], seed: int, sites: int = 1
    ) -> Disturbance:
        """The bank for a protocol recorded at so many sites, the same bits for the same seed.

        Raises ParameterError for a filter whose corner is a range: it could not be told from what is added.
        """
        if rig.filter is not None and isinstance(rig.filter.corner, Uniform):
            raise ParameterError("the corner of the rig's filter is a range", remedy="state one corner in kHz")
        unclipped = rig if rig.adc is None else replace(rig, adc=Adc(rig.adc.step))
        currents = delivered(protocol) if rig.electrode else None
        parts = []
        for start in range(0, BANK, _AT_ONCE):
            rows = np.arange(start, start + _AT_ONCE)
            offset = _offsets(rows, rig)
            shapes = [(len(rows), sites, s.samples) for s in protocol.stimuli]
            v = tuple(np.array(np.broadcast_to(offset[:, None, None], shape)) for shape in shapes)
            still = Traces(v, tuple(s.sampling for s in protocol.stimuli), np.zeros(_AT_ONCE, np.uint8))
            parts.append(observe(unclipped.apply(still, seed, rows=rows, currents=currents), reductions))
            parts[-1] -= offset[:, None, None]
        return cls(np.concatenate(parts))

    def draw(self, rows: int, rng: np.random.Generator) -> Float32[np.ndarray, "row channel time"]:
        """What the rig adds in mV for that many rows, each taken from the bank at random."""
        return self.bank[rng.integers(len(self.bank), size=rows)]


def passed(rig: Rig) -> Rig | None:
    """What of a rig changes a voltage and is not added to it: its filter and its digitiser's range; None if neither."""
    clipping = None if rig.adc is None else replace(rig.adc, step=0.0)
    kept = Rig(filter=rig.filter, adc=None if clipping == Adc() else clipping)
    return None if kept == Rig() else kept


def seen(rig: Rig, traces: Traces) -> Traces:
    """The traces behind what a rig passes them through (see `passed`)."""
    kept = passed(rig)
    return traces if kept is None else kept.apply(traces, seed=0)


def _offsets(rows: np.ndarray, rig: Rig) -> Float32[np.ndarray, " row"]:
    """Voltages of which each lies elsewhere between two of the digitiser's steps, spread evenly; 0 without one."""
    if rig.adc is None:
        return np.zeros(len(rows), np.float32)
    _, step = bounds(rig.adc.step)
    golden = 0.6180339887498949  # its multiples spread evenly
    return (np.modf(rows * golden)[0] * step).astype(np.float32)
