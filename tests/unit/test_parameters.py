import json
import math

import numpy as np
import pytest

from gbar.errors import ParameterError
from gbar.parameters import FreeParameter, ParameterSpace

G = FreeParameter("g", "S/cm2", 0.06, 0.24, "log")
E = FreeParameter("e", "mV", -100.0, -35.0)
SPACE = ParameterSpace((G, E))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("g", "S/cm2", 0.24, 0.06), "is empty"),
        (("g", "S/cm2", 0.1, 0.1), "is empty"),
        (("g", "S/cm2", 0.0, 1.0, "log"), "has no logarithm; use a low bound above 0"),
        (("g", "S/cm2", -1.0, 1.0, "log"), "has no logarithm"),
        (("g", "S/cm2", 0.0, math.inf), "is not finite"),
        (("g", "S/cm2", math.nan, 1.0), "is not finite"),
        (("g", "S/cm2", 0.1, 1.0, "cubic"), "unknown scale"),
        (("", "S/cm2", 0.1, 1.0), "no name"),
    ],
)
def test_refuses_a_range_that_is_none(arguments, message):
    with pytest.raises(ParameterError, match=message):
        FreeParameter(*arguments)


def test_a_parameter_targets_its_own_name():
    assert G.targets == ("g",)
    assert FreeParameter("VT", "mV", -90, -40, targets=("VT_na.soma", "VT_k.soma")).targets == (
        "VT_na.soma",
        "VT_k.soma",
    )


def test_refuses_twins():
    with pytest.raises(ParameterError, match="two free parameters are called g"):
        ParameterSpace((G, G))
    with pytest.raises(ParameterError, match="g is set by g and by h"):
        ParameterSpace((G, FreeParameter("h", "S/cm2", 1, 2, targets=("g",))))
    with pytest.raises(ParameterError, match="h sets x twice"):
        ParameterSpace((FreeParameter("h", "S/cm2", 1, 2, targets=("x", "x")),))


def test_unit_cube_by_hand():
    unit = SPACE.to_unit(np.array([[0.12, -67.5], [0.06, -100.0], [0.24, -35.0]]))
    np.testing.assert_allclose(unit, [[0, 0], [-1, -1], [1, 1]], atol=1e-14)
    assert (SPACE.to_theta(np.array([[-1.0, -1.0], [1.0, 1.0]])) == [[0.06, -100.0], [0.24, -35.0]]).all()
    beyond = SPACE.to_unit(np.array([[0.0, -132.5], [-1.0, 0.0], [0.48, 0.0]]))
    assert beyond[0, 0] == -math.inf and beyond[0, 1] == pytest.approx(-2.0)
    assert math.isnan(beyond[1, 0]) and beyond[2, 0] == pytest.approx(2.0)


def test_check_names_the_value_and_the_bound():
    SPACE.check(np.array([[0.06, -35.0]]))
    with pytest.raises(ParameterError, match=r"g\[1\] = -0.002 S/cm2 is below its lower bound 0.06"):
        SPACE.check(np.array([[0.1, -50.0], [-0.002, -50.0]]))
    with pytest.raises(ParameterError, match=r"e\[0\] = 0 mV is above its upper bound -35"):
        SPACE.check(np.array([[0.1, 0.0]]))
    with pytest.raises(ParameterError, match=r"g\[0\] = nan S/cm2 is not finite"):
        SPACE.check(np.array([[math.nan, -50.0]]))
    with pytest.raises(ParameterError, match="expected a matrix of 2 columns"):
        SPACE.check(np.zeros((3, 3)))
    assert SPACE.inside(np.array([[0.1, -50.0], [0.1, 0.0], [math.nan, -50.0]])).tolist() == [True, False, False]


def test_draws_fill_the_scaled_space_evenly():
    from scipy.stats import kstest

    unit = SPACE.to_unit(SPACE.draw(5, 0, 4000))
    for column in unit.T:
        assert kstest((column + 1) / 2, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(unit.T)[0, 1]) < 0.06
    assert not np.array_equal(SPACE.draw(5, 0, 10), SPACE.draw(6, 0, 10))
    with pytest.raises(ParameterError):
        SPACE.draw(-1, 0, 10)
    assert SPACE.draw(1, 7, 7).shape == (0, 2)


def test_draws_stay_what_they_were():
    drawn = [[-0.9312961415680646, -0.0954359075317921], [-0.6933472751557952, -0.09076825535566835]]
    np.testing.assert_allclose(SPACE.to_unit(SPACE.draw(1, 0, 2)), drawn, rtol=0, atol=1e-12)


def test_json_round_trip_and_damage():
    stored = json.loads(json.dumps(SPACE.to_json()))
    assert ParameterSpace.from_json(stored) == SPACE
    for damaged in ({}, {"parameters": [{"name": "g"}]}, {"parameters": 3}, {"parameters": [4]}):
        with pytest.raises(ParameterError, match="damaged"):
            ParameterSpace.from_json(damaged)


def test_prior_and_table():
    theta = np.array([[0.06, -100.0], [0.1, -50.0], [0.1, 0.0], [math.nan, -50.0]])
    np.testing.assert_allclose(SPACE.log_prior(theta), [-math.log(4), -math.log(4), -math.inf, -math.inf])
    assert SPACE.describe()[0] == {
        "name": "g", "unit": "S/cm2", "low": "0.06", "high": "0.24", "scale": "log", "prior": "uniform", "targets": "g",
    }  # fmt: skip
