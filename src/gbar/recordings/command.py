"""The current that was commanded, told from the current that was measured.

A monitored current carries the amplifier's noise, settles after every edge and has artefacts of up to 2 nA at spikes.
What was commanded is told from it where it is steps, trains of pulses or a few ramps: levels are means away from
spikes and edges, an edge is the sample that parts the two levels best. Anything else is used as it was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from gbar.recordings.command_bins import SETTLING, TAIL, Bins, artefacts, none_flagged
from gbar.recordings.command_edges import exact
from gbar.recordings.command_pieces import ARTEFACT, merged, pieces_of, without_artefacts
from gbar.recordings.recording import Sweep
from gbar.recordings.sanity import LOOKS_MONITORED

KEPT = "the measured current is neither steps nor ramps: it is used as it was measured, noise and artefacts included"
ANSWERED = "the voltage follows what is left of the measured current beside its steps: it is used as it was measured"

_MOST_RAMPS = 3  # of a command; what has more is a waveform
_AFTER_EDGE, _TOLD = 5.0, 100  # ms after an edge, and changes that are left, for telling delivered noise
_CAPACITANCES = 3.0, 3000.0  # pF, of cells
_FOLLOWED = 0.25  # the share of the voltage's changes that noise on the current explains if it was delivered


@dataclass(frozen=True)
class Residual:
    """What a measured current has beside the commanded one."""

    sd: float  # nA, of its noise: artefacts do not count
    largest: float  # nA, the largest absolute value: the artefacts
    explained: float  # the share of the measured current's variance that the command explains


def idealised(sweep: Sweep) -> Sweep:
    """The sweep with the commanded current as `current`, told from its measured one; that itself where in doubt.

    A sweep without a measured current is returned as it is. What is kept as measured has a warning.
    """
    if sweep.monitored is None:
        return sweep
    command = commanded(sweep.monitored, sweep.v, sweep.dt)
    if command is None:
        return replace(sweep, current=sweep.monitored, warnings=(*sweep.warnings, KEPT))
    if _delivered(sweep.monitored - command, command, sweep.v, sweep.dt):
        return replace(sweep, current=sweep.monitored, warnings=(*sweep.warnings, ANSWERED))
    warnings = tuple(warning for warning in sweep.warnings if warning != LOOKS_MONITORED)
    return replace(sweep, current=command, warnings=warnings)


def as_measured(sweep: Sweep) -> Sweep:
    """The sweep with its measured current as `current`, where it has one."""
    return sweep if sweep.monitored is None else replace(sweep, current=sweep.monitored)


def residual(sweep: Sweep) -> Residual | None:
    """What the measured current has beside the commanded one; None where only one of them is known."""
    if sweep.monitored is None or sweep.monitored is sweep.current:
        return None
    rest = sweep.monitored - sweep.current
    sd = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    total = float(np.var(sweep.monitored))
    explained = 1.0 if total == 0.0 else max(0.0, 1.0 - float(np.mean(rest**2)) / total)
    return Residual(sd, float(np.abs(rest).max()), explained)


def commanded(
    measured: Float[np.ndarray, " time"], v: Float[np.ndarray, " time"], dt: float
) -> Float[np.ndarray, " time"] | None:
    """The steps and ramps in a measured current (nA) beside a voltage (mV), sampled every dt ms; None: not of these."""
    if len(measured) < 20 or not np.ptp(measured):
        return measured.copy() if len(measured) else None
    spikes = artefacts(v, dt)
    bins = Bins.of(measured, spikes, dt)
    found = pieces_of(bins, 0, len(bins.m))
    if found is None:
        return None
    kept = without_artefacts(bins, found)
    if kept is None:
        return None
    told = exact(measured, spikes, dt, merged(bins, kept), bins)
    if sum(s.slope != 0.0 for s in told) > _MOST_RAMPS or any(p.slope * q.slope > 0.0 for p, q in pairwise(told)):
        return None  # slope after slope: a curve
    command = np.empty(len(measured))
    for s in told:
        command[s.first : s.end] = s.level + s.slope * np.arange(s.end - s.first)
    return command if _holds(measured - command, command, spikes, dt, bins) else None


def _holds(
    rest: Float[np.ndarray, " time"],
    command: Float[np.ndarray, " time"],
    spikes: Bool[np.ndarray, " time"],
    dt: float,
    bins: Bins,
) -> bool:
    """Whether the monitor comes to what was commanded after every edge, stays with it, and is there at the end."""
    settling, doubt = math.ceil(SETTLING / dt), 6.0 * bins.noise * math.sqrt(bins.size)
    tail = max(4, round(TAIL / dt))
    if abs(float(np.median(rest[-tail:]))) > 20.0 * (bins.noise + bins.floor):
        return False
    jumps = np.diff(command)
    settled = ~spikes
    for k in np.flatnonzero(np.abs(jumps) > bins.floor) + 1:
        after = rest[k + 1 : k + settling][~spikes[k + 1 : k + settling]]
        if len(after) > 2 and np.median(np.abs(after)) > 0.12 * abs(jumps[k - 1]) + doubt:
            return False
        settled[max(0, k - 2) : k + 2 * settling] = False
    count = len(bins.m)
    calm = none_flagged(~settled, bins.size)
    odd = np.abs(np.median(rest[: count * bins.size].reshape(count, bins.size), axis=1))[calm]
    return int(np.count_nonzero(odd > 12.0 * bins.noise + 2.0 * bins.floor)) <= ARTEFACT


def _delivered(
    rest: Float[np.ndarray, " time"], command: Float[np.ndarray, " time"], v: Float[np.ndarray, " time"], dt: float
) -> bool:
    """Whether the voltage follows what is left of a current beside its command: then it was delivered, too.

    C dv/dt = I - (v - E) / R explains the voltage's changes over a millisecond, away from spikes and edges, with
    the C of a cell.
    """
    size = max(2, round(1.0 / dt))
    count = len(v) // size
    if count < _TOLD:
        return False
    mean = v[: count * size].reshape(count, size).mean(axis=1)
    current = rest[: count * size].reshape(count, size).mean(axis=1)
    disturbed = artefacts(v, dt)
    for edge in np.flatnonzero(np.abs(np.diff(command, 2)) > 1e-9 * np.ptp(command)):
        disturbed[max(0, edge - size) : edge + math.ceil(_AFTER_EDGE / dt)] = True
    calm = none_flagged(disturbed, size)
    calm = calm[:-1] & calm[1:]
    change, drive = np.diff(mean)[calm], (0.5 * (current[:-1] + current[1:]))[calm]
    if len(change) < _TOLD or not np.ptp(drive):
        return False
    limit = [np.percentile(np.abs(a - np.median(a)), 99) for a in (change, drive)]
    kept = (np.abs(change - np.median(change)) <= limit[0]) & (np.abs(drive - np.median(drive)) <= limit[1])
    change, drive = change[kept], drive[kept]
    if not (np.ptp(change) and np.ptp(drive)):
        return False
    slope = float(np.polyfit(drive, change, 1)[0])  # mV per nA
    if slope <= 0.0 or not _CAPACITANCES[0] < 1000.0 * size * dt / slope < _CAPACITANCES[1]:
        return False
    return float(np.corrcoef(change, drive)[0, 1]) ** 2 > _FOLLOWED
