"""The run-time tables of a kernel of many compartments: where everything lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from gbar.compartments import Compartments, Reversal
from gbar.errors import CellError
from gbar.kernel import cable_text as text
from gbar.kernel.cable_emit import Layout
from gbar.kernel.cable_mechanism import MechanismLayout
from gbar.kernel.pattern import IonPattern, constants, quantities, site_variable, variables

Array = np.ndarray


@dataclass(frozen=True)
class Electrode:
    """Something that acts on a compartment: a current (nA) of every step, or a level (mV) held through `resistance`."""

    compartment: int
    values: Float[np.ndarray, " step"]
    resistance: float | None = None  # MOhm, of a voltage clamp


@dataclass(frozen=True)
class _Stretches:
    """Equal stretches in memory: where the first begins, and how many elements each has."""

    begin: int
    size: int

    def __getitem__(self, k: int) -> int:
        return self.begin + k * self.size


def slots(tables: Compartments, layout: Layout) -> int:
    """How many numbers each lane has that change in time, or differ from lane to lane."""
    of = {m.pattern.mechanism.name: m.slots for m in layout.mechanisms}
    ions = {ion.name for ion in layout.pattern.ions}
    return sum(
        layout.node
        + sum(of[instance.mechanism.name] for instance in c.instances)
        + sum(text.POOL for pool in c.pools if pool.ion in ions)
        for c in tables.compartments
    )


@dataclass(frozen=True)
class _Pools:
    """Where the list of an ion's pools is, and how many there are; how many of the first follow their concentrations at
    the start, and how many in every step."""

    pools: int
    count: int
    following: int
    always: int


class CableTables:
    """A cell's tables for a kernel: the places of all that it reads and writes.

    Raises CellError where a mechanism reads a concentration that the cell does not state.
    """

    def __init__(self, tables: Compartments, layout: Layout) -> None:
        self.tables, self.layout, self.lanes = tables, layout, layout.lanes
        self.pooled = {name for ion in layout.pattern.ions for name in ion.variables}
        self.rows: dict[int, int] = {q: row for row, q in enumerate(tables.varying)}  # of what varies
        self.elements = 0
        self.lists: list[int] = [0] * (text.FREE + 4 * len(layout.mechanisms))
        count = len(tables.compartments)
        self.nodes = self._stretches(count, layout.node)
        self.axial, self.areas, self.capacities = (self._numbers(count) for _ in range(3))
        self.lists[text.COUNT], self.lists[text.NODES] = count, self.nodes.begin
        self.lists[text.PARENTS] = self._list(self.nodes[max(c.parent, 0)] for c in tables.compartments)
        self.lists[text.AXIAL], self.lists[text.CAPACITY] = self.axial, self.capacities
        self.pools: dict[tuple[int, str], int] = {}  # (compartment, ion) -> its stretch
        self.ions = {ion.name: self._ion(ion) for ion in layout.pattern.ions}
        self.instances: dict[tuple[int, str], tuple[int, MechanismLayout]] = {}  # (compartment, mechanism)
        for n, mechanism in enumerate(layout.mechanisms):
            self._mechanism(mechanism, self.header(n))
        self.lists[text.SITES] = self._list(self._row(s.compartment, s.variable) for s in tables.sites)
        self.lists[text.VOLTAGES] = self._list(int(s.variable == "v") for s in tables.sites)

    @staticmethod
    def header(n: int) -> int:
        """Where the table has the header of a mechanism."""
        return text.FREE + 4 * n

    def programs(self, addresses: Sequence[Mapping[str, int]]) -> None:
        """Writes down which functions are called in what order; `addresses` of each mechanism's, by name."""
        follow = {ion.name: (text.FOLLOW, self.ions[ion.name].pools, self.ions[ion.name].following)
                  for ion in self.layout.pattern.ions if ion.follows}  # fmt: skip
        phases: dict[int, list[tuple[int, int, int]]] = {
            place: [] for place in (text.INITIAL, text.START, text.BEGIN, text.CURRENTS, text.ADVANCE)
        }
        phases[text.INITIAL] += follow.values()
        for n, (m, found) in enumerate(zip(self.layout.mechanisms, addresses, strict=True)):
            phase = {text.INITIAL: "initial", text.CURRENTS: "currents", text.ADVANCE: "advance"}
            if m.steps:
                step = "step" if "step" in found else "currents"
                phase = {text.INITIAL: "initial", text.START: "currents", text.ADVANCE: step}
            for place, name in phase.items():
                if name in found:
                    phases[place].append((text.CALL, found[name], self.header(n)))
            phases[text.INITIAL] += [follow[ion] for ion in m.concentrations if ion in follow]
        for ion in self.layout.pattern.ions:
            pools = self.ions[ion.name]
            phases[text.BEGIN].append((text.ZERO, pools.pools, pools.count))
            if ion.follows:
                phases[text.BEGIN].append((text.FOLLOW, pools.pools, pools.always))
        for place, calls in phases.items():
            self.lists[place] = self._list(value for call in calls for value in call)
            self.lists[place + 1] = len(calls)
        self.places = np.array(self.lists, dtype=np.int64)

    # --- places ---

    def _stretches(self, count: int, slots: int) -> _Stretches:
        found = _Stretches(self.elements, slots * self.lanes)
        self.elements += count * found.size
        return found

    def _numbers(self, count: int) -> int:
        """A list of single numbers, padded so that what follows stays aligned."""
        begin = self.elements
        self.elements += -(-count // self.lanes) * self.lanes
        return begin

    def _list(self, values: Iterable[int]) -> int:
        begin = len(self.lists)
        self.lists.extend(values)
        return begin

    def _ion(self, ion: IonPattern) -> _Pools:
        found = [(k, pool) for k, c in enumerate(self.tables.compartments) for pool in c.pools if pool.ion == ion.name]
        found.sort(key=lambda item: (item[1].reversal is not Reversal.ALWAYS, item[1].reversal is Reversal.STATED))
        stretches = self._stretches(len(found), text.POOL)
        for n, (k, _) in enumerate(found):
            self.pools[k, ion.name] = stretches[n]
        styles = [pool.reversal for _, pool in found]
        following = sum(style is not Reversal.STATED for style in styles)
        places = self._list(self.pools[k, ion.name] for k, _ in found)
        return _Pools(places, len(found), following, sum(style is Reversal.ALWAYS for style in styles))

    def _mechanism(self, m: MechanismLayout, header: int) -> None:
        name = m.pattern.mechanism.name
        found = [
            (k, i) for k, c in enumerate(self.tables.compartments) for i in c.instances if i.mechanism.name == name
        ]
        stretches = self._stretches(len(found), m.slots)
        links: list[int] = []
        for n, (k, instance) in enumerate(found):
            self.instances[k, name] = stretches[n], m
            known = constants(self.tables, instance, self.tables.compartments[k].pools, self.pooled)
            self._check(m, known, k)
            links += [self.nodes[k], self.areas + k, *(self.pools[k, ion] for ion in m.ions)]
            links += [text.QUANTITIES + known[given] for given in m.pattern.fixed]
            links += [self._varying(known[given]) for given in m.pattern.lanes]
        numbers = self._numbers(len(found) * m.numbers)
        self.lists[header : header + 4] = len(found), stretches.begin, numbers, self._list(links)

    def _check(self, m: MechanismLayout, known: dict[str, int], compartment: int) -> None:
        """Whether a compartment states all that a mechanism reads."""
        place = self.tables.compartments[compartment]
        stated = set(known) | {f"i{pool.ion}" for pool in place.pools}
        stated |= {name for pool in place.pools for name, q in quantities(pool).items() if q is not None}
        stated |= {f"e{pool.ion}" for pool in place.pools if pool.reversal is not Reversal.STATED}
        for name in (*m.pattern.fixed, *m.pattern.lanes, *m.pattern.pooled):
            if name not in stated:
                what = f"{m.pattern.mechanism.name} uses {name}, which {place.section}({place.x:g}) does not have"
                raise CellError(what, file=m.pattern.mechanism.file)

    def _varying(self, quantity: int) -> int:
        """Where the values of a quantity are given for every lane; fixed ones come after those that vary."""
        row = self.rows.setdefault(quantity, len(self.rows))
        return text.QUANTITIES + len(self.tables.quantities) + row * self.lanes

    def _row(self, compartment: int, variable: str) -> int:
        """Where what is recorded lies in memory."""
        kind, name = site_variable(self.tables, compartment, variable)
        if kind == "v":
            return self.nodes[compartment]
        if kind == "ion":
            ion = next(ion.name for ion in self.layout.pattern.ions if name in ion.variables)
            return self.pools[compartment, ion] + variables(ion).index(name) * self.lanes
        begin, layout = self.instances[compartment, kind]
        return begin + layout.rows[name] * self.lanes

    # --- a run ---

    def table(self, electrodes: Sequence[Electrode]) -> Int[np.ndarray, " place"]:
        """The table of integers for a run with these electrodes; `programs` comes before."""
        currents = [self.nodes[e.compartment] for e in electrodes if e.resistance is None]
        clamps = [self.nodes[e.compartment] for e in electrodes if e.resistance is not None]
        table = np.concatenate((self.places, np.array([*currents, *clamps], dtype=np.int64)))
        table[text.ELECTRODES] = len(self.places)
        table[text.CLAMPS] = len(self.places) + len(currents)
        return table
