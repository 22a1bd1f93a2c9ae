"""The kernel of many compartments beside NEURON: a branching active tree, several currents, a voltage clamp.

NEURON (`python test_kernel_neuron.py FOLDER`) builds the tree and hands its areas and resistances over with its
voltages, so that nothing but the time step is compared. Its built-in hh runs without TABLE.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DT, DURATION, V_INIT, CELSIUS = 0.025, 60.0, -65.0, 6.3
SITES = (("soma", 0.5), ("b", 0.9), ("mid", 0.5), ("axon", 0.125))
SECTIONS = (  # name, L, diam, segments, parent, where on it
    ("soma", 20.0, 20.0, 1, "", 0.0),
    ("dend", 300.0, 2.0, 7, "soma", 1.0),
    ("a", 150.0, 1.2, 5, "dend", 1.0),
    ("b", 200.0, 0.8, 6, "dend", 1.0),
    ("mid", 120.0, 1.0, 3, "dend", 0.5),
    ("axon", 100.0, 1.0, 4, "soma", 0.0),
)
SWEEPS: dict[str, dict[str, Any]] = {  # currents: site, delay, duration, nA; clamp: site, MOhm, levels
    "currents": {"currents": [(0, 5.0, 50.0, 0.4), (1, 20.0, 10.0, -0.05), (2, 30.01, 0.99, 0.3)], "clamp": None},
    "clamp": {"currents": [(0, 1.0, 50.0, 0.0)], "clamp": (0, 1.0, [(10.0, -65.0), (20.0, 0.0), (15.0, -40.0)])},
    "a clamp off the grid": {"currents": [(0, 1.0, 50.0, 0.1)], "clamp": (1, 1e-3, [(10.01, -65.0), (20.0, 0.0)])},
}


@pytest.fixture(scope="module")
def reference(nrn: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What NEURON says."""
    folder = tmp_path_factory.mktemp("neuron")
    environment = {**os.environ, "NEURON_MODULE_OPTIONS": "-nogui"}
    command = [sys.executable, str(Path(__file__).resolve()), str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, f"NEURON failed:\n{run.stdout}\n{run.stderr}"
    found: dict[str, Any] = json.loads((folder / "neuron.json").read_text())
    return found


@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-7), ("float32", 0.02)])
def test_a_branching_tree(sweep: str, precision: str, tolerance: float, reference: dict[str, Any]) -> None:
    from gbar.kernel.build import build
    from gbar.protocol import Injection, Protocol, Step, Stimulus, VoltageClamp
    from gbar.simulate import simulate

    first, *others = (
        (f"site {site}", Step(delay, duration, amplitude))
        for site, delay, duration, amplitude in SWEEPS[sweep]["currents"]
    )
    clamp = SWEEPS[sweep]["clamp"]
    clamps = () if clamp is None else (VoltageClamp(f"site {clamp[0]}", tuple(clamp[2]), clamp[1]),)
    injections = tuple(Injection(*other) for other in others)
    stimulus = Stimulus("s", first[1], DURATION, DT, DT, V_INIT, injections=injections, clamps=clamps)
    tables = tree(reference)
    traces = simulate(build(tables, precision), np.array([[CELSIUS]]), Protocol((stimulus,)), threads=1)  # type: ignore[arg-type]
    expected = np.array(reference["v"][sweep])
    assert not traces.status.any() and traces.v[0][0].shape == expected.shape
    assert expected.max() > 0.0
    assert np.abs(traces.v[0][0] - expected).max() < tolerance


def tree(reference: dict[str, Any]) -> Any:
    """The tables of the tree that NEURON built."""
    from cable_cells import Quantities

    from gbar.compartments import Compartment, Pool, Reversal
    from gbar.mechanism import read, shipped_file

    q, hh = Quantities(), read(shipped_file("hh"))
    values = {"gnabar": 0.12, "gkbar": 0.036, "gl": 0.0003, "el": -54.3}
    pools = tuple(
        Pool(ion, 1.0, Reversal.STATED, q(f"e{ion}", e), None, None) for ion, e in (("na", 50.0), ("k", -77.0))
    )
    compartments = []
    for k, (parent, resistance, area) in enumerate(reference["nodes"]):
        link = q(f"axial.{k}", 1.0 / resistance) if parent >= 0 else None
        if area is None:
            compartments.append(Compartment("point", 1.0, "all", parent, link, None, None))
            continue
        membrane = q(f"area.{k}", area), q("cm", 1.0)
        instances = (q.instance(hh, "all", **values),)
        compartments.append(Compartment("tree", 0.5, "all", parent, link, *membrane, instances, pools))
    return q.tables(compartments, [(k, "v") for k in reference["sites"]], [("celsius", 5.0, 30.0)], CELSIUS)


# --- in NEURON's process ---


def sections(h: Any) -> dict[str, Any]:
    """The sections of the tree."""
    made: dict[str, Any] = {}
    for name, length, diam, segments, parent, where in SECTIONS:
        section = made[name] = h.Section(name=name)
        section.L, section.diam, section.nseg, section.Ra, section.cm = length, diam, segments, 120.0, 1.0
        if parent:
            section.connect(made[parent](where))
        section.insert("hh")
        section.ena, section.ek = 50.0, -77.0
    h.usetable_hh = 0
    h.celsius, h.dt = CELSIUS, DT
    return made


def nodes(made: dict[str, Any]) -> tuple[list[tuple[int, float, float | None]], dict[tuple[str, int], int]]:
    """(parent, resistance to it in MOhm, area or None) of every node, and which node a segment is."""
    found: list[tuple[int, float, float | None]] = [(-1, 0.0, None)]
    of: dict[tuple[str, int], int] = {}
    for name, _, _, _, parent, where in SECTIONS:
        above = 0 if not parent or where == 0.0 else of[parent, -1] if where == 1.0 else of[parent, 3]
        for k, segment in enumerate(made[name]):
            found.append((above, segment.ri(), segment.area()))
            above = of[name, k] = len(found) - 1
        found.append((above, made[name](1).ri(), None))
        of[name, -1] = len(found) - 1
    return found, of


def run_sweep(h: Any, made: dict[str, Any], sweep: dict[str, Any]) -> list[list[float]]:
    """The voltages at the sites at every step."""
    electrodes = []
    for site, delay, duration, amplitude in sweep["currents"]:
        name, x = SITES[site]
        electrode = h.IClamp(made[name](x))
        electrode.delay, electrode.dur, electrode.amp = delay, duration, amplitude
        electrodes.append(electrode)
    if sweep["clamp"] is not None:
        site, electrode_resistance, levels = sweep["clamp"]
        electrode = h.SEClamp(made[SITES[site][0]](SITES[site][1]))
        electrode.rs = electrode_resistance
        for k, (duration, level) in enumerate(levels, start=1):
            setattr(electrode, f"dur{k}", duration)
            setattr(electrode, f"amp{k}", level)
        electrodes.append(electrode)
    recorded = [h.Vector().record(made[name](x)._ref_v) for name, x in SITES]
    h.finitialize(V_INIT)
    for _ in range(round(DURATION / DT)):
        h.fadvance()
    return [list(v) for v in recorded]


def main(folder: Path) -> None:
    from neuron import h

    made = sections(h)
    found, of = nodes(made)
    segments = {name: count for name, _, _, count, _, _ in SECTIONS}
    sites = [of[name, int(x * segments[name])] for name, x in SITES]
    voltages = {name: run_sweep(h, made, sweep) for name, sweep in SWEEPS.items()}
    (folder / "neuron.json").write_text(json.dumps({"nodes": found, "sites": sites, "v": voltages}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
