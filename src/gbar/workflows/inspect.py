"""`gbar inspect`: what recordings hold and what is doubtful about them, as tables, as JSON and as pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gbar.errors import OutputError, RecordingError
from gbar.files import refuse_existing
from gbar.recordings import Recording, Sweep, choose, read
from gbar.recordings.command import as_measured, residual
from gbar.recordings.quality import UNITS, Flag, Thresholds, flags, input_resistance
from gbar.workflows.properties import CellProperties, cell_properties

PICTURES = (".png", ".svg", ".pdf")
_IGOR = ".ibw"
_TABLES = (".csv", ".tsv", ".npz")
_FOREIGN = (".dat", ".pgf", ".smr", ".smrx", ".wcp", ".edr", ".atf", ".axgd", ".axgx", ".pxp", ".itx", ".mat", ".npy")
_ENDINGS = (".nwb", ".h5", ".hdf5", ".abf", _IGOR, *_TABLES, *_FOREIGN)
_STATED = {
    **dict.fromkeys(("voltage_unit", "current_unit", "time_unit", "dt"), (*_TABLES, _IGOR)),
    **dict.fromkeys(("voltage_channel", "current_channel"), (".abf", _IGOR)),
    "stimulus": _TABLES,
    "stimulus_folder": (".abf",),
    **dict.fromkeys(("electrode", "sweeps"), (".nwb", ".h5", ".hdf5")),
}


@dataclass(frozen=True)
class Inspected:
    """One recording and its flags, or why it is refused."""

    path: Path
    recording: Recording | None
    flags: tuple[Flag, ...] = ()
    error: RecordingError | None = None


def inspect(
    paths: Sequence[Path],
    output: Path | None = None,
    *,
    declared: Mapping[str, Any] | None = None,
    thresholds: Thresholds | None = None,
    as_json: bool = False,
    measured: bool = False,
    properties: bool = False,
    overwrite: bool = False,
) -> str:
    """Reads recordings, draws every sweep into `output` if that is given, and returns what is to be printed.

    One recording gives a table with one line a sweep; several of them, or a folder, one line a file, with the reason
    of those that are refused. `output` is a picture, for several recordings a folder for one picture each; a
    recording of more than 40 sweeps fills several pictures. `measured` keeps measured currents as they are;
    `properties` adds what the cell is like over all sweeps of a recording, and its f-I curve. A single recording that
    is refused raises its RecordingError.
    """
    limits = thresholds or Thresholds()
    found: list[Path] = []
    for path in paths:
        inside = recordings_in(path)
        if not inside:
            raise RecordingError("a folder without recordings", file=path, remedy="name a file, or another folder")
        found += inside
    several = len(found) > 1 or list(found) != list(paths)
    _check_output(output, several, overwrite)
    names = _picture_names(found)
    results: list[Any] = []
    texts: list[str] = []
    for path in found:
        one = _inspected(path, _that_apply(path, declared or {}) if several else dict(declared or {}), limits, measured)
        if one.error and not several:
            raise one.error
        if output is not None and one.recording is not None:
            texts += _drawn(one, output / f"{names[path]}.png" if several else output, overwrite)
        results.append(to_json(one) if as_json else _line(one, paths) if several else described(one))
        if properties and one.recording is not None:
            of_cell = cell_properties(one.recording)
            if as_json:
                results[-1] |= {"cell": _known(asdict(of_cell))}
            else:
                texts.append(f"\n{_of_cell(of_cell, one.path if several else None)}")
    if as_json:
        return json.dumps({"thresholds": asdict(limits), "recordings": results}, indent=2, ensure_ascii=False) + "\n"
    return (_table_of_files(results) if several else str(results[0])) + "".join(texts)


def recordings_in(path: Path) -> list[Path]:
    """The recordings of a folder and of those in it, in order; a folder of Igor waves is one; a file is itself."""
    if not path.is_dir() or path.is_symlink():
        return [path]
    entries = sorted(p for p in path.iterdir() if not p.name.startswith(".") and not p.is_symlink())
    files = [p for p in entries if p.is_file() and p.suffix.lower() in _ENDINGS]
    waves = any(p.suffix.lower() == _IGOR for p in files)
    own = [path] if waves else files
    return own + [found for folder in entries if folder.is_dir() for found in recordings_in(folder)]


def _that_apply(path: Path, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is stated of many files, that which is about one of this kind."""
    kind = _IGOR if path.is_dir() else path.suffix.lower()
    return {name: value for name, value in declared.items() if kind in _STATED.get(name, (kind,))}


def _inspected(path: Path, declared: Mapping[str, Any], limits: Thresholds, measured: bool) -> Inspected:
    try:
        recording = read(path, **declared)
    except RecordingError as error:
        return Inspected(path, None, error=error)
    if measured:
        recording = replace(recording, sweeps=tuple(as_measured(sweep) for sweep in recording.sweeps))
    return Inspected(path, recording, flags(recording, limits))


def _check_output(output: Path | None, several: bool, overwrite: bool) -> None:
    if output is None:
        return
    if several:
        if output.suffix.lower() in PICTURES:
            raise OutputError("several recordings give several pictures", file=output, remedy="name a folder")
        return
    if output.suffix.lower() not in PICTURES:
        raise OutputError("a picture ends in .png, .svg or .pdf", file=output, remedy="change its name")
    refuse_existing(output, overwrite, "")


def _picture_names(paths: Sequence[Path]) -> dict[Path, str]:
    """A name for the picture of each recording: its file's, and the folder's or a number where that is taken."""
    names: dict[Path, str] = {}
    for path in paths:
        wishes = [path.stem, path.name, f"{path.parent.name}_{path.name}"]
        wishes += [f"{path.name}_{k}" for k in range(len(paths))]
        names[path] = next(name for name in wishes if name not in names.values())
    return names


def _drawn(one: Inspected, output: Path, overwrite: bool) -> list[str]:
    """Draws a recording, in several pictures if it has many sweeps; says where."""
    from gbar.report.output import write_figure
    from gbar.report.sweeps import MOST, recording_figure

    sweeps = one.recording.sweeps if one.recording is not None else ()
    doubts: dict[str, list[str]] = {}
    for flag in one.flags:
        doubts.setdefault(flag.sweep, []).append(flag.name)
    said = []
    for page in range(math.ceil(len(sweeps) / MOST)):
        path = output if page == 0 else output.with_stem(f"{output.stem}-{page + 1}")
        refuse_existing(path, overwrite, "")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_figure(recording_figure(sweeps[page * MOST : (page + 1) * MOST], doubts), path)
        said.append(f"drawn in {path}\n")
    return said


def described(one: Inspected) -> str:
    """A recording in words and a table with one line a sweep."""
    from gbar.report.tables import text_table

    recording = one.recording
    assert recording is not None
    about = [f"{recording.source}: {recording.format}, {len(recording.sweeps)} current-clamp sweep(s)"]
    about += [text for text in (recording.description, recording.device and f"device: {recording.device}") if text]
    about.append(f"junction potential: {_junction(recording)}")
    told = any(residual(sweep) is not None for sweep in recording.sweeps)
    header = ["sweep", "duration ms", "sampling kHz", "baseline mV", "holding pA", "stimulus pA", "R_in MOhm", "spikes"]
    header += ["residual pA"] if told else []
    rows = [_row(sweep, told) for sweep in recording.sweeps]
    notes = [f"left out: {why}" for why in recording.refused] + [f"warning: {w}" for w in recording.warnings]
    notes += [
        f"warning: {text}" for text in _gathered([(w, s.name) for s in recording.sweeps for w in s.warnings], rows)
    ]
    notes += _doubts(one, rows)
    if told:
        notes.append("currents are told from measured ones; residual: SD of what is left, and the largest of it")
    used = ", ".join(s.name for s in choose(recording, raised=one.flags).used)
    return "\n".join([*about, "", text_table(header, rows), "", *notes, f"gbar infer would use: {used}", ""])


def _known(value: Any) -> Any:
    """The same with null for what is not a number, which JSON has not."""
    if isinstance(value, dict):
        return {name: _known(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_known(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _of_cell(cell: CellProperties, path: Path | None) -> str:
    """The table of a cell, and its f-I curve."""
    from gbar.report.tables import number, text_table

    def sd(value: float) -> str:
        return "" if math.isnan(value) else number(value, 2)

    rows = [(p.name, p.unit, number(p.mean), sd(p.sd), str(p.sweeps)) for p in cell.properties]
    text = text_table(("the cell" if path is None else str(path), "unit", "mean", "SD", "sweeps"), rows)
    if not cell.rates:
        return text + "\n"
    rates = [(number(1e3 * r.amplitude), number(r.mean), sd(r.sd), str(r.sweeps)) for r in cell.rates]
    return text + "\n\n" + text_table(("step pA", "rate Hz", "SD", "sweeps"), rates) + "\n"


def _junction(recording: Recording) -> str:
    known, corrected = recording.junction_potential, recording.junction_corrected
    text = "not stated" if known is None else f"{known:g} mV"
    return (
        text
        + {None: "; whether it is corrected is not stated", True: "; corrected", False: "; not corrected"}[corrected]
    )


def _gathered(said: Sequence[tuple[str, str]], rows: Sequence[Any]) -> list[str]:
    """Each sentence once, with the sweeps that it is about."""
    about: dict[str, list[str]] = {}
    for sentence, name in said:
        about.setdefault(sentence, []).append(name)
    return [f"{_names(names, len(rows))}: {sentence}" for sentence, names in about.items()]


def _names(names: Sequence[str], total: int) -> str:
    if total > 1 and len(names) == total:
        return "every sweep"
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _doubts(one: Inspected, rows: Sequence[Any]) -> list[str]:
    """One line for each kind of flag: the sweeps, the sentence of the worst, and its threshold."""
    kinds: dict[str, list[Flag]] = {}
    for flag in one.flags:
        kinds.setdefault(flag.name, []).append(flag)
    lines = []
    for name, raised in kinds.items():
        worst = max(raised, key=lambda flag: abs(flag.value - flag.threshold))
        where = f"{_names([f.sweep for f in raised], len(rows))}: " if worst.sweep else ""
        unit = "" if UNITS[name] == "1" else f" {UNITS[name]}"
        lines.append(f"flag: {name}: {where}{worst.sentence} (threshold {worst.threshold:g}{unit})")
    return lines


def _row(sweep: Sweep, told: bool) -> tuple[str, ...]:
    from gbar.report.tables import number

    resistance, left = input_resistance(sweep), residual(sweep)
    row = (
        sweep.name,
        f"{sweep.duration:.2f}",
        number(1 / sweep.dt, 4),
        f"{sweep.baseline_voltage:.2f}",
        number(round(1e3 * sweep.baseline_current, 1), 4),
        number(1e3 * sweep.amplitude, 4),
        "" if resistance is None else number(resistance),
        f"{sweep.spike_count()}",
    )
    return (*row, "" if left is None else f"{number(1e3 * left.sd, 2)}, {number(1e3 * left.largest)}") if told else row


def _line(one: Inspected, paths: Sequence[Path]) -> tuple[str, ...]:
    """One recording of many: a row of the table of files."""
    from gbar.report.tables import number, span

    name = next(
        (str(one.path.relative_to(p)) for p in paths if one.path != p and one.path.is_relative_to(p)), str(one.path)
    )
    if one.recording is None:
        return (name, "refused", *[""] * 6, _reason(one))
    sweeps = one.recording.sweeps
    kinds: dict[str, int] = {}
    for flag in one.flags:
        kinds[flag.name] = kinds.get(flag.name, 0) + 1
    told = [f"{kind} ({count})" if count > 1 else kind for kind, count in kinds.items()]
    told += [f"{len(one.recording.refused)} sweep(s) left out"] if one.recording.refused else []

    def reach(values: list[float], digits: int = 3) -> str:
        low, high = min(values), max(values)
        return number(low, digits) if low == high else span(low, high, digits)

    return (
        name,
        one.recording.format,
        str(len(sweeps)),
        reach([1 / s.dt for s in sweeps]),
        reach([s.baseline_voltage for s in sweeps]),
        reach([round(1e3 * s.baseline_current, 1) for s in sweeps]),
        reach([round(1e3 * s.amplitude, 1) for s in sweeps]),
        str(sum(s.spike_count() for s in sweeps)),
        ", ".join(told) or "none",
    )


def _reason(one: Inspected) -> str:
    """Why a recording is refused, without its path, which stands in the row already."""
    return str(one.error).removeprefix(str(one.path)).removeprefix(": ")


def _table_of_files(rows: Sequence[Any]) -> str:
    from gbar.report.tables import text_table

    header = ("file", "format", "sweeps", "kHz", "baseline mV", "holding pA", "stimulus pA", "spikes", "flags")
    refused = sum(row[1] == "refused" for row in rows)
    return f"{text_table(header, rows)}\n\n{len(rows) - refused} recording(s) read, {refused} refused\n"


def to_json(one: Inspected) -> dict[str, Any]:
    """What is known of a recording, for machines; units are in the names."""
    if one.recording is None:
        return {"file": str(one.path), "error": _reason(one)}
    recording = one.recording
    choice = choose(recording, raised=one.flags)
    return {
        "file": str(one.path),
        "sha256": recording.digest,
        "format": recording.format,
        "description": recording.description,
        "device": recording.device,
        "started": recording.started and recording.started.isoformat(),
        "junction_potential_mV": recording.junction_potential,
        "junction_corrected": recording.junction_corrected,
        "sweeps": [_sweep_json(sweep, one.flags) for sweep in recording.sweeps],
        "flags": [_flag_json(flag) for flag in one.flags if not flag.sweep],
        "refused": list(recording.refused),
        "warnings": list(recording.warnings),
        "used": [sweep.name for sweep in choice.used],
        "held_out": [sweep.name for sweep in choice.held_out],
    }


def _sweep_json(sweep: Sweep, raised: Sequence[Flag]) -> dict[str, Any]:
    left = residual(sweep)
    kept = sweep.monitored is not None and np.array_equal(sweep.monitored, sweep.current)
    return {
        "name": sweep.name,
        "stimulus": sweep.stimulus,
        "condition": sweep.condition,
        "start_s": sweep.start,
        "duration_ms": sweep.duration,
        "interval_ms": sweep.dt,
        "samples": len(sweep.v),
        "baseline_mV": sweep.baseline_voltage,
        "baseline_current_nA": sweep.baseline_current,
        "amplitude_nA": sweep.amplitude,
        "input_resistance_MOhm": input_resistance(sweep),
        "spikes": sweep.spike_count(),
        "current": "measured" if kept else "commanded" if left is None else "told from the measured one",
        "residual_sd_nA": left and left.sd,
        "residual_largest_nA": left and left.largest,
        "residual_explained": left and left.explained,
        "bridge_MOhm": sweep.amplifier.bridge,
        "series_resistance_MOhm": sweep.amplifier.series_resistance,
        "filter_kHz": sweep.amplifier.filter,
        "warnings": list(sweep.warnings),
        "flags": [_flag_json(flag) for flag in raised if flag.sweep == sweep.name],
    }


def _flag_json(flag: Flag) -> dict[str, Any]:
    return {
        "name": flag.name,
        "value": flag.value,
        "unit": UNITS[flag.name],
        "threshold": flag.threshold,
        "sentence": flag.sentence,
    }
