"""Which sweeps of a recording to infer from, and which to hold out."""

from __future__ import annotations

from dataclasses import dataclass

from gbar.errors import RecordingError
from gbar.recordings.recording import Recording, Sweep


@dataclass(frozen=True)
class Choice:
    """Sweeps to use, best first, those held out, and why."""

    used: tuple[Sweep, ...]
    held_out: tuple[Sweep, ...]
    reason: str


def choose(recording: Recording, n: int = 3) -> Choice:
    """At most n sweeps spread over the stimulus amplitudes, best first; the rest is held out.

    The best is a spiking sweep of medium amplitude. Each further one is that whose amplitude is furthest from those
    chosen. Repeats of an amplitude are taken last, sweeps without a stimulus only where there is nothing else.
    Raises RecordingError if n < 1.

    >>> choose(read("cell.nwb"), n=2).used  # doctest: +SKIP
    """
    if n < 1:
        raise RecordingError(f"{n} sweeps asked for", file=recording.source, remedy="ask for one at least")
    driven = [s for s in recording.sweeps if s.departure is not None] or list(recording.sweeps)
    strength = {id(s): s.amplitude for s in driven}
    best = _best(driven, strength)
    used, left = [best], [s for s in driven if s is not best]
    while left and len(used) < n:
        gap = {id(s): min(abs(strength[id(s)] - strength[id(u)]) for u in used) for s in left}
        furthest = max(left, key=lambda s: gap[id(s)])
        used.append(furthest)
        left.remove(furthest)
    chosen = {id(s) for s in used}
    held = tuple(s for s in recording.sweeps if id(s) not in chosen)
    levels = ", ".join(f"{s.name} ({strength[id(s)] * 1e3:.4g} pA)" for s in used)
    reason = f"{len(used)} of {len(recording.sweeps)} sweeps, spread over the amplitudes: {levels}"
    return Choice(tuple(used), held, reason + (f"; held out: {', '.join(s.name for s in held)}" if held else ""))


def _best(sweeps: list[Sweep], strength: dict[int, float]) -> Sweep:
    """The spiking sweep of medium amplitude; without spikes, the strongest."""
    spiking = sorted((s for s in sweeps if s.spike_count() > 0), key=lambda s: strength[id(s)])
    return spiking[len(spiking) // 2] if spiking else max(sweeps, key=lambda s: abs(strength[id(s)]))
