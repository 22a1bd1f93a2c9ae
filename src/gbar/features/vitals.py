"""Rest, spikes, their peaks, widths and minima, and plateaus: a few features of very many traces, in one pass.

They have a value for every trace, whatever it does. eFEL's half-width and minimum behind a spike, which `features` has,
are made for spikes that fall without a shoulder: of others they are widths of -1000 ms and minima of 50 mV.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from gbar.features.crossings import THRESHOLD
from gbar.features.names import VITALS

_BEHIND = 20.0  # ms
_SHORTEST = 50.0  # ms: in less there is no rate


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

    rest: the mean (mV) over the last tenth of the time before the stimulus (voltage_base of `features`); spikes: upward
    crossings of -20 mV; rate: those within a stimulus of 50 ms or more by its duration (Hz); peak (mV, peak_voltage of
    `features`), width (ms above -20 mV) and ahp (mV, the lowest within 20 ms behind a spike and before the next): means
    over the spikes that come down again; plateau: the longest time (ms) above `level` (mV) in which no spike begins.
    NaN where there is none: no time before the stimulus, a pulse, no spike. Rows that are not `usable` have none at
    all; all others must be finite.

    >>> vitals(np.full((1, 1, 1001), -65.0), 0.1, (20.0, 80.0), level=-40.0)[0, :3]
    array([-65.,   0.,   0.])
    """
    from gbar.features.one_pass import fill_in_vitals

    samples = v.shape[2]
    start, stop = (min(max(round(time / dt), 0), samples) for time in window)
    base = min(int(np.ceil(round(0.9 * window[0] / dt, 6))), start)
    behind = max(round(_BEHIND / dt), 1)
    lasting = window[1] - window[0]
    rate = 1e3 / lasting if lasting >= _SHORTEST else np.nan
    found = np.full((len(v), len(VITALS)), np.nan)
    known = np.ones(len(v), dtype=np.bool_) if usable is None else usable
    fill_in_vitals(np.ascontiguousarray(v), site, known, (base, start, stop, behind), dt, rate, THRESHOLD, level, found)
    return found
