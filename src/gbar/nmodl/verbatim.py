"""Pass: VERBATIM blocks of plain C code become NMODL statements; the others stay, for `check` to refuse."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t
from gbar.nmodl.c_code import NotPlain, Translator, plain
from gbar.nmodl.walk import walk_statements

_DEFINED = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)


def without_verbatim(tree: b.File) -> b.File:
    """`tree` without the VERBATIM blocks that can be said in NMODL, or that have no effect.

    Comments and printing have none, nor has `cai = _ion_cai;`, which NEURON has done already when a block begins, nor
    `return 0;` at a block's end (before it, what follows is never reached). Outside of all blocks, everything but the
    definition of a name that the file uses is left out: a C function that is called is refused where it is called.
    """
    used = _names(tree)
    return replace(tree, blocks=tuple(_block(block) for block in tree.blocks if not _idle(block, used)))


def defined_in_c(text: str) -> frozenset[str]:
    """The names that a VERBATIM's text gives another meaning (#define)."""
    return frozenset(_DEFINED.findall(plain(text)))


def _idle(block: b.FileBlock, used: Collection[str]) -> bool:
    return isinstance(block, b.FileVerbatim) and defined_in_c(block.text).isdisjoint(used)


def _names(tree: b.File) -> frozenset[str]:
    """Every name in the code of a file; iterative, for it comes before any check of depth."""
    found: set[str] = set()
    pending: list[object] = [block for block in tree.blocks if not isinstance(block, b.FileVerbatim)]
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            found.add(node)
        elif isinstance(node, tuple):
            pending += node
        elif hasattr(node, "__dataclass_fields__") and not isinstance(node, t.Position):
            pending += vars(node).values()
    return frozenset(found)


def _block(block: b.FileBlock) -> b.FileBlock:
    match block:
        case b.Routine():
            return replace(block, body=_body(block.body, True, block.name if block.kind == "FUNCTION" else ""))
        case b.Derivative() | b.Kinetic() | b.Linear() | b.Initial():
            return replace(block, body=_body(block.body, True))
        case b.Breakpoint() | b.Beside():  # whose currents NEURON would add up after a return
            return replace(block, body=_body(block.body, False))
    return block


def _body(
    body: tuple[t.Statement, ...], ends: bool, function: str | None = None, counters: Collection[str] = ()
) -> tuple[t.Statement, ...]:
    """`body`, after whose last statement a block `ends`, or not.

    `function` is the variable that a FUNCTION returns, "" at the top of a PROCEDURE, None where code after a return may
    be reached by another way. `counters` are the variables of the loops around.
    """
    out: list[t.Statement] = []
    for number, statement in enumerate(body):
        last = ends and number == len(body) - 1
        match statement:
            case t.Verbatim(text, at):
                code = Translator(
                    text, at, counters, {s.target for s in walk_statements(tuple(out)) if isinstance(s, t.Assign)}
                )
                try:
                    made = code.statements()
                except NotPlain:
                    made = (statement,)
                if code.returns and made != (statement,):
                    if function is None and not last:
                        made = (statement,)
                    else:
                        return (*out, *made, *((t.Assign(function, t.Number(0.0), at),) if function else ()))
                out += made
            case t.If(condition, then, otherwise, at):
                inside = last and not function
                then, otherwise = (_body(branch, inside, None, counters) for branch in (then, otherwise))
                out.append(t.If(condition, then, otherwise, at))
            case t.Loop(variable, _, _, _, inner):
                out.append(replace(statement, body=_body(inner, False, None, {*counters, variable})))
            case _:
                out.append(statement)
    return tuple(out)
