"""Formulas have Python's values, and refuse what is no arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gbar.cell.formula import Formula
from gbar.cell.profile import Profile
from gbar.errors import CellError

BLUEPYOPT = "(-0.8696 + 2.087*math.exp(({distance})*0.0031))*{value}"
STEP = "{value} * (0.1 + 0.9 * int(({distance} > {step_begin}) & ({distance} < {step_end})))"

numbers = st.floats(0.1, 9).map(lambda x: f"{x:.3g}")
names = st.sampled_from(["a", "b", "distance"])


def binary(inner):
    arithmetic = st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(" ".join)
    compared = st.tuples(inner, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), inner).map(" ".join)
    return st.one_of(
        arithmetic,
        inner.map(lambda x: f"({x})"),
        inner.map(lambda x: f"-{x}"),
        st.tuples(inner, st.integers(-2, 3)).map(lambda x: f"({x[0]})**{x[1]}"),
        st.tuples(names, numbers).map(lambda x: f"{x[0]} ** -{x[1]} ** 0.5"),
        st.tuples(compared, inner, inner).map(lambda x: f"({x[1]} if {x[0]} else {x[2]})"),
        st.tuples(compared, st.sampled_from(["and", "or"]), compared).map(lambda x: f"int({' '.join(x)})"),
        compared.map(lambda x: f"int(not {x})"),
        st.tuples(st.sampled_from(["exp", "math.tanh", "abs"]), inner).map(lambda x: f"{x[0]}({x[1]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda x: f"{x[0]}({x[1]}, {x[2]})"),
    )


expressions = st.recursive(st.one_of(numbers, names), binary, max_leaves=12)
PYTHON = {"math": math, "exp": math.exp, "a": 0.7, "b": 2.5, "distance": 1.75}


@settings(max_examples=400, deadline=None)
@given(expressions)
def test_a_formula_has_python_s_value(text):
    try:
        expected = eval(text, {"__builtins__": {"abs": abs, "int": int, "min": min, "max": max}}, dict(PYTHON))
    except (ZeroDivisionError, OverflowError):
        return
    if isinstance(expected, complex):
        return
    got = Formula(text)({name: PYTHON[name] for name in ("a", "b", "distance")})
    assert float(got) == pytest.approx(float(expected), rel=1e-12, nan_ok=True)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab0.1e+-*/%()<>=!&|,{} ifelsndotrm_[]'\"\n\\", max_size=40))
def test_any_text_is_a_formula_or_refused_in_one_line(text):
    try:
        Formula(text)
    except CellError as error:
        assert "\n" not in str(error)


def test_bluepyopt_s_formulas():
    ih = Profile(BLUEPYOPT, {"value": 8e-5})
    distance = np.array([0.0, 10.0, 700.0])
    expected = [eval(BLUEPYOPT.format(distance=d, value=8e-5), {"math": math}) for d in distance]
    np.testing.assert_allclose(ih.at(distance, np.ones(3)), expected, rtol=1e-14)
    step = Profile(STEP, {"value": 2.0, "step_begin": 100.0, "step_end": 300.0})
    np.testing.assert_allclose(step.at(np.array([100.0, 200.0, 400.0]), np.ones(3)), [0.2, 2.0, 0.2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the formula is empty"),
        ("1 +", "ends where a number or a name was expected"),
        ("(1", "expected ')', got 'the end'"),
        ("1 2", "'2' stands where an operator was expected"),
        ("__import__('os')", 'character 12: "\'" is no part of a formula'),
        ("open(1)", "open(...) is a call of something other than a function of numbers; a formula may call exp"),
        ("value.real", "character 6: '.' is no part of a formula"),
        ("2 * g_pas.dend", "'.' is no part of a formula; a name in a formula has no point"),
        ("(lambda)(1)", "'(' stands where an operator was expected"),
        ("exp(1)(2)", "'(' stands where an operator was expected"),
        ("math.exp", "there is no math.exp"),
        ("os.path(1)", "'.' is no part of a formula"),
        ("exp(1, 2)", "exp takes 1 arguments, got 2"),
        ("a if b", "expected 'else'"),
        ("x[0]", "'[' is no part of a formula"),
        ("a := 1", "':' is no part of a formula"),
        ("1" * 3000, "is longer than 2000 characters"),
        ("(" * 100 + "1" + ")" * 100, "is nested more than 25 deep"),
        ("2 ** " * 100 + "2", "is nested more than 25 deep"),
        ("-" * 100 + "2", "is nested more than 25 deep"),
        ("+".join(["1"] * 900), "more than 400 names, numbers and signs"),
    ],
)
def test_what_is_no_formula_is_refused_with_its_place(text, message):
    with pytest.raises(CellError) as caught:
        Formula(text)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_long_sums_are_no_deep_formulas():
    assert float(Formula(" + ".join(["1"] * 200))({})) == 200.0


def test_profiles_by_shorthand():
    at = np.array([0.0, 50.0, 100.0])
    diam = np.array([3.0, 2.0, 1.0])
    np.testing.assert_allclose(Profile.linear(1.0, -0.01).at(at, diam), [1.0, 0.5, 0.0])
    np.testing.assert_allclose(Profile.exponential(2.0, -50.0).at(at, diam), 2 * np.exp([0.0, -1.0, -2.0]))
    np.testing.assert_allclose(Profile.step(2.0, 50.0, 100.0, 0.5).at(at, diam), [0.5, 2.0, 0.5])
    np.testing.assert_allclose(Profile("value * diam", {"value": 2.0}).at(at, diam), [6.0, 4.0, 2.0])
    np.testing.assert_allclose(Profile("value", {"value": 2.0}).at(at, diam), [2.0, 2.0, 2.0])
    rows = Profile.linear(1.0, 0.0).at(at[:, None], diam[:, None], {"slope": np.array([0.0, 0.1])})
    np.testing.assert_allclose(rows, [[1, 1], [1, 6], [1, 11]])


def test_a_profile_knows_its_coefficients():
    with pytest.raises(CellError, match="reads 'slop', which has no value; did you mean slope"):
        Profile("value + slop * distance", {"value": 1.0, "slope": 2.0})
    with pytest.raises(CellError, match="does not read its coefficient 'slope'"):
        Profile("value", {"value": 1.0, "slope": 2.0})
    with pytest.raises(CellError, match="the coefficient value is nan"):
        Profile("value", {"value": math.nan})
