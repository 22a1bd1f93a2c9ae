"""SOLVE: the block it names, integrated over a step (or to its steady state) by the method that NEURON takes.

Every method adds straight-line code to what stands before it, and leaves the new values of the states and of whatever
other variables the block sets. What NEURON does with each combination of block and method was read from its translator
(nocmodl: solve.cpp, deriv.cpp, kinetic.cpp, simultan.cpp) and its library (scopmath).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from gbar.errors import NmodlError
from gbar.nmodl import blocks as b
from gbar.nmodl import simplify as s
from gbar.nmodl import sparse
from gbar.nmodl import tree as t
from gbar.nmodl.body import DT, Body, body
from gbar.nmodl.cnexp import Kind, kind, polynomial
from gbar.nmodl.explicit import euler, runge
from gbar.nmodl.flatten import Flat, extend
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.implicit import Equations, Newton
from gbar.nmodl.inline import inline
from gbar.nmodl.kinetic import ordered, scheme
from gbar.nmodl.linear import residuals, unknowns
from gbar.nmodl.remembering import Iteration, remembered
from gbar.nmodl.symbols import Symbols, refuse
from gbar.nmodl.walk import walk_statements

STANDING = t.Number(1e-9)  # ms, the step of NEURON's STEADYSTATE derivimplicit where it may run in threads
SEARCH = 15  # turns of Newton's iteration for a NONLINEAR block, which begins far from its solution


@dataclass(frozen=True)
class Solver:
    """Does what a SOLVE asks, at the end of the code given with it."""

    symbols: Symbols
    states: tuple[str, ...]  # every variable that STATE declares, concentrations of ions included
    fresh: Fresh
    warnings: list[str] = field(default_factory=list)  # what NEURON does, and hardly anybody means

    def __call__(self, solve: t.Solve, flat: Flat) -> None:
        """Adds the code of one SOLVE. Raises NmodlError for a method that the block cannot be solved by."""
        method = (solve.method or "").rpartition(" ")[2]
        steady = (solve.method or "").startswith("STEADYSTATE")
        symbols = self.symbols
        if solve.block in symbols.derivatives:
            self.derivative(solve, flat, symbols.derivatives[solve.block], method, steady)
        elif solve.block in symbols.kinetics:
            self.kinetic(solve, flat, symbols.kinetics[solve.block], method, steady)
        elif solve.block in symbols.linears:
            self.linear(flat, symbols.linears[solve.block])
        else:
            self.extend(flat, (t.CallStatement(t.Call(solve.block, (), solve.at), solve.at),))

    def inline(self, statements: tuple[t.Statement, ...]) -> tuple[t.Statement, ...]:
        """Statements without calls of the file's routines."""
        return inline(statements, self.symbols.routines, self.fresh, self.symbols.file)

    def extend(self, flat: Flat, statements: tuple[t.Statement, ...]) -> None:
        """Adds statements as they stand."""
        extend(flat, self.inline(statements), self.fresh, self)

    def error(self, solve: t.Solve, what: str, remedy: str) -> NmodlError:
        """An NmodlError at the place of a SOLVE."""
        return refuse(self.symbols.file, solve.at, what, remedy)

    def warn(self, at: t.Position, what: str) -> None:
        """Notes, once, what NEURON makes of a statement."""
        warning = f"{self.symbols.file}:{at.line}:{at.column}: {what}"
        if warning not in self.warnings:
            self.warnings.append(warning)

    # --- DERIVATIVE

    def derivative(self, solve: t.Solve, flat: Flat, block: b.Derivative, method: str, steady: bool) -> None:
        """A DERIVATIVE block; cnexp is derivimplicit where NEURON finds an equation that it cannot solve so."""
        equations = [one for one in walk_statements(block.body) if isinstance(one, t.Differential)]
        if any(one.state.endswith("'") for one in equations):
            raise self.error(
                solve, "equations of higher order are not solved", "write them as equations of first order"
            )
        if steady and method != "derivimplicit":
            raise self.error(
                solve, f"STEADYSTATE {method} of a DERIVATIVE block", "use METHOD derivimplicit throughout"
            )
        kinds = {kind(one.value, one.state) for one in equations} if method == "cnexp" else set()
        if method == "cnexp" and Kind.OTHER not in kinds:
            for one in equations:
                if kind(one.value, one.state) is Kind.POLYNOMIAL:
                    what = f"{one.state}' is no affine function of {one.state}: METHOD cnexp solves it wrongly"
                    self.warn(one.at, f"{what}, here as in NEURON; use derivimplicit")
            self.extend(flat, _replaced(block.body, _stepped))
        elif method in ("cnexp", "derivimplicit"):
            if steady:
                self.warn(solve.at, "STEADYSTATE derivimplicit leaves states where they are, here as in NEURON")
            self.derivimplicit(flat, block.body, STANDING if steady else DT)
        elif method in ("euler", "runge"):
            found, slopes = self.derivatives(flat, block.body, also=["t"] if method == "runge" else [])
            (euler if method == "euler" else runge)(found, slopes)
        elif method in ("", "after_cvode", "cvode_t", "cvode_t_v"):
            self.warn(solve.at, f"SOLVE {solve.block} has no METHOD: its states do not move, here as in NEURON")
            self.extend(flat, _replaced(block.body, lambda _: ()))
        else:
            raise self.error(solve, f"METHOD {method} cannot solve a DERIVATIVE block", "use METHOD derivimplicit")

    def derivatives(
        self, flat: Flat, statements: tuple[t.Statement, ...], dt: t.Expr = DT, also: Sequence[str] = ()
    ) -> tuple[Body, list[t.Expr]]:
        """(a DERIVATIVE block as a function of its states, and of the variables in `also`; the states' derivatives)."""
        solved = {one.state for one in walk_statements(statements) if isinstance(one, t.Differential)}
        states = ordered(solved, self.states)
        slopes = {state: self.fresh(f"d{state}") for state in states}
        made = tuple(t.Assign(name, s.ZERO) for name in slopes.values())
        changed = _replaced(statements, lambda one: (t.Assign(slopes[one.state], one.value, one.at),))
        variables = [*states, *also]
        found = body(flat, made + changed, variables, self.inline, self.fresh, {"dt": dt} if dt != DT else None)
        return found, [found.values[name] for name in slopes.values()]

    def derivimplicit(self, flat: Flat, statements: tuple[t.Statement, ...], dt: t.Expr) -> None:
        """The step whose end satisfies (x - x_before) / dt = x'."""
        found, slopes = self.derivatives(flat, statements, dt)
        kept = remembered(found, len(slopes), slopes)
        if kept:
            found, slopes = self.derivatives(flat, statements, dt, also=kept)
        states = found.variables[: len(slopes)]
        start = [found.named(name, value) for name, value in zip(states, found.start(), strict=False)]
        lacking, first = [], []
        for variable, argument, slope, old in zip(states, found.arguments, slopes, start, strict=False):
            value = found.values[variable]  # which the block itself may have changed
            lacking.append(s.subtract(slope, s.divide(s.subtract(value, old), dt)))
            first.append(slope if value == t.Name(argument) else lacking[-1])
        if kept:
            Iteration(found, len(slopes), lacking).run()
            return
        newton = Newton(Equations(found.evaluation, found.arguments, tuple(lacking), tuple(first)), start, self.fresh)
        newton.run()
        found.run(newton.code)
        self.leave(found, newton)

    def leave(self, found: Body, newton: Newton) -> None:
        """Ends a block at the solution of its equations."""
        end = found.at(newton.values, [found.values[name] for name in found.variables])
        found.leave(end, newton.values)

    # --- KINETIC

    def kinetic(self, solve: t.Solve, flat: Flat, block: b.Kinetic, method: str, steady: bool) -> None:
        """A KINETIC block."""
        if method not in ("sparse", "euler", "runge") or (steady and method != "sparse"):
            named = f"METHOD {method}" if method else "SOLVE without METHOD"
            raise self.error(solve, f"{named} cannot solve a KINETIC block", "use METHOD sparse")
        try:
            found = scheme(block.body, self.states, self.fresh, conserving=method == "sparse")
        except ValueError as error:
            (conserve,) = error.args
            raise refuse(
                self.symbols.file, conserve.at, "CONSERVE names no state that another CONSERVE does not give already",
                "conserve each sum once, and name a state that is no element of an array",
            ) from None  # fmt: skip
        if not found.states:
            raise self.error(
                solve, f"KINETIC {block.name} has no reactions", "write reactions of STATEs: ~ a <-> b (f, r)"
            )
        if method == "sparse":
            dt = sparse.STEADY if steady else DT
            states = body(flat, found.body, found.states, self.inline, self.fresh, {"dt": dt} if steady else None)
            if steady:
                sparse.steady(states, found)
            else:
                sparse.advance(states, found, dt)
            return
        for one in walk_statements(block.body):
            if isinstance(one, t.Conserve):
                self.warn(one.at, f"METHOD {method} passes over CONSERVE, here as in NEURON")
        variables = [*found.states, "t"] if method == "runge" else found.states
        states = body(flat, found.body, variables, self.inline, self.fresh)
        slopes = []
        for row in range(len(found.states)):
            slope = states.values[found.production[row]] if row in found.production else s.ZERO
            slopes.append(s.divide(slope, states.values[found.volumes[row]]) if row in found.volumes else slope)
        if method == "euler":
            euler(states, slopes, again=True)
        else:
            runge(states, slopes)

    # --- LINEAR and NONLINEAR

    def linear(self, flat: Flat, block: b.Linear) -> None:
        """Simultaneous equations."""
        states = unknowns(block.body, self.states)
        renamed = {} if block.nonlinear else {state: self.fresh(state) for state in states}
        statements, made = residuals(block.body, renamed, self.fresh)
        if len(made) != len(states) or not states:
            raise refuse(
                self.symbols.file, block.at, f"{block.name} has {len(made)} equations for {len(states)} states",
                "write one equation for each STATE that they name",
            )  # fmt: skip
        variables = states if block.nonlinear else tuple(renamed.values())
        found = body(flat, statements, variables, self.inline, self.fresh)
        equations = Equations(found.evaluation, found.arguments, tuple(found.values[name] for name in made))
        start = found.start() if block.nonlinear else [s.ZERO] * len(states)
        newton = Newton(equations, start, self.fresh, pivoting=True)
        if not block.nonlinear and not newton.affine:
            raise refuse(
                self.symbols.file, block.at, f"the equations of LINEAR {block.name} are not linear in its states",
                "call the block NONLINEAR",
            )  # fmt: skip
        newton.run(SEARCH)
        found.run(newton.code)
        found.leave(newton.values)
        flat.values |= dict(zip(states, newton.values, strict=True))


def _stepped(one: t.Differential) -> tuple[t.Statement, ...]:
    """An equation for cnexp: what NEURON does where it finds a polynomial that is not affine is no solution of it."""
    if kind(one.value, one.state) is Kind.AFFINE:
        return (one,)
    return (t.Assign(one.state, polynomial(one.value, one.state), one.at),)


def _replaced(
    statements: Sequence[t.Statement], by: Callable[[t.Differential], tuple[t.Statement, ...]]
) -> tuple[t.Statement, ...]:
    out: list[t.Statement] = []
    for one in statements:
        if isinstance(one, t.Differential):
            out += by(one)
        elif isinstance(one, t.If):
            out.append(replace(one, then=_replaced(one.then, by), otherwise=_replaced(one.otherwise, by)))
        else:
            out.append(one)
    return tuple(out)
