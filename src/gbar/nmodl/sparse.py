"""NEURON's method `sparse` for KINETIC schemes (scopmath, sparse_thread.hpp, ssimplic_thread.hpp).

A linear scheme takes one turn. Any other takes turns until the changes of all states add up to 1e-6 or less, whatever
their unit, and a state that falls below 0 is set to 0; both are part of the answer where concentrations are small. Code
has no loops here: a fixed number of turns stands one after the other, and each leaves alone what is solved.
"""

from __future__ import annotations

from collections.abc import Sequence

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.body import Body
from gbar.nmodl.elimination import Sparse
from gbar.nmodl.kinetic import Scheme

CONVERGE = 1e-6  # sum of the changes of all states in a turn
TURNS, MANY, FEWER = 4, 8, 3  # in a step; of a scheme with more states than MANY fewer, to keep its code small
STEADY = t.Number(1e9)  # ms, the step that leads to the steady state
NEGATIVE = -1e-6  # what a try for the steady state may fall to
TRIES, STEADY_TURNS = 3, 8
LINEAR_TURNS, CONSERVED_TURNS = 3, 2  # where CONSERVE makes the steady state well conditioned, two are enough


class _Work:
    def __init__(self, body: Body, scheme: Scheme, dt: t.Expr) -> None:
        self.body, self.scheme, self.dt = body, scheme, dt
        self.factored: dict[tuple[object, ...], Sparse] = {}

    def turn(self, values: Sequence[t.Expr], old: Sequence[t.Expr]) -> list[t.Expr]:
        """The changes of the states in one turn from `values`, in a step that began at `old`."""
        body, scheme = self.body, self.scheme
        places = list(scheme.matrix)
        size = len(scheme.states)
        wanted = [body.values[scheme.matrix[place]] for place in places]
        wanted += [body.values[scheme.production[row]] if row in scheme.production else s.ZERO for row in range(size)]
        wanted += [body.values[scheme.volumes[row]] if row in scheme.volumes else s.ONE for row in range(size)]
        found = body.at(values, wanted)
        entries = dict(zip(places, found, strict=False))
        right, volumes = found[len(places) : len(places) + size], found[len(places) + size :]
        for row in range(scheme.conserved, size):
            held = body.named("held", s.divide(volumes[row], self.dt))
            entries[row, row] = body.named("entry", s.add(entries.get((row, row), s.ZERO), held))
            if values[row] != old[row]:
                right[row] = s.subtract(right[row], s.multiply(held, s.subtract(values[row], old[row])))
        matrix = self.matrix(entries)
        code, delta = matrix.solve([body.named("side", side) for side in right])
        body.run(code)
        return delta

    def matrix(self, entries: dict[tuple[int, int], t.Expr]) -> Sparse:
        key = tuple(sorted(entries.items(), key=lambda item: item[0]))
        if key not in self.factored:
            self.factored[key] = Sparse(len(self.scheme.states), entries, self.body.fresh)
            self.body.run(self.factored[key].code)
        return self.factored[key]

    def settle(
        self, values: Sequence[t.Expr], old: Sequence[t.Expr], turns: int, active: t.Expr | None = None
    ) -> list[t.Expr]:
        """Turns until the changes are small, none of which leaves a state below 0, where `active` holds."""
        values = list(values)
        for turn in range(turns):
            delta = self.turn(values, old)
            for i, (name, change) in enumerate(zip(self.scheme.states, delta, strict=True)):
                moved = self.body.named(name, s.add(values[i], change))
                kept = s.select(t.Binary("<", moved, s.ZERO), s.ZERO, moved)
                values[i] = self.body.named(name, kept if active is None else s.select(active, kept, values[i]))
            if turn + 1 < turns:
                total: t.Expr = s.ZERO
                for change in delta:
                    total = s.add(total, t.Call("fabs", (change,)))
                active = self.test(t.Binary(">", total, t.Number(CONVERGE)), active)
        return values

    def test(self, condition: t.Expr, also: t.Expr | None) -> t.Expr:
        name = self.body.fresh("test", part=True)
        self.body.run([t.Assign(name, condition if also is None else t.Binary("&&", also, condition))])
        return t.Name(name)


def advance(body: Body, scheme: Scheme, dt: t.Expr) -> None:
    """A step of `dt`."""
    work, old = _Work(body, scheme, dt), body.start()
    if scheme.linear:
        delta = work.turn(old, old)
        values = [
            body.named(name, s.add(value, change))
            for name, value, change in zip(scheme.states, old, delta, strict=True)
        ]
    else:
        values = work.settle(old, old, TURNS if len(old) <= MANY else FEWER)
    body.leave(values)


def steady(body: Body, scheme: Scheme) -> None:
    """The steady state, as NEURON looks for it: in steps of 1e9 ms."""
    work, values = _Work(body, scheme, STEADY), body.start()
    if scheme.linear:
        body.leave(work.settle(values, values, CONSERVED_TURNS if scheme.conserved else LINEAR_TURNS))
        return
    trying: t.Expr | None = None
    for _ in range(TRIES):
        delta = work.turn(values, values)
        good: t.Expr | None = None
        tried: list[t.Expr] = []
        for name, value, change in zip(scheme.states, values, delta, strict=True):
            moved = body.named(name, s.add(value, change))
            fine = t.Binary(">=", moved, t.Number(NEGATIVE))
            good = fine if good is None else t.Binary("&&", good, fine)
            tried.append(s.select(fine, moved, s.ZERO))
        assert good is not None
        values = [
            body.named(name, one if trying is None else s.select(trying, one, value))
            for name, one, value in zip(scheme.states, tried, values, strict=True)
        ]
        trying = work.test(t.Unary("!", good), trying)
    body.leave(work.settle(values, values, STEADY_TURNS, work.test(t.Unary("!", trying), None) if trying else None))
