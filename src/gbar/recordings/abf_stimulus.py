"""Stimulus files that an ABF file names: found by name in one folder, never by the path that the file states."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError
from gbar.recordings.abf_file import header_of, samples
from gbar.recordings.abf_header import Header, Output, Unusable
from gbar.recordings.abf_waveform import first_holding

_MOST_BYTES = 200_000_000  # of a stimulus file
_STEPS = 3  # of the converter: rounding
_ALIKE = 0.01  # of a stimulus's range: how far its copy may be from it


@dataclass(frozen=True)
class StimulusFile:
    """The sweeps of a stimulus file [sweep][time], in the output's unit before scaling."""

    path: Path
    sweeps: tuple[Float[np.ndarray, " time"], ...]
    dt: float  # ms
    unit: str


def stimulus_file(output: Output, recording: Path, folder: Path | None) -> StimulusFile:
    """The stimulus file of an output, in `folder` or else beside the recording; raises RecordingError."""
    name = PureWindowsPath(output.stimulus_path).name
    where = recording.parent if folder is None else folder
    path = _found(name, where)
    if path is None:
        hint = "name its folder: stimulus_folder=... (--stimulus-folder)" if folder is None else "put it there"
        raise RecordingError(
            f"its command {output.name} comes from the stimulus file {name!r}, which is not in {where}",
            file=recording,
            remedy=hint,
        )
    if path.stat().st_size > _MOST_BYTES:
        raise RecordingError(f"a stimulus file of more than {_MOST_BYTES // 10**6} MB", file=path, remedy="shorten it")
    if path.suffix.lower() == ".atf":
        return _read_atf(path)
    return _read_abf(path, output)


def _found(name: str, folder: Path) -> Path | None:
    """The regular file of that name in a folder, whatever its case; none that lies elsewhere (a link out of it)."""
    if not name or name in (".", "..") or any(sign in name for sign in "/\\:\0"):
        return None
    if not folder.is_dir():
        raise RecordingError("is not a folder", file=folder, remedy="name the folder of the stimulus files")
    same = [entry for entry in folder.iterdir() if entry.name.lower() == name.lower()]
    same.sort(key=lambda entry: entry.name != name)
    inside = folder.resolve()
    return next((entry for entry in same if entry.is_file() and entry.resolve().parent == inside), None)


def _read_abf(path: Path, output: Output) -> StimulusFile:
    header = header_of(path)
    named = [k for k, channel in enumerate(header.inputs) if channel.number == output.stimulus_input]
    if len(header.inputs) > 1 and len(named) != 1:
        what = f"a stimulus file of {len(header.inputs)} channels, none of them number {output.stimulus_input}"
        raise RecordingError(what, file=path, remedy="save the stimulus alone in a file")
    channel = named[0] if named else 0
    sweeps = tuple(samples(path, header, channel, k) for k in range(len(header.segments)))
    return StimulusFile(path, sweeps, header.dt, header.inputs[channel].unit)


def _read_atf(path: Path) -> StimulusFile:
    """An Axon text file: time in the first column, a sweep in each further one."""
    remedy = "save the stimulus as ATF or ABF in Clampfit"
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
        if lines[0].split()[0] != "ATF":
            raise RecordingError("is not an Axon text file", file=path, remedy=remedy)
        items, columns = (int(part) for part in lines[1].split()[:2])
        heading = [part.strip().strip('"') for part in lines[2 + items].split("\t")]
        table = np.loadtxt(lines[3 + items :], ndmin=2, delimiter="\t", usecols=range(columns), encoding=None)
    except (ValueError, IndexError) as error:
        raise RecordingError("an Axon text file that cannot be read", file=path, remedy=remedy) from error
    if columns < 2 or len(table) < 2 or not np.isfinite(table).all():
        raise RecordingError("an Axon text file without sweeps", file=path, remedy=remedy)
    scale = 1.0 if "ms" in heading[0] else 1e3
    dt = float(f"{(table[-1, 0] - table[0, 0]) / (len(table) - 1) * scale:.6g}")
    unit = heading[1].rpartition("(")[2].rstrip(")") if "(" in heading[1] else ""
    return StimulusFile(path, tuple(np.ascontiguousarray(column) for column in table.T[1:]), dt, unit)


def played(
    file: StimulusFile, recording: Path, header: Header, output: Output, sweep: int, length: int
) -> tuple[Float[np.ndarray, " time"], tuple[str, ...]]:
    """What a stimulus file made an output deliver in a sweep, in the output's unit, and warnings; raises Unusable.

    The file is played sample by sample, at the recording's interval, but for the first and the last 1/64 of a sweep,
    which stand at the holding level. A recording may hold a copy of what was played, which must be the same.
    """
    name = file.path.name
    chosen = output.stimulus_sweep - 1 if output.stimulus_sweep > 0 else sweep - output.stimulus_sweep
    chosen = 0 if len(file.sweeps) == 1 else chosen
    if chosen >= len(file.sweeps):
        raise Unusable(f"the stimulus file {name} has {len(file.sweeps)} sweeps, sweep {chosen + 1} was delivered")
    given = file.sweeps[chosen][:length] * output.stimulus_scale + output.stimulus_offset
    notes = [f"the command is that of the stimulus file {name}"]
    if abs(file.dt / header.dt - 1.0) > 1e-3:
        notes.append(f"{name} is sampled every {file.dt:g} ms and was played every {header.dt:g} ms")
    if file.unit not in ("", "?", output.unit):
        notes.append(f"{name} states {file.unit}; its numbers are taken as {output.unit}, the unit of {output.name}")
    held = first_holding(header, length)
    if len(given) < length - held:
        notes.append(f"{name} ends {(length - len(given)) * header.dt:g} ms before the sweep: holding level from there")
    values = np.full(length, output.holding)
    until = min(len(given), length - held)
    values[held:until] = given[held:until]
    copy = _copy(recording, header, output, length)
    if copy is not None and np.isfinite(values).all() and _differs(values, copy):
        raise Unusable(f"the stimulus file {name} is not what was played: the recording's own copy of it differs")
    return values, tuple(notes)


def _copy(recording: Path, header: Header, output: Output, length: int) -> np.ndarray | None:
    """The recording's own copy of what was played, in steps of the converter, where it has one for all sweeps."""
    known = output.copy_start > 0 and output.copy_sweeps == 1 and len(header.inputs) == 1
    if not known or output.copy_start + 2 * length > recording.stat().st_size:
        return None
    return np.fromfile(recording, dtype="<i2", count=length, offset=output.copy_start).astype(np.float64)


def _differs(values: Float[np.ndarray, " time"], copy: np.ndarray) -> bool:
    """Whether a copy is of another shape than the values: their scale is that of the converter."""
    mine, other = values - values.mean(), copy - copy.mean()
    power = float(mine @ mine)
    slope = float(mine @ other) / power if power > 0.0 else 0.0
    return bool(np.abs(other - slope * mine).max() > max(_STEPS, _ALIKE * np.ptp(other)))
