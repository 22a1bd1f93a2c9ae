"""Newton's iteration where one evaluation of a block leaves something to the next: derivimplicit, to the letter.

A DERIVATIVE block may read a variable that it assigns further down (`s1' = a*s0 - ...  s0 = 1 - s1`). NEURON evaluates
the block many times in a step, at perturbed states too, and each evaluation reads what the one before left. The answer
depends on their sequence (scopmath, newton_thread.hpp), so this is repeated here as it stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.body import Body
from gbar.nmodl.elimination import Sparse
from gbar.nmodl.implicit import CONVERGE, INCREMENT, LEAST, NEGLIGIBLE, RENEW, RESIDUAL
from gbar.nmodl.walk import names

Matrix = dict[tuple[int, int], t.Expr]


def turns(size: int) -> int:
    """How many turns of the iteration stand in the code: it approaches its end slowly, in five to ten of them."""
    return 10 if size <= 3 else 8


def remembered(body: Body, states: int, residuals: Sequence[t.Expr]) -> list[str]:
    """The variables that the residuals need as the evaluation before left them; the first `states` are none of them."""
    needed: set[str] = set().union(*map(names, residuals))
    for line in reversed([*body.own, *body.evaluation.moving]):
        if line.target in needed:
            needed |= names(line.value)
    found = []
    for name, value in body.values.items():
        before = body.before.get(name, t.Name(name))
        if name not in body.variables[:states] and isinstance(before, t.Name) and before.id in needed:
            found += [name] if value != before else []
    return found


class Iteration:
    """The states and remembered variables of a body whose first `size` variables are its states."""

    def __init__(self, body: Body, size: int, residuals: Sequence[t.Expr]) -> None:
        self.body, self.size, self.residuals = body, size, tuple(residuals)
        start = [body.named(name, value) for name, value in zip(body.variables, body.start(), strict=True)]
        self.states, self.memory = start[:size], start[size:]
        self.kept = [body.values[name] for name in body.variables[size:]]

    def evaluate(self, states: Sequence[t.Expr]) -> list[t.Expr]:
        """The residuals; what the evaluation leaves is remembered."""
        found = self.body.at([*states, *self.memory], [*self.residuals, *self.kept])
        self.memory = found[self.size :]
        return found[: self.size]

    def derive(self) -> tuple[list[t.Expr], Matrix]:
        """(the residuals at the states, after NEURON's differences have been taken; these)."""
        found: list[t.Expr] = []
        matrix: Matrix = {}
        for j, value in enumerate(self.states):
            size = self._named("step", t.Call("fabs", (s.multiply(t.Number(INCREMENT), value),)))
            step = self._named("step", t.Select(t.Binary(">", size, t.Number(LEAST)), size, t.Number(LEAST)))
            sides = []
            for move in (s.add, s.subtract):
                beside = list(self.states)
                beside[j] = self._named("beside", move(value, step))
                sides.append(self.evaluate(beside))
            found = self.evaluate(self.states)
            for i, (high, low) in enumerate(zip(*sides, strict=True)):
                if high != low:
                    difference = s.divide(s.subtract(high, low), s.multiply(t.Number(2.0), step))
                    matrix[i, j] = self._named("slope", difference)
        return found, matrix

    def run(self) -> None:
        """Every turn."""
        found, matrix = self.derive()
        active: t.Expr | None = None
        renew: t.Expr | None = None
        count = turns(self.size)
        for turn in range(count):
            if renew is not None:
                before = list(self.memory)
                newer, other = self.derive()
                found = self._chosen(renew, newer, found)
                self.memory = self._chosen(renew, self.memory, before)
                places = sorted(other.keys() | matrix.keys())
                values = self._chosen(
                    renew, [other.get(p, s.ZERO) for p in places], [matrix.get(p, s.ZERO) for p in places]
                )
                matrix = dict(zip(places, values, strict=True))
            solver = Sparse(self.size, matrix, self.body.fresh)
            code, delta = solver.solve([s.negate(value) for value in found])
            self.body.run([*solver.code, *code])
            renew, moved = (self._any(self._changed(by), delta) for by in (RENEW, CONVERGE))
            states = [self._named("state", s.add(x, d)) for x, d in zip(self.states, delta, strict=True)]
            self.states = self._chosen(active, states, self.states)
            before = list(self.memory)
            found = self.evaluate(self.states)
            self.memory = self._chosen(active, self.memory, before)
            if turn + 1 < count:
                wrong = [t.Binary(">", t.Call("fabs", (value,)), t.Number(RESIDUAL)) for value in found]
                unsolved: t.Expr = moved
                for one in wrong:
                    unsolved = t.Binary("||", unsolved, one)
                active = self._test(unsolved if active is None else t.Binary("&&", active, unsolved))
        self.body.leave(self.body.at([*self.states, *self.memory], self._ends()), [*self.states, *self.memory])

    def _ends(self) -> list[t.Expr]:
        return [self.body.values[name] for name in self.body.variables]

    def _changed(self, by: float) -> Callable[[t.Expr, t.Expr], t.Expr]:
        def changed(value: t.Expr, delta: t.Expr) -> t.Expr:
            size = t.Call("fabs", (value,))
            far = t.Binary(">", t.Call("fabs", (delta,)), s.multiply(t.Number(by), size))
            return t.Binary("&&", t.Binary(">", size, t.Number(NEGLIGIBLE)), far)

        return changed

    def _any(self, condition: Callable[[t.Expr, t.Expr], t.Expr], delta: Sequence[t.Expr]) -> t.Expr:
        together: t.Expr | None = None
        for value, change in zip(self.states, delta, strict=True):
            one = condition(value, change)
            together = one if together is None else t.Binary("||", together, one)
        assert together is not None
        return self._test(together)

    def _chosen(self, condition: t.Expr | None, one: Sequence[t.Expr], other: Sequence[t.Expr]) -> list[t.Expr]:
        if condition is None:
            return list(one)
        return [self._named("chosen", s.select(condition, x, y)) for x, y in zip(one, other, strict=True)]

    def _test(self, condition: t.Expr) -> t.Expr:
        name = self.body.fresh("test", part=True)
        self.body.run([t.Assign(name, condition)])
        return t.Name(name)

    def _named(self, base: str, value: t.Expr) -> t.Expr:
        return self.body.named(base, value)
