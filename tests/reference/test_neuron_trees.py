"""gbar against NEURON, live, on branched active cells with calcium: synthetic trees and published models.

A cell of many compartments agrees if every sample at every site is within 1e-3 mV over 200 ms of spiking (other
variables: within 1e-5 of their largest value), and every spike within 1 us.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from neuron_twin import Libraries, shipped_libraries, side_by_side, spikes
from test_neuron import membrane

from gbar.cell import Along, At, Cell, Painted, Profile, SegmentRule, Site
from gbar.exchange.importing import Choices, import_cell
from gbar.mechanism import read, shipped_file
from gbar.morphology import Morphology, Section, stepped
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Injection, Noise, Protocol, Ramp, Step, Stimulus, Sum, Train, VoltageClamp

pytestmark = pytest.mark.usefixtures("nrn")

RELEASED = {  # Markram et al. 2015, as in BluePyOpt's L5PC example
    "gNaTs2_tbar_NaTs2_t.apical": 0.026145, "gSKv3_1bar_SKv3_1.apical": 0.004226, "gImbar_Im.apical": 0.000143,
    "gNaTa_tbar_NaTa_t.axon": 3.137968, "gK_Tstbar_K_Tst.axon": 0.089259, "gamma_CaDynamics_E2.axon": 0.00291,
    "gNap_Et2bar_Nap_Et2.axon": 0.006827, "gSK_E2bar_SK_E2.axon": 0.007104, "gCa_HVAbar_Ca_HVA.axon": 0.00099,
    "gK_Pstbar_K_Pst.axon": 0.973538, "gSKv3_1bar_SKv3_1.axon": 1.021945, "decay_CaDynamics_E2.axon": 287.198731,
    "gCa_LVAstbar_Ca_LVAst.axon": 0.008752, "gamma_CaDynamics_E2.soma": 0.000609,
    "gSKv3_1bar_SKv3_1.soma": 0.303472, "gSK_E2bar_SK_E2.soma": 0.008407, "gCa_HVAbar_Ca_HVA.soma": 0.000994,
    "gNaTs2_tbar_NaTs2_t.soma": 0.983955, "decay_CaDynamics_E2.soma": 210.485284,
    "gCa_LVAstbar_Ca_LVAst.soma": 0.000333,
}  # fmt: skip


@pytest.fixture(scope="session")
def libraries(nrn: None, tmp_path_factory: pytest.TempPathFactory) -> Libraries:
    return shipped_libraries(tmp_path_factory.mktemp("mechanisms"))


def paint(name: str, **values: float | Profile) -> Painted:
    return Painted(read(shipped_file(name)), values)


def hh_tree() -> Cell:
    """Branches at the soma's middle and ends, a taper of cylinders, an odd place on a dendrite."""
    morphology = Morphology(
        (
            Section("soma", "soma", 20, 20),
            Section("dend[0]", "dend", 200, 2, 0, 0.5),
            Section("dend[1]", "dend", 100, 1, 1, 1.0),
            Section("dend[2]", "dend", 80, 0.7, 1, 0.37),
            stepped("axon", "axon", 50, [3.0, 2.0, 1.0, 1.0, 0.8], 0, 1.0),
            Section("dend[3]", "dend", 60, 1.2, 0, 0.0),
        )
    )
    dend = [paint("hh", gnabar=Profile.linear(0.1, -2e-4), gkbar=0.03), paint("pas", g=1e-5)]
    regions = [
        replace(membrane([paint("hh")]), name="soma", Ra=100.0),
        replace(membrane(dend), name="dend", Ra=150.0, cm=1.3),
        replace(membrane([paint("hh", gnabar=0.2)]), name="axon", Ra=80.0),
    ]
    sites = [
        Site("soma", At("soma", 0.5)), Site("tip", At("dend[1]", 0.97)), Site("branch", At("dend[2]", 0.5)),
        Site("start", At("dend[3]", 0.0)), Site("m", At("axon", 0.9), "m_hh"), Site("ina", At("dend[0]", 0.6), "ina"),
        Site("along", Along("dend", 150.0)),
    ]  # fmt: skip
    stimuli = (
        Stimulus("step", Step(5.0137, 180, 0.6), 200.0),
        Stimulus(
            "injections", Train(10, 2, 25, 7, 0.8), 200.0, v_init=-70, warm_up=5.0, warm_up_current=-0.02,
            injections=(Injection("tip", Ramp(20, 150, 0, 0.3)), Injection("branch", Noise(5, 190, 0.1, 0.1, 3, 2))),
        ),
        Stimulus(
            "clamped", Sum(()), 100.0, warm_up=3.0,
            clamps=(VoltageClamp("soma", ((10, -70), (20.013, -20), (30, 20), (10, -60)), 0.5),),
            injections=(Injection("tip", Step(70, 20, 0.4)),),
        ),
    )  # fmt: skip
    free = (
        FreeParameter("gnabar_hh.soma", "S/cm2", 0.05, 0.3, "log"),
        FreeParameter("gnabar_hh.dend.slope", "S/cm2/um", -3e-4, 0.0),
        FreeParameter("Ra.dend", "ohm cm", 50, 300, "log"),
        FreeParameter("diam_scale.axon", "", 0.5, 2, "log"),
        FreeParameter("ek", "mV", -90, -70, targets=("ek.soma", "ek.dend", "ek.axon")),
    )
    rule = SegmentRule("every", 40.0, sections={"dend[0]": 7})
    return Cell(
        "hh tree", morphology, tuple(regions), 12.0, ParameterSpace(free), Protocol(stimuli), segments=rule,
        sites=tuple(sites),
    )  # fmt: skip


def test_hh_tree(libraries: Libraries, tmp_path: Path) -> None:
    cell = hh_tree()
    theta = np.concatenate([cell.theta, cell.space.draw(3, 0, 2)])
    assert spikes(side_by_side(cell, theta, tmp_path, library=libraries.of(cell))) > 50


def ball_and_stick() -> Cell:
    """The channels of Hay et al. 2011 on a soma and a dendrite, calcium in both."""
    morphology = Morphology((Section("soma", "soma", 20, 20), Section("dend", "dend", 600, 3, 0, 1.0)))
    active = [
        paint("pas", g=3e-5, e=-75), paint("NaTs2_t", gNaTs2_tbar=0.9), paint("SKv3_1", gSKv3_1bar=0.3),
        paint("SK_E2", gSK_E2bar=0.02), paint("CaDynamics_E2", gamma=0.003, decay=100),
        paint("hay/Ca_HVA", gCa_HVAbar=2e-4), paint("Ca_LVAst", gCa_LVAstbar=3e-3),
    ]  # fmt: skip
    dend = [
        paint("pas", g=6e-5, e=-75), paint("NaTs2_t", gNaTs2_tbar=0.02), paint("SKv3_1", gSKv3_1bar=0.004),
        paint("hay/Im", gImbar=1e-4), paint("CaDynamics_E2", gamma=5e-4, decay=80),
        paint("hay/Ca_HVA", gCa_HVAbar=Profile.step(2e-4, 200, 500)), paint("Ca_LVAst", gCa_LVAstbar=1e-3),
        paint("hay/Ih", gIhbar=Profile("(-0.8696 + 2.087*math.exp(({distance})*0.0031))*{value}", {"value": 8e-5})),
    ]  # fmt: skip
    regions = (
        replace(membrane(active), name="soma", Ra=100.0),
        replace(membrane(dend), name="dend", Ra=100.0, cm=2.0),
    )
    sites = (
        Site("soma", At("soma", 0.5)), Site("far", At("dend", 0.7)), Site("ca", At("soma", 0.5), "cai"),
        Site("eca", At("dend", 0.5), "eca"), Site("ica", At("dend", 0.5), "ica"), Site("ih", At("dend", 0.9), "m_Ih"),
    )  # fmt: skip
    stimuli = (
        Stimulus("soma", Step(20, 170, 0.5), 200.0, v_init=-75),
        Stimulus(
            "both", Train(20, 3, 10, 4, 2.0), 200.0, v_init=-75, injections=(Injection("far", Step(60, 90, 0.8)),)
        ),
    )
    free = (FreeParameter("gCa_HVAbar_Ca_HVA.dend", "S/cm2", 1e-5, 1e-3, "log"),)
    return Cell(
        "ball and stick", morphology, regions, 34.0, ParameterSpace(free), Protocol(stimuli),
        segments=SegmentRule("length", 30.0), sites=sites,
    )  # fmt: skip


def test_ball_and_stick_with_calcium(libraries: Libraries, tmp_path: Path) -> None:
    cell = ball_and_stick()
    made = side_by_side(cell, np.array([[2e-4], [9e-4]]), tmp_path, library=libraries.of(cell))
    assert spikes(made) > 20
    calcium = [c.neurons for c in made.comparisons if c.variable == "cai"]
    assert all(np.ptp(trace) > 2e-5 for trace in calcium)


def test_reconstructed_pyramid_with_the_channels_of_hay(shared: Path, libraries: Libraries, tmp_path: Path) -> None:
    source, morphology = shared / "parameters/bluepyopt_l5pc", shared / "morphologies/bbp/C060114A5.asc"
    cell = import_cell(source, morphology, tmp_path / "cell").cell
    cell = cell.at(np.array([RELEASED[name] for name in cell.space.names]))
    more = (
        Site("near", Along("apical", 200.0, "y")), Site("ca_soma", At("soma[0]", 0.5), "cai"),
        Site("ca_axon", At("axon[1]", 0.5), "cai"), Site("ih", Along("apical", 300.0), "m_Ih"),
    )  # fmt: skip
    step = Stimulus("step", Step(10, 180, 1.2), 200.0)
    name = "C060114A5 with the channels of Hay et al. 2011 (BluePyOpt)"
    cell = replace(cell, name=name, sites=(*cell.sites, *more), protocol=Protocol((step,)))
    assert cell.compartments > 500
    made = side_by_side(cell, cell.theta, tmp_path / "neuron", library=libraries.of(cell))
    assert {c.site: c.spikes[1] for c in made.comparisons}["soma"] >= 4


def test_pyramid_of_the_sscx_models(shared: Path, libraries: Libraries, tmp_path: Path) -> None:
    source, morphology = shared / "parameters/sscx_l5pc", shared / "morphologies/bbp/C060114A5.asc"
    cell = import_cell(source, morphology, tmp_path / "cell", choices=Choices(threshold=0.4, holding=-0.05)).cell
    step = Stimulus("step", Step(5, 190, 1.2), 200.0, v_init=-80)
    cell = replace(cell, name="C060114A5 with the channels of the SSCx models", protocol=Protocol((step,)))
    assert {site.variable for site in cell.sites} == {"v", "cai"}
    made = side_by_side(cell, cell.theta, tmp_path / "neuron", library=libraries.of(cell))
    assert spikes(made) >= 2


@pytest.mark.parametrize("fit", ["468193142_fit_perisomatic", "468193142_fit_allactive"])
def test_allen_cell(shared: Path, libraries: Libraries, tmp_path: Path, fit: str) -> None:
    source, morphology = (
        shared / f"parameters/allen_fit/{fit}.json",
        shared / "morphologies/swc/morph_allen_485574832.swc",
    )
    cell = import_cell(source, morphology, tmp_path / "cell").cell
    step = Stimulus("step", Step(10, 180, 0.9), 200.0, v_init=cell.protocol.stimuli[0].v_init)
    more = (Site("ca", At("soma[0]", 0.5), "cai"), Site("dend", Along("apical", 100.0)))
    name = f"Allen {fit.replace('_', ' ')}"
    cell = replace(cell, name=name, sites=(*cell.sites, *more), protocol=Protocol((step,)))
    made = side_by_side(cell, cell.theta, tmp_path / "neuron", library=libraries.of(cell))
    assert spikes(made) >= 2


def test_currents_at_open_ends(libraries: Libraries, tmp_path: Path) -> None:
    cell = hh_tree()
    sites = (
        Site("root", At("soma", 1.0)), Site("tip", At("dend[1]", 1.0)), Site("beside", At("dend[1]", 0.95)),
        Site("start", At("soma", 0.0)), Site("end", At("dend[3]", 1.0)),
    )  # fmt: skip
    stimulus = Stimulus(
        "ends", Step(5, 80, 0.3), 100.0, injections=(Injection("tip", Train(3, 3, 20, 4, 0.3)),),
        clamps=(VoltageClamp("end", ((30, -65), (10, -20)), 2.0),),
    )  # fmt: skip
    cell = replace(cell, sites=sites, protocol=Protocol((stimulus,)))
    made = side_by_side(
        cell, np.concatenate([cell.theta, cell.space.draw(3, 0, 1)]), tmp_path, library=libraries.of(cell)
    )
    tip, beside = (next(c.neurons for c in made.comparisons if c.site == name) for name in ("tip", "beside"))
    assert np.abs(tip - beside).max() > 1
    single = replace(hh_tree(), morphology=Morphology((Section("soma", "soma", 100, 5),)), regions=cell.regions[:1],
                     space=ParameterSpace(()), sites=(Site("end", At("soma", 1.0)), Site("a", At("soma", 0.0))),
                     segments=SegmentRule(), protocol=Protocol((Stimulus("s", Step(5, 80, 0.3), 100.0,
                     injections=(Injection("a", Step(5, 80, -0.1)),)),)))  # fmt: skip
    side_by_side(single, single.theta, tmp_path / "single", library=libraries.of(single))
