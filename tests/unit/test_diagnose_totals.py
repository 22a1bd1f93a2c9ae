"""Total conductances: density times area, over all membrane that a parameter sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.diagnose.totals import total_conductances
from gbar.morphology import segments

TREE = """\
name: tree
temperature: 6.3 degC
morphology:
  sections:
    soma: {L: 20 um, diam: 20 um}
    dend: {L: 100 um, diam: 2 um, parent: soma(1)}
segments: {every: 40 um}
everywhere:
  cm: 1 uF/cm2
  Ra: 100 ohm cm
  mechanisms: {pas: {g: 1e-4 S/cm2, e: -65 mV}}
regions:
  soma: {}
  dend: {mechanisms: {leak: {gbar: {linear: {value: 1 mS/cm2, slope: 0.1 mS/cm2/um}}, e: -70 mV}}}
parameters:
  g_pas.*: {low: 1e-5 S/cm2, high: 1e-3 S/cm2, scale: log}
  gbar_leak.dend.slope: {low: 0 mS/cm2/um, high: 1 mS/cm2/um}
  gbar_leak.dend: {low: 0 mS/cm2, high: 2 mS/cm2}
protocol:
  stimuli:
    - {name: step, duration: 20 ms, dt: 0.1 ms, waveform: {step: {delay: 5 ms, duration: 10 ms, amplitude: 10 pA}}}
"""


def test_one_compartment():
    cell = read_cell("sphere")
    found = total_conductances(cell, cell.theta)
    assert list(found) == ["gnabar_hh.soma", "gkbar_hh.soma"]
    assert found["gnabar_hh.soma"][0] == pytest.approx(0.12 * cell.morphology.area * 10)


def test_all_regions_that_a_parameter_sets(tmp_path: Path):
    (tmp_path / "tree.yaml").write_text(TREE)
    cell = read_cell(tmp_path / "tree.yaml")
    theta = np.array([[1e-4, 0.0, 1.5e-3], [3e-4, 2e-4, 1e-3]])
    total = total_conductances(cell, theta)
    shape = segments(cell.morphology, (1, 5))
    np.testing.assert_allclose(total["g_pas.*"], theta[:, 0] * shape.area.sum() * 10, rtol=1e-12)
    dend = shape.section == 1
    density = theta[:, 2:] + theta[:, 1:2] * shape.distance[dend]
    np.testing.assert_allclose(total["gbar_leak.dend"], (density * shape.area[dend]).sum(axis=1) * 10, rtol=1e-12)
