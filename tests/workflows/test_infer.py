"""A user's own cell and recording: from files to a report, cut off and resumed, an estimator reused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.dataset import open_dataset
from gbar.errors import EstimatorError, OutputError, ParameterError, TooLarge, UserError
from gbar.estimate import from_table
from gbar.kernel.build import build
from gbar.observation import Electrode
from gbar.recordings import read
from gbar.simulate import simulate
from gbar.workflows import infer as infer_module
from gbar.workflows import question as question_module
from gbar.workflows.infer import infer_recording
from gbar.workflows.question import ask
from gbar.workflows.simulate import simulate_dataset
from gbar.workflows.train import read_rig, train_estimator

MOD = """\
NEURON { SUFFIX myleak NONSPECIFIC_CURRENT i RANGE g, e }
UNITS { (mV) = (millivolt) (mA) = (milliamp) (S) = (siemens) }
PARAMETER { g = 1e-4 (S/cm2) <0, 1> e = -70 (mV) }
ASSIGNED { v (mV) i (mA/cm2) }
BREAKPOINT { i = g*(v - e) }
"""

CELL = """\
name: passive
temperature: 25 degC
morphology:
  sphere: {diameter: 40 um}
regions:
  soma:
    cm: 1 uF/cm2
    mechanisms:
      myleak: {file: mods/myleak.mod, g: 1e-4 S/cm2, e: -70 mV}
parameters:
  g_myleak.soma: {low: 2e-5 S/cm2, high: 5e-4 S/cm2, scale: log}
  e_myleak.soma: {low: -80 mV, high: -60 mV}
protocol:
  stimuli:
    - name: step
      duration: 200 ms
      dt: 0.1 ms
      v_init: -68 mV
      waveform: {step: {delay: 50 ms, duration: 100 ms, amplitude: 20 pA}}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a cell of one's own, its mod file, and a recording of it with 0.1 mV of noise (g 1.5e-4, e -68)."""
    (tmp_path / "mods").mkdir()
    (tmp_path / "mods/myleak.mod").write_text(MOD)
    (tmp_path / "mine.yaml").write_text(CELL)
    cell = read_cell(tmp_path / "mine.yaml")
    v = simulate(build(cell, "float64"), np.array([[1.5e-4, -68.0]]), cell.protocol, threads=1).v[0][0, 0]
    rng = np.random.default_rng(5)
    t = cell.protocol.stimuli[0].times()
    current = np.where((t >= 50) & (t < 150), 20.0, 0.0)
    rows = np.stack([t, v + 0.1 * rng.standard_normal(len(t)), current], axis=1)
    head = "time_ms,voltage_mV,current_pA"
    np.savetxt(tmp_path / "rec.csv", rows, delimiter=",", header=head, comments="", fmt="%.6f")
    return tmp_path


def run(own: Path, name: str = "result", **more: object):
    given = {"rows": 150, "drift": "0 mV", "max_samples": 400, "threads": 1} | more
    return infer_recording(own / "mine.yaml", own / "rec.csv", own / name, **given)  # type: ignore[arg-type]


def reuse(own: Path, estimator: Path, **more: object):
    return infer_recording(own / "mine.yaml", own / "rec.csv", own / "again", estimator=estimator, threads=1, **more)


def test_the_truth_is_found_and_everything_is_written(own):
    answer = run(own, rows=600)
    low, _, high = answer.estimate.quantiles((0.005, 0.5, 0.995))
    assert (low < [1.5e-4, -68.0]).all() and (high > [1.5e-4, -68.0]).all()
    assert (answer.estimate.sd < 0.2).all()  # the prior has 0.577
    page = (own / "result/report.html").read_text()
    assert "not calibrated for model mismatch" in page and "g_myleak.soma" in page
    assert "On 60 simulations that no training saw, the 90 % intervals held the truth" in page
    told = json.loads((own / "result/estimator/estimator.json").read_text())["training"]
    assert told["test_scored"] == 60 and all(0.6 < held <= 1.0 for held in told["test_coverage"])
    assert len(from_table(own / "result/samples.csv")) == infer_module.DRAWS
    best = read_cell(own / "result/best.yaml")
    assert best.theta[0] == pytest.approx(answer.best)
    with pytest.raises(OutputError, match="finished already"):
        run(own, rows=600)
    again = reuse(own, own / "result/estimator")
    assert again.estimate.mean == pytest.approx(answer.estimate.mean, rel=0.02)


def test_the_rig_is_told_or_stated_and_goes_into_the_learning(own):
    """The recording with 14 mV of junction potential on it: stated, the leak's reversal is found where it is."""
    t, v, current = np.loadtxt(own / "rec.csv", delimiter=",", skiprows=1).T
    rows = np.stack([t, v + 14.0 + 0.1 * current, current], axis=1)  # and 100 MOhm that no bridge took off
    head = "time_ms,voltage_mV,current_pA"
    np.savetxt(own / "rec.csv", rows, delimiter=",", header=head, comments="", fmt="%.6f")
    answer = run(own, rows=600, junction="14 mV", bridge="100 Mohm")
    low, _, high = answer.estimate.quantiles((0.005, 0.5, 0.995))
    assert (low < [1.5e-4, -68.0]).all() and (high > [1.5e-4, -68.0]).all()
    found = {feature.name: feature for feature in answer.again.check.features}["rest"]
    assert found.inside and found.measured == pytest.approx(-54.0, abs=0.1)
    rig = read_rig(own / "result/rig.json")
    assert rig.junction_potential == 14.0 and rig.electrode == Electrode(100.0)
    assert answer.estimate.noise["white"] == pytest.approx(0.1, rel=0.15)  # the baseline is too short for a spectrum
    again = reuse(own, own / "result/estimator")
    assert again.estimate.mean == pytest.approx(answer.estimate.mean, rel=0.02)
    with pytest.raises(ParameterError, match="--junction is fixed by the estimator"):
        reuse(own, own / "result/estimator", junction="14 mV")
    page = (own / "result/report.html").read_text()
    assert "a junction potential of 14 mV" in page and "does not say whether the liquid junction" not in page


def test_of_a_recording_too_large_for_memory_the_named_sweeps_are_read(own, monkeypatch):
    asked = []

    def refuse_all(path, sweeps=None, **declared):
        asked.append(sweeps)
        if sweeps is None:
            raise TooLarge("its sweeps take 11 GB", file=path)
        return read(path, **declared)

    monkeypatch.setattr(question_module, "read", refuse_all)
    with pytest.raises(TooLarge):
        ask(own / "mine.yaml", own / "rec.csv")
    name = read(own / "rec.csv").sweeps[0].name
    assert ask(own / "mine.yaml", own / "rec.csv", sweeps=(name,)).sweeps[0].name == name
    assert asked == [None, None, (name,)]


def test_an_estimator_for_another_experiment_is_refused(own):
    run(own)
    rows = (own / "rec.csv").read_text().replace(",20.000000\n", ",25.000000\n")
    (own / "rec.csv").write_text(rows)
    with pytest.raises(EstimatorError, match="another stimulus"):
        reuse(own, own / "result/estimator")
    (own / "mine.yaml").write_text(CELL.replace("25 degC", "30 degC"))
    with pytest.raises(EstimatorError, match="as it stands"):
        reuse(own, own / "result/estimator")
    with pytest.raises(ParameterError, match="--white is fixed by the estimator"):
        reuse(own, own / "result/estimator", white="2 mV")
    assert not (own / "again").exists()


@pytest.mark.parametrize("where", ["open_dataset", "learn", "answered", "inferred_report"])
def test_interrupted_work_goes_on(own, where, monkeypatch):
    whole = run(own, "whole")

    def cut(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cutting:
        if where == "open_dataset":  # in the middle of the simulations
            cutting.setattr("gbar.dataset.Writer.finish", cut)
        else:
            cutting.setattr(infer_module, where, cut)
        with pytest.raises(KeyboardInterrupt):
            run(own)
    assert not (own / "result/report.html").exists()
    with pytest.raises(OutputError, match="another question"):
        run(own, seed=1)
    kept = (own / "rec.csv").read_text()
    (own / "rec.csv").write_text(kept.replace(",20.000000\n", ",60.000000\n"))
    with pytest.raises(OutputError, match="another question"):
        run(own)
    (own / "rec.csv").write_text(kept)
    resumed = run(own)
    np.testing.assert_array_equal(resumed.estimate.samples, whole.estimate.samples)


@pytest.mark.parametrize("kind", ["posterior", "point", "talk"])
def test_simulate_and_train(own, kind):
    data = simulate_dataset(own / "mine.yaml", own / "sims.zarr", rows=300, threads=1)
    assert len(data) == 300
    estimator = train_estimator(own / "sims.zarr", own / "est", kind=kind, epochs=2, threads=1)
    assert len(estimator.training["test_error"]) == 2
    stored = json.loads((own / "est/estimator.json").read_text())
    assert stored["provenance"]["cell_digest"] == data.manifest.cell_digest


def test_rows_do_not_depend_on_how_many_are_asked_for(own):
    few = simulate_dataset(own / "mine.yaml", own / "few.zarr", rows=70, threads=1)
    many = simulate_dataset(own / "mine.yaml", own / "many.zarr", rows=600, threads=2)
    np.testing.assert_array_equal(few.theta, many.theta[:70])
    np.testing.assert_array_equal(few.read().v[0], open_dataset(own / "many.zarr").read(slice(0, 70)).v[0])


def test_a_sweep_that_does_not_exist(own):
    with pytest.raises(UserError, match="no sweep"):
        run(own, sweeps=("sweep_9",))
    assert not (own / "result").exists()


def test_an_estimator_trained_apart_sees_the_recording_as_it_was_trained(own):
    simulate_dataset(own / "mine.yaml", own / "sims.zarr", rows=300, threads=1)
    train_estimator(own / "sims.zarr", own / "est", epochs=2, white="0.2 mV", max_samples=500, threads=1)
    answer = reuse(own, own / "est")
    assert answer.estimate.noise["white"] == 0.2
    assert any("300 simulations only" in warning for warning in answer.estimate.warnings)
    assert "0.2 mV of white" in (own / "again/report.html").read_text()
