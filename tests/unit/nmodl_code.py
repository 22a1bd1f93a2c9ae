"""Short ways to write trees in tests of passes, and to read them."""

from __future__ import annotations

from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t
from gbar.nmodl.flatten import flatten
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.inline import inline
from gbar.nmodl.parse import parse_file
from gbar.nmodl.simplify import simplify_code, simplify_values
from gbar.nmodl.unparse import unparse_expression

TAKEN = {"v", "a", "b", "c", "x", "y", "z", "m", "dt"}


def body(text: str) -> tuple[t.Statement, ...]:
    """The statements of a text."""
    (block,) = parse_file(f"PROCEDURE p() {{ {text} }}").blocks
    assert isinstance(block, b.Routine)
    return block.body


def expression(text: str) -> t.Expr:
    """The expression that a text is."""
    (statement,) = body(f"a = {text}")
    assert isinstance(statement, t.Assign)
    return statement.value


def routines(text: str) -> dict[str, b.Routine]:
    """The FUNCTIONs and PROCEDUREs of a text."""
    return {block.name: block for block in parse_file(text).blocks if isinstance(block, b.Routine)}


def straight(text: str, calls: str = "", tidy: bool = True) -> tuple[list, dict[str, t.Expr], Fresh]:
    """(straight-line code, the variables' values at its end, the maker of names) of a text; `tidy`: without copies."""
    fresh = Fresh(TAKEN)
    flat = flatten(inline(body(text), routines(calls), fresh), fresh)
    if not tidy:
        return simplify_values(flat.code), flat.values, fresh
    code, results = simplify_code(flat.code, tuple(flat.values.items()))
    return code, dict(results), fresh


def show(code) -> list[str]:
    """Straight-line code as text."""
    return [f"{line.target} = {unparse_expression(line.value)}" for line in code]


def whole(code, results: dict[str, t.Expr], name: str) -> t.Expr:
    """The value of a variable, with the code's names put in."""
    from gbar.nmodl.walk import substitute

    known: dict[str, t.Expr] = {}
    for line in code:
        known[line.target] = substitute(line.value, known)
    return substitute(results[name], known)
