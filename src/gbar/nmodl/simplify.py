"""Pass: constants folded and what adds nothing removed; values change by rounding at most."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from gbar.nmodl import tree as t
from gbar.nmodl.intrinsics import EXP_HIGH, EXP_LOW
from gbar.nmodl.walk import substitute, walk

Line = t.Assign | t.Step
Results = tuple[tuple[str, t.Expr], ...]

ZERO, ONE = t.Number(0.0), t.Number(1.0)

_FOLD: dict[str, Callable[[float, float], float]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "^": math.pow,
    "<": lambda x, y: float(x < y),
    ">": lambda x, y: float(x > y),
    "<=": lambda x, y: float(x <= y),
    ">=": lambda x, y: float(x >= y),
    "==": lambda x, y: float(x == y),
    "!=": lambda x, y: float(x != y),
    "&&": lambda x, y: float(x != 0 and y != 0),
    "||": lambda x, y: float(x != 0 or y != 0),
}
_EVALUATE: dict[str, Callable[[float], float]] = {
    "exp": lambda x: math.exp(min(max(x, EXP_LOW), EXP_HIGH)), "expm1": lambda x: math.expm1(min(x, EXP_HIGH)),
    "log": math.log, "log10": math.log10, "sqrt": math.sqrt, "fabs": math.fabs, "floor": math.floor, "ceil": math.ceil,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan,
    "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh,
}  # fmt: skip


def simplify(expression: t.Expr) -> t.Expr:
    """`expression` with constants folded, neutral elements dropped and signs gathered.

    Nothing is assumed of the variables: `0 * x` stays, for x may be infinite. What would overflow or is undefined is
    left as written.
    """
    match expression:
        case t.Unary("-", operand):
            return negate(simplify(operand))
        case t.Unary(op, operand, at):
            inner = simplify(operand)
            return t.Number(float(inner.value == 0)) if isinstance(inner, t.Number) else t.Unary(op, inner, at)
        case t.Binary(op, left, right, at):
            return _placed(_arithmetic(op, simplify(left), simplify(right)), at)
        case t.Call("pow", (left, right), at):
            return _placed(power(simplify(left), simplify(right)), at)
        case t.Call(function, arguments, at):
            return _call(t.Call(function, tuple(simplify(argument) for argument in arguments), at))
        case t.Select():
            return select(simplify(expression.condition), simplify(expression.then), simplify(expression.otherwise))
    return expression


def _arithmetic(op: str, left: t.Expr, right: t.Expr) -> t.Expr:
    match op:
        case "+":
            return add(left, right)
        case "-":
            return subtract(left, right)
        case "*":
            return multiply(left, right)
        case "/":
            return divide(left, right)
        case "^":
            return power(left, right)
    return fold(op, left, right)


def _placed(expression: t.Expr, at: t.Position) -> t.Expr:
    return replace(expression, at=at) if expression.at == t.NOWHERE else expression


def not_finite(expression: t.Expr) -> t.Expr | None:
    """The first part of a simplified expression that is made of numbers and has no finite value."""
    for part in walk(expression):
        match part:
            case t.Binary(op, t.Number() as left, t.Number() as right) if fold(op, left, right) == part:
                return part
            case t.Call(function, (t.Number(),)) if function in _EVALUATE and _call(part) == part:
                return part
    return None


def simplify_values(code: Sequence[Line]) -> list[Line]:
    """Straight-line code with every value simplified, copies left in place."""
    return [replace(line, value=simplify(line.value)) for line in code]


def simplify_code(code: Sequence[Line], results: Results) -> tuple[list[Line], Results]:
    """Straight-line code and its results with every value simplified, and copies and constants propagated.

    A division by a name that is itself c / y becomes a multiplication by y / c.
    """
    known: dict[str, t.Expr] = {}
    out: list[Line] = []
    below: dict[str, t.Binary] = {}
    stepped = {line.state for line in code if isinstance(line, t.Step)}
    for line in code:
        value = _turned(simplify(substitute(line.value, known)), below)
        if isinstance(line, t.Step):
            state = known.get(line.state)
            out.append(t.Step(line.target, state.id if isinstance(state, t.Name) else line.state, value, line.at))
            continue
        if isinstance(value, t.Name | t.Number):
            known[line.target] = value
            if not isinstance(value, t.Number) or line.target not in stepped:
                continue
        if isinstance(value, t.Binary) and value.op == "/" and not isinstance(value.right, t.Number):
            below[line.target] = value
        out.append(t.Assign(line.target, value, line.at))
    return out, tuple((name, simplify(substitute(value, known))) for name, value in results)


def _turned(expression: t.Expr, below: dict[str, t.Binary]) -> t.Expr:
    match expression:
        case t.Binary("/", left, t.Name(name)) if name in below and _cheap(below[name]):
            return divide(multiply(_turned(left, below), below[name].right), below[name].left)
        case t.Binary(op, left, right, at):
            return t.Binary(op, _turned(left, below), _turned(right, below), at)
        case t.Unary(op, operand, at):
            return t.Unary(op, _turned(operand, below), at)
        case t.Call(function, arguments, at):
            return t.Call(function, tuple(_turned(argument, below) for argument in arguments), at)
    return expression


def _cheap(quotient: t.Binary) -> bool:
    """Whether c / y has a plain c, and a y that costs nothing to compute once more."""

    def plain(expression: t.Expr) -> bool:
        if isinstance(expression, t.Binary) and expression.op in "+*":
            return plain(expression.left) and plain(expression.right)
        return isinstance(expression, t.Name | t.Number)

    return isinstance(quotient.left, t.Name | t.Number) and plain(quotient.right)


def fold(op: str, left: t.Expr, right: t.Expr, at: t.Position = t.NOWHERE) -> t.Expr:
    """`left op right`, computed if both are numbers and the result is finite."""
    if isinstance(left, t.Number) and isinstance(right, t.Number):
        try:
            value = _FOLD[op](left.value, right.value)
        except (ArithmeticError, ValueError):
            value = math.nan
        if math.isfinite(value):
            return t.Number(value)
    return t.Binary(op, left, right, at)


def negate(x: t.Expr) -> t.Expr:
    """The opposite, -x."""
    match x:
        case t.Number(value):
            return t.Number(-value)
        case t.Unary("-", operand):
            return operand
        case t.Binary("-", left, right):
            return subtract(right, left)
        case t.Binary("*" | "/" as op, t.Number(value), right):
            return multiply(t.Number(-value), right) if op == "*" else divide(t.Number(-value), right)
    return t.Unary("-", x)


def add(x: t.Expr, y: t.Expr) -> t.Expr:
    """The sum x + y."""
    match x, y:
        case t.Number(0.0), _:
            return y
        case _, t.Number(0.0):
            return x
        case t.Unary("-", a), t.Unary("-", b):
            return negate(add(a, b))
        case _, t.Unary("-", b):
            return subtract(x, b)
        case t.Unary("-", a), _:
            return subtract(y, a)
    return fold("+", x, y)


def subtract(x: t.Expr, y: t.Expr) -> t.Expr:
    """The difference x - y."""
    match x, y:
        case _, t.Number(0.0):
            return x
        case t.Number(0.0), _:
            return negate(y)
        case t.Unary("-", a), t.Unary("-", b):
            return subtract(b, a)
        case _, t.Unary("-", b):
            return add(x, b)
        case _, t.Number(value) if value < 0 and not isinstance(x, t.Number):
            return add(x, t.Number(-value))
        case t.Unary("-", a), _:
            return negate(add(a, y))
    return fold("-", x, y)


def multiply(x: t.Expr, y: t.Expr) -> t.Expr:
    """The product x * y."""
    match x, y:
        case t.Number(1.0), _:
            return y
        case _, t.Number(1.0):
            return x
        case t.Number(-1.0), _:
            return negate(y)
        case _, t.Number(-1.0):
            return negate(x)
        case t.Unary("-", a), t.Unary("-", b):
            return multiply(a, b)
        case t.Unary("-", a), t.Number(value):
            return multiply(a, t.Number(-value))
        case t.Number(value), t.Unary("-", b):
            return multiply(t.Number(-value), b)
        case t.Unary("-", a), _:
            return negate(multiply(a, y))
        case _, t.Unary("-", b):
            return negate(multiply(x, b))
        case _, t.Binary("/", t.Number(1.0), below):
            return divide(x, below)
        case t.Binary("/", t.Number(1.0), below), _:
            return divide(y, below)
    return fold("*", x, y)


def divide(x: t.Expr, y: t.Expr) -> t.Expr:
    """The quotient x / y."""
    match x, y:
        case _, t.Number(1.0):
            return x
        case t.Unary("-", a), t.Unary("-", b):
            return divide(a, b)
        case t.Unary("-", a), t.Number(value):
            return divide(a, t.Number(-value))
        case t.Unary("-", a), _:
            return negate(divide(a, y))
        case t.Number(value), t.Unary("-", b):
            return divide(t.Number(-value), b)
        case _, t.Unary("-", b):
            return negate(divide(x, b))
        case _, t.Binary("/", above, below):
            return divide(multiply(x, below), above)
        case t.Binary("/", _, t.Number(one)), t.Number(other) if not 1e-300 < abs(one * other) < 1e300:
            return t.Binary("/", x, y)
        case t.Binary("/", above, below), _:
            return divide(above, multiply(below, y))
    return fold("/", x, y)


def power(x: t.Expr, y: t.Expr) -> t.Expr:
    """The power x ^ y."""
    return x if y == ONE else fold("^", x, y)


def select(condition: t.Expr, then: t.Expr, otherwise: t.Expr) -> t.Expr:
    """`then` if the condition holds, else `otherwise`."""
    if then == otherwise:
        return then
    if isinstance(condition, t.Number):
        return then if condition.value != 0 else otherwise
    return t.Select(condition, then, otherwise)


def _call(call: t.Call) -> t.Expr:
    match call:
        case t.Call(function, (t.Number(value),)) if function in _EVALUATE:
            try:
                result = float(_EVALUATE[function](value))
            except (ArithmeticError, ValueError):
                return call
            return t.Number(result) if math.isfinite(result) else call
        case t.Call("exprel" | "exprelr", (t.Number(0.0),)):
            return ONE
    return call
