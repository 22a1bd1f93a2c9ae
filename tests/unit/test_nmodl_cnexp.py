import math

import pytest
from nmodl_code import expression, show, straight, whole

from gbar.errors import NmodlError
from gbar.nmodl import tree as t
from gbar.nmodl.cnexp import Kind, cnexp, kind, polynomial
from gbar.nmodl.simplify import simplify
from gbar.nmodl.unparse import unparse_expression


def solved(text, calls=""):
    code, results, _ = straight(text, calls, tidy=False)
    return cnexp(code, "x.mod"), results


@pytest.mark.parametrize(
    ("equation", "form"),
    [
        ("(a - m)/b", "m + dt / b * (a - m) * exprel(-(dt / b))"),
        ("c*(a - m)/b", "m + dt * (c / b) * (a - m) * exprel(-(dt * (c / b)))"),
        ("a*(1 - m) - b*m", "m + dt * (a - (a + b) * m) * exprel(-(dt * (a + b)))"),
        ("a - m*(a + b)", "m + dt * (a - (a + b) * m) * exprel(-(dt * (a + b)))"),
        ("-m/b", "m - dt / b * m * exprel(-(dt / b))"),
        ("a", "m + dt * a"),
        ("m*b", "m + dt * b * m * exprel(dt * b)"),
        ("3 - 0*m", "m + dt * 3.0"),
    ],
)
def test_forms(equation, form):
    code, results = solved(f"m' = {equation}")
    assert unparse_expression(whole(code, results, "m")) == form


def number(node, values):
    match node:
        case t.Number(value):
            return value
        case t.Name(name):
            return values[name]
        case t.Unary("-", operand):
            return -number(operand, values)
        case t.Call(name, (argument,)):
            x = number(argument, values)
            return (math.expm1(x) / x if x else 1.0) if name == "exprel" else getattr(math, name)(x)
        case t.Select(condition, then, otherwise):
            return number(then if number(condition, values) else otherwise, values)
        case t.Binary(op, left, right):
            x, y = number(left, values), number(right, values)
            return {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else math.nan, ">": x > y}[op]


AFFINE = [
    "(a - m)/b",
    "(m - a)/-b",
    "3*(a - m)/(b + c)",
    "a*(1 - m) - b*m",
    "a - b*m - m/c + (2 - m)",
    "-(m - a)*b*c",
    "-m",
    "a*(b*(c*(1 - m) - m) - 2*m)",
    "(a + b*m)/(c*(2/b))",
    "(exp(a)*(1 - m) - m*exp(b))/c",
]


@pytest.mark.parametrize("equation", AFFINE)
def test_steps_are_exact(equation):
    values = {"a": 0.3, "b": 1.7, "c": 0.6, "dt": 0.1, "m": 0.45}
    code, results, _ = straight(f"m' = {equation}")
    f = whole(code, results, "m")
    constant = number(f, values | {"m": 0.0})
    rate = number(f, values | {"m": 1.0}) - constant
    expected = values["m"] + (1 - math.exp(rate * values["dt"])) * (-constant / rate - values["m"])
    code, results = solved(f"m' = {equation}")
    assert math.isclose(number(simplify(whole(code, results, "m")), values), expected, rel_tol=1e-12)


def test_states_are_solved_in_the_order_written():
    code, results = solved("x' = 1 - x m' = x - m")
    assert show(code)[0].startswith("x_1 = x + dt * (1.0 - x) * exprel(")
    values = {"x": 0.2, "m": 0.5, "dt": 0.1}
    x = 0.2 + (1 - math.exp(-0.1)) * (1 - 0.2)
    assert math.isclose(
        number(whole(code, results, "m"), values), 0.5 + (1 - math.exp(-0.1)) * (x - 0.5), rel_tol=1e-12
    )


def stepped(text, calls, **values):
    code, results = solved(text, calls)
    return number(simplify(whole(code, results, "m")), values | {"dt": 0.05})


def test_variables_are_held_as_in_neuron():
    found = stepped("a = b*(1 - m) m' = a - c*m", "", b=2.0, c=3.0, m=0.1)
    assert math.isclose(found, 0.1 + (1 - math.exp(-3 * 0.05)) * (2 * 0.9 / 3 - 0.1), rel_tol=1e-12)
    found = stepped("a = m*m m' = a - m", "", m=0.1)
    assert math.isclose(found, 0.1 + (1 - math.exp(-0.05)) * (0.01 - 0.1), rel_tol=1e-12)
    found = stepped("a = f(m) m' = 3 - a", "FUNCTION f(x) { f = x*x }", m=0.1)
    assert math.isclose(found, 0.1 + 0.05 * (3 - 0.01), rel_tol=1e-12)
    found = stepped("IF (m > 0) { a = 1 - m } ELSE { a = 3 } m' = a", "", m=0.1)
    assert math.isclose(found, 0.1 + 0.05 * 0.9, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(a - m)/b", Kind.AFFINE),
        ("a*(1 - m) - b*m + f(v)*m", Kind.AFFINE),
        ("3", Kind.AFFINE),
        ("(a - m)/(b/c)", Kind.AFFINE),
        ("(a - m)/((b - 2)/f(-c))", Kind.AFFINE),
        ("x^2 - m*pow(x, 2)", Kind.AFFINE),
        ("1 - m*m", Kind.POLYNOMIAL),
        ("m*(1 - m)/b", Kind.POLYNOMIAL),
        ("f(m) - m", Kind.OTHER),
        ("1 - m/(m + b)", Kind.OTHER),
        ("a - m^2", Kind.OTHER),
        ("a - f(b, 1 - m)", Kind.OTHER),
        ("exp(m)", Kind.OTHER),
    ],
)
def test_what_is_written_decides_as_in_neuron(text, expected):
    assert kind(expression(text), "m") is expected


def test_polynomials_move_as_in_neuron():
    values = {"b": 2.0, "m": 0.3, "dt": 0.1, "a": 7.0}
    found = number(polynomial(expression("a - b*m*m"), "m"), values)
    assert math.isclose(found, 0.3 * math.exp(-0.1 * 2 * 2.0 * 0.3), rel_tol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "m' = 1 - m*m",
        "m' = exp(m)",
        "m' = 1/m",
        "m' = m^2",
        "m' = fabs(1 - m)",
        "a = 1 m' = a - m*exp(m)",
    ],
)
def test_what_is_not_affine_is_refused_with_its_place(text):
    column = len("PROCEDURE p() { ") + text.index("m'") + 1
    with pytest.raises(
        NmodlError, match=rf"^x.mod:1:{column}: m' is not affine in m; METHOD cnexp needs m' = a - b\*m"
    ):
        solved(text)
