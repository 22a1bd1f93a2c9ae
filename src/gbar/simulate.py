"""Many parameter sets through one kernel: blocks of lanes, spread over the cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache
from threading import Event

import numpy as np
from jaxtyping import Bool, Float, UInt8

from gbar.compartments import Compartments
from gbar.errors import ParameterError, ProtocolError
from gbar.kernel.build import Kernel
from gbar.kernel.cable import Electrode
from gbar.kernel.cable_start import start_of
from gbar.kernel.cable_text import TILE
from gbar.protocol import Block, Protocol, Stimulus
from gbar.traces import Status, Traces

LIMIT = 250.0  # mV: a membrane voltage beyond this is none
POSITIVE = ("area.", "cm.", "Ra.", "L.", "L_scale.", "diam_scale.")

Progress = Callable[[int, int], None]
Array = np.ndarray
_Run = Callable[[Array, Array, Array], None]  # what varies [quantity, lane], v [row, site, time], extreme [row]


def simulate(
    kernel: Kernel,
    theta: Float[np.ndarray, "row parameter"],
    protocol: Protocol,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Traces:
    """The voltage of every parameter set under every stimulus.

    `theta` is in physical units; values outside the prior are simulated. `threads` (default: all cores) changes the
    time it takes, and nothing else: row i has the same bits in any batch, in any order, on any number of threads.
    `progress` is called with (rows done, rows in all). A row that fails has a status and harms no other.

    Returns traces in the kernel's precision. Raises ParameterError for a value that is not finite, or an area or a
    capacitance that is not positive.

    >>> traces = simulate(kernel, space.draw(0, 0, 1000), cell.protocol)  # doctest: +SKIP
    """
    theta = checked(kernel, theta)
    threads = threads or cores()
    if any(stimulus.clamps for stimulus in protocol.stimuli):
        kernel = kernel.tree
    kernel = kernel.compiled(len(theta), threads)
    sweeps = _sweeps(kernel, protocol)
    rows, sites = len(theta), len(kernel.compartments.sites)
    v = tuple(np.empty((rows, sites, stimulus.samples), kernel.dtype) for stimulus in protocol.stimuli)
    extreme, outside = np.zeros((len(sweeps), rows), kernel.dtype), np.zeros(rows, np.bool_)
    _run_blocks(_Lanes(kernel, theta, sweeps, v, extreme, outside), threads, progress)
    return Traces(v=v, sampling=tuple(s.sampling for s in protocol.stimuli), status=_status(extreme, outside))


def simulate_blocks(
    kernel: Kernel,
    theta: Float[np.ndarray, "row parameter"],
    protocol: Protocol,
    *,
    rows: int = 1024,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[slice, Traces]]:
    """As `simulate`, a slice of at most `rows` rows at a time, so that not all need fit in memory.

    Slices whose traces are below 32 MB are fastest: memory beyond that comes from the system, which clears it first.
    """
    theta = checked(kernel, theta)
    for start in range(0, len(theta), rows):
        part = slice(start, min(start + rows, len(theta)))
        report = _shifted(progress, start, len(theta))
        yield part, simulate(kernel, theta[part], protocol, threads=threads, progress=report)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shifted(progress: Progress | None, start: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(start + done, total)


def checked(kernel: Kernel, theta: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row parameter"]:
    """The matrix as float64, or a ParameterError naming the first value that cannot be simulated."""
    theta = np.asarray(theta, dtype=np.float64)
    space = kernel.compartments.space
    if theta.ndim != 2 or theta.shape[1] != len(space.parameters):
        raise ParameterError(
            f"theta has shape {theta.shape}, [row, {len(space.parameters)}] is needed",
            remedy=f"one column each for {', '.join(p.name for p in space.parameters)}",
        )
    for column, parameter in enumerate(space.parameters):
        values = theta[:, column]
        bad, expected = ~np.isfinite(values), "is not finite"
        if not bad.any() and any(name.startswith(POSITIVE) for name in parameter.targets or (parameter.name,)):
            bad, expected = values <= 0.0, "is not positive"
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ParameterError(f"{parameter.name}[{row}] = {values[row]:g} {parameter.unit} {expected}")
    return theta


@dataclass(frozen=True)
class _Sweep:
    """A stimulus, ready to run blocks of lanes through, and the cell's tables under its condition."""

    tables: Compartments
    run: _Run


@dataclass(frozen=True)
class _Lanes:
    """Work that can be done a block of lanes at a time."""

    kernel: Kernel
    theta: Float[np.ndarray, "row parameter"]
    sweeps: tuple[_Sweep, ...]  # of every stimulus
    v: tuple[Array, ...]
    extreme: Array  # [stimulus, row], the largest |v| in mV
    outside: Array  # [row], whether a quantity is beyond the limits of its mod file in any stimulus

    def blocks(self) -> list[slice]:
        width = self.kernel.lanes
        return [slice(start, min(start + width, len(self.theta))) for start in range(0, len(self.theta), width)]

    def run(self, block: slice, stop: Event) -> int:
        """Simulates a block, its last row repeated to fill it up; returns the rows done."""
        rows: int = block.stop - block.start
        filled = np.minimum(np.arange(block.start, block.start + self.kernel.lanes), block.stop - 1)
        varying: dict[int, Array] = {}  # by condition
        for s, sweep in enumerate(self.sweeps):
            if stop.is_set():
                return 0
            if id(sweep.tables) not in varying:
                values = np.ascontiguousarray(sweep.tables.setting(self.theta[filled]))
                varying[id(sweep.tables)] = values
                self.outside[block] |= ~sweep.tables.within(values)[:rows]
            sweep.run(varying[id(sweep.tables)], self.v[s][block], self.extreme[s, block])
        return rows


def _sweeps(kernel: Kernel, protocol: Protocol) -> tuple[_Sweep, ...]:
    """What runs a block through each stimulus. Raises ProtocolError for sites and blocks that it does not have."""
    tables = {blocks: kernel.compartments.under(blocks) for blocks in map(protocol.blocks, protocol.stimuli)}
    found = []
    for stimulus in protocol.stimuli:
        blocks, electrodes = protocol.blocks(stimulus), _electrodes(kernel, stimulus)
        if kernel.cable is None:
            run = _point_run(kernel, tables[blocks], stimulus, electrodes)
        else:
            run = _cable_run(kernel, blocks, stimulus, electrodes)
        found.append(_Sweep(tables[blocks], run))
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


def _point_run(kernel: Kernel, tables: Compartments, stimulus: Stimulus, electrodes: list[Electrode]) -> _Run:
    """Blocks of one compartment, which all currents enter."""
    injected = np.array([e.values for e in electrodes]).sum(axis=0)
    steps = (stimulus.n_warm, stimulus.n_steps, stimulus.stride)
    about = (tables.values, injected, stimulus.dt, stimulus.v_init)

    def run(varying: Array, v: Array, extreme: Array) -> None:
        values, *rest = about
        kernel.run(values, varying, *rest, *steps, v, extreme)

    return run


def _cable_run(kernel: Kernel, blocks: tuple[Block, ...], stimulus: Stimulus, electrodes: list[Electrode]) -> _Run:
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


def _run_blocks(lanes: _Lanes, threads: int, progress: Progress | None) -> None:
    """Runs all blocks; an interrupt or an error stops them after the sweeps under way."""
    stop, done, total = Event(), 0, len(lanes.theta)
    pool = _pool(threads, os.getpid())
    waiting: set[Future[int]] = {pool.submit(lanes.run, block, stop) for block in lanes.blocks()}
    try:
        while waiting:
            finished, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            done += sum(future.result() for future in finished)
            if progress is not None and finished:
                progress(done, total)
    finally:
        stop.set()
        wait([future for future in waiting if not future.cancel()])


@lru_cache(maxsize=1)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """The threads of this process, kept from call to call: to start them takes as long as a short simulation."""
    return ThreadPoolExecutor(max_workers=threads, thread_name_prefix="gbar")


def _status(extreme: Float[np.ndarray, "stimulus row"], outside: Bool[np.ndarray, " row"]) -> UInt8[np.ndarray, " row"]:
    finite = np.isfinite(extreme).all(axis=0)
    inside = (extreme <= LIMIT).all(axis=0) & ~outside
    return np.where(finite, np.where(inside, Status.OK, Status.OUT_OF_RANGE), Status.NON_FINITE).astype(np.uint8)
