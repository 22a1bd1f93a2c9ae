"""Arithmetic in a text, such as `(-0.87 + 2.09 * exp(distance * 0.0031)) * value`: parsed by hand, never executed.

Python's operators and precedence: `+ - * / ** %`, comparisons (also chained), `and or not & |`, `a if b else c`, and
calls of a dozen functions of numbers. Names may stand in braces (`{distance}`) and functions behind `math.`, as
BluePyOpt writes them. A comparison counts 1 or 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gbar.errors import CellError

MAX_LENGTH = 2000
MAX_DEPTH = 25
MAX_TOKENS = 400  # so that no formula exhausts the stack

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>\{\s*[A-Za-z_]\w*\s*\}|(?:math\.)?[A-Za-z_]\w*)"
    r"|(?P<op>\*\*|<=|>=|==|!=|[-+*/%()<>,&|]))",
    re.ASCII,
)

FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {  # fewest and most arguments
    "exp": (1, 1, np.exp),
    "log": (1, 1, np.log),
    "log10": (1, 1, np.log10),
    "sqrt": (1, 1, np.sqrt),
    "pow": (2, 2, np.power),
    "abs": (1, 1, np.abs),
    "fabs": (1, 1, np.abs),
    "int": (1, 1, np.trunc),
    "floor": (1, 1, np.floor),
    "ceil": (1, 1, np.ceil),
    "tanh": (1, 1, np.tanh),
    "sin": (1, 1, np.sin),
    "cos": (1, 1, np.cos),
    "min": (2, 9, lambda *x: _fold(np.minimum, x)),
    "max": (2, 9, lambda *x: _fold(np.maximum, x)),
}
CONSTANTS = {"pi": np.pi, "e": np.e}
_WORDS = ("if", "else", "and", "or", "not")

Node = tuple[Any, ...]  # ("number", x), ("name", id), (operator, node, ...)


@dataclass(frozen=True)
class Formula:
    """A parsed formula. Two are equal if their texts are."""

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tree", _Parser(self.text).whole())

    @property
    def names(self) -> tuple[str, ...]:
        """The names it reads, in order of appearance."""
        found: dict[str, None] = {}

        def visit(node: Node) -> None:
            if node[0] == "name":
                found[node[1]] = None
            elif node[0] != "number":
                for part in node[1:]:
                    if isinstance(part, tuple):
                        visit(part)

        visit(self._tree)  # type: ignore[attr-defined]
        return tuple(found)

    def __call__(self, names: Mapping[str, Any]) -> Any:
        """Its value where names have these values, numbers or arrays that broadcast.

        What has no value (a logarithm of 0, say) is NaN or infinite, without a warning.
        """
        with np.errstate(all="ignore"):
            return _value(self._tree, names)  # type: ignore[attr-defined]


def _fold(function: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    result = values[0]
    for value in values[1:]:
        result = function(result, value)
    return result


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.mod,
    "**": np.power,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def _value(node: Node, names: Mapping[str, Any]) -> Any:
    kind = node[0]
    if kind == "number":
        return node[1]
    if kind == "name":
        return names[node[1]]
    if kind == "call":
        return FUNCTIONS[node[1]][2](*(_value(part, names) for part in node[2:]))
    parts = [_value(part, names) for part in node[1:]]
    if kind == "if":
        return np.where(np.not_equal(parts[0], 0), parts[1], parts[2])
    if kind == "not":
        return np.where(np.equal(parts[0], 0), 1.0, 0.0)
    if kind == "negative":
        return np.negative(parts[0])
    if kind in ("and", "or"):
        truth = [np.not_equal(part, 0) for part in parts]
        return np.where(np.logical_and(*truth) if kind == "and" else np.logical_or(*truth), 1.0, 0.0)
    result = _BINARY[kind](*(np.asarray(part, dtype=np.float64) for part in parts))
    return np.where(result, 1.0, 0.0) if result.dtype == np.bool_ else result


def _remedy(sign: str) -> str:
    """What to write in place of a sign that is no part of a formula."""
    if sign == ".":
        return (
            "a name in a formula has no point: let it read a free parameter named without one, with the targets it has"
        )
    return "use numbers, names, + - * / ** and exp(...)"


class _Parser:
    """Recursive descent, an operator's precedence a method."""

    def __init__(self, text: str) -> None:
        self.text, self.place, self.depth = text, 0, 0
        if len(text) > MAX_LENGTH:
            raise CellError(
                f"the formula {text[:40]!r}… is longer than {MAX_LENGTH} characters", remedy="write it shorter"
            )
        self.tokens: list[tuple[str, str, int]] = []  # kind, text, column
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                column = at + len(text[at:]) - len(text[at:].lstrip())
                raise self.error(f"{text[column]!r} is no part of a formula", column, _remedy(text[column]))
            kind = str(match.lastgroup)
            self.tokens.append((kind, match[kind], match.start(kind)))
            at = match.end()
            if len(self.tokens) > MAX_TOKENS:
                raise self.error(f"more than {MAX_TOKENS} names, numbers and signs", at, "write it shorter")

    def error(self, what: str, column: int, remedy: str) -> CellError:
        return CellError(f"the formula {self.text!r}, character {column + 1}: {what}", remedy=remedy)

    def peek(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        """The next token if it is one of these, else nothing."""
        if (found := self.peek()) and found in wanted:
            self.place += 1
            return found
        return ""

    def need(self, wanted: str) -> None:
        if not self.take(wanted):
            column = self.tokens[self.place][2] if self.place < len(self.tokens) else len(self.text)
            raise self.error(f"expected {wanted!r}, got {self.peek() or 'the end'!r}", column, "mend the formula there")

    def whole(self) -> Node:
        if not self.tokens:
            raise CellError("the formula is empty", remedy="write for example value * exp(-distance / 100)")
        node = self.choice()
        if self.place < len(self.tokens):
            _, text, column = self.tokens[self.place]
            raise self.error(f"{text!r} stands where an operator was expected", column, "mend the formula there")
        return node

    def choice(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"is nested more than {MAX_DEPTH} deep", 0, "write it flatter")
        node = self.either()
        if self.take("if"):
            condition = self.either()
            self.need("else")
            node = ("if", condition, node, self.choice())
        self.depth -= 1
        return node

    def either(self) -> Node:
        node = self.both()
        while self.take("or"):
            node = ("or", node, self.both())
        return node

    def both(self) -> Node:
        node = self.negated()
        while self.take("and"):
            node = ("and", node, self.negated())
        return node

    def negated(self) -> Node:
        nots = 0
        while self.take("not"):
            nots += 1
        node = self.comparison()
        return ("not", ("not", node)) if nots and nots % 2 == 0 else ("not", node) if nots else node

    def comparison(self) -> Node:
        left = self.piped()
        node: Node | None = None
        while op := self.take("<", "<=", ">", ">=", "==", "!="):
            right = self.piped()
            node = (op, left, right) if node is None else ("and", node, (op, left, right))
            left = right
        return left if node is None else node

    def piped(self) -> Node:
        node = self.joined()
        while self.take("|"):
            node = ("or", node, self.joined())
        return node

    def joined(self) -> Node:
        node = self.sum()
        while self.take("&"):
            node = ("and", node, self.sum())
        return node

    def sum(self) -> Node:
        node = self.product()
        while op := self.take("+", "-"):
            node = (op, node, self.product())
        return node

    def product(self) -> Node:
        node = self.signed()
        while op := self.take("*", "/", "%"):
            node = (op, node, self.signed())
        return node

    def signed(self) -> Node:
        signs = 0
        minus = False
        while op := self.take("+", "-"):
            minus ^= op == "-"
            signs += 1
            if signs > MAX_DEPTH:
                raise self.error(f"is nested more than {MAX_DEPTH} deep", 0, "write it flatter")
        node = self.power()
        return ("negative", node) if minus else node

    def power(self) -> Node:
        base = self.atom()
        if not self.take("**"):
            return base
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"is nested more than {MAX_DEPTH} deep", 0, "write it flatter")
        node = ("**", base, self.signed())
        self.depth -= 1
        return node

    def atom(self) -> Node:
        if self.place >= len(self.tokens):
            raise self.error("ends where a number or a name was expected", len(self.text), "complete the formula")
        kind, text, column = self.tokens[self.place]
        self.place += 1
        if kind == "number":
            return ("number", float(text))
        if text == "(":
            node = self.choice()
            self.need(")")
            return node
        if kind == "op" or text in _WORDS:
            raise self.error(f"{text!r} stands where a number or a name was expected", column, "mend the formula there")
        if self.peek() == "(":
            return self.call(text, column)
        if text.startswith("math."):
            name = text.removeprefix("math.")
            if name not in CONSTANTS:
                raise self.error(f"there is no {text}", column, "there are math.pi and math.e, and the functions")
            return ("number", CONSTANTS[name])
        return ("name", text.strip("{} \t"))

    def call(self, text: str, column: int) -> Node:
        name = text.removeprefix("math.")
        if name not in FUNCTIONS:
            raise self.error(
                f"{text}(...) is a call of something other than a function of numbers",
                column,
                f"a formula may call {', '.join(FUNCTIONS)}",
            )
        self.need("(")
        arguments = [self.choice()]
        while self.take(","):
            arguments.append(self.choice())
        self.need(")")
        fewest, most, _ = FUNCTIONS[name]
        if not fewest <= len(arguments) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise self.error(f"{text} takes {wanted} arguments, got {len(arguments)}", column, "mend the formula there")
        return ("call", name, *arguments)
