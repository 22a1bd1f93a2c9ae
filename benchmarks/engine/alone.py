"""gbar alone, in a process of its own: `python -m benchmarks.engine.alone PART PRECISION` prints a JSON object."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
from benchmarks.engine.works import branched_cell, protocol

from gbar.cell import Cell, Painted, Region, read_cell
from gbar.kernel.build import Kernel, Precision, build
from gbar.mechanism import read, shipped_file
from gbar.parameters import ParameterSpace
from gbar.simulate import simulate, simulate_blocks

ROWS = (1, 8, 32, 64, 256, 1024, 10_000, 100_000)
BATCH = 512  # rows that are in memory together: so few that their memory is used again, not asked for anew
PER_BRANCH = (1, 3, 7, 15, 31, 63)  # compartments of each of 28 branches
CHANNELS = (
    "hay/NaTa_t", "hay/SKv3_1", "hay/Ih", "hay/Im", "hay/K_Pst", "hay/K_Tst", "hay/Nap_Et2", "hay/NaTs2_t",
    "hay/CaDynamics_E2", "hay/Ca_HVA", "hay/Ca_LVAst", "hay/SK_E2",
)  # fmt: skip
COUNTS = (1, 2, 4, 8, 12)
THREADED = 4096  # rows that threads share
TURNS = 15  # of one thread and two
LEAST = 0.5  # s of measuring, each


def timed(work: Callable[[], Any], least: float = LEAST) -> float:
    """Seconds of the processor that some work takes, after it was done once: the median of as many as fill `least`."""
    work()
    times: list[float] = []
    while sum(times) < least:
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return median(times)


def rows(precision: Precision) -> dict[str, Any]:
    """Throughput and memory against the number of rows: one compartment, 200 ms, every step kept."""
    cell = replace(read_cell("sphere"), protocol=protocol(2.0, 200.0, 0.3, 200.0))
    kernel = build(cell, precision)
    steps = cell.protocol.stimuli[0].n_steps
    simulate(kernel, cell.space.draw(0, 0, 1), cell.protocol, threads=1)
    found = []
    for count in ROWS:
        theta = cell.space.draw(0, 0, count)

        def work(theta: np.ndarray = theta) -> None:
            for _ in simulate_blocks(kernel, theta, cell.protocol, rows=BATCH, threads=1):
                pass

        seconds = timed(work)
        found.append({"rows": count, "seconds": seconds, "steps": count * steps / seconds, "MiB": peak()})
    return {"points": found}


def compartments(precision: Precision) -> dict[str, Any]:
    """Throughput against the number of compartments: 64 rows of a branched Hodgkin-Huxley cell, 25 ms."""
    found = []
    for count in PER_BRANCH:
        cell = branched_cell(25.0, count)
        steps = cell.compartments * cell.protocol.stimuli[0].n_steps
        seconds, kernel = of_64(cell, precision)
        found.append(
            {"compartments": cell.compartments, "steps": 64 * steps / seconds, "seconds": seconds,
             "lanes": kernel.lanes, "MiB": peak()}
        )  # fmt: skip
    return {"points": found}


def channels(precision: Precision) -> dict[str, Any]:
    """Throughput against the number of channels: 64 rows of a cell of 197 compartments, 25 ms."""
    found = []
    for count in COUNTS:
        painted = tuple(Painted(read(shipped_file(name)), {}) for name in CHANNELS[:count])
        bare = branched_cell(25.0)
        cell = replace(
            bare, regions=tuple(membrane(name, painted) for name in bare.morphology.regions), temperature=34.0,
            space=ParameterSpace(()),
        )  # fmt: skip
        seconds, _ = of_64(cell, precision)
        steps = 64 * cell.compartments * cell.protocol.stimuli[0].n_steps
        found.append({"channels": count, "steps": steps / seconds, "instances": count * steps / seconds})
    return {"points": found}


def membrane(name: str, painted: tuple[Painted, ...]) -> Region:
    """A region with these channels, and of the ions what they need."""
    bare = {"ena": 50.0, "ek": -85.0}
    ions = {ion.name for p in painted for ion in p.mechanism.ions}
    calcium = {"cai": 5e-5, "cao": 2.0} if "ca" in ions else {}
    return Region(name, 1.0, painted, {k: v for k, v in bare.items() if k[1:] in ions}, 100.0, calcium)


def of_64(cell: Cell, precision: Precision) -> tuple[float, Kernel]:
    """The seconds that 64 rows of a cell take, and its kernel."""
    kernel = build(cell, precision)
    theta = cell.space.draw(0, 0, 64) if len(cell.space) else np.zeros((64, 0))
    return timed(lambda: simulate(kernel, theta, cell.protocol, threads=1)), kernel


def threads(precision: Precision) -> dict[str, Any]:
    """One thread and two in turn, by the clock: one compartment, 200 ms."""
    cell = replace(read_cell("sphere"), protocol=protocol(2.0, 200.0, 0.3, 200.0))
    kernel, theta = build(cell, precision), cell.space.draw(0, 0, THREADED)
    times: dict[int, list[float]] = {1: [], 2: []}
    simulate(kernel, theta, cell.protocol, threads=1)
    for _ in range(TURNS):
        for count, found in times.items():
            start = time.perf_counter()
            simulate(kernel, theta, cell.protocol, threads=count)
            found.append(time.perf_counter() - start)
    return {"seconds": {str(count): found for count, found in times.items()}, "rows": THREADED}


def peak() -> float:
    """The largest memory that this process has had, in MiB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (1024 if sys.platform != "darwin" else 1024**2)


PARTS = {part.__name__: part for part in (rows, compartments, channels, threads)}

if __name__ == "__main__":
    name, precision = sys.argv[1:]
    assert precision in ("float32", "float64")
    print(json.dumps(PARTS[name](precision)))
