"""`gbar simulate`: a place that is taken is refused at once, rows are streamed to the disk."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.cli import run
from gbar.dataset import find_damage, open_dataset
from gbar.errors import DatasetError, OutputError
from gbar.parameters import ParameterSpace
from gbar.simulate import simulate_parts
from gbar.workflows import simulate as workflow
from gbar.workflows.progress import Silent
from gbar.workflows.simulate import simulate_dataset
from gbar.workflows.train import train_estimator


def test_a_place_that_is_taken_is_refused_before_anything_is_compiled(tmp_path, monkeypatch):
    def build(*_: object) -> None:
        raise AssertionError("compiled")

    monkeypatch.setattr(workflow, "build", build)
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="it exists already"):
        simulate_dataset("sphere", tmp_path / "taken", rows=4)
    with pytest.raises(OutputError, match="is no data set"):
        simulate_dataset("sphere", tmp_path / "taken", rows=4, overwrite=True)
    (tmp_path / "other.partial").mkdir()
    with pytest.raises(OutputError, match="a damaged unfinished data set"):
        simulate_dataset("sphere", tmp_path / "other", rows=4)


def test_rows_are_the_same_however_many_are_in_memory_at_once(tmp_path, monkeypatch):
    whole = simulate_dataset("sphere", tmp_path / "whole", rows=600, block=256, threads=1)
    calls: list[int] = []

    def counted(kernel, parts, *rest, **more):
        calls.extend(stop - start for start, stop in parts)
        simulate_parts(kernel, parts, *rest, **more)

    monkeypatch.setattr(workflow, "simulate_parts", counted)
    filled = simulate_dataset("sphere", tmp_path / "filled", rows=600, block=16, threads=2)
    assert calls == [64] * 9 + [24]  # as many as the kernel has lanes
    calls.clear()
    monkeypatch.setattr(workflow, "MEMORY", 1)
    parts = simulate_dataset("sphere", tmp_path / "parts", rows=600, block=32, threads=2)
    assert calls == [32] * 18 + [24]
    np.testing.assert_array_equal(filled.read().v[0], whole.read().v[0])
    np.testing.assert_array_equal(parts.theta, whole.theta)
    np.testing.assert_array_equal(parts.read().v[0], whole.read().v[0])


@pytest.mark.parametrize("output", [".", "", "/", "..", "sims.zarr.partial", "file/sims.zarr"])
def test_a_name_that_is_none_is_refused_before_anything_is_simulated(tmp_path, monkeypatch, capsys, output):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workflow, "build", lambda *_: pytest.fail("compiled"))
    (tmp_path / "file").write_text("")
    assert run(["simulate", "sphere", "-n", "4", "-o", output]) == 2
    told = capsys.readouterr().err
    assert told.startswith("gbar: ") and told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_disk_that_is_too_small_is_told_of(tmp_path, monkeypatch):
    """15,202 bytes a row before they are packed: half of that must fit."""
    said: list[str] = []
    monkeypatch.setattr(Silent, "say", lambda self, text: said.append(text))
    for free, told in ((8 * 7601, 0), (8 * 7600, 1)):
        monkeypatch.setattr(workflow.shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        simulate_dataset("modern_sphere", tmp_path / str(free), rows=8, threads=1)
        assert sum("are free" in line for line in said) == told


def test_a_store_lies_where_a_link_leads(tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "link.zarr"
    link.symlink_to(tmp_path / "disk" / "sims.zarr")
    assert len(simulate_dataset("sphere", link, rows=4, threads=1)) == 4
    assert len(simulate_dataset("sphere", link, rows=5, threads=1, overwrite=True)) == 5
    assert link.is_symlink() and len(open_dataset(link)) == 5
    assert sorted(path.name for path in tmp_path.rglob("*.zarr*")) == ["link.zarr", "sims.zarr"]


def test_what_sites_record_is_told_and_only_voltages_are_learned_from(tmp_path):
    """Units and variables are those of the sites; a network's noise is millivolts."""
    cell = read_cell("sphere")
    site = replace(cell.sites[0], name="m", variable="m_hh")
    cell = replace(cell, sites=(*cell.sites, site))
    data = simulate_dataset(cell, tmp_path / "sims.zarr", rows=20, sites=("soma", "m"), threads=1)
    assert data.arrays.v_0.attrs["units"] == "soma: mV; m: 1" and list(data.arrays.variable.values) == ["v", "m_hh"]
    assert 0.0 < data.read().v[0][:, 1].max() < 1.0
    with pytest.raises(DatasetError, match="the site m records m_hh, and networks learn from voltages"):
        train_estimator(data.path, tmp_path / "network", kind="point")


def test_blocks_that_a_machine_lost_when_it_died_are_made_again(tmp_path):
    """A name may be on the disk before what it names: files come back empty, short or not at all."""
    whole = simulate_dataset("sphere", tmp_path / "whole.zarr", rows=400, block=64, threads=1)
    lost = tmp_path / "lost.zarr.partial"
    shutil.copytree(whole.path, lost)
    (lost / "v_0" / "c.1.0.0").write_bytes(b"")
    (lost / "unit" / "c.2.0").unlink()
    chunk = lost / "theta" / "c.3.0"
    chunk.write_bytes(chunk.read_bytes()[:-40])
    (lost / "status" / "c.4").write_bytes(b"\0" * 25)
    kept = (lost / "v_0" / "c.0.0.0").stat().st_mtime_ns
    again = simulate_dataset("sphere", tmp_path / "lost.zarr", rows=400, block=64, threads=1)
    assert find_damage(again.path) == () and (again.path / "v_0" / "c.0.0.0").stat().st_mtime_ns == kept
    np.testing.assert_array_equal(again.read().v[0], whole.read().v[0])


def test_a_cell_without_free_parameters_is_simulated_too(tmp_path):
    cell = replace(read_cell("sphere"), space=ParameterSpace(()))
    data = simulate_dataset(cell, tmp_path / "sims.zarr", rows=3, threads=1)
    assert data.theta.shape == data.unit.shape == (3, 0) and data.arrays.theta.shape == (3, 0)
    assert find_damage(data.path) == () and len(np.unique(data.read().v[0], axis=0)) == 1


def test_a_full_disk_stops_the_simulations(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OutputError("the disk is full", file=tmp_path / "out", remedy="make room")

    monkeypatch.setattr("gbar.dataset.Writer.write", full)
    with pytest.raises(OutputError, match="the disk is full"):
        simulate_dataset("sphere", tmp_path / "out", rows=3000, threads=2)
    assert not (tmp_path / "out").exists()
