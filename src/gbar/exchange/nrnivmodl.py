"""Compiles .mod files with NEURON's nrnivmodl, and runs an exported cell in a process of its own.

Libraries are kept in the user's cache directory (`GBAR_CACHE`, else `~/.cache/gbar`) under the hash of what is in them.
NEURON keeps state between runs and loads mechanisms once only, so it never runs in gbar's own process.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar.errors import UserError
from gbar.exchange.neuron import Exported
from gbar.files import make_folder


class NeuronError(UserError):
    """NEURON or the C++ compiler that nrnivmodl needs is missing, or one of them stopped with an error."""


def find_neuron() -> str:
    """NEURON's version; raises NeuronError where it or a C++ compiler is missing."""
    try:
        found = version("neuron")
    except PackageNotFoundError:
        raise NeuronError("NEURON is not installed", remedy="pip install neuron") from None
    if shutil.which("g++") is None and shutil.which("c++") is None and "CXX" not in os.environ:
        raise NeuronError("NEURON's nrnivmodl needs a C++ compiler", remedy="install g++ or clang++")
    return found


def compiled(mod_files: Iterable[Path]) -> Path | None:
    """The library of these .mod files, compiled now or before; None where there are none. Raises NeuronError."""
    files = sorted(mod_files, key=lambda file: file.name)
    if not files:
        return None
    digest = hashlib.sha256(f"{find_neuron()} {sys.version_info[:2]}\n".encode())
    folders = sorted({file.parent for file in files})
    beside = [f for folder in folders for f in sorted(folder.rglob("*")) if f.is_file() and f.suffix == ".inc"]
    for file in (*files, *beside):
        digest.update(f"{file.name}\n{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    place = _cache_folder() / f"nrnmech_{digest.hexdigest()[:32]}"
    if library := _library(place):
        return library
    return _compile(files, folders, place)


def _compile(files: list[Path], folders: list[Path], place: Path) -> Path:
    """Compiles in a folder beside the final place and moves it there whole."""
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".gbar-") as temporary:
        work = Path(temporary) / "work"
        work.mkdir()
        for folder in folders:
            shutil.copytree(folder, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.mod"))
        for file in files:
            shutil.copy(file, work / file.name)
        done = _process([_program("nrnivmodl"), "."], work)
        if done.returncode != 0 or _library(work) is None:
            raise NeuronError(f"nrnivmodl failed: {_complaint(done)}")
        with suppress(OSError):  # another process was faster
            work.rename(place)
    library = _library(place)
    if library is None:
        raise NeuronError("the compiled mechanisms cannot be kept there", file=place.parent, remedy="free some space")
    return library


def run_exported(exported: Exported, library: Path | None = None) -> dict[str, Float[np.ndarray, "site time"]]:
    """What an exported cell records under each stimulus of its protocol, by the stimulus's name. Raises NeuronError."""
    library = library or compiled(exported.mod_files.values())
    with tempfile.TemporaryDirectory(prefix="gbar-neuron-") as temporary:
        out = Path(temporary) / "traces.npz"
        command = [sys.executable, str(exported.script.resolve()), "-o", str(out)]
        done = _process([*command, *(["--library", str(library)] if library else [])], Path(temporary))
        if done.returncode != 0 or not out.exists():
            raise NeuronError(f"NEURON failed: {_complaint(done)}")
        with np.load(out) as saved:
            return {str(name): saved[f"v{k}"] for k, name in enumerate(saved["stimuli"])}


def _process(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", "")
    jobs = os.environ.get("MAKEFLAGS", f"-j{os.cpu_count() or 1}")
    environment = {**os.environ, "PATH": path, "NEURON_MODULE_OPTIONS": "-nogui", "MAKEFLAGS": jobs}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace")


def _program(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise NeuronError(f"NEURON's {name} is not on the path", remedy="pip install neuron")
    return found


def _library(folder: Path) -> Path | None:
    found = sorted(folder.glob("*/libnrnmech.*")) + sorted(folder.glob("*/.libs/libnrnmech.*"))
    return found[0] if found else None


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The lines of a failed process that say why: those with an error in them, else the last."""
    lines = (done.stdout + "\n" + done.stderr).strip().splitlines()
    told = [line for line in lines if "rror" in line] or lines[-3:]
    return " | ".join(line.strip() for line in told[:6])[:1000]


def _cache_folder() -> Path:
    stated = os.environ.get("GBAR_CACHE")
    return make_folder(Path(stated) if stated else Path.home() / ".cache" / "gbar")
