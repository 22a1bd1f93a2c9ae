"""An Axon binary file as it lies on disk: its header, and the samples of one sweep at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError
from gbar.recordings.abf_header import Header, Source
from gbar.recordings.abf_v1 import read_v1
from gbar.recordings.abf_v2 import read_v2


def header_of(path: Path) -> Header:
    """The header of an ABF file of either version; raises RecordingError."""
    with path.open("rb") as stream:
        source = Source(stream, path)
        if source.size < 512:
            source.refuse(f"it has {source.size} bytes, less than a header")
        mark = source.bytes(0, 4, "its mark")
        if mark not in (b"ABF ", b"ABF2"):
            raise RecordingError(
                f"not an Axon binary file: it begins with {mark!r}", file=path, remedy="check the name"
            )
        return read_v1(source) if mark == b"ABF " else read_v2(source)


def samples(path: Path, header: Header, channel: int, sweep: int) -> Float[np.ndarray, " time"]:
    """One sweep of one input, in the input's unit."""
    segment, count = header.segments[sweep], len(header.inputs)
    kind = np.dtype(header.data_type)
    place = header.data_start + segment.first * kind.itemsize
    raw = np.fromfile(path, dtype=kind, count=segment.length * count, offset=place)
    if len(raw) != segment.length * count:
        raise RecordingError(
            f"ends within sweep {sweep}", file=path, remedy="copy it again: is it still being written?"
        )
    with np.errstate(invalid="ignore"):  # of damaged numbers, which are refused where they are used
        values = raw.reshape(-1, count)[:, channel].astype(np.float64)
    if header.data_type == "<f4":  # already scaled
        return values
    source = header.inputs[channel]
    return values * source.gain + source.offset
