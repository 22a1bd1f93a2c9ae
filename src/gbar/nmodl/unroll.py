"""Pass: FROM loops -> their statements, written out; elements of arrays -> variables called `a[0]`, `a[1]`, ..."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gbar.errors import NmodlError
from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t

Entry = TypeVar("Entry", b.ParameterDecl, b.VariableDecl)
MAX_LENGTH = 1_000  # of an array, or of a loop
MAX_TURNS = 8  # of a loop to a PARAMETER, or as many as its default asks for
MAX_STATEMENTS = 20_000


def unroll(tree: b.File) -> b.File:
    """`tree` without loops, arrays and indices. Raises NmodlError where an index is no constant, or is out of bounds.

    Loops count whole numbers from FROM to TO, both included; where they hold `a[i]`, every turn names one element. An
    array's declaration becomes one of each element, all with the unit, limits and value that it gives the array. A
    loop may end at a PARAMETER: its turns are then under a condition, and the PARAMETER gets their number as its limit;
    where it ends at another variable, too great a value makes what the loop assigns infinite.
    """
    arrays: dict[str, int] = {}
    for block in tree.blocks:
        if isinstance(block, b.Parameters | b.Constants | b.Assigned | b.States | b.FileLocal):
            arrays |= {entry.name: entry.size for entry in block.entries if entry.size}
    given = [entry for block in tree.blocks if isinstance(block, b.Parameters) for entry in block.entries]
    work = _Unroller(arrays, tree.name, {entry.name: entry.value or 0.0 for entry in given if not entry.size})
    blocks = tuple(work.block(block) for block in tree.blocks)
    blocks = tuple(_capped(block, work.turns) for block in blocks)
    return replace(tree, blocks=blocks, warnings=tree.warnings + tuple(work.warnings))


def elements(name: str, size: int) -> tuple[str, ...]:
    """The names of an array's elements."""
    return tuple(f"{name}[{number}]" for number in range(size))


def _capped(block: b.FileBlock, turns: Mapping[str, int]) -> b.FileBlock:
    if not isinstance(block, b.Parameters) or not turns:
        return block
    entries = []
    for entry in block.entries:
        if entry.name in turns:
            high = min(float(turns[entry.name]), entry.high if entry.high is not None else math.inf)
            entry = replace(entry, low=entry.low if entry.low is not None else -1e9, high=high)
        entries.append(entry)
    return replace(block, entries=tuple(entries))


def _undone(loop: t.Loop, most: int) -> tuple[t.Statement, ...]:
    """Makes what a loop has assigned infinite where the variable that it ends at asks for more turns than there are."""
    names = {s.target for s in loop.body if isinstance(s, t.Assign) and s.index is None}
    within = t.Binary("<=", loop.last, t.Number(float(most)), loop.at)
    wrong = tuple(t.Assign(name, t.Binary("/", t.Number(1.0), within, loop.at), loop.at) for name in sorted(names))
    return (t.If(within, (), wrong, loop.at),)


@dataclass
class _Unroller:
    arrays: dict[str, int]
    file: str
    parameters: dict[str, float]  # and their defaults
    turns: dict[str, int] = field(default_factory=dict)  # of the loops that end at a PARAMETER
    warnings: list[str] = field(default_factory=list)
    made: int = 0
    counters: dict[str, int] = field(default_factory=dict)  # the loops around, and where they stand

    def error(self, at: t.Position, what: str, remedy: str) -> NmodlError:
        return NmodlError(
            what, file=at.file or self.file, line=at.line or None, column=at.column or None, remedy=remedy
        )

    def block(self, block: b.FileBlock) -> b.FileBlock:
        match block:
            case b.Parameters(entries) | b.Constants(entries):
                return replace(block, entries=tuple(one for entry in entries for one in self.declaration(entry)))
            case b.Assigned(variables) | b.States(variables) | b.FileLocal(variables):
                return replace(block, entries=tuple(one for entry in variables for one in self.declaration(entry)))
            case b.Neuron(statements):
                return replace(block, statements=tuple(map(self.neuron, statements)))
            case b.Routine():
                inside = {argument.name for argument in block.arguments} | {block.name}
                return replace(block, body=self.shadowed(block.body, inside))
            case b.Initial() | b.Breakpoint() | b.Derivative() | b.Kinetic() | b.Linear() | b.Beside():
                return replace(block, body=self.shadowed(block.body, ()))
        return block

    def neuron(self, statement: b.NeuronStatement) -> b.NeuronStatement:
        """RANGE a names every element of the array a."""
        match statement:
            case b.RangeNames(names) | b.GlobalNames(names):
                spread = (
                    replace(name, id=one)
                    for name in names
                    for one in (elements(name.id, min(self.arrays.get(name.id, 0), MAX_LENGTH)) or (name.id,))
                )
                return replace(statement, names=tuple(spread))
        return statement

    def declaration(self, entry: Entry) -> Iterator[Entry]:
        if not entry.size:
            yield entry
            return
        if entry.size > MAX_LENGTH:
            raise self.error(
                entry.at, f"the array {entry.name} has {entry.size} elements", f"an array has at most {MAX_LENGTH}"
            )
        for name in elements(entry.name, entry.size):
            yield replace(entry, name=name, size=0)

    # statements

    def shadowed(self, body: tuple[t.Statement, ...], hidden: Sequence[str] | set[str]) -> tuple[t.Statement, ...]:
        """`body` unrolled where the names in `hidden` are no arrays of the file."""
        outside = self.arrays
        self.arrays = {name: size for name, size in outside.items() if name not in hidden}
        out = tuple(self.body(body))
        self.arrays = outside
        return out

    def body(self, body: tuple[t.Statement, ...]) -> Iterator[t.Statement]:
        outside = self.arrays
        for statement in body:
            self.made += 1
            if self.made > MAX_STATEMENTS:
                raise self.error(
                    statement.at, f"the loops of this file expand to more than {MAX_STATEMENTS} statements",
                    "make the loops shorter",
                )  # fmt: skip
            match statement:
                case t.Loop():
                    yield from self.loop(statement)
                case t.Local():
                    yield self.local(statement)
                case t.CompartmentVolume() | t.Diffusion():
                    yield from self.volume(statement)
                case _:
                    yield self.statement(statement)
        self.arrays = outside

    def local(self, statement: t.Local) -> t.Local:
        sizes = statement.sizes or (0,) * len(statement.names)
        for name, size in zip(statement.names, sizes, strict=True):
            if size > MAX_LENGTH:
                raise self.error(
                    statement.at, f"the array {name} has {size} elements", f"an array has at most {MAX_LENGTH}"
                )
        self.arrays = {name: size for name, size in self.arrays.items() if name not in statement.names}
        declared = list(zip(statement.names, sizes, strict=True))
        self.arrays |= {name: size for name, size in declared if size}
        return t.Local(tuple(one for name, size in declared for one in (elements(name, size) or (name,))), statement.at)

    def loop(self, loop: t.Loop) -> Iterator[t.Statement]:
        first, step = self.whole(loop.first, loop.at), self.whole(loop.step, loop.at)
        if step <= 0:
            raise self.error(loop.at, f"a loop BY {step} does not end", "count upwards")
        after: tuple[t.Statement, ...] = ()
        match loop.last:
            case t.Name(bound) if bound not in self.counters:
                last = self.most(bound, loop.at)
                test = t.Binary("<=", t.Name(loop.variable), loop.last, loop.at)
                after = () if bound in self.parameters else _undone(loop, last)
                loop = replace(loop, body=(t.If(test, loop.body, (), loop.at),))
            case _:
                last = self.whole(loop.last, loop.at)
        turns = range(first, last + 1, step)
        if len(turns) > MAX_LENGTH:
            raise self.error(loop.at, f"a loop of {len(turns)} turns", f"a loop has at most {MAX_LENGTH}")
        outside = self.counters
        for turn in turns:
            self.counters = outside | {loop.variable: turn}
            inner = tuple(self.body(loop.body))
            if any(isinstance(statement, t.Local) for statement in inner):
                yield t.If(t.Number(1.0), inner, (), loop.at)
            else:
                yield from inner
        self.counters = outside
        yield from after

    def most(self, bound: str, at: t.Position) -> int:
        """The most turns of a loop that ends at the PARAMETER or other variable `bound`."""
        if bound not in self.turns:
            self.turns[bound] = max(MAX_TURNS, int(min(self.parameters.get(bound, 0.0), MAX_LENGTH + 1.0)))
            where = f"{at.file or self.file}:{at.line}:{at.column}"
            self.warnings.append(f"{where}: a loop ends at {bound}, which can be at most {self.turns[bound]} here")
        return self.turns[bound]

    def volume(self, statement: t.CompartmentVolume | t.Diffusion) -> Iterator[t.Statement]:
        """One COMPARTMENT for each element, where it holds arrays."""
        outside = self.counters
        for name in statement.names:
            if name not in self.arrays:
                yield self.measured(statement, name)
                continue
            for number, one in enumerate(elements(name, self.arrays[name])):
                self.counters = outside | ({statement.index: number} if statement.index else {})
                yield self.measured(statement, one)
        self.counters = outside

    def measured(self, statement: t.CompartmentVolume | t.Diffusion, name: str) -> t.Statement:
        if isinstance(statement, t.Diffusion):
            return t.Diffusion(self.expression(statement.coefficient), (name,), "", statement.at)
        return t.CompartmentVolume(self.expression(statement.volume), (name,), "", statement.at)

    def statement(self, statement: t.Statement) -> t.Statement:
        match statement:
            case t.Assign(target, value, at, index):
                return t.Assign(self.target(target, index, at), self.expression(value), at)
            case t.Differential(state, value, at, index):
                primes = state[len(state.rstrip("'")) :]
                name = self.target(state.rstrip("'"), index, at)
                return t.Differential(name + primes, self.expression(value), at)
            case t.If(condition, then, otherwise, at):
                return t.If(self.expression(condition), tuple(self.body(then)), tuple(self.body(otherwise)), at)
            case t.CallStatement(call, at):
                return t.CallStatement(t.Call(call.function, self.arguments(call), call.at), at)
            case t.Reaction(left, right, forward, backward, kind, at):
                rates = self.expression(forward), self.expression(backward) if backward is not None else None
                return t.Reaction(self.side(left), self.side(right), *rates, kind, at)
            case t.Conserve(terms, total, at):
                return t.Conserve(self.side(terms), self.expression(total), at)
            case t.Equation(left, right, at):
                return t.Equation(self.expression(left), self.expression(right), at)
        return statement

    def side(self, side: tuple[t.Reactant, ...]) -> tuple[t.Reactant, ...]:
        return tuple(t.Reactant(r.count, self.target(r.name, r.index, r.at), None, r.at) for r in side)

    def target(self, name: str, index: t.Expr | None, at: t.Position) -> str:
        if name in self.counters:
            raise self.error(at, f"{name} counts the turns of a loop and cannot be assigned", "use a LOCAL variable")
        if index is not None:
            return self.element(name, index, at)
        if name in self.arrays:
            raise self.error(at, f"{name} is an array of {self.arrays[name]}", f"name an element: {name}[0]")
        return name

    def element(self, name: str, index: t.Expr, at: t.Position) -> str:
        if name not in self.arrays:
            raise self.error(at, f"{name} is no array", f"declare it with its length: {name}[3]")
        number = self.whole(index, at)
        if not 0 <= number < self.arrays[name]:
            raise self.error(
                at, f"{name}[{number}] is outside of the array",
                f"its elements are {name}[0] to {name}[{self.arrays[name] - 1}]",
            )  # fmt: skip
        return f"{name}[{number}]"

    # expressions

    def arguments(self, call: t.Call) -> tuple[t.Expr, ...]:
        return tuple(map(self.expression, call.arguments))

    def expression(self, expression: t.Expr) -> t.Expr:
        match expression:
            case t.Name(name, at):
                if name in self.counters:
                    return t.Number(float(self.counters[name]), at)
                return t.Name(self.target(name, None, at), at)
            case t.Element(name, index, at):
                return t.Name(self.element(name, index, at), at)
            case t.Unary(op, operand, at):
                return t.Unary(op, self.expression(operand), at)
            case t.Binary(op, left, right, at):
                return t.Binary(op, self.expression(left), self.expression(right), at)
            case t.Call(function, _, at):
                return t.Call(function, self.arguments(expression), at)
        return expression

    def whole(self, expression: t.Expr, at: t.Position) -> int:
        """The whole number that an index or a bound is."""
        number = _whole(expression, self.counters)
        if number is None or abs(number) > 1e9:
            raise self.error(
                at, "this index or bound is not known before the simulation",
                "use whole numbers, DEFINEd names and the variables of FROM loops",
            )  # fmt: skip
        return number


def _whole(expression: t.Expr, counters: Mapping[str, int]) -> int | None:
    match expression:
        case t.Number(value) if value.is_integer():
            return int(value)
        case t.Name(name):
            return counters.get(name)
        case t.Call("INT", (inner,)):
            return _whole(inner, counters)
        case t.Unary("-", operand):
            number = _whole(operand, counters)
            return None if number is None else -number
        case t.Binary(op, left, right):
            one, other = _whole(left, counters), _whole(right, counters)
            if one is None or other is None:
                return None
            match op:
                case "+":
                    return one + other
                case "-":
                    return one - other
                case "*":
                    return one * other
                case "/" if other:
                    return int(one / other) if abs(one) < 2**50 else None  # towards 0, as in C
    return None
