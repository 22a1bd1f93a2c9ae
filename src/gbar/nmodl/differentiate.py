"""Pass: the derivative of straight-line code with respect to the voltage."""

from __future__ import annotations

from collections.abc import Sequence

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.fresh import Fresh

Slopes = dict[str, t.Expr]  # name -> its derivative; a name that is missing has derivative 0


def differentiate(
    code: Sequence[t.Assign], results: Sequence[tuple[str, t.Expr]], fresh: Fresh, variable: str = "v"
) -> t.Block:
    """d(results)/d(variable). The block's code reads names that `code` assigns, and comes after it."""
    slopes: Slopes = {variable: s.ONE}
    out: list[t.Assign] = []
    for line in code:
        slope = derivative(line.value, slopes)
        if slope is None:
            continue
        if not isinstance(slope, t.Number | t.Name):
            name = fresh(f"d{line.target}")
            out.append(t.Assign(name, slope, line.at))
            slope = t.Name(name, line.at)
        slopes[line.target] = slope
    found = tuple((name, derivative(value, slopes) or s.ZERO) for name, value in results)
    return t.Block(tuple(out), found)


def derivative(expression: t.Expr, slopes: Slopes) -> t.Expr | None:
    """The derivative of an expression whose names have the derivatives `slopes`; None where it is 0 throughout."""
    match expression:
        case t.Name(name):
            return slopes.get(name)
        case t.Unary("-", operand):
            inner = derivative(operand, slopes)
            return None if inner is None else s.negate(inner)
        case t.Binary("+" | "-" | "*" | "/" | "^"):
            return _binary(expression, slopes)
        case t.Call("pow", (left, right)):
            return _binary(t.Binary("^", left, right), slopes)
        case t.Call("atan2", (y, x)):
            return _chain(t.Call("atan", (t.Binary("/", y, x),)), slopes)
        case t.Call():
            return _chain(expression, slopes)
        case t.Select(condition, then, otherwise):
            one, other = derivative(then, slopes), derivative(otherwise, slopes)
            if one is None and other is None:
                return None
            return s.select(condition, one or s.ZERO, other or s.ZERO)
    return None


def _binary(expression: t.Binary, slopes: Slopes) -> t.Expr | None:
    x, y = expression.left, expression.right
    dx, dy = derivative(x, slopes), derivative(y, slopes)
    if dx is None and dy is None:
        return None
    match expression.op:
        case "+":
            return s.add(dx or s.ZERO, dy or s.ZERO)
        case "-":
            return s.subtract(dx or s.ZERO, dy or s.ZERO)
        case "*":
            left = s.multiply(dx, y) if dx is not None else s.ZERO
            right = s.multiply(x, dy) if dy is not None else s.ZERO
            return s.add(left, right)
        case "/":
            left = s.divide(dx, y) if dx is not None else s.ZERO
            right = s.divide(s.multiply(x, dy), s.multiply(y, y)) if dy is not None else s.ZERO
            return s.subtract(left, right)
    left = s.multiply(s.multiply(y, s.power(x, s.subtract(y, s.ONE))), dx) if dx is not None else s.ZERO
    right = s.multiply(s.multiply(expression, t.Call("log", (x,))), dy) if dy is not None else s.ZERO
    return s.add(left, right)


def _chain(call: t.Call, slopes: Slopes) -> t.Expr | None:
    inner = derivative(call.arguments[0], slopes)
    if inner is None:
        return None
    outer = _outer(call)
    return None if outer is None else s.multiply(outer, inner)


def _outer(call: t.Call) -> t.Expr | None:
    """f'(x) of an intrinsic f; None where it is 0 (floor, ceil)."""
    x = call.arguments[0]
    square = s.multiply(x, x)
    match call.function:
        case "exp":
            return call
        case "expm1":
            return t.Call("exp", (x,))
        case "exprelr":
            return t.Call("dexprelr", (x,))
        case "log":
            return s.divide(s.ONE, x)
        case "log10":
            return s.divide(t.Number(0.4342944819032518), x)
        case "sqrt":
            return s.divide(t.Number(0.5), call)
        case "fabs":
            return t.Select(t.Binary("<", x, s.ZERO), t.Number(-1.0), s.ONE)
        case "sin":
            return t.Call("cos", (x,))
        case "cos":
            return s.negate(t.Call("sin", (x,)))
        case "tan":
            return s.add(s.ONE, s.multiply(call, call))
        case "sinh":
            return t.Call("cosh", (x,))
        case "cosh":
            return t.Call("sinh", (x,))
        case "tanh":
            return s.subtract(s.ONE, s.multiply(call, call))
        case "asin":
            return s.divide(s.ONE, t.Call("sqrt", (s.subtract(s.ONE, square),)))
        case "acos":
            return s.divide(t.Number(-1.0), t.Call("sqrt", (s.subtract(s.ONE, square),)))
        case "atan":
            return s.divide(s.ONE, s.add(s.ONE, square))
    return None
