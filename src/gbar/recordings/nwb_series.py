"""One NWB time series as numbers: samples in gbar's units, and the time between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

_VOLT = {"volts": 1e3, "volt": 1e3, "v": 1e3, "mv": 1.0, "millivolts": 1.0, "millivolt": 1.0}
_AMPERE = {
    "amperes": 1e9, "ampere": 1e9, "amps": 1e9, "amp": 1e9, "a": 1e9,
    "na": 1.0, "nanoamperes": 1.0, "nanoampere": 1.0, "pa": 1e-3, "picoamperes": 1e-3, "picoampere": 1e-3,
}  # fmt: skip
_UNITS = {"mV": _VOLT, "nA": _AMPERE}
_SI = {"mV": 1e3, "nA": 1e9}
_MOST_BYTES = 1_000_000_000  # of one series in memory: 40 minutes at 50 kHz


class Unusable(Exception):
    """Why one sweep cannot be used; it ends in `Recording.refused`."""


def samples(series: Any, wanted: str, sweep: str) -> tuple[Float[np.ndarray, " time"], tuple[str, ...]]:
    """The series' samples in `wanted` ("mV" or "nA"), data * conversion + offset, and warnings; raises Unusable."""
    _check_size(series, series.data, sweep)
    raw = np.asarray(series.data[()] if hasattr(series.data, "shape") else series.data)
    if raw.ndim == 2 and 1 in raw.shape:
        raw = raw.reshape(-1)
    if raw.ndim != 1 or raw.dtype.kind not in "fiu" or len(raw) < 2:
        raise Unusable(f"sweep {sweep}: {series.name} holds {raw.dtype} of shape {raw.shape}, not one row of numbers")
    conversion = 1.0 if series.conversion is None else float(series.conversion)
    offset = float(getattr(series, "offset", 0.0) or 0.0)
    factor, notes = _factor(series, wanted, conversion, sweep)
    if not (np.isfinite(conversion) and conversion != 0.0 and np.isfinite(offset)):
        raise Unusable(f"sweep {sweep}: {series.name} has conversion {conversion} and offset {offset}")
    return raw.astype(np.float64) * (conversion * factor) + offset * factor, notes


def _check_size(series: Any, data: Any, sweep: str) -> None:
    """Refuses what would not fit in memory before it is read: a small file can claim any number of samples."""
    count = math.prod(np.shape(data) or ())
    if count * max(getattr(getattr(data, "dtype", None), "itemsize", 8), 8) > _MOST_BYTES:
        what = f"{series.name} claims {count} samples, more than {_MOST_BYTES // 10**6} MB"
        raise Unusable(f"sweep {sweep}: {what}; cut it into shorter sweeps")


def _factor(series: Any, wanted: str, conversion: float, sweep: str) -> tuple[float, tuple[str, ...]]:
    """From the file's unit, after its conversion, to `wanted`.

    NWB fixes the unit (volts, amperes), which `conversion` leads to. Where the file names another unit, that name is
    taken at its word if conversion is 1; if the conversion is the one from that unit to SI, the result is SI.
    """
    attributes = getattr(series.data, "attrs", {})
    unit = attributes.get("unit", series.unit)
    unit = unit.decode(errors="replace") if isinstance(unit, bytes) else str(unit)
    factor = _UNITS[wanted].get(unit.strip().lower())
    if factor is None:
        kind = "voltage" if wanted == "mV" else "current"
        raise Unusable(f"sweep {sweep}: {series.name} should be a {kind}, but its unit is {unit!r}")
    si = _SI[wanted]
    if factor == si:
        return si, ()
    if conversion == 1.0:
        return factor, (f"{series.name} states {unit!r} instead of SI with a conversion of 1: taken at its word",)
    if abs(conversion * si / factor - 1.0) < 1e-6:
        return si, (f"{series.name} states {unit!r} with the conversion to SI: taken as {unit}",)
    raise Unusable(f"sweep {sweep}: {series.name} has unit {unit!r} but conversion {conversion:g}: contradictory")


def timing(series: Any, length: int, sweep: str) -> tuple[float, float]:
    """The time between samples in ms and the start in s; raises Unusable for uneven time stamps."""
    if series.timestamps is None:
        rate = float(series.rate or 0.0)
        if not (np.isfinite(rate) and rate > 0.0):
            raise Unusable(f"sweep {sweep}: {series.name} has a sampling rate of {rate} Hz")
        return _rounded(1e3 / rate), float(series.starting_time or 0.0)
    _check_size(series, series.timestamps, sweep)
    times = np.asarray(series.timestamps[()] if hasattr(series.timestamps, "shape") else series.timestamps, dtype=float)
    if len(times) != length:
        raise Unusable(f"sweep {sweep}: {series.name} has {len(times)} time stamps for {length} samples")
    dt = (times[-1] - times[0]) / (length - 1)
    uneven = np.abs(times - (times[0] + dt * np.arange(length))) > 0.25 * dt
    if not (np.isfinite(dt) and dt > 0.0) or uneven.any() or not np.isfinite(times).all():
        place = int(np.argmax(uneven))
        raise Unusable(f"sweep {sweep}: {series.name} is not evenly sampled (time stamps drift off at sample {place})")
    return _rounded(dt * 1e3), float(times[0])


def _rounded(dt: float) -> float:
    """The interval to nine digits: 50000.00000000001 Hz is 0.02 ms."""
    return float(f"{dt:.9g}")
