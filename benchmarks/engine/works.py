"""The works: a cell, parameter sets and a step of current, in a folder that every simulator reads.

work.json   compartments, membranes, stimulus, and what each column of theta sets (see peers/work_file.py)
theta.npy   [row, parameter]
cell.yaml   the cell for gbar
neuron/     the cell for NEURON, as `gbar export` writes it
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gbar.cell import At, Cell, Painted, Profile, Region, SegmentRule, Site, read_cell, write_cell
from gbar.compartments import Compartments, lower
from gbar.exchange.importing import import_cell
from gbar.exchange.neuron import export_neuron
from gbar.files import write_whole
from gbar.mechanism import read, shipped_file
from gbar.morphology import Morphology, Section, stepped
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Protocol, Step, Stimulus

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
DT = 0.025  # ms
CA1 = SHARED / "morphologies" / "swc" / "morph_ca1_n120.swc"
PYRAMID = SHARED / "morphologies" / "bbp" / "C060114A5.asc"
RELEASED = {  # Markram et al. 2015, as BluePyOpt's L5PC example has them; S/cm2, decay in ms
    "gNaTs2_tbar_NaTs2_t.apical": 0.026145, "gSKv3_1bar_SKv3_1.apical": 0.004226, "gImbar_Im.apical": 0.000143,
    "gNaTa_tbar_NaTa_t.axon": 3.137968, "gK_Tstbar_K_Tst.axon": 0.089259, "gamma_CaDynamics_E2.axon": 0.00291,
    "gNap_Et2bar_Nap_Et2.axon": 0.006827, "gSK_E2bar_SK_E2.axon": 0.007104, "gCa_HVAbar_Ca_HVA.axon": 0.00099,
    "gK_Pstbar_K_Pst.axon": 0.973538, "gSKv3_1bar_SKv3_1.axon": 1.021945, "decay_CaDynamics_E2.axon": 287.198731,
    "gCa_LVAstbar_Ca_LVAst.axon": 0.008752, "gamma_CaDynamics_E2.soma": 0.000609,
    "gSKv3_1bar_SKv3_1.soma": 0.303472, "gSK_E2bar_SK_E2.soma": 0.008407, "gCa_HVAbar_Ca_HVA.soma": 0.000994,
    "gNaTs2_tbar_NaTs2_t.soma": 0.983955, "decay_CaDynamics_E2.soma": 210.485284,
    "gCa_LVAstbar_Ca_LVAst.soma": 0.000333,
}  # fmt: skip
H_CURRENT = tuple(f"gIhbar_Ih.{region}" for region in ("soma", "basal", "apical"))
SPREAD = 0.2  # of the pyramid's conductances


@dataclass(frozen=True)
class Work:
    """A job: `make` gives the cell (with its stimulus and free parameters) and theta [row, parameter]."""

    name: str
    title: str
    rows: int
    make: Callable[[Work], tuple[Cell, np.ndarray]]

    def write(self, folder: Path) -> Path:
        """Puts the work into its folder."""
        place = folder / self.name
        place.mkdir(parents=True, exist_ok=True)
        cell, theta = self.make(self)
        write_cell(cell, place / "cell.yaml")
        export_neuron(cell, place / "neuron")
        np.save(place / "theta.npy", theta)
        write_whole(place / "work.json", json.dumps(described(cell), indent=1).encode())
        return place


def protocol(delay: float, width: float, amplitude: float, duration: float, v_init: float = -65.0) -> Protocol:
    """One step of current (nA, ms), everything kept at every step."""
    return Protocol((Stimulus("step", Step(delay, width, amplitude), duration, DT, DT, v_init=v_init),))


def hodgkin_huxley(name: str) -> Region:
    """The squid's membrane, as one region."""
    channel = Painted(read(shipped_file("hh")), {})
    return Region(name, 1.0, (channel,), {"ena": 50.0, "ek": -77.0}, Ra=100.0)


def densities(regions: tuple[str, ...]) -> ParameterSpace:
    """The sodium and the potassium channels of all these regions together, half to twice Hodgkin and Huxley's."""
    names = {"gnabar_hh": (0.06, 0.24), "gkbar_hh": (0.018, 0.072)}
    return ParameterSpace(
        tuple(
            FreeParameter(name, "S/cm2", low, high, "log", tuple(f"{name}.{region}" for region in regions))
            for name, (low, high) in names.items()
        )
    )


def point(work: Work) -> tuple[Cell, np.ndarray]:
    """One compartment with Hodgkin and Huxley's channels."""
    cell = replace(read_cell("sphere"), protocol=protocol(2.0, 200.0, 0.3, 200.0))
    return cell, cell.space.draw(0, 0, work.rows)


def branched(work: Work, duration: float) -> tuple[Cell, np.ndarray]:
    """A soma and four dendrites that fork twice: 29 sections, 197 compartments."""
    return branched_cell(duration), branched_cell(duration).space.draw(0, 0, work.rows)


def branched_cell(duration: float, compartments: int = 7) -> Cell:
    """The same with any number of compartments in each of the 28 branches."""
    sections = [Section("soma", "soma", 20.0, 20.0, nseg=1)]
    for _ in range(4):
        stem = len(sections)
        for level, diam, parent in [(0, 2.0, 0), *((1, 1.26, stem),) * 2]:
            sections.append(Section(f"dend[{len(sections) - 1}]", "dend", 70.0 * (level + 1), diam, parent, 1.0))
        for parent in (stem + 1, stem + 1, stem + 2, stem + 2):
            sections.append(Section(f"dend[{len(sections) - 1}]", "dend", 140.0, 0.8, parent, 1.0))
    regions = ("soma", "dend")
    return Cell(
        "branched", Morphology(tuple(sections)), tuple(map(hodgkin_huxley, regions)), 6.3, densities(regions),
        protocol(2.0, duration, 1.5, duration), segments=SegmentRule("count", compartments),
    )  # fmt: skip


def pyramid(work: Work) -> tuple[Cell, np.ndarray]:
    """The L5 pyramid of Hay et al. with its twelve channels, 19 conductances within 20 % of the released ones."""
    source = SHARED / "parameters" / "bluepyopt_l5pc"
    cell = import_cell(source, PYRAMID, ROOT / "bench" / "imported").cell
    cell = cell.at(np.array([RELEASED[name] for name in cell.space.names]))
    names = [*(name for name in RELEASED if not name.startswith(("gamma", "decay"))), *H_CURRENT]
    known = cell.quantities()
    values = np.array([known[name].value for name in names])
    free = (
        FreeParameter(name, "S/cm2", (1 - SPREAD) * value, (1 + SPREAD) * value, "linear")
        for name, value in zip(names, values, strict=True)
    )
    soma = Site("soma", At("soma[0]", 0.5))
    cell = replace(
        cell, space=ParameterSpace(tuple(free)), sites=(soma,), protocol=protocol(10.0, 80.0, 1.2, 100.0, -75.0)
    )
    return cell, cell.space.draw(0, 0, work.rows)


def ca1(work: Work) -> tuple[Cell, np.ndarray]:
    """The CA1 pyramid as Jaxley divides it, four compartments a branch, Hodgkin and Huxley's channels everywhere."""
    file = ROOT / "bench" / "works" / "ca1_of_jaxley.json"
    branches = json.loads(file.read_text(encoding="utf-8"))
    sections = [
        stepped(f"b[{i}]", b["region"], math.fsum(b["lengths"]), [2 * r for r in b["radii"]], b["parent"])
        for i, b in enumerate(branches)
    ]
    regions = tuple(dict.fromkeys(b["region"] for b in branches))
    soma = next(i for i, b in enumerate(branches) if b["region"] == "soma")
    cell = Cell(
        "ca1", Morphology(tuple(sections)), tuple(map(hodgkin_huxley, regions)), 6.3, densities(regions),
        protocol(1.0, 18.0, 1.0, 20.0), segments=SegmentRule("count", 4), sites=(Site("soma", At(f"b[{soma}]", 0.4)),),
    )  # fmt: skip
    return cell, cell.space.draw(0, 0, work.rows)


WORKS = (
    Work("a", "(a) one Hodgkin–Huxley compartment, 200 ms", 1000, point),
    Work("b64", "(b) branched Hodgkin–Huxley cell, 197 compartments, 200 ms", 64, lambda w: branched(w, 200.0)),
    Work("b1024", "(b) the same, 50 ms", 1024, lambda w: branched(w, 50.0)),
    Work("c", "(c) L5 pyramid, twelve channels of Hay et al., 722 compartments, 100 ms", 64, pyramid),
    Work("d", "(d) CA1 n120, Hodgkin–Huxley, 620 compartments as Jaxley makes them, 20 ms", 64, ca1),
)


def described(cell: Cell) -> dict[str, Any]:
    """A work as numbers (see peers/work_file.py)."""
    tables = lower(cell)
    membranes = [i for i, c in enumerate(tables.compartments) if c.area is not None]
    number = {node: k for k, node in enumerate(membranes)}
    stimulus = cell.protocol.stimuli[0]
    step = stimulus.waveform
    assert isinstance(step, Step)
    return {
        "celsius": cell.temperature,
        "dt": stimulus.dt,
        "steps": stimulus.n_steps,
        "v_init": stimulus.v_init,
        "step": [step.delay, step.duration, step.amplitude],
        "site": number[tables.sites[0].compartment],
        "sections": _sections(cell),
        "compartments": _compartments(cell, tables, membranes, number),
        "regions": {region.name: _region(region) for region in cell.regions},
        "profiles": _profiles(tables, membranes, cell),
        "free": _free(tables, number),
    }


def _sections(cell: Cell) -> list[list[int]]:
    ends = np.cumsum(cell.counts).tolist()
    return [list(range(end - count, end)) for end, count in zip(ends, cell.counts, strict=True)]


def _compartments(
    cell: Cell, tables: Compartments, membranes: list[int], number: dict[int, int]
) -> list[tuple[str, int, float, float]]:
    """Region, parent, L and diam (um) of the cylinder with the compartment's length and area."""
    lengths = {s.name: s.L / n for s, n in zip(cell.morphology.sections, cell.counts, strict=True)}
    found = []
    for i in membranes:
        compartment = tables.compartments[i]
        parent = compartment.parent
        while parent >= 0 and parent not in number:
            parent = tables.compartments[parent].parent
        assert compartment.area is not None
        L, area = lengths[compartment.section], tables.quantities[compartment.area].value
        found.append((compartment.region, number.get(parent, -1), L, area / (math.pi * L)))
    return found


def _region(region: Region) -> dict[str, Any]:
    return {
        "cm": region.cm,
        "Ra": region.Ra,
        "reversals": dict(region.reversals),
        "concentrations": dict(region.concentrations),
        "mechanisms": {
            p.mechanism.name: {name: value for name in p.parameters if isinstance(value := p.value(name), float)}
            for p in region.mechanisms
        },
    }


def _profiles(tables: Compartments, membranes: list[int], cell: Cell) -> dict[str, dict[int, float]]:
    """The values of variables that differ within a region, by compartment."""
    differing = {
        (region.name, p.mechanism.name, name)
        for region in cell.regions
        for p in region.mechanisms
        for name in p.parameters
        if isinstance(p.value(name), Profile)
    }
    found: dict[str, dict[int, float]] = {}
    for k, i in enumerate(membranes):
        compartment = tables.compartments[i]
        for instance in compartment.instances:
            for name, quantity in instance.bindings:
                if (compartment.region, instance.mechanism.name, name) in differing:
                    values = found.setdefault(f"{name}_{instance.mechanism.name}", {})
                    values[k] = tables.quantities[quantity].value
    return found


def _free(tables: Compartments, number: dict[int, int]) -> list[dict[str, Any]]:
    """What each column of theta sets: the variable of a mechanism, and by how much more than the column's value."""
    space = tables.space
    theta = np.array([[0.5 * (p.low + p.high) for p in space.parameters]])
    before = tables.setting(theta)[:, 0]
    found = []
    for j, parameter in enumerate(space.parameters):
        more = theta.copy()
        more[0, j] *= 1.5
        after = tables.setting(more)[:, 0]
        moved = {tables.varying[i]: before[i] / theta[0, j] for i in np.flatnonzero(after != before)}
        assert np.allclose(after[after != before], 1.5 * before[after != before]), parameter.name
        set_by_it = [
            (instance.mechanism.name, name, number[i], float(moved[quantity]))
            for i, compartment in enumerate(tables.compartments)
            for instance in compartment.instances
            for name, quantity in instance.bindings
            if quantity in moved
        ]
        ((suffix, variable),) = {(s, v) for s, v, _, _ in set_by_it}
        found.append(
            {
                "name": parameter.name,
                "suffix": suffix,
                "variable": variable,
                "compartments": [k for _, _, k, _ in set_by_it],
                "weights": [w for _, _, _, w in set_by_it],
            }
        )
    return found
