"""`gbar simulate --design`: the rows asked for, whatever the blocks, and no others under the same name."""

from __future__ import annotations

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.dataset import open_dataset
from gbar.design import read_design
from gbar.errors import DatasetError, OutputError, ParameterError
from gbar.estimate import headings
from gbar.kernel.build import build
from gbar.simulate import simulate
from gbar.workflows.simulate import simulate_dataset
from gbar.workflows.train import train_estimator


@pytest.mark.parametrize("text", ["sobol", "lhs", "grid:12", "sweep:40"])
def test_rows_are_those_of_the_design_in_any_blocks(text, tmp_path):
    cell = read_cell("sphere")
    rows = 150 if text in ("sobol", "lhs") else None
    whole = simulate_dataset(cell, tmp_path / "whole", rows=rows, design=text, seed=2, block=256, threads=1)
    parts = simulate_dataset(cell, tmp_path / "parts", rows=rows, design=text, seed=2, block=64, threads=2)
    design = read_design(text, cell.space, cell.theta[0])
    np.testing.assert_array_equal(whole.theta, design.theta(cell.space, 2, 0, len(whole), len(whole)))
    np.testing.assert_array_equal(parts.theta, whole.theta)
    np.testing.assert_array_equal(parts.read().v[0], whole.read().v[0])
    assert open_dataset(tmp_path / "parts").manifest.design == design.to_json()


def test_a_table_is_simulated_row_by_row(tmp_path):
    cell = read_cell("sphere")
    theta = cell.space.draw(9, 0, 5)
    table = tmp_path / "sets.csv"
    rows = [",".join(map(repr, row)) for row in theta.tolist()]
    table.write_text("\n".join([",".join(headings(cell.space)), *rows]) + "\n")
    data = simulate_dataset(cell, tmp_path / "sims", design=f"table:{table}", storage="float32", threads=1)
    np.testing.assert_array_equal(data.theta, theta)
    known = simulate(build(cell.recording(cell.protocol.sites), "float32"), theta, cell.protocol, threads=1)
    np.testing.assert_array_equal(data.read().v[0], known.v[0])


def test_an_unfinished_store_of_another_design_is_refused_by_name(tmp_path, monkeypatch):
    def stop(*_: object) -> None:
        raise OutputError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("gbar.dataset.Writer.write", stop)
        with pytest.raises(OutputError, match="the disk is full"):
            simulate_dataset("sphere", tmp_path / "sims", rows=100, design="sobol", threads=1)
    for design, what in (("lhs", "design sobol, not lhs"), ("grid:10", "design sobol, not grid")):
        with pytest.raises(OutputError, match=what):
            simulate_dataset("sphere", tmp_path / "sims", rows=100, design=design, threads=1)
    assert len(simulate_dataset("sphere", tmp_path / "sims", rows=100, design="sobol", threads=1)) == 100


def test_numbers_of_rows_that_do_not_fit_are_refused_before_anything_is_written(tmp_path):
    for arguments, message in (
        ({"rows": 0}, "0 rows asked for"),
        ({"rows": 9, "design": "grid:5"}, "9 rows asked for, grid:5 has 25"),
        ({"design": "grid:1"}, "has 1 point; write 2 to"),
        ({"design": f"table:{tmp_path}/none.csv"}, "no such file"),
    ):
        with pytest.raises(ParameterError, match=message):
            simulate_dataset("sphere", tmp_path / "sims", **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["grid:12", "sweep:60"])
def test_a_network_learns_from_draws_only(text, tmp_path):
    simulate_dataset("sphere", tmp_path / "sims", design=text, threads=1)
    kind = text.partition(":")[0]
    with pytest.raises(DatasetError, match=f"its rows are those of a {kind}, not draws from the prior") as caught:
        train_estimator(tmp_path / "sims", tmp_path / "network", kind="point")
    assert caught.value.file == tmp_path / "sims" and not (tmp_path / "network").exists()
