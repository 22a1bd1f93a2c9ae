from __future__ import annotations

import json

import numpy as np
import pytest

from gbar.errors import ParameterError, RecordingError
from gbar.observation import Noise, Reduction, estimate_noise, observe, observe_sweeps, reduction_for
from gbar.protocol import Protocol, Step, Stimulus
from gbar.traces import Traces

ROUNDING = 1e-4  # mV: a float32 sum of about 100 products of 65 mV
GRID = Reduction(dt=0.2, samples=3001)  # 600 ms, Nyquist frequency 2.5 kHz


def wave(frequency: float, dt: float, duration: float = 600.0) -> np.ndarray:
    t = np.arange(round(duration / dt) + 1) * dt
    return np.cos(2.0 * np.pi * frequency * t + 0.3)


def spiking(dt: float, duration: float = 600.0) -> np.ndarray:
    """A voltage with spikes as fast as real ones, known at any time."""
    t = np.arange(round(duration / dt) + 1) * dt
    v = -65.0 + 3.0 * np.sin(t / 40.0)
    for spike in np.arange(3.3, duration, 37.7):
        v = v + 95.0 * np.exp(-0.5 * ((t - spike) / 0.25) ** 2) - 8.0 * np.exp(-0.5 * ((t - spike - 3.0) / 1.5) ** 2)
    return v


def naive(v: np.ndarray, dt: float, grid: Reduction) -> np.ndarray:
    """The stated filter written as a sum over every sample of the sweep reflected once at each end."""
    n = len(v)
    full = np.concatenate([v[:0:-1], v, v[-2::-1]])
    at = (np.arange(len(full)) - (n - 1)) * dt / grid.dt
    half = 26.0 / (2.285 * 2.0 * np.pi * 0.125)
    out = []
    for k in range(grid.samples):
        x = at - k
        inside = np.abs(x) <= half
        w = np.sinc(0.875 * x[inside]) * np.i0(5.65326 * np.sqrt(1.0 - (x[inside] / half) ** 2))
        out.append(full[inside] @ w / w.sum())
    return np.array(out)


@pytest.mark.parametrize("dt", [0.005, 0.02, 0.025, 0.07])
@pytest.mark.parametrize("frequency", [0.05, 0.5, 1.2, 1.875])
def test_sines_below_the_cutoff_pass(dt, frequency):
    reduced = GRID.apply(wave(frequency, dt)[None], dt)[0]
    assert np.abs(reduced - wave(frequency, GRID.dt))[60:-60].max() < 0.005
    assert GRID.cutoff == pytest.approx(1.875)


@pytest.mark.parametrize("dt", [0.005, 0.02, 0.025])
@pytest.mark.parametrize("frequency", [2.5, 2.7, 4.9, 5.0, 5.1, 9.7])
def test_sines_above_nyquist_are_suppressed(dt, frequency):
    reduced = GRID.apply(wave(frequency, dt)[None], dt)[0]
    assert np.abs(reduced)[60:-60].max() < 0.01  # 40 dB


def test_two_samplings_of_one_voltage_agree():
    fine, coarse = GRID.apply(spiking(0.005), 0.005), GRID.apply(spiking(0.025), 0.025)
    assert fine.shape == (3001,)
    assert np.abs(fine - coarse).max() < 0.01
    odd = GRID.apply(spiking(0.02, 600.1), 0.02)  # a little longer and off the other's grid
    assert np.abs(fine - odd)[:-60].max() < 0.01


def test_against_the_naive_sum():
    grid = Reduction(dt=0.3, samples=301)
    v = spiking(0.025, grid.duration)
    np.testing.assert_allclose(grid.apply(v, 0.025), naive(v, 0.025, grid), atol=2e-4)


def test_a_constant_stays_constant_up_to_the_ends():
    reduced = GRID.apply(np.full((2, 24001), -65.25), 0.025)
    np.testing.assert_allclose(reduced, -65.25, atol=ROUNDING)


def test_the_grids_own_sampling_passes_bit_by_bit():
    v = np.random.default_rng(0).standard_normal((3, 3001)).astype(np.float32)
    assert np.array_equal(GRID.apply(v, 0.2), v)
    out = GRID.apply(v, 0.2)
    out[:] = 0.0
    assert v.any()


def test_short_sweeps_and_few_taps():
    for samples in (2, 3, 20):
        grid = Reduction(dt=0.2, samples=samples)
        v = -65.0 + np.arange(round(grid.duration / 0.025) + 1) * 0.0
        np.testing.assert_allclose(grid.apply(v, 0.025), -65.0, atol=ROUNDING)


def test_a_rows_bits_do_not_depend_on_its_batch():
    v = np.random.default_rng(1).normal(-60.0, 20.0, (150, 4001)).astype(np.float32)
    grid = Reduction(dt=0.1, samples=1001)
    whole = grid.apply(v, 0.025)
    for start, stop in ((0, 1), (5, 9), (63, 65), (100, 150)):
        assert np.array_equal(grid.apply(v[start:stop], 0.025), whole[start:stop])
    order = np.random.default_rng(2).permutation(150)
    assert np.array_equal(grid.apply(v[order], 0.025), whole[order])
    np.testing.assert_allclose(grid.apply(v.astype(np.float64), 0.025), whole, atol=1e-4)


def test_a_failed_row_harms_no_other():
    v = np.full((3, 4001), -65.0, dtype=np.float32)
    v[1, 2000:] = np.nan
    v[2, 3000] = np.inf
    reduced = Reduction(dt=0.1, samples=1001).apply(v, 0.025)
    np.testing.assert_allclose(reduced[0], -65.0, atol=ROUNDING)
    assert np.isnan(reduced[1]).any()


def test_what_cannot_be_observed():
    with pytest.raises(RecordingError, match="500 ms for an observation of 600 ms"):
        GRID.apply(np.zeros(20001), 0.025)
    with pytest.raises(RecordingError, match=r"every 0\.25 ms cannot be observed every 0\.2 ms"):
        GRID.apply(np.zeros(20001), 0.25)
    with pytest.raises(ParameterError, match="1 samples"):
        Reduction(dt=0.2, samples=1)


def test_reduction_for_keeps_short_sweeps_as_they_are():
    protocol = Protocol(
        (Stimulus("a", Step(1.0, 5.0, 0.1), 152.0, 0.02, 0.02), Stimulus("b", Step(1.0, 5.0, 0.1), 100.0, 0.02, 0.02))
    )
    assert reduction_for(protocol, 7601) == (Reduction(0.02, 7601), Reduction(0.02, 5001))
    assert reduction_for(protocol, 7600) == (Reduction(0.04, 3801), Reduction(0.04, 2501))


def test_reduction_for_leaves_room_for_a_filter_between_different_samplings():
    protocol = Protocol((Stimulus("a", Step(1.0, 5.0, 0.1), 100.0),))
    assert reduction_for(protocol, sampling=[0.02]) == (Reduction(0.05, 2001),)
    assert reduction_for(protocol, sampling=[0.1]) == (Reduction(0.2, 501),)


@pytest.mark.parametrize("limit", [500, 2000, 8000])
def test_reduction_for_never_exceeds_the_limit(limit):
    for duration in (150.0, 1449.975, 3000.0, 20000.0):
        (reduction,) = reduction_for([duration], limit, sampling=[0.025, 0.02])
        assert reduction.samples <= limit
        assert duration - reduction.dt < reduction.duration <= duration + 1e-9
    with pytest.raises(ParameterError):
        reduction_for([100.0], 1, sampling=[0.025])
    with pytest.raises(ParameterError):
        reduction_for([100.0], 100)


def test_observe_orders_channels_and_fills_up_shorter_sweeps():
    rng = np.random.default_rng(3)
    v = (rng.standard_normal((4, 2, 401)), rng.standard_normal((4, 1, 201)))
    traces = Traces(v, (0.1, 0.1), np.zeros(4, dtype=np.uint8))
    seen = observe(traces, (Reduction(0.1, 401), Reduction(0.1, 201)))
    assert seen.shape == (4, 3, 401)
    assert seen.dtype == np.float32
    assert np.array_equal(seen[:, :2], v[0].astype(np.float32))
    assert np.array_equal(seen[:, 2, :201], v[1][:, 0].astype(np.float32))
    assert (seen[:, 2, 201:] == seen[:, 2, 200:201]).all()
    measured = observe_sweeps([(v[0][1, 0], 0.1), (v[1][1, 0], 0.1)], (Reduction(0.1, 401), Reduction(0.1, 201)))
    assert measured.shape == (1, 2, 401)
    assert np.array_equal(measured[0], seen[1, [0, 2]])
    with pytest.raises(ParameterError, match="1 reductions for 2 sweeps"):
        observe(traces, (Reduction(0.1, 401),))


def test_white_noise():
    noise = Noise(white=0.3).draw(40, 5000, 0.2, np.random.default_rng(4))
    assert noise.dtype == np.float32
    assert noise.std() == pytest.approx(0.3, rel=0.01)
    assert abs(np.mean(noise[:, 1:] * noise[:, :-1])) < 0.001
    assert not Noise().draw(3, 100, 0.2, np.random.default_rng(4)).any()


def test_slow_noise_is_an_exact_stationary_process():
    dt, tau = 0.5, 7.0
    noise = Noise(ou_sd=(2.0, 2.0), ou_tau=tau).draw(4000, 300, dt, np.random.default_rng(5)).astype(np.float64)
    np.testing.assert_allclose(noise.std(axis=0), 2.0, rtol=0.06)  # from the first sample to the last: stationary
    for lag in (1, 2, 10, 63, 64, 65, 130):
        measured = np.mean(noise[:, lag:] * noise[:, :-lag]) / 4.0
        assert measured == pytest.approx(np.exp(-lag * dt / tau), abs=0.02)


def test_slow_noise_is_the_recursion():
    """The block scheme against x' = a x + sqrt(1 - a²) n, one sample after the other, of the same normal numbers."""
    dt, tau, rows, samples = 0.2, 20.0, 3, 500
    noise = Noise(ou_sd=(1.0, 1.0), ou_tau=tau).draw(rows, samples, dt, np.random.default_rng(6))
    rng = np.random.default_rng(6)
    rng.uniform(size=(rows, 1))
    n = rng.standard_normal((rows, samples), dtype=np.float32).astype(np.float64)
    a = np.exp(-dt / tau)
    x = [n[:, 0]]
    for k in range(1, samples):
        x.append(a * x[-1] + np.sqrt(1.0 - a * a) * n[:, k])
    np.testing.assert_allclose(noise, np.array(x).T, atol=2e-5)


def test_strengths_are_drawn_by_row():
    noise = Noise(ou_sd=(0.3, 3.0), ou_tau=2.0).draw(500, 4000, 0.5, np.random.default_rng(7))
    sd = np.sort(noise.std(axis=1))
    assert sd[0] > 0.2
    assert sd[-1] < 3.5
    assert np.median(sd) == pytest.approx(1.65, rel=0.1)


def test_noise_round_trip_and_refusals():
    noise = Noise(0.1, (0.3, 3.0), 20.0)
    assert Noise.from_json(json.loads(json.dumps(noise.to_json()))) == noise
    for wrong in (
        {},
        {"white": 1.0},
        {"white": "a", "ou_sd": [0, 1], "ou_tau": 1},
        {"white": 1, "ou_sd": 3, "ou_tau": 1},
    ):
        with pytest.raises(ParameterError):
            Noise.from_json(wrong)
    for white, sd, tau in ((-1.0, (0, 0), 1.0), (0.0, (2, 1), 1.0), (0.0, (0, 0), 0.0), (np.nan, (0, 0), 1.0)):
        with pytest.raises(ParameterError):
            Noise(white, sd, tau)


@pytest.mark.parametrize(
    ("white", "sd", "tau"), [(0.1, 0.5, 20.0), (0.1, 1.0, 50.0), (0.02, 0.2, 3.0), (0.3, 0.3, 10.0)]
)
def test_estimated_noise_of_known_strength(white, sd, tau):
    found = []
    for seed in range(5):
        v = -65.0 + Noise(white, (sd, sd), tau).draw(1, 40000, 0.1, np.random.default_rng(seed))[0].astype(np.float64)
        v[9000:9300] += 15.0  # an event that is no noise
        found.append(estimate_noise(v, 0.1))
    assert np.mean([n.white for n in found]) == pytest.approx(white, rel=0.06)
    assert np.mean([n.ou_sd[0] for n in found]) == pytest.approx(sd, rel=0.25)
    assert tau / 1.6 < np.exp(np.mean([np.log(n.ou_tau) for n in found])) < tau * 1.6


def test_estimated_noise_without_a_slow_part_or_any():
    rng = np.random.default_rng(8)
    found = estimate_noise(-70.0 + 0.05 * rng.standard_normal(20000), 0.1)
    assert found.white == pytest.approx(0.05, rel=0.03)
    assert found.ou_sd[0] < 0.01
    still = estimate_noise(np.full(1000, -70.0), 0.1)
    assert still.white == 0.0
    assert still.ou_sd == (0.0, 0.0)
    with pytest.raises(RecordingError, match="too few"):
        estimate_noise(np.zeros(50), 0.1)


def test_estimated_noise_of_a_coarsely_digitised_baseline():
    """Steps of 1/32 mV, as in many files, beside a white part of the same size."""
    rng = np.random.default_rng(9)
    v = np.round((-70.0 + 0.04 * rng.standard_normal(20000)) * 32.0) / 32.0
    assert estimate_noise(v, 0.02).white == pytest.approx(np.hypot(0.04, 1.0 / 32.0 / np.sqrt(12.0)), rel=0.08)
