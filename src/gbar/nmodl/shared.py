"""Which variables NEURON has once for all compartments, where gbar has one for each."""

from __future__ import annotations

from collections.abc import Iterator

from gbar.nmodl import tree as t
from gbar.nmodl.lower import Lowered
from gbar.nmodl.symbols import Symbols, place
from gbar.nmodl.walk import names


def warnings_of_shared(code: Lowered, symbols: Symbols) -> tuple[str, ...]:
    """A warning for each variable that one block leaves to another, and that NEURON shares where compartments differ.

    NEURON shares LOCALs outside of all blocks, ASSIGNED variables that are GLOBAL, and PARAMETERs that are not RANGE.
    The last compartment to assign one decides what all others read. Nothing is said of one that has the same value
    everywhere, like a factor that follows from celsius.
    """
    shared = [name for name in code.carried if name in symbols.shared]
    local = {"v", "area", "diam", *symbols.states, *symbols.ion_reads, *symbols.currents}
    local |= {name for name in code.carried if name not in shared}
    local |= {name for name, scope in symbols.scopes.items() if scope == "range"}
    found: list[str] = []
    while more := [name for name in shared if name not in found and _differs(name, code, local)]:
        found += more
        local |= set(more)
    return tuple(
        place(
            symbols.file,
            symbols.places.get(name, t.NOWHERE),
            f"NEURON has one {name} for all compartments; here every compartment has its own",
        )
        for name in found
    )


def _differs(name: str, code: Lowered, local: set[str]) -> bool:
    """Whether a block gives a variable a value that follows from what compartments do not share."""
    return any(name in _left(block, local) for block in (code.initial, code.breakpoint, code.advance))


def _left(block: t.Block, local: set[str]) -> Iterator[str]:
    """The results of a block that follow from what is in `local`."""
    inside = set(local)
    for line in block.code:
        if names(line.value) & inside:
            inside.add(line.target)
    return (name for name, value in block.results if names(value) & inside and value != t.Name(name))
