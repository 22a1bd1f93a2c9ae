"""A stimulus, ready to be run: what the kernel is given for a block of lanes under it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gbar.compartments import Compartments
from gbar.errors import ProtocolError
from gbar.kernel.build import Kernel
from gbar.kernel.cable import Electrode
from gbar.kernel.cable_start import start_of
from gbar.kernel.cable_text import TILE
from gbar.protocol import Block, Protocol, Stimulus

Array = np.ndarray
Run = Callable[[Array, Array, Array], None]  # what varies [quantity, lane], v [row, site, time], extreme [row]


@dataclass(frozen=True)
class Sweep:
    """A stimulus, ready to run blocks of lanes through, and the cell's tables under its condition."""

    tables: Compartments
    sampling: float  # ms
    run: Run


def sweeps_of(kernel: Kernel, protocol: Protocol) -> tuple[Sweep, ...]:
    """What runs a block through each stimulus. Raises ProtocolError for sites and blocks that it does not have."""
    tables = {blocks: kernel.compartments.under(blocks) for blocks in map(protocol.blocks, protocol.stimuli)}
    found = []
    for stimulus in protocol.stimuli:
        blocks, electrodes = protocol.blocks(stimulus), _electrodes(kernel, stimulus)
        if kernel.cable is None:
            run = _point_run(kernel, tables[blocks], stimulus, electrodes)
        else:
            run = _cable_run(kernel, blocks, stimulus, electrodes)
        found.append(Sweep(tables[blocks], stimulus.sampling, run))
    return tuple(found)


def _electrodes(kernel: Kernel, stimulus: Stimulus) -> list[Electrode]:
    """What acts on the cell: the current at the first site, the injections, the clamps."""
    place = dict(kernel.compartments.places)
    for name in stimulus.sites:
        if name not in place:
            raise ProtocolError(
                f"stimulus {stimulus.name} acts at {name}, which is no site of {kernel.compartments.cell}",
                remedy=f"its sites are {', '.join(place)}",
            )
    currents = [Electrode(next(iter(place.values()), 0), stimulus.injected())]
    currents += [Electrode(place[i.site], stimulus.injected_by(i)) for i in stimulus.injections]
    return currents + [Electrode(place[c.site], stimulus.command(c), c.resistance) for c in stimulus.clamps]


def _point_run(kernel: Kernel, tables: Compartments, stimulus: Stimulus, electrodes: list[Electrode]) -> Run:
    """Blocks of one compartment, which all currents enter."""
    injected = np.array([e.values for e in electrodes]).sum(axis=0)
    steps = (stimulus.n_warm, stimulus.n_steps, stimulus.stride)
    about = (tables.values, injected, stimulus.dt, stimulus.v_init)

    def run(varying: Array, v: Array, extreme: Array) -> None:
        values, *rest = about
        kernel.run(values, varying, *rest, *steps, v, extreme)

    return run


def _cable_run(kernel: Kernel, blocks: tuple[Block, ...], stimulus: Stimulus, electrodes: list[Electrode]) -> Run:
    """Blocks of many compartments."""
    assert kernel.cable is not None
    begin = start_of(kernel.cable, kernel.dtype, stimulus.dt, stimulus.v_init, blocks)
    currents = np.array([e.values for e in electrodes if e.resistance is None])
    clamps = [e for e in electrodes if e.resistance is not None]
    command = np.array([e.values for e in clamps] or [np.zeros(0)])
    conductance = np.array([1.0 / e.resistance for e in clamps if e.resistance is not None])
    table = kernel.cable.table(electrodes)
    counts = (len(currents), len(clamps), stimulus.n_warm, stimulus.n_steps, stimulus.stride)

    def run(varying: Array, v: Array, extreme: Array) -> None:
        memory, given = begin.block(varying)
        tile = np.empty(TILE * v.shape[1] * kernel.lanes, kernel.dtype)
        arrays = (memory, table, given, currents, command, conductance)
        pointers = [array.ctypes.data for array in arrays]
        kernel.run(*pointers, *counts, tile.ctypes.data, v.ctypes.data, *v.shape, extreme.ctypes.data)

    return run
