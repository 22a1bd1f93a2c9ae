"""The search for holding current and rheobase in benchmarks/l5_pyramid.py, on a cell of known answers."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import l5_pyramid

from gbar.morphology import Morphology, Section

REST, RESISTANCE, RHEOBASE = -77.0, 40.0, 0.2  # mV, Mohm, nA of the whole current


def ohmic(kernel, theta, steps, duration):
    """A resistor that spikes for a millisecond, 20 ms after a step of RHEOBASE or more begins."""
    t = np.arange(round(duration / l5_pyramid.SAMPLING) + 1) * l5_pyramid.SAMPLING
    current = sum(np.where((t >= s.delay) & (t < s.delay + s.duration), s.amplitude, 0.0) for s in steps)
    late = steps[0].delay + 20.0
    spike = (t >= late) & (t < late + 1.0) & (current >= RHEOBASE)
    return {"soma.v": np.where(spike, 30.0, REST + RESISTANCE * current)}


@pytest.fixture
def evaluation(shared, monkeypatch):
    monkeypatch.setattr(l5_pyramid, "sweep", ohmic)
    return l5_pyramid.Evaluation(None, np.zeros((1, 0)))


def test_the_holding_current_is_found(evaluation):
    aim = evaluation.target("Rin", "voltage_base")
    assert REST + RESISTANCE * evaluation.holding() == pytest.approx(aim, abs=0.1)


def test_the_rheobase_is_found(evaluation):
    holding = -0.15
    found = evaluation.threshold(holding)
    width = (-40.0 - evaluation.target("Rin", "voltage_base")) / RESISTANCE + holding
    assert RHEOBASE - holding <= found <= RHEOBASE - holding + width / 2**5


def test_features_lie_where_they_were_published(evaluation):
    steps = {name: (s, total) for name, s, total in evaluation.sweeps(l5_pyramid.Currents(-0.15, 0.4))}
    assert set(steps) == set(evaluation.features) - {"RinHoldCurrent", "Threshold"}
    train, total = steps["H40S8_all"]
    assert len(train) == 9 and train[0].amplitude == pytest.approx(2.4) and train[-1].amplitude == -0.15
    assert evaluation.window("H40S8_all", train, total) == (700.0, 875.0)
    assert evaluation.window("bAP", *steps["bAP"]) == (700.0, 1000.0)
    assert evaluation.window("RMP", *steps["RMP"]) == (700.0, 1700.0)
    assert len(steps["RMP"][0]) == 1  # rest is without a holding current


def test_distances():
    spikes = l5_pyramid.Found("p", "soma.v", "AP_amplitude", np.array([60.0, 80.0]), 70.0, 5.0)
    assert spikes.distance == 2.0
    assert l5_pyramid.Found("p", "soma.v", "AP_amplitude", np.empty(0), 70.0, 5.0).distance == float("inf")


def test_the_first_section_that_passes_a_distance():
    morphology = Morphology(
        (
            Section("soma", "soma", 20.0, 20.0),
            Section("short", "basal", 30.0, 2.0, 0, 0.5),
            Section("first", "basal", 40.0, 2.0, 1, 0.5),
            Section("second", "basal", 100.0, 2.0, 0, 1.0),
        )
    )
    at = l5_pyramid.first_passing(morphology, "basal", 50.0)
    assert (at.section, at.x) == ("first", pytest.approx((50 - 15) / 40))
    at = l5_pyramid.first_passing(morphology, "basal", 60.0)
    assert (at.section, at.x) == ("second", pytest.approx((60 - 10) / 100))
