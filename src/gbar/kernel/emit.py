"""The equations of a cell of one compartment as the text of a Python module with one function, `run`.

`run` takes a block of lanes (parameter sets) through its whole time loop. All that is kept between steps lies in one
flat array, `slot * LANES + lane`, with literal offsets: LLVM sees that no two slots overlap and makes the loop over
lanes vector instructions. What does not change in time is computed before the loop, in float64: once, or once per lane
where a free parameter enters. In float32 a slot that advances by an increment carries the rounding error of its sum
(compensated summation), so that slow states do not stall.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gbar.compartments import Compartments
from gbar.kernel.arithmetic import functions, functions_once, watching
from gbar.kernel.equations import Equations, equations
from gbar.kernel.exponentials import share
from gbar.kernel.graph import Level, Node
from gbar.kernel.stages import Final, stages
from gbar.kernel.transpose import transpose
from gbar.kernel.writer import Loop, Writer, bare, clean, indented, loop_text

VERSION = 5  # of the text that is written for the same equations
LANES = {"float32": 64, "float64": 32}
TILE = 16  # samples gathered as [sample][lane] before they are written out as [lane][sample]

HEADER = '''"""{cell}: {count} slots, {lanes} lanes, {precision}. Written by gbar; do not edit.

{layout}
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

R = np.{precision}
LANES = {lanes}
TILE = {tile}
OPTIONS = {{"error_model": "numpy", "fastmath": {{"nsz", "arcp", "contract"}}}}
inline = njit(forceinline=True, **OPTIONS)
{watching}'''

SIGNATURE = (
    "void(float64[::1], float64[:, ::1], float64[::1], float64, float64, int64, int64, int64, {p}[:, :, ::1], {p}[::1])"
)

BODY = '''

@njit("{signature}", nogil=True, cache=True, **OPTIONS)
def run(quantities, theta, injected, dt, v_init, warm_up, steps, stride, out, extreme):
    """quantities, theta[parameter, lane], injected[step] (nA), dt (ms), v_init (mV), warm-up steps, steps, steps per
    sample; fills out[lane, site, sample] and extreme[lane], the largest |v| (mV) met at a sample."""
    rows = out.shape[0]
    whole = rows - rows % SIDE
    slots = np.zeros({count} * LANES, R)
{tiles}
{fixed}
    for lane in range(LANES):
{lane}
    samples = 0
    filled = 0
    following = warm_up
    for step in range(warm_up + steps + 1):
        if step == following:
            for lane in range(LANES):
{sample}
            filled += 1
            following += stride
        if filled == TILE:
{flush}
            samples += TILE
            filled = 0
        if step == warm_up + steps:
            break
{uniform}
{step}
    for lane in range(rows):
        most = slots[{extreme} + lane]
        for sample in range(filled):
{rest}
        v = slots[lane]
        extreme[lane] = most if abs(v) <= most else abs(v)
'''

LARGEST = """for lane in range(LANES):
    most = slots[{extreme} + lane]
    for sample in range(TILE):
        size = abs({tile}[sample * LANES + lane])
        most = most if size <= most else size
    slots[{extreme} + lane] = most"""
FLUSH = """for lane in range(0, whole, SIDE):
    for sample in range(0, TILE, SIDE):
        place = (lane * out.shape[1] + {site}) * out.shape[2] + samples + sample
        transpose({tile}, sample * LANES + lane, LANES, out, place, out.shape[1] * out.shape[2])
for lane in range(whole, rows):
    for sample in range(TILE):
        out[lane, {site}, samples + sample] = {tile}[sample * LANES + lane]"""
REST = """value = {tile}[sample * LANES + lane]
out[lane, {site}, samples + sample] = value"""
REST_LARGEST = "most = most if abs(value) <= most else abs(value)"

UNIFORM = {  # the same for every lane of a step
    "injected_now": "injected[step]",
    "t_middle": "(step - warm_up + 0.5) * dt",
    "t_end": "(step - warm_up + 1.0) * dt",
}


def emit(compartments: Compartments, precision: str, lanes: int | None = None) -> str:
    """The source text of a cell's kernel.

    `precision` is "float32" or "float64"; `lanes`, a power of two, the width of a block (default: what measures best).
    Raises InternalError where the equations hold something that there is no code for.
    """
    width = lanes or LANES[precision]
    return _Emitter(equations(compartments, secant=precision == "float64"), compartments, precision, width).module()


class _Emitter(Writer):
    def __init__(self, eq: Equations, compartments: Compartments, precision: str, lanes: int) -> None:
        voltages = (eq.graph.leaf("slot", Level.STEP, 0), eq.slots[0].step)
        steps = share(eq.graph, [slot.step for slot in eq.slots], voltages, precision)
        super().__init__(eq.graph, [*steps, *(slot.initial for slot in eq.slots)], precision)
        self.slots = tuple(replace(slot, step=step) for slot, step in zip(eq.slots, steps, strict=True))
        self.sites, self.compartments, self.lanes = eq.sites, compartments, lanes
        self.constants: dict[Node, str] = {}  # of each lane -> where
        self.layout = [" ".join(map(clean, slot.name.split())) for slot in eq.slots]

    def module(self) -> str:
        for k, slot in enumerate(self.slots):
            self.texts.lane.append(f"{self.place(k)} = R({bare(self.once(slot.initial))})")
        if self.precision == "float32":
            for k, slot in enumerate(self.slots):
                if slot.step.op == "advance":
                    self.errors[self.old(k)] = self.place(self.new_slot(f"rounding error of {slot.name}"))
        finals = [Final(slot.step, self.place(k), self.old(k)) for k, slot in enumerate(self.slots)]
        cut = stages(finals, barriers=[self.slots[0].step])
        loops = self.loops(cut, lambda node: self.place(self.new_slot(self.graph.hints.get(node, "kept"))))
        return self.assemble(loops, self.new_slot("largest |v|") * self.lanes)

    def old(self, k: int) -> Node:
        """What a slot has when a step begins."""
        return self.graph.leaf("slot", Level.STEP, k)

    def assemble(self, loops: Iterable[Loop], extreme: int) -> str:
        header = HEADER.format(
            cell=clean(self.compartments.cell),
            count=len(self.layout),
            lanes=self.lanes,
            precision=self.precision,
            watching=watching(self.precision),
            tile=TILE,
            layout="\n".join(f"slot {k}: {text}" for k, text in enumerate(self.layout)),
        )
        body = BODY.format(
            signature=SIGNATURE.format(p=self.precision),
            count=len(self.layout),
            extreme=extreme,
            fixed=indented(self.texts.fixed, 4),
            lane=indented(self.texts.lane, 8),
            uniform=indented([f"{n} = R({text})" for n, text in UNIFORM.items() if n in self.texts.used], 8),
            step=loop_text(loops, 8),
            **self.sampling(extreme),
        )
        called = functions(self.texts.used, self.precision) + functions_once(self.texts.used_once)
        return header + called + transpose(self.precision) + body

    def sampling(self, extreme: int) -> dict[str, str]:
        """The parts of the text that gather what is recorded and write it out, a tile of samples at a time."""
        recorded = [(f"tile_{n}", n, k, s.variable == "v")
                    for n, (k, s) in enumerate(zip(self.sites, self.compartments.sites, strict=True))]  # fmt: skip
        flush: list[str] = []
        rest: list[str] = []
        for tile, n, _, is_v in recorded:
            flush += LARGEST.format(extreme=extreme, tile=tile).splitlines() if is_v else []
            flush += FLUSH.format(tile=tile, site=n).splitlines()
            rest += [*REST.format(tile=tile, site=n).splitlines(), *([REST_LARGEST] if is_v else [])]
        return {
            "tiles": indented((f"{tile} = np.empty(TILE * LANES, R)" for tile, *_ in recorded), 4),
            "sample": indented((f"{tile}[filled * LANES + lane] = {self.place(k)}" for tile, _, k, _ in recorded), 16),
            "flush": indented(flush, 12),
            "rest": indented(rest, 12),
        }

    def leaf(self, node: Node) -> str | None:
        if node.op == "quantity":
            return f"quantities[{node.label}]"
        if node.op == "theta":
            return f"theta[{node.label}, lane]"
        return node.op if node.op in ("dt", "v_init") else None

    def loop_leaf(self, node: Node) -> str | None:
        if node.op != "slot" or not isinstance(node.label, int):
            return super().loop_leaf(node)
        name = self.fresh(self.slots[node.label].name.split()[0])
        self.texts.step.append(f"{name} = {self.place(node.label)}")
        return name

    def keep(self, node: Node) -> str:
        name = self.fresh(self.graph.hints.get(node, "c"))
        if node.level == Level.FIXED:
            self.texts.fixed.append(f"{name} = R({bare(self.once(node))})")
            return name
        if node not in self.constants:
            self.constants[node] = self.place(self.new_slot(f"{name}, constant"))
            self.texts.lane.append(f"{self.constants[node]} = R({bare(self.once(node))})")
        self.texts.step.append(f"{name} = {self.constants[node]}")
        return name

    def place(self, k: int) -> str:
        """A slot of a lane in the text."""
        return f"slots[{k * self.lanes} + lane]"

    def new_slot(self, meaning: str) -> int:
        self.layout.append(meaning)
        return len(self.layout) - 1
