"""What counts as agreement with NEURON, and how gbar check tells it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.diagnose.agreement import Check, Comparison
from gbar.errors import UserError
from gbar.exchange import nrnivmodl
from gbar.report.check import check_figure
from gbar.report.output import write_figure
from gbar.workflows.check import check_cell, described, every_step, parameter_sets

DT = 0.025
TIME = np.arange(0, 50, DT)
SPIKING = -65 + 100 * np.exp(-0.5 * ((TIME[:, None] - np.array([10.0, 30.0])) / 0.5) ** 2).sum(axis=1)


def comparison(ours: np.ndarray, variable: str = "v", limit: float = 1e-5) -> Comparison:
    return Comparison("default", "step", "soma", variable, "mV", DT, ours, SPIKING, limit)


def test_differences_and_spikes() -> None:
    same = comparison(SPIKING.copy())
    assert (same.difference, same.shift, same.spikes, same.agrees) == (0.0, 0.0, (2, 2), True)
    near = comparison(SPIKING + 9e-6)
    assert near.agrees and near.difference == pytest.approx(9e-6, rel=1e-6)
    assert not comparison(SPIKING + 1.1e-5).agrees
    late = comparison(np.interp(TIME - 0.0015, TIME, SPIKING), limit=1e3)
    assert late.shift == pytest.approx(1.5, rel=0.05) and not late.agrees
    assert comparison(np.interp(TIME - 0.0005, TIME, SPIKING), limit=1e3).agrees


def test_what_is_lost_is_beyond() -> None:
    lost = comparison(np.minimum(SPIKING, -30.0), limit=1e3)
    assert lost.shift == np.inf and lost.spikes == (0, 2) and not lost.agrees
    broken = SPIKING.copy()
    broken[-1] = np.nan
    assert comparison(broken).difference == np.inf and not comparison(broken).agrees
    assert comparison(np.minimum(SPIKING, -30.0), "cai", 1e3).agrees  # only voltages have spikes


def test_table_and_picture(tmp_path: Path) -> None:
    good, bad = comparison(SPIKING), comparison(SPIKING + 1e-3)
    cell = read_cell("sphere")
    assert "all 1 comparisons are within tolerance" in described(Check(cell, "9", (good,), {}))
    made = Check(cell, "9", (good, replace(bad, row="random 1")), {"random 1": 2e-9})
    text = described(made)
    assert "1 of 2 comparisons are beyond tolerance" in text and "beyond" in text and "moves gbar by 2e-09 mV" in text
    assert not made.agrees
    assert write_figure(check_figure(made), tmp_path / "x.png").stat().st_size > 10_000


def test_every_step_is_kept_and_rows_are_drawn() -> None:
    cell = every_step(read_cell("pospischil"))
    assert all(s.sampling == s.dt for s in cell.protocol.stimuli)
    theta, names = parameter_sets(cell, 3, 1)
    assert names == ["default", "random 1", "random 2", "random 3"] and np.array_equal(theta[:1], cell.theta)
    assert np.array_equal(theta[1:], cell.space.draw(1, 0, 3))


def test_without_neuron_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nrnivmodl, "version", lambda name: (_ for _ in ()).throw(nrnivmodl.PackageNotFoundError(name)))
    with pytest.raises(UserError, match="NEURON is not installed; pip install neuron"):
        check_cell("sphere", tmp_path / "out")
    monkeypatch.undo()
    monkeypatch.setattr(nrnivmodl.shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(nrnivmodl, "version", lambda name: "9.0.2")
    with pytest.raises(UserError, match=r"needs a C\+\+ compiler"):
        check_cell("sphere", tmp_path / "out")
    assert not (tmp_path / "out").exists()
