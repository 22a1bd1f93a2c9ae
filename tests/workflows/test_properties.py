"""What a recorded cell is like, over sweeps whose answers are known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from gbar.recordings import Recording, Sweep
from gbar.workflows.inspect import inspect
from gbar.workflows.properties import cell_properties

DT, ON, OFF, END = 0.05, 100.0, 600.0, 900.0  # ms
R, TAU, REST = 120.0, 15.0, -68.0  # MOhm, ms, mV
T = np.arange(round(END / DT) + 1) * DT


def step(amplitude: float, spikes: int = 0, rest: float = REST) -> Sweep:
    """A sweep of an RC circuit with a step of current (nA), and spikes drawn over its plateau."""
    current = np.where((ON <= T) & (OFF > T), amplitude, 0.0)
    rise, fall = np.clip(T - ON, 0.0, OFF - ON), np.clip(T - OFF, 0.0, None)
    v = rest + amplitude * R * -np.expm1(-rise / TAU) * np.exp(-fall / TAU)
    for k in range(spikes):
        at = ON + 50.0 + 400.0 * k / spikes
        v = v + np.clip(90.0 * (1.0 - np.abs(T - at)), 0.0, None)
    return Sweep(f"{1e3 * amplitude:g} pA, {spikes}, {rest}", v, current, DT, 0.0)


def recording(*sweeps: Sweep) -> Recording:
    return Recording(Path("cell.nwb"), "0", "NWB 2", sweeps)


def test_a_circuit_is_told_by_its_falls():
    found = {p.name: p for p in cell_properties(recording(step(-0.05), step(-0.1), step(-0.1, rest=-70.0))).properties}
    assert found["input resistance"].mean == pytest.approx(R, rel=1e-3)
    assert found["membrane time constant"].mean == pytest.approx(TAU, rel=0.02)
    assert found["capacitance (time constant / resistance)"].mean == pytest.approx(1e3 * TAU / R, rel=0.02)
    assert found["rest"].mean == pytest.approx((2 * REST - 70.0) / 3)
    assert found["rest"].sd == pytest.approx(np.std([REST, REST, -70.0], ddof=1))
    assert found["input resistance"].sweeps == 3
    assert not any(name.startswith("rheobase") for name in found)


def test_rheobase_is_the_weakest_step_that_makes_half_of_its_repeats_spike():
    cell = cell_properties(recording(step(0.05), step(0.1, 1), step(0.1), step(0.1), step(0.15, 2), step(0.2, 5)))
    found = {p.name: p for p in cell.properties}
    assert found["rheobase, of the steps given"].mean == pytest.approx(0.15)
    assert [(round(r.amplitude, 3), r.sweeps) for r in cell.rates] == [(0.05, 1), (0.1, 3), (0.15, 1), (0.2, 1)]
    assert [r.mean for r in cell.rates] == pytest.approx([0.0, 2.0 / 3.0, 4.0, 10.0])
    assert math.isnan(cell.rates[0].sd)


def test_what_is_no_step_tells_no_rate():
    short, ramp = step(0.3, 3), step(0.3, 3)
    brief = np.where((ON <= T) & (ON + 50.0 > T), 0.3, 0.0)
    rising = np.where(T >= ON, 0.3 * (T - ON) / (END - ON), 0.0)
    sweeps = [Sweep(s.name + n, s.v, i, DT, 0.0) for s, i, n in ((short, brief, "a"), (ramp, rising, "b"))]
    assert cell_properties(recording(*sweeps)).rates == ()


def test_inspect_prints_the_cell(tmp_path):
    path, sweep = tmp_path / "cell.npz", step(-0.1)
    np.savez(path, voltage_mV=sweep.v[None], current_nA=sweep.current[None])
    text = inspect([path], declared={"dt": f"{DT} ms"}, properties=True)
    assert "input resistance" in text and "MOhm" in text
    said = json.loads(inspect([path], declared={"dt": f"{DT} ms"}, properties=True, as_json=True))
    properties = {p["name"]: p for p in said["recordings"][0]["cell"]["properties"]}
    assert properties["input resistance"]["mean"] == pytest.approx(R, rel=1e-3)
    assert properties["rest"]["sd"] is None
