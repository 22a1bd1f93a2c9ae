"""Axon binary files (ABF 1 and 2): current-clamp sweeps, with the command of the protocol or a recorded current."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError
from gbar.recordings.abf_channels import Roles, factor, roles
from gbar.recordings.abf_clamp import check_clamp
from gbar.recordings.abf_file import header_of, samples
from gbar.recordings.abf_header import EPISODIC, GAP_FREE, MOST_TAGS, Header, Output, Unusable
from gbar.recordings.abf_stimulus import StimulusFile, played, stimulus_file
from gbar.recordings.abf_waveform import command
from gbar.recordings.recording import Amplifier, Sweep
from gbar.recordings.sanity import complaint, doubts

_MOST_BYTES = 2_000_000_000  # of all sweeps in memory
_FROM_FILE = 2  # an output's source
_VARIES = 1e-6  # nA: a command that varies less is constant
_LIKE = (0.8, 1.25)  # how many times the command a recorded current may be and pass as the same


def read_abf(
    path: Path,
    *,
    stimulus_folder: Path | None = None,
    voltage_channel: str | None = None,
    current_channel: str | None = None,
    allow_large: bool = False,
) -> dict[str, Any]:
    """The parts of a `Recording` that an ABF 1 or 2 file holds.

    `stimulus_folder` is where stimulus files lie that the recording names (beside it, if None). The channels are told
    by their units; `voltage_channel` and `current_channel` name them where those leave it open. A current that was
    recorded stands in `Sweep.current` as it was measured, and in `Sweep.monitored`, unless a command in amperes is
    known. Raises RecordingError if the file is damaged, of voltage clamp, or no sweep of it can be used.
    """
    header = header_of(path)
    chosen = roles(header, path, voltage_channel, current_channel)
    check_clamp(path, header, chosen, stated=current_channel is not None)
    held = sum(segment.length for segment in header.segments) * 8 * (3 if chosen.current is not None else 2)
    if held > _MOST_BYTES:
        what = f"its sweeps need {held // 10**6} MB of memory, more than {_MOST_BYTES // 10**6} MB"
        raise RecordingError(what, file=path, remedy="save fewer sweeps or a part of the time in a file (Clampfit)")
    sweeps, refused = _Reader(path, header, chosen, stimulus_folder, current_channel is None).sweeps(allow_large)
    if not sweeps:
        more = f" (and {len(refused) - 1} more sweeps were refused)" if len(refused) > 1 else ""
        raise RecordingError(f"no usable sweep: {refused[0] if refused else 'it has none'}{more}", file=path)
    return {
        "format": header.version,
        "sweeps": _in_time(sweeps),
        "refused": tuple(refused),
        "description": " ".join(part for part in (header.protocol, header.comment) if part),
        "device": header.inputs[chosen.voltage].instrument,
        "started": header.started,
        "warnings": chosen.notes + _tagged(header) + _disagreement(header, chosen, sweeps),
    }


@dataclass(frozen=True)
class _Reader:
    """What reading one file needs to know."""

    path: Path
    header: Header
    roles: Roles
    folder: Path | None
    may_use_measured: bool  # where the command of a sweep cannot be known

    def sweeps(self, allow_large: bool) -> tuple[list[Sweep], list[str]]:
        found, refused = [], []
        file = self._stimulus_file()
        for k in range(len(self.header.segments)):
            try:
                found.append(self._sweep(k, file, allow_large))
            except Unusable as reason:
                refused.append(f"sweep_{k}: {reason}")
        return found, refused

    def _stimulus_file(self) -> StimulusFile | None:
        output = None if self.roles.command is None else self.header.outputs[self.roles.command]
        if output is None or output.source != _FROM_FILE or self.header.mode != EPISODIC:
            return None
        return stimulus_file(output, self.path, self.folder)

    def _sweep(self, k: int, file: StimulusFile | None, allow_large: bool) -> Sweep:
        header, name = self.header, f"sweep_{k}"
        channel = header.inputs[self.roles.voltage]
        v = self._values(self.roles.voltage, k, "mV")
        measured = None if self.roles.current is None else self._values(self.roles.current, k, "nA")
        current, notes, place, holding = self._current(k, file, measured, len(v))
        reason = complaint(name, v, current, header.dt, allow_large)
        if reason:
            raise Unusable(reason.removeprefix(f"sweep {name}: "))
        start = header.segments[k].start
        return Sweep(
            name,
            v,
            current,
            header.dt,
            float(k) if start is None else start,
            notes + doubts(v, current, header.dt),
            holding,
            stimulus=header.protocol,
            monitored=measured,
            amplifier=Amplifier(filter=channel.filter),
            source=self.path,
            place=f"sweep {k} of {channel.name}, {place}",
        )

    def _values(self, channel: int, k: int, wanted: str) -> Float[np.ndarray, " time"]:
        scale = factor(self.header.inputs[channel].unit, wanted)
        return samples(self.path, self.header, channel, k) * (scale or 1.0)

    def _current(
        self, k: int, file: StimulusFile | None, measured: np.ndarray | None, length: int
    ) -> tuple[np.ndarray, tuple[str, ...], str, float | None]:
        """The delivered current in nA, warnings, where it comes from, and the holding current if the file states it."""
        header = self.header
        if header.inputs[self.roles.voltage].clamp == "I = 0":
            return np.zeros(length), ("the amplifier reported I = 0: no current was injected",), "I = 0", None
        if self.roles.command is None:
            if measured is None:
                raise Unusable("neither a command nor a recorded current")
            return measured, (), f"recorded current {header.inputs[self.roles.current or 0].name}", None
        output = header.outputs[self.roles.command]
        try:
            values, notes = self._commanded(k, output, file, length)
        except Unusable as reason:
            if measured is None or not self.may_use_measured:
                raise
            return measured, (f"{reason}: the current is the recorded one",), "recorded current", None
        scale = factor(output.unit, "nA") or 1.0
        return values * scale, notes, f"command {output.name}", output.holding * scale

    def _commanded(
        self, k: int, output: Output, file: StimulusFile | None, length: int
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        if file is not None:
            return played(file, self.path, self.header, output, k, length)
        notes: tuple[str, ...] = ()
        if output.source == 0 or self.header.mode != EPISODIC:
            mode = "gap-free" if self.header.mode == GAP_FREE else "without a waveform"
            notes = (f"{mode}: the command {output.name} stood at its holding level, {output.holding:g} {output.unit}",)
        return command(self.header, output, k, length), notes


def _in_time(sweeps: list[Sweep]) -> tuple[Sweep, ...]:
    zero = min(sweep.start for sweep in sweeps)
    return tuple(replace(s, start=round(s.start - zero, 9)) for s in sorted(sweeps, key=lambda s: s.start))


def _tagged(header: Header) -> tuple[str, ...]:
    noted = tuple(f"noted at {when:g} s: {what}" for when, what in header.tags if what)
    return (*noted, "further notes are in the file") if len(header.tags) == MOST_TAGS else noted


def _disagreement(header: Header, chosen: Roles, sweeps: list[Sweep]) -> tuple[str, ...]:
    """What a recorded current says against the command, where it is of another size."""
    both = [(s.current, s.monitored) for s in sweeps if s.monitored is not None and s.monitored is not s.current]
    if chosen.command is None or chosen.current is None or not both:
        return ()
    names = header.inputs[chosen.current].name, header.outputs[chosen.command].name
    both = [(asked, got) for asked, got in both if np.ptp(asked) > _VARIES]
    varied = sum(float(np.sum((asked - asked.mean()) ** 2)) for asked, _ in both)
    common = sum(float(np.sum((asked - asked.mean()) * (got - got.mean()))) for asked, got in both)
    if varied > 0.0 and not _LIKE[0] <= common / varied <= _LIKE[1]:
        return (f"the recorded current {names[0]} is {common / varied:.2g} times the command {names[1]}",)
    return ()
