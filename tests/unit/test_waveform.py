import math

import numpy as np
import pytest

from gbar.errors import ProtocolError, UnitError
from gbar.protocol import Chirp, Noise, Ramp, Sampled, Step, Sum, Train, from_table

T = np.arange(0.0, 60.0, 0.05) + 0.0125


def test_step_is_on_from_delay_to_its_end():
    expected = [0.3 if 2 <= t < 12 else 0.0 for t in T]
    assert Step(2, 10, 0.3).current(T).tolist() == expected
    assert Step(2, 10, 0.3).current(np.array([2.0, 12.0])).tolist() == [0.3, 0.0]


def test_an_edge_on_a_time_survives_rounding():
    times = (np.arange(1000) + 0.5) * 0.02  # where 0.07 is 0.06999999999999999 or 0.07000000000000001
    on = Step(0.07, 0.1, 1.0).current(times) > 0
    assert np.flatnonzero(on).tolist() == [3, 4, 5, 6, 7]
    on = Train(0.07, 0.1, 0.3, 3, 1.0).current(times) > 0
    assert np.flatnonzero(on).tolist() == [3, 4, 5, 6, 7, 18, 19, 20, 21, 22, 33, 34, 35, 36, 37]


def test_train_by_its_definition():
    expected = [0.2 if any(5 + 7 * k <= t < 5 + 7 * k + 2 for k in range(4)) else 0.0 for t in T]
    assert Train(5, 2, 7, 4, 0.2).current(T).tolist() == expected
    with pytest.raises(ProtocolError, match="overlap"):
        Train(5, 8, 7, 4, 0.2)


def test_ramp_by_its_definition():
    expected = [-0.1 + 0.4 * (t - 5) / 20 if 5 <= t < 25 else 0.0 for t in T]
    np.testing.assert_allclose(Ramp(5, 20, -0.1, 0.3).current(T), expected, atol=1e-15)


def test_a_waveform_may_last_no_time():
    for wave in (Ramp(1, 0, 1, 2), Chirp(1, 5e-324, 1, 2, 3), Step(1, 0, 1), Noise(1, 0, 1, 1, 1, 1)):
        assert not wave.current(T).any()


def test_chirp_sweeps_its_frequency():
    """The phase is the integral of the frequency, taken here by sums."""
    fine = np.arange(0, 40, 0.001)
    frequency = 10 + (90 - 10) * fine / 40
    phase = 2 * np.pi * np.concatenate([[0], np.cumsum((frequency[:-1] + frequency[1:]) / 2 * 1e-6)])
    np.testing.assert_allclose(Chirp(5, 40, 0.2, 10, 90).current(5 + fine[:-1]), 0.2 * np.sin(phase[:-1]), atol=1e-9)
    assert not Chirp(5, 40, 0.2, 10, 90).current(np.array([4.9, 45.1])).any()


def test_noise_is_an_ornstein_uhlenbeck_process():
    grid = np.arange(0, 40000, 0.1) + 3
    x = Noise(3, 40000, 0.1, 0.05, 5.0, 7).current(grid)
    assert x.mean() == pytest.approx(0.1, abs=0.004)
    assert x.std() == pytest.approx(0.05, rel=0.05)
    for lag in (1, 20, 50):
        y = x - x.mean()
        assert (y[:-lag] * y[lag:]).mean() / y.var() == pytest.approx(math.exp(-lag * 0.1 / 5.0), abs=0.04)
    assert not Noise(3, 10, 0.1, 0.05, 5.0, 7).current(np.array([2.9, 13.1])).any()


def test_noise_is_its_seed_and_does_not_know_dt():
    short, long = Noise(3, 10, 0.1, 0.05, 5.0, 7), Noise(3, 50, 0.1, 0.05, 5.0, 7)
    t = np.arange(3, 13, 0.025)
    assert np.array_equal(short.current(t), long.current(t))
    assert np.array_equal(short.current(t)[::4], short.current(t[::4]))
    assert not np.array_equal(short.current(t), Noise(3, 10, 0.1, 0.05, 5.0, 8).current(t))
    middle = short.current(np.array([3.0, 3.05, 3.1]))
    assert middle[1] == pytest.approx((middle[0] + middle[2]) / 2)


def test_sampled_interpolates_and_holds_its_last_value():
    wave = Sampled(0.5, np.array([0.0, 1.0, -1.0]))
    assert wave.current(np.array([0.0, 0.25, 0.5, 0.75, 1.0, 9.0])).tolist() == [0.0, 0.5, 1.0, 0.0, -1.0, -1.0]
    assert wave == Sampled(0.5, np.array([0.0, 1.0, -1.0])) != Sampled(0.5, np.array([0.0, 1.0, 1.0]))
    assert not wave.values.flags.writeable
    for values in ([], [1.0, math.nan], [[1.0], [2.0]]):
        with pytest.raises(ProtocolError):
            Sampled(0.5, np.array(values))


def test_sampled_as_in_neuron(nrn):
    from neuron import h

    section = h.Section(name="played")
    clamp = h.IClamp(section(0.5))
    clamp.delay, clamp.dur = 0, 1e9
    # NEURON extrapolates the last slope; gbar holds the last value, which NEURON does with that value given twice.
    values, times = h.Vector([0.1, 0.2, -0.3, -0.3]), h.Vector([0, 0.5, 1.0, 9.0])
    values.play(clamp._ref_amp, times, True)
    recorded, t = h.Vector().record(clamp._ref_i), h.Vector().record(h._ref_t)
    h.dt = 0.025
    h.finitialize(-65)
    while h.t < 2:
        h.fadvance()
    middle = np.array(t)[1:] - 0.0125  # NEURON records, after a step, the current that acted in it
    wave = Sampled(0.5, np.array([0.1, 0.2, -0.3]))
    np.testing.assert_allclose(np.array(recorded)[1:], wave.current(middle), atol=1e-12)


def test_sum_adds():
    parts = (Step(2, 10, 0.3), Ramp(5, 20, 0.0, 0.1))
    np.testing.assert_array_equal(Sum(parts).current(T), parts[0].current(T) + parts[1].current(T))
    assert not Sum(()).current(T).any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Step(-1, 10, 0.3),
        lambda: Step(1, -10, 0.3),
        lambda: Step(1, 10, math.nan),
        lambda: Noise(1, 10, 0.1, -0.1, 5, 1),
        lambda: Noise(1, 10, 0.1, 0.1, 0, 1),
        lambda: Train(1, 0, 0, 3, 0.1),
        lambda: Sampled(0.0, np.zeros(3)),
    ],
)
def test_refuses_numbers_that_make_no_waveform(make):
    with pytest.raises(ProtocolError):
        make()


def test_a_table_with_times(tmp_path):
    file = tmp_path / "stim.csv"
    file.write_text("t (s),I (pA)\n0,0\n0.001,150\n0.002,-50\n")
    wave = from_table(file, current_unit="pA", time_unit="s")
    assert wave.dt == 1.0 and wave.values.tolist() == [0.0, 0.15, -0.05]
    file.write_text("0\n150\n")
    assert from_table(file, current_unit="pA", dt=0.1) == Sampled(0.1, np.array([0.0, 0.15]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"0,0\n1,1\n3,1\n", "not evenly spaced"),
        (b"5,0\n6,1\n7,1\n", "not evenly spaced from 0"),
        (b"0,0\n1,nan\n", "stim.csv:2: holds a number that is not finite"),
        (b"0,0\nzwei,1\n", "stim.csv:2: 'zwei,1' is no row of numbers"),
        (b"0,0\n1\n", "stim.csv:2: has 1 columns here, 2 above"),
        (b"t,i\n", "holds no numbers"),
        (b"", "is empty"),
        (b"0,1\n", "one row only"),
        (b"\x00\xff\xfe", "no text in UTF-8"),
        (b"0\n1\n2\n", "has 1 columns, none numbered 1"),
    ],
)
def test_refuses_a_bad_table(tmp_path, content, message):
    file = tmp_path / "stim.csv"
    file.write_bytes(content)
    with pytest.raises(ProtocolError, match=message):
        from_table(file, current_unit="pA", time_unit="ms")


def test_a_table_needs_its_units(tmp_path):
    file = tmp_path / "stim.csv"
    file.write_text("0,0\n1,1\n")
    with pytest.raises(ProtocolError, match="needs the unit of its time column or a dt"):
        from_table(file, current_unit="pA")
    with pytest.raises(UnitError):
        from_table(file, current_unit="mV", time_unit="ms")
    with pytest.raises(ProtocolError, match="is a directory"):
        from_table(tmp_path, current_unit="pA", time_unit="ms")
    with pytest.raises(ProtocolError, match="no such file"):
        from_table(tmp_path / "none.csv", current_unit="pA", time_unit="ms")
