from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from igor_files import EPOCH, TYPES, Wave

from gbar.errors import RecordingError, UnitError
from gbar.recordings import read
from gbar.recordings.igor import read_igor
from gbar.recordings.igor_wave import wave_header, wave_samples

LENGTH = 2000
V = np.full(LENGTH, -65.0)  # mV
V[500:1500] += 20.0
PA = np.zeros(LENGTH)
PA[500:1500] = 200.0


def pair(folder, stem="X_IDrest_ch{}_7", *, scale=1.0, **more):
    """A current (ch0) and a voltage (ch1) in SI units."""
    current = Wave(PA * 1e-12 * scale, "A", **more).write(folder / f"{stem.format(0)}.ibw")
    return current, Wave(V * 1e-3, "V", **more).write(folder / f"{stem.format(1)}.ibw")


@pytest.mark.parametrize("version", [1, 2, 3, 5])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_pair_in_every_version_and_byte_order(tmp_path, version, order):
    pair(tmp_path, version=version, order=order)
    parts = read_igor(tmp_path)
    (sweep,) = parts["sweeps"]
    np.testing.assert_allclose(sweep.v, V, rtol=1e-6)
    np.testing.assert_allclose(sweep.current, PA * 1e-3, rtol=1e-6)
    assert sweep.monitored is sweep.current
    assert (sweep.name, sweep.stimulus, sweep.dt, sweep.start) == ("IDrest_7", "IDrest", 0.05, 0.0)
    assert sweep.place == "X_IDrest_ch1_7.ibw and X_IDrest_ch0_7.ibw"
    assert (parts["format"], parts["refused"]) == ("Igor", ())
    assert (parts["started"] is None) == (version == 1)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("order", ["<", ">"])
def test_real_types(tmp_path, kind, order):
    values = np.arange(100) % 50
    header = wave_header(Wave(values, type=kind, order=order).write(tmp_path / "wave.ibw"))
    np.testing.assert_array_equal(wave_samples(header), values)


@pytest.mark.parametrize("version", [2, 3, 5])
def test_notes_and_long_units(tmp_path, version):
    wave = Wave(V, "mV", version=version, note="L5 cell\rRs 12 MOhm", time_unit="ms", dt=0.05)
    header = wave_header(wave.write(tmp_path / "wave.ibw"))
    assert (header.note, header.unit, header.time_unit, header.interval) == ("L5 cell\nRs 12 MOhm", "mV", "ms", 0.05)
    if version == 5:
        header = wave_header(replace(wave, unit="Volts", time_unit="msec").write(tmp_path / "long.ibw"))
        assert (header.unit, header.time_unit) == ("Volts", "msec")


@pytest.mark.parametrize(("unit", "factor"), [("mV", 1.0), ("V", 1e-3), ("uV", 1e3)])
@pytest.mark.parametrize(("amps", "of_pa"), [("pA", 1.0), ("nA", 1e-3), ("A", 1e-12)])
@pytest.mark.parametrize(("time_unit", "dt"), [("s", 5e-5), ("ms", 0.05)])
def test_units(tmp_path, unit, factor, amps, of_pa, time_unit, dt):
    Wave(V * factor, unit, dt, time_unit, type="f8").write(tmp_path / "Vm_3.ibw")
    Wave(PA * of_pa, amps, dt, time_unit, type="f8").write(tmp_path / "Im_3.ibw")
    (sweep,) = read_igor(tmp_path)["sweeps"]
    np.testing.assert_allclose(sweep.v, V)
    np.testing.assert_allclose(sweep.current, PA * 1e-3)
    assert (sweep.dt, sweep.stimulus) == (0.05, "")


def test_one_wave_finds_its_partner(tmp_path):
    for n in (7, 8):
        current, voltage = pair(tmp_path, f"X_IDrest_ch{{}}_{n}")
    pair(tmp_path, "X_APWaveform_ch{}_8")
    for path in (current, voltage):
        assert [s.name for s in read_igor(path)["sweeps"]] == ["IDrest_8"]
        assert read_igor(path)["refused"] == ()
    current.unlink()
    with pytest.raises(RecordingError, match=r"X_IDrest_ch1_8.*no wave in amperes whose name differs in one word"):
        read_igor(voltage)


def test_waves_by_name_are_one_recording(tmp_path):
    waves = [path for n in (2, 10, 1) for path in pair(tmp_path, f"X_IV_ch{{}}_{n}", created=0)]
    sweeps = read_igor(waves)["sweeps"]
    assert [(s.name, s.start) for s in sweeps] == [("IV_1", 0.0), ("IV_2", 1.0), ("IV_10", 2.0)]


def test_sweeps_in_the_order_of_their_dates(tmp_path):
    for n, seconds in ((1, 60), (2, 0), (3, 60), (4, 30)):
        pair(tmp_path, f"X_IV_ch{{}}_{n}", created=EPOCH + 1_577_836_800 + seconds)
    parts = read_igor(tmp_path)
    assert [(s.name, s.start) for s in parts["sweeps"]] == [
        ("IV_2", 0.0),
        ("IV_4", 30.0),
        ("IV_1", 60.0),
        ("IV_3", 60.0),
    ]
    assert parts["started"].isoformat() == "2020-01-01T00:00:00"


def test_partners_are_told_by_units_not_by_number(tmp_path):
    Wave(V * 1e-3, "V").write(tmp_path / "X_IV_ch0_1.ibw")
    Wave(PA * 1e-12, "A").write(tmp_path / "X_IV_ch1_1.ibw")
    (sweep,) = read_igor(tmp_path)["sweeps"]
    assert sweep.place == "X_IV_ch0_1.ibw and X_IV_ch1_1.ibw"


def test_what_has_no_one_partner_is_refused(tmp_path):
    pair(tmp_path, "X_A_ch{}_1")
    Wave(V * 1e-3, "V").write(tmp_path / "X_A_ch2_1.ibw")  # two voltages of one current
    pair(tmp_path, "X_B_ch{}_11")
    Wave(PA * 1e-12, "A").write(tmp_path / "X_B_ch2_11.ibw")  # two currents of one voltage
    Wave(V * 1e-3, "V").write(tmp_path / "X_C_ch1_31.ibw")
    Wave(PA * 1e-12, "A").write(tmp_path / "X_D_ch0_42.ibw")
    Wave(V, "").write(tmp_path / "X_E_ch0_53.ibw")
    Wave(V, "degC").write(tmp_path / "X_F_ch0_64.ibw")
    pair(tmp_path, "X_G_ch{}_75")
    parts = read_igor(tmp_path)
    assert [s.name for s in parts["sweeps"]] == ["G_75"]
    assert sorted(parts["refused"]) == [
        "X_A_ch1_1.ibw: several voltages could belong to the current X_A_ch0_1.ibw",
        "X_A_ch2_1.ibw: several voltages could belong to the current X_A_ch0_1.ibw",
        "X_B_ch1_11.ibw: 2 waves in amperes could be its current (X_B_ch0_11.ibw, X_B_ch2_11.ibw)",
        "X_C_ch1_31.ibw: no wave in amperes whose name differs in one word: the current that was injected is missing",
        "X_D_ch0_42.ibw: a current without a voltage of its name",
        "X_E_ch0_53.ibw: it states no unit",
        "X_F_ch0_64.ibw: its unit is 'degC', neither of voltage nor of current",
    ]


@pytest.mark.parametrize(
    ("current", "message"),
    [
        ({"dt": 1e-4}, "voltage every 0.05 ms, current every 0.1 ms"),
        ({"time_unit": ""}, "the unit of its x scaling is 's', not of time|'', not of time"),
        ({"dt": float("nan")}, "not of time"),
        ({"dt": -5e-5}, "voltage every 0.05 ms, current every -0.05 ms"),
    ],
)
def test_pairs_that_do_not_fit(tmp_path, current, message):
    Wave(V * 1e-3, "V").write(tmp_path / "V_1.ibw")
    Wave(PA * 1e-12, "A", **current).write(tmp_path / "I_1.ibw")
    with pytest.raises(RecordingError, match=message):
        read_igor(tmp_path)


def test_a_shorter_current(tmp_path):
    Wave(V * 1e-3, "V").write(tmp_path / "V_1.ibw")
    Wave(PA[:1900] * 1e-12, "A").write(tmp_path / "I_1.ibw")
    (sweep,) = read_igor(tmp_path)["sweeps"]
    assert len(sweep.v) == len(sweep.current) == 1900
    assert sweep.warnings[0] == "2000 samples of voltage, 1900 of current: the first 1900 of both are used"


def test_a_wrong_unit(tmp_path):
    Wave(V, "V").write(tmp_path / "V_1.ibw")
    Wave(PA * 1e-12, "A").write(tmp_path / "I_1.ibw")
    with pytest.raises(RecordingError, match=r"\|v\| reaches 65000 mV: is its unit wrong"):
        read_igor(tmp_path)


def nan_wave(path):
    v = V * 1e-3
    v[77] = np.nan
    Wave(v).write(path)
    Wave(PA * 1e-12, "A").write(path.with_name("I_1.ibw"))


def cut(path):
    whole = Wave(V).write(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


CASES = {
    "text wave": (lambda p: Wave(V, kind=0).write(p), "a text wave, not samples"),
    "complex wave": (lambda p: Wave(V, kind=3).write(p), "a wave of complex numbers"),
    "unknown type": (lambda p: Wave(V, kind=6).write(p), "a wave of the unknown type 6"),
    "two dimensions": (lambda p: Wave(V, dimensions=(1000, 2)).write(p), "a wave of 2 dimensions"),
    "no samples": (lambda p: Wave(V[:0]).write(p), "a wave without samples"),
    "no unit": (lambda p: Wave(V, "").write(p), "it states no unit; set its units in Igor"),
    "truncated": (cut, "its header promises 2000 samples, the file holds 952: it is truncated"),
    "header alone": (
        lambda p: p.write_bytes(Wave(V).write(p).read_bytes()[:100]),
        "its header needs more than the 100",
    ),
    "4e8 samples": (lambda p: Wave(V, points=400_000_000).write(p), "a wave that claims 400000000 samples"),
    "negative": (lambda p: Wave(V, points=-1).write(p), "a wave without samples"),
    "too many": (lambda p: Wave(V, points=2001).write(p), "promises 2001 samples, the file holds 2000"),
    "no wave": (lambda p: p.write_bytes(b"\7\0" + bytes(500)), "not an Igor binary wave of version 1, 2, 3 or 5"),
    "nan": (nan_wave, "sweep .*: the voltage is nan at sample 77"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_clear_line(tmp_path, case):
    make, message = CASES[case]
    path = tmp_path / "V_1.ibw"
    make(path)
    tracemalloc.start()
    with pytest.raises(RecordingError, match=message) as caught:
        read_igor(path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert "\n" not in str(caught.value)


def test_any_byte_of_a_header_may_be_wrong(tmp_path):
    random = np.random.default_rng(1)
    for version in (2, 5):
        path = tmp_path / "V_1.ibw"
        whole = Wave(V, version=version, note="a note").write(path).read_bytes()
        for place in random.integers(0, 384, 150):
            wrong = bytearray(whole)
            wrong[place : place + 4] = random.integers(0, 256, 4, dtype=np.uint8).tobytes()
            path.write_bytes(wrong)
            try:
                wave_samples(wave_header(path))
            except RecordingError as error:
                assert "\n" not in str(error)


def test_a_partner_is_never_sought_outside_the_folder(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    voltage = Wave(V * 1e-3).write(inside / "V_1.ibw")
    (inside / "I_1.ibw").symlink_to(Wave(PA * 1e-12, "A").write(tmp_path / "I_1.ibw"))
    with pytest.raises(RecordingError, match="no wave in amperes"):
        read_igor(voltage)


def test_a_folder_without_waves(tmp_path):
    with pytest.raises(RecordingError, match=r"no Igor wave \(.ibw\); name a wave, or a folder of them"):
        read_igor(tmp_path)


@pytest.mark.parametrize("version", [2, 5])
@pytest.mark.parametrize("order", ["<", ">"])
def test_waves_as_igor2_has_them(tmp_path, version, order):
    binarywave = pytest.importorskip("igor2.binarywave")
    path = Wave(V * 1e-3, version=version, order=order, note="a note").write(tmp_path / "wave.ibw")
    theirs, header = binarywave.load(str(path)), wave_header(path)
    np.testing.assert_array_equal(wave_samples(header), theirs["wave"]["wData"])
    assert theirs["wave"]["note"].decode() == header.note


# What is in ../shared: sweeps, samples, dt in ms, range of v in mV, spikes.
SHARED = {
    "APThreshold": (3, 20400, 0.1, (-70.6, 44.5), [13, 13, 13]),
    "APWaveform": (27, 5999, 0.01, (-83.9, 39.3), [0, 1, 1, 2, 2, 2, 3, 3, 3] + [0, 1, 1, 2, 2, 2, 2, 3, 3] * 2),
    "IV": (30, 5280, 0.25, (-90.6, -55.8), [0] * 30),
    "sAHP": (6, 5480, 0.5, (-70.3, 40.5), [2, 3, 4, 5, 6, 7]),
    "IDrest": (32, 12000, 0.25, (-84.1, 42.8), None),
    "IDthresh": (18, 12000, 0.25, (-77.5, 42.5), [0, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 1, 2, 2, 4, 3]),
    "SpikeRec": (6, 1400, 0.05, (-92.8, 54.6), [2, 2, 2, 2, 1, 1]),
}


def test_a_cell_of_a_laboratory(shared):
    parts = read_igor(shared / "recordings" / "bbp_c060114a5_ibw")
    sweeps = parts["sweeps"]
    assert (len(sweeps), parts["refused"]) == (122, ())
    assert [s.start for s in sweeps] == sorted(s.start for s in sweeps)
    assert parts["started"].isoformat() == "2006-01-14T15:21:22"
    assert {s.stimulus for s in sweeps} == set(SHARED)
    for protocol, (count, length, dt, volts, spikes) in SHARED.items():
        mine = [s for s in sweeps if s.stimulus == protocol]
        assert len(mine) == count
        assert {(len(s.v), s.dt) for s in mine} == {(length, dt)}
        assert (min(s.v.min() for s in mine), max(s.v.max() for s in mine)) == pytest.approx(volts, abs=0.1)
        assert spikes is None or [s.spike_count() for s in mine] == spikes
        numbers = [int(s.name.rpartition("_")[2]) for s in mine]
        assert numbers == sorted(numbers)
        for s in mine:  # held by -50 to -85 pA
            assert s.monitored is s.current
            assert -0.09 < np.median(s.current[:40]) < -0.04
    strongest = max((s for s in sweeps if s.stimulus == "IDrest"), key=lambda s: s.spike_count())
    assert strongest.spike_count() == 33
    assert np.abs(strongest.current).max() > 0.4  # artefacts of the monitor at spikes


def test_what_waves_do_not_say_is_stated(tmp_path):
    """B95_Ch0_IDRest_107 and B95_Ch3_IDRest_107, as one laboratory names its waves, without a unit of time."""
    v, i = np.full(400, -70.0), np.repeat([0.0, 50.0], 200)
    Wave(v, "mV", dt=0.25, time_unit="").write(tmp_path / "B95_Ch3_IDRest_107.ibw")
    Wave(i, "pA", dt=0.25, time_unit="").write(tmp_path / "B95_Ch0_IDRest_107.ibw")
    with pytest.raises(RecordingError, match=r"unit of its x scaling is ''.*state --time-unit or --dt"):
        read(tmp_path)
    sweep = read(tmp_path, time_unit="ms").sweeps[0]
    assert (sweep.name, sweep.stimulus, sweep.dt) == ("B95_IDRest_107", "IDRest", 0.25)
    assert read(tmp_path, dt="0.1 ms").sweeps[0].dt == 0.1
    assert read(tmp_path / "B95_Ch0_IDRest_107.ibw", dt="0.1 ms").sweeps[0].amplitude == pytest.approx(0.05)


def test_channels_without_units_are_stated(tmp_path):
    Wave(np.full(400, -70.0), "").write(tmp_path / "X_step_ch1_1.ibw")
    Wave(np.repeat([0.0, 50.0], 200), "").write(tmp_path / "X_step_ch0_1.ibw")
    with pytest.raises(RecordingError, match="it states no unit"):
        read(tmp_path)
    stated = {"voltage_channel": "ch1", "voltage_unit": "mV", "current_channel": "ch0", "current_unit": "pA"}
    sweep = read(tmp_path, **stated).sweeps[0]
    assert sweep.baseline_voltage == -70.0 and sweep.amplitude == pytest.approx(0.05)
    with pytest.raises(RecordingError, match="it states no unit"):
        read(tmp_path, **{**stated, "current_channel": "ch2"})
    with pytest.raises(UnitError):
        read(tmp_path, **{**stated, "voltage_unit": "pA"})
    with pytest.raises(RecordingError, match="sampling interval of 0 ms"):
        read(tmp_path, dt="0 ms")


def test_units_that_a_wave_states_count_before_those_stated(tmp_path):
    Wave(np.full(400, -0.07)).write(tmp_path / "X_step_ch1_1.ibw")
    Wave(np.repeat([0.0, 5e-11], 200), "A").write(tmp_path / "X_step_ch0_1.ibw")
    sweep = read(tmp_path, voltage_channel="ch1", voltage_unit="mV", time_unit="ms", dt="3 ms").sweeps[0]
    assert sweep.baseline_voltage == pytest.approx(-70.0) and sweep.dt == 0.05
