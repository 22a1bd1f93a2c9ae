from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.cli import run
from gbar.criteria import Criteria
from gbar.dataset import open_dataset
from gbar.errors import DatasetError, OutputError, ParameterError
from gbar.features import VITALS, spike_counts
from gbar.protocol import Protocol
from gbar.vetting import Finding, apart, vet
from gbar.workflows.repair import check_dataset
from gbar.workflows.simulate import simulate_dataset
from gbar.workflows.vet import plot_dataset, recount, vet_dataset

ROWS = 96
LIMITS = ["peak.low=0 mV", "step.spikes.low=12"]


@pytest.fixture(scope="module")
def cell():
    cell = read_cell("sphere")
    return replace(cell, vetting=cell.vetting.changed(LIMITS, ["step"]))


@pytest.fixture(scope="module")
def store(cell, tmp_path_factory):
    path = tmp_path_factory.mktemp("vetted") / "sims.zarr"
    simulate_dataset(cell, path, rows=ROWS, block=32, storage="float32", threads=1)
    return path


def test_rows_are_vetted_while_they_are_simulated(store, cell):
    data = open_dataset(store)
    found = vet(data.read(), cell.protocol, cell.vetting)
    np.testing.assert_array_equal(data.classes, found.classes)
    np.testing.assert_array_equal(data.column("features"), found.features)
    np.testing.assert_array_equal(data.spikes, spike_counts(data.read()))
    few, peak = ((data.classes & finding) > 0 for finding in (Finding.FEW_SPIKES, Finding.PEAK))
    assert 0 < few.sum() < ROWS
    assert 0 < peak.sum() < ROWS
    assert len(data) == ROWS  # none is left out
    assert data.usable.all()
    assert data.manifest.vetting.site == "soma"


def test_xarray_reads_them_with_their_meanings(store):
    arrays = open_dataset(store).arrays
    assert arrays.vetting.dims == ("row",)
    assert arrays.vetting.dtype == np.uint16
    meanings = dict(zip(arrays.vetting.flag_meanings.split(), arrays.vetting.flag_masks, strict=True))
    assert meanings == {finding.name.lower(): int(finding) for finding in Finding}
    assert list(arrays.feature.values) == list(VITALS)
    assert "peak: mV" in arrays.features.units
    assert float(arrays.features.sel(feature="peak").max()) > 20.0


@pytest.mark.parametrize(("block", "threads"), [(64, 1), (32, 2)])
def test_the_same_bits_in_any_blocks_on_any_threads(store, cell, tmp_path, block, threads):
    again = simulate_dataset(cell, tmp_path / "again.zarr", rows=ROWS, block=block, storage="float32", threads=threads)
    for name in ("vetting", "features", "spikes"):
        np.testing.assert_array_equal(again.column(name), open_dataset(store).column(name))


def test_without_vetting_there_are_no_classes(store, tmp_path, capsys):
    path = tmp_path / "plain.zarr"
    assert run(["simulate", "sphere", "-n", "32", "-o", str(path), "--no-vetting", "--threads", "1"]) == 0
    assert "vetted" not in capsys.readouterr().out
    plain = open_dataset(path)
    assert plain.manifest.vetting is None
    assert "vetting" not in plain.stored
    with pytest.raises(DatasetError, match="no array vetting"):
        _ = plain.classes
    np.testing.assert_array_equal(plain.theta, open_dataset(store).theta[:32])
    told = vet_dataset(path, LIMITS)
    assert "not vetted when made" in told
    stored = open_dataset(store).column("features")[:32]
    np.testing.assert_allclose(recount(path).features, stored, rtol=1e-2, atol=5e-3)  # of steps of 1/128 mV


def test_a_recount_with_other_limits_is_what_they_would_have_given(store, cell):
    kept = recount(store)
    np.testing.assert_array_equal(kept.classes, open_dataset(store).classes)
    other = cell.vetting.changed(["peak.low=15 mV", "level=-60 mV", "plateau.high=2 ms"])
    found = recount(store, ["peak.low=15 mV", "level=-60 mV", "plateau.high=2 ms"])
    expected = vet(open_dataset(store).read(), cell.protocol, other)
    np.testing.assert_array_equal(found.classes, expected.classes)
    assert (found.classes & Finding.PEAK > 0).sum() > (kept.classes & Finding.PEAK > 0).sum()
    assert (recount(store, cell="sphere").classes == 0).sum() > (kept.classes == 0).sum()
    assert open_dataset(store).manifest.vetting.criteria == cell.vetting  # as it was


def test_the_table_counts_all_and_says_where(store, capsys):
    assert run(["data", "vet", str(store)]) == 0
    told = capsys.readouterr().out
    data = open_dataset(store)
    lines = {line.split("  ")[0]: line for line in told.splitlines()}
    for finding, label in ((Finding.FEW_SPIKES, "few spikes"), (Finding.PEAK, "peak")):
        assert f"  {int((data.classes & finding > 0).sum())} " in lines[label]
    assert f"  {int((data.classes == 0).sum())} " in lines["in order"]
    assert "peak 0 to 70 mV" in lines["peak"]
    assert "step: spikes 12 or more" in lines["few spikes"]
    assert "gkbar" in lines["few spikes"] or "gnabar" in lines["few spikes"]
    assert run(["data", "vet", str(store), "--limit", "peak.low=none", "--limit", "step.spikes.low=none"]) == 0
    assert "few spikes" not in capsys.readouterr().out


def test_a_class_lies_where_it_was_put():
    rng = np.random.default_rng(0)
    unit = rng.uniform(-1.0, 1.0, (4000, 3))
    far, none = apart(unit, [unit[:, 1] > 0.5, np.zeros(4000, bool)])
    assert far[1] == pytest.approx(1.0, abs=0.01)
    assert far[[0, 2]].tolist() == [0.0, 0.0]
    grid = np.repeat(np.linspace(-1.0, 1.0, 5), 200)[:, None]  # equal values are no order
    assert apart(grid, [np.tile([True, False, False, False, False], 200)]).tolist() == [[0.0]]
    assert none.tolist() == [0.0, 0.0, 0.0]


def test_the_picture(store, tmp_path):
    picture = plot_dataset(store, tmp_path / "classes.png", ["rest.high=-66 mV"])
    assert picture.stat().st_size > 20_000
    with pytest.raises(OutputError, match="exists already"):
        plot_dataset(store, picture)
    plot_dataset(store, tmp_path / "classes.svg")
    text = (tmp_path / "classes.svg").read_text()
    assert "<svg" in text


def test_an_unfinished_store_of_other_limits_is_refused_by_name(cell, tmp_path, monkeypatch):
    path = tmp_path / "sims.zarr"

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("gbar.workflows.simulate.fill", stop)
    with pytest.raises(KeyboardInterrupt):
        simulate_dataset(cell, path, rows=ROWS, threads=1)
    monkeypatch.undo()
    other = replace(cell, vetting=cell.vetting.changed(["peak.low=5 mV"]))
    with pytest.raises(OutputError, match=r"vetted with peak.low 0.0 mV, not 5.0 mV"):
        simulate_dataset(other, path, rows=ROWS, threads=1)
    with pytest.raises(OutputError, match="vetted"):
        simulate_dataset(cell, path, rows=ROWS, threads=1, vetting=False)
    assert simulate_dataset(cell, path, rows=ROWS, threads=1).manifest.vetting.criteria == cell.vetting


def test_stimuli_of_another_protocol_have_the_limits_of_all(cell, tmp_path):
    renamed = Protocol((replace(cell.protocol.stimuli[0], name="other"),))
    data = simulate_dataset(cell, tmp_path / "sims.zarr", rows=32, protocol=renamed, threads=1)
    assert data.manifest.vetting.criteria.stimuli == {}
    assert data.manifest.vetting.criteria.peak == cell.vetting.peak != Criteria().peak


def test_damaged_classes_are_made_anew(store, cell, tmp_path):
    path = tmp_path / "sims.zarr"
    shutil.copytree(store, path)
    for name in ("vetting", "features"):
        chunk = next(file for file in (path / name).rglob("*") if file.is_file() and file.name != "zarr.json")
        chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")
    with pytest.raises(DatasetError, match="is damaged"):
        check_dataset(path)
    check_dataset(path, repair=True, cell=cell, threads=1)
    for name in ("vetting", "features"):
        np.testing.assert_array_equal(open_dataset(path).column(name), open_dataset(store).column(name))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--limit", "peek.low=0 mV"], "did you mean peak"),
        (["--limit", "peak.low=0"], "has no unit"),
        (["--limit", "stp.peak.low=0 mV"], "'stp' is no stimulus; did you mean step"),
        (["--cell", "sphre"], "did you mean sphere"),
    ],
)
def test_bad_limits_are_refused_in_one_line(store, capsys, arguments, told):
    assert run(["data", "vet", str(store), *arguments]) == 2
    line = capsys.readouterr().err.strip()
    assert told in line
    assert "\n" not in line


def test_what_cannot_be_vetted_or_drawn_is_refused(store, tmp_path, capsys):
    for command in (["vet", str(tmp_path / "nothing.zarr")], ["plot", str(store), "-o", str(tmp_path / "x.jpg")]):
        assert run(["data", *command]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    with pytest.raises(ParameterError):
        recount(store, ["width.high=-1 ms"])
