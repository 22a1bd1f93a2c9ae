"""What the mechanisms of a region do with each ion, and where its reversal potential comes from, as in NEURON.

NEURON gives every ion of a section a style, from what the USEION statements of the mechanisms there read and write
(`ion_promote` in its translator, `nrn_promote` in eion.cpp). With the concentrations unused, the reversal potential is
a parameter; with one read, it follows from them by Nernst's equation once, at initialisation; with one written, at the
start of every step as well; and where a mechanism writes the reversal potential itself, nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gbar.errors import CellError
from gbar.mechanism import Mechanism

VALENCES = {"na": 1.0, "k": 1.0, "ca": 2.0, "cl": -1.0}
DEFAULTS = {"nai": 10.0, "nao": 140.0, "ki": 54.4, "ko": 2.5, "cai": 5e-5, "cao": 2.0}  # mM, NEURON's; all others 1


@dataclass(frozen=True)
class IonUse:
    """An ion in a region: the variables (`eca`, `cai`, `cao`, `ica`) that mechanisms read and write, and its style.

    `nernst` says when the reversal potential follows from the concentrations, unless a cell fixes it.
    """

    name: str
    valence: float  # 0 where nobody says it
    reads: frozenset[str]
    writes: frozenset[str]
    nernst: Literal["never", "at start", "always"]
    readers: tuple[tuple[str, str], ...]  # (variable, the first mechanism that reads or writes it)

    @property
    def e(self) -> str:
        """The name of the reversal potential."""
        return f"e{self.name}"

    @property
    def inside(self) -> str:
        """The name of the concentration inside."""
        return f"{self.name}i"

    @property
    def outside(self) -> str:
        """The name of the concentration outside."""
        return f"{self.name}o"

    @property
    def uses_e(self) -> bool:
        """Whether a mechanism reads or writes the reversal potential."""
        return self.e in self.reads | self.writes

    def needed(self, fixed: bool) -> tuple[str, ...]:
        """The concentrations that must be known, with the reversal potential fixed by the cell or not."""
        both = self.uses_e and self.nernst != "never" and not fixed
        used = self.reads | self.writes
        return tuple(name for name in (self.inside, self.outside) if both or name in used)

    def why(self, variable: str) -> str:
        """Who needs a variable, for messages."""
        for name, mechanism in self.readers:
            if name == variable:
                return f"{mechanism} {'reads' if variable in self.reads else 'writes'} {variable}"
        return f"{self.e} follows from {self.inside} and {self.outside}"


def ion_uses(mechanisms: Iterable[Mechanism]) -> dict[str, IonUse]:
    """What mechanisms in one place do with each ion, by the ion's name. Raises CellError where valences contradict."""
    mechanisms = tuple(mechanisms)
    names = dict.fromkeys(ion.name for mechanism in mechanisms for ion in mechanism.ions)
    return {name: _use(name, mechanisms) for name in names}


def _use(name: str, mechanisms: tuple[Mechanism, ...]) -> IonUse:
    valence, said_by = VALENCES.get(name), "NEURON"
    reads: set[str] = set()
    writes: set[str] = set()
    readers: dict[str, str] = {}
    for mechanism in mechanisms:
        for ion in mechanism.ions:
            if ion.name != name:
                continue
            if ion.valence is not None and valence is not None and ion.valence != valence:
                raise CellError(
                    f"{mechanism.name} gives {name} the valence {ion.valence:g}, {said_by} {valence:g}",
                    file=mechanism.file,
                    remedy="state one VALENCE in both mod files, or give one of the ions another name",
                )
            if ion.valence is not None and valence is None:
                valence, said_by = ion.valence, mechanism.name
            reads.update(ion.reads)
            writes.update(ion.writes)
            for variable in (*ion.reads, *ion.writes):
                readers.setdefault(variable, mechanism.name)
    style = _nernst(name, reads, writes)
    if valence is None and style != "never" and f"e{name}" in reads:
        raise CellError(f"e{name} follows from {name}i and {name}o, and no mechanism says the valence of {name}",
                        remedy=f"write `USEION {name} … VALENCE 1` in a mod file")  # fmt: skip
    return IonUse(name, valence or 0.0, frozenset(reads), frozenset(writes), style, tuple(readers.items()))


def _nernst(name: str, reads: set[str], writes: set[str]) -> Literal["never", "at start", "always"]:
    concentrations = {f"{name}i", f"{name}o"}
    if f"e{name}" in writes:
        return "never"
    if concentrations & writes:
        return "always"
    return "at start" if concentrations & reads else "never"
