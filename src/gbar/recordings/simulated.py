"""Simulated sweeps in the form of a recording, so that they go wherever recordings go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from gbar.errors import RecordingError
from gbar.protocol import Protocol, Stimulus
from gbar.recordings.recording import Recording, Sweep
from gbar.traces import Status, Traces


def simulated(
    traces: Traces, row: int, protocol: Protocol, *, source: Path, digest: str, description: str = "", site: int = 0
) -> Recording:
    """One row of simulations as a recording: a sweep for each stimulus, with the current as it was injected.

    The voltage is that of the cell's site number `site`, on the grid that was kept; sample k of the current acts from
    sample k of the voltage to the next. Raises RecordingError for a row that failed or a voltage clamp.
    """
    if traces.status[row] != Status.OK:
        ended = Status(int(traces.status[row])).name.lower().replace("_", " ")
        raise RecordingError(f"row {row} ended {ended}", file=source, remedy="choose another row")
    sweeps = tuple(
        _sweep(stimulus, np.asarray(v[row, site], dtype=np.float64), index, source)
        for index, (stimulus, v) in enumerate(zip(protocol.stimuli, traces.v, strict=True))
    )
    return Recording(
        source=source,
        digest=digest,
        format="simulation",
        sweeps=sweeps,
        description=description,
        device="gbar (simulation)",
        junction_corrected=True,
    )


def _sweep(stimulus: Stimulus, v: np.ndarray, index: int, source: Path) -> Sweep:
    if stimulus.clamps:
        what = f"{stimulus.name} is a voltage clamp; a recording has current clamp"
        raise RecordingError(what, file=source, remedy="simulate a protocol of currents")
    steps = stimulus.injected()[stimulus.n_warm :]
    for injection in stimulus.injections:
        steps = steps + stimulus.injected_by(injection)[stimulus.n_warm :]
    current = np.append(steps[:: stimulus.stride], steps[-1])
    sweep = Sweep(stimulus.name, v, current, stimulus.sampling, float(index), stimulus=stimulus.name, source=source)
    return replace(sweep, condition=stimulus.condition)
