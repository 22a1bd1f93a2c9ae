"""What an Axon binary file (ABF 1 and 2) says of itself: its channels, its protocol, and where its samples lie.

gbar reads the header itself: every offset and count is checked against the file's size before it is used, and paths
that stand in a header are never opened. Source: Axon's AxAbfFio32 (abfheadr.h, ProtocolStructs.h).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, NoReturn

from gbar.errors import RecordingError

BLOCK = 512  # bytes
EPISODIC, GAP_FREE = 5, 3  # operation modes; 1 and 2 are triggered by events, 4 is an oscilloscope
MOST_TAGS = 20
_MULTICLAMP = 24
_CLAMPS = {0: "voltage clamp", 1: "current clamp", 2: "I = 0"}
_INSTRUMENTS = {5: "Axopatch 200", 7: "GeneClamp", 14: "Warner OC-725", 15: "Axopatch 200B", 24: "MultiClamp 700"}
_NO_FILTER = 1e5  # Hz: what stands in a header where no filter is on


class Unusable(Exception):
    """Why one sweep cannot be used, or its command not be known."""


@dataclass(frozen=True)
class Input:
    """A recorded channel: sample * gain + offset is its value in `unit`."""

    name: str
    unit: str
    number: int  # of the digitiser's input
    gain: float
    offset: float
    clamp: str = ""  # what a MultiClamp telegraphed: "voltage clamp", "current clamp", "I = 0"; "" if nothing
    filter: float | None = None  # kHz, telegraphed
    instrument: str = ""


@dataclass(frozen=True)
class Epoch:
    """One column of the waveform editor; durations, period and width in samples."""

    number: int
    kind: int
    level: float
    level_step: float  # from sweep to sweep
    duration: int
    duration_step: int
    period: int = 0
    width: int = 0


@dataclass(frozen=True)
class UserList:
    """Values that replace one parameter of the epochs, sweep by sweep."""

    parameter: int  # as numbered in abfheadr.h
    epochs: int  # how many epochs an output can have: it spaces that numbering
    text: str  # "4000, 6000, 8000"
    repeats: bool


@dataclass(frozen=True)
class Output:
    """A command channel and its waveform, in `unit`."""

    name: str
    unit: str
    number: int
    holding: float
    source: int  # 0: holding alone, 1: epochs, 2: a stimulus file
    keeps_level: bool  # between sweeps, the last epoch's level instead of the holding level
    epochs: tuple[Epoch, ...] = ()
    user_list: UserList | None = None
    conditioned: bool = False  # a train of pulses precedes every sweep
    stimulus_path: str = ""  # as it stood on the computer that recorded
    stimulus_scale: float = 1.0
    stimulus_offset: float = 0.0
    stimulus_sweep: int = 0  # 0: sweep by sweep, -1: the same but the first, n: the n-th for all
    stimulus_input: int = 0
    copy_start: int = 0  # byte of the file's own copy of what was played, in steps of the converter; 0: none
    copy_sweeps: int = 0


@dataclass(frozen=True)
class Segment:
    """One sweep's samples: `first` counts samples of all channels, `length` those of one."""

    start: float | None  # s, from the start of the recording
    first: int
    length: int


@dataclass(frozen=True)
class Header:
    """All that is read of a header."""

    version: str  # "ABF 1" or "ABF 2"
    mode: int
    dt: float  # ms, of one channel
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    data_start: int  # byte
    data_type: str  # NumPy's: "<i2" or "<f4"
    segments: tuple[Segment, ...]
    protocol_sweeps: int  # what the protocol was made for; further ones were added later
    old_holding: bool  # first and last holding as before pCLAMP 6
    alternating: bool  # outputs take turns, sweep by sweep
    protocol: str
    comment: str
    started: datetime | None
    tags: tuple[tuple[float, str], ...]  # s from the start, what was noted


class Source:
    """A binary file that is read in small pieces, none of them outside it."""

    def __init__(self, stream: IO[bytes], path: Path):
        self.stream, self.path, self.size = stream, path, path.stat().st_size

    def bytes(self, place: int, count: int, what: str) -> bytes:
        """`count` bytes from byte `place`; raises RecordingError if the file does not hold them."""
        if place < 0 or count < 0 or place + count > self.size:
            self.refuse(f"its header places {what} at byte {place}, {count} bytes long, but it has {self.size} bytes")
        self.stream.seek(place)
        return self.stream.read(count)

    def values(self, form: str, place: int, what: str = "its header") -> tuple[Any, ...]:
        """Numbers in struct's notation, little-endian."""
        return struct.unpack("<" + form, self.bytes(place, struct.calcsize("<" + form), what))

    def refuse(self, what: str) -> NoReturn:
        """Raises RecordingError: the file is not whole."""
        raise RecordingError(
            f"{what}: the file is damaged, truncated or still being written",
            file=self.path,
            remedy="copy it again, or open and save it in Clampfit",
        )


def text(raw: bytes) -> str:
    """A string of the header, up to its first zero; µ is the only sign beyond ASCII that occurs."""
    return "".join(sign for sign in raw.split(b"\0", 1)[0].decode("latin-1") if sign.isprintable()).strip()


def sampled(
    source: Source, *, start: int, count: int, kind: int, channels: int, sweeps: int, synch: list[tuple[float, int]]
) -> tuple[str, tuple[Segment, ...]]:
    """The samples' type, and the sweeps they are cut into; raises RecordingError where the file does not hold them.

    `synch` has each sweep's start in s and its length in samples of all channels; without it all are equally long.
    """
    if kind not in (0, 1):
        source.refuse(f"its samples are of unknown type {kind}")
    width = (2, 4)[kind]
    if count <= 0:
        source.refuse("its header counts no samples")
    if start < BLOCK or start + count * width > source.size:
        held = max(0, source.size - start) // width
        source.refuse(f"its header promises {count} samples, the file holds {held}")
    starts: list[float | None] = [begin for begin, _ in synch]
    lengths = [length for _, length in synch]
    if not synch:
        if count % (sweeps * channels):
            source.refuse(f"{count} samples do not make {sweeps} sweeps of {channels} channels")
        lengths, starts = [count // sweeps] * sweeps, [None] * sweeps
    if min(lengths) < 0 or any(length % channels for length in lengths) or sum(lengths) > count:
        source.refuse(f"its table of sweeps (synch array) does not fit {count} samples of {channels} channels")
    segments, first = [], 0
    for begin, length in zip(starts, lengths, strict=True):
        segments.append(Segment(begin, first, length // channels))
        first += length
    return ("<i2", "<f4")[kind], tuple(segments)


def scaling(
    source: Source, name: str, adc_range: float, resolution: int, factors: tuple[float, ...], offset: float
) -> tuple[float, float]:
    """Gain and offset of an input: what one step of the converter is worth, as ABFH_GetADCtoUUFactors has it."""
    total = 1.0
    for factor in factors:
        total *= factor
    if not (0.0 < abs(total) < 1e12 and resolution and abs(offset) < 1e12):
        source.refuse(f"the scaling of its channel {name} is not usable ({total:g}, {resolution}, {offset:g})")
    return adc_range / (total * resolution), offset


def telegraphed(enabled: int, instrument: int, mode: int, corner: float) -> dict[str, Any]:
    """What the amplifier told of an input, as fields of `Input`."""
    if not enabled:
        return {}
    return {
        "clamp": _CLAMPS.get(mode, "") if instrument == _MULTICLAMP else "",
        "filter": corner * 1e-3 if 0.0 < corner < _NO_FILTER else None,
        "instrument": _INSTRUMENTS.get(instrument, ""),
    }


def started(date: int, milliseconds: int) -> datetime | None:
    """When the recording began, of a date such as 20171116; None where it is none."""
    try:
        day = datetime.strptime(str(date), "%Y%m%d")
    except ValueError:
        return None
    return day + timedelta(milliseconds=milliseconds) if 0 <= milliseconds < 86_400_000 else day


def tags(source: Source, start: int, width: int, count: int, second: float) -> tuple[tuple[float, str], ...]:
    """Notes made while recording; `second` is the unit of their times, in s."""
    found = []
    for k in range(min(count, MOST_TAGS)):
        (begin,) = source.values("i", start + k * width, "a tag")
        found.append((round(begin * second, 3), text(source.bytes(start + k * width + 4, 56, "a tag"))))
    return tuple(found)


def sane(level: float) -> float:
    """A level of the header as it was typed in, not as a 32-bit number has it; what was never filled in is 0."""
    return float(f"{level:.7g}") if 1e-18 < abs(level) < 1e6 else 0.0
