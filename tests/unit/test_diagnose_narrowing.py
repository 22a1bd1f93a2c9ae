"""How much a posterior narrowed its prior, against cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from gbar.diagnose.narrowing import correlation_matrix, correlations, narrowing
from gbar.errors import ParameterError
from gbar.estimate import Estimate
from gbar.parameters import FreeParameter, ParameterSpace

SPACE = ParameterSpace(
    (
        FreeParameter("gna", "S/cm2", 1e-4, 1e-1, "log"),
        FreeParameter("gk", "S/cm2", 0.0, 1.0),
        FreeParameter("eleak", "mV", -90.0, -50.0),
    )
)


def of(unit: np.ndarray) -> Estimate:
    return Estimate(SPACE, SPACE.to_theta(unit), np.zeros(len(unit)), "network", {}, {})


def test_the_prior_itself_is_not_narrowed() -> None:
    unit = np.linspace(-1, 1, 20001)[:, None].repeat(3, axis=1)
    for one in narrowing(of(unit)):
        assert one.narrowed == pytest.approx(0, abs=1e-3)
        assert one.verdict == "not determined by this recording"
        assert one.edge is None


def test_a_tenth_of_the_width_on_a_log_scale_is_narrowed_by_nine_tenths() -> None:
    unit = np.stack([np.linspace(-0.1, 0.1, 5001), np.linspace(-1, 1, 5001), np.linspace(0, 1, 5001)], axis=1)
    gna, gk, eleak = narrowing(of(unit))
    assert gna.narrowed == pytest.approx(0.9)
    assert gna.median == pytest.approx(10**-2.5)
    assert gna.interval == pytest.approx((10 ** (-2.5 - 0.09 * 1.5), 10 ** (-2.5 + 0.09 * 1.5)), rel=1e-3)
    assert gk.narrowed == pytest.approx(0, abs=1e-6)
    assert eleak.narrowed == pytest.approx(0.5)
    assert eleak.interval == pytest.approx((-69.0, -51.0))
    assert (eleak.name, eleak.unit, eleak.prior) == ("eleak", "mV", (-90.0, -50.0))


def test_samples_that_press_against_a_bound_are_named() -> None:
    rng = np.random.default_rng(0)
    unit = np.stack([-1 + rng.exponential(0.1, 4000), 1 - rng.exponential(0.1, 4000), rng.uniform(-1, 1, 4000)], axis=1)
    assert [one.edge for one in narrowing(of(np.clip(unit, -1, 1)))] == ["lower", "upper", None]


def test_strong_correlations_are_found_with_their_sign_and_order() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(0, 0.1, 5000)
    unit = np.stack([shared, shared + rng.normal(0, 0.02, 5000), -shared + rng.normal(0, 0.05, 5000)], axis=1)
    found = correlations(of(unit))
    assert [(pair.first, pair.second) for pair in found] == [("gna", "gk"), ("gk", "eleak"), ("gna", "eleak")] or [
        (pair.first, pair.second) for pair in found
    ] == [("gna", "gk"), ("gna", "eleak"), ("gk", "eleak")]
    assert found[0].r == pytest.approx(1 / np.sqrt(1 + 0.04), abs=0.01)
    assert found[1].r < -0.8
    assert correlations(of(rng.uniform(-1, 1, (5000, 3)))) == ()


def test_r_is_numpys_and_a_constant_parameter_has_none() -> None:
    unit = np.random.default_rng(2).uniform(-1, 1, (500, 3))
    assert correlation_matrix(of(unit)) == pytest.approx(np.corrcoef(unit.T), abs=1e-9)
    unit[:, 1] = 0.25
    r = correlation_matrix(of(unit))
    assert np.isfinite(r).all()
    assert r[0, 1] == r[1, 2] == 0


def test_one_sample_has_no_interval() -> None:
    with pytest.raises(ParameterError, match="no interval"):
        narrowing(of(np.zeros((1, 3))))
