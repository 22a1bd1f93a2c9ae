"""Pass: x/(exp(x) - 1) and its relatives, guarded by an IF or not -> r * exprelr(x), which is regular at x = 0.

A quotient N/D is such a relative if D = M * (exp(E) - 1) and N = r * E, whatever the thresholds, slopes and signs:
a*(v - th)/(1 - exp(-(v - th)/q)) has E = -(v - th)/q, M = -1, r = -a*q. As an identity it holds for every E, so nothing
but the rounding changes; what the file does about the singular point itself becomes unnecessary.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.laurent import TOLERANCE, UNIT, Monomial, NormalForms, Poly, close, proportion, times
from gbar.nmodl.walk import names

Line = t.Assign | t.Step
WINDOW = 1e-3  # the widest guard, in units of E or of what it tests, that is taken for one
AGREEMENT = 1e-6  # how well the limit written in the file must agree with the true one


def singular(code: Sequence[Line], finished: Collection[str] = ()) -> list[Line]:
    """Straight-line code with every removable singularity removed, but for the lines that assign `finished` names."""
    work = _Work()
    return [line if line.target in finished else work.line(line) for line in code]


@dataclass(frozen=True)
class _Factor:
    expression: t.Expr
    above: bool  # the fraction bar


@dataclass(frozen=True)
class _Exponential:
    """multiple * (exp(exponent) - 1), `shown` being an expression of the exponent."""

    multiple: tuple[Monomial, float]
    exponent: Poly
    shown: t.Expr


class _Work:
    def __init__(self) -> None:
        self.forms = NormalForms()
        self.definitions: dict[str, t.Expr] = {}
        self.varying = {"v"}

    def line(self, line: Line) -> Line:
        value = self.rewrite(line.value)
        if isinstance(value, t.Select):
            value = self.unguarded(value) or value
        if names(value) & self.varying:
            self.varying.add(line.target)
        if isinstance(line, t.Step):
            return t.Step(line.target, line.state, value, line.at)
        self.definitions[line.target] = value
        self.forms.define(line.target, value)
        return t.Assign(line.target, value, line.at)

    # --- quotients

    def rewrite(self, expression: t.Expr) -> t.Expr:
        match expression:
            case t.Binary("/" | "*"):
                found = self.quotient(expression)
                if found is not None:
                    return found
                return t.Binary(
                    expression.op, self.rewrite(expression.left), self.rewrite(expression.right), expression.at
                )
            case t.Binary(op, left, right, at):
                return t.Binary(op, self.rewrite(left), self.rewrite(right), at)
            case t.Unary(op, operand, at):
                return t.Unary(op, self.rewrite(operand), at)
            case t.Call(function, arguments, at):
                return t.Call(function, tuple(self.rewrite(argument) for argument in arguments), at)
            case t.Select(condition, then, otherwise, at):
                return t.Select(self.rewrite(condition), self.rewrite(then), self.rewrite(otherwise), at)
        return expression

    def quotient(self, expression: t.Expr) -> t.Expr | None:
        factors, sign = _factors(expression)
        for below in factors:
            exponential = None if below.above else self.exponential(below.expression)
            if exponential is None:
                continue
            for chosen in (factors, self.opened(factors, below)):
                for above in chosen:
                    ratio = self.ratio(self.forms.of(above.expression), exponential.exponent) if above.above else None
                    if ratio is not None:
                        rest = [factor for factor in chosen if factor is not above and factor is not below]
                        return self.lowered(exponential, ratio, rest, sign)
        return None

    def opened(self, factors: list[_Factor], but: _Factor) -> list[_Factor]:
        """The factors with names above the bar that stand for products replaced by these products' factors."""
        out: list[_Factor] = []
        for factor in factors:
            inner = self.definitions.get(factor.expression.id) if isinstance(factor.expression, t.Name) else None
            if factor is but or not factor.above or not isinstance(inner, t.Binary) or inner.op not in "*/":
                out.append(factor)
                continue
            parts, sign = _factors(inner)
            out += parts if sign > 0 else [_Factor(t.Number(-1.0), True), *parts]
        return out

    def lowered(self, exponential: _Exponential, ratio: Poly, rest: list[_Factor], sign: int) -> t.Expr:
        monomial, value = exponential.multiple
        scale = {times(m, monomial, -1): sign * c / value for m, c in ratio.items()}
        above: t.Expr = self.forms.show(scale)
        below: t.Expr = s.ONE
        for factor in rest:
            inner = self.rewrite(factor.expression)
            above, below = (s.multiply(above, inner), below) if factor.above else (above, s.multiply(below, inner))
        return s.multiply(s.divide(above, below), t.Call("exprelr", (exponential.shown,)))

    def exponential(self, expression: t.Expr) -> _Exponential | None:
        """`expression` as M * (exp(E) - 1), or None."""
        terms = list(self.forms.of(expression).items())
        if len(terms) != 2:
            return None
        if any(_is_exp(atom) for atom, _ in terms[1][0]):
            terms.reverse()  # terms[1] is the one without exp, if there is one
        (one, x), (other, y) = terms
        ratio = times(one, other, -1)
        if not ratio or abs(x / y + 1) > TOLERANCE or not all(_is_exp(atom) for atom, _ in ratio):
            return None
        exponent: Poly = {}
        for atom, power in ratio:
            for monomial, value in self.forms.arguments[atom][0].items():
                exponent[monomial] = exponent.get(monomial, 0.0) + power * value
        exponent = {monomial: value for monomial, value in exponent.items() if value}
        if not exponent or not any(self.varies(atom) for monomial in exponent for atom, _ in monomial):
            return None
        return _Exponential((other, -y), exponent, self.exponent_shown(ratio, exponent))

    def exponent_shown(self, ratio: Monomial, exponent: Poly) -> t.Expr:
        """The exponent as the file writes it where it can be, for its rounding is the better one near 0."""
        if len(ratio) == 1:
            ((atom, power),) = ratio
            shown = self.forms.shown[atom]
            if abs(power) == 1 and isinstance(shown, t.Call):
                return shown.arguments[0] if power == 1 else s.negate(shown.arguments[0])
        return self.forms.show(exponent)

    def varies(self, atom: Hashable) -> bool:
        """Whether an atom depends on the voltage."""
        return atom in self.forms.shown and bool(names(self.forms.shown[atom]) & self.varying)

    def ratio(self, poly: Poly, exponent: Poly) -> Poly | None:
        """The quotient poly / exponent, if that is free of the singularity at exponent = 0."""
        if len(exponent) > 1:
            found = proportion(poly, exponent)
            return None if found is None else {found[0]: found[1]}
        ((divisor, value),) = exponent.items()
        quotient = {times(monomial, divisor, -1): c / value for monomial, c in poly.items()}
        vanishing = {atom for atom, power in divisor if power > 0 and self.varies(atom)}
        if not poly or any(power < 0 and atom in vanishing for monomial in quotient for atom, power in monomial):
            return None
        return quotient

    # --- guards

    def unguarded(self, select: t.Select) -> t.Expr | None:
        """The regular branch of `limit if near the singular point else relative`, if the limit is the right one."""
        for stable, limit, inside in ((select.otherwise, select.then, True), (select.then, select.otherwise, False)):
            regular = self.forms.of(stable)
            for exponent in self.exponents(regular):
                if not self.guards(select.condition, exponent, inside):
                    continue
                one, other = self.at_zero(regular, exponent), self.at_zero(self.forms.of(limit), exponent)
                if one is not None and other is not None and close(one, other, AGREEMENT):
                    return stable
        return None

    def exponents(self, poly: Poly) -> Iterator[Poly]:
        """The arguments of exprelr in a normal form."""
        for monomial in poly:
            for atom, _ in monomial:
                if isinstance(atom, tuple) and atom[0] == "exprelr":
                    yield self.forms.arguments[atom][0]

    def guards(self, condition: t.Expr, exponent: Poly, inside: bool) -> bool:
        """Whether a condition holds just near exponent = 0 (`inside`), or just away from it."""
        if isinstance(condition, t.Name):
            condition = self.definitions.get(condition.id, condition)
        if isinstance(condition, t.Unary) and condition.op == "!":
            return self.guards(condition.operand, exponent, not inside)
        if not isinstance(condition, t.Binary):
            return False
        op, left, right = condition.op, condition.left, condition.right
        if op in ("==", "!="):
            return (op == "==") == inside and self.window(t.Binary("-", left, right), exponent) is not None
        if op in (">", ">=", "<", "<=") and _is_fabs(right):
            op, left, right = op.translate(str.maketrans("<>", "><")), right, left
        if op not in (("<", "<=") if inside else (">", ">=")) or not _is_fabs(left):
            return False
        width, bound = self.window(left.arguments[0], exponent), self.forms.of(right)  # type: ignore[union-attr]
        return width is not None and bound.keys() <= {UNIT} and bound.get(UNIT, 0.0) * width <= WINDOW

    def window(self, tested: t.Expr, exponent: Poly) -> float | None:
        """How much the exponent changes with what is tested (1 if that is symbolic); None if not in proportion."""
        found = proportion(exponent, self.forms.of(tested))
        if found is None or any(self.varies(atom) for atom, _ in found[0]):
            return None
        return 1.0 if found[0] else abs(found[1])

    def at_zero(self, poly: Poly, exponent: Poly) -> Poly | None:
        """`poly` where the exponent is 0, which is solved for the voltage, or for a variable that occurs once."""
        candidates = [
            (atom, monomial)
            for monomial in exponent
            for atom, power in monomial
            if power == 1
            and isinstance(atom, tuple)
            and atom[0] == "name"
            and sum(atom == other for m in exponent for other, _ in m) == 1
        ]
        candidates.sort(key=lambda item: (item[0] != ("name", "v"), not self.varies(item[0]), str(item[0])))
        if not candidates:
            return None
        atom, monomial = candidates[0]
        factor = times(monomial, frozenset({(atom, 1)}), -1)
        value = {times(m, factor, -1): -c / exponent[monomial] for m, c in exponent.items() if m != monomial}
        return self.forms.replace(poly, atom, value)


def _is_exp(atom: Hashable) -> bool:
    return isinstance(atom, tuple) and atom[0] == "exp"


def _is_fabs(expression: t.Expr) -> bool:
    return isinstance(expression, t.Call) and expression.function == "fabs"


def _factors(expression: t.Expr, above: bool = True) -> tuple[list[_Factor], int]:
    """(the factors of a product of products and quotients, its sign)."""
    match expression:
        case t.Unary("-", operand):
            factors, sign = _factors(operand, above)
            return factors, -sign
        case t.Binary("*" | "/" as op, left, right):
            one, sign = _factors(left, above)
            other, turn = _factors(right, above == (op == "*"))
            return one + other, sign * turn
    return [_Factor(expression, above)], 1
