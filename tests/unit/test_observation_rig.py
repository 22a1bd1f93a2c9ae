from __future__ import annotations

import json

import numpy as np
import pytest

from gbar.errors import ParameterError
from gbar.observation import (
    RC,
    Adc,
    Bessel,
    Broadband,
    Drift,
    Electrode,
    Hum,
    LogUniform,
    Reduction,
    Rig,
    Uniform,
    delivered,
    observe,
)
from gbar.observation.filters import gain
from gbar.protocol import Injection, Protocol, Step, Stimulus, VoltageClamp
from gbar.traces import Traces

FULL = Rig(
    electrode=Electrode(Uniform(-3.0, 8.0), LogUniform(0.01, 0.2)),
    junction_potential=Uniform(8.0, 15.0),
    noise=(
        Broadband(LogUniform(0.05, 0.3), 10.0, LogUniform(5.0, 50.0), Uniform(0.8, 1.2)),
        Drift(Uniform(0.0, 1.0), LogUniform(5.0, 100.0)),
        Hum(LogUniform(0.01, 0.2), Uniform(49.9, 50.1), (0.3, 0.1)),
    ),
    filter=Bessel(LogUniform(2.0, 10.0)),
    adc=Adc(0.03, -200.0, 200.0),
)
STEP = Stimulus("step", Step(10.0, 50.0, 0.2), 100.0, 0.025, 0.05)
CURRENTS = delivered(Protocol((STEP, Stimulus("long", Step(10.0, 90.0, -0.1), 150.0, 0.025, 0.1))))


def traces(rows: int, seed: int = 0, dtype: type = np.float32) -> Traces:
    rng = np.random.default_rng(seed)
    shapes = [(rows, 2, len(CURRENTS[0])), (rows, 1, len(CURRENTS[1]))]
    v = tuple(np.cumsum(rng.normal(0.0, 0.1, shape), axis=2) - 65.0 for shape in shapes)
    return Traces(tuple(part.astype(dtype) for part in v), (0.05, 0.1), np.zeros(rows, dtype=np.uint8))


def flat(rows: int = 3, level: float = -70.0, samples: int = 2001) -> Traces:
    v = np.full((rows, 1, samples), level, dtype=np.float64)
    return Traces((v,), (0.05,), np.zeros(rows, dtype=np.uint8))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_depends_on_its_seed_and_place_alone(dtype):
    """Row i alone, in any batch, in any order: the same bits."""
    all_rows = traces(150, dtype=dtype)
    whole = FULL.apply(all_rows, 7, currents=CURRENTS)
    order = np.random.default_rng(1).permutation(150)
    for places in (order, np.array([149]), np.arange(127, 131), np.arange(3)):
        part = Traces(tuple(v[places] for v in all_rows.v), all_rows.sampling, all_rows.status[places])
        seen = FULL.apply(part, 7, rows=places, currents=CURRENTS)
        for some, full in zip(seen.v, whole.v, strict=True):
            assert some.dtype == dtype
            assert np.array_equal(some, full[places])
    assert not np.array_equal(FULL.apply(all_rows, 8, currents=CURRENTS).v[0], whole.v[0])


def test_nothing_is_nothing_and_the_traces_stay():
    before = traces(4)
    kept = [v.copy() for v in before.v]
    seen = Rig().apply(before, 0)
    assert all(np.array_equal(a, b) for a, b in zip(seen.v, before.v, strict=True))
    FULL.apply(before, 0, currents=CURRENTS)
    assert all(np.array_equal(a, b) for a, b in zip(kept, before.v, strict=True))
    assert FULL.apply(traces(0), 0, currents=CURRENTS).v[0].shape == (0, 2, 2001)


def test_only_the_sites_asked_for():
    seen = FULL.apply(traces(3), 0, currents=CURRENTS, sites=[0])
    assert np.array_equal(seen.v[0][:, 1], traces(3).v[0][:, 1])
    assert np.abs(seen.v[0][:, 0] - traces(3).v[0][:, 0]).max() > 5.0


def test_a_failed_row_harms_no_other():
    broken = traces(5)
    broken.v[0][2, 0, 700:] = np.nan
    broken.v[1][3, 0, 100] = np.inf
    seen, whole = FULL.apply(broken, 0, currents=CURRENTS), FULL.apply(traces(5), 0, currents=CURRENTS)
    for row in (0, 1, 4):
        assert np.array_equal(seen.v[0][row], whole.v[0][row])
        assert np.array_equal(seen.v[1][row], whole.v[1][row])
    assert np.isnan(seen.v[0][2, 0, 700:]).all()


def test_a_junction_potential_is_what_correcting_subtracts():
    np.testing.assert_allclose(Rig(junction_potential=14.0).apply(flat(), 0).v[0], -56.0)


def test_a_bridge_error_is_ohms_law_at_once():
    current = np.where((np.arange(2001) >= 200) & (np.arange(2001) < 1200), 0.2, -0.05)
    seen = Rig(Electrode(5.0)).apply(flat(), 0, currents=[current])
    np.testing.assert_allclose(seen.v[0], np.broadcast_to(-70.0 + 5.0 * current, (3, 1, 2001)), atol=1e-12)


@pytest.mark.parametrize("tau", [0.02, 0.3])
def test_a_slow_electrode_charges_exponentially(tau):
    t = np.arange(2001) * 0.05
    current = np.where(t >= 10.0, 0.2, 0.1)
    seen = Rig(Electrode(5.0, tau)).apply(flat(), 0, currents=[current]).v[0][0, 0]
    expected = -70.0 + 5.0 * (0.1 + 0.1 * np.where(t >= 10.0, 1.0 - np.exp(-(t - 10.0) / tau), 0.0))
    np.testing.assert_allclose(seen, expected, atol=1e-9)


def test_ranges_are_drawn_once_a_row_for_all_its_sweeps():
    rig = Rig(Electrode(Uniform(0.0, 10.0), Uniform(0.0, 0.1)), Uniform(5.0, 15.0))
    current = np.where(np.arange(2001) < 1000, 0.0, 1.0)
    both = Traces((flat(400).v[0],) * 2, (0.05, 0.05), np.zeros(400, dtype=np.uint8))
    first, second = rig.apply(both, 3, currents=[current, current]).v
    assert np.array_equal(first, second)
    junction, residual = first[:, 0, 0] + 70.0, first[:, 0, -1] - first[:, 0, 0]
    for drawn, low, high in ((junction, 5.0, 15.0), (residual, 0.0, 10.0)):
        assert low <= drawn.min() < low + 0.5
        assert high - 0.5 < drawn.max() <= high + 1e-9
        assert drawn.mean() == pytest.approx((low + high) / 2.0, rel=0.06)
    assert abs(np.corrcoef(junction, residual)[0, 1]) < 0.15


@pytest.mark.parametrize("step", [0.0, 0.25, Uniform(0.1, 0.3), Uniform(0.0, 0.3)])
def test_digitising(step):
    v = np.linspace(-120.0, 120.0, 2001)[None, None].repeat(3, axis=0)
    seen = Rig(adc=Adc(step, -100.1, 80.05)).apply(Traces((v,), (0.05,), np.zeros(3, dtype=np.uint8)), 0).v[0]
    assert seen.min() >= -100.1
    assert seen.max() <= 80.05
    inside = np.abs(v[0, 0]) < 79.0
    assert np.abs(seen - v)[:, 0, inside].max() <= 0.15 + 1e-9
    if step == 0.25:
        assert set(np.unique(seen * 4.0 % 1.0)) == {0.0}
        assert (seen.min(), seen.max()) == (-100.0, 80.0)


def test_noise_passes_the_filter_from_the_first_sample_on():
    """White noise of 0.3 mV in 10 kHz behind an RC of 0.5 kHz: its noise bandwidth is pi/2 corners."""
    rig = Rig(noise=(Broadband(0.3, 10.0),), filter=RC(0.5))
    seen = rig.apply(Traces((np.full((4000, 1, 200), -70.0),), (0.01,), np.zeros(4000, dtype=np.uint8)), 0).v[0][:, 0]
    sd = 0.3 * np.sqrt(np.pi / 2.0 * 0.5 / 10.0)
    np.testing.assert_allclose(seen.std(axis=0), sd, rtol=0.05)


@pytest.mark.parametrize(("corner", "loss"), [(1.0, 0.0), (4.0, 0.02), (10.0, 0.1)])
def test_how_much_noise_is_lost_between_samples(corner, loss):
    f = np.linspace(0.0, 200.0, 20001)
    bandwidth = np.sum(gain(f, corner, 4) ** 2) * 0.01
    rig = Rig(noise=(Broadband(0.1, 10.0),), filter=Bessel(corner))
    seen = rig.apply(Traces((np.zeros((200, 1, 10000)),), (0.025,), np.zeros(200, dtype=np.uint8)), 0).v[0]
    assert seen.std() == pytest.approx((1.0 - loss) * 0.1 * np.sqrt(bandwidth / 10.0), rel=0.01)


def test_the_order_is_that_of_the_rig():
    """A junction potential can clip; a drop is filtered; what is digitised is all of it."""
    seen = Rig(junction_potential=50.0, adc=Adc(0.0, -30.0, 30.0)).apply(flat(), 0).v[0]
    np.testing.assert_array_equal(seen, -20.0)
    current = np.where(np.arange(2001) < 1000, 0.0, 1.0)
    filtered = Rig(Electrode(10.0), filter=Bessel(0.5)).apply(flat(), 0, currents=[current]).v[0][0, 0]
    assert 0.0 < filtered[1004] + 70.0 < 5.0
    assert filtered[-1] == pytest.approx(-60.0)


def test_the_reduction_follows():
    seen = observe(FULL.apply(traces(3), 0, currents=CURRENTS), (Reduction(0.2, 501), Reduction(0.2, 751)))
    assert seen.shape == (3, 3, 751)
    assert np.isfinite(seen).all()


def test_delivered_currents():
    there = Injection("soma", Step(20.0, 10.0, 0.1))
    other = Injection("dendrite", Step(20.0, 10.0, 5.0))
    stimulus = Stimulus("a", Step(10.0, 50.0, 0.2), 100.0, 0.025, 0.05, injections=(there, other))
    (current,) = delivered(Protocol((stimulus,)), "soma")
    t = stimulus.times()
    np.testing.assert_allclose(current, 0.2 * ((t >= 10) & (t < 60)) + 0.1 * ((t >= 20) & (t < 30)))
    (current,) = delivered(Protocol((stimulus,)))
    assert current.max() == 0.2
    clamped = Stimulus("b", Step(1.0, 1.0, 0.0), 10.0, clamps=(VoltageClamp("soma", ((10.0, -70.0),)),))
    with pytest.raises(ParameterError, match="stimulus b is a voltage clamp"):
        delivered(Protocol((clamped,)))


@pytest.mark.parametrize("rig", [FULL, Rig(), Rig(filter=RC(2.0), adc=Adc()), Rig(filter=Bessel(2.0, 8))])
def test_json_round_trip(rig):
    text = json.dumps(rig.to_json(), allow_nan=False)
    assert Rig.from_json(json.loads(text)) == rig


def changed(**parts: object) -> dict:
    return {**FULL.to_json(), **parts}


@pytest.mark.parametrize(
    "stored",
    [
        {},
        [],
        None,
        changed(noise=[{"kind": "pink"}]),
        changed(noise=3),
        changed(noise=["hum"]),
        changed(noise=[{"kind": "hum"}]),
        changed(noise=[{"kind": "hum", "amplitude": 1.0, "colour": 1.0}]),
        changed(noise=[{"kind": "hum", "amplitude": "loud"}]),
        changed(noise=[{"kind": "hum", "amplitude": 1.0, "harmonics": 3.0}]),
        changed(noise=[{"kind": "hum", "amplitude": 1.0, "harmonics": [{"low": 0, "high": 1, "scale": "linear"}]}]),
        changed(noise=[{"kind": "broadband", "sd": 1.0, "bandwidth": {"low": 1, "high": 2, "scale": "linear"}}]),
        changed(filter={"kind": "bessel", "corner": 1.0, "poles": 2.5}),
        changed(filter={"kind": "rc", "corner": {"low": 1.0, "high": 2.0, "scale": "cubic"}}),
        changed(filter={"kind": "adc"}),
        changed(filter="bessel"),
        changed(adc={"kind": "adc", "low": 3.0, "high": -3.0}),
        changed(junction_potential=None),
        changed(junction_potential=True),
        changed(junction_potential="14"),
        changed(junction_potential=10**400),
        changed(electrode={"kind": "electrode", "residual": None}),
        changed(electrode={"kind": "electrode", "residual": {"low": 0, "high": 1, "scale": []}}),
        changed(junction_potential=float("nan")),
    ],
)
def test_what_is_no_rig(stored):
    with pytest.raises(ParameterError):
        Rig.from_json(stored)


def test_refusals():
    with pytest.raises(ParameterError, match="needs the currents"):
        FULL.apply(traces(2), 0)
    with pytest.raises(ParameterError, match="currents of"):
        FULL.apply(traces(2), 0, currents=CURRENTS[:1])
    with pytest.raises(ParameterError, match="3 places for 2 rows"):
        Rig().apply(traces(2), 0, rows=np.arange(3))
    with pytest.raises(ParameterError, match="seed -1"):
        Rig().apply(traces(2), -1)
