"""What a recording says of the bath becomes a condition of the cell, or is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.errors import RecordingError
from gbar.protocol import Block, Condition, Protocol
from gbar.recordings import Recording, Sweep
from gbar.workflows.bath import experiment
from gbar.workflows.question import ask

CONDITIONS = (
    Condition("TTX", (Block("gnabar_hh", 100.0),)),
    Condition("TTX and 4-AP", (Block("gnabar_hh", 100.0), Block("gkbar_hh", 90.0))),
)


def cell():
    sphere = read_cell("sphere")
    return replace(sphere, protocol=replace(sphere.protocol, conditions=CONDITIONS))


def sweep(name, condition):
    current = np.zeros(2000)
    current[500:1500] = 0.1
    return Sweep(name, np.full(2000, -65.0) + np.random.default_rng(0).normal(0, 0.1, 2000), current, 0.1, 0.0,
                 condition=condition)  # fmt: skip


def recording(*conditions):
    sweeps = tuple(sweep(f"s{k}", condition) for k, condition in enumerate(conditions))
    return Recording(Path("made.csv"), "", "CSV", sweeps)


def test_names_with_concentrations_and_spaces():
    said = ("", "control", "TTX 1 uM", "ttx", "TTX 0.5 µM and  4-AP 3 mM")
    source = recording(*said)
    protocol = experiment(cell(), source, source.sweeps)
    assert [s.condition for s in protocol.stimuli] == ["", "", "TTX", "TTX", "TTX and 4-AP"]
    assert protocol.conditions == cell().protocol.conditions
    assert len(protocol.blocks(protocol.stimuli[4])) == 2


def test_another_condition_is_refused():
    source = recording("", "gabazine 3 uM")
    with pytest.raises(
        RecordingError, match=r"s1 was recorded in 'gabazine 3 uM'.*there are control, TTX, TTX and 4-AP"
    ):
        experiment(cell(), source, source.sweeps)


def test_a_cell_without_conditions_takes_all_for_control():
    source = recording("gabazine 3 uM")
    protocol = experiment(read_cell("sphere"), source, source.sweeps)
    assert protocol == Protocol(source.protocol().stimuli)


def test_a_question_is_asked_under_the_conditions_of_the_recording(tmp_path):
    t = np.arange(2000) * 0.1
    for name in ("control", "drug"):
        made = sweep(name, "")
        table = np.column_stack([t, made.v, 1000 * made.current])
        np.savetxt(tmp_path / f"{name}.csv", table, delimiter=",", header="time_ms,voltage_mV,current_pA", comments="")
    files = ["files:", "  - {path: control.csv}", "  - {path: drug.csv, condition: TTX 1 uM}"]
    (tmp_path / "cell.yaml").write_text("\n".join([*files, "junction_corrected: true", ""]))
    question = ask(cell(), tmp_path / "cell.yaml", white="0.1 mV", sweeps=("control.sweep_0", "drug.sweep_0"))
    assert [s.condition for s in question.protocol.stimuli] == ["", "TTX"]
    assert question.protocol.conditions == question.cell.protocol.conditions == cell().protocol.conditions
