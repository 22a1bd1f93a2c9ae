"""The page that tells what was inferred from a recording, and what its reader must know before believing it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gbar.dataset import Dataset, versions
from gbar.diagnose.predictive import PredictiveCheck
from gbar.diagnose.totals import total_conductances
from gbar.observation import Drift, Hum, Rig, Value
from gbar.observation.value import bounds
from gbar.report.content import HeldOut, Report, SimulationSummary, TrainingHistory
from gbar.report.tables import percent
from gbar.traces import count_statuses
from gbar.workflows.question import ASSUMED, Question, white_noise

if TYPE_CHECKING:
    from gbar.learn.posterior import NeuralPosterior
    from gbar.workflows.infer import Answer

MISMATCH = "not calibrated for model mismatch: the intervals hold if this cell model can produce the recorded cell"
FEW_ROWS, FEW_EPOCHS, OVERFIT = 5_000, 10, 1.5  # simulations, epochs, nats
DENSITY = "negative log-density in unit space"
FILES = {
    "samples.csv": "samples of the posterior, a column per parameter with its unit; samples.json tells about them",
    "best.yaml": "of the cells drawn from the posterior, the one whose features come closest to the recording's",
    "rig.json": "what is known of electrode, amplifier and digitiser; gbar train --rig sees simulations through it",
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
    command: str | None,
    path: Path,
) -> Path:
    """Writes the report of an inference to `path`."""
    from gbar.report.html import write_report

    held = answer.held_out
    content = Report(
        title=f"{question.cell.name} inferred from {question.recording.source.name}",
        cell=question.cell.name,
        summary=sentences(question, posterior),
        warnings=answer.estimate.warnings,
        recording=question.recording,
        sweeps=question.sweeps,
        estimate=answer.estimate,
        totals=total_conductances(question.cell, answer.estimate.samples),
        predicted=answer.again.traces,
        features=answer.again.check,
        held_out=None if held is None else HeldOut(held.sweeps, held.traces, held.check),
        simulations=None if data is None else simulations_of(data),
        training=(training_of("posterior", DENSITY, posterior.training["history"]),),
        provenance={**identity, "wall time": f"{seconds:.0f} s", "versions": versions()},
        commands=() if command is None else (command,),
        files={name: about for name, about in FILES.items() if (path.parent / name).exists()},
    )
    return write_report(content, path)


def cautions(question: Question, posterior: NeuralPosterior, check: PredictiveCheck) -> tuple[str, ...]:
    """What a reader must know before believing a number: of the model, the recording and the network's training."""
    said = [MISMATCH]
    if check.outside:
        said.append(
            f"the cells found here do not reproduce everything that was recorded ({check.missed}): where the table "
            "says “determined”, that is said of the model, not of the cell"
        )
    said += learning_of(posterior)
    seen, trained = white_noise(question.sweeps, question.view.reductions), question.view.white
    if seen > 2.0 * max(trained, 0.05):
        said.append(f"the recording has {seen:.2g} mV of white noise, the network was trained with {trained:.2g} mV")
    said += [f"{s.name}: {w}" for s in question.sweeps for w in s.warnings] + list(question.recording.warnings)
    said += junction_of(question)
    return tuple(said)


def junction_of(question: Question) -> list[str]:
    """What is not known of the junction potential, unless the user stated it."""
    stated, corrected = question.recording.junction_potential, question.recording.junction_corrected
    if question.view.rig is not None and question.view.rig.junction_potential != 0.0:
        what = "the recording says that its junction potential is corrected, and one is stated besides (--junction)"
        return [what] if corrected else []
    if corrected:
        return []
    if stated is None:
        what = "the file does not say whether the liquid junction potential was corrected"
    elif corrected is None:
        what = f"the file states a junction potential of {stated:.3g} mV and not whether it was corrected"
    else:
        what = f"the file states a junction potential of {stated:.3g} mV that was not corrected"
    return [f"{what}; voltages are taken as they are (--junction states what is still in them)"]


def learning_of(posterior: NeuralPosterior) -> list[str]:
    """Where a network's own ignorance may be taken for the recording's."""
    said = []
    rows = posterior.about.provenance.get("simulations")
    if isinstance(rows, int) and rows < FEW_ROWS:
        said.append(f"the network learned from {rows:,} simulations only: wide intervals may be its own ignorance")
    history = posterior.training["history"]
    epochs = len(history["loss"])
    if epochs < FEW_EPOCHS:
        said.append(f"the network was trained for {epochs} epochs only: wide intervals may be its own ignorance")
    gap = min(history["validation"]) - history["loss"][-1]
    if gap > OVERFIT:
        said.append(
            f"the network knows its training simulations better than others (by {gap:.1f} in log-density): its "
            "intervals may be too narrow; more simulations (-n) help"
        )
    return said


def coverage_of(posterior: NeuralPosterior) -> tuple[str, ...]:
    """How often the 90 % intervals held the truth on simulations that no training saw; nothing if not known."""
    held, rows = posterior.training.get("test_coverage"), posterior.training.get("test_scored", 0)
    if not held or not rows:
        return ()
    parts = ", ".join(f"{n} {percent(x)}" for n, x in zip(posterior.space.names, held, strict=True))
    return (
        f"On {rows} simulations that no training saw, the 90 % intervals held the truth as often as this: {parts}.",
    )


def sentences(question: Question, posterior: NeuralPosterior) -> tuple[str, ...]:
    """How the recording was used."""
    used = ", ".join(s.name for s in question.sweeps)
    reduction, noise = question.view.reductions[0], question.view.noise
    held = f" Held out: {', '.join(s.name for s in question.held_out)}." if question.held_out else ""
    rigged = "" if question.view.rig is None else f" and through the rig: {rig_in_words(question.view.rig)}"
    unknown = " (assumed: no baseline is long enough to tell)" if noise.white == ASSUMED else ""
    white = f"{noise.white:.2g} mV of white{unknown} and " if noise.white else ""
    seen = (
        f"The network saw every sweep up to {reduction.cutoff:.3g} kHz, every {reduction.dt:.3g} ms; it was trained "
        f"with {white}{noise.ou_sd[0]:.2g} to {noise.ou_sd[1]:.2g} mV of slow noise{rigged}."
    )
    return (f"Sweeps used: {used}.{held}", seen, *coverage_of(posterior))


def rig_in_words(rig: Rig) -> str:
    """Its parts in the order in which they act, ranges with both ends."""
    parts = []
    if rig.electrode is not None:
        parts.append(f"{_range(rig.electrode.residual)} MOhm that the bridge leaves")
    if rig.junction_potential != 0.0:
        parts.append(f"a junction potential of {_range(rig.junction_potential)} mV")
    for noise in rig.noise:
        if isinstance(noise, Hum):
            parts.append(f"{_range(noise.amplitude)} mV of hum at {_range(noise.frequency)} Hz")
        elif isinstance(noise, Drift):
            parts.append(f"{_range(noise.sd)} mV of drift over {_range(noise.tau)} ms")
        else:
            parts.append(f"{_range(noise.sd)} mV of white noise in {noise.bandwidth:.3g} kHz")
    if rig.filter is not None:
        parts.append(f"a filter at {_range(rig.filter.corner)} kHz")
    if rig.adc is not None:
        parts.append(f"steps of {_range(rig.adc.step)} mV")
    return ", ".join(parts) or "nothing"


def _range(value: Value) -> str:
    low, high = bounds(value)
    return f"{low:.2g}" if low == high else f"{low:.2g} to {high:.2g}"


def simulations_of(data: Dataset) -> SimulationSummary:
    """How the simulations ended."""
    silent = int((np.asarray(data.spikes)[data.usable].sum(axis=1) == 0).sum())
    return SimulationSummary(
        count_statuses(data.status),
        silent=silent,
        note="silent rows were learned from like any other; failed ones were left out",
    )


def training_of(name: str, loss: str, history: Mapping[str, Any]) -> TrainingHistory:
    """The losses of a training as a report draws them, from the history that an estimator remembers."""
    pairs = zip(history["loss"], history["validation"], strict=True)
    epochs = tuple({"epoch": k + 1.0, "train": float(a), "validation": float(b)} for k, (a, b) in enumerate(pairs))
    return TrainingHistory(name, loss, epochs)
