"""Files of numbers as they are stored: text with or without headings, NumPy archives; nothing is unpickled."""

from __future__ import annotations

import csv
import math
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError

EXAMPLE = "name the columns with their units, as in time_ms,voltage_mV,current_pA"
_MOST_BYTES = 2_000_000_000  # of the numbers of one archive in memory
_DAMAGED = (
    *(ValueError, TypeError, OSError, EOFError, KeyError, RuntimeError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)  # what zipfile and numpy raise of a damaged archive


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
                    columns[name] = np.lib.format.read_array(stream, allow_pickle=False).astype(np.float64)
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
    lines = _lines(path)
    first = lines[0][1]
    delimiter = next((d for d in ("\t", ";", ",") if d in first), None)
    heading = [
        cell.strip() for cell in (next(csv.reader([first], delimiter=delimiter)) if delimiter else first.split())
    ]
    named = not _all_numbers(heading)
    if named and heading[0] == "" and heading[1:] == [str(k) for k in range(len(heading) - 1)]:
        body = _numbers(lines[1:], delimiter, path)  # as pandas writes: an index above and to the left
        return Table({}, body[:, 1:])
    if not named:
        body = _numbers(lines, delimiter, path)
        return Table({}, body)
    body = _numbers(lines[1:], delimiter, path)
    if body.shape[1] != len(heading):
        refuse(path, f"{len(heading)} headings over {body.shape[1]} columns", EXAMPLE, lines[0][0])
    if len(set(heading)) != len(heading):
        refuse(path, "two columns have the same heading", EXAMPLE, lines[0][0])
    return Table(dict(zip(heading, body.T, strict=True)))


def _lines(path: Path) -> list[tuple[int, str]]:
    """The file's lines with their numbers, without blank ones and comments (#)."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordingError("not a text file", file=path, remedy="export it as comma-separated text") from error
    if "\0" in text:
        refuse(path, "not a text file", "export it as comma-separated text")
    lines = [
        (k, line) for k, line in enumerate(text.splitlines(), 1) if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        refuse(path, "holds no numbers", EXAMPLE)
    return lines


def _all_numbers(cells: list[str]) -> bool:
    try:
        return bool([float(cell) for cell in cells])
    except ValueError:
        return False


def _numbers(lines: list[tuple[int, str]], delimiter: str | None, path: Path) -> Float[np.ndarray, "line column"]:
    if not lines:
        refuse(path, "headings but no numbers below them", EXAMPLE)
    try:
        return np.loadtxt([line for _, line in lines], delimiter=delimiter, ndmin=2, comments=None)
    except ValueError as error:
        _refuse_line(path, lines, delimiter, error)


def _refuse_line(path: Path, lines: list[tuple[int, str]], delimiter: str | None, error: ValueError) -> NoReturn:
    """Names the first line that is not as long as the first one or holds something else than numbers."""
    width = len(lines[0][1].split(delimiter))
    for number, line in lines:
        cells = line.split(delimiter)
        if len(cells) != width:
            refuse(
                path,
                f"{len(cells)} cells, but {width} in the lines above",
                "give every line the same number of cells",
                number,
            )
        for cell in cells:
            if not _all_numbers([cell]):
                refuse(
                    path,
                    f"{cell.strip()[:40]!r} is not a number",
                    "write decimal points, and a heading on the first line only",
                    number,
                )
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
