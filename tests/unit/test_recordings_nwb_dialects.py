"""NWB 2 as laboratories and converters write it: series in other places, several electrodes, set-ups in words."""

from __future__ import annotations

import subprocess
import sys

import h5py
import numpy as np
import pytest
from nwb_files import DT, LENGTH, Writer, plain, quiet, step, voltage

from gbar.errors import RecordingError, TooLarge
from gbar.recordings import Amplifier, read
from gbar.recordings.junction import stated_junction
from gbar.recordings.nwb import read_nwb
from gbar.recordings.nwb_series import Unusable, timing


def reader(path, **options):
    """The sweeps as the reader of NWB hands them over: measured currents are not idealised yet."""
    return read_nwb(path, **options)["sweeps"]


def noisy(amplitude, seed=0):
    """A measured current in nA."""
    return step(amplitude) + np.random.default_rng(seed).normal(0.0, 0.004, LENGTH)


# --- where the current is ----------------------------------------------------------------------------------------


def acquire(writer, series):
    with quiet():
        writer.file.add_acquisition(series)
    return series


def test_an_acquired_current_was_measured(tmp_path):
    writer = Writer()
    for k in (1, 2):
        writer.respond(f"v{k}", voltage(0.1 * k) * 1e-3, sweep_number=k)
        writer.respond(f"i{k}", step(0.1 * k) * 1e-9, kind="CurrentClampStimulusSeries", sweep_number=k)
    first, second = reader(writer.write(tmp_path / "cell.nwb"))
    for sweep, amplitude in ((first, 0.1), (second, 0.2)):
        np.testing.assert_allclose(sweep.current, step(amplitude), atol=1e-12)
        assert sweep.monitored is sweep.current


def test_a_current_in_a_plain_time_series(tmp_path):
    from pynwb import TimeSeries

    writer = Writer()
    for k in (1, 2, 10):
        writer.respond(f"voltage_{k}", voltage(0.1 * k) * 1e-3, sweep_number=k)
        current = step(0.1 * k) * 1e3
        acquire(writer, TimeSeries(name=f"current_{k}", data=current, unit="pA", rate=1e3 / DT))
    sweeps = reader(writer.write(tmp_path / "cell.nwb"))
    for sweep, k in zip(sweeps, (1, 2, 10), strict=True):
        np.testing.assert_allclose(sweep.current, step(0.1 * k), atol=1e-12)
        assert sweep.monitored is not None
        assert f"current_{k} by the number in its name" in sweep.warnings[0]


@pytest.mark.parametrize("unit", ["Pa", "degC", "volts", "N/A", "a.u."])
def test_what_is_no_current_is_no_stimulus(tmp_path, unit):
    from pynwb import TimeSeries

    writer = Writer()
    writer.respond("voltage_1", voltage(0.1) * 1e-3, sweep_number=1)
    acquire(writer, TimeSeries(name="other_1", data=step(0.1), unit=unit, rate=1e3 / DT))
    with pytest.raises(RecordingError, match="voltage_1: no stimulus"):
        read(writer.write(tmp_path / "cell.nwb"))


def test_a_command_and_a_measured_current(tmp_path):
    writer = Writer()
    writer.respond("v", voltage(0.1) * 1e-3, sweep_number=4)
    writer.respond("i", noisy(0.1) * 1e-9, kind="CurrentClampStimulusSeries", sweep_number=4)
    writer.stimulate("c", step(0.1) * 1e-9, sweep_number=4)
    recording = read(writer.write(tmp_path / "cell.nwb"))
    (sweep,) = recording.sweeps
    np.testing.assert_allclose(sweep.current, step(0.1), atol=1e-12)
    np.testing.assert_allclose(sweep.monitored, noisy(0.1), atol=1e-12)


@pytest.mark.parametrize(
    ("current", "words", "measured"),
    [
        (noisy(0.1), "no description", True),  # a command begins exactly constant
        (noisy(0.1), "the command", False),
        (step(0.1), "no description", False),
        (step(0.1), "current monitor of the amplifier", True),
    ],
)
def test_a_stimulus_is_a_command_unless_it_shows_otherwise(tmp_path, current, words, measured):
    writer = Writer()
    writer.respond("v", voltage(0.1) * 1e-3, sweep_number=0)
    writer.stimulate("i", current * 1e-9, sweep_number=0, description=words)
    (sweep,) = reader(writer.write(tmp_path / "cell.nwb"))
    assert (sweep.monitored is not None) == measured


@pytest.mark.parametrize(("base", "told"), [(-0.06, "already part"), (0.0, "added")])
def test_a_holding_current_beside_a_measured_one(tmp_path, base, told):
    """The monitor reads 20 % more than was held; a current that begins at 0 does not have it in it."""
    writer = Writer()
    writer.respond("v", voltage(0.1) * 1e-3, sweep_number=0, bias_current=-5e-11)
    measured = (noisy(0.1) + base) * 1e-9
    writer.respond("i", measured, kind="CurrentClampStimulusSeries", sweep_number=0)
    (sweep,) = reader(writer.write(tmp_path / "cell.nwb"))
    assert told in sweep.warnings[0]
    assert sweep.holding == pytest.approx(-0.05)
    assert np.median(sweep.current[:500]) == pytest.approx(base or -0.05, abs=1e-3)
    assert sweep.monitored is sweep.current


def test_templates_serve_where_nothing_was_presented(tmp_path):
    writer = Writer()
    writer.respond("v", voltage(0.1) * 1e-3, sweep_number=0)
    series = writer.series("CurrentClampStimulusSeries", "i", step(0.1) * 1e-9, sweep_number=0)
    writer.file.add_stimulus_template(series)
    (sweep,) = reader(writer.write(tmp_path / "cell.nwb"))
    np.testing.assert_allclose(sweep.current, step(0.1), atol=1e-12)


def test_a_current_of_voltage_clamp_is_never_taken_for_a_stimulus(tmp_path):
    """Voltage clamp has its own sweep numbers, which may be those of the current clamp."""
    writer = Writer()
    writer.respond("v", voltage(0.1) * 1e-3, sweep_number=1)
    writer.respond("i", step(0.1) * 1e-9, kind="VoltageClampSeries", sweep_number=1)
    with pytest.raises(RecordingError, match=r"i: voltage clamp .* \(and 1 more"):
        read(writer.write(tmp_path / "cell.nwb"))


# --- which belongs to which ---------------------------------------------------------------------------------------


def sweep_table(parent, made):
    """The table that pynwb reads but no longer writes: a row for each series."""
    core = {"namespace": "core"}
    common = {"namespace": "hdmf-common"}
    table = parent.create_group("sweep_table")
    table.attrs.update(core, neurodata_type="SweepTable", description="x", object_id="a1")
    table.attrs["colnames"] = np.array(["series", "sweep_number"], dtype=h5py.string_dtype())
    numbers = np.array([series.attrs["sweep_number"] for series in made], dtype=np.uint64)
    references = np.array([series.ref for series in made], dtype=h5py.ref_dtype)
    columns = {"id": np.arange(len(made)), "sweep_number": numbers, "series": references}
    for name, values in columns.items():
        kind = "ElementIdentifiers" if name == "id" else "VectorData"
        column = table.create_dataset(name, data=values, dtype=getattr(values, "dtype", None))
        column.attrs.update(common, neurodata_type=kind, description="x", object_id=f"a_{name}")
    index = table.create_dataset("series_index", data=np.arange(1, len(made) + 1, dtype=np.uint8))
    index.attrs.update(common, neurodata_type="VectorIndex", description="x", object_id="a_index")
    index.attrs["target"] = table["series"].ref


def test_the_sweep_table_has_the_numbers_that_series_lack(tmp_path):
    writer = Writer()
    for k, name in ((3, "b"), (1, "c"), (2, "a")):
        writer.respond(f"v_{name}", voltage(0.1 * k) * 1e-3, sweep_number=k)
        writer.stimulate(f"{9 - k}_i", step(0.1 * k) * 1e-9, sweep_number=k)
    path = writer.write(tmp_path / "cell.nwb")
    with h5py.File(path, "r+") as h5:
        made = [*h5["acquisition"].values(), *h5["stimulus/presentation"].values()]
        sweep_table(h5["general/intracellular_ephys"], made)
        for series in made:
            del series.attrs["sweep_number"]
    sweeps = read(path).sweeps
    assert [s.name for s in sweeps] == ["v_c", "v_a", "v_b"]
    for sweep, k in zip(sweeps, (1, 2, 3), strict=True):
        np.testing.assert_allclose(sweep.current, step(0.1 * k), atol=1e-12)


def test_one_number_for_several_protocols(tmp_path):
    """Starting times tell them apart; where they do not, nothing is guessed."""
    writer = Writer()
    for k, begin in ((1, 0.0), (2, 10.0), (3, 20.0), (4, 20.0)):
        writer.respond(f"v{k}", voltage(0.1 * k) * 1e-3, sweep_number=7, starting_time=begin)
        writer.stimulate(f"i{5 - k}", step(0.1 * k) * 1e-9, sweep_number=7, starting_time=begin)
    recording = read(writer.write(tmp_path / "cell.nwb"))
    assert [(s.name, round(s.amplitude, 6)) for s in recording.sweeps] == [("v1", 0.1), ("v2", 0.2)]
    assert recording.refused == (
        "v3: sweep number 7 belongs to 4 responses and 4 stimuli: which belongs to which is not said",
        "v4: sweep number 7 belongs to 4 responses and 4 stimuli: which belongs to which is not said",
    )


def test_a_long_series_with_time_stamps_that_the_table_cuts_at_its_gaps(tmp_path):
    times = np.concatenate([np.arange(LENGTH), 10 * LENGTH + np.arange(LENGTH)]) * DT * 1e-3
    writer = Writer()
    v = np.concatenate([voltage(0.1), voltage(0.3)]) * 1e-3
    long = writer.respond("long", v, timestamps=times)
    command = writer.stimulate("command", np.concatenate([step(0.1), step(0.3)]) * 1e-9, timestamps=times)
    for first in (0, LENGTH):
        part = {"response_start_index": first, "response_index_count": LENGTH}
        part |= {"stimulus_start_index": first, "stimulus_index_count": LENGTH}
        writer.file.add_intracellular_recording(electrode=writer.electrode, stimulus=command, response=long, **part)
    one, two = read(writer.write(tmp_path / "cell.nwb")).sweeps
    assert [round(s.amplitude, 6) for s in (one, two)] == [0.1, 0.3]
    assert two.start == pytest.approx(10 * LENGTH * DT * 1e-3)


def test_starts_that_are_no_numbers(tmp_path):
    writer = Writer()
    for k in (2, 1):
        writer.respond(f"v{k}", voltage(0.1 * k) * 1e-3, sweep_number=k, starting_time=np.nan)
        writer.stimulate(f"i{k}", step(0.1 * k) * 1e-9, sweep_number=k, starting_time=np.nan)
    sweeps = read(writer.write(tmp_path / "cell.nwb")).sweeps
    assert [(s.name, s.start) for s in sweeps] == [("v1", 0.0), ("v2", 1.0)]


# --- several cells ------------------------------------------------------------------------------------------------


def two_electrodes(path):
    writer = Writer()
    device = writer.file.devices["amplifier"]
    first = writer.electrode
    second = writer.file.create_icephys_electrode(name="electrode 2", description="glass", device=device)
    for electrode, scale in ((first, 1.0), (second, 2.0)):
        writer.electrode = electrode
        for k in (1, 2):
            name = f"{electrode.name[-1]}_{k}"
            writer.respond(f"v_{name}", voltage(0.1 * k * scale) * 1e-3, sweep_number=k)
            writer.stimulate(f"i_{name}", step(0.1 * k * scale) * 1e-9, sweep_number=k)
    return writer.write(path)


def test_several_electrodes_are_a_choice(tmp_path):
    path = two_electrodes(tmp_path / "cells.nwb")
    asked = r"2 electrodes: 'electrode' \(2 sweeps\), 'electrode 2' \(2 sweeps\); name one: electrode='electrode'"
    with pytest.raises(RecordingError, match=asked):
        read(path)
    for name, scale in (("electrode", 1.0), ("electrode 2", 2.0), ("*2", 2.0)):
        sweeps = read(path, electrode=name).sweeps
        assert [round(s.amplitude, 6) for s in sweeps] == [0.1 * scale, 0.2 * scale]
    assert len(read(path, electrode="*").sweeps) == 4
    with pytest.raises(RecordingError, match="no current clamp of an electrode 'x'; it has 'electrode'"):
        read(path, electrode="x")


# --- what is said of the set-up -------------------------------------------------------------------------------------


def described(tmp_path, **electrode):
    writer = Writer()
    device = writer.file.devices["amplifier"]
    writer.electrode = writer.file.create_icephys_electrode(
        name="e", device=device, **({"description": "glass"} | electrode)
    )
    return writer


def test_amplifier(tmp_path):
    writer = described(tmp_path, filtering="Bessel, 10 kHz", initial_access_resistance="12.5 MOhm")
    writer.respond("v", voltage(0.1) * 1e-3, sweep_number=0, bridge_balance=15.5e6, capacitance_compensation=4.7e-12)
    writer.stimulate("i", step(0.1) * 1e-9, sweep_number=0)
    (sweep,) = read(writer.write(tmp_path / "cell.nwb")).sweeps
    assert sweep.amplifier == Amplifier(bridge=15.5, series_resistance=12.5, filter=10.0, capacitance=4.7)
    assert sweep.warnings == ()


def test_an_amplifier_in_other_units_is_not_guessed_at(tmp_path):
    writer = described(tmp_path, filtering="high-pass 1 Hz, low-pass 10 kHz", initial_access_resistance="12.5")
    writer.respond("v", voltage(0.1) * 1e-3, sweep_number=0, bridge_balance=15.5, capacitance_compensation=4.7)
    writer.stimulate("i", step(0.1) * 1e-9, sweep_number=0)
    (sweep,) = read(writer.write(tmp_path / "cell.nwb")).sweeps
    assert sweep.amplifier == Amplifier()
    assert "bridge_balance of 15.5 ohm disregarded" in sweep.warnings[0]
    assert "capacitance_compensation of 4.7 farad disregarded" in sweep.warnings[1]


@pytest.mark.parametrize(
    ("text", "potential", "corrected"),
    [
        ("Estimated junction potential: -15.2 mV,Extracted from ABF file", -15.2, None),
        ("LJP 14 mV uncorrected", 14.0, False),
        ("liquid junction potential (14.0 mV) was not subtracted", 14.0, False),
        ("Voltages were corrected for a 14 mV liquid junction potential.", 14.0, True),
        ("LJP = \u221214 mV. Not corrected.", -14.0, False),
        ("junction potential of 10-12 mV", None, None),
        ("the junction potential should be corrected (14 mV)", 14.0, None),
        ("No correction was made for the liquid junction potential (-0.014 V)", -14.0, False),
        ("bridge balance was corrected. LJP 3 mV", 3.0, None),
        ("junction potential 3 mV here, LJP 4 mV there", None, None),
        ("resting potential -65 mV", None, None),
    ],
)
def test_the_junction_potential_in_words(text, potential, corrected):
    assert stated_junction([text, "something else", text]) == (potential, corrected)


def test_device_subject_bath_and_stimulus_names(tmp_path):
    from pynwb.file import Subject

    writer = Writer()
    writer.file.create_device(name="Digidata", description="1440A", manufacturer="Molecular Devices")
    writer.file.subject = Subject(species="Mus musculus", sex="F", description="N/A")
    writer.file.pharmacology = "TTX  1 uM"
    writer.file.notes = "LJP of 9 mV\nwas not corrected"
    writer.respond("v", voltage(0.1) * 1e-3, sweep_number=0, stimulus_description="N/A")
    writer.stimulate("i", step(0.1) * 1e-9, sweep_number=0, stimulus_description="Long Square")
    recording = read(writer.write(tmp_path / "cell.nwb"))
    assert recording.device == "Digidata: 1440A (Molecular Devices)"
    assert recording.subject == {"species": "Mus musculus", "sex": "F"}
    assert (recording.junction_potential, recording.junction_corrected) == (9.0, False)
    assert recording.started.year == 2020
    (sweep,) = recording.sweeps
    assert (sweep.stimulus, sweep.condition) == ("Long Square", "TTX 1 uM")
    assert sweep.place == "/acquisition/v"
    assert sweep.source == tmp_path / "cell.nwb"


# --- the numbers ----------------------------------------------------------------------------------------------------


def test_a_channel_conversion(tmp_path):
    path = plain(tmp_path / "cell.nwb", v=voltage(0.1) * 1e3)
    with h5py.File(path, "r+") as h5:
        h5["acquisition/response_0"]["channel_conversion"] = np.array([1e-3])
    np.testing.assert_allclose(read(path).sweeps[0].v, voltage(0.1), atol=1e-9)
    with h5py.File(path, "r+") as h5:
        del h5["acquisition/response_0"]["channel_conversion"]
        h5["acquisition/response_0"]["channel_conversion"] = np.array([1e-3, 2e-3])
    with pytest.raises(RecordingError, match="2 channel conversions for one channel"):
        read(path)


def test_a_series_that_pynwb_does_not_take_is_named(tmp_path):
    path = plain(tmp_path / "cell.nwb")
    with h5py.File(path, "r+") as h5:
        attributes = dict(h5["acquisition/response_0/data"].attrs)
        del h5["acquisition/response_0/data"]
        data = np.tile(voltage(0.2)[:, None] * 1e-3, (1, 2))
        h5["acquisition/response_0"].create_dataset("data", data=data).attrs.update(attributes)
    with pytest.raises(RecordingError, match=r"as NWB 2: /acquisition/response_0: .*incorrect shape .*\(4000, 2\)"):
        read(path)


class Stamped:
    """A series with time stamps."""

    name = "v"

    def __init__(self, times):
        self.timestamps, self.data = np.asarray(times, dtype=float), np.zeros(len(times))


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (np.r_[np.arange(50), 48.0, 51:100] * 1e-3, "do not increase .at sample 50."),
        (np.r_[np.arange(50), 49.0, 51:100] * 1e-3, "do not increase .at sample 50."),
        (np.r_[np.arange(50), 150:200] * 1e-3, "a gap of 101 ms after sample 49.: cut it there"),
        (np.r_[np.arange(50), np.nan, 51:100] * 1e-3, "no number .nan at sample 50."),
        (np.cumsum(np.r_[np.ones(100), np.full(100, 1.3)]) * 1e-3, "drift off"),
    ],
)
def test_time_stamps_that_make_no_sweep(times, message):
    with pytest.raises(Unusable, match=message):
        timing(Stamped(times), "s")


# --- files that are no whole files ------------------------------------------------------------------------------------


def test_an_unknown_filter_is_named(tmp_path):
    path = plain(tmp_path / "cell.nwb")
    with h5py.File(path, "r+") as h5:
        attributes = dict(h5["acquisition/response_0/data"].attrs)
        del h5["acquisition/response_0/data"]
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_chunk((LENGTH,))
        created.set_filter(400, h5py.h5z.FLAG_OPTIONAL, ())
        group = h5["acquisition/response_0"].id
        space = h5py.h5s.create_simple((LENGTH,))
        made = h5py.Dataset(h5py.h5d.create(group, b"data", h5py.h5t.NATIVE_DOUBLE, space, created))
        made.attrs.update(attributes)
    with pytest.raises(RecordingError, match=r"filter that is not installed \(400\); repack the file with h5repack"):
        read(path)


def test_a_file_that_is_still_being_written(tmp_path):
    path = plain(tmp_path / "cell.nwb")
    writing = f"import h5py, sys; h5 = h5py.File({str(path)!r}, 'r+'); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", writing], stdin=-1, stdout=-1, text=True) as process:
        process.stdout.readline()
        with pytest.raises(RecordingError, match="it is still being written, or was not closed"):
            read(path)
        process.stdin.close()
    assert len(read(path).sweeps) == 1


def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "cell.csv"
    path.write_text("time_ms,voltage_mV,current_pA\n" + "\n".join(f"{0.1 * k},{-65 - k % 3},0" for k in range(100)))
    whole = read_table_and_grow(path)
    monkeypatch.setattr("gbar.recordings.read_table", whole)
    with pytest.raises(RecordingError, match="it changed while it was read; wait until"):
        read(path)


def read_table_and_grow(path):
    from gbar.recordings.table import read_table

    def wrapped(*arguments, **options):
        found = read_table(*arguments, **options)
        with path.open("a") as stream:
            stream.write("\n10.0,-65,0")
        return found

    return wrapped


def claims(path, sweeps, samples):
    """A small file whose sweeps claim samples that were never written."""
    writer = Writer()
    for k in range(sweeps):
        writer.respond(f"v{k}", voltage(0.1) * 1e-3, sweep_number=k)
        writer.stimulate(f"i{k}", step(0.1) * 1e-9, sweep_number=k)
    writer.write(path)
    with h5py.File(path, "r+") as h5:
        for k in range(1, sweeps):
            for place in (f"acquisition/v{k}", f"stimulus/presentation/i{k}"):
                old = dict(h5[place]["data"].attrs)
                del h5[place]["data"]
                h5[place].create_dataset("data", shape=(samples,), dtype="f4", chunks=(1000,)).attrs.update(old)
    return path


def test_more_sweeps_than_memory_are_refused_before_they_are_read(tmp_path):
    path = claims(tmp_path / "cell.nwb", 8, 100_000_000)
    with pytest.raises(TooLarge, match=r"take 11\.2 GB in memory, more than 2 GB; name those to read with --sweeps"):
        read(path)
    (sweep,) = read(path, sweeps=["v0"]).sweeps
    assert sweep.name == "v0"
    cell = tmp_path / "cell.yaml"
    cell.write_text("files:\n  - path: cell.nwb\n    sweeps: [v0]\n")
    assert [s.name for s in read(cell).sweeps] == ["cell.v0"]
    with pytest.raises(RecordingError, match="no sweep 'v9'; the sweeps are v0, v1"):
        read(path, sweeps=["v9"])


def test_any_byte_may_be_wrong(tmp_path):
    """Damage ends in RecordingError, or in finite sweeps where it hits what is not read."""
    whole = plain(tmp_path / "whole.nwb").read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "cell.nwb"
    for _ in range(25):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 20):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            sweeps = read(path).sweeps
        except RecordingError as error:
            assert "\n" not in str(error)
        else:
            assert all(np.isfinite(s.v).all() and np.isfinite(s.current).all() for s in sweeps)


def test_names_cannot_lead_anywhere(tmp_path):
    path = plain(tmp_path / "cell.nwb")
    with h5py.File(path, "r+") as h5:
        h5.move("acquisition/response_0", "acquisition/..\\..\\evil\x1b[2J\n")
    (sweep,) = read(path).sweeps
    assert sweep.name == ".._.._evil_[2J_"
