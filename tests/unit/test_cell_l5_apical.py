"""The cell `l5_apical` shows what Keren, Bar-Yehuda & Korngreen 2009 (doi 10.1113/jphysiol.2008.167130) report.

A spike that travels into the apical dendrite and shrinks, a rest that depends on the distance, potassium densities that
fall steeply near the soma and a sodium density that falls slowly, and parameters that can be peeled off by drugs.
"""

from dataclasses import replace

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.compartments import lower
from gbar.kernel.build import build
from gbar.protocol import Block, Condition, Step
from gbar.simulate import simulate

PLACES = ("soma", "near", "middle", "dend", "far")  # 0, 150, 300, 400, 550 um from the soma
PUBLISHED = {  # ModelDB 151825: what its optimisation starts from, and what it found
    "Ra": (68.2, 120.4), "cm": (1.4387, 0.602), "g_pas": (1 / 18017.3, 1 / 25812.2), "e_pas": (-31.4, -47.8),
    "gh_soma": (22.5, 2.51), "gh_distal": (271.9, 118.4), "gh_half": (382.5, 351.8),
    "gks_soma": (129.9, 209.7), "gks_length": (1 / 0.00986, 1 / 0.0915783),
    "gkf_soma": (340.8, 359.9), "gkf_length": (1 / 0.00297, 1 / 0.0117721),
    "gna_soma": (128.1, 352.1), "gna_distal": (2.69, 56.5), "gna_reach": (687.5, 480.9),
}  # fmt: skip
IH = Condition("TTX and ZD7288", (Block("gbar_nat", 100.0), Block("gbar_hcn", 100.0)))


HEIGHT = [92.2, 80.1, 77.4, 69.2, 56.1]  # mV, as docs/cells/l5_apical.md has them
REST = [-71.0, -69.0, -66.3, -64.6, -62.2]
REST_WITHOUT_IH = [-75.3, -74.1, -72.7, -71.9, -70.6]
RESISTANCE = {"ttx_step": (1.0, 16.5), "blocked_step": (0.1, 94), "ttx_hyperpolarised": (-0.3, 16.7),
              "blocked_hyperpolarised": (-0.3, 70)}  # fmt: skip


@pytest.fixture(scope="module")
def cell():
    return read_cell("l5_apical").recording(PLACES)


@pytest.fixture(scope="module")
def kernel(cell):
    return build(cell, "float64")


@pytest.fixture(scope="module")
def traces(cell, kernel):
    """The voltages of every stimulus, v[site, time], every 0.1 ms."""
    spike = cell.protocol.stimuli[0]
    rest = replace(spike, name="rest", waveform=Step(0, 1, 0.0), warm_up=2000.0)
    more = (
        replace(spike, name="ttx_spike", condition="TTX"),
        replace(rest, condition="TTX"),
        replace(rest, name="rest_without_ih", condition=IH.name),
    )
    protocol = replace(
        cell.protocol, stimuli=(*cell.protocol.stimuli, *more), conditions=(*cell.protocol.conditions, IH)
    )
    found = simulate(kernel, cell.theta, protocol, threads=1)
    assert not found.status.any()
    return {s.name: v[0] for s, v in zip(protocol.stimuli, found.v, strict=True)}


def spikes(v):
    return int(np.sum((v[:-1] < -20) & (v[1:] >= -20)))


def test_the_experiment(cell):
    assert read_cell("l5_apical").protocol.sites == ("soma", "dend")
    assert [condition.name for condition in cell.protocol.conditions] == ["TTX", "TTX and K blockers"]
    assert {stimulus.condition for stimulus in cell.protocol.stimuli} == {"", "TTX", "TTX and K blockers"}
    assert len(cell.space) == 14 and cell.compartments <= 60
    assert cell.space.inside(cell.theta).all()


def test_a_reconstruction_takes_the_place_of_the_shape(shared):
    found = read_cell("l5_apical", morphology=shared / "morphologies/bbp/C060114A5.asc")
    assert found.compartments > 300 and len(found.space) == 14
    assert [found.place(site).section[:4] for site in found.sites] == ["soma", *["apic"] * 4]


@pytest.mark.parametrize("file", ["bbp/C060114A5.asc", "mainen1996/j4a.swc"])
def test_a_reconstruction_with_or_without_an_axon_fires(file, shared):
    cell = read_cell("l5_apical", morphology=shared / "morphologies" / file)
    assert [s.name for s in cell.morphology.sections if s.region == "axon"] == ["axon[0]", "axon[1]"]
    pulse = replace(cell.protocol.stimuli[0], duration=20.0, warm_up=100.0, waveform=Step(5, 2, 5.0))
    found = simulate(build(cell, "float32"), cell.theta, replace(cell.protocol, stimuli=(pulse,)), threads=1)
    assert not found.status.any() and spikes(found.v[0][0, 0]) == 1


def test_the_prior_holds_what_the_authors_published(cell):
    assert cell.space.names == tuple(PUBLISHED)
    assert cell.space.inside(np.array(list(PUBLISHED.values())).T).all()


def test_a_spike_travels_into_the_dendrite_and_shrinks(traces):
    v = traces["spike"]
    height = v.max(axis=1) - v[:, 90]
    assert spikes(v[0]) == 1
    assert (np.diff(height) < 0).all()  # how much: test_the_numbers_of_the_page
    assert (np.diff(v.argmax(axis=1)) > 0).all()
    assert 0.4 < height[-1] / height[0] < 0.7
    passive = traces["ttx_spike"].max(axis=1) - traces["ttx_spike"][:, 90]
    assert passive[0] < 40 and height[-1] > 4 * passive[-1]  # sodium of the dendrite carries it


def test_rest_depends_on_the_distance_by_ih(traces):
    assert (np.diff(traces["rest"][:, -1]) > 0.5).all()
    assert np.ptp(traces["rest"][:, -1]) > 7
    assert np.ptp(traces["rest_without_ih"][:, -1]) < 0.6 * np.ptp(traces["rest"][:, -1])


def test_the_numbers_of_the_page(traces):
    v = traces["spike"]
    assert v.max(axis=1) - v[:, 90] == pytest.approx(HEIGHT, rel=0.02)
    assert v[:, 0] == pytest.approx(REST, rel=0.002)  # the sweep begins at rest
    assert traces["rest"][:, -1] == pytest.approx(traces["ttx_step"][:, 0], abs=0.05)  # both in TTX
    assert traces["rest_without_ih"][:, -1] == pytest.approx(REST_WITHOUT_IH, rel=0.002)
    for name, (current, megaohm) in RESISTANCE.items():
        change = traces[name][0, 2100:2200].mean() - traces[name][0, 100:200].mean()
        assert change / current == pytest.approx(megaohm, rel=0.02)


def density(cell, name, distance):
    """A conductance at a distance, in pS/um2."""
    tables, at = lower(cell), cell.place(replace(cell.sites[1], place=replace(cell.sites[1].place, distance=distance)))
    values = {q.name: q.value for q in tables.quantities}
    found = {label: value for label, value in values.items() if label.startswith(f"{name}.{at.section}(")}
    return min(found.items(), key=lambda item: abs(float(item[0].rpartition("(")[2][:-1]) - at.x))[1]


def test_potassium_falls_steeply_near_the_soma_and_sodium_slowly(cell):
    soma = {name: cell.quantities()[f"{name}.soma"].value for name in ("gbar_nat", "gbar_kfast", "gbar_kslow")}
    at_200 = {name: density(cell, name, 200.0) / value for name, value in soma.items()}
    assert at_200["gbar_kfast"] < 0.2 and at_200["gbar_kslow"] < 0.2 and 0.55 < at_200["gbar_nat"] < 0.75


def test_drugs(traces):
    assert spikes(traces["step"][0]) > 5
    for name in ("ttx_step", "ttx_spike", "blocked_step"):
        assert spikes(traces[name][0]) == 0
    per_nA = {
        name: (traces[name][0, 2180] - traces[name][0, 190]) / current
        for name, current in (("ttx_step", 1.0), ("blocked_step", 0.1))
    }
    assert per_nA["blocked_step"] > 3 * per_nA["ttx_step"] > 0  # without potassium channels the membrane is less leaky
    hyperpolarised = traces["blocked_hyperpolarised"][0, 200:2200]
    assert hyperpolarised[-1] > hyperpolarised.min() + 2  # Ih: the voltage sags back


def test_parameters_can_be_peeled_off(cell, kernel):
    """With everything blocked a sweep tells passive parameters and Ih alone; in TTX potassium too; in control all."""
    names = list(cell.space.names)
    sodium = [names.index(name) for name in names if name.startswith("gna")]
    potassium = [names.index(name) for name in names if name.startswith("gk")]
    theta = np.repeat(cell.theta, 3, axis=0)
    theta[1, sodium] *= 1.3
    theta[2, potassium] *= 1.3
    short = tuple(replace(stimulus, warm_up=0.0, duration=60.0) for stimulus in cell.protocol.stimuli)
    found = simulate(kernel, theta, replace(cell.protocol, stimuli=short), threads=1)
    for stimulus, v in zip(short, found.v, strict=True):
        moved = [np.abs(v[row] - v[0]).max() for row in (1, 2)]
        told = [stimulus.condition == "", stimulus.condition != "TTX and K blockers"]
        for change, tells in zip(moved, told, strict=True):
            assert change > 0.1 if tells else change == 0.0
