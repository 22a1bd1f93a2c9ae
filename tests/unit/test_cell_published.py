"""The cells of Mainen & Sejnowski 1996 (doi 10.1038/382363a0) as cell files, and their published spikes.

Figure 1: reconstructed dendrites with spines, an axon put on, the same channels in all. Figure 2: an axon and soma of
100 um2 and a dendrite of rho times that, coupled through 10 Mohm: rho alone makes them spike fast, adapt, or burst.

The spikes were measured with NEURON from the published model, TABLE off, dt 0.025 ms, upward crossings of 0 mV. In
Figure 2 the start was settled there by 20 steps of 10 ms, here by 200 ms of the cell itself.
"""

import json
import math
import shutil

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.kernel.build import build
from gbar.simulate import simulate

TWO = """
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


WHOLE = """
name: whole
temperature: 37 degC
morphology: {file: NAME.swc, axon: mainen, spines: {regions: [DENDRITES], density: 1 /um, area: 0.83 um2}}
segments: {steps: 50 um}
everywhere:
  cm: 0.75 uF/cm2
  Ra: 150 ohm cm
  reversals: {ena: 60 mV, ek: -90 mV, eca: {fixed: 140 mV}}
  concentrations: {cai: 1e-4 mM}
  mechanisms: {pas: {g: 3.3333333333333335e-05 S/cm2, e: -70 mV}, na_ms: {gbar: 20 pS/um2, vshift: -5 mV}}
regions:
  soma:
    mechanisms:
      {kv_ms: {gbar: 200 pS/um2}, km: {gbar: 0.1 pS/um2}, kca: {gbar: 3 pS/um2}, ca: {gbar: 0.3 pS/um2}, cad: }
  basal: {mechanisms: {km: {gbar: 0.1 pS/um2}, kca: {gbar: 3 pS/um2}, ca: {gbar: 0.3 pS/um2}, cad: }}
  apical: {mechanisms: {km: {gbar: 0.1 pS/um2}, kca: {gbar: 3 pS/um2}, ca: {gbar: 0.3 pS/um2}, cad: }}
  hillock: {mechanisms: {na_ms: {gbar: 30000 pS/um2}, kv_ms: {gbar: 2000 pS/um2}}}
  initial: {mechanisms: {na_ms: {gbar: 30000 pS/um2}, kv_ms: {gbar: 2000 pS/um2}}}
  myelin: {cm: 0.04 uF/cm2}
  node: {mechanisms: {na_ms: {gbar: 30000 pS/um2}, pas: {g: 0.02 S/cm2}}}
parameters: {}
protocol:
  stimuli:
    - name: step
      duration: 1000 ms
      v_init: -70 mV
      waveform: {step: {delay: 5 ms, duration: 900 ms, amplitude: CURRENT nA}}
"""
FIGURE_1 = {  # cell: current, spikes, their first times
    "lcAS3": (0.05, 36, [11.64, 29.05, 48.26, 67.60, 88.54]),
    "j7": (0.07, 7, [39.44, 111.25, 274.31, 433.30, 590.58, 747.29]),
    "j8": (0.10, 9, [37.64, 43.87, 53.24, 266.62, 273.38, 491.47]),
    "j4a": (0.20, 7, [69.06, 80.31, 89.81, 101.17, 686.11, 699.48]),
}


def resistivity(rho):
    """The Ra in ohm cm that couples the middles of two cylinders of 10 um and rho * 10 um by 10 Mohm."""
    return COUPLING / (0.04 / math.pi / (10 / math.pi) ** 2 * (5 + 5 * rho))


def crossings(v, dt):
    k = np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0))
    return (k - v[k] / (v[k + 1] - v[k])) * dt


@pytest.fixture(scope="module")
def spikes(tmp_path_factory):
    file = tmp_path_factory.mktemp("cell") / "two.yaml"
    file.write_text(TWO)
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


def as_sections(file):
    """A table of cylinders as the `sections` of a cell file, 1 + int(L / 50 um) segments each."""
    lines = ["morphology:", "  axon: mainen", "  sections:"]
    for section in json.loads(file.read_text())["sections"]:
        (diam,) = set(section["diam"])
        region = "soma" if section["name"] == "soma" else "basal"
        parent = f", parent: '{section['parent']}({section['parentx']})'" if section["parent"] else ""
        count = 1 + int(section["L"] / 50)
        size = f"L: {section['L']!r} um, diam: {diam!r} um, segments: {count}"
        lines.append(f"    {section['name']}: {{{size}, region: {region}{parent}}}")
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURE_1)
def test_the_published_spikes_of_whole_cells(name, shared, tmp_path):
    current, count, expected = FIGURE_1[name]
    folder = shared / "morphologies" / "mainen1996"
    text = WHOLE.replace("NAME", name).replace("CURRENT", str(current))
    if name == "lcAS3":  # without spines, and known by its cylinders alone
        lines = [line for line in text.splitlines() if not line.startswith(("morphology", "segments"))]
        text = "\n".join(lines) + "\n" + as_sections(folder / "lcAS3.json")
    else:
        shutil.copy(folder / f"{name}.swc", tmp_path)
    text = text.replace("DENDRITES", "basal, apical" if name == "j4a" else "basal")
    if name != "j4a":
        text = "\n".join(line for line in text.splitlines() if not line.startswith("  apical"))
    (tmp_path / "cell.yaml").write_text(text)
    cell = read_cell(tmp_path / "cell.yaml")
    traces = simulate(build(cell, "float64"), cell.theta, cell.protocol, threads=1)
    times = crossings(traces.v[0][0, 0], 0.025)
    assert len(times) == count
    assert times[: len(expected)] == pytest.approx(expected, abs=0.006)  # as they are printed
