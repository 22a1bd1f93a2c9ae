"""Pass: a current that a block reads as BREAKPOINT left it -> a variable of its own, apart from the ion's total."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gbar.nmodl import tree as t
from gbar.nmodl.lower import Lowered
from gbar.nmodl.symbols import Symbols
from gbar.nmodl.walk import substitute


def with_own_currents(code: Lowered, symbols: Symbols) -> Lowered:
    """`code` where no current is carried from block to block.

    A current `ik` that the file does not READ from the ion, and that a block reads before assigning it, is this
    mechanism's own, as BREAKPOINT has left it. It becomes an ASSIGNED variable `ik_own`, a result of BREAKPOINT.
    """
    taken = symbols.variables() | set(symbols.routines)
    own = {name: _unused(f"{name}_own", taken) for name in code.carried if name in symbols.currents}
    if not own:
        return code
    currents = dict(code.breakpoint.results)
    left = tuple((own[name], currents[name]) for name in own if name in currents)
    at_end = _renamed(code.breakpoint, own, keep=True)
    return replace(
        code,
        initial=_renamed(code.initial, own),
        breakpoint=replace(at_end, results=at_end.results + _substituted(left, own)),
        slope=_renamed(code.slope, own, keep=True),
        advance=_renamed(code.advance, own),
        carried=tuple(own.get(name, name) for name in code.carried),
    )


def _unused(name: str, taken: set[str] | frozenset[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _substituted(results: tuple[tuple[str, t.Expr], ...], own: Mapping[str, str]) -> tuple[tuple[str, t.Expr], ...]:
    names = {name: t.Name(new) for name, new in own.items()}
    return tuple((name, substitute(value, names)) for name, value in results)


def _renamed(block: t.Block, own: Mapping[str, str], keep: bool = False) -> t.Block:
    """`block` reading the new names; with `keep`, its results still have the old ones."""
    names = {name: t.Name(new) for name, new in own.items()}
    code = tuple(replace(line, value=substitute(line.value, names)) for line in block.code)
    results = _substituted(block.results, own)
    return t.Block(code, results if keep else tuple((own.get(name, name), value) for name, value in results))
