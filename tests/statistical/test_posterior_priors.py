"""A posterior under a prior that is not uniform is the analytic one, and the prior where nothing is seen."""

from __future__ import annotations

import numpy as np
import pytest

from gbar.learn.flow import FlowArchitecture
from gbar.learn.networks import Architecture
from gbar.learn.posterior import NeuralPosterior, train_posterior
from gbar.learn.training import Schedule
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.prior import LogNormal, Normal

SPACE = ParameterSpace(
    (
        FreeParameter("a", "mV", -1.0, 1.0, prior=Normal(0.3, 0.25)),
        FreeParameter("b", "nS", 0.1, 10.0, "log", prior=LogNormal(0.5, 0.3)),
    )
)
SAMPLES, SD = 32, 25.0  # mV
BASIS = np.stack([np.linspace(1, 0, SAMPLES), np.sin(np.linspace(0, 7, SAMPLES))]) * 25


def traces(unit: np.ndarray) -> np.ndarray:
    return (unit @ BASIS - 60)[:, None].astype(np.float32)


def noise(rows: int, rng: np.random.Generator) -> np.ndarray:
    return SD * rng.standard_normal((rows, 1, SAMPLES), dtype=np.float32)


def trained(v: np.ndarray, unit: np.ndarray, epochs: int, noise=None) -> NeuralPosterior:
    network = Architecture("trace", 1, SAMPLES, 16, width=2, hidden=16)
    architecture = FlowArchitecture(network, 2, transforms=2, hidden=16)
    schedule = Schedule(epochs=epochs, batch=100, rate=5e-3, average=0.97, threads=1)
    return train_posterior(v, unit, SPACE, noise=noise, schedule=schedule, architecture=architecture, seed=1)


def analytic(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd in unit space: likelihood times the prior's density, on a grid."""
    edges = np.linspace(-1, 1, 301)
    middle = (edges[1:] + edges[:-1]) / 2
    grid = np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1).reshape(-1, 2)
    log = -0.5 * (((v + 60) - grid @ BASIS) ** 2).sum(axis=1) / SD**2 + SPACE.log_prior(SPACE.to_theta(grid))
    mass = np.exp(log - log.max())
    mass /= mass.sum()
    mean = mass @ grid
    return mean, np.sqrt(mass @ (grid - mean) ** 2)


def test_the_posterior_is_the_analytic_one_under_the_prior():
    posterior = trained(traces(unit := SPACE.to_unit(SPACE.draw(3, 0, 2500))), unit, 16, noise)
    rng = np.random.default_rng(11)
    v = traces(SPACE.to_unit(SPACE.draw(4, 0, 60))) + noise(60, rng)
    draws, _ = posterior.draw(v, 2000, rng)
    known = [analytic(row[0]) for row in v]
    mean, sd = np.array([m for m, _ in known]), np.array([s for _, s in known])
    assert np.abs(draws.mean(axis=1) - mean).mean() < 0.25 * sd.mean()
    np.testing.assert_allclose(draws.std(axis=1).mean(axis=0), sd.mean(axis=0), rtol=0.1)
    flat = np.array([analytic_flat(row[0]) for row in v])  # as if the prior were uniform
    assert np.abs(flat - mean).mean() > 2 * np.abs(draws.mean(axis=1) - mean).mean()


def analytic_flat(v: np.ndarray) -> np.ndarray:
    """The mean under a uniform prior, without the box."""
    return np.linalg.lstsq(BASIS.T, v + 60, rcond=None)[0]


def test_where_nothing_is_seen_the_posterior_is_the_prior():
    rng = np.random.default_rng(6)
    unit = SPACE.to_unit(SPACE.draw(5, 0, 2000))
    v = rng.normal(-60, 20, (2000, 1, SAMPLES)).astype(np.float32)
    draws, density = trained(v, unit, 8).draw(v[:200], 100, rng)
    prior = SPACE.to_unit(SPACE.draw(6, 0, 100_000))
    assert np.abs(draws.mean(axis=(0, 1)) - prior.mean(axis=0)).max() < 0.2 * prior.std(axis=0).min()
    np.testing.assert_allclose(draws.std(axis=(0, 1)), prior.std(axis=0), rtol=0.15)
    expected = SPACE.log_prior(SPACE.draw(6, 0, 100_000)).mean()
    assert density.mean() == pytest.approx(expected, abs=0.3)
