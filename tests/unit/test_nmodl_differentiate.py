import math

import pytest
from nmodl_code import straight

from gbar.nmodl import tree as t
from gbar.nmodl.differentiate import differentiate


def exprelr(x):
    return 1.0 if x == 0 else x / math.expm1(x)


def dexprelr(x):
    return -0.5 + x / 6 if abs(x) < 1e-4 else 1 / math.expm1(x) - x * math.exp(x) / math.expm1(x) ** 2


def number(node, values):
    match node:
        case t.Number(value):
            return value
        case t.Name(name):
            return values[name]
        case t.Unary("-", operand):
            return -number(operand, values)
        case t.Call("exprelr" | "dexprelr" as name, (argument,)):
            return {"exprelr": exprelr, "dexprelr": dexprelr}[name](number(argument, values))
        case t.Call(name, arguments):
            return getattr(math, name)(*(number(argument, values) for argument in arguments))
        case t.Select(condition, then, otherwise):
            return number(then if number(condition, values) else otherwise, values)
        case t.Binary(op, left, right):
            x, y = number(left, values), number(right, values)
            return {
                "+": lambda: x + y, "-": lambda: x - y, "*": lambda: x * y, "/": lambda: x / y, "^": lambda: x**y,
                ">": lambda: x > y, "<": lambda: x < y,
            }[op]()  # fmt: skip


def slope_and_difference(text, values):
    code, results, fresh = straight(text)
    block = differentiate(code, [("a", results["a"])], fresh)

    def at(v):
        known = values | {"v": v}
        for line in code:
            known[line.target] = number(line.value, known)
        return number(results["a"], known), known

    _, known = at(values["v"])
    for line in block.code:
        known[line.target] = number(line.value, known)
    h = 1e-6
    difference = (at(values["v"] + h)[0] - at(values["v"] - h)[0]) / (2 * h)
    return number(block.results[0][1], known), difference


@pytest.mark.parametrize(
    "text",
    [
        "a = x*(v - y)",
        "a = v*v*v - v/(1 + v*v)",
        "a = x/(1 + exp(-(v + y)/3))",
        "b = v*x c = b*b a = c - b + c*v",
        "a = v^3 + x^v + v^x + pow(v, 2)",
        "a = log(v) + log10(v) + sqrt(v)",
        "a = sin(v)*cos(v) + tan(v/3)",
        "a = sinh(v) - cosh(v)*tanh(v)",
        "a = asin(v/9) + acos(v/9) + atan(v) + atan2(v, x)",
        "a = fabs(v - 5) + fabs(v + 5) + floor(v) + ceil(v)",
        "IF (v > 1) { a = v*v } ELSE { a = x }",
        "IF (v > 100) { a = v*v } ELSE { a = x }",
        "a = -(-v - x)",
    ],
)
def test_slopes_are_those_of_differences(text):
    slope, difference = slope_and_difference(text, {"v": 2.3, "x": 1.4, "y": -0.7})
    assert math.isclose(slope, difference, rel_tol=1e-6, abs_tol=1e-7)


@pytest.mark.parametrize("function", ["exprelr", "expm1"])
@pytest.mark.parametrize("at", [-2.0, 0.5, 3.0])
def test_intrinsics_of_passes(function, at):
    argument = t.Binary("*", t.Number(2.0), t.Name("v"))
    call = t.Call(function, (argument,))
    block = differentiate([], [("a", call)], lambda base: base + "_1")
    h = 1e-6
    difference = (number(call, {"v": at + h}) - number(call, {"v": at - h})) / (2 * h)
    assert math.isclose(number(block.results[0][1], {"v": at}), difference, rel_tol=1e-6)


def test_code_free_of_the_voltage_has_no_slope():
    code, results, fresh = straight("b = x*y a = b + 1")
    assert differentiate(code, [("a", results["a"])], fresh) == t.Block((), (("a", t.Number(0.0)),))


def test_the_slope_of_an_ohmic_current_is_its_conductance():
    code, results, fresh = straight("b = x*m*m a = b*(v - y)")
    assert differentiate(code, [("a", results["a"])], fresh) == t.Block((), (("a", t.Name("b_1")),))
