"""How well the way back is learned: test errors in unit space, on simulations whose parameters are known.

    python benchmarks/inverse.py                     # everything; about an hour and a half on two cores, resumable
    python benchmarks/inverse.py --cells sphere --networks default --noise 0 --seeds 0
    python benchmarks/inverse.py --table             # only print what is there

Every run trains one network on simulations of one cell (rows 0, 1, 2, ... of the prior's sample with seed 0; the first
7,600 of 7,601 samples; 8/1/1 for training, validation and test; one fixed input scale) and scores its test rows once.
White noise is drawn anew in every epoch, and once for the test rows. Results lie in bench/inverse/ as JSON, one file a
run, and are not repeated; a killed run goes on at its last epoch. `--write` puts the table into benchmarks/RESULTS.md
between its two markers.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gbar import __version__
from gbar.cell import read_cell
from gbar.dataset import split_rows
from gbar.files import make_folder, write_whole
from gbar.kernel.build import build
from gbar.learn.posterior import train_posterior
from gbar.learn.training import Epoch, Schedule, regress, schedule_for
from gbar.observation import Noise
from gbar.simulate import simulate
from gbar.traces import Status

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
BEGIN, END = "<!-- inverse:begin -->", "<!-- inverse:end -->"
SAMPLES, SEED = 7_600, 0
LARGE = 20_000
AIMS = {("sphere", "talk", 3000, 0.0): 2.5e-4, ("sphere", "default", 3000, 0.0): 5e-5}
NAMES = {
    "talk": "the talk's CNN, no dropout",
    "default": "gbar's network, squared error",
    "posterior": "gbar's posterior, its mean",
}


@dataclass(frozen=True)
class Run:
    """One training: which cell and network, how many simulations, how much white noise in mV, which seed."""

    cell: str
    network: str
    rows: int
    noise: float
    seed: int

    @property
    def key(self) -> str:
        return f"{self.cell}-{self.network}-{self.rows}-{self.noise:g}mV-{self.seed}"

    @property
    def schedule(self) -> Schedule:
        return schedule_for(self.rows, "talk" if self.network == "talk" else "trace")


def every_run(
    cells: Iterable[str], networks: Iterable[str], noises: Iterable[float], seeds: Iterable[int]
) -> list[Run]:
    """All runs of the benchmark that the arguments leave, the quick and the important ones first."""
    wanted, levels, seeds = list(networks), list(noises), list(seeds)
    runs = []
    for cell in cells:
        for noise in levels:
            for network in ("talk", "default"):
                runs += [Run(cell, network, 3_000, noise, seed) for seed in seeds]
        runs += [Run(cell, "posterior", 3_000, 0.1, seed) for seed in seeds if 0.1 in levels]
        runs += [Run(cell, "default", LARGE, 0.0, seed) for seed in seeds[:1] if 0.0 in levels]
    return [run for run in runs if run.network in wanted]


@lru_cache(maxsize=1)
def simulations(cell: str, rows: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Traces [row, channel, time] in mV, parameters in unit space, and what there is to tell about them."""
    described = read_cell(cell)
    theta = described.space.draw(SEED, 0, rows)
    start = time.perf_counter()
    traces = simulate(build(described, "float32"), theta, described.protocol)
    seconds = time.perf_counter() - start
    v = np.ascontiguousarray(traces.v[0][:, :, :SAMPLES])
    spikes = ((v[:, 0, 1:] > -20) & (v[:, 0, :-1] <= -20)).sum(axis=1)
    about = {"cell_digest": described.digest, "failed": int((traces.status != Status.OK).sum())}
    about |= {
        "silent": float((spikes == 0).mean()),
        "three_spikes": float((spikes >= 3).mean()),
        "simulated_s": seconds,
    }
    return v, described.space.to_unit(theta), about


def do(run: Run, folder: Path, threads: int | None) -> dict[str, Any]:
    """The result of a run: from disk if it is there, for the same cell, schedule and version; else by training."""
    path = folder / f"{run.key}.json"
    identity = {"run": asdict(run), "schedule": asdict(run.schedule), "digest": read_cell(run.cell).digest}
    if path.is_file() and (found := json.loads(path.read_text())).get("identity") == identity:
        return dict(found)
    v, unit, about = simulations(run.cell, run.rows)
    keep = np.isfinite(v).all(axis=(1, 2))
    draw = Noise(white=run.noise)
    noise = (lambda rows, rng: draw.draw(rows, SAMPLES, 0.02, rng)[:, None]) if run.noise else None
    given: dict[str, Any] = {
        "split": split_rows(len(v), keep),
        "schedule": run.schedule,
        "seed": run.seed,
        "noise": noise,
    }
    given |= {"progress": lambda epoch: told(run, epoch), "checkpoint": folder / f"{run.key}.training"}
    v = np.where(keep[:, None, None], v, np.float32(0)) if not keep.all() else v
    if run.network == "posterior":
        posterior = train_posterior(v, unit, read_cell(run.cell).space, **given)
        history, errors = posterior.training["history"], posterior.training["test_error"]
    else:
        found_ = regress(v, unit, kind="talk" if run.network == "talk" else "trace", **given)
        history, errors = found_.history.to_json(), found_.error.tolist()
    result = {"identity": identity, "errors": errors, "mse": float(np.mean(errors)), "seconds": history["seconds"]}
    result |= {"epochs": len(history["loss"]), "best": history["best"], "about": about, "gbar": __version__}
    result |= {"machine": platform.machine(), "history": history}
    write_whole(make_folder(folder) / path.name, json.dumps(result, indent=1))
    (folder / f"{run.key}.training").unlink(missing_ok=True)
    return result


def told(run: Run, epoch: Epoch) -> None:
    """One line an epoch, overwritten."""
    print(f"\r{run.key}: epoch {epoch.number}/{epoch.epochs}, {epoch.left:.0f} s left ", end="", flush=True)
    if epoch.number == epoch.epochs:
        print()


def table(results: dict[Run, dict[str, Any]]) -> str:
    """The results in Markdown, seeds averaged."""
    groups: dict[tuple[str, str, int, float], list[dict[str, Any]]] = {}
    for run, result in results.items():
        groups.setdefault((run.cell, run.network, run.rows, run.noise), []).append(result)
    lines = [
        "| cell | network | simulations | white noise (mV) | test MSE, mean of seeds | per seed | aim | training (s) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (cell, network, rows, noise), found in groups.items():
        errors = [result["mse"] for result in found]
        aim = AIMS.get((cell, network, rows, noise))
        each = " ".join(f"{error:.2g}" for error in errors)
        wall = np.mean([result["seconds"] for result in found])
        lines.append(
            f"| {cell} | {NAMES[network]} | {rows:,} | {noise:g} | **{np.mean(errors):.2g}** | {each} "
            f"| {'' if aim is None else f'{aim:.2g}'} | {wall:.0f} |"
        )
    abouts = {run.cell: result["about"] for run, result in results.items() if run.rows == 3_000}
    for cell, about in abouts.items():
        lines.append(
            f"\n{cell}: {about['silent']:.1%} of 3,000 rows are silent, {about['three_spikes']:.1%} spike at least "
            f"three times, {about['failed']} failed."
        )
    return "\n".join(lines)


def write_results(text: str) -> None:
    """Puts the table between its markers in RESULTS.md, which may not have them yet."""
    page = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else "# Results\n"
    if BEGIN not in page:
        page += f"\n## The way back\n\n{BEGIN}\n{END}\n"
    before, rest = page.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    command = "`python benchmarks/inverse.py --write`; MSE in unit space, where predicting the mean scores 0.333."
    write_whole(RESULTS, f"{before}{BEGIN}\n{command}\n\n{text}\n{END}{after}".encode())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cells", nargs="+", default=["sphere", "modern_sphere"])
    options.add_argument("--networks", nargs="+", default=list(NAMES), choices=list(NAMES))
    options.add_argument("--noise", nargs="+", type=float, default=[0.0, 0.1, 1.0], help="mV")
    options.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options.add_argument("--rows", nargs="+", type=int, default=[3_000, LARGE], choices=[3_000, LARGE])
    options.add_argument("--threads", type=int)
    options.add_argument("--cache", type=Path, default=ROOT / "bench" / "inverse")
    options.add_argument("--table", action="store_true", help="train nothing; print what is there")
    options.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    asked = options.parse_args()
    runs = every_run(asked.cells, asked.networks, asked.noise, asked.seeds)
    runs = [run for run in runs if run.rows in asked.rows]
    if asked.table:
        runs = [run for run in runs if (asked.cache / f"{run.key}.json").is_file()]
    results: dict[Run, dict[str, Any]] = {}
    for run in runs:
        path = asked.cache / f"{run.key}.json"
        results[run] = json.loads(path.read_text()) if asked.table else do(run, asked.cache, asked.threads)
    text = table(results)
    print(text)
    if asked.write:
        write_results(text)


if __name__ == "__main__":
    main()
