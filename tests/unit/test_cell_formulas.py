"""Formulas of a cell file: quantities that follow from free parameters, and parameters that are no quantity."""

from dataclasses import replace

import numpy as np
import pytest

from gbar.cell import read_cell, write_cell
from gbar.cell.derived import Derived
from gbar.compartments import lower
from gbar.errors import CellError
from gbar.exchange.bluepyopt_export import export_bluepyopt
from gbar.kernel.build import build
from gbar.parameters import ParameterSpace
from gbar.simulate import simulate

CELL = """
name: coupled
temperature: 20 degC
morphology:
  sections:
    soma: {L: 10 um, diam: 5 um, segments: 1}
    dend: {L: 100 um, diam: 5 um, parent: soma(0.5), segments: 3}
everywhere:
  cm: 1 uF/cm2
  Ra: 100 ohm cm
  mechanisms: {pas: {g: 1e-4 S/cm2, e: -70 mV}}
sites: {soma: soma(0.5), dend: dend(0.5)}
parameters:
  ratio: {low: 5, high: 40, value: 20}
  leak: {low: 5 kohm cm2, high: 50 kohm cm2, scale: log, value: 10000 ohm cm2}
  gsoma: {low: 1e-5 S/cm2, high: 1e-3 S/cm2, targets: [g_pas.soma]}
formulas:
  L.dend: 10 * ratio
  g_pas.dend: 1 / leak + gsoma
  Ra.*: 20 * sqrt(ratio)
protocol:
  stimuli: [{name: step, duration: 20 ms, waveform: {step: {delay: 2 ms, duration: 10 ms, amplitude: 0.05 nA}}}]
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "cell.yaml").write_text(CELL)
    return tmp_path / "cell.yaml"


@pytest.fixture
def cell(file):
    return read_cell(file)


def test_a_parameter_of_formulas_has_a_value_and_a_unit_of_its_own(cell):
    ratio, leak, gsoma = cell.space.parameters
    assert (ratio.unit, ratio.value, ratio.targets) == ("", 20.0, ())
    assert (leak.unit, leak.low, leak.high, leak.value) == ("ohm cm2", 5000.0, 50000.0, 10000.0)
    assert gsoma.value is None
    assert cell.theta.tolist() == [[20.0, 10000.0, 1e-4]]


def test_what_the_cell_says_of_such_a_quantity_follows_its_own_values(cell):
    soma, dend = cell.morphology.sections
    assert (soma.L, dend.L, dend.diam) == (10.0, 200.0, 5.0)
    assert cell.region("dend").Ra == cell.region("soma").Ra == 20 * np.sqrt(20.0)
    assert cell.quantities()["L.dend"].value == 200.0
    assert cell.quantities()["g_pas.dend"].value == pytest.approx(2e-4)


def test_a_row_of_parameters_is_the_cell_with_these_values(cell):
    theta = np.array([[20.0, 1e4, 1e-4], [7.5, 3e4, 4e-4], [39.0, 5.5e3, 9e-4]])
    together = lower(cell).at(theta)
    names = [quantity.name for quantity in lower(cell).quantities]
    for row, values in enumerate(theta):
        alone = lower(cell.at(values))
        assert [quantity.name for quantity in alone.quantities] == names
        assert together[:, row] == pytest.approx(alone.values, rel=1e-12)
        assert together[:, row] == pytest.approx(alone.at(values[None])[:, 0], rel=1e-12)
        stated = replace(cell.at(values), space=ParameterSpace(()), formulas=())
        assert together[:, row] == pytest.approx(lower(stated).values, rel=1e-12)


def test_a_value_of_the_cell_is_not_scaled_twice(cell):
    other = cell.at(np.array([30.0, 2e4, 2e-4]))
    assert other.theta.tolist() == [[30.0, 2e4, 2e-4]]
    assert other.at(other.theta[0]) == other
    length = other.morphology.sections[1].L
    assert length == pytest.approx(300.0)


def test_the_simulation_follows_the_formula(cell):
    theta = np.array([[10.0, 2e4, 1e-5], [40.0, 2e4, 1e-5]])
    v = simulate(build(cell, "float64"), theta, cell.protocol, threads=1).v[0]
    bare = [replace(cell.at(row), space=ParameterSpace(()), formulas=()) for row in theta]
    for row, one in enumerate(bare):
        alone = simulate(build(one, "float64"), one.theta, one.protocol, threads=1).v[0][0]
        assert v[row] == pytest.approx(alone, abs=1e-9)
    assert np.ptp(v[0, 0]) > 1.2 * np.ptp(v[1, 0])  # less membrane


def test_written_and_read_again_it_is_the_same(cell, tmp_path):
    write_cell(cell, tmp_path / "again.yaml")
    again = read_cell(tmp_path / "again.yaml")
    assert again == cell
    assert again.digest == cell.digest
    assert ParameterSpace.from_json(cell.space.to_json()) == cell.space


def test_the_digest_tells_formulas_apart(cell):
    formulas = (*cell.formulas[:-1], Derived(cell.formulas[-1].target, "21 * sqrt(ratio)"))
    assert replace(cell, formulas=formulas).digest != cell.digest


def test_bluepyopt_is_told_what_its_file_cannot_say(file, tmp_path):
    file.write_text(file.read_text().replace("dend", "basal"))
    notes = export_bluepyopt(read_cell(file), tmp_path / "bluepyopt")
    assert any(note.startswith("L.basal follows from the free parameters ratio") for note in notes)


BAD = [
    ("10 * ratio", "10 * ration", "reads 'ration', which is no free parameter; did you mean ratio?"),
    ("10 * ratio", "'10'", "reads no free parameter"),
    ("10 * ratio", "10 * (ratio", "expected ')'"),
    ("10 * ratio", "__import__(ratio)", "something other than a function of numbers"),
    ("10 * ratio", "ratio - 5", "L.dend is 0 at ratio = 5"),
    ("10 * ratio", "1 / (40 - ratio)", "is inf at ratio = 40"),
    ("  L.dend:", "  L.dent:", "'L.dent' is no quantity of the cell; did you mean L.dend?"),
    ("  L.dend:", "  L_scale.dend:", "relative to the shape as it stands; give L.dend or area.dend"),
    ("  L.dend:", "  area.dend: ratio\n  L.dend:", "area.dend and L.dend are both free"),
    ("  g_pas.dend:", "  g_pas.soma:", "g_pas.soma is set twice"),
    ("1 / leak + gsoma", "gsoma", "no formula reads the free parameter leak"),
    ("value: 20}", "value: 20, targets: [Ra.dend]}", "unknown key 'targets'"),
    ("value: 20}", "value: some}", "'some' is no number with a unit"),
    ("value: 10000 ohm cm2", "value: 10 mV", "leak.low"),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD, ids=[new for _, new, _ in BAD])
def test_refusals_name_the_place(file, old, new, message):
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    with pytest.raises(CellError) as caught:
        read_cell(file)
    assert message in str(caught.value)
    places = [i for i, line in enumerate(file.read_text().splitlines(), 1) if new.splitlines()[0] in line]
    assert caught.value.line in (*places, 18)  # or, of two that contradict each other, all formulas
