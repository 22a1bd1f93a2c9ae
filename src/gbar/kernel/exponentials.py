"""Pass: exponentials of the time loop as powers of two, and as powers of each other.

e^(k u + c) of the same u, whose slopes k are whole multiples of one slope, are whole powers of one exponential times
constants: the six rates of Hodgkin and Huxley need two exponentials instead of six. x / (e^x - 1) takes its e^x from
there too, and has its mirror image by x / (1 - e^-x) = e^x x / (e^x - 1). Every exponential that stays becomes one of
base 2, whose factor log2(e) is part of a constant slope. Powers are taken where they stay normal numbers however far
a voltage goes; an exponential is constant where it would leave that range.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gbar.kernel.graph import Graph, Level, Node, walk

LOG2E = 1.4426950408889634
HIGHEST = 8  # power: the relative error of a power grows with it
REACH = 300.0  # mV, how far a voltage goes from where an exponential is about 1
PARTS = 4  # a common slope is one of the slopes, or a half, a third, a quarter of one
LIMIT = {"float32": 102.0, "float64": 822.0}  # of exponents: of normal numbers, with room for what multiplies them
ROOM = {"float32": 24.0, "float64": 200.0}  # of exponents, for the constants by which powers are multiplied
SAME = 1e-15  # relative difference of slopes that are the same but for rounding
EXPONENTIAL, DIVISION = 10, 6  # costs, in multiplications


@dataclass(frozen=True, eq=False)
class _Term:
    """An exp or exprelr whose argument is slope * base + offset; slope and offset do not change in time."""

    node: Node
    base: Node
    slope: Node
    offset: Node

    @property
    def is_numeric(self) -> bool:
        """Whether slope and offset are known numbers."""
        return self.slope.number not in (None, 0.0) and self.offset.number is not None

    @property
    def k(self) -> float:
        """The slope as a number."""
        return self.slope.number or 0.0

    @property
    def c(self) -> float:
        """The offset as a number."""
        return self.offset.number or 0.0


@dataclass(frozen=True, eq=False)
class _Family:
    """Terms that are powers of 2^exponent: of each its power, and the logarithm of its constant factor.

    Without an exponent, it is that of the first.
    """

    exponent: Node | None
    limit: float  # of the exponent, so that the highest power is a normal number
    members: tuple[tuple[_Term, int, float], ...]


def share(graph: Graph, roots: Sequence[Node], voltages: Collection[Node], precision: str) -> list[Node]:
    """The roots with the exponentials of the time loop in base 2, and as few as are found of what is a voltage's."""
    return _Pass(graph, voltages, precision).run(roots)


class _Pass:
    def __init__(self, graph: Graph, voltages: Collection[Node], precision: str) -> None:
        self.graph, self.voltages = graph, voltages
        self.limit, self.room = LIMIT[precision], ROOM[precision]
        self.new: dict[Node, Node] = {}

    def run(self, roots: Sequence[Node]) -> list[Node]:
        order = walk(list(roots))
        found = {n: self.term(n) for n in order if n.level == Level.STEP and n.op in ("exp", "exprelr")}
        powers = {t.node: (family, n, c) for family in self.families(found.values()) for t, n, c in family.members}
        for node in order:
            self.new[node] = self.replaced(node, found.get(node), powers.get(node))
            if node in self.graph.hints:
                self.graph.hints.setdefault(self.new[node], self.graph.hints[node])
        return [self.new[root] for root in roots]

    # --- arguments ---

    def term(self, node: Node) -> _Term:
        return _Term(node, *self.affine(node.arguments[0]))

    def affine(self, x: Node) -> tuple[Node, Node, Node]:
        """An argument as (base, slope, offset)."""
        g = self.graph
        if x.op == "neg":
            base, slope, offset = self.affine(x.arguments[0])
            return base, g.negate(slope), g.negate(offset)
        if x.op in ("+", "-", "*"):
            left, right = x.arguments
            if right.level == Level.FIXED and x.op != "*":
                base, slope, offset = self.affine(left)
                return base, slope, (g.add if x.op == "+" else g.subtract)(offset, right)
            if left.level == Level.FIXED:
                base, slope, offset = self.affine(right)
                if x.op == "*":
                    return base, g.multiply(left, slope), g.multiply(left, offset)
                if x.op == "+":
                    return base, slope, g.add(left, offset)
                return base, g.negate(slope), g.subtract(left, offset)
            if x.op == "*" and right.level == Level.FIXED:
                base, slope, offset = self.affine(left)
                return base, g.multiply(right, slope), g.multiply(right, offset)
        return x, g.number(1.0), g.number(0.0)

    # --- which are powers of which ---

    def families(self, terms: Iterable[_Term]) -> list[_Family]:
        by_base: dict[Node, list[_Term]] = {}
        for term in terms:
            if term.base in self.voltages:
                by_base.setdefault(term.base, []).append(term)
        families = []
        for alike in by_base.values():
            numeric = [term for term in alike if term.is_numeric]
            while best := max((self.family(numeric, slope) for slope in _slopes(numeric)), key=_gain, default=None):
                if _gain(best) <= 0:
                    break
                families.append(best)
                taken = {term for term, *_ in best.members}
                numeric = [term for term in numeric if term not in taken]
            families += self.mirrored([term for term in alike if not term.is_numeric])
        return families

    def family(self, terms: Sequence[_Term], slope: float) -> _Family:
        """The terms whose slopes are multiples of a slope, but for those too far from the others."""
        members = [(term, n) for term in terms if (n := self.power(term, slope)) is not None]
        centre = 0.0
        while members:
            centre = min((-term.c / term.k for term, _ in members), key=lambda u: max(_apart(t, u) for t, _ in members))
            far = max(members, key=lambda member: _apart(member[0], centre))
            if _apart(far[0], centre) * LOG2E < self.room:
                break
            members.remove(far)
        if not members:
            return _Family(None, 0.0, ())
        g = self.graph
        exponent = g.multiply(g.number(slope * LOG2E), members[0][0].base)
        exponent = g.add(exponent, g.number(-slope * LOG2E * centre))
        limit = self.limit / max(abs(n) for _, n in members)
        return _Family(exponent, limit, tuple((term, n, term.k * centre + term.c) for term, n in members))

    def power(self, term: _Term, slope: float) -> int | None:
        """How many times a term's slope is another, where that is a whole number and its power stays normal."""
        n = round(term.k / slope)
        if not 0 < abs(n) <= HIGHEST or abs(term.k / slope - n) > SAME * abs(n):
            return None
        return n if abs(n) == 1 or abs(term.k) * REACH * LOG2E <= self.limit else None

    def mirrored(self, terms: list[_Term]) -> list[_Family]:
        """Terms of the same argument, or of its negative, that are known when the cell is."""
        families, g = [], self.graph
        while terms:
            first, *rest = terms
            opposite = g.negate(first.slope), g.negate(first.offset)
            alike = [(t, 1, 0.0) for t in rest if (t.slope, t.offset) == (first.slope, first.offset)]
            alike += [(t, -1, 0.0) for t in rest if (t.slope, t.offset) == opposite]
            if alike:
                families.append(_Family(None, self.limit, ((first, 1, 0.0), *alike)))
            taken = {first, *(term for term, *_ in alike)}
            terms = [term for term in terms if term not in taken]
        return families

    # --- what they become ---

    def exponent(self, term: _Term) -> Node:
        """The exponent of two that is the argument of a term."""
        g, factor = self.graph, self.graph.number(LOG2E)
        if not term.is_numeric:
            return g.multiply(factor, self.argument(term))
        scaled = g.multiply(g.multiply(factor, term.slope), self.new[term.base])
        return g.add(scaled, g.multiply(factor, term.offset))

    def argument(self, term: _Term) -> Node:
        """The argument of a term; as it is written where a slope may turn out to be infinite, of no width."""
        if not term.is_numeric:
            return self.new[term.node.arguments[0]]
        return self.graph.add(self.graph.multiply(term.slope, self.new[term.base]), term.offset)

    def power_of_two(self, exponent: Node, limit: float) -> Node:
        return self.graph.apply("exp2", exponent, self.graph.number(limit))

    def replaced(self, node: Node, term: _Term | None, power: tuple[_Family, int, float] | None) -> Node:
        """What stands for a node whose arguments have been replaced."""
        if node.level < Level.STEP or not node.arguments:
            return node
        if term is not None:
            return self.raised(term, *power) if power else self.alone(term)
        arguments = tuple(self.new[a] for a in node.arguments)
        if node.op == "/" and (logistic := self.logistic(*arguments)) is not None:
            return logistic
        if arguments == node.arguments:
            return node
        return self.graph.multiply(*arguments) if node.op == "*" else self.graph.apply(node.op, *arguments)

    def alone(self, term: _Term) -> Node:
        e = self.power_of_two(self.exponent(term), self.limit)
        return e if term.node.op == "exp" else self.graph.apply("exprelr_by", self.argument(term), e)

    def raised(self, term: _Term, family: _Family, n: int, constant: float) -> Node:
        """A term as a power of its family's exponential."""
        g = self.graph
        own = family.exponent
        exponent = self.exponent(family.members[0][0]) if own is None else self.renewed(own)
        power = g.whole_power(self.power_of_two(exponent, family.limit), abs(n))
        if term.node.op == "exp":
            factor = g.number(math.exp(constant))
            return g.multiply(factor, power) if n > 0 else g.divide(factor, power)
        e = g.multiply(g.number(math.exp(constant if n > 0 else -constant)), power)
        x = self.argument(term)
        if n > 0:
            return g.apply("exprelr_by", x, e)
        return g.multiply(e, g.apply("exprelr_by", g.negate(x), e))

    def renewed(self, exponent: Node) -> Node:
        """An exponent, affine in a base that may have been replaced."""
        base, slope, offset = self.affine(exponent)
        return self.graph.add(self.graph.multiply(slope, self.new.get(base, base)), offset)

    def logistic(self, above: Node, below: Node) -> Node | None:
        """What a / (b + c / e) is with one division: a * (e / (b * e + c))."""
        g = self.graph
        if below.op != "+":
            return None
        for one, other in (below.arguments, below.arguments[::-1]):
            if other.op == "/" and other.arguments[0].level < Level.STEP and one.level < Level.STEP:
                c, e = other.arguments
                return g.multiply(above, g.divide(e, g.add(g.multiply(one, e), c)))
        return None


def _slopes(terms: Sequence[_Term]) -> list[float]:
    """Slopes of which those of the terms may be multiples."""
    sizes = dict.fromkeys(abs(term.k) / part for term in terms for part in range(1, PARTS + 1))
    return [sign * size for size in sizes for sign in (1, -1)]


def _apart(term: _Term, base: float) -> float:
    """How far from 0 a term's argument is."""
    return abs(term.k * base + term.c)


def _gain(family: _Family) -> float:
    """How many multiplications a family saves."""
    arguments = {(term.k, term.c) for term, *_ in family.members}
    chain = {abs(n) for _, n, _ in family.members}
    for n in sorted(chain, reverse=True):
        while n > 1:
            chain |= {n - n % 2, n // 2}
            n //= 2
    divisions = {n for term, n, _ in family.members if n < 0 and term.node.op == "exp"}
    return EXPONENTIAL * (len(arguments) - 1) - len(chain - {1}) - len(arguments) - DIVISION * len(divisions)
