"""Which of the two was clamped, where voltage and current are recorded and no command is in amperes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError
from gbar.recordings.abf_channels import Roles, factor
from gbar.recordings.abf_file import samples
from gbar.recordings.abf_header import EPISODIC, Header, Unusable
from gbar.recordings.abf_waveform import command

_EDGE = 1.0  # mV: a step of a command
_AT_ONCE = 1.0  # ms
_FOLLOWED = 0.3  # how far from 1 the part of a step may be that the voltage makes at once, in voltage clamp


def check_clamp(path: Path, header: Header, roles: Roles, *, stated: bool) -> None:
    """Raises RecordingError for voltage clamp, and where nothing tells it from current clamp.

    In voltage clamp the recorded voltage makes the steps of a command in volts at once. `stated` says that the user
    has named the injected current.
    """
    told = header.inputs[roles.voltage].clamp or any(factor(output.unit, "nA") for output in header.outputs)
    if roles.command is not None or told:
        return
    for k in range(len(header.segments)):
        followed = _followed(path, header, roles.voltage, k)
        if followed is not None and abs(followed - 1.0) < _FOLLOWED:
            what = "voltage clamp: the recorded voltage makes the steps of the command at once"
            raise RecordingError(what, file=path, remedy="give the cell's current-clamp recording")
        if followed is not None:
            return
    if not stated:
        raise RecordingError(
            "nothing says whether voltage or current was clamped: no command is in amperes, and none makes steps",
            file=path,
            remedy="if it is current clamp, state the injected current: current_channel='...' (--current-channel)",
        )


def _followed(path: Path, header: Header, channel: int, sweep: int) -> float | None:
    """How much of a command's steps the recorded voltage makes at once, as a part of 1; None without steps."""
    length = header.segments[sweep].length
    scale = factor(header.inputs[channel].unit, "mV") or 1.0
    for output in header.outputs:
        unit = factor(output.unit, "mV")
        if not (unit and output.source and header.mode == EPISODIC):
            continue
        try:
            asked = command(header, output, sweep, length) * unit
        except Unusable:
            continue
        made = _made(samples(path, header, channel, sweep) * scale, asked, max(1, round(_AT_ONCE / header.dt)))
        if made is not None:
            return made
    return None


def _made(v: Float[np.ndarray, " time"], asked: Float[np.ndarray, " time"], at_once: int) -> float | None:
    edges = np.flatnonzero(np.abs(np.diff(asked)) > _EDGE) + 1
    edges = edges[(edges >= 2) & (edges + at_once < len(v))]
    change = asked[edges + at_once] - asked[edges - 2]
    edges, change = edges[np.abs(change) > _EDGE], change[np.abs(change) > _EDGE]
    return float(np.median((v[edges + at_once] - v[edges - 2]) / change)) if len(edges) else None
