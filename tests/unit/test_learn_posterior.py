"""The boxed flow is a density, never leaves the box, and survives the disk; damaged folders give one line."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gbar.errors import EstimatorError, OutputError
from gbar.learn.archive import About
from gbar.learn.flow import BoxedFlow, FlowArchitecture, log_slope, to_free, to_unit
from gbar.learn.networks import Architecture
from gbar.learn.posterior import (
    NeuralPosterior,
    PointEstimator,
    load_estimator,
    load_posterior,
    train_posterior,
)
from gbar.learn.training import Schedule, regress, threads_at
from gbar.parameters import FreeParameter, ParameterSpace

SPACE = ParameterSpace(
    (FreeParameter("gna.soma", "S/cm2", 0.06, 0.24, "log"), FreeParameter("gk.soma", "S/cm2", 0.0, 0.1))
)
SMALL = Architecture("trace", 1, 40, 8, width=2, hidden=8)
QUICK = Schedule(epochs=2, batch=64, threads=1)


def toy(rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    unit = np.random.default_rng(1).uniform(-1, 1, (rows, 2))
    v = -60 + 20 * unit[:, :1] * np.sin(np.linspace(0, 9, 40)) + 10 * unit[:, 1:]
    return v[:, None].astype(np.float32), unit


def spoilt_flow(parameters: int, seed: int = 0) -> BoxedFlow:
    """A flow with large random weights: a crooked, narrow density."""
    flow = BoxedFlow(FlowArchitecture(SMALL, parameters, hidden=16), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in flow.parameters():
            weight += 0.15 * torch.randn(weight.shape, generator=generator)
    return flow


@pytest.fixture(scope="module")
def posterior() -> NeuralPosterior:
    v, unit = toy()
    about = {"cell_digest": "a" * 64, "reduction": {"samples": 40}}
    architecture = FlowArchitecture(SMALL, 2, hidden=16)
    return train_posterior(
        v, unit, SPACE, schedule=QUICK, architecture=architecture, noise_model={"white": 0.1}, provenance=about
    )


def test_box_and_free_space_are_one_to_one():
    unit = torch.linspace(-1, 1, 2001, dtype=torch.float64)[:, None]
    torch.testing.assert_close(to_unit(to_free(unit)), unit, rtol=0, atol=1e-11)
    free = torch.linspace(-4, 4, 201, dtype=torch.float64)[:, None]
    step = 1e-6
    slope = ((to_unit(free + step) - to_unit(free - step)) / (2 * step)).log()[:, 0]
    torch.testing.assert_close(log_slope(free), slope, rtol=0, atol=1e-4)
    assert to_unit(torch.tensor([-1e6, 1e6])).tolist() == [-1, 1]


@pytest.mark.parametrize("seed", range(3))
def test_the_density_integrates_to_one_in_one_dimension(seed):
    flow = spoilt_flow(1, seed)
    edges = torch.sin(torch.linspace(-np.pi / 2, np.pi / 2, 8_001, dtype=torch.float64))  # finer towards the faces
    middle = ((edges[1:] + edges[:-1]) / 2)[:, None, None].expand(-1, 2, 1)
    with torch.no_grad():
        density = flow.log_prob(middle, torch.tensor([[[-60.0] * 40], [[-40.0] * 40]])).exp()
    total = (density * edges.diff()[:, None]).sum(dim=0)
    torch.testing.assert_close(total, torch.ones(2, dtype=torch.float64), rtol=0, atol=2e-3)
    assert density.max() > 2 * density.mean()  # it is not just the prior


def test_the_density_integrates_to_one_in_two_dimensions():
    flow = spoilt_flow(2)
    edges = torch.linspace(-1, 1, 401, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    grid = torch.stack(torch.meshgrid(middle, middle, indexing="ij"), dim=-1).reshape(-1, 1, 2)
    with torch.no_grad():
        total = flow.log_prob(grid, torch.full((1, 1, 40), -60.0)).exp().sum() * (2 / 400) ** 2
    assert float(total) == pytest.approx(1, abs=0.01)


def test_samples_follow_the_density_and_stay_in_the_box():
    flow = spoilt_flow(2)
    v = torch.full((1, 1, 40), -60.0)
    torch.manual_seed(0)
    with torch.no_grad():
        unit, density = flow.draw(20_000, flow.features(v))
        again = flow.log_prob(unit, v)
        edges = torch.linspace(-1, 1, 401, dtype=torch.float64)
        middle = (edges[1:] + edges[:-1]) / 2
        grid = torch.stack(torch.meshgrid(middle, middle, indexing="ij"), dim=-1).reshape(-1, 1, 2)
        mass = flow.log_prob(grid, v).exp() * (2 / 400) ** 2  # [cell, 1]
    assert unit.shape == (20_000, 1, 2) and float(unit.abs().max()) <= 1
    inside = (unit.abs() < 1 - 1e-6).all(dim=-1)
    torch.testing.assert_close(density[inside], again[inside], rtol=0, atol=2e-3)
    torch.testing.assert_close((mass * grid[:, 0]).sum(dim=0), unit.mean(dim=(0, 1)), rtol=0, atol=0.02)
    assert flow.log_prob(torch.tensor([[1.1, 0.0]]), v).item() == -math.inf


def test_sampling_gives_what_was_asked_for_and_depends_on_the_generator_alone(posterior):
    v, _ = toy()
    torch.manual_seed(9)
    before = torch.random.get_rng_state()
    first, again, other = (posterior.sample(v[0], 25_000, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    theta, density = first
    assert theta.shape == (25_000, 2) and density.shape == (25_000,) and np.isfinite(density).all()
    assert SPACE.inside(theta).all()
    np.testing.assert_array_equal(theta, again[0])
    assert not np.array_equal(theta, other[0])
    np.testing.assert_allclose(posterior.log_prob(theta[:500], v[0]), density[:500], atol=1e-3)
    outside = np.array([[0.25, 0.05], [0.1, -0.01], [0.1, 0.05]])
    assert np.isneginf(posterior.log_prob(outside, v[0])).tolist() == [True, True, False]


def test_sampling_does_not_depend_on_torch_threads(posterior, monkeypatch):
    v, found, seen = toy()[0], [], []
    draw = posterior.flow.draw
    monkeypatch.setattr(posterior.flow, "draw", lambda *given: seen.append(torch.get_num_threads()) or draw(*given))
    for threads in (1, 2):
        with threads_at(threads):
            found.append(posterior.estimate(v[0], 5000, np.random.default_rng(1)).samples)
            assert torch.get_num_threads() == threads
    assert set(seen) == {1}
    np.testing.assert_array_equal(*found)


def test_many_observations_at_once_are_one_by_one(posterior):
    v, _ = toy()
    unit, density = posterior.draw(v[:5], 30, np.random.default_rng(0))
    assert unit.shape == (5, 30, 2) and density.shape == (5, 30) and abs(unit).max() <= 1
    for row in range(5):
        one = posterior.log_prob(SPACE.to_theta(unit[row]), v[row])
        np.testing.assert_allclose(one, density[row], atol=1e-3)
    assert posterior.means(v, np.random.default_rng(0)).shape == (300, 2)


def test_estimate_says_where_it_comes_from(posterior):
    estimate = posterior.estimate(toy()[0][0], 100, np.random.default_rng(0), recording="abc")
    assert estimate.kind == "network" and estimate.noise == {"white": 0.1} and len(estimate) == 100
    assert estimate.provenance["recording"] == "abc" and estimate.provenance["cell_digest"] == "a" * 64


def test_training_is_told(posterior):
    told = json.loads(json.dumps(posterior.training))
    assert len(told["history"]["loss"]) == 2 and told["rows"] == {"train": 240, "validation": 30, "test": 30}
    assert len(told["test_error"]) == 2 and math.isfinite(told["test_log_density"])


def test_a_wrong_observation_gives_one_line(posterior):
    for shape in [(1, 41), (2, 40), (40,)]:
        with pytest.raises(EstimatorError, match="shape"):
            posterior.sample(np.zeros(shape), 10, np.random.default_rng(0))
    with pytest.raises(EstimatorError, match="not finite"):
        posterior.sample(np.full((1, 40), np.nan), 10, np.random.default_rng(0))
    with pytest.raises(EstimatorError, match="parameters does not fit"):
        train_posterior(*toy(), ParameterSpace(SPACE.parameters[:1]), schedule=QUICK)


def test_saved_and_loaded_it_is_the_same(posterior, tmp_path):
    folder = tmp_path / "estimator"
    posterior.save(folder)
    assert sorted(p.name for p in folder.iterdir()) == ["estimator.json", "weights.safetensors"]
    back = load_posterior(folder)
    assert back.about == posterior.about and back.training == json.loads(json.dumps(posterior.training))
    v, _ = toy()
    rng = [np.random.default_rng(1), np.random.default_rng(1)]
    for mine, theirs in zip(posterior.sample(v[3], 50, rng[0]), back.sample(v[3], 50, rng[1]), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(OutputError, match="exists"):
        posterior.save(folder)
    posterior.save(folder, overwrite=True)
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputError, match="exists"):
        posterior.save(tmp_path / "mine", overwrite=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        posterior.save(tmp_path / "file" / "estimator")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["estimator", "file", "mine"]


def test_a_point_estimator_is_saved_the_same_way(tmp_path):
    v, unit = toy()
    point = PointEstimator.of(regress(v, unit, schedule=QUICK), About(SPACE, {}, {"cell_digest": "b"}))
    point.save(tmp_path / "point")
    back = load_estimator(tmp_path / "point")
    assert isinstance(back, PointEstimator)
    np.testing.assert_array_equal(back.means(v), point.means(v))
    assert back.training["test_error"] == point.training["test_error"]
    with pytest.raises(EstimatorError, match="not a posterior"):
        load_posterior(tmp_path / "point")


def test_an_estimator_of_another_experiment_is_told(posterior):
    posterior.about.require(cell_digest="a" * 64, reduction={"samples": 40})
    with pytest.raises(EstimatorError, match="another cell digest"):
        posterior.about.require(cell_digest="b" * 64)
    with pytest.raises(EstimatorError, match="another protocol digest"):
        posterior.about.require(protocol_digest="c")


def edit(folder, change):
    path = folder / "estimator.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def huge(data):
    data["architecture"]["network"]["samples"] = 10**12


def wide(data):
    data["architecture"]["network"].update(hidden=4096, outputs=4096, width=1024)


def deeper(data):
    data["architecture"]["transforms"] = 4


def smaller(data):
    data["architecture"]["hidden"] = 17


def one_parameter(data):
    data["space"]["parameters"].pop()


def infinite_loss(folder):
    """Python's JSON reads 1e999 as infinity, without a word."""
    text = (folder / "estimator.json").read_text()
    return re.sub(r'("loss": \[\s*)[^,\]]+', r"\g<1>1e999", text)


def other_weights(folder):
    tensors = load_file(folder / "weights.safetensors")
    tensors["place.bias"] += 1
    save_file(tensors, folder / "weights.safetensors")


def doubles(folder):
    tensors = load_file(folder / "weights.safetensors")
    tensors["place.bias"] = tensors["place.bias"].double()
    save_file(tensors, folder / "weights.safetensors")


HARMS = {
    "no folder": lambda f: [p.unlink() for p in f.iterdir()] and f.rmdir(),
    "empty folder": lambda f: [p.unlink() for p in f.iterdir()],
    "no weights": lambda f: (f / "weights.safetensors").unlink(),
    "empty json": lambda f: (f / "estimator.json").write_text(""),
    "garbage json": lambda f: (f / "estimator.json").write_bytes(bytes(range(256))),
    "deep json": lambda f: (f / "estimator.json").write_text("[" * 100_000),
    "nan json": lambda f: (f / "estimator.json").write_text('{"format": NaN}'),
    "list json": lambda f: (f / "estimator.json").write_text("[]"),
    "format": lambda f: edit(f, lambda d: d.update(format=99)),
    "kind": lambda f: edit(f, lambda d: d.update(kind="pickle")),
    "architecture": lambda f: edit(f, lambda d: d.update(architecture={})),
    "architecture's network": lambda f: edit(f, lambda d: d["architecture"].update(network=3)),
    "huge": lambda f: edit(f, huge),
    "wide": lambda f: edit(f, wide),
    "deeper": lambda f: edit(f, deeper),
    "smaller": lambda f: edit(f, smaller),
    "one parameter": lambda f: edit(f, one_parameter),
    "no space": lambda f: edit(f, lambda d: d.update(space={})),
    "digest": lambda f: edit(f, lambda d: d.update(weights="0")),
    "no history": lambda f: edit(f, lambda d: d.update(training={})),
    "history's list": lambda f: edit(f, lambda d: d["training"].update(history=[])),
    "loss": lambda f: edit(f, lambda d: d["training"]["history"].update(loss="<script>")),
    "loss's entry": lambda f: edit(f, lambda d: d["training"]["history"].update(loss=[1.0, "<script>"])),
    "loss's length": lambda f: edit(f, lambda d: d["training"]["history"]["loss"].pop()),
    "validation": lambda f: edit(f, lambda d: d["training"]["history"].pop("validation")),
    "infinite loss": lambda f: (f / "estimator.json").write_text(infinite_loss(f)),
    "endless loss": lambda f: edit(f, lambda d: d["training"]["history"].update(loss=[1, 10**400])),
    "test error": lambda f: edit(f, lambda d: d["training"].update(test_error=["<script>", 0.1])),
    "test error's length": lambda f: edit(f, lambda d: d["training"]["test_error"].pop()),
    "provenance": lambda f: edit(f, lambda d: d.update(provenance="<script>")),
    "empty weights": lambda f: (f / "weights.safetensors").write_bytes(b""),
    "garbage weights": lambda f: (f / "weights.safetensors").write_bytes(bytes(range(256)) * 9),
    "cut weights": lambda f: (f / "weights.safetensors").write_bytes((f / "weights.safetensors").read_bytes()[:-40]),
    "other weights": other_weights,
    "doubles": doubles,
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_estimator_gives_one_line(posterior, tmp_path, harm):
    folder = tmp_path / "estimator"
    posterior.save(folder)
    HARMS[harm](folder)
    with pytest.raises(EstimatorError) as raised:
        load_estimator(folder)
    assert "\n" not in str(raised.value) and str(folder) in str(raised.value)
