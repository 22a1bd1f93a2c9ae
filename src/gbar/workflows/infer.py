"""`gbar infer`: a cell and a recording in; a posterior, its predictions and a report out.

The recording's own stimulus is the experiment. The cell is simulated under it for many parameter sets, a network learns
the way back from what it sees of the voltages, answers for the recording, and the cells it proposes are simulated again
to see whether they do what the recorded cell did. Every stage leaves a file in the result's folder, so that an
interrupted job goes on.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from gbar.cell import Cell, write_cell
from gbar.dataset import Dataset, Layout, create, open_dataset
from gbar.diagnose.predictive import PredictiveCheck, check_predictions, closest
from gbar.errors import DatasetError, OutputError, ParameterError
from gbar.estimate import Estimate
from gbar.features import spike_counts
from gbar.files import make_folder, refuse_existing, write_whole
from gbar.kernel.build import Kernel, build
from gbar.observation import Rig, delivered
from gbar.protocol import Protocol
from gbar.recordings import Sweep, choose
from gbar.simulate import simulate
from gbar.traces import Status, Traces
from gbar.workflows.bath import experiment
from gbar.workflows.inferred import cautions, inferred_report
from gbar.workflows.measured import UNITS, compare
from gbar.workflows.progress import Progress, Silent
from gbar.workflows.question import WINDOWS, Question, ask, ask_again, begun
from gbar.workflows.simulate import fill, manifest, summary
from gbar.workflows.train import learn

if TYPE_CHECKING:
    from gbar.learn.posterior import NeuralPosterior

ROWS = 30_000  # simulations to learn from
DRAWS = 10_000  # samples of the posterior
PREDICTED = 300  # samples that are simulated again
HELD_OUT = 4  # sweeps that were not used, predicted at most
RUN = "run.json"
RIG = "rig.json"
REPORT = "report.html"


@dataclass(frozen=True)
class Prediction:
    """What the cells that a posterior proposes do in recorded sweeps, and how their features compare."""

    sweeps: tuple[Sweep, ...]
    traces: Traces
    check: PredictiveCheck
    closest: int  # the row whose features come closest


@dataclass(frozen=True)
class Answer:
    """What was found: the posterior, and what its cells do in the sweeps that were used and in some that were not."""

    estimate: Estimate
    again: Prediction
    held_out: Prediction | None
    best: Float[np.ndarray, " parameter"]  # of the cells simulated again, the one closest to what was recorded


def infer_recording(
    cell: str | Path | Cell,
    recording: Path,
    output: Path,
    *,
    declared: Mapping[str, Any] | None = None,
    rows: int | None = None,
    sweeps: tuple[str, ...] | None = None,
    measured: bool = False,
    seed: int = 0,
    estimator: Path | None = None,
    white: str | None = None,
    drift: str | None = None,
    bridge: str | None = None,
    junction: str | None = None,
    max_samples: int | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    command: str | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Infers a cell's free parameters from a recording; report.html and the numbers go into the folder `output`.

    `declared` states what a table does not say (see `recordings.read`); `sweeps` names those to use, by default
    a few spread over the amplitudes; `white`, `drift`, `bridge` and `junction` are `ask`'s. `estimator` is reused
    instead of simulating and training, and states itself what `rows`, those and `max_samples` would. `measured` keeps
    measured currents as they are. Raises UserError subclasses.
    """
    progress, started = progress or Silent(), time.perf_counter()
    posterior: NeuralPosterior | None = None
    if estimator is not None:
        _check_alone(rows=rows, white=white, drift=drift, bridge=bridge, junction=junction, samples=max_samples)
        posterior = _loaded(estimator)
        question = ask_again(posterior, estimator, cell, recording, declared=declared, sweeps=sweeps, measured=measured)
        made = {"estimator": hashlib.sha256((estimator / "weights.safetensors").read_bytes()).hexdigest()}
    else:
        rows = _enough(ROWS if rows is None else rows)
        question = ask(
            cell, recording, declared=declared, sweeps=sweeps, white=white, drift=drift, bridge=bridge,
            junction=junction, measured=measured, max_samples=max_samples,
        )  # fmt: skip
        made = {"rows": str(rows)}
    identity = {**question.identity(), **made, "seed": seed}
    _begin(output, identity, overwrite)
    progress.say(f"{question.recording.source}: {', '.join(s.name for s in question.sweeps)}; {question.cell.name}")
    kernel, data = build(question.cell, "float32"), None
    if posterior is None:
        posterior, data = _learned(question, kernel, output, rows or ROWS, seed, threads, progress)
    answer = answered(question, kernel, posterior, seed, threads, progress)
    if question.view.rig is not None:
        write_whole(output / RIG, json.dumps(question.view.rig.to_json(), indent=1))
    answer.estimate.to_table(output / "samples.csv", overwrite=True)
    write_cell(question.cell.at(answer.best), output / "best.yaml")
    seconds = time.perf_counter() - started
    inferred_report(question, answer, posterior, data, identity, seconds, command, output / REPORT)
    progress.say(answer.again.check.verdict)
    progress.say(f"{output / REPORT}: the report")
    return answer


def _enough(rows: int) -> int:
    if rows < 100:
        raise ParameterError(f"{rows} simulations are too few to learn from", remedy="ask for 100 or more with -n")
    return rows


def _check_alone(**stated: Any) -> None:
    """Raises ParameterError if something is stated that an estimator states itself."""
    for name, value in stated.items():
        if value is not None:
            option = {"rows": "-n"}.get(name, f"--{name}")
            raise ParameterError(f"{option} is fixed by the estimator", remedy=f"leave out {option} or --estimator")


def _loaded(folder: Path) -> NeuralPosterior:
    from gbar.learn.posterior import load_posterior

    return load_posterior(folder)


def _begin(output: Path, identity: Mapping[str, Any], overwrite: bool) -> None:
    """Makes the folder, or goes on with the unfinished work of the same question; refuses anything else."""
    mark, finished = output / RUN, (output / REPORT).exists()
    if mark.is_file() and not output.is_symlink():
        try:
            begun = json.loads(mark.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            begun = None
        same = begun == json.loads(json.dumps(identity))
        if same and not finished:
            return
        if not overwrite:
            what = "it is finished already" if same else "the work of another question lies here"
            remedy = f"look at {output / REPORT}" if same else "choose another name"
            raise OutputError(what, file=output, remedy=f"{remedy}, or add --overwrite")
    refuse_existing(output, overwrite, RUN)
    if output.exists():
        shutil.rmtree(output)
    make_folder(output)
    write_whole(mark, json.dumps(identity, indent=1))


def _learned(
    question: Question, kernel: Kernel, output: Path, rows: int, seed: int, threads: int | None, progress: Progress
) -> tuple[NeuralPosterior, Dataset]:
    """Simulations and a posterior trained on them, each from disk if it is there already."""
    data = simulated(question, kernel, output / "simulations.zarr", rows, seed, threads, progress)
    progress.say(summary(data))
    folder = output / "estimator"
    if folder.exists():
        return _loaded(folder), data
    posterior = learn(
        data, question.view, kind="posterior", epochs=None, seed=seed, threads=threads, progress=progress,
        checkpoint=output / ".training", windows=WINDOWS,
    )  # fmt: skip
    posterior.save(folder)
    (output / ".training").unlink(missing_ok=True)
    return posterior, data  # type: ignore[return-value]


def simulated(
    question: Question, kernel: Kernel, path: Path, rows: int, seed: int, threads: int | None, progress: Progress
) -> Dataset:
    """The cell under the recording's experiment, stored as the network sees it: reduced, without noise."""
    reductions = question.view.reductions
    layouts = tuple(Layout(s.name, r.samples, r.dt) for s, r in zip(question.protocol.stimuli, reductions, strict=True))
    about = manifest(question.cell, question.protocol, seed=seed, precision="float32")
    about = replace(about, layouts=layouts, rig=question.view.passed)
    if path.exists():
        data = open_dataset(path)
        if len(data) != rows or not data.manifest.same_rows(about):
            raise DatasetError("these are simulations of another question", file=path, remedy="delete the folder")
        return data
    with create(path, about, rows) as writer, progress.stage("simulated", "rows") as report:

        def write(start: int, theta: Float[np.ndarray, "row parameter"], traces: Traces) -> None:
            spikes = spike_counts(traces)  # of the whole traces
            traces = question.view.recorded(traces)
            v = tuple(r.apply(x, dt) for x, dt, r in zip(traces.v, traces.sampling, reductions, strict=True))
            writer.write(start, theta, Traces(v, tuple(r.dt for r in reductions), traces.status), spikes)

        draw = partial(question.cell.space.draw, seed)
        fill(writer, kernel, question.protocol, draw, write, threads=threads, report=report)
        return writer.finish()


def answered(
    question: Question, kernel: Kernel, posterior: NeuralPosterior, seed: int, threads: int | None, progress: Progress
) -> Answer:
    """The posterior at the recording, and what the cells it proposes do."""
    rng = np.random.default_rng([seed, 7])
    estimate = posterior.estimate(
        question.observation, DRAWS, rng, recording=question.recording.source.name, digest=question.recording.digest
    )
    some = estimate.samples[:PREDICTED]
    with progress.stage("simulated again", "cells") as report:
        traces = simulate(kernel, some, question.protocol, threads=threads, progress=report)
    if not (traces.status == Status.OK).any():
        what = "every cell that the posterior proposes fails to simulate"
        raise ParameterError(what, remedy="check the ranges of the cell's free parameters")
    again = predicted(question.sweeps, question.protocol, traces, question.view.rig, rng)
    held_out, others = None, spread(question)
    if others:
        with progress.stage("simulated in sweeps held out", "cells") as report:
            protocol = begun(experiment(question.cell, question.recording, others), question.view.rig)
            traces = simulate(kernel, some, protocol, threads=threads, progress=report)
        if (traces.status == Status.OK).any():
            held_out = predicted(others, protocol, traces, question.view.rig, rng)
    provenance = {name: value for name, value in estimate.provenance.items() if name not in ("protocol", "view")}
    estimate = replace(estimate, warnings=cautions(question, posterior, again.check), provenance=provenance)
    return Answer(estimate, again, held_out, estimate.samples[again.closest])


def spread(question: Question) -> tuple[Sweep, ...]:
    """A few of the sweeps that were held out, spread over their amplitudes."""
    if not question.held_out:
        return ()
    return choose(replace(question.recording, sweeps=question.held_out), HELD_OUT).used


def predicted(
    sweeps: tuple[Sweep, ...], protocol: Protocol, traces: Traces, rig: Rig | None, rng: np.random.Generator
) -> Prediction:
    """Predicted voltages beside the sweeps that they answer to, compared by the features of both.

    They are seen through the rig, where it is known: its noise is in what is compared, not in the traces that are kept.
    """
    good = np.flatnonzero(traces.status == Status.OK)
    noisy = traces
    if rig is not None:
        seed, currents = int(rng.integers(2**62)), delivered(protocol)
        noisy = rig.apply(traces, seed, currents=currents)
        traces = replace(rig, noise=(), adc=None).apply(traces, seed, currents=currents)
    measured: dict[str, float] = {}
    of_cells: dict[str, Float[np.ndarray, " row"]] = {}
    units: dict[str, str] = {}
    for k, sweep in enumerate(sweeps):
        label = f"{sweep.name}: " if len(sweeps) > 1 else ""
        recorded, again = compare(
            sweep, noisy.v[k][good, 0], noisy.sampling[k], None if rig is not None and rig.noise else rng
        )
        measured |= {label + name: value for name, value in recorded.items()}
        of_cells |= {label + name: values for name, values in again.items()}
        units |= {label + name: unit for name, unit in UNITS.items()}
    check = check_predictions(measured, of_cells, units)
    return Prediction(sweeps, traces, check, int(good[closest(measured, of_cells)]))
