"""What a kernel of many compartments starts from: made once for a sweep, completed for each block of lanes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from gbar.kernel import cable_text as text
from gbar.kernel.cable import CableTables
from gbar.kernel.instance import FARADAY, GAS
from gbar.kernel.pattern import quantities
from gbar.protocol import Block

Array = np.ndarray
LINE = 64  # bytes


@lru_cache(maxsize=8)
def start_of(
    cable: CableTables, dtype: np.dtype[np.floating], dt: float, v_init: float, blocks: tuple[Block, ...]
) -> Start:
    """What the blocks of a sweep start from. It never changes; the last few are kept, for who asks again and again."""
    return Start(cable, dtype, dt, v_init, blocks)


class Start:
    """Memory before the INITIAL blocks, and what is given beside it, for one precision, dt, v_init and condition."""

    def __init__(
        self, cable: CableTables, dtype: np.dtype[np.floating], dt: float, v_init: float, blocks: tuple[Block, ...]
    ) -> None:
        self.cable, self.tables, self.dt = cable, cable.tables.under(blocks), dt
        places = self.tables.compartments
        self.area = _indices([c.area if c.cm is not None else None for c in places])
        self.cm = _indices([c.cm if c.area is not None else None for c in places])
        self.axial = _indices([c.axial for c in places])
        pools = [(cable.pools[k, p.ion], p) for k, c in enumerate(places) for p in c.pools if p.ion in cable.ions]
        pools.sort(key=lambda item: item[0])
        self.pools = slice(pools[0][0], pools[-1][0] + text.POOL * cable.lanes) if pools else slice(0)
        self.pooled = [_indices([list(quantities(pool).values())[slot] for _, pool in pools]) for slot in range(3)]
        self.factors = np.array([1e3 * GAS / FARADAY / pool.valence if pool.valence else 0.0 for _, pool in pools])
        every = np.repeat(self.tables.values[:, None], cable.lanes, axis=1)
        self.memory = np.zeros(cable.elements, dtype)
        self._nodes(self.memory)[:, text.V] = v_init
        self._fill(self.memory, every)
        self.given = np.concatenate(([dt, v_init], self.tables.values, every[list(cable.rows)].ravel()))

    def block(
        self, varying: Float[np.ndarray, "varying lane"]
    ) -> tuple[Float[np.ndarray, " element"], Float[np.ndarray, " place"]]:
        """Memory for a block; and for the same dt, v_init, all quantities, and for every lane those that vary (here, or
        in another compartment that the same code serves)."""
        memory, given = _aligned(len(self.memory), self.memory.dtype), self.given.copy()
        memory[:] = self.memory
        if self._varies():
            every = np.repeat(self.tables.values[:, None], self.cable.lanes, axis=1)
            every[list(self.tables.varying)] = varying
            self._fill(memory, every)
        begin = text.QUANTITIES + len(self.tables.values)
        given[begin : begin + varying.size] = varying.ravel()
        return memory, given

    def _varies(self) -> bool:
        """Whether anything in memory differs from lane to lane before the INITIAL blocks."""
        found = self.cable.layout.pattern
        read = (
            {self.tables.celsius, *(q for column in self.pooled for q in column.tolist())} if len(self.factors) else ()
        )
        return found.membrane_varies or found.axial_varies or not set(self.tables.varying).isdisjoint(read)

    def _nodes(self, memory: Array) -> Float[np.ndarray, "compartment slot lane"]:
        nodes, n = self.cable.nodes, len(self.tables.compartments)
        return memory[nodes.begin : nodes[n]].reshape(n, self.cable.layout.node, self.cable.lanes)

    def _fill(self, memory: Array, every: Float[np.ndarray, "quantity lane"]) -> None:
        """Writes what depends on quantities."""
        cable, n = self.cable, len(self.tables.compartments)
        areas = _of(self.area, every)
        scaled = (  # nA per mA/cm2, uS of the capacity, uS
            (0.01 * areas, cable.areas, cable.layout.area),
            (1e-5 / self.dt * _of(self.cm, every) * areas, cable.capacities, cable.layout.capacity),
            (_of(self.axial, every), cable.axial, cable.layout.axial),
        )
        for values, numbers, slot in scaled:
            if slot is None:
                memory[numbers : numbers + n] = values[:, 0]
            else:
                self._nodes(memory)[:, slot] = values
        pools = memory[self.pools].reshape(-1, text.POOL, cable.lanes)
        for slot, quantity in zip((text.E, text.CI, text.CO), self.pooled, strict=True):
            pools[:, slot] = _of(quantity, every)
        pools[:, text.FACTOR] = self.factors[:, None] * (every[self.tables.celsius] + 273.15)


def _aligned(count: int, dtype: np.dtype[np.floating]) -> Float[np.ndarray, " element"]:
    """Room that begins where a line of the cache does, so that no vector lies across two of them."""
    room = np.empty(count * dtype.itemsize + LINE, np.uint8)
    begin = -room.ctypes.data % LINE
    return room[begin : begin + count * dtype.itemsize].view(dtype)


def _indices(found: Sequence[int | None]) -> Int[np.ndarray, " place"]:
    """Quantities by index; -1 for none."""
    return np.array([-1 if q is None else q for q in found], dtype=np.int64)


def _of(quantities: Int[np.ndarray, " place"], every: Float[np.ndarray, "quantity lane"]) -> Array:
    """The values of quantities, [place, lane]; 0 where there is none."""
    return np.where((quantities < 0)[:, None], 0.0, every[quantities])
