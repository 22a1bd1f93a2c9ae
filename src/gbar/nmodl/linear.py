"""LINEAR and NONLINEAR blocks: simultaneous equations for the states that they name."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.walk import names, substitute, walk_statements


def unknowns(statements: Sequence[t.Statement], states: Collection[str]) -> tuple[str, ...]:
    """The states that the equations of a block name, in the order of the file's STATE block."""
    found: set[str] = set()
    for statement in walk_statements(tuple(statements)):
        if isinstance(statement, t.Equation):
            found |= names(statement.left) | names(statement.right)
    return tuple(name for name in states if name in found)


def residuals(
    statements: Sequence[t.Statement], renamed: dict[str, str], fresh: Fresh
) -> tuple[tuple[t.Statement, ...], tuple[str, ...]]:
    """(the block with `left - right` of every equation assigned to a variable of its own, these variables).

    `renamed` says how unknowns are called within equations: elsewhere in a LINEAR block a state has its old value.
    """
    made: list[str] = []
    new = {name: t.Name(other) for name, other in renamed.items()}

    def rewritten(body: tuple[t.Statement, ...]) -> tuple[t.Statement, ...]:
        out: list[t.Statement] = []
        for statement in body:
            match statement:
                case t.Equation(left, right, at):
                    made.append(fresh("residual"))
                    value = t.Binary("-", substitute(left, new), substitute(right, new), at)
                    out.append(t.Assign(made[-1], value, at))
                case t.If(condition, then, otherwise, at):
                    out.append(t.If(condition, rewritten(then), rewritten(otherwise), at))
                case _:
                    out.append(statement)
        return tuple(out)

    body = rewritten(tuple(statements))
    return (*(t.Assign(name, s.ZERO) for name in made), *body), tuple(made)
