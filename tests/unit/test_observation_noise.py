from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from gbar.errors import ParameterError
from gbar.observation import Broadband, Drift, Hum, LogUniform, Uniform

ROWS = 200


def generators(rows: int = ROWS, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, row]) for row in range(rows)]


def density(noise: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in kHz and the one-sided power density in mV²/kHz, mean over rows."""
    f, power = signal.periodogram(noise.astype(np.float64), 1.0 / dt, window="hann", detrend=False)
    return f, power.mean(axis=0)


@pytest.mark.parametrize("dt", [0.01, 0.05, 0.2])
def test_white_noise_has_one_density_at_any_sampling(dt):
    noise = Broadband(0.3, bandwidth=10.0).drawn(generators())(5000, dt)
    assert noise.shape == (ROWS, 5000)
    assert noise.dtype == np.float32
    assert noise.var() == pytest.approx(0.3**2 / 10.0 * (0.5 / dt), rel=0.01)
    assert abs(np.mean(noise[:, 1:] * noise[:, :-1])) < 0.005 * noise.var()


@pytest.mark.parametrize("exponent", [0.7, 1.0, 1.5])
@pytest.mark.parametrize("samples", [8000, 8001])
def test_one_over_f_noise_has_its_spectrum(exponent, samples):
    dt, corner = 0.05, 200.0
    f, power = density(Broadband(0.3, 10.0, corner, exponent).drawn(generators())(samples, dt), dt)
    expected = 0.3**2 / 10.0 * (1.0 + (corner / 1000.0 / np.maximum(f, 1e-9)) ** exponent)
    for low, high in ((0.01, 0.02), (0.02, 0.1), (0.1, 0.5), (0.5, 2.0), (2.0, 9.9)):
        band = (f >= low) & (f < high)
        assert np.mean(power[band] / expected[band]) == pytest.approx(1.0, rel=0.06), (low, high)


def test_one_over_f_noise_is_not_periodic():
    noise = Broadband(0.3, 10.0, 1000.0, 1.5).drawn(generators())(4000, 0.05).astype(np.float64)
    noise -= noise.mean(axis=1, keepdims=True)
    ends = np.corrcoef(noise[:, 0], noise[:, -1])[0, 1]
    assert ends < 0.25
    assert noise[:, 0].std() == pytest.approx(noise[:, -1].std(), rel=0.25)


def test_drift_is_exact_for_each_rows_own_tau():
    dt, rows = 0.5, 3000
    drift = Drift(Uniform(1.0, 2.0), LogUniform(3.0, 30.0))
    rngs = generators(rows)
    noise = drift.drawn(rngs)(300, dt).astype(np.float64)
    again = generators(rows)
    sd = np.array([rng.uniform(1.0, 2.0) for rng in again])
    tau = np.array([np.exp(rng.uniform(np.log(3.0), np.log(30.0))) for rng in again])
    scaled = noise / sd[:, None]
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, rtol=0.06)  # stationary from the first sample
    for lag in (1, 10, 63, 64, 65):
        correlation = np.mean(scaled[:, lag:] * scaled[:, :-lag], axis=1)
        assert np.mean(correlation) == pytest.approx(np.mean(np.exp(-lag * dt / tau)), abs=0.02)


@pytest.mark.parametrize("samples", [1, 127, 128, 4001])
def test_hum_is_its_sines(samples):
    dt = 0.05
    hum = Hum(Uniform(0.1, 0.5), Uniform(49.9, 50.1), (0.5, 0.0, 0.25))
    found = hum.drawn(generators(5))(samples, dt)
    assert found.dtype == np.float32
    t = np.arange(samples) * dt / 1000.0
    again = generators(5)
    amplitude, frequency = ([rng.uniform(*ends) for rng in again] for ends in ((0.1, 0.5), (49.9, 50.1)))
    for row, rng in enumerate(again):
        phase = rng.uniform(0.0, 2.0 * np.pi, 4)
        sines = np.sin(2.0 * np.pi * frequency[row] * np.outer([1, 2, 3, 4], t) + phase[:, None])
        np.testing.assert_allclose(found[row], amplitude[row] * np.array([1, 0.5, 0, 0.25]) @ sines, atol=1e-6)


def test_every_sweep_has_its_own_phase_and_noise():
    for kind in (Hum(1.0), Broadband(0.1), Broadband(0.1, corner=10.0), Drift(0.1, 5.0)):
        draw = kind.drawn(generators(2))
        first, second = draw(500, 0.1), draw(500, 0.1)
        assert np.abs(first - second).max() > 0.01
        assert np.abs(first[0] - first[1]).max() > 0.01


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Broadband(-0.1),
        lambda: Broadband(0.1, 0.0),
        lambda: Broadband(0.1, corner=-1.0),
        lambda: Broadband(Uniform(-1.0, 1.0)),
        lambda: Drift(0.1, 0.0),
        lambda: Drift(float("inf"), 1.0),
        lambda: Hum(-1.0),
        lambda: Hum(1.0, 0.0),
        lambda: Hum(1.0, 50.0, (-1.0,)),
        lambda: Hum(1.0, 50.0, (0.1,) * 20),
        lambda: Uniform(0.0, float("nan")),
    ],
)
def test_refusals(wrong):
    with pytest.raises(ParameterError):
        wrong()
