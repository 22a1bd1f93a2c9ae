"""What the names of a file stand for: its declarations, read into one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from gbar.errors import NmodlError
from gbar.nmodl import blocks as b
from gbar.nmodl import constants
from gbar.nmodl import tree as t
from gbar.nmodl.intrinsics import ENVIRONMENT, INTRINSICS, LOWERED
from gbar.nmodl.ions import ion_names
from gbar.nmodl.walk import expressions, walk, walk_statements

METHODS = frozenset(
    {"cnexp", "derivimplicit", "euler", "runge", "sparse", "after_cvode", "cvode_t", "cvode_t_v", "simeq", "newton"}
)


AFTER_SOLVE = "AFTER SOLVE"  # the PROCEDURE that is solved last; no file can give one this name


@dataclass(frozen=True)
class Symbols:
    """The names of a checked file by what they are."""

    suffix: str
    title: str
    parameters: dict[str, b.ParameterDecl]
    scopes: dict[str, str]  # parameter -> "range", "global", "private"
    constants: dict[str, float]
    states: tuple[str, ...]
    places: dict[str, t.Position]  # where each name is declared
    assigned: tuple[str, ...]  # ASSIGNED and file-scope LOCAL, and currents that are not READ
    units: dict[str, str]
    shared: frozenset[str]  # variables that code assigns, of which NEURON has one for all compartments
    starts: dict[str, t.Expr]  # what variables hold when INITIAL begins, where it is not 0
    ions: tuple[b.UseIon, ...]
    currents: dict[str, str | None]  # current -> its ion
    ion_reads: frozenset[str]  # e, i, ...i, ...o of ions that blocks find as the ion has them
    ion_writes: frozenset[str]  # those of them, other than currents, that blocks leave changed to the ion
    routines: dict[str, b.Routine]
    tables: dict[str, b.FunctionTable]
    derivatives: dict[str, b.Derivative]
    kinetics: dict[str, b.Kinetic]
    linears: dict[str, b.Linear]
    initial: b.Initial | None  # its body keeps its SOLVE ... STEADYSTATE statements in their places
    breakpoint: b.Breakpoint | None
    solved: tuple[t.Solve, ...]  # the SOLVEs of BREAKPOINT, of any block or PROCEDURE, in their order
    warnings: tuple[str, ...]
    file: str

    def variables(self) -> frozenset[str]:
        """Every name that is a variable of the mechanism or of its surroundings."""
        return (
            frozenset(self.parameters)
            | frozenset(self.constants)
            | frozenset(self.states)
            | frozenset(self.assigned)
            | self.ion_reads
            | self.currents.keys()
            | ENVIRONMENT
        )


def refuse(file: str, at: t.Position, what: str, remedy: str) -> NmodlError:
    """An NmodlError at a node's place."""
    return NmodlError(what, file=at.file or file, line=at.line or None, column=at.column or None, remedy=remedy)


def place(file: str, at: t.Position, what: str) -> str:
    """A warning with its place."""
    return f"{at.file or file}:{at.line}:{at.column}: {what}"


def walk_solves(symbols: Symbols) -> Iterator[t.Solve]:
    """Every SOLVE of BREAKPOINT and INITIAL."""
    yield from symbols.solved
    body = symbols.initial.body if symbols.initial else ()
    yield from (statement for statement in walk_statements(body) if isinstance(statement, t.Solve))


_BESIDE = (("AFTER", "INITIAL"), ("BEFORE", "BREAKPOINT"), ("AFTER", "SOLVE"))


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
    kept: set[str] = field(default_factory=set)  # LOCAL outside of all blocks
    starts: dict[str, t.Expr] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    ions: list[b.UseIon] = field(default_factory=list)
    nonspecific: list[t.Name] = field(default_factory=list)
    ranges: list[t.Name] = field(default_factory=list)
    globals: list[t.Name] = field(default_factory=list)
    routines: dict[str, b.Routine] = field(default_factory=dict)
    tables: dict[str, b.FunctionTable] = field(default_factory=dict)
    derivatives: dict[str, b.Derivative] = field(default_factory=dict)
    kinetics: dict[str, b.Kinetic] = field(default_factory=dict)
    linears: dict[str, b.Linear] = field(default_factory=dict)
    initial: b.Initial | None = None
    breakpoint: b.Breakpoint | None = None
    defined: dict[str, t.Position] = field(default_factory=dict)
    beside: dict[tuple[str, str], tuple[t.Statement, ...]] = field(default_factory=dict)
    outside: dict[str, t.Position] = field(default_factory=dict)  # declared here, but of an ion or the simulator
    warnings: list[str] = field(default_factory=list)

    def error(self, at: t.Position, what: str, remedy: str) -> NmodlError:
        return refuse(self.file, at, what, remedy)

    def define(self, name: str, at: t.Position, what: str) -> None:
        if name in self.defined:
            first = self.defined[name]
            raise self.error(
                at, f"{name} is defined a second time", f"it is defined at {first.line}:{first.column}; remove one"
            )
        if name in INTRINSICS or name in LOWERED:
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
                for kept in block.entries:
                    self.define(kept.name, kept.at, "variable")
                    self.assigned[kept.name] = kept.at
                    self.kept.add(kept.name)
            case b.Initial():
                self.initial = b.Initial((self.initial.body if self.initial else ()) + block.body, block.at)
            case b.Breakpoint():
                body = self.breakpoint.body if self.breakpoint else ()
                self.breakpoint = b.Breakpoint(body + block.body, block.at)
            case b.Derivative():
                self.define(block.name, block.at, "block")
                self.derivatives[block.name] = block
            case b.Kinetic():
                self.define(block.name, block.at, "block")
                self.kinetics[block.name] = block
            case b.Linear():
                self.define(block.name, block.at, "block")
                self.linears[block.name] = block
            case b.Routine():
                self.define(block.name, block.at, block.kind)
                self.routines[block.name] = block
            case b.FunctionTable():
                self.define(block.name, block.at, "table")
                self.tables[block.name] = block
            case b.Beside(when, what):
                if (when, what) not in _BESIDE:
                    known = " and ".join(" ".join(words) for words in _BESIDE)
                    raise self.error(block.at, f"{when} {what} is not supported", f"there are {known}")
                self.beside[when, what] = (*self.beside.get((when, what), ()), *block.body)
            case b.FileVerbatim():
                raise self.error(
                    block.at, "this C code defines a name that the file uses", "write what the name stands for"
                )

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
                entry.at,
                f"{entry.name} = ({entry.source}) ({entry.unit}) is not a conversion gbar knows",
                f"write the number: {entry.name} = 1.23 ({entry.unit})",
            )
        self.constants[entry.name] = value
        self.units[entry.name] = entry.unit

    def ignore(self, entry: b.ParameterDecl | b.VariableDecl) -> None:
        """Warn of a value that the file gives to a variable of an ion or of the simulator."""
        if isinstance(entry, b.ParameterDecl) and entry.value is not None and entry.name not in ("v", "t", "dt"):
            owner = "the simulation's temperature" if entry.name == "celsius" else "the ion"
            self.warn(entry.at, f"{entry.name} = {entry.value:g} is ignored; {owner} has the value")

    def warn(self, at: t.Position, what: str) -> None:
        """Note what the file says and gbar does not do."""
        self.warnings.append(place(self.file, at, what))

    def declare(self, block: b.FileBlock, ion_names: frozenset[str]) -> None:
        """The declarations that need to know which names belong to ions."""
        if not isinstance(block, b.Parameters | b.Constants | b.Assigned | b.States):
            return
        for entry in block.entries:
            if entry.unit:
                self.units.setdefault(entry.name, entry.unit)
            outside = entry.name in ENVIRONMENT or entry.name in ion_names
            if outside:
                self.ignore(entry)
                self.outside.setdefault(entry.name, entry.at)
                continue
            if isinstance(block, b.Assigned) and entry.name in self.kept:
                continue  # a LOCAL outside of all blocks hides it
            self.define(entry.name, entry.at, "variable")
            if isinstance(entry, b.ParameterDecl):
                if isinstance(block, b.Constants):
                    self.constants[entry.name] = entry.value or 0.0
                else:
                    if entry.value is None:
                        self.warn(entry.at, f"{entry.name} has no value here: it is 0 unless the cell states it")
                    value, low, high = map(_six_digits, (entry.value, entry.low, entry.high))
                    self.parameters[entry.name] = replace(entry, value=value, low=low, high=high)
            elif isinstance(block, b.States):
                self.states[entry.name] = entry
            else:
                self.assigned[entry.name] = entry.at
                if entry.start:
                    self.starts[entry.name] = t.Name(entry.start)


def _six_digits(value: float | None) -> float | None:
    """The number to which NEURON's translator rounds what PARAMETER says; other numbers of a file stay as they are."""
    return None if value is None else float(f"{value:g}")


def declared(tree: b.File) -> Symbols:
    """The symbols of a parsed file. Raises NmodlError for the first mistake in its declarations."""
    reader = _Reader(tree.name)
    for block in tree.blocks:
        reader.read(block)
    if reader.suffix is None:
        raise reader.error(t.Position(1, 1), "no SUFFIX", "a density mechanism has NEURON { SUFFIX name }")
    ions = ion_names(reader.ions, reader.nonspecific, tree.name)
    outside = ions.reads | frozenset(ions.currents)
    for block in tree.blocks:
        reader.declare(block, outside)
    _starting_values(reader, tree)
    for name, routine in reader.routines.items():
        reader.routines[name] = replace(routine, body=_solves_called(routine.body, reader.routines))
    for name in ions.currents.keys() - ions.reads:
        reader.assigned.setdefault(name, reader.outside.get(name, t.NOWHERE))
    _check_current_units(reader, ions.currents)
    scopes = _scopes(reader, outside)
    solved = _solved(reader) + _afterwards(reader, moved=not ions.currents)
    return Symbols(
        suffix=reader.suffix.name,
        title=reader.title,
        parameters=reader.parameters,
        scopes=scopes,
        constants=reader.constants,
        states=tuple(reader.states),
        places=reader.defined,
        assigned=tuple(reader.assigned),
        units=reader.units,
        shared=_shared(reader, scopes),
        starts=_starts(reader),
        ions=tuple(reader.ions),
        currents=ions.currents,
        ion_reads=ions.reads,
        ion_writes=ions.writes,
        routines=reader.routines,
        tables=reader.tables,
        derivatives=reader.derivatives,
        kinetics=reader.kinetics,
        linears=reader.linears,
        initial=reader.initial,
        breakpoint=reader.breakpoint,
        solved=solved,
        warnings=tree.warnings + tuple(reader.warnings),
        file=tree.name,
    )


def _starting_values(reader: _Reader, tree: b.File) -> None:
    """Declares what NEURON has of its own, where code uses it: m0 for a state m, and usetable, which is 0 here."""
    bodies = [body for block in tree.blocks if isinstance(body := getattr(block, "body", None), tuple)]
    used: dict[str, t.Position] = {}
    for statement in (one for body in bodies for one in walk_statements(body)):
        if isinstance(statement, t.Assign):
            used.setdefault(statement.target, statement.at)
        for node in (node for expression in expressions(statement) for node in walk(expression)):
            if isinstance(node, t.Name):
                used.setdefault(node.id, node.at)
    if "usetable" in used and "usetable" not in reader.defined:
        reader.define("usetable", used["usetable"], "constant")
        reader.constants["usetable"] = 0.0
    for name in reader.states:
        first = f"{name.partition('[')[0]}0"
        if first in used and first not in reader.defined and first not in reader.outside:
            reader.define(first, used[first], "variable")
            reader.assigned[first] = used[first]


def _solves_called(body: tuple[t.Statement, ...], routines: dict[str, b.Routine]) -> tuple[t.Statement, ...]:
    """`body` of a PROCEDURE, where SOLVE of another PROCEDURE is a call of it."""
    out: list[t.Statement] = []
    for statement in body:
        match statement:
            case t.If(condition, then, otherwise, at):
                out.append(t.If(condition, _solves_called(then, routines), _solves_called(otherwise, routines), at))
            case t.Solve(block, _, at) if block in routines and not routines[block].arguments:
                out.append(t.CallStatement(t.Call(block, (), at), at))
            case _:
                out.append(statement)
    return tuple(out)


def _shared(reader: _Reader, scopes: dict[str, str]) -> frozenset[str]:
    copies = {
        name for name, start in reader.starts.items() if isinstance(start, t.Name) and scopes.get(start.id) != "range"
    }
    return frozenset(copies | reader.kept | {name.id for name in reader.globals if name.id in reader.assigned})


def _starts(reader: _Reader) -> dict[str, t.Expr]:
    """A copy begins with its PARAMETER's value; a state m, and every element of an array m, with the PARAMETER m0."""
    first = {name: f"{name.partition('[')[0]}0" for name in reader.states}
    return reader.starts | {name: t.Name(m0) for name, m0 in first.items() if m0 in reader.parameters}


def _check_current_units(reader: _Reader, currents: dict[str, str | None]) -> None:
    expected = constants.factor("mA/cm2")
    assert expected is not None
    for name in currents:
        unit = reader.units.get(name)
        found = constants.factor(unit, reader.aliases) if unit else None
        if found and (found[1] != expected[1] or abs(found[0] / expected[0] - 1) > 1e-9):
            reader.warn(
                reader.outside.get(name, reader.defined.get(name, t.NOWHERE)),
                f"the current {name} is in ({unit}); its number is taken as mA/cm2, as NEURON does",
            )


def _scopes(reader: _Reader, ion_names: frozenset[str]) -> dict[str, str]:
    scopes = dict.fromkeys(reader.parameters, "private")
    for names, scope in ((reader.globals, "global"), (reader.ranges, "range")):
        for name in names:
            if name.id in scopes:
                scopes[name.id] = scope
            elif name.id not in reader.defined and name.id not in ion_names and name.id not in ENVIRONMENT:
                reader.warn(name.at, f"{name.id} is named in the NEURON block and declared nowhere")
    return scopes


def _solved(reader: _Reader) -> tuple[t.Solve, ...]:
    """The SOLVEs of BREAKPOINT in their order; all of them, and those of INITIAL, name blocks and known methods."""
    bodies = {
        "BREAKPOINT": reader.breakpoint.body if reader.breakpoint else (),
        "INITIAL": reader.initial.body if reader.initial else (),
    }
    found: dict[str, list[t.Solve]] = {}
    for where, body in bodies.items():
        found[where] = [statement for statement in walk_statements(body) if isinstance(statement, t.Solve)]
        for solve in found[where]:
            _check_solve(reader, solve, where)
        if where == "INITIAL" and len(found[where]) > len([s for s in body if isinstance(s, t.Solve)]):
            raise reader.error(
                found[where][0].at, "SOLVE inside an IF of INITIAL is not supported", "put it outside of the IF"
            )
    solved = found["BREAKPOINT"]
    if len({solve.block for solve in solved}) < len(solved):
        raise reader.error(solved[-1].at, f"SOLVE {solved[-1].block} stands twice", "remove one")
    return tuple(solved)


def _without_solves(body: tuple[t.Statement, ...]) -> tuple[t.Statement, ...]:
    """`body` without SOLVE, which NEURON takes out of any IF around it."""
    out: list[t.Statement] = []
    for statement in body:
        match statement:
            case t.If(condition, then, otherwise, at):
                out.append(t.If(condition, _without_solves(then), _without_solves(otherwise), at))
            case t.Solve():
                pass
            case _:
                out.append(statement)
    return tuple(out)


def _afterwards(reader: _Reader, moved: bool) -> tuple[t.Solve, ...]:
    """Joins what stands beside INITIAL and BREAKPOINT; makes a PROCEDURE of what follows the solution of the states.

    That is AFTER SOLVE, and the code of BREAKPOINT of a mechanism without currents (`moved`), as in NEURON.
    """
    body = reader.beside.get(("BEFORE", "BREAKPOINT"), ()) + (reader.breakpoint.body if reader.breakpoint else ())
    after = reader.beside.get(("AFTER", "SOLVE"), ())
    if moved:
        after = _without_solves(body) + after
        body = ()
    reader.breakpoint = b.Breakpoint(_without_solves(body))
    if ("AFTER", "INITIAL") in reader.beside:
        own = reader.initial.body if reader.initial else ()
        reader.initial = b.Initial(own + reader.beside["AFTER", "INITIAL"])
    if not after:
        return ()
    reader.routines[AFTER_SOLVE] = b.Routine("PROCEDURE", AFTER_SOLVE, (), "", after)
    return (t.Solve(AFTER_SOLVE, None),)


def _check_solve(reader: _Reader, solve: t.Solve, where: str) -> None:
    blocks = {**reader.derivatives, **reader.kinetics, **reader.linears, **reader.routines}
    block = blocks.get(solve.block)
    if block is None:
        remedy = "name a DERIVATIVE, KINETIC, LINEAR or PROCEDURE block"
        raise reader.error(solve.at, f"SOLVE {solve.block}: there is no such block", remedy)
    steady, method = (solve.method or "").startswith("STEADYSTATE "), (solve.method or "").rsplit(" ", 1)[-1]
    if method and method not in METHODS:
        raise reader.error(solve.at, f"METHOD {method} is not supported", f"there are {', '.join(sorted(METHODS))}")
    if isinstance(block, b.Routine) and (block.kind == "FUNCTION" or block.arguments):
        raise reader.error(
            solve.at, f"{block.name} takes arguments or has a value", "SOLVE a PROCEDURE without arguments"
        )
    if where == "INITIAL" and not steady and not isinstance(block, b.Linear | b.Routine):
        raise reader.error(
            solve.at, "SOLVE in INITIAL is not supported", "SOLVE belongs in BREAKPOINT, or has STEADYSTATE sparse"
        )
