"""Igor binary waves as recordings: a wave in volts and one in amperes of the same sweep, told by their units.

The two belong together if they lie in one folder and their names differ in one word or number: X_IDrest_ch0_328 and
X_IDrest_ch1_328, Im_12 and Vm_12.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gbar import units
from gbar.errors import RecordingError, UnitError
from gbar.recordings.igor_wave import WaveHeader, wave_header, wave_samples
from gbar.recordings.recording import Sweep
from gbar.recordings.sanity import complaint, doubts

_MOST_WAVES = 50_000
_MOST_BYTES = 2_000_000_000  # of all sweeps in memory
_WORD = re.compile(r"[A-Za-z]+|\d+")
_TOKEN = re.compile(r"[A-Za-z0-9]+")
_PROTOCOLS = (
    re.compile(r"X_(?P<protocol>.+)_ch\d+_\d+"),  # X_IDrest_ch0_328
    re.compile(r"[A-Za-z0-9]+_Ch\d+_(?P<protocol>.+)_\d+"),  # B95_Ch0_IDRest_107
)
_UNITS = 'set its units in Igor, SetScale d 0,0,"V" (or "A"), or state --voltage-channel, --voltage-unit and the like'
_TIMES = 'set it in Igor, SetScale/P x 0,dt,"s", or state --time-unit or --dt'

Key = tuple[str, ...]


@dataclass(frozen=True)
class _Pair:
    voltage: WaveHeader
    current: WaveHeader

    @property
    def name(self) -> str:
        """What both names share: IDrest_328 of X_IDrest_ch0_328 and X_IDrest_ch1_328."""
        mine, other = (_TOKEN.findall(wave.path.stem) for wave in (self.voltage, self.current))
        shared = [a for a, b in zip(mine, other, strict=False) if a == b]
        return "_".join(shared[1:] if self.protocol and shared[0] == "X" else shared) or self.voltage.path.stem

    @property
    def protocol(self) -> str:
        """The stimulus's name, in names such as X_IDrest_ch0_328 and B95_Ch0_IDRest_107."""
        matches = (pattern.fullmatch(self.voltage.path.stem) for pattern in _PROTOCOLS)
        return next((match["protocol"] for match in matches if match), "")

    @property
    def number(self) -> tuple[int, ...]:
        """The numbers in the name, the last one first."""
        return tuple(int(w) for w in reversed(_WORD.findall(self.voltage.path.stem)) if w.isdigit())


@dataclass(frozen=True)
class Stated:
    """What is said of waves that do not say it themselves; a wave's own units count before it.

    The channels are words of the waves' names: "ch1" of X_IDrest_ch1_328.
    """

    voltage_unit: str | None = None
    current_unit: str | None = None
    time_unit: str | None = None
    dt: str | None = None
    voltage_channel: str | None = None
    current_channel: str | None = None

    def __post_init__(self) -> None:
        for unit, wanted in ((self.voltage_unit, "mV"), (self.current_unit, "nA"), (self.time_unit, "ms")):
            if unit is not None:
                units.factor(unit, wanted)
        if self.dt is not None and not units.quantity(self.dt, "ms") > 0.0:
            raise RecordingError(f"a sampling interval of {self.dt}", remedy="give more than 0 ms")

    def of(self, header: WaveHeader) -> WaveHeader:
        """The header with the units that are stated for its channel, where it has none."""
        tokens, unit = _TOKEN.findall(header.path.stem), header.unit
        if not unit and self.voltage_channel in tokens:
            unit = self.voltage_unit or ""
        elif not unit and self.current_channel in tokens:
            unit = self.current_unit or ""
        time_unit, interval = header.time_unit or self.time_unit or "", header.interval
        if not header.time_unit and self.dt is not None:
            time_unit, interval = "ms", units.quantity(self.dt, "ms")
        return replace(header, unit=unit, time_unit=time_unit, interval=interval)


def read_igor(
    paths: Path | Sequence[Path], *, allow_large: bool = False, stated: Stated | None = None
) -> dict[str, Any]:
    """The parts of a `Recording` that waves hold: those of a folder, those given, or one wave and its partner.

    Currents are as they were measured, in `Sweep.current` and `Sweep.monitored`. Sweeps come in the order of the
    waves' dates, where all have one, else of the numbers in their names. Raises RecordingError if no pair is usable.
    """
    given = [paths] if isinstance(paths, Path) else list(paths)
    wanted = [wave for path in given for wave in (_waves(path) if path.is_dir() else [path])]
    source = given[0] if len(given) == 1 else given[0].parent if given else Path()
    if not wanted:
        raise RecordingError("no Igor wave (.ibw)", file=source, remedy="name a wave, or a folder of them")
    lone = len(wanted) == 1 and not given[0].is_dir()
    pairs, refused = _pairs(_beside(wanted[0]) if lone else wanted, wanted[0] if lone else None, stated or Stated())
    held = sum(pair.voltage.points + pair.current.points for pair in pairs) * 8
    if held > _MOST_BYTES:
        what = f"its sweeps need {held // 10**6} MB of memory, more than {_MOST_BYTES // 10**6} MB"
        raise RecordingError(what, file=source, remedy="give fewer waves at a time")
    sweeps = []
    for start, pair in _in_order(pairs):
        found = _sweep(pair, start, allow_large)
        if isinstance(found, Sweep):
            sweeps.append(found)
        else:
            refused.append(found)
    if not sweeps:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise RecordingError(f"no usable sweep: {refused[0]}{more}", file=source)
    notes = sorted({pair.voltage.note for pair in pairs if pair.voltage.note})
    return {
        "format": "Igor",
        "sweeps": tuple(sweeps),
        "refused": tuple(refused),
        "description": " ".join(notes[0].split()) if len(notes) == 1 else "",
        "started": min((p.voltage.created for p in pairs if p.voltage.created is not None), default=None),
    }


def _waves(folder: Path) -> list[Path]:
    """The waves of a folder; links out of it are left out."""
    inside = folder.resolve()
    found = [entry for entry in folder.iterdir() if entry.suffix.lower() == ".ibw" and entry.is_file()]
    if len(found) > _MOST_WAVES:
        raise RecordingError(f"{len(found)} waves in a folder", file=folder, remedy="give fewer at a time")
    return sorted(entry for entry in found if entry.resolve().parent == inside)


def _words(path: Path) -> Key:
    return tuple(_WORD.findall(path.stem))


def _keys(path: Path) -> list[Key]:
    """A name without one of its words, for each of them: partners share such a key."""
    words = _words(path)
    return [(*words[:k], "*", *words[k + 1 :]) for k in range(len(words))]


def _beside(path: Path) -> list[Path]:
    """A wave and all of its folder whose names differ from its own in one word."""
    mine = set(_keys(path))
    others = [other for other in _waves(path.parent) if other.name != path.name and mine.intersection(_keys(other))]
    return [path, *others]


def _pairs(waves: Iterable[Path], only: Path | None, stated: Stated) -> tuple[list[_Pair], list[str]]:
    """Voltages with their currents, and what was refused; with `only`, the pair of that wave alone."""
    volts, amps, refused = [], {}, []
    for path in waves:
        try:
            header = stated.of(wave_header(path))
        except RecordingError as error:
            if path == only:
                raise
            refused.append(f"{path.name}: {error.what}")
            continue
        if _factor(header.unit, "mV"):
            volts.append(header)
        elif _factor(header.unit, "nA"):
            amps[path] = header
        else:
            what = (
                f"its unit is {header.unit!r}, neither of voltage nor of current"
                if header.unit
                else "it states no unit"
            )
            if path == only:
                raise RecordingError(what, file=path, remedy=_UNITS)
            refused.append(f"{path.name}: {what}")
    by_key: dict[Key, list[WaveHeader]] = {}
    for path, header in amps.items():
        for key in _keys(path):
            by_key.setdefault(key, []).append(header)
    partners = {v.path: [i for key in _keys(v.path) for i in by_key.get(key, [])] for v in volts}
    shared = Counter(current.path for currents in partners.values() for current in currents)
    pairs = []
    for voltage in volts:
        currents = partners[voltage.path]
        if only is not None and only not in (voltage.path, *(current.path for current in currents)):
            continue
        if len(currents) == 1 and shared[currents[0].path] == 1:
            pairs.append(_Pair(voltage, currents[0]))
        else:
            refused.append(f"{voltage.path.name}: {_open(currents)}")
    alone = [path for path in amps if not shared[path] and only in (None, path)]
    refused += [f"{path.name}: a current without a voltage of its name" for path in alone]
    return pairs, refused


def _open(currents: list[WaveHeader]) -> str:
    if not currents:
        return "no wave in amperes whose name differs in one word: the current that was injected is missing"
    names = ", ".join(current.path.name for current in currents[:3])
    if len(currents) == 1:
        return f"several voltages could belong to the current {names}"
    return f"{len(currents)} waves in amperes could be its current ({names})"


def _factor(unit: str, wanted: str) -> float | None:
    try:
        return units.factor(unit, wanted)
    except UnitError:
        return None


def _in_order(pairs: list[_Pair]) -> list[tuple[float, _Pair]]:
    """Pairs by date and number, with s since the first; where dates are unknown by number, counted."""
    dates = [pair.voltage.created for pair in pairs]
    known = [date for date in dates if date is not None]
    if len(known) < len(pairs) or len(set(known)) < 2:
        return [(float(k), pair) for k, pair in enumerate(sorted(pairs, key=lambda p: (p.number, p.name)))]
    dated = sorted(zip(known, pairs, strict=True), key=lambda one: (one[0], one[1].number, one[1].name))
    return [((date - dated[0][0]).total_seconds(), pair) for date, pair in dated]


def _sweep(pair: _Pair, start: float, allow_large: bool) -> Sweep | str:
    """One sweep in mV, nA and ms, or why it is none."""
    voltage, current = pair.voltage, pair.current
    dt, other = _interval(voltage), _interval(current)
    if dt is None or other is None:
        return f"sweep {pair.name}: the unit of its x scaling is {voltage.time_unit!r}, not of time; {_TIMES}"
    if not abs(dt - other) <= 1e-6 * abs(dt):
        return f"sweep {pair.name}: voltage every {dt:g} ms, current every {other:g} ms"
    v = wave_samples(voltage) * (_factor(voltage.unit, "mV") or 1.0)
    i = wave_samples(current) * (_factor(current.unit, "nA") or 1.0)
    notes: tuple[str, ...] = ()
    if len(v) != len(i):
        notes = (f"{len(v)} samples of voltage, {len(i)} of current: the first {min(len(v), len(i))} of both are used",)
        v, i = v[: len(i)], i[: len(v)]
    reason = complaint(pair.name, v, i, dt, allow_large)
    if reason:
        return reason
    return Sweep(
        pair.name,
        v,
        i,
        dt,
        start,
        notes + doubts(v, i, dt),
        stimulus=pair.protocol,
        monitored=i,
        source=voltage.path,
        place=f"{voltage.path.name} and {current.path.name}",
    )


def _interval(wave: WaveHeader) -> float | None:
    """Dt in ms."""
    scale = _factor(wave.time_unit, "ms")
    return None if scale is None or not np.isfinite(wave.interval) else float(f"{wave.interval * scale:.9g}")
