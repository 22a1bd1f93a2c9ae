"""`gbar simulate`: a cell, many parameter sets, their voltages on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from gbar import document, units
from gbar.cell import Cell, Site, read_cell, variables
from gbar.cell.geometry import determinants
from gbar.dataset import (
    FLOAT32,
    INT16,
    Dataset,
    Layout,
    Manifest,
    Storage,
    Writer,
    block_for,
    check_place,
    create,
    settled,
)
from gbar.dataset.places import standing
from gbar.design import Design, count_rows, read_design
from gbar.document import counted
from gbar.errors import ClusterError, ParameterError, ProtocolError
from gbar.kernel.build import Kernel, Precision, build
from gbar.protocol import Protocol
from gbar.simulate import cores, simulate_parts
from gbar.traces import count_statuses
from gbar.vetting import Vetting, count_classes, worded
from gbar.workflows.progress import Progress, Report, Silent, begin

if TYPE_CHECKING:
    from gbar.cluster import Address

LARGEST_BLOCK = 65_536  # rows
MEMORY = 512 * 1024 * 1024  # bytes of traces at once, if that is a block at least
Draw = Callable[[int, int], Float[np.ndarray, "row parameter"]]  # theta of the rows start to stop
Make = Callable[[Writer, Report], None]  # simulates and writes the blocks that are missing


def simulate_dataset(
    cell: str | Path | Cell,
    output: Path,
    *,
    rows: int | None = None,
    design: str | Design = "uniform",
    seed: int = 0,
    protocol: Path | Protocol | None = None,
    sites: tuple[str, ...] | None = None,
    precision: Precision = "float32",
    storage: str = "int16",
    block: int | None = None,
    threads: int | None = None,
    cluster: str | None = None,
    vetting: bool = True,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Simulates `rows` parameter sets of a cell and stores theta and voltages at `output` (Zarr).

    `design` says which (see `read_design`): draws from the prior, 1,000 by default, or sets whose number follows.
    `sites` are those to record, by default those of the protocol. `storage` is int16 (steps of 1/128 mV; float32 if a
    site records anything but v) or float32, `block` how many rows are simulated, written and stored together. `cluster`
    names workers to do it in the place of this process (see `read_address`). With `vetting`, rows are sorted into
    classes by the cell's criteria (`gbar.vetting`), and none is left out. Row i depends on (seed, i) alone. An
    interrupted call goes on where it stopped. Raises UserError subclasses for a cell, a protocol, a place or a cluster
    that cannot be used.
    """
    progress, output = progress or Silent(), settled(output)
    address = None if cluster is None else _address(cluster, threads)
    if precision not in ("float32", "float64"):
        raise ParameterError(f"unknown precision {precision!r}", remedy="use float32 or float64")
    cell = cell if isinstance(cell, Cell) else read_cell(cell)
    plan = read_design(design, cell.space, cell.theta[0]) if isinstance(design, str) else design
    rows = count_rows(plan, cell.space, rows)
    experiment = _experiment(cell, protocol)
    cell = cell.recording(sites or experiment.sites or cell.protocol.sites)
    experiment = replace(experiment, sites=cell.protocol.sites)
    about = manifest(cell, experiment, seed=seed, precision=precision, storage=stored_as(storage, cell, progress))
    about = replace(about, design=plan.to_json(), block=about.block if block is None else _whole(block))
    about = replace(about, vetting=_vetting(cell, experiment) if vetting else None)
    check_place(output, about, rows, overwrite=overwrite)
    if short := _short_of_room(output, about, rows):
        progress.say(f"warning: {short}")
    if address is None:
        makers = _here(cell, experiment, plan, about, rows, threads, progress)
    else:
        from gbar.workflows.distribute import elsewhere

        makers = elsewhere(cell, experiment, plan, about, output, address, threads, progress)
    with (
        makers as make,
        create(output, about, rows, overwrite=overwrite) as writer,
    ):
        for warning in writer.warnings:
            progress.say(f"warning: {warning}")
        with progress.stage("simulated", "rows") as report:
            make(writer, report)
        data = writer.finish()
    progress.say(f"{output}: {summary(data)}")
    return data


@contextmanager
def _here(
    cell: Cell, protocol: Protocol, design: Design, about: Manifest, rows: int, threads: int | None, progress: Progress
) -> Iterator[Make]:
    """This process makes the rows: compiles the kernel first."""
    progress.say(f"compiling {cell.name} ({about.precision})")
    kernel, threads = build(cell, about.precision), threads or cores()  # type: ignore[arg-type]
    kernel.compiled(rows, threads)
    draw = partial(design.theta, cell.space, about.seed, rows=rows)

    def make(writer: Writer, report: Report) -> None:
        fill(writer, kernel, protocol, draw, writer.write, threads=threads, report=report)

    yield make


def fill(
    writer: Writer,
    kernel: Kernel,
    protocol: Protocol,
    draw: Draw,
    write: Callable[..., None],
    *,
    threads: int | None,
    report: Callable[[int, int], None],
) -> None:
    """Simulates the blocks that a data set misses; (start, theta, traces) of one block or a few go to `write`, by the
    threads that simulate."""
    missing, rows, threads = writer.missing, writer.rows, threads or cores()
    done = rows - sum(stop - start for start, stop in missing)
    begin(report, done, rows)
    parts = joined(missing, part_for(kernel, protocol, writer.manifest.block, threads))
    simulate_parts(kernel, parts, draw, protocol, write, threads=threads, progress=_shifted(report, done, rows))
    report(rows, rows)


def part_for(kernel: Kernel, protocol: Protocol, block: int, threads: int) -> int:
    """How many rows are handed on at once: whole blocks, that fill the lanes; fewer where those that all threads have
    before them would take more than `MEMORY`."""
    samples = len(kernel.compartments.sites) * sum(stimulus.samples for stimulus in protocol.stimuli)
    fit = MEMORY // (2 * threads * block * samples * kernel.dtype.itemsize)
    return max(min(-(-kernel.lanes // block), fit), 1) * block


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


def manifest(cell: Cell, protocol: Protocol, *, seed: int, precision: str, storage: Storage = FLOAT32) -> Manifest:
    """What a data set of this cell under this protocol says of itself."""
    sections = [determinants(section) for section in cell.morphology.sections]
    return Manifest(
        cell=cell.name,
        cell_digest=cell.digest,
        space=cell.space,
        protocol=protocol.to_json(),
        sites=tuple(site.name for site in cell.recorded),
        layouts=tuple(Layout(s.name, s.samples, s.sampling) for s in protocol.stimuli),
        seed=seed,
        precision=precision,
        mechanisms={p.mechanism.name: p.mechanism.digest for region in cell.regions for p in region.mechanisms},
        morphology=hashlib.sha256(json.dumps(sections, sort_keys=True).encode()).hexdigest(),
        storage=storage,
        block=block_for(len(cell.recorded), protocol.samples, storage),
        variables=tuple(site.variable for site in cell.recorded),
        units=tuple(_unit(cell, site) for site in cell.recorded),
        quantities={q.name: units.exact(q.value, q.unit) for q in cell.quantities().values()},
    )


def _unit(cell: Cell, site: Site) -> str:
    """The unit of what a site records."""
    section = cell.morphology.sections[cell.morphology.index(cell.place(site).section)]
    return variables(cell.region(section.region))[site.variable]


def stored_as(storage: str, cell: Cell, progress: Progress) -> Storage:
    """The type of the stored traces: int16 holds voltages alone."""
    known = {kind.kind: kind for kind in (INT16, FLOAT32)}
    if storage not in known:
        raise ParameterError(f"unknown storage {storage!r}", remedy=f"use {' or '.join(known)}")
    others = [site for site in cell.recorded if site.variable != "v"]
    if storage == "int16" and others:
        progress.say(f"stored as float32, since {others[0].name} records {others[0].variable}")
        return FLOAT32
    return known[storage]


def _vetting(cell: Cell, protocol: Protocol) -> Vetting | None:
    """The cell's criteria, at the first site that records a voltage; None if there is no such site."""
    voltages = [site.name for site in cell.recorded if site.variable == "v"]
    names = [stimulus.name for stimulus in protocol.stimuli]
    return Vetting(cell.vetting.under(names), voltages[0]) if voltages else None


def _address(text: str, threads: int | None) -> Address:
    """The cluster that is asked for; Dask is imported here, for those who have it."""
    try:
        from gbar.cluster import Local, read_address
    except ImportError as error:
        what = f"--cluster needs Dask ({error})"
        raise ClusterError(what, remedy="pip install 'gbar[cluster]'") from None
    found = read_address(text)
    if threads is not None and not isinstance(found, Local):
        what = f"--threads {threads} with --cluster {found}"
        raise ClusterError(what, remedy="leave it out: those who start workers say how many threads each has")
    return found


def _short_of_room(output: Path, about: Manifest, rows: int) -> str:
    """That the disk may be too small, in words; "" if it is not. Packed traces take half of their size or more."""
    samples = len(about.sites) * sum(layout.samples for layout in about.layouts)
    least = rows * samples * np.dtype(about.storage.kind).itemsize // 2
    free = shutil.disk_usage(standing(output)).free
    if least <= free:
        return ""
    return f"{least / 1e9:,.1f} GB or more are to be written, {free / 1e9:,.1f} GB are free"


def _whole(block: int) -> int:
    if not 1 <= block <= LARGEST_BLOCK:
        what = f"blocks of {block} rows asked for"
        raise ParameterError(what, remedy=f"use 1 to {LARGEST_BLOCK:,}, or let gbar choose")
    return block


def summary(data: Dataset) -> str:
    """Rows and statuses in words."""
    counts = count_statuses(data.status)
    rows = f"{counted(len(data), 'rows')} ({', '.join(f'{n:,} {name}' for name, n in counts.items() if n)})"
    if data.manifest.vetting is None:
        return rows
    classes = {worded(finding): n for finding, n in count_classes(data.classes).items()}
    found = ", ".join(f"{n:,} {name}" for name, n in classes.items() if name not in counts)
    return f"{rows}; vetted: {found or 'nothing found'}"


def _experiment(cell: Cell, protocol: Path | Protocol | None) -> Protocol:
    """The cell's own protocol, or another, which may name the cell's conditions."""
    if protocol is None:
        return cell.protocol
    if isinstance(protocol, Protocol):
        return protocol
    return Protocol.from_node(document.read_yaml(protocol, ProtocolError), cell.protocol.conditions)
