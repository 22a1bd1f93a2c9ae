import json
import math

import numpy as np
import pytest

from gbar.errors import ProtocolError
from gbar.protocol import (
    Chirp,
    Injection,
    Noise,
    Protocol,
    Ramp,
    Sampled,
    Step,
    Stimulus,
    Sum,
    Train,
    VoltageClamp,
)

STEP = Stimulus("step", Step(2, 144, 0.3), 152, dt=0.02, sampling=0.02)
ALL = Protocol(
    (
        STEP,
        Stimulus("train", Train(1, 2, 5, 3, 0.2), 50, sampling=0.1, v_init=-70, warm_up=5, warm_up_current=-0.05),
        Stimulus("ramp", Ramp(0, 10, 0, 1 / 3), 50),
        Stimulus("chirp", Chirp(1, 20, 0.2, 1, 50), 50),
        Stimulus("noise", Noise(1, 30, 0.1, 0.05, 3, 7), 50),
        Stimulus("sampled", Sampled(0.1, np.linspace(0, 1, 33) / 3), 50),
        Stimulus("sum", Sum((Step(1, 2, 30.0), Sum(()), Step(3, 4, 0.5))), 50, allow_large=True),
        Stimulus(
            "places",
            Sum(()),
            50,
            injections=(Injection("dend", Step(1, 2, 0.1)), Injection("soma", Ramp(0, 10, 0, 1 / 3))),
            clamps=(VoltageClamp("tuft", ((10, -70.0), (5, 1 / 3)), 2.5),),
        ),
    )
)


def test_samples_and_steps():
    assert (STEP.n_steps, STEP.n_warm, STEP.stride, STEP.samples) == (7600, 0, 1, 7601)
    train = ALL.stimuli[1]
    assert (train.n_steps, train.n_warm, train.stride, train.samples) == (2000, 200, 4, 501)
    assert train.times()[-1] == pytest.approx(50)
    assert ALL.samples[:2] == (7601, 501)


def test_injected_is_the_warm_up_and_then_the_middle_of_each_step():
    train = ALL.stimuli[1]
    injected = train.injected()
    assert injected.shape == (2200,) and injected.dtype == np.float64
    assert (injected[:200] == -0.05).all()
    expected = [train.waveform.current(np.array([(k + 0.5) * 0.025]))[0] for k in range(2000)]
    assert injected[200:].tolist() == expected
    assert np.flatnonzero(STEP.injected())[[0, -1]].tolist() == [100, 7299]


def test_an_edge_off_the_grid_acts_when_the_middle_has_passed_it():
    def first(delay):
        return int(np.flatnonzero(Stimulus("s", Step(delay, 10, 1.0), 20).injected())[0])

    assert [first(d) for d in (1.0, 1.01, 1.0125, 1.0126, 1.03)] == [40, 40, 40, 41, 41]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"duration": 10.01, "dt": 0.025}, "stimulus s: duration 10.01 ms is no whole multiple of sampling 0.025 ms"),
        (
            {"sampling": 0.03},
            "sampling 0.03 ms is no whole multiple of dt 0.025 ms; use for example sampling = 0.025 ms",
        ),
        ({"sampling": 0.01}, "no whole multiple of dt"),
        ({"warm_up": 0.01}, "warm_up 0.01 ms is no whole multiple of dt"),
        ({"dt": 0.0}, "dt is 0 ms"),
        ({"duration": -1.0}, "duration is -1 ms"),
        ({"duration": math.nan}, "duration is nan"),
        ({"v_init": math.inf}, "v_init is inf"),
        ({"warm_up": -1.0}, "warm_up is -1 ms"),
        ({"duration": 1e9}, "keep to 20000000"),
        ({"name": ""}, "no name"),
        (
            {"waveform": Step(0, 1, 150.0)},
            "the current reaches 150 nA, beyond 20 nA; check that pA are not taken for nA",
        ),
        ({"waveform": Step(0, 1, -20.1)}, "beyond 20 nA"),
        ({"warm_up": 1.0, "warm_up_current": 150.0}, "beyond 20 nA"),
    ],
)
def test_refuses_a_stimulus_that_cannot_be_done(arguments, message):
    with pytest.raises(ProtocolError) as caught:
        Stimulus(**({"name": "s", "waveform": Step(0, 1, 0.1), "duration": 10.0} | arguments))
    assert message in str(caught.value)


def test_a_large_current_can_be_asked_for():
    assert Stimulus("s", Step(0, 1, 150.0), 10, allow_large=True).injected().max() == 150.0
    with pytest.raises(ProtocolError, match="not finite"):
        Stimulus("s", Nan(), 10, allow_large=True)


class Nan:
    def current(self, t):
        return np.where(t > 5, np.nan, 0.0)


def test_decimal_times_are_multiples_in_spite_of_binary_fractions():
    assert Stimulus("s", Step(0, 1, 0.1), 0.3, dt=0.1, sampling=0.1).n_steps == 3
    assert Stimulus("s", Step(0, 1, 0.1), 2000.005, dt=0.005, sampling=0.005).n_steps == 400001


def test_refuses_twins_and_emptiness():
    with pytest.raises(ProtocolError, match="two stimuli are called step"):
        Protocol((STEP, STEP))
    with pytest.raises(ProtocolError, match="no stimulus"):
        Protocol(())


def test_json_round_trip_with_units():
    stored = json.loads(json.dumps(ALL.to_json()))
    assert Protocol.from_json(stored) == ALL
    assert Protocol.from_json(stored).digest == ALL.digest != Protocol((STEP,)).digest
    assert stored["stimuli"][0]["waveform"] == {
        "step": {"delay": "2.0 ms", "duration": "144.0 ms", "amplitude": "0.3 nA"}
    }
    assert "sha256" in stored["stimuli"][5]["waveform"]["sampled"]


def changed(path, value):
    data = json.loads(json.dumps(ALL.to_json()))
    target = data
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("stimuli", 0, "waveform", "step", "amplitude"), "150", "stimuli[0].waveform.step.amplitude: 150 has no unit"),
        (("stimuli", 0, "waveform", "step", "amplitude"), 0.3, "0.3 has no unit; write 0.3 pA or 0.0003 nA"),
        (("stimuli", 0, "waveform", "step", "amplitude"), "150 nA", "reaches 150 nA"),
        (("stimuli", 0, "waveform", "step", "delya"), "2 ms", "unknown key 'delya'; did you mean delay?"),
        (("stimuli", 0, "waveform"), {"stpe": {}}, "unknown key 'stpe'; did you mean step?"),
        (("stimuli", 0, "waveform"), {}, "expected one kind of waveform, got 0"),
        (
            ("stimuli", 0, "waveform"),
            {"table": {"file": "/etc/passwd", "current": "nA", "dt": "1 ms"}},
            "document that is no file",
        ),
        (("stimuli", 0, "duration"), None, "stimuli[0].duration: expected a quantity in ms, got nothing"),
        (("stimuli", 4, "waveform", "noise", "seed"), -1, "expected a whole number, 0 or above, got -1"),
        (("stimuli", 5, "waveform", "sampled", "values", 3), 0.5, "not those that were written"),
        (("stimuli", 5, "waveform", "sampled", "values", 3), "x", "damaged"),
        (("stimuli", 5, "waveform", "sampled", "unit"), "mV", "different kinds"),
        (("stimuli", 6, "allow_large"), "perhaps", "expected true or false"),
        (("stimuli", 1, "name"), "step", "two stimuli are called step"),
        (("stimuli",), "step", "expected a list"),
    ],
)
def test_damage_is_named_with_its_place(path, value, message):
    with pytest.raises(ProtocolError) as caught:
        Protocol.from_json(changed(path, value))
    assert message in str(caught.value)


def test_injections_and_clamps_step_by_step():
    places = Stimulus(
        "p", Step(0, 1, 0.2), 2, dt=0.1, sampling=0.1, warm_up=0.5, warm_up_current=0.7,
        injections=(Injection("dend", Step(1, 0.5, 0.1)),),
        clamps=(VoltageClamp("tuft", ((0.5, -70.0), (0.75, -20.0))),),
    )  # fmt: skip
    assert places.injected()[:15].tolist() == [0.7] * 5 + [0.2] * 10
    np.testing.assert_allclose(places.injected_by(places.injections[0]), [0.0] * 15 + [0.1] * 5 + [0.0] * 5)
    held = places.command(places.clamps[0])
    assert held.shape == (25,) and np.isnan(held[:5]).all()  # the clamp begins with the sweep
    assert held[5:17].tolist() == [-70.0] * 5 + [-20.0] * 7 and np.isnan(held[18:]).all()
    assert held[17] != held[17]  # 1.25 ms is the middle of a step, and the end of the second level: off, as t < tc
    assert places.sites == ("dend", "tuft")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"injections": (Injection("dend", Step(0, 1, 150.0)),)}, "the current reaches 150 nA, beyond 20 nA"),
        ({"clamps": (VoltageClamp("a", ((1, 0),)), VoltageClamp("a", ((1, 0),)))}, "two voltage clamps hold one site"),
    ],
)
def test_refuses_injections_and_clamps_that_cannot_be_done(arguments, message):
    with pytest.raises(ProtocolError) as caught:
        Stimulus(**({"name": "s", "waveform": Step(0, 1, 0.1), "duration": 10.0} | arguments))
    assert message in str(caught.value)


def test_refuses_a_clamp_that_is_none():
    for levels, resistance, message in (
        ((), 1.0, "has no levels"),
        (((0.0, -70.0),), 1.0, "has the level -70 mV for 0 ms"),
        (((1.0, math.nan),), 1.0, "has the level nan mV"),
        (((1.0, -70.0),), 0.0, "series resistance of 0 MOhm"),
    ):
        with pytest.raises(ProtocolError, match=message):
            VoltageClamp("soma", levels, resistance)


def test_a_stimulus_needs_a_waveform_an_injection_or_a_clamp():
    with pytest.raises(ProtocolError, match="the key 'waveform' is missing"):
        Protocol.from_json({"stimuli": [{"name": "s", "duration": "10 ms"}]})
    clamp = {"site": "soma", "resistance": "1 Mohm", "levels": [{"duration": "5 ms", "voltage": "-70 mV"}]}
    data = {"stimuli": [{"name": "s", "duration": "10 ms", "clamps": [clamp]}]}
    assert Protocol.from_json(data).stimuli[0].clamps == (VoltageClamp("soma", ((5, -70),), 1.0),)


@pytest.mark.parametrize(
    ("times", "sampling"),
    [
        ({"duration": "10 ms"}, 0.1),
        ({"duration": "10 ms", "dt": "0.05 ms"}, 0.1),
        ({"duration": "10 ms", "dt": "0.1 ms"}, 0.1),
        ({"duration": "10.05 ms"}, 0.025),
        ({"duration": "9 ms", "dt": "0.03 ms"}, 0.03),
        ({"duration": "10 ms", "dt": "0.2 ms"}, 0.2),
        ({"duration": "10 ms", "sampling": "0.025 ms"}, 0.025),
    ],
)
def test_samples_are_a_tenth_of_a_millisecond_apart_where_that_is_possible(times, sampling):
    stimulus = {"name": "step", "waveform": {"step": {"delay": "1 ms", "duration": "2 ms", "amplitude": "1 nA"}}}
    found = Protocol.from_json({"stimuli": [stimulus | times]}).stimuli[0]
    assert found.sampling == sampling and found.samples == round(found.duration / sampling) + 1
