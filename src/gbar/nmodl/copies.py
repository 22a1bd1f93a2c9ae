"""Pass: PARAMETERs that code assigns -> ASSIGNED copies, which begin with the PARAMETER's value."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t
from gbar.nmodl.intrinsics import ENVIRONMENT
from gbar.nmodl.walk import substitute, walk_statements

_CODE = (b.Initial, b.Breakpoint, b.Derivative, b.Kinetic, b.Linear, b.Beside, b.Routine)


def with_copies(tree: b.File) -> b.File:
    """`tree` where no code assigns a PARAMETER.

    A PARAMETER `g` that is assigned stays what a user sets; all code reads and assigns a variable `g_now` in its stead,
    which holds the value of `g` when INITIAL begins. A reversal potential `ek` that is WRITTEN and not READ is, as in
    NEURON, a variable `ek_own` of the mechanism, 0 at first, which every block ends by giving to the ion.
    """
    parameters = {
        entry.name: entry for block in tree.blocks if isinstance(block, b.Parameters) for entry in block.entries
    }
    taken = set(parameters) | set(_declared(tree))
    copies = {name: _unused(_with_ending(name, "_now"), taken) for name in _changed(tree, parameters)}
    own = {name: _unused(f"{name}_own", taken) for name in _written_only(tree)}
    names = copies | own
    if not names:
        return tree
    entries = [b.VariableDecl(new, parameters[old].unit, parameters[old].at, 0, old) for old, new in copies.items()]
    entries += [b.VariableDecl(new) for new in own.values()]
    blocks = tuple(
        replace(block, body=_rename(block.body, _less(names, _hidden(block)))) if isinstance(block, _CODE) else block
        for block in tree.blocks
    )
    left = tuple(t.Assign(old, t.Name(new)) for old, new in own.items())
    last = (b.Initial(left), b.Breakpoint(left), b.Beside("AFTER", "SOLVE", left)) if left else ()
    return replace(tree, blocks=(*blocks, b.Assigned(tuple(entries)), *last))


def _changed(tree: b.File, parameters: Collection[str]) -> dict[str, None]:
    """The PARAMETERs that code assigns, in order."""
    outside = ENVIRONMENT | frozenset(_not_the_files(tree))
    code = [block for block in tree.blocks if isinstance(block, _CODE)]
    found = (name for block in code for name in _assigned(block.body, _hidden(block)))
    return dict.fromkeys(name for name in found if name in parameters and name not in outside)


def _with_ending(name: str, ending: str) -> str:
    base, bracket, index = name.partition("[")
    return base + ending + bracket + index


def _written_only(tree: b.File) -> list[str]:
    """The reversal potentials that are WRITTEN and not READ."""
    found = []
    for block in tree.blocks:
        for use in block.statements if isinstance(block, b.Neuron) else ():
            if isinstance(use, b.UseIon):
                read = {name.id for name in use.reads}
                found += [name.id for name in use.writes if name.id == f"e{use.ion}" and name.id not in read]
    return found


def _not_the_files(tree: b.File) -> Iterator[str]:
    """The variables of ions, and the currents, whatever block declares them."""
    for block in tree.blocks:
        for statement in block.statements if isinstance(block, b.Neuron) else ():
            if isinstance(statement, b.UseIon):
                yield from (name.id for name in (*statement.reads, *statement.writes))
            elif isinstance(statement, b.NonspecificCurrent):
                yield from (name.id for name in statement.names)


def _declared(tree: b.File) -> Iterator[str]:
    """Every name that a declaration, a LOCAL or a block's header gives."""
    for block in tree.blocks:
        match block:
            case b.Parameters(entries) | b.Constants(entries):
                yield from (entry.name for entry in entries)
            case b.Assigned(variables) | b.States(variables) | b.FileLocal(variables):
                yield from (entry.name for entry in variables)
        if isinstance(block, _CODE):
            yield from _hidden(block)
            for statement in walk_statements(block.body):
                yield from statement.names if isinstance(statement, t.Local) else ()


def _unused(name: str, taken: set[str]) -> str:
    """`name`, which may be an array's element, or one like it that is not taken."""
    base, bracket, index = name.partition("[")
    while {base, base + bracket + index} & taken:
        base += "_"
    taken.add(base + bracket + index)
    return base + bracket + index


def _hidden(block: b.FileBlock) -> frozenset[str]:
    """The names that mean something else in a FUNCTION or PROCEDURE."""
    if isinstance(block, b.Routine):
        return frozenset({argument.name for argument in block.arguments} | {block.name})
    return frozenset()


def _less(names: Mapping[str, str], hidden: Collection[str]) -> dict[str, str]:
    return {old: new for old, new in names.items() if old not in hidden}


def _assigned(body: tuple[t.Statement, ...], hidden: frozenset[str]) -> Iterator[str]:
    """The names that a body assigns and that are not its own."""
    for statement in body:
        match statement:
            case t.Local(names):
                hidden |= frozenset(names)
            case t.Assign(target) if target not in hidden:
                yield target
            case t.If(_, then, otherwise):
                yield from _assigned(then, hidden)
                yield from _assigned(otherwise, hidden)


def _rename(body: tuple[t.Statement, ...], names: dict[str, str]) -> tuple[t.Statement, ...]:
    """`body` with other names for variables, except where a LOCAL has the name."""
    out = []
    for statement in body:
        if isinstance(statement, t.Local):
            names = _less(names, statement.names)
        out.append(_renamed(statement, names))
    return tuple(out)


def _renamed(statement: t.Statement, names: dict[str, str]) -> t.Statement:
    values = {old: t.Name(new) for old, new in names.items()}

    def inside(expression: t.Expr) -> t.Expr:
        return substitute(expression, values)

    match statement:
        case t.Assign(target, value, at):
            return t.Assign(names.get(target, target), inside(value), at)
        case t.Differential(state, value, at):
            return t.Differential(state, inside(value), at)
        case t.If(condition, then, otherwise, at):
            return t.If(inside(condition), _rename(then, names), _rename(otherwise, names), at)
        case t.CallStatement(call, at):
            return t.CallStatement(t.Call(call.function, tuple(map(inside, call.arguments)), call.at), at)
        case t.Conductance(variable):
            return replace(statement, variable=names.get(variable, variable))
        case t.Reaction(left, right, forward, backward, kind, at):
            one, other = (tuple(replace(r, name=names.get(r.name, r.name)) for r in side) for side in (left, right))
            return t.Reaction(one, other, inside(forward), None if backward is None else inside(backward), kind, at)
        case t.Conserve(terms, total, at):
            return t.Conserve(
                tuple(replace(r, name=names.get(r.name, r.name)) for r in terms), inside(total), at
            )  # fmt: skip
        case t.CompartmentVolume(volume):
            return replace(statement, volume=inside(volume))
        case t.Equation(left, right, at):
            return t.Equation(inside(left), inside(right), at)
    return statement
