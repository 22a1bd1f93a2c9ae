"""Arithmetic as a graph in which every value exists once, and knows how often it has to be computed.

Building a node simplifies it: constants fold, sums and products lose their neutral elements, quotients of quotients
become one division, what does not change in time is gathered so that it can be computed before the time loop.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Container
from dataclasses import dataclass
from enum import IntEnum

from gbar.errors import InternalError
from gbar.nmodl.intrinsics import EXP_HIGH, EXP_LOW


class Level(IntEnum):
    """How often a value is computed."""

    FIXED = 0  # once
    LANE = 1  # once for every parameter set
    STEP = 2  # in every time step


@dataclass(frozen=True, eq=False)
class Node:
    """A value: `op` applied to `arguments`; `label` is the literal, the index or the name of a leaf."""

    op: str
    arguments: tuple[Node, ...]
    label: float | int | str | None
    level: Level

    @property
    def number(self) -> float | None:
        """The value of a literal, else None."""
        return float(self.label) if self.op == "number" and self.label is not None else None


COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
LOGIC = frozenset({"&&", "||", "!"})
CONDITIONS = frozenset(COMPARISONS) | LOGIC


class Graph:
    """Makes nodes; the same node for the same value."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[object, ...], Node] = {}
        self.hints: dict[Node, str] = {}

    def leaf(self, op: str, level: Level, label: float | int | str | None = None) -> Node:
        """A value that comes from outside."""
        return self._node(op, (), label, level)

    def number(self, value: float) -> Node:
        """A literal."""
        return self._node("number", (), float(value), Level.FIXED)

    def _node(self, op: str, arguments: tuple[Node, ...], label: float | int | str | None, level: Level) -> Node:
        key = (op, label.hex() if isinstance(label, float) else label, *map(id, arguments))
        if key not in self._nodes:
            self._nodes[key] = Node(op, arguments, label, level)
        return self._nodes[key]

    def apply(self, op: str, *arguments: Node) -> Node:
        """`op` of the arguments, as it stands."""
        return self._node(op, arguments, None, max(a.level for a in arguments))

    def fold(self, operation: Callable[[float, float], float], a: Node, b: Node) -> Node | None:
        """The literal that two literals make, if it is finite."""
        if a.number is None or b.number is None:
            return None
        try:
            value = operation(a.number, b.number)
        except ArithmeticError:
            return None
        return self.number(value) if math.isfinite(value) else None

    def add(self, a: Node, b: Node) -> Node:
        """The sum a + b."""
        if folded := self.fold(operator.add, a, b):
            return folded
        if a.number == 0.0:
            return b
        if b.number == 0.0:
            return a
        if b.op == "neg":
            return self.subtract(a, b.arguments[0])
        if a.op == "neg":
            return self.subtract(b, a.arguments[0])
        if b.number == -1.0 and a.op == "exp":
            return self.call("expm1", a.arguments[0])
        return self.apply("+", a, b)

    def subtract(self, a: Node, b: Node) -> Node:
        """The difference a - b; 1 - exp(x) as an expm1."""
        if folded := self.fold(operator.sub, a, b):
            return folded
        if b.number == 0.0:
            return a
        if a.number == 0.0:
            return self.negate(b)
        if b.op == "neg":
            return self.add(a, b.arguments[0])
        if a.number == 1.0 and b.op == "exp":
            return self.negate(self.call("expm1", b.arguments[0]))
        if b.number == 1.0 and a.op == "exp":
            return self.call("expm1", a.arguments[0])
        return self.apply("-", a, b)

    def negate(self, a: Node) -> Node:
        """-a."""
        if a.number is not None:
            return self.number(-a.number)
        if a.op == "neg":
            return a.arguments[0]
        if a.op == "-":
            return self.subtract(a.arguments[1], a.arguments[0])
        if a.op == "*":
            for x, y in (a.arguments, a.arguments[::-1]):
                if x.number is not None:
                    return self.multiply(self.number(-x.number), y)
        return self.apply("neg", a)

    def multiply(self, a: Node, b: Node) -> Node:
        """The product a * b; factors that do not change in time are multiplied with each other first."""
        if folded := self.fold(operator.mul, a, b):
            return folded
        for x, y in ((a, b), (b, a)):
            if x.number == 1.0:
                return y
            if x.number == -1.0:
                return self.negate(y)
            if x.op == "neg":
                return self.negate(self.multiply(x.arguments[0], y))
        for x, y in ((a, b), (b, a)):
            if x.level < y.level and y.op == "*":
                for left, right in (y.arguments, y.arguments[::-1]):
                    if left.level < y.level:
                        return self.multiply(self.multiply(x, left), right)
            if y.op == "/" and y.arguments[0].number == 1.0 and x.number is None and y.level >= x.level:
                return self.divide(x, y.arguments[1])
        for x, y in ((a, b), (b, a)):
            if (shorter := self._cancelled(x, y)) is not None:
                return shorter
        return self.apply("*", a, b)

    def _cancelled(self, x: Node, y: Node) -> Node | None:
        """The product x * y if a division in y, or below a sum that y is, cancels with a factor of x; else None."""
        if y.op == "/" and (rest := self._without(x, y.arguments[1])) is not None:
            return self.multiply(rest, y.arguments[0])
        if y.op in ("+", "-") and any(
            part.op == "/" and self._without(x, part.arguments[1]) is not None for part in y.arguments
        ):
            left, right = (self.multiply(x, part) for part in y.arguments)
            return self.add(left, right) if y.op == "+" else self.subtract(left, right)
        return None

    def _without(self, x: Node, factor: Node) -> Node | None:
        """The product x without one of its factors; None if it is none."""
        if x is factor:
            return self.number(1.0)
        if x.op == "*":
            for one, other in (x.arguments, x.arguments[::-1]):
                if (rest := self._without(one, factor)) is not None:
                    return self.multiply(rest, other)
        return None

    def divide(self, a: Node, b: Node) -> Node:
        """The quotient a / b with as few divisions in the time loop as may be."""
        if folded := self.fold(operator.truediv, a, b):
            return folded
        if b.number == 1.0:
            return a
        if a.op == "neg" or b.op == "neg":
            flipped = (a.op == "neg") != (b.op == "neg")
            bare = self.divide(*(x.arguments[0] if x.op == "neg" else x for x in (a, b)))
            return self.negate(bare) if flipped else bare
        if a.op == "/" and b.op == "/" and a.arguments[1] is b.arguments[1]:
            return self.divide(a.arguments[0], b.arguments[0])
        if a.op == "*" and b in a.arguments and b.number is None:
            return a.arguments[1] if a.arguments[0] is b else a.arguments[0]
        if b.op == "/":
            return self.divide(self.multiply(a, b.arguments[1]), b.arguments[0])
        if b.level < a.level:
            return self.multiply(self._reciprocal(b), a)
        if a.op == "/" and a.level == Level.STEP:
            return self.divide(a.arguments[0], self.multiply(a.arguments[1], b))
        return self.apply("/", a, b)

    def _reciprocal(self, b: Node) -> Node:
        one = self.number(1.0)
        return self.fold(operator.truediv, one, b) or self.apply("/", one, b)

    def power(self, a: Node, b: Node) -> Node:
        """The power a ^ b; whole powers as products."""
        exponent = b.number
        if a.number is not None and a.number > 0 and (folded := self.fold(math.pow, a, b)):
            return folded
        if exponent is not None and exponent == int(exponent) and 0 < abs(exponent) <= 16:
            positive = self.whole_power(a, int(abs(exponent)))
            return positive if exponent > 0 else self.divide(self.number(1.0), positive)
        if exponent == 0.0:
            return self.number(1.0)
        if exponent == 0.5:
            return self.call("sqrt", a)
        if max(a.level, b.level) == Level.STEP and a.number is not None and a.number > 0:
            return self.call("exp", self.multiply(self.number(math.log(a.number)), b))
        return self.apply("pow", a, b)

    def whole_power(self, a: Node, n: int) -> Node:
        """The power a ^ n for n > 0 as products."""
        if n == 1:
            return a
        half = self.whole_power(a, n // 2)
        square = self.multiply(half, half)
        return self.multiply(square, a) if n % 2 else square

    def compare(self, op: str, a: Node, b: Node) -> Node:
        """A condition: a comparison, or && and || of conditions."""
        if op in COMPARISONS:
            return self.apply(op, a, b)
        return self.apply(op, self.condition(a), self.condition(b))

    def condition(self, a: Node) -> Node:
        """A number taken as a condition: true unless zero."""
        return a if a.op in CONDITIONS else self.apply("!=", a, self.number(0.0))

    def select(self, condition: Node, then: Node, otherwise: Node) -> Node:
        """`then` where the condition holds, else `otherwise`."""
        if then is otherwise:
            return then
        return self.apply("select", self.condition(condition), then, otherwise)

    def call(self, function: str, *arguments: Node) -> Node:
        """An intrinsic."""
        x = arguments[0]
        if function == "pow":
            return self.power(*arguments)
        if function == "log10":
            return self.multiply(self.number(1.0 / math.log(10.0)), self.call("log", x))
        if function == "exp" and x.number is not None:
            return self.number(math.exp(min(max(x.number, EXP_LOW), EXP_HIGH)))
        if function == "tanh" and x.level == Level.STEP:
            e = self.call("expm1", self.multiply(self.number(2.0), x))
            return self.divide(e, self.add(e, self.number(2.0)))
        if function not in INTRINSICS:
            raise InternalError(f"no code for the intrinsic {function}")
        return self.apply(function, *arguments)


INTRINSICS = frozenset(
    {"exp", "expm1", "exprel", "exprelr", "dexprelr", "log", "sqrt", "fabs", "sin", "cos", "tan", "tanh"}
    | {"sinh", "cosh", "asin", "acos", "atan", "atan2", "floor", "ceil", "fmod"}
)


def walk(roots: list[Node], known: Container[Node] = ()) -> list[Node]:
    """All nodes below the roots, arguments before what they make; nothing below what is known."""
    order: dict[Node, None] = {}
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if node in order:
            continue
        if ready or node in known:
            order[node] = None
        else:
            stack.append((node, True))
            stack.extend((argument, False) for argument in reversed(node.arguments))
    return list(order)
