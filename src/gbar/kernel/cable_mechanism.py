"""The functions of one mechanism in a kernel of many compartments: initial, currents, advance, step.

Each goes through the mechanism's instances and computes for all lanes: it reads the instance's own stretch of memory,
v in the stretch of its compartment and variables of ions in those of pools, and adds what it gives to compartment and
pools. `step` is `advance` and the `currents` of the next time step in one, for a mechanism of which no other needs to
know in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gbar.errors import InternalError
from gbar.kernel.arithmetic import functions, functions_once, watching
from gbar.kernel.cable_text import DT, RHS, V_INIT, D, V, header, room
from gbar.kernel.exponentials import share
from gbar.kernel.graph import Graph, Level, Node
from gbar.kernel.instance import Environment, InstanceEquations, advanced, carried
from gbar.kernel.pattern import MechanismPattern, variables
from gbar.kernel.stages import Final, stages
from gbar.kernel.writer import Writer, bare, clean, indented, loop_text

INITIAL = '''

@cfunc(PHASE, cache=True, **OPTIONS)
def initial(memory, table, given, at, t_end, t_middle):
    """INITIAL, and what does not change in time."""
    dt = given[{dt}]
    v_init = given[{v_init}]
    for k in range(table[at]):
        own = place(memory, table[at + 1] + k * {size})
        numbers = place(memory, table[at + 2] + k * {number_count})
        link = table[at + 3] + k * {link_count}
{pools}
{fixed}
        for lane in range(LANES):
{lane}
'''

LOOP = '''

@inline
def {phase}_one({parameters}):
    """{meaning} of an instance."""
    apart()
    work = room()
{fixed}
{loops}
    rolled()


@cfunc(PHASE, cache=True, **OPTIONS)
def {phase}(memory, table, given, at, t_end, t_middle):
    """{meaning}."""
    stretches, constants, links = table[at + 1], table[at + 2], table[at + 3]
    for k in range(table[at]):
        own = place(memory, stretches + k * {size})
        numbers = place(memory, constants + k * {number_count})
        link = links + k * {link_count}
        node = place(memory, table[link])
        area = memory[table[link + 1]]
{pools}
        {phase}_one({arguments})
'''
MEANING = {"currents": "BREAKPOINT", "advance": "SOLVE", "step": "SOLVE, and BREAKPOINT of the next time step"}
POOLS = 2  # the place among an instance's links where those of pools begin


@dataclass(frozen=True)
class MechanismLayout:
    """What the tables of a mechanism have to hold.

    `links` of an instance: the place of its compartment, of the area there, of the pools of `ions`, and where its
    constants are given: one number, or one a lane. `rows` are the slots of variables that can be recorded. Its header
    in the table: how many instances, where their stretches, their constants in the time loop and their links begin.
    `steps`: its currents are added up when its states advance.
    """

    pattern: MechanismPattern
    slots: int
    numbers: int
    ions: tuple[str, ...]
    rows: Mapping[str, int]
    steps: bool

    @property
    def concentrations(self) -> tuple[str, ...]:
        """The ions of which INITIAL may write a concentration."""
        m = self.pattern.mechanism
        written = {name for name, _ in m.initial.results}
        return tuple(i.name for i in m.ions if {f"{i.name}i", f"{i.name}o"} & {*i.writes} & written)

    @property
    def links(self) -> int:
        """How many integers an instance has."""
        return POOLS + len(self.ions) + len(self.pattern.fixed) + len(self.pattern.lanes)


class MechanismText:
    """Writes the functions of one mechanism: `text` is their module, `layout` what they expect.

    `area` is the slot of a compartment that has its area for each lane, None where that does not vary.
    """

    def __init__(self, pattern: MechanismPattern, precision: str, lanes: int, area: int | None) -> None:
        self.pattern, self.precision, self.lanes, self.area = pattern, precision, lanes, area
        self.mechanism = pattern.mechanism
        self.pool = {name: ion.name for ion in self.mechanism.ions for name in variables(ion.name)}
        self.ions = tuple(dict.fromkeys(self.pool[name] for name in pattern.pooled))
        self.graph = Graph()
        self.slots: list[str] = []
        self.numbers = 0
        self._build()

    # --- equations ---

    def _build(self) -> None:
        g, m = self.graph, self.mechanism
        constants = {name: g.leaf("given", Level.FIXED, name) for name in self.pattern.fixed}
        constants |= {name: g.leaf("given", Level.LANE, name) for name in self.pattern.lanes}
        for name, node in constants.items():
            g.hints[node] = name
        constants["dt"] = g.leaf("dt", Level.FIXED)
        start = self._ions(Level.LANE)
        eq = InstanceEquations(g, m, constants, dict(start))
        eq.initialise(g.leaf("v_init", Level.FIXED))
        kept = dict.fromkeys((*carried(m), *(n for n in self.pattern.recorded if n in eq.state)))
        self.rows = {name: self.new_slot(name) for name in kept}
        initial = {name: eq.state[name] for name in kept}
        written = {name: node for name, node in eq.ions.items() if node is not start.get(name)}
        for name, k in self.rows.items():
            eq.keep(name, g.leaf("slot", Level.STEP, k))
        constant_state = dict(eq.state)
        v, ions = g.leaf("v", Level.STEP), self._ions(Level.STEP)
        g.hints[v] = "v"
        eq.ions = dict(ions)
        current, slope = eq.currents(v, g.leaf("t_middle", Level.STEP), self.precision == "float64")
        own = {name: node for name, node in eq.own.items() if name in self.pattern.recorded}
        self.rows |= {name: self.new_slot(name) for name in own}
        first = _Results(self._changes(eq, ions), own, _sums(current, slope), self._totals(eq))
        eq.state, eq.ions = dict(constant_state), dict(ions)
        eq.advance(v, g.leaf("t_end", Level.STEP))
        second = _Results(self._changes(eq, ions), {}, {}, {})
        phases = {"currents": first, "advance": second}
        self.steps = first.sums_only and not self.pattern.pooled
        if self.steps and second.changes:
            eq.state = constant_state | dict(second.changes)
            current, slope = eq.currents(v, g.leaf("t_middle", Level.STEP), self.precision == "float64")
            step = _Results(second.changes, {}, _sums(current, slope), {})
            phases = {"currents": first, "step": step}
        phases = {name: results.shared(g, v, self.precision) for name, results in phases.items()}
        roots = [node for results in phases.values() for node in results.roots]
        self.head = _Head(self, [*initial.values(), *written.values(), *roots])
        self.phases = [_Loop(self, name, results) for name, results in phases.items() if results.roots]
        self.head.finish(initial, written)

    def _ions(self, level: Level) -> Environment:
        op = "ion" if level == Level.STEP else "ion_start"
        leaves = {name: self.graph.leaf(op, level, name) for name in self.pattern.pooled}
        self.graph.hints |= {node: name for name, node in leaves.items()}
        return leaves

    def _changes(self, eq: InstanceEquations, ions: Environment) -> dict[str, Node]:
        """What a phase changes: its own variables, and those of ions that are not totals."""
        new = {name: eq.state[name] for name in eq.slots if eq.state[name] is not eq.slots[name]}
        new |= {name: eq.ions[name] for name in self.pattern.pooled if name not in eq.totals}
        old = {**ions, **eq.slots}
        return {
            name: advanced(self.graph, old[name], node, name) for name, node in new.items() if node is not old[name]
        }

    def _totals(self, eq: InstanceEquations) -> dict[str, Node]:
        """What the mechanism adds to the total currents of ions."""
        totals: dict[str, Node] = {}
        for current in self.mechanism.currents:
            name = f"i{current.ion}"
            if current.ion and name in self.pattern.pooled:
                totals[name] = self.graph.add(totals.get(name, self.graph.number(0.0)), eq.own[current.name])
        return totals

    # --- places ---

    def new_slot(self, meaning: str) -> int:
        """One slot more for every instance."""
        self.slots.append(clean(meaning))
        return len(self.slots) - 1

    def slot(self, k: int) -> str:
        """A slot of a lane in the text."""
        return f"own[{k * self.lanes} + lane]"

    def in_node(self, k: int) -> str:
        """A slot of a lane of the compartment."""
        return f"node[{k * self.lanes} + lane]"

    def in_pool(self, name: str) -> str:
        """A variable of an ion in its pool's stretch."""
        ion = self.pool[name]
        return f"pool_{self.ions.index(ion)}[{variables(ion).index(name) * self.lanes} + lane]"

    def given(self, name: str) -> int:
        """Where the links have the quantity or the row of a constant."""
        return POOLS + len(self.ions) + (*self.pattern.fixed, *self.pattern.lanes).index(name)

    @property
    def pools(self) -> list[str]:
        """Lines that define the stretches of pools."""
        return [f"pool_{k} = place(memory, table[link + {POOLS + k}])" for k in range(len(self.ions))]

    # --- results ---

    @property
    def layout(self) -> MechanismLayout:
        """What the functions expect in the tables."""
        return MechanismLayout(self.pattern, len(self.slots), self.numbers, self.ions, self.rows, self.steps)

    def text(self) -> str:
        """The text of the module."""
        common = {
            "size": len(self.slots) * self.lanes,
            "number_count": self.numbers,
            "link_count": self.layout.links,
            "pools": indented(self.pools, 8),
        }
        once: set[str] = self.head.texts.used_once
        used: set[str] = set().union(*(phase.texts.used for phase in self.phases))
        described = "\n".join(f"slot {k}: {name}" for k, name in enumerate(self.slots))
        return "".join(
            [
                header(clean(self.mechanism.name), described, self.precision, self.lanes, 0),
                watching(self.precision),
                room(self.precision, max((phase.spares for phase in self.phases), default=0) * self.lanes),
                functions(used, self.precision),
                functions_once(once),
                self.head.text(common),
                *(phase.text(common) for phase in self.phases),
            ]
        )


@dataclass(frozen=True)
class _Results:
    """What a phase makes: changes of variables, what is recorded, sums for the compartment (by slot) and for pools."""

    changes: Mapping[str, Node]
    own: Mapping[str, Node]
    sums: Mapping[int, Node]
    totals: Mapping[str, Node]

    @property
    def roots(self) -> list[Node]:
        """All values."""
        return [node for part in (self.changes, self.own, self.sums, self.totals) for node in part.values()]

    def shared(self, graph: Graph, v: Node, precision: str) -> _Results:
        """The same with as few exponentials as are found."""
        new = dict(zip(self.roots, share(graph, self.roots, (v,), precision), strict=True))
        changes, own, totals = ({k: new[n] for k, n in part.items()} for part in (self.changes, self.own, self.totals))
        return _Results(changes, own, {slot: new[node] for slot, node in self.sums.items()}, totals)

    @property
    def sums_only(self) -> bool:
        """Whether nothing but sums for the compartment is made."""
        return bool(self.sums) and not (self.changes or self.own or self.totals)


def _sums(current: Node, slope: Node) -> dict[int, Node]:
    """What goes to the compartment's sums; nothing of a mechanism without currents."""
    return {slot: node for slot, node in ((RHS, current), (D, slope)) if node.number != 0.0}


class _Head(Writer):
    """INITIAL and the constants of the time loop."""

    def __init__(self, owner: MechanismText, roots: list[Node]) -> None:
        super().__init__(owner.graph, roots, owner.precision)
        self.owner = owner
        self.constants: dict[Node, tuple[str, int]] = {}

    def constant(self, node: Node) -> tuple[str, int]:
        """("fixed", its place among the numbers) or ("lane", its slot) of a value for the time loop."""
        if node not in self.constants:
            text, owner = bare(self.once(node)), self.owner
            if node.level == Level.FIXED:
                self.constants[node] = "fixed", owner.numbers
                self.texts.fixed.append(f"numbers[{owner.numbers}] = R({text})")
                owner.numbers += 1
            else:
                slot = owner.new_slot(self.graph.hints.get(node, "constant"))
                self.constants[node] = "lane", slot
                self.texts.lane.append(f"{owner.slot(slot)} = R({text})")
        return self.constants[node]

    def finish(self, initial: Mapping[str, Node], written: Mapping[str, Node]) -> None:
        """Writes the starting values, after the constants."""
        values = {name: bare(self.once(node)) for name, node in {**initial, **written}.items()}
        for name in initial:
            self.texts.lane.append(f"{self.owner.slot(self.owner.rows[name])} = R({values[name]})")
        for name in written:
            self.texts.lane.append(f"new_{clean(name)} = {values[name]}")
        self.texts.lane += [f"{self.owner.in_pool(name)} = R(new_{clean(name)})" for name in written]

    def leaf(self, node: Node) -> str | None:
        if node.op in ("dt", "v_init"):
            return node.op
        if not isinstance(node.label, str) or node.op not in ("given", "ion_start"):
            return None
        name = self.fresh(node.label)
        if node.op == "ion_start":
            self.texts.lane.append(f"{name} = float({self.owner.in_pool(node.label)})")
        elif node.level == Level.FIXED:
            self.texts.fixed.append(f"{name} = given[table[link + {self.owner.given(node.label)}]]")
        else:
            self.texts.lane.append(f"{name} = given[table[link + {self.owner.given(node.label)}] + lane]")
        return name

    def text(self, common: Mapping[str, object]) -> str:
        return INITIAL.format(
            **common,
            dt=DT,
            v_init=V_INIT,
            fixed=indented(self.texts.fixed, 8),
            lane=indented(self.texts.lane, 12),
        )


class _Loop(Writer):
    """A phase of a time step."""

    def __init__(self, owner: MechanismText, phase: str, results: _Results) -> None:
        super().__init__(owner.graph, results.roots, owner.precision)
        self.owner, self.phase, self.results = owner, phase, results
        self.spares = 0
        self.write()

    def write(self) -> None:
        """Writes the lines of the loop over lanes."""
        owner, results = self.owner, self.results
        if owner.precision == "float32":
            for node in results.changes.values():
                if node.op == "advance":
                    name = self.graph.hints.get(node.arguments[1], "value")
                    self.errors[node.arguments[1]] = owner.slot(owner.new_slot(f"rounding error of {name}"))
        area = "area" if owner.area is None else owner.in_node(owner.area)
        finals = [Final(node, owner.slot(owner.rows[name])) for name, node in results.own.items()]
        for name, node in results.changes.items():
            if name in owner.rows:
                finals.append(
                    Final(node, owner.slot(owner.rows[name]), self.graph.leaf("slot", Level.STEP, owner.rows[name]))
                )
            else:
                finals.append(Final(node, owner.in_pool(name), self.graph.leaf("ion", Level.STEP, name)))
        for slot, sign in ((RHS, "-"), (D, "+")):
            if slot in results.sums:
                finals.append(Final(results.sums[slot], owner.in_node(slot), how=f"{sign}= {area} *"))
        for name, node in results.totals.items():
            finals.append(Final(node, owner.in_pool(name), self.graph.leaf("ion", Level.STEP, name), how="+="))
        self.written = self.loops(stages(finals), self.spare)

    def spare(self, _: Node) -> str:
        """Room for a value from one loop to the next."""
        self.spares += 1
        return f"work[{(self.spares - 1) * self.owner.lanes} + lane]"

    def leaf(self, node: Node) -> str | None:
        raise InternalError(f"{node.op} is no value of the time loop")

    def loop_leaf(self, node: Node) -> str | None:
        owner, text = self.owner, super().loop_leaf(node)
        if text is not None:
            return text
        if node.op == "slot" and isinstance(node.label, int):
            place = owner.slot(node.label)
        elif node.op == "v":
            place = owner.in_node(V)
        elif node.op == "ion" and isinstance(node.label, str):
            place = owner.in_pool(node.label)
        else:
            return None
        name = self.fresh(self.graph.hints.get(node, "x"))
        self.texts.step.insert(0, f"{name} = {place}")
        return name

    def keep(self, node: Node) -> str:
        kind, k = self.owner.head.constant(node)
        name = self.fresh(self.graph.hints.get(node, "c"))
        if kind == "fixed":
            self.texts.fixed.append(f"{name} = numbers[{k}]")
        else:
            self.texts.step.insert(0, f"{name} = {self.owner.slot(k)}")
        return name

    def text(self, common: Mapping[str, object]) -> str:
        pools = [f"pool_{k}" for k in range(len(self.owner.ions))]
        known = ["own", "node", *pools, "numbers", "area"]
        return LOOP.format(
            **common,
            phase=self.phase,
            meaning=MEANING[self.phase],
            parameters=", ".join([*known, "t_end", "t_middle"]),
            arguments=", ".join([*known, "R(t_end)", "R(t_middle)"]),
            fixed=indented(self.texts.fixed, 4),
            loops=loop_text(self.written, 4),
        )
