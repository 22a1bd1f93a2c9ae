"""The generated text: no values, no names of strangers, vector instructions."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import At, Cell, Painted, Region, Site, read_cell
from gbar.compartments import lower
from gbar.errors import CellError, InternalError
from gbar.kernel.build import Precision, build
from gbar.kernel.emit import emit
from gbar.mechanism import parse
from gbar.morphology import sphere
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Protocol, Step, Stimulus
from gbar.simulate import simulate

PROTOCOL = Protocol((Stimulus("step", Step(delay=1.0, duration=20.0, amplitude=0.2), duration=25.0),))
HOSTILE = """
NEURON { SUFFIX lambda NONSPECIFIC_CURRENT np RANGE njit, exp_, import }
PARAMETER { njit = 0.001 (S/cm2) import = -65 (mV) exp_ = 2 }
STATE { slots R }
ASSIGNED { v (mV) np (mA/cm2) lane theta }
INITIAL { slots = 0.5 R = 0 lane = exp_ }
BREAKPOINT { SOLVE run METHOD cnexp np = njit*slots*(v - import) + 1e-6*R theta = np }
DERIVATIVE run { slots' = (1/(1 + exp(-(v + 40)/lane)) - slots)/exp_  R' = -R }
"""


def cell_of(text: str, free: str = "", **changes: object) -> Cell:
    mechanism = parse(text)
    name = free or f"{mechanism.parameters[0].name}_{mechanism.name}.soma"
    unit = next((p.unit.strip("()") for p in mechanism.parameters if name.startswith(f"{p.name}_")), "uF/cm2")
    space = ParameterSpace((FreeParameter(name, unit, 1e-4, 1e-1, "log", (name,)),))
    region = Region("soma", 1.0, (Painted(mechanism),), {})
    return replace(Cell("made up", sphere(20.0), (region,), 20.0, space, PROTOCOL), **changes)  # type: ignore[arg-type]


def test_no_parameters_value_is_in_the_text() -> None:
    tables = lower(read_cell("sphere"))
    other = replace(tables, quantities=tuple(replace(q, value=1.7 * q.value + 0.1) for q in tables.quantities))
    assert emit(tables, "float32") == emit(other, "float32")


def test_names_of_a_file_are_never_names_of_the_text() -> None:
    text = emit(lower(cell_of(HOSTILE)), "float64")
    (run,) = (part for part in ast.parse(text).body if isinstance(part, ast.FunctionDef) and part.name == "run")
    assigned = {n.id for n in ast.walk(run) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    counts = {"rows", "whole", "lane", "samples", "sample", "filled", "following", "step", "place"}
    ours = {"slots", "tile", "v", "size", "most", "value", "injected_now", "farthest", "x_bits"}
    loose = assigned - counts - ours
    assert [name for name in loose if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*_[0-9]+", name)] == []
    traces = simulate(build(cell_of(HOSTILE), "float64"), np.array([[1e-3]]), PROTOCOL)
    assert not traces.status.any()


def test_a_cells_name_cannot_end_the_docstring() -> None:
    text = emit(lower(replace(read_cell("sphere"), name='"""\nimport os\n"""')), "float32")
    assert "import os" not in text
    ast.parse(text)


def test_the_same_cell_gives_the_same_text() -> None:
    assert emit(lower(read_cell("sphere")), "float64") == emit(lower(read_cell("sphere")), "float64")


def test_what_is_free_changes_the_text_and_not_the_result() -> None:
    cell = read_cell("sphere")
    free = [
        ("cm.soma", "uF/cm2", 1.0),
        ("area.soma", "um2", cell.morphology.area),
        ("ena.soma", "mV", 50.0),
        ("celsius", "degC", 6.3),
    ]
    expected = simulate(build(cell, "float64"), cell.theta, PROTOCOL).v[0]
    for name, unit, value in free:
        space = ParameterSpace((FreeParameter(name, unit, 0.5 * value, 2 * value, "linear", (name,)),))
        v = simulate(build(replace(cell, space=space), "float64"), np.array([[value]]), PROTOCOL).v[0]
        assert np.abs(v - expected).max() < 1e-9, name


def test_tied_targets_take_one_value() -> None:
    cell = read_cell("sphere")
    both = ("gnabar_hh.soma", "gkbar_hh.soma")
    tied = replace(cell, space=ParameterSpace((FreeParameter("both", "S/cm2", 0.01, 0.2, "log", both),)))
    v = simulate(build(tied, "float64"), np.array([[0.08]]), PROTOCOL).v[0]
    assert np.array_equal(v, simulate(build(cell, "float64"), np.array([[0.08, 0.08]]), PROTOCOL).v[0])


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_time_loop_is_vector_instructions(precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GBAR_CACHE", str(tmp_path))
    kernel = build(read_cell("sphere"), precision)  # type: ignore[arg-type]
    (text,) = kernel.run.inspect_asm().values()  # type: ignore[attr-defined]
    suffix = "ps" if precision == "float32" else "pd"
    divisions = re.findall(rf"\bv?div{suffix}\b", text)
    assert len(divisions) >= 7  # three steady states, two linear-over-exponential rates, one logistic, one step of v
    if "zmm" in text or "ymm" in text:
        assert len(re.findall(rf"\bvdiv{suffix}\b.*[yz]mm", text)) >= 7


def test_constant_assigned_variables_are_not_carried_and_others_are() -> None:
    text = emit(lower(cell_of(HOSTILE)), "float64")
    slots = re.findall(r"^slot \d+: (.*)$", text, flags=re.M)
    assert slots[:3] == ["v", "slots of lambda", "R of lambda"] and not any("lane" in slot for slot in slots)
    memory = """
    NEURON { SUFFIX memo NONSPECIFIC_CURRENT i RANGE g }
    PARAMETER { g = 0.001 (S/cm2) }
    ASSIGNED { v (mV) i (mA/cm2) before (mV) }
    STATE { s }
    INITIAL { before = v }
    BREAKPOINT { SOLVE go METHOD cnexp i = g*(before + 65) }
    DERIVATIVE go { before = v s' = -s }
    """
    assert "before of memo" in emit(lower(cell_of(memory)), "float64")


def test_mechanism_that_reads_an_undefined_name_is_refused() -> None:
    mechanism = parse(HOSTILE)
    broken = replace(mechanism, parameters=mechanism.parameters[1:])
    cell = cell_of(HOSTILE)
    tables = lower(cell)
    instance = replace(tables.compartments[0].instances[0], mechanism=broken, bindings=())
    compartments = (replace(tables.compartments[0], instances=(instance,)),)
    with pytest.raises(CellError, match="has no value when it is read"):
        emit(replace(tables, compartments=compartments), "float64")


def test_lanes_are_a_power_of_two_from_sixteen() -> None:
    for lanes in (8, 24):
        with pytest.raises(InternalError, match="power of two"):
            build(read_cell("sphere"), lanes=lanes)


def test_any_number_of_lanes_gives_the_same_voltages() -> None:
    cell = read_cell("sphere")
    theta = cell.space.draw(0, 0, 40)
    results = [simulate(build(cell, "float32", lanes=lanes), theta, PROTOCOL).v[0] for lanes in (16, 64, 128)]
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[1], results[2])


POOL = """
NEURON { SUFFIX copied USEION ca READ cai, ica WRITE cai RANGE tau }
PARAMETER { tau = 5 (ms) }
STATE { pool (mM) }
ASSIGNED { v (mV) cai (mM) ica (mA/cm2) seen }
INITIAL { pool = 1e-8 seen = ica }
BREAKPOINT { SOLVE run METHOD cnexp }
DERIVATIVE run { pool' = (1e-4 + seen - pool)/tau cai = pool }
"""


@pytest.mark.parametrize("cable", [False, True])
def test_a_concentration_that_follows_a_state_starts_on_its_own(cable: bool) -> None:
    region = Region("soma", 1.0, (Painted(parse(POOL)),), concentrations={"cai": 5e-5})
    sites = tuple(Site(name, At("soma", 0.5), name) for name in ("v", "cai", "pool_copied"))
    cell = Cell("pool", sphere(20.0), (region,), 20.0, ParameterSpace(()), PROTOCOL, sites=sites)
    traces = simulate(build(cell, "float64", cable=cable), np.zeros((1, 0)), PROTOCOL)
    _, cai, pool = traces.v[0][0]
    assert (cai[0], pool[0]) == (5e-5, 1e-8)
    np.testing.assert_array_equal(cai[1:], pool[1:])
    assert cai[-1] > 9e-5


PACE = """
NEURON { SUFFIX pace NONSPECIFIC_CURRENT i RANGE tau }
PARAMETER { tau = 2 (ms) }
STATE { m h }
ASSIGNED { v (mV) i (mA/cm2) }
INITIAL { m = 0.1 h = 0.6 }
BREAKPOINT { SOLVE go METHOD cnexp i = 0.03*m*m*h*(v - 50) + 3e-4*(v + 65) }
DERIVATIVE go { m' = (1/(1 + exp(-(v + 40)/6)) - m)/tau  h' = exp(-(v + 60)/15)*(1 - h) - 2*h/(1 + exp(-(v + 30)/9)) }
"""


@pytest.mark.parametrize("cable", [False, True])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("other", [1e-4, -0.5])
def test_a_rows_bits_do_not_depend_on_a_neighbour_that_is_fast_or_grows(
    precision: Precision, cable: bool, other: float
) -> None:
    """Its exprel is out of the range of the short polynomial: the whole block is computed in the general way."""
    space = ParameterSpace((FreeParameter("tau_pace", "ms", -1.0, 10.0, "linear", ("tau_pace.soma",)),))
    kernel = build(cell_of(PACE, "tau_pace.soma", space=space), precision, lanes=16, cable=cable)
    assert "exprel_near(" in kernel.source and "farthest <= NEAR" in kernel.source
    theta = np.linspace(0.3, 8.0, 16)[:, None]
    alone = simulate(kernel, theta, PROTOCOL).v[0]
    theta[5] = other
    beside = simulate(kernel, theta, PROTOCOL).v[0]
    assert not np.array_equal(beside[5], alone[5])
    np.testing.assert_array_equal(np.delete(beside, 5, axis=0), np.delete(alone, 5, axis=0))


def test_hodgkin_and_huxley_take_two_exponentials_and_one_comparison_a_gate() -> None:
    text = emit(lower(read_cell("sphere")), "float32").split("def run(")[1]
    calls = Counter(re.findall(r"\b(exp|exp2|expm1|exprel|exprel_near|exprelr|exprelr_by|bits)\(", text))
    assert calls == {"exp2": 2, "exprelr_by": 2, "exprel": 3, "exprel_near": 3, "bits": 3}
