"""x/(exp(x) - 1) and its relatives are recognised however they are written, and keep their values."""

import math
from decimal import Decimal, getcontext

import pytest
from nmodl_code import straight, whole

from gbar.nmodl import tree as t
from gbar.nmodl.simplify import simplify, simplify_code
from gbar.nmodl.singular import singular
from gbar.nmodl.unparse import unparse_expression
from gbar.nmodl.walk import walk

getcontext().prec = 60
VALUES = {"a": 0.182, "x": -35.0, "y": 9.0, "z": 2.0, "b": 1.5, "c": 25.7}

LINOID = "FUNCTION lin(x, y) { IF (fabs(x/y) < 1e-6) { lin = y*(1 - x/y/2) } ELSE { lin = x/(exp(x/y) - 1) } }"
TRAP = """FUNCTION trap(v, th, a, q) {
    IF (fabs((v - th)/q) > 1e-6) { trap = a*(v - th)/(1 - exp(-(v - th)/q)) } ELSE { trap = a*q } }"""
EFUN = "FUNCTION efun(z) { IF (fabs(z) < 1e-4) { efun = 1 - z/2 } ELSE { efun = z/(exp(z) - 1) } }"


def lowered(text, calls=""):
    code, results, _ = straight(text, calls, tidy=False)
    before = whole(code, results, "m")
    code, final = simplify_code(singular(code), tuple(results.items()))
    return before, simplify(whole(code, dict(final), "m"))


def decimal(node, values):
    match node:
        case t.Number(value):
            return Decimal(value)
        case t.Name(name):
            return Decimal(values[name])
        case t.Unary("-", operand):
            return -decimal(operand, values)
        case t.Unary("!", operand):
            return Decimal(decimal(operand, values) == 0)
        case t.Select(condition, then, otherwise):
            return decimal(then if decimal(condition, values) else otherwise, values)
        case t.Call("exp", (argument,)):
            return decimal(argument, values).exp()
        case t.Call("fabs", (argument,)):
            return abs(decimal(argument, values))
        case t.Call("exprelr", (argument,)):
            x = decimal(argument, values)
            return x / (x.exp() - 1) if x else Decimal(1)
        case t.Binary("^", left, right):
            return decimal(left, values) ** decimal(right, values)
        case t.Binary(op, left, right):
            x, y = decimal(left, values), decimal(right, values)
            if op in "+-*":
                return {"+": x + y, "-": x - y, "*": x * y}[op]
            return {
                "/": lambda: x / y,
                "<": lambda: x < y,
                ">": lambda: x > y,
                "==": lambda: x == y,
                "!=": lambda: x != y,
            }[op]()


# (code that gives m its value, the voltage where it is singular)
RELATIVES = [
    ("m = v/(exp(v) - 1)", 0.0),
    ("m = v/(1 - exp(v))", 0.0),
    ("m = v/(1 - exp(-v))", 0.0),
    ("m = -v/(exp(-v) - 1)", 0.0),
    ("m = 0.1*(v + 40)/(1 - exp(-(v + 40)/10))", -40.0),
    ("m = .32*(13 - (v - x))/(exp((13 - (v - x))/4) - 1)", -22.0),
    ("m = (-0.028*(v + 40))/(exp((v + 40)/5) - 1)", -40.0),
    ("m = 0.182*(v - (-35))/(1 - exp(-(v - (-35))/9))", -35.0),
    ("m = a*(v - x)/(1 - exp(-(v - x)/y))", -35.0),
    ("m = -a*(x - v)/(1 - exp((x - v)/y))", -35.0),
    ("m = a*(v - x)/y/(1 - exp(-(v - x)/y))", -35.0),
    ("m = (a*v - a*x)/(1 - exp(x/y - v/y))", -35.0),
    ("m = a*((v - x)/(1 - exp(-(v - x)/y)))*b", -35.0),
    ("m = z^b*a*(v - x)/(1 - exp((x - v)/y))/c", -35.0),
    ("b = v - x m = a*b/(1 - exp(-b/y))", -35.0),
    ("b = exp(-(v - x)/y) m = a*(v - x)/(1 - b)", -35.0),
    ("b = a*(v - x) c = 1 - exp(-(v - x)/y) m = b/c", -35.0),
    ("b = z*(v - x) m = a*b*c/(exp((v - x)/y) - 1)", -35.0),
    ("m = (v - x)/(z*exp((v - x)/y) - z)", -35.0),
    ("m = (v - x)/(exp((v - x)/y) - exp(-(v - x)/y))", -35.0),
    ("m = a*v*(b - c*exp(-v/y))/(1 - exp(-v/y))", 0.0),
    ("b = a*z*v/c m = a*b*(x - y*exp(-b))/(1 - exp(-b))", 0.0),
    ("m = 1/((exp((v - x)/y) - 1)/(v - x))", -35.0),
    ("m = 1 + 3*v/(exp(v/3) - 1) - v", 0.0),
    ("m = (4*v - 8)/(exp(0.5*v - 1) - 1)", 2.0),
    ("m = v^2/(exp(v) - 1)/c", 0.0),
]
GUARDED = [
    ("m = lin(v - x, y)", LINOID, -35.0),
    ("m = 0.1*lin(-(v + 40), 10)", LINOID, -40.0),
    ("m = trap(v, x, a, y)", TRAP, -35.0),
    ("m = trap(-v, -x, a, y)", TRAP, -35.0),
    ("b = v*z/c m = a*(x*efun(-b) - y*efun(b))", EFUN, 0.0),
    ("IF (v == -40) { m = 1 } ELSE { m = 0.1*(v + 40)/(1 - exp(-(v + 40)/10)) }", "", -40.0),
    ("IF (v != x) { m = a*(v - x)/(1 - exp(-(v - x)/y)) } ELSE { m = a*y }", "", -35.0),
    ("b = v - x IF (b == 0) { m = a*y } ELSE { m = a*b/(1 - exp(-b/y)) }", "", -35.0),
    ("IF (1e-5 > fabs(v + 40)) { m = 1 + (v + 40)/20 } ELSE { m = (v + 40)/10/(1 - exp(-(v + 40)/10)) }", "", -40.0),
    ("IF (!(fabs(v) < 1e-4)) { m = v/(exp(v/y) - 1) } ELSE { m = y - v/2 }", "", 0.0),
]


def check_values(before, after, singular_at):
    for offset in (-30.0, -3.3, -1e-2, 2e-5, 0.5, 7.0, 40.0):
        values = VALUES | {"v": singular_at + offset}
        assert math.isclose(decimal(before, values), decimal(after, values), rel_tol=1e-9)
    near = decimal(after, VALUES | {"v": singular_at})
    assert math.isclose(near, decimal(after, VALUES | {"v": singular_at + 1e-9}), rel_tol=1e-8, abs_tol=1e-8)


@pytest.mark.parametrize(("text", "at"), RELATIVES)
def test_relatives_are_lowered(text, at):
    before, after = lowered(text)
    assert not any(isinstance(node, t.Call) and node.function == "exprelr" for node in walk(before))
    assert any(isinstance(node, t.Call) and node.function == "exprelr" for node in walk(after))
    check_values(before, after, at)


@pytest.mark.parametrize(("text", "calls", "at"), GUARDED)
def test_guards_disappear(text, calls, at):
    before, after = lowered(text, calls)
    assert any(isinstance(node, t.Select) for node in walk(before))
    assert not any(isinstance(node, t.Select) for node in walk(after))
    check_values(before, after, at)


@pytest.mark.parametrize(
    "text",
    [
        "m = 1/(exp(v) - 1)",
        "m = (v - 1)/(exp(v) - 1)",
        "m = v/(exp(v) + 1)",
        "m = v/(2*exp(v) - 1)",
        "m = v/(exp(v) - 1 + a)",
        "m = (v - x)/(exp((v - y)/c) - 1)",
        "m = a/(exp(b) - 1)",
        "m = x/(exp(x) - 1)",
    ],
)
def test_strangers_stay_as_they_are(text):
    before, after = lowered(text)
    assert after == before


@pytest.mark.parametrize(
    "text",
    [
        "IF (v < 0) { m = 1 } ELSE { m = v/(exp(v) - 1) }",  # not a guard: half of the axis
        "IF (fabs(v) < 5) { m = 1 - v/2 } ELSE { m = v/(exp(v) - 1) }",  # too wide
        "IF (fabs(v) < 1e-6) { m = 3 } ELSE { m = v/(exp(v) - 1) }",  # not its limit
        "IF (fabs(v + 1) < 1e-6) { m = 1 } ELSE { m = v/(exp(v) - 1) }",  # elsewhere
        "IF (fabs(v) < a) { m = 1 } ELSE { m = v/(exp(v) - 1) }",  # a width that is not known
        "IF (fabs(v) > 1e-6) { m = 1 } ELSE { m = v/(exp(v) - 1) }",  # the wrong way round
    ],
)
def test_branches_that_are_no_guards_stay(text):
    _, after = lowered(text)
    assert any(isinstance(node, t.Select) for node in walk(after))
    assert "exprelr(v)" in unparse_expression(after)


def test_the_argument_is_kept_as_written():
    assert unparse_expression(lowered("m = .1*(v + 40)/(1 - exp(-(v + 40)/10))")[1]) == "exprelr((v + 40.0) / -10.0)"
    assert unparse_expression(lowered("m = trap(v, x, a, y)", TRAP)[1]) == "y * a * exprelr((x - v) / y)"
