"""The equations of one time step of a cell of one compartment as a graph (numerics: NEURON's fixed step).

1. reversal potentials that follow the concentrations;
2. currents at the old voltage, stimulus at t + dt/2;
3. solve (cm/dt + sum of slopes) * dv = injected - sum of currents for dv, v += dv;
4. states and concentrations at the new voltage.
"""

from __future__ import annotations

from dataclasses import dataclass

from gbar.compartments import Compartments, Pool, Reversal
from gbar.errors import CellError, InternalError
from gbar.kernel.graph import Graph, Level, Node
from gbar.kernel.instance import Environment, InstanceEquations, advanced, nernst


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
    """One time step: slot 0 is the voltage; `sites` are the slots of what is recorded."""

    graph: Graph
    slots: tuple[Slot, ...]
    sites: tuple[int, ...] = (0,)


def equations(compartments: Compartments, secant: bool) -> Equations:
    """The equations of a cell.

    `secant`: the slope of a current that is not affine in v is NEURON's difference quotient, else the derivative.
    Raises InternalError for several compartments, CellError where a mechanism reads what nothing defines, or where a
    site's variable is none.
    """
    if len(compartments.compartments) != 1:
        raise InternalError("a point has one compartment")
    return _Builder(compartments, secant).build()


class _Builder:
    def __init__(self, compartments: Compartments, secant: bool) -> None:
        self.compartments, self.secant = compartments, secant
        (self.compartment,) = compartments.compartments
        self.graph = Graph()
        self.varying = {quantity: row for row, quantity in enumerate(compartments.varying)}
        self.dt = self.graph.leaf("dt", Level.FIXED)
        self.celsius = self.quantity(compartments.celsius, "celsius")
        self.old: Environment = {}  # what a step changes of the ions: the slots
        self.ions: Environment = {}
        for pool in self.compartment.pools:
            stated = {f"e{pool.ion}": pool.e, f"{pool.ion}i": pool.ci, f"{pool.ion}o": pool.co}
            self.ions |= {name: self.quantity(q, name) for name, q in stated.items() if q is not None}
        self.instances = [
            InstanceEquations(
                self.graph,
                instance.mechanism,
                {name: self.quantity(index, name) for name, index in instance.bindings}
                | {"celsius": self.celsius, "dt": self.dt},
                self.ions,
            )
            for instance in self.compartment.instances
        ]

    def quantity(self, index: int, hint: str) -> Node:
        if index in self.varying:
            node = self.graph.leaf("theta", Level.LANE, self.varying[index])
        else:
            node = self.graph.leaf("quantity", Level.FIXED, index)
        self.graph.hints.setdefault(node, hint)
        return node

    def build(self) -> Equations:
        g = self.graph
        v, t_middle, t_end = (
            g.leaf("slot", Level.STEP, 0),
            g.leaf("t_middle", Level.STEP),
            g.leaf("t_end", Level.STEP),
        )
        g.hints[v] = "v"
        v_init = g.leaf("v_init", Level.FIXED)
        self.initialise(v_init)
        at_start = self.recorded(v_init)
        start = [("v", v_init), *self.keep()]
        dv = self.change(v, t_middle)
        v_new = g.apply("advance", dv, v)
        g.hints |= {dv: "dv", v_new: "v_new"}
        for instance in self.instances:
            instance.advance(v_new, t_end)
        steps = [v_new, *self.steps()]
        slots = [Slot(name, initial, step) for (name, initial), step in zip(start, steps, strict=True)]
        sites = []
        for site, initial, step in zip(self.compartments.sites, at_start, self.recorded(v_new), strict=True):
            known = (k for k, slot in enumerate(slots) if slot.initial is initial and slot.step is step)
            sites.append(next(known, len(slots)))
            if sites[-1] == len(slots):
                slots.append(Slot(f"{site.variable} recorded", initial, step))
        return Equations(g, tuple(slots), tuple(sites))

    def initialise(self, v_init: Node) -> None:
        """As `finitialize`: ions, INITIAL blocks, and one evaluation of the currents at the end."""
        for pool in self.compartment.pools:
            self.ions[f"i{pool.ion}"] = self.graph.number(0.0)
            if pool.reversal is not Reversal.STATED:
                self.follow(pool)
        for instance in self.instances:
            instance.initialise(v_init)
            for pool in self.compartment.pools:
                if pool.reversal is not Reversal.STATED and pool.ion in instance.concentrations():
                    self.follow(pool)
        self.currents(v_init, self.graph.number(0.0))

    def follow(self, pool: Pool) -> None:
        """The reversal potential of the concentrations as they stand."""
        inside, outside = self.ions.get(f"{pool.ion}i"), self.ions.get(f"{pool.ion}o")
        if inside is None or outside is None:
            raise InternalError(f"the reversal potential of {pool.ion} follows concentrations that are not there")
        e = nernst(self.graph, self.celsius, pool.valence, inside, outside)
        self.graph.hints.setdefault(e, f"e{pool.ion}")
        self.ions[f"e{pool.ion}"] = e

    def keep(self) -> list[tuple[str, Node]]:
        """Gives a slot to all that one step hands to the next; returns their names and starting values."""
        g = self.graph
        start: list[tuple[str, Node]] = []
        for instance in self.instances:
            for name in instance.kept():
                start.append((f"{name} of {instance.mechanism.name}", instance.state[name]))
                instance.keep(name, g.leaf("slot", Level.STEP, len(start)))
        for name in dict.fromkeys(name for instance in self.instances for name in instance.moved()):
            if name not in self.ions:
                raise CellError(f"a mechanism writes {name}, which {self.compartment.section} does not have")
            start.append((name, self.ions[name]))
            self.old[name] = self.ions[name] = g.leaf("slot", Level.STEP, len(start))
            g.hints[self.ions[name]] = name
        return start

    def steps(self) -> list[Node]:
        """What the slots after the voltage's hold after a step, in the order of `keep`."""
        kept = [instance.step(name) for instance in self.instances for name in instance.kept()]
        return kept + [self.moved_to(name) for name in self.old]

    def moved_to(self, name: str) -> Node:
        """The new value of a variable of an ion that a step changes."""
        return advanced(self.graph, self.old[name], self.ions[name], name)

    def currents(self, v: Node, t: Node) -> tuple[Node, Node]:
        """The membrane current density and its slope; totals of the ions begin at zero."""
        g = self.graph
        for pool in self.compartment.pools:
            self.ions[f"i{pool.ion}"] = g.number(0.0)
            if pool.reversal is Reversal.ALWAYS:
                self.follow(pool)
        current, slope = g.number(0.0), g.number(0.0)
        for instance in self.instances:
            i, di_dv = instance.currents(v, t, self.secant)
            current, slope = g.add(current, i), g.add(slope, di_dv)
        return current, slope

    def change(self, v: Node, t: Node) -> Node:
        """The change of the voltage in a step."""
        g = self.graph
        if self.compartment.area is None or self.compartment.cm is None:
            raise InternalError("a cell of one compartment has membrane")
        area, cm = self.quantity(self.compartment.area, "area"), self.quantity(self.compartment.cm, "cm")
        current, slope = self.currents(v, t)
        injected = g.multiply(g.divide(g.number(100.0), area), g.leaf("injected_now", Level.STEP))
        capacity = g.divide(g.multiply(g.number(1e-3), cm), self.dt)
        return g.divide(g.subtract(injected, current), g.add(capacity, slope))

    def recorded(self, v: Node) -> list[Node]:
        """The values of what is recorded, in the sites' order."""
        return [self.variable(site.variable, v) for site in self.compartments.sites]

    def variable(self, name: str, v: Node) -> Node:
        """The present value of `v`, of an ion's variable, or of a mechanism's with its SUFFIX behind it."""
        if name == "v":
            return v
        if name in self.old:
            return self.moved_to(name)
        if name in self.ions:
            return self.ions[name]
        for instance in self.instances:
            own = name.removesuffix(f"_{instance.mechanism.name}")
            if own == name:
                continue
            if own in instance.own:
                return instance.own[own]
            if own in instance.mechanism.states or own in instance.mechanism.assigned:
                return instance.step(own) if own in instance.slots else instance.state[own]
        raise CellError(
            f"{self.compartments.cell} has no variable {name} to record",
            remedy="record v, an ion's variable (cai, eca, ica), or a state or current with its SUFFIX (m_hh, i_pas)",
        )
