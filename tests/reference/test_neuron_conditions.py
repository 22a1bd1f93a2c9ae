"""Conditions of a protocol in gbar and in NEURON: densities that are free, fixed, and fall with the distance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from neuron_twin import side_by_side, spikes
from test_neuron_trees import hh_tree

from gbar.protocol import Block, Condition, Protocol, Step, Stimulus

pytestmark = pytest.mark.usefixtures("nrn")

STEP = Stimulus("before", Step(2, 50, 0.6), 60.0)


def test_conditions_of_a_tree(tmp_path: Path) -> None:
    drugs = (
        Condition("falling", (Block("gnabar_hh.dend", 60.0), Block("g_pas", 100.0))),
        Condition("everywhere", (Block("gnabar_hh", 100.0), Block("gkbar_hh.soma", 35.0))),
    )
    stimuli = (STEP, *(replace(STEP, name=drug.name, condition=drug.name) for drug in drugs), replace(STEP, name="end"))
    cell = hh_tree()
    theta = np.concatenate([cell.theta, cell.space.draw(5, 0, 1)])
    made = side_by_side(cell, theta, tmp_path, protocol=Protocol(stimuli, conditions=drugs))
    traces = {(c.row, c.stimulus, c.site): c.neurons for c in made.comparisons}
    assert spikes(made) > 10
    for drug in drugs:
        assert np.abs(traces["0", drug.name, "soma"] - traces["0", "before", "soma"]).max() > 1
    assert np.array_equal(traces["0", "end", "soma"], traces["0", "before", "soma"])  # what was blocked is back
