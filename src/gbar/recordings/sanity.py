"""What every sweep must be, whatever file it comes from: finite, long enough, and in the units it claims."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from gbar.recordings.stimulus import looks_monitored

MAX_VOLTAGE = 500.0  # mV
MAX_CURRENT = 20.0  # nA
LOOKS_MONITORED = "the current looks monitored rather than commanded: brief artefacts are part of it"
_MIN_SAMPLES = 20


def complaint(
    name: str, v: Float[np.ndarray, " time"], current: Float[np.ndarray, " time"], dt: float, allow_large: bool
) -> str | None:
    """Why a sweep (mV, nA, ms) cannot be used, as a sentence with the remedy; None if it can.

    `allow_large` lets through amplitudes that suggest a wrong unit.
    """
    if len(v) != len(current):
        return f"sweep {name}: {len(v)} samples of voltage but {len(current)} of current"
    if len(v) < _MIN_SAMPLES:
        return f"sweep {name}: only {len(v)} samples"
    if not (np.isfinite(dt) and 1e-4 <= dt <= 10.0):
        return f"sweep {name}: a sampling interval of {dt:g} ms; it should lie between 0.0001 and 10 ms"
    for quantity, values in (("voltage", v), ("current", current)):
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            return (
                f"sweep {name}: the {quantity} is {values[bad[0]]} at sample {bad[0]} ({len(bad)} such samples); "
                "cut the sweep before it or leave the sweep out"
            )
    return None if allow_large else _wrong_unit(name, v, current)


def _wrong_unit(name: str, v: np.ndarray, current: np.ndarray) -> str | None:
    peak_v, peak_i = float(np.abs(v).max()), float(np.abs(current).max())
    if peak_v > MAX_VOLTAGE:
        what, limit = f"|v| reaches {peak_v:.6g} mV", f"{MAX_VOLTAGE:g} mV"
    elif peak_i > MAX_CURRENT:
        what, limit = f"|I| reaches {peak_i:.6g} nA", f"{MAX_CURRENT:g} nA"
    else:
        return None
    named = "allow_large=True (--allow-large)"
    return f"sweep {name}: {what}: is its unit wrong? state the right one; values over {limit} need {named}"


def doubts(v: Float[np.ndarray, " time"], current: Float[np.ndarray, " time"], dt: float) -> tuple[str, ...]:
    """What the user should know about a sweep that is used all the same."""
    found = []
    if float(np.ptp(v)) < 1e-3:
        found.append("the voltage is constant")
    elif float(np.abs(v).max()) < 1.0:
        found.append(f"|v| never exceeds {float(np.abs(v).max()):.3g} mV: is its unit wrong?")
    if 0.0 < float(np.abs(current).max()) < 1e-5:
        found.append(f"|I| never exceeds {float(np.abs(current).max()):.3g} nA: is its unit wrong?")
    if dt > 0.1 and float(v.max()) >= -20.0:
        found.append(f"sampled every {dt:g} ms: spikes are undersampled")
    if looks_monitored(current):
        found.append(LOOKS_MONITORED)
    return tuple(found)
