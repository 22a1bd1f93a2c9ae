"""Tokens -> tree: the LALR parser of grammar.lark, building frozen nodes as it reduces."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gbar.errors import NmodlError
from gbar.nmodl import blocks as b
from gbar.nmodl import lexer
from gbar.nmodl import tree as t
from gbar.nmodl.build import Builder
from gbar.nmodl.sources import Source
from gbar.nmodl.tree import Position

if TYPE_CHECKING:
    from lark import Lark

MAX_DEPTH = 100


def parse_file(text: str, file: str = "<text>", folder: Path | None = None) -> b.File:
    """The tree of an NMODL text. `file` is the name for messages, `folder` has what it INCLUDEs. Raises NmodlError."""
    from lark.exceptions import UnexpectedInput

    machine = _parser().parse_interactive()
    source = Source(file, folder)
    lexeme = None
    try:
        for lexeme in source.tokens(lexer.normalise(text)):
            machine.feed_token(lexeme)  # which has what Lark asks of a Token
        lexeme = None
        parsed = machine.feed_eof()
    except UnexpectedInput as error:
        raise _unexpected(text, lexeme, getattr(error, "expected", set()), file) from None
    tree = b.File(parsed.blocks, file, tuple(source.digests))
    _limit_depth(tree)
    return tree


@lru_cache(maxsize=1)
def _parser() -> Lark:
    from lark import Lark

    return Lark(_grammar(), parser="lalr", lexer=_unused_lexer(), start="file", transformer=Builder())


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
    if kind == "PRIME":
        remedy = "a prime belongs after a state's name, on the left of an equation in DERIVATIVE"
    return NmodlError(what, file=at.file or file, line=at.line, column=at.column, remedy=remedy)


def _limit_depth(tree: b.File) -> None:
    """Passes recurse over the tree; one deeper than they can follow is refused here. Itself it does not recurse."""
    pending: list[tuple[Any, int]] = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            at = getattr(node, "at", t.NOWHERE)
            raise NmodlError(
                f"more than {MAX_DEPTH} operations, calls or blocks inside one another",
                file=at.file or tree.name,
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
