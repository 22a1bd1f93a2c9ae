"""The equations of one time step of a cell as a graph (numerics: NEURON's fixed step).

1. currents at the old voltage, stimulus at t + dt/2;
2. solve (cm/dt + sum of slopes) * dv = injected - sum of currents for dv, v += dv;
3. states at the new voltage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gbar.compartments import Compartments, Instance, Pool
from gbar.errors import CellError, InternalError
from gbar.kernel.graph import COMPARISONS, Graph, Level, Node
from gbar.nmodl.tree import Binary, Block, Call, Expr, Name, Number, Select, Unary

SECANT = 0.001  # mV, NEURON's step for the slope of a current


@dataclass(frozen=True)
class Slot:
    """A value kept from one step to the next, for every lane.

    `step` is either an `advance` node (the old value plus an increment) or the new value itself.
    """

    name: str
    initial: Node
    step: Node


@dataclass(frozen=True)
class Equations:
    """One time step: slot 0 is the voltage."""

    graph: Graph
    slots: tuple[Slot, ...]


def equations(compartments: Compartments, secant: bool) -> Equations:
    """The equations of a cell.

    `secant`: the slope of a current that is not affine in v is NEURON's difference quotient, else the derivative.
    Raises InternalError for several compartments, CellError where a mechanism reads what nothing defines.
    """
    if len(compartments.compartments) != 1:
        raise InternalError("a kernel has one compartment")
    return _Builder(compartments, secant).build()


Environment = dict[str, Node]


def inputs(block: Block) -> set[str]:
    """The names that a block reads and does not assign."""
    read: set[str] = set()
    pending = [statement.value for statement in block.code] + [value for _, value in block.results]
    while pending:
        e = pending.pop()
        if isinstance(e, Name):
            read.add(e.id)
        elif not isinstance(e, Number):
            pending.extend(operands(e))
    return read - {statement.target for statement in block.code}


def operands(e: Expr) -> tuple[Expr, ...]:
    """The expressions that an expression is made of."""
    if isinstance(e, Unary):
        return (e.operand,)
    if isinstance(e, Binary):
        return (e.left, e.right)
    if isinstance(e, Call):
        return e.arguments
    if isinstance(e, Select):
        return (e.condition, e.then, e.otherwise)
    return ()


class _Builder:
    def __init__(self, compartments: Compartments, secant: bool) -> None:
        self.compartments, self.secant = compartments, secant
        self.graph = Graph()
        self.varying = {quantity: row for row, quantity in enumerate(compartments.varying)}
        self.dt = self.graph.leaf("dt", Level.FIXED)
        self.celsius = self.quantity(compartments.celsius)

    def quantity(self, index: int) -> Node:
        if index in self.varying:
            return self.graph.leaf("theta", Level.LANE, self.varying[index])
        return self.graph.leaf("quantity", Level.FIXED, index)

    def build(self) -> Equations:
        g = self.graph
        compartment = self.compartments.compartments[0]
        instances = [_InstanceEquations(self, i, compartment.pools) for i in compartment.instances]
        if compartment.area is None or compartment.cm is None:
            raise InternalError("a cell of one compartment has membrane")
        area, cm = self.quantity(compartment.area), self.quantity(compartment.cm)
        v_init = g.leaf("v_init", Level.FIXED)
        v = g.leaf("slot", Level.STEP, 0)
        g.hints[v] = "v"
        slots: list[tuple[str, Node]] = [("v", v_init)]
        for instance in instances:
            instance.initialise(v_init)
            for name in instance.kept():
                instance.keep(name, g.leaf("slot", Level.STEP, len(slots)))
                slots.append((f"{name} of {instance.mechanism.name}", instance.start[name]))
        current, slope = g.number(0.0), g.number(0.0)
        for instance in instances:
            i, di_dv = instance.currents(v)
            current, slope = g.add(current, i), g.add(slope, di_dv)
        injected = g.multiply(g.divide(g.number(100.0), area), g.leaf("injected_now", Level.STEP))
        capacity = g.divide(g.multiply(g.number(1e-3), cm), self.dt)
        dv = g.divide(g.subtract(injected, current), g.add(capacity, slope))
        g.hints[dv] = "dv"
        steps = [g.apply("advance", dv, v)]
        g.hints[steps[0]] = "v_new"
        for instance in instances:
            instance.advance(steps[0])
            steps.extend(instance.step(name) for name in instance.kept())
        return Equations(
            graph=g, slots=tuple(Slot(name, start, step) for (name, start), step in zip(slots, steps, strict=True))
        )


class _InstanceEquations:
    """The equations of one mechanism; `state` maps its variables to their values at the present point of the step."""

    def __init__(self, builder: _Builder, instance: Instance, pools: tuple[Pool, ...]) -> None:
        self.builder, self.graph, self.mechanism = builder, builder.graph, instance.mechanism
        self.constants: Environment = {name: builder.quantity(index) for name, index in instance.bindings}
        self.constants |= {f"e{pool.ion}": builder.quantity(pool.e) for pool in pools if pool.e is not None}
        self.constants |= {"celsius": builder.celsius, "dt": builder.dt}
        for name, node in self.constants.items():
            self.graph.hints.setdefault(node, name)
        self.start: Environment = {}
        self.slots: Environment = {}
        self.state: Environment = {}

    def initialise(self, v_init: Node) -> None:
        """INITIAL at v_init; what it does not set is zero."""
        m, zero = self.mechanism, self.graph.number(0.0)
        blank = dict.fromkeys((*m.states, *m.assigned), zero)
        _, results = self.run(m.initial, {**blank, "v": v_init, "t": zero})
        self.start = {**blank, **results}
        self.state = {name: self.start[name] for name in m.assigned if name not in self.kept()}

    def kept(self) -> tuple[str, ...]:
        """The variables whose value one step hands to the next."""
        m = self.mechanism
        written = {name for name, _ in (*m.breakpoint.results, *m.advance.results)}
        first = inputs(m.breakpoint) | inputs(m.slope)  # the slope's other names are the breakpoint's
        read = first | (inputs(m.advance) - {name for name, _ in m.breakpoint.results})
        return m.states + tuple(name for name in m.assigned if name in written and name in read)

    def keep(self, name: str, slot: Node) -> None:
        """A variable whose value at the start of a step is in a slot."""
        self.slots[name] = self.state[name] = slot
        self.graph.hints[slot] = name

    def run(self, block: Block, variables: Environment) -> tuple[Environment, Environment]:
        """The names that a block's code assigns, and its results."""
        names: Environment = {**self.constants, **variables}
        for statement in block.code:
            node = self.expression(statement.value, names)
            names[statement.target] = node
            self.graph.hints.setdefault(node, statement.target)
        return names, {name: self.expression(value, names) for name, value in block.results}

    def currents(self, v: Node) -> tuple[Node, Node]:
        """The sum of the currents at v and the sum of their slopes."""
        g, m = self.graph, self.mechanism
        here = {**self.state, "v": v, "t": g.leaf("t_middle", Level.STEP)}
        names, results = self.run(m.breakpoint, here)
        total = self.total(results)
        if m.affine or not self.builder.secant:
            slope = self.total(self.run(m.slope, {**here, **names})[1])
        else:
            _, beside = self.run(m.breakpoint, {**here, "v": g.add(v, g.number(SECANT))})
            slope = g.multiply(g.number(1.0 / SECANT), g.subtract(self.total(beside), total))
        self.state = {**self.state, **{n: value for n, value in results.items() if n not in m.states}}
        return total, slope

    def total(self, results: Mapping[str, Node]) -> Node:
        total = self.graph.number(0.0)
        for current in self.mechanism.currents:
            total = self.graph.add(total, results[current.name])
        return total

    def advance(self, v: Node) -> None:
        """The states after dt at the new voltage."""
        here = {**self.state, "v": v, "t": self.graph.leaf("t_end", Level.STEP)}
        self.state = {**self.state, **self.run(self.mechanism.advance, here)[1]}

    def step(self, name: str) -> Node:
        """The new value of a slot, as an `advance` by an increment where its equation has that form."""
        old, new = self.slots[name], self.state[name]
        increment: Node | None = None
        if new.op == "+" and old in new.arguments:
            increment = new.arguments[1] if new.arguments[0] is old else new.arguments[0]
        elif new.op == "-" and new.arguments[0] is old:
            increment = self.graph.negate(new.arguments[1])
        if increment is None:
            return new
        node = self.graph.apply("advance", increment, old)
        self.graph.hints.setdefault(node, f"{name}_new")
        return node

    def expression(self, e: Expr, names: Mapping[str, Node]) -> Node:
        g = self.graph
        if isinstance(e, Number):
            return g.number(e.value)
        if isinstance(e, Name):
            if e.id not in names:
                raise CellError(
                    f"{e.id} has no value when it is read",
                    file=self.mechanism.file,
                    line=e.at.line or None,
                    column=e.at.column or None,
                )
            return names[e.id]
        if isinstance(e, Unary):
            operand = self.expression(e.operand, names)
            return g.negate(operand) if e.op == "-" else g.apply("!", g.condition(operand))
        if isinstance(e, Call):
            return g.call(e.function, *(self.expression(a, names) for a in e.arguments))
        if isinstance(e, Select):
            return g.select(*(self.expression(part, names) for part in (e.condition, e.then, e.otherwise)))
        return self.binary(e, names)

    def binary(self, e: Binary, names: Mapping[str, Node]) -> Node:
        g = self.graph
        left, right = self.expression(e.left, names), self.expression(e.right, names)
        arithmetic = {"+": g.add, "-": g.subtract, "*": g.multiply, "/": g.divide, "^": g.power}
        if e.op in arithmetic:
            return arithmetic[e.op](left, right)
        if e.op in COMPARISONS or e.op in ("&&", "||"):
            return g.compare(e.op, left, right)
        raise InternalError(f"no code for the operator {e.op}")
