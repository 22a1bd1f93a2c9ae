"""The functions of one mechanism in a kernel of many compartments: initial, currents, advance.

Each goes through the mechanism's instances, copies what one needs from elsewhere (v, variables of ions) into the
instance's own stretch of memory, computes there for all lanes, and adds what it gives to compartment and pools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gbar.errors import InternalError
from gbar.kernel.arithmetic import functions, functions_once
from gbar.kernel.cable_text import CURRENT, DT, SLOPE, V_INIT, header
from gbar.kernel.graph import Graph, Level, Node
from gbar.kernel.instance import Environment, InstanceEquations, advanced, carried
from gbar.kernel.pattern import MechanismPattern, variables
from gbar.kernel.writer import Writer, bare, clean, indented

INITIAL = '''

@cfunc(PHASE, cache=True, **OPTIONS)
def initial(memory, table, given, at, time):
    """INITIAL, and what does not change in time."""
    dt = given[{dt}]
    v_init = given[{v_init}]
    for k in range(table[at]):
        s = table[at + 1] + k * {size}
        c = table[at + 2] + k * {number_count}
        link = table[at + 3] + k * {link_count}
{pools}
{fixed}
        for lane in range(LANES):
{lane}
'''

LOOP = '''

@cfunc(PHASE, cache=True, **OPTIONS)
def {phase}(memory, table, given, at, time):
    """{meaning}."""
    {uniform} = R(time)
    for k in range(table[at]):
        s = table[at + 1] + k * {size}
        c = table[at + 2] + k * {number_count}
        link = table[at + 3] + k * {link_count}
        node = table[link]
{pools}
{gather}
{fixed}
        for lane in range(LANES):
{step}
{scatter}
'''
COPY = """for lane in range(LANES):
    {to} = {of}"""
GIVE = """for lane in range(LANES):
    {to} += {of}"""


@dataclass(frozen=True)
class MechanismLayout:
    """What the tables of a mechanism have to hold.

    `links` of an instance: the place of its compartment, of the pools of `ions`, and where its constants are given: one
    number, or one a lane. `rows` are the slots of variables that can be recorded. Its header in the table: how many
    instances, where their stretches, their constants in the time loop and their links begin.
    """

    pattern: MechanismPattern
    slots: int
    numbers: int
    ions: tuple[str, ...]
    rows: Mapping[str, int]

    @property
    def concentrations(self) -> tuple[str, ...]:
        """The ions of which INITIAL may write a concentration."""
        m = self.pattern.mechanism
        written = {name for name, _ in m.initial.results}
        return tuple(i.name for i in m.ions if {f"{i.name}i", f"{i.name}o"} & {*i.writes} & written)

    @property
    def links(self) -> int:
        """How many integers an instance has."""
        return 1 + len(self.ions) + len(self.pattern.fixed) + len(self.pattern.lanes)


class MechanismText:
    """Writes the functions of one mechanism: `functions` has their text, `layout` what they expect."""

    def __init__(self, pattern: MechanismPattern, precision: str, lanes: int) -> None:
        self.pattern, self.precision, self.lanes = pattern, precision, lanes
        self.mechanism = pattern.mechanism
        self.pool = {name: ion.name for ion in self.mechanism.ions for name in variables(ion.name)}
        self.ions = tuple(dict.fromkeys(self.pool[name] for name in pattern.pooled))
        self.graph = Graph()
        self.slots: list[str] = []
        self.numbers = 0
        self.scratch = [self.new_slot("work") for _ in range(2 + len(pattern.pooled))]
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
        first = _Results(self._changes(eq, ions), own, {CURRENT: current, SLOPE: slope}, self._totals(eq))
        eq.state, eq.ions = constant_state, dict(ions)
        eq.advance(v, g.leaf("t_end", Level.STEP))
        second = _Results(self._changes(eq, ions), {}, {}, {})
        self.head = _Head(self, [*initial.values(), *written.values(), *first.roots, *second.roots])
        self.breakpoint = _Loop(self, "currents", first)
        self.advance = _Loop(self, "advance", second)
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
        return f"memory[s + {k * self.lanes} + lane]"

    def in_pool(self, name: str) -> str:
        """A variable of an ion in its pool's stretch."""
        ion = self.pool[name]
        return f"memory[pool_{self.ions.index(ion)} + {variables(ion).index(name) * self.lanes} + lane]"

    def given(self, name: str) -> int:
        """Where the links have the quantity or the row of a constant."""
        return 1 + len(self.ions) + (*self.pattern.fixed, *self.pattern.lanes).index(name)

    def pools(self, names: list[str]) -> list[str]:
        """Lines that define the stretches of the pools that hold variables."""
        found = sorted({self.ions.index(self.pool[name]) for name in names})
        return [f"pool_{k} = table[link + {k + 1}]" for k in found]

    # --- results ---

    @property
    def layout(self) -> MechanismLayout:
        """What the functions expect in the tables."""
        return MechanismLayout(self.pattern, len(self.slots), self.numbers, self.ions, self.rows)

    def text(self) -> str:
        """The text of the module."""
        common = {
            "size": len(self.slots) * self.lanes,
            "number_count": self.numbers,
            "link_count": self.layout.links,
        }
        once: set[str] = self.head.texts.used_once
        used = self.breakpoint.texts.used | self.advance.texts.used
        described = "\n".join(f"slot {k}: {name}" for k, name in enumerate(self.slots))
        return "".join(
            [
                header(clean(self.mechanism.name), described, self.precision, self.lanes, 0),
                functions(used, self.precision),
                functions_once(once),
                self.head.text(common),
                *(loop.text(common) for loop in (self.breakpoint, self.advance) if not loop.empty),
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
                self.texts.fixed.append(f"memory[c + {owner.numbers}] = R({text})")
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
            pools=indented(self.owner.pools(list(self.owner.pattern.pooled)), 8),
            fixed=indented(self.texts.fixed, 8),
            lane=indented(self.texts.lane, 12),
        )


class _Loop(Writer):
    """A phase of a time step."""

    def __init__(self, owner: MechanismText, phase: str, results: _Results) -> None:
        sums = {slot: node for slot, node in results.sums.items() if node.number != 0.0}
        self.results = _Results(results.changes, results.own, sums, results.totals)
        super().__init__(owner.graph, self.results.roots, owner.precision)
        self.owner, self.phase = owner, phase
        self.loads: list[str] = []
        self.gathered: list[str] = []
        self.scattered: list[tuple[str, str, int]] = []  # (template, where to, the slot of what)
        self.empty = not self.results.roots
        self.write()

    def write(self) -> None:
        """Writes the lines of the loop over lanes, and those of the loops after it."""
        owner, results = self.owner, self.results
        if owner.precision == "float32":
            for node in results.changes.values():
                if node.op == "advance":
                    name = self.graph.hints.get(node.arguments[1], "value")
                    self.errors[node.arguments[1]] = owner.slot(owner.new_slot(f"rounding error of {name}"))
        finals = {node: self.in_loop(node) for node in results.roots}
        spare = iter(owner.scratch)
        lines = self.texts.step
        lines += [f"{owner.slot(owner.rows[name])} = {finals[node]}" for name, node in results.own.items()]
        for name, node in results.changes.items():
            if name in owner.rows:
                lines.append(f"{owner.slot(owner.rows[name])} = {finals[node]}")
            else:
                self.scatter(COPY, owner.in_pool(name), finals[node], next(spare))
        for slot, node in results.sums.items():
            self.scatter(GIVE, f"memory[node + {slot * owner.lanes} + lane]", finals[node], next(spare))
        for name, node in results.totals.items():
            self.scatter(GIVE, owner.in_pool(name), finals[node], next(spare))

    def scatter(self, template: str, to: str, text: str, slot: int) -> None:
        """Leaves a value in a slot for work, to be brought elsewhere by a loop of its own."""
        self.texts.step.append(f"{self.owner.slot(slot)} = {text}")
        self.scattered.append((template, to, slot))

    def leaf(self, node: Node) -> str | None:
        raise InternalError(f"{node.op} is no value of the time loop")

    def loop_leaf(self, node: Node) -> str | None:
        owner, text = self.owner, super().loop_leaf(node)
        if text is not None:
            return text
        if node.op == "slot" and isinstance(node.label, int):
            place = owner.slot(node.label)
        elif node.op == "v":
            place = self.gather("v", "memory[node + lane]")
        elif node.op == "ion" and isinstance(node.label, str):
            place = self.gather(node.label, owner.in_pool(node.label))
        else:
            return None
        name = self.fresh(self.graph.hints.get(node, "x"))
        self.texts.step.insert(0, f"{name} = {place}")
        return name

    def gather(self, name: str, of: str) -> str:
        """The slot for work into which a value from elsewhere is copied."""
        self.gathered.append(name)
        place = self.owner.slot(self.owner.scratch[len(self.gathered) - 1])
        self.loads.extend(COPY.format(to=place, of=of).splitlines())
        return place

    def keep(self, node: Node) -> str:
        kind, k = self.owner.head.constant(node)
        name = self.fresh(self.graph.hints.get(node, "c"))
        if kind == "fixed":
            self.texts.fixed.append(f"{name} = memory[c + {k}]")
        else:
            self.texts.step.insert(0, f"{name} = {self.owner.slot(k)}")
        return name

    def text(self, common: Mapping[str, object]) -> str:
        given = [
            line
            for template, to, slot in self.scattered
            for line in template.format(to=to, of=self.owner.slot(slot)).splitlines()
        ]
        return LOOP.format(
            **common,
            phase=self.phase,
            meaning={"currents": "BREAKPOINT", "advance": "SOLVE"}[self.phase],
            uniform={"currents": "t_middle", "advance": "t_end"}[self.phase],
            pools=indented(self.owner.pools(self.pooled()), 8),
            gather=indented(self.loads, 8),
            fixed=indented(self.texts.fixed, 8),
            step=indented(self.texts.step, 12),
            scatter=indented(given, 8),
        )

    def pooled(self) -> list[str]:
        """The variables of ions that are copied here or given."""
        names = [name for name in self.gathered if name != "v"]
        return names + [
            n for n in self.owner.pattern.pooled if any(to == self.owner.in_pool(n) for _, to, _ in self.scattered)
        ]
