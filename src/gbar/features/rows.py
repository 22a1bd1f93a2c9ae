"""A few rows at a time through the compiled functions, in memory that stays in the processor's cache."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from gbar.features.after import after_spikes
from gbar.features.block import depolarisation_block
from gbar.features.crossings import THRESHOLD
from gbar.features.grid import Grid
from gbar.features.membrane import decay, fall
from gbar.features.names import GROUPS
from gbar.features.passive import passive
from gbar.features.resampling import resample
from gbar.features.shape import shape
from gbar.features.spikes import PEAKS, find_flanks, find_minima, find_peaks
from gbar.features.timing import timing

_MEMORY = 64 * 1024  # voltages (and as many slopes) looked at together: they stay in a second-level cache
_DECAY = (1.0, 10.0)  # ms after the stimulus: eFEL's decay_start_after_stim, decay_end_after_stim


@dataclass(frozen=True)
class Memory:
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
    values: dict[str, Float[np.ndarray, "row feature"]]  # by group

    @staticmethod
    def of(rows: int, grid: Grid) -> Memory:
        """Memory for so many rows on a grid, not yet filled."""
        length = len(grid.t)
        peak, minimum, onset, end = (np.empty((rows, length // 2 + 1), dtype=np.int32) for _ in range(4))
        up, down = (np.empty(length + 1, dtype=np.int32) for _ in range(2))
        count = np.zeros((rows, 4), dtype=np.int64)
        y, slope, failed = np.empty((rows, length)), np.empty((rows, length)), np.empty(rows, dtype=np.bool_)
        values = {name: np.full((rows, len(group)), np.nan) for name, group in GROUPS.items()}
        return Memory(y, slope, failed, peak, minimum, onset, end, count, up, down, values)

    def first(self, rows: int) -> Memory:
        """The memory of the first few rows."""
        by_row = ("y", "slope", "failed", "peak", "minimum", "onset", "end", "count")
        values = {name: x[:rows] for name, x in self.values.items()}
        return replace(self, values=values, **{name: getattr(self, name)[:rows] for name in by_row})


def fill_in(
    v: Float[np.ndarray, "row time"],
    current: Float[np.ndarray, " row"],
    grid: Grid,
    places: dict[str, slice],
    found: Float[np.ndarray, "feature row"],
) -> None:
    """Writes the features of groups into their places, some rows after the others."""
    size = max(1, _MEMORY // len(grid.t))
    memory = Memory.of(size, grid)
    for start in range(0, len(v), size):
        rows = slice(start, start + size)
        some = _contiguous(v[rows])
        work = memory if len(some) == size else memory.first(len(some))
        _some(some, current[rows], grid, work, frozenset(places))
        for name, place in places.items():
            work.values[name][work.failed] = np.nan
            found[place, rows] = work.values[name].T


def times_of_peaks(v: Float[np.ndarray, "row time"], grid: Grid) -> list[Float[np.ndarray, " spike"]]:
    """For each row the times (ms) of its peaks."""
    work = Memory.of(1, grid)
    times = []
    for row in range(len(v)):
        resample(_contiguous(v[row : row + 1]), grid.sample, grid.gap, grid.ahead, grid.runs, work.y, work.failed)
        find_peaks(work.y, THRESHOLD, work.up, work.down, work.peak, work.count)
        times.append(grid.t[work.peak[0, : work.count[0, PEAKS]]])
    return times


def _contiguous(v: Float[np.ndarray, "row time"]) -> Float[np.ndarray, "row time"]:
    """The rows as they are where they are float32 or float64 in a row, else a copy."""
    return np.ascontiguousarray(v, dtype=v.dtype if v.dtype in (np.float32, np.float64) else np.float64)


def _some(
    v: Float[np.ndarray, "row time"],
    current: Float[np.ndarray, " row"],
    grid: Grid,
    work: Memory,
    asked: frozenset[str],
) -> None:
    """The features of a few rows, a group after the other; those of groups not asked for are left as they are."""
    y, slope, t, start, stop = work.y, work.slope, grid.t, grid.start, grid.stop
    peak, minimum, onset, end, count = work.peak, work.minimum, work.onset, work.end, work.count
    found = work.values
    resample(v, grid.sample, grid.gap, grid.ahead, grid.runs, y, work.failed)
    if asked - {"passive", "membrane"}:
        find_peaks(y, THRESHOLD, work.up, work.down, peak, count)
    if asked & {"shape", "after", "block"}:
        find_minima(y, peak, minimum, count)
    if asked & {"shape", "block"}:
        find_flanks(y, grid.span, start, peak, minimum, slope, onset, end, count)
    if "timing" in asked:
        timing(t, grid.on, grid.off, peak, count, found["timing"])
    if "shape" in asked:
        within = (grid.on, grid.off)
        shape(y, slope, t, within, start, THRESHOLD, peak, minimum, onset, end, count, found["shape"])
    if "passive" in asked:
        passive(y, start, stop, grid.behind, grid.base, grid.steady, current, found["passive"])
    if "after" in asked:
        after_spikes(y, t, found["passive"], peak, minimum, count, found["after"])
    if "membrane" in asked:
        fall(y, t, start, grid.middle, found["membrane"])
        first, last = (grid.first(grid.off + after) for after in _DECAY)
        decay(y, t, start, first, last, found["membrane"])
    if "block" in asked:
        depolarisation_block(y, t, start, stop, onset, count, work.up, work.down, found["block"])
