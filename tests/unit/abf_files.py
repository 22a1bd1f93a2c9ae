"""Small Axon binary files, versions 1 and 2, written field by field (Axon's abfheadr.h and ProtocolStructs.h)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

RANGE, RESOLUTION = 10.0, 32768  # V, steps
STEP, RAMP, PULSES, TRIANGLES, COSINE, RESISTANCE, BIPHASIC = range(1, 8)
MULTICLAMP, VOLTAGE_CLAMP, CURRENT_CLAMP, NO_CURRENT = 24, 0, 1, 2


@dataclass
class Channel:
    name: str = "Vm"
    unit: str = "mV"
    scale: float = 0.01  # V per unit
    clamp: int | None = None  # telegraphed by a MultiClamp
    gain: float = 1.0  # telegraphed
    number: int = 0


@dataclass
class Command:
    name: str = "Cmd 0"
    unit: str = "pA"
    holding: float = 0.0
    source: int = 1
    keeps: bool = False
    epochs: Sequence[tuple[float, ...]] = ()  # kind, level, level's step, duration, its step, period, width
    user_list: tuple[int, str, bool] | None = None
    conditioned: bool = False
    path: str = ""
    scale: float = 1.0
    offset: float = 0.0
    sweep: int = 0


@dataclass
class Abf:
    """What a file is made of; `data` is one array [channel, time] a sweep, in the channels' units."""

    data: Sequence[np.ndarray]
    channels: Sequence[Channel] = field(default_factory=lambda: [Channel()])
    commands: Sequence[Command] = field(default_factory=lambda: [Command()])
    dt: float = 0.05  # ms
    mode: int = 5
    floats: bool = False
    synch: Sequence[tuple[int, int]] | None = None  # start in us and length in samples of all channels
    tags: Sequence[tuple[int, str]] = ()
    protocol: str = "C:\\protocols\\steps.pro"
    per_run: int | None = None
    alternating: bool = False
    claimed: int | None = None  # samples, where the header lies

    def samples(self) -> bytes:
        if self.floats:
            return b"".join(np.ascontiguousarray(sweep.T, dtype="<f4").tobytes() for sweep in self.data)
        factor = np.array([[c.scale * c.gain * RESOLUTION / RANGE] for c in self.channels])
        return b"".join(np.ascontiguousarray(np.round(s * factor).T.astype("<i2")).tobytes() for s in self.data)

    def count(self) -> int:
        return sum(sweep.size for sweep in self.data) if self.claimed is None else self.claimed

    def table(self) -> Sequence[tuple[int, int]]:
        if self.synch is not None:
            return self.synch
        length = self.data[0].size if self.data else 0
        return [(k * 1_000_000, length) for k in range(len(self.data))]


def padded(raw: bytes, size: int = 512) -> bytes:
    return raw + b"\0" * (-len(raw) % size)


def write_v1(path: Path, abf: Abf, version: float = 1.83) -> Path:
    """An ABF 1 file of version 1.6 or later, or of 1.5 with its short header."""
    new = version > 1.59
    head = bytearray(6144 if new else 2048)

    def put(form: str, place: int, *values: float | bytes) -> None:
        struct.pack_into("<" + form, head, place, *values)

    size = len(head) // 512
    data, synch = padded(abf.samples()), b"".join(struct.pack("<ii", *row) for row in abf.table())
    tags = b"".join(struct.pack("<i56shh", when, what.encode(), 0, 0) for when, what in abf.tags)
    put("4sfhihiii", 0, b"ABF ", version, abf.mode, abf.count(), 0, len(abf.data), 20200102, 3600)
    put("ii", 40, size, size + len(data) // 512 + len(padded(synch)) // 512)
    put("i", 48, len(abf.tags))
    put("iih", 92, size + len(data) // 512 if synch else 0, len(abf.table()), int(abf.floats))
    put("hff", 120, len(abf.channels), abf.dt * 1e3 / len(abf.channels), 0.0)
    put("f", 130, 1.0)
    put("i", 146, len(abf.data) if abf.per_run is None else abf.per_run)
    put("ffii", 244, RANGE, RANGE, RESOLUTION, RESOLUTION)
    for k, channel in enumerate(abf.channels):
        n = channel.number or k
        put("h", 410 + 2 * k, n)
        put("10s", 442 + 10 * n, channel.name.encode().ljust(10))
        put("8s", 602 + 8 * n, channel.unit.encode("latin-1").ljust(8))
        put("f", 730 + 4 * n, 1.0)
        put("f", 922 + 4 * n, channel.scale)
        put("f", 1050 + 4 * n, 1.0)
        if new and channel.clamp is not None:
            put("h", 4512 + 2 * n, 1)
            put("h", 4544 + 2 * n, MULTICLAMP)
            put("f", 4576 + 4 * n, channel.gain)
            put("f", 4640 + 4 * n, 10_000.0)
            put("h", 4768 + 2 * n, channel.clamp)
    for k, command in enumerate(abf.commands):
        put("10s", 1306 + 10 * k, command.name.encode().ljust(10))
        put("8s", 1346 + 8 * k, command.unit.encode().ljust(8))
        put("f", 1394 + 4 * k, command.holding)
        (_command_new if new else _command_old)(put, k, command)
    if new:
        put("256s", 4898, abf.protocol.encode())
        put("h", 5876, int(abf.alternating))
    path.write_bytes(bytes(head) + data + padded(synch) + padded(tags))
    return path


def _command_new(put, k: int, command: Command) -> None:
    put("h", 2296 + 2 * k, int(command.source > 0))
    put("h", 2300 + 2 * k, command.source)
    put("h", 2304 + 2 * k, int(command.keeps))
    for n, (kind, level, step, duration, longer, period, width) in enumerate(command.epochs):
        put("h", 2308 + 2 * (10 * k + n), kind)
        for place, value in ((2348, level), (2428, step)):
            put("f", place + 4 * (10 * k + n), value)
        for place, value in ((2508, duration), (2588, longer), (2136, period), (2216, width)):
            put("i", place + 4 * (10 * k + n), value)
    put("f", 2708 + 4 * k, command.scale)
    put("f", 2716 + 4 * k, command.offset)
    put("i", 2724 + 4 * k, command.sweep)
    put("256s", 2736 + 256 * k, command.path.encode())
    put("h", 3260 + 2 * k, int(command.conditioned))
    if command.user_list:
        parameter, values, repeats = command.user_list
        put("h", 3360 + 2 * k, 1)
        put("h", 3368 + 2 * k, parameter)
        put("256s", 3376 + 256 * k, values.encode())
        put("h", 4400 + 2 * k, int(repeats))


def _command_old(put, k: int, command: Command) -> None:
    if k:
        return
    put("hhh", 1438, command.source, 0, int(command.keeps))
    for n, (kind, level, step, duration, longer, *_) in enumerate(command.epochs):
        put("h", 1444 + 2 * n, kind)
        put("f", 1464 + 4 * n, level)
        put("f", 1504 + 4 * n, step)
        put("h", 1544 + 2 * n, duration)
        put("h", 1564 + 2 * n, longer)


def write_v2(path: Path, abf: Abf, version: tuple[int, int] = (2, 6)) -> Path:
    """An ABF 2 file: a header of 512 bytes with a table of sections, and the sections, block by block."""
    strings: list[str] = []

    def text(value: str) -> int:
        strings.append(value)
        return len(strings)

    protocol = bytearray(512)
    struct.pack_into("<hf", protocol, 0, abf.mode, abf.dt * 1e3)
    struct.pack_into("<f", protocol, 14, 1.0)
    struct.pack_into("<i", protocol, 30, len(abf.data) if abf.per_run is None else abf.per_run)
    struct.pack_into("<ffii", protocol, 110, RANGE, RANGE, RESOLUTION, RESOLUTION)
    struct.pack_into("<h", protocol, 182, int(abf.alternating))
    path_index = text(abf.protocol)
    adc = b"".join(_adc(channel, k, text) for k, channel in enumerate(abf.channels))
    dac = b"".join(_dac(command, k, text) for k, command in enumerate(abf.commands))
    epochs = b"".join(
        struct.pack("<hhhffiiii18x", n, k, *row) for k, c in enumerate(abf.commands) for n, row in enumerate(c.epochs)
    )
    lists = b"".join(
        struct.pack("<hhhhi52x", k, 0, c.user_list[0], int(c.user_list[2]), text(c.user_list[1]))
        for k, c in enumerate(abf.commands)
        if c.user_list
    )
    tags = b"".join(struct.pack("<i56shh", when, what.encode(), 0, 0) for when, what in abf.tags)
    raw = b"\0".join(value.encode("latin-1") for value in strings) + b"\0"
    cache = struct.pack("<4sIIIi24x", b"SSCH", 1, len(strings), 99, len(raw)) + raw
    synch = b"".join(struct.pack("<ii", *row) for row in abf.table())
    data = abf.samples()
    sections = {
        76: (protocol, 512),
        92: (adc, 128),
        108: (dac, 256),
        124: (bytes(32 * max(len(c.epochs) for c in abf.commands)), 32),  # digital outputs
        156: (epochs, 48),
        172: (lists, 64),
        220: (cache, len(cache)),
        236: (data, 4 if abf.floats else 2),
        252: (tags, 64),
        316: (synch, 8),
    }
    head, body, block = bytearray(512), b"", 1
    struct.pack_into("<4sBBBBII", head, 0, b"ABF2", 0, 0, version[1], version[0], 512, len(abf.data))
    struct.pack_into("<II", head, 16, 20200102, 3_600_000)
    struct.pack_into("<hh", head, 28, 1, int(abf.floats))
    struct.pack_into("<I", head, 72, path_index)
    for place, (content, width) in sections.items():
        if content:
            count = abf.count() if place == 236 else len(content) // width
            struct.pack_into("<IIq", head, place, block, width, count)
            body += padded(bytes(content))
            block = 1 + len(body) // 512
    path.write_bytes(bytes(head) + body)
    return path


def _adc(channel: Channel, k: int, text) -> bytes:
    entry = bytearray(128)
    on = channel.clamp is not None
    instrument = MULTICLAMP if on else 0
    struct.pack_into("<hhhff", entry, 0, channel.number or k, int(on), instrument, channel.gain, 10_000.0 if on else 0)
    struct.pack_into("<h", entry, 18, channel.clamp or 0)
    struct.pack_into("<7f", entry, 28, 1.0, 1.0, 0.0, channel.scale, 0.0, 1.0, 0.0)
    struct.pack_into("<ii", entry, 74, text(channel.name), text(channel.unit))
    return bytes(entry)


def _dac(command: Command, k: int, text) -> bytes:
    entry = bytearray(256)
    struct.pack_into("<h", entry, 0, k)
    struct.pack_into("<f", entry, 12, command.holding)
    struct.pack_into("<ii", entry, 24, text(command.name), text(command.unit))
    on, keeps = int(command.source > 0), int(command.keeps)
    rest = (command.scale, command.offset, command.sweep, 0, int(command.conditioned))
    struct.pack_into("<hhhffihh", entry, 40, on, command.source, keeps, *rest)
    struct.pack_into("<i", entry, 118, text(command.path) if command.path else 0)
    return bytes(entry)


def with_copy(path: Path, values: np.ndarray) -> Path:
    """The file with its own copy of what its first output played, `values` in steps of the converter."""
    raw = bytearray(padded(path.read_bytes()))
    place = 2048 if raw[:4] == b"ABF " else struct.unpack_from("<I", raw, 108)[0] * 512 + 32
    struct.pack_into("<i", raw, place, len(raw) // 512)
    struct.pack_into("<i", raw, place + (8 if raw[:4] == b"ABF " else 4), 1)
    path.write_bytes(bytes(raw) + np.asarray(values).astype("<i2").tobytes())
    return path


WRITERS = {"ABF 1": write_v1, "ABF 2": write_v2}
