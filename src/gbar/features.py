"""What an electrophysiologist reads off a voltage trace: rest, spikes, their times and shapes, the response to a step.

Definitions follow eFEL's (https://efel.readthedocs.io; doi 10.5281/zenodo.593869) with its default settings and an
interpolation step equal to the sampling. Where they differ:

- spikes are timed by their upward crossing of -20 mV, linearly interpolated (eFEL: by the sample of the peak);
  intervals include the first (eFEL's ISI_values leaves it out);
- `ap_half_width`, at the middle between onset and peak, is interpolated between samples (eFEL's AP_duration_half_width:
  whole samples);
- `ahp` is the lowest voltage between a spike and the next (eFEL's min_between_peaks_values without the last;
  min_AHP_values stops at the first local minimum, which depends on noise and sampling);
- `rest` is the median of the voltage before the stimulus; `voltage_base`, eFEL's mean over the last tenth of that
  time, is there too;
- `ap_amplitude` is of all spikes, as `ap_threshold` and `ap_height` (eFEL's AP_amplitude: of those within the step);
- `mean_frequency` is 0 and not missing without spikes;
- a feature of many spikes is their mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Int

from gbar.errors import ParameterError
from gbar.traces import Traces

THRESHOLD = -20.0  # mV
_ONSET_SLOPE = 10.0  # mV/ms, eFEL's DerivativeThreshold
_ONSET_SAMPLES = 3  # the slope lasts so long, eFEL's DerivativeWindow
_WIDEST = 20.0  # ms: a spike wider than this at half height has no half width
_CHUNK = 4_000_000  # samples analysed at once

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "rest": "mV",
        "voltage_base": "mV",
        "spike_count": "1",
        "spike_count_window": "1",
        "mean_frequency": "Hz",
        "latency": "ms",
        "first_isi": "ms",
        "isi_mean": "ms",
        "isi_cv": "1",
        "ap_threshold": "mV",
        "ap_height": "mV",
        "ap_amplitude": "mV",
        "ap_half_width": "ms",
        "ahp": "mV",
        "steady_voltage": "mV",
        "input_resistance": "MOhm",
        "sag_ratio": "1",
    }
)


def spike_times(
    v: Float[np.ndarray, "row time"], dt: float, threshold: float = THRESHOLD
) -> list[Float[np.ndarray, " spike"]]:
    """For each row the times (ms) at which v (mV) crosses `threshold` upwards, linearly interpolated.

    A crossing lies between a sample below the threshold and one at or above it.

    >>> spike_times(np.array([[-65.0, -30.0, 10.0, -65.0]]), dt=0.5)
    [array([0.625])]
    """
    row, k = np.nonzero((v[:, :-1] < threshold) & (v[:, 1:] >= threshold))
    times = _crossing(v, row, k, threshold) * dt
    return np.split(times, np.searchsorted(row, np.arange(1, len(v)))) if len(v) else []


def spike_counts(traces: Traces, threshold: float = THRESHOLD) -> Int[np.ndarray, "row stimulus"]:
    """The upward crossings of `threshold` (mV) of every row under every stimulus, at the first site."""
    return np.stack([_crossings(v[:, 0], threshold) for v in traces.v], axis=1)


def _crossings(v: Float[np.ndarray, "row time"], threshold: float) -> Int[np.ndarray, " row"]:
    counts = np.zeros(len(v), dtype=np.int32)
    for start in range(0, len(v), 16):  # few enough rows that their flags stay in the cache
        above = v[start : start + 16] >= threshold
        counts[start : start + 16] = np.count_nonzero(above[:, 1:] > above[:, :-1], axis=1)
    return counts


def features(
    v: Float[np.ndarray, "row time"],
    dt: float,
    window: tuple[float, float],
    current_step: float | None = None,
) -> dict[str, Float[np.ndarray, " row"]]:
    """The features of every row of v (mV, sampled every dt ms), by the names and in the units of `UNITS`.

    `window` is when the stimulus begins and ends, in ms; `current_step` its amplitude in nA, which the input resistance
    and the sag of spike-free rows need. NaN says that a feature does not exist: no spike, no interval, a row that is
    not finite. Raises ParameterError for a window outside the trace.

    >>> features(np.full((1, 1001), -65.0), dt=0.1, window=(20.0, 80.0))["rest"]
    array([-65.])
    """
    on, off = (float(x) for x in window)
    if v.ndim != 2 or not (dt > 0.0 and 0.0 <= on < off <= (v.shape[1] - 1) * dt * (1.0 + 1e-9)) or off - on < dt:
        raise ParameterError(
            f"a window of {on:g} to {off:g} ms in traces of shape {v.shape} every {dt:g} ms",
            remedy="give [row, time] and a window within it",
        )
    size = max(1, _CHUNK // v.shape[1])
    parts = [_chunk(v[k : k + size], dt, on, off, current_step) for k in range(0, max(len(v), 1), size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in UNITS}


def _chunk(
    v: Float[np.ndarray, "row time"], dt: float, on: float, off: float, current_step: float | None
) -> dict[str, Float[np.ndarray, " row"]]:
    v = np.array(v, dtype=np.float64)
    failed = ~np.isfinite(v).all(axis=1)
    v[failed] = 0.0
    spikes = _spikes(v, round(on / dt))
    found = _passive(v, dt, on, off, spikes.count, current_step) | _timing(spikes, dt, on, off) | _shape(v, spikes, dt)
    for values in found.values():
        values[failed] = np.nan
    return found


# --- the response without spikes ---------------------------------------------------------------------------------


def _passive(
    v: Float[np.ndarray, "row time"],
    dt: float,
    on: float,
    off: float,
    count: Float[np.ndarray, " row"],
    current_step: float | None,
) -> dict[str, Float[np.ndarray, " row"]]:
    start, stop = round(on / dt), round(off / dt)
    rest = np.median(v[:, : max(start, 1)], axis=1)
    base = v[:, min(round(0.9 * on / dt), max(start - 1, 0)) : max(start, 1)].mean(axis=1)
    last = v[:, min(round((off - 0.1 * (off - on)) / dt), stop - 1) : stop]
    steady = last.mean(axis=1)
    resistance, sag = np.full(len(v), np.nan), np.full(len(v), np.nan)
    quiet = count == 0
    if current_step:
        resistance = np.where(quiet, (steady - rest) / current_step, np.nan)
        if current_step < 0.0:
            lowest = v[:, start:stop].min(axis=1)
            deflected = quiet & (base - lowest > 0.0)
            np.divide(steady - lowest, base - lowest, out=sag, where=deflected)
    return {
        "rest": rest,
        "voltage_base": base,
        "steady_voltage": steady,
        "input_resistance": resistance,
        "sag_ratio": sag,
    }


# --- spikes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Spikes:
    """All spikes of a batch, row after row. Positions are samples of their row; `crossing` lies between samples."""

    rows: int
    row: Int[np.ndarray, " spike"]
    crossing: Float[np.ndarray, " spike"]
    peak: Int[np.ndarray, " spike"]
    trough: Int[np.ndarray, " spike"]  # the lowest sample between this peak and the next, or the end
    search: Int[np.ndarray, " spike"]  # where the search for the onset begins

    @property
    def count(self) -> Float[np.ndarray, " row"]:
        return np.bincount(self.row, minlength=self.rows).astype(np.float64)

    @property
    def follows(self) -> Bool[np.ndarray, " spike"]:
        """Whether the spike before is of the same row."""
        return np.asarray(np.append(False, self.row[1:] == self.row[:-1])[: len(self.row)])

    def mean(self, values: Float[np.ndarray, " spike"]) -> Float[np.ndarray, " row"]:
        """The mean over each row's spikes, those without a value left out."""
        have = np.isfinite(values)
        number = np.bincount(self.row[have], minlength=self.rows).astype(np.float64)
        total = np.bincount(self.row[have], weights=values[have], minlength=self.rows)
        return np.asarray(np.divide(total, number, out=np.full(self.rows, np.nan), where=number > 0))


def _crossing(
    v: Float[np.ndarray, "row time"], row: Int[np.ndarray, " spike"], k: Int[np.ndarray, " spike"], threshold: float
) -> Float[np.ndarray, " spike"]:
    """Where between samples k and k + 1 the voltage passes the threshold, in samples."""
    low, high = v[row, k].astype(np.float64), v[row, k + 1].astype(np.float64)
    return np.asarray(k + (threshold - low) / (high - low))


def _spikes(v: Float[np.ndarray, "row time"], on: int) -> _Spikes:
    """Spikes from an upward crossing to the next downward one; one that never comes down is none, as in eFEL."""
    rows, length = v.shape
    above = v >= THRESHOLD
    row, k = np.nonzero(~above[:, :-1] & above[:, 1:])
    down = np.append(np.flatnonzero((above[:, :-1] & ~above[:, 1:]).ravel()), np.iinfo(np.int64).max)
    # `down` counts within rows of length - 1; so does the upward crossing at k
    next_down = down[np.searchsorted(down, row * (length - 1) + k, side="right")] - row * (length - 1)
    whole = next_down < length - 1
    row, k, end = row[whole], k[whole], next_down[whole] + 1
    peak = _extreme(v, row, k + 1, end, np.maximum)
    follows = np.append(row[1:] == row[:-1], False)[: len(row)]
    trough = _extreme(v, row, peak, np.where(follows, np.roll(peak, -1), length), np.minimum)
    first = np.where(peak > on, on, 0)
    search = np.where(np.roll(follows, 1), np.roll(trough, 1), first)
    return _Spikes(rows, row, _crossing(v, row, k, THRESHOLD), peak, trough, search)


def _extreme(
    v: Float[np.ndarray, "row time"],
    row: Int[np.ndarray, " spike"],
    start: Int[np.ndarray, " spike"],
    stop: Int[np.ndarray, " spike"],
    ufunc: np.ufunc,
) -> Int[np.ndarray, " spike"]:
    """The last sample at which each span [start, stop) of its row takes its largest or smallest value."""
    if not len(row):
        return np.zeros(0, dtype=np.int64)
    lengths = stop - start
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    span = np.repeat(np.arange(len(row)), lengths)
    place = np.arange(int(lengths.sum())) - first[span] + start[span]
    values = v[row[span], place]
    hit = np.flatnonzero(values == ufunc.reduceat(values, first)[span])
    latest = np.searchsorted(span[hit], np.arange(len(row)), side="right") - 1
    return np.asarray(place[hit[latest]])


def _timing(spikes: _Spikes, dt: float, on: float, off: float) -> dict[str, Float[np.ndarray, " row"]]:
    rows, row, times = spikes.rows, spikes.row, spikes.crossing * dt
    peaks = spikes.peak * dt
    within = (peaks >= on) & (peaks <= off)
    inside = np.bincount(row[within], minlength=rows).astype(np.float64)
    latency, last = np.full(rows, np.inf), np.full(rows, np.nan)
    after = peaks >= on
    np.minimum.at(latency, row[after], times[after] - on)
    np.fmax.at(last, row[within], peaks[within] - on)
    frequency = np.divide(1e3 * inside, last, out=np.zeros(rows), where=inside > 0)
    gap = np.full(len(row), np.nan)
    gap[1:] = np.diff(times)
    gap[~spikes.follows] = np.nan
    mean = spikes.mean(gap)
    intervals = np.maximum(spikes.count - 1.0, 0.0)
    squares = spikes.mean((gap - mean[row]) ** 2) * intervals
    spread = np.sqrt(np.divide(squares, intervals - 1.0, out=np.full(rows, np.nan), where=intervals > 1))
    first = np.full(rows, np.nan)
    second = spikes.follows & ~np.roll(spikes.follows, 1)
    first[row[second]] = gap[second]
    return {
        "spike_count": spikes.count,
        "spike_count_window": inside,
        "mean_frequency": frequency,
        "latency": np.where(np.isfinite(latency), latency, np.nan),
        "first_isi": first,
        "isi_mean": mean,
        "isi_cv": spread / mean,
    }


def _shape(v: Float[np.ndarray, "row time"], spikes: _Spikes, dt: float) -> dict[str, Float[np.ndarray, " row"]]:
    row, peak = spikes.row, spikes.peak
    height = v[row, peak]
    onset = _onset(v, spikes, dt)
    threshold = np.where(onset >= 0, v[row, onset], np.nan)
    return {
        "ap_threshold": spikes.mean(threshold),
        "ap_height": spikes.mean(height),
        "ap_amplitude": spikes.mean(height - threshold),
        "ap_half_width": spikes.mean(_half_width(v, row, peak, (height + threshold) / 2.0, dt)),
        "ahp": spikes.mean(np.where(np.roll(spikes.follows, -1), v[row, spikes.trough], np.nan)),
    }


def _onset(v: Float[np.ndarray, "row time"], spikes: _Spikes, dt: float) -> Int[np.ndarray, " spike"]:
    """Where the last lasting steep stretch before each peak begins; -1 if there is none after the trough."""
    if not len(spikes.row):
        return np.zeros(0, dtype=np.int64)
    rows, length = v.shape
    steep = np.zeros((rows, length), dtype=bool)
    steep[:, 1:-1] = v[:, 2:] - v[:, :-2] >= 2.0 * dt * _ONSET_SLOPE
    flat = steep.ravel()
    begin = np.flatnonzero(flat & ~np.roll(flat, 1))  # the first and the last sample of a row are never steep
    end = np.flatnonzero(flat & ~np.roll(flat, -1)) + 1
    stays = end - begin >= _ONSET_SAMPLES
    begin, base = begin[stays], spikes.row * length
    last = np.searchsorted(begin, base + spikes.peak - _ONSET_SAMPLES, side="right") - 1
    found = np.where(last >= 0, begin[np.maximum(last, 0)] if len(begin) else 0, -1) - base
    return np.where(found >= spikes.search, found, -1)


def _half_width(
    v: Float[np.ndarray, "row time"],
    row: Int[np.ndarray, " spike"],
    peak: Int[np.ndarray, " spike"],
    half: Float[np.ndarray, " spike"],
    dt: float,
) -> Float[np.ndarray, " spike"]:
    """The width in ms of every spike at the voltage `half`, interpolated; NaN where a flank is not found."""
    furthest = max(2, round(_WIDEST / dt))
    fall, rise = (_flank(v, row, peak, half, direction, furthest) for direction in (1, -1))
    return np.asarray((fall - rise) * dt)


def _flank(
    v: Float[np.ndarray, "row time"],
    row: Int[np.ndarray, " spike"],
    peak: Int[np.ndarray, " spike"],
    half: Float[np.ndarray, " spike"],
    direction: int,
    furthest: int,
) -> Float[np.ndarray, " spike"]:
    """Where the voltage, followed from the peak in one direction, first falls below `half`; in samples."""
    result = np.full(len(row), np.nan)
    left = np.flatnonzero(np.isfinite(half))
    for step in range(furthest):
        here = peak[left] + direction * step
        inside = (here + direction >= 0) & (here + direction < v.shape[1])
        left, here = left[inside], here[inside]
        if not len(left):
            break
        inner, outer = v[row[left], here], v[row[left], here + direction]
        crossed = outer < half[left]
        part = (inner[crossed] - half[left[crossed]]) / (inner[crossed] - outer[crossed])
        result[left[crossed]] = here[crossed] + direction * part
        left = left[~crossed]
    return result
