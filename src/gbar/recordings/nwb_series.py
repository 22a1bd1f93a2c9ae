"""One NWB time series as numbers: samples in gbar's units, and the time between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

_VOLT = {"volts": 1e3, "volt": 1e3, "v": 1e3, "mv": 1.0, "millivolts": 1.0, "millivolt": 1.0}
_AMPERE = {
    "amperes": 1e9, "ampere": 1e9, "amps": 1e9, "amp": 1e9, "a": 1e9,
    "ma": 1e6, "ua": 1e3, "µa": 1e3, "μa": 1e3, "milliamperes": 1e6, "microamperes": 1e3,
    "na": 1.0, "nanoamperes": 1.0, "nanoampere": 1.0, "pa": 1e-3, "picoamperes": 1e-3, "picoampere": 1e-3,
}  # fmt: skip
_UNITS = {"mV": _VOLT, "nA": _AMPERE}
_SI = {"mV": 1e3, "nA": 1e9}
_ALL = slice(None)
_UNEVEN = "cut it there into sweeps of their own"
_MOST_BYTES = 1_000_000_000  # of one series in memory: 40 minutes at 50 kHz


class Unusable(Exception):
    """Why one sweep cannot be used; it ends in `Recording.refused`."""


def length(series: Any, cut: slice | None = None) -> int:
    """How many samples a series has, in the part `cut` of it, without reading them."""
    return len(range(*(cut or _ALL).indices(math.prod(np.shape(series.data)))))


def samples(
    series: Any, wanted: str, sweep: str, cut: slice | None = None
) -> tuple[Float[np.ndarray, " time"], tuple[str, ...]]:
    """The samples in `wanted` ("mV" or "nA"), data * conversion + offset, of the part `cut`, and warnings.

    Raises Unusable.
    """
    raw = _row(series, sweep, cut)
    conversion = 1.0 if series.conversion is None else float(series.conversion)
    offset = float(getattr(series, "offset", 0.0) or 0.0)
    factor, notes = _factor(series, wanted, conversion, sweep)
    conversion *= _channel_conversion(series, sweep)
    if not (np.isfinite(conversion) and conversion != 0.0 and np.isfinite(offset)):
        raise Unusable(f"sweep {sweep}: {series.name} has conversion {conversion} and offset {offset}")
    return raw.astype(np.float64) * (conversion * factor) + offset * factor, notes


def _row(series: Any, sweep: str, cut: slice | None) -> np.ndarray:
    """The numbers as they are stored; sizes, types and filters are looked at before anything is read."""
    data = series.data
    shape = np.shape(data)
    kind = getattr(data, "dtype", None) or np.asarray(data).dtype
    if len(shape) != 1 or kind.kind not in "fiu" or length(series, cut) < 2:
        raise Unusable(f"sweep {sweep}: {series.name} holds {kind} of shape {shape}, not one row of numbers")
    _check_size(series, length(series, cut), kind.itemsize, sweep)
    _check_filters(series, data, sweep)
    return np.asarray(data[cut or _ALL])


def _check_size(series: Any, count: int, itemsize: int, sweep: str) -> None:
    """Refuses what would not fit in memory before it is read: a small file can claim any number of samples."""
    if count * max(itemsize, 8) > _MOST_BYTES:
        what = f"{series.name} claims {count} samples, more than {_MOST_BYTES // 10**6} MB"
        raise Unusable(f"sweep {sweep}: {what}; cut it into shorter sweeps")


def _check_filters(series: Any, data: Any, sweep: str) -> None:
    """Refuses data compressed in a way that this HDF5 library cannot undo."""
    import h5py

    if not isinstance(data, h5py.Dataset):
        return
    created = data.id.get_create_plist()
    for k in range(created.get_nfilters()):
        code, _, _, name = created.get_filter(k)
        if not h5py.h5z.filter_avail(code):
            called = f"{code}, {name.decode(errors='replace')}" if name else f"{code}"
            what = f"{series.name} is compressed with an HDF5 filter that is not installed ({called})"
            raise Unusable(f"sweep {sweep}: {what}; repack the file with h5repack -f GZIP=4")


def _channel_conversion(series: Any, sweep: str) -> float:
    """The factor of the one channel, where the file has such a data set beside the series' own conversion."""
    group = getattr(series.data, "parent", None)
    stored = group.get("channel_conversion") if group is not None and hasattr(group, "get") else None
    if stored is None or not hasattr(stored, "shape"):
        return 1.0
    if stored.size != 1 or stored.dtype.kind not in "fiu":
        raise Unusable(f"sweep {sweep}: {series.name} has {stored.size} channel conversions for one channel")
    return float(np.asarray(stored[()]).reshape(-1)[0])


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


def begin(series: Any) -> float | None:
    """When a series begins, in s; None where the file does not say (some write NaN)."""
    first = series.starting_time if series.timestamps is None else series.timestamps[0]
    return float(first) if first is not None and np.isfinite(first) else None


def timing(series: Any, sweep: str, cut: slice | None = None) -> tuple[float, float]:
    """The time between samples in ms and the start of the part `cut` in s; raises Unusable for uneven time stamps."""
    if series.timestamps is None:
        rate = float(series.rate or 0.0)
        if not (np.isfinite(rate) and rate > 0.0):
            raise Unusable(f"sweep {sweep}: {series.name} has a sampling rate of {rate} Hz")
        first = cut.start if cut else 0
        return _rounded(1e3 / rate), (begin(series) or 0.0) + first / rate
    stamps, total = series.timestamps, math.prod(np.shape(series.data))
    if len(stamps) != total:
        raise Unusable(f"sweep {sweep}: {series.name} has {len(stamps)} time stamps for {total} samples")
    _check_size(series, length(series, cut), 8, sweep)
    _check_filters(series, stamps, sweep)
    return _even(np.asarray(stamps[cut or _ALL], dtype=float), f"sweep {sweep}: {series.name}")


def _even(times: Float[np.ndarray, " time"], what: str) -> tuple[float, float]:
    """The interval in ms and the first of time stamps in s; raises Unusable where they are not evenly spaced."""
    if not np.isfinite(times).all():
        bad = int(np.flatnonzero(~np.isfinite(times))[0])
        raise Unusable(f"{what} has a time stamp that is no number ({times[bad]} at sample {bad})")
    apart = np.diff(times)
    if (apart <= 0.0).any():
        back = int(np.argmax(apart <= 0.0)) + 1
        raise Unusable(f"{what} has time stamps that do not increase (at sample {back}): {_UNEVEN}")
    dt = float(np.median(apart))
    if (apart > 1.5 * dt).any():
        gap = int(np.argmax(apart > 1.5 * dt))
        length = f"{apart[gap] * 1e3:.4g} ms after sample {gap}"
        raise Unusable(f"{what} is not evenly sampled (a gap of {length}): {_UNEVEN}")
    dt = float(times[-1] - times[0]) / (len(times) - 1)
    uneven = np.abs(times - (times[0] + dt * np.arange(len(times)))) > 0.25 * dt
    if uneven.any():
        raise Unusable(f"{what} is not evenly sampled (time stamps drift off at sample {int(np.argmax(uneven))})")
    return _rounded(dt * 1e3), float(times[0])


def _rounded(dt: float) -> float:
    """The interval to nine digits: 50000.00000000001 Hz is 0.02 ms."""
    return float(f"{dt:.9g}")
