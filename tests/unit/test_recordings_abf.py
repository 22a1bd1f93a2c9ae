from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from abf_files import (
    BIPHASIC,
    COSINE,
    CURRENT_CLAMP,
    NO_CURRENT,
    PULSES,
    RAMP,
    RESISTANCE,
    STEP,
    TRIANGLES,
    VOLTAGE_CLAMP,
    WRITERS,
    Abf,
    Channel,
    Command,
    with_copy,
    write_v1,
    write_v2,
)

from gbar.errors import RecordingError
from gbar.recordings.abf import read_abf
from gbar.recordings.abf_file import header_of, samples
from gbar.recordings.abf_waveform import command

LENGTH = 6400  # samples a sweep: 100 of them at the holding level first
HELD = LENGTH // 64
STEPS = [(STEP, 0.0, 0.0, 900, 0, 0, 0), (STEP, -50.0, 100.0, 2000, 0, 0, 0)]


@pytest.fixture(params=WRITERS)
def write(request):
    return WRITERS[request.param]


def volts(n=3, length=LENGTH):
    """Sweeps of one channel in mV: -65, and during the steps of STEPS 0.1 mV a pA more."""
    rows = []
    for k in range(n):
        v = np.full(length, -65.0)
        v[HELD + 900 : HELD + 2900] += 0.1 * (-50.0 + 100.0 * k)
        v[::7] += 0.5
        rows.append(v[None])
    return rows


def stepped(k, holding=0.0):
    current = np.full(LENGTH, holding)
    current[HELD : HELD + 900] = 0.0
    current[HELD + 900 : HELD + 2900] = -50.0 + 100.0 * k
    return current


def steps(**more):
    return Abf(volts(), commands=[Command(epochs=STEPS, **more)])


def test_voltage_and_the_protocols_command(tmp_path, write):
    path = write(tmp_path / "cell.abf", steps())
    parts = read_abf(path)
    assert parts["format"] == next(name for name, writer in WRITERS.items() if writer is write)
    assert parts["refused"] == parts["warnings"] == ()
    for k, sweep in enumerate(parts["sweeps"]):
        np.testing.assert_allclose(sweep.v, volts()[k][0], atol=0.02)
        np.testing.assert_array_equal(sweep.current, stepped(k) * 1e-3)
        assert (sweep.name, sweep.dt, sweep.start, sweep.holding) == (f"sweep_{k}", 0.05, float(k), 0.0)
        assert (sweep.stimulus, sweep.monitored, sweep.source) == ("steps", None, path)
        assert sweep.place == f"sweep {k} of Vm, command Cmd 0"
    assert parts["started"].isoformat() == "2020-01-02T01:00:00"


def test_holding_current_and_levels_kept_between_sweeps(tmp_path, write):
    held = read_abf(write(tmp_path / "held.abf", steps(holding=-20.0)))["sweeps"]
    assert [s.holding for s in held] == [-0.02] * 3
    np.testing.assert_array_equal(held[1].current, stepped(1, -20.0) * 1e-3)
    kept = read_abf(write(tmp_path / "kept.abf", steps(holding=-20.0, keeps=True)))["sweeps"]
    assert [float(s.current[0]) for s in kept] == [-0.02, -0.05, 0.05]  # what the sweep before has left
    assert [float(s.current[-1]) for s in kept] == [-0.05, 0.05, 0.15]


def test_telegraphed_gain_and_filter(tmp_path, write):
    channel = Channel(clamp=CURRENT_CLAMP, gain=5.0)
    parts = read_abf(write(tmp_path / "cell.abf", replace(steps(), channels=[channel])))
    np.testing.assert_allclose(parts["sweeps"][0].v, volts()[0][0], atol=0.004)
    assert parts["sweeps"][0].amplifier.filter == 10.0
    assert parts["device"] == "MultiClamp 700"


def test_samples_that_are_floats(tmp_path, write):
    sweeps = read_abf(write(tmp_path / "cell.abf", replace(steps(), floats=True)))["sweeps"]
    np.testing.assert_allclose(sweeps[2].v, volts()[2][0], rtol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("V", 1e-3), ("mV", 1.0), ("uV", 1e3), ("µV", 1e3)])
@pytest.mark.parametrize(("amps", "in_pa"), [("pA", 1.0), ("nA", 1e-3), ("A", 1e-12)])
def test_units_of_channel_and_command(tmp_path, unit, factor, amps, in_pa):
    epochs = [(kind, level * in_pa, step * in_pa, *rest) for kind, level, step, *rest in STEPS]
    data = [sweep * factor for sweep in volts()]
    abf = Abf(data, channels=[Channel(unit=unit)], commands=[Command(unit=amps, epochs=epochs)], floats=True)
    sweep = read_abf(write_v2(tmp_path / "cell.abf", abf))["sweeps"][1]
    np.testing.assert_allclose(sweep.v, volts()[1][0], rtol=1e-5)
    np.testing.assert_allclose(sweep.current, stepped(1) * 1e-3, rtol=1e-9)


TRAIN = (1000, 0, 250, 100)


@pytest.mark.parametrize(
    ("epoch", "shape"),
    [
        ((RAMP, 100.0, 0.0, 1000, 0, 0, 0), np.linspace(0.0, 100.0, 1000)),
        ((PULSES, 100.0, 0.0, *TRAIN), np.tile(np.r_[np.full(100, 100.0), np.zeros(150)], 4)),
        (
            (TRIANGLES, 100.0, 0.0, *TRAIN),
            np.tile(np.r_[np.linspace(0.0, 100.0, 100), np.linspace(100.0, 0.0, 150)], 4),
        ),
        ((COSINE, 100.0, 0.0, *TRAIN), 50.0 - 50.0 * np.cos(2.0 * np.pi * np.arange(1000) / 250)),
        ((BIPHASIC, 100.0, 0.0, *TRAIN), np.tile(np.r_[np.full(50, 100.0), np.full(50, -100.0), np.zeros(150)], 4)),
        ((STEP, 100.0, 0.0, 0, 0, 0, 0), np.zeros(0)),
    ],
)
def test_kinds_of_epochs(tmp_path, write, epoch, shape):
    path = write(tmp_path / "cell.abf", Abf(volts(1), commands=[Command(epochs=[epoch])]))
    header = header_of(path)
    values = command(header, header.outputs[0], 0, LENGTH)
    np.testing.assert_allclose(values[HELD : HELD + len(shape)], shape, atol=1e-9)
    assert not values[:HELD].any()
    assert not values[HELD + len(shape) :].any()


def test_durations_that_change_from_sweep_to_sweep(tmp_path, write):
    epochs = [(STEP, 100.0, 0.0, 500, 250, 0, 0), (STEP, -30.0, 0.0, 10, 0, 0, 0)]
    sweeps = read_abf(write(tmp_path / "cell.abf", Abf(volts(), commands=[Command(epochs=epochs)])))["sweeps"]
    assert [int(np.count_nonzero(s.current == 0.1)) for s in sweeps] == [500, 750, 1000]
    assert [int(np.argmin(s.current)) for s in sweeps] == [HELD + 500, HELD + 750, HELD + 1000]


@pytest.mark.parametrize(
    ("parameter", "repeats", "levels", "durations"),
    [
        (22, False, [10.0, 25.0, 25.0], [2000] * 3),  # level of the second epoch; the last value stays
        (22, True, [10.0, 25.0, 10.0], [2000] * 3),
        (32, False, [-50.0, 50.0, 150.0], [10, 25, 25]),  # its duration
        (8, False, [-50.0, 50.0, 150.0], [2000] * 3),  # of another output: no part of this one
    ],
)
def test_user_lists(tmp_path, write, parameter, repeats, levels, durations):
    abf = steps(user_list=(parameter, "10, 25,", repeats))
    sweeps = read_abf(write(tmp_path / "cell.abf", abf))["sweeps"]
    found = [s.current[HELD + 900] * 1e3 for s in sweeps]
    assert found == pytest.approx(levels)
    assert [int(np.count_nonzero(s.current)) for s in sweeps] == durations


def test_from_version_2_9_on_outputs_have_fifty_epochs(tmp_path):
    path = write_v2(tmp_path / "cell.abf", steps(user_list=(62, "10, 20, 30", False)), version=(2, 9))
    assert [s.current[HELD + 900] for s in read_abf(path)["sweeps"]] == pytest.approx([0.01, 0.02, 0.03])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user_list": (22, "abc", False)}, "its text 'abc' has no numbers"),
        ({"user_list": (4, "1, 2", False)}, "varies a conditioning train"),
        ({"conditioned": True}, "a conditioning train on Cmd 0 precedes every sweep"),
        ({"epochs": [(RESISTANCE, 1.0, 0.0, 100, 0, 0, 0)]}, "a test of the resistance"),
        ({"epochs": [(9, 1.0, 0.0, 100, 0, 0, 0)]}, "of the unknown kind 9"),
        ({"epochs": [(PULSES, 1.0, 0.0, 100, 0, 0, 0)]}, "a train of pulses 0 samples wide every 0"),
        ({"epochs": [(STEP, 1.0, 0.0, 2**31 - 1, 0, 0, 0)]}, "the epochs of Cmd 0 last 21474"),
    ],
)
def test_a_command_that_the_header_leaves_open_is_not_guessed(tmp_path, write, change, message):
    path = write(tmp_path / "cell.abf", Abf(volts(), commands=[Command(**({"epochs": STEPS} | change))]))
    with pytest.raises(RecordingError, match=f"no usable sweep: sweep_0: .*{message}.*and 2 more sweeps"):
        read_abf(path)


def test_sweeps_beyond_the_protocol_are_refused(tmp_path, write):
    parts = read_abf(write(tmp_path / "cell.abf", replace(steps(), per_run=2)))
    assert len(parts["sweeps"]) == 2
    assert parts["refused"] == ("sweep_2: the protocol has 2 sweeps, this one was added later",)


def test_outputs_that_take_turns(tmp_path, write):
    commands = [Command(epochs=STEPS), Command("Cmd 1", "mV", source=0)]
    sweeps = read_abf(write(tmp_path / "cell.abf", Abf(volts(4), commands=commands, alternating=True)))["sweeps"]
    assert [bool(s.current.any()) for s in sweeps] == [True, False, True, False]


def test_gap_free_at_the_holding_level(tmp_path, write):
    abf = Abf([np.full((1, 50_000), -70.0)], commands=[Command(holding=15.0, epochs=STEPS)], mode=3, synch=())
    (sweep,) = read_abf(write(tmp_path / "cell.abf", abf))["sweeps"]
    assert len(sweep.v) == 50_000
    assert np.ptp(sweep.current) == 0.0
    assert sweep.current[0] == 0.015
    assert sweep.warnings[0] == "gap-free: the command Cmd 0 stood at its holding level, 15 pA"


def test_events_of_different_length(tmp_path, write):
    lengths, starts = [1000, 3000, 500], [0, 2_500_000, 7_000_000]
    abf = Abf(
        [np.full((1, n), -70.0 + n * 0.01) for n in lengths],
        commands=[Command()],
        mode=1,
        synch=list(zip(starts, lengths, strict=True)),
    )
    sweeps = read_abf(write(tmp_path / "cell.abf", abf))["sweeps"]
    assert [len(s.v) for s in sweeps] == lengths
    assert [s.start for s in sweeps] == [0.0, 2.5, 7.0]
    assert [s.v[0] for s in sweeps] == pytest.approx([-60.0, -40.0, -65.0], abs=0.05)


def test_tags_are_told(tmp_path, write):
    path = write(tmp_path / "cell.abf", replace(steps(), tags=[(2_000_000, "TTX 1 uM")]))
    assert read_abf(path)["warnings"] == ("noted at 2 s: TTX 1 uM",)


def test_a_header_before_version_1_6(tmp_path):
    sweeps = read_abf(write_v1(tmp_path / "cell.abf", steps(), version=1.5))["sweeps"]
    np.testing.assert_array_equal(sweeps[2].current, stepped(2) * 1e-3)


VM, IM = Channel(), Channel("Im", "pA", 0.005, number=1)


def both(scale=1.0, **command):
    """Voltage and a measured current of `scale` times STEPS."""
    data = [np.vstack([v, scale * stepped(k) + 3.0]) for k, v in enumerate(volts())]
    return Abf(data, channels=[VM, IM], commands=[Command(**({"epochs": STEPS} | command))])


def test_a_recorded_current_beside_a_command(tmp_path, write):
    parts = read_abf(write(tmp_path / "cell.abf", both()))
    for k, sweep in enumerate(parts["sweeps"]):
        np.testing.assert_array_equal(sweep.current, stepped(k) * 1e-3)
        np.testing.assert_allclose(sweep.monitored, (stepped(k) + 3.0) * 1e-3, atol=1e-4)
    assert parts["warnings"] == ()
    (warning,) = read_abf(write(tmp_path / "half.abf", both(0.5)))["warnings"]
    assert warning == "the recorded current Im is 0.5 times the command Cmd 0"


def test_a_recorded_current_without_a_command(tmp_path, write):
    parts = read_abf(write(tmp_path / "cell.abf", both(unit="mV")))
    for k, sweep in enumerate(parts["sweeps"]):
        np.testing.assert_allclose(sweep.current, (stepped(k) + 3.0) * 1e-3, atol=1e-4)
        assert sweep.monitored is sweep.current
        assert sweep.place == f"sweep {k} of Vm, recorded current Im"
    assert parts["warnings"] == (
        "no command in amperes: the current is the recorded Im",
        "its command Cmd 0 (mV) is not in amperes and is disregarded",
    )


def test_a_recorded_current_where_the_command_cannot_be_known(tmp_path, write):
    path = write(tmp_path / "cell.abf", both(conditioned=True))
    sweep = read_abf(path)["sweeps"][0]
    assert sweep.monitored is sweep.current
    assert sweep.warnings[0].endswith("which the file does not hold: the current is the recorded one")
    with pytest.raises(RecordingError, match="a conditioning train"):
        read_abf(path, current_channel="Cmd 0")
    stated = read_abf(path, current_channel="Im")
    assert stated["warnings"] == ("the current is the recorded Im, as stated",)


def test_voltage_clamp_by_units(tmp_path, write):
    abf = Abf(volts(), channels=[Channel("Im", "pA")], commands=[Command(unit="mV", epochs=STEPS)])
    with pytest.raises(RecordingError, match="voltage clamp: the command Cmd 0 is in mV, Im in pA"):
        read_abf(write(tmp_path / "cell.abf", abf))


def test_voltage_clamp_by_the_recorded_voltage(tmp_path, write):
    """Voltage and current are both recorded: a voltage that makes the command's steps at once is clamped."""
    abf = both(unit="mV")
    abf.data = [np.vstack([stepped(k) - 70.0, row[1]]) for k, row in enumerate(abf.data)]
    path = write(tmp_path / "cell.abf", abf)
    for stated in (None, "Im"):
        with pytest.raises(RecordingError, match="voltage clamp: the recorded voltage makes the steps of the command"):
            read_abf(path, current_channel=stated)


@pytest.mark.parametrize("change", [{"source": 0}, {"epochs": [(STEP, 0.5, 0.0, 900, 0, 0, 0)]}])
def test_a_clamp_that_nothing_tells_is_the_users_to_state(tmp_path, write, change):
    path = write(tmp_path / "cell.abf", both(unit="mV", **change))
    with pytest.raises(RecordingError, match=r"nothing says whether voltage or current was clamped.*current_channel="):
        read_abf(path)
    assert len(read_abf(path, current_channel="Im")["sweeps"]) == 3


@pytest.mark.parametrize("which", ["Vm", "Im"])
def test_voltage_clamp_by_telegraph(tmp_path, write, which):
    abf = both()
    abf.channels = [replace(c, clamp=VOLTAGE_CLAMP) if c.name == which else c for c in abf.channels]
    with pytest.raises(RecordingError, match=f"voltage clamp: so the amplifier reported of {which}"):
        read_abf(write(tmp_path / "cell.abf", abf))


def test_no_current_by_telegraph(tmp_path, write):
    (first, *_) = read_abf(write(tmp_path / "cell.abf", replace(steps(), channels=[Channel(clamp=NO_CURRENT)])))[
        "sweeps"
    ]
    assert not first.current.any()
    assert first.warnings[0] == "the amplifier reported I = 0: no current was injected"


def test_a_voltage_labelled_as_a_current(tmp_path, write):
    told = Channel("IN 0", "pA", clamp=CURRENT_CLAMP)
    with pytest.raises(RecordingError, match="wrong unit: IN 0 is labelled pA, but the amplifier was in current clamp"):
        read_abf(write(tmp_path / "told.abf", replace(steps(), channels=[told])))
    with pytest.raises(RecordingError, match="wrong unit: the recorded channel and its command are both currents"):
        read_abf(write(tmp_path / "cell.abf", replace(steps(), channels=[Channel("IN 0", "pA")])))


def two_cells():
    data = [np.vstack([v, v - 5.0]) for v in volts()]
    channels = [Channel("A", "mV"), Channel("B", "mV", number=1)]
    commands = [Command("Cmd 0", epochs=STEPS), Command("Cmd 1", epochs=[(STEP, 40.0, 0.0, 800, 0, 0, 0)])]
    return Abf(data, channels=channels, commands=commands)


def test_two_cells_are_the_users_choice(tmp_path, write):
    path = write(tmp_path / "pair.abf", two_cells())
    listed = r"\(recorded: A \(mV\), B \(mV\); commanded: Cmd 0 \(pA\), Cmd 1 \(pA\)\); state them: voltage_channel="
    with pytest.raises(RecordingError, match=f"2 channels are voltages: which is the cell's {listed}"):
        read_abf(path)
    with pytest.raises(RecordingError, match="commands are currents: which was injected"):
        read_abf(path, voltage_channel="B")
    sweep = read_abf(path, voltage_channel="B", current_channel="Cmd 1")["sweeps"][0]
    assert sweep.v[1] == pytest.approx(-70.0, abs=0.05)
    assert sweep.current.max() == 0.04
    for wrong in ({"voltage_channel": "C"}, {"voltage_channel": "A", "current_channel": "Cmd 2"}):
        with pytest.raises(RecordingError, match=f"under the name '{list(wrong.values())[-1]}'"):
            read_abf(path, **wrong)


STIMULUS = "C:\\stimuli\\noise.abf"


def from_file(path=STIMULUS, **more):
    return Abf(volts(), commands=[Command(source=2, path=path, **more)])


def a_stimulus(path, n=1, length=LENGTH):
    data = [np.full((1, length), 10.0 * (k + 1)) for k in range(n)]
    return write_v2(path, Abf(data, channels=[Channel("IN 0", "pA", 0.1)], floats=True))


def test_a_stimulus_file_in_the_folder_named(tmp_path, write):
    path = write(tmp_path / "cell.abf", from_file(scale=2.0, offset=5.0))
    with pytest.raises(RecordingError, match=r"stimulus file 'noise\.abf', which is not in .*--stimulus-folder"):
        read_abf(path)
    (tmp_path / "stimuli").mkdir()
    a_stimulus(tmp_path / "stimuli" / "NOISE.abf")
    parts = read_abf(path, stimulus_folder=tmp_path / "stimuli")
    assert [s.current[HELD] for s in parts["sweeps"]] == [0.025] * 3
    assert parts["sweeps"][0].warnings == ("the command is that of the stimulus file NOISE.abf",)


@pytest.mark.parametrize(("sweep", "levels"), [(0, [0.01, 0.02, 0.03]), (3, [0.03] * 3), (-1, [0.02, 0.03, 0.04])])
def test_a_stimulus_file_of_several_sweeps(tmp_path, write, sweep, levels):
    a_stimulus(tmp_path / "noise.abf", 4)
    sweeps = read_abf(write(tmp_path / "cell.abf", from_file(sweep=sweep)))["sweeps"]
    assert [s.current[HELD] for s in sweeps] == levels
    for s in sweeps:  # the first and the last 1/64 of a sweep stand at the holding level
        assert not s.current[:HELD].any()
        assert not s.current[-HELD:].any()


def test_a_stimulus_file_that_is_too_short(tmp_path, write):
    a_stimulus(tmp_path / "noise.abf", 2, LENGTH - 400)
    parts = read_abf(write(tmp_path / "cell.abf", from_file(holding=-3.0)))
    assert parts["refused"] == ("sweep_2: the stimulus file noise.abf has 2 sweeps, sweep 3 was delivered",)
    sweep = parts["sweeps"][0]
    assert (sweep.current[HELD], sweep.current[-401]) == (0.01, 0.01)
    assert set(sweep.current[-400:]) == {-0.003}
    assert sweep.warnings[1] == "noise.abf ends 20 ms before the sweep: holding level from there"


def test_a_stimulus_file_is_compared_with_the_copy_in_the_recording(tmp_path, write):
    noise = np.random.default_rng(0).normal(0.0, 50.0, LENGTH)
    write_v2(tmp_path / "noise.abf", Abf([noise[None]], channels=[Channel("IN 0", "pA")], floats=True))
    path = write(tmp_path / "cell.abf", from_file())
    delivered = noise.copy()
    delivered[:HELD] = delivered[-HELD:] = 0.0
    parts = read_abf(with_copy(path, np.round(7.9 * delivered) + 11))
    np.testing.assert_allclose(parts["sweeps"][2].current, delivered * 1e-3, rtol=1e-6)
    write(path, from_file())
    with pytest.raises(RecordingError, match=r"noise\.abf is not what was played: the recording's own copy"):
        read_abf(with_copy(path, np.round(7.9 * delivered[::-1])))


def test_an_axon_text_file_as_stimulus(tmp_path, write):
    rows = "\n".join(f"{k * 1e-4:g}\t{k % 10}" for k in range(LENGTH))
    (tmp_path / "noise.atf").write_text(f'ATF\t1.0\n1\t2\n"Signals="\t"IN 0"\n"Time (s)"\t"Trace #1 (mV)"\n{rows}\n')
    sweep = read_abf(write(tmp_path / "cell.abf", from_file("D:\\noise.atf")))["sweeps"][0]
    assert sweep.current[HELD + 13] == 0.003
    assert sweep.warnings == (
        "the command is that of the stimulus file noise.atf",
        "noise.atf is sampled every 0.1 ms and was played every 0.05 ms",
        "noise.atf states mV; its numbers are taken as pA, the unit of Cmd 0",
    )
    (tmp_path / "noise.atf").write_text("ATF\t1.0\n1\t2\n")
    with pytest.raises(RecordingError, match="an Axon text file that cannot be read"):
        read_abf(tmp_path / "cell.abf")


@pytest.mark.parametrize("name", ["..\\secret.abf", "/etc/../secret.abf", "\\\\server\\share\\secret.abf", "..", "C:"])
def test_a_stimulus_is_never_sought_outside_its_folder(tmp_path, write, name):
    """The name alone counts, and only where it lies in the folder itself."""
    (tmp_path / "inside").mkdir()
    a_stimulus(tmp_path / "secret.abf")
    path = write(tmp_path / "inside" / "cell.abf", from_file(name))
    with pytest.raises(RecordingError, match=r"which is not in .*inside"):
        read_abf(path)
    link = tmp_path / "inside" / "secret.abf"
    link.symlink_to(tmp_path / "secret.abf")
    with pytest.raises(RecordingError, match=r"which is not in .*inside"):
        read_abf(path)


@pytest.mark.parametrize("claimed", [2_000_000_000, 0, -1])
def test_a_header_that_lies_about_its_samples(tmp_path, write, claimed):
    path = write(tmp_path / "cell.abf", replace(steps(), claimed=claimed))
    tracemalloc.start()
    with pytest.raises(RecordingError, match="damaged, truncated or still being written"):
        read_abf(path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_every_cut_of_a_file_is_refused(tmp_path, write):
    whole = write(tmp_path / "whole.abf", steps()).read_bytes()
    needed = len(whole.rstrip(b"\0"))
    for cut in {*np.linspace(4, needed - 600, 40).astype(int), 5, 511, 512, 2048, 6143}:
        path = tmp_path / "cut.abf"
        path.write_bytes(whole[:cut])
        with pytest.raises(RecordingError, match="damaged, truncated or still being written"):
            read_abf(path)


def test_any_byte_of_a_header_may_be_wrong(tmp_path, write):
    whole = write(tmp_path / "whole.abf", both()).read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / "cell.abf"
    for place in random.integers(4, 6144 if write is write_v1 else 4096, 150):
        wrong = bytearray(whole)
        wrong[place : place + 4] = random.integers(0, 256, 4, dtype=np.uint8).tobytes()
        path.write_bytes(wrong)
        try:
            read_abf(path)
        except RecordingError as error:
            assert "\n" not in str(error)


def test_too_many_samples_for_memory_are_refused_before_they_are_read(tmp_path, write, monkeypatch):
    monkeypatch.setattr("gbar.recordings.abf._MOST_BYTES", 100_000)
    with pytest.raises(RecordingError, match="its sweeps need 0 MB of memory, more than 0 MB; save fewer sweeps"):
        read_abf(write(tmp_path / "cell.abf", steps()))


@pytest.mark.parametrize("version", WRITERS)
def test_headers_and_commands_as_pyabf_has_them(tmp_path, version):
    """PyABF is an independent reader; it has no trains in ABF 1 and no holding level of ABF 1."""
    pyabf = pytest.importorskip("pyabf")
    shapes = [RAMP] if version == "ABF 1" else [RAMP, PULSES, TRIANGLES, BIPHASIC]
    epochs = [STEPS[1], *((kind, 20.0 + kind, 5.0, 600, 0, 200, 80) for kind in shapes)]
    path = WRITERS[version](tmp_path / "cell.abf", Abf(volts(), commands=[Command(epochs=epochs, keeps=True)]))
    if version == "ABF 1":
        epochs[0] = (STEP, 0.0, 100.0, 2000, 0, 0, 0)  # pyabf takes the first level for the holding level
        path = WRITERS[version](tmp_path / "cell.abf", Abf(volts(), commands=[Command(epochs=epochs)]))
    theirs, header = pyabf.ABF(str(path)), header_of(path)
    for k in range(3):
        theirs.setSweep(k)
        np.testing.assert_allclose(samples(path, header, 0, k), theirs.sweepY, rtol=1e-5)
        np.testing.assert_allclose(command(header, header.outputs[0], k, LENGTH), theirs.sweepC, atol=1e-4)


# What is in ../shared: sweeps, samples, dt in ms, range of v in mV, range of I in nA, spikes.
SHARED = {
    "pyabf/171116sh_0016.abf": (
        *("ABF 2", 11, 20000, 0.05, (-61.7, 61.7), (0.0, 0.1)),
        [0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
    ),
    "pyabf/171116sh_0018.abf": (
        *("ABF 2", 17, 60000, 0.05, (-76.7, 60.9), (-0.1, 0.3)),
        [0, 0, 0, 0, 0, 0, 2, 3, 6, 8, 10, 12, 12, 14, 16, 16, 18],
    ),
    "pyabf/File_axon_5.abf": ("ABF 2", 9, 20000, 0.05, (-87.8, 35.0), (-0.1, 0.3), [0, 0, 0, 0, 0, 0, 2, 2, 3]),
    "ferguson_ca1/PYR5_rebound.abf": (
        *("ABF 1", 10, 20000, 0.1, (-75.9, 23.2), (-0.425, 0.481)),
        [2, 4, 3, 4, 5, 5, 3, 4, 4, 5],
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_files_of_laboratories(shared, name):
    version, count, length, dt, volts, amps, spikes = SHARED[name]
    parts = read_abf(shared / "recordings" / name)
    sweeps = parts["sweeps"]
    assert (parts["format"], len(sweeps), parts["refused"]) == (version, count, ())
    assert {(len(s.v), s.dt) for s in sweeps} == {(length, dt)}
    assert (min(s.v.min() for s in sweeps), max(s.v.max() for s in sweeps)) == pytest.approx(volts, abs=0.1)
    assert (min(s.current.min() for s in sweeps), max(s.current.max() for s in sweeps)) == pytest.approx(amps, abs=1e-3)
    assert [s.spike_count() for s in sweeps] == spikes


def test_the_commands_of_laboratories_are_the_published_ones(shared):
    folder = shared / "recordings" / "pyabf"
    dual = read_abf(folder / "171116sh_0018.abf")["sweeps"]
    assert [s.current[5_000] for s in dual] == pytest.approx([-0.1 + 0.025 * k for k in range(17)])
    assert {float(s.current[30_000]) for s in dual} == {-0.1}
    assert [s.start for s in dual[:3]] == [0.0, 3.0, 6.0]
    ramps = read_abf(folder / "171116sh_0016.abf")["sweeps"]
    assert [round(float(s.current[-1]), 4) for s in ramps] == [round(0.01 * k, 4) for k in range(11)]
    steps = read_abf(folder / "File_axon_5.abf")["sweeps"]
    assert [s.amplitude for s in steps] == pytest.approx([-0.1 + 0.05 * k for k in range(9)])


def test_a_recorded_current_in_a_file_whose_command_is_in_volts(shared):
    parts = read_abf(shared / "recordings" / "ferguson_ca1" / "PYR5_rebound.abf")
    sweep = parts["sweeps"][0]
    assert sweep.monitored is sweep.current
    assert np.median(sweep.current[:800]) == pytest.approx(0.049, abs=0.002)  # held by +49 pA
    step = np.median(parts["sweeps"][9].current[1500:10_000]) - np.median(parts["sweeps"][9].current[:800])
    assert step == pytest.approx(-0.25, abs=0.01)
    assert "no command in amperes: the current is the recorded Imemb" in parts["warnings"]


def test_a_stimulus_that_lies_in_another_folder(shared):
    folder = shared / "recordings" / "pyabf"
    with pytest.raises(RecordingError, match=r"the stimulus file 'sine sweep magnitude 20\.abf', which is not in"):
        read_abf(folder / "171116sh_0017.abf")
    sweeps = read_abf(folder / "171116sh_0017.abf", stimulus_folder=folder / "external_stimulus")["sweeps"]
    assert [s.departure for s in sweeps] == [100_000 // 64] * 3
    assert [(len(s.v), s.dt, s.current.min(), s.current.max()) for s in sweeps] == [
        (100_000, 0.1, pytest.approx(-0.02, rel=1e-4), pytest.approx(0.02, rel=1e-4))
    ] * 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("opto_aps_bad_units.abf", "wrong unit: IN 0 is labelled pA, but the amplifier was in current clamp"),
        ("190619B_0003.abf", r"2 channels are voltages.*recorded: IN 0 \(mV\), IN 2 \(mV\); commanded: Cmd 0 \(pA\)"),
        ("external_stimulus/sine sweep magnitude 20.abf", r"no channel is a voltage .*IN 0 \(no unit\)"),
    ],
)
def test_files_of_laboratories_that_are_refused(shared, name, message):
    with pytest.raises(RecordingError, match=message):
        read_abf(shared / "recordings" / "pyabf" / name)


def test_the_cells_channel_may_be_stated(shared):
    path = shared / "recordings" / "pyabf" / "190619B_0003.abf"
    sweeps = read_abf(path, voltage_channel="IN 0", current_channel="Cmd 0")["sweeps"]
    assert [(len(s.v), s.dt) for s in sweeps] == [(30_640, 0.1)] * 10
    assert [round(s.amplitude, 3) for s in sweeps] == [round(-0.12 + 0.06 * k, 3) for k in range(10)]
    assert max(s.v.max() for s in sweeps) == pytest.approx(27.1, abs=0.1)
