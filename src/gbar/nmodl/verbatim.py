"""Pass: VERBATIM blocks whose C code has no effect are dropped; the others stay, for `check` to refuse."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t

_TEXT = r"\"(?:[^\"\\\n]|\\.)*\""
_ASIDE = re.compile(rf"({_TEXT})|/\*.*?\*/|//[^\n]*", re.DOTALL)  # texts, which may look like comments, and comments
_PRINT = re.compile(r"f?printf\s*\((?:[^()=]|==|\"[^\"]*\")*\)")
_NUMBER = re.compile(r"([A-Za-z]\w*)\s*=\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?)")
_READ = re.compile(r"(\w+)\s*=\s*_ion_(\w+)")
_DEFINED = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)


def without_verbatim(tree: b.File) -> b.File:
    """`tree` without the VERBATIM blocks that need not be run.

    Those are: comments; printing; `return 0;` at a procedure's end (or before code that is then never reached);
    `cai = _ion_cai;`, which NEURON has done already when a block begins. Outside of all blocks, everything but the
    definition of a name that the file uses: a C function that is called is refused where it is called.
    """
    used = _names(tree)
    return replace(tree, blocks=tuple(_block(block) for block in tree.blocks if not _idle(block, used)))


def defined_in_c(text: str) -> frozenset[str]:
    """The names that a VERBATIM's text gives another meaning (#define)."""
    return frozenset(_DEFINED.findall(_plain(text)))


def _plain(text: str) -> str:
    """C code with empty texts and without comments."""
    return _ASIDE.sub(lambda match: '""' if match.group(1) else " ", text)


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


def _body(body: tuple[t.Statement, ...], ends: bool, function: str | None = None) -> tuple[t.Statement, ...]:
    """`body`, after whose last statement a block `ends`, or not.

    `function` is the variable that a FUNCTION returns, "" at the top of a PROCEDURE, None where code after a return may
    be reached by another way.
    """
    out: list[t.Statement] = []
    for number, statement in enumerate(body):
        last = ends and number == len(body) - 1
        match statement:
            case t.Verbatim(text, at):
                rest = _rest(text, {s.target for s in out if isinstance(s, t.Assign)})
                if rest == "return" and (function is not None or last):
                    return (*out, t.Assign(function, t.Number(0.0), at)) if function else tuple(out)
                if rest:
                    out += _assignments(rest, at) or (statement,)
            case t.If(condition, then, otherwise, at):
                inside = last and not function
                out.append(t.If(condition, _body(then, inside), _body(otherwise, inside), at))
            case t.Loop(_, _, _, _, inner):
                out.append(replace(statement, body=_body(inner, False)))
            case _:
                out.append(statement)
    return tuple(out)


def _rest(text: str, assigned: Collection[str]) -> str:
    """What of a VERBATIM's text has an effect: "" or "return" where nothing else has one."""
    parts = [part.strip(" \t\n{}") for part in _plain(text).split(";")]
    left = [part for part in parts if part and not _without_effect(part, assigned)]
    if not left:
        return ""
    return "return" if all(re.fullmatch(r"return(\s*\(?\s*0?\s*\)?)", part) for part in left) else text


def _assignments(text: str, at: t.Position) -> tuple[t.Statement, ...]:
    """The statements of C code that gives numbers to variables, and does nothing else."""
    found = [_NUMBER.fullmatch(part.strip()) for part in _plain(text).split(";") if part.strip()]
    out = [t.Assign(match.group(1), t.Number(float(match.group(2))), at) for match in found if match]
    return tuple(out) if len(out) == len(found) else ()


def _without_effect(part: str, assigned: Collection[str]) -> bool:
    found = _READ.fullmatch(part)
    if found is not None:
        return found.group(1) == found.group(2) and found.group(1) not in assigned
    return _PRINT.fullmatch(part) is not None and "++" not in part and "--" not in part
