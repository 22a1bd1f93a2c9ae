"""The points of an SWC file as a table, and the reading of it: seven columns, comments, blank lines, any line ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from gbar.errors import CellError

MAX_BYTES = 500_000_000
FARTHEST = 1e7  # um: ten metres; beyond, single precision cannot tell a soma's ends apart
THINNEST = 1e-9  # um: below, a radius is none
COLUMNS = "id type x y z radius parent"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_ROW = re.compile(r"\s+".join(rf"({_NUMBER})" for _ in range(7)) + r"(?![\w.])")


@dataclass(frozen=True)
class Points:
    """The points of an SWC file in the order of its lines."""

    file: Path
    line: Int[np.ndarray, " point"]
    id: Int[np.ndarray, " point"]
    type: Int[np.ndarray, " point"]
    xyz: Float[np.ndarray, "point 3"]  # um
    radius: Float[np.ndarray, " point"]  # um
    parent: Int[np.ndarray, " point"]  # the parent's id; below 0 for a root

    def __len__(self) -> int:
        return len(self.id)

    def fail(self, index: int, what: str, remedy: str) -> CellError:
        """The error to raise about a point."""
        return CellError(what, file=self.file, line=int(self.line[index]), remedy=remedy)

    def parent_index(self) -> Int[np.ndarray, " point"]:
        """The index of every point's parent; -1 for a root, -2 where there is no such point."""
        order = np.argsort(self.id, kind="stable")
        at = np.searchsorted(self.id[order], self.parent)
        found = order[np.minimum(at, len(self) - 1)]
        missing = np.where(self.parent <= 0, -1, -2)
        return np.where(self.id[found] == self.parent, found, missing)

    def take(self, keep: Int[np.ndarray, " kept"]) -> Points:
        """These points, in this order."""
        return Points(
            self.file,
            self.line[keep],
            self.id[keep],
            self.type[keep],
            self.xyz[keep],
            self.radius[keep],
            self.parent[keep],
        )


def read_points(path: Path) -> Points:
    """Reads an SWC file: lines of `id type x y z radius parent`, separated by blanks; what follows is ignored.

    Raises CellError, with the line, for what is no such line, no finite number or no whole number where one is needed.
    """
    lines = re.split(r"\r\n|\r|\n", read_text(path))
    numbered = [
        (i, text) for i, line in enumerate(lines, 1) if (text := line.strip(" \t\v\f\x1a\0")) and text[0] != "#"
    ]
    if not numbered:
        raise CellError("no points", file=path, remedy=f"an SWC file has lines of: {COLUMNS}")
    rows = [text for _, text in numbered]
    number = np.array([i for i, _ in numbered], dtype=np.int64)
    try:
        table = np.loadtxt(rows, comments=None, usecols=range(7), ndmin=2)
    except ValueError:
        table = _one_by_one(path, numbered)
    _check(path, number, table, rows)
    whole = table[:, [0, 1, 6]].astype(np.int64)
    return Points(path, number, whole[:, 0], whole[:, 1], table[:, 2:5], table[:, 5], whole[:, 2])


def read_text(path: Path) -> str:
    """The text of a file of points, in UTF-8 or else Latin-1."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise CellError(
                f"{size / 1e6:.0f} MB are more than the {MAX_BYTES / 1e6:.0f} MB that gbar reads",
                file=path,
                remedy="thin the points out",
            )
        data = path.read_bytes()
    except OSError as error:
        raise CellError(f"cannot be read: {error.strerror}", file=path, remedy="check the path") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _one_by_one(path: Path, numbered: list[tuple[int, str]]) -> Float[np.ndarray, "point 7"]:
    table = np.empty((len(numbered), 7))
    for k, (i, text) in enumerate(numbered):
        row = _ROW.match(text)
        if row is None:
            shown = text if len(text) <= 40 else text[:37] + "..."
            commas = "separate them by blanks, not commas" if "," in text else "mend or remove the line"
            raise CellError(f"expected seven numbers ({COLUMNS}), got {shown!r}", file=path, line=i, remedy=commas)
        table[k] = [float(word) for word in row.groups()]
    return table


def _check(path: Path, line: Int[np.ndarray, " point"], table: Float[np.ndarray, "point 7"], rows: list[str]) -> None:
    names = COLUMNS.split()
    for column, name in enumerate(names):
        values = table[:, column]
        wrong, want = ~np.isfinite(values), "a finite number"
        if name in ("x", "y", "z", "radius"):
            wrong |= np.abs(values) > FARTHEST
            want = f"a finite number of {FARTHEST:g} um at most"
        else:
            wrong, want = wrong | (values != np.rint(values)) | (np.abs(values) > 2**53), "a whole number"
        if wrong.any():
            k = int(np.argmax(wrong))
            got = rows[k].split()[column]
            raise CellError(f"{name} is {got}, expected {want}", file=path, line=int(line[k]), remedy="mend the line")
    if (table[:, 0] < 0).any():
        k = int(np.argmax(table[:, 0] < 0))
        what = f"id is {table[k, 0]:.0f}, expected 0 or more"
        raise CellError(what, file=path, line=int(line[k]), remedy="number the points from 1")
