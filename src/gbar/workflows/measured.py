"""The features that a recording and the cells inferred from it are compared by."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gbar.features import UNITS as KNOWN
from gbar.features import features
from gbar.recordings import Sweep

NAMES = {
    "rest": "rest",
    "spike count": "spike_count",
    "latency of the first spike": "latency",
    "mean interval": "isi_mean",
    "variation of intervals": "isi_cv",
    "AP threshold": "ap_threshold",
    "AP height (peak)": "ap_height",
    "AP half-width": "ap_half_width",
    "depth between spikes": "ahp",
}
UNITS = {name: KNOWN[known] for name, known in NAMES.items()}


def measure(v: Float[np.ndarray, "row time"], sampling: float, sweep: Sweep) -> dict[str, Float[np.ndarray, " row"]]:
    """The features of voltages (mV, every `sampling` ms) under the stimulus of `sweep`; NaN: does not exist."""
    end = (v.shape[1] - 1) * sampling
    found = features(v, sampling, window(sweep, end), sweep.amplitude or None)
    return {name: found[known] for name, known in NAMES.items()}


def window(sweep: Sweep, end: float) -> tuple[float, float]:
    """When the current leaves its baseline and when it is back for good (ms); the whole sweep if it never leaves."""
    if sweep.departure is None:
        return 0.0, end
    on = sweep.departure * sweep.dt
    away = np.abs(sweep.current - sweep.baseline_current) > 0.5 * abs(sweep.amplitude)
    off = float(np.flatnonzero(away)[-1] + 1) * sweep.dt if away.any() else end
    return on, min(max(off, on + sweep.dt), end)
