"""Simplifications keep the value, and what does not change in time is gathered."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from gbar.kernel.graph import Graph, Level, Node, walk

LEAVES = ("a", "b", "p", "q", "x", "y")
LEVELS = {"a": Level.FIXED, "b": Level.FIXED, "p": Level.LANE, "q": Level.LANE, "x": Level.STEP, "y": Level.STEP}
VALUES = {"a": 0.7, "b": 1.9, "p": -0.6, "q": 2.3, "x": 0.31, "y": -1.7}


def value(node: Node) -> float:
    if node.number is not None:
        return node.number
    if node.op == "leaf":
        return VALUES[str(node.label)]
    a = [value(argument) for argument in node.arguments]
    operations = {
        "+": lambda: a[0] + a[1],
        "-": lambda: a[0] - a[1],
        "*": lambda: a[0] * a[1],
        "/": lambda: a[0] / a[1],
        "neg": lambda: -a[0],
        "exp": lambda: math.exp(a[0]),
        "expm1": lambda: math.expm1(a[0]),
        "sqrt": lambda: math.sqrt(a[0]),
        "pow": lambda: a[0] ** a[1],
    }
    return operations[node.op]()


def leaf(g: Graph, name: str) -> Node:
    return g.leaf("leaf", LEVELS[name], name)


def random_pair(g: Graph, rng: random.Random, depth: int) -> tuple[Node, float]:
    """A node and the value that the unsimplified arithmetic gives."""
    if depth == 0 or rng.random() < 0.15:
        if rng.random() < 0.3:
            number = rng.choice([0.0, 1.0, -1.0, 2.0, 0.5, -3.0])
            return g.number(number), number
        name = rng.choice(LEAVES)
        return leaf(g, name), VALUES[name]
    op = rng.choice(["+", "-", "*", "/", "/", "neg", "exp", "^"])
    x, vx = random_pair(g, rng, depth - 1)
    if op == "neg":
        return g.negate(x), -vx
    if op == "exp":
        return (g.call("exp", x), math.exp(vx)) if abs(vx) < 20 else (x, vx)
    if op == "^":
        n = rng.choice([-2, -1, 1, 2, 3, 4])
        return (g.power(x, g.number(n)), vx**n) if 1e-3 < abs(vx) < 1e3 else (x, vx)
    y, vy = random_pair(g, rng, depth - 1)
    if op == "/":
        return (g.divide(x, y), vx / vy) if abs(vy) > 1e-3 else (x, vx)
    combine = {"+": (g.add, vx + vy), "-": (g.subtract, vx - vy), "*": (g.multiply, vx * vy)}
    make, result = combine[op]
    return make(x, y), result


@pytest.mark.parametrize("seed", range(40))
def test_simplifying_keeps_the_value(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(50):
        node, expected = random_pair(Graph(), rng, 6)
        if abs(expected) < 1e8:
            assert value(node) == pytest.approx(expected, rel=1e-7, abs=1e-6)


def test_the_same_value_exists_once() -> None:
    g = Graph()
    x, y = leaf(g, "x"), leaf(g, "y")
    assert g.add(g.multiply(x, y), x) is g.add(g.multiply(x, y), x)


def test_a_gate_with_rates_needs_one_division() -> None:
    g = Graph()
    alpha, beta, dt = g.call("exp", leaf(g, "x")), g.call("exp", leaf(g, "y")), leaf(g, "a")
    total = g.add(alpha, beta)
    tau, steady = g.divide(g.number(1.0), total), g.divide(alpha, total)
    exponent = g.multiply(g.divide(g.number(-1.0), tau), dt)
    change = g.multiply(g.call("expm1", exponent), g.subtract(steady, leaf(g, "x")))
    assert sum(node.op == "/" for node in walk([change])) == 1


def test_what_is_constant_in_time_is_divided_before_the_loop() -> None:
    g = Graph()
    node = g.divide(g.multiply(leaf(g, "x"), leaf(g, "p")), g.multiply(leaf(g, "a"), leaf(g, "q")))
    assert all(part.level < Level.STEP for part in walk([node]) if part.op == "/")


def test_one_minus_exp_is_an_expm1() -> None:
    g = Graph()
    x = leaf(g, "x")
    one, e = g.number(1.0), g.call("exp", x)
    assert g.subtract(e, one) is g.call("expm1", x)
    assert g.subtract(one, e) is g.negate(g.call("expm1", x))
    assert np.isclose(value(g.subtract(one, e)), 1 - math.exp(VALUES["x"]))


def test_constants_that_fold_to_no_finite_number_stay_as_they_are() -> None:
    g = Graph()
    big, small, zero, two = map(g.number, (1e200, 1e-310, 0.0, 2.0))
    made = [
        g.power(big, two), g.power(big, g.number(2.5)), g.multiply(big, big), g.divide(big, zero),
        g.divide(g.leaf("x", Level.STEP), small), g.subtract(g.number(-1.7e308), g.number(1.7e308)),
    ]  # fmt: skip
    assert all(node.number is None for node in made)
    assert all(math.isfinite(node.number) for node in walk(made) if node.number is not None)


def test_exp_of_a_constant_ends_where_the_kernels_does() -> None:
    g = Graph()
    assert g.multiply(g.call("exp", g.number(1000.0)), g.number(0.0)).number == 0.0
    assert g.call("exp", g.number(1000.0)).number == math.exp(709.0)
