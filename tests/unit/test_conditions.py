"""Named conditions of a protocol: what they block, of what, and that nothing else changes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gbar.cell import At, Cell, Painted, Profile, Region, SegmentRule, Site, read_cell, write_cell
from gbar.compartments import lower
from gbar.errors import CellError, ProtocolError
from gbar.exchange.bluepyopt_export import export_bluepyopt
from gbar.kernel.build import build
from gbar.kernel.interpret import interpret
from gbar.mechanism import read, shipped_file
from gbar.morphology import Morphology, Section, cylinder
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Block, Condition, Protocol, Step, Stimulus
from gbar.recordings.simulated import simulated
from gbar.simulate import simulate
from gbar.workflows.simulate import simulate_dataset

HH, PAS = (read(shipped_file(name)) for name in ("hh", "pas"))
DRUGS = (
    Condition("half", (Block("gnabar_hh", 50.0),)),
    Condition("soma", (Block("gkbar_hh.soma", 75.0), Block("g_pas", 100.0))),
    Condition("all", (Block("gnabar_hh.*", 100.0), Block("gkbar_hh", 100.0))),
)
STEP = Stimulus("control", Step(2, 20, 0.3), 25, sampling=0.1)
PROTOCOL = Protocol(
    (STEP, *(replace(STEP, name=drug.name, condition=drug.name) for drug in DRUGS), replace(STEP, name="again")),
    conditions=DRUGS,
)
FREE = (
    FreeParameter("gnabar_hh.soma", "S/cm2", 0.05, 0.3, "log"),
    FreeParameter("cm.soma", "uF/cm2", 0.5, 2.0),
)


def painted(sodium: float | Profile = 0.12, potassium: float = 0.036, leak: float = 1e-5) -> tuple[Painted, ...]:
    return Painted(HH, {"gnabar": sodium, "gkbar": potassium}), Painted(PAS, {"g": leak, "e": -65.0})


def sphere(**values: float) -> Cell:
    """One compartment: gnabar is free, gkbar and the leak are fixed."""
    soma = Region("soma", 1.0, painted(**values), {"ena": 50.0, "ek": -77.0}, Ra=100.0)
    return Cell("one", cylinder(20.0, 20.0), (soma,), 6.3, ParameterSpace(FREE), PROTOCOL)


def tree(scale: float = 1.0, **soma: float) -> Cell:
    """Many compartments: gnabar of the dendrite falls with the distance, by a free slope."""
    morphology = Morphology((Section("soma", "soma", 20.0, 20.0), Section("dend", "dend", 300.0, 2.0, 0, 1.0)))
    falling = Profile("scale * (value + slope * distance)", {"value": 0.1, "slope": -2e-4, "scale": scale})
    regions = (
        Region("soma", 1.0, painted(**soma), {"ena": 50.0, "ek": -77.0}, Ra=100.0),
        Region("dend", 1.0, painted(falling, leak=soma.get("leak", 1e-5)), {"ena": 50.0, "ek": -77.0}, Ra=100.0),
    )
    free = (*FREE, FreeParameter("gnabar_hh.dend.slope", "", -3e-4, 0.0))
    sites = (Site("soma", At("soma", 0.5)), Site("far", At("dend", 0.9)))
    return Cell(
        "many", morphology, regions, 6.3, ParameterSpace(free), PROTOCOL, segments=SegmentRule("length", 40.0),
        sites=sites,
    )  # fmt: skip


def run(cell: Cell, theta: np.ndarray, precision: str = "float64") -> dict[str, np.ndarray]:
    """The voltages of every stimulus, v[row, site, time]."""
    traces = simulate(build(cell, precision), theta, cell.protocol, threads=1)  # type: ignore[arg-type]
    return dict(zip((s.name for s in cell.protocol.stimuli), traces.v, strict=True))


def drawn(cell: Cell) -> np.ndarray:
    return np.concatenate([cell.theta, cell.space.draw(1, 0, 3)])


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("made", [sphere, tree])
def test_a_condition_is_the_cell_with_its_densities_set_by_hand(made, precision):
    cell = made()
    theta, column = drawn(cell), [1.0] * len(cell.space)
    found = run(cell, theta, precision)
    column[0] = 0.5
    more = {"scale": 0.5} if made is tree else {}
    by_hand = {
        "half": run(made(**more), theta * column, precision),
        "soma": run(made(potassium=0.25 * 0.036, leak=0.0), theta, precision),
    }
    for name, other in by_hand.items():
        assert np.array_equal(found[name], other["control"]), name
    assert np.array_equal(found["control"], found["again"])
    for name in PROTOCOL.conditions:
        assert np.abs(found[name.name] - found["control"]).max() > 1


@pytest.mark.parametrize("made", [sphere, tree])
def test_a_condition_in_the_slow_oracle(made):
    stimuli = tuple(replace(stimulus, duration=6.0) for stimulus in PROTOCOL.stimuli)
    cell = replace(made(), protocol=replace(PROTOCOL, stimuli=stimuli))
    theta = drawn(cell)[1:2]
    found, tables = run(cell, theta), lower(cell)
    for stimulus in stimuli[1:4]:
        slow = interpret(tables.under(cell.protocol.blocks(stimulus)), theta, stimulus)
        assert np.abs(found[stimulus.name] - slow).max() < 1e-6


def test_without_channels_a_cell_only_charges():
    cell = sphere()
    v = run(cell, cell.theta)["all"][0, 0]
    assert (np.diff(v[25:200]) > 0).all() and v.max() > 0 > v[0]


def test_a_block_of_a_global_parameter_holds_everywhere(tmp_path):
    file = tmp_path / "hhleak.mod"
    file.write_text(shipped_file("hhleak").read_text().replace("RANGE gbar,", "GLOBAL gbar\n    RANGE"))
    mechanism = read(file)
    soma = Region("soma", 1.0, (Painted(mechanism),))
    condition = Condition("half", (Block("gbar_hhleak", 50.0),))
    protocol = Protocol((replace(STEP, condition="half"),), conditions=(condition,))
    cell = Cell("one", cylinder(20.0, 20.0), (soma,), 37.0, ParameterSpace(()), protocol)
    tables = lower(cell)
    before, after = ({q.name: q.value for q in t.quantities} for t in (tables, tables.under(condition.blocks)))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"gbar_hhleak"} == set(cell.remaining(protocol.stimuli[0]))
    assert lower(replace(cell, protocol=Protocol((STEP,)))).under(()) is not None


def test_text_and_back(tmp_path):
    assert Protocol.from_json(json.loads(json.dumps(PROTOCOL.to_json()))) == PROTOCOL
    cell = tree()
    write_cell(cell, tmp_path / "cell.yaml")
    again = read_cell(tmp_path / "cell.yaml")
    assert again.protocol == cell.protocol and again.digest == cell.digest
    assert "conditions" not in Protocol((STEP,)).to_json()
    other = replace(cell, protocol=replace(PROTOCOL, conditions=(Condition("half", ()), *DRUGS[1:])))
    assert other.digest != cell.digest


def test_control_may_be_named():
    assert replace(STEP, condition="control") == STEP
    assert PROTOCOL.blocks(STEP) == ()


def test_what_is_no_condition_is_refused():
    with pytest.raises(ProtocolError, match="blocked by 101 %"):
        Block("gnabar_hh", 101.0)
    with pytest.raises(ProtocolError, match="blocked by -1 %"):
        Block("gnabar_hh", -1.0)
    with pytest.raises(ProtocolError, match="blocked by nan %"):
        Block("gnabar_hh", float("nan"))
    with pytest.raises(ProtocolError, match="TTX"):
        Protocol((replace(STEP, condition="TTX"),))
    with pytest.raises(ProtocolError, match="two conditions"):
        Protocol((STEP,), conditions=(DRUGS[0], DRUGS[0]))
    with pytest.raises(ProtocolError, match="without blocks"):
        Condition("control", ())


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("gnabar", "gnabar_hh"),
        ("gnabar_hh.dend", "gnabar_hh"),
        ("cm.soma", "cm.soma"),
        ("area.soma", "area.soma"),
        ("celsius", "celsius"),
    ],
)
def test_a_block_of_what_the_cell_does_not_have(block, said):
    condition = Condition("half", (Block(block, 50.0),))
    protocol = Protocol((replace(STEP, condition="half"),), conditions=(condition,))
    with pytest.raises(CellError, match=said):
        replace(sphere(), protocol=protocol)
    cell = sphere()
    with pytest.raises(ProtocolError, match=said):
        simulate(build(cell, "float64"), cell.theta, protocol)


def test_a_quantity_is_blocked_once():
    condition = Condition("half", (Block("gnabar_hh", 50.0), Block("gnabar_hh.soma", 50.0)))
    with pytest.raises(CellError, match="blocked twice"):
        replace(sphere(), protocol=Protocol((STEP,), conditions=(condition,)))


FILE = """\
name: one
temperature: 6.3 degC
morphology: {sphere: {diameter: 20 um}}
regions:
  soma: {cm: 1 uF/cm2, reversals: {ena: 50 mV, ek: -77 mV}, mechanisms: {hh: }}
parameters: {gnabar_hh.soma: {low: 0.05 S/cm2, high: 0.3 S/cm2}}
protocol:
  conditions:
    TTX: {blocks: {gnabar_hh: 90 %}}
  stimuli:
    - {name: control, duration: 20 ms, waveform: {step: {delay: 2 ms, duration: 9 ms, amplitude: 0.3 nA}}}
    - name: drug
      condition: TTX
      duration: 20 ms
      waveform: {step: {delay: 2 ms, duration: 9 ms, amplitude: 0.3 nA}}
"""
REFUSED = {
    "gnabar_hh: 90 %": {
        "gnabar_na: 90 %": r"9:20: .*TTX.blocks: 'gnabar_na' is no parameter .*there are: gnabar_hh, gkbar_hh",
        "gnabar_hh.axon: 90 %": r"9:\d+: .*'gnabar_hh.axon' is no parameter",
        "ena.soma: 90 %": r"9:\d+: .*'ena.soma' is no parameter",
        "el_hh: 50 %": r"9:20: .*TTX.blocks: el_hh is in mV; a drug blocks .*one of: gnabar_hh, gkbar_hh, gl_hh",
        "gnabar_hh: 9 %, gnabar_hh.soma: 9 %": r"9:36: .*gnabar_hh.soma is blocked twice",
        "gnabar_hh: 101 %": r"9:\d+: .* blocked by 101 %; give 0 to 100 %",
        "gnabar_hh: -1 %": r"9:\d+: .* blocked by -1 %",
        "gnabar_hh: 0.9": r"9:\d+: .*0.9 has no unit; write 0.9 %",
        "gnabar_hh: 9 mV": r"9:\d+: .*expected a quantity in %",
    },
    "TTX: {blocks": {"TTX: {block": r"9:\d+: .*unknown key 'block'", "control: {blocks": "without blocks"},
    "condition: TTX": {"condition: TEA": "the stimulus drug is under 'TEA', which is no condition.*control, TTX"},
}


def test_conditions_in_a_file(tmp_path):
    file = tmp_path / "cell.yaml"
    file.write_text(FILE)
    cell = read_cell(file)
    drug = cell.protocol.stimuli[1]
    assert (drug.condition, cell.protocol.blocks(drug)) == ("TTX", (Block("gnabar_hh", 90.0),))
    assert cell.remaining(drug) == {"gnabar_hh.soma": 0.1}
    for old, changes in REFUSED.items():
        for new, said in changes.items():
            file.write_text(FILE.replace(old, new))
            with pytest.raises(CellError, match=said) as refusal:
                read_cell(file)
            assert "\n" not in str(refusal.value)


def test_a_protocol_of_its_own_may_name_the_conditions_of_the_cell(tmp_path):
    (tmp_path / "cell.yaml").write_text(FILE)
    (tmp_path / "own.yaml").write_text("stimuli:\n" + FILE.partition("  stimuli:\n")[2])
    data = simulate_dataset(
        tmp_path / "cell.yaml", tmp_path / "out.zarr", rows=2, protocol=tmp_path / "own.yaml", precision="float64"
    )
    own = simulate_dataset(tmp_path / "cell.yaml", tmp_path / "own.zarr", rows=2, precision="float64")
    stored = [Protocol.from_json(made.manifest.protocol) for made in (data, own)]
    assert stored[0] == stored[1] == read_cell(tmp_path / "cell.yaml").protocol
    for stimulus in (0, 1):
        assert np.array_equal(data.read().v[stimulus], own.read().v[stimulus])


def test_a_row_of_simulations_as_a_recording_keeps_its_conditions(tmp_path):
    cell = sphere()
    traces = simulate(build(cell, "float64"), cell.theta, cell.protocol)
    recording = simulated(traces, 0, cell.protocol, source=tmp_path, digest="")
    assert [sweep.condition for sweep in recording.sweeps] == ["", "half", "soma", "all", ""]


def test_bluepyopt_is_given_control_alone(tmp_path):
    notes = export_bluepyopt(sphere(), tmp_path)
    assert set(json.loads((tmp_path / "protocols.json").read_text())) == {"control", "again"}
    assert sum("under half" in note for note in notes) == 1
