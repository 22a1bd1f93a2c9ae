"""The slow oracle against the equations written out: trees, electrodes, pools of ions, memory."""

from __future__ import annotations

import numpy as np
import pytest

from gbar.compartments import Compartment, Compartments, Instance, Pool, Quantity, Reversal, Site
from gbar.kernel.interpret import FARADAY, GAS, interpret, nernst
from gbar.mechanism import Mechanism, parse
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Injection, Sampled, Step, Stimulus, VoltageClamp

LEAK = """
NEURON { SUFFIX leak NONSPECIFIC_CURRENT i RANGE g }
PARAMETER { g = 0.0003 (S/cm2) }
ASSIGNED { v (mV) i (mA/cm2) }
BREAKPOINT { i = g*(v + 70) }
"""
POOL = """
NEURON { SUFFIX pool USEION ca READ eca, ica, cai WRITE ica, cai RANGE tau }
PARAMETER { tau = 20 (ms) }
ASSIGNED { v (mV) ica (mA/cm2) eca (mV) }
STATE { cai (mM) }
INITIAL { cai = 2e-4 }
BREAKPOINT { SOLVE go METHOD cnexp ica = 2e-5*(v - eca) }
DERIVATIVE go { cai' = -50*ica - (cai - 1e-4)/tau }
"""
MEMORY = """
NEURON { SUFFIX counts NONSPECIFIC_CURRENT i RANGE n }
ASSIGNED { v (mV) i (mA/cm2) n }
INITIAL { n = 0 }
BREAKPOINT { n = n + 1 i = 1e-9*n }
"""
AREAS = {"soma": 500.0, "a": 300.0, "b": 200.0, "c": 150.0}  # um2; between a, b and c lies a point without membrane
PARENTS = {"soma": -1, "a": 0, "point": 1, "b": 2, "c": 2}
AXIAL = {"a": 0.02, "point": 0.05, "b": 0.03, "c": 0.01}  # uS


def tables(
    mechanism: Mechanism, names: list[str], sites: tuple[Site, ...], pools: tuple[str, ...] = ()
) -> Compartments:
    table = {"celsius": 20.0, "cm": 1.0}
    table |= {f"area.{name}": AREAS[name] for name in names if name in AREAS}
    table |= {f"axial.{name}": AXIAL[name] for name in names if name in AXIAL}
    table |= {p.name: p.value for p in mechanism.parameters} | {"cai": 5e-5, "cao": 2.0}
    at = {name: k for k, name in enumerate(table)}
    instance = Instance(mechanism, tuple((p.name, at[p.name]) for p in mechanism.parameters))
    ions = tuple(Pool(ion, 2.0, Reversal.ALWAYS, None, at["cai"], at["cao"]) for ion in pools)

    def compartment(name: str) -> Compartment:
        place = (name, 0.5, name, PARENTS[name], at.get(f"axial.{name}"))
        if name not in AREAS:
            return Compartment(*place, None, None)
        return Compartment(*place, at[f"area.{name}"], at["cm"], (instance,), ions)

    compartments = tuple(map(compartment, names))
    space = ParameterSpace((FreeParameter("cm", "uF/cm2", 0.5, 2.0, "linear", ("cm",)),))
    quantities = tuple(Quantity(*item) for item in table.items())
    return Compartments(
        "made up", quantities, at["celsius"], compartments, sites, space, (at["cm"],), lambda theta: theta.T
    )


def dense(names: list[str], cm: float, steps: int, dt: float, currents: np.ndarray, clamp: float | None) -> np.ndarray:
    """Implicit Euler of the passive tree with one matrix, v[node, time]; `clamp` MOhm hold b at -20 mV."""
    n = len(names)
    matrix, constant = np.zeros((n, n)), np.zeros(n)
    capacity = np.array([0.01 * AREAS.get(name, 0.0) * 1e-3 * cm / dt for name in names])
    for k, name in enumerate(names):
        leak = 0.01 * AREAS.get(name, 0.0) * 3e-4
        matrix[k, k] += capacity[k] + leak
        constant[k] += -70.0 * leak
        if name in AXIAL:
            p, g = PARENTS[name], AXIAL[name]
            matrix[[k, p], [k, p]] += g
            matrix[[k, p], [p, k]] -= g
    if clamp is not None:
        matrix[names.index("b"), names.index("b")] += 1.0 / clamp
        constant[names.index("b")] += -20.0 / clamp
    v = [np.full(n, -65.0)]
    for step in range(steps):
        v.append(np.linalg.solve(matrix, capacity * v[-1] + constant + currents[:, step]))
    return np.stack(v, axis=1)


@pytest.mark.parametrize("clamp", [None, 5.0])
def test_a_tree_is_one_matrix(clamp: float | None) -> None:
    names = list(PARENTS)
    sites = tuple(Site(name, k) for k, name in enumerate(names))
    other = Injection("c", Sampled(1.0, np.array([0.0, 0.02, -0.01])))
    clamps = () if clamp is None else (VoltageClamp("b", ((10.0, -20.0),), clamp),)
    stimulus = Stimulus("x", Step(1.0, 2.0, 0.05), 4.0, dt=0.05, sampling=0.05, injections=(other,), clamps=clamps)
    theta = np.array([[1.0], [1.7]])
    samples = interpret(tables(parse(LEAK), names, sites), theta, stimulus)
    currents = np.zeros((len(names), stimulus.n_steps))
    currents[0], currents[names.index("c")] = stimulus.injected(), stimulus.injected_by(other)
    for row, (cm,) in enumerate(theta):
        expected = dense(names, cm, stimulus.n_steps, 0.05, currents, clamp)
        assert np.ptp(expected) > 2.0
        assert np.abs(samples[row] - expected).max() < 1e-10


def test_a_pool_follows_the_current_of_the_step() -> None:
    sites = (Site("v", 0), *(Site(name, 0, name, "") for name in ("cai", "eca", "ica")))
    stimulus = Stimulus("x", Step(0.0, 1.0, 0.01), 5.0, dt=0.1, sampling=0.1)
    v, cai, eca, ica = interpret(tables(parse(POOL), ["soma"], sites, ("ca",)), np.array([[1.0]]), stimulus)[0]
    slope = 1e3 * GAS * 293.15 / FARADAY / 2.0
    volts, conc = -65.0, 2e-4
    current = 2e-5 * (volts - slope * np.log(2.0 / conc))
    assert (v[0], cai[0]) == (-65.0, 2e-4) and ica[0] == pytest.approx(current, rel=1e-12)
    for step, injected in enumerate(stimulus.injected(), start=1):
        e = slope * np.log(2.0 / conc)
        current = 2e-5 * (volts - e)
        volts += (0.2 * injected - current) / (1e-3 / 0.1 + 2e-5)
        steady = 1e-4 - 20.0 * 50.0 * current
        conc = steady + (conc - steady) * np.exp(-0.1 / 20.0)
        assert (v[step], cai[step]) == (pytest.approx(volts, rel=1e-12), pytest.approx(conc, rel=1e-12))
        assert (eca[step], ica[step]) == (pytest.approx(e, rel=1e-12), pytest.approx(current, rel=1e-12))


def test_breakpoint_is_evaluated_twice_a_step_and_once_more_at_the_start() -> None:
    mechanism = parse(MEMORY)
    assert mechanism.memory
    stimulus = Stimulus("x", Step(0.0, 1.0, 0.0), 0.5, dt=0.1, sampling=0.1)
    n = interpret(tables(mechanism, ["soma"], (Site("n", 0, "n_counts", ""),)), np.array([[1.0]]), stimulus)[0, 0]
    assert n.tolist() == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]


def test_nernst_as_neuron_has_it() -> None:
    assert nernst(6.3, 2.0, np.array([5e-5, 0.0, 1.0]), np.array([2.0, 1.0, -1.0])) == pytest.approx(
        [127.58951061761749, 1e6, -1e6], rel=1e-14
    )
    assert nernst(6.3, 0.0, np.array([1.0]), np.array([2.0])) == [0.0]
