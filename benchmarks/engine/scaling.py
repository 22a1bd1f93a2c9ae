"""What gbar is measured at alone: rows, compartments, channels, threads, vectors, start-up."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.engine.contender import ONE_THREAD, Contender, Trouble
from benchmarks.engine.environments import HERE
from benchmarks.engine.works import ROOT, WORKS

PRECISIONS = ("float32", "float64")
AVX2 = {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi,+bmi2,+f16c,+lzcnt,+movbe"}
VECTORS = {"this processor": {}, "AVX2": AVX2}
STARTS = 5


class Unmeasured(Exception):
    """A part that cannot be measured here; the message says why."""


def by_precision(part: str, cores: Collection[int]) -> dict[str, Any]:
    """A part of alone.py in both precisions, each in a process of its own."""
    found = {}
    for precision in PRECISIONS:
        command = [sys.executable, "-m", "benchmarks.engine.alone", part, precision]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **ONE_THREAD}, stdout=subprocess.PIPE)
        os.sched_setaffinity(process.pid, set(cores))
        out, _ = process.communicate(timeout=1800)
        if process.returncode != 0:
            raise Unmeasured(f"{part} in {precision} ended with exit status {process.returncode}")
        found[precision] = json.loads(out.splitlines()[-1])
    return found


def threads(pairs: int, core: int) -> dict[str, Any]:
    """Two threads beside one. Raises Unmeasured where there is one core only."""
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        raise Unmeasured("there is one core only")
    return by_precision("threads", sorted(cores)[:2])


def start(pairs: int, core: int) -> dict[str, Any]:
    """`gbar simulate sphere -n 1000` from the cache, as a whole process: seconds of the clock and of the processor."""
    wall, cpu = [], []
    with tempfile.TemporaryDirectory(prefix="gbar-bench-") as folder:
        for k in range(STARTS + 1):
            before, began = _children(), time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "gbar", "simulate", "sphere", "-n", "1000", "-o", f"{folder}/{k}.zarr"],
                env=os.environ, check=True, capture_output=True, cwd=folder,
            )  # fmt: skip
            if k:  # the first fills the cache
                wall.append(time.perf_counter() - began)
                cpu.append(_children() - before)
    return {"seconds": wall, "cpu": cpu}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def vectors(pairs: int, core: int) -> dict[str, Any]:
    """The same kernels compiled for this processor and for AVX2, in turn, with the vectors that were emitted."""
    found: dict[str, Any] = {}
    for name in ("a", "b64"):
        place = next(work for work in WORKS if work.name == name).write(ROOT / "bench" / "works")
        for precision in PRECISIONS:
            found[f"{name} {precision}"] = _compiled_for(place, precision, pairs, core)
    return found


def _compiled_for(place: Path, precision: str, pairs: int, core: int) -> dict[str, Any]:
    with ExitStack() as stack:
        contenders, found = {}, {}
        for label, variables in VECTORS.items():
            cache = stack.enter_context(tempfile.TemporaryDirectory(prefix="gbar-bench-"))
            one = Contender(
                Path(sys.executable), HERE / "peers" / "gbar_peer.py", core, {"GBAR_CACHE": cache, **variables}
            )
            contenders[label] = stack.enter_context(one)
            try:
                ready = one.prepare(place, {"precision": precision, "widths": True})
            except Trouble as trouble:
                raise Unmeasured(f"{label}: {trouble}") from None
            one.run()
            found[label] = {"vectors": ready["told"], "cpu": []}
        for _ in range(pairs):
            for label, one in contenders.items():
                found[label]["cpu"].append(one.run(0.25)["cpu"])
    times = ", ".join(f"{label} {1e3 * median(f['cpu']):.0f} ms ({f['vectors']})" for label, f in found.items())
    print(f"  {place.name} {precision}: {times}", flush=True)
    return found


def on_one_core(part: str) -> Callable[[int, int], dict[str, Any]]:
    """A part of alone.py on one core."""
    return lambda pairs, core: by_precision(part, {core})


PARTS: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "rows": on_one_core("rows"),
    "compartments": on_one_core("compartments"),
    "channels": on_one_core("channels"),
    "threads": threads,
    "vectors": vectors,
    "start": start,
}
