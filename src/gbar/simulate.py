"""Many parameter sets through one kernel: blocks of lanes, spread over the cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import lru_cache, partial
from itertools import islice
from threading import Event, Lock

import numpy as np
from jaxtyping import Float, UInt8

from gbar.errors import ParameterError
from gbar.kernel.build import Kernel
from gbar.protocol import Protocol
from gbar.sweep import Sweep, sweeps_of
from gbar.traces import Status, Traces

LIMIT = 250.0  # mV: a membrane voltage beyond this is none
POSITIVE = ("area.", "cm.", "Ra.", "L.", "L_scale.", "diam_scale.")

Progress = Callable[[int, int], None]
Buffers = tuple[np.ndarray, ...]  # [row, site, time] of every stimulus


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
    threads, total = threads or cores(), len(theta)
    kernel, sweeps = _ready(kernel, protocol, total, threads)
    part = _Part(kernel, sweeps, theta, _buffers(kernel, protocol, total))
    _run_parts([part], total, threads, progress)
    return part.traces


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


def simulate_parts(
    kernel: Kernel,
    parts: Sequence[tuple[int, int]],
    draw: Callable[[int, int], Float[np.ndarray, "row parameter"]],
    protocol: Protocol,
    then: Callable[[int, Float[np.ndarray, "row parameter"], Traces], None],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """As `simulate`, part after part: rows [start, stop) of the parameters that `draw` gives for them.

    The thread that ends the last rows of a part calls `then(start, theta, traces)` with it, while the others go on with
    the parts that follow: it may be called in any order and by several at once, and must not simulate itself. The
    traces are lent until it returns; their memory is used again. What it raises ends the simulation and is raised here.
    """
    threads, total, spare = threads or cores(), sum(stop - start for start, stop in parts), list[Buffers]()
    most = max((stop - start for start, stop in parts), default=0)
    kernel, sweeps = _ready(kernel, protocol, total, threads)

    def hand_on(start: int, theta: Float[np.ndarray, "row parameter"], lent: Buffers, traces: Traces) -> None:
        then(start, theta, traces)
        spare.append(lent)

    def begun() -> Iterator[_Part]:
        for start, stop in parts:
            theta = checked(kernel, draw(start, stop))
            lent = spare.pop() if spare else _buffers(kernel, protocol, most)
            v = tuple(whole[: len(theta)] for whole in lent)
            yield _Part(kernel, sweeps, theta, v, partial(hand_on, start, theta, lent))

    _run_parts(begun(), total, threads, progress)


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


def _ready(kernel: Kernel, protocol: Protocol, rows: int, threads: int) -> tuple[Kernel, tuple[Sweep, ...]]:
    """The kernel that so many rows are run through, compiled, and the stimuli for it."""
    clamped = any(stimulus.clamps for stimulus in protocol.stimuli)
    kernel = (kernel.tree if clamped else kernel).compiled(rows, threads)
    return kernel, sweeps_of(kernel, protocol)


def _buffers(kernel: Kernel, protocol: Protocol, rows: int) -> Buffers:
    sites = len(kernel.compartments.sites)
    return tuple(np.empty((rows, sites, stimulus.samples), kernel.dtype) for stimulus in protocol.stimuli)


class _Part:
    """Rows that are simulated together, a block of lanes at a time, and handed on by whoever ends the last of them."""

    def __init__(
        self,
        kernel: Kernel,
        sweeps: tuple[Sweep, ...],
        theta: Float[np.ndarray, "row parameter"],
        v: Buffers,
        then: Callable[[Traces], None] | None = None,
    ) -> None:
        self.kernel, self.sweeps, self.theta, self.v = kernel, sweeps, theta, v
        self._then, self._left, self._lock = then, len(theta), Lock()
        self._extreme = np.zeros((len(sweeps), len(theta)), kernel.dtype)  # the largest |v| in mV
        self._outside = np.zeros(len(theta), np.bool_)  # beyond the limits of a mod file in any stimulus

    def blocks(self) -> list[slice]:
        width = self.kernel.lanes
        return [slice(start, min(start + width, len(self.theta))) for start in range(0, len(self.theta), width)]

    def run(self, block: slice, stop: Event) -> int:
        """Simulates a block, its last row repeated to fill it up; returns the rows done."""
        rows: int = block.stop - block.start
        filled = np.minimum(np.arange(block.start, block.start + self.kernel.lanes), block.stop - 1)
        varying: dict[int, np.ndarray] = {}  # by condition
        for s, sweep in enumerate(self.sweeps):
            if stop.is_set():
                return 0
            if id(sweep.tables) not in varying:
                values = np.ascontiguousarray(sweep.tables.setting(self.theta[filled]))
                varying[id(sweep.tables)] = values
                self._outside[block] |= ~sweep.tables.within(values)[:rows]
            sweep.run(varying[id(sweep.tables)], self.v[s][block], self._extreme[s, block])
        if self._then is not None and self._was_last(rows):
            self._then(self.traces)
        return rows

    @property
    def traces(self) -> Traces:
        """What has been simulated, once all of it has."""
        return Traces(self.v, tuple(sweep.sampling for sweep in self.sweeps), self._status())

    def _was_last(self, rows: int) -> bool:
        with self._lock:
            self._left -= rows
            return self._left == 0

    def _status(self) -> UInt8[np.ndarray, " row"]:
        finite = np.isfinite(self._extreme).all(axis=0)
        inside = (self._extreme <= LIMIT).all(axis=0) & ~self._outside
        return np.where(finite, np.where(inside, Status.OK, Status.OUT_OF_RANGE), Status.NON_FINITE).astype(np.uint8)


def _run_parts(parts: Iterable[_Part], total: int, threads: int, progress: Progress | None) -> None:
    """Runs the blocks of all parts, of `total` rows, in order; an interrupt or an error stops them after the sweeps
    under way.

    As many blocks wait as run: a part is not begun before threads are about to need it.
    """
    stop, done, pool = Event(), 0, _pool(threads, os.getpid())
    blocks = ((part, block) for part in parts for block in part.blocks())
    under_way: set[Future[int]] = set()
    try:
        while True:
            for part, block in islice(blocks, 2 * threads - len(under_way)):
                under_way.add(pool.submit(part.run, block, stop))
            if not under_way:
                return
            finished, under_way = wait(under_way, timeout=0.2, return_when=FIRST_COMPLETED)
            done += sum(future.result() for future in finished)
            if progress is not None and finished:
                progress(done, total)
    finally:
        stop.set()
        wait([future for future in under_way if not future.cancel()])


@lru_cache(maxsize=1)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """The threads of this process, kept from call to call: to start them takes as long as a short simulation."""
    return ThreadPoolExecutor(max_workers=threads, thread_name_prefix="gbar")
