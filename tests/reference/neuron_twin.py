"""What the comparisons with NEURON share: libraries of mechanisms, and cells run side by side.

Cells run in NEURON as `gbar export` writes them, in a process of their own: NEURON keeps state between runs, and a
library of mechanisms can be loaded once only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gbar.cell import Cell
from gbar.diagnose.agreement import Check
from gbar.exchange.mod_files import neuron_name, write_mod_files
from gbar.exchange.nrnivmodl import compiled, find_neuron
from gbar.mechanism import read, shipped, shipped_file
from gbar.protocol import Protocol
from gbar.workflows.check import compare

TWIN = "_twin"


@dataclass(frozen=True)
class Libraries:
    """All shipped mechanisms, compiled: one library for each choice among those of one SUFFIX."""

    libraries: tuple[tuple[dict[str, str], Path], ...]  # NEURON's name -> digest, library

    def of(self, cell: Cell) -> Path:
        """The library that has a cell's mechanisms."""
        wanted = {neuron_name(p.mechanism): p.mechanism.digest for r in cell.regions for p in r.mechanisms}
        wanted.pop("pas", None)
        for known, library in self.libraries:
            if all(known.get(name) == digest for name, digest in wanted.items()):
                return library
        raise AssertionError(f"no library has {', '.join(wanted)}")


def sets() -> dict[str, list[str]]:
    """The shipped mechanisms by set; the set of those that belong to none is ""."""
    root = shipped_file("hh").parent
    found: dict[str, list[str]] = {}
    for name in shipped():
        folder = shipped_file(name).parent
        found.setdefault("" if folder == root else folder.name, []).append(name)
    return found


def shipped_libraries(folder: Path) -> Libraries:
    """Compiles everything that ships: sets that share no SUFFIX, and hh with each, in one library."""
    groups: list[dict[str, str]] = []
    last = {"": 0, "allen": 2}  # cells mix those of no set with any; allen has SUFFIXes that others have too
    for _, names in sorted(sets().items(), key=lambda item: last.get(item[0], 1)):
        suffixes = {shipped_file(name).stem: name for name in names}
        group = next((group for group in groups if not set(group) & set(suffixes)), None)
        if group is None:
            groups.append(group := {"hh": "hh"} if "hh" not in suffixes else {})
        group |= suffixes
    found = []
    for k, group in enumerate(groups):
        mechanisms = [read(shipped_file(name)) for name in group.values()]
        library = compiled(write_mod_files(mechanisms, folder / str(k)).values())
        assert library is not None
        found.append(({neuron_name(m): m.digest for m in mechanisms}, library))
    return Libraries(tuple(found))


def side_by_side(
    cell: Cell, theta: np.ndarray, folder: Path, *, protocol: Protocol | None = None, library: Path | None = None
) -> Check:
    """A cell in gbar (float64) and NEURON under every parameter set; asserts that all samples and spikes agree."""
    cell = cell if protocol is None else replace(cell, protocol=protocol)
    names = [str(row) for row in range(len(theta))]
    made = compare(cell, theta, names, find_neuron(), folder, library)
    for comparison in made.comparisons:
        what = f"{cell.name}, {comparison.stimulus}, row {comparison.row}, {comparison.site} {comparison.variable}"
        told = f"{what}: {comparison.difference:.2e} {comparison.unit}, {comparison.spikes[1]} spikes"
        shift = f"shift {comparison.shift:.1e} us"
        assert comparison.agrees, (
            f"{told}, allowed {comparison.limit:.0e}, {shift}; "
            f"gbar itself moves by {made.movement[comparison.row]:.2e} mV when its parameters change by 1e-15"
        )
        count_comparison(f"{told}, {shift}, {cell.compartments} compartments")
    return made


def spikes(made: Check) -> int:
    """NEURON's spikes of all voltages."""
    return sum(comparison.spikes[1] for comparison in made.comparisons)


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


def count_comparison(what: str) -> None:
    """Adds a line to the file that GBAR_COMPARISONS names: one more comparison with NEURON was made."""
    if path := os.environ.get("GBAR_COMPARISONS"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(what + "\n")


def _environment() -> dict[str, str]:
    bin_folder = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": bin_folder + os.pathsep + os.environ.get("PATH", ""),
        "NEURON_MODULE_OPTIONS": "-nogui",
    }
