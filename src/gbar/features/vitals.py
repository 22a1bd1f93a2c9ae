"""Rest, spikes, their peaks, widths and minima, and plateaus: a few features of very many traces, in one pass.

The values are those of `features` (voltage_base, peak_voltage, spike_half_width, min_AHP_values) and of `spike_counts`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from gbar.features.crossings import THRESHOLD
from gbar.features.names import VITALS


def vitals(
    v: Float[np.ndarray, "row site time"],
    dt: float,
    window: tuple[float, float],
    level: float,
    *,
    site: int = 0,
    usable: Bool[np.ndarray, " row"] | None = None,
) -> Float[np.ndarray, "row vital"]:
    """The `VITALS` of every row of v (mV, sampled every dt ms) at one site, for a stimulus from and to `window` (ms).

    rest: the mean (mV) over the last tenth of the time before the stimulus; spikes: upward crossings of -20 mV; rate:
    those within the stimulus by its duration (Hz); peak (mV), width (ms, half way between peak and minimum) and ahp
    (mV, the first minimum after a spike): means over spikes; plateau: the longest time (ms) above `level` (mV) in
    which no spike begins. NaN where there is none: no time before the stimulus, no spike. Rows that are not `usable`
    have none at all; all others must be finite.

    >>> vitals(np.full((1, 1, 1001), -65.0), 0.1, (20.0, 80.0), level=-40.0)[0, :3]
    array([-65.,   0.,   0.])
    """
    from gbar.features.one_pass import fill_in_vitals

    samples = v.shape[2]
    start, stop = (min(max(round(time / dt), 0), samples) for time in window)
    base = min(int(np.ceil(round(0.9 * window[0] / dt, 6))), start)
    rate = 1e3 / (window[1] - window[0])
    found = np.full((len(v), len(VITALS)), np.nan)
    known = np.ones(len(v), dtype=np.bool_) if usable is None else usable
    fill_in_vitals(np.ascontiguousarray(v), site, known, (base, start, stop), dt, rate, THRESHOLD, level, found)
    return found
