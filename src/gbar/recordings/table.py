"""Tables of numbers: CSV, TSV and NPZ, whose units must be stated, in their headings or by the user.

Columns (NPZ: arrays) are named by kind and unit, `time_ms,voltage_mV,current_pA`; a column `sweep` separates sweeps
below one another. A matrix without such headings has one sweep a row; its stimulus is a second file of the same shape.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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


@dataclass(frozen=True)
class _Rows:
    """Sweeps of any lengths: mV and nA on one sampling interval in ms."""

    names: Sequence[str]
    v: Sequence[Float[np.ndarray, " time"]]
    current: Sequence[Float[np.ndarray, " time"]]
    dt: float


def read_table(path: Path, declared: Declared, *, allow_large: bool = False) -> dict[str, Any]:
    """The parts of a `Recording` that a CSV, TSV or NPZ file holds: its sweeps, and those that were refused.

    Raises RecordingError if the table leaves a unit, the interval or the current open, or no sweep can be used.
    """
    table = load(path)
    rows = (_from_columns if table.matrix is None else _from_matrix)(table, path, declared)
    sweeps, refused = [], []
    for k, (name, v, current) in enumerate(zip(rows.names, rows.v, rows.current, strict=True)):
        reason = complaint(name, v, current, rows.dt, allow_large=True)
        if reason:
            refused.append(reason)
            continue
        wrong_unit = complaint(name, v, current, rows.dt, allow_large)
        if wrong_unit:  # all sweeps share it
            raise RecordingError(wrong_unit, file=path)
        sweeps.append(Sweep(name, v, current, rows.dt, float(k), doubts(v, current, rows.dt), source=path))
    if not sweeps:
        more = f" (and {len(refused) - 1} more sweeps were refused)" if len(refused) > 1 else ""
        raise RecordingError(refused[0] + more, file=path)
    return {"sweeps": tuple(sweeps), "refused": tuple(refused)}


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


def _from_matrix(table: Table, path: Path, declared: Declared) -> _Rows:
    """Sweeps of two matrices [sweep, time] without headings, and of what is declared."""
    matrix = np.empty((0, 0)) if table.matrix is None else table.matrix
    rows, columns = matrix.shape
    if rows > columns:
        refuse(
            path, f"{rows} lines of {columns} numbers without headings: without headings every line is a sweep", EXAMPLE
        )
    _check_declared(declared, path)
    v = list(matrix * _factor("voltage", declared.voltage_unit, path))
    dt = _dt(declared, path)
    return _Rows(_numbered(len(v)), v, _stimulus(declared, v), 0.0 if dt is None else dt)


def _check_declared(declared: Declared, path: Path) -> None:
    """Names at once all that a matrix without headings does not say and nobody has stated."""
    asked = {
        "the sampling interval": (declared.dt, _OPTION["dt"]),
        "the unit of the voltage": (declared.voltage_unit, _OPTION["voltage"]),
        "the unit of the current": (declared.current_unit, _OPTION["current"]),
    }
    missing = {what: how for what, (stated, how) in asked.items() if stated is None}
    if declared.stimulus is None:
        missing = {"the current that was injected": "stimulus='currents.csv' (--stimulus currents.csv)", **missing}
    if missing:
        refuse(path, f"voltages without {_and(list(missing))}", f"state {_and(list(missing.values()))}")


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _numbered(count: int) -> list[str]:
    return [f"sweep_{k}" for k in range(count)]


def _stimulus(declared: Declared, v: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The currents in nA of the stimulus's file, one for each sweep of `v`; one row serves every sweep."""
    path = Path(declared.stimulus or "")
    check_file(path)
    table = load(path)
    if table.matrix is not None:
        rows = list(table.matrix * _factor("current", declared.current_unit, path))
    else:
        named = {_kind(name, path)[0]: name for name in table.columns}
        if "current" not in named:
            refuse(path, "the stimulus's file has no current", "name its column current_pA")
        unit = _kind(named["current"], path)[1] or declared.current_unit
        values = table.columns[named["current"]] * _factor("current", unit, path)
        labels = table.columns[named["sweep"]] if "sweep" in named else None
        rows = _rows("current", values, labels, path)
    return _matched(rows, v, path)


def _matched(current: list[np.ndarray], v: Sequence[np.ndarray], path: Path) -> list[np.ndarray]:
    """A current for every voltage, sample by sample."""
    current = current * len(v) if len(current) == 1 else current
    if [len(row) for row in current] != [len(row) for row in v]:
        what = f"currents of shape {_shape(current)} for voltages of shape {_shape(v)} (sweeps, samples)"
        refuse(path, what, "give every sweep its current, sample by sample")
    return current


def _shape(rows: Sequence[np.ndarray]) -> str:
    lengths = sorted({len(row) for row in rows})
    return f"({len(rows)}, {lengths[0] if len(lengths) == 1 else f'{lengths[0]} to {lengths[-1]}'})"


def _kind(name: str, path: Path) -> tuple[str, str | None]:
    """What a heading names, and the unit in it; an unknown heading is refused rather than skipped."""
    match = _HEADING.fullmatch(name)
    kind = _KINDS.get(match["kind"].lower()) if match else None
    if match is None or kind is None:
        refuse(path, f"the heading {name[:40]!r} names neither time, voltage, current nor sweep", EXAMPLE)
    return kind, match["unit"]


def _from_columns(table: Table, path: Path, declared: Declared) -> _Rows:
    """Sweeps of named columns or arrays, in the units of their headings or those stated."""
    named = _converted(table, path, declared)
    if "voltage" not in named:
        refuse(path, "no column of voltages", EXAMPLE)
    if named["voltage"].ndim not in (1, 2) or not named["voltage"].size:
        refuse(path, f"voltages of shape {named['voltage'].shape}", "save [time] or [sweep, time]")
    count, length = np.atleast_2d(named["voltage"]).shape
    if count > length:
        what = f"{count} sweeps of {length} voltages: is the matrix transposed?"
        refuse(path, what, "save [sweep, time], or longer sweeps")
    labels = named.pop("sweep", None)
    rows = {kind: _rows(kind, values, labels, path) for kind, values in named.items() if kind != "dt"}
    v = rows["voltage"]
    if "current" in rows:
        current = _matched(rows["current"], v, path)
    elif declared.stimulus is not None:
        current = _stimulus(declared, v)
    else:
        refuse(path, "voltages without the current that was injected", f"{EXAMPLE}, or name the file of the stimulus")
    dts = named.get("dt", np.empty(0))
    names = _numbered(len(v)) if labels is None else [f"sweep_{label:g}" for label in _labels(labels)[0]]
    return _Rows(names, v, current, _interval(dts, rows.get("time", []), v, _dt(declared, path), path))


def _converted(table: Table, path: Path, declared: Declared) -> dict[str, np.ndarray]:
    """The columns by what they are, in mV, nA and ms."""
    named: dict[str, np.ndarray] = {}
    stated = {"time": declared.time_unit, "voltage": declared.voltage_unit, "current": declared.current_unit}
    for name, values in table.columns.items():
        kind, unit = _kind(name, path)
        if kind in named:
            remedy = "keep one column of each kind; put sweeps below one another, with a column sweep"
            refuse(path, f"{kind} occurs twice", remedy)
        if kind != "sweep" and unit and stated.get(kind) and not units.same(unit, str(stated.get(kind))):
            what = f"the heading {name!r} contradicts the stated unit {stated.get(kind)}"
            refuse(path, what, "state the heading's unit, or none")
        named[kind] = values if kind == "sweep" else values * _factor(kind, unit or stated.get(kind), path)
    return named


def _labels(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The label of each run of equal labels, and the places where runs end but the last."""
    cuts = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    return labels[np.r_[:1, cuts]], cuts


def _rows(kind: str, values: np.ndarray, labels: np.ndarray | None, path: Path) -> list[np.ndarray]:
    """A column or matrix as sweeps, cut where the labels change; refused where a label comes back."""
    if labels is None or values.ndim != 1:
        return list(np.atleast_2d(values))
    if values.shape != labels.shape:
        refuse(
            path, f"{len(labels)} labels of sweeps for {len(values)} numbers ({kind})", "give every number its sweep"
        )
    runs, cuts = _labels(labels)
    first, times = np.unique(runs, return_counts=True)
    if not np.isfinite(labels).all():
        refuse(path, "a sweep without a number", "give every sweep a label of its own")
    if (times > 1).any():
        what = f"the rows of sweep {first[times.argmax()]:g} do not all stand together"
        refuse(path, what, "sort the table by sweep, and give every sweep a label of its own")
    return np.split(values, cuts)


def _interval(
    dts: np.ndarray, times: Sequence[np.ndarray], v: Sequence[np.ndarray], stated: float | None, path: Path
) -> float:
    """Dt in ms, from a dt of the file, the times or what is stated; refused if they disagree or time is uneven."""
    found = [] if stated is None else [stated]
    found.extend(float(dt) for dt in np.unique(dts))
    times = list(times) * len(v) if len(times) == 1 else times
    if times and len(times) != len(v):
        refuse(path, f"{len(times)} rows of times for {len(v)} sweeps", "give every sample its time")
    found.extend(_even(t, len(row), path) for t, row in zip(times, v, strict=bool(times)))
    if not found:
        refuse(
            path, "the sampling interval is not stated", "add a column time_ms, or state dt='0.05 ms' (--dt '0.05 ms')"
        )
    if len(found) > 1 and not np.ptp(found) <= 1e-3 * min(found):  # nan agrees with nothing
        refuse(path, f"sampling intervals of {min(found):g} and {max(found):g} ms", "state one interval for all sweeps")
    return found[0]


def _even(times: Float[np.ndarray, " time"], length: int, path: Path) -> float:
    """The interval of evenly spaced times; refused where they run backwards, stand still or leave gaps."""
    if len(times) != length or length < 2:
        refuse(path, f"{len(times)} times for {length} voltages", "give every sample its time")
    if not np.isfinite(times).all():
        refuse(
            path, f"the time is {times[~np.isfinite(times)][0]} at sample {int(np.argmin(np.isfinite(times)))}", EXAMPLE
        )
    back = np.flatnonzero(np.diff(times) <= 0.0)
    if len(back):
        what = f"time does not run forwards: {times[back[0] + 1]:g} ms follows {times[back[0]]:g} ms"
        remedy = "sort the rows by time; tell sweeps below one another apart by a column sweep"
        refuse(path, f"{what} at sample {back[0] + 1}", remedy)
    dt = float(times[-1] - times[0]) / (length - 1)
    uneven = np.abs(times - (times[0] + dt * np.arange(length))) > 0.25 * dt
    if uneven.any():
        refuse(path, f"times are not evenly spaced (sample {int(np.argmax(uneven))})", "resample to even intervals")
    return float(f"{dt:.9g}")
