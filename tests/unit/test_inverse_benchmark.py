"""The inverse benchmark's bookkeeping: which runs there are, and a table that replaces only itself."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def inverse() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "inverse.py"
    spec = importlib.util.spec_from_file_location("benchmark_inverse", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def result(error: float) -> dict:
    about = {"silent": 0.25, "three_spikes": 0.5, "failed": 1}
    return {"mse": error, "seconds": 60.0, "about": about}


def test_every_network_at_every_noise_and_seed(inverse):
    runs = inverse.every_run(["sphere"], inverse.NAMES, [0.0, 0.1, 1.0], [0, 1, 2])
    assert len(runs) == 2 * 3 * 3 + 3 + 1 and len({run.key for run in runs}) == len(runs)
    assert inverse.Run("sphere", "default", 20_000, 0.0, 0) in runs
    assert [r.key for r in inverse.every_run(["sphere"], ["talk"], [0.0], [1])] == ["sphere-talk-3000-0mV-1"]


def test_the_table_holds_means_aims_and_silent_rows(inverse):
    results = {inverse.Run("sphere", "talk", 3000, 0.0, seed): result(e) for seed, e in enumerate((1e-4, 2e-4, 6e-4))}
    text = inverse.table(results)
    assert "| 3,000 | 0 | **0.0003** | 0.0001 0.0002 0.0006 | 0.00025 | 60 |" in text
    assert "25.0% of 3,000 rows are silent" in text


def test_writing_replaces_what_is_between_the_markers_alone(inverse, tmp_path, monkeypatch):
    page = tmp_path / "RESULTS.md"
    monkeypatch.setattr(inverse, "RESULTS", page)
    inverse.write_results("first")
    page.write_text("intro\n" + page.read_text() + "\n<!-- engine:begin -->kept<!-- engine:end -->\n")
    inverse.write_results("second")
    text = page.read_text()
    assert "first" not in text and text.count("second") == 1 and text.count(inverse.BEGIN) == 1
    assert text.startswith("intro\n") and "<!-- engine:begin -->kept<!-- engine:end -->" in text
