"""Which variables a file's USEION statements name, and what they are to its code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gbar.errors import NmodlError
from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t


@dataclass(frozen=True)
class IonNames:
    """The variables of ions that a file uses, and its currents."""

    currents: dict[str, str | None]  # current -> its ion; None of a NONSPECIFIC_CURRENT
    reads: frozenset[str]  # what blocks find as the ion has it: e, i and concentrations
    writes: frozenset[str]  # what blocks leave to the ion, beside currents


def ion_names(uses: Sequence[b.UseIon], nonspecific: Sequence[t.Name], file: str) -> IonNames:
    """The variables of the USEION and NONSPECIFIC_CURRENT statements of a file. Raises NmodlError.

    What is written, and is no current, is also found as the ion has it: NEURON's blocks begin by reading it.
    """
    currents: dict[str, str | None] = {}
    reads: set[str] = set()
    writes: set[str] = set()
    for use in uses:
        if [other.ion for other in uses].count(use.ion) > 1:
            raise _refuse(file, use.at, f"USEION {use.ion} stands twice", "join the two")
        if not use.reads and not use.writes:
            raise _refuse(file, use.at, f"USEION {use.ion} neither READs nor WRITEs", "say what it is used for")
        current = f"i{use.ion}"
        known = (f"e{use.ion}", current, f"{use.ion}i", f"{use.ion}o")
        for name in (*use.reads, *use.writes):
            if name.id not in known:
                what = f"{name.id} is no variable of the ion {use.ion}"
                raise _refuse(file, name.at, what, f"there are {', '.join(known)}")
        if current in (name.id for name in use.writes):
            currents[current] = use.ion
        changed = {name.id for name in use.writes} - {current}
        reads |= {name.id for name in use.reads} | changed
        writes |= changed
    for name in nonspecific:
        if name.id in currents:
            raise _refuse(file, name.at, f"the current {name.id} stands twice", "remove one")
        currents[name.id] = None
    return IonNames(currents, frozenset(reads), frozenset(writes))


def _refuse(file: str, at: t.Position, what: str, remedy: str) -> NmodlError:
    return NmodlError(what, file=at.file or file, line=at.line or None, column=at.column or None, remedy=remedy)
