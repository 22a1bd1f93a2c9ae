"""benchmarks/data.py at a small size: it measures what it says, and its tables stand where they belong."""

import sys
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import data as benchmark

from gbar.dataset import open_dataset, split_rows
from gbar.learn.rows import Data


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the sweep, what making rows took, and what making a store took."""
    folder = tmp_path_factory.mktemp("bench")
    protocol = folder / "sweep.yaml"
    protocol.write_text(benchmark.SWEEP)
    found = benchmark.throughput(folder, protocol, rows=64, rounds=2)
    return folder, found, benchmark.million(folder / "million.zarr", protocol, 160)


def test_making_is_measured_beside_the_bare_engine(made):
    folder, found, _ = made
    assert len(found.made) == len(found.bare) == 2 and min(*found.made, *found.bare) > 0
    assert 0 < found.ratio < 1.5 and not (folder / "round.zarr").exists()
    assert benchmark.Throughput([1.0, 9.0, 4.0], [2.0, 10.0, 5.0]).ratio == 0.8


def test_a_store_is_made_as_a_user_makes_it(made):
    folder, _, whole = made
    data = open_dataset(folder / "million.zarr")
    assert len(data) == whole.rows == 160 and data.manifest.layouts[0].samples == 5001
    assert data.manifest.storage.kind == "int16" and 160 * 1000 < whole.disk < 160 * benchmark.BYTES_A_ROW
    assert 5e7 < whole.memory < 2e9 and whole.seconds > 0
    text = benchmark.made_in_words(benchmark.Throughput([90.0], [100.0]), whole)
    assert "**90%** (90%–90%; required: 85 %)" in text and "-n 160" in text


def test_a_command_that_fails_ends_the_benchmark():
    with pytest.raises(SystemExit, match="ended with 3"):
        benchmark.run([sys.executable, "-c", "raise SystemExit(3)"])


def test_the_loader_is_measured_alone_and_in_trainings(made, monkeypatch):
    monkeypatch.setattr(benchmark, "NETWORKS", {"talk": benchmark.talk})
    data = open_dataset(made[0] / "million.zarr")
    alone = benchmark.loaded(data, rows=64, single=5)
    assert min(astuple(alone)) > 0 and alone.memory >= alone.before
    found = benchmark.trained(data, rows=128, rounds=1)
    assert [each.source for each in found] == ["the stream", "memory"]
    for each in found:
        assert len(each.first) == len(each.rate) == 1 and 0 <= each.share[0] < 1 and min(each.rate) > 0
    waiting = [benchmark.Trained("talk", name, [50.0], [0.001, 0.003], [0.5], [0.02]) for name in ("stream", "memory")]
    text = benchmark.loader_in_words({"loaded": vars(alone), "trained": [vars(each) for each in waiting]})
    assert "| talk | memory | 50 | 2.00 ms | 3.0 ms | 3.0 ms | **2.0%** | 0.50 s |" in text


def test_a_watched_source_gives_some_rows_and_notes_every_wait():
    rows = Data(np.zeros((400, 1, 8), np.float32), np.zeros((400, 2)), split_rows(400), None, 0)
    watched = benchmark.Watched(rows, 96)
    batches = list(watched.batches("train", 32, np.random.default_rng(0), np.random.default_rng(0)))
    assert [len(unit) for _, unit in batches] == [32, 32, 32] and len(watched.waits) == 3 and watched.seconds > 0
    assert watched.count("train") == 96 and watched.count("test") == 40 and watched.shape == (1, 8)
    list(watched.batches("validation", 32, np.random.default_rng(0)))
    assert len(watched.waits) == 3


def test_the_tables_stand_between_their_markers(tmp_path, monkeypatch):
    page = tmp_path / "RESULTS.md"
    page.write_text("# Results\n\nbefore\n")
    monkeypatch.setattr(benchmark, "RESULTS", page)
    benchmark.write("first")
    benchmark.write("second")
    text = page.read_text()
    assert text.count(benchmark.BEGIN) == text.count(benchmark.END) == 1
    assert "before" in text and "second" in text and "first" not in text


def test_a_disk_that_is_too_small_is_one_line(tmp_path):
    with pytest.raises(SystemExit, match="GB are free"):
        benchmark.measure(tmp_path / "bench", 10**12)
    assert not list((tmp_path / "bench").iterdir())
