"""Every command, given everything that goes wrong: one clear line, exit code 2, and nothing left that looks whole."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

CELL = """\
name: mine
temperature: 6.3 degC
morphology:
  sphere: {diameter: 20 um}
regions:
  soma:
    cm: 1 uF/cm2
    mechanisms: {pas: {g: 1e-4 S/cm2, e: -65 mV}}
parameters:
  g_pas.soma: {low: 1e-5 S/cm2, high: 1e-3 S/cm2, scale: log}
protocol:
  stimuli:
    - {name: step, duration: 20 ms, dt: 0.1 ms, waveform: {step: {delay: 5 ms, duration: 10 ms, amplitude: 10 pA}}}
"""


def gbar(*arguments: object, cwd: Path, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gbar", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, **more)  # type: ignore[call-overload]


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert lines[-1].startswith("gbar: ")
    assert sum(line.startswith("gbar: ") for line in lines) == 1
    return lines[-1]


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A folder of files that are not what they seem."""
    (tmp_path / "mine.yaml").write_text(CELL)
    (tmp_path / "out").mkdir()
    for ending in ("nwb", "csv", "npz", "yaml", "zarr"):
        (tmp_path / f"empty.{ending}").write_bytes(b"")
        (tmp_path / f"garbage.{ending}").write_bytes(np.random.default_rng(0).bytes(5_000))
        (tmp_path / f"folder.{ending}").mkdir()
    (tmp_path / "text.nwb").write_text("time_ms,voltage_mV,current_pA\n0,-65,0\n")
    (tmp_path / "zip.csv").write_bytes(b"PK\x03\x04" + bytes(100))
    rows = "\n".join(f"{0.1 * k:.1f},{'nan' if k == 40 else -65},{10 if k > 50 else 0}" for k in range(100))
    (tmp_path / "nan.csv").write_text(f"time_ms,voltage_mV,current_pA\n{rows}\n")
    (tmp_path / "range.yaml").write_text(CELL.replace("low: 1e-5 S/cm2", "low: 1e-2 S/cm2"))
    (tmp_path / "zero.yaml").write_text(CELL.replace("low: 1e-5 S/cm2", "low: 0 S/cm2"))
    (tmp_path / "unit.yaml").write_text(CELL.replace("1e-4 S/cm2", "1e-4 nA"))
    (tmp_path / "bare.yaml").write_text(CELL.replace("amplitude: 10 pA", "amplitude: 10"))
    (tmp_path / "large.yaml").write_text(CELL.replace("10 pA", "30 nA"))
    (tmp_path / "key.yaml").write_text(CELL.replace("temperature", "temprature"))
    return tmp_path


RECORDINGS = [
    ("missing.nwb", "no such file"),
    ("folder.nwb", "folder"),
    ("empty.nwb", "empty"),
    ("empty.csv", "empty"),
    ("empty.npz", "empty"),
    ("garbage.nwb", "HDF5"),
    ("garbage.csv", "binary"),
    ("garbage.npz", "NPZ"),
    ("text.nwb", "HDF5"),
    ("zip.csv", "NPZ"),
    ("nan.csv", "nan at sample 40"),
]

CELLS = [
    ("spere", "did you mean sphere"),
    ("missing.yaml", "missing.yaml"),
    ("./folder.yaml", "folder"),
    ("./empty.yaml", "empty"),
    ("./garbage.yaml", "garbage.yaml"),
    ("./range.yaml", "range.yaml:10"),
    ("./zero.yaml", "logarithm"),
    ("./unit.yaml", "nA"),
    ("./bare.yaml", "unit"),
    ("./large.yaml", "20 nA"),
    ("./key.yaml", "temperature"),
]


@pytest.mark.parametrize(("name", "said"), RECORDINGS)
@pytest.mark.parametrize("command", ["inspect", "infer"])
def test_recordings_that_are_none(command, name, said, bad):
    arguments = (name,) if command == "inspect" else ("pospischil", name, "-o", "result")
    line = refused(gbar(command, *arguments, cwd=bad))
    assert name in line
    assert said in line
    assert not (bad / "result").exists()


@pytest.mark.parametrize("command", ["inspect", "infer"])
def test_voltage_clamp(command, bad, shared):
    clamped = shared / "recordings/lantyer_nwb/LantyerEtAl2018_170328_AL_238_VC.nwb"
    arguments = (clamped,) if command == "inspect" else ("pospischil", clamped, "-o", "result")
    assert "voltage clamp" in refused(gbar(command, *arguments, cwd=bad))
    assert not (bad / "result").exists()


@pytest.mark.parametrize(("name", "said"), CELLS)
@pytest.mark.parametrize("command", ["simulate", "infer"])
def test_cells_that_are_none(command, name, said, bad):
    arguments = (name, "-o", "result") if command == "simulate" else (name, "nan.csv", "-o", "result")
    assert said in refused(gbar(command, *arguments, cwd=bad))
    assert not (bad / "result").exists()


@pytest.mark.parametrize("name", ["missing.zarr", "folder.zarr", "empty.zarr", "garbage.zarr", "mine.yaml"])
def test_simulations_that_are_none(name, bad):
    assert name in refused(gbar("train", name, "-o", "result", cwd=bad))
    assert not (bad / "result").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "./mine.yaml", "-n", 0, "-o", "result"),
        ("simulate", "./mine.yaml", "-n", "many", "-o", "result"),
        ("simulate", "./mine.yaml", "--seed", -1, "-o", "result"),
        ("simulate", "./mine.yaml", "--precision", "float16", "-o", "result"),
        ("simulate", "./mine.yaml", "--threads", 0, "-o", "result"),
        ("simulate", "./mine.yaml", "-n", 10, "-o", "out"),
        ("simulate", "./mine.yaml", "-n", 10, "-o", "mine.yaml", "--overwrite"),
        ("simulate", "./mine.yaml", "-n", 10, "--protocol", "garbage.yaml", "-o", "result"),
        ("train", "missing.zarr", "-o", "out"),
        ("train", "missing.zarr", "--white", "0.1", "-o", "result"),
        ("train", "missing.zarr", "--kind", "oracle", "-o", "result"),
        ("infer", "pospischil", "nan.csv", "-n", 3, "-o", "result"),
        ("inspect", "nan.csv", "-o", "picture.gif"),
        ("demo", "--cell", "pospischil", "-o", "result"),
        ("demo", "--cell", "nobody", "-o", "result"),
        ("demo", "-o", "out"),
        ("simulate",),
        ("nonsense",),
    ],
)
def test_arguments_that_make_no_sense(arguments, bad):
    before = (bad / "mine.yaml").read_text()
    refused(gbar(*arguments, cwd=bad))
    assert not (bad / "result").exists()
    assert (bad / "mine.yaml").read_text() == before


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX resource limits")
@pytest.mark.parametrize("most", [0, 2_000, 20_000])
def test_a_full_disk(most, bad):
    assert gbar("simulate", "./mine.yaml", "-n", 2_000, "-o", "warm.zarr", cwd=bad).returncode == 0  # compiles
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # noqa: E731
    done = gbar("simulate", "./mine.yaml", "-n", 2_000, "-o", "result.zarr", cwd=bad, preexec_fn=limit)
    refused(done)
    assert not (bad / "result.zarr").exists()
    assert gbar("simulate", "./mine.yaml", "-n", 2_000, "-o", "result.zarr", cwd=bad).returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("after", [0.3, 1.0, 2.0, 4.0])
def test_interrupted_at_any_moment(after, bad):
    slow = CELL.replace("duration: 20 ms, dt: 0.1 ms", "duration: 1000 ms, dt: 0.001 ms, sampling: 1 ms")
    (bad / "slow.yaml").write_text(slow)
    begun = "print('up', flush=True); from gbar.__main__ import main; main()"  # before that, Python alone is running
    command = [sys.executable, "-c", begun, "simulate", "./slow.yaml", "-n", "200000", "-o", "result.zarr"]
    with subprocess.Popen(command, cwd=bad, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stdout.readline() == "up\n"
        time.sleep(after)
        running.send_signal(signal.SIGINT)
        start = time.perf_counter()
        _, said = running.communicate(timeout=60)
    assert time.perf_counter() - start < 30
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert not (bad / "result.zarr").exists()
