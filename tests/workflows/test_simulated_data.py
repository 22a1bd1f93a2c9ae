"""`gbar simulate`: a place that is taken is refused at once, rows are streamed to the disk."""

from __future__ import annotations

import numpy as np
import pytest

from gbar.errors import OutputError
from gbar.simulate import simulate_parts
from gbar.workflows import simulate as workflow
from gbar.workflows.simulate import simulate_dataset


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


def test_a_full_disk_stops_the_simulations(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OutputError("the disk is full", file=tmp_path / "out", remedy="make room")

    monkeypatch.setattr("gbar.dataset.Writer.write", full)
    with pytest.raises(OutputError, match="the disk is full"):
        simulate_dataset("sphere", tmp_path / "out", rows=3000, threads=2)
    assert not (tmp_path / "out").exists()
