"""All passes in order: a parsed file -> the blocks of a mechanism."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from gbar.nmodl import blocks as b
from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.cnexp import cnexp
from gbar.nmodl.differentiate import differentiate
from gbar.nmodl.flatten import flatten
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.inline import inline
from gbar.nmodl.prune import inputs, prune, split
from gbar.nmodl.singular import singular
from gbar.nmodl.solve import Solver
from gbar.nmodl.symbols import Symbols, refuse
from gbar.nmodl.unparse import unparse_expression
from gbar.nmodl.walk import names


@dataclass(frozen=True)
class Lowered:
    """The code of a mechanism; see `gbar.mechanism.Mechanism` for what each block is."""

    initial: t.Block
    breakpoint: t.Block
    slope: t.Block
    affine: bool
    advance: t.Block
    carried: tuple[str, ...]
    memory: bool
    warnings: tuple[str, ...]


def lower(tree: b.File, symbols: Symbols) -> Lowered:
    """The blocks of a checked file. Raises NmodlError where a pass cannot do what the file asks."""
    fresh = Fresh(_taken(tree, symbols))
    solver = Solver(symbols, _declared(tree), fresh)
    initial = _block(_body(symbols.initial), symbols, fresh, _start(symbols), solver=solver)
    current = _block(_unsolved(_body(symbols.breakpoint)), symbols, fresh, solver=solver)
    advance = _block(symbols.solved, symbols, fresh, solver=solver)  # NEURON gathers the SOLVEs of BREAKPOINT here

    carried = _carried(symbols, initial, current, advance)
    keep = {*symbols.states, *carried, *symbols.ion_writes}
    initial = prune(initial, keep)
    advance = prune(advance, keep)
    current = _with_currents(current, symbols)
    slope, stated = _slope(current, symbols, fresh)
    current = prune(current, {*symbols.currents, *keep}, also=inputs(slope))
    memory = _memory(current) and not stated  # with a CONDUCTANCE, NEURON evaluates once
    for block in (initial, current, advance):
        _check_finite(block, symbols)
    return Lowered(
        split(initial, fresh),
        split(current, fresh),
        split(slope, fresh),
        _affine(current, slope, stated) and not memory,
        split(advance, fresh),
        carried,
        memory,
        tuple(solver.warnings),
    )


def _block(
    body: tuple[t.Statement, ...],
    symbols: Symbols,
    fresh: Fresh,
    start: Mapping[str, t.Expr] | None = None,
    *,
    solver: Solver,
) -> t.Block:
    flat = flatten(
        inline(body, symbols.routines, fresh, symbols.file), fresh, _constants(symbols) | dict(start or {}), solver
    )
    own = (symbols.variables() | symbols.ion_writes) - symbols.constants.keys()
    results = tuple((n, e) for n, e in flat.values.items() if n in own and e != t.Name(n))
    for stated in flat.conductances:  # CONDUCTANCE names a variable whose value counts at the end of the block
        value = flat.values.get(stated.variable, t.Name(stated.variable, stated.at))
        results += ((_slope_name(stated.ion), value),)
    code = cnexp(singular(s.simplify_values(flat.code), flat.finished), symbols.file)
    final, results = s.simplify_code(code, results)
    return t.Block(tuple(line for line in final if isinstance(line, t.Assign)), results)


def _body(block: b.Initial | b.Breakpoint | None) -> tuple[t.Statement, ...]:
    return block.body if block else ()


def _unsolved(body: tuple[t.Statement, ...]) -> tuple[t.Statement, ...]:
    """BREAKPOINT without its own SOLVEs; those in PROCEDUREs that it calls stay in their places, as in NEURON."""
    out: list[t.Statement] = []
    for one in body:
        if isinstance(one, t.If):
            out.append(replace(one, then=_unsolved(one.then), otherwise=_unsolved(one.otherwise)))
        elif not isinstance(one, t.Solve):
            out.append(one)
    return tuple(out)


def _declared(tree: b.File) -> tuple[str, ...]:
    """What STATE declares, concentrations of ions included."""
    return tuple(entry.name for block in tree.blocks if isinstance(block, b.States) for entry in block.entries)


def _slope_name(ion: str | None) -> str:
    """The name, among a block's results, of what a CONDUCTANCE statement states."""
    return f"d(i{ion or ''})/dv"


def _taken(tree: b.File, symbols: Symbols) -> set[str]:
    """Every name of the file, so that made names are new."""
    return set(symbols.variables()) | set(symbols.routines) | set(symbols.derivatives) | set(symbols.units)


def _constants(symbols: Symbols) -> dict[str, t.Expr]:
    return {name: t.Number(value) for name, value in symbols.constants.items()}


def _start(symbols: Symbols) -> dict[str, t.Expr]:
    """What variables hold before INITIAL: 0, or what `symbols.starts` says."""
    start: dict[str, t.Expr] = dict.fromkeys((*symbols.states, *symbols.assigned), s.ZERO)
    return start | symbols.starts


def _carried(symbols: Symbols, *blocks: t.Block) -> tuple[str, ...]:
    """ASSIGNED variables that a block reads as another left them."""
    carried: set[str] = set()
    roots = {*symbols.states, *symbols.currents, *symbols.ion_writes}
    while True:
        read = set().union(*(inputs(prune(block, roots | carried)) for block in blocks))
        more = {name for name in symbols.assigned if name in read}
        if more <= carried:
            return tuple(name for name in symbols.assigned if name in carried)
        carried |= more


def _check_finite(block: t.Block, symbols: Symbols) -> None:
    """Refuse what is made of constants and is infinite or undefined."""
    for value, at in [*((line.value, line.at) for line in block.code), *((e, e.at) for _, e in block.results)]:
        part = s.not_finite(value)
        if part is not None:
            place = at if part.at == t.NOWHERE else part.at
            what = f"{unparse_expression(part)} is not a finite number"
            raise refuse(symbols.file, place, what, "correct the constants that it is made of")


def _memory(current: t.Block) -> bool:
    """Whether BREAKPOINT leaves something to its next evaluation: NEURON evaluates it twice in a step."""
    read = inputs(current)
    return any(name in read for name, _ in current.results)


def _with_currents(block: t.Block, symbols: Symbols) -> t.Block:
    """Every current among the results; one that is never assigned is 0."""
    have = {name for name, _ in block.results}
    return t.Block(block.code, block.results + tuple((name, s.ZERO) for name in symbols.currents if name not in have))


def _slope(current: t.Block, symbols: Symbols, fresh: Fresh) -> tuple[t.Block, frozenset[str]]:
    """(d(currents)/dv, the currents whose slope a CONDUCTANCE states).

    Where one states a slope, NEURON takes the other currents not to depend on v.
    """
    values = dict(current.results)
    stated = {
        name: values[_slope_name(ion)] for name, ion in symbols.currents.items() if _slope_name(ion) in values
    }  # fmt: skip
    block = differentiate(current.code, [(name, values[name]) for name in symbols.currents], fresh)
    code, results = s.simplify_code(block.code, block.results)
    block = t.Block(
        tuple(line for line in code if isinstance(line, t.Assign)),
        tuple((name, stated.get(name, s.ZERO if stated else value)) for name, value in results),
    )
    return prune(block, symbols.currents), frozenset(stated)


def _affine(current: t.Block, slope: t.Block, stated: Collection[str]) -> bool:
    """Whether every slope is stated, or does not depend on v."""
    varying = {"v"}
    for line in (*current.code, *slope.code):
        if names(line.value) & varying:
            varying.add(line.target)
    return all(name in stated or not names(value) & varying for name, value in slope.results)
