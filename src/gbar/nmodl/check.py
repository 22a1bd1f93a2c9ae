"""What the names of a file stand for, and whether it makes sense: every mistake that needs no equations to be seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gbar.errors import NmodlError
from gbar.nmodl import blocks as b
from gbar.nmodl import constants
from gbar.nmodl import tree as t
from gbar.nmodl.intrinsics import ENVIRONMENT, INTRINSICS, LOWERED, REFUSED_FUNCTIONS, REFUSED_VARIABLES


@dataclass(frozen=True)
class Symbols:
    """The names of a checked file by what they are."""

    suffix: str
    title: str
    parameters: dict[str, b.ParameterDecl]
    scopes: dict[str, str]  # parameter -> "range", "global", "private"
    constants: dict[str, float]
    states: tuple[str, ...]
    assigned: tuple[str, ...]  # ASSIGNED and file-scope LOCAL, currents included
    units: dict[str, str]
    aliases: dict[str, str]
    ions: tuple[b.UseIon, ...]
    currents: dict[str, str | None]  # current -> its ion
    ion_reads: frozenset[str]
    routines: dict[str, b.Routine]
    derivatives: dict[str, b.Derivative]
    initial: b.Initial | None
    breakpoint: b.Breakpoint | None
    solved: tuple[t.Solve, ...]
    warnings: tuple[str, ...]
    file: str

    def variables(self) -> frozenset[str]:
        """Every name that is a variable of the mechanism or of its surroundings."""
        return (
            frozenset(self.parameters) | frozenset(self.constants) | frozenset(self.states) | frozenset(self.assigned)
            | self.ion_reads | ENVIRONMENT
        )  # fmt: skip


def refuse(file: str, at: t.Position, what: str, remedy: str) -> NmodlError:
    """An NmodlError at a node's place."""
    return NmodlError(what, file=file, line=at.line or None, column=at.column or None, remedy=remedy)


@dataclass
class _Reader:
    """Collects the declarations of a file."""

    file: str
    title: str = ""
    suffix: b.Suffix | None = None
    parameters: dict[str, b.ParameterDecl] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)
    states: dict[str, b.VariableDecl] = field(default_factory=dict)
    assigned: dict[str, t.Position] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    ions: list[b.UseIon] = field(default_factory=list)
    nonspecific: list[t.Name] = field(default_factory=list)
    ranges: list[t.Name] = field(default_factory=list)
    globals: list[t.Name] = field(default_factory=list)
    routines: dict[str, b.Routine] = field(default_factory=dict)
    derivatives: dict[str, b.Derivative] = field(default_factory=dict)
    initial: b.Initial | None = None
    breakpoint: b.Breakpoint | None = None
    defined: dict[str, t.Position] = field(default_factory=dict)
    outside: dict[str, t.Position] = field(default_factory=dict)  # declared here, but of an ion or the simulator
    warnings: list[str] = field(default_factory=list)

    def error(self, at: t.Position, what: str, remedy: str) -> NmodlError:
        return refuse(self.file, at, what, remedy)

    def define(self, name: str, at: t.Position, what: str) -> None:
        if name in self.defined:
            first = self.defined[name]
            raise self.error(at, f"{name} is defined a second time", f"it is defined at {first.line}:{first.column}; remove one")
        if name in INTRINSICS or name in LOWERED or name in REFUSED_FUNCTIONS:
            raise self.error(at, f"{name} is a function of NMODL and cannot be the name of a {what}", "rename it")
        self.defined[name] = at

    def read(self, block: b.FileBlock) -> None:
        match block:
            case b.Title():
                self.title = self.title or block.text
            case b.Neuron():
                for statement in block.statements:
                    self.neuron(statement)
            case b.Units():
                for entry in block.entries:
                    self.unit(entry)
            case b.FileLocal():
                for name in block.names:
                    self.define(name.id, name.at, "variable")
                    self.assigned[name.id] = name.at
            case b.Initial():
                if self.initial is not None:
                    raise self.error(block.at, "a second INITIAL", "join the two")
                self.initial = block
            case b.Breakpoint():
                if self.breakpoint is not None:
                    raise self.error(block.at, "a second BREAKPOINT", "join the two")
                self.breakpoint = block
            case b.Derivative():
                self.define(block.name, block.at, "block")
                self.derivatives[block.name] = block
            case b.Routine():
                self.define(block.name, block.at, block.kind)
                self.routines[block.name] = block

    def neuron(self, statement: b.NeuronStatement) -> None:
        match statement:
            case b.Suffix():
                if self.suffix is not None:
                    raise self.error(statement.at, "a second SUFFIX", "a file defines one mechanism")
                self.suffix = statement
            case b.UseIon():
                self.ions.append(statement)
            case b.NonspecificCurrent():
                self.nonspecific += statement.names
            case b.RangeNames():
                self.ranges += statement.names
            case b.GlobalNames():
                self.globals += statement.names

    def unit(self, entry: b.UnitAlias | b.UnitConstant) -> None:
        if isinstance(entry, b.UnitAlias):
            self.aliases[entry.alias] = entry.meaning
            return
        self.define(entry.name, entry.at, "constant")
        value = entry.value
        if value is None:
            value = constants.conversion(entry.source, entry.unit, self.aliases)
        if value is None:
            raise self.error(
                entry.at, f"{entry.name} = ({entry.source}) ({entry.unit}) is not a conversion gbar knows",
                f"write the number: {entry.name} = 1.23 ({entry.unit})",
            )  # fmt: skip
        self.constants[entry.name] = value
        self.units[entry.name] = entry.unit

    def declare(self, block: b.FileBlock, ion_names: frozenset[str]) -> None:
        """The declarations that need to know which names belong to ions."""
        for entry in block.entries if isinstance(block, b.Parameters | b.Constants | b.Assigned | b.States) else ():
            if entry.unit:
                self.units.setdefault(entry.name, entry.unit)
            outside = entry.name in ENVIRONMENT or entry.name in ion_names
            if outside and not isinstance(block, b.States):
                if isinstance(entry, b.ParameterDecl) and entry.value is not None and entry.name not in ("v", "t", "dt"):
                    owner = "the simulation's temperature" if entry.name == "celsius" else "the ion"
                    self.warnings.append(
                        f"{self.file}:{entry.at.line}:{entry.at.column}: {entry.name} = {entry.value:g} in PARAMETER is "
                        f"ignored: {owner} has the value"
                    )
                self.outside.setdefault(entry.name, entry.at)
                continue
            if entry.name in REFUSED_VARIABLES:
                continue
            self.define(entry.name, entry.at, "variable")
            if isinstance(block, b.Constants):
                self.constants[entry.name] = entry.value or 0.0
            elif isinstance(entry, b.ParameterDecl):
                self.parameters[entry.name] = entry
            elif isinstance(block, b.States):
                self.states[entry.name] = entry
            else:
                self.assigned[entry.name] = entry.at


def check(tree: b.File) -> Symbols:
    """The symbols of a parsed file. Raises NmodlError for the first mistake found."""
    reader = _Reader(tree.name)
    for block in tree.blocks:
        reader.read(block)
    if reader.suffix is None:
        raise reader.error(t.Position(1, 1), "no SUFFIX", "a density mechanism has NEURON { SUFFIX name }")
    currents, reads = _ions(reader)
    for block in tree.blocks:
        reader.declare(block, reads | frozenset(currents))
    for name in currents:
        reader.assigned.setdefault(name, reader.outside.get(name, t.NOWHERE))
    _check_current_units(reader, currents)
    scopes = _scopes(reader, reads | frozenset(currents))
    solved = _solved(reader)
    symbols = Symbols(
        reader.suffix.name, reader.title, reader.parameters, scopes, reader.constants, tuple(reader.states),
        tuple(reader.assigned), reader.units, reader.aliases, tuple(reader.ions), currents, reads, reader.routines,
        reader.derivatives, reader.initial, reader.breakpoint, solved, tuple(reader.warnings), tree.name,
    )  # fmt: skip
    _check_code(symbols)
    _check_recursion(symbols)
    _check_states(symbols, reader)
    return symbols


def _ions(reader: _Reader) -> tuple[dict[str, str | None], frozenset[str]]:
    """(currents with their ions, variables read from ions)."""
    currents: dict[str, str | None] = {}
    reads: set[str] = set()
    for use in reader.ions:
        if [other.ion for other in reader.ions].count(use.ion) > 1:
            raise reader.error(use.at, f"USEION {use.ion} stands twice", "join the two")
        for name in use.reads:
            if name.id in (f"{use.ion}i", f"{use.ion}o"):
                raise reader.error(
                    name.at, f"reading the concentration {name.id} is not supported yet",
                    "make it a PARAMETER with a fixed value",
                )  # fmt: skip
            if name.id not in (f"e{use.ion}", f"i{use.ion}"):
                raise reader.error(name.at, f"{name.id} is no variable of the ion {use.ion}", f"e{use.ion} can be read")
            if name.id.startswith("e"):
                reads.add(name.id)
            elif name.id not in [written.id for written in use.writes]:
                raise reader.error(
                    name.at, f"reading the ion's total current {name.id} is not supported yet",
                    "only mechanisms that follow an ion's concentration need it",
                )  # fmt: skip
        for name in use.writes:
            if name.id != f"i{use.ion}":
                raise reader.error(
                    name.at, f"writing {name.id} is not supported yet", f"a mechanism may write i{use.ion}"
                )  # fmt: skip
            currents[name.id] = use.ion
    for name in reader.nonspecific:
        if name.id in currents:
            raise reader.error(name.at, f"the current {name.id} stands twice", "remove one")
        currents[name.id] = None
    return currents, frozenset(reads)


def _check_current_units(reader: _Reader, currents: dict[str, str | None]) -> None:
    expected = constants.factor("mA/cm2")
    assert expected is not None
    for name in currents:
        unit = reader.units.get(name)
        found = constants.factor(unit, reader.aliases) if unit else None
        if found and (found[1] != expected[1] or abs(found[0] / expected[0] - 1) > 1e-9):
            raise reader.error(
                reader.assigned[name], f"the current {name} is in ({unit})",
                "a density mechanism's currents are in (mA/cm2)",
            )  # fmt: skip


def _scopes(reader: _Reader, ion_names: frozenset[str]) -> dict[str, str]:
    scopes = dict.fromkeys(reader.parameters, "private")
    for names, scope in ((reader.globals, "global"), (reader.ranges, "range")):
        for name in names:
            if name.id in scopes:
                scopes[name.id] = scope
            elif name.id not in reader.defined and name.id not in ion_names and name.id not in ENVIRONMENT:
                raise reader.error(name.at, f"{name.id} is not declared", "declare it in PARAMETER, ASSIGNED or STATE")
    return scopes


def _solved(reader: _Reader) -> tuple[t.Solve, ...]:
    found: list[t.Solve] = []
    for statement in walk_statements(reader.breakpoint.body if reader.breakpoint else ()):
        if isinstance(statement, t.Solve):
            found.append(statement)
    for solve in found:
        if solve.block in reader.routines:
            raise reader.error(
                solve.at, f"SOLVE of the PROCEDURE {solve.block} is not supported",
                "write the equations in a DERIVATIVE block, with METHOD cnexp",
            )  # fmt: skip
        if solve.block not in reader.derivatives:
            raise reader.error(solve.at, f"SOLVE {solve.block}: there is no such block", "name a DERIVATIVE block")
        if solve.method != "cnexp":
            named = f"METHOD {solve.method}" if solve.method else "SOLVE without METHOD"
            raise reader.error(
                solve.at, f"{named} is not supported",
                "use METHOD cnexp, which is exact where each equation is linear in its own state",
            )  # fmt: skip
    if len({solve.block for solve in found}) < len(found):
        raise reader.error(found[-1].at, f"SOLVE {found[-1].block} stands twice", "remove one")
    if found and reader.breakpoint:
        top = [s for s in reader.breakpoint.body if isinstance(s, t.Solve)]
        if len(top) < len(found):
            raise reader.error(found[0].at, "SOLVE inside an IF is not supported", "put it at the beginning of BREAKPOINT")
    return tuple(found)


def walk_statements(body: tuple[t.Statement, ...]) -> Iterator[t.Statement]:
    """Every statement of a body, those inside IFs included."""
    for statement in body:
        yield statement
        if isinstance(statement, t.If):
            yield from walk_statements(statement.then)
            yield from walk_statements(statement.otherwise)


def walk(expression: t.Expr) -> Iterator[t.Expr]:
    """Every node of an expression."""
    yield expression
    for child in children(expression):
        yield from walk(child)


def children(expression: t.Expr) -> tuple[t.Expr, ...]:
    """The operands of an expression."""
    match expression:
        case t.Unary(_, operand):
            return (operand,)
        case t.Binary(_, left, right):
            return (left, right)
        case t.Call(_, arguments):
            return arguments
        case t.Select(condition, then, otherwise):
            return (condition, then, otherwise)
    return ()


# --- code --------------------------------------------------------------------------------------------------------


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
                    self.expression(value, local)
                case t.Differential(state, value, at):
                    self.differential(state, at, nested)
                    self.expression(value, local)
                case t.If(condition, then, otherwise):
                    self.expression(condition, local)
                    self.body(then, local, nested=True)
                    self.body(otherwise, local, nested=True)
                case t.CallStatement(call):
                    self.call(call, local, used=False)
                case t.Solve(_, _, at) if self.where != "BREAKPOINT":
                    raise self.error(at, f"SOLVE in {self.where} is not supported", "SOLVE belongs in BREAKPOINT")
                case t.Conductance():
                    self.conductance(statement, local)

    def target(self, name: str, at: t.Position, local: frozenset[str]) -> None:
        symbols = self.symbols
        if name in local or name in self.own:
            return
        if name in symbols.parameters:
            raise self.error(at, f"{name} is a PARAMETER and cannot be assigned", "declare it in ASSIGNED")
        if name in symbols.constants:
            raise self.error(at, f"{name} is a constant and cannot be assigned", "declare it in ASSIGNED")
        if name in ENVIRONMENT or name in symbols.ion_reads:
            raise self.error(at, f"{name} belongs to the simulator and cannot be assigned", "use a LOCAL variable")
        if name in symbols.assigned or name in symbols.states:
            return
        raise self.undeclared(name, at)

    def undeclared(self, name: str, at: t.Position) -> NmodlError:
        if name in REFUSED_VARIABLES:
            return self.error(at, f"{name} is not supported", REFUSED_VARIABLES[name])
        if name in self.symbols.routines or name in INTRINSICS:
            return self.error(at, f"{name} is a function", f"call it: {name}(...)")
        return self.error(at, f"{name} is not declared", "declare it in PARAMETER, ASSIGNED, STATE or LOCAL")

    def differential(self, state: str, at: t.Position, nested: bool) -> None:
        name = state.rstrip("'")
        if self.where != "DERIVATIVE":
            raise self.error(at, f"{state} in {self.where}", "equations of states belong in a DERIVATIVE block")
        if state.endswith("'"):
            raise self.error(at, f"{state}' is of higher order", "write it as equations of first order")
        if name not in self.symbols.states:
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
                statement.at, f"CONDUCTANCE {statement.variable} needs exactly one current of {owner}",
                "delete the statement: gbar differentiates the current itself",
            )  # fmt: skip

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
        elif call.function in REFUSED_FUNCTIONS:
            raise self.error(call.at, f"{call.function}() is not supported", REFUSED_FUNCTIONS[call.function])
        else:
            raise self.error(call.at, f"{call.function}() is not defined", "define it as a FUNCTION or PROCEDURE")
        if len(call.arguments) != expected:
            raise self.error(
                call.at, f"{call.function}() has {len(call.arguments)} arguments", f"it takes {expected}"
            )  # fmt: skip
        if inside:
            for argument in call.arguments:
                self.expression(argument, local)


def _check_code(symbols: Symbols) -> None:
    if symbols.initial:
        _Scope(symbols, "INITIAL").body(symbols.initial.body, frozenset())
    if symbols.breakpoint:
        _Scope(symbols, "BREAKPOINT").body(symbols.breakpoint.body, frozenset())
    for derivative in symbols.derivatives.values():
        _Scope(symbols, "DERIVATIVE").body(derivative.body, frozenset())
    for routine in symbols.routines.values():
        own = {argument.name for argument in routine.arguments}
        if len(own) < len(routine.arguments):
            raise refuse(symbols.file, routine.at, f"{routine.name}() has two arguments of one name", "rename one")
        if routine.kind == "FUNCTION":
            own.add(routine.name)
        _Scope(symbols, routine.kind, frozenset(own)).body(routine.body, frozenset())


def calls(body: tuple[t.Statement, ...]) -> Iterator[t.Call]:
    """Every call in a body."""
    for statement in walk_statements(body):
        match statement:
            case t.Assign(_, value) | t.Differential(_, value):
                expression: t.Expr = value
            case t.If(condition, _, _):
                expression = condition
            case t.CallStatement(call):
                expression = call
            case _:
                continue
        yield from (node for node in walk(expression) if isinstance(node, t.Call))


def _check_recursion(symbols: Symbols) -> None:
    """Refuse routines that call themselves, directly or through others; iterative, for chains may be long."""
    uses = {
        name: [call for call in calls(routine.body) if call.function in symbols.routines]
        for name, routine in symbols.routines.items()
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
                    symbols.file, call.at, f"{call.function}() calls itself", "recursion has no place in a rate equation"
                )  # fmt: skip
            elif call.function not in finished:
                path[call.function] = iter(uses[call.function])


def _check_states(symbols: Symbols, reader: _Reader) -> None:
    solved = {solve.block for solve in symbols.solved}
    bodies = [symbols.derivatives[name].body for name in solved]
    equations: dict[str, t.Position] = {}
    for body in bodies:
        for statement in walk_statements(body):
            if isinstance(statement, t.Differential):
                if statement.state in equations:
                    raise refuse(symbols.file, statement.at, f"{statement.state} has a second equation", "remove one")
                equations[statement.state] = statement.at
    for name, derivative in symbols.derivatives.items():
        if name not in solved:
            raise refuse(
                symbols.file, derivative.at, f"DERIVATIVE {name} is never solved",
                f"add SOLVE {name} METHOD cnexp to BREAKPOINT, or delete the block",
            )  # fmt: skip
    bodies += [routine.body for routine in symbols.routines.values()]
    bodies += [symbols.breakpoint.body] if symbols.breakpoint else []
    assigned = {s.target for body in bodies for s in walk_statements(body) if isinstance(s, t.Assign)}
    for name in symbols.states:
        if name not in equations and name not in assigned:
            raise refuse(
                symbols.file, reader.states[name].at, f"the state {name} has no equation",
                f"write {name}' = ... in DERIVATIVE, or declare it in PARAMETER",
            )  # fmt: skip
