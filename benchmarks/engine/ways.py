"""The peers' ways of doing each work, with the settings among which the best is looked for first."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.engine import environments
from benchmarks.engine.environments import PEERS


@dataclass(frozen=True)
class Way:
    """A peer's way: `settings` are tried, the fastest is raced. `rows` are fewer than the work's where that is slow."""

    peer: str
    label: str
    environment: str
    precision: str
    settings: tuple[dict[str, Any], ...]
    rows: int | None = None
    role: str = "peer"  # or "cells" (NEURON's many-cells run), "loop", "table"
    variables: dict[str, str] = field(default_factory=dict)
    told: str = ""

    @property
    def script(self) -> str:
        """The file in peers/ that does it."""
        return f"{self.environment}_peer.py"

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"{self.peer}, {self.label}"


LOOP_ROWS = {"a": (50, 100), "b64": (4, 8), "b1024": (8, 16), "c": (4, 8), "d": (8, 16)}  # by run, by psolve
GROUPS = {"a": (1000, 250), "b64": (64, 16, 8), "b1024": (64, 16, 8), "c": (16, 8, 4), "d": (16, 8, 4)}
WIDTHS = {"a": (250, 128), "b64": (4, 8, 16), "b1024": (16, 64), "c": (4, 8, 16), "d": (4, 8, 16)}


def neuron(work: str, mod_files: Path) -> list[Way]:
    """NEURON and CoreNEURON. Raises Missing."""
    plain, core = (environments.mechanisms(mod_files, core) for core in (False, True))
    library = {"library": str(plain.neuron)}
    by_run, by_psolve = LOOP_ROWS[work]
    compiled = f"nrnivmodl {plain.seconds:.0f} s"

    def way(label: str, role: str, rows: int | None = None, **settings: Any) -> Way:
        return Way("NEURON", label, "neuron", "float64", (library | settings,), rows, role, told=compiled)

    ways = [
        way("Python loop, h.run()", "loop", by_run, way="run"),
        way("Python loop, psolve", "loop", by_psolve, way="psolve"),
        way("all cells in one run", "cells", way="cells"),
        Way(
            "CoreNEURON", "all cells in one run", "neuron", "float64",
            ({"library": str(core.neuron), "way": "coreneuron"},), variables={"CORENEURONLIB": str(core.core)},
            told=f"nrnivmodl {core.seconds:.0f} s",
        ),
    ]  # fmt: skip
    if work != "c":
        ways.append(way("all cells in one run, built-in hh with its TABLE", "table", way="cells", table=True))
    return ways


def arbor(work: str, mod_files: Path) -> list[Way]:
    """Arbor, with cells in groups of several sizes."""
    environments.environment("arbor")
    settings = tuple({"group": group} for group in GROUPS[work])
    return [Way("Arbor", "all cells in one simulation", "arbor", "float64", settings)]


def jaxley(work: str, mod_files: Path) -> list[Way]:
    """Jaxley in both precisions, with several widths of vmap."""
    environments.environment("jaxley")
    return [
        Way("Jaxley", "vmap", "jaxley", p, tuple({"precision": p, "width": width} for width in WIDTHS[work]))
        for p in ("float32", "float64")
    ]


def brian2(work: str, mod_files: Path) -> list[Way]:
    """Brian2, whose groups are of single compartments. Raises Missing for trees."""
    environments.environment("brian2")
    if work != "a":
        raise environments.Missing(
            "a SpatialNeuron is one cell, so parameter sets would run one after the other without vectors"
        )
    folder = str(PEERS / "brian2" / "program")
    return [
        Way("Brian2", target, "brian2", "float64", ({"target": target, "folder": folder},))
        for target in ("standalone", "cython")
    ]


PEER_WAYS = {"NEURON and CoreNEURON": neuron, "Arbor": arbor, "Jaxley": jaxley, "Brian2": brian2}
