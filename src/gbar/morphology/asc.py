"""Neurolucida's text format (ASC), parsed to outlines and branches with every point that stands in the file.

A parser of our own: the sections that NEURON makes depend on single outlines, on double points and on the points'
order, which libraries that hand out finished neurites have already merged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gbar.errors import CellError
from gbar.morphology.points import FARTHEST, read_text

_SOMA = {"CellBody", "Cell Body", "Soma"}
_TYPES = {"Axon": 2, "Dendrite": 3, "Apical": 4}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_POINT = r"\([^\S\n]*" + r"[^\S\n]+".join([_NUMBER] * 4) + r"[^\S\n]*\)"  # as nearly all are written
_TOKEN = re.compile(
    rf"(?P<blank>[^\S\n]+|;[^\n]*|,)|(?P<line>\n)|(?P<point>{_POINT})|(?P<number>{_NUMBER})(?![\w.])"
    r'|(?P<string>"[^"\n]*")|(?P<label>[A-Za-z0-9_]+)|(?P<mark>[()|<>])'
)
_OPENING = ("(", "point")  # the kinds of token that begin with a bracket


@dataclass
class Branch:
    """An unbranched piece of a tree: its own points, and the branch that it continues (an index; -1: none)."""

    type: int
    line: int
    points: Float[np.ndarray, "point 4"]  # x y z diam in um
    parent: int = -1


@dataclass
class Drawing:
    """What an ASC file has of a cell: outlines of the soma (each with its line) and branches, parents first."""

    outlines: list[tuple[int, Float[np.ndarray, "point 3"]]] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Token(NamedTuple):
    kind: str  # point (four numbers in brackets on one line), number, string, label, a mark ( ) | < >, or end
    text: str
    line: int


def parse_asc(path: Path) -> Drawing:
    """Parses an ASC file; raises CellError with the line at what the format does not allow."""
    return _Parser(path, read_text(path)).drawing()


def _tokens(path: Path, text: str) -> Iterator[_Token]:
    line, at = 1, 0
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            what = f"unexpected {text[at]!r}" + (" (a quote that is not closed)" if text[at] == '"' else "")
            raise CellError(what, file=path, line=line, remedy="a Neurolucida file has (, ), |, numbers and labels")
        at = match.end()
        kind = match.lastgroup or ""
        if kind == "line":
            line += 1
        elif kind != "blank":
            word = match.group()
            yield _Token(word if kind == "mark" else kind, word.strip('"') if kind == "string" else word, line)
    yield _Token("end", "the end of the file", line)


class _Parser:
    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.tokens = list(_tokens(path, text))
        self.at = 0
        self.result = Drawing()

    def drawing(self) -> Drawing:
        if self.kind() == "end":
            raise self.fail("no points", "a Neurolucida file has trees: ((Dendrite) (x y z diam) ...)")
        while self.kind() != "end":
            self.block()
        return self.result

    def kind(self, ahead: int = 0) -> str:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)].kind

    def next(self, kind: str | None = None) -> _Token:
        token = self.tokens[self.at]
        if kind is not None and token.kind != kind:
            got = "(" if token.kind == "point" else token.text
            raise self.fail(f"expected {kind}, got {got!r}", "mend the brackets or the point")
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def fail(self, what: str, remedy: str) -> CellError:
        return CellError(what, file=self.path, line=self.tokens[self.at].line, remedy=remedy)

    def block(self) -> None:
        """A top-level bracket: an outline, a tree, or something without points of the cell."""
        if self.kind() == "point":
            self.next()
            return
        if self.kind() != "(":
            self.next("(")
        if self.kind(1) == "string":
            self.outline()
        elif self.kind(1) in _OPENING and not self.is_text():
            self.tree()
        else:
            self.skip("(", ")")

    def skip(self, opening: str, closing: str) -> None:
        start, depth = self.tokens[self.at], 0
        while True:
            kind = self.kind()
            if kind == "end":
                what = f"the bracket opened here is never closed: {start.text}"
                raise CellError(what, file=self.path, line=start.line, remedy=f"add {closing}")
            depth += (kind == opening) - (kind == closing)
            self.next()
            if depth == 0:
                return

    def is_text(self) -> bool:
        """Whether a bracket holds properties, one point and a string: a remark in the drawing."""
        begin = self.at
        self.next("(")
        self.properties()
        text = False
        if self.at_point():
            self.next() if self.kind() == "point" else self.skip("(", ")")
            text = self.kind() == "string" and self.kind(1) == ")"
        self.at = begin
        return text

    def properties(self) -> str:
        """Passes over brackets that begin with a label; the label of the last one."""
        last = ""
        while self.kind() == "(" and self.kind(1) == "label":
            last = self.tokens[self.at + 1].text
            self.skip("(", ")")
        return last

    def outline(self) -> None:
        start = self.next("(")
        name = self.next("string").text
        if name not in _SOMA:
            self.at -= 2
            self.skip("(", ")")
            return
        self.properties()
        points = []
        while self.kind() in _OPENING:
            points.append(self.point())
        self.next(")")
        if len(points) > 2:
            self.result.outlines.append((start.line, np.array(points)[:, :3]))
        else:
            self.result.notes.append(
                f"{self.path}:{start.line}: an outline of the soma of {len(points)} points is left out, as NEURON does"
            )

    def tree(self) -> None:
        """Branches until the tree's bracket closes. Read with a stack: trees may be thousands of forks deep."""
        self.next("(")
        kind = _TYPES.get(self.properties(), 0)
        forks: list[int] = []
        current = self.branch(kind, -1)
        while True:
            while self.kind() == "(" and self.kind(1) == "label":
                self.skip("(", ")")
            if self.kind() == "(":
                self.next()
                forks.append(current)
                current = self.branch(kind, current)
                continue
            if self.kind() == "label":
                self.next()
            while forks and self.kind() == ")":
                self.next()
                forks.pop()
            if forks and self.kind() == "|":
                self.next()
                current = self.branch(kind, forks[-1])
                continue
            self.next(")")
            if not forks:
                return

    def branch(self, kind: int, parent: int) -> int:
        line = self.tokens[self.at].line
        points: list[tuple[float, float, float, float]] = []
        while self.kind() == "(" and self.kind(1) == "label" and not points:
            self.skip("(", ")")
        while self.at_point():
            points.append(self.point())
            while self.kind() == "<":
                self.skip("<", ">")
        if not points:
            raise self.fail(f"expected a point of a branch, got {self.tokens[self.at].text!r}", "add (x y z diam)")
        self.result.branches.append(Branch(kind, line, np.array(points), parent))
        return len(self.result.branches) - 1

    def at_point(self) -> bool:
        return self.kind() == "point" or (self.kind() == "(" and self.kind(1) == "number")

    def number(self, text: str) -> float:
        value = float(text)
        if not abs(value) <= FARTHEST:
            raise self.fail(f"{value:g} is no number of {FARTHEST:g} um at most", "mend the point")
        return value

    def point(self) -> tuple[float, float, float, float]:
        if self.kind() == "point":
            x, y, z, d = map(self.number, self.tokens[self.at].text[1:-1].split())
            self.next()
            return x, y, z, d
        self.next("(")
        values = [self.number(self.next("number").text)]
        while self.kind() == "number" and len(values) < 4:
            values.append(self.number(self.next().text))
        if len(values) < 2:
            raise self.fail("expected a point of two numbers at least", "write (x y z diam)")
        if self.kind() == "label":
            self.next()
        if self.kind() == "(":
            self.skip("(", ")")
        self.next(")")
        x, y, z, d = (*values, 0.0, 0.0)[:4]
        return x, y, z, d
