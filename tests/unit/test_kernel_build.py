"""Kernels on disk: one file for one text, written whole, used again, and done without where it cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.kernel import build as build_module
from gbar.kernel.build import build
from gbar.protocol import Protocol, Step, Stimulus
from gbar.simulate import simulate

PROTOCOL = Protocol((Stimulus("step", Step(delay=1.0, duration=5.0, amplitude=0.2), duration=6.0),))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GBAR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def runs(precision: str = "float32") -> Path:
    cell = read_cell("sphere")
    kernel = build(cell, precision)  # type: ignore[arg-type]
    assert not simulate(kernel, cell.theta, PROTOCOL, threads=1).status.any()
    return kernel.compiled(1, 1).path


def test_a_kernel_is_a_file_named_by_its_text(cache: Path) -> None:
    path = runs()
    assert path.parent == cache and runs() == path and runs("float64") != path
    assert sorted(p.suffix for p in cache.iterdir() if p.is_file()) == [".py", ".py"]
    assert build(read_cell("sphere"), lanes=16).source == path.read_text()


def test_few_rows_run_in_narrow_blocks_and_only_what_runs_is_compiled(cache: Path) -> None:
    kernel = build(read_cell("sphere"), "float64")
    assert kernel.lanes > 16 and not cache.exists()
    for rows, threads in ((1, 1), (16, 1), (17, 2), (33, 1)):
        assert kernel.compiled(rows, threads).lanes == 16
    assert len(list(cache.glob("*.py"))) == 1
    assert kernel.compiled(10_000, 2) is kernel and len(list(cache.glob("*.py"))) == 2
    assert build(read_cell("sphere"), "float64", lanes=32).compiled(1, 1).lanes == 32  # as it was asked for


def test_another_process_uses_the_machine_code_again(cache: Path) -> None:
    path = runs()
    kept = {p: p.stat().st_mtime_ns for p in (cache / "__pycache__").glob("*.nb*")}
    assert kept
    code = "import test_kernel_build as t, sys; sys.stdout.write(str(t.runs()))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == str(path)
    assert {p: p.stat().st_mtime_ns for p in (cache / "__pycache__").glob("*.nb*")} == kept


@pytest.mark.parametrize("obstacle", ["a file", "no permission"])
def test_where_the_cache_cannot_be_written_a_temporary_directory_is_used(
    obstacle: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if obstacle == "a file":
        cache.write_text("in the way")
    else:

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError("read-only")

        original = build_module.tempfile.mkstemp
        monkeypatch.setattr(
            build_module.tempfile,
            "mkstemp",
            lambda **options: refuse() if Path(options["dir"]) == cache else original(**options),
        )
    path = runs()
    assert cache not in path.parents


def test_a_changed_file_is_not_believed(cache: Path) -> None:
    path = runs()
    text = path.read_text()
    path.write_text("raise SystemExit('not ours')\n")
    build_module._load.cache_clear()
    assert runs() == path and path.read_text() == text


def test_damaged_machine_code_is_no_obstacle(cache: Path) -> None:
    runs()
    for file in (cache / "__pycache__").glob("*.nb*"):
        file.write_bytes(b"garbage")
    build_module._load.cache_clear()
    runs()


def test_float64_and_float32_agree() -> None:
    cell = read_cell("sphere")
    v32, v64 = (simulate(build(cell, p), cell.theta, PROTOCOL).v[0] for p in ("float32", "float64"))  # type: ignore[arg-type]
    assert v32.dtype == np.float32 and v64.dtype == np.float64
    assert np.abs(v32 - v64).max() < 1e-3
