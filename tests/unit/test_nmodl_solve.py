import time

import numpy as np
import pytest
from nmodl_running import mechanism, steps

from gbar.errors import NmodlError
from gbar.mechanism import parse

DT = 0.025
A, B, C, K = 0.3, 0.2, 0.05, 0.5


def last(m, count=40, **inputs):
    return steps(m, count, DT, **inputs)[-1]


# --- explicit methods


LOTKA = "DERIVATIVE go { x' = a*x - b*x*y y' = b*x*y - c*y + k*t }"


def lotka(t, s):
    x, y = s
    return np.array([A * x - B * x * y, B * x * y - C * y + K * t])


def test_euler():
    s = np.array([1.0, 2.0])
    for k in range(40):
        s = s + DT * lotka((k + 1) * DT, s)
    found = last(mechanism("go METHOD euler", LOTKA, "x y", initial="x = 1 y = 2"))
    np.testing.assert_allclose([found["x"], found["y"]], s, rtol=1e-13)


def test_runge():
    s = np.array([1.0, 2.0])
    for k in range(40):
        t = (k + 1) * DT  # NEURON's integrator begins at the time of the step's end
        p = lotka(t, s)
        q = lotka(t + DT / 2, s + DT / 2 * p)
        r = lotka(t + DT / 2, s + DT / 2 * q)
        s = s + DT / 6 * (p + 2 * q + 2 * r + lotka(t + DT, s + DT * r))
    found = last(mechanism("go METHOD runge", LOTKA, "x y", initial="x = 1 y = 2"))
    np.testing.assert_allclose([found["x"], found["y"]], s, rtol=1e-13)


def test_other_variables_are_left_where_neuron_leaves_them():
    block = "DERIVATIVE go { r = 2*x x' = -r + 0*kept }"
    for method, where in (("euler", 0), ("runge", 1), ("derivimplicit", 1)):
        m = mechanism(f"go METHOD {method} kept = r", block, "x", initial="x = 1", assigned="r kept")
        before, after = steps(m, 1)
        assert m.assigned == ("r",) or "r" in m.assigned
        np.testing.assert_allclose(after["r"], 2 * (before, after)[where]["x"], rtol=1e-14)


# --- derivimplicit


def test_derivimplicit_of_coupled_linear_equations_is_one_elimination():
    m = mechanism(
        "go METHOD derivimplicit",
        "DERIVATIVE go { x' = -a*x + b*y y' = a*x - (b + c)*y + v/100 }",
        "x y",
        initial="x = 1",
    )
    s = np.array([1.0, 0.0])
    j = np.array([[-A, B], [A, -(B + C)]])
    for _ in range(40):
        s = np.linalg.solve(np.eye(2) - DT * j, s + DT * np.array([0.0, -0.65]))
    np.testing.assert_allclose([last(m)["x"], last(m)["y"]], s, rtol=1e-12)
    assert not [line for line in m.advance.code if "test" in line.target]


def newton(f, x, tolerance=1e-6, residual=1e-8):
    """NEURON's iteration (scopmath, newton_thread.hpp), as it stands there."""
    x, change, size = x.copy(), 1.0, len(x)
    value = f(x)
    for count in range(50):
        if change > 0.05:
            jacobian = np.empty((size, size))
            for j in range(size):
                step = np.zeros(size)
                step[j] = max(abs(0.02 * x[j]), 1e-6)
                jacobian[:, j] = (f(x + step) - f(x - step)) / (2 * step[j])
        delta = np.linalg.solve(jacobian, -value)
        large = np.abs(x) > 1e-8
        change = np.max(np.abs(delta[large] / x[large]), initial=0.0)
        x = x + delta
        value = f(x)
        if change <= tolerance and np.max(np.abs(value)) <= residual:
            return x, count + 1
    raise AssertionError("no convergence")


PUMP = "DERIVATIVE go { cai' = c - a*cai/(cai + k) - b*cai*cai + q q' = exp(-cai) - q*q*q }"


@pytest.mark.parametrize("start", [(0.1, 0.9), (1e-7, 1e-9), (20.0, 3.0)])
def test_derivimplicit_takes_neurons_turns(start):
    m = mechanism("go METHOD derivimplicit", PUMP, "cai q", initial=f"cai = {start[0]} q = {start[1]}")
    s = np.array(start)
    most = 0
    for row in steps(m, 30)[1:]:
        old = s

        def lacking(x, old=old):
            ca, q = x
            slope = np.array([C - A * ca / (ca + K) - B * ca * ca + q, np.exp(-ca) - q**3])
            return slope - (x - old) / DT

        s, count = newton(lacking, old)
        most = max(most, count)
        np.testing.assert_allclose([row["cai"], row["q"]], s, rtol=1e-11)
    assert most >= 2


def test_a_branch_on_the_state_is_iterated():
    block = "DERIVATIVE go { IF (x > k) { r = 3*x - 2*k } ELSE { r = x } x' = 1 - r }"
    m = mechanism("go METHOD derivimplicit", block, "x", initial="x = 0.49", assigned="r")
    s = np.array([0.49])
    for row in steps(m, 20)[1:]:
        s, _ = newton(lambda x, old=s: 1 - np.where(x > K, 3 * x - 2 * K, x) - (x - old) / DT, s)
        np.testing.assert_allclose(row["x"], s[0], rtol=1e-9)


def test_a_branch_beside_the_equations_is_not():
    block = "DERIVATIVE go { x' = 1 - x IF (x > k) { r = 1 } }"
    m = mechanism("go METHOD derivimplicit kept = r", block, "x", initial="x = 0.49", assigned="r kept")
    assert len(m.advance.code) < 10
    assert last(m)["x"] > K


def test_what_an_evaluation_leaves_to_the_next_is_remembered():
    block = "DERIVATIVE go { x' = a*rest - b*x y' = c*x - k*y rest = 1 - x - y }"
    m = mechanism("go METHOD derivimplicit", block, "x y", initial="x = .3 rest = 1 - x", assigned="rest")
    s, rest = np.array([0.3, 0.0]), 0.7
    assert m.assigned == ("rest",)
    for row in steps(m, 20)[1:]:
        old = s

        def lacking(x, old=old):
            nonlocal rest
            slope = np.array([A * rest - B * x[0], C * x[0] - K * x[1]])
            rest = 1 - x.sum()
            return slope - (x - old) / DT

        s = literal_newton(lacking, old)
        lacking(s)
        np.testing.assert_allclose([row["x"], row["y"], row["rest"]], [*s, rest], rtol=1e-12)


def literal_newton(f, x):
    """NEURON's iteration with every evaluation in its place."""
    x, change = x.copy(), 1.0
    for _ in range(50):
        if change > 0.05:
            jacobian = np.empty((len(x), len(x)))
            for j in range(len(x)):
                step = np.zeros(len(x))
                step[j] = max(abs(0.02 * x[j]), 1e-6)
                high = f(x + step)
                jacobian[:, j] = (high - f(x - step)) / (2 * step[j])
                value = f(x)
        delta = np.linalg.solve(jacobian, -value)
        large = np.abs(x) > 1e-8
        change = np.max(np.abs(delta[large] / x[large]), initial=0.0)
        x = x + delta
        value = f(x)
        if change <= 1e-6 and np.max(np.abs(value)) <= 1e-8:
            return x
    raise AssertionError("no convergence")


# --- cnexp and what becomes of it


def test_cnexp_with_a_function_of_the_state_is_derivimplicit():
    more = "FUNCTION f(x) { f = 1 - 2*x }"
    m = mechanism("go METHOD cnexp", "DERIVATIVE go { x' = f(x) y' = -y/3 }", "x y", initial="x = .2 y = .7", more=more)
    x = y = None
    x, y = 0.2, 0.7
    for _ in range(40):
        x, y = (x + DT) / (1 + 2 * DT), y / (1 + DT / 3)
    np.testing.assert_allclose([last(m)["x"], last(m)["y"]], [x, y], rtol=1e-12)


def test_cnexp_of_a_polynomial_leaves_the_rest_out():
    m = mechanism("go METHOD cnexp", "DERIVATIVE go { x' = b - a*x*x }", "x", initial="x = .2")
    x = 0.2
    for _ in range(40):
        x *= np.exp(-DT * 2 * A * x)
    np.testing.assert_allclose(last(m)["x"], x, rtol=1e-12)


def test_without_method_nothing_moves():
    m = mechanism(
        "go kept = r", "DERIVATIVE go { r = x + v x' = -a*x + 0*kept }", "x", initial="x = .2", assigned="r kept"
    )
    assert last(m)["x"] == 0.2


# --- KINETIC


def test_linear_scheme():
    block = "KINETIC go { ~ x <-> y (a, b) ~ y <-> z (c, k) ~ z -> (b) ~ x << (c) }"
    m = mechanism("go METHOD sparse", block, "x y z", initial="x = 1")
    j = np.array([[-A, B, 0], [A, -B - C, K], [0, C, -K - B]])
    s = np.array([1.0, 0, 0])
    for _ in range(40):
        s = np.linalg.solve(np.eye(3) / DT - j, s / DT + [C, 0, 0])
    np.testing.assert_allclose([last(m)[name] for name in "xyz"], s, rtol=1e-12)


def test_volumes_and_conservation():
    block = """KINETIC go { COMPARTMENT 2 { x } COMPARTMENT k { y z } ~ x <-> y (a, b) ~ 2 y <-> z (c, k)
CONSERVE x + y + 2 z = 3 }"""
    m = mechanism("go METHOD sparse", block, "x y z", initial="x = 1 y = 1 z = 0.1")
    for row in steps(m, 30)[1:]:
        # z is given by CONSERVE, in which volumes count; NEURON stops when the changes add up to 1e-6
        np.testing.assert_allclose(2 * row["x"] + K * row["y"] + 2 * K * row["z"], 3, rtol=1e-12)


def sparse(production, slopes, s, dt=DT):
    """NEURON's iteration for schemes that are not linear (scopmath, sparse_thread.hpp)."""
    old = s
    for _ in range(21):
        delta = np.linalg.solve(np.eye(len(s)) / dt - slopes(s), production(s) - (s - old) / dt)
        s = np.maximum(s + delta, 0.0)
        if np.abs(delta).sum() <= 1e-6:
            return s
    raise AssertionError("no convergence")


@pytest.mark.parametrize(
    ("start", "scale"), [((1e-4, 0.03, 1e-3), 1e-5), ((0.5, 0.4, 0.0), 1.0), ((0.0, 1e-3, 0.2), 9.0)]
)
def test_buffers_stop_where_neuron_stops(start, scale):
    block = "KINETIC go { ~ ca + buf <-> cabuf (100*a, b) ~ ca << (drive*exp(-t)) }"
    initial = f"drive = {scale} ca = {start[0]} buf = {start[1]} cabuf = {start[2]}"
    m = mechanism("go METHOD sparse", block, "ca buf cabuf", initial=initial, assigned="drive")
    s = np.array(start)
    on, off = 100 * A, B
    for k, row in enumerate(steps(m, 60)[1:]):
        influx = np.array([scale * np.exp(-(k + 1) * DT), 0, 0])

        def production(s, influx=influx):
            return (on * s[0] * s[1] - off * s[2]) * np.array([-1, -1, 1]) + influx

        def slopes(s):
            return np.outer([-1, -1, 1], [on * s[1], on * s[0], -off])

        s = sparse(production, slopes, s)
        np.testing.assert_allclose([row[name] for name in ("ca", "buf", "cabuf")], s, rtol=1e-10)


def test_fluxes_are_those_at_the_end_of_the_step():
    block = "KINETIC go { ~ x <-> y (a, b) net = f_flux - b_flux }"
    m = mechanism("go METHOD sparse kept = net", block, "x y", initial="x = 1", assigned="net kept")
    found = last(m)
    assert "net" not in m.assigned or np.isclose(found["net"], A * found["x"] - B * found["y"], rtol=1e-12)
    m = mechanism("go METHOD sparse", "KINETIC go { ~ x <-> y (a + net*0, b) net = f_flux - b_flux }", "x y",
                  initial="x = 1", assigned="net")  # fmt: skip
    assert np.isclose(last(m)["net"], A * last(m)["x"] - B * last(m)["y"], rtol=1e-12)


def test_schemes_by_explicit_methods():
    block = "KINETIC go { COMPARTMENT 2 { x } ~ x <-> y (a, b) CONSERVE x + y = 7 }"  # CONSERVE is passed over
    s = np.array([1.0, 0.5])
    for _ in range(40):
        flux = A * s[0] - B * s[1]
        s = s + DT * np.array([-flux / 2, flux])
    found = last(mechanism("go METHOD euler", block, "x y", initial="x = 1 y = .5"))
    np.testing.assert_allclose([found["x"], found["y"]], s, rtol=1e-13)
    runge = last(mechanism("go METHOD runge", block, "x y", initial="x = 1 y = .5"))
    np.testing.assert_allclose([runge["x"], runge["y"]], s, rtol=1e-2)


def test_steady_state_of_a_scheme():
    block = "KINETIC go { ~ x <-> y (a, b) ~ y <-> z (c, k) CONSERVE x + y + z = 1 }"
    m = mechanism("go METHOD sparse", block, "x y z", initial="SOLVE go STEADYSTATE sparse")
    found = steps(m, 0)[0]
    weights = np.array([1, A / B, A / B * C / K])
    np.testing.assert_allclose([found[name] for name in "xyz"], weights / weights.sum(), rtol=1e-7)
    np.testing.assert_allclose([last(m)[name] for name in "xyz"], weights / weights.sum(), rtol=1e-7)


def test_steady_state_of_a_buffer():
    block = "KINETIC go { ~ ca + buf <-> cabuf (a, b) CONSERVE ca + cabuf = 2 CONSERVE buf + cabuf = 1 }"
    m = mechanism(
        "go METHOD sparse", block, "ca buf cabuf", initial="ca = 1 buf = .5 cabuf = .5 SOLVE go STEADYSTATE sparse"
    )
    found = steps(m, 0)[0]
    np.testing.assert_allclose(A * found["ca"] * found["buf"], B * found["cabuf"], rtol=1e-6)
    np.testing.assert_allclose([found["ca"] + found["cabuf"], found["buf"] + found["cabuf"]], [2, 1], rtol=1e-9)


def test_steady_state_of_derivatives_is_none():
    # NEURON's thread-safe library takes a step of 1e-9 ms there, and no step of 1e9
    m = mechanism(
        "go METHOD derivimplicit",
        "DERIVATIVE go { x' = 1 - x }",
        "x",
        initial="x = 3 SOLVE go STEADYSTATE derivimplicit",
    )
    np.testing.assert_allclose(steps(m, 0)[0]["x"], 3 - 2e-9, rtol=1e-15)


def test_arrays_and_loops():
    block = """KINETIC go { COMPARTMENT i, i + 1 { s } FROM i = 0 TO 2 { ~ s[i] <-> s[i+1] (a, b) } }"""
    text = f"""NEURON {{ SUFFIX x }} PARAMETER {{ a = 0.3 b = 0.2 }} STATE {{ s[4] }}
BREAKPOINT {{ SOLVE go METHOD sparse }} INITIAL {{ s[0] = 1 }} {block}"""
    m = parse(text)
    assert m.states == ("s[0]", "s[1]", "s[2]", "s[3]")
    found = last(m)
    np.testing.assert_allclose(sum((k + 1) * found[f"s[{k}]"] for k in range(4)), 1, rtol=1e-13)


# --- simultaneous equations


def test_linear_block():
    block = "LINEAR go { ~ x + y + z = 1 ~ a*x = b*y ~ 0 = c*y - k*z }"
    m = mechanism("go", block, "x y z")
    weights = np.array([1, A / B, A / B * C / K])
    np.testing.assert_allclose([last(m, 1)[name] for name in "xyz"], weights / weights.sum(), rtol=1e-12)


def test_nonlinear_block():
    m = mechanism("go METHOD newton", "NONLINEAR go { ~ x*x + y = 3 ~ x = y + 1 }", "x y", initial="x = 5 SOLVE go")
    found = steps(m, 0)[0]
    root = (-1 + np.sqrt(17)) / 2
    np.testing.assert_allclose([found["x"], found["y"]], [root, root - 1], rtol=1e-9)


# --- PROCEDUREs, and where BREAKPOINT's statements go


def test_a_procedure_under_solve_is_run_once_a_step():
    more = "PROCEDURE go() { x = x + (1 - exp(-dt/a))*(k - x) n = n + 1 }"
    m = mechanism("go", "", "x n", initial="x = 1", more=more)
    x = 1.0
    for _ in range(40):
        x += (1 - np.exp(-DT / A)) * (K - x)
    np.testing.assert_allclose([last(m)["x"], last(m)["n"]], [x, 40], rtol=1e-13)


def test_solve_leaves_its_place():
    text = """NEURON { SUFFIX x NONSPECIFIC_CURRENT i } ASSIGNED { v i g } STATE { x }
BREAKPOINT { g = 2*x SOLVE go METHOD cnexp g = g + x i = g*v } INITIAL { x = 1 } DERIVATIVE go { x' = -x }"""
    m = parse(text)
    assert {name for name, _ in m.breakpoint.results} == {"i"}
    assert not m.memory


def test_memory_of_breakpoint_is_told():
    text = """NEURON { SUFFIX x NONSPECIFIC_CURRENT i } ASSIGNED { v i n }
BREAKPOINT { n = n + 1 i = 0.001*n*v } INITIAL { n = 0 }"""
    m = parse(text)
    assert m.memory
    assert dict(m.breakpoint.results).keys() == {"n", "i"}


# --- warnings, refusals, speed


@pytest.mark.parametrize(
    ("solve", "block", "warning"),
    [
        (
            "go METHOD cnexp",
            "DERIVATIVE go { x' = 1 - x*x }",
            "x' is no affine function of x: METHOD cnexp solves it wrongly",
        ),
        ("go", "DERIVATIVE go { x' = 1 - x }", "SOLVE go has no METHOD: its states do not move"),
        ("go METHOD euler", "KINETIC go { ~ x <-> y (a, b) CONSERVE x + y = 1 }", "METHOD euler passes over CONSERVE"),
    ],
)
def test_warnings(solve, block, warning):
    m = mechanism(solve, block, "x y", initial="y = 0")
    (found,) = [line for line in m.warnings if "NEURON" in line]
    assert found.startswith("x.mod:5:") or found.startswith("x.mod:7:")
    assert warning in found


@pytest.mark.parametrize(
    ("solve", "block", "message"),
    [
        ("go METHOD cnexp", "KINETIC go { ~ x <-> y (a, b) }", "METHOD cnexp cannot solve a KINETIC block"),
        ("go", "KINETIC go { ~ x <-> y (a, b) }", "SOLVE without METHOD cannot solve a KINETIC block"),
        ("go METHOD sparse", "DERIVATIVE go { x' = y y' = 1 }", "METHOD sparse cannot solve a DERIVATIVE block"),
        ("go METHOD sparse", "KINETIC go { ~ a <-> b (1, 1) }", "KINETIC go has no reactions"),
        ("go", "LINEAR go { ~ x*y = 1 ~ x = y }", "the equations of LINEAR go are not linear in its states"),
        ("go", "LINEAR go { ~ x + y = 1 }", "go has 1 equations for 2 states"),
    ],
)
def test_refusals(solve, block, message):
    with pytest.raises(NmodlError) as error:
        mechanism(solve, block, "x y")
    assert message in str(error.value)
    assert str(error.value).startswith("x.mod:")


def test_twenty_states_are_lowered_fast():
    states = " ".join(f"s{k}" for k in range(20))
    lines = " ".join(
        f"~ s{k} <-> s{(k + d) % 20} (a*exp(v/{20 + k}), b/(1 + exp(-v/{9 + d})))" for k in range(20) for d in (1, 7)
    )
    total = " + ".join(states.split())
    before = time.perf_counter()
    m = mechanism("go METHOD sparse", f"KINETIC go {{ {lines} CONSERVE {total} = 1 }}", states, initial="s0 = 1")
    assert time.perf_counter() - before < 2.0  # 0.4 s on a quiet core
    assert np.isclose(sum(last(m, 5)[name] for name in states.split()), 1.0, rtol=1e-12)
