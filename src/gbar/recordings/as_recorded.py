"""A measured sweep as a stimulus: the same current into the simulated cell, from the same baseline."""

from __future__ import annotations

import math

import numpy as np

from gbar.errors import ProtocolError
from gbar.protocol import Sampled, Step, Stimulus, Sum, Waveform
from gbar.recordings.recording import Sweep
from gbar.recordings.sanity import MAX_CURRENT
from gbar.recordings.stimulus import steps

_MAX_SAMPLING = 0.1  # ms: coarser samples of a simulation would alias its spikes


def stimulus_of(sweep: Sweep, *, dt: float, warm_up: float) -> Stimulus:
    """The stimulus that repeats a sweep at time step dt (ms); raises ProtocolError if dt or warm_up is no time."""
    if not (math.isfinite(dt) and dt > 0.0):
        raise ProtocolError(f"a time step of {dt} ms", remedy="give a positive dt, such as 0.025 ms")
    every = max(1, math.floor(min(sweep.dt, _MAX_SAMPLING) / dt + 1e-6))
    sampling = every * dt
    count = math.floor(sweep.duration / sampling + 1e-9)
    if count < 1:
        what = f"sweep {sweep.name} lasts {sweep.duration:g} ms, less than one sample"
        raise ProtocolError(what, remedy="choose a smaller dt")
    return Stimulus(
        name=sweep.name,
        waveform=_waveform(sweep),
        duration=round(count * sampling, 9),
        dt=dt,
        sampling=sampling,
        v_init=sweep.baseline_voltage,
        warm_up=warm_up,
        warm_up_current=sweep.baseline_current,
        allow_large=bool(np.abs(sweep.current).max() > MAX_CURRENT),  # asked for when the file was read
    )


def _waveform(sweep: Sweep) -> Waveform:
    """The delivered current: constant levels from edge to edge, any other interpolated between its samples.

    Sample k of a command is what is delivered from k * dt to the next sample.
    """
    levels = steps(sweep.current)
    if levels is None:
        return Sampled(sweep.dt, sweep.current)
    edges = [round(first * sweep.dt, 9) for first in levels.first]
    ends = [*edges[1:], sweep.duration + sweep.dt]
    parts = [
        Step(begin, end - begin, level) for begin, end, level in zip(edges, ends, levels.level, strict=True) if level
    ]
    return parts[0] if len(parts) == 1 else Sum(tuple(parts))
