"""Every method of SOLVE, state by state and step by step, against NEURON under a voltage clamp."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from neuron_twin import TWIN, compile_mechanisms, count_comparison
from solved_mechanisms import MECHANISMS, text

from gbar.kernel.interpret import run
from gbar.mechanism import Mechanism, parse

DT, STEPS, AREA = 0.025, 800, np.pi * 400
TIMES = [0.0, 2.0, 2.0001, 8.0, 8.0001, 12.0, 18.0, 1e9]
VOLTAGES = [-65.0, -65.0, 20.0, -10.0, -80.0, -80.0, 40.0, 40.0]


@pytest.fixture(scope="session")
def clamped(nrn, tmp_path_factory):
    """NEURON's voltage and states of every mechanism: name -> [step, variable], the voltage first."""
    folder = tmp_path_factory.mktemp("solve")
    files = []
    for name in MECHANISMS:
        files.append(folder / f"{name}.mod")
        files[-1].write_text(text(name))
    library = compile_mechanisms(files, folder / "compiled")
    job = {"library": str(library), "mechanisms": {name: parse(text(name)).states for name in MECHANISMS}}
    (folder / "job.json").write_text(json.dumps(job))
    subprocess.run([sys.executable, __file__, str(folder)], check=True, capture_output=True)
    with np.load(folder / "states.npz") as saved:
        return dict(saved)


@pytest.mark.parametrize("name", MECHANISMS)
def test_states_are_neurons(clamped, name):
    m = parse(text(name))
    v, *expected = clamped[name].T
    found = states(m, v)
    scale = np.maximum(np.abs(np.array(expected)), 1e-9)
    difference = np.abs(found - np.array(expected)) / scale
    assert np.isfinite(found).all()
    assert difference.max() <= 1e-9, f"{m.states[int(difference.max(axis=1).argmax())]}: {difference.max():.1e}"
    count_comparison(f"solve {name}")


def states(m: Mechanism, v: np.ndarray) -> np.ndarray:
    """The states [state, step] at the voltages given: INITIAL, then BREAKPOINT and `advance` in every step."""
    constants = {p.name: p.value for p in m.parameters} | {"celsius": 6.3, "dt": DT}
    values = dict.fromkeys((*m.states, *m.assigned), 0.0)
    values |= run(m.initial, {**constants, **values, "v": v[0], "t": 0.0})[1]
    values = evaluated(m, constants, values, v[0], 0.0)
    rows = [[values[name] for name in m.states]]
    for k in range(len(v) - 1):
        values = evaluated(m, constants, values, v[k], (k + 0.5) * DT)
        values = values | run(m.advance, {**constants, **values, "v": v[k + 1], "t": (k + 1) * DT})[1]
        rows.append([values[name] for name in m.states])
    return np.array(rows, dtype=float).T


def evaluated(m: Mechanism, constants: dict, values: dict, v: float, t: float) -> dict:
    for near in (v + 0.001, v) if m.memory else (v,):
        values = values | run(m.breakpoint, {**constants, **values, "v": near, "t": t})[1]
    return values


# --- in NEURON's process -----------------------------------------------------------------------------------------


def record(folder: Path) -> None:
    """Every mechanism alone in a compartment, clamped; all in one run."""
    from neuron import h

    job = json.loads((folder / "job.json").read_text())
    h.nrn_load_dll(job["library"])
    np.savez(folder / "states.npz", **recorded(h, job["mechanisms"]))


def recorded(h, mechanisms: dict[str, list[str]]) -> dict[str, np.ndarray]:
    """Name -> [step, (voltage, states...)]."""
    kept, segments, rows = [], {}, {name: [] for name in mechanisms}
    for name in mechanisms:
        section = h.Section(name=name)
        section.L = section.diam = 20
        section.insert(name + TWIN)
        segments[name] = section(0.5)
        clamp = h.SEClamp(section(0.5))
        clamp.rs, clamp.dur1 = 1e-3, 1e9
        played = h.Vector(VOLTAGES), h.Vector(TIMES)
        played[0].play(clamp._ref_amp1, played[1], True)
        kept += [section, clamp, played]
    h.dt = DT
    h.finitialize(-65)
    for step in range(STEPS + 1):
        if step:
            h.fadvance()
        for name, names in mechanisms.items():
            segment = segments[name]
            rows[name].append([segment.v, *(_value(segment, name + TWIN, state) for state in names)])
    return {name: np.array(values) for name, values in rows.items()}


def _value(segment, suffix: str, name: str) -> float:
    base, _, index = name.partition("[")
    found = getattr(segment, f"{base}_{suffix}")
    return found[int(index[:-1])] if index else found


if __name__ == "__main__":
    record(Path(sys.argv[1]))
