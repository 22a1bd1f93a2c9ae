"""Pass: `Step`s solved as NEURON's cnexp does, exactly where the equation is affine in its own state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gbar.errors import NmodlError
from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.walk import names


@dataclass(frozen=True)
class Affine:
    """scale * (constant + factor * state), scale and both others free of the state; `factor` None is 0."""

    scale: t.Expr
    constant: t.Expr
    factor: t.Expr | None


class _NotAffine(Exception):
    """An expression is not affine in the state."""


def cnexp(
    code: Sequence[t.Assign | t.Step], fresh: Fresh, file: str = ""
) -> tuple[tuple[t.Assign, ...], tuple[str, ...]]:
    """The code with every Step solved, and warnings.

    Raises NmodlError for an equation that is not affine in its state.

    state' = rate * (target - state) becomes state - expm1(-rate*dt) * (target - state), in which a state that hardly
    moves keeps its place in float32 too; state' = a becomes state + dt * a. Variables keep their values during the
    step, as in NEURON, even those that were computed from the state; what FUNCTIONs make of the state is followed.
    """
    solved: list[t.Assign] = []
    warnings: list[str] = []
    for line in code:
        if isinstance(line, t.Assign):
            solved.append(line)
            continue
        forms = _Forms(line.state, fresh)
        try:
            added = forms.through(solved)
            form = forms.of(line.value)
        except _NotAffine:
            raise NmodlError(
                f"{_base(line)}' is not affine in {_base(line)}",
                file=file,
                line=line.at.line,
                column=line.at.column,
                remedy=f"METHOD cnexp needs {_base(line)}' = a - b*{_base(line)} with a and b free of {_base(line)}",
            ) from None
        if any(name in forms.known and forms.known[name].factor is not None for name in names(line.value)):
            warnings.append(
                f"{file}:{line.at.line}:{line.at.column}: {_base(line)}' depends on {_base(line)} through a FUNCTION, "
                "where NEURON falls back to derivimplicit; gbar solves it as cnexp"
            )
        solved += added
        solved.append(t.Assign(line.target, _advance(line, form), line.at))
    return tuple(solved), tuple(warnings)


def _base(line: t.Step) -> str:
    return line.target.rpartition("_")[0] or line.target


def _advance(line: t.Step, form: Affine) -> t.Expr:
    state, dt = t.Name(line.state), t.Name("dt")
    if form.factor is None or form.factor == s.ZERO:
        return s.add(state, s.multiply(dt, s.multiply(form.scale, form.constant)))
    decay = s.negate(form.factor)
    target = s.divide(form.constant, decay)
    exponent = s.multiply(s.multiply(s.negate(decay), form.scale), dt)
    return s.subtract(state, s.multiply(t.Call("expm1", (exponent,)), s.subtract(target, state)))


class _Forms:
    """Finds the affine forms of expressions in one state."""

    def __init__(self, state: str, fresh: Fresh) -> None:
        self.state, self.fresh = state, fresh
        self.known: dict[str, Affine] = {}
        self.bent: set[str] = set()  # names that are not affine in the state

    def through(self, code: Sequence[t.Assign]) -> list[t.Assign]:
        """Learn the forms of what FUNCTIONs made of the state; returns code that names their parts."""
        added: list[t.Assign] = []
        for line in code:
            if not self.fresh.is_part(line.target):
                continue
            if not names(line.value) & (self.known.keys() | self.bent | {self.state}):
                continue
            try:
                form = self.of(line.value)
            except _NotAffine:
                self.bent.add(line.target)
                continue
            parts = []
            for part in (form.scale, form.constant, form.factor):
                if part is not None and not isinstance(part, t.Name | t.Number):
                    name = self.fresh(line.target)
                    added.append(t.Assign(name, part, line.at))
                    part = t.Name(name)
                parts.append(part)
            self.known[line.target] = Affine(parts[0] or s.ONE, parts[1] or s.ZERO, parts[2])
        return added

    def of(self, expression: t.Expr) -> Affine:
        """The form of an expression. Raises _NotAffine."""
        match expression:
            case t.Name(name):
                if name == self.state:
                    return Affine(s.ONE, s.ZERO, s.ONE)
                if name in self.bent:
                    raise _NotAffine
                return self.known.get(name) or Affine(s.ONE, expression, None)
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
        dependent = {name for name, form in self.known.items() if form.factor is not None} | {self.state}
        if names(expression) & (dependent | self.bent):
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
