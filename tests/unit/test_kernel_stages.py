"""A time step in several loops makes what it makes in one: the text of loops is run, lane by lane, in Python."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gbar.kernel.graph import Graph, Level, Node, walk
from gbar.kernel.stages import Final, Stage, stages
from gbar.kernel.writer import Writer, loop_text

COUNT = 4  # of slots
START = [[0.7, -0.4, 1.6], [-0.3, 0.2, 0.9], [-1.4, 0.6, -0.1], [0.5, 1.1, -2.3]]  # [slot][lane]
NEAR = -(2**63) + (1023 << 52)


def bits(x: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


def exprel(x: float) -> float:
    return math.expm1(x) / x if x else 1.0


class Slots(Writer):
    """A step whose leaves are slots."""

    room = COUNT

    def loop_leaf(self, node: Node) -> str | None:
        if node.op != "slot":
            return super().loop_leaf(node)
        name = self.fresh("slot")
        self.texts.step.append(f"{name} = slots[{node.label}][lane]")
        return name

    def keep(self, node: Node) -> str:
        raise AssertionError("nothing is computed before the loop")

    def spare(self, _: Node) -> str:
        self.room += 1
        return f"slots[{self.room - 1}][lane]"


def slot(g: Graph, k: int) -> Node:
    return g.leaf("slot", Level.STEP, k)


def written(g: Graph, finals: Sequence[Final], cut: Sequence[Stage]) -> tuple[str, Slots]:
    writer = Slots(g, [final.node for final in finals], "float64")
    return loop_text(writer.loops(cut, writer.spare), 0), writer


def run(g: Graph, finals: Sequence[Final], barriers: Sequence[Node] = ()) -> tuple[list[list[float]], bool]:
    """The slots after the step, and whether the short polynomial served."""
    text, writer = written(g, finals, stages(finals, barriers))
    slots = [list(row) for row in START] + [[math.nan] * 3 for _ in range(writer.room - COUNT)]
    near: list[float] = []

    def exprel_near(x: float) -> float:
        near.append(x)
        return exprel(x)

    known: dict[str, Any] = {"bits": bits, "exprel": exprel, "exprel_near": exprel_near, "R": float, "math": math}
    exec(text, {**known, "slots": slots, "LANES": 3, "NOWHERE": -(2**63), "NEAR": NEAR, "exp": math.exp})
    assert all(-1.0 <= x <= 0.0 for x in near)
    return slots[:COUNT], bool(near)


def values(node: Node, lane: int) -> Any:
    """What a node is at the start of the step."""
    known: dict[Node, Any] = {}
    operations: dict[str, Callable[..., Any]] = {
        "+": lambda x, y: x + y,
        "-": lambda x, y: x - y,
        "*": lambda x, y: x * y,
        "neg": lambda x: -x,
        "<": lambda x, y: x < y,
        "&&": lambda x, y: x and y,
        "select": lambda c, x, y: x if c else y,
        "exp": math.exp,
        "exprel": exprel,
        "advance": lambda increment, old: old + increment,
    }
    for part in walk([node]):
        a = [known[argument] for argument in part.arguments]
        if part.number is not None:
            known[part] = part.number
        else:
            known[part] = START[int(part.label or 0)][lane] if part.op == "slot" else operations[part.op](*a)
    return known[node]


def agree(g: Graph, results: dict[int, Node], barriers: Sequence[Node] = ()) -> bool:
    """Asserts that loops leave in the slots what the nodes are; returns whether the short polynomial served."""
    finals = [Final(node, f"slots[{k}][lane]", slot(g, k)) for k, node in results.items()]
    found, near = run(g, finals, barriers)
    for k in range(COUNT):
        expected = [values(results[k], lane) for lane in range(3)] if k in results else START[k]
        assert found[k] == pytest.approx(expected, rel=1e-14), k
    return near


def test_a_value_that_is_overwritten_is_kept_for_a_later_loop() -> None:
    g = Graph()
    v, m = slot(g, 0), slot(g, 1)
    v_new = g.apply("advance", g.multiply(g.number(0.1), m), v)
    agree(g, {0: v_new, 1: g.add(v, g.multiply(v_new, m))}, [v_new])


def test_what_is_made_of_a_barrier_is_made_in_a_later_loop() -> None:
    g = Graph()
    v, m = slot(g, 0), slot(g, 1)
    v_new = g.apply("advance", m, v)
    finals = [Final(v_new, "slots[0][lane]", v), Final(g.add(m, g.call("exp", v_new)), "slots[1][lane]", m)]
    assert [len(stage.finals) for stage in stages(finals)] == [2]
    cut = stages(finals, [v_new])
    assert [len(stage.finals) for stage in cut] == [1, 1]
    assert (list(cut[0].kept), list(cut[1].kept)) == ([v_new], [])
    text, writer = written(g, finals, cut)
    assert text.count("for lane in") == 2 and writer.room == COUNT  # the new value lies in its slot


def test_conditions_are_made_anew_where_they_are_used() -> None:
    g = Graph()
    v, m = slot(g, 0), slot(g, 1)
    above = g.compare("&&", g.compare("<", g.number(-0.5), v), g.compare("<", m, v))
    v_new = g.add(v, g.select(above, m, g.number(2.0)))
    results = {0: v_new, 1: g.select(above, g.call("exprel", g.multiply(v_new, m)), v_new), 2: m}
    agree(g, results, [v_new])
    cut = stages([Final(node, f"slots[{k}][lane]", slot(g, k)) for k, node in results.items()], [v_new])
    assert not any(node.op in ("<", "&&") for stage in cut for node in stage.kept)


def test_exprel_of_exprel_needs_two_loops_more() -> None:
    g = Graph()
    inner = g.call("exprel", slot(g, 1))
    outer = g.call("exprel", g.negate(inner))
    finals = [Final(g.multiply(inner, outer), "slots[1][lane]", slot(g, 1))]
    cut = stages(finals)
    assert [stage.relative for stage in cut] == [False, True, True]
    assert [len(stage.arguments) for stage in cut] == [1, 1, 0]
    agree(g, {1: finals[0].node})


@pytest.mark.parametrize("argument", ["leaf", "negative", "overwritten"])
def test_exprel_of_a_leaf(argument: str) -> None:
    g = Graph()
    x = slot(g, 2)
    rate = g.call("exprel", g.negate(x) if argument == "negative" else x)
    new = {2: g.number(0.5)} if argument == "overwritten" else {}
    agree(g, {1: g.add(slot(g, 1), rate), **new})


def test_the_short_polynomial_serves_where_all_arguments_are_in_its_range() -> None:
    g = Graph()
    near = g.multiply(g.number(0.4), g.subtract(slot(g, 1), g.number(1.0)))  # -0.52 to -0.04
    assert agree(g, {1: g.call("exprel", near)})
    assert not agree(g, {1: g.call("exprel", near), 2: g.call("exprel", slot(g, 2))})
    assert not agree(g, {2: g.call("exprel", slot(g, 2))})


@pytest.mark.parametrize(
    ("x", "is_near"),
    [(-1.0, True), (-0.0, True), (-5e-324, True), (math.nextafter(-1.0, -2.0), False), (0.0, False), (5e-324, False),
     (math.nan, False), (-math.nan, False), (math.inf, False), (-math.inf, False)],
)  # fmt: skip
def test_bits_tell_whether_a_number_is_in_the_range(x: float, is_near: bool) -> None:
    assert (bits(x) <= NEAR) == is_near


def test_results_that_are_constants_leaves_or_the_same() -> None:
    g = Graph()
    v, m = slot(g, 0), slot(g, 1)
    v_new = g.add(v, g.call("exprel", m))
    agree(g, {0: v_new, 1: v, 2: g.number(0.25), 3: v_new}, [v_new])
    agree(g, {0: m, 1: v}, [])
    agree(g, {0: g.call("exp", m), 1: g.multiply(g.call("exp", m), g.call("exprel", v)), 2: m, 3: v})


def random_node(g: Graph, rng: random.Random, made: list[Node]) -> Node:
    a, b, c = (rng.choice(made) for _ in range(3))
    small = g.multiply(g.number(0.1), a)
    return rng.choice([
        lambda: g.add(a, b),
        lambda: g.subtract(a, small),
        lambda: g.multiply(small, b),
        lambda: g.negate(b),
        lambda: g.select(g.compare("<", a, b), b, c),
        lambda: g.select(g.compare("&&", g.compare("<", a, c), g.compare("<", b, c)), a, small),
        lambda: g.call("exprel", g.call("exp", g.multiply(g.number(-1.0), g.multiply(b, b)))),
        lambda: g.call("exprel", g.negate(g.call("exp", g.multiply(g.number(-1.0), g.multiply(c, c))))),
        lambda: g.multiply(small, small),
        lambda: g.apply("advance", small, rng.choice(made[:COUNT])),
    ])()  # fmt: skip


@pytest.mark.parametrize("seed", range(150))
def test_random_steps(seed: int) -> None:
    rng = random.Random(seed)
    g = Graph()
    made = [slot(g, k) for k in range(COUNT)]
    for _ in range(rng.randrange(3, 25)):
        node = random_node(g, rng, made)
        if all(abs(values(node, lane)) < 4.0 for lane in range(3)):
            made.append(node)
    results = {k: rng.choice(made[-8:]) for k in rng.sample(range(COUNT), rng.randrange(1, COUNT + 1))}
    changing = [node for node in made if node.arguments]
    agree(g, results, rng.sample(changing, min(len(changing), rng.randrange(3))))
