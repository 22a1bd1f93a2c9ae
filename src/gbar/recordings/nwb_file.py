"""An NWB 2 file opened: read-only, links to other files refused before anything is read, nothing in it executed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gbar.errors import RecordingError

_LONGEST_VERSION = 1000  # bytes


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The view of pynwb on an NWB 2 file; raises RecordingError if it is none, or damaged, or still being written."""
    try:
        with _opened(path) as h5:
            _check_links(h5, path)
            _check_layout(h5, path)
            with _nwb_file(h5) as file:
                yield file
    except (RecordingError, MemoryError):
        raise
    except Exception as error:  # a damaged file makes h5py, hdmf and pynwb raise whatever their parts raise
        what = f"cannot be read as NWB 2: {_reason(error)}"
        raise RecordingError(what, file=path, remedy="check it with pynwb-validate, or copy it again") from error


def _reason(error: Exception) -> str:
    """What an error of the libraries says: the place in the file, if it is one of construction, and the first cause."""
    place = re.match(r"\(root(/\S*) GroupBuilder", str(error))
    cause = error.__cause__ if place and error.__cause__ else error
    first = (str(cause).strip().splitlines() or [""])[0][:200]
    return f"{place[1]}: {first}" if place else f"{type(cause).__name__}: {first}"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import h5py

    try:
        h5 = h5py.File(path, "r")
    except OSError as error:
        if "lock" in str(error) or "already open for write" in str(error):
            what = "not a readable HDF5 file: it is still being written, or was not closed by the program that wrote it"
            remedy = "close it there; where no program has it open any more, run h5clear -s on a copy"
            raise RecordingError(what, file=path, remedy=remedy) from error
        reason = "the file is truncated" if "truncated" in str(error) else "it is damaged"
        what = f"not a readable HDF5 file: {reason}"
        raise RecordingError(what, file=path, remedy="copy or download it again") from error
    with h5:
        yield h5


def _check_layout(h5: Any, path: Path) -> None:
    """Refuses NWB 1 (version in a data set of the root) and HDF5 that is not NWB."""
    import h5py

    version, stored = h5.attrs.get("nwb_version"), h5.get("nwb_version")
    if version is None and isinstance(stored, h5py.Dataset) and stored.size == 1 and stored.nbytes < _LONGEST_VERSION:
        version = np.asarray(stored[()]).reshape(-1)[0]
    text = version.decode(errors="replace") if isinstance(version, bytes) else str(version or "")
    old = re.match(r"(?:NWB-)?1\b", text) or (not text and {"epochs", "general", "acquisition"} <= set(h5))
    if old:
        raise RecordingError(
            f"an NWB 1 file ({text or 'by its layout'}), gbar reads NWB 2",
            file=path,
            remedy="get the NWB 2 version (DANDI archive), or export its sweeps as NWB 2 or as CSV with units",
        )
    if not re.match(r"(?:NWB-)?2\b", text):
        raise RecordingError(
            f"an HDF5 file, but not NWB 2 (nwb_version is {text or 'missing'})",
            file=path,
            remedy="export the sweeps as NWB 2, CSV or NPZ",
        )


def _check_links(h5: Any, path: Path) -> None:
    """Refuses data that lie in other files, without touching them."""
    import h5py

    seen, groups = set(), [h5]
    while groups:
        group = groups.pop()
        for name in group:
            link = group.get(name, getlink=True)
            place = f"{group.name.rstrip('/')}/{name}"
            if isinstance(link, h5py.ExternalLink):
                raise _elsewhere(path, place, link.filename)
            if not isinstance(link, h5py.HardLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Dataset):
                if item.external:
                    raise _elsewhere(path, place, item.external[0][0])
                if item.is_virtual:
                    raise _elsewhere(path, place, item.virtual_sources()[0].file_name)
            elif isinstance(item, h5py.Group):
                address = h5py.h5o.get_info(item.id).addr
                if address not in seen:
                    seen.add(address)
                    groups.append(item)


def _elsewhere(path: Path, place: str, target: Any) -> RecordingError:
    return RecordingError(
        f"{place} lies in another file ({target}); links to other files are not followed",
        file=path,
        remedy="export the recording as one self-contained NWB file",
    )


@contextmanager
def _nwb_file(h5: Any) -> Iterator[Any]:
    """The view of pynwb on the file; its many warnings about old versions are of no use to the reader."""
    from pynwb import NWBHDF5IO

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield NWBHDF5IO(file=h5, mode="r", load_namespaces=True).read()
