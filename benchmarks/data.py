"""Surrogate data by the million: what making them costs beside the bare engine, and whether a training waits for them.

    python benchmarks/data.py [--rows 1000000] [--folder bench/data] [--keep] [--write]

Three measurements of `ballstick7` under 500 ms of a noisy step, sampled every 0.1 ms, stored as int16:

- throughput: `simulate_dataset` (draws, simulation, vetting, files) and the bare engine on the same rows, in turn;
  files are the operating system's when the clock stops, which writes them to the disk in its own time;
- the million: `gbar simulate` in a process of its own, its wall time, its peak memory, the bytes on the disk, how long
  the disk takes for what is left when it ends, and the bare engine's rate before and after it;
- the loader: how fast `Stream` hands out rows, with and without the file system's memory of the store, beside single
  rows in a random order; then networks trained from the stream and from memory in turn, and how long they waited.

The store is deleted afterwards unless it is to be kept; --write puts the tables into benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gbar import document
from gbar.cell import Cell, read_cell
from gbar.dataset import Dataset, open_dataset
from gbar.errors import ProtocolError
from gbar.files import write_whole
from gbar.kernel.build import Kernel, build
from gbar.learn.posterior import architecture_for, train_posterior_on
from gbar.learn.rows import Batch, Data, Part, Source
from gbar.learn.stream import Stream
from gbar.learn.training import Schedule, regress_on, schedule_for
from gbar.observation import reduction_for
from gbar.protocol import Protocol
from gbar.simulate import cores, simulate_parts
from gbar.workflows.progress import Report, Silent
from gbar.workflows.simulate import simulate_dataset
from gbar.workflows.view import View, noise_from

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
BEGIN, END = "<!-- data:begin -->", "<!-- data:end -->"
CELL = "ballstick7"
SWEEP = (ROOT / "benchmarks" / "noisy_step.yaml").read_text()
ROUNDS = 5
A_ROUND = 65_536  # rows simulated in a round
A_PART = 512  # rows that the bare engine hands on at once, to nobody
LOADED = 100_000  # rows that the loader hands out alone
SINGLE = 300  # rows read one by one
TRAINED = 6_144  # rows that a network is trained on in a round
SCORED = 256  # rows of its validation and test
NOISE = ("0.1 mV", "0 mV")  # of `gbar train`
BYTES_A_ROW = 11_000  # of a row on the disk, at most


# --- making ----------------------------------------------------------------------------------------------------------


class Stopwatch(Silent):
    """Notes when the first stage of a workflow begins: what comes before it is done once, whatever the rows."""

    began = 0.0

    @contextmanager
    def stage(self, title: str, unit: str) -> Iterator[Report]:
        self.began = time.perf_counter()
        yield lambda done, total: None


@dataclass(frozen=True)
class Throughput:
    """Rows per second of each round, end to end and of the bare engine."""

    made: Sequence[float]
    bare: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(a / b for a, b in zip(self.made, self.bare, strict=True))


def throughput(folder: Path, protocol: Path, *, rows: int = A_ROUND, rounds: int = ROUNDS) -> Throughput:
    """`simulate_dataset` and the bare engine in turn; the order changes from round to round."""
    cell, kernel, experiment = engine_of(protocol)
    made, bare = [], []

    def end_to_end() -> None:
        watch = Stopwatch()
        data = simulate_dataset(CELL, folder / "round.zarr", rows=rows, protocol=protocol, progress=watch)
        made.append(rows / (time.perf_counter() - watch.began))
        shutil.rmtree(data.path)

    def engine() -> None:
        bare.append(bare_rate(kernel, experiment, cell.space.draw(0, 0, rows)))

    for job in (engine, end_to_end):  # compiles, and what else is done once
        job()
    made.clear()
    bare.clear()
    for number in range(rounds):
        for job in (engine, end_to_end) if number % 2 else (end_to_end, engine):
            job()
    return Throughput(made, bare)


def engine_of(protocol: Path) -> tuple[Cell, Kernel, Protocol]:
    """The cell, its kernel and the experiment."""
    experiment = read_protocol(protocol)
    cell = read_cell(CELL).recording(experiment.sites)
    return cell, build(cell, "float32"), experiment


def bare_rate(kernel: Kernel, experiment: Protocol, theta: np.ndarray) -> float:
    """Rows per second of the engine alone, whose traces nobody takes."""
    rows = len(theta)
    parts = [(first, min(first + A_PART, rows)) for first in range(0, rows, A_PART)]
    start = time.perf_counter()
    simulate_parts(kernel, parts, lambda a, b: theta[a:b], experiment, lambda *_: None)
    return rows / (time.perf_counter() - start)


@dataclass(frozen=True)
class Million:
    """What making a store took."""

    rows: int
    seconds: float
    flushed: float  # s, until the disk had the rest
    memory: int  # bytes at the most
    disk: int  # bytes
    bare: tuple[float, float]  # rows/s of the engine alone, before and after

    @property
    def ratio(self) -> float:
        """Its rate, from the first to the last moment of its process, over the bare engine's."""
        return self.rows / self.seconds / statistics.mean(self.bare)


def million(store: Path, protocol: Path, rows: int) -> Million:
    """`gbar simulate` as a user types it."""
    command = [sys.executable, "-m", "gbar", "simulate", CELL, "-n", str(rows), "--protocol", str(protocol)]
    cell, kernel, experiment = engine_of(protocol)
    theta = cell.space.draw(0, 0, min(A_ROUND, rows))
    before = bare_rate(kernel, experiment, theta)
    start = time.perf_counter()
    memory = run([*command, "-o", str(store)])
    seconds = time.perf_counter() - start
    os.sync()
    flushed = time.perf_counter() - start - seconds
    disk = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    return Million(rows, seconds, flushed, memory, disk, (before, bare_rate(kernel, experiment, theta)))


def run(command: Sequence[str]) -> int:
    """Runs a command to its end; the most memory that it took, in bytes."""
    process = subprocess.Popen(command)
    _, code, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return peak(used)


def peak(used: resource.struct_rusage) -> int:
    """The most memory that a process had, in bytes."""
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def read_protocol(file: Path) -> Protocol:
    return Protocol.from_node(document.read_yaml(file, ProtocolError), read_cell(CELL).protocol.conditions)


# --- the loader ------------------------------------------------------------------------------------------------------


@dataclass
class Watched:
    """A source of which a training sees some rows only, and how long it waits for each batch of them."""

    source: Source
    rows: int  # of the training rows; of the others there are SCORED
    waits: list[float] = field(default_factory=list)
    seconds: float = 0.0  # from the first batch's being there to the last one's having been learned from

    seed = property(lambda self: self.source.seed)
    shape = property(lambda self: self.source.shape)
    parameters = property(lambda self: self.source.parameters)

    def count(self, part: Part) -> int:
        return min(self.rows if part == "train" else SCORED, self.source.count(part))

    def measured(self) -> np.ndarray:
        return self.source.measured()

    def identity(self) -> dict[str, Any]:
        return self.source.identity()

    def batches(
        self, part: Part, size: int, noise: np.random.Generator, order: np.random.Generator | None = None
    ) -> Iterator[Batch]:
        inner, left, began = self.source.batches(part, size, noise, order), self.count(part), 0.0
        while left > 0:
            start = time.perf_counter()
            v, unit = next(inner)
            if part == "train":
                self.waits.append(time.perf_counter() - start)
                began = began or time.perf_counter()
            left -= len(unit)
            yield v, unit
        if part == "train":
            self.seconds = time.perf_counter() - began
        inner.close()


@dataclass(frozen=True)
class Trained:
    """A training's rate and its waits, of rounds together."""

    network: str
    source: str
    rate: Sequence[float]  # rows/s of each round, once the first batch is there
    waits: Sequence[float]  # s, of all batches but the first of each round
    first: Sequence[float]  # s until the first batch
    share: Sequence[float]  # of the time, that was spent waiting


@dataclass(frozen=True)
class Loaded:
    """How fast rows come in, in rows per second."""

    cold: float
    warm: float
    single: float  # one at a time, in a random order, cold
    before: int  # bytes of the process before
    memory: int  # bytes at the most


def loaded(data: Dataset, rows: int = LOADED, single: int = SINGLE) -> Loaded:
    """The loader alone, beside reading single rows."""
    before = peak(resource.getrusage(resource.RUSAGE_SELF))
    forget(data.path)
    cold = rate(stream(data), rows)
    warm = rate(stream(data), rows)
    most = peak(resource.getrusage(resource.RUSAGE_SELF))
    forget(data.path)
    chosen = np.random.default_rng(0).permutation(len(data))[:single]
    start = time.perf_counter()
    for row in chosen:
        data.read([int(row)])
    return Loaded(cold, warm, len(chosen) / (time.perf_counter() - start), before, most)


def rate(of: Stream, rows: int) -> float:
    """Rows per second over so many rows, from the first batch on."""
    batches, done = iter(of), 0
    next(batches)
    start = time.perf_counter()
    for _, unit in batches:
        done += len(unit)
        if done >= rows:
            break
    return done / (time.perf_counter() - start)


def forget(store: Path) -> None:
    """Asks the file system to forget what it holds of a store in memory."""
    if not hasattr(os, "posix_fadvise"):
        return
    for file in store.rglob("*"):
        if file.is_file():
            handle = os.open(file, os.O_RDONLY)
            os.fdatasync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def seen(data: Dataset) -> View:
    """What `gbar train` shows a network."""
    layouts = data.manifest.layouts
    durations = [(layout.samples - 1) * layout.sampling for layout in layouts]
    reductions = reduction_for(durations, sampling=[layout.sampling for layout in layouts])
    return View(reductions, noise_from(*NOISE))


def stream(data: Dataset) -> Stream:
    view = seen(data)
    return Stream(data, view.of, view.disturbed(Protocol.from_json(data.manifest.protocol), 0))


def memory(data: Dataset, rows: int) -> Data:
    """The first rows of a store, read beforehand: so many of them for training."""
    view = seen(data)
    few = data.read(slice(0, min(rows * 10 // 8 + 10, len(data))))
    split = {part: chosen[chosen < len(few)] for part, chosen in vars(data.split).items()}
    noise = view.disturbed(Protocol.from_json(data.manifest.protocol), 0)
    return Data(view.of(few), data.unit[: len(few)], type(data.split)(**split), noise, 0)


def posterior(data: Dataset, source: Source, schedule: Schedule) -> None:
    train_posterior_on(source, data.manifest.space, schedule=schedule, architecture=architecture_for(source))


def talk(data: Dataset, source: Source, schedule: Schedule) -> None:
    regress_on(source, kind="talk", schedule=schedule)


NETWORKS: Mapping[str, Callable[[Dataset, Source, Schedule], None]] = {"posterior": posterior, "talk": talk}


def trained(data: Dataset, *, rows: int = TRAINED, rounds: int = 3) -> list[Trained]:
    """Each network on the stream and on rows in memory, in turn, one epoch of `rows` rows each time."""
    found = []
    there = memory(data, rows)
    for network, job in NETWORKS.items():
        schedule = Schedule(epochs=1, batch=schedule_for(1_000_000).batch)
        watched: dict[str, list[Watched]] = {"the stream": [], "memory": []}
        for number in range(rounds):
            forget(data.path)
            sources = {"the stream": Watched(stream(data), rows), "memory": Watched(there, rows)}
            for name in sorted(sources, reverse=bool(number % 2)):
                job(data, sources[name], schedule)
                watched[name].append(sources[name])
        found += [outcome(network, name, each) for name, each in watched.items()]
    return found


def outcome(network: str, source: str, watched: Sequence[Watched]) -> Trained:
    waits = [w.waits[1:] for w in watched]
    return Trained(
        network,
        source,
        rate=[w.count("train") / w.seconds for w in watched],
        waits=[wait for each in waits for wait in each],
        first=[w.waits[0] for w in watched],
        share=[sum(each) / w.seconds for each, w in zip(waits, watched, strict=True)],
    )


# --- the tables ------------------------------------------------------------------------------------------------------


def made_in_words(found: Throughput, whole: Million) -> str:
    spread = [a / b for a, b in zip(found.made, found.bare, strict=True)]
    return "\n".join(
        [
            "| what | figure |",
            "|---|---|",
            f"| the bare engine, {A_ROUND:,} rows | {statistics.median(found.bare):,.0f} rows/s |",
            f"| end to end: draws, simulation, vetting, files | {statistics.median(found.made):,.0f} rows/s |",
            f"| their ratio, median of {len(spread)} rounds in turn (range) | **{found.ratio:.0%}** "
            f"({min(spread):.0%}–{max(spread):.0%}; required: 85 %) |",
            f"| `gbar simulate {CELL} -n {whole.rows}`: wall time | {whole.seconds / 60:.1f} min, "
            f"{whole.rows / whole.seconds:,.0f} rows/s, **{whole.ratio:.0%}** of the bare engine's before and after |",
            f"| … until the disk has the rest | {whole.flushed:.1f} s |",
            f"| … peak memory | **{whole.memory / 1e9:.2f} GB** (required: 2 GB) |",
            f"| … on the disk | {whole.disk / 1e9:.2f} GB, {whole.disk / whole.rows / 1000:.1f} kB a row |",
        ]
    )


def loader_in_words(data: Mapping[str, Any]) -> str:
    alone = Loaded(**data["loaded"])
    lines = [
        "| the loader alone | rows/s |",
        "|---|---|",
        f"| `Stream` with noise, the store not in the file system's memory | {alone.cold:,.0f} |",
        f"| `Stream` with noise, the store there | {alone.warm:,.0f} |",
        f"| single rows in a random order, one block read for each | {alone.single:,.0f} |",
        "",
        f"The stream is {alone.cold / alone.single:,.0f} times as fast as single rows. Peak memory of a process that "
        f"streams: {alone.memory / 1e9:.2f} GB ({alone.before / 1e9:.2f} GB of it before the first row).",
        "",
        "| network | rows from | trained, rows/s | wait for a batch: median | 99 % | longest | share of the time "
        "| until the first batch |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in (Trained(**found) for found in data["trained"]):
        waits = 1e3 * np.array(each.waits)
        lines.append(
            f"| {each.network} | {each.source} | {statistics.median(each.rate):,.0f} | {np.median(waits):.2f} ms "
            f"| {np.quantile(waits, 0.99):.1f} ms | {waits.max():.1f} ms | **{statistics.median(each.share):.1%}** "
            f"| {statistics.median(each.first):.2f} s |"
        )
    return "\n".join(lines)


def table(found: Throughput, whole: Million, data: Mapping[str, Any]) -> str:
    batch = schedule_for(1_000_000).batch
    return "\n".join(
        [
            f"`python benchmarks/data.py --write`: `{CELL}`, 500 ms of a noisy step every 0.1 ms, int16;",
            f"{cores()} cores.",
            "",
            made_in_words(found, whole),
            "",
            f"Trainings see batches of {batch} rows with {NOISE[0]} of white noise, as `gbar train` does, one epoch of",
            f"{TRAINED:,} rows a round. A wait is the time that the training's loop spends asking for a batch: copying",
            "rows and drawing noise if they are in memory, copying alone if they are streamed (the readers draw the",
            "noise), unless the readers are late. It asks while the last batch is being learned from: the share of the",
            "time is the most that waiting can have cost. Until the first batch the stream fills its pool, once an",
            "epoch, however long that is.",
            "",
            loader_in_words(data),
        ]
    )


def write(text: str) -> None:
    """Puts the tables between their markers in RESULTS.md, which may not have them yet."""
    page = RESULTS.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2] if rest else "\n"
    block = f"{BEGIN}\n## Surrogate data by the million\n\n{text}\n{END}"
    write_whole(RESULTS, f"{before.rstrip()}\n\n{block}{after}".encode())


def measure_loader(store: Path, file: Path) -> None:
    """The loader's part, as JSON; in a process of its own, for its memory."""
    data = open_dataset(store)
    found = {"loaded": vars(loaded(data)), "trained": [vars(each) for each in trained(data)]}
    file.write_text(json.dumps(found))


def measure(folder: Path, rows: int, *, keep: bool = False) -> str:
    """Everything, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    protocol, store, file = folder / "sweep.yaml", folder / "million.zarr", folder / "loader.json"
    clean(folder)
    free = shutil.disk_usage(folder).free
    if free < rows * BYTES_A_ROW:
        sys.exit(f"{folder}: {free / 1e9:.0f} GB are free, {rows * BYTES_A_ROW / 1e9:.0f} GB are needed")
    protocol.write_text(SWEEP)
    try:
        found = throughput(folder, protocol, rows=min(A_ROUND, rows))
        whole = million(store, protocol, rows)
        run([sys.executable, __file__, "--loader", str(store), str(file)])
        return table(found, whole, json.loads(file.read_text()))
    finally:
        if not keep:
            clean(folder)


def clean(folder: Path) -> None:
    """Deletes the stores, finished or not."""
    for store in ("million.zarr", "round.zarr"):
        for left in (store, f"{store}.partial"):
            shutil.rmtree(folder / left, ignore_errors=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--folder", type=Path, default=ROOT / "bench" / "data")
    options.add_argument("--keep", action="store_true", help="do not delete the store")
    options.add_argument("--write", action="store_true", help="put the tables into benchmarks/RESULTS.md")
    options.add_argument("--loader", nargs=2, type=Path, metavar=("STORE", "JSON"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.loader:
        measure_loader(*chosen.loader)
        return
    text = measure(chosen.folder, chosen.rows, keep=chosen.keep)
    print(text)
    if chosen.write:
        write(text)


if __name__ == "__main__":
    main()
