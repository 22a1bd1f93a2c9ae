"""Posteriors that are known: a linear-Gaussian experiment against its analytic posterior, and simulation-based
calibration."""

from __future__ import annotations

import numpy as np
import pytest

from gbar.learn.flow import FlowArchitecture
from gbar.learn.networks import Architecture
from gbar.learn.posterior import NeuralPosterior, train_posterior
from gbar.learn.training import Schedule
from gbar.parameters import FreeParameter, ParameterSpace

SPACE = ParameterSpace((FreeParameter("a", "mV", -1.0, 1.0), FreeParameter("b", "mV", -1.0, 1.0)))
SAMPLES, SD = 32, 25.0  # mV
BASIS = np.stack([np.linspace(1, 0, SAMPLES), np.sin(np.linspace(0, 7, SAMPLES))]) * 50


def noise(rows: int, rng: np.random.Generator) -> np.ndarray:
    return SD * rng.standard_normal((rows, 1, SAMPLES), dtype=np.float32)


def traces(unit: np.ndarray) -> np.ndarray:
    return (unit @ BASIS - 60)[:, None].astype(np.float32)


@pytest.fixture(scope="module")
def posterior() -> NeuralPosterior:
    unit = np.random.default_rng(3).uniform(-1, 1, (3000, 2))
    architecture = FlowArchitecture(
        Architecture("trace", 1, SAMPLES, 16, width=4, hidden=32), 2, transforms=2, hidden=32
    )
    schedule = Schedule(epochs=30, batch=75, rate=3e-3, average=0.98, threads=1)
    return train_posterior(traces(unit), unit, SPACE, noise=noise, schedule=schedule, architecture=architecture, seed=1)


def analytic(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of the posterior under the uniform prior: a Gaussian cut off by the box, on a grid."""
    edges = np.linspace(-1, 1, 401)
    middle = (edges[1:] + edges[:-1]) / 2
    grid = np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1).reshape(-1, 2)
    log = -0.5 * (((v + 60) - grid @ BASIS) ** 2).sum(axis=1) / SD**2
    mass = np.exp(log - log.max())
    mass /= mass.sum()
    mean = mass @ grid
    return mean, np.sqrt(mass @ (grid - mean) ** 2)


def test_mean_and_sd_are_those_of_the_analytic_posterior(posterior):
    rng = np.random.default_rng(11)
    unit = rng.uniform(-1, 1, (60, 2))
    v = traces(unit) + noise(60, rng)
    draws, _ = posterior.draw(v, 2000, rng)
    known = [analytic(row[0]) for row in v]
    mean, sd = np.array([m for m, _ in known]), np.array([s for _, s in known])
    assert 0.08 < sd.mean() < 0.3  # narrower than the prior's 0.577: there is something to learn
    assert np.abs(draws.mean(axis=1) - mean).mean() < 0.25 * sd.mean()
    assert np.corrcoef(draws.mean(axis=1).ravel(), mean.ravel())[0, 1] > 0.99
    assert draws.std(axis=1).mean() == pytest.approx(sd.mean(), rel=0.1)


def test_ranks_are_uniform_and_nothing_leaves_the_box(posterior):
    """Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788): chi-square of 20 bins, p > 0.001."""
    rng = np.random.default_rng(17)
    unit = rng.uniform(-1, 1, (1000, 2))
    draws, density = posterior.draw(traces(unit) + noise(1000, rng), 99, rng)
    assert np.abs(draws).max() <= 1 and np.isfinite(density).all()
    ranks = (draws < unit[:, None]).sum(axis=1)  # 0 to 99
    for column in ranks.T:
        counts = np.bincount(column // 5, minlength=20)
        chi_square = ((counts - 50) ** 2 / 50).sum()
        assert chi_square < 43.82  # the 99.9 % point at 19 degrees of freedom


def test_with_noise_that_drowns_everything_the_posterior_is_the_prior():
    unit = np.random.default_rng(5).uniform(-1, 1, (2000, 1))
    v = np.random.default_rng(6).normal(-60, 20, (2000, 1, SAMPLES)).astype(np.float32)
    architecture = FlowArchitecture(Architecture("trace", 1, SAMPLES, 8, width=2, hidden=8), 1, hidden=16)
    schedule = Schedule(epochs=10, batch=100, average=0.9, threads=1)
    space = ParameterSpace(SPACE.parameters[:1])
    posterior = train_posterior(v, unit, space, schedule=schedule, architecture=architecture)
    draws, density = posterior.draw(v[:200], 100, np.random.default_rng(0))
    assert abs(draws.mean()) < 0.1 and draws.std() == pytest.approx(3**-0.5, rel=0.05)
    assert density.mean() == pytest.approx(np.log(0.5), abs=0.1)
