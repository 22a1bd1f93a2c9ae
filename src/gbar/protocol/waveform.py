"""Currents over time: what is injected into a cell. Times are ms, currents nA, frequencies Hz.

An edge at time x acts from x on: a waveform that lasts from delay to delay + duration is on iff
delay <= t < delay + duration, with times within 1e-9 ms of an edge taken as on it.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, cast
from typing import Protocol as Interface

import numpy as np
from jaxtyping import Bool, Float

from gbar import units
from gbar.document import Node, read_text
from gbar.errors import ProtocolError, UnitError

GUARD = 1e-9  # ms
_NOISE = 0x6E6F6973  # keeps these draws apart from others made with the same seed


class Waveform(Interface):
    """A current that can be asked for at any time."""

    def current(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        """The current in nA at times t in ms."""
        ...


def _within(t: Float[np.ndarray, " time"], start: float, duration: float) -> Bool[np.ndarray, " time"]:
    return (t >= start - GUARD) & (t < start + duration - GUARD)


class _Checked:
    """A waveform whose numbers must be finite, and its times not negative."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if not math.isfinite(value):
                raise ProtocolError(f"{field.name} of a {self._label()} is {value}", remedy="give a finite number")
            if field.name in ("delay", "duration", "width", "count", "sd", "seed") and value < 0:
                raise ProtocolError(f"{field.name} of a {self._label()} is {value:g}, below 0", remedy="give 0 or more")
            if field.name in ("period", "tau") and value <= 0:
                raise ProtocolError(f"{field.name} of a {self._label()} is {value:g}", remedy="give more than 0 ms")

    def _label(self) -> str:
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Step(_Checked):
    """`amplitude` from `delay` for `duration`, else 0."""

    delay: float  # ms
    duration: float  # ms
    amplitude: float  # nA

    def current(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        """The current in nA at times t in ms."""
        return np.where(_within(t, self.delay, self.duration), self.amplitude, 0.0)


@dataclass(frozen=True)
class Train(_Checked):
    """`count` pulses of `amplitude` and `width`, one every `period`, the first at `delay`."""

    delay: float  # ms
    width: float  # ms
    period: float  # ms
    count: int
    amplitude: float  # nA

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width > self.period:
            raise ProtocolError(f"a train's pulses of {self.width:g} ms overlap at a period of {self.period:g} ms",
                                remedy="use a width up to the period")  # fmt: skip

    def current(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        """The current in nA at times t in ms."""
        pulse = np.floor((t - self.delay + GUARD) / self.period)
        on = _within(t - self.delay - pulse * self.period, 0.0, self.width) & (pulse >= 0) & (pulse < self.count)
        return np.where(on, self.amplitude, 0.0)


@dataclass(frozen=True)
class Ramp(_Checked):
    """From `start` at `delay` linearly to `stop` at `delay` + `duration`, else 0."""

    delay: float  # ms
    duration: float  # ms
    start: float  # nA
    stop: float  # nA

    def current(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        """The current in nA at times t in ms."""
        on = _within(t, self.delay, self.duration)
        share = (t - self.delay) / max(self.duration, GUARD)
        return np.where(on, self.start + (self.stop - self.start) * share, 0.0)


@dataclass(frozen=True)
class Chirp(_Checked):
    """A sine of `amplitude`, its frequency going linearly from `f0` at `delay` to `f1` at the end; else 0."""

    delay: float  # ms
    duration: float  # ms
    amplitude: float  # nA
    f0: float  # Hz
    f1: float  # Hz

    def current(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        """The current in nA at times t in ms."""
        seconds, whole = (t - self.delay) / 1000, max(self.duration, GUARD) / 1000
        phase = 2 * np.pi * (self.f0 * seconds + (self.f1 - self.f0) * seconds**2 / (2 * whole))
        return np.where(_within(t, self.delay, self.duration), self.amplitude * np.sin(phase), 0.0)


@dataclass(frozen=True)
class Noise(_Checked):
    """An Ornstein-Uhlenbeck current of `mean`, standard deviation `sd` and correlation time `tau`, else 0.

    It is drawn, stationary from its first point, on a grid of its own (0.1 ms from `delay`) by the exact discretisation
    x' = x exp(-h/tau) + sd sqrt(1 - exp(-2h/tau)) N(0, 1), and interpolated linearly between: the same current at any
    dt. The same `seed` and a longer `duration` continue it.
    """

    delay: float  # ms
    duration: float  # ms
    mean: float  # nA
    sd: float  # nA
    tau: float  # ms
    seed: int

    GRID: ClassVar[float] = 0.1  # ms

    def current(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        """The current in nA at times t in ms."""
        points = math.ceil(self.duration / self.GRID) + 2
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(self.seed, spawn_key=(_NOISE,))))
        decay = math.exp(-self.GRID / self.tau)
        kicks = generator.standard_normal(points) * self.sd * math.sqrt(-math.expm1(-2 * self.GRID / self.tau))
        kicks[0] *= 1 / math.sqrt(-math.expm1(-2 * self.GRID / self.tau))
        course = list(itertools.accumulate(kicks.tolist(), lambda x, kick: x * decay + kick))
        x = np.interp(t - self.delay, np.arange(points) * self.GRID, course)
        return np.where(_within(t, self.delay, self.duration), self.mean + x, 0.0)


@dataclass(frozen=True, eq=False)
class Sampled:
    """A current given by samples `dt` apart, the first at 0 ms, interpolated linearly between them.

    Between samples this is NEURON's continuous `Vector.play`. After the last sample its value holds; NEURON would go
    on along the last two samples' slope, so a vector played there wants its last value twice.
    """

    dt: float  # ms
    values: Float[np.ndarray, " sample"]  # nA

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        if values.ndim != 1 or not len(values):
            raise ProtocolError("a sampled current has no samples", remedy="give one list of currents")
        if not np.isfinite(values).all():
            raise ProtocolError(f"sample {int(np.argmin(np.isfinite(values)))} of a sampled current is not finite",
                                remedy="give finite currents")  # fmt: skip
        if not (math.isfinite(self.dt) and self.dt > 0):
            raise ProtocolError(f"the samples of a current are {self.dt} ms apart", remedy="give a dt above 0 ms")

    def current(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        """The current in nA at times t in ms."""
        return np.asarray(np.interp(t, np.arange(len(self.values)) * self.dt, self.values))

    @property
    def sha256(self) -> str:
        """The digest of the values as little-endian float64."""
        return hashlib.sha256(self.values.astype("<f8").tobytes()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sampled) and self.dt == other.dt and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.dt, self.sha256))


@dataclass(frozen=True)
class Sum:
    """Several waveforms at once; none at all is no current."""

    parts: tuple[Waveform, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))

    def current(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        """The current in nA at times t in ms."""
        return sum((part.current(t) for part in self.parts), start=np.zeros(np.shape(t)))


# --- as text -----------------------------------------------------------------------------------------------------

_KINDS: dict[str, Callable[..., Waveform]] = {
    "step": Step,
    "train": Train,
    "ramp": Ramp,
    "chirp": Chirp,
    "noise": Noise,
}
_UNITS = dict.fromkeys(("delay", "duration", "width", "period", "tau"), "ms")
_UNITS |= dict.fromkeys(("amplitude", "start", "stop", "mean", "sd"), "nA") | {"f0": "Hz", "f1": "Hz"}
_INTEGERS = ("count", "seed")


def to_json(waveform: Waveform) -> dict[str, Any]:
    """The waveform as a dictionary {kind: {field: "number unit"}}, as in a cell's YAML; `from_node` reads it back."""
    if isinstance(waveform, Sum):
        return {"sum": [to_json(part) for part in waveform.parts]}
    if isinstance(waveform, Sampled):
        values = {"unit": "nA", "values": waveform.values.tolist(), "sha256": waveform.sha256}
        return {"sampled": {"dt": units.exact(waveform.dt, "ms"), **values}}
    for kind, maker in _KINDS.items():
        if type(waveform) is maker:
            numbers = {field.name: getattr(waveform, field.name) for field in fields(cast(Any, waveform))}
            return {kind: {k: int(v) if k in _INTEGERS else units.exact(v, _UNITS[k]) for k, v in numbers.items()}}
    raise ProtocolError(
        f"a {type(waveform).__name__} cannot be written to a file", remedy="use a Sampled waveform instead"
    )


def from_node(node: Node) -> Waveform:
    """The waveform that one entry {kind: {field: "number unit"}} of a document describes."""
    kinds = [*_KINDS, "sum", "sampled", "table"]
    entries = node.mapping(optional=kinds)
    if len(entries) != 1:
        raise node.fail(f"expected one kind of waveform, got {len(entries)}", f"use one of {', '.join(kinds)}")
    ((kind, body),) = entries.items()
    if kind == "sum":
        return Sum(tuple(from_node(part) for part in body.items()))
    if kind == "sampled":
        return _sampled(body)
    if kind == "table":
        return _table(body)
    maker: Any = _KINDS[kind]
    entries = body.mapping(required=[field.name for field in fields(maker)])
    values = {k: n.integer() if k in _INTEGERS else n.quantity(_UNITS[k]) for k, n in entries.items()}
    with body.blamed():
        return cast(Waveform, maker(**values))


def _sampled(node: Node) -> Sampled:
    entries = node.mapping(required=("dt", "unit", "values"), optional=("sha256",))
    unit = entries["unit"].text()
    try:
        scale = units.factor(unit, "nA")
        numbers = np.array([float(str(n.value)) for n in entries["values"].items()], dtype=np.float64)
    except (UnitError, ValueError) as error:
        raise node.fail(f"a sampled current is damaged: {error}", "give numbers, and their unit beside them") from None
    sampled = Sampled(entries["dt"].quantity("ms"), numbers if scale == 1 else numbers * scale)
    if "sha256" in entries and entries["sha256"].text() != sampled.sha256:
        raise entries["sha256"].fail("the values are not those that were written", "make the file anew")
    return sampled


def _table(node: Node) -> Sampled:
    entries = node.mapping(required=("file", "current"), optional=("time", "dt", "column", "sha256"))
    file = entries["file"].beside()
    sampled = from_table(
        file,
        current_unit=entries["current"].text(),
        time_unit=entries["time"].text() if "time" in entries else None,
        dt=entries["dt"].quantity("ms") if "dt" in entries else None,
        column=entries["column"].integer() if "column" in entries else None,
    )
    if "sha256" in entries and entries["sha256"].text() != sampled.sha256:
        raise entries["sha256"].fail(f"{file.name} does not hold the values that were written", "bring back the file")
    return sampled


def from_table(
    file: str | Path,
    current_unit: str,
    time_unit: str | None = None,
    dt: float | None = None,
    column: int | None = None,
) -> Sampled:
    """A current from a text table (CSV, tabs or blanks; one line of headings allowed) whose units are stated.

    Either `time_unit` is that of the first column, whose times must be evenly spaced from 0, and the current stands in
    the second; or `dt` in ms is the distance of the rows, and the current stands in the first. `column` (from 0) says
    otherwise.
    Raises ProtocolError, UnitError.
    """
    file = Path(file)
    if (time_unit is None) == (dt is None):
        raise ProtocolError("a table needs the unit of its time column or a dt, and not both", file=file,
                            remedy="state time: ms, or dt: 0.1 ms")  # fmt: skip
    scale = units.factor(current_unit, "nA")
    rows = _rows(file)
    column = (0 if time_unit is None else 1) if column is None else column
    if column >= rows.shape[1]:
        raise ProtocolError(
            f"has {rows.shape[1]} columns, none numbered {column} (from 0)", file=file, remedy="name another column"
        )
    if time_unit is not None:
        dt = _spacing(rows[:, 0] * units.factor(time_unit, "ms"), file)
    return Sampled(cast(float, dt), rows[:, column] * scale)


def _rows(file: Path) -> Float[np.ndarray, "row column"]:
    rows: list[list[float]] = []
    for number, line in enumerate(read_text(file, ProtocolError, limit=400_000_000).splitlines(), start=1):
        cells = line.replace(",", " ").replace(";", " ").split()
        if not cells or line.lstrip().startswith("#"):
            continue
        try:
            row = [float(cell) for cell in cells]
        except ValueError:
            if not rows and number == 1:
                continue
            raise ProtocolError(
                f"{line[:40]!r} is no row of numbers",
                file=file,
                line=number,
                remedy="give numbers, decimals with a point",
            ) from None
        if rows and len(row) != len(rows[0]):
            raise ProtocolError(
                f"has {len(row)} columns here, {len(rows[0])} above", file=file, line=number, remedy="mend the row"
            )
        if not all(math.isfinite(x) for x in row):
            raise ProtocolError(
                "holds a number that is not finite", file=file, line=number, remedy="give finite numbers"
            )
        rows.append(row)
    if not rows:
        raise ProtocolError("holds no numbers", file=file, remedy="name another file")
    return np.array(rows)


def _spacing(time: Float[np.ndarray, " row"], file: Path) -> float:
    if len(time) < 2:
        raise ProtocolError("holds one row only", file=file, remedy="give at least two times")
    dt = float(f"{(time[-1] - time[0]) / (len(time) - 1):.12g}")
    if not dt > 0 or np.abs(np.diff(time) - dt).max() > 0.01 * dt or abs(time[0]) > 0.01 * dt:
        raise ProtocolError(
            "its times are not evenly spaced from 0", file=file, remedy="resample it, or state dt and the column"
        )
    return dt
