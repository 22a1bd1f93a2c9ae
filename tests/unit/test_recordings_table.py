from __future__ import annotations

import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from gbar.errors import RecordingError
from gbar.recordings import read
from gbar.recordings.table import Declared, read_table

DT = 0.05
V = -65.0 + 10.0 * (np.arange(400) >= 100) + 0.01 * (np.arange(400) % 3)
PA = 150.0 * ((np.arange(400) >= 100) & (np.arange(400) < 300))
STATED = {"voltage_unit": "mV", "current_unit": "pA", "dt": "0.05 ms"}


def text(path, heading, columns, delimiter=","):
    lines = [delimiter.join(heading)] if heading else []
    lines += [delimiter.join(repr(float(x)) for x in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path


def check(sweep):
    np.testing.assert_allclose(sweep.v, V, rtol=1e-12)
    np.testing.assert_allclose(sweep.current, PA * 1e-3, rtol=1e-12)
    assert sweep.dt == pytest.approx(DT, rel=1e-9)


TIME = np.arange(400) * DT


@pytest.mark.parametrize(
    ("heading", "scales"),
    [
        (["time_ms", "voltage_mV", "current_pA"], (1.0, 1.0, 1.0)),
        (["time_s", "voltage_V", "current_A"], (1e-3, 1e-3, 1e-12)),
        (["t (ms)", "Vm [mV]", "I (nA)"], (1.0, 1.0, 1e-3)),
        (["t_us", "v_uV", "i_pA"], (1e3, 1e3, 1.0)),
    ],
)
@pytest.mark.parametrize(("delimiter", "name"), [(",", "cell.csv"), ("\t", "cell.tsv"), (";", "cell.txt")])
def test_headings_with_units(tmp_path, heading, scales, delimiter, name):
    columns = [x * scale for x, scale in zip((TIME, V, PA), scales, strict=True)]
    recording = read(text(tmp_path / name, heading, columns, delimiter))
    assert recording.format == ("TSV" if name.endswith("tsv") else "CSV")
    (sweep,) = recording.sweeps
    check(sweep)


def test_units_and_interval_by_option(tmp_path):
    path = text(tmp_path / "cell.csv", ["voltage", "current"], (V, PA))
    check(read(path, **STATED).sweeps[0])
    check(
        read(text(tmp_path / "t.csv", ["time", "voltage", "current"], (TIME, V, PA)), time_unit="ms", **STATED).sweeps[
            0
        ]
    )


@pytest.mark.parametrize(
    ("heading", "options", "message"),
    [
        (["voltage", "current_pA"], {"dt": "0.05 ms"}, "the unit of the voltage is not stated"),
        (["voltage_mV", "current"], {"dt": "0.05 ms"}, "the unit of the current is not stated"),
        (["voltage_mV", "current_pA"], {}, "the sampling interval is not stated"),
        (["voltage_mV", "current_pA"], {"dt": "0.05"}, "has no unit"),
        (["voltage_mV", "current_pA"], {"dt": "0.05 mV"}, "mV"),
        (["voltage_mV", "current_pA"], {"dt": "-1 ms"}, "dt is -1 ms"),
        (["voltage_pA", "current_pA"], {"dt": "0.05 ms"}, "not a unit of voltage"),
        (["voltage_mV", "current_parsec"], {"dt": "0.05 ms"}, "not a unit of current"),
        (["voltage_mV", "voltage_V"], {"dt": "0.05 ms"}, "voltage occurs twice"),
        (["voltage_mV", "ca_uM"], {"dt": "0.05 ms"}, "'ca_uM' names neither"),
        (["voltage_mV", "current_pA"], {"dt": "0.05 ms", "current_unit": "nA"}, "contradicts the stated unit nA"),
        (["voltage_mV", "time_ms"], {}, "without the current"),
        (["current_pA", "time_ms"], {}, "no column of voltages"),
    ],
)
def test_what_is_not_stated_is_not_guessed(tmp_path, heading, options, message):
    values = {"v": V, "c": PA, "t": TIME}
    columns = [values[name[0]] for name in heading]
    with pytest.raises(RecordingError, match=message):
        read(text(tmp_path / "cell.csv", heading, columns), **options)


def test_times_must_be_even_and_agree_with_dt(tmp_path):
    heading = ["time_ms", "voltage_mV", "current_pA"]
    with pytest.raises(RecordingError, match="not evenly spaced"):
        read(text(tmp_path / "a.csv", heading, (TIME + 1.0 * (TIME > 10.0), V, PA)))
    with pytest.raises(RecordingError, match=r"sampling intervals of 0\.05 and 0\.1 ms"):
        read(text(tmp_path / "b.csv", heading, (TIME, V, PA)), dt="0.1 ms")


def test_sweeps_below_one_another(tmp_path):
    heading = ["sweep", "time_ms", "voltage_mV", "current_pA"]
    number = np.repeat([0, 1], 400)
    path = text(tmp_path / "cell.csv", heading, (number, np.tile(TIME, 2), np.tile(V, 2), np.concatenate([PA, PA / 2])))
    first, second = read(path).sweeps
    check(first)
    assert second.amplitude == pytest.approx(0.075)
    assert (first.name, second.name, second.start) == ("sweep_0", "sweep_1", 1.0)


def test_a_sweep_that_comes_back_is_refused(tmp_path):
    heading = ["sweep", "time_ms", "voltage_mV", "current_pA"]
    columns = (np.repeat([0, 1, 0], 400), *(np.tile(x, 3) for x in (TIME, V, PA)))
    with pytest.raises(RecordingError, match="the rows of sweep 0 do not all stand together; sort the table"):
        read(text(tmp_path / "cell.csv", heading, columns))


def test_many_short_sweeps_below_one_another_are_no_transposed_matrix(tmp_path):
    heading = ["sweep", "time_ms", "voltage_mV", "current_pA"]
    columns = (np.repeat(np.arange(40), 30), *(np.tile(x[:30], 40) for x in (TIME, V, PA)))
    assert len(read(text(tmp_path / "cell.csv", heading, columns)).sweeps) == 40


def test_the_interval_is_kept_to_nine_digits(tmp_path):
    dt = 0.0333333333
    path = text(tmp_path / "cell.csv", ["time_ms", "voltage_mV", "current_pA"], (np.arange(400) * dt, V, PA))
    assert read(path).sweeps[0].dt == dt
    np.savez(tmp_path / "cell.npz", time_ms=TIME.astype(np.float32), voltage_mV=V, current_pA=PA)
    recording = read(tmp_path / "cell.npz")
    assert recording.protocol(dt=0.025).stimuli[0].sampling == 0.05


@pytest.mark.parametrize("pandas", [False, True])
def test_matrices_with_a_sweep_in_every_row(tmp_path, pandas):
    def matrix(name, rows):
        lines = [",".join(["", *map(str, range(rows.shape[1]))])] if pandas else []
        lines += [",".join(([str(k)] if pandas else []) + [repr(float(x)) for x in row]) for k, row in enumerate(rows)]
        (tmp_path / name).write_text("\n".join(lines))
        return tmp_path / name

    path, currents = matrix("v.csv", np.stack([V, V + 1.0])), matrix("i.csv", np.stack([PA, PA * 2.0]))
    first, second = read(path, stimulus=currents, **STATED).sweeps
    check(first)
    np.testing.assert_allclose(second.v, V + 1.0)
    np.testing.assert_allclose(second.current, PA * 2e-3)
    common = read(path, stimulus=matrix("one.csv", PA[None]), **STATED).sweeps
    assert [s.amplitude for s in common] == pytest.approx([0.15, 0.15])
    with pytest.raises(RecordingError, match="without the current"):
        read(path, **STATED)
    with pytest.raises(RecordingError, match=r"currents of shape \(2, 399\) for voltages of shape \(2, 400\)"):
        read(path, stimulus=matrix("short.csv", np.stack([PA, PA])[:, 1:]), **STATED)
    with pytest.raises(RecordingError, match=r"missing\.csv: no such file"):
        read(path, stimulus=tmp_path / "missing.csv", **STATED)


def test_a_matrix_upside_down_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="400 lines of 2 numbers without headings"):
        read(text(tmp_path / "cell.csv", [], (V, PA)), **STATED)


@pytest.mark.parametrize(
    ("edit", "line", "message"),
    [
        (lambda lines: [*lines[:5], "1.0,x,2.0", *lines[6:]], 6, "'x' is not a number"),
        (lambda lines: [*lines[:5], "1.0,2.0", *lines[6:]], 6, "2 cells, but 3"),
        (lambda lines: ["# made by hand", "", *lines[:5], "1.0,,2.0"], 8, "'' is not a number"),
        (lambda lines: ["time_ms,voltage_mV", *lines[1:]], 1, "2 headings over 3 columns"),
    ],
)
def test_a_mistake_is_named_by_its_line(tmp_path, edit, line, message):
    path = text(tmp_path / "cell.csv", ["time_ms", "voltage_mV", "current_pA"], (TIME, V, PA))
    path.write_text("\n".join(edit(path.read_text().splitlines())))
    with pytest.raises(RecordingError, match=message) as caught:
        read(path)
    assert caught.value.line == line


def test_archives(tmp_path):
    path = tmp_path / "cell.npz"
    np.savez(path, time_ms=TIME, voltage_mV=V, current_pA=PA)
    recording = read(path)
    assert recording.format == "NPZ"
    check(recording.sweeps[0])
    np.savez(path, voltage_V=np.stack([V, V]) * 1e-3, current_nA=PA * 1e-3, dt_us=50.0)
    for sweep in read(path).sweeps:
        check(sweep)
    np.savez(path, voltage=np.stack([V, V]).astype(np.float32), current=PA)
    assert len(read(path, **STATED).sweeps) == 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"voltage_mV": np.array([{"a": 1}], dtype=object)}, "never unpickled"),
        ({"voltage_mV": np.array(["a", "b"])}, "not numbers"),
        ({}, "holds no arrays"),
        ({"voltage_mV": np.zeros((2, 3, 400)), "current_pA": PA, "dt_ms": 0.05}, "voltages of shape"),
        ({"voltage_mV": V, "current_pA": PA[1:], "dt_ms": 0.05}, "currents of shape"),
        ({"voltage_mV": V, "current_pA": PA}, "sampling interval is not stated"),
        ({"voltage_mV": V, "current_pA": PA, "dt_ms": np.empty(0)}, "sampling interval is not stated"),
        ({"voltage_mV": np.stack([V, V]), "current_pA": PA, "dt_ms": [0.1, 0.05]}, r"intervals of 0\.05 and 0\.1 ms"),
        ({"voltage_mV": np.stack([V, V]), "current_pA": PA, "dt_ms": [0.05, np.nan]}, "intervals of"),
        ({"voltage_mV": np.zeros((400, 30)), "current_pA": np.zeros((400, 30)), "dt_ms": 0.05}, "400 sweeps of 30"),
        ({"voltage_mV": np.zeros((0, 400)), "current_pA": PA, "dt_ms": 0.05}, "voltages of shape"),
    ],
)
def test_archives_that_are_refused(tmp_path, arrays, message):
    path = tmp_path / "cell.npz"
    np.savez(path, **arrays)
    with pytest.raises(RecordingError, match=message):
        read(path)


def test_nan_is_named_by_sweep_and_sample(tmp_path):
    v = np.stack([V, V])
    v[1, 77:80] = np.nan
    path = tmp_path / "cell.npz"
    np.savez(path, voltage_mV=v, current_pA=PA, dt_ms=DT)
    recording = read(path)
    assert [s.name for s in recording.sweeps] == ["sweep_0"]
    (reason,) = recording.refused
    assert reason.startswith("sweep sweep_1: the voltage is nan at sample 77 (3 such samples); cut the sweep")
    np.savez(path, voltage_mV=v * np.nan, current_pA=PA, dt_ms=DT)
    with pytest.raises(RecordingError, match=r"sweep sweep_0: the voltage is nan at sample 0.*and 1 more sweeps"):
        read(path)


def test_sweeps_of_different_length(tmp_path):
    heading = ["sweep", "time_ms", "voltage_mV", "current_pA"]
    columns = (np.repeat([3, 8], [400, 300]), *(np.r_[x, x[:300]] for x in (TIME, V, PA)))
    first, second = read(text(tmp_path / "cell.csv", heading, columns)).sweeps
    check(first)
    assert (first.name, second.name, len(second.v)) == ("sweep_3", "sweep_8", 300)
    np.testing.assert_allclose(second.current, PA[:300] * 1e-3)
    text(tmp_path / "i.csv", ["sweep", "current_pA"], (columns[0], columns[3]))
    path = text(tmp_path / "v.csv", heading[:3], columns[:3])
    assert [len(s.v) for s in read(path, stimulus=tmp_path / "i.csv").sweeps] == [400, 300]
    text(tmp_path / "i.csv", ["current_pA"], (PA,))
    with pytest.raises(RecordingError, match=r"currents of shape \(2, 400\) for voltages of shape \(2, 300 to 400\)"):
        read(path, stimulus=tmp_path / "i.csv")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[::-1], "time does not run forwards: 19.9 ms follows 19.95 ms at sample 1; sort the rows"),
        (lambda t: np.r_[t[:200], t[:200]], "time does not run forwards: 0 ms follows 9.95 ms at sample 200"),
        (lambda t: np.r_[t[:200], t[199:-1]], "time does not run forwards: 9.95 ms follows 9.95 ms at sample 200"),
        (lambda t: np.where(t == t[30], np.nan, t), "the time is nan at sample 30"),
    ],
)
def test_time_runs_forwards(tmp_path, change, message):
    path = text(tmp_path / "cell.csv", ["time_ms", "voltage_mV", "current_pA"], (change(TIME), V, PA))
    with pytest.raises(RecordingError, match=message):
        read(path)


def test_a_file_still_being_written(tmp_path):
    path = text(tmp_path / "cell.csv", ["time_ms", "voltage_mV", "current_pA"], (TIME, V, PA))
    path.write_text(path.read_text().rsplit(",", 1)[0])
    with pytest.raises(RecordingError, match="2 cells, but 3 in the lines above: is the file still being written") as e:
        read(path)
    assert e.value.line == 401


def test_long_tables_are_read_part_by_part(tmp_path, monkeypatch):
    heading = ["time_ms", "voltage_mV", "current_pA"]
    path = text(tmp_path / "cell.csv", heading, (TIME, V, PA))
    monkeypatch.setattr("gbar.recordings.table_file._PART", 1000)
    check(read(path).sweeps[0])
    path.write_text("\n".join([*path.read_text().splitlines()[:300], "1,x,2"]))
    with pytest.raises(RecordingError, match="'x' is not a number") as caught:
        read(path)
    assert caught.value.line == 301


def test_ten_gigabytes_of_text_are_refused_at_once(tmp_path):
    """A sparse file: after the first part its size says how many numbers would follow."""
    path = tmp_path / "cell.csv"
    row = "0.05,-65.0,0.0\n"
    with path.open("w") as stream:
        stream.write("time_ms,voltage_mV,current_pA\n" + row * 700_000)
        stream.truncate(10_000_000_000)
    tracemalloc.start()
    with pytest.raises(RecordingError, match=r"its 10000 MB of text are about 160.. MB of numbers, more than 1000 MB"):
        read_table(path, Declared())
    assert tracemalloc.get_traced_memory()[1] < 200_000_000
    tracemalloc.stop()


def test_one_endless_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("gbar.recordings.table_file._LONGEST_LINE", 1000)
    path = tmp_path / "cell.csv"
    path.write_text("1.0," * 5000)
    with pytest.raises(RecordingError, match="a line of more than 0 MB; put sweeps below one another") as caught:
        read(path)
    assert caught.value.line == 1


def test_a_heading_that_is_no_heading(tmp_path):
    path = tmp_path / "cell.csv"
    path.write_text('"' + "a" * 200_000 + ",1\n1,2\n")
    with pytest.raises(RecordingError, match="not a line of headings or numbers"):
        read(path)


def test_two_arrays_of_one_name(tmp_path):
    path = tmp_path / "cell.npz"
    np.savez(path, time_ms=TIME, voltage_mV=V, current_pA=PA)
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("voltage_mV.npy", archive.read("time_ms.npy"))
    with pytest.raises(RecordingError, match="two arrays are named 'voltage_mV'"):
        read(path)


def test_nothing_of_an_archive_is_written_to_disk(tmp_path):
    path = tmp_path / "inside" / "cell.npz"
    path.parent.mkdir()
    np.savez(path, time_ms=TIME, voltage_mV=V, current_pA=PA)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../outside.npy", archive.read("time_ms.npy"))
    with pytest.raises(RecordingError, match=r"the heading '\.\./outside' names neither time"):
        read(path)
    assert [p.name for p in tmp_path.iterdir()] == ["inside"]


@pytest.mark.parametrize(
    ("stated", "message"),
    [({"voltage_unit": "uV"}, "|v| never exceeds 0.065 mV"), ({"current_unit": "fA"}, "|I| never exceeds 1.5e-06 nA")],
)
def test_a_unit_that_makes_everything_tiny_is_doubted(tmp_path, stated, message):
    path = text(tmp_path / "cell.csv", ["voltage", "current"], (V, PA * 0.01))
    (warning,) = read(path, **(STATED | stated)).sweeps[0].warnings
    assert warning.startswith(message)


def test_the_matrices_of_a_published_example(shared):
    folder = shared / "recordings" / "csv"
    with pytest.raises(RecordingError, match="without the current that was injected, the sampling interval, the unit"):
        read(folder / "output_traces_hh.csv")
    stated = {"voltage_unit": "mV", "current_unit": "A", "dt": "0.01 ms", "stimulus": folder / "input_traces_hh.csv"}
    with pytest.raises(RecordingError, match="50 nA: is its unit wrong"):
        read(folder / "output_traces_hh.csv", **stated)
    recording = read(folder / "output_traces_hh.csv", allow_large=True, **stated)
    assert [len(s.v) for s in recording.sweeps] == [1497] * 5
    assert [s.current.max() for s in recording.sweeps] == pytest.approx([10.0, 2.0, 2.0, 50.0, 0.2])
    assert recording.sweeps[0].v[0] == pytest.approx(-63.54211145)
