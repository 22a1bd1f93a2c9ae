"""A cell file: the recordings of one cell, in the order in which they were made, and what they do not say themselves.

    name: PYR5
    junction_potential: 14 mV
    junction_corrected: false
    files:
      - path: control.abf
        stimulus_folder: stimuli
        exclude:
          - sweeps: [sweep_3, sweep_4]
            reason: the seal was lost
      - path: ttx/steps.csv
        name: steps_ttx
        condition: TTX 1 uM
        voltage_unit: mV
        current_unit: pA
        dt: 0.05 ms
        stimulus: ttx/currents.csv

Paths lead to files (or folders of Igor waves) beside the cell file or below it, and nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from gbar.document import Node, nearest, read_yaml
from gbar.errors import RecordingError
from gbar.recordings.formats import kind_of
from gbar.recordings.recording import Recording, Sweep

_TOP = ("name", "junction_potential", "junction_corrected")
_TEXTS = ("voltage_unit", "current_unit", "time_unit", "dt", "electrode", "voltage_channel", "current_channel")
_PATHS = ("stimulus", "stimulus_folder")
_FILE = ("name", "condition", "sweeps", "exclude", *_TEXTS, *_PATHS)
_ENDINGS = (".yaml", ".yml")
_MOST_JUNCTION = 100.0  # mV

Read = Callable[..., Recording]


@dataclass(frozen=True)
class _Part:
    """One entry under `files`, read."""

    node: Node
    name: str
    recording: Recording
    sweeps: tuple[Sweep, ...]  # those used, with the file's own names
    excluded: tuple[str, ...]


def read_cell_file(path: Path, read: Read, *, allow_large: bool = False) -> Recording:
    """The recording that a cell file describes; `read` reads each of its files. Raises RecordingError with the line."""
    entries = read_yaml(path, RecordingError).mapping(("files",), _TOP)
    listed = entries["files"].items()
    if not listed:
        raise entries["files"].fail("names no file", "name one at least: - path: control.abf")
    parts = [_part(node, read, allow_large) for node in listed]
    corrected = entries["junction_corrected"].flag() if "junction_corrected" in entries else None
    potential = _potential(entries["junction_potential"]) if "junction_potential" in entries else None
    notes = [*_out_of_order(parts), *(f"{part.name}: {w}" for part in parts for w in part.recording.warnings)]
    if potential is None:
        potential = _common(entries["files"], parts, "junction_potential", notes)
    if corrected is None:
        corrected = _common(entries["files"], parts, "junction_corrected", notes)
    told = [entries["name"].text()] if "name" in entries else []
    return Recording(
        source=path,
        digest=_digest(path, parts),
        format="several files",
        sweeps=_joined(parts),
        description="; ".join(_distinct([*told, *(part.recording.description for part in parts)])),
        device="; ".join(_distinct(part.recording.device for part in parts)),
        junction_potential=potential,
        junction_corrected=corrected,
        refused=tuple(f"{part.name}: {why}" for part in parts for why in (*part.excluded, *part.recording.refused)),
        warnings=tuple(notes),
        started=parts[0].recording.started,
        subject=parts[0].recording.subject,
    )


def _potential(node: Node) -> float:
    value = node.quantity("mV")
    if not abs(value) <= _MOST_JUNCTION:
        raise node.fail(f"{value:g} mV is no junction potential", "state it with its unit, as in 14 mV")
    return value


def _part(node: Node, read: Read, allow_large: bool) -> _Part:
    entries = node.mapping(("path",), _FILE)
    where = entries["path"].beside()
    if where.suffix.lower() in _ENDINGS:
        raise entries["path"].fail(f"{where.name} is a cell file itself", "name the recordings in it")
    stated: dict[str, Any] = {key: entries[key].text() for key in _TEXTS if key in entries}
    stated |= {key: entries[key].beside() for key in _PATHS if key in entries}
    if "sweeps" in entries and where.is_file() and kind_of(where) == "NWB":  # the others are not even read
        stated["sweeps"] = [item.text() for item in entries["sweeps"].items()]
    with node.blamed():
        recording = read(where, **stated, allow_large=allow_large)
    known = {sweep.name for sweep in recording.sweeps}
    wanted = set(_names(entries["sweeps"], known)) if "sweeps" in entries else known
    excluded = _excluded(entries["exclude"], known) if "exclude" in entries else {}
    condition = entries["condition"].text() if "condition" in entries else None
    sweeps = tuple(s for s in recording.sweeps if s.name in wanted and s.name not in excluded)
    if condition is not None:
        sweeps = tuple(replace(s, condition=condition) for s in sweeps)
    if not sweeps:
        raise node.fail("all its sweeps are excluded", "leave the file out, or use one of them")
    reasons = tuple(f"{name}: excluded: {reason}" for name, reason in excluded.items())
    return _Part(node, entries["name"].text() if "name" in entries else where.stem, recording, sweeps, reasons)


def _names(node: Node, known: set[str]) -> list[str]:
    """Names of sweeps that a file has."""
    found = []
    for item in node.items():
        name = item.text()
        if name not in known:
            some = ", ".join(sorted(known)[:8])
            raise item.fail(f"the file has no sweep {name!r}", f"{nearest(name, known)}it has {some}")
        found.append(name)
    return found


def _excluded(node: Node, known: set[str]) -> dict[str, str]:
    """The excluded sweeps, each with its reason."""
    found: dict[str, str] = {}
    for item in node.items():
        entries = item.mapping(("sweeps", "reason"))
        reason = " ".join(entries["reason"].text().split())
        if not reason:
            raise entries["reason"].fail("is empty", "say why the sweeps are left out")
        found |= dict.fromkeys(_names(entries["sweeps"], known), reason)
    return found


def _joined(parts: list[_Part]) -> tuple[Sweep, ...]:
    """All sweeps, file after file, each named after its file; the start is the place in this order."""
    found: list[Sweep] = []
    owner: dict[str, _Part] = {}
    for part in parts:
        for sweep in part.sweeps:
            name = f"{part.name}.{sweep.name}"
            other = owner.get(name)
            if other is not None:
                twice = other is not part and other.recording.digest == part.recording.digest
                what = f"sweep {sweep.name} is used in line {other.node.line} already" if twice else ""
                raise part.node.fail(
                    what or f"another file is called {part.name!r} too (line {other.node.line})",
                    "use each sweep once" if twice else "give one of them a name of its own: name: ...",
                )
            owner[name] = part
            found.append(replace(sweep, name=name, start=float(len(found))))
    return tuple(found)


def _common(node: Node, parts: list[_Part], field: str, notes: list[str]) -> Any:
    """What the files state, if they do not contradict each other; with a note where some of them are silent."""
    stated = {part.name: getattr(part.recording, field) for part in parts}
    values = {name: value for name, value in stated.items() if value is not None}
    if len(set(values.values())) > 1:
        told = ", ".join(f"{name}: {value}" for name, value in values.items())
        raise node.fail(f"its files state different values of {field} ({told})", f"state it above: {field}: ...")
    silent = [name for name in stated if name not in values]
    if not values:
        return None
    if silent and field == "junction_corrected":
        notes.append(f"junction_corrected is not known of {', '.join(silent)}: state it in the cell file")
        return None
    value = next(iter(values.values()))
    if silent:
        notes.append(f"{field} of {value:g} mV, as in {next(iter(values))}, is taken for {', '.join(silent)} too")
    return value


def _out_of_order(parts: list[_Part]) -> list[str]:
    """Files that were recorded before one that stands above them."""
    known = [(part.name, part.recording.started) for part in parts if part.recording.started]
    return [
        f"{name} was recorded ({when:%Y-%m-%d %H:%M}) before {above}, which stands above it"
        for (above, before), (name, when) in pairwise(known)
        if when.timestamp() < before.timestamp()
    ]


def _digest(path: Path, parts: list[_Part]) -> str:
    """The sha256 of the cell file's text and its recordings' digests."""
    whole = hashlib.sha256(path.read_bytes())
    for part in parts:
        whole.update(part.recording.digest.encode())
    return whole.hexdigest()


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))
