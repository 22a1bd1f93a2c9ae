"""The equations of a cell as the text of a Python module with one function, `run`.

`run` takes a block of lanes (parameter sets) through its whole time loop. All that is kept between steps lies in one
flat array, `slot * LANES + lane`, with literal offsets: LLVM sees that no two slots overlap and makes the loop over
lanes vector instructions. What does not change in time is computed before the loop, in float64: once, or once per lane
where a free parameter enters. In float32 a slot that advances by an increment carries the rounding error of its sum
(compensated summation), so that slow states do not stall.

Names in the text are letters, digits and underscores of our making; no value of a parameter is in it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from gbar.compartments import Compartments
from gbar.errors import InternalError
from gbar.kernel.arithmetic import functions, functions_once
from gbar.kernel.equations import Equations, equations
from gbar.kernel.graph import Level, Node, walk

VERSION = 4  # of the text that is written for the same equations
LANES = {"float32": 64, "float64": 32}
TILE = 16  # samples gathered as [sample][lane] before they are written out as [lane][sample]
WIDTH = 100  # longest expression before it is given a name

HEADER = '''"""{cell}: {count} slots, {lanes} lanes, {precision}. Written by gbar; do not edit.

{layout}
"""

import numpy as np
from numba import njit

R = np.{precision}
LANES = {lanes}
TILE = {tile}
OPTIONS = {{"error_model": "numpy", "fastmath": {{"nsz", "arcp", "contract"}}}}
inline = njit(forceinline=True, **OPTIONS)
'''

SIGNATURE = (
    "void(float64[::1], float64[:, ::1], float64[::1], float64, float64, int64, int64, int64, {p}[:, :, ::1], {p}[::1])"
)

BODY = '''

@njit("{signature}", nogil=True, cache=True, **OPTIONS)
def run(quantities, theta, injected, dt, v_init, warm_up, steps, stride, out, extreme):
    """quantities, theta[parameter, lane], injected[step] (nA), dt (ms), v_init (mV), warm-up steps, steps, steps per
    sample; fills out[lane, site, sample] (mV) and extreme[lane], the largest |v| met at a sample."""
    rows = out.shape[0]
    slots = np.zeros({count} * LANES, R)
    tile = np.empty(TILE * LANES, R)
{fixed}
    for lane in range(LANES):
{lane}
    samples = 0
    filled = 0
    following = warm_up
    for step in range(warm_up + steps + 1):
        if step == following:
            for lane in range(LANES):
                tile[filled * LANES + lane] = slots[lane]
            filled += 1
            following += stride
        if filled == TILE:
            for lane in range(LANES):
                most = slots[{extreme} + lane]
                for sample in range(TILE):
                    size = abs(tile[sample * LANES + lane])
                    most = most if size <= most else size
                slots[{extreme} + lane] = most
            for lane in range(rows):
                for sample in range(TILE):
                    out[lane, 0, samples + sample] = tile[sample * LANES + lane]
            samples += TILE
            filled = 0
        if step == warm_up + steps:
            break
{uniform}
        for lane in range(LANES):
{step}
    for lane in range(rows):
        most = slots[{extreme} + lane]
        for sample in range(filled):
            v = tile[sample * LANES + lane]
            out[lane, 0, samples + sample] = v
            most = most if abs(v) <= most else abs(v)
        v = slots[lane]
        extreme[lane] = most if abs(v) <= most else abs(v)
'''

UNIFORM = {  # the same for every lane of a step
    "injected_now": "injected[step]",
    "t_middle": "(step - warm_up + 0.5) * dt",
    "t_end": "(step - warm_up + 1.0) * dt",
}

COMPENSATED = """increment_{k} = {increment} - slots[{error} + lane]
{name} = {old} + increment_{k}
slots[{error} + lane] = ({name} - {old}) - increment_{k}
"""


def emit(compartments: Compartments, precision: str, lanes: int | None = None) -> str:
    """The source text of a cell's kernel.

    `precision` is "float32" or "float64"; `lanes`, a power of two, the width of a block (default: what measures best).
    Raises InternalError where the equations hold something that there is no code for.
    """
    width = lanes or LANES[precision]
    return _Emitter(equations(compartments, secant=precision == "float64"), compartments, precision, width).module()


@dataclass
class _Texts:
    """The three sections of `run` that depend on the cell."""

    fixed: list[str]
    lane: list[str]
    step: list[str]

    def at(self, level: Level) -> list[str]:
        return {Level.FIXED: self.fixed, Level.LANE: self.lane, Level.STEP: self.step}[level]


class _Emitter:
    def __init__(self, eq: Equations, compartments: Compartments, precision: str, lanes: int) -> None:
        self.slots, self.graph, self.compartments = eq.slots, eq.graph, compartments
        self.precision, self.lanes = precision, lanes
        self.layout = [" ".join(map(clean, slot.name.split())) for slot in eq.slots]
        self.texts = _Texts([], [], [])
        self.names: dict[tuple[Node, bool], str] = {}  # (node, as seen from the time loop)
        self.errors: dict[int, int] = {}
        self.used: set[str] = set()
        self.used_once: set[str] = set()
        roots = [slot.step for slot in eq.slots] + [slot.initial for slot in eq.slots]
        self.uses = Counter(a for node in walk(roots) for a in node.arguments) + Counter(roots)
        self.taken: Counter[str] = Counter()

    def module(self) -> str:
        for k, slot in enumerate(self.slots):
            self.texts.lane.append(f"slots[{k * self.lanes} + lane] = R({bare(self.once(slot.initial))})")
        if self.precision == "float32":
            for k, slot in enumerate(self.slots):
                if slot.step.op == "advance":
                    self.errors[k] = self.new_slot(f"rounding error of {slot.name}")
        for k in range(len(self.slots)):
            self.texts.step.append(f"{self.fresh(self.slots[k].name.split()[0])} = slots[{k * self.lanes} + lane]")
            self.names[self.old(k), True] = self.texts.step[-1].split()[0]
        finals = [self.in_loop(slot.step) for slot in self.slots]
        self.texts.step += [f"slots[{k * self.lanes} + lane] = {final}" for k, final in enumerate(finals)]
        extreme = self.new_slot("largest |v|") * self.lanes
        return self.assemble(extreme)

    def assemble(self, extreme: int) -> str:
        header = HEADER.format(
            cell=clean(self.compartments.cell),
            count=len(self.layout),
            lanes=self.lanes,
            precision=self.precision,
            tile=TILE,
            layout="\n".join(f"slot {k}: {text}" for k, text in enumerate(self.layout)),
        )
        body = BODY.format(
            signature=SIGNATURE.format(p=self.precision),
            count=len(self.layout),
            extreme=extreme,
            fixed=indented(self.texts.fixed, 4),
            lane=indented(self.texts.lane, 8),
            uniform=indented(self.uniform(), 8),
            step=indented(self.texts.step, 12),
        )
        return header + functions(self.used, self.precision) + functions_once(self.used_once) + body

    def uniform(self) -> list[str]:
        return [f"{name} = R({text})" for name, text in UNIFORM.items() if name in self.used]

    def old(self, k: int) -> Node:
        return self.graph.leaf("slot", Level.STEP, k)

    def new_slot(self, meaning: str) -> int:
        self.layout.append(meaning)
        return len(self.layout) - 1

    def fresh(self, hint: str) -> str:
        """A name not used before: the hint cleaned, and a number."""
        stem = clean(hint)[:24] or "x"
        self.taken[stem] += 1
        return f"{stem}_{self.taken[stem]}"

    # --- before the time loop, float64 ---

    def once(self, node: Node) -> str:
        """The text of a value in the sections before the time loop."""
        for part in walk([node]):
            self.once_part(part)
        return self.names[node, False]

    def once_part(self, node: Node) -> None:
        if (node, False) in self.names:
            return
        if node.op == "number":
            text = literal(node)
        elif node.op == "quantity":
            text = f"quantities[{node.label}]"
        elif node.op == "theta":
            text = f"theta[{node.label}, lane]"
        elif node.op in ("dt", "v_init"):
            text = node.op
        else:
            text = self.expression(node, [self.names[a, False] for a in node.arguments], in_loop=False)
            if self.uses[node] > 1 or len(text) > WIDTH or node in self.graph.hints:
                name = self.fresh(self.graph.hints.get(node, "c"))
                self.texts.at(node.level).append(f"{name} = {bare(text)}")
                text = name
        self.names[node, False] = text

    # --- in the time loop ---

    def in_loop(self, node: Node) -> str:
        """The text of a value in the loop over lanes."""
        for part in walk([node]):
            if part.level == Level.STEP:
                for argument in part.arguments:
                    if argument.level < Level.STEP:
                        self.hoist(argument)
                self.loop_part(part)
        if node.level < Level.STEP:
            self.hoist(node)
        return self.names[node, True]

    def hoist(self, node: Node) -> None:
        """Makes a value computed before the time loop known in it, rounded to the kernel's precision."""
        if (node, True) in self.names:
            return
        if node.op == "number":
            self.names[node, True] = self.literal(node)
            return
        text, name = self.once(node), self.fresh(self.graph.hints.get(node, "c"))
        if node.level == Level.FIXED:
            self.texts.fixed.append(f"{name} = R({bare(text)})")
        else:
            offset = self.new_slot(f"{name}, constant") * self.lanes
            self.texts.lane.append(f"slots[{offset} + lane] = R({bare(text)})")
            self.texts.step.append(f"{name} = slots[{offset} + lane]")
        self.names[node, True] = name

    def loop_part(self, node: Node) -> None:
        if (node, True) in self.names:
            return
        if node.op in UNIFORM:
            text = node.op
            self.used.add(text)
        elif node.op == "advance":
            text = self.advance(node)
        else:
            text = self.expression(node, [self.names[a, True] for a in node.arguments], in_loop=True)
            if self.uses[node] > 1 or len(text) > WIDTH or node in self.graph.hints or node.op == "select":
                name = self.fresh(self.graph.hints.get(node, "x"))
                self.texts.step.append(f"{name} = {bare(text)}")
                text = name
        self.names[node, True] = text

    def advance(self, node: Node) -> str:
        increment, old = (self.names[a, True] for a in node.arguments)
        k = node.arguments[1].label
        if not isinstance(k, int):
            raise InternalError("advance of something that is no slot")
        name = self.fresh(self.graph.hints.get(node, "x"))
        if k in self.errors:
            text = COMPENSATED.format(k=k, increment=increment, name=name, old=old, error=self.errors[k] * self.lanes)
            self.texts.step.extend(text.splitlines())
        else:
            self.texts.step.append(f"{name} = {old} + {increment}")
        return name

    # --- expressions ---

    def literal(self, node: Node) -> str:
        return f"R({node.number!r})" if self.precision == "float32" else literal(node)

    def expression(self, node: Node, arguments: list[str], in_loop: bool) -> str:
        """The text of one operation, in parentheses where needed."""
        op = node.op
        if op == "neg":
            return f"(-{arguments[0]})"
        if op in ("+", "-", "*", "/", "<", ">", "<=", ">=", "==", "!="):
            return f"({arguments[0]} {op} {arguments[1]})"
        if op in ("&&", "||"):
            return f"({arguments[0]} {op[0]} {arguments[1]})"
        if op == "!":
            return f"(not {arguments[0]})"
        if op == "select":
            condition, then, otherwise = arguments
            return f"({then} if {condition} else {otherwise})"
        return self.call(op, arguments, in_loop)

    def call(self, op: str, arguments: list[str], in_loop: bool) -> str:
        inside = ", ".join(map(bare, arguments))
        if op == "fabs":
            return f"abs({inside})"
        if in_loop and op in ("exp", "expm1", "exprelr", "dexprelr", "log", "pow"):
            self.used.add(op)
            return f"{'power' if op == 'pow' else op}({inside})"
        if op == "pow":
            return f"({arguments[0]} ** {arguments[1]})"
        if op in ("exp", "expm1", "exprelr", "dexprelr"):
            self.used_once.add(op)
            return f"{op}_once({inside})"
        known = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2"}
        return f"np.{known.get(op, op)}({inside})"


def literal(node: Node) -> str:
    """A number as it can stand in any expression."""
    return f"({node.number!r})" if str(node.number).startswith("-") else repr(node.number)


def bare(text: str) -> str:
    """An expression without the parentheses around all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and place < len(text) - 1:
            return text
    return text[1:-1]


def clean(text: str) -> str:
    """A text made of ASCII letters, digits and single underscores only, beginning with a letter."""
    return re.sub(r"^[^A-Za-z]+|_+$", "", re.sub(r"[^A-Za-z0-9]+", "_", text, flags=re.ASCII))


def indented(lines: list[str], by: int) -> str:
    """Lines as one text, indented; `pass` for none."""
    return "\n".join(" " * by + line for line in lines or ["pass"])
