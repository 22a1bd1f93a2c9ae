"""Estimators on synthetic baselines whose answers are known: bias and spread over seeds; and on recorded ones."""

from __future__ import annotations

import numpy as np
import pytest

from gbar.errors import RecordingError
from gbar.observation import (
    Adc,
    Bessel,
    Broadband,
    Drift,
    Hum,
    Rig,
    estimate_hum,
    estimate_noise,
    estimate_spectrum,
    estimate_step,
    without_hum,
)
from gbar.recordings import read
from gbar.traces import Traces


def baseline(rig: Rig, duration: float, dt: float, seed: int, *, fine: int = 1) -> np.ndarray:
    """A rest of -70 mV through a rig; filtered at `fine` times the sampling, as filters of hardware are."""
    samples = round(duration / dt) * fine
    still = Traces((np.full((1, 1, samples), -70.0),), (dt / fine,), np.zeros(1, dtype=np.uint8))
    return rig.apply(still, seed).v[0][0, 0, ::fine]


@pytest.mark.parametrize(
    ("duration", "amplitude", "error", "wander"),
    [(200.0, 0.3, 0.02, 0.2), (500.0, 0.1, 0.006, 0.1), (2000.0, 0.05, 0.003, 0.03)],
)
@pytest.mark.parametrize("frequency", [49.9, 60.0])
def test_hum_of_known_strength(duration, amplitude, error, wander, frequency):
    """Beside 0.15 mV of noise in 10 kHz: amplitude without bias, and how far single baselines stray (mV, Hz)."""
    rig = Rig(noise=(Broadband(0.15, corner=20.0), Hum(amplitude, frequency, (0.4, 0.2))))
    found = [estimate_hum(baseline(rig, duration, 0.05, seed), 0.05) for seed in range(20)]
    amplitudes = np.array([hum.amplitude for hum in found])
    assert amplitudes.mean() == pytest.approx(amplitude, rel=0.03)
    assert amplitudes.std() < error
    frequencies = np.array([hum.frequency for hum in found])
    assert frequencies.mean() == pytest.approx(frequency, abs=0.1)
    assert frequencies.std() < wander
    assert np.mean([hum.harmonics[0] for hum in found]) == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("noise", [Drift(0.3, 20.0), Broadband(0.1, corner=200.0), Broadband(0.2)])
def test_no_hum_is_none(noise):
    """At most one false alarm in fifty."""
    rig = Rig(noise=(Broadband(0.1), noise))
    assert sum(estimate_hum(baseline(rig, 500.0, 0.05, seed), 0.05).amplitude > 0.0 for seed in range(50)) <= 1
    assert estimate_hum(np.full(10000, -70.0), 0.05).amplitude == 0.0
    with pytest.raises(RecordingError, match="too few to measure hum"):
        estimate_hum(np.zeros(2000), 0.05)


def test_hum_taken_out():
    """What is left has the spectrum of the noise alone."""
    v = baseline(Rig(noise=(Broadband(0.2), Hum(0.5, 50.05, (0.4, 0.2)))), 2000.0, 0.05, 0)
    left = without_hum(v, 0.05, estimate_hum(v, 0.05))
    assert left.mean() == pytest.approx(-70.0, abs=0.01)
    assert estimate_hum(left, 0.05).amplitude < 0.01
    found = estimate_spectrum(left, 0.05)
    assert found.corner < 5.0
    assert found.broadband().sd == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize("step", [0.3, 1.0 / 32.0, 0.030517578125, 0.01])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_digitisers_step(step, dtype):
    """Found to 1 in 10,000 with an offset that is no multiple, in either precision, spikes or not."""
    v = baseline(Rig(noise=(Broadband(0.1), Drift(0.5, 10.0)), adc=Adc(step)), 500.0, 0.05, 0) + 0.0123
    assert estimate_step(v.astype(dtype)) == pytest.approx(step, rel=1e-4)
    v[5000:5100] += step * np.rint(np.linspace(0.0, 90.0, 100) ** 2 / 90.0 / step)
    v[100] = np.nan
    assert estimate_step(v.astype(dtype)) == pytest.approx(step, rel=1e-4)


def test_a_step_despite_a_few_values_between():
    v = baseline(Rig(noise=(Broadband(0.1), Drift(0.5, 10.0)), adc=Adc(0.01)), 500.0, 0.05, 0)
    v[1000] += 0.0037
    assert estimate_step(v) == pytest.approx(0.01, rel=1e-3)


def test_no_step_where_there_is_none():
    v = baseline(Rig(noise=(Broadband(0.1),)), 500.0, 0.05, 0)
    assert estimate_step(v) == 0.0
    assert estimate_step(v.astype(np.float32)) == 0.0
    assert estimate_step(np.full(100, -70.0)) == 0.0
    assert estimate_step(np.array([])) == 0.0
    digitised = baseline(Rig(noise=(Broadband(0.1),), adc=Adc(0.03)), 500.0, 0.05, 0)
    assert estimate_step(Bessel(2.0).drawn([np.random.default_rng(0)])(digitised[None], 0.05)[0]) == 0.0


@pytest.mark.parametrize(
    ("corner", "exponent", "filtered"),
    [(0.0, 1.0, None), (50.0, 1.0, None), (50.0, 1.5, None), (0.0, 1.0, 3.0), (50.0, 1.0, 3.0), (200.0, 0.8, 2.0)],
)
def test_a_spectrum_of_known_parts(corner, exponent, filtered):
    """2 s at 20 kHz, 12 seeds: white within 2 %, the filter's corner within 2 % (spread 1 %), the 1/f corner within
    20 % (spread 40 %), its exponent within 0.12 (spread 0.2); parts that are not there are not seen."""
    rig = Rig(noise=(Broadband(0.2, 10.0, corner, exponent),), filter=Bessel(filtered) if filtered else None)
    fine = 10 if filtered else 1
    found = [estimate_spectrum(baseline(rig, 2000.0, 0.05, seed, fine=fine), 0.05) for seed in range(12)]
    white = np.array([one.broadband().sd for one in found])
    assert white.mean() == pytest.approx(0.2, rel=0.02)
    assert white.std() < 0.01
    if filtered:
        corners = np.array([one.filter for one in found])
        assert corners.mean() == pytest.approx(filtered, rel=0.02)
        assert corners.std() < 0.01 * filtered
    else:
        assert [one.filter for one in found] == [None] * 12
    if corner:
        corners, exponents = np.array([(one.corner, one.exponent) for one in found]).T
        assert corners.mean() == pytest.approx(corner, rel=0.2)
        assert corners.std() < 0.4 * corner
        assert exponents.mean() == pytest.approx(exponent, abs=0.12)
        assert exponents.std() < 0.2
    else:
        assert [one.corner for one in found] == [0.0] * 12


def test_the_floor_of_the_digitiser_is_not_the_amplifiers_noise():
    """Noise below a coarse step, behind a filter: with the step stated, level and corner are still found."""
    rig = Rig(noise=(Broadband(0.1, 10.0),), filter=Bessel(2.0), adc=Adc(0.1))
    found = [estimate_spectrum(baseline(rig, 2000.0, 0.05, seed, fine=10), 0.05, step=0.1) for seed in range(5)]
    assert np.mean([one.broadband().sd for one in found]) == pytest.approx(0.1, rel=0.05)
    assert np.mean([one.filter for one in found]) == pytest.approx(2.0, rel=0.05)


def test_what_has_no_spectrum():
    for v in (np.full(5000, -70.0), np.random.default_rng(0).standard_normal(500)):
        with pytest.raises(RecordingError, match="spectrum"):
            estimate_spectrum(v, 0.05)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("allen_nwb/allen_509881736.nwb", 1.0 / 32.0),
        ("allen_nwb/allen_569469018.nwb", 1.0 / 32.0),
        ("lantyer_nwb/LantyerEtAl2018_180817_ME_9_CC.nwb", 1.0 / 32.0),
        ("ferguson_ca1/FergusonEtAl2015_PYR5_rebound.nwb", 1000.0 / 2**15),
    ],
)
def test_recorded_baselines(shared, name, step):
    """Steps are those of 16-bit digitisers; levels are those of whole-cell recordings."""
    sweep = read(shared / "recordings" / name).sweeps[0]
    v = np.asarray(sweep.v[sweep.baseline], dtype=np.float64)
    assert estimate_step(v) == pytest.approx(step, rel=1e-3)
    noise = estimate_noise(v, sweep.dt)
    assert 0.01 < noise.white < 0.2
    assert noise.ou_sd[0] < 0.5
    if len(v) * sweep.dt > 200.0:
        assert estimate_hum(v, sweep.dt).amplitude < 0.1
    if len(v) >= 1000:
        found = estimate_spectrum(v, sweep.dt, step=step)
        f = np.array([1.0])
        at_1_khz = found.density * (1.0 + (found.corner / 1000.0 / f) ** found.exponent)
        assert 1e-5 < at_1_khz[0] < 0.05  # mV²/kHz: 0.003 to 0.2 mV in a band of 1 kHz
