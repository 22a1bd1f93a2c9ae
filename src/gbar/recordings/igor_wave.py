"""One Igor binary wave (.ibw), versions 1, 2, 3 and 5, in either byte order.

gbar reads the header itself, with every size checked against the file's. Source: WaveMetrics' Technical Note 003.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError

_BIN_SIZE = {1: 8, 2: 16, 3: 20, 5: 64}
_OLD_HEADER, _HEADER_5 = 110, 320  # bytes of the wave header before the samples
_TYPES = {
    2: "f4", 4: "f8", 8: "i1", 0x10: "i2", 0x20: "i4", 0x80: "i8", 0x48: "u1", 0x50: "u2", 0x60: "u4", 0xC0: "u8",
}  # fmt: skip
_COMPLEX = 1
_MOST_BYTES = 1_000_000_000  # of one wave in memory
_LONGEST_UNIT = 64  # bytes
_MOST_NOTE = 100_000  # bytes
_EPOCH = datetime(1904, 1, 1)
_EARLIEST = datetime(1985, 1, 1)  # before Igor: no date of a wave


@dataclass(frozen=True)
class WaveHeader:
    """What a wave says of itself."""

    path: Path
    name: str
    unit: str
    points: int
    interval: float
    time_unit: str
    start: int  # byte of the first sample
    type: str  # NumPy's
    created: datetime | None
    note: str


class _Refused(Exception):
    """What is wrong with a file."""


def wave_header(path: Path) -> WaveHeader:
    """The header of a wave of real numbers in one dimension; raises RecordingError for any other, and if damaged."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(_BIN_SIZE[5] + _HEADER_5)
        order, version = _version(head)
        try:
            fields = _fields_5(head, order) if version == 5 else _fields_old(head, order, version)
            kind = _checked(fields, size)
            stream.seek(fields["note_start"])
            note = stream.read(max(0, min(fields["note_size"], _MOST_NOTE, size - fields["note_start"])))
            stream.seek(fields["units_start"])
            long = stream.read(_LONGEST_UNIT * 2)
            unit_size, time_size = fields["unit_sizes"]
            if unit_size:
                fields["unit"] = _text(long[:unit_size])
            if time_size:
                fields["time_unit"] = _text(long[unit_size : unit_size + time_size])
        except _Refused as reason:
            _refuse(path, str(reason))
        except struct.error:
            _refuse(path, f"its header needs more than the {size} bytes of the file: it is truncated")
    return WaveHeader(
        path,
        fields["name"],
        fields["unit"],
        fields["points"],
        fields["interval"],
        fields["time_unit"],
        fields["start"],
        order + kind,
        _date(fields["created"]),
        note.decode("utf-8", errors="replace").replace("\r", "\n").strip(),
    )


def wave_samples(header: WaveHeader) -> Float[np.ndarray, " time"]:
    """The samples of a wave in its own unit."""
    raw = np.fromfile(header.path, dtype=header.type, count=header.points, offset=header.start)
    if len(raw) != header.points:
        _refuse(
            header.path, f"ends after {len(raw)} of {header.points} samples: it is truncated or still being written"
        )
    with np.errstate(invalid="ignore"):  # of damaged numbers, which are refused where they are used
        return raw.astype(np.float64)


def _refuse(path: Path, what: str) -> NoReturn:
    raise RecordingError(what, file=path, remedy="save the wave again in Igor, or copy it again")


def _version(head: bytes) -> tuple[str, int]:
    """The byte order in NumPy's and struct's notation, and the version: a short that is small in one order only."""
    for order in "<>":
        if len(head) >= 2 and (version := struct.unpack(order + "h", head[:2])[0]) in _BIN_SIZE:
            return order, version
    return "<", 0


def _fields_old(head: bytes, order: str, version: int) -> dict[str, Any]:
    if version not in _BIN_SIZE:
        raise _Refused(f"not an Igor binary wave of version 1, 2, 3 or 5: it begins with {head[:2]!r}")
    at = _BIN_SIZE[version]

    def get(form: str, place: int) -> Any:
        return struct.unpack_from(order + form, head, place)[0]

    data = get("i", 2) - _OLD_HEADER - 16  # 16 bytes of padding follow the samples
    start = at + _OLD_HEADER
    return {
        "type": get("h", at),
        "name": _text(head[at + 6 : at + 26]),
        "unit": _text(head[at + 34 : at + 38]),
        "time_unit": _text(head[at + 38 : at + 42]),
        "points": get("i", at + 42),
        "dimensions": 1,
        "interval": get("d", at + 48),
        "created": 0 if version == 1 else get("I", at + 96),
        "start": start,
        "data": data,
        "note_start": start + max(0, data) + 16,
        "note_size": 0 if version == 1 else get("i", 6),
        "units_start": 0,
        "unit_sizes": (0, 0),
    }


def _fields_5(head: bytes, order: str) -> dict[str, Any]:
    at = _BIN_SIZE[5]

    def get(form: str, place: int) -> tuple[Any, ...]:
        return struct.unpack_from(order + form, head, place)

    wave_size, formula, note, unit_size, time_size = get("5i", 4)  # units are here if longer than 3 bytes
    start, data = at + _HEADER_5, wave_size - _HEADER_5
    sizes = get("4i", at + 68)
    note_start = start + max(0, data) + max(0, formula)
    return {
        "type": get("h", at + 16)[0],
        "name": _text(head[at + 28 : at + 60]),
        "unit": _text(head[at + 148 : at + 152]),
        "time_unit": _text(head[at + 152 : at + 156]),
        "points": get("i", at + 12)[0],
        "dimensions": sum(size > 0 for size in sizes),
        "interval": get("d", at + 84)[0],
        "created": get("I", at + 4)[0],
        "start": start,
        "data": data,
        "note_start": note_start,
        "note_size": note,
        "units_start": note_start + max(0, note),
        "unit_sizes": (max(0, unit_size), max(0, time_size)),
    }


def _text(raw: bytes) -> str:
    """A string up to its first zero; µ is one byte in old waves and two in new ones."""
    raw = raw.split(b"\0", 1)[0]
    try:
        found = raw.decode("utf-8")
    except UnicodeDecodeError:
        found = raw.decode("latin-1")
    return "".join(sign for sign in found if sign.isprintable()).strip()


def _checked(fields: dict[str, Any], size: int) -> str:
    """NumPy's letters for the samples; raises _Refused for what is no row of real numbers that the file holds."""
    kind = fields["type"]
    if kind == 0:
        raise _Refused("a text wave, not samples")
    if kind & _COMPLEX:
        raise _Refused("a wave of complex numbers, not samples")
    if kind not in _TYPES:
        raise _Refused(f"a wave of the unknown type {kind}")
    if fields["dimensions"] > 1:
        raise _Refused(f"a wave of {fields['dimensions']} dimensions; gbar reads one sweep a wave")
    width, points = np.dtype(_TYPES[kind]).itemsize, fields["points"]
    if points <= 0 or fields["data"] == 0:
        raise _Refused("a wave without samples")
    if points * 8 > _MOST_BYTES:
        raise _Refused(f"a wave that claims {points} samples, more than {_MOST_BYTES // 10**6} MB")
    if fields["data"] != points * width:
        raise _Refused(f"its header counts {points} samples of {width} bytes, but {fields['data']} bytes of samples")
    if fields["start"] + fields["data"] > size:
        held = max(0, size - fields["start"]) // width
        raise _Refused(f"its header promises {points} samples, the file holds {held}: it is truncated")
    return _TYPES[kind]


def _date(seconds: int) -> datetime | None:
    """When a wave was created, of seconds since 1904; None where that is no date."""
    date = _EPOCH + timedelta(seconds=seconds)
    return date if date > _EARLIEST else None
