"""Files of numbers as they are stored: text with or without headings, NumPy archives; nothing is unpickled."""

from __future__ import annotations

import csv
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import IO, NoReturn, TextIO

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError

EXAMPLE = "name the columns with their units, as in time_ms,voltage_mV,current_pA"
_MOST_BYTES = 2_000_000_000  # of the numbers of one archive in memory
_MOST_TEXT_NUMBERS = 1_000_000_000  # bytes in memory
_LONGEST_LINE = 200_000_000  # characters
_PART = 8_000_000  # characters that are read at once
_DAMAGED = (
    *(ValueError, TypeError, OSError, EOFError, KeyError, RuntimeError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)  # what zipfile and numpy raise of a damaged archive

Line = tuple[int, str]  # its number from 1, and its text


@dataclass(frozen=True)
class Table:
    """Numbers under headings: `columns[name]` is [time] or [sweep, time]. No headings: `matrix` is [sweep, time]."""

    columns: Mapping[str, np.ndarray]
    matrix: np.ndarray | None = None


def load(path: Path) -> Table:
    """The numbers of a .npz archive or of any text file; raises RecordingError."""
    return _load_npz(path) if path.suffix.lower() == ".npz" else _load_text(path)


def _load_npz(path: Path) -> Table:
    """The arrays of an archive. Their headers are looked at first: a small file can claim arrays of any size."""
    columns, total = {}, 0
    remedy = "save plain arrays with numpy.savez(path, time_ms=..., voltage_mV=..., current_pA=...)"
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if name in columns:
                    refuse(path, f"two arrays are named {name!r}", remedy)
                with archive.open(member) as stream:
                    shape, dtype = _header(stream)
                if dtype.hasobject:
                    refuse(path, "holds Python objects, which are never unpickled", remedy)
                if dtype.kind not in "fiu":
                    refuse(path, f"{name} holds {dtype}, not numbers", "save plain arrays of numbers")
                total += math.prod(shape) * max(dtype.itemsize, 8)
                if total > _MOST_BYTES:
                    what = f"its arrays claim more than {_MOST_BYTES // 10**6} MB ({name} has the shape {shape})"
                    refuse(path, what, "save fewer sweeps in a file")
                with archive.open(member) as stream:
                    columns[name] = np.lib.format.read_array(stream, allow_pickle=False).astype(np.float64, copy=False)
    except _DAMAGED as error:
        raise RecordingError("not a readable NPZ archive (damaged or truncated)", file=path, remedy=remedy) from error
    if not columns:
        refuse(path, "holds no arrays", "save time_ms, voltage_mV and current_pA")
    return Table(columns)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the array that a .npy stream begins with; raises ValueError if it does not."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version}")  # 3.0 is for tables with named fields
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if min(shape, default=0) < 0:
        raise ValueError(f"shape {shape}")
    return shape, dtype


def _load_text(path: Path) -> Table:
    """A table of text: comma, semicolon, tab or blanks between the cells, one line of headings or none."""
    with _text(path) as lines:
        start = next(lines, None)
        if start is None:
            refuse(path, "holds no numbers", EXAMPLE)
        number, first = start
        delimiter = next((d for d in ("\t", ";", ",") if d in first), None)
        heading = _cells(first, delimiter, path, number)
        if _all_numbers(heading):
            return Table({}, _numbers(chain([start], lines), delimiter, path))
        body = _numbers(lines, delimiter, path)
    if heading[0] == "" and heading[1:] == [str(k) for k in range(len(heading) - 1)]:
        return Table({}, body[:, 1:])  # as pandas writes: an index above and to the left
    if body.shape[1] != len(heading):
        refuse(path, f"{len(heading)} headings over {body.shape[1]} columns", EXAMPLE, number)
    if len(set(heading)) != len(heading):
        refuse(path, "two columns have the same heading", EXAMPLE, number)
    return Table(dict(zip(heading, body.T, strict=True)))


def _cells(line: str, delimiter: str | None, path: Path, number: int) -> list[str]:
    """The cells of the first line, which may be quoted."""
    try:
        cells = next(csv.reader([line], delimiter=delimiter)) if delimiter else line.split()
    except csv.Error:
        refuse(path, "not a line of headings or numbers", EXAMPLE, number)
    return [cell.strip() for cell in cells]


@contextmanager
def _text(path: Path) -> Iterator[Iterator[Line]]:
    """The file's lines with their numbers, without blank ones and comments (#), one after another."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            yield _lines(stream, path)
    except UnicodeDecodeError as error:
        raise RecordingError("not a text file", file=path, remedy="export it as comma-separated text") from error


def _lines(stream: TextIO, path: Path) -> Iterator[Line]:
    for number in count(1):
        line = stream.readline(_LONGEST_LINE)
        if not line:
            return
        if len(line) >= _LONGEST_LINE:
            what = f"a line of more than {_LONGEST_LINE // 10**6} MB"
            refuse(path, what, "put sweeps below one another, with a column sweep", number)
        if "\0" in line:
            refuse(path, "not a text file", "export it as comma-separated text")
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.rstrip("\r\n")


def _all_numbers(cells: list[str]) -> bool:
    try:
        return bool([float(cell) for cell in cells])
    except ValueError:
        return False


def _numbers(lines: Iterator[Line], delimiter: str | None, path: Path) -> Float[np.ndarray, "line column"]:
    """The lines as numbers, read part by part; refused as soon as they are seen not to fit in memory."""
    parts, width, size, read = [], 0, path.stat().st_size, 0
    while part := _part(lines):
        width = width or len(part[0][1].split(delimiter))
        try:
            parts.append(np.loadtxt([line for _, line in part], delimiter=delimiter, ndmin=2, comments=None))
        except ValueError as error:
            _refuse_line(path, part, delimiter, width, error, last=next(lines, None) is None)
        if parts[-1].shape[1] != width:
            _refuse_line(path, part, delimiter, width, ValueError("not a table"), last=next(lines, None) is None)
        read += sum(len(line) + 1 for _, line in part)
        needed = int(sum(block.nbytes for block in parts) * max(1.0, size / read))
        if needed > _MOST_TEXT_NUMBERS:
            what = f"its {size // 10**6} MB of text are about {needed // 10**6} MB of numbers"
            refuse(path, f"{what}, more than {_MOST_TEXT_NUMBERS // 10**6} MB", "save fewer sweeps in a file, or NWB 2")
    if not parts:
        refuse(path, "headings but no numbers below them", EXAMPLE)
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _part(lines: Iterator[Line]) -> list[Line]:
    """The next lines, about `_PART` characters of them."""
    part, length = [], 0
    for number, line in lines:
        part.append((number, line))
        length += len(line)
        if length >= _PART:
            break
    return part


def _refuse_line(
    path: Path, lines: list[Line], delimiter: str | None, width: int, error: ValueError, *, last: bool
) -> NoReturn:
    """Names the first line that has not `width` cells or holds something else than numbers."""
    for number, line in lines:
        cells = line.split(delimiter)
        if len(cells) != width:
            written = ": is the file still being written?" if last and number == lines[-1][0] else ""
            remedy = "give every line the same number of cells"
            refuse(path, f"{len(cells)} cells, but {width} in the lines above{written}", remedy, number)
        for cell in cells:
            if not _all_numbers([cell]):
                remedy = "write decimal points, and a heading on the first line only"
                refuse(path, f"{cell.strip()[:40]!r} is not a number", remedy, number)
    refuse(path, str(error).splitlines()[0], "write a plain table of numbers")


def refuse(path: Path, what: str, remedy: str, line: int | None = None) -> NoReturn:
    """Raises RecordingError."""
    raise RecordingError(what, file=path, line=line, remedy=remedy)


def check_file(path: Path) -> None:
    """Refuses what is no file, or an empty one; raises RecordingError."""
    try:
        if not path.exists():
            refuse(path, "no such file", "check the path")
        if path.is_dir():
            refuse(path, "is a directory, not a recording", "name a file in it")
        if not path.is_file():
            refuse(path, "is not a regular file", "name a recording's file")
        with path.open("rb") as stream:
            if not stream.read(1):
                refuse(path, "is empty", "copy or download it again")
    except OSError as error:
        what = f"cannot be opened: {error.strerror}"
        raise RecordingError(what, file=path, remedy="check the path and its permissions") from error
