"""Depolarisation block: a cell that spikes, and then stays depolarised (or far below rest) for more than 50 ms."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from gbar.compiled import compiled

_LONGEST = 50.0  # ms, eFEL's depol_block_min_duration
_FAR_BELOW = -75.0  # mV


@compiled
def _crossings(
    y: Float[np.ndarray, " time"], level: float, up: Int[np.ndarray, " crossing"], down: Int[np.ndarray, " crossing"]
) -> tuple[int, int]:
    """Writes the last samples before the level (mV) is crossed upwards and downwards; returns how many there are."""
    ups, downs = 0, 0
    above = y[0] > level
    for k in range(1, len(y)):
        now = y[k] > level
        if now != above:
            if now:
                up[ups] = k - 1
                ups += 1
            else:
                down[downs] = k - 1
                downs += 1
            above = now
    return ups, downs


@compiled
def _stays_up(
    y: Float[np.ndarray, " time"],
    t: Float[np.ndarray, " time"],
    level: float,
    stop: int,
    up: Int[np.ndarray, " crossing"],
    down: Int[np.ndarray, " crossing"],
) -> bool:
    """Whether the voltage stays above a level (mV) for long, or never comes there from below."""
    ups, downs = _crossings(y, level, up, down)
    if ups > downs:
        down[downs] = stop
    for i in range(ups):
        if t[down[i]] - t[up[i]] > _LONGEST:
            return True
    return ups == 0


@compiled
def _stays_down(
    y: Float[np.ndarray, " time"],
    t: Float[np.ndarray, " time"],
    start: int,
    stop: int,
    up: Int[np.ndarray, " crossing"],
    down: Int[np.ndarray, " crossing"],
) -> bool:
    """Whether the voltage, having fallen far below rest within the stimulus, stays there for long."""
    ups, downs = _crossings(y, _FAR_BELOW, up, down)
    first = 0
    while first < downs and down[first] <= start:
        first += 1
    behind = 0
    while first < downs and behind < ups and (up[behind] <= start or up[behind] <= down[first]):
        behind += 1
    while first < downs and down[first] < stop:
        end = up[behind] if behind < ups and up[behind] < stop else stop
        if t[end] - t[down[first]] > _LONGEST:
            return True
        first += 1
        behind += 1
    return False


@compiled
def depolarisation_block(
    y: Float[np.ndarray, "row time"],
    t: Float[np.ndarray, " time"],
    start: int,
    stop: int,
    onset: Int[np.ndarray, "row spike"],
    count: Int[np.ndarray, "row 4"],
    up: Int[np.ndarray, " crossing"],
    down: Int[np.ndarray, " crossing"],
    found: Float[np.ndarray, "row feature"],
) -> None:
    """Writes depol_block_bool: 1, or 0 for a cell that is not blocked or has no spike with an onset."""
    for r in range(len(y)):
        number = count[r, 2]
        found[r, 0] = 0.0 if stop < len(t) else np.nan
        if number == 0 or stop >= len(t):
            continue
        level = 0.0
        for i in range(number):
            level += y[r, onset[r, i]]
        level /= number
        if _stays_up(y[r], t, level, stop, up, down) or _stays_down(y[r], t, start, stop, up, down):
            found[r, 0] = 1.0
