"""A store that was begun is gone on with by the same command only, by one at a time; what differs is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gbar.cli import run
from gbar.dataset import Lock, Writer, open_dataset, partial_path
from gbar.workflows.simulate import simulate_dataset


@pytest.fixture
def cell(tmp_path) -> Path:
    assert run(["cells", "sphere", "--copy", str(tmp_path / "mine")]) == 0
    return tmp_path / "mine" / "sphere.yaml"


def begin(cell: Path, store: Path, monkeypatch) -> None:
    """Two blocks of 64 rows of 200, then an interruption."""
    written: list[int] = []
    real = Writer.write

    def write(self, start, *rest) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(start)
        real(self, start, *rest)

    with monkeypatch.context() as cut:
        cut.setattr(Writer, "write", write)
        cut.setattr("gbar.workflows.simulate.MEMORY", 1)
        with pytest.raises(KeyboardInterrupt):
            simulate_dataset(cell, store, rows=200, block=64, threads=1)
    assert partial_path(store).exists() and not store.exists()


def refusal(cell: Path, store: Path, capsys, *more: str) -> str:
    """The one line that `gbar simulate` leaves with exit code 2."""
    capsys.readouterr()
    assert run(["simulate", str(cell), "-n", "200", "-o", str(store), "--threads", "1", *more]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("gbar: ")]
    assert len(lines) == 1
    return lines[0]


def test_a_changed_mod_file_a_changed_cell_and_another_seed_are_named(cell, tmp_path, monkeypatch, capsys):
    store = tmp_path / "sims.zarr"
    begin(cell, store, monkeypatch)
    before = sorted(file.stat().st_mtime_ns for file in partial_path(store).rglob("*"))
    text, (mod,) = cell.read_text(), cell.parent.glob("*/hh.mod")
    mod.write_text(mod.read_text() + "\n: another line\n")
    assert "something else lies there: blocks of 64, not 512; the mod file hh changed;" in refusal(cell, store, capsys)
    cell.write_text(text.replace("el: -54.3 mV", "el: -55 mV"))
    mod.write_text(mod.read_text().removesuffix("\n: another line\n"))
    with pytest.raises(Exception, match=r"there: el_hh\.soma -54\.3 mV, not -55\.0 mV; delete"):
        simulate_dataset(cell, store, rows=200, block=64)
    cell.write_text(text.replace("amplitude: 0.5 nA", "amplitude: 0.4 nA"))
    with pytest.raises(Exception, match=r"the protocol changed \(step\)"):
        simulate_dataset(cell, store, rows=200, block=64)
    cell.write_text(text.replace("low: 0.06 S/cm2", "low: 0.07 S/cm2"))
    with pytest.raises(Exception, match=r"the range or prior of gnabar_hh\.soma changed"):
        simulate_dataset(cell, store, rows=200, block=64)
    cell.write_text(text)
    assert "seed 0, not 3" in refusal(cell, store, capsys, "--seed", "3")
    assert sorted(file.stat().st_mtime_ns for file in partial_path(store).rglob("*")) == before
    resumed = simulate_dataset(cell, store, rows=200, block=64, threads=2)
    whole = simulate_dataset(cell, tmp_path / "whole.zarr", rows=200, block=64, threads=1)
    for file in (file for file in whole.path.rglob("*") if file.is_file()):
        assert (resumed.path / file.relative_to(whole.path)).read_bytes() == file.read_bytes(), file


def test_two_commands_on_one_store(cell, tmp_path, capsys):
    store = tmp_path / "sims.zarr"
    with Lock(store):
        for more in ((), ("--overwrite",)):
            assert f"it is being written by process {os.getpid()} on " in refusal(cell, store, capsys, *more)
    assert not store.exists() and not partial_path(store).exists()
    simulate_dataset(cell, store, rows=200, block=64)
    with Lock(store):
        assert run(["data", "check", str(store)]) == 0  # to read is allowed
        (store / "v_0" / "c.1.0.0").unlink()
        capsys.readouterr()
        assert run(["data", "check", str(store), "--repair", "--cell", str(cell)]) == 2
    assert "it is being written by process" in capsys.readouterr().err
    assert run(["data", "check", str(store), "--repair", "--cell", str(cell)]) == 0
    assert len(open_dataset(store).read()) == 200
