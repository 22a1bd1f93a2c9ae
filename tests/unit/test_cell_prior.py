"""Priors in a cell's YAML: read in any unit, written back, refused with their place."""

from __future__ import annotations

import math

import pytest

from gbar.cell import read_cell, write_cell
from gbar.errors import CellError
from gbar.exchange.bluepyopt_export import export_bluepyopt
from gbar.prior import LogNormal, Normal, Uniform

CELL = """\
name: mine
temperature: 6.3 degC
morphology: {sphere: {diameter: 20 um}}
regions: {soma: {cm: 1 uF/cm2, mechanisms: {pas: {g: 0.1 mS/cm2, e: -65 mV}}}}
parameters:
  g_pas.soma: {low: 0.01 mS/cm2, high: 1 mS/cm2, scale: log, prior: PRIOR}
  e_pas.soma: {low: -80 mV, high: -50 mV, prior: {normal: {mean: -0.065 V, sd: 4000 uV}}}
protocol:
  stimuli:
    - {name: step, duration: 20 ms, dt: 0.1 ms, waveform: {step: {delay: 5 ms, duration: 10 ms, amplitude: 10 pA}}}
"""
SHAPED = "{lognormal: {median: 100 uS/cm2, decades: 0.3}}"


@pytest.fixture
def cell_with(tmp_path):
    def read(prior: str):
        file = tmp_path / "mine.yaml"
        file.write_text(CELL.replace("PRIOR", prior))
        return read_cell(file)

    return read


def test_priors_are_read_in_any_unit_and_come_back(cell_with, tmp_path):
    cell = cell_with(SHAPED)
    g, e = cell.space.parameters
    assert g.prior == LogNormal(1e-4, 0.3) and e.prior == Normal(-65.0, 4.0) and (g.low, g.scale) == (1e-5, "log")
    write_cell(cell, tmp_path / "again.yaml")
    again = read_cell(tmp_path / "again.yaml")
    assert again == cell and again.digest == cell.digest and again.space == cell.space
    assert cell_with("uniform").space.parameters[0].prior == Uniform()
    assert cell_with("uniform").digest != cell.digest
    sigma = cell_with(f"{{lognormal: {{median: 0.1 mS/cm2, sigma: {0.3 * math.log(10)}}}}}").space.parameters[0].prior
    assert sigma.decades == pytest.approx(0.3, rel=1e-15)


@pytest.mark.parametrize("prior", ["gaussian", "normal", "{}"])
def test_priors_that_there_are_not_are_told_of_those_that_there_are(cell_with, prior):
    with pytest.raises(CellError) as caught:
        cell_with(prior)
    said = "uniform, {normal: {mean: 5 S/cm2, sd: 1 S/cm2}} or {lognormal: {median: 5 S/cm2, decades: 0.3}}"
    assert "mine.yaml:6:" in str(caught.value) and str(caught.value).endswith(said)


def test_a_parameter_of_its_own_has_a_prior_too(cell_with, tmp_path):
    file = tmp_path / "other.yaml"
    kappa = "kappa: {low: 0.5 um, high: 2 um, value: 1 um, prior: {normal: {mean: 1 um, sd: 200 nm}}}"
    text = CELL.replace("PRIOR", SHAPED).replace("protocol:", f"  {kappa}\nformulas: {{cm.soma: kappa}}\nprotocol:")
    file.write_text(text)
    parameter = read_cell(file).space.parameters[2]
    assert (parameter.prior, parameter.value) == (Normal(1.0, 0.2), 1.0)
    write_cell(read_cell(file), tmp_path / "again.yaml")
    assert read_cell(tmp_path / "again.yaml").space == read_cell(file).space


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (
            "flat",
            "mine.yaml:6:69: parameters.g_pas.soma.prior: unknown value 'flat'; expected one of uniform, {normal:",
        ),
        ("{}", "mine.yaml:6:69: parameters.g_pas.soma.prior: expected one prior; write uniform, {normal:"),
        ("{cauchy: {}}", "unknown key 'cauchy'; expected keys: normal, lognormal"),
        ("[normal]", "expected keys with values, got a list"),
        ("{normal: {mean: 1 mS/cm2}}", "6:78: parameters.g_pas.soma.prior.normal: the key 'sd' is missing"),
        ("{normal: {mean: 1 mS/cm2, sd: 0.1}}", "prior.normal.sd: 0.1 has no unit; write 0.1 S/cm2"),
        ("{normal: {mean: 1 nA, sd: 1 mS/cm2}}", "'1 nA' is in nA, expected a quantity in S/cm2"),
        ("{normal: {mean: 1 mS/cm2, sd: -1 mS/cm2}}", "the sd of a normal prior is -0.001; give a finite number above"),
        ("{normal: {mean: 1 S/cm2, sd: 1 mS/cm2}}", "the prior of g_pas.soma (normal, mean 1, sd 0.001) has a share"),
        ("{lognormal: {median: 1 mS/cm2}}", "expected a median and its spread; add decades (sd of log10) or sigma"),
        ("{lognormal: {median: 1 mS/cm2, decades: 1, sigma: 1}}", "expected a median and its spread"),
        ("{lognormal: {median: 0 mS/cm2, decades: 1}}", "the median of a lognormal prior is 0"),
        ("{lognormal: {median: 1 mS/cm2, decades: 1 mV}}", "prior.lognormal.decades: '1 mV' is in mV"),
        ("{lognormal: {median: 1 S/cm2, decades: 0.01}}", "has a share of"),
    ],
)
def test_what_is_no_prior_is_refused_with_its_place(cell_with, prior, message):
    with pytest.raises(CellError) as caught:
        cell_with(prior)
    assert message in str(caught.value) and "mine.yaml:6:" in str(caught.value) and "\n" not in str(caught.value)


def test_bluepyopt_is_told_that_it_lost_a_prior(cell_with, tmp_path):
    notes = export_bluepyopt(cell_with(SHAPED), tmp_path / "out")
    assert any("prior of g_pas.soma (lognormal, median 0.0001 S/cm2, sd 0.3 decades)" in note for note in notes)
    assert not any("prior of g_pas" in note for note in export_bluepyopt(cell_with("uniform"), tmp_path / "even"))
