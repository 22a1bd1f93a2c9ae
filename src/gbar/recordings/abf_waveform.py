"""What an output of an ABF file was told to deliver, sweep by sweep: its holding level and its epochs.

As ABFH_GetWaveformEx (abfhwave.cpp) and Clampfit have it: 1/64 of a sweep at the holding level, the epochs, and the
rest at the holding level or at that of the last epoch. An epoch that begins at a level begins at the level of the one
before it. What that code does not define is refused, not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gbar.recordings.abf_header import EPISODIC, Epoch, Header, Output, Unusable, UserList

_HELD = 64  # the first 1/64 of a sweep
_STEP, _RAMP, _PULSES, _TRIANGLES, _COSINE, _BIPHASIC = 1, 2, 3, 4, 5, 7
_NAMES = {6: "a test of the resistance"}
_LEVELS = 11  # of a user list's parameters: those before vary what is no part of a sweep, or digital outputs
_CONDITIONING = range(7)


@dataclass(frozen=True)
class Shape:
    """An epoch of one sweep: samples, and levels in the output's unit."""

    kind: int
    before: float
    level: float
    duration: int
    period: int
    width: int


def command(header: Header, output: Output, sweep: int, length: int) -> Float[np.ndarray, " time"]:
    """The command of sweep `sweep` (from 0) in the output's unit, `length` samples; raises Unusable.

    An output without a waveform, and any that is not of the episodic mode, stands at its holding level.
    """
    if output.source == 0 or header.mode != EPISODIC:
        return np.full(length, output.holding)
    _check(header, output, sweep)
    resting = header.alternating and sweep % 2 != _turn(header, output)
    shapes = _shapes(output, sweep)
    held = first_holding(header, length)
    used = held + sum(shape.duration for shape in shapes)
    if used > length:
        raise Unusable(f"the epochs of {output.name} last {used} samples, the sweep {length}")
    first = output.holding if not sweep else _between(output, sweep)
    parts = [np.full(held, first), *(np.full(s.duration, first) if resting else _drawn(s) for s in shapes)]
    last = shapes[-1].level if shapes and output.keeps_level else output.holding
    return np.concatenate([*parts, np.full(length - used, last)])


def _check(header: Header, output: Output, sweep: int) -> None:
    if 0 < header.protocol_sweeps <= sweep:
        raise Unusable(f"the protocol has {header.protocol_sweeps} sweeps, this one was added later")
    if output.conditioned:
        raise Unusable(f"a conditioning train on {output.name} precedes every sweep, which the file does not hold")


def _turn(header: Header, output: Output) -> int:
    """Whether an output that takes turns acts in even (0) or odd (1) sweeps, counted from 0."""
    if output.number not in (0, 1):
        raise Unusable(f"outputs take turns, and when that of {output.name} is the file does not say")
    return output.number


def first_holding(header: Header, length: int) -> int:
    """How many samples a sweep begins, and ends, at the holding level."""
    if header.old_holding:
        return 6 * (length * len(header.inputs) // 512) // len(header.inputs)
    return max(1, length // _HELD)


def _between(output: Output, sweep: int) -> float:
    """The level that the sweep before has left."""
    if not output.keeps_level:
        return output.holding
    kept = [epoch for epoch in output.epochs if epoch.kind]
    return _level(output, kept[-1], sweep - 1) if kept else output.holding


def _shapes(output: Output, sweep: int) -> list[Shape]:
    found: list[Shape] = []
    before = output.holding if not sweep else _between(output, sweep)
    for epoch in output.epochs:
        duration = _duration(output, epoch, sweep) if epoch.kind else 0
        if duration <= 0:
            continue
        level = _level(output, epoch, sweep)
        period = _listed(output, epoch, sweep, 3, epoch.period)
        width = _listed(output, epoch, sweep, 4, epoch.width)
        found.append(Shape(epoch.kind, before, level, duration, round(period), round(width)))
        before = level
    return found


def _level(output: Output, epoch: Epoch, sweep: int) -> float:
    return _listed(output, epoch, sweep, 1, epoch.level + epoch.level_step * sweep)


def _duration(output: Output, epoch: Epoch, sweep: int) -> int:
    return round(_listed(output, epoch, sweep, 2, epoch.duration + epoch.duration_step * sweep))


def _listed(output: Output, epoch: Epoch, sweep: int, which: int, otherwise: float) -> float:
    """A parameter of an epoch (1: level, 2: duration, 3: period, 4: width), from the user list if that varies it."""
    varied = output.user_list
    if varied is None:
        return otherwise
    if varied.parameter in _CONDITIONING:
        raise Unusable(f"the user list of {output.name} varies a conditioning train, which the file does not hold")
    if varied.parameter - _LEVELS - which * varied.epochs != epoch.number:
        return otherwise
    values = _values(varied, output)
    return values[sweep % len(values)] if varied.repeats else values[min(sweep, len(values) - 1)]


def _values(varied: UserList, output: Output) -> list[float]:
    try:
        values = [float(part) for part in varied.text.replace(";", ",").split(",") if part.strip()]
    except ValueError:
        values = []
    if not values or not np.isfinite(values).all():
        raise Unusable(
            f"a user list varies the epochs of {output.name}, but its text {varied.text[:40]!r} has no numbers"
        )
    return values


def _drawn(shape: Shape) -> Float[np.ndarray, " time"]:
    """The samples of one epoch."""
    n, before, level = shape.duration, shape.before, shape.level
    if shape.kind == _STEP:
        return np.full(n, level)
    if shape.kind == _RAMP:
        return np.linspace(before, level, n)
    if shape.kind not in (_PULSES, _TRIANGLES, _COSINE, _BIPHASIC):
        raise Unusable(f"an epoch is {_NAMES.get(shape.kind, f'of the unknown kind {shape.kind}')}")
    if shape.period <= 0 or shape.period > n or not 0 <= shape.width <= shape.period:
        raise Unusable(f"a train of pulses {shape.width} samples wide every {shape.period} samples")
    times = n // shape.period
    return np.concatenate([np.tile(_pulse(shape), times), np.full(n - times * shape.period, before)])


def _pulse(shape: Shape) -> Float[np.ndarray, " time"]:
    """One period of a train."""
    before, level, width = shape.before, shape.level, shape.width
    one = np.full(shape.period, before)
    if shape.kind == _PULSES:
        one[:width] = level
    elif shape.kind == _TRIANGLES:
        one[:width] = np.linspace(before, level, width)
        one[width:] = np.linspace(level, before, shape.period - width)
    elif shape.kind == _COSINE:
        one += (level - before) / 2.0 * (1.0 - np.cos(2.0 * np.pi * np.arange(shape.period) / shape.period))
    else:
        one[: width // 2], one[width // 2 : width] = level, 2.0 * before - level
    return one
