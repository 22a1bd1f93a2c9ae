from __future__ import annotations

import numpy as np
import pytest

from gbar.features import VITALS, features, spike_counts, vitals
from gbar.traces import Traces

DT = 0.1
WINDOW = (30.0, 250.0)
VITALS_AT = {name: place for place, name in enumerate(VITALS)}


def random_traces(rows=60, samples=3001, seed=0):
    """Noisy membranes with plateaus and spikes of many shapes, some of them incomplete."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) * DT
    v = rng.uniform(-90.0, -40.0, (rows, 1)) + np.cumsum(rng.normal(0.0, 0.05, (rows, samples)), axis=1)
    for row in range(rows):
        for at in rng.uniform(0.0, t[-1], rng.integers(0, 25)):
            height, rise, fall, dip = rng.uniform((20.0, 0.2, 0.3, 0.0), (130.0, 2.0, 4.0, 20.0))
            v[row] += height * np.exp(-(((t - at) / np.where(t < at, rise, fall)) ** 2))
            v[row] -= dip * np.where(t > at, (t - at) / 5.0 * np.exp(1.0 - (t - at) / 5.0), 0.0)
        if rng.random() < 0.4:
            v[row] += rng.uniform(0.0, 60.0) * (np.abs(t - rng.uniform(0, 300)) < rng.uniform(1.0, 120.0))
    return v.astype(np.float32)[:, None]


def plateau_of(v, level):
    """Sample by sample: the longest stay above the level, begun anew by every crossing of -20 mV."""
    longest = now = 0
    for k, x in enumerate(v):
        crossed = k > 0 and v[k - 1] < -20.0 <= x
        now = (1 if crossed else now + 1) if x > level else 0
        longest = max(longest, now)
    return longest * DT


def spikes_of(v):
    """Spike by spike: the mean time above -20 mV and the mean of the lowest voltages of the 20 ms behind."""
    begins = [k for k in range(1, len(v)) if v[k - 1] < -20.0 <= v[k]]
    widths, lowest = [], []
    for first, following in zip(begins, [*begins[1:], len(v)], strict=False):
        last = next((k for k in range(first, len(v)) if v[k] < -20.0), None)
        if last is not None:
            ends = [np.interp(-20.0, [v[a], v[b]], [a, b]) for a, b in ((first - 1, first), (last, last - 1))]
            widths.append((ends[1] - ends[0]) * DT)
            lowest.append(v[last : min(last + 200, following)].min())
    return (np.mean(widths), np.mean(lowest)) if widths else (np.nan, np.nan)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_same_as_features_one_by_one(kind):
    v = random_traces().astype(kind)
    found = dict(zip(VITALS, vitals(v, DT, WINDOW, level=-40.0).T, strict=True))
    names = {"rest": "voltage_base", "peak": "peak_voltage"}
    expected = features(v[:, 0], DT, WINDOW, names=list(names.values()))
    for name, known in names.items():
        np.testing.assert_allclose(found[name], expected[known], rtol=1e-6, atol=1e-6, err_msg=name)
    told = np.array([spikes_of(row) for row in v[:, 0]])
    np.testing.assert_allclose(found["width"], told[:, 0], rtol=1e-6)
    np.testing.assert_allclose(found["ahp"], told[:, 1], rtol=1e-6)
    assert np.isfinite(told).all(axis=1).sum() > 40
    counts = spike_counts(Traces((v,), (DT,), np.zeros(len(v), np.uint8)))[:, 0]
    np.testing.assert_array_equal(found["spikes"], counts)
    np.testing.assert_allclose(found["plateau"], [plateau_of(row, -40.0) for row in v[:, 0]])
    start, stop = (round(time / DT) for time in WINDOW)
    before, within = v[:, 0, start - 1 : stop - 1] < -20.0, v[:, 0, start:stop] >= -20.0
    np.testing.assert_allclose(found["rate"], 1e3 * (before & within).sum(axis=1) / 220.0)


@pytest.mark.parametrize("level", [-75.0, -55.0, -20.0, 0.0])
@pytest.mark.parametrize("samples", [5, 63, 64, 65, 128, 1000])
def test_plateaus_at_any_level_in_any_length(level, samples):
    v = random_traces(20, samples, seed=samples)
    found = vitals(v, DT, (0.0, samples * DT), level)[:, VITALS_AT["plateau"]]
    np.testing.assert_allclose(found, [plateau_of(row, level) for row in v[:, 0]])


def test_a_row_has_the_same_vitals_in_any_batch_and_at_its_site():
    v = random_traces(20)
    together = vitals(v, DT, WINDOW, -40.0)
    np.testing.assert_array_equal(vitals(v[7:9], DT, WINDOW, -40.0), together[7:9])
    two = np.concatenate([np.zeros_like(v), v], axis=1)
    np.testing.assert_array_equal(vitals(two, DT, WINDOW, -40.0, site=1), together)
    np.testing.assert_array_equal(vitals(v[::-1], DT, WINDOW, -40.0), together[::-1])


def test_rows_that_are_not_usable_have_none():
    v = random_traces(3)
    v[1] = np.nan
    found = vitals(v, DT, WINDOW, -40.0, usable=np.array([True, False, True]))
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[[0, 2], 0]).all()


def test_what_there_is_none_of():
    quiet = np.full((1, 1, 1001), -65.0)
    found = dict(zip(VITALS, vitals(quiet, DT, (0.0, 90.0), level=-40.0)[0], strict=True))
    assert np.isnan([found[name] for name in ("rest", "peak", "width", "ahp")]).all()
    assert [found[name] for name in ("spikes", "rate", "plateau")] == [0.0, 0.0, 0.0]
    pulse = dict(zip(VITALS, vitals(quiet, DT, (20.0, 22.0), level=-40.0)[0], strict=True))
    assert pulse["rest"] == -65.0
    assert np.isnan(pulse["rate"])
    stuck = np.where(np.arange(101) < 50, -65.0, -10.0)[None, None]  # up, and never down again
    found = dict(zip(VITALS, vitals(stuck, DT, (1.0, 9.0), level=-40.0)[0], strict=True))
    assert found["spikes"] == 1.0
    assert np.isnan(found["peak"])
    assert found["plateau"] == pytest.approx(5.1)
