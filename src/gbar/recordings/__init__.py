"""Readers of measured recordings: one function, `read`, whatever the file's format.

| content | extensions | units |
|---|---|---|
| NWB 2 (HDF5) | .nwb, .h5, .hdf5 | the file's own |
| text table | .csv, .tsv, .txt | in the headings, or stated |
| NumPy archive | .npz | in the arrays' names, or stated |
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from gbar.errors import RecordingError
from gbar.recordings.choice import Choice, choose
from gbar.recordings.recording import Recording, Sweep
from gbar.recordings.table import Declared, read_table
from gbar.recordings.table_file import check_file

__all__ = ["Choice", "Recording", "Sweep", "choose", "read", "read_recording"]

_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", (b"PK\x03\x04", b"PK\x05\x06")
_EXPECTED = {
    ".nwb": "HDF5",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".npz": "NPZ",
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
}
_FOREIGN_MARKS = {
    b"ABF ": "an Axon binary file (ABF1)",
    b"ABF2": "an Axon binary file (ABF2)",
    b"DATA": "a HEKA file",
    b"DAT1": "a HEKA file",
    b"DAT2": "a HEKA file",
    b"\x93NUMPY": "a single NumPy array",
    b"MATLAB": "a MATLAB file",
}
_FOREIGN_ENDINGS = {
    ".abf": "an Axon binary file",
    ".ibw": "an Igor binary wave",
    ".dat": "a HEKA or LabVIEW file",
    ".mat": "a MATLAB file",
    ".npy": "a single NumPy array",
    ".smr": "a Spike2 file",
    ".wcp": "a WinWCP file",
    ".tdms": "a LabVIEW file",
    ".pkl": "a Python pickle",
    ".xlsx": "a spreadsheet",
}
_READABLE = "gbar reads NWB 2 (.nwb), tables (.csv, .tsv) and NumPy archives (.npz): export the sweeps as one of these"


def read(
    path: str | Path,
    *,
    voltage_unit: str | None = None,
    current_unit: str | None = None,
    time_unit: str | None = None,
    dt: str | None = None,
    stimulus: str | Path | None = None,
    allow_large: bool = False,
) -> Recording:
    """Reads the current-clamp sweeps of a file.

    The keywords state what a table does not say itself: units ("mV", "pA", "ms"), the sampling interval ("0.05 ms"),
    the file with the currents. `allow_large` lets through |v| > 500 mV and |I| > 20 nA, which suggest a wrong unit.
    Raises RecordingError, in one line, for anything that is not a usable current-clamp recording.

    >>> read("cell.csv", voltage_unit="mV", current_unit="pA", dt="0.05 ms", stimulus="currents.csv")  # doctest: +SKIP
    """
    path = Path(path)
    check_file(path)
    kind = _kind(path)
    declared = Declared(voltage_unit, current_unit, time_unit, dt, None if stimulus is None else Path(stimulus))
    if kind == "HDF5":
        if declared != Declared():
            what = "an NWB file states its own units, times and stimuli"
            raise RecordingError(what, file=path, remedy="leave the options out that state them")
        from gbar.recordings.nwb import read_nwb

        parts: dict[str, Any] = {"format": "NWB 2", **read_nwb(path, allow_large=allow_large)}
    else:
        name = "NPZ" if kind == "NPZ" else "TSV" if path.suffix.lower() == ".tsv" else "CSV"
        parts = {"format": name, **read_table(path, declared, allow_large=allow_large)}
    return Recording(source=path, digest=_digest(path), **parts)


read_recording = read


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _kind(path: Path) -> str:
    """HDF5, NPZ or text, by content; refused where the extension says otherwise, or neither is known."""
    with path.open("rb") as stream:
        head = stream.read(4096)
    ending = path.suffix.lower()
    expected = _EXPECTED.get(ending)
    foreign = next((name for mark, name in _FOREIGN_MARKS.items() if head.startswith(mark)), None)
    if ending in _FOREIGN_ENDINGS or (foreign and expected != "text"):
        what = foreign or _FOREIGN_ENDINGS[ending]
        raise RecordingError(f"{what}, which gbar does not read yet", file=path, remedy=_READABLE)
    content = _content(path, head)
    if expected is None and content in ("HDF5", "NPZ", "text"):
        return content
    if expected != content:
        is_not = f", not {expected} as {ending} promises" if expected else ""
        raise RecordingError(f"its content is {content}{is_not}", file=path, remedy=_READABLE)
    return content


def _content(path: Path, head: bytes) -> str:
    if _is_hdf5(path):
        return "HDF5"
    if head.startswith(_ZIP):
        return "NPZ"
    return "text" if _is_text(head) else "unknown binary data"


def _is_hdf5(path: Path) -> bool:
    """Whether the HDF5 signature stands at 0, 512, 1024, 2048, ... (a user block may precede it)."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        place = 0
        while place < size:
            stream.seek(place)
            if stream.read(8) == _HDF5:
                return True
            place = max(512, 2 * place)
    return False


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) == 4096  # a character cut off by the end of the block
    return True
