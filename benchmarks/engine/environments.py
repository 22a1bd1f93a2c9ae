"""The peers' environments: one each under bench/peers, installed once from the pinned files in requirements/."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engine.works import ROOT

HERE = Path(__file__).resolve().parent
PEERS = ROOT / "bench" / "peers"
FAST = "-O3 -march=native -ffast-math"  # of the C++ that nrnivmodl makes; its own default is -O2


class Missing(Exception):
    """A peer cannot be had here; the message says why."""


@dataclass(frozen=True)
class Library:
    """Mechanisms compiled by nrnivmodl: what NEURON loads, what CoreNEURON loads, and the seconds it took."""

    neuron: Path
    core: Path | None
    seconds: float


def environment(name: str) -> Path:
    """The Python of a peer's environment, installed if it is not there. Raises Missing."""
    requirements = HERE / "requirements" / f"{name}.txt"
    folder = PEERS / name
    python, mark = folder / "bin" / "python", folder / ".installed"
    wanted = f"{sys.version}\n{requirements.read_text(encoding='utf-8')}"
    if mark.exists() and python.exists() and mark.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing {name} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)])
    mark.write_text(wanted, encoding="utf-8")
    return python


def versions(name: str, *packages: str) -> str:
    """The versions of packages in a peer's environment, as its pinned file states them."""
    lines = (HERE / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==", 1) for line in lines if "==" in line)
    return ", ".join(f"{package} {pinned[package]}" for package in packages)


def mechanisms(folder: Path, core: bool) -> Library:
    """Compiles a folder of .mod files, or finds it compiled. Raises Missing."""
    python = environment("neuron")
    files = sorted(folder.glob("*.mod"))
    digest = hashlib.sha256(f"{FAST}{core}".encode())
    for file in files:
        digest.update(file.name.encode() + file.read_bytes())
    place = PEERS / "neuron" / "mechanisms" / digest.hexdigest()[:16]
    took = place / "seconds"
    if not took.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for file in files:
            shutil.copy(file, place / file.name)
        start = time.perf_counter()
        command = [str(python.with_name("nrnivmodl")), *(["-coreneuron"] if core else []), "-incflags", FAST, "."]
        _run(command, place)
        took.write_text(f"{time.perf_counter() - start:.1f}", encoding="utf-8")
    libraries = {file.name.split(".")[0]: file for file in place.glob("*/lib*nrnmech.*")}
    if "libnrnmech" not in libraries or (core and "libcorenrnmech" not in libraries):
        raise Missing("nrnivmodl left no library")
    return Library(libraries["libnrnmech"], libraries.get("libcorenrnmech"), float(took.read_text(encoding="utf-8")))


def ca1_of_jaxley(swc: Path, out: Path) -> None:
    """The compartments that Jaxley makes of a morphology. Raises Missing."""
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        _run([str(environment("jaxley")), str(HERE / "peers" / "jaxley_morphology.py"), str(swc), str(out)])


def _run(command: list[str], folder: Path | None = None) -> None:
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PATH": path, "JAX_PLATFORMS": "cpu"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, errors="replace", timeout=1800
        )
    except (OSError, subprocess.TimeoutExpired) as trouble:
        raise Missing(f"{Path(command[0]).name}: {trouble}") from None
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        told = next((line for line in reversed(lines) if "rror" in line), lines[-1] if lines else "no message")
        raise Missing(f"{Path(command[0]).name} failed: {told.strip()[:300]}")
