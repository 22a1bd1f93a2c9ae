"""Nodes of a graph as lines of Python text in three sections: computed once, once per lane, in every time step.

Values before the time loop are float64; what the loop takes from them is rounded to the kernel's precision. Names in
the text are letters, digits and underscores of our making; no value of a parameter is in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gbar.kernel.arithmetic import FUNCTIONS, ONCE
from gbar.kernel.graph import Graph, Level, Node, walk
from gbar.kernel.stages import Final, Stage

WIDTH = 100  # longest expression before it is given a name
UNIFORM = ("injected_now", "t_middle", "t_end")  # leaves that are the same for every lane of a step

COMPENSATED = """{given} = {increment} - {error}
{name} = {old} + {given}
{error} = ({name} - {old}) - {given}
"""


@dataclass
class Texts:
    """The sections, and which elementary functions they call."""

    fixed: list[str] = field(default_factory=list)
    lane: list[str] = field(default_factory=list)
    step: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)  # in the time loop
    used_once: set[str] = field(default_factory=set)

    def at(self, level: Level) -> list[str]:
        """The section of a level."""
        return {Level.FIXED: self.fixed, Level.LANE: self.lane, Level.STEP: self.step}[level]


@dataclass(frozen=True)
class Loop:
    """The lines of a loop over lanes; `relative` if it has an exprel, of arguments that loops before have watched."""

    lines: tuple[str, ...]
    relative: bool


def loop_text(loops: Iterable[Loop], by: int) -> str:
    """Loops over lanes, indented; with the short polynomial of exprel where that serves all lanes."""
    loops = list(loops)
    text = ["farthest = NOWHERE"] if any(loop.relative for loop in loops) else []
    for loop in loops:
        lines = ["for lane in range(LANES):", *("    " + line for line in loop.lines)]
        if loop.relative:
            near = [line.replace("exprel(", "exprel_near(") for line in lines]
            text += ["if farthest <= NEAR:", *("    " + line for line in near)]
            text += ["else:", *("    " + line for line in lines)]
        else:
            text += lines
    return indented(text, by)


class Writer:
    """Writes values of a graph; what a leaf is called, and where constants of the loop are kept, its subclasses say."""

    def __init__(self, graph: Graph, roots: Iterable[Node], precision: str) -> None:
        self.graph, self.precision = graph, precision
        self.texts = Texts()
        self.names: dict[tuple[Node, bool], str] = {}  # (node, as seen from the time loop)
        self.kept: dict[Node, str] = {}  # what a loop before has left -> where
        self.errors: dict[Node, str] = {}  # old value -> the text of its rounding error, where that is carried
        self.taken: Counter[str] = Counter()
        self.count(roots)

    def count(self, roots: Iterable[Node]) -> None:
        """Counts how often each value below the roots is used."""
        roots = list(roots)
        self.uses = Counter(a for node in walk(roots) for a in node.arguments) + Counter(roots)

    # --- what subclasses say ---

    def leaf(self, node: Node) -> str | None:
        """The text of a leaf before the time loop; None for what is no leaf."""
        raise NotImplementedError

    def loop_leaf(self, node: Node) -> str | None:
        """The text of a leaf in the time loop; None for what is no leaf."""
        return node.op if node.op in UNIFORM else None

    def keep(self, node: Node) -> str:
        """Keeps a value computed before the time loop for it, rounded to the kernel's precision; returns its name."""
        raise NotImplementedError

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
        """Makes a value, whose arguments are known, known before the time loop."""
        if (node, False) in self.names:
            return
        text = literal(node) if node.op == "number" else self.leaf(node)
        if text is None:
            text = self.expression(node, [self.names[a, False] for a in node.arguments], in_loop=False)
            if self.uses[node] > 1 or len(text) > WIDTH or node in self.graph.hints:
                name = self.fresh(self.graph.hints.get(node, "c"))
                self.texts.at(node.level).append(f"{name} = {bare(text)}")
                text = name
        self.names[node, False] = text

    # --- in the time loop ---

    def begin(self) -> None:
        """Begins a further loop over lanes, which has to read again what it does not make."""
        self.texts.step = []
        self.names = {
            (node, inside): text
            for (node, inside), text in self.names.items()
            if not inside or node.level == Level.FIXED
        }

    def loops(self, stages: Iterable[Stage], spare: Callable[[Node], str]) -> list[Loop]:
        """The loops of a time step; `spare` makes room for a value that a later loop needs."""
        loops = []
        for stage in stages:
            self.begin()
            places = {final.node: final.place for final in stage.finals if final.how == "="}
            others = [Final(node, spare(node)) for node in stage.kept if node not in places]
            places |= {other.node: other.place for other in others}
            lines = [f"{final.place} {final.how} {self.in_loop(final.node)}" for final in (*stage.finals, *others)]
            self.texts.step += [line for node in stage.arguments for line in self.watch(self.in_loop(node))]
            self.texts.step += lines
            self.kept |= {node: places[node] for node in stage.kept}
            loops.append(Loop(tuple(self.texts.step), stage.relative))
        return loops

    def watch(self, argument: str) -> list[str]:
        """Lines that note whether the argument of an exprel is out of the range of its polynomial."""
        self.texts.used.add("bits")
        return [f"x_bits = bits({argument})", "farthest = x_bits if x_bits > farthest else farthest"]

    def in_loop(self, node: Node) -> str:
        """The text of a value in the loop over lanes."""
        for part in walk([node], self.kept):
            if (part, True) in self.names:
                continue
            if part in self.kept:
                self.names[part, True] = self.fresh(self.graph.hints.get(part, "x"))
                self.texts.step.append(f"{self.names[part, True]} = {self.kept[part]}")
            elif part.level == Level.STEP:
                for argument in part.arguments:
                    if argument.level < Level.STEP:
                        self.hoist(argument)
                self.loop_part(part)
        if node.level < Level.STEP:
            self.hoist(node)
        return self.names[node, True]

    def hoist(self, node: Node) -> None:
        """Makes a value computed before the time loop known in it."""
        if (node, True) not in self.names:
            self.names[node, True] = self.literal(node) if node.op == "number" else self.keep(node)

    def loop_part(self, node: Node) -> None:
        """Makes a value, whose arguments are known and which is not, known in the time loop."""
        if node.op == "advance":
            text: str | None = self.advance(node)
        else:
            text = self.loop_leaf(node)
        if text is None:
            text = self.expression(node, [self.names[a, True] for a in node.arguments], in_loop=True)
            if self.uses[node] > 1 or len(text) > WIDTH or node in self.graph.hints or node.op == "select":
                name = self.fresh(self.graph.hints.get(node, "x"))
                self.texts.step.append(f"{name} = {bare(text)}")
                text = name
        elif node.op in UNIFORM:
            self.texts.used.add(node.op)
        self.names[node, True] = text

    def advance(self, node: Node) -> str:
        """The name of a slot's new value: the old one plus an increment, with the sum's rounding error where kept."""
        increment, old = (self.names[a, True] for a in node.arguments)
        name = self.fresh(self.graph.hints.get(node, "x"))
        error = self.errors.get(node.arguments[1])
        if error is not None:
            given = self.fresh("increment")
            text = COMPENSATED.format(increment=increment, name=name, old=old, error=error, given=given)
            self.texts.step.extend(text.splitlines())
        else:
            self.texts.step.append(f"{name} = {old} + {increment}")
        return name

    # --- expressions ---

    def literal(self, node: Node) -> str:
        """A number in the time loop."""
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
        """The text of a call of an intrinsic."""
        inside = ", ".join(map(bare, arguments))
        if op == "fabs":
            return f"abs({inside})"
        if in_loop and op in FUNCTIONS:
            self.texts.used.add(op)
            return f"{'power' if op == 'pow' else op}({inside})"
        if op == "pow":
            return f"({arguments[0]} ** {arguments[1]})"
        if op in ONCE:
            self.texts.used_once.add(op)
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


def indented(lines: Iterable[str], by: int) -> str:
    """Lines as one text, indented; `pass` for none."""
    return "\n".join(" " * by + line for line in list(lines) or ["pass"])
