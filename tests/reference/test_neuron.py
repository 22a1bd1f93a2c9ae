"""gbar against NEURON, live: every mechanism and every cell that ships, at every sample of 200 ms of spiking."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from neuron_twin import Libraries, sets, shipped_libraries, side_by_side, spikes

from gbar.cell import At, Cell, Painted, Region, Site, read_cell, shipped_cells
from gbar.cell.ions import DEFAULTS, ion_uses
from gbar.mechanism import Mechanism, read, shipped, shipped_file
from gbar.morphology import Morphology, Section, cylinder, sphere
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Noise, Protocol, Ramp, Sampled, Step, Stimulus, Sum, Train, VoltageClamp
from gbar.units import convert, parse

REVERSALS = {"ena": 50.0, "ek": -77.0, "eca": 120.0}
DURATION = 200.0  # ms
DENSITY = {"ca": 2e-5, "na": 2e-3, "k": 2e-3}  # S/cm2, of a channel of one ion in the company of others; else 2e-5

pytestmark = pytest.mark.usefixtures("nrn")


@pytest.fixture(scope="session")
def libraries(nrn: None, tmp_path_factory: pytest.TempPathFactory) -> Libraries:
    return shipped_libraries(tmp_path_factory.mktemp("mechanisms"))


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


def with_hh(name: str) -> Cell:
    """A cell of a mechanism and what makes it spike."""
    mechanisms = [read(shipped_file(name))] + ([read(shipped_file("hh"))] if name != "hh" else [])
    gnabar = FreeParameter("gnabar_hh.soma", "S/cm2", 0.05, 0.5, "log", ("gnabar_hh.soma",))
    region = membrane([Painted(m) for m in mechanisms])
    return Cell(f"{name} with hh", sphere(20.0), (region,), 12.0, ParameterSpace((gnabar,)), Protocol(stimuli(0.6)))


def membrane(painted: list[Painted]) -> Region:
    """A region of mechanisms with all that their ions need."""
    uses = ion_uses(p.mechanism for p in painted).values()
    reversals = {use.e: REVERSALS[use.e] for use in uses if use.uses_e and use.nernst == "never"}
    concentrations = {name: DEFAULTS.get(name, 1.0) for use in uses for name in use.needed(False)}
    return Region("soma", 1.0, tuple(painted), reversals, concentrations=concentrations)


def together(name: str) -> Cell:
    """A cell of a whole set of mechanisms, and hh, that records all their states and the calcium, if they use it."""
    mechanisms = [read(shipped_file(one)) for one in sets()[name]]
    region = membrane([Painted(read(shipped_file("hh"))), *(Painted(m, densities(m)) for m in mechanisms)])
    states = [f"{state}_{m.name}" for m in mechanisms for state in m.states if state not in ("cai", "cao")]
    sodium = ["nai"] if any("nai" in ion.writes for m in mechanisms for ion in m.ions) else []
    calcium = ("cai", "ica") if "ca" in region.ions else ()
    places = {state: At("soma", 0.5) for state in ("v", *calcium, *sodium, *states)}
    sites = tuple(Site(f"at_{k}", at, variable) for k, (variable, at) in enumerate(places.items()))
    gnabar = FreeParameter("gnabar_hh.soma", "S/cm2", 0.05, 0.5, "log", ("gnabar_hh.soma",))
    protocol = Protocol(stimuli(0.6)[3:])
    return Cell(f"{name} with hh", sphere(20.0), (region,), 12.0, ParameterSpace((gnabar,)), protocol, sites=sites)


def densities(mechanism: Mechanism) -> dict[str, float]:
    """Conductance densities at which many channels in one membrane let it spike."""
    found = {}
    ions = {current.ion for current in mechanism.currents if current.ion}
    ion = ions.pop() if len(ions) == 1 else ""
    for name, parameter in Painted(mechanism).parameters.items():
        try:
            found[name] = convert(DENSITY.get(ion, 2e-5), "S/cm2", parse(parameter.unit) and parameter.unit)
        except Exception:  # no conductance
            continue
    return found


@pytest.mark.parametrize("name", sets()[""])
def test_mechanism_agrees_with_neuron(name: str, libraries: Libraries, tmp_path: Path) -> None:
    cell = with_hh(name)
    made = side_by_side(cell, np.array([[0.12], [0.3]]), tmp_path, library=libraries.of(cell))
    assert spikes(made) > 20


@pytest.mark.parametrize("name", [name for name in sets() if name])
def test_mechanisms_of_a_set_agree_with_neuron(name: str, libraries: Libraries, tmp_path: Path) -> None:
    cell = together(name)
    made = side_by_side(cell, np.array([[0.12], [0.3]]), tmp_path, library=libraries.of(cell))
    assert spikes(made) > 10
    assert {site.variable for site in cell.sites} >= ({"v"} if name == "korngreen" else {"v", "cai", "ica"})
    for comparison in made.comparisons:
        assert np.ptp(comparison.neurons) > 0, f"{comparison.variable} does not move"


def test_every_shipped_mechanism_is_compared() -> None:
    assert sorted(name for names in sets().values() for name in names) == sorted(shipped())
    assert {p.mechanism.name for name in sets() if name for r in together(name).regions for p in r.mechanisms} | set(
        sets()[""]
    ) == {shipped_file(name).stem for name in shipped()}


@pytest.mark.parametrize("name", shipped_cells())
def test_cell_agrees_with_neuron(name: str, libraries: Libraries, tmp_path: Path) -> None:
    cell = read_cell(name)
    first = cell.protocol.stimuli[0]
    amplitude = max(float(np.abs(s.injected()).max()) for s in cell.protocol.stimuli)
    more = stimuli(amplitude, first.dt, first.v_init)
    protocol = replace(cell.protocol, stimuli=(*cell.protocol.stimuli, *more), sites=())
    theta = np.concatenate([cell.theta, cell.space.draw(1, 0, 3)])
    assert spikes(side_by_side(cell, theta, tmp_path, protocol=protocol, library=libraries.of(cell))) > 20


def test_warm_up_agrees_with_neuron(libraries: Libraries, tmp_path: Path) -> None:
    cell = with_hh("im")
    step = Step(delay=3.0137, duration=100.0, amplitude=0.6)
    stimulus = Stimulus("after a warm-up", step, DURATION, 0.025, 0.025, -80.0, warm_up=50.0, warm_up_current=0.05)
    made = side_by_side(cell, cell.theta, tmp_path, protocol=Protocol((stimulus,)), library=libraries.of(cell))
    assert spikes(made) >= 1


CLOCK = """
NEURON { SUFFIX clock NONSPECIFIC_CURRENT i RANGE g, born }
UNITS { (mV) = (millivolt) (mA) = (milliamp) }
PARAMETER { g = 1e-4 (S/cm2) }
ASSIGNED { v (mV) i (mA/cm2) born (ms) }
STATE { s }
INITIAL { s = 0 born = t }
BREAKPOINT {
    SOLVE states METHOD cnexp
    i = g * (1 + s) * (v + 65 + 20 * sin(t / 7 (ms)) - born)
}
DERIVATIVE states { s' = (fabs(cos(t / 11 (ms))) - s) / 5 (ms) }
"""


@pytest.mark.parametrize("tree", [False, True])
def test_time_is_0_at_the_start_of_the_sweep(tree: bool, tmp_path: Path) -> None:
    (tmp_path / "clock.mod").write_text(CLOCK)
    clock = Painted(read(tmp_path / "clock.mod"))
    soma = Region("soma", 1.0, (Painted(read(shipped_file("hh"))), clock), {"ena": 50.0, "ek": -77.0}, Ra=100.0)
    sections = (Section("soma", "soma", 30.0, 30.0), Section("dend", "soma", 300.0, 2.0, 0, 1.0))
    morphology = Morphology(sections) if tree else cylinder(30.0, 30.0)
    sampled = Sampled(0.7, np.sin(np.arange(60)))
    warm = {"warm_up": 100.5, "warm_up_current": 0.05, "v_init": -70.0}
    stimuli = (
        Stimulus("steps", Sum((Step(3.0137, 20.0, 0.6), Train(30.0, 2.0, 5.0, 3, 0.5))), 50.0, **warm),
        Stimulus("played", Sum((sampled, Noise(0, 40, 0.1, 0.1, 3.0, 1))), 50.0, **warm),
        Stimulus("held", Sum(()), 50.0, clamps=(VoltageClamp("soma", ((10.0, -70.0), (20.0, -40.0)), 0.5),), **warm),
    )
    cell = Cell("clock", morphology, (soma,), 6.3, ParameterSpace(()), Protocol(stimuli))
    made = side_by_side(cell, cell.theta, tmp_path / "run")
    assert spikes(made) >= 3


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
    odd = Painted(read(file), {"half": -51.03, "slope": 6.0})
    region = Region("soma", 1.0, (Painted(read(shipped_file("hh"))), odd), {"ena": 50.0, "ek": -77.0})
    space = ParameterSpace((FreeParameter("gk_odd.soma", "S/cm2", 1e-4, 1e-2, "log", ("gk_odd.soma",)),))
    cell = Cell("odd", sphere(20.0), (region,), 12.0, space, Protocol(stimuli(0.6)))
    assert spikes(side_by_side(cell, np.array([[0.0005], [0.002]]), tmp_path / "cells")) > 20
