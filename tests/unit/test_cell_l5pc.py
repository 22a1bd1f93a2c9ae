"""The layer 5 pyramids `l5pc` and `l5pc30`: their published parameters, shapes and behaviour."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gbar.cell import Site, read_cell
from gbar.compartments import lower
from gbar.exchange.importing import import_cell
from gbar.features import features, spike_times
from gbar.kernel.build import build
from gbar.protocol import Protocol, Step, Stimulus, Sum
from gbar.simulate import simulate

LINEAGE = {  # the quantities that a parameter sets, the value of L5_TTPC1, low, high
    ("gNaTs2_tbar_NaTs2_t.apical",): (0.026145, 1.2e-3, 2.6),
    ("gSKv3_1bar_SKv3_1.apical",): (0.004226, 5.1e-5, 0.4),
    ("gImbar_Im.apical",): (1.43e-4, 1.4e-5, 0.01),
    ("gIhbar_Ih.soma", "gIhbar_Ih.basal", "gIhbar_Ih.apical"): (8e-5, 8e-7, 0.8),
    ("gNaTa_tbar_NaTa_t.axon",): (3.137968, 0.31, 40),
    ("gK_Tstbar_K_Tst.axon",): (0.089259, 1e-4, 0.89),
    ("gNap_Et2bar_Nap_Et2.axon",): (0.006827, 5.6e-6, 0.098),
    ("gSK_E2bar_SK_E2.axon",): (0.007104, 7.1e-4, 0.98),
    ("gCa_HVAbar_Ca_HVA.axon",): (9.9e-4, 3.1e-5, 0.0099),
    ("gK_Pstbar_K_Pst.axon",): (0.973538, 0.043, 9.7),
    ("gCa_LVAstbar_Ca_LVAst.axon",): (0.008752, 7e-7, 0.088),
    ("g_pas.axon",): (3e-5, 3e-7, 3e-3),
    ("cm.axon",): (1, 0.5, 3),
    ("gSKv3_1bar_SKv3_1.soma",): (0.303472, 7.3e-3, 3),
    ("gNaTs2_tbar_NaTs2_t.soma",): (0.983955, 0.093, 10),
    ("gCa_LVAstbar_Ca_LVAst.soma",): (3.33e-4, 3.3e-5, 0.069),
    ("g_pas.soma", "g_pas.basal", "g_pas.apical"): (3e-5, 3e-7, 3e-3),
    ("cm.soma", "cm.basal", "cm.apical"): (1, 0.5, 3),
    ("e_pas.soma", "e_pas.basal", "e_pas.apical", "e_pas.axon"): (-75, -100, -50),
}
SITES = ("soma", "axon", "apical")
HOLDING, THRESHOLD = -0.115034, 0.330060  # nA, of the sketch: benchmarks/l5_pyramid.py


def held(name, amplitude, delay, duration, total):
    """A step on the holding current of the published protocols, in nA and ms."""
    return Stimulus(name, Sum((Step(delay, duration, amplitude), Step(0, total, HOLDING))), total, 0.025, 0.1, -80.0)


@pytest.fixture(scope="module")
def sketch():
    """The sketch under parts of three published protocols, cut short: [site, sample] by protocol."""
    cell = read_cell("l5pc30")
    stimuli = (
        held("Step_200", 2.015793 * THRESHOLD, 300, 500, 850),
        held("Rin", -0.061495, 300, 500, 850),
        held("bAP", 10 * THRESHOLD, 300, 4, 350),
    )
    traces = simulate(build(cell, "float64", lanes=16), cell.theta, Protocol(stimuli), threads=1)
    assert not traces.status.any()
    return {stimulus.name: v[0] for stimulus, v in zip(stimuli, traces.v, strict=True)}


@pytest.fixture(scope="module")
def published(shared):
    """Mean and SD of the somatic features of a protocol, by name."""
    text = (shared / "parameters" / "sscx_l5pc" / "cADpyr_L5TPC.json").read_text()
    return {
        protocol: {entry["feature"]: entry["val"][:2] for entry in sites["soma.v"]}
        for protocol, sites in json.loads(text).items()
    }


def test_the_lineage_s_parameters():
    cell = read_cell("l5pc")
    assert len(cell.space) == 19
    found = {
        frozenset(p.targets or (p.name,)): (value, p.low, p.high, p.scale)
        for p, value in zip(cell.space.parameters, cell.theta[0], strict=True)
    }
    for targets, (value, low, high) in LINEAGE.items():
        linear = targets[0].startswith(("cm.", "e_pas."))
        expected = (value, low, high, "linear" if linear else "log")
        assert found.pop(frozenset(targets)) == expected, targets
    assert not found


@pytest.mark.parametrize(("name", "compartments"), [("l5pc", 47), ("l5pc30", 60)])
def test_the_sketch(name, compartments):
    cell = read_cell(name)
    assert cell.compartments == compartments
    assert tuple(site.name for site in cell.sites) == SITES
    (trunk,) = (site.place for site in cell.sites if site.name == "apical")
    towards = (*cell.sites[:2], Site("apical", replace(trunk, towards="upper")))
    assert lower(cell).sites == lower(replace(cell, sites=towards)).sites  # on the trunk, beyond all obliques


@pytest.mark.parametrize(
    ("name", "file"), [("l5pc", "C060114A5.asc"), ("l5pc", "j4a.swc"), ("l5pc30", "C060114A5.asc")]
)
def test_a_reconstruction_in_place_of_the_sketch(name, file, shared):
    (reconstruction,) = (shared / "morphologies").glob(f"*/{file}")
    cell, other = read_cell(name), read_cell(name, morphology=reconstruction)
    assert other.compartments > 500
    assert other.space == cell.space
    assert np.array_equal(other.theta, cell.theta)
    assert tuple(site.name for site in other.sites) == SITES
    assert [section.name for section in other.morphology.sections if section.region == "axon"] == ["axon[0]", "axon[1]"]


def described(tables):
    """Every compartment with its mechanisms and ions, quantities by name, whatever their order."""

    def name(index):
        return None if index is None else tables.quantities[index].name

    return [
        (
            c.section, c.x, c.region, c.parent, name(c.axial), name(c.area), name(c.cm),
            {i.mechanism.name: {variable: name(q) for variable, q in i.bindings} for i in c.instances},
            {p.ion: (p.reversal, name(p.e), name(p.ci), name(p.co)) for p in c.pools},
        )
        for c in tables.compartments
    ]  # fmt: skip


def test_l5pc30_is_the_sscx_model(shared, tmp_path):
    file = shared / "morphologies" / "bbp" / "C060114A5.asc"
    imported = import_cell(shared / "parameters" / "sscx_l5pc", file, tmp_path / "cell").cell
    cell = read_cell("l5pc30", morphology=file)
    assert np.array_equal(cell.theta, imported.theta)
    pairs = zip(cell.space.parameters, imported.space.parameters, strict=True)
    assert all((a.low, a.high, a.scale) == (b.low, b.high, b.scale) for a, b in pairs)
    ours, theirs = (lower(replace(one, sites=cell.sites)) for one in (cell, imported))
    assert described(ours) == described(theirs)
    theta = np.concatenate([cell.theta, cell.space.draw(0, 0, 2)])
    values = [{q.name: row.tolist() for q, row in zip(t.quantities, t.at(theta), strict=True)} for t in (ours, theirs)]
    assert values[0] == values[1]


def test_l5pc_sags_and_fires_faster_with_more_current():
    cell = read_cell("l5pc")
    traces = simulate(build(cell, "float64", lanes=16), cell.theta, cell.protocol, threads=1)
    sag, step, strong, _ = (v[0, 0] for v in traces.v)
    rest, trough, end = sag[950], sag[1000:4000].min(), sag[3950]
    assert -75 < rest < -65  # where Ih holds it above e_pas
    assert 0.5 < (end - rest) / (trough - rest) < 0.9  # Ih brings it back
    counts = [len(times) for times in spike_times(np.stack([step, strong]), 0.1)]
    assert counts == [5, 9]


def test_the_sketch_spikes_as_published(sketch, published):
    names = ("voltage_base", "AP_amplitude", "AHP_depth", "inv_time_to_first_spike")
    found = features(sketch["Step_200"][:1], 0.1, (300.0, 800.0), names=names)
    for name in names:
        mean, sd = published["Step_200"][name]
        assert abs(found[name][0] - mean) < 3 * sd, name
    resistance = "ohmic_input_resistance_vb_ssse"
    mean, sd = published["Rin"][resistance]
    assert abs(features(sketch["Rin"][:1], 0.1, (300.0, 800.0), -0.061495)[resistance][0] - mean) < 3 * sd


def test_a_spike_shrinks_on_its_way_up_the_apical_dendrite(sketch):
    rise = sketch["bAP"].max(axis=1) - sketch["bAP"][:, 2900]
    peaks = sketch["bAP"].argmax(axis=1)
    assert peaks[1] < peaks[2] and peaks[0] < peaks[2]
    assert 30 < rise[2] < 0.8 * rise[0]
