"""`gbar infer`: a cell and a recording in; a posterior, its predictions and a report out.

The recording's own stimulus is the experiment. The cell is simulated under it for many parameter sets, a network learns
the way back from what it sees of the voltages, answers for the recording, and the cells it proposes are simulated again
to see whether they do what the recorded cell did. Every stage leaves a file in the result's folder, so that an
interrupted job goes on.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Float32, Int

from gbar import __version__
from gbar.cell import Cell, read_cell, write_cell
from gbar.dataset import Dataset, Layout, create, open_dataset
from gbar.diagnose.predictive import PredictiveCheck, check_predictions, closest
from gbar.errors import EstimatorError, OutputError, ParameterError
from gbar.estimate import Estimate
from gbar.files import make_folder, refuse_existing, write_whole
from gbar.kernel.build import Kernel, build
from gbar.observation import estimate_noise, observe_sweeps, reduction_for
from gbar.protocol import Protocol
from gbar.recordings import Recording, Sweep, choose, read
from gbar.simulate import simulate
from gbar.traces import Status, Traces
from gbar.workflows.measured import UNITS, measure
from gbar.workflows.progress import Progress, Silent
from gbar.workflows.simulate import fill, manifest, summary
from gbar.workflows.train import learn
from gbar.workflows.view import View, noise_from

if TYPE_CHECKING:
    from gbar.learn.posterior import NeuralPosterior

ROWS = 30_000  # simulations to learn from
DRAWS = 10_000  # samples of the posterior
PREDICTED = 300  # samples that are simulated again
WINDOWS = 12  # of every sweep, whose statistics the network sees beside the trace
SWEEPS = 3  # at most, unless named
MISMATCH = "not calibrated for model mismatch: the intervals hold if this cell model can produce the recorded cell"
RUN = "run.json"


@dataclass(frozen=True)
class Question:
    """What is asked: the cell, the sweeps of a recording, the experiment they were, and what of it a network sees."""

    cell: Cell
    recording: Recording
    sweeps: tuple[Sweep, ...]
    held_out: tuple[Sweep, ...]
    protocol: Protocol
    view: View

    @property
    def observation(self) -> Float32[np.ndarray, "channel time"]:
        """The recorded sweeps as the network sees them."""
        return observe_sweeps([(s.v, s.dt) for s in self.sweeps], self.view.reductions)[0]


@dataclass(frozen=True)
class Answer:
    """What was found: the posterior, the cells it proposes simulated again, and how their features compare."""

    estimate: Estimate
    predicted: Traces
    check: PredictiveCheck
    best: Float[
        np.ndarray, " parameter"
    ]  # of the cells simulated again, the one that does most nearly what was recorded


def infer_recording(
    cell: str | Path | Cell,
    recording: Path,
    output: Path,
    *,
    declared: Mapping[str, Any] | None = None,
    rows: int | None = None,
    sweeps: tuple[str, ...] | None = None,
    seed: int = 0,
    estimator: Path | None = None,
    white: str | None = None,
    drift: str = "0.3 mV, 3 mV",
    max_samples: int = 2000,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Answer:
    """Infers a cell's free parameters from a recording; report.html and the numbers go into the folder `output`.

    `declared` states what a table does not say (see `recordings.read`); `sweeps` names those to use, by default
    a few spread over the amplitudes; `estimator` is reused instead of simulating and training.
    Raises UserError subclasses.
    """
    progress, started = progress or Silent(), time.perf_counter()
    rows = ROWS if rows is None else rows
    if rows < 100:
        raise ParameterError(f"{rows} simulations are too few to learn from", remedy="ask for 100 or more with -n")
    question = ask(cell, recording, declared or {}, sweeps, white, drift, max_samples)
    identity = _identity(question, rows=rows, seed=seed, estimator=estimator)
    _begin(output, identity, overwrite)
    progress.say(f"{question.recording.source}: {', '.join(s.name for s in question.sweeps)}; {question.cell.name}")
    kernel = build(question.cell, "float32")
    if estimator is not None:
        posterior, data = reused(estimator, question), None
    else:
        posterior, data = _learned(question, kernel, output, rows, seed, threads, progress)
    answer = answered(question, kernel, posterior, seed, threads, progress)
    _write(question, answer, posterior, data, output, identity, time.perf_counter() - started)
    progress.say(answer.check.verdict)
    progress.say(f"{output / 'report.html'}: the report")
    return answer


def ask(
    cell: str | Path | Cell,
    recording: Path,
    declared: Mapping[str, Any],
    sweeps: tuple[str, ...] | None,
    white: str | None,
    drift: str,
    max_samples: int,
) -> Question:
    """The question that a cell and a recording pose."""
    cell = cell if isinstance(cell, Cell) else read_cell(cell)
    source = read(recording, **declared)
    choice = choose(source, SWEEPS)
    used = source.select(sweeps) if sweeps else choice.used
    held_out = tuple(s for s in source.sweeps if all(s is not u for u in used))
    protocol = source.protocol(used)
    reductions = reduction_for(protocol, max_samples, sampling=[s.dt for s in used])
    noise = noise_from(white or "0 mV", drift)
    if white is None:
        noise = replace(noise, white=_white(used, reductions))
    return Question(cell, source, used, held_out, protocol, View(reductions, noise))


def _white(sweeps: tuple[Sweep, ...], reductions: tuple[Any, ...]) -> float:
    """The white noise of the recording's baselines on the reduced grid, mV; 0.1 where they are too short to tell."""
    found = []
    for sweep, reduction in zip(sweeps, reductions, strict=True):
        baseline = reduction.apply(sweep.v[None], sweep.dt)[0][: int(sweep.baseline.stop * sweep.dt / reduction.dt)]
        if len(baseline) >= 200:
            found.append(estimate_noise(baseline.astype(np.float64), reduction.dt).white)
    return max(float(np.median(found)), 0.01) if found else 0.1


def _identity(question: Question, *, rows: int, seed: int, estimator: Path | None) -> dict[str, Any]:
    """Everything that the result depends on, as JSON."""
    return {
        "gbar": __version__,
        "cell": question.cell.name,
        "cell_digest": question.cell.digest,
        "recording": question.recording.source.name,
        "recording_digest": question.recording.digest,
        "sweeps": [s.name for s in question.sweeps],
        "view": question.view.to_json(),
        "noise": question.view.noise.to_json(),
        "rows": rows,
        "seed": seed,
        "estimator": None if estimator is None else estimator.name,
    }


def _begin(output: Path, identity: Mapping[str, Any], overwrite: bool) -> None:
    """Makes the folder, or goes on with the unfinished work of the same question; refuses anything else."""
    mark = output / RUN
    if mark.is_file() and not (output / "report.html").exists() and not overwrite:
        try:
            begun = json.loads(mark.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            begun = None
        if begun == json.loads(json.dumps(identity)):
            return
        what = "the unfinished work of another question lies here"
        raise OutputError(what, file=output, remedy="choose another name, or add --overwrite")
    refuse_existing(output, overwrite, RUN)
    if output.exists():
        shutil.rmtree(output)
    make_folder(output)
    write_whole(mark, json.dumps(identity, indent=1))


def reused(folder: Path, question: Question) -> NeuralPosterior:
    """An estimator from disk, if it was trained for this cell and this experiment."""
    from gbar.learn.posterior import load_posterior

    posterior = load_posterior(folder)
    posterior.about.require(cell_digest=question.cell.digest, view=question.view.to_json())
    trained = Protocol.from_json(posterior.about.provenance["protocol"])
    for mine, theirs in zip(question.protocol.stimuli, trained.stimuli, strict=False):
        apart = np.abs(_delivered(mine) - _delivered(theirs)).max() if mine.duration == theirs.duration else np.inf
        if apart > 1e-3:  # nA
            what = f"the estimator was trained with another stimulus than {mine.name}"
            raise EstimatorError(what, file=folder, remedy="leave --estimator out to train one for this recording")
        if abs(mine.v_init - theirs.v_init) > 2.0:
            what = f"its simulations start at {theirs.v_init:.4g} mV, this recording at {mine.v_init:.4g} mV"
            raise EstimatorError(what, file=folder, remedy="leave --estimator out to train one for this recording")
    return posterior


def _delivered(stimulus: Any) -> Float[np.ndarray, " time"]:
    return np.asarray(stimulus.waveform.current(stimulus.times() + stimulus.dt / 2))


def _learned(
    question: Question, kernel: Kernel, output: Path, rows: int, seed: int, threads: int | None, progress: Progress
) -> tuple[NeuralPosterior, Dataset]:
    """Simulations and a posterior trained on them, each from disk if it is there already."""
    from gbar.learn.posterior import load_posterior

    data = simulated(question, kernel, output / "simulations.zarr", rows, seed, threads, progress)
    progress.say(summary(data))
    folder = output / "estimator"
    if folder.exists():
        return load_posterior(folder), data
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
    if path.exists():
        return open_dataset(path)
    layouts = tuple(
        Layout(s.name, r.samples, r.dt)
        for s, r in zip(question.protocol.stimuli, question.view.reductions, strict=True)
    )
    about = manifest(question.cell, question.protocol, seed=seed, precision="float32")
    writer = create(path, replace(about, layouts=layouts), rows)

    def write(start: int, theta: Float[np.ndarray, "row parameter"], traces: Traces, spikes: np.ndarray) -> None:
        v = tuple(r.apply(x, dt) for x, dt, r in zip(traces.v, traces.sampling, question.view.reductions, strict=True))
        writer.write(start, theta, Traces(v, tuple(r.dt for r in question.view.reductions), traces.status), spikes)

    with progress.stage("simulated", "rows") as report:
        fill(writer.missing, rows, kernel, question.protocol, write, seed=seed, threads=threads, report=report)
    return writer.finish()


def answered(
    question: Question, kernel: Kernel, posterior: NeuralPosterior, seed: int, threads: int | None, progress: Progress
) -> Answer:
    """The posterior at the recording, and what the cells it proposes do."""
    rng = np.random.default_rng([seed, 7])
    estimate = posterior.estimate(
        question.observation, DRAWS, rng, recording=question.recording.source.name, digest=question.recording.digest
    )
    provenance = {name: value for name, value in estimate.provenance.items() if name not in ("protocol", "view")}
    estimate = replace(estimate, warnings=(MISMATCH, *warnings_of(question)), provenance=provenance)
    with progress.stage("simulated again", "cells") as report:
        predicted = simulate(kernel, estimate.samples[:PREDICTED], question.protocol, threads=threads, progress=report)
    good = np.flatnonzero(predicted.status == Status.OK)
    if not len(good):
        raise ParameterError(
            "every cell that the posterior proposes fails to simulate", remedy="check the cell's ranges"
        )
    measured, of_cells, units = compared(question, predicted, good)
    best = estimate.samples[good[closest(measured, of_cells)]]
    return Answer(estimate, predicted, check_predictions(measured, of_cells, units), best)


def compared(
    question: Question, predicted: Traces, rows: Int[np.ndarray, " row"]
) -> tuple[dict[str, float], dict[str, Float[np.ndarray, " row"]], dict[str, str]]:
    """The features of every sweep, measured and of the given predicted rows, and their units."""
    measured: dict[str, float] = {}
    of_cells: dict[str, Float[np.ndarray, " draw"]] = {}
    units: dict[str, str] = {}
    for k, sweep in enumerate(question.sweeps):
        label = f"{sweep.name}: " if len(question.sweeps) > 1 else ""
        recorded = measure(sweep.v[None], sweep.dt, sweep)
        again = measure(predicted.v[k][rows, 0], predicted.sampling[k], sweep)
        for name, unit in UNITS.items():
            measured[label + name], of_cells[label + name] = float(recorded[name][0]), again[name]
            units[label + name] = unit
    return measured, of_cells, units


def warnings_of(question: Question) -> tuple[str, ...]:
    """What a reader of the result must know about the recording."""
    said = [f"{s.name}: {w}" for s in question.sweeps for w in s.warnings] + list(question.recording.warnings)
    if question.recording.junction_potential is None:
        said.append(
            "the file does not say whether the liquid junction potential was corrected; voltages are taken as they are"
        )
    return tuple(said)


def _write(
    question: Question,
    answer: Answer,
    posterior: NeuralPosterior,
    data: Dataset | None,
    output: Path,
    identity: Mapping[str, Any],
    seconds: float,
) -> None:
    """Samples, the best cell and, last, the report."""
    from gbar.workflows.inferred import inferred_report

    answer.estimate.to_table(output / "samples.csv", overwrite=True)
    write_cell(question.cell.at(answer.best), output / "best.yaml")
    inferred_report(question, answer, posterior, data, identity, seconds, output / "report.html")
