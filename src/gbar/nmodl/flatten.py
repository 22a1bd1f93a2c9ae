"""Pass: statements with IFs and repeated assignments -> straight-line code that assigns every name once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gbar.nmodl import tree as t
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.walk import substitute

Line = t.Assign | t.Step
Values = dict[str, t.Expr]  # variable -> a Number or the Name that holds its present value


class Flat:
    """Straight-line code, and where the variables' values are when it ends.

    `finished` are the names that solvers of equations assign: passes that look for the forms in which people write
    rates have nothing to find there.
    """

    def __init__(self, start: Mapping[str, t.Expr]) -> None:
        self.code: list[Line] = []
        self.values: Values = dict(start)
        self.conductances: list[t.Conductance] = []
        self.finished: set[str] = set()

    def value(self, variable: str) -> t.Expr:
        """What a variable holds at the end of the code."""
        return self.values.get(variable, t.Name(variable))


Solver = Callable[[t.Solve, Flat], None]


def flatten(
    body: tuple[t.Statement, ...],
    fresh: Fresh,
    start: Mapping[str, t.Expr] | None = None,
    solver: Solver | None = None,
) -> Flat:
    """`body` (as `inline` leaves it) as straight-line code.

    `start` gives values to variables that are not inputs: {"m": Number(0)} in INITIAL. Both branches of an IF are
    computed; a `Select` then takes one value or the other. A differential equation becomes a `Step`. `solver` does
    what a SOLVE asks where it stands; without it SOLVEs are passed over, as in BREAKPOINT, where what they solve is a
    block of its own.
    """
    flat = Flat(start or {})
    extend(flat, body, fresh, solver)
    return flat


def extend(flat: Flat, body: tuple[t.Statement, ...], fresh: Fresh, solver: Solver | None = None) -> None:
    """Adds `body` to the end of straight-line code."""
    _run(body, flat, fresh, solver)


def _run(body: tuple[t.Statement, ...], flat: Flat, fresh: Fresh, solver: Solver | None) -> None:
    for statement in body:
        match statement:
            case t.Assign(target, value, at):
                _store(flat, fresh, target, substitute(value, flat.values), at)
            case t.Differential(state, value, at):
                _step(flat, fresh, state, value, at)
            case t.If(t.Number(value), then, otherwise):
                _run(then if value else otherwise, flat, fresh, solver)
            case t.If():
                _branch(statement, flat, fresh, solver)
            case t.Conductance():
                flat.conductances.append(statement)
            case t.Solve() if solver is not None:
                solver(statement, flat)


def _store(flat: Flat, fresh: Fresh, target: str, value: t.Expr, at: t.Position) -> None:
    name = fresh(target, fresh.is_part(target))
    flat.code.append(t.Assign(name, value, at))
    flat.values[target] = t.Name(name, at)


def _step(flat: Flat, fresh: Fresh, state: str, value: t.Expr, at: t.Position) -> None:
    before = flat.values.get(state, t.Name(state))
    if not isinstance(before, t.Name):
        held = fresh(state)
        flat.code.append(t.Assign(held, before, at))
        before = t.Name(held)
        flat.values[state] = before
    name = fresh(state)
    flat.code.append(t.Step(name, before.id, substitute(value, flat.values), at))
    flat.values[state] = t.Name(name, at)


def _branch(statement: t.If, flat: Flat, fresh: Fresh, solver: Solver | None) -> None:
    condition = substitute(statement.condition, flat.values)
    if not isinstance(condition, t.Name | t.Number):
        name = fresh("test", part=True)
        flat.code.append(t.Assign(name, condition, statement.at))
        condition = t.Name(name, statement.at)
    before = flat.values
    flat.values = dict(before)
    _run(statement.then, flat, fresh, solver)
    then = flat.values
    flat.values = dict(before)
    _run(statement.otherwise, flat, fresh, solver)
    otherwise = flat.values
    flat.values = dict(before)
    for variable in dict.fromkeys((*then, *otherwise)):
        one, other = then.get(variable, t.Name(variable)), otherwise.get(variable, t.Name(variable))
        if one == other:
            flat.values[variable] = one
        elif variable in before or (variable in then and variable in otherwise) or _outlives(variable, fresh):
            _store(flat, fresh, variable, t.Select(condition, one, other, statement.at), statement.at)


def _outlives(variable: str, fresh: Fresh) -> bool:
    """Whether a variable assigned in one branch only can be read after the IF: not if it was local to the branch."""
    return not fresh.made(variable)
