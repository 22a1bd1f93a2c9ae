"""Explicit methods, as NEURON's library takes their steps: euler and runge (scopmath, euler_thread.hpp, runge.hpp)."""

from __future__ import annotations

from collections.abc import Sequence

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.body import DT, Body


def euler(body: Body, derivatives: Sequence[t.Expr], again: bool = False) -> None:
    """Every state moves along its derivative at the start of the step.

    `again`: other variables are left by an evaluation at the end of the step (as of KINETIC blocks), not at its start.
    """
    start = body.start()
    moved = body.at(start, [body.values[name] for name in body.variables])
    found = body.at(start, derivatives)
    end = [s.add(value, s.multiply(DT, slope)) for value, slope in zip(moved, found, strict=True)]
    body.leave(
        [body.named(name, value) for name, value in zip(body.variables, end, strict=True)], None if again else start
    )


def runge(body: Body, derivatives: Sequence[t.Expr]) -> None:
    """The classical method of fourth order; the last of the body's variables is the time `t`.

    Other variables are left by an evaluation at the end of the step.
    """
    *old, now = body.start()
    half = body.named("step", s.divide(DT, t.Number(2.0)))
    middle, last = body.named("time", s.add(now, half)), body.named("time", s.add(now, DT))
    slopes: list[list[t.Expr]] = []
    for time, stride in ((now, None), (middle, half), (middle, half), (last, DT)):
        values = old if stride is None else _along(body, old, slopes[-1], stride)
        slopes.append(body.at([*values, time], derivatives))
    mean = [
        s.divide(s.add(s.add(a, d), s.multiply(t.Number(2.0), s.add(b, c))), t.Number(6.0))
        for a, b, c, d in zip(*slopes, strict=True)
    ]
    body.leave([*_along(body, old, mean, DT), now])


def _along(body: Body, old: Sequence[t.Expr], slopes: Sequence[t.Expr], stride: t.Expr) -> list[t.Expr]:
    moved = (s.add(value, s.multiply(stride, slope)) for value, slope in zip(old, slopes, strict=True))
    return [body.named(name, value) for name, value in zip(body.variables, moved, strict=False)]
