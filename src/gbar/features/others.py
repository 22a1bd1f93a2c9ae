"""Any other feature of eFEL, which computes it itself: a trace at a time, some milliseconds each."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.errors import ParameterError


def by_efel(
    v: Float[np.ndarray, "row time"],
    dt: float,
    window: tuple[float, float],
    names: Sequence[str],
    current_step: float | Float[np.ndarray, " row"] | None = None,
    interp_step: float | None = None,
) -> dict[str, Float[np.ndarray, " row"]]:
    """The features `names` as eFEL itself computes them: means over spikes, NaN where it finds none.

    The arguments are those of `features`. Settings are eFEL's defaults, but for the interpolation step, which is dt
    unless stated; they are reset afterwards. Raises ParameterError where eFEL is not installed or knows no such
    feature.
    """
    try:
        import efel
    except ImportError:
        raise ParameterError(
            f"{names[0]} is computed by eFEL, which is not installed", remedy="pip install efel"
        ) from None
    known = set(efel.get_feature_names())
    for name in names:
        if name not in known:
            raise ParameterError(f"eFEL knows no feature {name}", remedy="see efel.get_feature_names()")
    current = np.broadcast_to(np.nan if current_step is None else current_step, len(v))
    t = np.arange(v.shape[1]) * dt
    found = {name: np.full(len(v), np.nan) for name in names}
    efel.reset()
    efel.set_setting("interp_step", float(dt if interp_step is None else interp_step))
    try:
        for row in np.flatnonzero(np.isfinite(v).all(axis=1)):
            trace = {"T": t, "V": v[row].astype(np.float64), "stim_start": [window[0]], "stim_end": [window[1]]}
            if np.isfinite(current[row]):
                trace["stimulus_current"] = [current[row]]
            for name, value in _values(trace, list(names)).items():
                found[name][row] = np.nan if value is None else value
    finally:
        efel.reset()
    return found


def _values(trace: dict[str, Any], names: list[str]) -> dict[str, float | None]:
    """The values for one trace; None for a feature that it fails at."""
    import efel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            values: dict[str, float | None] = efel.get_mean_feature_values([trace], names, raise_warnings=False)[0]
        except IndexError:  # some of its features take it that the trace goes on behind the stimulus
            return (
                {names[0]: None} if len(names) == 1 else {k: x for n in names for k, x in _values(trace, [n]).items()}
            )
    return values
