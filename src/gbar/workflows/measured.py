"""The features that a recording and the cells inferred from it are compared by."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gbar.features import UNITS as KNOWN
from gbar.features import features
from gbar.observation import Noise, Reduction, estimate_noise, reduction_for
from gbar.recordings import Sweep

_RESISTANCE = "input resistance (without spikes)"
NAMES = {
    "rest": "voltage_base",
    "spike count": "spike_count",
    "latency of the first spike": "time_to_first_spike",
    "mean interval": "all_ISI_values",
    "variation of intervals": "ISI_CV",
    "AP threshold": "AP_begin_voltage",
    "AP peak": "peak_voltage",
    "AP half-width": "spike_half_width",
    "depth between spikes": "min_voltage_between_spikes",
    _RESISTANCE: "ohmic_input_resistance_vb_ssse",
}
UNITS = {name: KNOWN[known] for name, known in NAMES.items()}
_INTERRUPTION = 5.0  # ms
Features = dict[str, Float[np.ndarray, " row"]]


def compare(
    sweep: Sweep, v: Float[np.ndarray, "row time"], sampling: float, rng: np.random.Generator | None = None
) -> tuple[dict[str, float], Features]:
    """The features of a recorded sweep and of predicted voltages (mV, every `sampling` ms), measured alike.

    Both go through the same filter onto the same grid; with `rng` the predictions take on noise like that of the
    recording's baseline: thresholds and widths depend on both.
    """
    ends = min(sweep.duration, (v.shape[1] - 1) * sampling)
    (reduction,) = reduction_for([ends], 10**9, sampling=[sweep.dt, sampling])
    recorded = reduction.apply(sweep.v[None], sweep.dt)
    again = reduction.apply(v, sampling)
    if rng is not None:
        noise = baseline_noise(sweep, recorded[0], reduction)
        again = again + noise.draw(len(again), again.shape[1], reduction.dt, rng)
    measured = measure(recorded, reduction.dt, sweep)
    return {name: float(value[0]) for name, value in measured.items()}, measure(again, reduction.dt, sweep)


def baseline_noise(sweep: Sweep, v: Float[np.ndarray, " time"], reduction: Reduction) -> Noise:
    """The noise of a sweep before its stimulus, on the grid of `reduction`; none where that is too short to tell."""
    baseline = v[: int(sweep.baseline.stop * sweep.dt / reduction.dt)].astype(np.float64)
    return estimate_noise(baseline, reduction.dt) if len(baseline) >= 200 else Noise()


def measure(v: Float[np.ndarray, "row time"], sampling: float, sweep: Sweep) -> Features:
    """The features of voltages (mV, every `sampling` ms) under the stimulus of `sweep`; NaN: does not exist."""
    end = (v.shape[1] - 1) * sampling
    found = features(v, sampling, window(sweep, end), sweep.amplitude or None, list(NAMES.values()))
    measured = {name: found[known] for name, known in NAMES.items()}
    measured[_RESISTANCE] = np.where(found["spike_count"] == 0, measured[_RESISTANCE], np.nan)
    return measured


def window(sweep: Sweep, end: float) -> tuple[float, float]:
    """When the stimulus begins and ends (ms): its main step if there is one, else from first to last departure.

    The current is away where it is past half of its amplitude; interruptions under 5 ms (artefacts) do not count. A
    stretch of three quarters of all the time away is the main step, and a test pulse before or behind it is none.
    """
    away = sweep.driven
    if sweep.departure is None or not away.any():
        return 0.0, end
    edges = np.flatnonzero(np.diff(np.concatenate([[False], away, [False]]).astype(np.int8)))
    first, last = edges[::2], edges[1::2]
    apart = (first[1:] - last[:-1]) * sweep.dt >= _INTERRUPTION
    first, last = first[np.concatenate([[True], apart])], last[np.concatenate([apart, [True]])]
    longest = int(np.argmax(last - first))
    if 4 * (last - first)[longest] >= 3 * (last - first).sum():
        on, off = float(first[longest]) * sweep.dt, float(last[longest]) * sweep.dt
    else:
        on, off = float(first[0]) * sweep.dt, float(last[-1]) * sweep.dt
    return on, min(off, end)
