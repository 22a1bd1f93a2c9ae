from __future__ import annotations

import h5py
import numpy as np
import pytest
from nwb_files import DT, LENGTH, ON, Writer, plain, quiet, step, voltage

from gbar.errors import RecordingError
from gbar.recordings import read


def check(sweep, amplitude):
    """The sweep holds the voltage and the current of one amplitude (nA), and no other's."""
    np.testing.assert_allclose(sweep.v, voltage(amplitude), atol=1e-9)
    np.testing.assert_allclose(sweep.current, step(amplitude), atol=1e-12)
    assert sweep.dt == DT


def test_si_units(tmp_path):
    recording = read(plain(tmp_path / "cell.nwb"))
    assert recording.format == "NWB 2"
    assert recording.description == "a cell"
    assert len(recording.digest) == 64
    assert recording.refused == ()
    (sweep,) = recording.sweeps
    check(sweep, 0.2)
    assert sweep.warnings == ()
    assert sweep.departure == ON
    assert sweep.amplitude == pytest.approx(0.2)


def test_millivolts_and_picoamperes_with_conversion(tmp_path):
    writer = Writer()
    writer.respond("r", voltage(0.2), sweep_number=0, conversion=1e-3)
    writer.stimulate("s", step(0.2) * 1e3, sweep_number=0, conversion=1e-12)
    check(read(writer.write(tmp_path / "cell.nwb")).sweeps[0], 0.2)


def test_offset_is_added_after_the_conversion(tmp_path):
    writer = Writer()
    writer.respond(
        "r", np.round((voltage(0.2) + 100.0) * 100.0).astype(np.int32), sweep_number=0, conversion=1e-5, offset=-0.1
    )
    writer.stimulate("s", (step(0.2) + 3.0) * 1e3, sweep_number=0, conversion=1e-12, offset=-3e-9)
    sweep = read(writer.write(tmp_path / "cell.nwb")).sweeps[0]
    np.testing.assert_allclose(sweep.v, voltage(0.2), atol=1e-9)
    np.testing.assert_allclose(sweep.current, step(0.2), atol=1e-9)


def with_unit(path, unit):
    """What a writer that ignores the standard leaves: another unit than volts in the attribute."""
    with h5py.File(path, "r+") as h5:
        h5["acquisition/r/data"].attrs["unit"] = unit
    return path


@pytest.mark.parametrize(("conversion", "warning"), [(1.0, "taken at its word"), (1e-3, "with the conversion to SI")])
def test_a_unit_that_is_not_si(tmp_path, conversion, warning):
    writer = Writer()
    writer.respond("r", voltage(0.2), sweep_number=0, conversion=conversion)
    writer.stimulate("s", step(0.2) * 1e-9, sweep_number=0)
    sweep = read(with_unit(writer.write(tmp_path / "cell.nwb"), "mV")).sweeps[0]
    check(sweep, 0.2)
    assert warning in sweep.warnings[0]


@pytest.mark.parametrize(("unit", "conversion"), [("mV", 1e-6), ("amperes", 1.0), ("furlong", 1.0)])
def test_a_unit_that_makes_no_sense(tmp_path, unit, conversion):
    writer = Writer()
    writer.respond("r", voltage(0.2), sweep_number=0, conversion=conversion)
    writer.stimulate("s", step(0.2) * 1e-9, sweep_number=0)
    with pytest.raises(RecordingError, match=unit):
        read(with_unit(writer.write(tmp_path / "cell.nwb"), unit))


def test_time_stamps_instead_of_a_rate(tmp_path):
    times = 12.5 + np.arange(LENGTH) * DT * 1e-3
    writer = Writer()
    writer.respond("r", voltage(0.2) * 1e-3, sweep_number=0, timestamps=times)
    writer.stimulate("s", step(0.2) * 1e-9, sweep_number=0, timestamps=times)
    check(read(writer.write(tmp_path / "cell.nwb")).sweeps[0], 0.2)


def test_uneven_time_stamps_are_refused(tmp_path):
    times = np.arange(LENGTH) * DT * 1e-3
    times[2000:] += 0.1
    writer = Writer()
    writer.respond("r", voltage(0.2) * 1e-3, sweep_number=0, timestamps=times)
    writer.stimulate("s", step(0.2) * 1e-9, sweep_number=0)
    with pytest.raises(RecordingError, match="not evenly sampled"):
        read(writer.write(tmp_path / "cell.nwb"))


def test_a_rate_with_rounding_error(tmp_path):
    writer = Writer()
    writer.respond("r", voltage(0.2) * 1e-3, sweep_number=0, rate=20000.000000000004)
    writer.stimulate("s", step(0.2) * 1e-9, sweep_number=0, rate=20000.0)
    sweep = read(writer.write(tmp_path / "cell.nwb")).sweeps[0]
    assert sweep.dt == DT
    assert sweep.warnings == ()


def test_sweep_numbers_pair_and_order_whatever_the_names(tmp_path):
    writer = Writer()
    for number, response, stimulus in ((2, "aaa", "zzz"), (10, "bbb", "yyy"), (1, "ccc", "xxx")):
        writer.respond(
            response, voltage(0.01 * number) * 1e-3, sweep_number=number, description="Sweep 99, pulse 990 pA"
        )
        writer.stimulate(stimulus, step(0.01 * number) * 1e-9, sweep_number=number)
    recording = read(writer.write(tmp_path / "cell.nwb"))
    assert [s.name for s in recording.sweeps] == ["ccc", "aaa", "bbb"]
    for sweep, number in zip(recording.sweeps, (1, 2, 10), strict=True):
        check(sweep, 0.01 * number)


def test_without_sweep_numbers_names_are_ordered_as_numbers(tmp_path):
    writer = Writer()
    for k in (1, 10, 2, 11, 3):
        writer.respond(f"Step__{k}", voltage(0.01 * k) * 1e-3)
        writer.stimulate(f"Command__{k}", step(0.01 * k) * 1e-9)
    recording = read(writer.write(tmp_path / "cell.nwb"))
    assert [s.name for s in recording.sweeps] == ["Step__1", "Step__2", "Step__3", "Step__10", "Step__11"]
    for sweep, k in zip(recording.sweeps, (1, 2, 3, 10, 11), strict=True):
        check(sweep, 0.01 * k)
        assert "by the order of their names" in sweep.warnings[0]


def test_without_sweep_numbers_starting_times_pair(tmp_path):
    writer = Writer()
    for k, (response, stimulus) in enumerate((("a", "z"), ("b", "y"), ("c", "x"))):
        writer.respond(response, voltage(0.1 * k) * 1e-3, starting_time=10.0 - 3.0 * k)
        writer.stimulate(stimulus, step(0.1 * k) * 1e-9, starting_time=10.0 - 3.0 * k)
    recording = read(writer.write(tmp_path / "cell.nwb"))
    assert [s.name for s in recording.sweeps] == ["c", "b", "a"]
    assert [s.start for s in recording.sweeps] == [0.0, 3.0, 6.0]
    for sweep, amplitude in zip(recording.sweeps, (0.2, 0.1, 0.0), strict=True):
        check(sweep, amplitude)
        assert "by starting time" in sweep.warnings[0]


def test_icephys_tables_have_the_last_word(tmp_path):
    """The table pairs against names, and cuts two sweeps out of one long series."""
    writer = Writer()
    long = writer.respond("long", np.concatenate([voltage(0.1), voltage(0.3)]) * 1e-3)
    command = writer.stimulate("command", np.concatenate([step(0.1), step(0.3)]) * 1e-9)
    other = writer.respond("aaa", voltage(0.5) * 1e-3)
    given = writer.stimulate("zzz", step(0.5) * 1e-9)
    for first in (0, LENGTH):
        part = {"response_start_index": first, "response_index_count": LENGTH}
        part |= {"stimulus_start_index": first, "stimulus_index_count": LENGTH}
        writer.file.add_intracellular_recording(electrode=writer.electrode, stimulus=command, response=long, **part)
    writer.file.add_intracellular_recording(electrode=writer.electrode, stimulus=given, response=other)
    sweeps = {s.name: s for s in read(writer.write(tmp_path / "cell.nwb")).sweeps}
    assert sorted(sweeps) == ["aaa", "long[1]", "long[2]"]
    check(sweeps["aaa"], 0.5)
    check(sweeps["long[1]"], 0.1)
    check(sweeps["long[2]"], 0.3)


def test_i_zero_has_no_current(tmp_path):
    writer = Writer()
    writer.respond("rest", voltage(0.0) * 1e-3, kind="IZeroClampSeries")
    sweep = read(writer.write(tmp_path / "cell.nwb")).sweeps[0]
    check(sweep, 0.0)
    assert sweep.departure is None
    assert "I = 0" in sweep.warnings[0]


def test_a_missing_stimulus_is_refused_and_not_guessed(tmp_path):
    writer = Writer()
    writer.respond("r1", voltage(0.1) * 1e-3, sweep_number=1)
    writer.respond("r2", voltage(0.2) * 1e-3, sweep_number=2)
    writer.stimulate("s2", step(0.2) * 1e-9, sweep_number=2)
    recording = read(writer.write(tmp_path / "cell.nwb"))
    assert [s.name for s in recording.sweeps] == ["r2"]
    assert recording.refused == ("r1: no stimulus; the current that was injected is not in the file",)


def test_no_stimulus_at_all(tmp_path):
    writer = Writer()
    writer.respond("r1", voltage(0.1) * 1e-3, sweep_number=1)
    with pytest.raises(RecordingError, match="r1: no stimulus"):
        read(writer.write(tmp_path / "cell.nwb"))


def test_voltage_clamp_is_refused_by_name(tmp_path):
    writer = Writer()
    writer.respond("vc", np.zeros(LENGTH), kind="VoltageClampSeries", sweep_number=1)
    writer.stimulate("vs", np.zeros(LENGTH), kind="VoltageClampStimulusSeries", sweep_number=1)
    with pytest.raises(RecordingError, match=r"only voltage clamp \(1 sweeps\)"):
        read(writer.write(tmp_path / "vc.nwb"))
    writer = Writer()
    writer.respond("vc", np.zeros(LENGTH), kind="VoltageClampSeries", sweep_number=1)
    writer.respond("cc", voltage(0.1) * 1e-3, sweep_number=2)
    writer.stimulate("cs", step(0.1) * 1e-9, sweep_number=2)
    recording = read(writer.write(tmp_path / "mixed.nwb"))
    assert [s.name for s in recording.sweeps] == ["cc"]
    assert recording.refused == ("vc: voltage clamp (a VoltageClampSeries); gbar reads current clamp",)


def test_a_damaged_sweep_does_not_take_the_others_with_it(tmp_path):
    broken = voltage(0.1)
    broken[1234] = np.nan
    writer = Writer()
    for number, v in ((1, broken), (2, voltage(0.1))):
        writer.respond(f"r{number}", v * 1e-3, sweep_number=number)
        writer.stimulate(f"s{number}", step(0.1) * 1e-9, sweep_number=number)
    recording = read(writer.write(tmp_path / "cell.nwb"))
    assert [s.name for s in recording.sweeps] == ["r2"]
    assert "sweep r1: the voltage is nan at sample 1234" in recording.refused[0]


def test_holding_current(tmp_path):
    """The bias current is added, unless the stimulus begins with it."""
    writer = Writer()
    for number, base in ((1, 0.0), (2, -0.05)):
        writer.respond(f"r{number}", voltage(0.1) * 1e-3, sweep_number=number, bias_current=-5e-11)
        writer.stimulate(f"s{number}", (step(0.1) + base) * 1e-9, sweep_number=number)
    writer.respond("r3", voltage(0.1) * 1e-3, sweep_number=3, bias_current=-50.0)
    writer.stimulate("s3", step(0.1) * 1e-9, sweep_number=3)
    added, included, absurd = read(writer.write(tmp_path / "cell.nwb")).sweeps
    for sweep in (added, included):
        np.testing.assert_allclose(sweep.current, step(0.1) - 0.05, atol=1e-12)
        assert sweep.holding == pytest.approx(-0.05)
        assert sweep.baseline_current == pytest.approx(-0.05)
        assert sweep.amplitude == pytest.approx(0.1)
    assert "added to the stimulus" in added.warnings[0]
    assert "already part" in included.warnings[0]
    check(absurd, 0.1)
    assert "disregarded" in absurd.warnings[0]


def test_stimulus_of_another_sampling_and_length(tmp_path):
    writer = Writer()
    writer.respond("r1", voltage(0.1) * 1e-3, sweep_number=1)
    writer.stimulate("s1", step(0.1)[::4] * 1e-9, sweep_number=1, rate=250.0 / DT)
    writer.respond("r2", voltage(0.1) * 1e-3, sweep_number=2)
    writer.stimulate("s2", step(0.1)[:3500] * 1e-9, sweep_number=2)
    held, short = read(writer.write(tmp_path / "cell.nwb")).sweeps
    np.testing.assert_allclose(held.current, step(0.1)[: len(held.current)], atol=1e-12)
    assert len(held.v) == len(held.current) >= LENGTH - 4
    assert len(short.v) == len(short.current) == 3500
    assert "first 3500" in short.warnings[0]


def test_a_response_that_begins_after_its_stimulus(tmp_path):
    writer = Writer()
    writer.respond("r", voltage(0.1)[500:] * 1e-3, sweep_number=1, starting_time=5.0 + 500 * DT * 1e-3)
    writer.stimulate("s", step(0.1) * 1e-9, sweep_number=1, starting_time=5.0)
    sweep = read(writer.write(tmp_path / "cell.nwb")).sweeps[0]
    np.testing.assert_allclose(sweep.current, step(0.1)[500:], atol=1e-12)
    assert "begins 25 ms after" in sweep.warnings[0]


def begun(path, response, stimulus):
    """A file of two sweeps, of which the first has these starts in s."""
    writer = Writer()
    writer.respond("r", voltage(0.1) * 1e-3, sweep_number=1, starting_time=response)
    writer.stimulate("s", step(0.1) * 1e-9, sweep_number=1, starting_time=stimulus)
    writer.respond("r2", voltage(0.2) * 1e-3, sweep_number=2)
    writer.stimulate("s2", step(0.2) * 1e-9, sweep_number=2)
    return writer.write(path)


def test_a_response_that_begins_before_its_stimulus(tmp_path):
    sweep = read(begun(tmp_path / "cell.nwb", 0.0, 0.01)).sweep("r")
    np.testing.assert_allclose(sweep.v, voltage(0.1)[200:], atol=1e-9)
    np.testing.assert_allclose(sweep.current, step(0.1)[:-200], atol=1e-12)
    assert "begins 10 ms before the stimulus: the overlap is used" in sweep.warnings[0]


def test_a_stimulus_without_a_start_is_simultaneous_with_a_warning(tmp_path):
    sweep = read(begun(tmp_path / "cell.nwb", 0.01, 0.0)).sweep("r")
    check(sweep, 0.1)
    assert sweep.warnings == ("the response begins at 0.01 s, the stimulus at 0 s: taken as simultaneous",)


@pytest.mark.parametrize(("response", "stimulus"), [(10.0, 3.0), (0.0, 10.0), (0.2, 0.4), (0.4, 0.2)])
def test_a_stimulus_that_does_not_overlap_its_response_is_refused(tmp_path, response, stimulus):
    recording = read(begun(tmp_path / "cell.nwb", response, stimulus))
    assert [sweep.name for sweep in recording.sweeps] == ["r2"]
    assert "sweep r: the response begins" in recording.refused[0] and "do not overlap" in recording.refused[0]


def test_junction_potential_where_it_is_stated(tmp_path):
    writer = Writer()
    writer.respond("r", voltage(0.1) * 1e-3, sweep_number=1, comments="Estimated junction potential: -15.2 mV")
    writer.stimulate("s", step(0.1) * 1e-9, sweep_number=1)
    assert read(writer.write(tmp_path / "cell.nwb")).junction_potential == -15.2
    assert read(plain(tmp_path / "silent.nwb")).junction_potential is None


def test_external_links_are_refused_untouched(tmp_path):
    path = plain(tmp_path / "cell.nwb")
    with h5py.File(path, "r+") as h5:
        del h5["acquisition/response_0/data"]
        h5["acquisition/response_0/data"] = h5py.ExternalLink("/etc/passwd", "/data")
    with pytest.raises(RecordingError, match=r"response_0/data lies in another file \(/etc/passwd\)"):
        read(path)


def test_a_version_in_another_file_is_not_read(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as h5:
        h5["x"] = "a secret"
    with h5py.File(tmp_path / "cell.nwb", "w") as h5:
        h5["nwb_version"] = h5py.ExternalLink("other.h5", "/x")
    with pytest.raises(RecordingError, match=r"/nwb_version lies in another file \(other\.h5\)") as caught:
        read(tmp_path / "cell.nwb")
    assert "secret" not in str(caught.value)


def test_external_and_virtual_storage_are_refused(tmp_path):
    raw = tmp_path / "raw.bin"
    raw.write_bytes(np.zeros(LENGTH).tobytes())
    path = plain(tmp_path / "external.nwb")
    with h5py.File(path, "r+") as h5:
        h5.create_dataset("analysis/x", shape=(LENGTH,), dtype="f8", external=[(str(raw), 0, LENGTH * 8)])
    with pytest.raises(RecordingError, match=r"analysis/x lies in another file"):
        read(path)
    path = plain(tmp_path / "virtual.nwb")
    layout = h5py.VirtualLayout(shape=(LENGTH,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", shape=(LENGTH,))
    with h5py.File(path, "r+") as h5:
        h5.create_virtual_dataset("analysis/x", layout)
    with pytest.raises(RecordingError, match=r"other\.h5"):
        read(path)


@pytest.mark.parametrize("by", ["version", "layout"])
def test_nwb_1_is_recognised(tmp_path, by):
    path = tmp_path / "old.nwb"
    with h5py.File(path, "w") as h5:
        for group in ("acquisition/timeseries", "epochs", "general", "stimulus/presentation"):
            h5.create_group(group)
        if by == "version":
            h5["nwb_version"] = "NWB-1.0.5"
    with pytest.raises(RecordingError, match="NWB 1 file"):
        read(path)


def test_hdf5_that_is_not_nwb(tmp_path):
    path = tmp_path / "other.nwb"
    with h5py.File(path, "w") as h5:
        h5["x"] = np.zeros(10)
    with pytest.raises(RecordingError, match="not NWB 2"):
        read(path)


def test_an_nwb_file_without_clamp_series(tmp_path):
    from pynwb import TimeSeries

    writer = Writer()
    with quiet():
        writer.file.add_acquisition(TimeSeries(name="temperature", data=np.zeros(10), unit="degC", rate=1.0))
    with pytest.raises(RecordingError, match="TimeSeries temperature"):
        read(writer.write(tmp_path / "cell.nwb"))


def test_tables_options_are_refused_with_nwb(tmp_path):
    with pytest.raises(RecordingError, match="states its own units"):
        read(plain(tmp_path / "cell.nwb"), voltage_unit="mV")


def test_a_wrong_scale_is_suspected_and_can_be_asked_for(tmp_path):
    path = plain(tmp_path / "cell.nwb", current=step(200.0))
    with pytest.raises(RecordingError, match="200 nA: is its unit wrong"):
        read(path)
    assert read(path, allow_large=True).sweeps[0].amplitude == pytest.approx(200.0)
    path = plain(tmp_path / "volts.nwb", v=voltage(0.1) * 1e3)
    with pytest.raises(RecordingError, match="65000 mV: is its unit wrong"):
        read(path)


# --- recordings of real cells ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "amplitude", "spikes"),
    [("509881736", 0.13, 25), ("518290966", 0.17, 12), ("555060623", 0.09, 13), ("569469018", 0.09, 12)],
)
def test_allen_cells(shared, cell, amplitude, spikes):
    recording = read(shared / "recordings" / "allen_nwb" / f"allen_{cell}.nwb")
    (sweep,) = recording.sweeps
    assert (sweep.dt, len(sweep.v), sweep.departure) == (0.02, 72500, 10250)
    assert sweep.amplitude == pytest.approx(amplitude, rel=1e-6)
    assert sweep.spike_count() == spikes
    assert -75.0 < sweep.baseline_voltage < -60.0
    assert np.flatnonzero(np.diff(sweep.current)).tolist() == [10249, 60249]
    assert sweep.warnings == ()


def test_lantyer_current_clamp_is_paired_by_sweep_number(shared):
    recording = read(shared / "recordings" / "lantyer_nwb" / "LantyerEtAl2018_180817_ME_9_CC.nwb")
    assert len(recording.sweeps) == 10
    for k, sweep in enumerate(recording.sweeps, 1):
        assert sweep.name == f"CurrentClampSeries_{k:02d}"
        assert sweep.amplitude == pytest.approx(0.04 * k, rel=0.02)
        assert sweep.departure == pytest.approx(2001, abs=2)  # the amplifier takes 0.15 ms to follow
    counts = [s.spike_count() for s in recording.sweeps]
    assert counts == sorted(counts)  # more current, more spikes: the pairing is right
    assert counts[0] == 0
    assert counts[-1] > 40


def test_lantyer_voltage_clamp_is_refused(shared):
    with pytest.raises(RecordingError, match=r"holds only voltage clamp \(14 sweeps\)"):
        read(shared / "recordings" / "lantyer_nwb" / "LantyerEtAl2018_170328_AL_238_VC.nwb")


def test_a_monitored_current_becomes_the_command(shared):
    recording = read(shared / "recordings" / "ferguson_ca1" / "FergusonEtAl2015_PYR5_rebound.nwb")
    assert (recording.junction_potential, recording.junction_corrected) == (-15.2, None)
    for k, sweep in enumerate(recording.sweeps):
        assert np.ptp(sweep.monitored) > 0.5  # artefacts at spikes
        assert sweep.baseline_current == pytest.approx(0.0495, abs=5e-4)
        assert 800 < sweep.departure < 850  # the step at about 83 ms, not an artefact before it
        assert sweep.amplitude == pytest.approx(-0.025 * (10 - k), abs=0.002)
        assert "synaptic blockers" in sweep.condition
