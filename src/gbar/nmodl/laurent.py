"""A normal form of expressions: Laurent polynomials over atoms (variables, exponentials, other calls)."""

from __future__ import annotations

from collections.abc import Hashable

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t

Monomial = frozenset[tuple[Hashable, int]]  # atoms with their powers
Poly = dict[Monomial, float]

UNIT: Monomial = frozenset()
MAX_TERMS = 32
MAX_POWER = 8
TOLERANCE = 1e-12


def times(one: Monomial, other: Monomial, power: int = 1) -> Monomial:
    """One * other^power."""
    powers = dict(one)
    for atom, exponent in other:
        powers[atom] = powers.get(atom, 0) + power * exponent
    return frozenset((atom, exponent) for atom, exponent in powers.items() if exponent)


def plus(one: Poly, other: Poly, factor: float = 1.0) -> Poly:
    """One + factor * other; what cancels to rounding is gone."""
    total = dict(one)
    for monomial, value in other.items():
        before = total.get(monomial, 0.0)
        after = before + factor * value
        if abs(after) <= TOLERANCE * max(abs(before), abs(value)):
            total.pop(monomial, None)
        else:
            total[monomial] = after
    return total


def product(one: Poly, other: Poly) -> Poly | None:
    """One * other, or None if that has too many terms."""
    if len(one) * len(other) > MAX_TERMS:
        return None
    total: Poly = {}
    for a, x in one.items():
        for b, y in other.items():
            total = plus(total, {times(a, b): x * y})
    return total


def proportion(one: Poly, other: Poly) -> tuple[Monomial, float] | None:
    """The term that times `other` gives `one`, or None."""
    if not one or len(one) != len(other):
        return None
    first, value = next(iter(other.items()))
    for monomial, coefficient in one.items():
        ratio, factor = times(monomial, first, -1), coefficient / value
        if all(
            abs(one.get(times(ratio, m), 0.0) - factor * c) <= TOLERANCE * abs(factor * c) for m, c in other.items()
        ):
            return ratio, factor
    return None


def close(one: Poly, other: Poly, tolerance: float) -> bool:
    """Whether every coefficient agrees within a relative `tolerance`."""
    return one.keys() == other.keys() and all(abs(one[m] - other[m]) <= tolerance * abs(one[m]) for m in one)


class NormalForms:
    """Normal forms of the expressions of one piece of straight-line code.

    Atoms are ("name", variable), (function, key of each argument) and ("inverse", key of a sum); `shown` is an
    expression of each, `arguments` the normal forms inside it.
    """

    def __init__(self) -> None:
        self.known: dict[str, Poly] = {}
        self.shown: dict[Hashable, t.Expr] = {}
        self.arguments: dict[Hashable, tuple[Poly, ...]] = {}

    def define(self, name: str, value: t.Expr) -> None:
        """Learn what a name stands for; one with too many terms, and a Select, stays an atom."""
        if not isinstance(value, t.Select):
            poly = self.of(value)
            if len(poly) <= MAX_TERMS // 2:
                self.known[name] = poly

    def of(self, expression: t.Expr) -> Poly:
        """The normal form of an expression."""
        match expression:
            case t.Number(value):
                return {UNIT: value} if value else {}
            case t.Name(name):
                return self.known[name] if name in self.known else self.atom(("name", name), expression)
            case t.Unary("-", operand):
                return {monomial: -value for monomial, value in self.of(operand).items()}
            case t.Binary("+" | "-" as op, left, right):
                return plus(self.of(left), self.of(right), 1.0 if op == "+" else -1.0)
            case t.Binary("*", left, right):
                found = product(self.of(left), self.of(right))
            case t.Binary("/", left, right):
                found = product(self.of(left), self.inverse(self.of(right), right))
            case t.Binary("^", base, t.Number(power)) if power == int(power) and 1 <= power <= MAX_POWER:
                found = self.power(self.of(base), int(power))
            case t.Call(function, arguments):
                return self.call(function, tuple(self.of(argument) for argument in arguments), expression)
            case _:
                found = None
        return found if found is not None else self.atom(("opaque", expression), expression)

    def atom(self, key: Hashable, shown: t.Expr, arguments: tuple[Poly, ...] = ()) -> Poly:
        """An atom alone."""
        self.shown.setdefault(key, shown)
        self.arguments.setdefault(key, arguments)
        return {frozenset({(key, 1)}): 1.0}

    def call(self, function: str, arguments: tuple[Poly, ...], shown: t.Expr | None = None) -> Poly:
        """A call of an intrinsic; exp and exprelr of 0 are 1."""
        if function in ("exp", "exprelr") and not arguments[0]:
            return {UNIT: 1.0}
        if shown is None:
            shown = t.Call(function, tuple(self.show(argument) for argument in arguments))
        return self.atom((function, *(_key(argument) for argument in arguments)), shown, arguments)

    def inverse(self, poly: Poly, shown: t.Expr) -> Poly:
        """1 / poly."""
        if len(poly) == 1:
            monomial, value = next(iter(poly.items()))
            return (
                {times(UNIT, monomial, -1): 1 / value} if abs(value) > 1e-300 else self.atom(("opaque", shown), shown)
            )
        return self.atom(("inverse", _key(poly)), s.divide(s.ONE, shown), (poly,))

    def power(self, poly: Poly, exponent: int) -> Poly | None:
        """Poly ^ exponent, or None if that has too many terms."""
        total: Poly | None = poly
        for _ in range(exponent - 1):
            total = None if total is None else product(total, poly)
        return total

    def show(self, poly: Poly) -> t.Expr:
        """An expression of a normal form."""
        total: t.Expr = s.ZERO
        for monomial, value in poly.items():
            total = s.add(total, self.term(monomial, value))
        return total

    def term(self, monomial: Monomial, value: float) -> t.Expr:
        """An expression of one term."""
        above: t.Expr = t.Number(value)
        below: t.Expr = s.ONE
        for atom, power in sorted(monomial, key=lambda item: str(item[0])):
            factor = self.shown[atom] if abs(power) == 1 else s.power(self.shown[atom], t.Number(float(abs(power))))
            above, below = (s.multiply(above, factor), below) if power > 0 else (above, s.multiply(below, factor))
        return s.divide(above, below)

    def replace(self, poly: Poly, atom: Hashable, value: Poly) -> Poly | None:
        """`poly` with an atom replaced by `value`, inside calls too; None where that has no finite normal form."""
        total: Poly = {}
        for monomial, coefficient in poly.items():
            part: Poly | None = {UNIT: coefficient}
            for factor, power in monomial:
                inner = value if factor == atom else self.inside(factor, atom, value)
                if inner is None or (power < 0 and len(inner) != 1):
                    return None
                if power < 0:
                    inner = self.inverse(inner, s.ONE)
                raised = self.power(inner, abs(power))
                part = None if part is None or raised is None else product(part, raised)
            if part is None:
                return None
            total = plus(total, part)
        return total

    def inside(self, factor: Hashable, atom: Hashable, value: Poly) -> Poly | None:
        """The atom `factor` with `atom` replaced in its arguments."""
        arguments = self.arguments.get(factor, ())
        if not arguments or not isinstance(factor, tuple):
            return {frozenset({(factor, 1)}): 1.0}
        changed = [self.replace(argument, atom, value) for argument in arguments]
        if any(argument is None for argument in changed):
            return None
        polys = tuple(argument for argument in changed if argument is not None)
        if polys == arguments:
            return {frozenset({(factor, 1)}): 1.0}
        if factor[0] == "inverse":
            return self.inverse(polys[0], self.show(polys[0])) if polys[0] else None
        return self.call(str(factor[0]), polys)


def _key(poly: Poly) -> Hashable:
    """What two equal normal forms share, rounding apart."""
    return frozenset((monomial, float(f"{value:.12g}")) for monomial, value in poly.items())
