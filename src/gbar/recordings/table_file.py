"""Files of numbers as they are stored: text with or without headings, NumPy archives; nothing is unpickled."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError

EXAMPLE = "name the columns with their units, as in time_ms,voltage_mV,current_pA"


@dataclass(frozen=True)
class Table:
    """Numbers under headings: `columns[name]` is [time] or [sweep, time]. No headings: `matrix` is [sweep, time]."""

    columns: Mapping[str, np.ndarray]
    matrix: np.ndarray | None = None


def load(path: Path) -> Table:
    """The numbers of a .npz archive or of any text file; raises RecordingError."""
    return _load_npz(path) if path.suffix.lower() == ".npz" else _load_text(path)


def _load_npz(path: Path) -> Table:
    columns = {}
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            for name in archive.files:
                columns[name] = archive[name]
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        objects = "allow_pickle" in str(error)
        raise RecordingError(
            "holds Python objects, which are never unpickled"
            if objects
            else "not a readable NPZ archive (damaged or truncated)",
            file=path,
            remedy="save plain arrays with numpy.savez(path, time_ms=..., voltage_mV=..., current_pA=...)",
        ) from error
    for name, values in columns.items():
        if values.dtype.kind not in "fiu":
            raise RecordingError(
                f"{name} holds {values.dtype}, not numbers", file=path, remedy="save plain arrays of numbers"
            )
        columns[name] = values.astype(np.float64)
    if not columns:
        raise RecordingError("holds no arrays", file=path, remedy="save time_ms, voltage_mV and current_pA")
    return Table(columns)


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
