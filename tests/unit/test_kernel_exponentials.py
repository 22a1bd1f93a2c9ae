"""Exponentials of one voltage as powers of one: the values stay, and there are fewer of them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from gbar.cell import read_cell
from gbar.compartments import lower
from gbar.kernel.equations import equations
from gbar.kernel.exponentials import LIMIT, LOG2E, REACH, ROOM, share
from gbar.kernel.graph import Graph, Level, Node, walk

FIXED = {"k": 7.3, "h": -41.7, "c": 0.4}  # unknown when the text is written
VOLTAGES = (-300.0, -235.0, -120.3, -65.0, -40.0, -39.999999, -12.5, 0.0, 1e-7, 33.3, 101.7, 235.0, 300.0)


def value(node: Node, leaves: dict[str, float]) -> float:
    """The value of a node in float64, the kernel's own functions among them."""
    known: dict[Node, float] = {}
    for part in walk([node]):
        a = [known[argument] for argument in part.arguments]
        if part.number is not None:
            known[part] = part.number
        elif part.op == "leaf":
            known[part] = leaves[str(part.label)]
        else:
            known[part] = FUNCTIONS[part.op](*a)
    return known[node]


def exp(x: float) -> float:
    return math.exp(min(max(x, -708.0), 709.0))


def exprelr(x: float) -> float:
    return 1.0 if x == 0.0 else x / math.expm1(min(x, 709.0))


def exprelr_by(x: float, e: float) -> float:
    """As the kernel has it: e is used away from 0 only."""
    return exprelr(x) if abs(x) < 0.5 else x / (e - 1.0)


FUNCTIONS: dict[str, Callable[..., float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "neg": lambda a: -a,
    "exp": exp,
    "exprelr": exprelr,
    "exprelr_by": exprelr_by,
    "exp2": lambda t, limit: 2.0 ** min(max(t, -limit), limit),
}


def voltage(g: Graph) -> Node:
    return g.leaf("leaf", Level.STEP, "v")


def fixed(g: Graph, name: str) -> Node:
    return g.leaf("leaf", Level.FIXED, name)


def affine(g: Graph, slope: float, threshold: float) -> Node:
    """The argument slope * (v - threshold)."""
    return g.multiply(g.number(slope), g.subtract(voltage(g), g.number(threshold)))


def farthest(root: Node, leaves: dict[str, float]) -> float:
    """The largest size of an exponential's argument."""
    return max(abs(value(node.arguments[0], leaves)) for node in walk([root]) if node.op in ("exp", "exprelr"))


def count(nodes: list[Node], op: str = "exp2") -> int:
    return sum(node.op == op for node in walk(nodes))


def random_argument(g: Graph, rng: random.Random) -> Node:
    """An argument that is affine in v: of slopes that have much in common, or of a leaf's."""
    v = voltage(g)
    sign = rng.choice([-1.0, 1.0])
    shape = rng.randrange(5)
    if shape == 0:
        return g.multiply(g.divide(g.number(sign), fixed(g, "k")), g.subtract(v, fixed(g, "h")))
    if shape == 1:
        return g.negate(g.add(g.multiply(fixed(g, "c"), v), g.number(rng.uniform(-5, 5))))
    slope = sign / rng.choice([2.0, 4.0, 5.0, 6.0, 9.0, 10.0, 12.0, 18.0, 20.0, 80.0])
    if shape == 2:
        return g.subtract(g.number(rng.uniform(-3, 3)), g.multiply(g.number(slope), v))
    return affine(g, slope, rng.choice([-65.0, -40.0, -35.0, -12.0, 20.0]))


def random_value(g: Graph, rng: random.Random, depth: int) -> Node:
    """A positive value made of exponentials."""
    if depth == 0:
        function = rng.choice(["exp", "exp", "exprelr"])
        return g.multiply(g.number(rng.choice([1.0, 0.1, 4.0])), g.call(function, random_argument(g, rng)))
    a, b = random_value(g, rng, depth - 1), random_value(g, rng, depth - 1)
    one = g.number(1.0)
    return rng.choice([
        lambda: g.add(a, b),
        lambda: g.divide(a, g.add(a, b)),
        lambda: g.divide(one, g.add(one, a)),
        lambda: g.divide(b, g.add(one, g.divide(g.number(2.0), a))),
    ])()  # fmt: skip


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(60))
def test_values_stay(seed: int, precision: str) -> None:
    rng = random.Random(seed)
    g = Graph()
    roots = [random_value(g, rng, rng.randrange(4)) for _ in range(rng.randrange(1, 7))]
    shared = share(g, roots, [voltage(g)], precision)
    assert count(shared, "exp") == 0
    reach = 300.0 if precision == "float64" else REACH - 65.0  # from 0; of thresholds -65 is farthest from it
    for v in filter(lambda v: abs(v) <= reach, VOLTAGES):
        leaves = {**FIXED, "v": v}
        for before, after in zip(roots, shared, strict=True):
            if farthest(before, leaves) * LOG2E < LIMIT[precision] - ROOM[precision]:
                assert value(after, leaves) == pytest.approx(value(before, leaves), rel=1e-11, abs=0.0), v


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_hodgkin_and_huxley_need_two_exponentials(precision: str) -> None:
    eq = equations(lower(read_cell("sphere")), secant=precision == "float64")
    roots = [slot.step for slot in eq.slots]
    voltages = (eq.graph.leaf("slot", Level.STEP, 0), eq.slots[0].step)
    assert count(roots, "exp") + count(roots, "exprelr") == 6
    shared = share(eq.graph, roots, voltages, precision)
    assert (count(shared), count(shared, "exp"), count(shared, "exprelr")) == (2, 0, 0)
    assert [node.op for node in shared] == [node.op for node in roots] == ["advance"] * 4


@pytest.mark.parametrize("function", ["exp", "exprelr"])
@pytest.mark.parametrize("known", [True, False])
def test_mirrored_arguments_share_one_exponential(known: bool, function: str) -> None:
    g = Graph()
    slope = g.number(0.11) if known else g.divide(g.number(1.0), fixed(g, "k"))
    threshold = g.number(-41.7) if known else fixed(g, "h")
    x = g.multiply(slope, g.subtract(voltage(g), threshold))
    roots = [g.call("exp", x), g.call(function, g.negate(x)), g.call("exprelr", x)]
    shared = share(g, roots, [voltage(g)], "float64")
    assert count(shared) == 1
    for v in VOLTAGES:
        leaves = {**FIXED, "v": v}
        expected = [value(node, leaves) for node in roots]
        assert [value(node, leaves) for node in shared] == pytest.approx(expected, rel=1e-12, abs=0.0)


def test_unknown_slopes_and_offsets_are_shared_only_where_they_are_the_same() -> None:
    g = Graph()
    v, k, h = voltage(g), fixed(g, "k"), fixed(g, "h")
    x = g.divide(g.subtract(v, h), k)
    roots = [g.call("exp", argument) for argument in (x, g.multiply(fixed(g, "c"), v), g.add(x, g.number(1.0)))]
    shared = share(g, roots, [v], "float64")
    assert count(shared) == 3
    leaves = {**FIXED, "v": 12.0}
    assert [value(n, leaves) for n in shared] == pytest.approx([value(n, leaves) for n in roots], rel=1e-13)


def test_a_slope_of_no_width_is_a_step() -> None:
    """exp((v - h)/k) with k = 0, as in NEURON: no infinity is subtracted from another."""
    g = Graph()
    x = g.multiply(fixed(g, "1/k"), g.subtract(voltage(g), fixed(g, "h")))
    one = g.number(1.0)
    roots = [g.divide(one, g.add(one, g.call("exp", argument))) for argument in (x, g.negate(x))]
    shared = share(g, roots, [voltage(g)], "float32")
    assert count(shared) == 1
    for v, expected in ((-60.0, [1.0, 0.0]), (-40.0, [0.0, 1.0])):
        leaves = {"1/k": math.inf, "h": -50.0, "v": v}
        assert [value(n, leaves) for n in shared] == pytest.approx(expected, abs=1e-30)


def test_what_is_no_voltages_is_left_apart() -> None:
    g = Graph()
    other = g.leaf("leaf", Level.STEP, "ca")
    roots = [g.call("exp", g.multiply(g.number(k), other)) for k in (0.1, 0.2, -0.1)]
    shared = share(g, roots, [voltage(g)], "float64")
    assert count(shared) == 3
    leaves = {"ca": 3.7}
    assert [value(n, leaves) for n in shared] == pytest.approx([value(n, leaves) for n in roots], rel=1e-13)


def test_a_lanes_slope_is_part_of_the_argument() -> None:
    g = Graph()
    x = g.multiply(g.leaf("leaf", Level.LANE, "k"), voltage(g))
    shared = share(g, [g.call("exp", x), g.call("exp", g.negate(x))], [voltage(g)], "float64")
    leaves = {"k": 0.1, "v": -37.0}
    assert [value(n, leaves) for n in shared] == pytest.approx([math.exp(-3.7), math.exp(3.7)], rel=1e-13)


def test_the_voltage_that_a_step_makes_is_a_base_too() -> None:
    g = Graph()
    v = voltage(g)
    new = g.add(v, g.call("exp", affine(g, 0.1, -40.0)))
    roots = [g.call("exp", g.multiply(g.number(k), new)) for k in (0.05, -0.05, 0.1)]
    shared = share(g, roots, [v, new], "float64")
    assert count(shared) == 2
    leaves = {"v": -63.0}
    assert [value(n, leaves) for n in shared] == pytest.approx([value(n, leaves) for n in roots], rel=1e-13)


def test_powers_of_steep_slopes_are_not_taken() -> None:
    """e^(2 v) and e^v leave the range of float32 within 100 mV: each is constant where it does, for itself."""
    g = Graph()
    roots = [g.call("exp", affine(g, k, -40.0)) for k in (2.0, 1.0)]
    assert count(share(g, roots, [voltage(g)], "float32")) == 2
    assert count(share(g, [g.call("exp", affine(g, k, -40.0)) for k in (2.0, -2.0)], [voltage(g)], "float32")) == 1


def test_what_lies_far_apart_is_not_shared() -> None:
    """A factor that brought one threshold to the other would leave the range of float32."""
    g = Graph()
    roots = [g.call("exp", affine(g, 2.0, threshold)) for threshold in (-60.0, 20.0)]
    assert count(share(g, roots, [voltage(g)], "float32")) == 2


@pytest.mark.parametrize("threshold", [-1000.0, -40.0, 700.0])
@pytest.mark.parametrize("slope", [0.01, 0.25, 2.0, 30.0])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_part_of_a_shared_value_is_a_normal_number(precision: str, slope: float, threshold: float) -> None:
    g = Graph()
    ks = (slope, -slope, slope / 2, slope / 3, -slope / 8)
    roots = [g.call(f, affine(g, k, threshold + d)) for k in ks for d in (0.0, 5.0) for f in ("exp", "exprelr")]
    shared = share(g, roots, [voltage(g)], precision)
    made = [node for node in walk(shared) if any(part.op == "exp2" for part in walk([node]))]
    small, large = {"float32": (2.0**-126, 2.0**127), "float64": (2.0**-1022, 2.0**1023)}[precision]
    for v in (-1e4, -300.0, threshold, 300.0, 1e4):
        assert all(small <= abs(value(node, {"v": v})) < large for node in made)


def test_a_logistic_of_a_power_has_one_division() -> None:
    g = Graph()
    one = g.number(1.0)
    up, down = (g.call("exp", affine(g, k, -40.0)) for k in (0.1, -0.1))
    roots = [up, g.divide(g.number(3.0), g.add(one, down))]
    shared = share(g, roots, [voltage(g)], "float64")
    assert (count(shared), count(shared, "/")) == (1, 1)
    for v in (-1e5, *VOLTAGES, 1e5):
        assert value(shared[1], {"v": v}) == pytest.approx(3.0 / (1.0 + exp(-0.1 * (v + 40.0))), rel=1e-12, abs=1e-160)
