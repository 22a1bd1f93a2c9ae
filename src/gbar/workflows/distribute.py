"""`gbar simulate --cluster`: the blocks of a data set, each simulated and written by whichever worker takes it.

The process of `gbar simulate` holds the data set's lock, lays it out, hands out blocks and finishes it. A worker opens
the same folder and writes into it. That it is the same one shows in the lock's file, which names the holder; a worker
that comes back late, when the data set has its name or another holder, finds that out too.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gbar.cell import Cell
from gbar.cluster import Address, Cluster, compared, connected, spread, this_worker
from gbar.dataset import Manifest, Writer, join
from gbar.dataset.places import lock_path, partial_path
from gbar.design import Design
from gbar.errors import ClusterError, DatasetError, OutputError
from gbar.kernel.build import Kernel, build
from gbar.protocol import Protocol
from gbar.simulate import simulate
from gbar.workflows.progress import Progress, Report, begin

ROUNDS = 2  # what is missing after the first is done once more: a shared disk may show files late


@dataclass(frozen=True)
class Simulating:
    """The rows of one data set, as work: what a worker needs to make any block of them.

    `kernel` is the digest of the kernel's text and `holder` what stands in the lock's file, both where the work was
    handed out.
    """

    path: Path  # absolute
    holder: str
    cell: Cell
    protocol: Protocol
    design: Design
    kernel: str

    def prepared(self, threads: int) -> Callable[[int, int], None]:
        """Opens the data set and compiles the kernel.

        Raises ClusterError where another gbar runs, or another folder is seen.
        """
        self._same_folder()
        try:
            writer = join(self.path)
        except OutputError as error:
            raise ClusterError(f"the worker {this_worker()} cannot write: {error}") from None
        about = writer.manifest
        compared(about.versions, about.cpu)
        kernel = build(self.cell, about.precision)  # type: ignore[arg-type]
        if digest(kernel) != self.kernel:
            what = f"the worker {this_worker()} makes another kernel of {self.cell.name}"
            raise ClusterError(what, remedy="install the same version of gbar on all machines")

        def do(start: int, stop: int) -> None:
            theta = self.design.theta(self.cell.space, about.seed, start, stop, writer.rows)
            traces = simulate(kernel, theta, self.protocol, threads=threads)
            self._same_folder()
            writer.write(start, theta, traces)

        return do

    def _same_folder(self) -> None:
        """Raises ClusterError unless the folder is the one whose lock the process that hands out the work holds."""
        if holder(self.path) != self.holder or not partial_path(self.path).is_dir():
            what = f"the worker {this_worker()} does not see {partial_path(self.path)} as {self.holder} does"
            raise ClusterError(what, remedy="give a folder that all machines share under one name")


@contextmanager
def elsewhere(
    cell: Cell,
    protocol: Protocol,
    design: Design,
    about: Manifest,
    output: Path,
    address: Address,
    threads: int | None,
    progress: Progress,
) -> Iterator[Callable[[Writer, Report], None]]:
    """The workers of a cluster make the rows: waits for the first of them, before anything is written.

    Raises ClusterError if there is none, or one that cannot help.
    """
    path = output.resolve()
    kernel = digest(build(cell, about.precision))  # type: ignore[arg-type]
    logs = path.with_name(f"{path.name}.slurm")
    with connected(address, say=progress.say, logs=logs, threads=threads) as cluster:
        progress.say(f"waiting for workers ({address})")
        cluster.wait()

        def make(writer: Writer, report: Report) -> None:
            work = Simulating(path, holder(path), cell, protocol, design, kernel)
            _spread(cluster, work, writer, report)

        yield make
    shutil.rmtree(logs, ignore_errors=True)  # kept if something went wrong


def _spread(cluster: Cluster, work: Simulating, writer: Writer, report: Report) -> None:
    """Has workers do the blocks that a data set misses. Raises DatasetError if some of what they wrote is not there."""
    for _ in range(ROUNDS):
        missing = writer.missing
        done = writer.rows - sum(stop - start for start, stop in missing)
        begin(report, done, writer.rows)
        for start, stop in spread(cluster, work, missing):
            done += stop - start
            report(done, writer.rows)
    if missing := writer.missing:
        what = f"{len(missing)} blocks that workers wrote are not there"
        raise DatasetError(what, file=work.path, remedy="give a folder that all machines share under one name")


def digest(kernel: Kernel) -> str:
    """The sha256 of a kernel's text."""
    return hashlib.sha256(kernel.source.encode()).hexdigest()


def holder(path: Path) -> str:
    """What stands in the lock's file; "" if there is none."""
    try:
        return lock_path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
