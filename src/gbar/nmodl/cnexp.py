"""Pass: `Step`s solved as NEURON's cnexp does, exactly where the equation is affine in its own state.

Whether it is, NEURON's translator decides by what is written (nocmodl: diffeq.ypp, deriv.cpp): a state inside of a call
or below a fraction bar makes the whole block one for derivimplicit, even if a FUNCTION is affine in it; what was
computed from the state before counts as a constant; and of a polynomial it notices too late that it is not affine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from gbar.errors import NmodlError
from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.walk import names


class _NotAffine(Exception):
    """An expression is not affine in the state."""


class Kind(Enum):
    """What NEURON's cnexp makes of an equation."""

    AFFINE = "affine"
    POLYNOMIAL = "polynomial"  # of higher degree; NEURON's formula then is `polynomial`
    OTHER = "other"  # the whole block is solved by derivimplicit


def kind(expression: t.Expr, state: str) -> Kind:
    """How `state' = expression` is solved."""
    try:
        form = _written(expression, state)
    except _NotAffine:
        return Kind.OTHER
    return Kind.AFFINE if form.solvable else Kind.POLYNOMIAL


def polynomial(expression: t.Expr, state: str) -> t.Expr:
    """What NEURON 9 makes of a state whose equation is a polynomial: x exp(dt f'(x)), which leaves f(0) out."""
    x = t.Name(state)
    return s.add(x, s.multiply(t.Call("expm1", (s.multiply(t.Name("dt"), _written(expression, state).slope),)), x))


@dataclass(frozen=True)
class _Written:
    """An expression as diffeq.ypp sees it: its derivative, and whether it has parts with and without the state."""

    slope: t.Expr
    factor: bool
    rest: bool
    solvable: bool = True


def _written(e: t.Expr, state: str) -> _Written:
    match e:
        case t.Name(name):
            return _Written(s.ONE, True, False) if name == state else _Written(s.ZERO, False, True)
        case t.Number(value):
            return _Written(s.ZERO, False, value != 0)
        case t.Unary("-", operand):
            form = _written(operand, state)
            return _Written(s.negate(form.slope), form.factor, form.rest, form.solvable)
        case t.Binary("+" | "-" | "*" | "/" as op, left, right):
            one, other = _written(left, state), _written(right, state)
            solvable = one.solvable and other.solvable
            if op in "+-":
                slope = (s.add if op == "+" else s.subtract)(one.slope, other.slope)
                return _Written(slope, one.factor or other.factor, one.rest or other.rest, solvable)
            if op == "/":
                if other.slope != s.ZERO:
                    raise _NotAffine
                slope = s.ZERO if one.slope == s.ZERO else s.divide(one.slope, right)
                return _Written(slope, one.factor, one.rest, solvable)
            slope = s.add(_times(one.slope, right), _times(other.slope, left))
            both = one.factor and other.factor
            factor = not both and ((one.factor and other.rest) or (other.factor and one.rest))
            return _Written(slope, factor, one.rest and other.rest, solvable and not both)
        case t.Call(_, arguments):
            if any(_written(argument, state).slope != s.ZERO for argument in arguments):
                raise _NotAffine
            return _Written(s.ZERO, False, True)
        case t.Binary("^", left, right):
            return _written(t.Call("pow", (left, right)), state)
    raise _NotAffine


def _times(slope: t.Expr, other: t.Expr) -> t.Expr:
    return s.ZERO if slope == s.ZERO else s.multiply(slope, other)


@dataclass(frozen=True)
class Affine:
    """scale * (constant + factor * state), scale and both others free of the state; `factor` None is 0."""

    scale: t.Expr
    constant: t.Expr
    factor: t.Expr | None


def cnexp(code: Sequence[t.Assign | t.Step], file: str = "") -> tuple[t.Assign, ...]:
    """The code with every Step solved. Raises NmodlError for an equation that is not affine in its state.

    state' = a + b*state becomes state + dt * (a + b*state) * exprel(b*dt), exprel(x) = (exp(x) - 1) / x: a state that
    hardly moves keeps its place in float32 too, and nothing is divided by b; state' = a becomes state + dt * a.
    Variables keep their values during the step, as in NEURON, even those that were computed from the state.
    """
    solved: list[t.Assign] = []
    for line in code:
        if isinstance(line, t.Assign):
            solved.append(line)
            continue
        try:
            form = _Forms(line.state).of(line.value)
        except _NotAffine:
            base = line.target.rpartition("_")[0] or line.target
            raise NmodlError(
                f"{base}' is not affine in {base}",
                file=file,
                line=line.at.line,
                column=line.at.column,
                remedy=f"METHOD cnexp needs {base}' = a - b*{base} with a and b free of {base}",
            ) from None
        solved.append(t.Assign(line.target, _advance(line, form), line.at))
    return tuple(solved)


def _advance(line: t.Step, form: Affine) -> t.Expr:
    state, time = t.Name(line.state), s.multiply(t.Name("dt"), form.scale)
    if form.factor is None or form.factor == s.ZERO:
        return s.add(state, s.multiply(time, form.constant))
    change = s.multiply(time, s.add(form.constant, s.multiply(form.factor, state)))
    return s.add(state, s.multiply(change, t.Call("exprel", (s.multiply(time, form.factor),))))


class _Forms:
    """Finds the affine forms of expressions in one state."""

    def __init__(self, state: str) -> None:
        self.state = state

    def of(self, expression: t.Expr) -> Affine:
        """The form of an expression. Raises _NotAffine."""
        match expression:
            case t.Name(name):
                return Affine(s.ONE, s.ZERO, s.ONE) if name == self.state else Affine(s.ONE, expression, None)
            case t.Number():
                return Affine(s.ONE, expression, None)
            case t.Unary("-", operand):
                form = self.of(operand)
                return Affine(
                    form.scale, s.negate(form.constant), None if form.factor is None else s.negate(form.factor)
                )
            case t.Binary("+" | "-" as op, left, right):
                other = self.of(right)
                return _sum(self.of(left), other if op == "+" else self.of(t.Unary("-", right)))
            case t.Binary("*", left, right):
                return _product(self.of(left), self.of(right))
            case t.Binary("/", left, right):
                one, other = self.of(left), self.of(right)
                if other.factor is not None:
                    raise _NotAffine
                return Affine(s.divide(one.scale, _value(other)), one.constant, one.factor)
            case t.Select(condition, then, otherwise):
                self.free(condition)
                one, other = self.of(then), self.of(otherwise)
                if one.factor is None and other.factor is None:
                    return Affine(s.ONE, expression, None)
                return Affine(
                    s.ONE,
                    s.select(condition, s.multiply(one.scale, one.constant), s.multiply(other.scale, other.constant)),
                    s.select(condition, _slope(one), _slope(other)),
                )
        self.free(expression)
        return Affine(s.ONE, expression, None)

    def free(self, expression: t.Expr) -> None:
        """Raises _NotAffine if an expression depends on the state."""
        if self.state in names(expression):
            raise _NotAffine


def _value(form: Affine) -> t.Expr:
    return s.ZERO if form.constant == s.ZERO else s.multiply(form.scale, form.constant)


def _slope(form: Affine) -> t.Expr:
    return s.ZERO if form.factor is None else s.multiply(form.scale, form.factor)


def _sum(one: Affine, other: Affine) -> Affine:
    if one.factor is None and other.factor is None:
        return Affine(s.ONE, s.add(_value(one), _value(other)), None)
    if one.scale != other.scale:
        one, other = (
            Affine(s.ONE, _value(form), None if form.factor is None else _slope(form)) for form in (one, other)
        )
    factors = [form.factor for form in (one, other) if form.factor is not None]
    factor = factors[0] if len(factors) == 1 else s.add(factors[0], factors[1])
    return Affine(one.scale, s.add(one.constant, other.constant), factor)


def _product(one: Affine, other: Affine) -> Affine:
    if one.factor is not None and other.factor is not None:
        raise _NotAffine
    if one.factor is not None:
        one, other = other, one
    if other.factor is None:
        return Affine(s.ONE, s.multiply(_value(one), _value(other)), None)
    return Affine(s.multiply(_value(one), other.scale), other.constant, other.factor)
