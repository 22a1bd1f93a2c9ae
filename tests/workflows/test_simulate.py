"""`gbar simulate` refuses a place that is taken before it compiles anything."""

from __future__ import annotations

import pytest

from gbar.errors import OutputError
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
