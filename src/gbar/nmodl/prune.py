"""Passes over blocks: what nobody reads is dropped, and long expressions are split."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gbar.nmodl import tree as t
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.walk import names

MAX_DEPTH = 24


def prune(block: t.Block, results: Collection[str], also: Iterable[str] = ()) -> t.Block:
    """`block` with only the results named, and only the code that they (and the names in `also`) need."""
    kept = tuple((name, value) for name, value in block.results if name in results)
    needed = set(also).union(*(names(value) for _, value in kept))
    code = []
    for line in reversed(block.code):
        if line.target in needed:
            needed |= names(line.value)
            code.append(line)
    return t.Block(tuple(reversed(code)), kept)


def inputs(block: t.Block) -> set[str]:
    """The names that a block reads and does not assign itself."""
    read: set[str] = set()
    read = read.union(*(names(line.value) for line in block.code), *(names(value) for _, value in block.results))
    return read - {line.target for line in block.code}


def split(block: t.Block, fresh: Fresh) -> t.Block:
    """`block` with no expression deeper than MAX_DEPTH: deeper parts get names."""
    code: list[t.Assign] = []
    for line in block.code:
        code.append(t.Assign(line.target, _shallow(line.value, code, fresh)[0], line.at))
    results = tuple((name, _shallow(value, code, fresh)[0]) for name, value in block.results)
    return t.Block(tuple(code), results)


def _shallow(expression: t.Expr, code: list[t.Assign], fresh: Fresh) -> tuple[t.Expr, int]:
    """(the expression with its deep parts named in `code`, its depth)."""
    match expression:
        case t.Unary(op, operand, at):
            (inner,), depth = _parts((operand,), code, fresh)
            return t.Unary(op, inner, at), depth
        case t.Binary(op, left, right, at):
            (one, other), depth = _parts((left, right), code, fresh)
            return t.Binary(op, one, other, at), depth
        case t.Call(function, arguments, at):
            inside, depth = _parts(arguments, code, fresh)
            return t.Call(function, inside, at), depth
        case t.Select(condition, then, otherwise, at):
            (test, one, other), depth = _parts((condition, then, otherwise), code, fresh)
            return t.Select(test, one, other, at), depth
    return expression, 0


def _parts(expressions: tuple[t.Expr, ...], code: list[t.Assign], fresh: Fresh) -> tuple[tuple[t.Expr, ...], int]:
    out, deepest = [], 0
    for expression in expressions:
        part, depth = _shallow(expression, code, fresh)
        if depth >= MAX_DEPTH - 1:
            name = fresh("part")
            code.append(t.Assign(name, part, part.at))
            part, depth = t.Name(name), 0
        out.append(part)
        deepest = max(deepest, depth)
    return tuple(out), deepest + 1
