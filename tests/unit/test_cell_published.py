"""The two-compartment cells of Mainen & Sejnowski 1996 (doi 10.1038/382363a0, Figure 2): a cell file, and its spikes.

An axon and soma of 100 um2 and a dendrite of rho times that, coupled through 10 Mohm: rho alone makes the same channels
spike fast, adapt, or burst. The spikes were measured with NEURON from the published model, TABLE off, dt 0.025 ms,
upward crossings of 0 mV; there the start was settled by 20 steps of 10 ms, here by 200 ms of the cell itself.
"""

import math

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.kernel.build import build
from gbar.simulate import simulate

CELL = """
name: two_compartments
source: 10.1038/382363a0
temperature: 37 degC

morphology:
  sections:
    soma: {L: 10 um, diam: 3.183098861837907 um, segments: 1}  # 100 um2
    dend: {L: 1650 um, diam: 3.183098861837907 um, parent: soma, segments: 1}

everywhere:
  cm: 0.75 uF/cm2
  Ra: 9.587647174210563 ohm cm
  reversals: {ena: 60 mV, ek: -90 mV, eca: {fixed: 140 mV}}
  concentrations: {cai: 1e-4 mM}

regions:
  soma:
    mechanisms:
      na_ms: {gbar: 30000 pS/um2, vshift: -10 mV}
      kv_ms: {gbar: 1500 pS/um2}
  dend:
    mechanisms:
      na_ms: {gbar: 15 pS/um2, vshift: -10 mV}
      ca: {gbar: 0.3 pS/um2}
      cad:
      km: {gbar: 0.1 pS/um2}
      kca: {gbar: 3 pS/um2}
      pas: {g: 3.3333333333333333e-5 S/cm2, e: -70 mV}

sites:
  soma: soma(0.5)
  dend: dend(0.5)

parameters:
  L_scale.dend: {low: 0.1, high: 2}
  Ra: {low: 1 ohm cm, high: 100 ohm cm, scale: log, targets: [Ra.soma, Ra.dend]}

protocol:
  stimuli:
    - name: step
      duration: 1000 ms
      dt: 0.025 ms
      sampling: 0.025 ms
      v_init: -70 mV
      warm_up: 200 ms
      waveform:
        step: {delay: 5 ms, duration: 900 ms, amplitude: 0.1 nA}
"""
PUBLISHED = {  # rho: spikes, the first, the intervals that follow
    50: (45, 11.0, [17.1]),
    100: (23, 17.88, [24.2, 26.8]),
    140: (13, 25.22, [26.9, 41.2, 69.3, 78.1]),
    165: (9, 31.18, [5.6, 82.4, 132.6, 116.6]),
    200: (16, 42.68, []),
}
COUPLING = 10.0  # Mohm


def resistivity(rho):
    """The Ra in ohm cm that couples the middles of two cylinders of 10 um and rho * 10 um by 10 Mohm."""
    return COUPLING / (0.04 / math.pi / (10 / math.pi) ** 2 * (5 + 5 * rho))


def crossings(v, dt):
    k = np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0))
    return (k - v[k] / (v[k + 1] - v[k])) * dt


@pytest.fixture(scope="module")
def spikes(tmp_path_factory):
    file = tmp_path_factory.mktemp("cell") / "two.yaml"
    file.write_text(CELL)
    cell = read_cell(file)
    theta = np.array([[rho / 165, resistivity(rho)] for rho in PUBLISHED])
    traces = simulate(build(cell, "float64"), theta, cell.protocol, threads=1)
    assert not traces.status.any()
    return {rho: crossings(traces.v[0][row, 0], 0.025) for row, rho in enumerate(PUBLISHED)}


@pytest.mark.parametrize("rho", PUBLISHED)
def test_the_published_spikes(spikes, rho):
    count, first, intervals = PUBLISHED[rho]
    times = spikes[rho]
    assert abs(len(times) - count) <= 1
    assert times[0] == pytest.approx(first, abs=0.05)
    assert times[: 1 + len(intervals)] == pytest.approx(first + np.cumsum([0.0, *intervals]), rel=0.01)
