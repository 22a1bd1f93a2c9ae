"""`gbar demo`: the founding experiment, from simulation to report.

3,000 traces of a spherical cell with two free channel densities; the 2018 talk's network and gbar's own learn the way
back from voltage to densities; a trace that neither has seen is inverted with error bars.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Float32

from gbar.cell import Cell, read_cell, write_cell
from gbar.dataset import Split, split_rows, versions
from gbar.errors import CellError
from gbar.estimate import Estimate
from gbar.features import spike_times
from gbar.files import make_folder, refuse_existing, write_whole
from gbar.kernel.build import Kernel, build
from gbar.observation import Noise, Reduction
from gbar.recordings import Sweep
from gbar.report.content import NetworkScore, ParameterBox, Report, SimulationSummary
from gbar.report.tables import number, percent
from gbar.simulate import simulate
from gbar.traces import Status, Traces, count_statuses
from gbar.workflows.inferred import DENSITY, coverage_of, training_of
from gbar.workflows.progress import Progress, Silent
from gbar.workflows.train import hearing
from gbar.workflows.view import View

if TYPE_CHECKING:
    from gbar.learn.posterior import NeuralPosterior
    from gbar.learn.training import Regression, Schedule

ROWS, SAMPLES = 3_000, 7_600  # the founding experiment's: the last of 7,601 samples is dropped
WHITE = 0.1  # mV
PREDICTED = 200
BOX = 5  # traces along each side of the parameter box
MARK = "demo.json"


@dataclass(frozen=True)
class Surrogate:
    """Simulated traces whose parameters are known."""

    cell: Cell
    kernel: Kernel
    v: Float32[np.ndarray, "row channel time"]  # mV, without noise
    unit: Float[np.ndarray, "row parameter"]
    split: Split
    traces: Traces

    @property
    def sampling(self) -> float:
        """The time between samples, ms."""
        return self.cell.protocol.stimuli[0].sampling


@dataclass(frozen=True)
class Inversion:
    """A held-out trace with noise, the posterior it leads to, and what the cells it proposes do."""

    sweep: Sweep
    truth: Float[np.ndarray, " parameter"]
    estimate: Estimate
    predicted: Traces


def founding_experiment(
    output: Path,
    *,
    cell: str = "modern_sphere",
    seed: int = 0,
    rows: int = ROWS,
    epochs: int | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Runs the experiment on `cell`, which must have two free parameters; returns the report's path in `output`."""
    progress, started = progress or Silent(), time.perf_counter()
    described = read_cell(cell)
    if len(described.space) != 2 or described.protocol.samples != (SAMPLES + 1,):
        raise CellError(f"the demo cannot be done on {cell}", remedy="use modern_sphere or sphere")
    refuse_existing(output, overwrite, MARK)
    if output.exists():
        shutil.rmtree(output)
    make_folder(output)
    write_whole(output / MARK, '{"made by": "gbar demo"}')
    data = surrogate(described, seed, threads, progress, rows)
    talk = _talk(data, seed, epochs, threads, progress)
    posterior = _posterior(data, seed, epochs, threads, progress)
    inversion = invert(data, posterior, seed, threads)
    scores = (_talk_score(data, talk), _posterior_score(data, posterior, seed))
    for score in scores:
        errors = ", ".join(f"{n} {e:.2e}" for n, e in zip(data.cell.space.names, score.mse, strict=True))
        progress.say(f"{score.name}: test MSE in unit space {score.mse.mean():.2e} ({errors})")
    inversion.estimate.to_table(output / "samples.csv")
    write_cell(data.cell.at(inversion.estimate.best), output / "best.yaml")
    posterior.save(output / "estimator")
    path = _report(data, talk, posterior, scores, inversion, threads, output, started)
    progress.say(f"{path}: the report, after {time.perf_counter() - started:.0f} s")
    return path


def surrogate(cell: Cell, seed: int, threads: int | None, progress: Progress, rows: int = ROWS) -> Surrogate:
    """`rows` simulations of a cell under its own protocol, drawn from its prior."""
    progress.say(f"compiling {cell.name}")
    kernel = build(cell, "float32")
    theta = cell.space.draw(seed, 0, rows)
    with progress.stage("simulated", "traces") as report:
        traces = simulate(kernel, theta, cell.protocol, threads=threads, progress=report)
    good = traces.status == Status.OK
    v = np.ascontiguousarray(traces.v[0][:, :, :SAMPLES])
    return Surrogate(cell, kernel, v, cell.space.to_unit(theta), split_rows(rows, good), traces)


def _talk(data: Surrogate, seed: int, epochs: int | None, threads: int | None, progress: Progress) -> Regression:
    from gbar.learn.training import regress, schedule_for

    schedule = _planned(schedule_for(len(data.v), "talk"), epochs, threads)
    with progress.stage("trained the talk's network", "epochs") as report:
        return regress(
            data.v, data.unit, kind="talk", split=data.split, schedule=schedule, seed=seed, progress=hearing(report),
        )  # fmt: skip


def _planned(schedule: Schedule, epochs: int | None, threads: int | None) -> Schedule:
    return replace(schedule, epochs=epochs or schedule.epochs, threads=threads)


def _view(data: Surrogate) -> View:
    return View((Reduction(data.sampling, SAMPLES),), Noise(white=WHITE))


def _posterior(
    data: Surrogate, seed: int, epochs: int | None, threads: int | None, progress: Progress
) -> NeuralPosterior:
    from gbar.learn.posterior import train_posterior
    from gbar.learn.training import schedule_for

    view = _view(data)
    schedule = _planned(schedule_for(len(data.v)), epochs, threads)
    provenance: dict[str, Any] = {"cell": data.cell.name, "cell_digest": data.cell.digest, "view": view.to_json()}
    provenance |= {"protocol": data.cell.protocol.to_json(), "simulations": len(data.v), "seed": seed}
    with progress.stage("trained gbar's posterior", "epochs") as report:
        return train_posterior(
            data.v, data.unit, data.cell.space, noise=view.draw_noise, noise_model=view.noise.to_json(),
            provenance=provenance, split=data.split, schedule=schedule, seed=seed, progress=hearing(report),
        )  # fmt: skip


def _talk_score(data: Surrogate, talk: Regression) -> NetworkScore:
    from gbar.learn.archive import About
    from gbar.learn.networks import count_weights
    from gbar.learn.posterior import PointEstimator

    rows = data.split.test
    predicted = PointEstimator.of(talk, About(data.cell.space, {}, {})).means(data.v[rows])
    return NetworkScore(
        "the talk's CNN", data.cell.space, data.unit[rows], predicted, count_weights(talk.network),
        talk.history.seconds, "traces without noise, squared error, no dropout",
    )  # fmt: skip


def _posterior_score(data: Surrogate, posterior: NeuralPosterior, seed: int) -> NetworkScore:
    from gbar.learn.networks import count_weights

    rows, rng = data.split.test, np.random.default_rng([seed, 11])
    predicted = posterior.means(data.v[rows] + _view(data).draw_noise(len(rows), rng), rng)
    return NetworkScore(
        "gbar's posterior, mean", data.cell.space, data.unit[rows], predicted, count_weights(posterior.flow),
        posterior.training["history"]["seconds"], f"traces with {WHITE:g} mV of white noise",
    )  # fmt: skip


def invert(data: Surrogate, posterior: NeuralPosterior, seed: int, threads: int | None) -> Inversion:
    """A test row that spikes at least three times, with noise, through the posterior and back through the simulator."""
    rng = np.random.default_rng([seed, 13])
    counts = [len(times) for times in spike_times(data.v[data.split.test, 0], data.sampling)]
    row = int(data.split.test[next((i for i, n in enumerate(counts) if n >= 3), 0)])
    v = data.v[row] + _view(data).draw_noise(1, rng)[0]
    stimulus = data.cell.protocol.stimuli[0]
    current = stimulus.waveform.current(np.arange(SAMPLES) * data.sampling)
    sweep = Sweep(f"held-out simulation {row}", v[0].astype(np.float64), current, data.sampling, 0.0)
    estimate = posterior.estimate(v, 5_000, rng)
    provenance = {k: x for k, x in estimate.provenance.items() if k != "protocol"} | {"row": row}
    predicted = simulate(data.kernel, estimate.samples[:PREDICTED], data.cell.protocol, threads=threads)
    truth = data.cell.space.to_theta(data.unit[row : row + 1])[0]
    return Inversion(sweep, truth, replace(estimate, provenance=provenance), predicted)


def parameter_box(data: Surrogate, threads: int | None) -> ParameterBox:
    """Traces over a grid of the two free parameters."""
    edge = np.linspace(-1.0, 1.0, BOX)
    x, y = np.meshgrid(edge, edge)
    theta = data.cell.space.to_theta(np.stack([x.ravel(), y.ravel()], axis=1))
    traces = simulate(data.kernel, theta, data.cell.protocol, threads=threads)
    ends = data.cell.space.to_theta(np.stack([edge, edge], axis=1))
    v = traces.v[0][:, 0].reshape(BOX, BOX, -1)
    return ParameterBox(data.cell.space, 0, 1, ends[:, 0], ends[:, 1], v, data.sampling)


def _report(
    data: Surrogate,
    talk: Regression,
    posterior: NeuralPosterior,
    scores: tuple[NetworkScore, ...],
    inversion: Inversion,
    threads: int | None,
    output: Path,
    started: float,
) -> Path:
    from gbar.report.html import write_report

    content = Report(
        title=f"The founding experiment on {data.cell.name}",
        cell=data.cell.name,
        summary=(*_sentences(scores, len(data.v)), *coverage_of(posterior)),
        sweeps=(inversion.sweep,),
        estimate=inversion.estimate,
        truth=inversion.truth,
        predicted=inversion.predicted,
        simulations=_simulations(data),
        training=(
            training_of("the talk's CNN", "mean squared error in unit space", talk.history.to_json()),
            training_of("gbar's posterior", DENSITY, posterior.training["history"]),
        ),
        networks=scores,
        box=parameter_box(data, threads),
        provenance={"versions": versions(), "wall time": f"{time.perf_counter() - started:.0f} s"},
        commands=("gbar demo",),
        files={
            "samples.csv": "samples of the held-out trace's posterior",
            "best.yaml": "the cell with the most probable sample's values",
            "estimator": "the trained posterior (JSON and safetensors)",
        },
    )
    return write_report(content, output / "report.html")


def _sentences(scores: tuple[NetworkScore, ...], rows: int) -> tuple[str, ...]:
    errors = " and ".join(f"{number(float(score.mse.mean()), 2)} for {score.name}" for score in scores)
    return (
        f"{rows:,} simulated traces of {SAMPLES:,} samples; mean squared error on the {len(scores[0].truth)} test rows "
        f"in unit space (1/3 is what ignoring the trace scores): {errors}. The talk reported 0.00025.",
    )


def _simulations(data: Surrogate) -> SimulationSummary:
    counts: list[Any] = spike_times(data.v[:, 0], data.sampling)
    silent = sum(len(times) == 0 for times in counts)
    note = f"{percent(sum(len(times) >= 3 for times in counts) / len(counts))} of the rows spike at least three times"
    return SimulationSummary(count_statuses(data.traces.status), silent=silent, note=note)
