"""`gbar train` on more traces than fit in memory: streamed, with the same choice of rows and the same way to go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.dataset import Dataset, create
from gbar.errors import DatasetError
from gbar.learn.posterior import NeuralPosterior, PointEstimator, load_estimator
from gbar.learn.rows import Data
from gbar.learn.stream import Stream
from gbar.observation import Bessel, Broadband, Noise, Reduction, Rig
from gbar.workflows import train as workflow
from gbar.workflows.progress import Silent
from gbar.workflows.repair import check_dataset
from gbar.workflows.simulate import simulate_dataset
from gbar.workflows.train import source, train_estimator
from gbar.workflows.view import View

SHORT = """
stimuli:
  - name: step
    duration: 60 ms
    dt: 0.025 ms
    sampling: 0.1 ms
    waveform: {step: {delay: 5 ms, duration: 50 ms, amplitude: 0.1 nA}}
"""


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Dataset:
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "short.yaml").write_text(SHORT)
    return simulate_dataset(
        "sphere", folder / "sims.zarr", rows=210, protocol=folder / "short.yaml", block=32, storage="int16"
    )


def test_what_does_not_fit_in_memory_is_streamed(data, monkeypatch):
    view = View((Reduction(0.2, 301),), Noise(white=0.1))
    size = 4 * int(data.usable.sum()) * 301
    monkeypatch.setattr(workflow, "IN_MEMORY", size)
    assert isinstance(source(data, view, seed=0, progress=Silent()), Data)
    monkeypatch.setattr(workflow, "IN_MEMORY", size - 1)
    heard = Heard()
    assert isinstance(source(data, view, seed=0, progress=heard), Stream)
    assert heard.said == [f"streaming {size / 1e9:.1f} GB of traces from {data.path}"]


def test_a_stream_and_memory_hold_the_same_rows(data, monkeypatch):
    view = View((Reduction(0.2, 301),), Noise())
    there = source(data, view, seed=0, progress=Silent())
    monkeypatch.setattr(workflow, "IN_MEMORY", 0)
    streamed = source(data, view, seed=0, progress=Silent())
    assert there.shape == streamed.shape == (1, 301) and there.parameters == streamed.parameters
    rng = np.random.default_rng(0)
    for part in ("train", "validation", "test"):
        assert there.count(part) == streamed.count(part) > 0
        pairs = zip(there.batches(part, 16, rng), streamed.batches(part, 16, rng), strict=True)
        for (v, unit), (other_v, other_unit) in pairs:
            np.testing.assert_array_equal(v, other_v)
            np.testing.assert_array_equal(unit, other_unit)


def test_stored_voltages_pass_the_filter_once(data, tmp_path, monkeypatch):
    """The manifest tells whether they have: of traces that were not reduced, nothing else would."""
    view = View((Reduction(0.1, 601),), Noise(), Rig(noise=(Broadband(0.2, 5.0),), filter=Bessel(2.0)))
    quiet = replace(view, rig=Rig(filter=Bessel(2.0)))
    assert view.passed == quiet.passed != View(view.reductions, Noise(), Rig(noise=view.rig.noise)).passed is None
    stored = create(tmp_path / "filtered.zarr", replace(data.manifest, rig=view.passed, vetting=None), len(data))
    with stored as writer:
        for start, stop in data.blocks:
            part = slice(start, stop)
            writer.write(start, data.theta[part], view.recorded(data.read(part)), data.spikes[part])
        filtered = writer.finish()
    behind = quiet.of_dataset(data, lambda *_: None)
    assert np.abs(behind - View(view.reductions, Noise()).of_dataset(data, lambda *_: None)).max() > 1.0
    for seen in (view, View(view.reductions, Noise())):
        np.testing.assert_allclose(seen.of_dataset(filtered, lambda *_: None), behind, atol=0.005)  # int16
    other = replace(view, rig=Rig(filter=Bessel(1.0)))
    for memory in (0, 1 << 40):
        monkeypatch.setattr(workflow, "IN_MEMORY", memory)
        with pytest.raises(DatasetError, match="another filter"):
            source(filtered, other, seed=0, progress=Silent())
    with pytest.raises(DatasetError, match="filtered traces"):
        check_dataset_with_damage(filtered.path)


def check_dataset_with_damage(store: Path) -> None:
    chunk = store / "v_0" / "c.0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:-8])
    check_dataset(store, repair=True)


@pytest.mark.parametrize(("kind", "made"), [("posterior", NeuralPosterior), ("talk", PointEstimator)])
def test_an_estimator_is_trained_from_the_disk(data, tmp_path, monkeypatch, kind, made):
    monkeypatch.setattr(workflow, "IN_MEMORY", 0)
    given = {"kind": kind, "epochs": 1, "threads": 1}
    heard = Heard()
    train_estimator(data.path, tmp_path / "one", **given, progress=heard)
    train_estimator(data.path, tmp_path / "two", **given)
    assert heard.said[0].startswith("streaming") and heard.said[-1].startswith(f"{tmp_path / 'one'}: {kind}, test MSE")
    assert isinstance(load_estimator(tmp_path / "one"), made)
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]


def test_a_training_from_the_disk_is_not_gone_on_with_from_memory(data, tmp_path, monkeypatch):
    monkeypatch.setattr(workflow, "IN_MEMORY", 0)
    streamed = source(data, View((Reduction(0.2, 301),), Noise()), seed=0, progress=Silent())
    monkeypatch.undo()
    there = source(data, View((Reduction(0.2, 301),), Noise()), seed=0, progress=Silent())
    assert streamed.identity() != there.identity()


def test_a_damaged_store_stops_a_training_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "short.yaml").write_text(SHORT)
    data = simulate_dataset("sphere", tmp_path / "sims.zarr", rows=70, protocol=tmp_path / "short.yaml", block=16)
    chunk = tmp_path / "sims.zarr" / "v_0" / "c.2.0.0"
    chunk.write_bytes(chunk.read_bytes()[:-9])
    monkeypatch.setattr(workflow, "IN_MEMORY", 0)
    with pytest.raises(DatasetError, match=r"gbar data check sims\.zarr"):
        train_estimator(data.path, tmp_path / "out", epochs=1, threads=1)
    assert not (tmp_path / "out").exists()
