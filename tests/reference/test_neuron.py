"""gbar against NEURON, live: every mechanism and every cell that ships, at every sample of 200 ms of spiking."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from neuron_twin import compile_mechanisms, count_comparison, twin

from gbar.cell import Cell, Painted, Region, read_cell, shipped_cells
from gbar.kernel.build import Kernel, build
from gbar.mechanism import read, shipped, shipped_file
from gbar.morphology import sphere
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Noise, Protocol, Ramp, Sampled, Step, Stimulus, Train
from gbar.simulate import simulate

TOLERANCE = 1e-5  # mV
REVERSALS = {"ena": 50.0, "ek": -77.0, "eca": 120.0}
DURATION = 200.0  # ms

pytestmark = pytest.mark.usefixtures("nrn")


@pytest.fixture(scope="session")
def library(nrn: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {shipped_file(name) for name in shipped()}
    files |= {p.mechanism.file for name in shipped_cells() for r in read_cell(name).regions for p in r.mechanisms}
    return compile_mechanisms(files, tmp_path_factory.mktemp("mechanisms"))


def stimuli(amplitude: float, dt: float = 0.025, v_init: float = -65.0) -> tuple[Stimulus, ...]:
    """Steps, a ramp and noise up to an amplitude; delays and the points of the noise lie off the grid of steps."""
    kick = np.random.default_rng(7).normal(0.4, 0.9, 1500) * amplitude
    smooth = np.convolve(kick, np.ones(9) / 9, mode="same")
    waveforms = {
        "long step": Step(delay=3.0137, duration=180.0061, amplitude=amplitude),
        "weak step": Step(delay=10.0, duration=150.0, amplitude=0.3 * amplitude),
        "train": Train(delay=5.0071, width=1.0043, period=15.0019, count=12, amplitude=5 * amplitude),
        "ramp": Ramp(delay=7.3, duration=100.0, start=0.3 * amplitude, stop=1.5 * amplitude),
        "noise": Sampled(dt=0.13, values=smooth),
        "OU noise": Noise(delay=4.0, duration=190.0, mean=0.5 * amplitude, sd=0.5 * amplitude, tau=3.0, seed=3),
    }
    return tuple(Stimulus(name, w, DURATION, dt, dt, v_init) for name, w in waveforms.items())


def spikes(v: np.ndarray) -> int:
    return int(((v[1:] > -20.0) & (v[:-1] <= -20.0)).sum())


def compare(cell: Cell, theta: np.ndarray, protocol: Protocol, library: Path, folder: Path) -> int:
    """Asserts that gbar and NEURON agree; returns NEURON's spikes."""
    kernel = build(cell, "float64")
    found = 0
    for row, values in enumerate(theta):
        traces = simulate(kernel, values[None], protocol, threads=1)
        expected = twin(cell, values, library, folder / str(row), stimuli=protocol.stimuli)
        for stimulus, v, reference in zip(protocol.stimuli, traces.v, expected, strict=True):
            assert v.shape == (1, 1, len(reference))
            worst = float(np.abs(v[0, 0] - reference).max())
            assert worst < TOLERANCE, (
                f"{cell.name}, {stimulus.name}, row {row}: {worst:.2e} mV from NEURON; gbar itself moves by "
                f"{own_movement(kernel, values, stimulus):.2e} mV when its parameters change by 1e-15"
            )
            count_comparison(f"{cell.name}, {stimulus.name}, row {row}: {worst:.2e} mV, {spikes(reference)} spikes")
            found += spikes(reference)
    return found


def own_movement(kernel: Kernel, values: np.ndarray, stimulus: Stimulus) -> float:
    """How far rounding alone can carry a trace: the effect of a relative change of 1e-15 in all parameters."""
    v = simulate(kernel, np.stack([values, values * (1.0 + 1e-15)]), Protocol((stimulus,)), threads=1).v[0][:, 0]
    return float(np.abs(v[1] - v[0]).max())


def with_hh(name: str) -> Cell:
    """A cell of a mechanism and what makes it spike."""
    mechanisms = [read(shipped_file(name))] + ([read(shipped_file("hh"))] if name != "hh" else [])
    read_potentials = {n for m in mechanisms for ion in m.ions for n in ion.reads}
    region = Region("soma", 1.0, tuple(map(Painted, mechanisms)), {n: REVERSALS[n] for n in read_potentials})
    gnabar = FreeParameter("gnabar_hh.soma", "S/cm2", 0.05, 0.5, "log", ("gnabar_hh.soma",))
    protocol = Protocol(stimuli(0.6))
    return Cell(f"{name} with hh", sphere(20.0), (region,), 12.0, ParameterSpace((gnabar,)), protocol)


@pytest.mark.parametrize("name", shipped())
def test_mechanism_agrees_with_neuron(name: str, library: Path, tmp_path: Path) -> None:
    cell = with_hh(name)
    assert compare(cell, np.array([[0.12], [0.3]]), cell.protocol, library, tmp_path) > 20


@pytest.mark.parametrize("name", shipped_cells())
def test_cell_agrees_with_neuron(name: str, library: Path, tmp_path: Path) -> None:
    cell = read_cell(name)
    first = cell.protocol.stimuli[0]
    amplitude = max(float(np.abs(s.injected()).max()) for s in cell.protocol.stimuli)
    protocol = Protocol((*cell.protocol.stimuli, *stimuli(amplitude, first.dt, first.v_init)))
    theta = np.concatenate([cell.theta, cell.space.draw(1, 0, 3)])
    assert compare(cell, theta, protocol, library, tmp_path) > 20


def test_warm_up_agrees_with_neuron(library: Path, tmp_path: Path) -> None:
    cell = with_hh("im")
    step = Step(delay=3.0137, duration=100.0, amplitude=0.6)
    stimulus = Stimulus("after a warm-up", step, DURATION, 0.025, 0.025, -80.0, warm_up=50.0, warm_up_current=0.05)
    assert compare(cell, cell.theta, Protocol((stimulus,)), library, tmp_path) >= 1


ODD = """
TITLE What files do and the channels that ship do not
NEURON {
    SUFFIX odd
    NONSPECIFIC_CURRENT i
    USEION k READ ek WRITE ik
    RANGE g, gk, half
    GLOBAL slope
}
PARAMETER {
    g = 1e-6 (S/cm2)
    gk = 0.002 (S/cm2)
    half = -50 (mV)
    slope = 7 (mV)
    tau = 30 (ms)
}
ASSIGNED { v (mV) celsius (degC) i (mA/cm2) ik (mA/cm2) ek (mV) before (mV) rise (1) q (1) }
STATE { s w }
LOCAL kept
INITIAL {
    q = 2^((celsius - 10)/10)
    kept = 0.5 + q/10
    before = v
    s = 0.1
    w = 0
    rise = 0
}
BREAKPOINT {
    SOLVE states METHOD cnexp
    i = g*(exp((v - half)/slope/3) - 1) + 1e-3*g*rise
    ik = gk*s^2*(1 - w)*(v - ek)
    before = v
}
DERIVATIVE states {
    LOCAL target
    IF (v > half) {
        target = kept
    } ELSE IF (before > half - 10) {
        target = 0.2
    } ELSE {
        target = 0
    }
    rise = fabs(v - before)
    s' = q*(target - s)/tau
    w' = s*rate(v - half)*(1 - w) - 0.05*w
}
FUNCTION rate(x) {
    TABLE DEPEND slope FROM -100 TO 100 WITH 200
    rate = 0.01*x/(1 - exp(-x/slope))
}
"""


def test_what_odd_files_do_agrees_with_neuron(tmp_path: Path) -> None:
    file = tmp_path / "odd.mod"
    file.write_text(ODD)
    library = compile_mechanisms([file, shipped_file("hh")], tmp_path / "library")
    odd = Painted(read(file), {"half": -51.03, "slope": 6.0})
    region = Region("soma", 1.0, (Painted(read(shipped_file("hh"))), odd), {"ena": 50.0, "ek": -77.0})
    space = ParameterSpace((FreeParameter("gk_odd.soma", "S/cm2", 1e-4, 1e-2, "log", ("gk_odd.soma",)),))
    cell = Cell("odd", sphere(20.0), (region,), 12.0, space, Protocol(stimuli(0.6)))
    assert compare(cell, np.array([[0.0005], [0.002]]), cell.protocol, library, tmp_path) > 20
