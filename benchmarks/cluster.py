"""What a worker of a cluster costs beside one process, and what a billion rows would take: the figures of
docs/billion-rows.md.

    python benchmarks/cluster.py [--write]

Times are those of the processor, so that they nearly hold on a machine that others use as well; the cost of starting is
taken off by measuring a small and a large job. --write puts the table into benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from gbar.cluster import connected, read_address, spread
from gbar.cluster.spread import MOST
from gbar.files import write_whole
from gbar.workflows.simulate import simulate_dataset

RESULTS = Path(__file__).parent / "RESULTS.md"
BEGIN, END = "<!-- cluster:begin -->", "<!-- cluster:end -->"
CELL = "ballstick7"
PROTOCOL = (Path(__file__).parent / "noisy_step.yaml").read_text()
ROUNDS = 3
ROWS = (1_024, 17_408)
TASKS = (200, 2_200)  # of MOST blocks each
BILLION = 1_000_000_000
STORES = 100


@dataclass(frozen=True)
class Nothing:
    """Work that takes no time."""

    def prepared(self, threads: int) -> Callable[[int, int], None]:
        return lambda start, stop: None


def processor() -> tuple[float, float]:
    """Seconds of the processor that this process took, and its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return used[0].ru_utime + used[0].ru_stime, used[1].ru_utime + used[1].ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(*asked.one)
        return
    with tempfile.TemporaryDirectory(prefix="gbar_") as folder:
        (Path(folder) / "protocol.yaml").write_text(PROTOCOL)
        text = table(measured(Path(folder)))
    sys.stdout.write(text)
    if asked.write:
        old = RESULTS.read_text(encoding="utf-8")
        before, _, rest = old.partition(BEGIN)
        after = rest.partition(END)[2] if rest else "\n"
        write_whole(RESULTS, f"{before.rstrip()}\n\n{BEGIN}\n{text}{END}{after}")


def one(kind: str, folder: str, count: str) -> None:
    """One job in a process of its own; prints the seconds it took of the processor, and until a worker was there."""
    joined = 0.0
    if kind == "tasks":
        begun = time.perf_counter()
        with connected(read_address("local:1"), say=print, logs=Path(folder), threads=1) as cluster:
            cluster.wait()
            joined = time.perf_counter() - begun
            done = list(spread(cluster, Nothing(), [(64 * i, 64 * (i + 1)) for i in range(int(count) * MOST)]))
            assert len(done) == int(count) * MOST
    else:
        protocol, cluster_name = Path(folder) / "protocol.yaml", "local:1" if kind == "worker" else None
        simulate_dataset(CELL, Path(folder) / f"{kind}.zarr", rows=int(count), protocol=protocol, threads=1,
                         cluster=cluster_name, overwrite=True)  # fmt: skip
    sys.stdout.write(json.dumps([*processor(), joined]))


def measured(folder: Path) -> dict[str, float]:
    """Medians over rounds in which all jobs take turns."""
    sizes = {"alone": ROWS, "worker": ROWS, "tasks": TASKS}
    taken: dict[tuple[str, int], list[Sequence[float]]] = {}
    for _ in range(ROUNDS):
        for kind, counts in sizes.items():
            for count in counts:
                command = [sys.executable, __file__, "--one", kind, str(folder), str(count)]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                taken.setdefault((kind, count), []).append(json.loads(said))

    def slope(kind: str, which: slice) -> float:
        small, large = sizes[kind]
        pairs = zip(taken[kind, small], taken[kind, large], strict=True)
        return 1e3 * median(sum(b[which]) - sum(a[which]) for a, b in pairs) / (large - small)

    chunks = list((folder / "alone.zarr").glob("*/c.*"))  # of arrays over the rows; those of coordinates are c/0
    statuses = sum(f.parent.name == "status" for f in chunks)
    return {
        "alone": slope("alone", slice(0, 2)),
        "worker": slope("worker", slice(0, 2)),
        "handing": slope("tasks", slice(0, 1)),
        "taking": slope("tasks", slice(1, 2)),
        "joined": median(t[2] for (kind, _), found in taken.items() if kind == "tasks" for t in found),
        "bytes": sum(f.stat().st_size for f in chunks) / ROWS[1],
        "block": ROWS[1] / statuses,
        "arrays": len(chunks) / statuses,
    }


def table(m: dict[str, float]) -> str:
    """What was measured, and what follows for a billion rows."""
    hours = BILLION * m["worker"] / 1e3 / 3600
    blocks = BILLION / m["block"]
    busy = m["block"] * m["worker"] / m["handing"]
    lines = [
        "## A billion rows",
        "",
        f"`python benchmarks/cluster.py --write`: `{CELL}`, 500 ms at 0.1 ms, int16, vetted; {ROUNDS} rounds, medians.",
        "",
        "| measured | |",
        "|---|---|",
        f"| a row in one process on one thread, all in all | {m['alone']:.3f} ms of a core |",
        f"| a row in a worker (`local:1`), with the process that hands out | {m['worker']:.3f} ms of a core |",
        f"| a task: scheduler and the process that hands out | {m['handing']:.1f} ms of a core |",
        f"| a task: the worker, beside the work | {m['taking']:.1f} ms of a core |",
        f"| until a worker has started and joined | {m['joined']:.1f} s |",
        f"| a row on the disk | {m['bytes']:,.0f} bytes |",
        f"| a block | {m['block']:.0f} rows, {m['arrays']:.0f} files |",
        "",
        "| a billion rows | |",
        "|---|---|",
        f"| work | {hours:,.0f} core hours |",
        f"| disk | {BILLION * m['bytes'] / 1e12:.1f} TB in {blocks * m['arrays'] / 1e6:.1f} million files |",
        f"| blocks | {blocks / 1e6:.2f} million, {m['block'] * m['worker'] / 1e3:.2f} s of a core each |",
        f"| in {STORES} stores of {BILLION // STORES / 1e6:.0f} million rows, each | {hours / STORES:.2f} core hours, "
        f"{BILLION * m['bytes'] / STORES / 1e9:.0f} GB, {math.ceil(blocks / STORES):,} blocks |",
        f"| written by a busy core | {m['bytes'] / m['worker'] / 1e3:.0f} MB/s |",
        f"| cores that one scheduler keeps busy, a block a task; {MOST} | {busy:,.0f}; {MOST * busy:,.0f} |",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
