"""The equations of one mechanism in one compartment, as a graph: what each of its blocks makes of v and the ions.

Both kinds of kernel build their steps from these: all mechanisms of one compartment in one graph, or a graph a
mechanism, whose inputs are read from tables.
"""

from __future__ import annotations

from collections.abc import Mapping

from gbar.errors import CellError, InternalError
from gbar.kernel.graph import COMPARISONS, Graph, Node
from gbar.mechanism import Mechanism
from gbar.nmodl.prune import inputs
from gbar.nmodl.tree import Binary, Block, Call, Expr, Name, Number, Select, Unary

SECANT = 0.001  # mV, NEURON's step for the slope of a current
FARADAY = 96485.33212331001  # C/mol, as NEURON's units database has it
GAS = 8.31446261815324  # J/(mol K)
NO_LOGARITHM = 1e6  # mV, NEURON's reversal potential where a concentration is not positive

Environment = dict[str, Node]


def nernst(graph: Graph, celsius: Node, valence: float, ci: Node, co: Node) -> Node:
    """NEURON's Nernst potential in mV of concentrations in mM."""
    g, zero = graph, graph.number(0.0)
    if valence == 0.0:
        return zero
    kelvin = g.add(celsius, g.number(273.15))
    factor = g.multiply(g.number(1e3 * GAS / FARADAY / valence), kelvin)
    e = g.multiply(factor, g.call("log", g.divide(co, ci)))
    outside = g.select(g.compare("<=", co, zero), g.number(-NO_LOGARITHM), e)
    return g.select(g.compare("<=", ci, zero), g.number(NO_LOGARITHM), outside)


class InstanceEquations:
    """The equations of a mechanism.

    `constants` are what does not change (parameters, celsius, dt, area, diam); `ions` the variables of ions, shared
    with the other mechanisms of the compartment and changed by what this one writes; `state` its own variables. All
    hold the values at the present point of the step.
    """

    def __init__(self, graph: Graph, mechanism: Mechanism, constants: Environment, ions: Environment) -> None:
        self.graph, self.mechanism, self.constants, self.ions = graph, mechanism, constants, ions
        self.held = mechanism.ion_variables
        self.totals = frozenset(f"i{ion.name}" for ion in mechanism.ions)
        self.own: Environment = {}  # its currents
        self.slots: Environment = {}
        self.state: Environment = dict.fromkeys((*mechanism.states, *mechanism.assigned), graph.number(0.0))

    def kept(self) -> tuple[str, ...]:
        """The variables of its own whose value one step hands to the next."""
        m = self.mechanism
        written = {name for name, _ in (*m.breakpoint.results, *m.advance.results)}
        first = inputs(m.breakpoint) | inputs(m.slope)  # the slope's other names are the breakpoint's
        read = first | (inputs(m.advance) - {name for name, _ in m.breakpoint.results})
        return m.states + tuple(name for name in m.assigned if name in written and name in read)

    def moved(self) -> tuple[str, ...]:
        """The variables of ions, currents aside, that a time step changes."""
        m = self.mechanism
        written = dict.fromkeys(name for name, _ in (*m.breakpoint.results, *m.advance.results))
        return tuple(name for name in written if name in self.held - self.totals)

    def concentrations(self) -> tuple[str, ...]:
        """The ions of which INITIAL may write a concentration."""
        return tuple(ion.name for ion in self.mechanism.ions if ion.changes)

    def keep(self, name: str, slot: Node) -> None:
        """A variable whose value at the start of a step is in a slot."""
        self.slots[name] = self.state[name] = slot
        self.graph.hints.setdefault(slot, name)

    def initialise(self, v: Node) -> None:
        """INITIAL at v; what it does not set is zero."""
        results = self.run(self.mechanism.initial, {"v": v, "t": self.graph.number(0.0)})[1]
        self.leave({name: node for name, node in results.items() if name not in self.totals})

    def currents(self, v: Node, t: Node, secant: bool) -> tuple[Node, Node]:
        """The sum of the currents at v and the sum of their slopes.

        `secant`: the slope of a current that is not affine in v is NEURON's difference quotient, else the derivative.
        """
        g, m = self.graph, self.mechanism
        quotient = secant and not m.affine
        beside: Environment = {}
        if quotient or m.memory:
            beside = self.run(m.breakpoint, {"v": g.add(v, g.number(SECANT)), "t": t})[1]
        before = {name: node for name, node in beside.items() if m.memory and name not in self.totals}
        names, results = self.run(m.breakpoint, {**before, "v": v, "t": t})
        total = self.total(results)
        if quotient:
            slope = g.multiply(g.number(1.0 / SECANT), g.subtract(self.total(beside), total))
        else:
            slope = self.total(self.run(m.slope, names)[1])
        self.own = {current.name: results[current.name] for current in m.currents}
        self.leave(results)
        return total, slope

    def total(self, results: Mapping[str, Node]) -> Node:
        """The sum of the currents among a block's results."""
        total = self.graph.number(0.0)
        for current in self.mechanism.currents:
            total = self.graph.add(total, results[current.name])
        return total

    def advance(self, v: Node, t: Node) -> None:
        """The states after dt at the new voltage."""
        self.leave(self.run(self.mechanism.advance, {"v": v, "t": t})[1])

    def leave(self, results: Mapping[str, Node]) -> None:
        """Puts what a block leaves where it belongs: currents are added to the ions' totals."""
        for name, node in results.items():
            if name in self.totals:
                self.ions[name] = self.graph.add(self.ions.get(name, self.graph.number(0.0)), node)
            elif name in self.held:
                self.ions[name] = node
            else:
                self.state[name] = node

    def run(self, block: Block, variables: Mapping[str, Node]) -> tuple[Environment, Environment]:
        """The names that are known when a block's code ends, and its results."""
        held = {name: self.ions[name] for name in self.held if name in self.ions}
        names: Environment = {**self.constants, **held, **self.state, **variables}
        for statement in block.code:
            node = self.expression(statement.value, names)
            names[statement.target] = node
            self.graph.hints.setdefault(node, statement.target)
        return names, {name: self.expression(value, names) for name, value in block.results}

    def step(self, name: str) -> Node:
        """The new value of a variable that is kept; an `advance` where its equation has that form."""
        return advanced(self.graph, self.slots[name], self.state[name], name)

    def expression(self, e: Expr, names: Mapping[str, Node]) -> Node:
        """The node of an expression."""
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
        if isinstance(e, Binary):
            return self.binary(e, names)
        raise InternalError(f"no code for {e}")

    def binary(self, e: Binary, names: Mapping[str, Node]) -> Node:
        """The node of an operation on two operands."""
        g = self.graph
        left, right = self.expression(e.left, names), self.expression(e.right, names)
        arithmetic = {"+": g.add, "-": g.subtract, "*": g.multiply, "/": g.divide, "^": g.power}
        if e.op in arithmetic:
            return arithmetic[e.op](left, right)
        if e.op in COMPARISONS or e.op in ("&&", "||"):
            return g.compare(e.op, left, right)
        raise InternalError(f"no code for the operator {e.op}")


def moving(mechanism: Mechanism) -> set[str]:
    """The variables of ions, currents aside, that a mechanism's blocks change."""
    m = mechanism
    held = set(m.ion_variables) - {f"i{ion.name}" for ion in m.ions}
    return held & {name for block in (m.initial, m.breakpoint, m.advance) for name, _ in block.results}


def carried(mechanism: Mechanism) -> tuple[str, ...]:
    """The variables of its own that a time step changes and one of its blocks reads: states, and some ASSIGNED ones."""
    m = mechanism
    written = {name for name, _ in (*m.breakpoint.results, *m.advance.results)}
    read = inputs(m.breakpoint) | inputs(m.slope) | inputs(m.advance)
    return m.states + tuple(name for name in m.assigned if name in written and name in read)


def advanced(graph: Graph, old: Node, new: Node, name: str) -> Node:
    """The new value of a slot; an `advance` of the old one by an increment where it has that form."""
    increment: Node | None = None
    if new.op == "+" and old in new.arguments:
        increment = new.arguments[1] if new.arguments[0] is old else new.arguments[0]
    elif new.op == "-" and new.arguments[0] is old:
        increment = graph.negate(new.arguments[1])
    if increment is None:
        return new
    node = graph.apply("advance", increment, old)
    graph.hints.setdefault(node, f"{name}_new")
    return node
