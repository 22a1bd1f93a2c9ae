"""Tables of numbers: CSV, TSV and NPZ, whose units must be stated, in their headings or by the user.

Columns (NPZ: arrays) are named by kind and unit, `time_ms,voltage_mV,current_pA`; a column `sweep` separates sweeps
below one another. A matrix without such headings has one sweep a row; its stimulus is a second file of the same shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar import units
from gbar.errors import RecordingError, UnitError
from gbar.recordings.recording import Sweep
from gbar.recordings.sanity import complaint, doubts
from gbar.recordings.table_file import EXAMPLE, Table, check_file, load, refuse

_KINDS = {kind: kind for kind in ("time", "voltage", "current", "dt", "sweep")} | {
    "t": "time",
    "v": "voltage",
    "vm": "voltage",
    "i": "current",
}
_WANTED = {"time": "ms", "voltage": "mV", "current": "nA", "dt": "ms"}
_OPTION = {
    "time": "time_unit='ms' (--time-unit ms)",
    "voltage": "voltage_unit='mV' (--voltage-unit mV)",
    "current": "current_unit='pA' (--current-unit pA)",
    "dt": "dt='0.05 ms' (--dt '0.05 ms')",
}
_HEADING = re.compile(r"\s*(?P<kind>[A-Za-z]+)(?:[\s_]*[\[(]?(?P<unit>[A-Za-zµμ]+)[\])]?)?\s*")


@dataclass(frozen=True)
class Declared:
    """What the user states about a table: units such as "mV" and "pA", dt as "0.05 ms", the stimulus's file."""

    voltage_unit: str | None = None
    current_unit: str | None = None
    time_unit: str | None = None
    dt: str | None = None
    stimulus: Path | None = None


def read_table(path: Path, declared: Declared, *, allow_large: bool = False) -> dict[str, Any]:
    """The parts of a `Recording` that a CSV, TSV or NPZ file holds: its sweeps. Raises RecordingError."""
    table = load(path)
    understand = _from_columns if table.matrix is None else _from_matrix
    v, current, dt = understand(table, path, declared)
    sweeps = []
    for k, (volts, amps) in enumerate(zip(v, current, strict=True)):
        name = f"sweep_{k}"
        reason = complaint(name, volts, amps, dt, allow_large)
        if reason:
            raise RecordingError(reason, file=path)
        sweeps.append(Sweep(name, volts, amps, dt, float(k), doubts(volts, amps, dt)))
    return {"sweeps": tuple(sweeps)}


def _factor(kind: str, unit: str | None, path: Path) -> float:
    """What numbers in `unit` are multiplied by; raises RecordingError where it is missing or of another kind."""
    wanted = _WANTED[kind]
    if unit is None:
        refuse(path, f"the unit of the {kind} is not stated", f"{EXAMPLE}, or state {_OPTION[kind]}")
    try:
        return units.factor(unit, wanted)
    except UnitError as error:
        refuse(path, f"{unit!r} is not a unit of {kind}: {error.what}", EXAMPLE)


def _dt(declared: Declared, path: Path) -> float | None:
    if declared.dt is None:
        return None
    try:
        dt = units.quantity(declared.dt, "ms")
    except UnitError as error:
        refuse(path, f"dt: {error.what}", "state it with its unit, as in '0.05 ms'")
    if not dt > 0.0:
        refuse(path, f"dt is {dt:g} ms", "state a positive sampling interval, as in '0.05 ms'")
    return dt


def _from_matrix(table: Table, path: Path, declared: Declared) -> tuple[np.ndarray, np.ndarray, float]:
    """Voltages and currents [sweep, time] in mV and nA, and dt in ms, from two matrices and what is declared."""
    matrix = np.empty((0, 0)) if table.matrix is None else table.matrix
    rows, columns = matrix.shape
    if rows > columns:
        refuse(
            path, f"{rows} lines of {columns} numbers without headings: without headings every line is a sweep", EXAMPLE
        )
    dt = _dt(declared, path)
    if dt is None:
        refuse(path, "the sampling interval is not stated", "state it, as in dt='0.05 ms' (--dt '0.05 ms')")
    v = matrix * _factor("voltage", declared.voltage_unit, path)
    if declared.stimulus is None:
        refuse(
            path,
            "voltages without the current that was injected",
            "name its file: stimulus='currents.csv' (--stimulus currents.csv)",
        )
    return v, _stimulus_matrix(declared, v.shape), dt


def _stimulus_matrix(declared: Declared, shape: tuple[int, ...]) -> np.ndarray:
    """The currents [sweep, time] in nA of the stimulus's file; one row serves every sweep."""
    path = Path(declared.stimulus or "")
    check_file(path)
    table = load(path)
    if table.matrix is not None:
        values = table.matrix * _factor("current", declared.current_unit, path)
    else:
        named = {_kind(name, path)[0]: name for name in table.columns}
        if "current" not in named:
            refuse(path, "the stimulus's file has no current", "name its column current_pA")
        unit = _kind(named["current"], path)[1] or declared.current_unit
        values = np.atleast_2d(table.columns[named["current"]] * _factor("current", unit, path))
    if values.shape[0] == 1:
        values = np.repeat(values, shape[0], axis=0)
    if values.shape != shape:
        what = f"currents of shape {values.shape} for voltages of shape {shape} (sweeps, samples)"
        refuse(path, what, "give every sweep its current, sample by sample")
    return values


def _kind(name: str, path: Path) -> tuple[str, str | None]:
    """What a heading names, and the unit in it; an unknown heading is refused rather than skipped."""
    match = _HEADING.fullmatch(name)
    kind = _KINDS.get(match["kind"].lower()) if match else None
    if match is None or kind is None:
        refuse(path, f"the heading {name[:40]!r} names neither time, voltage, current nor sweep", EXAMPLE)
    return kind, match["unit"]


def _from_columns(table: Table, path: Path, declared: Declared) -> tuple[np.ndarray, np.ndarray, float]:
    """Voltages and currents [sweep, time] in mV and nA, and dt in ms, from named columns or arrays."""
    named: dict[str, np.ndarray] = {}
    stated = {"time": declared.time_unit, "voltage": declared.voltage_unit, "current": declared.current_unit}
    for name, values in table.columns.items():
        kind, unit = _kind(name, path)
        if kind in named:
            refuse(
                path,
                f"{kind} occurs twice",
                "keep one column of each kind; put sweeps below one another, with a column sweep",
            )
        if kind != "sweep" and unit and stated.get(kind) and not units.same(unit, str(stated.get(kind))):
            refuse(
                path,
                f"the heading {name!r} contradicts the stated unit {stated.get(kind)}",
                "state the heading's unit, or none",
            )
        named[kind] = values if kind == "sweep" else values * _factor(kind, unit or stated.get(kind), path)
    if "voltage" not in named:
        refuse(path, "no column of voltages", EXAMPLE)
    rows, columns = np.atleast_2d(named["voltage"]).shape[:2]
    if rows > columns:
        what = f"{rows} sweeps of {columns} voltages: is the matrix transposed?"
        refuse(path, what, "save [sweep, time], or longer sweeps")
    labels = named.pop("sweep", None)
    if labels is not None:
        named = {kind: _by_sweep(kind, values, labels, path) for kind, values in named.items()}
    v = np.atleast_2d(named["voltage"])
    if v.ndim != 2 or not v.size:
        refuse(path, f"voltages of shape {v.shape}", "save [time] or [sweep, time]")
    if "current" in named:
        current = np.atleast_2d(named["current"])
        current = np.repeat(current, len(v), axis=0) if len(current) == 1 else current
    elif declared.stimulus is not None:
        current = _stimulus_matrix(declared, v.shape)
    else:
        refuse(path, "voltages without the current that was injected", f"{EXAMPLE}, or name the file of the stimulus")
    if current.shape != v.shape:
        refuse(
            path, f"currents of shape {current.shape} for voltages of shape {v.shape}", "give every sample its current"
        )
    return v, current, _interval(named, v.shape[1], _dt(declared, path), path)


def _by_sweep(kind: str, values: np.ndarray, labels: np.ndarray, path: Path) -> np.ndarray:
    """One column cut into [sweep, time] where the labels change; refused where a label comes back."""
    if values.ndim != 1 or values.shape != labels.shape:
        return values
    cuts = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    first, times = np.unique(labels[np.r_[:1, cuts]], return_counts=True)
    if (times > 1).any():
        what = f"the rows of sweep {first[times.argmax()]:g} do not all stand together"
        refuse(path, what, "sort the table by sweep, and give every sweep a label of its own")
    parts = np.split(values, cuts)
    if len({len(part) for part in parts}) != 1:
        refuse(path, f"sweeps of different lengths in one table ({kind})", "save a file for each length")
    return np.stack(parts)


def _interval(named: dict[str, np.ndarray], length: int, stated: float | None, path: Path) -> float:
    """Dt in ms, from the times, a dt of the file or what is stated; refused if they disagree or time is uneven."""
    found = [] if stated is None else [stated]
    if "dt" in named:
        found.extend(float(dt) for dt in np.unique(named["dt"]))
    if "time" in named:
        found.extend(_even(times, length, path) for times in np.atleast_2d(named["time"]))
    if not found:
        refuse(
            path, "the sampling interval is not stated", "add a column time_ms, or state dt='0.05 ms' (--dt '0.05 ms')"
        )
    if len(found) > 1 and not np.ptp(found) <= 1e-3 * min(found):  # nan agrees with nothing
        refuse(path, f"sampling intervals of {min(found):g} and {max(found):g} ms", "state one interval for all sweeps")
    return found[0]


def _even(times: Float[np.ndarray, " time"], length: int, path: Path) -> float:
    if len(times) != length or length < 2:
        refuse(path, f"{len(times)} times for {length} voltages", "give every sample its time")
    dt = float(times[-1] - times[0]) / (length - 1)
    uneven = ~(np.abs(times - (times[0] + dt * np.arange(length))) <= 0.25 * abs(dt))
    if not dt > 0.0 or uneven.any():
        refuse(path, f"times are not evenly spaced (sample {int(np.argmax(uneven))})", "resample to even intervals")
    return float(f"{dt:.9g}")
