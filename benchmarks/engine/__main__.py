"""The command line of the benchmark (see the package's docstring)."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from benchmarks.engine import environments, report, scaling, targets  # noqa: E402
from benchmarks.engine.race import race  # noqa: E402
from benchmarks.engine.works import CA1, ROOT, WORKS  # noqa: E402

from gbar.errors import UserError  # noqa: E402
from gbar.files import write_whole  # noqa: E402

PARTS = ROOT / "bench" / "engine"
WORKS_FOLDER = ROOT / "bench" / "works"
QUICK = ("a", "d")


def main() -> None:
    arguments = parsed()
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("every simulator is kept on one core, which this system has no way to do")
    core = max(os.sched_getaffinity(0))
    makers = parts(arguments.pairs, core)
    chosen = arguments.only.split(",") if arguments.only else [*QUICK] if arguments.quick else list(makers)
    if unknown := set(chosen) - set(makers):
        raise SystemExit(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(makers)}")
    PARTS.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    for name in chosen:
        print(f"{name}: {time.perf_counter() - start:.0f} s so far", flush=True)
        try:
            found = makers[name]()
        except (FileNotFoundError, environments.Missing, UserError) as reason:
            print(f"  not measured: {reason}", flush=True)
            continue
        write_whole(PARTS / f"{name}.json", json.dumps(found, indent=1).encode())
    known = {f.stem: json.loads(f.read_text(encoding="utf-8")) for f in PARTS.glob("*.json") if f.stem in makers}
    report.write(known, arguments.results, time.perf_counter() - start)
    print(targets.verdict(known))


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

    def one(work: Any) -> Callable[[], dict[str, Any]]:
        def run() -> dict[str, Any]:
            if work.name == "d":
                environments.ca1_of_jaxley(CA1, WORKS_FOLDER / "ca1_of_jaxley.json")
            return race(work, WORKS_FOLDER, pairs, core)

        return run

    return {work.name: one(work) for work in WORKS} | {
        name: lambda make=make: make(pairs, core) for name, make in scaling.PARTS.items()
    }


if __name__ == "__main__":
    main()
