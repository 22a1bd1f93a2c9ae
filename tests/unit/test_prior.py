"""Priors that are not uniform, against scipy's truncated normal distribution."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gbar.errors import ParameterError
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.prior import LogNormal, Normal

LINEAR = FreeParameter("e", "mV", -100.0, -35.0, prior=Normal(-70.0, 8.0))
LOG = FreeParameter("g", "mS/cm2", 0.5, 50.0, "log", prior=LogNormal(5.0, 0.3))
CROSSED = FreeParameter("h", "mS/cm2", 0.5, 50.0, "log", prior=Normal(5.0, 20.0))
FROM_ZERO = FreeParameter("k", "mS/cm2", 0.0, 50.0, prior=LogNormal(5.0, 0.3))
TAIL = FreeParameter("t", "mV", 0.0, 10.0, prior=Normal(-40.0, 10.0))  # the range begins 4 sd above the mean
HEAD = FreeParameter("u", "mV", 0.0, 10.0, prior=Normal(50.0, 10.0))
ALL = (LINEAR, LOG, CROSSED, FROM_ZERO, TAIL, HEAD)


def reference(p: FreeParameter):
    """The same prior as scipy has it, and the coordinate that it is normal in."""
    if isinstance(p.prior, Normal):
        centre, sd, coordinate = p.prior.mean, p.prior.sd, np.asarray
    else:
        centre, sd, coordinate = math.log10(p.prior.median), p.prior.decades, np.log10
    with np.errstate(divide="ignore"):
        a, b = (coordinate(np.array([p.low, p.high])) - centre) / sd
    return stats.truncnorm(a, b, centre, sd), coordinate


@pytest.mark.parametrize("parameter", ALL, ids=lambda p: p.name)
def test_shares_and_values_are_those_of_scipy(parameter):
    known, coordinate = reference(parameter)
    share = np.concatenate([[1e-9, 1e-4], np.linspace(0.01, 0.99, 99), [1 - 1e-4]])
    value = parameter.quantile(share)
    np.testing.assert_allclose(coordinate(value), known.ppf(share), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(parameter.cumulative(value), share, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(parameter.cumulative([parameter.low, parameter.high]), [0.0, 1.0], atol=1e-12)
    assert (np.diff(value) > 0).all()


@pytest.mark.parametrize("parameter", ALL, ids=lambda p: p.name)
def test_the_density_is_the_slope_of_the_share_on_the_scale(parameter):
    unit = np.linspace(-0.999, 0.999, 20_001)
    share = parameter.cumulative(parameter.from_unit(unit))
    density = np.exp(parameter.log_prior(parameter.from_unit((unit[1:] + unit[:-1]) / 2)))
    np.testing.assert_allclose(density, np.diff(share) / np.diff(unit), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("parameter", ALL, ids=lambda p: p.name)
def test_draws_follow_the_prior_and_stay_in_the_range(parameter):
    known, coordinate = reference(parameter)
    drawn = ParameterSpace((parameter,)).draw(3, 0, 20_000)[:, 0]
    assert parameter.low <= drawn.min() and drawn.max() <= parameter.high
    assert stats.kstest(coordinate(drawn), known.cdf).pvalue > 1e-3


def test_the_ends_of_the_prior_are_the_bounds():
    for parameter in ALL:
        ends = parameter.quantile([0.0, 1.0])
        np.testing.assert_allclose(ends, [parameter.low, parameter.high], rtol=1e-6, atol=1e-9)
        assert parameter.log_prior([parameter.low - 1, parameter.high + 1]).tolist() == [-math.inf, -math.inf]
    assert FROM_ZERO.log_prior([0.0]).tolist() == [-math.inf]


def test_one_parameter_with_a_prior_leaves_the_draws_of_the_others():
    even = ParameterSpace(tuple(FreeParameter(p.name, p.unit, p.low, p.high, p.scale) for p in ALL))
    other = ParameterSpace((LINEAR, *even.parameters[1:]))
    np.testing.assert_array_equal(even.draw(4, 100, 200)[:, 1:], other.draw(4, 100, 200)[:, 1:])
    np.testing.assert_array_equal(other.draw(4, 0, 200)[100:], other.draw(4, 100, 200))


def test_a_wide_bell_is_all_but_uniform():
    wide = replace(LINEAR, prior=Normal(-70.0, 1e4))
    share = np.linspace(0, 1, 101)
    np.testing.assert_allclose(wide.quantile(share), replace(LINEAR).low + 65 * share, atol=1e-3)


def test_json_round_trip():
    space = ParameterSpace(ALL)
    assert ParameterSpace.from_json(json.loads(json.dumps(space.to_json()))) == space
    even = FreeParameter("e", "mV", -100.0, -35.0)
    assert "prior" not in even.to_json() and even != LINEAR
    for damaged in ("bell", {"normal": {"mean": 1}}, {"normal": {"mean": 1, "sd": "x"}}, {}, 7, {"cauchy": {}}):
        with pytest.raises(ParameterError, match="damaged"):
            FreeParameter.from_json({**even.to_json(), "prior": damaged})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(0.0, 0.0), "the sd of a normal prior is 0; give a finite number above 0"),
        (lambda: Normal(math.nan, 1.0), "the mean of a normal prior is nan"),
        (lambda: Normal(0.0, math.inf), "the sd of a normal prior is inf"),
        (lambda: LogNormal(0.0, 1.0), "the median of a lognormal prior is 0; give a finite number above 0"),
        (lambda: LogNormal(1.0, -1.0), "the decades of a lognormal prior is -1"),
        (lambda: FreeParameter("e", "mV", -1, 1, prior=LogNormal(1, 1)), "e has a lognormal prior and reaches down"),
        (
            lambda: FreeParameter("e", "mV", -1, 1, prior=Normal(90, 5)),
            "e .normal, mean 90, sd 5. has a share of .e-71 in its range",
        ),
        (lambda: FreeParameter("e", "mV", 1, 2, prior=Normal(1, 1e8)), "or use a uniform prior"),
        (lambda: FreeParameter("e", "mV", 1, 2, prior=LogNormal(1e-9, 0.1)), "has a share of 0 in its range"),
    ],
)
def test_refuses_what_is_no_prior(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.filterwarnings("error")
def test_bells_of_any_width_are_numbers_or_refused():
    for prior in (Normal(0.5, 1e-300), LogNormal(0.5, 1e-300), Normal(0.5, 1e-3), LogNormal(0.5, 1e3)):
        parameter = FreeParameter("e", "mV", 0, 1, prior=prior)
        drawn = parameter.quantile(np.linspace(0, 1, 11))
        assert (
            np.isfinite(drawn).all() and drawn.min() >= 0 and drawn.max() <= 1 and parameter.quantile([]).shape == (0,)
        )
        assert not np.isnan(parameter.log_prior(np.linspace(-1, 2, 31))).any()
        assert np.isfinite(parameter.cumulative(np.linspace(-1, 2, 31))).all()
    for prior in (Normal(1e308, 1e-300), Normal(-1e308, 1e-300), LogNormal(1e-300, 1e-300)):
        with pytest.raises(ParameterError, match="has a share of 0"):
            FreeParameter("e", "mV", 0.1, 1, prior=prior)


def test_words():
    assert LINEAR.describe()["prior"] == "normal, mean -70 mV, sd 8 mV"
    assert LOG.describe()["prior"] == "lognormal, median 5 mS/cm2, sd 0.3 decades"
