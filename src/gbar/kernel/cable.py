"""The run-time tables of a kernel of many compartments: where everything lies, and what it starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from gbar.compartments import Compartments, Pool, Reversal
from gbar.errors import CellError
from gbar.kernel import cable_text as text
from gbar.kernel.cable_emit import IonLayout, Layout
from gbar.kernel.cable_mechanism import MechanismLayout
from gbar.kernel.instance import FARADAY, GAS
from gbar.kernel.pattern import constants, quantities, site_variable

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


class CableTables:
    """A cell's tables for a kernel: places that do not change, and memory to start from.

    Raises CellError where a mechanism reads a concentration that the cell does not state.
    """

    def __init__(self, tables: Compartments, layout: Layout) -> None:
        self.tables, self.layout, self.lanes = tables, layout, layout.lanes
        self.pooled = {name for ion in layout.pattern.ions for name in ion.variables}
        self.rows: dict[int, int] = {q: row for row, q in enumerate(tables.varying)}  # of theta
        self.elements = 0
        self.lists: list[int] = [0] * layout.header
        count = len(tables.compartments)
        self.nodes = self._stretches(count, layout.node)
        self.axial, self.areas, self.capacities = (self._numbers(count) for _ in range(3))
        self._place(text.COUNT, count)
        self._place(text.NODES, self.nodes.begin)
        self._place(text.PARENTS, self._list(self.nodes[max(c.parent, 0)] for c in tables.compartments))
        for place, begin in ((text.AXIAL, self.axial), (text.AREA, self.areas), (text.CAPACITY, self.capacities)):
            self._place(place, begin)
        self.pools: dict[tuple[int, str], int] = {}  # (compartment, ion) -> its stretch
        for ion in layout.ions:
            self._ion(ion)
        self.instances: dict[tuple[int, str], tuple[int, MechanismLayout]] = {}  # (compartment, mechanism)
        for mechanism in layout.mechanisms:
            self._mechanism(mechanism)
        self._place(text.SITES, self._list(self._row(s.compartment, s.variable) for s in tables.sites))
        self._place(text.VOLTAGES, self._list(int(s.variable == "v") for s in tables.sites))

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

    def _place(self, place: int, value: int) -> None:
        self.lists[place] = value

    def _list(self, values: object) -> int:
        begin = len(self.lists)
        self.lists.extend(values)  # type: ignore[arg-type]
        return begin

    def _ion(self, ion: IonLayout) -> None:
        found = [(k, pool) for k, c in enumerate(self.tables.compartments) for pool in c.pools
                 if pool.ion == ion.pattern.name]  # fmt: skip
        found.sort(key=lambda item: (item[1].reversal is not Reversal.ALWAYS, item[1].reversal is Reversal.STATED))
        stretches = self._stretches(len(found), len(ion.pattern.variables) + 1)
        for n, (k, _) in enumerate(found):
            self.pools[k, ion.pattern.name] = stretches[n]
        styles = [pool.reversal for _, pool in found]
        self._place(ion.count, len(found))
        self._place(ion.following, sum(style is not Reversal.STATED for style in styles))
        self._place(ion.always, sum(style is Reversal.ALWAYS for style in styles))
        self._place(ion.pools, self._list(self.pools[k, ion.pattern.name] for k, _ in found))

    def _mechanism(self, m: MechanismLayout) -> None:
        name = m.pattern.mechanism.name
        found = [
            (k, i) for k, c in enumerate(self.tables.compartments) for i in c.instances if i.mechanism.name == name
        ]
        stretches = self._stretches(len(found), m.slots)
        links: list[int] = []
        for n, (k, instance) in enumerate(found):
            self.instances[k, name] = stretches[n], m
            pools = self.tables.compartments[k].pools
            known = constants(self.tables, instance, pools, self.pooled)
            self._check(m, known, k)
            links += [self.nodes[k], *(self.pools[k, ion] for ion in m.ions)]
            links += [known[given] for given in m.pattern.fixed]
            links += [self._theta(known[given]) for given in m.pattern.lanes]
        self._place(m.places.count, len(found))
        self._place(m.places.data, stretches.begin)
        self._place(m.places.numbers, self._numbers(len(found) * m.numbers))
        self._place(m.places.links, self._list(links))

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

    def _theta(self, quantity: int) -> int:
        """The row of theta that a quantity has; fixed ones get rows after those that vary."""
        return self.rows.setdefault(quantity, len(self.rows))

    def _row(self, compartment: int, variable: str) -> int:
        """Where what is recorded lies in memory."""
        kind, name = site_variable(self.tables, compartment, variable)
        if kind == "v":
            return self.nodes[compartment]
        if kind == "ion":
            ion = next(ion for ion in self.layout.ions if name in ion.pattern.variables)
            slot = ion.pattern.variables.index(name)
            return self.pools[compartment, ion.pattern.name] + slot * self.lanes
        begin, layout = self.instances[compartment, kind]
        return begin + layout.rows[name] * self.lanes

    # --- a run ---

    def table(self, electrodes: tuple[Electrode, ...]) -> Int[np.ndarray, " place"]:
        """The table of integers for a run with these electrodes."""
        lists = list(self.lists)
        for place, held in ((text.ELECTRODES, False), (text.CLAMPS, True)):
            lists[place] = len(lists)
            lists += [self.nodes[e.compartment] for e in electrodes if (e.resistance is not None) is held]
        return np.array(lists, dtype=np.int64)

    def theta(self, varying: Float[np.ndarray, "varying lane"]) -> Float[np.ndarray, "row lane"]:
        """What varies, and after it what is fixed here and varies elsewhere."""
        rows = np.empty((max(len(self.rows), 1), self.lanes))
        rows[: len(varying)] = varying
        for quantity, row in self.rows.items():
            if row >= len(varying):
                rows[row] = self.tables.quantities[quantity].value
        return rows

    def memory(
        self, dtype: np.dtype[np.floating], values: Float[np.ndarray, " quantity"],
        varying: Float[np.ndarray, "varying lane"], dt: float, v_init: float,
    ) -> Float[np.ndarray, " element"]:  # fmt: skip
        """Memory before the INITIAL blocks."""
        memory = np.zeros(self.elements, dtype)
        every = np.repeat(values[:, None], self.lanes, axis=1)
        every[list(self.tables.varying)] = varying
        self._fill_nodes(memory, every, dt, v_init)
        for ion in self.layout.ions:
            for k, place in enumerate(self.tables.compartments):
                for pool in place.pools:
                    if pool.ion == ion.pattern.name:
                        self._fill_pool(memory, every, ion, k, pool)
        return memory

    def _fill_nodes(self, memory: Array, every: Array, dt: float, v_init: float) -> None:
        compartments, layout, n = self.tables.compartments, self.layout, len(self.tables.compartments)

        def of(indices: list[int | None]) -> Array:
            known = np.array([-1 if q is None else q for q in indices])
            return np.where((known < 0)[:, None], 0.0, every[known])

        areas = of([c.area if c.cm is not None else None for c in compartments])
        scaled = {  # nA per mA/cm2, uS of the capacity, uS
            "area": 0.01 * areas,
            "capacity": 1e-5 / dt * of([c.cm if c.area is not None else None for c in compartments]) * areas,
            "axial": of([c.axial for c in compartments]),
        }
        nodes = memory[self.nodes.begin : self.nodes[n]].reshape(n, layout.node, self.lanes)
        nodes[:, text.V] = v_init
        slots = {"area": layout.area, "capacity": layout.capacity, "axial": layout.axial}
        lists = {"area": self.areas, "capacity": self.capacities, "axial": self.axial}
        for name, slot in slots.items():
            if slot is None:
                memory[lists[name] : lists[name] + n] = scaled[name][:, 0]
            else:
                nodes[:, slot] = scaled[name]

    def _fill_pool(self, memory: Array, every: Array, ion: IonLayout, compartment: int, pool: Pool) -> None:
        begin, names = self.pools[compartment, pool.ion], ion.pattern.variables
        stretch = memory[begin : begin + (len(names) + 1) * self.lanes].reshape(-1, self.lanes)
        for name, quantity in quantities(pool).items():
            if name in names and quantity is not None:
                stretch[names.index(name)] = every[quantity]
        if pool.valence:
            kelvin = every[self.tables.celsius] + 273.15
            stretch[-1] = 1e3 * GAS / FARADAY / pool.valence * kelvin
