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
        "DEPEND", "FROM", "TO", "WITH", "START", "CONDUCTANCE", "BY", "BEFORE", "AFTER", "STEP", "FUNCTION_TABLE",
        "KINETIC", "LINEAR", "NONLINEAR", "SOLVEFOR", "CONSERVE", "COMPARTMENT", "LONGITUDINAL_DIFFUSION", "DEFINE",
        "INCLUDE",
    }
)  # fmt: skip
_SILENT = frozenset(["READ", "WRITE", "VALENCE", "FROM", "TO", "WITH", "START", "DEPEND", "BY"])  # not in the tree
ALIASES = {"if": "IF", "else": "ELSE", "CHARGE": "VALENCE"}  # two spellings that NEURON knows too
_PASSED_OVER = frozenset(["UNITSOFF", "UNITSON", "PROTECT", "MUTEXLOCK", "MUTEXUNLOCK"])  # threads share nothing here

_CONTINUOUS = "only density mechanisms whose states follow DERIVATIVE, KINETIC or LINEAR blocks are read"
_DENSITY = "only density mechanisms (SUFFIX) are read; a stimulus is stated in the protocol"
_INDEPENDENT_LANES = "compartments share nothing but voltage and ions here: state the value as a PARAMETER"
_BLOCK = "write the equations with DERIVATIVE"

REFUSED = {
    "POINT_PROCESS": _DENSITY,
    "ARTIFICIAL_CELL": _DENSITY,
    "ELECTRODE_CURRENT": _DENSITY,
    "NET_RECEIVE": _DENSITY,
    "POINTER": _INDEPENDENT_LANES,
    "BBCOREPOINTER": _INDEPENDENT_LANES,
    "RANDOM": _INDEPENDENT_LANES,
    "EXTERNAL": _INDEPENDENT_LANES,
    "DISCRETE": _BLOCK,
    "PARTIAL": _BLOCK,
    "LAG": _BLOCK,
    "WATCH": _CONTINUOUS,
    "FOR_NETCONS": _CONTINUOUS,
    "CONSTRUCTOR": _CONTINUOUS,
    "DESTRUCTOR": _CONTINUOUS,
    "WHILE": "write the repeated statements out, or use FROM",
    "while": "write the repeated statements out, or use FROM",
}

PUNCTUATION = {
    "{": "_LBRACE", "}": "_RBRACE", "(": "_LPAR", ")": "_RPAR", ",": "_COMMA", "=": "_EQUAL", "'": "PRIME",
    "+": "PLUS", "-": "MINUS", "*": "STAR", "/": "SLASH", "^": "CARET", "<": "LESS", ">": "MORE",
    "<=": "LESSEQUAL", ">=": "MOREEQUAL", "==": "SAME", "!=": "DIFFERENT", "&&": "AND", "||": "OR", "!": "NOT",
    "[": "_LBRACKET", "]": "_RBRACKET", "<->": "REVERSIBLE", "~": "EQUALITY",
}  # fmt: skip

_TOKEN = re.compile(
    r"(?P<SPACE>[ \t\f\v\n]+)"
    r"|(?P<REMARK>[:?][^\n]*)"
    r"|(?P<WORD>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<NUMBER>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<STRING>\"[^\"\n]*\")"
    r"|(?P<OPERATOR><->|<=|>=|==|!=|&&|\|\||[{}(),='+\-*/^<>!\[\]~])"
)
_UNIT = re.compile(r"\(([^()\n{}]*)\)")
_DEFINES = re.compile(r"\s*=(?!=)")  # a unit before "=" is being defined
_NOTHING = re.compile(r"[ \t\f\v\n]*")
_DECLARING = frozenset({"PARAMETER", "ASSIGNED", "STATE", "UNITS", "CONSTANT", "INDEPENDENT"})
_HEADINGS = frozenset({"FUNCTION", "PROCEDURE", "FUNCTION_TABLE"})
_END_COMMENT = re.compile(r"\bENDCOMMENT\b")
_END_VERBATIM = re.compile(r"\bENDVERBATIM\b")


@dataclass(frozen=True)
class Lexeme:
    """One token: `kind` is a terminal of the grammar, `text` as written (of a unit: what its parentheses hold).

    It stands for a Token of Lark, which asks for `type` alone.
    """

    kind: str
    text: str
    at: Position

    @property
    def type(self) -> str:
        """The terminal's name, as Lark calls it."""
        return self.kind

    def __str__(self) -> str:
        return self.text

    def __float__(self) -> float:
        return float(self.text)


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
        self.reacting = False  # in a KINETIC block, where ~ begins a reaction
        self.last = ""  # kind of the last token
        self.before = ""  # and of the one before

    def unit_opens(self) -> bool:
        if self.heading:
            return not (self.last == "NAME" and self.before in _HEADINGS)
        return self.declaring or self.last == "NUMBER"

    def follow(self, kind: str, at: Position) -> None:
        if kind in _DECLARING:
            self.declaring = True
        elif kind in _HEADINGS:
            self.heading = True
        elif kind in ("KINETIC", "LINEAR", "NONLINEAR"):
            self.reacting = kind == "KINETIC"
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
            kind = "REACTION" if word == "~" and context.reacting else PUNCTUATION[word]
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
    if word in ("COMMENT", "VERBATIM"):
        end = (_END_COMMENT if word == "COMMENT" else _END_VERBATIM).search(text, offset)
        if end is None:
            raise NmodlError(
                f"{word} without END{word}",
                file=file,
                line=at.line,
                column=at.column,
                remedy=f"close it with END{word}",
            )
        return word, end.end(), word == "COMMENT", text[offset : end.start()]
    if word == "TITLE":
        return "TITLE", line_end, False, text[offset:line_end].strip()
    if word in _PASSED_OVER:
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
    if character == '"':
        what, remedy = "a string without its end", "close it with a second quotation mark on the same line"
    return NmodlError(what, file=file, line=at.line, column=at.column, remedy=remedy)
