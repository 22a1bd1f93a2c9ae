"""The text of a kernel of many compartments that is the same for all mechanisms: tree, electrodes, samples, time loop.

Everything that changes lies in one flat array, `memory`: of every compartment a stretch `slot * LANES + lane`, and the
same of every instance of a mechanism and of every pool of an ion. Where each begins is in the table of integers,
`table`, and so are the programs (which functions are called in what order), so that this code depends neither on the
morphology nor on the mechanisms. A loop over lanes works within one stretch, at literal offsets, and is vector
instructions for that; what it needs from elsewhere is copied there before, what it gives added afterwards, by short
loops.

The tree is eliminated from the leaves (Hines 1984) in a form without differences of nearly equal numbers: with e a
compartment's own conductance (capacity, slopes, what hangs on it) and g the one to its parent, the parent gains
g e / (g + e).
"""

from __future__ import annotations

from gbar.kernel.arithmetic import functions
from gbar.kernel.writer import indented

VERSION = 2  # of the text that is written for the same pattern
TILE = 16  # samples gathered as [sample][site][lane] before they are written out as [lane][site][sample]

# slots of a compartment, of a pool
V, ERROR, CURRENT, SLOPE, RHS, D, DV = range(7)
E, CI, CO, TOTAL, FACTOR = range(5)
POOL = 5

# places in the table, before those of mechanisms; a program is the place of its calls and their number
COUNT, NODES, PARENTS, AXIAL, AREA, CAPACITY, SITES, VOLTAGES, ELECTRODES, CLAMPS = range(10)
INITIAL, BEGIN, CURRENTS, ADVANCE = 10, 12, 14, 16
FREE = 18

# calls: (what, its first and second argument)
CALL, FOLLOW, ZERO = range(3)  # (address, place of the mechanism's header), (list of pools, how many) twice

# places in `given`, before the quantities
DT, V_INIT = range(2)
QUANTITIES = 2

HEADER = '''"""{title}, {lanes} lanes, {precision}. Written by gbar; do not edit.

{layout}
"""

import numpy as np
from llvmlite import ir
from numba import cfunc, njit, types
from numba.extending import intrinsic

R = np.{precision}
LANES = {lanes}
NODE = {node}
OPTIONS = {{"error_model": "numpy", "fastmath": {{"nsz", "arcp", "contract"}}}}
PHASE = "void(CPointer({precision}), CPointer(int64), CPointer(float64), int64, float64)"
inline = njit(forceinline=True, **OPTIONS)
'''

STATIC = '''TILE = {TILE}


@intrinsic
def call(typing, address, memory, table, given, at, time):
    """Calls the function at an address."""
    def text(context, builder, signature, arguments):
        kinds = [argument.type for argument in arguments[1:]]
        kind = ir.FunctionType(ir.VoidType(), kinds)
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return context.get_dummy_value()
    return types.void(types.int64, memory, table, given, types.int64, types.float64), text


@njit(**OPTIONS)
def follow(memory, table, pools, count):
    """Nernst's equation in pools of an ion."""
    for k in range(count):
        s = table[pools + k]
        for lane in range(LANES):
            inside = memory[s + {CI} + lane]
            outside = memory[s + {CO} + lane]
            e = memory[s + {FACTOR} + lane] * log(outside / inside)
            e = R(-1e6) if outside <= R(0.0) else e
            memory[s + {E} + lane] = R(1e6) if inside <= R(0.0) else e


@njit(**OPTIONS)
def execute(memory, table, given, program, time):
    """The calls of a program."""
    first = table[program]
    for k in range(table[program + 1]):
        what = table[first + 3 * k]
        one = table[first + 3 * k + 1]
        two = table[first + 3 * k + 2]
        if what == {CALL}:
            call(one, memory, table, given, two, time)
        elif what == {FOLLOW}:
            follow(memory, table, one, two)
        else:
            for n in range(two):
                s = table[one + n]
                for lane in range(LANES):
                    memory[s + {TOTAL} + lane] = R(0.0)


@njit(**OPTIONS)
def clear(memory, table):
    """Forgets what the mechanisms have added up."""
    for k in range(table[{COUNT}]):
        s = table[{NODES}] + k * NODE
        for lane in range(LANES):
            memory[s + {CURRENT} + lane] = R(0.0)
            memory[s + {SLOPE} + lane] = R(0.0)


@njit(**OPTIONS)
def electrodes(memory, table, injected, command, conductance, currents, clamps, steps, step):
    """Adds the currents (nA) and the voltage clamps (mV, uS) of a step."""
    for k in range(currents):
        s = table[table[{ELECTRODES}] + k]
        current = R(injected[k * steps + step])
        for lane in range(LANES):
            memory[s + {RHS} + lane] += current
    for k in range(clamps):
        level = R(command[k * steps + step])
        if level == level:
            s = table[table[{CLAMPS}] + k]
            g = R(conductance[k])
            for lane in range(LANES):
                memory[s + {RHS} + lane] += g * (level - memory[s + {V} + lane])
                memory[s + {D} + lane] += g


@njit(**OPTIONS)
def tree(memory, table):
    """The change of every voltage in a step, from what the mechanisms and electrodes have added up."""
    count = table[{COUNT}]
    nodes = table[{NODES}]
    parents = table[{PARENTS}]
    axial = table[{AXIAL}]
    areas = table[{AREA}]
    capacities = table[{CAPACITY}]
    for k in range(count - 1, 0, -1):
        s = nodes + k * NODE
        q = table[parents + k]
{scalars}
        for lane in range(LANES):
            memory[s + {DV} + lane] = memory[q + {V} + lane]
        for lane in range(LANES):
{lanes}
            own = memory[s + {D} + lane] + (capacity + area * memory[s + {SLOPE} + lane])
            current = memory[s + {RHS} + lane] - area * memory[s + {CURRENT} + lane]
            flow = g * (memory[s + {DV} + lane] - memory[s + {V} + lane])
            r = R(1.0) / (own + g)
            memory[s + {D} + lane] = r
            memory[s + {RHS} + lane] = current + flow
            memory[s + {CURRENT} + lane] = g * r * own
            memory[s + {SLOPE} + lane] = g * r * current - flow * (own * r)
        for lane in range(LANES):
            memory[q + {D} + lane] += memory[s + {CURRENT} + lane]
        for lane in range(LANES):
            memory[q + {RHS} + lane] += memory[s + {SLOPE} + lane]
    k = 0
    s = nodes
{root_scalars}
    for lane in range(LANES):
{root_lanes}
        own = memory[s + {D} + lane] + (capacity + area * memory[s + {SLOPE} + lane])
        dv = (memory[s + {RHS} + lane] - area * memory[s + {CURRENT} + lane]) / own
        memory[s + {DV} + lane] = dv
{root_move}
    for k in range(1, count):
        s = nodes + k * NODE
        q = table[parents + k]
{axial_scalar}
        for lane in range(LANES):
            memory[s + {CURRENT} + lane] = memory[q + {DV} + lane]
        for lane in range(LANES):
{axial_lane}
            dv = (memory[s + {RHS} + lane] + g * memory[s + {CURRENT} + lane]) * memory[s + {D} + lane]
            memory[s + {DV} + lane] = dv
{move}


@njit(**OPTIONS)
def sample(memory, table, tile, filled, sites):
    """Gathers what is recorded."""
    for k in range(sites):
        s = table[table[{SITES}] + k]
        q = (filled * sites + k) * LANES
        for lane in range(LANES):
            tile[q + lane] = memory[s + lane]


@njit(**OPTIONS)
def flush(table, tile, filled, done, out, rows, sites, samples, extreme):
    """Writes gathered samples out, and keeps the largest |v|."""
    for lane in range(rows):
        most = extreme[lane]
        for k in range(sites):
            is_v = table[table[{VOLTAGES}] + k] != 0
            for n in range(filled):
                value = tile[(n * sites + k) * LANES + lane]
                out[(lane * sites + k) * samples + done + n] = value
                if is_v:
                    most = most if abs(value) <= most else abs(value)
        extreme[lane] = most


@cfunc(
    "void(CPointer({p}), CPointer(int64), CPointer(float64), CPointer(float64), CPointer(float64), CPointer(float64), "
    "int64, int64, int64, int64, int64, CPointer({p}), CPointer({p}), int64, int64, int64, CPointer({p}))",
    cache=True, **OPTIONS
)
def run(
    memory, table, given, injected, command, conductance,
    currents, clamps, warm_up, steps, stride, tile, out, rows, sites, samples, extreme
):
    """memory, table, given: see gbar.kernel.cable; injected[electrode, step] (nA), command[clamp, step] (mV, NaN for
    off), conductance[clamp] (uS), how many of both; warm-up steps, steps, steps per sample; fills of `rows` lanes
    out[lane, site, sample] and extreme[lane], the largest |v| (mV) met at a sample; tile is room for samples."""
    dt = given[{DT}]
    execute(memory, table, given, {INITIAL}, 0.0)
    execute(memory, table, given, {BEGIN}, 0.0)
    execute(memory, table, given, {CURRENTS}, 0.0)
    clear(memory, table)
    done = 0
    filled = 0
    following = warm_up
    for step in range(warm_up + steps + 1):
        if step == following:
            sample(memory, table, tile, filled, sites)
            filled += 1
            following += stride
        if filled == TILE:
            flush(table, tile, filled, done, out, rows, sites, samples, extreme)
            done += TILE
            filled = 0
        if step == warm_up + steps:
            break
        execute(memory, table, given, {BEGIN}, 0.0)
        execute(memory, table, given, {CURRENTS}, (step - warm_up + 0.5) * dt)
        electrodes(memory, table, injected, command, conductance, currents, clamps, warm_up + steps, step)
        tree(memory, table)
        execute(memory, table, given, {ADVANCE}, (step - warm_up + 1.0) * dt)
    flush(table, tile, filled, done, out, rows, sites, samples, extreme)
    for lane in range(rows):
        size = abs(memory[table[{NODES}] + lane])
        extreme[lane] = extreme[lane] if size <= extreme[lane] else size
'''

MOVE = """v = memory[s + {V} + lane] + dv
memory[s + {V} + lane] = v"""
MOVE_COMPENSATED = """increment = dv - memory[s + {ERROR} + lane]
v = memory[s + {V} + lane] + increment
memory[s + {ERROR} + lane] = (v - memory[s + {V} + lane]) - increment
memory[s + {V} + lane] = v"""
RESET = """memory[s + {CURRENT} + lane] = R(0.0)
memory[s + {SLOPE} + lane] = R(0.0)
memory[s + {RHS} + lane] = R(0.0)
memory[s + {D} + lane] = R(0.0)"""

_SLOTS = {"V": V, "ERROR": ERROR, "CURRENT": CURRENT, "SLOPE": SLOPE, "RHS": RHS, "D": D, "DV": DV}
_POOL = {"E": E, "CI": CI, "CO": CO, "TOTAL": TOTAL, "FACTOR": FACTOR}
_PLACES = {
    "COUNT": COUNT, "NODES": NODES, "PARENTS": PARENTS, "AXIAL": AXIAL, "AREA": AREA, "CAPACITY": CAPACITY,
    "SITES": SITES, "VOLTAGES": VOLTAGES, "ELECTRODES": ELECTRODES, "CLAMPS": CLAMPS, "INITIAL": INITIAL,
    "BEGIN": BEGIN, "CURRENTS": CURRENTS, "ADVANCE": ADVANCE, "CALL": CALL, "FOLLOW": FOLLOW, "DT": DT, "TILE": TILE,
}  # fmt: skip


def header(title: str, layout: str, precision: str, lanes: int, node: int) -> str:
    """What every module begins with; `node` is how many slots a compartment has."""
    return HEADER.format(title=title, layout=layout, precision=precision, lanes=lanes, node=node * lanes)


def run_text(precision: str, lanes: int, node: int, varying: dict[str, int | None]) -> str:
    """The module with the time loop.

    `varying`: the slot of a compartment in which "g" (to the parent), "area" and "capacity" lie for each lane; None
    where they do not vary: then one number is read before the loop over lanes.
    """
    slots = {name: slot * lanes for name, slot in (_SLOTS | _POOL).items()}
    lists = {"g": "axial", "area": "areas", "capacity": "capacities"}
    once = {name: f"{name} = memory[{lists[name]} + k]" for name, slot in varying.items() if slot is None}
    each = {name: f"{name} = memory[s + {slot * lanes} + lane]" for name, slot in varying.items() if slot is not None}

    def some(lines: dict[str, str], names: tuple[str, ...], by: int) -> str:
        return indented([lines[name] for name in names if name in lines], by)

    every, membrane = ("g", "area", "capacity"), ("area", "capacity")
    move = (MOVE_COMPENSATED if precision == "float32" else MOVE) + "\n" + RESET
    moved = move.format(**slots).splitlines()
    body = STATIC.format(
        **slots,
        **_PLACES,
        p=precision,
        scalars=some(once, every, 8),
        lanes=some(each, every, 12),
        root_scalars=some(once, membrane, 4),
        root_lanes=some(each, membrane, 8),
        axial_scalar=some(once, ("g",), 8),
        axial_lane=some(each, ("g",), 12),
        root_move=indented(moved, 8),
        move=indented(moved, 12),
    )
    first = header("Many compartments", "The time loop.", precision, lanes, node)
    return first + functions({"log"}, precision) + "\n" + body
