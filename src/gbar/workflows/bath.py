"""Under which of a cell's conditions a sweep was recorded: what the recording says of the bath, by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from gbar.cell import Cell
from gbar.errors import RecordingError
from gbar.protocol import CONTROL, Protocol
from gbar.recordings import Recording, Sweep

_CONCENTRATION = re.compile(r"(?<![\w.])\d+(\.\d+)?\s*[nuµμm]?M\b")


def experiment(cell: Cell, recording: Recording, sweeps: Sequence[Sweep]) -> Protocol:
    """Sweeps as they were recorded, each under the cell's condition that its own names.

    "TTX 1 uM" is the condition TTX; a sweep that says nothing, or "control", is control. A cell without conditions
    takes every sweep for control. Raises RecordingError for a sweep under another condition than the cell's.
    """
    protocol, known = recording.protocol(sweeps), cell.protocol.conditions
    if not known:
        return protocol
    names = {_plain(condition.name): condition.name for condition in known} | {"": "", CONTROL: ""}
    for sweep in sweeps:
        if _plain(sweep.condition) not in names:
            raise RecordingError(
                f"{sweep.name} was recorded in {sweep.condition!r}, which is no condition of {cell.name}",
                file=recording.source,
                remedy=f"there are {', '.join((CONTROL, *(condition.name for condition in known)))}; "
                "name one in a cell file (condition: ...), or choose other sweeps",
            )
    pairs = zip(protocol.stimuli, sweeps, strict=True)
    stimuli = tuple(replace(stimulus, condition=names[_plain(sweep.condition)]) for stimulus, sweep in pairs)
    return replace(protocol, stimuli=stimuli, conditions=known)


def _plain(condition: str) -> str:
    """A condition's name without concentrations, upper case and spaces that do not count."""
    return " ".join(_CONCENTRATION.sub("", condition).casefold().split())
