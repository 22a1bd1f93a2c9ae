from __future__ import annotations

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.criteria import Criteria
from gbar.errors import ProtocolError
from gbar.features import VITALS, spike_counts
from gbar.kernel.build import build
from gbar.protocol import Injection, Protocol, Ramp, Step, Stimulus, Sum, VoltageClamp
from gbar.simulate import simulate
from gbar.traces import Status, Traces
from gbar.vetting import Finding, classify, count_classes, driven, vet, worded

DT = 0.1
STEP = Step(delay=50.0, duration=200.0, amplitude=0.1)
PROTOCOL = Protocol((Stimulus("step", STEP, 300.0, DT, DT),))


def trace(rest=-65.0, spikes=5, peak=30.0, width=1.0, ahp=-75.0, held=0.0):
    """A cell at rest that spikes evenly within the step: triangles, from rest down to a minimum.

    `held` is for how long (ms) after the last spike it stays at -30 mV.
    """
    t = np.arange(3001) * DT
    v = np.full(len(t), rest)
    for at in np.linspace(60.0, 140.0, spikes):
        half = np.maximum(0.0, 1.0 - np.abs(t - at) / (2.0 * width)) * (peak - ahp)
        v = np.where(half > 0.0, np.maximum(ahp + half, np.where(t < at, v, ahp)), v)
        v[round(at / DT) + round(2.0 * width / DT)] = ahp
    v[(t > 145.0) & (t < 145.0 + held)] = -30.0
    return v


def traces(*rows, status=None):
    v = np.stack(rows).astype(np.float32)[:, None]
    return Traces((v,), (DT,), np.zeros(len(v), np.uint8) if status is None else np.asarray(status, np.uint8))


ODD = {
    Finding(0): {},
    Finding.SILENT: {"spikes": 0},
    Finding.REST: {"rest": -35.0, "ahp": -70.0},
    Finding.FEW_SPIKES: {"spikes": 1},
    Finding.MANY_SPIKES: {"spikes": 12},
    Finding.PEAK: {"peak": -15.0, "width": 1.5},
    Finding.WIDTH: {"width": 5.5, "spikes": 3},
    Finding.AHP: {"ahp": -110.0},
    Finding.DEPOLARISATION_BLOCK: {"held": 60.0},
}
CRITERIA = Criteria().changed(["spikes.low=2", "spikes.high=10"])


def test_every_class_has_its_rows():
    rows = [trace(**about) for about in ODD.values()]
    found = vet(traces(*rows), PROTOCOL, CRITERIA)
    expected = {finding: finding for finding in ODD} | {
        Finding.SILENT: Finding.SILENT | Finding.FEW_SPIKES,  # and fewer than two
        Finding.REST: Finding.REST | Finding.DEPOLARISATION_BLOCK,  # it rests above the level of a plateau
    }
    assert [Finding(int(x)) for x in found.classes] == [expected[finding] for finding in ODD]
    assert found.classes.dtype == np.uint16
    np.testing.assert_array_equal(found.spikes, spike_counts(traces(*rows)))


def test_failed_rows_are_in_the_class_of_their_failure_alone():
    rows = [trace(), np.full(3001, np.nan), np.full(3001, 300.0)]
    found = vet(traces(*rows, status=[Status.OK, Status.NON_FINITE, Status.OUT_OF_RANGE]), PROTOCOL)
    assert [Finding(int(x)) for x in found.classes] == [Finding(0), Finding.NON_FINITE, Finding.OUT_OF_RANGE]
    assert np.isnan(found.features[1:]).all()
    assert (found.spikes[1:] == 0).all()
    assert count_classes(found.classes) == {Finding.NON_FINITE: 1, Finding.OUT_OF_RANGE: 1}


def test_one_wrong_stimulus_is_enough_and_silence_is_that_of_all():
    quiet, firing = trace(spikes=0), trace()
    both = Protocol((Stimulus("a", STEP, 300.0, DT, DT), Stimulus("b", STEP, 300.0, DT, DT)))
    v = [np.stack(rows).astype(np.float32)[:, None] for rows in ([quiet, quiet, firing], [quiet, firing, firing])]
    found = Traces(tuple(v), (DT, DT), np.zeros(3, np.uint8))
    few = Finding.FEW_SPIKES
    assert vet(found, both).classes.tolist() == [Finding.SILENT, 0, 0]
    needed = Criteria().changed(["a.spikes.low=1"], ("a", "b"))
    assert vet(found, both, needed).classes.tolist() == [Finding.SILENT | few, few, 0]
    with pytest.raises(ProtocolError, match="traces of 2 stimuli, the protocol has 1"):
        vet(found, PROTOCOL)


def test_other_criteria_need_no_traces():
    found = vet(traces(*(trace(**about) for about in ODD.values())), PROTOCOL)
    status = np.zeros(len(ODD), np.uint8)
    again = classify(found.features, status, PROTOCOL, CRITERIA)
    np.testing.assert_array_equal(again, vet(traces(*(trace(**x) for x in ODD.values())), PROTOCOL, CRITERIA).classes)
    open_ended = Criteria().changed([f"{name}.{side}=none" for name in VITALS for side in ("low", "high")])
    assert set(classify(found.features, status, PROTOCOL, open_ended).tolist()) == {0, Finding.SILENT}


@pytest.mark.parametrize(
    ("stimulus", "expected"),
    [
        (Stimulus("step", STEP, 300.0), (50.0, 250.0)),
        (Stimulus("on from the start", Step(0.0, 100.0, 0.1), 300.0), (100.0, 300.0)),
        (Stimulus("nothing", Sum(()), 300.0), (0.0, 300.0)),
        (Stimulus("ramp", Ramp(20.0, 50.0, 0.0, 0.1), 100.0, dt=0.1, sampling=0.1), (20.0, 70.0)),
        (Stimulus("warmed", STEP, 300.0, warm_up=100.0, warm_up_current=-0.1), (50.0, 250.0)),
        (Stimulus("elsewhere", Sum(()), 300.0, injections=(Injection("dend", STEP),)), (50.0, 250.0)),
        (
            Stimulus("clamp", Sum(()), 100.0, clamps=(VoltageClamp("soma", ((40.0, -65.0), (20.0, 0.0))),)),
            (40.0, 100.0),
        ),
    ],
)
def test_when_a_stimulus_drives_the_cell(stimulus, expected):
    assert driven(stimulus) == pytest.approx(expected)


def test_classes_in_words():
    assert [worded(f) for f in (Finding.AHP, Finding.DEPOLARISATION_BLOCK)] == ["ahp", "depolarisation block"]


@pytest.mark.parametrize("name", ["sphere", "modern_sphere", "pospischil", "mainen2", "ballstick7", "dopamine"])
def test_shipped_cells_are_themselves_in_order(name):
    cell = read_cell(name)
    traces = simulate(build(cell, "float32"), cell.theta, cell.protocol)
    assert Finding(int(vet(traces, cell.protocol, cell.vetting).classes[0])) == Finding(0)
