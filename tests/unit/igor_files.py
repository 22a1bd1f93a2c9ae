"""Small Igor binary waves, versions 1, 2, 3 and 5, in either byte order (WaveMetrics' Technical Note 003)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TYPES = {"f4": 2, "f8": 4, "i1": 8, "i2": 16, "i4": 32, "i8": 128, "u1": 72, "u2": 80, "u4": 96}
EPOCH = 2_082_844_800  # s from Igor's 1904 to 1970


@dataclass
class Wave:
    data: np.ndarray
    unit: str = "V"
    dt: float = 5e-5
    time_unit: str = "s"
    version: int = 5
    order: str = "<"
    type: str = "f4"
    created: int = EPOCH + 1_577_836_800  # 2020
    note: str = ""
    kind: int | None = None  # instead of the number of `type`
    points: int | None = None  # instead of the number of samples, as sizes
    dimensions: tuple[int, ...] | None = None

    def write(self, path: Path) -> Path:
        raw = np.asarray(self.data).astype(self.order + self.type).tobytes()
        points = len(self.data) if self.points is None else self.points
        size = points * np.dtype(self.type).itemsize
        note = self.note.encode()
        body = self._five(raw, points, size, note) if self.version == 5 else self._old(raw, points, size, note)
        path.write_bytes(body)
        return path

    def _old(self, raw: bytes, points: int, size: int, note: bytes) -> bytes:
        head = bytearray(110)
        unit, time_unit = self.unit.encode("latin-1"), self.time_unit.encode()
        struct.pack_into(self.order + "h", head, 0, self._kind())
        struct.pack_into("20s", head, 6, b"wave0")
        struct.pack_into("4s4s", head, 34, unit, time_unit)
        struct.pack_into(self.order + "i", head, 42, points)
        struct.pack_into(self.order + "dd", head, 48, self.dt, 0.0)
        struct.pack_into(self.order + "I", head, 96, self.created)
        size += 110 + 16
        first = {
            1: struct.pack(self.order + "hih", 1, size, 0),
            2: struct.pack(self.order + "hiiih", 2, size, len(note), 0, 0),
            3: struct.pack(self.order + "hiiiih", 3, size, len(note), 0, 0, 0),
        }[self.version]
        return first + bytes(head) + raw + bytes(16) + note

    def _five(self, raw: bytes, points: int, size: int, note: bytes) -> bytes:
        head = bytearray(320)
        unit, time_unit = self.unit.encode(), self.time_unit.encode()
        long, long_time = (text if len(text) > 3 else b"" for text in (unit, time_unit))
        shape = (self.dimensions or (points,)) + (0,) * 4
        struct.pack_into(self.order + "I", head, 4, self.created)
        struct.pack_into(self.order + "ih", head, 12, points, self._kind())
        struct.pack_into("32s", head, 28, b"wave0")
        struct.pack_into(self.order + "4i4d", head, 68, *shape[:4], self.dt, 1.0, 1.0, 1.0)
        struct.pack_into("4s4s", head, 148, b"" if long else unit, b"" if long_time else time_unit)
        sizes = (size + 320, 0, len(note), len(long), len(long_time), *(0,) * 10)
        return struct.pack(self.order + "hh15i", 5, 0, *sizes) + bytes(head) + raw + note + long + long_time

    def _kind(self) -> int:
        return TYPES[self.type] if self.kind is None else self.kind
