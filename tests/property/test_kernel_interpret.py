"""The compiled kernel against the slow oracle over the same trees: shipped mechanisms and made-up ones."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import Cell, Painted, Region, read_cell, shipped_cells
from gbar.cell.ions import ion_uses
from gbar.compartments import lower
from gbar.kernel.build import build
from gbar.kernel.interpret import interpret
from gbar.mechanism import Current, Mechanism, MechanismParameter, parse, read, shipped, shipped_file
from gbar.morphology import sphere
from gbar.nmodl.tree import Assign, Binary, Block, Call, Expr, Name, Number, Select, Unary
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Protocol, Step, Stimulus
from gbar.simulate import simulate

STIMULUS = Stimulus(
    "step", Step(delay=1.0, duration=15.0, amplitude=0.3), 20.0, sampling=0.1, warm_up=2.0, warm_up_current=-0.02
)
REVERSALS = {"ena": 50.0, "ek": -90.0, "eca": 120.0}
CONCENTRATIONS = {"cai": 5e-5, "cao": 2.0, "nai": 10.0, "nao": 140.0}


def cell_of(*mechanisms: Mechanism) -> Cell:
    uses = ion_uses(mechanisms).values()
    reversals = {use.e: REVERSALS[use.e] for use in uses if use.uses_e and use.nernst == "never"}
    concentrations = {name: CONCENTRATIONS[name] for use in uses for name in use.needed(False)}
    region = Region("soma", 1.0, tuple(map(Painted, mechanisms)), reversals, concentrations=concentrations)
    free = (
        FreeParameter("cm.soma", "uF/cm2", 0.5, 2.0, "linear", ("cm.soma",)),
        FreeParameter("area.soma", "um2", 500.0, 2000.0, "linear", ("area.soma",)),
        FreeParameter("celsius", "degC", 5.0, 25.0, "linear", ("celsius",)),
    )
    return Cell("made up", sphere(20.0), (region,), 15.0, ParameterSpace(free), Protocol((STIMULUS,)))


def both(cell: Cell, theta: np.ndarray, precision: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    kernel = build(cell, precision)  # type: ignore[arg-type]
    traces = simulate(kernel, theta, Protocol((STIMULUS,)), threads=1)
    assert not traces.status.any()
    return traces.v[0][:, 0], interpret(lower(cell), theta, STIMULUS, secant=precision == "float64")[:, 0]


@pytest.mark.parametrize("name", shipped())
def test_shipped_mechanism(name: str) -> None:
    cell = cell_of(read(shipped_file(name)), *([] if name == "pas" else [read(shipped_file("pas"))]))
    compiled, slow = both(cell, cell.space.draw(0, 0, 3))
    assert compiled.shape == slow.shape == (3, 201)
    assert np.abs(compiled - slow).max() < 1e-8


SMALL = [name for name in shipped_cells() if len(lower(read_cell(name)).compartments) <= 20]  # the slow oracle is slow


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_shipped_cell(name: str, precision: str) -> None:
    cell = read_cell(name)
    compiled, slow = both(cell, cell.space.draw(5, 0, 4), precision)
    assert np.abs(compiled - slow).max() < (0.1 if precision == "float32" else 1e-7)


# --- made-up mechanisms ---

STATES = ("s0", "s1", "s2", "s3")
PARAMETERS = ("p0", "p1")


def bounded(e: Expr) -> Expr:
    """The quotient e / (1 + |e|)."""
    return Binary("/", e, Binary("+", Number(1.0), Call("fabs", (e,))))


def expression(rng: random.Random, names: tuple[str, ...], depth: int) -> Expr:
    """A random expression that is finite wherever its names are."""
    if depth == 0 or rng.random() < 0.1:
        if rng.random() < 0.3:
            return Number(rng.choice([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0, 0.1]))
        name = Name(rng.choice(names))
        return Binary("/", name, Number(40.0)) if name.id == "v" else name
    kind = rng.randrange(8)
    x, y = (expression(rng, names, depth - 1) for _ in range(2))
    if kind < 3:
        return Binary(rng.choice("+-*"), x, y)
    if kind == 3:
        return Binary("/", x, Binary("+", Number(1.5), bounded(y)))
    if kind == 4:
        function = rng.choice(["exp", "expm1", "exprelr", "dexprelr", "tanh", "sin"])
        return Call(function, (Binary("*", Number(2.0), bounded(x)),))
    if kind == 5:
        positive = Binary("+", Number(1.01), bounded(x))
        function = rng.choice(["log", "sqrt", "log10"])
        return rng.choice([Call(function, (positive,)), Binary("^", positive, y if depth > 2 else Number(2.5))])
    if kind == 6:
        return rng.choice([Unary("-", x), Binary("^", bounded(x), Number(float(rng.choice([2, 3, 4]))))])
    test = Binary(rng.choice(["<", ">", "<=", ">="]), x, y)
    if rng.random() < 0.3:
        test = Unary("!", Binary(rng.choice(["&&", "||"]), test, Binary("<", y, Name("v"))))
    return Select(test, x, y)


def made_up(rng: random.Random) -> Mechanism:
    """A mechanism of random equations: bounded states, a current that pulls v to where the states say."""
    names = ("v", *STATES, *PARAMETERS, "celsius", "a0")
    code = tuple(Assign(f"x{i}", expression(rng, (*names, *(f"x{j}" for j in range(i))), 3)) for i in range(3))
    inner = (*names, "x0", "x1", "x2")

    def step(state: str) -> Expr:
        target = Binary("-", bounded(expression(rng, inner, 3)), Name(state))
        return Binary("+", Name(state), Binary("*", Number(0.05), target))

    advance = Block(code, tuple((s, step(s)) for s in STATES))
    conductance = Binary("*", Number(3e-4), Binary("+", Number(1.1), bounded(expression(rng, STATES, 2))))
    current = Binary("*", Name("g"), Binary("+", Name("v"), Number(60.0)))
    forgetful = tuple(name for name in names if name != "a0")  # a breakpoint without memory
    bump = Binary("*", Number(1e-3), bounded(expression(rng, forgetful, 2)))
    start = tuple((s, bounded(expression(rng, ("v", *PARAMETERS), 2))) for s in STATES)
    return Mechanism(
        name="made_up",
        file=Path("made_up.mod"),
        digest="",
        title="",
        parameters=tuple(MechanismParameter(p, 0.3 * (i + 1), "", "range") for i, p in enumerate(PARAMETERS)),
        states=STATES,
        assigned=("a0",),
        units=(),
        ions=(),
        currents=(Current("i", None),),
        initial=Block((), (*start, ("a0", Number(0.7)))),
        breakpoint=Block(
            (Assign("g", conductance),),
            (("i", Binary("+", current, bump)), ("a0", bounded(expression(rng, forgetful, 2)))),
        ),
        slope=Block((), (("i", Name("g")),)),
        affine=True,
        advance=advance,
    )


@pytest.mark.parametrize("seed", range(8))
def test_made_up_mechanisms(seed: int) -> None:
    cell = cell_of(made_up(random.Random(seed)))
    compiled, slow = both(cell, cell.space.draw(seed, 0, 5))
    scale = np.abs(slow).max(axis=1, keepdims=True)
    assert np.std(slow) > 0.01
    assert (np.abs(compiled - slow) / scale).max() < 1e-9


def test_slow_states_do_not_stall_in_float32() -> None:
    text = """
    NEURON { SUFFIX slow NONSPECIFIC_CURRENT i RANGE g }
    PARAMETER { g = 0.001 (S/cm2) }
    STATE { s }
    ASSIGNED { v (mV) i (mA/cm2) }
    INITIAL { s = 0.5 }
    BREAKPOINT { SOLVE go METHOD cnexp i = g*(v + 60 - 40*s) }
    DERIVATIVE go { s' = (1 - s)/3000 }
    """
    cell = replace(cell_of(parse(text)), temperature=20.0)
    rest = Stimulus("rest", Step(delay=0.0, duration=1.0, amplitude=0.0), 9000.0, sampling=100.0, v_init=-40.0)
    v = {p: simulate(build(cell, p), cell.theta, Protocol((rest,))).v[0][0, 0] for p in ("float32", "float64")}  # type: ignore[arg-type]
    analytic = -60.0 + 40.0 * (1.0 - 0.5 * np.exp(-90.0 * 100.0 / 3000.0))
    assert v["float64"][-1] == pytest.approx(analytic, abs=0.02)
    assert np.abs(v["float32"] - v["float64"]).max() < 1e-4


EDGES = """
NEURON { SUFFIX edges NONSPECIFIC_CURRENT i RANGE g, p, q, huge }
PARAMETER { g = 0.001 (S/cm2) p = 2 q = 3 huge = 1000 }
STATE { s }
ASSIGNED { v (mV) i (mA/cm2) }
INITIAL { s = 0.5 }
BREAKPOINT {
    SOLVE go METHOD cnexp
    i = g*(v + 60 + 1e-3*(((v + 55)/10)^p + pow((v + 55)/10, q)) - 20*s) + exp(1000)*0 + exp(huge)*0*v + g*0^p
}
DERIVATIVE go { s' = (0.5 - s)/10 }
"""


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_powers_of_negative_numbers_and_exponentials_out_of_range(precision: str) -> None:
    """What NEURON's pow and exp keep finite; exp(huge) is computed before the time loop."""
    mechanism = parse(EDGES if precision == "float64" else EDGES.replace("huge = 1000", "huge = 80"))
    cell = cell_of(mechanism)
    compiled, slow = both(cell, cell.space.draw(2, 0, 3), precision)
    assert np.isfinite(slow).all() and (slow < -56.0).any() and (slow > -54.0).any()
    assert np.abs(compiled - slow).max() < (0.01 if precision == "float32" else 1e-8)
