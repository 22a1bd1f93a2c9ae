"""Thinned traces keep what the eye would see."""

from __future__ import annotations

import numpy as np
import pytest

from gbar.report.envelope import band, envelope


def test_a_short_trace_is_left_whole() -> None:
    v = np.arange(100.0)
    t, kept = envelope(v, 0.1)
    assert np.array_equal(kept, v)
    assert t == pytest.approx(np.arange(100) * 0.1)


@pytest.mark.parametrize("where", [0, 1, 12345, 49_998, 49_999])
def test_a_spike_of_one_sample_survives_at_its_time(where: int) -> None:
    v = np.full(50_000, -65.0)
    v[where] = 30.0
    t, kept = envelope(v, 0.02, points=1000)
    assert len(t) <= 1002
    assert t[np.argmax(kept)] == pytest.approx(where * 0.02)
    assert kept.max() == 30.0
    assert (np.diff(t) > 0).all()


def test_gaps_of_nan_do_not_hide_the_rest() -> None:
    v = np.sin(np.arange(20_000) / 100)
    v[5000:6000] = np.nan
    _, kept = envelope(v, 1.0, points=400)
    assert np.nanmax(kept) == pytest.approx(1.0, abs=1e-3)
    assert np.isnan(kept).any()


def test_the_band_holds_the_pointwise_quantiles() -> None:
    rng = np.random.default_rng(0)
    v = rng.normal(size=(200, 5000))
    low, high = np.quantile(v, (0.05, 0.95), axis=0)
    t, lower, upper = band(v, 0.5, (0.05, 0.95), points=500)
    assert len(t) == len(lower) == len(upper) == 500
    assert lower.min() == low.min()
    assert upper.max() == high.max()
    assert (lower <= low.reshape(500, 10).min(axis=1)).all()
    assert t[0] == pytest.approx(4.5 * 0.5)
