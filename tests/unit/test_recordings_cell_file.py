from __future__ import annotations

import numpy as np
import pytest
from nwb_files import Writer, plain, step, voltage

from gbar.errors import RecordingError
from gbar.recordings import read


def table(path, amplitude=100, units=True):
    heading = "time_ms,voltage_mV,current_pA" if units else "t,v,i"
    lines = [f"{0.05 * k},{-65 + 0.01 * (k % 7)},{amplitude if 50 <= k < 150 else 0}" for k in range(200)]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([heading, *lines]))
    return path


def many(path, *, notes=""):
    """Three sweeps, 0.1 to 0.3 nA."""
    writer = Writer()
    for k in (1, 2, 3):
        writer.respond(f"r{k}", (voltage(0.1 * k) + 0.01 * k) * 1e-3, sweep_number=k, comments=notes or "no comments")
        writer.stimulate(f"s{k}", step(0.1 * k) * 1e-9, sweep_number=k)
    return writer.write(path)


def cell(folder, text):
    path = folder / "cell.yaml"
    path.write_text(text)
    return path


def test_several_files_are_one_cell(tmp_path):
    many(tmp_path / "control.nwb")
    table(tmp_path / "later" / "ttx.csv", units=False)
    path = cell(
        tmp_path,
        """
name: PYR5
junction_potential: 14 mV
junction_corrected: false
files:
  - path: control.nwb
    condition: control
    exclude:
      - sweeps: [r2]
        reason: the seal was lost
  - path: later/ttx.csv
    name: steps_ttx
    condition: TTX 1 uM
    voltage_unit: mV
    current_unit: pA
    time_unit: ms
""",
    )
    recording = read(path)
    assert recording.format == "several files"
    assert recording.source == path
    assert [s.name for s in recording.sweeps] == ["control.r1", "control.r3", "steps_ttx.sweep_0"]
    assert [s.condition for s in recording.sweeps] == ["control", "control", "TTX 1 uM"]
    assert [s.start for s in recording.sweeps] == [0.0, 1.0, 2.0]
    assert [s.source.name for s in recording.sweeps] == ["control.nwb", "control.nwb", "ttx.csv"]
    assert [round(s.amplitude, 6) for s in recording.sweeps] == [0.1, 0.3, 0.1]
    assert recording.refused == ("control: r2: excluded: the seal was lost",)
    assert (recording.junction_potential, recording.junction_corrected) == (14.0, False)
    assert recording.description == "PYR5; a cell"


def test_the_digest_is_that_of_all_files(tmp_path):
    table(tmp_path / "a.csv")
    path = cell(tmp_path, "files:\n  - path: a.csv\n")
    before = read(path).digest
    assert read(path).digest == before
    table(tmp_path / "a.csv", amplitude=50)
    assert read(path).digest != before


def test_one_file_with_two_conditions(tmp_path):
    many(tmp_path / "a.nwb")
    entries = "files:\n  - {path: a.nwb, sweeps: [r1, r2]}\n  - {path: a.nwb, sweeps: [r3], condition: TTX}\n"
    recording = read(cell(tmp_path, entries))
    assert [s.condition for s in recording.sweeps] == ["", "", "TTX"]
    with pytest.raises(RecordingError, match=r"cell\.yaml:3:.*sweep r2 is used in line 2 already"):
        read(cell(tmp_path, entries.replace("[r3]", "[r2]")))


def test_what_the_files_state_of_the_junction_potential(tmp_path):
    many(tmp_path / "a.nwb", notes="junction potential 14 mV, not corrected")
    plain(tmp_path / "b.nwb")
    path = cell(tmp_path, "files:\n  - path: a.nwb\n  - path: b.nwb\n")
    recording = read(path)
    assert (recording.junction_potential, recording.junction_corrected) == (14.0, None)
    assert "14 mV, as in a, is taken for b too" in " ".join(recording.warnings)
    assert "not known of b" in " ".join(recording.warnings)
    many(tmp_path / "b.nwb", notes="junction potential 9 mV, corrected")
    with pytest.raises(RecordingError, match=r"cell\.yaml:2:.*different values of junction_potential \(a: 14\.0, b: 9"):
        read(path)
    stated = read(cell(tmp_path, "junction_potential: 0.011 V\n" + path.read_text() + "junction_corrected: true\n"))
    assert (stated.junction_potential, stated.junction_corrected) == (11.0, True)


def test_a_copy_is_told(tmp_path):
    table(tmp_path / "a.csv")
    table(tmp_path / "b.csv")
    recording = read(cell(tmp_path, "files:\n  - path: a.csv\n  - path: b.csv\n"))
    assert recording.warnings == ("sweeps a.sweep_0 and b.sweep_0 are the same, sample for sample: is one a copy?",)


def test_files_in_another_order_than_they_were_made(tmp_path):
    for name, year in (("a", 2021), ("b", 2020)):
        many(tmp_path / f"{name}.nwb")
        import h5py

        with h5py.File(tmp_path / f"{name}.nwb", "r+") as h5:
            h5["session_start_time"][()] = f"{year}-01-01T00:00:00+00:00"
    recording = read(cell(tmp_path, "files:\n  - path: a.nwb\n  - path: b.nwb\n"))
    assert recording.warnings[0] == "b was recorded (2020-01-01 00:00) before a, which stands above it"
    assert [s.name for s in recording.sweeps][:4] == ["a.r1", "a.r2", "a.r3", "b.r1"]


MISTAKES = {
    "no files": ("name: x\n", "the key 'files' is missing"),
    "empty files": ("files: []\n", "cell.yaml:1:8: files: names no file"),
    "no list": ("files: a.csv\n", "cell.yaml:1:.*expected a list"),
    "unknown key": (
        "files:\n  - path: a.csv\n    conditoin: x\n",
        "cell.yaml:3:5: .*'conditoin'; did you mean condition",
    ),
    "missing file": ("files:\n  - path: b.csv\n", r"b\.csv: no such file"),
    "out of the folder": ("files:\n  - path: ../a.csv\n", "cell.yaml:2:11: .*leads out of the folder"),
    "an absolute path": ("files:\n  - path: /etc/passwd\n", "cell.yaml:2:11: .*leads out of the folder"),
    "a stimulus elsewhere": ("files:\n  - path: a.csv\n    stimulus: ../x.csv\n", "cell.yaml:3:.*leads out"),
    "itself": ("files:\n  - path: cell.yaml\n", "cell.yaml:2:11: .*is a cell file itself"),
    "a junction potential without unit": (
        "junction_potential: 14\nfiles:\n  - path: a.csv\n",
        "cell.yaml:1:21: junction_potential",
    ),
    "an absurd one": ("junction_potential: 14 V\nfiles:\n  - path: a.csv\n", "cell.yaml:1:.*no junction potential"),
    "no yes or no": ("junction_corrected: maybe\nfiles:\n  - path: a.csv\n", "cell.yaml:1:.*expected true or false"),
    "an unknown sweep": (
        "files:\n  - path: a.csv\n    sweeps: [sweep_9]\n",
        "cell.yaml:3:14: .*no sweep 'sweep_9'; did you mean sweep_0",
    ),
    "no reason": ("files:\n  - path: a.csv\n    exclude:\n      - sweeps: [sweep_0]\n", "cell.yaml:4:.*'reason'"),
    "an empty reason": (
        "files:\n  - path: a.csv\n    exclude:\n      - {sweeps: [sweep_0], reason: ' '}\n",
        "cell.yaml:4:.*say why",
    ),
    "nothing left": (
        "files:\n  - path: a.csv\n    exclude:\n      - {sweeps: [sweep_0], reason: noisy}\n",
        "cell.yaml:2:.*all its sweeps are excluded",
    ),
    "one name twice": (
        "files:\n  - path: a.csv\n  - {path: sub/a.csv}\n",
        "cell.yaml:3:.*another file is called 'a' too.*give one of them a name",
    ),
    "a unit that the file states": (
        "files:\n  - path: a.nwb\n    voltage_unit: mV\n",
        r"a\.nwb: .*states its own units",
    ),
    "an alias": ("files: &x\n  - path: a.csv\n", "cell.yaml:1:.*anchors"),
    "no yaml": ("files: [\n", "cell.yaml:.*is not YAML"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_told_with_their_line(tmp_path, case):
    text, message = MISTAKES[case]
    table(tmp_path / "a.csv")
    table(tmp_path / "sub" / "a.csv", amplitude=70)
    plain(tmp_path / "a.nwb")
    with pytest.raises(RecordingError, match=message) as caught:
        read(cell(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_link_that_leads_out_is_not_followed(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.csv").symlink_to(table(tmp_path / "elsewhere.csv"))
    with pytest.raises(RecordingError, match="leads out of the folder"):
        read(cell(folder, "files:\n  - path: a.csv\n"))


def test_options_are_stated_in_the_cell_file(tmp_path):
    table(tmp_path / "a.csv")
    with pytest.raises(RecordingError, match="state it in the cell file"):
        read(cell(tmp_path, "files:\n  - path: a.csv\n"), voltage_unit="mV")


def test_large_values_are_asked_for_in_all_files(tmp_path):
    table(tmp_path / "a.csv", amplitude=30_000)
    path = cell(tmp_path, "files:\n  - path: a.csv\n")
    with pytest.raises(RecordingError, match="is its unit wrong"):
        read(path)
    np.testing.assert_allclose(read(path, allow_large=True).sweeps[0].amplitude, 30.0)
