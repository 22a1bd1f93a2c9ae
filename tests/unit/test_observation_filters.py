from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from gbar.errors import ParameterError
from gbar.observation import RC, Bessel, LogUniform
from gbar.observation.filters import bessel_poles, gain
from gbar.observation.modes import Modes

ONE = [np.random.default_rng(0)]


def filtered(kind: Bessel | RC, v: np.ndarray, dt: float) -> np.ndarray:
    return kind.drawn(ONE)(v[None], dt)[0]


def spike(t: np.ndarray) -> np.ndarray:
    return -65.0 + 90.0 * np.exp(-0.5 * ((t - 5.0) / 0.2) ** 2)


@pytest.mark.parametrize("poles", range(1, 9))
def test_poles_and_gain_are_scipys(poles):
    mine, residues = bessel_poles(poles)
    _, theirs, k = signal.bessel(poles, 1.0, analog=True, norm="mag", output="zpk")
    np.testing.assert_allclose(np.sort_complex(mine), np.sort_complex(theirs), rtol=1e-9, atol=1e-12)
    w = np.geomspace(0.01, 30.0, 50)
    _, response = signal.freqs_zpk([], theirs, k, w)
    found = (residues / (1j * w[:, None] - mine)).sum(axis=1)
    np.testing.assert_allclose(found, response, rtol=1e-6, atol=1e-9)
    assert gain(np.array([2.5, 0.0]), 2.5, poles) == pytest.approx([np.sqrt(0.5), 1.0], rel=1e-9)


@pytest.mark.parametrize("dt", [0.005, 0.025, 0.1, 1.0])
@pytest.mark.parametrize("poles", [1, 2, 4, 8])
@pytest.mark.parametrize("corner", [0.02, 1.0, 10.0, 40.0])
def test_the_response_is_that_of_continuous_time_at_any_dt(dt, poles, corner):
    """Against scipy's simulation of a continuous system whose input is linear between samples."""
    rng = np.random.default_rng(1)
    v = -65.0 + np.cumsum(rng.standard_normal(500))
    zpk = signal.bessel(poles, 2.0 * np.pi * corner, analog=True, norm="mag", output="zpk")
    _, deviation, _ = signal.lsim(signal.ZerosPolesGain(*zpk), v - v[0], np.arange(500) * dt)
    np.testing.assert_allclose(filtered(Bessel(corner, poles), v, dt) - v[0], deviation, atol=2e-5, rtol=1e-6)


def test_two_samplings_of_one_voltage_agree():
    fine, coarse = np.arange(0, 20.0, 0.005), np.arange(0, 20.0, 0.02)
    a, b = filtered(Bessel(3.0), spike(fine), 0.005)[::4], filtered(Bessel(3.0), spike(coarse), 0.02)
    assert np.abs(a - b).max() < 0.15  # mV of 90: what lies between samples is not linear
    delay = (np.argmax(a) - np.argmax(spike(coarse))) * 0.02
    assert delay == pytest.approx(0.336 / 3.0, abs=0.02)


@pytest.mark.parametrize(("kind", "tau"), [(RC(1.0), 1.0 / (2.0 * np.pi)), (Bessel(1.0, 1), 1.0 / (2.0 * np.pi))])
def test_rc_of_a_ramp(kind, tau):
    t = np.arange(0, 5.0, 0.05)
    np.testing.assert_allclose(filtered(kind, t, 0.05), t - tau * (1.0 - np.exp(-t / tau)), atol=1e-12)


def test_a_constant_stays_and_a_step_comes_causally():
    v = np.full(3000, -65.0)
    np.testing.assert_array_equal(filtered(Bessel(2.0), v, 0.025), v)
    v[1001:] = 20.0
    seen = filtered(Bessel(2.0), v, 0.025)
    assert np.abs(seen[:1001] + 65.0).max() < 1e-9
    assert seen[-1] == pytest.approx(20.0, abs=1e-9)
    assert seen.max() < 20.0 + 0.009 * 85.0  # a four-pole Bessel filter overshoots by 0.84 %
    single = filtered(Bessel(2.0), v.astype(np.float32), 0.025)
    assert single.dtype == np.float32
    assert np.abs(single - seen).max() < 1e-4


def test_a_corner_far_beyond_the_sampling_passes_all():
    v = spike(np.arange(0, 10.0, 0.1))
    np.testing.assert_allclose(filtered(Bessel(1000.0), v, 0.1), v, atol=0.1)


def test_settling_leaves_little():
    for kind in (Bessel(1.0), Bessel(0.3, 8), RC(0.5)):
        steps = np.ones(int(3.0 * kind.settling() / 0.01))
        steps[0] = 0.0
        assert abs(filtered(kind, steps, 0.01)[int(kind.settling() / 0.01)] - 1.0) < 3e-4
    assert Bessel(LogUniform(1.0, 9.0)).settling() == Bessel(1.0).settling()


def test_the_blocks_are_the_recursion():
    """The naive twin: one sample after the other."""
    rng = np.random.default_rng(2)
    decay = np.array([[0.9 * np.exp(0.3j), -0.5, 0.99]], dtype=complex)
    before, now = rng.standard_normal((2, 1, 3)) + 1j * rng.standard_normal((2, 1, 3))
    start = rng.standard_normal((4, 3)) + 1j * rng.standard_normal((4, 3))
    u = rng.standard_normal((4, 333))
    carried, expected = start, []
    for k in range(u.shape[1]):
        x = carried + now * u[:, k, None]
        expected.append(x.sum(axis=1).real)
        carried = decay * x + before * u[:, k, None]
    found = Modes(decay, before, now).run(u, start)
    np.testing.assert_allclose(found, np.array(expected).T, atol=1e-11)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Bessel(0.0),
        lambda: Bessel(float("nan")),
        lambda: Bessel(1.0, 9),
        lambda: Bessel(1.0, 0),
        lambda: RC(-1.0),
        lambda: LogUniform(0.0, 1.0),
        lambda: LogUniform(2.0, 1.0),
    ],
)
def test_refusals(wrong):
    with pytest.raises(ParameterError):
        wrong()
