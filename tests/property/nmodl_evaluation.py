"""Two slow and independent ways to compute what a .mod file says: from its blocks, and from its tree as written."""

from __future__ import annotations

import math
import operator

from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t


def _exprel(x):
    return 1.0 if x == 0 else math.expm1(x) / x


def _exprelr(x):
    return 1.0 / _exprel(x)


def _dexprelr(x):
    if abs(x) < 1e-2:
        return -0.5 + x / 6 - x**3 / 180 + x**5 / 5040
    return 1 / math.expm1(x) - x * math.exp(x) / math.expm1(x) ** 2


NAMES = (
    "exp", "log", "log10", "sqrt", "fabs", "pow", "floor", "ceil", "sin", "cos", "tan", "asin", "acos", "atan", "atan2",
    "sinh", "cosh", "tanh", "expm1",
)  # fmt: skip
FUNCTIONS = {name: getattr(math, name) for name in NAMES} | {
    "exprel": _exprel, "exprelr": _exprelr, "dexprelr": _dexprelr
}  # fmt: skip

OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "^": math.pow,
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "&&": lambda x, y: x != 0 and y != 0, "||": lambda x, y: x != 0 or y != 0,
}  # fmt: skip


def evaluate(expression, values):
    """The value of an expression; NaN where Python refuses to compute (a branch that is not taken, mostly)."""
    match expression:
        case t.Number(value):
            return value
        case t.Name(name):
            return values[name]
        case t.Unary("-", operand):
            return -evaluate(operand, values)
        case t.Unary("!", operand):
            return float(evaluate(operand, values) == 0)
        case t.Select(condition, then, otherwise):
            return evaluate(then if evaluate(condition, values) else otherwise, values)
        case t.Binary(op, left, right):
            function, arguments = OPERATORS[op], (left, right)
        case t.Call(name, arguments):
            function = FUNCTIONS[name]
    try:
        return float(function(*(evaluate(argument, values) for argument in arguments)))
    except (ArithmeticError, ValueError):
        return math.nan


def run_block(block, values):
    """The results of a block."""
    values = dict(values)
    for line in block.code:
        assert line.target not in values, f"{line.target} is assigned twice or shadows an input"
        values[line.target] = evaluate(line.value, values)
    return {name: evaluate(value, values) for name, value in block.results}


class Interpreter:
    """Runs statements of a tree as they are written: calls, locals and branches included."""

    def __init__(self, tree, values, implicit=False):
        self.routines = {block.name: block for block in tree.blocks if isinstance(block, b.Routine)}
        self.values = values
        self.implicit = implicit

    def body(self, body, local):
        local = dict(local)
        own = set()
        for statement in body:
            match statement:
                case t.Local(names):
                    local |= dict.fromkeys(names, 0.0)
                    own |= set(names)
                case t.Assign(target, value):
                    found = self.expression(value, local)
                    if target in local:
                        local[target] = found
                    else:
                        self.values[target] = found
                case t.Differential(state, value):
                    self.values[state] = self.step(state, value, local)
                case t.If(condition, then, otherwise):
                    inner = self.body(then if self.expression(condition, local) else otherwise, local)
                    local |= {name: inner[name] for name in local}
                case t.CallStatement(call):
                    self.expression(call, local)
                case t.Loop(variable, first, last, step):
                    first, last, step = (int(self.expression(bound, local)) for bound in (first, last, step))
                    for k in range(first, last + 1, step):
                        inner = self.body(statement.body, local | {variable: float(k)})
                        local |= {name: inner[name] for name in local}
        return local

    def step(self, state, value, local):
        """As NEURON's cnexp, or derivimplicit: the right-hand side is a + b*state, all else held as it is."""
        before = self.values[state]
        self.values[state] = 0.0
        a = self.expression(value, local)
        self.values[state] = 1.0
        b = self.expression(value, local) - a
        self.values[state] = before
        if self.implicit:
            return (before + self.values["dt"] * a) / (1 - self.values["dt"] * b)
        return (
            before + self.values["dt"] * a if b == 0 else before - math.expm1(b * self.values["dt"]) * (-a / b - before)
        )

    def expression(self, expression, local):
        match expression:
            case t.Call(function, arguments) if function in self.routines:
                routine = self.routines[function]
                given = [self.expression(argument, local) for argument in arguments]
                inner = dict(zip([argument.name for argument in routine.arguments], given, strict=True))
                if routine.kind == "FUNCTION":
                    inner[function] = 0.0
                return self.body(routine.body, inner).get(function, 0.0)
            case t.Call(function, arguments):
                numbers = tuple(t.Number(self.expression(argument, local)) for argument in arguments)
                return evaluate(t.Call(function, numbers), {})
            case t.Binary(op, left, right):
                pair = t.Number(self.expression(left, local)), t.Number(self.expression(right, local))
                return evaluate(t.Binary(op, *pair), {})
            case t.Unary(op, operand):
                return evaluate(t.Unary(op, t.Number(self.expression(operand, local))), {})
            case t.Name(name):
                return local[name] if name in local else self.values[name]
            case t.Number(value):
                return value
