"""`gbar simulate`: a cell, many parameter sets from its prior, their voltages on disk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar import document
from gbar.cell import Cell, read_cell
from gbar.dataset import BLOCK, Dataset, Layout, Manifest, check_place, create
from gbar.errors import ParameterError, ProtocolError
from gbar.features import spike_counts
from gbar.kernel.build import Kernel, Precision, build
from gbar.protocol import Protocol
from gbar.simulate import cores, simulate
from gbar.traces import Traces, count_statuses
from gbar.workflows.progress import Progress, Silent

AT_ONCE = 4 * BLOCK  # rows between two visits to the disk: what an interruption can lose, twice
MEMORY = 32 * 1024 * 1024  # bytes of traces at once, if that is a block at least; larger memory has to be cleared anew


def simulate_dataset(
    cell: str | Path | Cell,
    output: Path,
    *,
    rows: int,
    seed: int = 0,
    protocol: Path | Protocol | None = None,
    sites: tuple[str, ...] | None = None,
    precision: Precision = "float32",
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Draws `rows` parameter sets from the prior, simulates them and stores theta and voltages at `output` (Zarr).

    `sites` are those to record, by default those of the protocol. Row i depends on (seed, i) alone. An interrupted
    call goes on where it stopped. Raises UserError subclasses for a cell, a protocol or a place that cannot be used.
    """
    progress = progress or Silent()
    if rows < 1:
        raise ParameterError(f"{rows} rows asked for", remedy="ask for 1 or more with -n")
    if precision not in ("float32", "float64"):
        raise ParameterError(f"unknown precision {precision!r}", remedy="use float32 or float64")
    cell = cell if isinstance(cell, Cell) else read_cell(cell)
    experiment = _experiment(cell, protocol)
    cell = cell.recording(sites or experiment.sites or cell.protocol.sites)
    experiment = replace(experiment, sites=cell.protocol.sites)
    about = manifest(cell, experiment, seed=seed, precision=precision)
    check_place(output, about, rows, overwrite=overwrite)
    progress.say(f"compiling {cell.name} ({precision})")
    kernel = build(cell, precision)
    kernel.compiled(min(rows, at_once(kernel, experiment)), threads or cores())
    writer = create(output, about, rows, overwrite=overwrite)
    for warning in writer.warnings:
        progress.say(f"warning: {warning}")
    with progress.stage("simulated", "rows") as report:
        fill(writer.missing, rows, kernel, experiment, writer.write, seed=seed, threads=threads, report=report)
    data = writer.finish()
    progress.say(f"{output}: {summary(data)}")
    return data


def fill(
    missing: tuple[tuple[int, int], ...],
    rows: int,
    kernel: Kernel,
    protocol: Protocol,
    write: Callable[..., None],
    *,
    seed: int,
    threads: int | None,
    report: Callable[[int, int], None],
) -> None:
    """Simulates the missing blocks [start, stop), a few at a time; (start, theta, traces, spikes) go to `write`.

    On more threads than one, what has been simulated is written while the next rows are.
    """
    space, threads = kernel.compartments.space, threads or cores()
    done = rows - sum(stop - start for start, stop in missing)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="gbar writer") as writer:
        written: Future[None] | None = None
        for start, stop in joined(missing, at_once(kernel, protocol)):
            theta = space.draw(seed, start, stop)
            traces = simulate(kernel, theta, protocol, threads=threads, progress=_shifted(report, done, rows))
            if written is not None:
                written.result()
            written = writer.submit(_counted, write, start, theta, traces)
            if threads == 1:
                written.result()
            done += stop - start
        if written is not None:
            written.result()
    report(done, rows)


def _counted(write: Callable[..., None], start: int, theta: Float[np.ndarray, "row parameter"], traces: Traces) -> None:
    write(start, theta, traces, spike_counts(traces))


def at_once(kernel: Kernel, protocol: Protocol) -> int:
    """How many rows are simulated between two visits to the disk: whole blocks, of no more than `MEMORY` if need be."""
    samples = len(kernel.compartments.sites) * sum(stimulus.samples for stimulus in protocol.stimuli)
    blocks = MEMORY // (BLOCK * samples * kernel.dtype.itemsize)
    return min(AT_ONCE, max(blocks, 1) * BLOCK)


def _shifted(report: Callable[[int, int], None], before: int, total: int) -> Callable[[int, int], None]:
    return lambda done, _: report(before + done, total)


def joined(blocks: tuple[tuple[int, int], ...], most: int) -> list[tuple[int, int]]:
    """Neighbouring blocks taken together, up to `most` rows.

    >>> joined(((0, 256), (256, 512), (768, 1024)), 1024)
    [(0, 512), (768, 1024)]
    """
    runs: list[tuple[int, int]] = []
    for start, stop in blocks:
        if runs and runs[-1][1] == start and stop - runs[-1][0] <= most:
            runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((start, stop))
    return runs


def manifest(cell: Cell, protocol: Protocol, *, seed: int, precision: str) -> Manifest:
    """What a data set of this cell under this protocol says of itself."""
    return Manifest(
        cell=cell.name,
        cell_digest=cell.digest,
        space=cell.space,
        protocol=protocol.to_json(),
        sites=tuple(site.name for site in cell.recorded),
        layouts=tuple(Layout(s.name, s.samples, s.sampling) for s in protocol.stimuli),
        seed=seed,
        precision=precision,
    )


def summary(data: Dataset) -> str:
    """Rows and statuses in words."""
    counts = count_statuses(data.status)
    return f"{len(data):,} rows ({', '.join(f'{n:,} {name}' for name, n in counts.items() if n)})"


def _experiment(cell: Cell, protocol: Path | Protocol | None) -> Protocol:
    """The cell's own protocol, or another, which may name the cell's conditions."""
    if protocol is None:
        return cell.protocol
    if isinstance(protocol, Protocol):
        return protocol
    return Protocol.from_node(document.read_yaml(protocol, ProtocolError), cell.protocol.conditions)
