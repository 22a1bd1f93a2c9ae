"""The text of a kernel of many compartments that is the same for all mechanisms: tree, electrodes, samples, time loop.

Everything that changes lies in one flat array, `memory`: of every compartment a stretch `slot * LANES + lane`, and the
same of every instance of a mechanism and of every pool of an ion. Where each begins is in the table of integers,
`table`, and so are the programs (which functions are called in what order), so that this code depends neither on the
morphology nor on the mechanisms. A loop over lanes is in a function of its own, which gets the places of the stretches
that it works on as pointers that are said not to overlap, and has literal offsets in each: it becomes vector
instructions for that.

What a step adds up for a compartment lies there as RHS (nA) and D (uS). A mechanism that needs nothing from others but
v adds its currents for the next step right after its states have advanced, while they are at hand.

The tree is eliminated from the leaves (Hines 1984) in a form without differences of nearly equal numbers: with e a
compartment's own conductance (capacity, slopes, what hangs on it) and g the one to its parent, the parent gains
g e / (g + e).
"""

from __future__ import annotations

from gbar.kernel.arithmetic import functions
from gbar.kernel.writer import indented

VERSION = 4  # of the text that is written for the same pattern
UNROLLED = 16  # lanes, up to which LLVM unrolls loops before it looks for vector instructions
TILE = 16  # samples gathered as [sample][site][lane] before they are written out as [lane][site][sample]

# slots of a compartment, of a pool
V, RHS, D, DV, ERROR = range(5)
E, CI, CO, TOTAL, FACTOR = range(5)
POOL = 5

# places in the table, before those of mechanisms; a program is the place of its calls and their number
COUNT, NODES, PARENTS, AXIAL, CAPACITY, SITES, VOLTAGES, ELECTRODES, CLAMPS = range(9)
INITIAL, START, BEGIN, CURRENTS, ADVANCE = 9, 11, 13, 15, 17
FREE = 19

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
PHASE = "void(CPointer({precision}), CPointer(int64), CPointer(float64), int64, float64, float64)"
inline = njit(forceinline=True, **OPTIONS)


@intrinsic
def place(typing, memory, offset):
    """The pointer to what lies there in memory."""
    def text(context, builder, signature, arguments):
        return builder.gep(arguments[0], arguments[1:], inbounds=True)
    return memory(memory, types.int64), text


@intrinsic
def apart(typing):
    """Says of the function that calls it that what its pointers point to does not overlap."""
    def text(context, builder, signature, arguments):
        for argument in builder.function.args:
            if isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
        return context.get_dummy_value()
    return types.void(), text


@intrinsic
def rolled(typing):
    """Keeps short loops of the function that calls it, at its end, from being unrolled before they are vectorised."""
    def text(context, builder, signature, arguments):
        off = builder.module.add_metadata([ir.MetaDataString(builder.module, "llvm.loop.unroll.disable")])
        blocks = list(builder.function.blocks)
        for k, block in enumerate(blocks):
            jump = block.terminator
            if LANES <= {unrolled} and jump is not None and any(to in blocks[: k + 1] for to in jump.operands):
                loop = builder.module.add_metadata([ir.MetaDataString(builder.module, block.name), off])
                loop.operands = (loop, off)  # by this sign LLVM knows it
                jump.set_metadata("llvm.loop", loop)
        return context.get_dummy_value()
    return types.void(), text
'''

ROOM = '''

@intrinsic
def room(typing):
    """Memory of the function that calls it."""
    def text(context, builder, signature, arguments):
        kind = ir.ArrayType(context.get_value_type(types.{precision}), {count})
        with builder.goto_entry_block():
            made = builder.alloca(kind)
        made.align = 64
        return builder.gep(made, [ir.Constant(ir.IntType(32), 0)] * 2)
    return types.CPointer(types.{precision})(), text
'''

STATIC = '''TILE = {TILE}


@intrinsic
def call(typing, address, memory, table, given, at, t_end, t_middle):
    """Calls the function at an address."""
    def text(context, builder, signature, arguments):
        kinds = [argument.type for argument in arguments[1:]]
        kind = ir.FunctionType(ir.VoidType(), kinds)
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return context.get_dummy_value()
    return types.void(types.int64, memory, table, given, types.int64, types.float64, types.float64), text


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
def execute(memory, table, given, program, t_end, t_middle):
    """The calls of a program: at the end of a step, and in the middle of one."""
    first = table[program]
    for k in range(table[program + 1]):
        what = table[first + 3 * k]
        one = table[first + 3 * k + 1]
        two = table[first + 3 * k + 2]
        if what == {CALL}:
            call(one, memory, table, given, two, t_end, t_middle)
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
            memory[s + {RHS} + lane] = R(0.0)
            memory[s + {D} + lane] = R(0.0)


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


@inline
def eliminate(node, parent, g, capacity):
    """Hands what a compartment has added up to its parent."""
    apart()
    for lane in range(LANES):
{each}
        own = node[{D} + lane] + capacity
        current = node[{RHS} + lane]
        flow = g * (parent[{V} + lane] - node[{V} + lane])
        r = R(1.0) / (own + g)
        node[{D} + lane] = r
        node[{RHS} + lane] = current + flow
        parent[{D} + lane] += g * own * r
        parent[{RHS} + lane] += (g * current - flow * own) * r
    rolled()


@inline
def root(node, capacity):
    """The change of the root's voltage, from what is left."""
    for lane in range(LANES):
{each_root}
        dv = node[{RHS} + lane] / (node[{D} + lane] + capacity)
{move}
    rolled()


@inline
def substitute(node, parent, g):
    """The change of a compartment's voltage, from that of its parent."""
    apart()
    for lane in range(LANES):
{each_axial}
        dv = (node[{RHS} + lane] + g * parent[{DV} + lane]) * node[{D} + lane]
{move}
    rolled()


@njit(**OPTIONS)
def tree(memory, table):
    """The change of every voltage in a step, from what the mechanisms and electrodes have added up."""
    count = table[{COUNT}]
    nodes = table[{NODES}]
    parents = table[{PARENTS}]
    axial = table[{AXIAL}]
    capacities = table[{CAPACITY}]
    for k in range(count - 1, 0, -1):
        node = place(memory, nodes + k * NODE)
        parent = place(memory, table[parents + k])
        eliminate(node, parent, memory[axial + k], memory[capacities + k])
    root(place(memory, nodes), memory[capacities])
    for k in range(1, count):
        substitute(place(memory, nodes + k * NODE), place(memory, table[parents + k]), memory[axial + k])


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
    execute(memory, table, given, {INITIAL}, 0.0, 0.0)
    execute(memory, table, given, {BEGIN}, 0.0, 0.0)
    execute(memory, table, given, {CURRENTS}, 0.0, 0.0)
    clear(memory, table)
    execute(memory, table, given, {START}, 0.0, (0.5 - warm_up) * dt)
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
        time = step - warm_up
        execute(memory, table, given, {BEGIN}, 0.0, 0.0)
        execute(memory, table, given, {CURRENTS}, 0.0, (time + 0.5) * dt)
        electrodes(memory, table, injected, command, conductance, currents, clamps, warm_up + steps, step)
        tree(memory, table)
        execute(memory, table, given, {ADVANCE}, (time + 1.0) * dt, (time + 1.5) * dt)
    flush(table, tile, filled, done, out, rows, sites, samples, extreme)
    for lane in range(rows):
        size = abs(memory[table[{NODES}] + lane])
        extreme[lane] = extreme[lane] if size <= extreme[lane] else size
'''

MOVE = """v = node[{V} + lane] + dv
node[{V} + lane] = v"""
MOVE_COMPENSATED = """increment = dv - node[{ERROR} + lane]
v = node[{V} + lane] + increment
node[{ERROR} + lane] = (v - node[{V} + lane]) - increment
node[{V} + lane] = v"""
LEAVE = """node[{DV} + lane] = dv
node[{RHS} + lane] = R(0.0)
node[{D} + lane] = R(0.0)"""

_SLOTS = {"V": V, "RHS": RHS, "D": D, "DV": DV, "ERROR": ERROR}
_POOL = {"E": E, "CI": CI, "CO": CO, "TOTAL": TOTAL, "FACTOR": FACTOR}
_PLACES = {
    "COUNT": COUNT, "NODES": NODES, "PARENTS": PARENTS, "AXIAL": AXIAL, "CAPACITY": CAPACITY, "SITES": SITES,
    "VOLTAGES": VOLTAGES, "ELECTRODES": ELECTRODES, "CLAMPS": CLAMPS, "INITIAL": INITIAL, "START": START,
    "BEGIN": BEGIN, "CURRENTS": CURRENTS, "ADVANCE": ADVANCE, "CALL": CALL, "FOLLOW": FOLLOW, "DT": DT, "TILE": TILE,
}  # fmt: skip


def header(title: str, layout: str, precision: str, lanes: int, node: int) -> str:
    """What every module begins with; `node` is how many slots a compartment has."""
    return HEADER.format(
        title=title, layout=layout, precision=precision, lanes=lanes, node=node * lanes, unrolled=UNROLLED
    )


def room(precision: str, count: int) -> str:
    """The text of a function that makes room on the stack for values from one loop to the next."""
    return ROOM.format(precision=precision, count=max(count, 1))


def run_text(precision: str, lanes: int, node: int, varying: dict[str, int | None]) -> str:
    """The module with the time loop.

    `varying`: the slot of a compartment in which "g" (to the parent) and "capacity" lie for each lane; None where they
    do not vary.
    """
    slots = {name: slot * lanes for name, slot in (_SLOTS | _POOL).items()}
    each = {name: f"{name} = node[{slot * lanes} + lane]" for name, slot in varying.items() if slot is not None}

    def some(*names: str) -> str:
        return indented([each[name] for name in names if name in each], 8)

    move = (MOVE_COMPENSATED if precision == "float32" else MOVE) + "\n" + LEAVE
    body = STATIC.format(
        **slots,
        **_PLACES,
        p=precision,
        each=some("g", "capacity"),
        each_root=some("capacity"),
        each_axial=some("g"),
        move=indented(move.format(**slots).splitlines(), 8),
    )
    first = header("Many compartments", "The time loop.", precision, lanes, node)
    return first + functions({"log"}, precision) + "\n" + body
