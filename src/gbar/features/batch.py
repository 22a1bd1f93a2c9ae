"""The features of many traces at once: a few rows at a time go through the compiled functions."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from gbar.errors import ParameterError
from gbar.features.crossings import THRESHOLD
from gbar.features.grid import Grid, make_grid
from gbar.features.names import GROUPS, UNITS

_MEMORY = 64 * 1024  # voltages (and as many slopes) looked at together: they stay in a second-level cache
_DECAY = (1.0, 10.0)  # ms after the stimulus: eFEL's decay_start_after_stim, decay_end_after_stim


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
    current = np.full(len(v), np.nan)
    current[:] = np.nan if current_step is None else current_step
    found = np.full((len(v), len(UNITS)), np.nan)
    asked = _asked(wanted)
    if len(v) and asked:
        grid = make_grid(v.shape[1], float(dt), window, step)
        size = -(-len(v) // max(1, threads))
        parts = [slice(k, k + size) for k in range(0, len(v), size)]
        with ThreadPoolExecutor(max_workers=len(parts)) as pool:
            list(pool.map(lambda rows: _rows(v[rows], current[rows], grid, asked, found[rows]), parts))
    others: dict[str, Float[np.ndarray, " row"]] = {}
    if more:
        from gbar.features.others import by_efel

        others = by_efel(v, dt, window, list(more), current_step=current, interp_step=step)
    column = {name: k for k, name in enumerate(UNITS)}
    return {name: found[:, column[name]] for name in wanted} | others


def peak_times(v: Float[np.ndarray, "row time"], dt: float) -> list[Float[np.ndarray, " spike"]]:
    """For each row the times (ms) of the samples at which its spikes peak: eFEL's peak_time.

    >>> peak_times(np.array([[-65.0, -30.0, 10.0, -65.0]]), dt=0.5)
    [array([1.])]
    """
    from gbar.features.resampling import resample
    from gbar.features.spikes import PEAKS, find_peaks

    if not len(v):
        return []
    grid = make_grid(v.shape[1], float(dt), (0.0, 0.0), float(dt))
    work = _Memory.of(1, grid)
    times = []
    for row in range(len(v)):
        resample(_contiguous(v[row : row + 1]), grid.sample, grid.gap, grid.ahead, grid.inside, work.y, work.failed)
        find_peaks(work.y, THRESHOLD, work.up, work.down, work.peak, work.count)
        times.append(grid.t[work.peak[0, : work.count[0, PEAKS]]])
    return times


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


def _asked(wanted: list[str]) -> frozenset[str]:
    """The names of the groups that hold the wanted features, and PASSIVE for what is relative to rest."""
    asked = {name for name, group in GROUPS.items() if any(feature in group for feature in wanted)}
    return frozenset(asked | {"passive"} if "after" in asked else asked)


@dataclass(frozen=True)
class _Memory:
    """What a few rows are worked on in: voltages and slopes on the grid, and where their spikes are."""

    y: Float[np.ndarray, "row time"]
    slope: Float[np.ndarray, "row time"]
    failed: Bool[np.ndarray, " row"]
    peak: Int[np.ndarray, "row spike"]
    minimum: Int[np.ndarray, "row spike"]
    onset: Int[np.ndarray, "row spike"]
    end: Int[np.ndarray, "row spike"]
    count: Int[np.ndarray, "row 4"]
    up: Int[np.ndarray, " crossing"]
    down: Int[np.ndarray, " crossing"]

    @staticmethod
    def of(rows: int, grid: Grid) -> _Memory:
        length = len(grid.t)
        peak, minimum, onset, end = (np.empty((rows, length // 2 + 1), dtype=np.int32) for _ in range(4))
        up, down = (np.empty(length + 1, dtype=np.int32) for _ in range(2))
        count = np.zeros((rows, 4), dtype=np.int64)
        y, slope, failed = np.empty((rows, length)), np.empty((rows, length)), np.empty(rows, dtype=np.bool_)
        return _Memory(y, slope, failed, peak, minimum, onset, end, count, up, down)

    def first(self, rows: int) -> _Memory:
        """The memory of the first few rows."""
        by_row = ("y", "slope", "failed", "peak", "minimum", "onset", "end", "count")
        return replace(self, **{name: getattr(self, name)[:rows] for name in by_row})


def _rows(
    v: Float[np.ndarray, "row time"],
    current: Float[np.ndarray, " row"],
    grid: Grid,
    asked: frozenset[str],
    found: Float[np.ndarray, "row feature"],
) -> None:
    """Fills in the features of the groups asked for, some rows after the others."""
    size = max(1, _MEMORY // len(grid.t))
    memory = _Memory.of(size, grid)
    for start in range(0, len(v), size):
        rows = slice(start, start + size)
        some = _contiguous(v[rows])
        work = memory if len(some) == size else memory.first(len(some))
        _some(some, current[rows], grid, work, asked, found[rows])
        found[rows][work.failed] = np.nan


def _contiguous(v: Float[np.ndarray, "row time"]) -> Float[np.ndarray, "row time"]:
    """The rows as they are where they are float32 or float64 in a row, else a copy."""
    return np.ascontiguousarray(v, dtype=v.dtype if v.dtype in (np.float32, np.float64) else np.float64)


def _some(
    v: Float[np.ndarray, "row time"],
    current: Float[np.ndarray, " row"],
    grid: Grid,
    work: _Memory,
    asked: frozenset[str],
    found: Float[np.ndarray, "row feature"],
) -> None:
    """The features of a few rows, a group after the other."""
    from gbar.features.after import after_spikes
    from gbar.features.block import depolarisation_block
    from gbar.features.membrane import decay, fall
    from gbar.features.passive import passive
    from gbar.features.resampling import resample
    from gbar.features.shape import shape
    from gbar.features.timing import timing

    y, slope, t, start, stop = work.y, work.slope, grid.t, grid.start, grid.stop
    peak, minimum, onset, end, count = work.peak, work.minimum, work.onset, work.end, work.count
    part = {name: found[:, place] for name, place in _places().items()}
    resample(v, grid.sample, grid.gap, grid.ahead, grid.inside, y, work.failed)
    _find_spikes(work, grid, asked)
    if "timing" in asked:
        timing(t, grid.on, grid.off, peak, count, part["timing"])
    if "shape" in asked:
        shape(
            y, slope, t, grid.on, grid.off, start, THRESHOLD, peak, minimum, onset, end, count, part["shape"]
        )  # fmt: skip
    if "passive" in asked:
        passive(y, start, stop, grid.behind(grid.off), grid.base, grid.steady, current, part["passive"])
    if "after" in asked:
        after_spikes(y, t, part["passive"][:, 0], peak, minimum, count, part["after"])
    if "membrane" in asked:
        fall(y, t, start, grid.first((grid.on + grid.off) / 2.0), part["membrane"])
        first, last = (grid.first(grid.off + after) for after in _DECAY)
        decay(y, t, start, first, last, part["membrane"])
    if "block" in asked:
        depolarisation_block(y, t, start, stop, onset, count, work.up, work.down, part["block"])


def _find_spikes(work: _Memory, grid: Grid, asked: frozenset[str]) -> None:
    """The lists of indices that the groups asked for need."""
    from gbar.features.resampling import differentiate
    from gbar.features.spikes import find_ends, find_minima, find_onsets, find_peaks

    if asked & {"timing", "shape", "after", "block"}:
        find_peaks(work.y, THRESHOLD, work.up, work.down, work.peak, work.count)
    if asked & {"shape", "after", "block"} and work.count.any():
        find_minima(work.y, work.peak, work.minimum, work.count)
    if asked & {"shape", "block"} and work.count.any():
        differentiate(work.y, grid.span, work.slope)
        find_onsets(work.slope, grid.start, work.peak, work.minimum, work.onset, work.count)
        find_ends(work.slope, grid.start, work.peak, work.end, work.count)


def _places() -> dict[str, slice]:
    """Which columns of all features are those of a group."""
    ends = np.cumsum([len(group) for group in GROUPS.values()])
    return {
        name: slice(int(stop) - len(group), int(stop)) for (name, group), stop in zip(GROUPS.items(), ends, strict=True)
    }
