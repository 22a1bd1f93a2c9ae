"""The command line of the benchmark (see the package's docstring)."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.engine import environments, report, scaling, targets
from benchmarks.engine.race import race
from benchmarks.engine.works import CA1, ROOT, WORKS, Work

from gbar.errors import UserError
from gbar.files import write_whole

KEPT = ROOT / "bench" / "engine"  # what was measured, a file a part, so that parts can be measured anew
WORKS_FOLDER = ROOT / "bench" / "works"
QUICK = ("a", "d")


def main() -> None:
    arguments = parsed()
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("every simulator is kept on one core, which this system has no way to do")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no contender is left suspended
    makers = parts(arguments.pairs, max(os.sched_getaffinity(0)))
    chosen = arguments.only.split(",") if arguments.only else QUICK if arguments.quick else tuple(makers)
    if unknown := set(chosen) - set(makers):
        raise SystemExit(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(makers)}")
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in chosen:
        print(f"{name}:", flush=True)
        start = time.perf_counter()
        try:
            found = makers[name]()
        except (scaling.Unmeasured, environments.Missing, UserError) as reason:
            print(f"  not measured: {reason}", flush=True)
            continue
        took = time.perf_counter() - start
        write_whole(KEPT / f"{name}.json", json.dumps({"seconds": took, "found": found}, indent=1).encode())
    known = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in KEPT.glob("*.json")}
    found = {name: known[name]["found"] for name in makers if name in known}
    report.write(found, arguments.results, sum(known[name]["seconds"] for name in found))
    print(targets.verdict(found))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.engine", description="How fast gbar is beside its peers.")
    parser.add_argument("--only", help="parts, with commas: a, b64, b1024, c, d, rows, ...; the rest stays as it was")
    parser.add_argument("--quick", action="store_true", help=f"{' and '.join(QUICK)} only, in two pairs")
    parser.add_argument("--pairs", type=int, help="turns of gbar and a peer (5)")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    arguments = parser.parse_args()
    arguments.pairs = arguments.pairs or (2 if arguments.quick else 5)
    return arguments


def parts(pairs: int, core: int) -> dict[str, Callable[[], dict[str, Any]]]:
    """All that is measured, by name."""
    works = {work.name: partial(one_work, work, pairs, core) for work in WORKS}
    return works | {name: partial(make, pairs, core) for name, make in scaling.PARTS.items()}


def one_work(work: Work, pairs: int, core: int) -> dict[str, Any]:
    """A work with all its contenders. Raises Missing, UserError."""
    if work.name == "d":
        environments.ca1_of_jaxley(CA1, WORKS_FOLDER / "ca1_of_jaxley.json")
    return race(work, WORKS_FOLDER, pairs, core)


if __name__ == "__main__":
    main()
