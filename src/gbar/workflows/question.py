"""What is asked of a cell model and a recording: the experiment, and what of it a network sees."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Float32

from gbar import __version__
from gbar.cell import Cell, read_cell
from gbar.errors import CellError, EstimatorError, ParameterError, TooLarge
from gbar.observation import Broadband, Electrode, Noise, Reduction, Rig, estimate_noise, observe_sweeps, reduction_for
from gbar.observation.value import bounds
from gbar.protocol import CONTROL, Protocol, Stimulus
from gbar.recordings import Recording, Sweep, choose, read, rig_of
from gbar.recordings.command import as_measured
from gbar.workflows.bath import experiment
from gbar.workflows.view import View, noise_and_rig, noise_from, value_from

if TYPE_CHECKING:
    from gbar.learn.posterior import NeuralPosterior

SWEEPS = 3  # at most, unless named
SAMPLES = 2000  # of a sweep, at most
DRIFT = "0.3 mV, 3 mV"
ASSUMED = 0.1  # mV of white noise, where no baseline tells
WINDOWS = 12  # of every sweep, whose statistics the network sees beside the trace
_SHORTEST = 8 * WINDOWS  # samples
_SAME_CURRENT = 1e-3  # nA
_SAME_REST = 2.0  # mV
_LEAVE_OUT = "leave --estimator out to train one for this recording"


@dataclass(frozen=True)
class Question:
    """The cell, the sweeps of a recording, the experiment that they were, and what of it a network sees."""

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

    def identity(self) -> dict[str, Any]:
        """Everything in it that a result depends on, as JSON."""
        return {
            "gbar": __version__,
            "cell": self.cell.name,
            "cell_digest": self.cell.digest,
            "recording": self.recording.source.name,
            "recording_digest": self.recording.digest,
            "sweeps": [s.name for s in self.sweeps],
            "voltages_digest": _digest(s.v for s in self.sweeps),
            "protocol_digest": self.protocol.digest,
            "view": self.view.to_json(),
            "noise": self.view.noise_json(),
        }


def ask(
    cell: str | Path | Cell,
    recording: Path,
    *,
    declared: Mapping[str, Any] | None = None,
    sweeps: tuple[str, ...] | None = None,
    white: str | None = None,
    drift: str | None = None,
    bridge: str | None = None,
    junction: str | None = None,
    measured: bool = False,
    max_samples: int | None = None,
) -> Question:
    """The question that a cell and a recording pose; what is not stated of the rig is measured at the baselines.

    `white` states the white noise of the reduced grid instead; `bridge` (MOhm left uncompensated) and `junction` (mV,
    of voltages that are not corrected) are what no baseline tells: a number, or a range of which every simulation
    draws its own. `measured` keeps measured currents as they are.
    """
    question = _sighted(cell, recording, declared or {}, sweeps, measured)
    if max_samples is not None and max_samples < _SHORTEST:
        raise ParameterError(f"{max_samples} samples of a sweep are too few", remedy=f"ask for {_SHORTEST} or more")
    intervals = [s.dt for s in question.sweeps]
    reductions = reduction_for(question.protocol, max_samples or SAMPLES, sampling=intervals)
    if min(r.samples for r in reductions) < _SHORTEST:
        raise ParameterError("a sweep is too short to learn from", remedy=f"{_SHORTEST} samples at least are needed")
    noise = noise_from(white or "0 mV", drift or DRIFT)
    rig = rig_of(question.sweeps) or rig_of(question.recording.sweeps)
    if white is not None and rig is not None:
        rig = replace(rig, noise=tuple(part for part in rig.noise if not isinstance(part, Broadband)))
    elif white is None and (rig is None or not rig.noise):
        noise = replace(noise, white=white_noise(question.sweeps, reductions))
    if bridge is not None:
        rig = replace(rig or Rig(), electrode=Electrode(value_from(bridge, "Mohm")))
    if junction is not None:
        rig = replace(rig or Rig(), junction_potential=value_from(junction, "mV"))
    return replace(question, view=View(reductions, noise, rig), protocol=begun(question.protocol, rig))


def ask_again(
    posterior: NeuralPosterior,
    folder: Path,
    cell: str | Path | Cell,
    recording: Path,
    *,
    declared: Mapping[str, Any] | None = None,
    sweeps: tuple[str, ...] | None = None,
    measured: bool = False,
) -> Question:
    """The question as an estimator from `folder` can answer it: seen as it was trained to see.

    Raises EstimatorError if it was trained for another cell, prior or experiment.
    """
    question = _sighted(cell, recording, declared or {}, sweeps, measured)
    about = posterior.about
    if about.provenance.get("cell_digest") != question.cell.digest or about.space != question.cell.space:
        name = about.provenance.get("cell", "another cell")
        what = f"the estimator was trained for {name}, which is not (or no longer) {question.cell.name} as it stands"
        raise EstimatorError(what, file=folder, remedy="train one for this cell")
    try:
        stored = [Reduction(float(r["dt"]), int(r["samples"])) for r in about.provenance["view"]]
        trained = Protocol.from_json(about.provenance["protocol"]).stimuli
        view = View(tuple(stored), *noise_and_rig(about.noise))
    except (KeyError, TypeError, ValueError) as error:
        raise EstimatorError(f"it does not say what it sees ({error!r})", file=folder, remedy=_LEAVE_OUT) from None
    if not len(trained) == len(stored) == len(question.sweeps):
        what = f"the estimator was trained for {len(trained)} sweep(s), {len(question.sweeps)} are used here"
        raise EstimatorError(what, file=folder, remedy="name as many with --sweeps")
    question = replace(question, view=view, protocol=begun(question.protocol, view.rig))
    for mine, theirs, reduction in zip(question.protocol.stimuli, trained, stored, strict=True):
        _check_same(mine, theirs, reduction.duration, folder)
    return question


def begun(protocol: Protocol, rig: Rig | None) -> Protocol:
    """The protocol of recorded sweeps from the cell's own rest: without junction potential and bridge error."""
    if rig is None:
        return protocol
    junction = sum(bounds(rig.junction_potential)) / 2.0  # mV
    residual = 0.0 if rig.electrode is None else sum(bounds(rig.electrode.residual)) / 2.0  # MOhm
    stimuli = (replace(s, v_init=s.v_init - junction - residual * s.warm_up_current) for s in protocol.stimuli)
    return replace(protocol, stimuli=tuple(stimuli))


def _sighted(
    cell: str | Path | Cell,
    recording: Path,
    declared: Mapping[str, Any],
    sweeps: tuple[str, ...] | None,
    measured: bool = False,
) -> Question:
    """A question whose view is still to be chosen."""
    cell = _seen_where_recorded(cell if isinstance(cell, Cell) else read_cell(cell))
    source = _read(recording, declared, sweeps)
    if measured:
        source = replace(source, sweeps=tuple(as_measured(sweep) for sweep in source.sweeps))
    used = source.select(sweeps) if sweeps else choose(source, SWEEPS).used
    held_out = tuple(s for s in source.sweeps if all(s is not u for u in used))
    return Question(cell, source, used, held_out, experiment(cell, source, used), View((), Noise()))


def _read(recording: Path, declared: Mapping[str, Any], sweeps: tuple[str, ...] | None) -> Recording:
    """The recording; of one that is too large for memory, the sweeps that are named."""
    try:
        return read(recording, **declared)
    except TooLarge:
        if sweeps is None:
            raise
        return read(recording, sweeps=sweeps, **declared)


def _seen_where_recorded(cell: Cell) -> Cell:
    """The cell with the one site that a recording has: its first, where current is injected and v is read."""
    first = cell.sites[0]
    if first.variable != "v":
        raise CellError(
            f"the first site of {cell.name}, {first.name}, records {first.variable}, and a recording is of a voltage",
            remedy="put a site of v first",
        )
    if len(cell.sites) == 1:
        return cell
    own = tuple(replace(s, injections=(), clamps=()) for s in cell.protocol.stimuli)
    return replace(cell, sites=(first,), protocol=replace(cell.protocol, stimuli=own, sites=()))


def _check_same(mine: Stimulus, theirs: Stimulus, duration: float, folder: Path) -> None:
    """Raises EstimatorError unless two stimuli deliver the same current over `duration` ms, from one rest and bath."""
    t = np.arange(0.0, duration, 0.025) + 0.0125
    if mine.duration < duration - 1e-6:
        what = f"{mine.name} lasts {mine.duration:g} ms, the estimator was trained on {duration:g} ms"
        raise EstimatorError(what, file=folder, remedy=_LEAVE_OUT)
    if np.abs(mine.waveform.current(t) - theirs.waveform.current(t)).max() > _SAME_CURRENT:
        what = f"the estimator was trained with another stimulus than {mine.name}"
        raise EstimatorError(what, file=folder, remedy=_LEAVE_OUT)
    if mine.condition != theirs.condition:
        conditions = [stimulus.condition or CONTROL for stimulus in (theirs, mine)]
        what = f"the estimator was trained on {mine.name} in {conditions[0]}, it was recorded in {conditions[1]}"
        raise EstimatorError(what, file=folder, remedy=_LEAVE_OUT)
    if abs(mine.v_init - theirs.v_init) > _SAME_REST:
        what = f"its simulations start at {theirs.v_init:.4g} mV, this recording at {mine.v_init:.4g} mV"
        raise EstimatorError(what, file=folder, remedy=_LEAVE_OUT)


def white_noise(sweeps: tuple[Sweep, ...], reductions: tuple[Reduction, ...]) -> float:
    """The white noise of the recording's baselines on the reduced grid, mV; `ASSUMED` where none is long enough."""
    found = []
    for sweep, reduction in zip(sweeps, reductions, strict=True):
        baseline = reduction.apply(sweep.v[None], sweep.dt)[0][: int(sweep.baseline.stop * sweep.dt / reduction.dt)]
        if len(baseline) >= 200:
            found.append(estimate_noise(baseline.astype(np.float64), reduction.dt).white)
    return max(float(np.median(found)), 0.01) if found else ASSUMED


def _digest(arrays: Any) -> str:
    """The sha256 over arrays of numbers."""
    total = hashlib.sha256()
    for array in arrays:
        values: Float[np.ndarray, "..."] = np.ascontiguousarray(array, dtype=np.float64)
        total.update(values.tobytes())
    return total.hexdigest()
