"""The blocks of a mechanism compute what the statements of its file say."""

from __future__ import annotations

import math
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from gbar import mechanism
from gbar.errors import NmodlError
from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t
from gbar.nmodl.parse import parse_file
from gbar.nmodl.unparse import unparse

sys.path.insert(0, str(Path(__file__).parent))
from nmodl_evaluation import Interpreter, run_block

IONS = {
    "ena": 50.0, "ek": -90.0, "eca": 120.0, "ina": -1e-2, "nai": 4.0, "ica": -2e-3, "cai": 3e-4, "cao": 2.0
}  # fmt: skip
VARIABLES = ["v", "p", "q", "x", "y"]  # x and y are ASSIGNED


def same(one: float, other: float, tolerance: float = 1e-9) -> bool:
    return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12)


def block_of(tree: b.File, kind: type) -> tuple[t.Statement, ...]:
    return next((block.body for block in tree.blocks if isinstance(block, kind)), ())


def solved_by(tree: b.File) -> tuple[t.Statement, ...]:
    """The equations of the states, or the PROCEDURE that integrates them by hand."""
    named = [one.block for one in block_of(tree, b.Breakpoint) if isinstance(one, t.Solve)]
    by_hand = [one.body for one in tree.blocks if isinstance(one, b.Routine) and one.name in named]
    return by_hand[0] if by_hand else block_of(tree, b.Derivative)


@cache
def read(name: str) -> tuple[mechanism.Mechanism, b.File]:
    """A mechanism that ships, and its tree."""
    file = mechanism.shipped_file(name)
    return mechanism.read(file), parse_file(file.read_text())


@pytest.mark.parametrize("name", mechanism.shipped())
@given(v=st.floats(-120, 80), celsius=st.floats(0, 40), data=st.data())
@settings(max_examples=20, deadline=None, derandomize=True)
def test_shipped_blocks_say_what_their_files_say(name, v, celsius, data):
    built, tree = read(name)
    values = {parameter.name: parameter.value for parameter in built.parameters}
    values |= {"v": v, "celsius": celsius, "dt": 0.025, "t": 0.0, "area": 500.0, "diam": 2.0} | IONS
    written = dict(values) | {"FARADAY": 96485.3321233100184, "R": 8.3144626181532395}

    solved = [one.method for one in block_of(tree, b.Breakpoint) if isinstance(one, t.Solve)]
    interpreter = Interpreter(tree, written, implicit="derivimplicit" in solved)
    interpreter.body(block_of(tree, b.Initial), {})
    initial = run_block(built.initial, values)
    assert set(built.states) <= set(initial)
    if "sparse" in solved:  # what a KINETIC block does is compared with NEURON in tests/reference/test_solve.py
        interpreter.values |= initial
    for variable, value in initial.items():
        assert same(value, interpreter.values[variable])

    values |= initial
    for state in built.states:
        values[state] = interpreter.values[state] = data.draw(st.floats(0, 1))
    interpreter.body(block_of(tree, b.Breakpoint), {})
    results = run_block(built.breakpoint, values)
    assert {current.name for current in built.currents} <= set(results)
    for variable, value in results.items():
        assert same(value, interpreter.values[variable])

    slopes = run_block(t.Block(built.breakpoint.code + built.slope.code, built.slope.results), values)
    above, below = (run_block(built.breakpoint, values | {"v": v + h}) for h in (1e-3, -1e-3))
    assert set(slopes) == {current.name for current in built.currents}
    for variable, slope in slopes.items():
        assert math.isclose(slope, (above[variable] - below[variable]) / 2e-3, rel_tol=1e-6, abs_tol=1e-9)

    advanced = run_block(built.advance, values)
    assert set(built.states) <= set(advanced)
    if "sparse" in solved:
        return
    interpreter.body(solved_by(tree), {})
    for variable, value in advanced.items():
        assert same(value, interpreter.values[variable])


# --- programs made up by Hypothesis ------------------------------------------------------------------------------

numbers = st.integers(-4, 4).map(lambda n: t.Number(float(n)) if n >= 0 else t.Unary("-", t.Number(float(-n))))


def expressions(names: list[str], depth: int = 2, functions: tuple[str, ...] = ("f", "g")) -> st.SearchStrategy[t.Expr]:
    leaf = numbers | st.sampled_from(names).map(t.Name)
    if depth == 0:
        return leaf
    inner = expressions(names, depth - 1, functions)
    forms = [
        leaf,
        st.builds(t.Binary, st.sampled_from(["+", "-", "*", "/", "<", ">=", "==", "&&"]), inner, inner),
        st.builds(t.Unary, st.sampled_from(["-", "!"]), inner),
        st.builds(lambda x: t.Call("tanh", (x,)), inner),
    ]
    if functions:
        forms.append(st.builds(lambda name, x: t.Call(name, (x,)), st.sampled_from(functions), inner))
    return st.one_of(forms)


def bodies(names: list[str], targets: list[str], functions: tuple[str, ...], depth: int = 2) -> st.SearchStrategy:
    assign = st.builds(t.Assign, st.sampled_from(targets), expressions(names, 2, functions))
    call = st.just(t.CallStatement(t.Call("proc", (t.Name(names[0]),)))) if "g" in functions else assign
    if depth == 0:
        return st.lists(assign | call, max_size=3).map(tuple)
    inner = bodies(names, targets, functions, depth - 1)
    local = bodies([*names, "a"], [*targets, "a"], functions, depth - 1).map(lambda body: (t.Local(("a",)), *body))
    branch = st.builds(t.If, expressions(names, 1, functions), inner | local, inner | local)
    return st.lists(assign | call | branch, max_size=3).map(tuple)


@st.composite
def programs(draw) -> b.File:
    """A mechanism whose BREAKPOINT does whatever it likes with locals, branches, a procedure and two functions."""
    f = draw(bodies(["z", "v", "p"], ["f", "z"], (), 1))
    g = draw(bodies(["z", "x", "g"], ["g", "z", "y"], ("f",), 1))
    proc = draw(bodies(["z", "x", "y", "q"], ["x", "y", "z"], ("f",), 1))
    body = draw(bodies(VARIABLES, ["x", "y", "i"], ("f", "g")))
    z = (b.Argument("z"),)
    return b.File(
        (
            b.Neuron(
                (b.Suffix("made"), b.NonspecificCurrent((t.Name("i"),)), b.RangeNames((t.Name("p"), t.Name("q"))))
            ),
            b.Parameters((b.ParameterDecl("p", 1.0), b.ParameterDecl("q", 2.0))),
            b.Assigned(tuple(b.VariableDecl(name) for name in ("v", "i", "x", "y"))),
            b.Breakpoint((*body, t.Assign("i", t.Binary("+", t.Name("x"), t.Name("y"))))),
            b.Routine("FUNCTION", "f", z, "", f),
            b.Routine("FUNCTION", "g", z, "", g),
            b.Routine("PROCEDURE", "proc", z, "", proc),
        )
    )


@given(programs(), st.tuples(*[st.floats(-3, 3)] * 5))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_blocks_of_any_program_say_what_it_says(tree, numbers):
    try:
        built = mechanism.parse(unparse(tree))
    except NmodlError as error:  # 1/0, or a variable that BREAKPOINT hands to its next evaluation
        assert re.search(r"is not a finite number|^<text>:\d+:\d+: BREAKPOINT assigns [xyi], and reads", str(error))
        reject()
    values = dict(zip(VARIABLES, numbers, strict=True))
    interpreter = Interpreter(tree, dict(values) | {"i": 0.0})
    interpreter.body(block_of(tree, b.Breakpoint), {})
    kept = {name: values[name] for name in ("v", "p", "q", *built.assigned) if name != "i"} | {"i": 0.0}
    results = run_block(built.breakpoint, kept)
    assert "i" in results
    for name, value in results.items():
        if math.isfinite(interpreter.values[name]) and abs(interpreter.values[name]) < 1e6:
            assert same(value, interpreter.values[name], 1e-6)
