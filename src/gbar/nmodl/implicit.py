"""Newton's iteration as NEURON does it (scopmath, newton_thread.hpp): derivimplicit and NONLINEAR blocks.

Equations that are affine in the unknowns are solved by one elimination, which is where NEURON's iteration ends after
its first turn. Others repeat NEURON's turns with its own stopping rule, for what it leaves unsolved is part of the
answer: a turn ends the iteration where no unknown changes by more than 1e-6 of its value and every residual is below
1e-8; the Jacobian, by central differences over 2 % of an unknown, is computed anew where an unknown has changed by more
than 5 %. Code has no loops here: a fixed number of turns stands one after the other, and each leaves alone what is
solved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.elimination import Entries, Sparse, pivoted
from gbar.nmodl.evaluation import Evaluation
from gbar.nmodl.fresh import Fresh

CONVERGE = 1e-6  # relative change of an unknown
RESIDUAL = 1e-8  # in the unit of the equations
NEGLIGIBLE = 1e-8  # unknowns below this have no say in the change
RENEW = 0.05  # relative change that asks for a new Jacobian
INCREMENT, LEAST = 0.02, 1e-6  # of central differences: relative to the unknown, and at least


@dataclass(frozen=True)
class Equations:
    """0 = residual[i] for the unknowns `unknowns`, the arguments of `evaluation`.

    `first`, if not empty, is what the residuals are at the start of the iteration.
    """

    evaluation: Evaluation
    unknowns: tuple[str, ...]
    residuals: tuple[t.Expr, ...]
    first: tuple[t.Expr, ...] = ()


def turns(size: int) -> int:
    """How many turns of the iteration stand in the code: NEURON takes two to four where a step is small."""
    return 8 if size <= 2 else 6 if size <= 6 else 5


class Newton:
    """Solves equations from a start; `code` grows, `values` are the unknowns."""

    def __init__(self, equations: Equations, start: Sequence[t.Expr], fresh: Fresh, pivoting: bool = False) -> None:
        self.equations, self.fresh, self.pivoting = equations, fresh, pivoting
        self.size = len(equations.unknowns)
        self.values: list[t.Expr] = list(start)
        self.code: list[t.Assign] = []
        self._derive()
        self.code += equations.evaluation.once()

    def _derive(self) -> None:
        """The derivatives of the residuals, and for which of them NEURON's differences are not exact."""
        e = self.equations.evaluation
        known = e.slopes()
        self.slopes: dict[tuple[int, int], t.Expr] = {}
        for i, residual in enumerate(self.equations.residuals):
            for argument, slope in e.gradient(residual, known).items():
                self.slopes[i, self.equations.unknowns.index(argument)] = slope
        residuals = self.equations.residuals
        bends = any(e.jumps(part) for part in (*(line.value for line in e.behind(residuals)), *residuals))
        self.affine = not bends and not any(e.on(slope) for slope in self.slopes.values())
        self.rough = set() if self.affine else self._rough(bends)

    def _rough(self, bends: bool) -> set[tuple[int, int]]:
        """Where a residual is no polynomial of second degree, for which central differences are exact."""
        e, unknowns = self.equations.evaluation, self.equations.unknowns
        if bends:
            on = [e.on(residual) for residual in self.equations.residuals]
            return {(i, j) for i, found in enumerate(on) for j, unknown in enumerate(unknowns) if unknown in found}
        rough, curvature = set(), e.slopes()
        for (i, j), slope in self.slopes.items():
            if unknowns[j] in e.on(slope):
                second = e.gradient(slope, curvature).get(unknowns[j])
                if second is None or unknowns[j] in e.on(second):
                    rough.add((i, j))
        return rough

    def run(self, most: int | None = None) -> None:
        """Every turn."""
        residuals = self.evaluate(self.values, self.equations.first or self.equations.residuals)
        if self.affine:
            self._move(self._solution(self._jacobian(), residuals), None)
            return
        jacobian, active, renew = self._jacobian(), None, None
        count = most or turns(self.size)
        for turn in range(count):
            if renew is not None:
                newer = self._jacobian()
                jacobian = {
                    place: self._named("slope", s.select(renew, newer.get(place, s.ZERO), jacobian.get(place, s.ZERO)))
                    for place in newer.keys() | jacobian.keys()
                }
            delta = self._solution(jacobian, residuals)
            renew = self._test("||", [self._changed(x, d, RENEW) for x, d in zip(self.values, delta, strict=True)])
            moved = self._test("||", [self._changed(x, d, CONVERGE) for x, d in zip(self.values, delta, strict=True)])
            self._move(delta, active)
            if turn + 1 == count:
                break
            residuals = self.evaluate(self.values, self.equations.residuals)
            wrong = self._test(
                "||", [t.Binary(">", t.Call("fabs", (residual,)), t.Number(RESIDUAL)) for residual in residuals]
            )
            unsolved = t.Binary("||", moved, wrong)
            active = self._test("&&", [unsolved] if active is None else [active, unsolved])

    def evaluate(self, values: Sequence[t.Expr], wanted: Sequence[t.Expr]) -> list[t.Expr]:
        """Expressions where the unknowns have other values."""
        at = dict(zip(self.equations.unknowns, values, strict=True))
        code, found = self.equations.evaluation.at(at, wanted)
        self.code += code
        return [self._named("residual", value) for value in found]

    def _jacobian(self) -> dict[tuple[int, int], t.Expr]:
        """The derivatives at the present values, by NEURON's central differences where these are not exact."""
        smooth = [place for place in sorted(self.slopes) if place not in self.rough]
        entries = dict(zip(smooth, self.evaluate(self.values, [self.slopes[place] for place in smooth]), strict=True))
        for j in sorted({j for _, j in self.rough}):
            rows = [i for i, column in sorted(self.rough) if column == j]
            step = self._increment(self.values[j])
            sides = []
            for turn in (s.add, s.subtract):
                beside = list(self.values)
                beside[j] = self._named("beside", turn(self.values[j], step))
                sides.append(self.evaluate(beside, [self.equations.residuals[i] for i in rows]))
            for i, high, low in zip(rows, *sides, strict=True):
                difference = s.divide(s.subtract(high, low), s.multiply(t.Number(2.0), step))
                entries[i, j] = self._named("slope", difference)
        return entries

    def _increment(self, value: t.Expr) -> t.Expr:
        step = self._named("step", t.Call("fabs", (s.multiply(t.Number(INCREMENT), value),)))
        return self._named("step", t.Select(t.Binary(">", step, t.Number(LEAST)), step, t.Number(LEAST)))

    def _solution(self, jacobian: Entries, residuals: Sequence[t.Expr]) -> list[t.Expr]:
        right = [s.negate(residual) for residual in residuals]
        if self.pivoting:
            code, delta = pivoted(self.size, jacobian, right, self.fresh)
            self.code += code
            return delta
        matrix = Sparse(self.size, jacobian, self.fresh)
        code, delta = matrix.solve(right)
        self.code += matrix.code + code
        return delta

    def _changed(self, value: t.Expr, delta: t.Expr, by: float) -> t.Expr:
        size = t.Call("fabs", (value,))
        change = t.Binary(">", t.Call("fabs", (delta,)), s.multiply(t.Number(by), size))
        return t.Binary("&&", t.Binary(">", size, t.Number(NEGLIGIBLE)), change)

    def _move(self, delta: Sequence[t.Expr], active: t.Expr | None) -> None:
        for i, (value, by) in enumerate(zip(self.values, delta, strict=True)):
            moved = s.add(value, by)
            if active is not None:
                moved = s.select(active, moved, value)
            self.values[i] = self._named(self.equations.unknowns[i].rpartition("_")[0] or "unknown", moved)

    def _test(self, op: str, conditions: Sequence[t.Expr]) -> t.Expr:
        """A name for what several conditions say together."""
        together = conditions[0]
        for condition in conditions[1:]:
            together = t.Binary(op, together, condition)
        name = self.fresh("test", part=True)
        self.code.append(t.Assign(name, together))
        return t.Name(name)

    def _named(self, base: str, value: t.Expr) -> t.Expr:
        if isinstance(value, t.Name | t.Number):
            return value
        name = self.fresh(base)
        self.code.append(t.Assign(name, value))
        return t.Name(name)
