"""The founding experiment, much smaller: every part of it, down to the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from gbar.cell import read_cell
from gbar.errors import CellError
from gbar.estimate import from_table
from gbar.learn.posterior import load_posterior
from gbar.workflows.demo import founding_experiment


@pytest.mark.parametrize("cell", ["modern_sphere", "sphere"])
def test_the_founding_experiment(cell: str, tmp_path: Path):
    page = founding_experiment(tmp_path / "demo", cell=cell, rows=60, epochs=1, threads=1).read_text()
    assert "the talk" in page and "5,834" in page
    assert "90 % interval" in page and cell in page
    assert len(from_table(tmp_path / "demo/samples.csv")) == 5_000
    assert read_cell(tmp_path / "demo/best.yaml").name == cell
    assert load_posterior(tmp_path / "demo/estimator").about.provenance["simulations"] == 60


def test_cells_that_are_not_for_it(tmp_path: Path):
    with pytest.raises(CellError, match="use modern_sphere or sphere"):
        founding_experiment(tmp_path / "demo", cell="pospischil")
    assert not (tmp_path / "demo").exists()
