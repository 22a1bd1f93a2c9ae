"""The plain C code of VERBATIM blocks -> NMODL statements: assignments, if, switch. Nothing of it is ever run."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from gbar.nmodl import tree as t
from gbar.nmodl.intrinsics import INTRINSICS, PRINTING

MAX_TOKENS, MAX_DEPTH = 2_000, 40
_TEXT = r"\"(?:[^\"\\\n]|\\.)*\""
_ASIDE = re.compile(rf"({_TEXT})|/\*.*?\*/|//[^\n]*", re.DOTALL)  # texts, which may look like comments, and comments
_TOKEN = re.compile(
    r"\s*(?:(?P<float>(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?|[0-9]+[eE][-+]?[0-9]{1,3})"
    r"|(?P<int>[0-9]+)(?![\w.])|(?P<name>[A-Za-z_]\w*)|(?P<text>\"\")"
    r"|(?P<sign>\+\+|--|[-+*/=!<>]=|&&|\|\||[-+*/=<>!(){}\[\];,:?.%&|]))"
)
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/"))  # as in C


class NotPlain(Exception):
    """The code holds more than is translated here."""


def plain(text: str) -> str:
    """C code with empty texts and without comments."""
    return _ASIDE.sub(lambda match: '""' if match.group(1) else " ", text)


@dataclass
class Translator:
    """Reads C code from left to right, and gathers its statements."""

    text: str
    at: t.Position
    counters: Collection[str] = ()  # the variables of loops around: whole numbers
    assigned: Collection[str] = ()  # what the block has assigned before
    tokens: list[tuple[str, str]] = field(default_factory=list)
    next: int = 0
    depth: int = 0
    returns: bool = False  # whether the code ends with `return 0`

    def statements(self) -> tuple[t.Statement, ...]:
        """The code as NMODL. Raises NotPlain."""
        code, offset = plain(self.text).rstrip(), 0
        while offset < len(code):
            match = _TOKEN.match(code, offset)
            if match is None or len(self.tokens) > MAX_TOKENS:
                raise NotPlain
            offset = match.end()
            self.tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
        out: list[t.Statement] = []
        while self.next < len(self.tokens):
            if self.returns:
                raise NotPlain
            self.statement(out)
        return tuple(out)

    # tokens

    def peek(self) -> str:
        """The next token's text."""
        return self.tokens[self.next][1] if self.next < len(self.tokens) else ""

    def take(self, wanted: str = "") -> tuple[str, str]:
        """The next token, which must be `wanted`."""
        if self.next >= len(self.tokens) or (wanted and self.peek() != wanted):
            raise NotPlain
        self.next += 1
        return self.tokens[self.next - 1]

    # statements

    def statement(self, out: list[t.Statement]) -> None:
        """Adds one statement."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotPlain
        word = self.peek()
        if word == ";":
            self.take()
        elif word == "{":
            self.take()
            while self.peek() != "}":
                self.statement(out)
            self.take()
        elif word == "if":
            self.condition(out)
        elif word == "switch":
            self.switch(out)
        elif word == "return":
            self.leave()
        elif word in PRINTING:
            self.printing()
        else:
            self.assignment(out)
            self.take(";")
        self.depth -= 1

    def block(self) -> tuple[t.Statement, ...]:
        """One statement inside another; none may leave."""
        out: list[t.Statement] = []
        self.statement(out)
        if self.returns:
            raise NotPlain
        return tuple(out)

    def condition(self, out: list[t.Statement]) -> None:
        """`if (test) one else other`; an assignment in the test comes before."""
        self.take("if")
        self.take("(")
        test, _ = self.expression(out)
        self.take(")")
        then = self.block()
        otherwise: tuple[t.Statement, ...] = ()
        if self.peek() == "else":
            self.take()
            otherwise = self.block()
        out.append(t.If(test, then, otherwise, self.at))

    def switch(self, out: list[t.Statement]) -> None:
        """`switch (name) {case 0: ... break; ...}`, every case of which ends with break."""
        self.take("switch")
        self.take("(")
        test, whole = self.expression(out)
        self.take(")")
        self.take("{")
        cases: list[tuple[t.Expr, tuple[t.Statement, ...]]] = []
        while self.peek() == "case":
            self.take()
            kind, number = self.take()
            self.take(":")
            if kind != "int" or not whole:
                raise NotPlain
            body: list[t.Statement] = []
            while self.peek() != "break":
                self.statement(body)
            self.take()
            self.take(";")
            cases.append((t.Binary("==", test, t.Number(float(number))), tuple(body)))
        self.take("}")
        otherwise: tuple[t.Statement, ...] = ()
        for case, statements in reversed(cases):
            otherwise = (t.If(case, statements, otherwise, self.at),)
        out += otherwise

    def leave(self) -> None:
        """`return 0;`."""
        self.take()
        given = []
        while self.peek() != ";":
            given.append(self.take()[1])
        self.take()
        if "".join(given).strip("()") not in ("", "0"):
            raise NotPlain
        self.returns = True

    def printing(self) -> None:
        """`printf(...);`, which has no effect unless its arguments have one."""
        self.take()
        self.take("(")
        level = 1
        while level:
            _, text = self.take()
            level += {"(": 1, ")": -1}.get(text, 0)
            if text in ("=", "+=", "-=", "*=", "/=", "++", "--"):
                raise NotPlain
        self.take(";")

    def assignment(self, out: list[t.Statement]) -> t.Expr:
        """`name = value`, without what ends it; the variable."""
        if self.tokens[self.next + 1 : self.next + 3] == [("sign", "="), ("name", f"_ion_{self.peek()}")]:
            name = self.take()[1]
            self.next += 2
            if name in self.assigned:
                raise NotPlain  # NEURON has read the ion when the block began, and the code has changed its copy
            return t.Name(name, self.at)
        name, index = self.variable(out)
        sign = self.take()[1]
        if sign not in ("=", "+=", "-=", "*=", "/="):
            raise NotPlain
        value, _ = self.expression(out)
        variable: t.Expr = t.Name(name, self.at) if index is None else t.Element(name, index, self.at)
        if name in self.counters:
            raise NotPlain
        if sign != "=":
            value = t.Binary(sign[0], variable, value, self.at)
        out.append(t.Assign(name, value, self.at, index))
        return variable

    def variable(self, out: list[t.Statement]) -> tuple[str, t.Expr | None]:
        """A name of the mechanism, with its index: C has a prefix on what is LOCAL."""
        kind, name = self.take()
        name = name[2:] if name.startswith("_l") else name
        if kind != "name" or name.startswith("_") or not name or name in ("double", "int", "for", "while", "static"):
            raise NotPlain
        if self.peek() != "[":
            return name, None
        self.take()
        index, _ = self.expression(out)
        self.take("]")
        return name, index

    # expressions, each with whether it is a whole number in C

    def expression(self, out: list[t.Statement], level: int = 0) -> tuple[t.Expr, bool]:
        """Operators of a level, and above."""
        if level == len(_LEVELS):
            return self.operand(out)
        left, whole = self.expression(out, level + 1)
        while self.peek() in _LEVELS[level]:
            sign, before = self.take()[1], len(out)
            right, other = self.expression(out, level + 1)
            if (sign == "/" and whole and other) or (sign in ("&&", "||") and len(out) > before):
                raise NotPlain  # whole numbers are divided otherwise; an assignment may not happen
            whole = (whole and other) or level < 4
            left = t.Binary(sign, left, right, self.at)
        return left, whole

    def operand(self, out: list[t.Statement]) -> tuple[t.Expr, bool]:
        """A number, a variable, a call, or what is in parentheses."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotPlain
        try:
            return self.primary(out)
        finally:
            self.depth -= 1

    def primary(self, out: list[t.Statement]) -> tuple[t.Expr, bool]:
        """See `operand`."""
        kind, text = self.tokens[self.next] if self.next < len(self.tokens) else ("", "")
        if text in ("-", "!"):
            self.take()
            inner, whole = self.operand(out)
            return t.Unary(text, inner, self.at), whole
        if text == "(":
            self.take()
            inner, whole = self.inside(out)
            self.take(")")
            return inner, whole
        if kind in ("int", "float"):
            self.take()
            return t.Number(float(text), self.at), kind == "int"
        if text in INTRINSICS:
            self.take()
            self.take("(")
            given = [self.expression(out)[0]]
            while self.peek() == ",":
                self.take()
                given.append(self.expression(out)[0])
            self.take(")")
            return t.Call(text, tuple(given), self.at), False
        name, index = self.variable(out)
        if index is not None:
            return t.Element(name, index, self.at), False
        return t.Name(name, self.at), name in self.counters

    def inside(self, out: list[t.Statement]) -> tuple[t.Expr, bool]:
        """What parentheses hold: an expression, or an assignment, whose value is the variable's."""
        begin, before = self.next, len(out)
        try:
            return self.assignment(out), False
        except NotPlain:
            del out[before:]
            self.next = begin
            return self.expression(out)
