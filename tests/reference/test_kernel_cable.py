"""Kernels of many compartments against the slow oracle, the analytic cable, and themselves."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from cable_cells import Quantities, calcium_tree

from gbar.compartments import Compartment, Compartments, Pool, Reversal, Site
from gbar.errors import CellError, ProtocolError
from gbar.kernel.build import Kernel, build
from gbar.kernel.cable_emit import emit_cable
from gbar.kernel.interpret import interpret
from gbar.kernel.pattern import pattern
from gbar.mechanism import read, shipped_file
from gbar.parameters import ParameterSpace
from gbar.protocol import Injection, Protocol, Step, Stimulus, VoltageClamp
from gbar.simulate import simulate
from gbar.traces import Status

HH, PAS = read(shipped_file("hh")), read(shipped_file("pas"))
Free = tuple[str, float, float]
FREE: tuple[Free, ...] = (
    ("gnabar_hh.soma", 0.08, 0.16),
    ("cm.soma", 0.7, 1.5),
    ("celsius", 6.0, 12.0),
    ("axial.2", 0.01, 0.1),
)
ELECTRODES = Stimulus(
    "all", Step(1.0, 30.0, 0.15), 25.0, dt=0.05, sampling=0.1, warm_up=1.0, warm_up_current=0.01,
    injections=(Injection("site 1", Step(5.0, 10.0, -0.02)), Injection("site 0", Step(2.0, 5.0, 0.02))),
    clamps=(VoltageClamp("site 9", ((12.0, -60.0), (3.0, -20.0)), 20.0),),
)  # fmt: skip


def quiet(tables: Compartments, theta: np.ndarray, stimulus: Stimulus, precision: str = "float64") -> np.ndarray:
    """The traces [row, site, time] of a compiled kernel, none of which failed."""
    traces = simulate(build(tables, precision, cable=True), theta, Protocol((stimulus,)), threads=1)  # type: ignore[arg-type]
    assert not traces.status.any()
    return traces.v[0]


@pytest.mark.parametrize(
    ("style", "precision", "free"),
    [
        (Reversal.ALWAYS, "float64", FREE),
        (Reversal.ALWAYS, "float32", FREE),
        (Reversal.AT_START, "float64", FREE),
        (Reversal.STATED, "float64", FREE[:1]),
    ],
)
def test_everything_at_once_against_the_oracle(style: Reversal, precision: str, free: tuple[Free, ...]) -> None:
    """Ions, calcium pools, memory, branches, a point without membrane, free constants of the cable, electrodes."""
    tables = calcium_tree(style, HH, free)
    theta = tables.space.draw(0, 0, 3)
    compiled = quiet(tables, theta, ELECTRODES, precision)
    slow = interpret(tables, theta, ELECTRODES, secant=precision == "float64")
    scale = np.abs(slow).max(axis=(0, 2), keepdims=True)
    assert (np.abs(slow).max(axis=(0, 2)) > 0).all()
    assert [i.mechanism.memory for c in tables.compartments for i in c.instances].count(True) == 5
    assert (np.abs(compiled - slow) / scale).max() < (1e-10 if precision == "float64" else 3e-4)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_one_compartment_is_the_same_either_way(precision: str) -> None:
    tables = calcium_tree(Reversal.ALWAYS, HH, FREE[:3])
    tables = replace(tables, sites=(*tables.sites[:1], *tables.sites[4:5], *tables.sites[7:9]))
    sites = tuple(site for site in tables.sites if site.compartment == 0)
    one = replace(tables, compartments=tables.compartments[:1], sites=sites)
    theta = tables.space.draw(3, 0, 20)
    stimulus = Stimulus("step", Step(1.0, 30.0, 0.15), 40.0)
    point = simulate(build(one, precision), theta, Protocol((stimulus,)), threads=1).v[0]  # type: ignore[arg-type]
    cable = quiet(one, theta, stimulus, precision)
    assert np.abs(point - cable).max() < (1e-8 if precision == "float64" else 0.02)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_point_with_ions_and_memory_against_the_oracle(precision: str) -> None:
    tables = calcium_tree(Reversal.ALWAYS, HH, FREE[:3])
    first, third = tables.compartments[0], tables.compartments[2]
    sites = [site for site in tables.sites if site.compartment == 0]
    sites += [Site(f"more {k}", 0, name) for k, name in enumerate(("i_curved", "before_curved", "cai", "ica", "z_sk"))]
    place = replace(first, instances=(*first.instances, third.instances[1]))
    one = replace(tables, compartments=(place,), sites=tuple(sites))
    theta = one.space.draw(5, 0, 3)
    stimulus = Stimulus("step", Step(1.0, 20.0, 0.15), 25.0, sampling=0.1, warm_up=1.0)
    kernel = build(one, precision)  # type: ignore[arg-type]
    assert kernel.cable is None
    compiled = simulate(kernel, theta, Protocol((stimulus,)), threads=1).v[0]
    slow = interpret(one, theta, stimulus, secant=precision == "float64")
    scale = np.abs(slow).max(axis=(0, 2), keepdims=True)
    assert (np.abs(compiled - slow) / scale).max() < (1e-10 if precision == "float64" else 3e-4)


def test_a_cell_without_free_parameters() -> None:
    stimulus = Stimulus("step", Step(1.0, 20.0, 0.15), 5.0)
    for n in (1, 3):
        tables = cable(n, PAS)
        fixed = replace(tables, space=ParameterSpace(()), varying=(), setting=lambda theta: theta.T)
        v = simulate(build(fixed, "float64"), np.zeros((2, 0)), Protocol((stimulus,)), threads=1).v[0]
        free = simulate(build(tables, "float64"), np.full((2, 1), 6.3), Protocol((stimulus,)), threads=1).v[0]
        assert v.shape == (2, 2, 201) and np.abs(v - free).max() < 1e-9


def test_a_point_is_clamped_too() -> None:
    tables = calcium_tree(Reversal.ALWAYS, HH, FREE[:1])
    one = replace(tables, compartments=tables.compartments[:1], sites=(Site("soma", 0),), places=())
    clamp = VoltageClamp("soma", ((5.0, -80.0), (10.0, -20.0)), 0.1)
    stimulus = Stimulus("clamp", Step(0.0, 1.0, 0.0), 20.0, clamps=(clamp,))
    kernel = build(one, "float64")
    assert kernel.cable is None
    v = simulate(kernel, one.space.draw(0, 0, 2), Protocol((stimulus,)), threads=1).v[0]
    assert np.abs(v[:, 0] - interpret(one, one.space.draw(0, 0, 2), stimulus)[:, 0]).max() < 1e-9
    assert abs(v[0, 0, 199] + 80.0) < 0.1 and v[0, 0, 599] > -30.0 > v[0, 0, 799]


def test_an_electrode_at_no_site_is_refused() -> None:
    tables = calcium_tree(Reversal.STATED, HH, FREE[:1])
    stimulus = replace(ELECTRODES, injections=(Injection("nowhere", Step(1.0, 2.0, 0.1)),))
    with pytest.raises(ProtocolError, match="acts at nowhere, which is no site of hand-made"):
        simulate(build(tables, "float64"), tables.space.draw(0, 0, 1), Protocol((stimulus,)))


# --- what the code depends on ---


def test_the_code_depends_on_neither_morphology_nor_values() -> None:
    texts = set()
    for n, area, axial in ((3, 100.0, 0.1), (40, 250.0, 0.7)):
        tables = cable(n, PAS, area=area, axial=axial, branched=n > 3)
        modules, _ = emit_cable(pattern(tables), "float32", 32)
        texts.add((modules.run, *modules.mechanisms))
    assert len(texts) == 1


def test_what_varies_changes_the_code_and_not_the_result() -> None:
    stimulus = Stimulus("step", Step(1.0, 30.0, 1.0), 20.0)
    expected = quiet(cable(5, HH), np.array([[6.3]]), stimulus)
    values = cable(5, HH).quantities
    for name in ("axial", "area", "cm", "ek", "gl_hh.", "celsius"):
        (value,) = (q.value for q in values if q.name == name)
        free = ((name, value - 0.1 * abs(value), value + 0.1 * abs(value)),)
        v = quiet(cable(5, HH, free=free), np.array([[value]]), stimulus)
        assert np.abs(v - expected).max() < 1e-8, name


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_rows_do_not_depend_on_their_neighbours_or_the_lanes(precision: str) -> None:
    tables = calcium_tree(Reversal.ALWAYS, HH, FREE)
    theta, protocol = tables.space.draw(0, 0, 70), Protocol((replace(ELECTRODES, duration=10.0),))
    kernels = [build(tables, precision, lanes=lanes) for lanes in (16, 32, 64)]  # type: ignore[arg-type]
    whole = simulate(kernels[-1], theta, protocol, threads=2).v[0]
    some = np.array([69, 3, 3, 40])
    for kernel in (*kernels, build(tables, precision)):  # type: ignore[arg-type]
        assert np.array_equal(whole, simulate(kernel, theta, protocol, threads=1).v[0])
        assert np.array_equal(whole[some], simulate(kernel, theta[some], protocol, threads=1).v[0])


@pytest.mark.parametrize(("mechanism", "current"), [(HH, "ina_hh"), (PAS, "i_pas")])
def test_currents_are_the_same_beside_the_states_and_in_a_pass_of_their_own(mechanism: object, current: str) -> None:
    """A current that is recorded is that of the step before, so it cannot be added up together with the new states."""
    together = cable(7, mechanism, branched=True)
    apart = replace(together, sites=(*together.sites, Site("current", 3, current)))
    assert build(together, "float64").cable.layout.mechanisms[0].steps  # type: ignore[union-attr]
    assert not build(apart, "float64").cable.layout.mechanisms[0].steps  # type: ignore[union-attr]
    protocol = Protocol((Stimulus("step", Step(1.0, 30.0, 0.5), 20.0),))
    v, both = (simulate(build(t, "float64"), np.array([[6.3]]), protocol).v[0][0] for t in (together, apart))
    assert np.abs(v - both[:2]).max() < 1e-9


@pytest.mark.parametrize("lanes", [None, 16])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("mechanism", "phase", "divisions"), [(HH, "step", 1), (PAS, "currents", 0)])
def test_loops_over_lanes_are_vector_instructions(
    mechanism: object, phase: str, divisions: int, precision: str, lanes: int | None,
    tmp_path: object, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("GBAR_CACHE", str(tmp_path))
    kernel = build(cable(3, mechanism), precision, lanes=lanes)  # type: ignore[arg-type]
    assert kernel.run
    suffix = "s" if precision == "float32" else "d"
    has_wide = re.search("[yz]mm", assembly(kernel, "run"))
    for name, least in ((phase, divisions), ("run", 2)):
        text = assembly(kernel, name)
        assert len(re.findall(rf"\bv?divp{suffix}\b", text)) >= least
        if has_wide:
            assert len(re.findall(rf"\bvdivp{suffix}\b.*[yz]mm", text)) >= least
            vectors = re.findall(rf"\bv(?:add|sub|mul|fn?m)\w*p{suffix}\b.*[yz]mm", text)
            numbers = re.findall(rf"\bv(?:add|sub|mul|fn?m)\w*s{suffix}\b", text)
            assert name == "run" or len(vectors) > len(numbers)


def assembly(kernel: Kernel, name: str) -> str:
    """The machine code of a function of a kernel's modules."""
    modules = [m for n, m in sys.modules.items() if n.startswith("gbar_kernel_") and hasattr(m, name)]
    found = [m for m in modules if m.__file__ and str(kernel.path.parent) in m.__file__]
    (module,) = found
    return str(getattr(module, name)._library.get_asm_str())


# --- bad tables ---


def test_what_a_compartment_does_not_state_is_named() -> None:
    tables = calcium_tree(Reversal.STATED, HH, FREE[:1])
    place = tables.compartments[5]
    dry = tuple(replace(pool, ci=None) if pool.ion == "ca" else pool for pool in place.pools)
    without = (*tables.compartments[:5], replace(place, pools=dry), *tables.compartments[6:])
    with pytest.raises(CellError, match=r"pool uses cai, which apic\(0.5\) does not have"):
        build(replace(tables, compartments=without), "float64")
    with pytest.raises(CellError, match=r"no variable m_nothing to record at soma\(0.5\)"):
        build(replace(tables, sites=(Site("x", 0, "m_nothing"),)), "float64")


def test_a_row_that_fails_harms_no_other() -> None:
    tables = cable(5, PAS, free=(("g_pas.", 1e-5, 1e-3),))
    theta = np.array([[1e-4], [-0.03], [1e-4]])
    stimulus = Stimulus("step", Step(1.0, 30.0, 0.15), 40.0)
    traces = simulate(build(tables, "float32"), theta, Protocol((stimulus,)), threads=1)
    assert list(traces.status) == [Status.OK, Status.NON_FINITE, Status.OK]
    assert np.array_equal(traces.v[0][0], traces.v[0][2])


# --- the analytic cable ---

LENGTH, DIAMETER, RA, G, CM = 1000.0, 2.0, 100.0, 1e-4, 1.0  # um, um, ohm cm, S/cm2, uF/cm2


def cable(
    n: int, mechanism: object, *, area: float = 0.0, axial: float = 0.0, branched: bool = False,
    free: tuple[tuple[str, float, float], ...] = (),
) -> Compartments:  # fmt: skip
    """A cylinder of n equal compartments with sealed ends, or a binary tree; the first and the last are recorded."""
    q = Quantities()
    h = LENGTH / n
    area = area or np.pi * DIAMETER * h
    axial = axial or 1e2 / (RA * h / (np.pi * DIAMETER**2 / 4))  # uS
    places = []
    for k in range(n):
        pools: tuple[Pool, ...] = ()
        if mechanism is HH:
            pools = tuple(
                Pool(ion, 1.0, Reversal.STATED, q(f"e{ion}", e), None, None) for ion, e in (("na", 50.0), ("k", -77.0))
            )
        instance = q.instance(mechanism, "", **({"g": G, "e": -65.0} if mechanism is PAS else {}))  # type: ignore[arg-type]
        parent = (k - 1) // 2 if branched else k - 1
        link = None if k == 0 else q("axial", axial)
        places.append(
            Compartment("dend", (k + 0.5) / n, "dend", parent, link, q("area", area), q("cm", CM), (instance,), pools)
        )
    return q.tables(places, [(0, "v"), (n - 1, "v")], free or (("celsius", 5.0, 30.0),), celsius=6.3)


def test_the_steady_state_of_a_cable_is_the_analytic_one() -> None:
    """v(x) = R I cosh((l - x)/lambda)/sinh(l/lambda): the error falls with the square of the compartments' length."""
    current = 0.01  # nA
    space_constant = 1e4 * np.sqrt(1e-4 * DIAMETER / (4 * RA * G))  # um
    axial = 1e-2 * RA / (np.pi * DIAMETER**2 / 4)  # MOhm/um
    errors = []
    for n in (8, 16, 32):
        stimulus = Stimulus("hold", Step(0.0, 1e4, current), 400.0, dt=1.0, sampling=1.0)
        v = quiet(cable(n, PAS), np.array([[6.3]]), stimulus)[0, :, -1] + 65.0
        x = np.array([0.5, n - 0.5]) * LENGTH / n
        # the current enters the first compartment, so at its middle
        exact = axial * space_constant * current * np.cosh((LENGTH - x) / space_constant)
        exact /= np.sinh(LENGTH / space_constant)
        errors.append(abs(v[1] - exact[1]))
    assert errors[-1] < 2e-4 * abs(exact[1])
    assert np.allclose(np.array(errors[:-1]) / errors[1:], 4.0, rtol=0.15)


def test_a_transient_converges_in_first_order_to_the_exact_solution_of_the_compartments() -> None:
    """The linear system C v' = -K v + I, solved by its eigenvectors."""
    n, current, end = 20, 0.01, 10.0
    tables = cable(n, PAS)
    area, axial = (tables.values[[q.name for q in tables.quantities].index(name)] for name in ("area", "axial"))
    laplacian = np.diag([1.0, *[2.0] * (n - 2), 1.0]) - np.eye(n, k=1) - np.eye(n, k=-1)
    matrix = (axial * laplacian + 1e-2 * area * G * np.eye(n)) / (1e-5 * area * CM)  # 1/ms
    rates, vectors = np.linalg.eigh(matrix)
    drive = vectors.T[:, 0] * current / (1e-5 * area * CM)
    exact = vectors @ (drive * -np.expm1(-rates * end) / rates)
    errors = []
    for dt in (0.1, 0.05, 0.025, 0.0125):
        stimulus = Stimulus("step", Step(0.0, 100.0, current), end, dt=dt, sampling=dt)
        v = quiet(tables, np.array([[6.3]]), stimulus)[0, :, -1] + 65.0
        errors.append(np.abs(v - exact[[0, -1]]).max())
    assert errors[-1] < 1e-2 and np.allclose(np.array(errors[:-1]) / errors[1:], 2.0, rtol=0.05)


def test_an_active_tree_converges_in_first_order() -> None:
    tables = cable(15, HH, area=400.0, axial=0.05, branched=True)
    voltages = []
    for dt in (0.02, 0.01, 0.005, 0.0025):
        stimulus = Stimulus("step", Step(0.5, 100.0, 1.0), 3.0, dt=dt, sampling=dt)
        voltages.append(quiet(tables, np.array([[6.3]]), stimulus)[0, :, -1])
    steps = [np.abs(a - b).max() for a, b in pairwise(voltages)]
    assert steps[-1] < 1.0 and np.allclose(np.array(steps[:-1]) / steps[1:], 2.0, rtol=0.2)
