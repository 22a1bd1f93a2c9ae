"""How many published mechanisms gbar understands, and whether it agrees with NEURON on them.

    python benchmarks/published.py FOLDER_OR_FILE... --out rows.jsonl   # every density mechanism, once
    python benchmarks/published.py FOLDER --sample 400 --seed 0             # a fixed random sample
    python benchmarks/published.py --table rows.jsonl                       # only print what was measured

Each file: one compartment with that mechanism alone, default parameters, NEURON's default ions, 6.3 degC, TABLE off; a
current ramp with noise for 200 ms in steps of 0.025 ms. gbar (float64) agrees if no sample of the voltage differs by
more than 1e-5 mV and none of a state by more than 1e-7 of it. Files that NEURON does not compile or run are listed
and not counted. NEURON's answers are kept in --cache, outside the checkout; nothing of the corpus is copied into it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
from published_files import ModFile, density_mechanisms, features, sample
from published_gbar import by_kernel, by_oracle, undeclared
from published_neuron import NeuronError, reference

from gbar.errors import InternalError, UserError
from gbar.mechanism import read

TOLERANCE_V, TOLERANCE_STATE = 1e-5, 1e-7  # mV; relative
FLOOR = 1e-12  # of a state's largest value: below this a difference is rounding
UNCOUNTED = ("neuron does not compile it", "neuron does not run it")


@dataclass(frozen=True)
class Row:
    """What became of a file."""

    file: str
    digest: str
    verdict: str  # agrees, differs, refused, gbar crashes, gbar takes too long, or one of UNCOUNTED
    message: str = ""
    engine: str = ""  # kernel or oracle
    dv: float | None = None  # mV, largest
    ds: float | None = None  # largest relative difference of a state
    state: str = ""  # which
    first: float | None = None  # ms, where the voltage first differs by more than its tolerance
    seconds_read: float = 0.0
    seconds_compile: float = 0.0
    seconds_run: float = 0.0
    features: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


# --- one file, in a process of its own ---------------------------------------------------------------------------


def measure(file: ModFile, cache: Path, engine: str, tell: Any) -> Row:
    """The row of one file; `tell` hears which stage begins. Loads a library of NEURON's into this process."""
    row = Row(str(file.path), file.digest, "", features=features(file))
    tell("neuron")
    try:
        known = reference(file, cache)
    except NeuronError as error:
        reason = str(error)
        built = not reason.startswith(("nocmodl:", "g++:"))
        return replace(row, verdict=UNCOUNTED[1] if built else UNCOUNTED[0], message=reason)
    if engine == "neuron":
        return replace(row, verdict="neuron runs it", seconds_run=known.seconds)
    tell("gbar")
    begin = time.perf_counter()
    try:
        mechanism = read(file.path)
    except UserError as error:
        return replace(row, verdict="refused", message=str(error), seconds_read=time.perf_counter() - begin)
    row = replace(row, seconds_read=time.perf_counter() - begin, warnings=list(mechanism.warnings))
    names = list(known.states)
    row = replace(row, engine="oracle" if engine == "oracle" else "kernel")
    try:
        answer = (by_oracle if engine == "oracle" else by_kernel)(mechanism, names)
    except (UserError, InternalError) as error:
        if engine != "auto":
            raise
        row = replace(row, engine="oracle", message=f"the kernel: {type(error).__name__}: {error}")
        answer = by_oracle(mechanism, names)
    row = replace(row, seconds_compile=answer.seconds_compile, seconds_run=answer.seconds_run)
    row = judged(row, known.v, known.states, answer.v, answer.states)
    missing = undeclared(file, mechanism, names)
    if missing:
        row = replace(row, message=f"states of NEURON's that gbar has not: {' '.join(missing)}. {row.message}")
    return row


def judged(
    row: Row, v: np.ndarray, states: dict[str, np.ndarray], own_v: np.ndarray, own: dict[str, np.ndarray]
) -> Row:
    """The row with its verdict: NEURON's voltage and states against gbar's."""
    differences = np.abs(own_v - v)
    off = ~(differences <= TOLERANCE_V)
    worst, name = 0.0, ""
    for state, values in own.items():
        relative = relative_difference(values, states[state])
        if relative > worst:
            worst, name = relative, state
    agrees = not off.any() and worst <= TOLERANCE_STATE
    first = float(np.argmax(off)) * 0.025 if off.any() else None
    dv = float(np.max(differences))
    return replace(row, verdict="agrees" if agrees else "differs", dv=dv, ds=worst, state=name, first=first)


def relative_difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest |a - b| / |b|, where 1e-12 of the largest |b| counts for nothing; NaN is equal to NaN alone."""
    both = np.isnan(a) & np.isnan(b)
    with np.errstate(all="ignore"):
        largest = np.max(np.abs(np.where(both, 0.0, b)))
        excess = np.abs(a - b) - FLOOR * largest
        relative = np.where(both | (excess <= 0.0) | (a == b), 0.0, excess / np.abs(b))
    return float(np.max(np.where(np.isnan(relative), np.inf, relative)))


def _child(file: ModFile, cache: Path, engine: str, pipe: Connection) -> None:
    os.nice(10)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        try:
            row = measure(file, cache, engine, lambda stage: pipe.send(stage))
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno}"
            row = Row(str(file.path), file.digest, "gbar crashes", f"{type(error).__name__}: {error} ({where})"[:400])
            row = replace(row, features=features(file))
        pipe.send(row)
        pipe.close()
        os._exit(0)


# --- all files ---------------------------------------------------------------------------------------------------


def measure_all(files: list[ModFile], cache: Path, engine: str, jobs: int, limit: float) -> Iterator[Row]:
    """The rows of all files as they come, `jobs` processes at a time, each with `limit` seconds."""
    _import_once()
    context = multiprocessing.get_context("fork")
    waiting, running = list(reversed(files)), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            file = waiting.pop()
            ours, theirs = context.Pipe()
            process = context.Process(target=_child, args=(file, cache, engine, theirs))
            process.start()
            theirs.close()
            running[ours] = [file, process, time.monotonic() + limit, "neuron"]
        for pipe in [*wait(list(running), timeout=1.0)]:
            file, process, _, stage = running[pipe]
            try:
                said = pipe.recv()
            except EOFError:
                said = _ended(file, stage, "neuron does not run it", "gbar crashes", f"exit code {process.exitcode}")
            if isinstance(said, str):
                running[pipe][3] = said
                continue
            _finish(running, pipe)
            yield said
        for pipe in [p for p, (_, _, end, _) in running.items() if time.monotonic() > end]:
            file, _, _, stage = running[pipe]
            _finish(running, pipe)
            yield _ended(file, stage, "neuron does not run it", "gbar takes too long", f"more than {limit:g} s")


def _import_once() -> None:
    """What every process needs, before they part."""
    import numba  # noqa: F401

    os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui")
    import neuron  # noqa: F401


def _ended(file: ModFile, stage: str, in_neuron: str, in_gbar: str, message: str) -> Row:
    verdict = in_neuron if stage == "neuron" else in_gbar
    return Row(str(file.path), file.digest, verdict, message, features=features(file))


def _finish(running: dict[Any, list[Any]], pipe: Any) -> None:
    _, process, _, _ = running.pop(pipe)
    pipe.close()
    if process.is_alive():
        process.join(0.5)
    if process.is_alive():
        process.kill()
    process.join()


# --- tables ------------------------------------------------------------------------------------------------------


def rate(rows: Iterable[Row]) -> tuple[int, int]:
    """How many agree, of how many that NEURON runs."""
    counted = [row for row in rows if row.verdict not in UNCOUNTED]
    return sum(row.verdict == "agrees" for row in counted), len(counted)


def table(rows: list[Row]) -> str:
    """Verdicts, and the rate for every solution and every construct, as Markdown."""
    lines = ["| | agree | of | % | refused | differ | crash or too long |", "|---|---|---|---|---|---|---|"]
    solutions = Counter(row.features[0] for row in rows if row.features and row.verdict not in UNCOUNTED)
    others = Counter(word for row in rows if row.verdict not in UNCOUNTED for word in row.features[1:])
    lines.append(_line("**all**", rows))
    lines += [_line(name, [r for r in rows if r.features[:1] == [name]]) for name, _ in solutions.most_common()]
    lines += [_line(f"*{name}*", [r for r in rows if name in r.features[1:]]) for name, _ in others.most_common()]
    return "\n".join(lines)


def _line(name: str, rows: list[Row]) -> str:
    agree, of = rate(rows)
    count = Counter(row.verdict for row in rows)
    bad = count["gbar crashes"] + count["gbar takes too long"]
    percent = 100 * agree / max(of, 1)
    return f"| {name} | {agree} | {of} | {percent:.1f} | {count['refused']} | {count['differs']} | {bad} |"


def load(path: Path) -> list[Row]:
    """The rows of a file, the last of each digest."""
    rows = {row.digest: row for row in (Row(**json.loads(line)) for line in path.read_text().splitlines())}
    return list(rows.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of rows that were measured, and nothing else")
    parser.add_argument("--sample", type=int, help="how many files, drawn by --seed")
    parser.add_argument(
        "--only", nargs="*", default=[], help="files with one of these features, as the table names them"
    )
    parser.add_argument("--skip", type=int, default=0, help="leave out the first files of the sample")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=("auto", "kernel", "oracle", "neuron"), default="auto")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for a file")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "gbar_coverage")
    parser.add_argument("--out", type=Path, help="rows are written here as JSON lines")
    options = parser.parse_args()
    if options.table:
        print(table(load(options.table)))
        return
    cache = options.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("GBAR_CACHE", str(cache / "kernels"))
    files = sample(density_mechanisms(options.paths), options.sample, options.seed)[options.skip :]
    if options.only:
        files = [file for file in files if set(features(file)) & set(options.only)]
    print(f"{len(files)} density mechanisms", file=sys.stderr)
    rows = []
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(options.out.open("w")) if options.out else None
        for row in measure_all(files, cache, options.engine, options.jobs, options.limit):
            rows.append(row)
            if out:
                print(json.dumps(asdict(row)), file=out, flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
