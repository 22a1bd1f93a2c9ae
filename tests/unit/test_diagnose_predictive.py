"""Measured features against predicted ones, undefined ones among them."""

from __future__ import annotations

import numpy as np
import pytest

from gbar.diagnose.predictive import check_predictions, closest
from gbar.errors import ParameterError

DRAWS = np.linspace(0.0, 100.0, 101)


def one(measured: float, predicted: np.ndarray):
    return check_predictions({"x": measured}, {"x": predicted}, {"x": "mV"}).features[0]


@pytest.mark.parametrize(
    ("value", "inside", "beyond"),
    [(5, True, False), (95, True, False), (4, False, False), (96, False, False), (-1, False, True), (101, False, True)],
)
def test_the_interval_runs_from_the_5th_to_the_95th_percentile(value: float, inside: bool, beyond: bool) -> None:
    check = one(value, DRAWS)
    assert (check.interval, check.median, check.span) == ((5.0, 95.0), 50.0, (0.0, 100.0))
    assert (check.inside, check.beyond, check.unit) == (inside, beyond, "mV")


def test_undefined_predictions_are_counted_and_left_out_of_the_interval() -> None:
    predicted = np.where(DRAWS < 50, np.nan, DRAWS)
    check = one(75.0, predicted)
    assert check.undefined == pytest.approx(50 / 101)
    assert check.median == 75.0
    assert check.inside


def test_a_feature_that_almost_no_cell_shows_is_outside() -> None:
    predicted = np.full(101, np.nan)
    predicted[:3] = 50.0
    assert not one(50.0, predicted).inside
    assert one(50.0, np.full(101, np.nan)).beyond


@pytest.mark.parametrize(
    ("undefined", "inside", "beyond"),
    [(0, False, True), (3, False, False), (40, False, False), (60, True, False), (101, True, False)],
)
def test_a_feature_the_recording_lacks_should_be_lacking(undefined: int, inside: bool, beyond: bool) -> None:
    predicted = DRAWS.copy()
    predicted[:undefined] = np.nan
    check = one(np.nan, predicted)
    assert (check.inside, check.beyond) == (inside, beyond)


def test_a_count_that_every_cell_hits_is_inside() -> None:
    assert one(9.0, np.full(50, 9.0)).inside


def test_the_verdict_names_what_is_missed() -> None:
    predicted = {"spike count": DRAWS, "width": DRAWS, "height": DRAWS}
    assert "all 3 features" in check_predictions({"spike count": 50, "width": 50, "height": 50}, predicted).verdict
    text = check_predictions({"spike count": 50, "width": 1, "height": 300}, predicted).verdict
    assert text.startswith("1 of 3 features")
    assert "None of the 101 predicted cells reaches this cell's height." in text
    assert "Few of the 101 predicted cells reach this cell's width." in text
    assert check_predictions({}, {}).verdict == "No feature was compared."


def test_a_long_list_of_missed_features_is_cut() -> None:
    names = [f"f{k}" for k in range(20)]
    text = check_predictions(dict.fromkeys(names, 300.0), dict.fromkeys(names, DRAWS)).verdict
    assert text.endswith("reaches this cell's f0, f1, f2, f3, f4, f5 and 14 more features.")


def test_a_feature_of_several_sweeps_is_named_once() -> None:
    names = ["one: rest", "two: rest", "two: AP peak", "three: rest"]
    check = check_predictions(dict.fromkeys(names, 300.0), dict.fromkeys(names, DRAWS))
    assert check.missed == "rest (3 sweeps) and AP peak (two)"
    assert check.verdict.endswith("reaches this cell's rest (3 sweeps) and AP peak (two).")


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ParameterError, match="measured but not predicted: height"):
        check_predictions({"height": 1.0}, {"width": DRAWS})
    with pytest.raises(ParameterError, match="predicted cells"):
        check_predictions({"a": 1.0, "b": 1.0}, {"a": DRAWS, "b": DRAWS[1:]})
    with pytest.raises(ParameterError, match="predicted cells"):
        check_predictions({"a": 1.0}, {"a": DRAWS[:0]})


def test_the_closest_cell_has_what_was_measured() -> None:
    predicted = {"count": np.array([0.0, 12.0, 11.0]), "height": np.array([np.nan, -20.0, 29.0])}
    assert closest({"count": 12.0, "height": 30.0}, predicted) == 2
    assert closest({"count": 0.0, "height": np.nan}, predicted) == 0
