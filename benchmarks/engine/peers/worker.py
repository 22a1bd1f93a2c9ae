"""A simulator as a process of its own that answers over pipes: one JSON object a line, in and out.

    {"do": "prepare", "work": FOLDER, "settings": {...}}  ->  {"seconds": ..., "rows": ..., "told": "..."}
    {"do": "run", "seconds": ...}                         ->  {"cpu": ..., "wall": ..., "spikes": [...], ...}

Everything that is built, compiled or imported belongs to `prepare`; `run` goes from theta in memory to the array of
voltages v[row, time] and is timed, in seconds of the processor (children included) and of the clock. What the simulator
prints goes to stderr. Needs NumPy only, and runs in every environment.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

SPIKE = -20.0  # mV


@dataclass(frozen=True)
class Ready:
    """What `prepare` made: the timed work, how many rows it does, and what is to be told of it."""

    run: Callable[[], np.ndarray]  # -> v[row, time] in mV
    rows: int
    told: str = ""


Prepare = Callable[[str, dict[str, Any]], Ready]


def serve(prepare: Prepare) -> None:
    """Answers until the other side closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    ready = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if asked["do"] == "prepare":
                start = time.perf_counter()
                ready = prepare(asked["work"], asked["settings"])
                answer = {"seconds": time.perf_counter() - start, "rows": ready.rows, "told": ready.told}
            elif ready is None:
                raise RuntimeError("nothing is prepared")
            else:
                answer = timed(ready.run, asked["seconds"])
        except Exception as trouble:
            traceback.print_exc()
            answer = {"trouble": f"{type(trouble).__name__}: {trouble}"[:500]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def timed(run: Callable[[], np.ndarray], seconds: float) -> dict[str, Any]:
    """What a run takes, and the spikes of every row."""
    times = 0
    wall, cpu = time.perf_counter(), processor()
    while times == 0 or processor() - cpu < seconds:
        v = None  # an array of the run before is not kept beside the new one
        v = run()
        times += 1
    cpu, wall = (processor() - cpu) / times, (time.perf_counter() - wall) / times
    bad = int((~np.isfinite(v).all(axis=1)).sum())
    return {"cpu": cpu, "wall": wall, "spikes": spikes(v), "samples": v.shape[1], "not finite": bad}


def processor() -> float:
    """Seconds of the processor that this process and its children have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def spikes(v: np.ndarray) -> list[int]:
    """Upward crossings of every row."""
    return [int(((row[1:] > SPIKE) & (row[:-1] <= SPIKE)).sum()) for row in v]
