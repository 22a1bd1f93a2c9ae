"""The text of a kernel of many compartments that is the same for all mechanisms: tree, electrodes, samples, time loop.

Everything that changes lies in one flat array, `memory`: of every compartment a stretch `slot * LANES + lane`, and the
same of every instance of a mechanism and of every pool of an ion. Where each begins is in the table of integers,
`table`, so that the code does not depend on the morphology. A loop over lanes works within one stretch, at literal
offsets, and is vector instructions for that; what it needs from elsewhere is copied there before, what it gives added
afterwards, by short loops.

The tree is eliminated from the leaves (Hines 1984) in a form without differences of nearly equal numbers: with e a
compartment's own conductance (capacity, slopes, what hangs on it) and g the one to its parent, the parent gains
g e / (g + e).
"""

from __future__ import annotations

VERSION = 1  # of the text that is written for the same pattern
TILE = 16  # samples gathered as [sample][site][lane] before they are written out as [lane][site][sample]

# slots of a compartment
V, ERROR, CURRENT, SLOPE, RHS, D, DV = range(7)

# places in the table, before those of ions and mechanisms
COUNT, NODES, PARENTS, AXIAL, AREA, CAPACITY, SITES, VOLTAGES, ELECTRODES, CLAMPS = range(10)
FIRST_FREE = 10

HEADER = '''"""A kernel of many compartments, {lanes} lanes, {precision}. Written by gbar; do not edit.

{layout}
"""

import numpy as np
from numba import njit

R = np.{precision}
LANES = {lanes}
TILE = {tile}
NODE = {node}
OPTIONS = {{"error_model": "numpy", "fastmath": {{"nsz", "arcp", "contract"}}}}
inline = njit(forceinline=True, **OPTIONS)
'''

TREE = '''

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
        s = memory[nodes + k * NODE:nodes + (k + 1) * NODE]
        above = table[parents + k]
        q = memory[above:above + NODE]
{scalars}
        for lane in range(LANES):
            s[{DV} + lane] = q[{V} + lane]
        for lane in range(LANES):
{lanes}
            own = s[{D} + lane] + (capacity + area * s[{SLOPE} + lane])
            current = s[{RHS} + lane] - area * s[{CURRENT} + lane]
            flow = g * (s[{DV} + lane] - s[{V} + lane])
            r = R(1.0) / (own + g)
            s[{D} + lane] = r
            s[{RHS} + lane] = current + flow
            s[{CURRENT} + lane] = g * r * own
            s[{SLOPE} + lane] = g * r * current - flow * (own * r)
        for lane in range(LANES):
            q[{D} + lane] += s[{CURRENT} + lane]
        for lane in range(LANES):
            q[{RHS} + lane] += s[{SLOPE} + lane]
    k = 0
    s = memory[nodes:nodes + NODE]
{root_scalars}
    for lane in range(LANES):
{root_lanes}
        own = s[{D} + lane] + (capacity + area * s[{SLOPE} + lane])
        dv = (s[{RHS} + lane] - area * s[{CURRENT} + lane]) / own
        s[{DV} + lane] = dv
{root_move}
    for k in range(1, count):
        s = memory[nodes + k * NODE:nodes + (k + 1) * NODE]
        above = table[parents + k]
        q = memory[above:above + NODE]
{axial_scalar}
        for lane in range(LANES):
            s[{CURRENT} + lane] = q[{DV} + lane]
        for lane in range(LANES):
{axial_lane}
            dv = (s[{RHS} + lane] + g * s[{CURRENT} + lane]) * s[{D} + lane]
            s[{DV} + lane] = dv
{move}
'''

MOVE = """v = s[{V} + lane] + dv
s[{V} + lane] = v"""
MOVE_COMPENSATED = """increment = dv - s[{ERROR} + lane]
v = s[{V} + lane] + increment
s[{ERROR} + lane] = (v - s[{V} + lane]) - increment
s[{V} + lane] = v"""
CLEAR = """s[{CURRENT} + lane] = R(0.0)
s[{SLOPE} + lane] = R(0.0)
s[{RHS} + lane] = R(0.0)
s[{D} + lane] = R(0.0)"""

STATIC = '''

@njit(**OPTIONS)
def clear(memory, table):
    """Forgets what the mechanisms have added up."""
    for k in range(table[{COUNT}]):
        place = table[{NODES}] + k * NODE
        s = memory[place:place + NODE]
        for lane in range(LANES):
            s[{CURRENT} + lane] = R(0.0)
            s[{SLOPE} + lane] = R(0.0)


@njit(**OPTIONS)
def electrodes(memory, table, injected, command, conductance, step):
    """Adds the currents (nA) and the voltage clamps (mV, uS) of a step."""
    for k in range(injected.shape[0]):
        place = table[table[{ELECTRODES}] + k]
        s = memory[place:place + NODE]
        current = R(injected[k, step])
        for lane in range(LANES):
            s[{RHS} + lane] += current
    for k in range(command.shape[0]):
        level = R(command[k, step])
        if level == level:
            place = table[table[{CLAMPS}] + k]
            s = memory[place:place + NODE]
            g = R(conductance[k])
            for lane in range(LANES):
                s[{RHS} + lane] += g * (level - s[{V} + lane])
                s[{D} + lane] += g


@njit(**OPTIONS)
def sample(memory, table, tile, filled, sites):
    """Gathers what is recorded."""
    for k in range(sites):
        place = table[table[{SITES}] + k]
        s = memory[place:place + LANES]
        row = (filled * sites + k) * LANES
        q = tile[row:row + LANES]
        for lane in range(LANES):
            q[lane] = s[lane]


@njit(**OPTIONS)
def flush(table, tile, filled, samples, most, out):
    """Writes gathered samples out, and keeps the largest |v|."""
    sites = out.shape[1]
    for k in range(sites):
        if table[table[{VOLTAGES}] + k] != 0:
            for n in range(filled):
                row = (n * sites + k) * LANES
                q = tile[row:row + LANES]
                for lane in range(LANES):
                    size = abs(q[lane])
                    most[lane] = most[lane] if size <= most[lane] else size
    for lane in range(out.shape[0]):
        for k in range(sites):
            for n in range(filled):
                out[lane, k, samples + n] = tile[(n * sites + k) * LANES + lane]
'''

FOLLOW = '''

@njit(**OPTIONS)
def follow_{stem}(memory, table, count):
    """Nernst's equation in the first `count` pools of {ion}."""
    for k in range(count):
        place = table[table[{pools}] + k]
        s = memory[place:place + {size} * LANES]
        for lane in range(LANES):
            inside = s[{ci} + lane]
            outside = s[{co} + lane]
            e = s[{factor} + lane] * log(outside / inside)
            e = R(-1e6) if outside <= R(0.0) else e
            s[{e} + lane] = R(1e6) if inside <= R(0.0) else e
'''

BEGIN = '''

@njit(**OPTIONS)
def begin_{stem}(memory, table):
    """The total current of {ion} begins at zero."""
    for k in range(table[{count}]):
        place = table[table[{pools}] + k]
        s = memory[place:place + {size} * LANES]
        for lane in range(LANES):
            s[{i} + lane] = R(0.0)
'''

SIGNATURE = (
    "void({p}[::1], int64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], "
    "float64, float64, int64, int64, int64, {p}[:, :, ::1], {p}[::1])"
)

RUN = '''

@njit("{signature}", nogil=True, cache=True, **OPTIONS)
def run(
    memory, table, quantities, theta, injected, command, conductance, dt, v_init, warm_up, steps, stride, out, extreme
):
    """memory, table: see gbar.kernel.cable; quantities, theta[row, lane]; injected[electrode, step] (nA),
    command[clamp, step] (mV, NaN for off), conductance[clamp] (uS); dt (ms), v_init (mV), warm-up steps, steps, steps
    per sample; fills out[lane, site, sample] and extreme[lane], the largest |v| (mV) met at a sample."""
    rows = out.shape[0]
    sites = out.shape[1]
    tile = np.empty(TILE * sites * LANES, R)
    most = np.zeros(LANES, R)
{initial}
{begin}
{first}
    clear(memory, table)
    samples = 0
    filled = 0
    following = warm_up
    for step in range(warm_up + steps + 1):
        if step == following:
            sample(memory, table, tile, filled, sites)
            filled += 1
            following += stride
        if filled == TILE:
            flush(table, tile, filled, samples, most, out)
            samples += TILE
            filled = 0
        if step == warm_up + steps:
            break
        t_middle = (step - warm_up + 0.5) * dt
        t_end = (step - warm_up + 1.0) * dt
{step}
    flush(table, tile, filled, samples, most, out)
    for lane in range(rows):
        size = abs(memory[table[{NODES}] + lane])
        extreme[lane] = most[lane] if size <= most[lane] else size
'''
