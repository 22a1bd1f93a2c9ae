"""Which sweeps of a recording to infer from, and which to hold out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gbar.errors import RecordingError
from gbar.recordings.command import ANSWERED, KEPT
from gbar.recordings.quality import UNDERSAMPLED, Flag, flags
from gbar.recordings.recording import Recording, Sweep

_SHORT = 0.25  # of the longest stimulus
_COUNTABLE = 0.25  # ms between samples: enough to count spikes and to time them


@dataclass(frozen=True)
class Choice:
    """Sweeps to use, best first, those held out, and why."""

    used: tuple[Sweep, ...]
    held_out: tuple[Sweep, ...]
    reason: str


def choose(recording: Recording, n: int = 3, raised: Sequence[Flag] | None = None) -> Choice:
    """At most n sweeps spread over the stimulus amplitudes, best first; the rest is held out.

    The best is a spiking sweep of medium amplitude. Each further one is that whose amplitude is furthest from those
    chosen. Repeats of an amplitude are taken last, sweeps without a stimulus only where there is nothing else. Sweeps
    whose stimulus lasts less than a quarter of the longest come after the others, and sweeps with a flag, or with a
    measured current, only where too few are without; what most sweeps are flagged for tells none from another, and
    sampling every 0.25 ms is enough to count spikes. `raised` are the recording's flags, where they are known already.
    Raises RecordingError if n < 1.

    >>> choose(read("cell.nwb"), n=2).used  # doctest: +SKIP
    """
    if n < 1:
        raise RecordingError(f"{n} sweeps asked for", file=recording.source, remedy="ask for one at least")
    driven = [s for s in recording.sweeps if s.departure is not None] or list(recording.sweeps)
    strength = {id(s): s.amplitude for s in driven}
    doubted = _doubted(driven, flags(recording) if raised is None else raised)
    used: list[Sweep] = []
    short = _short(driven)
    for doubtful, brief in ((False, False), (False, True), (True, False), (True, True)):
        part = [s for s in driven if (s.name in doubted, id(s) in short) == (doubtful, brief)]
        used += _spread(part, used, n - len(used), strength)
    chosen = {id(s) for s in used}
    held = tuple(s for s in recording.sweeps if id(s) not in chosen)
    levels = ", ".join(f"{s.name} ({strength[id(s)] * 1e3:.4g} pA)" for s in used)
    reason = f"{len(used)} of {len(recording.sweeps)} sweeps, spread over the amplitudes: {levels}"
    flagged = [f"{s.name} ({', '.join(doubted[s.name])})" for s in used if s.name in doubted]
    reason += f"; flagged all the same: {', '.join(flagged)}" if flagged else ""
    return Choice(tuple(used), held, reason + (f"; held out: {', '.join(s.name for s in held)}" if held else ""))


def _short(sweeps: Sequence[Sweep]) -> set[int]:
    """The sweeps (by id) whose stimulus is over in less than a quarter of the time of the longest."""
    lasting = {id(s): _lasting(s) for s in sweeps}
    longest = max(lasting.values(), default=0.0)
    return {key for key, time in lasting.items() if time < _SHORT * longest}


def _lasting(sweep: Sweep) -> float:
    """The time in ms from the first to the last sample at which the current is past half of its amplitude."""
    away = np.flatnonzero(sweep.driven)
    return float(away[-1] - away[0] + 1) * sweep.dt if len(away) else 0.0


def _doubted(sweeps: Sequence[Sweep], raised: Sequence[Flag]) -> dict[str, list[str]]:
    """The flags of the sweeps that have any, without those that most of the sweeps have."""
    names = {s.name for s in sweeps}
    kinds = Counter(flag.name for flag in raised if flag.sweep in names)
    found: dict[str, list[str]] = {}
    for flag in raised:
        if flag.sweep in names and not _countable(flag) and 2 * kinds[flag.name] <= len(sweeps):
            found.setdefault(flag.sweep, []).append(flag.name)
    for sweep in sweeps:
        if {KEPT, ANSWERED} & set(sweep.warnings):
            found.setdefault(sweep.name, []).append("current as it was measured")
    return found


def _countable(flag: Flag) -> bool:
    """Whether it says no more than that the shape of spikes is lost."""
    return flag.name == UNDERSAMPLED and flag.value <= _COUNTABLE


def _spread(sweeps: Sequence[Sweep], used: Sequence[Sweep], n: int, strength: dict[int, float]) -> list[Sweep]:
    """At most n of the sweeps: those whose amplitudes are furthest from what is used, the best first."""
    left, found = list(sweeps), list(used)
    while left and len(found) - len(used) < n:
        if not found:
            furthest = _best(left, strength)
        else:
            gap = {id(s): min(abs(strength[id(s)] - strength[id(u)]) for u in found) for s in left}
            furthest = max(left, key=lambda s: gap[id(s)])
        found.append(furthest)
        left = [s for s in left if s is not furthest]
    return found[len(used) :]


def _best(sweeps: list[Sweep], strength: dict[int, float]) -> Sweep:
    """The spiking sweep of medium amplitude; without spikes, the strongest."""
    spiking = sorted((s for s in sweeps if s.spike_count() > 0), key=lambda s: strength[id(s)])
    return spiking[len(spiking) // 2] if spiking else max(sweeps, key=lambda s: abs(strength[id(s)]))
