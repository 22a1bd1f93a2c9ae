"""`gbar inspect`: one recording, several, folders, refusals, JSON and pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from gbar.cli import app
from gbar.errors import OutputError, RecordingError
from gbar.recordings.quality import Thresholds
from gbar.workflows.inspect import inspect, recordings_in


def table(path, amplitudes=(50.0, 100.0), n=6000, dt=0.1, hum=0.0):
    """A CSV of passive answers to steps (pA), in the units that its headings name."""
    t = np.arange(n) * dt
    rng = np.random.default_rng(0)
    parts = []
    for k, amplitude in enumerate(amplitudes):
        current = np.where((t >= 250) & (t < 450), amplitude, 0.0)
        v = -70.0 + 0.15 * current * (1 - np.exp(-np.maximum(t - 250, 0) / 15)) + rng.normal(0, 0.05, n)
        v += hum * np.sin(2 * np.pi * 0.05 * t)
        parts.append(np.column_stack([np.full(n, k), t, v, current]))
    np.savetxt(path, np.concatenate(parts), "%.6g", ",", header="sweep,time_ms,voltage_mV,current_pA", comments="")
    return path


@pytest.fixture
def cell(tmp_path):
    return table(tmp_path / "cell.csv")


def test_one_recording_is_a_table_of_sweeps(cell):
    text = inspect([cell])
    assert "2 current-clamp sweep(s)" in text
    assert "junction potential: not stated" in text
    assert "R_in MOhm" in text
    assert "gbar infer would use:" in text
    assert "flag:" not in text
    assert "residual" not in text


def test_flags_show_their_thresholds(tmp_path):
    noisy = table(tmp_path / "noisy.csv", hum=0.6)
    text = inspect([noisy])
    assert "flag: hum: every sweep: 0.6 mV of hum at 50 Hz (threshold 0.2 mV)" in text
    assert "flag:" not in inspect([noisy], thresholds=Thresholds(hum=1.0))


def test_a_folder_is_a_table_of_files(tmp_path, cell):
    (tmp_path / "broken.abf").write_bytes(b"ABF2" + bytes(10))
    (tmp_path / "empty.nwb").touch()
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / ".hidden.csv").write_text("nothing")
    (tmp_path / "more").mkdir()
    table(tmp_path / "more/cell.csv")
    text = inspect([tmp_path])
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["broken.abf", "cell.csv", "empty.nwb", "more/cell.csv"]
    assert "refused" in lines[2] and "refused" in lines[4]
    assert str(tmp_path) not in lines[2]
    assert "2 recording(s) read, 2 refused" in text


def test_a_folder_is_left_only_by_its_own_entries(tmp_path, cell):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "out").symlink_to(tmp_path)
    (inside / "link.csv").symlink_to(cell)
    assert recordings_in(inside) == []
    with pytest.raises(RecordingError, match="inside: a folder without recordings"):
        inspect([inside])


def test_a_folder_of_waves_is_one_recording(tmp_path):
    (tmp_path / "waves").mkdir()
    for name in ("a.ibw", "b.ibw"):
        (tmp_path / "waves" / name).touch()
    assert recordings_in(tmp_path) == [tmp_path / "waves"]


def test_a_single_recording_that_is_refused_raises(tmp_path):
    (tmp_path / "empty.nwb").touch()
    with pytest.raises(RecordingError, match="empty"):
        inspect([tmp_path / "empty.nwb"])


def test_json_names_its_units(tmp_path, cell):
    (tmp_path / "empty.nwb").touch()
    made = json.loads(inspect([cell, tmp_path / "empty.nwb"], as_json=True))
    assert made["thresholds"]["hum"] == 0.2
    good, bad = made["recordings"]
    assert set(bad) == {"file", "error"}
    assert [s["amplitude_nA"] for s in good["sweeps"]] == pytest.approx([0.05, 0.1])
    assert {s["current"] for s in good["sweeps"]} == {"commanded"}
    assert good["sweeps"][0]["residual_sd_nA"] is None
    assert good["sweeps"][0]["input_resistance_MOhm"] == pytest.approx(150.0, rel=0.01)
    assert len(good["sha256"]) == 64
    assert set(good["used"] + good["held_out"]) == {s["name"] for s in good["sweeps"]}


def test_pictures(tmp_path, cell):
    out = tmp_path / "pictures/cell.png"
    assert f"drawn in {out}" in inspect([cell], out)
    assert out.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError):
        inspect([cell], out)
    inspect([cell], out, overwrite=True)
    with pytest.raises(OutputError, match=r"ends in \.png"):
        inspect([cell], tmp_path / "cell.gif")
    with pytest.raises(OutputError, match="name a folder"):
        inspect([cell, cell], tmp_path / "two.png")
    inspect([cell, table(tmp_path / "more.csv")], tmp_path / "both")
    assert sorted(p.name for p in (tmp_path / "both").iterdir()) == ["cell.png", "more.png"]


def test_many_sweeps_fill_several_pictures(tmp_path):
    many = table(tmp_path / "many.csv", amplitudes=np.arange(41) * 5.0, n=5000)
    said = inspect([many], tmp_path / "many.png")
    assert "many.png" in said and "many-2.png" in said
    assert (tmp_path / "many-2.png").is_file()


def test_the_command_line(tmp_path, cell):
    run = CliRunner().invoke(app, ["inspect", str(cell), "--json", "--threshold", "hum=1", "--threshold", "clipped=2"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["thresholds"]["clipped"] == 2.0


def test_measured_currents_can_be_kept(shared):
    cell = shared / "recordings/ferguson_ca1/PYR5_rebound.abf"
    told, kept = (json.loads(inspect([cell], as_json=True, measured=m))["recordings"][0] for m in (False, True))
    assert {s["current"] for s in told["sweeps"]} == {"told from the measured one"}
    assert {s["current"] for s in kept["sweeps"]} == {"measured"}
    assert all(s["residual_largest_nA"] > 0.4 for s in told["sweeps"])
    text = inspect([cell])
    assert "residual pA" in text
    assert "flag: series resistance: sweep_2, sweep_3, sweep_4, sweep_5 and 4 more" in text


def test_all_shared_recordings_on_one_page(shared):
    text = inspect([shared / "recordings"])
    assert "11 recording(s) read, 7 refused" in text
    assert "holds only voltage clamp (14 sweeps)" in text
    assert len(text.splitlines()) < 30
