from __future__ import annotations

import math

import pytest

from gbar import document
from gbar.cell import read_cell, shipped_cells, write_cell
from gbar.criteria import UNITS, Criteria, Window
from gbar.errors import CellError, ParameterError
from gbar.features import VITALS


def test_a_window_for_every_vital():
    assert dict(UNITS) == dict(VITALS)
    assert all(isinstance(Criteria().window(name), Window) for name in UNITS)


def test_changed_by_name():
    changed = Criteria().changed(["rest.high=-50 mV", "width.low=none", "level=-0.03 V", "spikes.low=2"])
    assert changed.rest == Window(-100.0, -50.0)
    assert changed.width == Window(-math.inf, 5.0)
    assert changed.level == -30.0
    assert changed.spikes.low == 2.0
    assert Criteria().peak == changed.peak
    own = changed.changed(["strong.step.spikes.low=5", "strong.step.rate.high=100 Hz"], ("step", "strong.step"))
    assert own.window("spikes", "strong.step").low == 5.0
    assert own.window("spikes", "step") == own.spikes == changed.spikes
    assert own.window("rate", "strong.step") == Window(0.0, 100.0)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("rest.high", "sets nothing"),
        ("rset.high=-50 mV", "did you mean rest"),
        ("rest.high=-50", "has no unit"),
        ("rest.high=50 pA", "expected a quantity in mV"),
        ("rest.low=-30 mV", "nothing lies from -30 to -40"),
        ("rest.hihg=-30 mV", "did you mean high"),
        ("rest=-30 mV", "expected keys"),
        ("level=none", "is no number"),
        ("strong.spikes.low=2", "'strong' is no stimulus"),
        ("=", "unknown key"),
    ],
)
def test_what_cannot_be_set_is_refused(setting, told):
    with pytest.raises(ParameterError, match=told):
        Criteria().changed([setting], ("step",))


def test_json_and_back():
    criteria = Criteria().changed(["rest.high=none", "step.peak.low=0.1 mV", "level=-33.3 mV"], ("step",))
    again = Criteria.from_node(document.of(criteria.to_json(), ParameterError), ("step",))
    assert again == criteria
    assert criteria.differences(again) == ()
    told = ("rest.high none, not -40.0 mV", "stimuli.step.peak.low 0.1 mV, not not stated")
    assert set(told) < set(criteria.differences(Criteria()))


CELL = """
name: one
temperature: 20 degC
morphology: {{sphere: {{diameter: 20 um}}}}
regions:
  soma: {{cm: 1 uF/cm2, mechanisms: {{pas: {{g: 1e-4 S/cm2, e: -70 mV}}}}}}
parameters:
  g_pas.soma: {{low: 1e-5 S/cm2, high: 1e-3 S/cm2}}
protocol:
  stimuli:
    - {{name: step, duration: 10 ms, waveform: {{step: {{delay: 2 ms, duration: 5 ms, amplitude: 10 pA}}}}}}
{}"""


def written(folder, text):
    file = folder / "one.yaml"
    file.write_text(CELL.format(text))
    return file


def test_a_cell_states_them_and_keeps_them(tmp_path):
    cell = read_cell(written(tmp_path, "vetting: {peak: {low: 0 mV}, stimuli: {step: {spikes: {low: 1}}}}"))
    assert cell.vetting.peak == Window(0.0, 70.0)
    assert cell.vetting.window("spikes", "step").low == 1.0
    plain = read_cell(written(tmp_path, ""))
    assert plain.vetting == Criteria()
    assert plain.digest == cell.digest  # the simulations are the same
    assert plain != cell
    write_cell(cell, tmp_path / "again.yaml")
    assert read_cell(tmp_path / "again.yaml") == cell
    assert cell.at(cell.theta[0]).vetting == cell.vetting


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("vetting: {peek: {low: 0 mV}}", "one.yaml:12:11: .*unknown key 'peek'; did you mean peak"),
        ("vetting: {peak: {low: 0}}", "one.yaml:12:23: .*has no unit"),
        ("vetting: {peak: {}}", "states no limit"),
        ("vetting: {peak: 3 mV}", "expected keys"),
        ("vetting: {peak: {low: 90 mV}}", "one.yaml:12:17: .*nothing lies from 90 to 70"),
        ("vetting: {stimuli: {stp: {spikes: {low: 1}}}}", "'stp' is no stimulus; did you mean step"),
    ],
)
def test_bad_criteria_of_a_cell_are_refused_where_they_stand(tmp_path, text, told):
    with pytest.raises(CellError, match=told):
        read_cell(written(tmp_path, text))


@pytest.mark.parametrize("name", shipped_cells())
def test_shipped_cells_say_what_their_stimuli_must_do(name):
    cell = read_cell(name)
    assert set(cell.vetting.stimuli) <= {stimulus.name for stimulus in cell.protocol.stimuli}
