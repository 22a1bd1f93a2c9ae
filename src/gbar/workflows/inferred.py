"""The page that tells what was inferred from a recording."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gbar.dataset import Dataset, versions
from gbar.diagnose.totals import total_conductances
from gbar.report.content import Report, SimulationSummary, TrainingHistory
from gbar.report.html import write_report
from gbar.traces import Status

if TYPE_CHECKING:
    from gbar.learn.posterior import NeuralPosterior
    from gbar.workflows.infer import Answer, Question

FILES = {
    "samples.csv": "samples of the posterior, a column per parameter with its unit; samples.json tells about them",
    "best.yaml": "of the cells drawn from the posterior, the one whose features come closest to the recording's",
    "estimator": "the trained network (JSON and safetensors); gbar infer --estimator uses it again",
    "simulations.zarr": "the simulations that it learned from, as the network sees them; xarray opens it",
}


def inferred_report(
    question: Question,
    answer: Answer,
    posterior: NeuralPosterior,
    data: Dataset | None,
    identity: Mapping[str, Any],
    seconds: float,
    path: Path,
) -> Path:
    """Writes the report of an inference to `path`."""
    content = Report(
        title=f"{question.cell.name} inferred from {question.recording.source.name}",
        cell=question.cell.name,
        summary=sentences(question),
        warnings=answer.estimate.warnings,
        recording=question.recording,
        sweeps=question.sweeps,
        estimate=answer.estimate,
        totals=total_conductances(question.cell, answer.estimate.samples),
        predicted=answer.predicted,
        features=answer.check,
        simulations=None if data is None else simulations_of(data),
        training=(training_of(posterior),),
        provenance={**identity, "wall time": f"{seconds:.0f} s", "versions": versions()},
        commands=(f"gbar infer {question.cell.name} {question.recording.source.name} -o {path.parent.name}",),
        files={name: about for name, about in FILES.items() if (path.parent / name).exists()},
    )
    return write_report(content, path)


def sentences(question: Question) -> tuple[str, ...]:
    """How the recording was used."""
    used = ", ".join(s.name for s in question.sweeps)
    reduction, noise = question.view.reductions[0], question.view.noise
    held = f" Held out: {', '.join(s.name for s in question.held_out)}." if question.held_out else ""
    seen = (
        f"The network saw every sweep up to {reduction.cutoff:.3g} kHz, every {reduction.dt:.3g} ms; it was trained "
        f"with {noise.white:.2g} mV of white and {noise.ou_sd[0]:.2g} to {noise.ou_sd[1]:.2g} mV of slow noise."
    )
    return (f"Sweeps used: {used}.{held}", seen)


def simulations_of(data: Dataset) -> SimulationSummary:
    """How the simulations ended."""
    statuses = {s.name.lower().replace("_", " "): int((data.status == s).sum()) for s in Status}
    silent = int((np.asarray(data.spikes)[data.usable].sum(axis=1) == 0).sum())
    return SimulationSummary(
        {name: n for name, n in statuses.items() if n or name == "ok"},
        silent=silent,
        note="silent rows were learned from like any other; failed ones were left out",
    )


def training_of(posterior: NeuralPosterior) -> TrainingHistory:
    """The losses of the training that an estimator remembers."""
    history = posterior.training["history"]
    epochs = tuple(
        {"epoch": float(k + 1), "train": float(a), "validation": float(b)}
        for k, (a, b) in enumerate(zip(history["loss"], history["validation"], strict=True))
    )
    return TrainingHistory("posterior", "negative log-density in unit space", epochs)
