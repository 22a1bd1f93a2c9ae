"""NMODL text -> tokens.

What is a comment, a unit or a name depends on where it stands, so this is done before the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isinf

from gbar.errors import NmodlError
from gbar.nmodl.tree import Position

MAX_BYTES = 1_000_000
MAX_NESTING = 100

KEYWORDS = frozenset(
    {
        "NEURON", "SUFFIX", "USEION", "READ", "WRITE", "VALENCE", "NONSPECIFIC_CURRENT", "RANGE", "GLOBAL",
        "THREADSAFE", "UNITS", "PARAMETER", "CONSTANT", "ASSIGNED", "STATE", "INDEPENDENT", "INITIAL", "BREAKPOINT",
        "DERIVATIVE", "PROCEDURE", "FUNCTION", "LOCAL", "IF", "ELSE", "SOLVE", "METHOD", "STEADYSTATE", "TABLE",
        "DEPEND", "FROM", "TO", "WITH", "START", "CONDUCTANCE",
    }
)  # fmt: skip
_SILENT = frozenset(["READ", "WRITE", "VALENCE", "FROM", "TO", "WITH", "START", "DEPEND"])  # the grammar forgets them
ALIASES = {"if": "IF", "else": "ELSE"}  # the only keywords that NEURON has in lower case too

_BLOCK = "write the equations with DERIVATIVE and METHOD cnexp"
_C = "C code is never run: write it in NMODL, or delete the block if it only returns or prints"
_CONTINUOUS = "only density mechanisms whose states follow DERIVATIVE blocks are read"
_DENSITY = "only density mechanisms (SUFFIX) are read; a stimulus is stated in the protocol"
_INDEPENDENT_LANES = "compartments share nothing but voltage and ions here: state the value as a PARAMETER"
_LOOP = "write the repeated statements out"
_SCALARS = "write scalar statements"

REFUSED = {
    "VERBATIM": _C,
    "INCLUDE": "paste the included text in its place",
    "DEFINE": "write the number where the name stands",
    "POINT_PROCESS": _DENSITY,
    "ARTIFICIAL_CELL": _DENSITY,
    "ELECTRODE_CURRENT": _DENSITY,
    "NET_RECEIVE": _DENSITY,
    "POINTER": _INDEPENDENT_LANES,
    "BBCOREPOINTER": _INDEPENDENT_LANES,
    "RANDOM": _INDEPENDENT_LANES,
    "EXTERNAL": _INDEPENDENT_LANES,
    "KINETIC": _BLOCK,
    "CONSERVE": _BLOCK,
    "COMPARTMENT": _BLOCK,
    "LONGITUDINAL_DIFFUSION": _BLOCK,
    "REACTION": _BLOCK,
    "LINEAR": _BLOCK,
    "NONLINEAR": _BLOCK,
    "DISCRETE": _BLOCK,
    "PARTIAL": _BLOCK,
    "LAG": _BLOCK,
    "FUNCTION_TABLE": "write the table as a FUNCTION",
    "WATCH": _CONTINUOUS,
    "FOR_NETCONS": _CONTINUOUS,
    "BEFORE": _CONTINUOUS,
    "AFTER": _CONTINUOUS,
    "CONSTRUCTOR": _CONTINUOUS,
    "DESTRUCTOR": _CONTINUOUS,
    "WHILE": _LOOP,
    "while": _LOOP,
    "PROTECT": "delete the word: gbar's threads share nothing",
    "MUTEXLOCK": "delete the word: gbar's threads share nothing",
    "MUTEXUNLOCK": "delete the word: gbar's threads share nothing",
}

PUNCTUATION = {
    "{": "_LBRACE", "}": "_RBRACE", "(": "_LPAR", ")": "_RPAR", ",": "_COMMA", "=": "_EQUAL", "'": "PRIME",
    "+": "PLUS", "-": "MINUS", "*": "STAR", "/": "SLASH", "^": "CARET", "<": "LESS", ">": "MORE",
    "<=": "LESSEQUAL", ">=": "MOREEQUAL", "==": "SAME", "!=": "DIFFERENT", "&&": "AND", "||": "OR", "!": "NOT",
}  # fmt: skip

_TOKEN = re.compile(
    r"(?P<SPACE>[ \t\f\v\n]+)"
    r"|(?P<REMARK>[:?][^\n]*)"
    r"|(?P<WORD>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<NUMBER>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<OPERATOR><=|>=|==|!=|&&|\|\||[{}(),='+\-*/^<>!])"
)
_UNIT = re.compile(r"\(([^()\n{}]*)\)")
_DEFINES = re.compile(r"\s*=(?!=)")  # a unit before "=" is being defined
_NOTHING = re.compile(r"[ \t\f\v\n]*")
_DECLARING = frozenset({"PARAMETER", "ASSIGNED", "STATE", "UNITS", "CONSTANT", "INDEPENDENT"})


@dataclass(frozen=True)
class Lexeme:
    """One token: `kind` is a terminal of the grammar, `text` as written (of a unit: what its parentheses hold)."""

    kind: str
    text: str
    at: Position


def decode(data: bytes, file: str) -> str:
    """The text of a .mod file, with one kind of line end and nothing after a Ctrl-Z. UTF-8, or else Latin-1."""
    if len(data) > MAX_BYTES:
        raise too_large(len(data), file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return normalise(text)


def too_large(size: int, file: str) -> NmodlError:
    """The refusal of a file of `size` bytes."""
    return NmodlError(f"the file has {size} bytes", file=file, remedy=f"a .mod file has at most {MAX_BYTES} bytes")


def normalise(text: str) -> str:
    """`text` with `\\n` for every kind of line end, ended at the first Ctrl-Z."""
    return text.split("\x1a", 1)[0].replace("\r\n", "\n").replace("\r", "\n")


class _Cursor:
    """Line and column of increasing offsets into a text."""

    def __init__(self, text: str) -> None:
        self.text, self.offset, self.line, self.start = text, 0, 1, 0

    def at(self, offset: int) -> Position:
        breaks = self.text.count("\n", self.offset, offset)
        if breaks:
            self.line += breaks
            self.start = self.text.rfind("\n", 0, offset) + 1
        self.offset = offset
        return Position(self.line, offset - self.start + 1)


class _Context:
    """What a parenthesis means here: it opens a unit in declarations, after a number and in a FUNCTION's header."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.depth = 0  # of braces
        self.round = 0  # of parentheses in an expression
        self.declaring = False
        self.heading = False
        self.last = ""  # kind of the last token
        self.before = ""  # and of the one before

    def unit_opens(self) -> bool:
        if self.heading:
            return not (self.last == "NAME" and self.before in ("FUNCTION", "PROCEDURE"))
        return self.declaring or self.last == "NUMBER"

    def follow(self, kind: str, at: Position) -> None:
        if kind in _DECLARING:
            self.declaring = True
        elif kind in ("FUNCTION", "PROCEDURE"):
            self.heading = True
        elif kind == "_LBRACE":
            self.depth, self.heading = self.depth + 1, False
        elif kind == "_RBRACE":
            self.depth, self.declaring = max(self.depth - 1, 0), False
        self.round = (
            max(self.round + {"_LPAR": 1, "_RPAR": -1}.get(kind, 0), 0) if kind not in ("_LBRACE", "_RBRACE") else 0
        )
        if self.depth + self.round > MAX_NESTING:
            raise NmodlError(
                f"more than {MAX_NESTING} levels of parentheses and braces",
                file=self.file,
                line=at.line,
                column=at.column,
                remedy="name the inner parts with LOCAL variables",
            )
        self.before, self.last = self.last, kind


def tokens(text: str, file: str) -> Iterator[Lexeme]:
    """The tokens of `text`, whose line ends are as `normalise` leaves them.

    Raises NmodlError, also for words of the language that gbar does not read.
    """
    cursor, context, offset = _Cursor(text), _Context(file), 0
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        at = cursor.at(offset)
        if match is None:
            raise _stray(text[offset], at, file)
        kind, word = str(match.lastgroup), match.group()
        offset = match.end()
        if kind in ("SPACE", "REMARK"):
            continue
        if kind == "WORD":
            kind, offset, skip, word = _word(text, word, offset, at, file)
            if skip:
                continue
        elif kind == "NUMBER" and isinf(float(word)):
            raise NmodlError(
                f"{word[:40]} is too large a number",
                file=file,
                line=at.line,
                column=at.column,
                remedy="numbers end near 1.8e308",
            )
        elif kind == "OPERATOR":
            kind = PUNCTUATION[word]
            if word == "(" and context.unit_opens():
                unit = _UNIT.match(text, match.start())
                if unit is None:
                    raise NmodlError(
                        "a unit was expected between these parentheses",
                        file=file,
                        line=at.line,
                        column=at.column,
                        remedy="write it like (mV), on one line",
                    )
                word, offset = unit.group(1).strip(), unit.end()
                kind = "ALIAS" if context.declaring and _DEFINES.match(text, offset) else "UNIT"
        context.follow(kind, at)
        yield Lexeme(kind, word, at)


def _word(text: str, word: str, offset: int, at: Position, file: str) -> tuple[str, int, bool, str]:
    """(kind, offset after it, whether it is to be skipped, its text) of a word."""
    line_end = text.find("\n", offset)
    line_end = len(text) if line_end < 0 else line_end
    if word == "COMMENT":
        end = re.compile(r"\bENDCOMMENT\b").search(text, offset)
        if end is None:
            raise NmodlError(
                "COMMENT without ENDCOMMENT",
                file=file,
                line=at.line,
                column=at.column,
                remedy="close it with ENDCOMMENT",
            )
        return "", end.end(), True, ""
    if word == "TITLE":
        return "TITLE", line_end, False, text[offset:line_end].strip()
    if word in ("UNITSOFF", "UNITSON"):
        return "", offset, True, ""
    if word == "REPRESENTS":
        start = _NOTHING.match(text, offset)
        end = re.compile(r"\S*").match(text, start.end() if start else offset)
        return "", end.end() if end else offset, True, ""
    if word in REFUSED:
        raise NmodlError(f"{word} is not supported", file=file, line=at.line, column=at.column, remedy=REFUSED[word])
    if word in KEYWORDS or word in ALIASES:
        kind = ALIASES.get(word, word)
        return ("_" + kind if kind in _SILENT else kind), offset, False, word
    return "NAME", offset, False, word


def _stray(character: str, at: Position, file: str) -> NmodlError:
    what, remedy = f"unexpected character {character!r}", "delete it, or make it a comment with ':'"
    if character in "[]":
        what, remedy = "arrays are not supported", _SCALARS
    elif character == "~":
        what, remedy = "reactions and linear equations (~) are not supported", _BLOCK
    elif character == '"':
        what, remedy = "strings are not supported", "delete it"
    return NmodlError(what, file=file, line=at.line, column=at.column, remedy=remedy)
