"""The features of many traces at once: a few rows at a time go through the compiled functions."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float

from gbar.errors import ParameterError
from gbar.features.grid import make_grid
from gbar.features.names import GROUPS, UNITS


def features(
    v: Float[np.ndarray, "row time"],
    dt: float,
    window: tuple[float, float],
    current_step: float | Float[np.ndarray, " row"] | None = None,
    names: Sequence[str] | None = None,
    *,
    interp_step: float | None = None,
    more: Sequence[str] = (),
    threads: int = 1,
) -> dict[str, Float[np.ndarray, " row"]]:
    """The features of every row of v (mV, sampled every dt ms), by eFEL's names, with eFEL's values.

    `window` is when the stimulus begins and ends, in ms (eFEL's stim_start and stim_end); `current_step` its amplitude
    in nA (stimulus_current), which input resistances need. `names` are all of `UNITS` unless stated; `more` are any
    others that eFEL knows, which it then computes itself, a trace at a time. Settings are eFEL's defaults, but for the
    step at which it interpolates a trace: `interp_step`, dt unless stated (eFEL's own is 0.1 ms). What has a value for
    every spike is the mean over spikes, as in eFEL's get_mean_feature_values.

    NaN says that a feature does not exist: no spike, no interval, a row that is not finite. `threads` share the rows;
    the result has the same bits. Raises ParameterError for a window outside the trace or an unknown name.

    >>> features(np.full((1, 1001), -65.0), dt=0.1, window=(20.0, 80.0))["voltage_base"]
    array([-65.])
    """
    wanted = list(UNITS) if names is None else list(names)
    _check(v, dt, window, wanted, interp_step)
    step = dt if interp_step is None else float(interp_step)
    current = _currents(current_step, len(v))
    places = _places(wanted)
    columns = [name for group in places for name in GROUPS[group]]
    found = np.full((len(columns), len(v)), np.nan)
    if found.size:
        from gbar.features.rows import fill_in

        grid = make_grid(v.shape[1], float(dt), (float(window[0]), float(window[1])), step)
        size = -(-len(v) // max(1, threads))
        parts = [slice(k, k + size) for k in range(0, len(v), size)]
        if len(parts) == 1:
            fill_in(v, current, grid, places, found)
        else:
            with ThreadPoolExecutor(max_workers=len(parts)) as pool:
                list(pool.map(lambda rows: fill_in(v[rows], current[rows], grid, places, found[:, rows]), parts))
    others: dict[str, Float[np.ndarray, " row"]] = {}
    if more:
        from gbar.features.others import by_efel

        others = by_efel(v, dt, window, list(more), current_step=current, interp_step=step)
    return {name: found[columns.index(name)] for name in wanted} | others


def peak_times(v: Float[np.ndarray, "row time"], dt: float) -> list[Float[np.ndarray, " spike"]]:
    """For each row the times (ms) of the samples at which its spikes peak: eFEL's peak_time.

    >>> peak_times(np.array([[-65.0, -30.0, 10.0, -65.0]]), dt=0.5)
    [array([1.])]
    """
    from gbar.features.rows import times_of_peaks

    return times_of_peaks(v, make_grid(v.shape[1], float(dt), (0.0, 0.0), float(dt))) if len(v) else []


def _check(
    v: Float[np.ndarray, "row time"],
    dt: float,
    window: tuple[float, float],
    wanted: list[str],
    interp_step: float | None,
) -> None:
    on, off = (float(x) for x in window)
    if v.ndim != 2 or not (dt > 0.0 and 0.0 <= on < off <= (v.shape[1] - 1) * dt * (1.0 + 1e-9)) or off - on < dt:
        raise ParameterError(
            f"a window of {on:g} to {off:g} ms in traces of shape {v.shape} every {dt:g} ms",
            remedy="give [row, time] and a window within it",
        )
    if v.shape[1] < 4:
        raise ParameterError(f"traces of {v.shape[1]} samples", remedy="give four samples at least")
    unknown = [name for name in wanted if name not in UNITS]
    if unknown:
        raise ParameterError(
            f"{unknown[0]} is none of the features computed here", remedy=f"ask eFEL for it: more=({unknown[0]!r},)"
        )
    if interp_step is not None and not 0.0 < interp_step <= v.shape[1] * dt / 4.0:
        raise ParameterError(f"interp_step = {interp_step:g} ms", remedy="give a step between 0 and the trace's length")


def _currents(current_step: float | Float[np.ndarray, " row"] | None, rows: int) -> Float[np.ndarray, " row"]:
    """A current (nA) for every row; NaN where none is stated."""
    given = np.asarray(np.nan if current_step is None else current_step, dtype=np.float64)
    if given.shape not in ((), (rows,)):
        raise ParameterError(
            f"current_step has the shape {given.shape} for {rows} traces", remedy="give one current, or one for each"
        )
    return np.array(np.broadcast_to(given, (rows,)))


def _places(wanted: list[str]) -> dict[str, slice]:
    """The groups that hold the wanted features, PASSIVE with what is relative to rest, and their places in a table."""
    asked = {name for name, group in GROUPS.items() if any(feature in group for feature in wanted)}
    asked |= {"passive"} if "after" in asked else set()
    places, end = {}, 0
    for name, group in GROUPS.items():
        if name in asked:
            places[name] = slice(end, end + len(group))
            end += len(group)
    return places
