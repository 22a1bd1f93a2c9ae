"""Whether a file makes sense: every mistake that can be seen without solving its equations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gbar.errors import NmodlError
from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t
from gbar.nmodl.intrinsics import ENVIRONMENT, INTRINSICS, PRINTING, REFUSED_FUNCTIONS
from gbar.nmodl.symbols import Symbols, declared, place, refuse, walk_solves
from gbar.nmodl.walk import calls, expressions, names, walk, walk_statements


def check(tree: b.File) -> Symbols:
    """The symbols of a parsed file. Raises NmodlError for the first mistake found."""
    symbols = declared(tree)
    called = _called(symbols)
    _check_code(symbols, called)
    _check_recursion(symbols, called)
    idle = _check_idle(symbols, called)
    symbols = replace(symbols, routines={n: routine for n, routine in symbols.routines.items() if n in called})
    return replace(symbols, warnings=symbols.warnings + idle + _check_states(symbols))


def _called(symbols: Symbols) -> frozenset[str]:
    """The routines that the simulation can come to."""
    blocks = (symbols.initial, symbols.breakpoint, *symbols.derivatives.values(), *symbols.kinetics.values())
    bodies = [block.body for block in (*blocks, *symbols.linears.values()) if block]
    pending = [call.function for body in bodies for call in calls(body)] + [s.block for s in walk_solves(symbols)]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name in symbols.routines and name not in found:
            found.add(name)
            pending += [call.function for call in calls(symbols.routines[name].body)]
    return frozenset(found)


def _check_idle(symbols: Symbols, called: frozenset[str]) -> tuple[str, ...]:
    """Warnings of mistakes in routines that nothing calls."""
    warnings = []
    for name, routine in symbols.routines.items():
        if name not in called:
            try:
                _check_routine(symbols, routine)
            except NmodlError as error:
                warnings.append(f"{error} ({name}() is never called)")
    return tuple(warnings)


C_CODE = "C code is never run: write it in NMODL, or delete the VERBATIM block if it has no effect"
_FLUXES = frozenset({"f_flux", "b_flux"})  # of the reaction before, in a KINETIC block


class _Scope:
    """Checks one body: what may be read, and what may be assigned."""

    def __init__(self, symbols: Symbols, where: str, own: frozenset[str] = frozenset()) -> None:
        self.symbols, self.where, self.own = symbols, where, own
        self.known = symbols.variables()

    def error(self, at: t.Position, what: str, remedy: str) -> NmodlError:
        return refuse(self.symbols.file, at, what, remedy)

    def body(self, body: tuple[t.Statement, ...], local: frozenset[str], nested: bool = False) -> None:
        for statement in body:
            match statement:
                case t.Local(names, at):
                    for name in names:
                        if name in INTRINSICS:
                            raise self.error(at, f"{name} is a function of NMODL", "rename the variable")
                    local |= set(names)
                case t.Assign(target, value, at):
                    self.target(target, at, local)
                    self.expression(value, local | _FLUXES if self.where == "KINETIC" else local)
                case t.Differential(state, value, at):
                    self.differential(state, at, nested)
                    self.expression(value, local)
                case t.If(condition, then, otherwise):
                    self.expression(condition, local)
                    self.body(then, local, nested=True)
                    self.body(otherwise, local, nested=True)
                case t.CallStatement(call):
                    if call.function not in PRINTING:
                        self.call(call, local, used=False)
                case t.Reaction() | t.Conserve() | t.CompartmentVolume() | t.Diffusion() | t.Equation():
                    self.relation(statement, local)
                case t.Solve(_, _, at) if self.where not in ("BREAKPOINT", "INITIAL"):
                    raise self.error(at, f"SOLVE in {self.where} is not supported", "SOLVE belongs in BREAKPOINT")
                case t.Conductance():
                    self.conductance(statement, local)
                case t.Verbatim(text, at):
                    raise self.error(at, f"this C code is not supported: {_first_line(text)}", C_CODE)

    def relation(
        self,
        statement: t.Reaction | t.Conserve | t.CompartmentVolume | t.Diffusion | t.Equation,
        local: frozenset[str],
    ) -> None:
        belongs = "LINEAR" if isinstance(statement, t.Equation) else "KINETIC"
        if self.where != belongs:
            what = "a simultaneous equation" if belongs == "LINEAR" else "a statement of KINETIC blocks"
            raise self.error(statement.at, f"{what} in {self.where}", f"it belongs in a {belongs} block")
        for expression in expressions(statement):
            self.expression(expression, local | _FLUXES)
        match statement:
            case t.Reaction(left, right):
                named = [*left, *right]
            case t.Conserve(terms):
                named = list(terms)
            case _:
                named = []
        for reactant in named:
            self.expression(t.Name(reactant.name, reactant.at), local)

    def target(self, name: str, at: t.Position, local: frozenset[str]) -> None:
        symbols = self.symbols
        if name in local or name in self.own:
            return
        if name in symbols.parameters:
            raise self.error(at, f"{name} is a PARAMETER and cannot be assigned", "declare it in ASSIGNED")
        if name in symbols.constants:
            raise self.error(at, f"{name} is a constant and cannot be assigned", "declare it in ASSIGNED")
        if name == "v":
            return  # the block's own copy, as in NEURON: published files write v = v + 10, and back
        if name in symbols.ion_reads or name in symbols.currents:
            return  # of one that is only READ, too, the block has its own copy
        if name in ENVIRONMENT:
            raise self.error(at, f"{name} belongs to the simulator and cannot be assigned", "use a LOCAL variable")
        if name in symbols.assigned or name in symbols.states:
            return
        raise self.undeclared(name, at)

    def undeclared(self, name: str, at: t.Position) -> NmodlError:
        if name in self.symbols.routines or name in INTRINSICS:
            return self.error(at, f"{name} is a function", f"call it: {name}(...)")
        return self.error(at, f"{name} is not declared", "declare it in PARAMETER, ASSIGNED, STATE or LOCAL")

    def differential(self, state: str, at: t.Position, nested: bool) -> None:
        name = state.rstrip("'")
        if self.where != "DERIVATIVE":
            raise self.error(at, f"{state}' in {self.where}", "equations of states belong in a DERIVATIVE block")
        if state.endswith("'"):
            raise self.error(at, f"{state}' is of higher order", "write it as equations of first order")
        if name not in self.symbols.states and name not in self.symbols.ion_writes:
            raise self.error(at, f"{name} is no state", f"declare {name} in STATE")
        if nested:
            raise self.error(at, f"{name}' inside an IF is not supported", "choose the rates inside the IF instead")

    def conductance(self, statement: t.Conductance, local: frozenset[str]) -> None:
        self.expression(t.Name(statement.variable, statement.at), local)
        symbols = self.symbols
        matching = [name for name, ion in symbols.currents.items() if ion == statement.ion]
        if self.where != "BREAKPOINT" or len(matching) != 1:
            owner = f"the ion {statement.ion}" if statement.ion else "NONSPECIFIC_CURRENT"
            raise self.error(
                statement.at,
                f"CONDUCTANCE {statement.variable} needs exactly one current of {owner}",
                "delete the statement: gbar differentiates the current itself",
            )

    def expression(self, expression: t.Expr, local: frozenset[str]) -> None:
        for node in walk(expression):
            if isinstance(node, t.Name):
                if node.id not in local and node.id not in self.own and node.id not in self.known:
                    raise self.undeclared(node.id, node.at)
                if node.id == "celsius":
                    continue
            elif isinstance(node, t.Call):
                self.call(node, local, used=True, inside=False)

    def call(self, call: t.Call, local: frozenset[str], used: bool, inside: bool = True) -> None:
        routine = self.symbols.routines.get(call.function)
        if routine is not None:
            expected = len(routine.arguments)
            if used and routine.kind == "PROCEDURE":
                raise self.error(call.at, f"{call.function} is a PROCEDURE and has no value", "make it a FUNCTION")
        elif call.function in INTRINSICS:
            expected = INTRINSICS[call.function]
        elif call.function in self.symbols.tables:
            remedy = "write it as a FUNCTION: nobody gives the table its values here"
            raise self.error(call.at, f"{call.function}() is a FUNCTION_TABLE", remedy)
        elif call.function in REFUSED_FUNCTIONS:
            raise self.error(call.at, f"{call.function}() is not supported", REFUSED_FUNCTIONS[call.function])
        else:
            raise self.error(call.at, f"{call.function}() is not defined", "define it as a FUNCTION or PROCEDURE")
        if len(call.arguments) != expected:
            raise self.error(call.at, f"{call.function}() has {len(call.arguments)} arguments", f"it takes {expected}")
        if inside:
            for argument in call.arguments:
                self.expression(argument, local)


def _first_line(text: str) -> str:
    line = text.split("\n", 1)[0]
    return line if len(line) < 60 else line[:57] + "..."


def _check_code(symbols: Symbols, called: frozenset[str]) -> None:
    if symbols.initial:
        _Scope(symbols, "INITIAL").body(symbols.initial.body, frozenset())
    if symbols.breakpoint:
        _Scope(symbols, "BREAKPOINT").body(symbols.breakpoint.body, frozenset())
    for derivative in symbols.derivatives.values():
        _Scope(symbols, "DERIVATIVE").body(derivative.body, frozenset())
    for kinetic in symbols.kinetics.values():
        _Scope(symbols, "KINETIC").body(kinetic.body, frozenset())
    for linear in symbols.linears.values():
        _Scope(symbols, "LINEAR").body(linear.body, frozenset())
    for name in (one for one in symbols.routines if one in called):
        _check_routine(symbols, symbols.routines[name])


def _check_routine(symbols: Symbols, routine: b.Routine) -> None:
    own = {argument.name for argument in routine.arguments}
    if len(own) < len(routine.arguments):
        raise refuse(symbols.file, routine.at, f"{routine.name}() has two arguments of one name", "rename one")
    if routine.kind == "FUNCTION":
        own.add(routine.name)
    _Scope(symbols, routine.kind, frozenset(own)).body(routine.body, frozenset())


def _check_recursion(symbols: Symbols, called: frozenset[str]) -> None:
    """Refuse routines that call themselves, directly or through others; iterative, for chains may be long."""
    uses = {
        name: [call for call in calls(routine.body) if call.function in symbols.routines]
        for name, routine in symbols.routines.items()
        if name in called
    }
    finished: set[str] = set()
    for first in uses:
        path: dict[str, Iterator[t.Call]] = {first: iter(uses[first])} if first not in finished else {}
        while path:
            current = next(reversed(path))
            call = next(path[current], None)
            if call is None:
                finished.add(current)
                del path[current]
            elif call.function in path:
                raise refuse(
                    symbols.file,
                    call.at,
                    f"{call.function}() calls itself",
                    "recursion has no place in a rate equation",
                )
            elif call.function not in finished:
                path[call.function] = iter(uses[call.function])


def _check_states(symbols: Symbols) -> tuple[str, ...]:
    """Refuse a second equation of a state; warnings of blocks that are never solved and states that never change."""
    blocks: dict[str, b.Derivative | b.Kinetic | b.Linear] = {
        **symbols.derivatives,
        **symbols.kinetics,
        **symbols.linears,
    }
    solved = {solve.block for solve in walk_solves(symbols)}
    equations: set[str] = set()
    for name in solved & symbols.derivatives.keys():
        for statement in walk_statements(symbols.derivatives[name].body):
            if isinstance(statement, t.Differential):
                if statement.state in equations:
                    raise refuse(symbols.file, statement.at, f"{statement.state} has a second equation", "remove one")
                equations.add(statement.state)
    warnings = [
        place(symbols.file, block.at, f"{name} is never solved")
        for name, block in blocks.items()
        if name not in solved
    ]  # fmt: skip
    bodies = [blocks[name].body for name in solved & blocks.keys()]
    for statement in (one for body in bodies for one in walk_statements(body)):
        if isinstance(statement, t.Diffusion):
            what = f"{', '.join(statement.names)}: diffusion from compartment to compartment is left out"
            warnings.append(place(symbols.file, statement.at, what))
    bodies += [routine.body for routine in symbols.routines.values()]
    bodies += [block.body for block in (symbols.breakpoint, symbols.initial) if block]
    changed = equations.union(*(_changed(body) for body in bodies))
    still = [name for name in symbols.states if name not in changed]
    warnings += [place(symbols.file, symbols.places[name], f"the state {name} has no equation") for name in still]
    return tuple(warnings)


def _changed(body: tuple[t.Statement, ...]) -> set[str]:
    """The variables that statements give values to, or that reactions and simultaneous equations hold."""
    changed: set[str] = set()
    for statement in walk_statements(body):
        match statement:
            case t.Assign(target):
                changed.add(target)
            case t.Reaction(left, right):
                changed |= {r.name for r in (*left, *right)}
            case t.Equation(left, right):
                changed |= names(left) | names(right)
    return changed
