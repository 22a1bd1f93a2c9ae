"""The text of a kernel of many compartments, and the layout of the tables that it expects."""

from __future__ import annotations

from dataclasses import dataclass

from gbar.kernel import cable_text as text
from gbar.kernel.arithmetic import functions, functions_once
from gbar.kernel.cable_mechanism import MechanismLayout, MechanismText, Places
from gbar.kernel.pattern import IonPattern, Pattern
from gbar.kernel.writer import clean, indented


@dataclass(frozen=True)
class IonLayout:
    """Where the table has the pools of an ion: how many, how many follow their concentrations at the start, how many in
    every step, and where their list is, in this order.

    A pool's stretch has the ion's variables in the pattern's order, and then 1e3 R T / (z F) in mV.
    """

    pattern: IonPattern
    count: int
    following: int
    always: int
    pools: int


@dataclass(frozen=True)
class Layout:
    """What the tables of a kernel have to hold; places in the table of integers, slots of the stretches."""

    pattern: Pattern
    lanes: int
    node: int  # slots of a compartment
    area: int | None  # the slots of what varies from lane to lane
    capacity: int | None
    axial: int | None
    ions: tuple[IonLayout, ...]
    mechanisms: tuple[MechanismLayout, ...]
    header: int  # integers before the lists


def emit_cable(pattern: Pattern, precision: str, lanes: int) -> tuple[str, Layout]:
    """The source text for a pattern of cells, and the layout of its tables.

    `precision` is "float32" or "float64", `lanes` the width of a block, a power of two.
    """
    free = text.FIRST_FREE
    ions: list[IonLayout] = []
    for ion in pattern.ions:
        ions.append(IonLayout(ion, free, free + 1, free + 2, free + 3))
        free += 4
    mechanisms: list[MechanismText] = []
    for mechanism in pattern.mechanisms:
        places = Places(free, free + 1, free + 2, free + 3)
        mechanisms.append(MechanismText(mechanism, pattern.ions, places, precision, lanes))
        free += 4
    slot = text.DV + 1
    area = capacity = axial = None
    if pattern.membrane_varies:
        area, capacity, slot = slot, slot + 1, slot + 2
    if pattern.axial_varies:
        axial, slot = slot, slot + 1
    layout = Layout(
        pattern, lanes, slot, area, capacity, axial, tuple(ions), tuple(m.layout for m in mechanisms), free
    )  # fmt: skip
    return _Module(layout, mechanisms, precision).text(), layout


class _Module:
    def __init__(self, layout: Layout, mechanisms: list[MechanismText], precision: str) -> None:
        self.layout, self.mechanisms, self.precision, self.lanes = layout, mechanisms, precision, layout.lanes
        names = ("V", "ERROR", "CURRENT", "SLOPE", "RHS", "D", "DV")
        self.slots = {name: getattr(text, name) * self.lanes for name in names}
        places = ("COUNT", "NODES", "PARENTS", "AXIAL", "AREA", "CAPACITY", "SITES", "VOLTAGES", "ELECTRODES", "CLAMPS")
        self.places = {name: getattr(text, name) for name in places}

    def text(self) -> str:
        used = {name for m in self.mechanisms for part in m.used for name in part.used}
        if any(ion.pattern.follows for ion in self.layout.ions):
            used.add("log")
        once = {name for m in self.mechanisms for part in m.used for name in part.used_once}
        return "".join(
            [
                self.header(),
                functions(used, self.precision),
                functions_once(once),
                text.STATIC.format(**self.slots, **self.places),
                self.tree(),
                *(self.ion(ion) for ion in self.layout.ions),
                *(m.functions() for m in self.mechanisms),
                self.run(),
            ]
        )

    def header(self) -> str:
        described = "\n".join(
            f"{m.stem}: " + ", ".join(f"{k} {name}" for k, name in enumerate(m.slots)) for m in self.mechanisms
        )
        return text.HEADER.format(
            lanes=self.lanes,
            precision=self.precision,
            layout=described,
            tile=text.TILE,
            node=self.layout.node * self.lanes,
        )

    def tree(self) -> str:
        """The elimination; a constant is read before the loop over lanes, or in it where it varies."""
        varying = {"g": self.layout.axial, "area": self.layout.area, "capacity": self.layout.capacity}
        lists = {"g": "axial", "area": "areas", "capacity": "capacities"}
        scalars = {name: f"{name} = memory[{lists[name]} + k]" for name, slot in varying.items() if slot is None}
        lanes = {name: f"{name} = s[{slot * self.lanes} + lane]" for name, slot in varying.items() if slot is not None}

        def some(lines: dict[str, str], names: tuple[str, ...], by: int) -> str:
            return indented([lines[name] for name in names if name in lines], by)

        every, membrane = ("g", "area", "capacity"), ("area", "capacity")
        move = (text.MOVE_COMPENSATED if self.precision == "float32" else text.MOVE) + "\n" + text.CLEAR
        moved = move.format(**self.slots).splitlines()
        return text.TREE.format(
            **self.slots,
            **self.places,
            scalars=some(scalars, every, 8),
            lanes=some(lanes, every, 12),
            root_scalars=some(scalars, membrane, 4),
            root_lanes=some(lanes, membrane, 8),
            axial_scalar=some(scalars, ("g",), 8),
            axial_lane=some(lanes, ("g",), 12),
            root_move=indented(moved, 8),
            move=indented(moved, 12),
        )

    def ion(self, ion: IonLayout) -> str:
        name, variables = ion.pattern.name, ion.pattern.variables
        slots = {
            short: variables.index(variable) * self.lanes
            for short, variable in (("e", f"e{name}"), ("ci", f"{name}i"), ("co", f"{name}o"), ("i", f"i{name}"))
            if variable in variables
        }
        common = {
            "stem": stem(ion),
            "ion": clean(name),
            "size": len(variables) + 1,
            "factor": len(variables) * self.lanes,
            "count": ion.count,
            "pools": ion.pools,
        }
        follow = text.FOLLOW.format(**common, **slots) if ion.pattern.follows else ""
        return follow + (text.BEGIN.format(**common, **slots) if "i" in slots else "")

    def run(self) -> str:
        following = {i.pattern.name: f"follow_{stem(i)}(memory, table, table[{i.following}])"
                     for i in self.layout.ions if i.pattern.follows}  # fmt: skip
        initial = list(following.values())
        for m in self.mechanisms:
            initial.append(f"initial_{m.stem}(memory, table, quantities, theta, dt, v_init)")
            initial += [following[ion] for ion in m.concentrations if ion in following]
        begin: list[str] = []
        for i in self.layout.ions:
            begin += [f"begin_{stem(i)}(memory, table)"] if f"i{i.pattern.name}" in i.pattern.variables else []
            begin += [f"follow_{stem(i)}(memory, table, table[{i.always}])"] if i.pattern.follows else []
        currents = [f"currents_{m.stem}(memory, table, {{}})" for m in self.mechanisms if not m.breakpoint.empty]
        advance = [f"advance_{m.stem}(memory, table, t_end)" for m in self.mechanisms if not m.advance.empty]
        solve = ["electrodes(memory, table, injected, command, conductance, step)", "tree(memory, table)"]
        step = [*begin, *(line.format("t_middle") for line in currents), *solve, *advance]
        return text.RUN.format(
            **self.places,
            signature=text.SIGNATURE.format(p=self.precision),
            initial=indented(initial, 4),
            begin=indented(begin, 4),
            first=indented((line.format("0.0") for line in currents), 4),
            step=indented(step, 8),
        )


def stem(ion: IonLayout) -> str:
    """An ion's name as part of a function's."""
    return f"{clean(ion.pattern.name)}_{ion.count}"
