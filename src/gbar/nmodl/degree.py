"""Which variables are proportional to one: the degree of expressions and blocks in it, 0 where it is not in them."""

from __future__ import annotations

from collections.abc import Mapping

from gbar.nmodl import tree as t
from gbar.nmodl.walk import children

Degree = int | None  # None: no power of it


def degrees(block: t.Block, known: Mapping[str, Degree]) -> dict[str, Degree]:
    """The degrees of all that a block assigns, beside those known; of names not among them it is 0."""
    found = dict(known)
    for line in block.code:
        found[line.target] = degree(line.value, found)
    return found


def results(block: t.Block, known: Mapping[str, Degree]) -> dict[str, Degree]:
    """The degrees of a block's results."""
    return {name: degree(value, known) for name, value in block.results}


def degree(expression: t.Expr, known: Mapping[str, Degree]) -> Degree:
    """The degree of an expression.

    >>> degree(t.Binary("*", t.Name("g"), t.Binary("-", t.Name("v"), t.Name("e"))), {"g": 1})
    1
    >>> degree(t.Binary("-", t.Name("v"), t.Name("e")), {"e": 1}) is None
    True
    """
    match expression:
        case t.Name(name):
            return known.get(name, 0)
        case t.Unary("-", operand):
            return degree(operand, known)
        case t.Binary("+" | "-", left, right) | t.Select(_, left, right) if _zero(left) or _zero(right):
            rest = degree(right if _zero(left) else left, known)
            return rest if not isinstance(expression, t.Select) else _chosen(expression, rest, known)
        case t.Binary("+" | "-", left, right):
            return _alike(left, right, known)
        case t.Select(_, left, right):
            return _chosen(expression, _alike(left, right, known), known)
        case t.Binary("*" | "/", left, right):
            one, other = degree(left, known), degree(right, known)
            if one is None or other is None:
                return None
            return one + other if expression.op == "*" else one - other
    return 0 if all(degree(child, known) == 0 for child in children(expression)) else None


def _alike(left: t.Expr, right: t.Expr, known: Mapping[str, Degree]) -> Degree:
    one, other = degree(left, known), degree(right, known)
    return one if one == other else None


def _chosen(expression: t.Select, rest: Degree, known: Mapping[str, Degree]) -> Degree:
    return rest if degree(expression.condition, known) == 0 else None


def _zero(expression: t.Expr) -> bool:
    return isinstance(expression, t.Number) and expression.value == 0.0
