"""A gbar cell's twin in NEURON: the same .mod files compiled by nrnivmodl, the same step, the voltage at every step.

The twin runs in a process of its own (`python neuron_twin.py JOB`): NEURON keeps state between runs, and a library of
mechanisms can be loaded once only. Copies of the .mod files get a SUFFIX of their own, because NEURON's built-in
mechanisms have names like `hh` and `pas` too; TABLEs are switched off.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

TWIN = "_twin"


# --- in the tests' process ---------------------------------------------------------------------------------------


def compile_mechanisms(files: Iterable[Path], folder: Path) -> Path:
    """Compiles copies of .mod files (SUFFIX renamed) with nrnivmodl; returns the library."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(set(files)):
        text = file.read_text(encoding="utf-8", errors="replace")
        text, found = re.subn(r"\bSUFFIX(\s+)(\w+)", rf"SUFFIX\g<1>\g<2>{TWIN}", text)
        assert found == 1, f"{file} has {found} SUFFIX statements"
        (folder / f"{file.stem}{TWIN}.mod").write_text(text, encoding="utf-8")
    program = Path(sys.executable).with_name("nrnivmodl")
    run = subprocess.run(
        [str(program) if program.exists() else str(shutil.which("nrnivmodl")), "."],
        cwd=folder, capture_output=True, text=True, env=_environment(),
    )  # fmt: skip
    libraries = sorted(folder.glob("*/libnrnmech.*")) + sorted(folder.glob("*/.libs/libnrnmech.*"))
    assert run.returncode == 0 and libraries, f"nrnivmodl failed:\n{run.stdout}\n{run.stderr}"
    return libraries[0]


def twin(cell: Any, theta: np.ndarray, library: Path, folder: Path, *, stimuli: Any = None) -> list[np.ndarray]:
    """NEURON's voltage of one parameter set (mV, every step of the sweep; one array per stimulus of the protocol)."""
    job = {"library": str(library), "cell": describe(cell, theta), "stimuli": []}
    arrays: dict[str, np.ndarray] = {}
    for stimulus in cell.protocol.stimuli if stimuli is None else stimuli:
        job["stimuli"].append(_stimulus(stimulus, arrays, len(job["stimuli"])))
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "played.npz", **arrays)
    (folder / "job.json").write_text(json.dumps(job))
    run = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), str(folder)], capture_output=True, text=True, env=_environment()
    )
    assert run.returncode == 0, f"NEURON failed:\n{run.stdout}\n{run.stderr}"
    with np.load(folder / "v.npz") as saved:
        return [saved[str(k)] for k in range(len(job["stimuli"]))]


def count_comparison(what: str) -> None:
    """Adds a line to the file that GBAR_COMPARISONS names: one more comparison with NEURON was made."""
    if path := os.environ.get("GBAR_COMPARISONS"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(what + "\n")


def describe(cell: Any, theta: np.ndarray) -> dict[str, Any]:
    """One parameter set of a cell as plain data, from the tables that gbar simulates."""
    from gbar.compartments import lower

    tables = lower(cell)
    values = tables.at(np.asarray(theta)[None])[:, 0]
    (compartment,) = tables.compartments
    mechanisms = []
    for instance in compartment.instances:
        scopes = {p.name: p.scope for p in instance.mechanism.parameters}
        bound = [(name, float(values[q])) for name, q in instance.bindings]
        mechanisms.append(
            {
                "suffix": instance.mechanism.name + TWIN,
                "range": {n: x for n, x in bound if scopes[n] == "range"},
                "global": {n: x for n, x in bound if scopes[n] == "global"},
            }
        )
    return {
        "celsius": float(values[tables.celsius]),
        "area": float(values[compartment.area]),
        "cm": float(values[compartment.cm]),
        "mechanisms": mechanisms,
        "reversals": {f"e{pool.ion}": float(values[pool.e]) for pool in compartment.pools},
    }


def _stimulus(stimulus: Any, arrays: dict[str, np.ndarray], index: int) -> dict[str, Any]:
    clamps: list[tuple[float, float, float]] = []
    warm_up = stimulus.n_warm * stimulus.dt
    if stimulus.n_warm:
        clamps.append((0.0, warm_up, stimulus.warm_up_current))
    name = type(stimulus.waveform).__name__
    w = stimulus.waveform
    if name == "Step":
        clamps.append((w.delay + warm_up, w.duration, w.amplitude))
    elif name == "Sampled":
        # NEURON extrapolates beyond the last point; one more holds the last value, as gbar does
        arrays[f"t{index}"] = np.append(np.arange(len(w.values)) * w.dt + warm_up, 1e9)
        arrays[f"i{index}"] = np.append(w.values, w.values[-1])
    else:  # exact at the middle of every step, between which NEURON interpolates
        middle = (np.arange(stimulus.n_steps) + 0.5) * stimulus.dt
        arrays[f"t{index}"] = middle + warm_up
        arrays[f"i{index}"] = w.current(middle)
    return {
        "clamps": clamps,
        "warm_up": warm_up,
        "dt": stimulus.dt,
        "v_init": stimulus.v_init,
        "warm_up_steps": stimulus.n_warm,
        "steps": stimulus.n_steps,
    }


def _environment() -> dict[str, str]:
    bin_folder = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": bin_folder + os.pathsep + os.environ.get("PATH", ""),
        "NEURON_MODULE_OPTIONS": "-nogui",
    }


# --- in NEURON's process -----------------------------------------------------------------------------------------


def build_section(h: Any, cell: dict[str, Any]) -> Any:
    """A section with one segment of the cell's area, its mechanisms and all their values."""
    section = h.Section(name="soma")
    section.nseg = 1
    section.L = section.diam = math.sqrt(cell["area"] / math.pi)
    section.cm = cell["cm"]
    h.celsius = cell["celsius"]
    for mechanism in cell["mechanisms"]:
        suffix = mechanism["suffix"]
        section.insert(suffix)
        if hasattr(h, f"usetable_{suffix}"):
            setattr(h, f"usetable_{suffix}", 0)
        for name, value in mechanism["range"].items():
            setattr(section(0.5), f"{name}_{suffix}", value)
        for name, value in mechanism["global"].items():
            setattr(h, f"{name}_{suffix}", value)
    for name, value in cell["reversals"].items():
        setattr(section, name, value)
    return section


def run_stimulus(
    h: Any, section: Any, stimulus: dict[str, Any], played: tuple[np.ndarray, np.ndarray] | None
) -> np.ndarray:
    """The voltage after every step of the sweep, warm-up left out."""
    h.dt = stimulus["dt"]
    clamps = []
    for delay, duration, amplitude in stimulus["clamps"]:
        clamp = h.IClamp(section(0.5))
        clamp.delay, clamp.dur, clamp.amp = delay, duration, amplitude
        clamps.append(clamp)
    if played is not None:
        clamp = h.IClamp(section(0.5))
        clamp.delay, clamp.dur = stimulus["warm_up"], 1e9
        vectors = h.Vector(played[1]), h.Vector(played[0])
        vectors[0].play(clamp._ref_amp, vectors[1], True)
        clamps.append((clamp, vectors))
    v = h.Vector().record(section(0.5)._ref_v)
    h.finitialize(stimulus["v_init"])
    for _ in range(stimulus["warm_up_steps"] + stimulus["steps"]):
        h.fadvance()
    return np.array(v.as_numpy(), copy=True)[stimulus["warm_up_steps"] :]


def main(folder: Path) -> None:
    from neuron import h

    job = json.loads((folder / "job.json").read_text())
    h.nrn_load_dll(job["library"])
    section = build_section(h, job["cell"])
    voltages = {}
    with np.load(folder / "played.npz") as played:
        for k, stimulus in enumerate(job["stimuli"]):
            pair = (played[f"t{k}"], played[f"i{k}"]) if f"t{k}" in played else None
            voltages[str(k)] = run_stimulus(h, section, stimulus, pair)
    np.savez(folder / "v.npz", **voltages)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
