"""NEURON's own answer for a .mod file: compiled by hand (nocmodl and one g++ call), run in this process, and kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from published_files import ModFile

SUFFIX = "covered"  # in place of the file's own, which may be the name of a mechanism that NEURON has built in
VERSION = 2  # of what is asked of NEURON; part of the cache's names
DT, STEPS, V_INIT, CELSIUS, DIAMETER = 0.025, 8000, -65.0, 6.3, 20.0  # ms, mV, degC, um (of a cylinder as long)
AREA = np.pi * DIAMETER**2  # um2
DEFINES = [
    "USE_PYTHON",
    "NRN_ENABLE_THREADS",
    "CORENRN_BUILD=0",
    "NRNPYTHON_DYNAMICLOAD",
    "MPI_NO_CPPBIND=1",
    "OMPI_SKIP_MPICXX=1",
    "MPICH_SKIP_MPICXX=1",
    "HAVE_CONFIG_H",
]


class NeuronError(Exception):
    """NEURON does not compile a file, or does not run it."""


@dataclass(frozen=True)
class Reference:
    """NEURON's samples at every step: `v` in mV, and the mechanism's states and the concentrations it writes."""

    v: np.ndarray
    states: dict[str, np.ndarray]
    seconds: float


def current() -> np.ndarray:
    """The injected current in nA at every time k dt: a ramp through zero with noise, seed 1.

    Alone with its capacitance (1 uF/cm2) the membrane would be led from -65 to +22 and down to -125 mV.
    """
    density = np.linspace(2.0, -2.6, STEPS + 1) + 5.0 * np.random.default_rng(1).standard_normal(STEPS + 1)  # uA/cm2
    return density * AREA * 1e-5


def reference(file: ModFile, cache: Path) -> Reference:
    """NEURON's answer, from the cache where it is there. Loads a library into this process: call it in one of its own.

    Raises NeuronError. A crash of NEURON leaves a file `begun` behind, by which the next call knows.
    """
    folder = cache / f"{file.digest}_{VERSION}"
    saved, failed, begun = folder / "reference.npz", folder / "failed.json", folder / "begun"
    if failed.exists():
        raise NeuronError(json.loads(failed.read_text()))
    if begun.exists():
        raise NeuronError("crashes or hangs")
    if not saved.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            library = compiled(file, folder, cache)
            begun.touch()
            _run(library, saved)
        except NeuronError as error:
            failed.write_text(json.dumps(str(error)))
            raise
        finally:
            begun.unlink(missing_ok=True)
    with np.load(saved) as data:
        states = {name: data[name] for name in data.files if name not in ("v", "seconds")}
        return Reference(data["v"], states, float(data["seconds"]))


def compiled(file: ModFile, folder: Path, cache: Path) -> Path:
    """The library of a copy of the file that has another SUFFIX."""
    data = _data()
    library = folder / "mechanism.so"
    if library.exists():
        return library
    (folder / f"{SUFFIX}.mod").write_bytes(file.renamed(SUFFIX).encode("latin-1"))
    environment = {**os.environ, "MODLUNIT": str(data / "share/nrn/lib/nrnunits.lib")}
    translate = [str(data / "bin/nocmodl"), str(folder / f"{SUFFIX}.mod"), "-o", str(folder)]
    _call(translate, file.path.parent.resolve(), environment, "nocmodl")
    source = folder / f"{SUFFIX}.cpp"
    with source.open("a", encoding="latin-1") as text:
        text.write(f'\nextern "C" void modl_reg() {{ _{SUFFIX}_reg(); }}\n')
    options = [*_options(data), "-w", "-include", str(_header(data, cache)), f"-I{file.path.parent.resolve()}"]
    link = ["-shared", str(source), "-o", str(library), f"-L{data}/lib", "-lnrniv", f"-Wl,-rpath,{data}/lib"]
    _call(["g++", *options, *link], folder, environment, "g++")
    return library


def _data() -> Path:
    import neuron

    return Path(neuron.__file__).parent / ".data"


def _options(data: Path) -> list[str]:
    return ["-O1", "-std=c++17", "-fPIC", *(f"-D{name}" for name in DEFINES), f"-I{data}/include"]


def _header(data: Path, cache: Path) -> Path:
    """NEURON's headers, precompiled: they are most of what a file takes to compile."""
    header = cache / "headers" / "mechanism.h"
    ready = header.with_name("mechanism.h.gch")
    if not ready.exists():
        header.parent.mkdir(parents=True, exist_ok=True)
        header.write_text('#include <stdio.h>\n#include <stdlib.h>\n#include <math.h>\n#include "mech_api.h"\n')
        part = ready.with_suffix(f".{os.getpid()}")
        _call(
            ["g++", *_options(data), "-x", "c++-header", str(header), "-o", str(part)], cache, dict(os.environ), "g++"
        )
        part.rename(ready)
    return header


def _call(command: list[str], folder: Path, environment: dict[str, str], name: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=120, encoding="latin-1", check=False
        )
    except subprocess.TimeoutExpired:
        raise NeuronError(f"{name}: takes more than 120 s") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        telling = [line for line in lines if "error" in line.lower()] or lines[-1:]
        raise NeuronError(f"{name}: {' | '.join(telling[:2])[:300]}")


def _run(library: Path, out: Path) -> None:
    from neuron import h

    os.chdir(library.parent)
    if not h.nrn_load_dll(str(library)):
        raise NeuronError("the library cannot be loaded")
    section = h.Section(name="cell")
    section.nseg, section.L, section.diam, section.cm = 1, DIAMETER, DIAMETER, 1.0
    h.celsius = CELSIUS
    try:
        section.insert(SUFFIX)
        if hasattr(h, f"usetable_{SUFFIX}"):
            setattr(h, f"usetable_{SUFFIX}", 0)
        vectors = _recorded(h, section(0.5))
        clamp = h.IClamp(section(0.5))
        clamp.delay, clamp.dur = 0.0, 1e9
        played = h.Vector(current()), h.Vector(np.arange(STEPS + 1) * DT)
        played[0].play(clamp._ref_amp, played[1], True)
        h.dt = DT
        begin = time.perf_counter()
        h.finitialize(V_INIT)
        for _ in range(STEPS):
            h.fadvance()
    except (RuntimeError, LookupError, AttributeError, TypeError, ValueError) as error:
        raise NeuronError(f"{type(error).__name__}: {error}"[:300]) from None
    seconds = time.perf_counter() - begin
    arrays = {name: np.array(vector.as_numpy(), copy=True) for name, vector in vectors.items()}
    if not np.isfinite(arrays["v"]).all():
        raise NeuronError("the voltage is not finite")
    np.savez(out.with_suffix(".part.npz"), seconds=seconds, **arrays)
    out.with_suffix(".part.npz").rename(out)


def _recorded(h, segment):  # type: ignore[no-untyped-def]
    """Vectors that record v, every STATE, and the concentrations and reversal potentials of the ions."""
    vectors = {"v": h.Vector().record(segment._ref_v)}
    standard, name = h.MechanismStandard(SUFFIX, 3), h.ref("")
    for k in range(int(standard.count())):
        size = int(standard.name(name, k))
        label = name[0].removesuffix(f"_{SUFFIX}")
        reference = getattr(segment, f"_ref_{name[0]}")
        if size == 1:
            vectors[label] = h.Vector().record(reference)
        for i in range(size if size > 1 else 0):
            vectors[f"{label}[{i}]"] = h.Vector().record(reference[i])
    for mechanism in segment:
        if mechanism.name().endswith("_ion"):
            ion = mechanism.name().removesuffix("_ion")
            for label in (f"e{ion}", f"{ion}i", f"{ion}o"):
                vectors[label] = h.Vector().record(getattr(segment, f"_ref_{label}"))
    return vectors


if __name__ == "__main__":
    sys.exit("run coverage.py")
