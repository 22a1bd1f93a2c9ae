"""Which channel of an ABF file is the membrane voltage, and which the injected current: told by units, never by number.

A command in amperes says what was injected; without one, a recorded current does. A choice that the units leave open
is the user's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from gbar import units
from gbar.errors import RecordingError, UnitError
from gbar.recordings.abf_header import EPISODIC, Header, Input, Output

_STATE = "state them: voltage_channel='...', current_channel='...' (--voltage-channel, --current-channel)"
_MOST = 16  # channels listed in a message
_TABLE = "if the numbers are right, export the sweeps as a table and state the units"


@dataclass(frozen=True)
class Roles:
    """The places of the voltage and the measured current among the inputs, and of the command among the outputs."""

    voltage: int
    current: int | None
    command: int | None
    notes: tuple[str, ...] = ()


def factor(unit: str, wanted: str) -> float | None:
    """What values in `unit` are multiplied by to be in `wanted`; None where it is a unit of something else."""
    try:
        return units.factor(unit, wanted)
    except UnitError:
        return None


def roles(header: Header, path: Path, voltage: str | None = None, current: str | None = None) -> Roles:
    """Voltage, current and command, by units or as stated; raises RecordingError where they leave it open."""
    found = _Finder(header, path)
    v, note = found.voltage(voltage)
    measured, command, more = found.current(current)
    return Roles(v, measured, command, note + more)


class _Finder:
    """The channels of one header by kind of unit."""

    def __init__(self, header: Header, path: Path):
        self.header, self.path = header, path
        self.volts = [k for k, c in enumerate(header.inputs) if factor(c.unit, "mV")]
        self.amps = [k for k, c in enumerate(header.inputs) if factor(c.unit, "nA")]
        self.commands = [k for k, c in enumerate(header.outputs) if factor(c.unit, "nA")]
        self.active = [k for k, c in enumerate(header.outputs) if c.source and header.mode == EPISODIC]

    def refuse(self, what: str, remedy: str) -> NoReturn:
        outputs = [self.header.outputs[k] for k in sorted({*self.active, *self.commands})]
        listed = f"recorded: {_listed(self.header.inputs)}; commanded: {_listed(outputs)}"
        raise RecordingError(f"{what} ({listed})", file=self.path, remedy=remedy)

    def voltage(self, stated: str | None) -> tuple[int, tuple[str, ...]]:
        inputs = self.header.inputs
        if stated is not None:
            k = self.named(stated, inputs)
            if k is None or k not in self.volts:
                self.refuse(f"no voltage is recorded under the name {stated!r}", "state a channel in mV or V")
            return self.clamped(k), ()
        if not self.volts:
            self.no_voltage()
        if len(self.volts) == 1:
            return self.clamped(self.volts[0]), ()
        told = [k for k in self.volts if inputs[k].clamp == "current clamp"]
        if len(told) != 1:
            self.refuse(f"{len(self.volts)} channels are voltages: which is the cell's", _STATE)
        return told[0], (f"the voltage is {inputs[told[0]].name}, which the amplifier reported in current clamp",)

    def clamped(self, k: int) -> int:
        others = [self.header.inputs[j] for j in (k, *self.amps)]
        clamps = [c for c in others if c.clamp == "voltage clamp"]
        if clamps:
            self.refuse(
                f"voltage clamp: so the amplifier reported of {clamps[0].name}", "give a current-clamp recording"
            )
        return k

    def no_voltage(self) -> NoReturn:
        """Says why no channel is a voltage: the wrong clamp, or the wrong unit."""
        for k in self.amps:
            channel = self.header.inputs[k]
            if channel.clamp in ("current clamp", "I = 0"):
                what = (
                    f"wrong unit: {channel.name} is labelled {channel.unit}, but the amplifier was in {channel.clamp}"
                )
                self.refuse(what, _TABLE)
        driven = [self.header.outputs[k] for k in self.active] or list(self.header.outputs[:1])
        if self.amps and any(factor(c.unit, "mV") for c in driven):
            command = next(c for c in driven if factor(c.unit, "mV"))
            channel = self.header.inputs[self.amps[0]]
            what = f"voltage clamp: the command {command.name} is in {command.unit}, {channel.name} in {channel.unit}"
            self.refuse(what, "give the cell's current-clamp recording")
        if self.amps and any(factor(c.unit, "nA") for c in driven):
            self.refuse("wrong unit: the recorded channel and its command are both currents", _TABLE)
        self.refuse("no channel is a voltage", _TABLE)

    def current(self, stated: str | None) -> tuple[int | None, int | None, tuple[str, ...]]:
        """The measured current, the command, and what to say of it."""
        if stated is not None:
            return self.stated_current(stated)
        driven = [k for k in self.active if k in self.commands]
        measured = self.amps[0] if len(self.amps) == 1 else None
        if len(driven) == 1:
            if len(self.volts) > 1 and len(self.amps) + len(self.commands) > 1:
                self.refuse("several cells: which current was injected into the one of that voltage", _STATE)
            return measured, driven[0], ()
        if len(driven) > 1:
            self.refuse(f"{len(driven)} commands are currents: which was injected", _STATE)
        if measured is not None:
            name = self.header.inputs[measured].name
            return measured, None, (f"no command in amperes: the current is the recorded {name}", *self.unlike())
        if len(self.amps) > 1:
            self.refuse(f"{len(self.amps)} channels are currents: which was injected", _STATE)
        return None, self.resting(), ()

    def unlike(self) -> tuple[str, ...]:
        """What to say of a command in volts beside a recorded voltage and current."""
        names = [f"{self.header.outputs[k].name} ({self.header.outputs[k].unit})" for k in self.active]
        return (f"its command {names[0]} is not in amperes and is disregarded",) if names else ()

    def stated_current(self, stated: str) -> tuple[int | None, int | None, tuple[str, ...]]:
        command, measured = self.named(stated, self.header.outputs), self.named(stated, self.header.inputs)
        if measured in self.amps:
            return measured, None, (f"the current is the recorded {stated}, as stated",)
        if command in self.commands:
            return None, command, (f"the current is the command {stated}, as stated",)
        self.refuse(f"no current is recorded or commanded under the name {stated!r}", "state a channel in pA, nA or A")

    def resting(self) -> int:
        """A command in amperes without a waveform, which stood at its holding level."""
        levels = {self.header.outputs[k].holding for k in self.commands}
        if not levels:
            self.refuse("no current: none is recorded, and no command is in amperes", "give the injected current")
        if len(levels) > 1:
            self.refuse("no waveform, and commands that hold at different currents", _STATE)
        return self.commands[0]

    @staticmethod
    def named(name: str, channels: Sequence[Input | Output]) -> int | None:
        same = [k for k, channel in enumerate(channels) if channel.name == name]
        return same[0] if len(same) == 1 else None


def _listed(channels: Sequence[Input | Output]) -> str:
    more = f" and {len(channels) - _MOST} more" if len(channels) > _MOST else ""
    return (", ".join(f"{c.name or 'unnamed'} ({c.unit or 'no unit'})" for c in channels[:_MOST]) or "nothing") + more
