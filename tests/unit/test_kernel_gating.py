"""Steady states and time constants of mechanisms of every kind, against what their equations say."""

from __future__ import annotations

import numpy as np
import pytest

from gbar import mechanism
from gbar.kernel.gating import currents_at, response, surroundings

V = np.array([-80.0, -40.0, -7.5, 30.0])
HEAD = "NEURON { SUFFIX x USEION k READ ek WRITE ik RANGE g } PARAMETER { g = 0.1 (S/cm2) } ASSIGNED { v ek ik q } "


def made(states, breakpoint, rest):
    return mechanism.parse(f"{HEAD} STATE {{ {states} }} BREAKPOINT {{ {breakpoint} }} {rest}")


def held(m, celsius=20.0, **known):
    return response(m, V, surroundings(m, celsius) | known)


INF, TAU = 1 / (1 + np.exp(-(V + 30) / 8)), 2 + 0.01 * (V + 100)


@pytest.mark.parametrize("method", ["cnexp", "derivimplicit", "euler", "runge"])
def test_a_gate_by_every_method(method):
    m = made(
        "n",
        f"SOLVE s METHOD {method} ik = g*n*(v - ek)",
        "INITIAL { n = 0.3 } DERIVATIVE s { n' = (1/(1 + exp(-(v + 30)/8)) - n)/(2 + 0.01*(v + 100)) }",
    )
    found = held(m)
    np.testing.assert_allclose(found.steady["n"], INF, rtol=1e-6)
    np.testing.assert_allclose(found.tau["n"], TAU, rtol=1e-6)
    np.testing.assert_allclose(found.current["ik"], 0.1 * INF * (V + 77), rtol=1e-6)


def test_a_gate_integrated_by_hand():
    m = made(
        "n",
        "SOLVE s ik = g*n*(v - ek)",
        "INITIAL { n = 0 } "
        "PROCEDURE s() { n = n + (1 - exp(-dt/(2 + 0.01*(v + 100))))*(1/(1 + exp(-(v + 30)/8)) - n) }",
    )
    found = held(m)
    np.testing.assert_allclose(found.steady["n"], INF, rtol=1e-9)
    np.testing.assert_allclose(found.tau["n"], TAU, rtol=1e-9)


def test_coupled_states_have_a_steady_state_and_no_time_constant():
    m = made(
        "a b",
        "SOLVE s METHOD derivimplicit ik = g*b*(v - ek)",
        "INITIAL { a = 1 b = 0 } DERIVATIVE s { a' = 2*b - 3*a + 1  b' = a - 4*b }",
    )
    found = held(m)
    np.testing.assert_allclose(found.steady["a"], 0.4, rtol=1e-6)
    np.testing.assert_allclose(found.steady["b"], 0.1, rtol=1e-6)
    assert np.isnan(found.tau["a"]).all()
    assert np.isnan(found.tau["b"]).all()


def test_a_state_that_never_settles_has_no_steady_state():
    m = made("n", "SOLVE s METHOD cnexp ik = g*n*(v - ek)", "INITIAL { n = 0 } DERIVATIVE s { n' = 1 + v/100 }")
    found = held(m)
    assert np.isnan(found.tau["n"]).all()
    assert not np.isfinite(found.steady["n"]).any()


def test_gates_at_once_and_what_initial_leaves():
    m = made(
        "",
        "ik = q*g/(1 + exp(-(v + 30)/8))*(v - ek)",
        "INITIAL { q = 2^(celsius/10) }".replace("celsius", "(celsius + 0)"),
    )
    found = held(m, 20.0, ek=-90.0)
    assert (found.steady, found.tau) == ({}, {})
    np.testing.assert_allclose(found.current["ik"], 4 * 0.1 * INF * (V + 90), rtol=1e-12)


def test_what_a_mechanism_needs_and_nothing_else():
    leak = mechanism.read(mechanism.shipped_file("pas"))
    assert surroundings(leak, 34.0) == {"e": -70.0, "g": 0.001}
    sk = mechanism.read(mechanism.shipped_file("SK_E2"))
    assert surroundings(sk, 34.0) == {"cai": 5e-5, "ek": -77.0, "gSK_E2bar": 1e-6, "zTau": 1.0}


def test_concentrations_may_run_along_the_points():
    sk = mechanism.read(mechanism.shipped_file("SK_E2"))
    cai = np.array([1e-4, 4.3e-4, 1e-2])
    found = response(sk, np.full(3, -60.0), surroundings(sk, 34.0) | {"cai": cai})
    np.testing.assert_allclose(found.steady["z"], 1 / (1 + (4.3e-4 / cai) ** 4.8), rtol=1e-12)


def test_currents_at_stated_states():
    hh = mechanism.read(mechanism.shipped_file("hh"))
    gates = {name: np.full(4, 0.5) for name in hh.states}
    found = currents_at(hh, V, surroundings(hh, 6.3), gates)
    np.testing.assert_allclose(found["ina"], 0.12 * 0.5**4 * (V - 50), rtol=1e-12)
    np.testing.assert_allclose(found["ik"], 0.036 * 0.5**4 * (V + 77), rtol=1e-12)
