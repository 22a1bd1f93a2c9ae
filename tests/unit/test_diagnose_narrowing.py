"""How much a posterior narrowed its prior, against cases whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gbar.diagnose.narrowing import correlation_matrix, correlations, narrowing
from gbar.errors import ParameterError
from gbar.estimate import Estimate
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.prior import LogNormal, Normal

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


SHAPED = ParameterSpace(
    (
        replace(SPACE.parameters[0], prior=LogNormal(1e-3, 0.3)),
        replace(SPACE.parameters[1], prior=Normal(0.0, 0.02)),  # most of it at the lower bound
        replace(SPACE.parameters[2], prior=Normal(-70.0, 3.0)),
    )
)


def test_a_prior_of_any_shape_is_not_narrowed_by_itself() -> None:
    shares = np.linspace(0, 1, 20_001)[1:-1, None].repeat(3, axis=1)
    samples = SHAPED.quantile(shares)
    for one in narrowing(Estimate(SHAPED, samples, np.zeros(len(samples)), "network", {}, {})):
        assert one.narrowed == pytest.approx(0, abs=1e-3)
        assert one.verdict == "not determined by this recording"
        assert one.edge is None, one.name
    assert [one.shape for one in narrowing(Estimate(SHAPED, samples, samples[:, 0], "network", {}, {}))] == [
        "lognormal, median 0.001 S/cm2, sd 0.3 decades", "normal, mean 0 S/cm2, sd 0.02 S/cm2",
        "normal, mean -70 mV, sd 3 mV",
    ]  # fmt: skip


def test_half_the_sd_of_a_normal_prior_is_narrowed_by_half() -> None:
    half = ParameterSpace(tuple(replace(p, prior=q) for p, q in zip(
        SHAPED.parameters, (LogNormal(1e-3, 0.15), Normal(0.0, 0.01), Normal(-70.0, 1.5)), strict=True)))  # fmt: skip
    samples = half.quantile(np.linspace(0, 1, 20_001)[1:-1, None].repeat(3, axis=1))
    for one in narrowing(Estimate(SHAPED, samples, np.zeros(len(samples)), "network", {}, {})):
        assert one.narrowed == pytest.approx(0.5, abs=0.002)


def test_samples_press_against_a_bound_where_the_prior_does_not_put_them() -> None:
    rng = np.random.default_rng(0)
    unit = np.stack(
        [1 - rng.exponential(0.1, 4000), -1 + rng.exponential(0.01, 4000), rng.uniform(-1, 1, 4000)], axis=1
    )
    samples = SHAPED.to_theta(np.clip(unit, -1, 1))
    found = narrowing(Estimate(SHAPED, samples, np.zeros(4000), "network", {}, {}))
    assert [one.edge for one in found] == ["upper", None, None]  # the second prior itself has two thirds there
