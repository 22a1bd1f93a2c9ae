"""Readers of measured recordings: one function, `read`, whatever the file's format.

| content | extensions | units |
|---|---|---|
| NWB 2 (HDF5) | .nwb, .h5, .hdf5 | the file's own |
| Axon binary, 1 and 2 | .abf | the file's own |
| Igor binary waves | .ibw, or a folder of them | the file's own |
| text table | .csv, .tsv, .txt | in the headings, or stated |
| NumPy archive | .npz | in the arrays' names, or stated |
| cell file: several of these | .yaml | as stated there |

What a reader returns are the parts of a `Recording`. A sweep whose current was measured has the same array as
`current` and as `monitored`; `read` then puts the command that is found in it into `current`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gbar.recordings.cell_file import read_cell_file
from gbar.recordings.choice import Choice, choose
from gbar.recordings.command import idealised
from gbar.recordings.formats import Kind, kind_of
from gbar.recordings.recording import Amplifier, Recording, Sweep
from gbar.recordings.rig import rig_of
from gbar.recordings.table import Declared, read_table
from gbar.recordings.table_file import check_file, refuse

__all__ = ["Amplifier", "Choice", "Recording", "Sweep", "choose", "read", "read_recording", "rig_of"]

_TABLE = ("voltage_unit", "current_unit", "time_unit", "dt", "stimulus")
_OPTIONS: dict[Kind, tuple[str, ...]] = {
    "NWB": ("electrode", "sweeps"),
    "ABF": ("stimulus_folder", "voltage_channel", "current_channel"),
    "Igor": ("voltage_unit", "current_unit", "time_unit", "dt", "voltage_channel", "current_channel"),
    "NPZ": _TABLE,
    "TSV": _TABLE,
    "CSV": _TABLE,
    "cell file": (),
}
_IGOR_ENDING = ".ibw"


def read(
    path: str | Path,
    *,
    voltage_unit: str | None = None,
    current_unit: str | None = None,
    time_unit: str | None = None,
    dt: str | None = None,
    stimulus: str | Path | None = None,
    stimulus_folder: str | Path | None = None,
    voltage_channel: str | None = None,
    current_channel: str | None = None,
    electrode: str | None = None,
    sweeps: Sequence[str] | None = None,
    allow_large: bool = False,
) -> Recording:
    """Reads the current-clamp sweeps of one cell: a file, a folder of Igor waves, or a cell file that names several.

    The keywords state what a file does not say itself. Tables: units ("mV", "pA", "ms"), the sampling interval
    ("0.05 ms"), the file with the currents. ABF: the folder with the stimulus files that the protocol names, and the
    channels, where their units leave open which is which. Igor waves without units: the same units, interval and
    channels, these as words of the waves' names ("ch1"). NWB: the
    electrode, where several cells share a file, and the names of the sweeps, where all of them would not fit in memory.
    `allow_large` lets through |v| > 500 mV and |I| > 20 nA, which suggest a wrong unit.
    Raises RecordingError, in one line, for anything that is not a usable current-clamp recording.

    >>> read("cell.csv", voltage_unit="mV", current_unit="pA", dt="0.05 ms", stimulus="currents.csv")  # doctest: +SKIP
    """
    path = Path(path)
    files = _files(path)
    kind: Kind = "Igor" if path not in files else kind_of(path)
    given: dict[str, Any] = {
        "voltage_unit": voltage_unit,
        "current_unit": current_unit,
        "time_unit": time_unit,
        "dt": dt,
    }
    given |= {"stimulus": stimulus, "stimulus_folder": stimulus_folder, "electrode": electrode, "sweeps": sweeps}
    given |= {"voltage_channel": voltage_channel, "current_channel": current_channel}
    stated: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    _check_options(path, kind, stated)
    if kind == "cell file":
        return _told(read_cell_file(path, read, allow_large=allow_large), across_files=True)
    before = _states(files)
    parts = _parts(path, files, kind, stated, allow_large)
    digest = _digest(files)
    if _states(files) != before:
        refuse(path, "it changed while it was read", "wait until the recording is finished and written")
    return _finished(Recording(source=path, digest=digest, **parts))


read_recording = read


def _parts(path: Path, files: list[Path], kind: Kind, stated: dict[str, Any], allow_large: bool) -> dict[str, Any]:
    """What the reader of that kind of file finds."""
    if kind == "NWB":
        from gbar.recordings.nwb import read_nwb

        return {"format": "NWB 2", **read_nwb(path, allow_large=allow_large, **stated)}
    if kind == "ABF":
        from gbar.recordings.abf import read_abf

        given = stated | ({"stimulus_folder": Path(stated["stimulus_folder"])} if "stimulus_folder" in stated else {})
        return read_abf(path, allow_large=allow_large, **given)
    if kind == "Igor":
        from gbar.recordings.igor import Stated, read_igor

        return read_igor(files, allow_large=allow_large, stated=Stated(**stated))
    given = stated | ({"stimulus": Path(stated["stimulus"])} if "stimulus" in stated else {})
    return {"format": kind, **read_table(path, Declared(**given), allow_large=allow_large)}


def _check_options(path: Path, kind: Kind, stated: dict[str, Any]) -> None:
    """Refuses what is stated of a file that says it itself, or has no such thing."""
    odd = [name for name in stated if name not in _OPTIONS[kind]]
    if not odd:
        return
    if set(odd) <= set(_TABLE) and kind != "cell file":
        refuse(path, f"a file of this kind ({kind}) states its own units, times and stimuli", f"leave out {odd[0]}")
    where = "state it in the cell file" if kind == "cell file" else "leave it out"
    refuse(path, f"{odd[0]} says nothing of a file of this kind ({kind})", where)


def _files(path: Path) -> list[Path]:
    """The file itself, or the waves of a folder."""
    with suppress(OSError):  # check_file says which
        if path.is_dir():
            return _waves(path)
    check_file(path)
    return [path]


def _waves(folder: Path) -> list[Path]:
    """The Igor waves of a folder; raises RecordingError if it holds none, or other recordings beside them."""
    try:
        names = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        refuse(folder, f"cannot be opened: {error.strerror}", "check the path and its permissions")
    if any((folder / name).exists() for name in (".zgroup", "zarr.json")):
        refuse(folder, "is a directory of Zarr data, which gbar reads no recordings from", "export it as NWB 2 in HDF5")
    waves = [p for p in names if p.suffix.lower() == _IGOR_ENDING and p.is_file()]
    others = sorted({p.suffix.lower() for p in names} & {".nwb", ".abf", ".npz", ".csv", ".tsv", ".h5", ".hdf5"})
    if not waves:
        refuse(folder, "is a directory, not a recording", "name a file in it, or a cell file that names several")
    if others:
        what = f"is a directory with .ibw and {', '.join(others)} files: which of them are one cell is not said"
        refuse(folder, what, "name the files in a cell file (.yaml)")
    return waves


def _states(files: Iterable[Path]) -> list[tuple[int, int]]:
    """What changes when a file is written to."""
    found = [file.stat() for file in files]
    return [(state.st_size, state.st_mtime_ns) for state in found]


def _digest(files: list[Path]) -> str:
    """The sha256 of a file; of several, that of their names and digests."""
    found = []
    for file in files:
        with file.open("rb") as stream:
            found.append(hashlib.file_digest(stream, "sha256").hexdigest())
    if len(files) == 1:
        return found[0]
    lines = [f"{file.name} {digest}\n" for file, digest in zip(files, found, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _finished(recording: Recording) -> Recording:
    """Measured currents idealised, the source of every sweep, and what `_told` does."""
    sweeps = (
        idealised(sweep) if sweep.monitored is not None and np.array_equal(sweep.monitored, sweep.current) else sweep
        for sweep in recording.sweeps
    )
    return _told(replace(recording, sweeps=tuple(replace(s, source=s.source or recording.source) for s in sweeps)))


def _told(recording: Recording, *, across_files: bool = False) -> Recording:
    """Names that suit any terminal and file system, a name each, copies told."""
    names = [_plain(sweep.name) for sweep in recording.sweeps]
    times = Counter(names)
    names = [f"{name}[{k}]" if times[name] > 1 else name for k, name in enumerate(names)]
    sweeps = tuple(replace(s, name=name) for s, name in zip(recording.sweeps, names, strict=True))
    return replace(recording, sweeps=sweeps, warnings=recording.warnings + _copies(sweeps, across_files))


def _plain(name: str) -> str:
    """A sweep's name without what could lead out of a folder or disturb a terminal."""
    kept = "".join("_" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in name).strip()
    return "_" * len(kept) if kept.strip(".") == "" else kept[:200]


def _copies(sweeps: Sequence[Sweep], across_files: bool) -> tuple[str, ...]:
    """Sweeps that are the same, sample for sample; only those of different files, if so wished."""
    seen: dict[bytes, Sweep] = {}
    found = []
    for sweep in sweeps:
        first = seen.setdefault(hashlib.sha256(sweep.v.tobytes() + sweep.current.tobytes()).digest(), sweep)
        if first is not sweep and not (across_files and first.source == sweep.source):
            found.append(f"sweeps {first.name} and {sweep.name} are the same, sample for sample: is one a copy?")
    return tuple(found)
