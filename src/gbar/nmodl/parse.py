"""Tokens -> tree: the LALR parser of grammar.lark, building frozen nodes as it reduces."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from itertools import chain
from typing import TYPE_CHECKING, Any

from gbar.errors import NmodlError
from gbar.nmodl import blocks as b
from gbar.nmodl import lexer
from gbar.nmodl import tree as t
from gbar.nmodl.tree import Position

if TYPE_CHECKING:
    from lark import Lark

MAX_DEPTH = 100


def parse_file(text: str, file: str = "<text>") -> b.File:
    """The tree of an NMODL text. `file` is the name for messages. Raises NmodlError."""
    from lark import Token
    from lark.exceptions import UnexpectedInput

    machine = _parser().parse_interactive()
    lexeme = None
    try:
        for lexeme in lexer.tokens(lexer.normalise(text), file):
            machine.feed_token(Token(lexeme.kind, lexeme.text, line=lexeme.at.line, column=lexeme.at.column))
        lexeme = None
        parsed = machine.feed_eof()
    except UnexpectedInput as error:
        raise _unexpected(text, lexeme, getattr(error, "expected", set()), file) from None
    tree = b.File(parsed.blocks, file)
    _limit_depth(tree)
    return tree


@lru_cache(maxsize=1)
def _parser() -> Lark:
    from lark import Lark

    return Lark(_grammar(), parser="lalr", lexer=_unused_lexer(), start="file", transformer=_Builder())


def _grammar() -> str:
    return files("gbar.nmodl").joinpath("grammar.lark").read_text(encoding="utf-8")


def _unused_lexer() -> type:
    """The tokens are fed one by one; Lark still wants a lexer that knows no terminals of its own."""
    from lark.lexer import Lexer

    class Unused(Lexer):
        def __init__(self, conf: Any) -> None:
            pass

        def lex(self, data: Any) -> Any:
            return iter(())

    return Unused


# --- what is said of a syntax error ------------------------------------------------------------------------------

_SIGNS = {kind: sign for sign, kind in lexer.PUNCTUATION.items()}
_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "UNIT": "a unit like (mV)",
    "ALIAS": "(unit) =",
    "$END": "the end of the file",
}


def _show(kind: str) -> str:
    if kind in _SIGNS:
        return f"'{_SIGNS[kind]}'"
    return _WORDS.get(kind, kind.lstrip("_"))


def _unexpected(text: str, lexeme: lexer.Lexeme | None, expected: set[str], file: str) -> NmodlError:
    if lexeme is None:
        end = Position(text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)
        what, at, kind = "the file ends too early", end, ""
    else:
        written = lexeme.text if lexeme.kind not in ("UNIT", "ALIAS") else f"({lexeme.text})"
        what, at, kind = f"unexpected '{written[:40]}'", lexeme.at, lexeme.kind
    shown = sorted(_show(name) for name in expected)
    remedy = "check the line above and the braces around it"
    if 0 < len(shown) <= 8:
        remedy = f"expected {' or '.join(shown)}"
    if kind == "_FROM":
        what, remedy = "FROM loops are not supported", "write the repeated statements out"
    elif kind == "PRIME":
        remedy = "a prime belongs after a state's name, on the left of an equation in DERIVATIVE"
    return NmodlError(what, file=file, line=at.line, column=at.column, remedy=remedy)


# --- building ----------------------------------------------------------------------------------------------------


def _at(token: Any) -> Position:
    return Position(token.line, token.column)


def _names(tokens: Any) -> tuple[t.Name, ...]:
    return tuple(t.Name(str(token), _at(token)) for token in tokens)


class _Builder:
    """One method a rule: from its children (tokens and nodes) to its node."""

    def file(self, c: list[Any]) -> b.File:
        return b.File(tuple(c))

    def title(self, c: list[Any]) -> b.Title:
        return b.Title(str(c[0]), _at(c[0]))

    def neuron(self, c: list[Any]) -> b.Neuron:
        return b.Neuron(tuple(c[1:]), _at(c[0]))

    def suffix(self, c: list[Any]) -> b.Suffix:
        return b.Suffix(str(c[1]), _at(c[1]))

    def use_ion(self, c: list[Any]) -> b.UseIon:
        return b.UseIon(str(c[1]), c[2] or (), c[3] or (), c[4], _at(c[1]))

    def nonspecific(self, c: list[Any]) -> b.NonspecificCurrent:
        return b.NonspecificCurrent(c[1], _at(c[0]))

    def range_names(self, c: list[Any]) -> b.RangeNames:
        return b.RangeNames(c[1], _at(c[0]))

    def global_names(self, c: list[Any]) -> b.GlobalNames:
        return b.GlobalNames(c[1], _at(c[0]))

    def threadsafe(self, c: list[Any]) -> b.ThreadSafe:
        return b.ThreadSafe(_at(c[0]))

    def names(self, c: list[Any]) -> tuple[t.Name, ...]:
        return _names(c)

    def units(self, c: list[Any]) -> b.Units:
        return b.Units(tuple(c[1:]), _at(c[0]))

    def unit_alias(self, c: list[Any]) -> b.UnitAlias:
        return b.UnitAlias(str(c[0]), str(c[1]), _at(c[0]))

    def unit_constant_from(self, c: list[Any]) -> b.UnitConstant:
        return b.UnitConstant(str(c[0]), None, str(c[1]), str(c[2]), _at(c[0]))

    def unit_constant(self, c: list[Any]) -> b.UnitConstant:
        return b.UnitConstant(str(c[0]), c[1], "", str(c[2] or ""), _at(c[0]))

    def parameters(self, c: list[Any]) -> b.Parameters:
        return b.Parameters(tuple(c[1:]), _at(c[0]))

    def constants(self, c: list[Any]) -> b.Constants:
        return b.Constants(tuple(c[1:]), _at(c[0]))

    def parameter(self, c: list[Any]) -> b.ParameterDecl:
        low, high = c[3] or (None, None)
        return b.ParameterDecl(str(c[0]), c[1], str(c[2] or ""), low, high, _at(c[0]))

    def limits(self, c: list[Any]) -> tuple[float, float]:
        return c[1], c[2]

    def assigned(self, c: list[Any]) -> b.Assigned:
        return b.Assigned(tuple(c[1:]), _at(c[0]))

    def states(self, c: list[Any]) -> b.States:
        return b.States(tuple(c[1:]), _at(c[0]))

    def variable(self, c: list[Any]) -> b.VariableDecl:
        unit = next((str(token) for token in c[1:] if token is not None and token.type == "UNIT"), "")
        return b.VariableDecl(str(c[0]), unit, _at(c[0]))

    def independent(self, c: list[Any]) -> b.Independent:
        return b.Independent(_at(c[0]))

    def file_local(self, c: list[Any]) -> b.FileLocal:
        return b.FileLocal(c[1], _at(c[0]))

    def initial(self, c: list[Any]) -> b.Initial:
        return b.Initial(c[1], _at(c[0]))

    def breakpoint_block(self, c: list[Any]) -> b.Breakpoint:
        return b.Breakpoint(c[1], _at(c[0]))

    def derivative(self, c: list[Any]) -> b.Derivative:
        return b.Derivative(str(c[1]), c[2], _at(c[1]))

    def routine(self, c: list[Any]) -> b.Routine:
        return b.Routine(str(c[0]), str(c[1]), c[2], str(c[3] or ""), c[4], _at(c[1]))

    def arguments(self, c: list[Any]) -> tuple[b.Argument, ...]:
        return tuple(argument for argument in c if argument is not None)

    def argument(self, c: list[Any]) -> b.Argument:
        return b.Argument(str(c[0]), str(c[1] or ""), _at(c[0]))

    def signed(self, c: list[Any]) -> float:
        return -float(c[1]) if len(c) == 2 else float(c[0])

    # statements

    def body(self, c: list[Any]) -> tuple[t.Statement, ...]:
        return tuple(c)

    def local(self, c: list[Any]) -> t.Local:
        return t.Local(tuple(name.id for name in c[1]), _at(c[0]))

    def assign(self, c: list[Any]) -> t.Assign:
        return t.Assign(str(c[0]), c[1], _at(c[0]))

    def differential(self, c: list[Any]) -> t.Differential:
        return t.Differential(str(c[0]) + "'" * (len(c) - 3), c[-1], _at(c[0]))

    def if_statement(self, c: list[Any]) -> t.If:
        return t.If(c[1], c[2], c[3] or (), _at(c[0]))

    def else_if(self, c: list[Any]) -> tuple[t.Statement, ...]:
        return (t.If(c[2], c[3], c[4] or (), _at(c[1])),)

    def else_body(self, c: list[Any]) -> tuple[t.Statement, ...]:
        return tuple(c[1])

    def call_statement(self, c: list[Any]) -> t.CallStatement:
        return t.CallStatement(c[0], c[0].at)

    def solve(self, c: list[Any]) -> t.Solve:
        return t.Solve(str(c[1]), c[2], _at(c[1]))

    def solve_how(self, c: list[Any]) -> str:
        return str(c[1]) if c[0].type == "METHOD" else f"STEADYSTATE {c[1]}"

    def table(self, c: list[Any]) -> t.Table:
        return t.Table(tuple(n.id for child in c if isinstance(child, tuple) for n in child), _at(c[0]))

    def table_names(self, c: list[Any]) -> tuple[t.Name, ...]:
        return tuple(c[0])

    def depend(self, c: list[Any]) -> None:
        return None

    def conductance(self, c: list[Any]) -> t.Conductance:
        return t.Conductance(str(c[1]), str(c[3]) if len(c) > 3 and c[3] is not None else None, _at(c[1]))

    # expressions

    def binary(self, c: list[Any]) -> t.Binary:
        return t.Binary(str(c[1]), c[0], c[2], _at(c[1]))

    def unary(self, c: list[Any]) -> t.Unary:
        return t.Unary(str(c[0]), c[1], _at(c[0]))

    def number(self, c: list[Any]) -> t.Number:
        return t.Number(float(c[0]), _at(c[0]))

    def name(self, c: list[Any]) -> t.Name:
        return t.Name(str(c[0]), _at(c[0]))

    def group(self, c: list[Any]) -> t.Expr:
        return c[0]

    def call(self, c: list[Any]) -> t.Call:
        return t.Call(str(c[0]), tuple(argument for argument in c[1:] if argument is not None), _at(c[0]))


def _limit_depth(tree: b.File) -> None:
    """Passes recurse over the tree; one deeper than they can follow is refused here. Itself it does not recurse."""
    pending: list[tuple[Any, int]] = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            at = getattr(node, "at", t.NOWHERE)
            raise NmodlError(
                f"more than {MAX_DEPTH} operations, calls or blocks inside one another",
                file=tree.name,
                line=at.line,
                column=at.column,
                remedy="split it with LOCAL variables",
            )
        members = chain.from_iterable(v if isinstance(v, tuple) else (v,) for v in vars(node).values())
        pending += [
            (child, depth + 1)
            for child in members
            if hasattr(child, "__dataclass_fields__") and not isinstance(child, Position)
        ]
