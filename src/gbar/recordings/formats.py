"""What kind of file a recording is, by its content; formats that are only read by way of NWB are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from gbar.errors import RecordingError

Kind = Literal["NWB", "ABF", "Igor", "cell file", "NPZ", "TSV", "CSV"]

_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", (b"PK\x03\x04", b"PK\x05\x06")
_ABF = (b"ABF ", b"ABF2")
_IGOR = tuple(bytes(pair) for n in (1, 2, 3, 5) for pair in ((n, 0), (0, n)))  # the version, in either byte order
_EXPECTED = {
    ".nwb": "HDF5",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".abf": "ABF",
    ".ibw": "Igor",
    ".npz": "NPZ",
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".yaml": "text",
    ".yml": "text",
}
_CALLED = {"ABF": "Axon binary", "Igor": "an Igor binary wave"}
_FOREIGN_MARKS = {
    b"DATA": "a HEKA file",
    b"DAT1": "a HEKA file",
    b"DAT2": "a HEKA file",
    b"ATF\t": "an Axon text file",
    b"AxGr": "an AxoGraph file",
    b"axgx": "an AxoGraph file",
    b"TDSm": "a LabVIEW file",
    b"\x93NUMPY": "a single NumPy array",
    b"MATLAB": "a MATLAB file",
}
_FOREIGN_ENDINGS = {
    ".dat": "a HEKA or LabVIEW file",
    ".pgf": "a HEKA file",
    ".pul": "a HEKA file",
    ".smr": "a Spike2 file",
    ".smrx": "a Spike2 file",
    ".wcp": "a WinWCP file",
    ".edr": "a WinEDR file",
    ".atf": "an Axon text file",
    ".axgd": "an AxoGraph file",
    ".axgx": "an AxoGraph file",
    ".pxp": "an Igor packed experiment",
    ".itx": "an Igor text file",
    ".mat": "a MATLAB file",
    ".npy": "a single NumPy array",
    ".tdms": "a LabVIEW file",
    ".edf": "a European Data Format file",
    ".pkl": "a Python pickle",
    ".pickle": "a Python pickle",
    ".xls": "a spreadsheet",
    ".xlsx": "a spreadsheet",
}
_REMEDIES = {
    "a HEKA file": "convert it to NWB 2 (x-to-nwb), or export the sweeps from PatchMaster as .ibw",
    "a HEKA or LabVIEW file": "convert it to NWB 2 (x-to-nwb), or export the sweeps from PatchMaster as .ibw",
    "an Igor packed experiment": "save its waves as Igor binary (.ibw), or export them as NWB 2",
    "an Igor text file": "save its waves as Igor binary (.ibw), or export them as NWB 2",
    "an Axon text file": "give the .abf file that it belongs to, or save it as .csv with headings and units",
    "a single NumPy array": "save time_ms, voltage_mV and current_pA as one .npz with numpy.savez",
    "a Python pickle": "pickles are never opened: save the arrays with numpy.savez as .npz",
    "a spreadsheet": "save it as .csv with headings such as time_ms,voltage_mV,current_pA",
}
_CONVERT = "convert it to NWB 2 (NeuroConv), or export the sweeps as .csv with headings and units"
READABLE = (
    "gbar reads NWB 2 (.nwb), Axon (.abf), Igor (.ibw), tables (.csv, .tsv), NumPy archives (.npz) "
    "and cell files that name several of them (.yaml)"
)


def kind_of(path: Path) -> Kind:
    """The kind of a file, by content.

    Raises RecordingError where the ending says otherwise, or the format is none that gbar reads.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
    ending = path.suffix.lower()
    expected = _EXPECTED.get(ending)
    foreign = next((name for mark, name in _FOREIGN_MARKS.items() if head.startswith(mark)), None)
    if ending in _FOREIGN_ENDINGS or (foreign and expected != "text"):
        what = foreign or _FOREIGN_ENDINGS[ending]
        raise RecordingError(f"{what}, which gbar does not read", file=path, remedy=_REMEDIES.get(what, _CONVERT))
    content = _content(path, head)
    if content == "unknown binary data" or expected not in (None, content):
        found = _CALLED.get(content, content)
        is_not = f", not {_CALLED.get(expected, expected)} as {ending} promises" if expected else ""
        raise RecordingError(f"its content is {found}{is_not}", file=path, remedy=READABLE)
    if content == "text":
        return "cell file" if ending in (".yaml", ".yml") else "TSV" if ending == ".tsv" else "CSV"
    return "NWB" if content == "HDF5" else content  # type: ignore[return-value]


def _content(path: Path, head: bytes) -> str:
    if _is_hdf5(path):
        return "HDF5"
    if head.startswith(_ABF):
        return "ABF"
    if head.startswith(_ZIP):
        return "NPZ"
    if _is_text(head):
        return "text"
    return "Igor" if head.startswith(_IGOR) else "unknown binary data"


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
