"""The small trees that ship, and the spikes of the published models that they are.

`mainen2`, `mainen`: Mainen & Sejnowski 1996 (doi 10.1038/382363a0). Figure 1: reconstructed dendrites with spines, an
axon put on, the same channels in all. Figure 2: an axon and soma of 100 um2 and a dendrite of rho times that, coupled
through 10 Mohm: rho alone makes them spike fast, adapt, or burst. The spikes were measured with NEURON from the
published model (ModelDB 2488), TABLE off, dt 0.025 ms, upward crossings of 0 mV. In Figure 2 the start was settled
there by 20 steps of 10 ms, here by 200 ms of the cell itself.

`ballstick7`, `ballstick9`, `twodend13`: measured with NEURON from the sections that DL4neurons makes, its mod files,
TABLE off, dt 0.025 ms, upward crossings of -20 mV.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import Cell, read_cell
from gbar.cell.copy import copy_cell
from gbar.errors import CellError
from gbar.kernel.build import build
from gbar.protocol import Step
from gbar.simulate import simulate

FIGURE_1 = {  # cell: current, spikes, their first times
    "lcAS3": (0.05, 36, [11.64, 29.05, 48.26, 67.60, 88.54]),
    "j7": (0.07, 7, [39.44, 111.25, 274.31, 433.30, 590.58, 747.29]),
    "j8": (0.10, 9, [37.64, 43.87, 53.24, 266.62, 273.38, 491.47]),
    "j4a": (0.20, 7, [69.06, 80.31, 89.81, 101.17, 686.11, 699.48]),
}
FIGURE_2 = {  # rho: spikes, the first, the intervals that follow
    50: (45, 11.0, [17.1]),
    100: (23, 17.88, [24.2, 26.8]),
    140: (13, 25.22, [26.9, 41.2, 69.3, 78.1]),
    165: (9, 31.18, [5.6, 82.4, 132.6, 116.6]),
    200: (16, 42.68, []),
}
DL4NEURONS = [  # cell, current from 50 to 550 ms, spikes, the first ones, the last, rest at 49.975 ms
    ("ballstick7", 0.1, 27, [56.776, 75.333, 94.006, 112.656, 131.277, 149.871], 537.614, -69.9661),
    ("ballstick7", 0.2, 52, [52.426, 62.57, 72.544, 82.477, 92.382, 102.266], 548.724, -69.9661),
    ("ballstick9", 0.3, 43, [52.245, 64.402, 77.086, 89.86, 102.425, 114.776], 544.772, -69.9831),
    ("twodend13", 0.3, 30, [53.38, 70.33, 88.102, 105.794, 123.339, 140.757], 545.293, -69.9831),
]


def crossings(v, dt, threshold=0.0):
    k = np.flatnonzero((v[:-1] < threshold) & (v[1:] >= threshold))
    return (k + (threshold - v[k]) / (v[k + 1] - v[k])) * dt


def step(cell: Cell, **changes) -> Cell:
    """The cell with one stimulus, sampled at every step."""
    first = cell.protocol.stimuli[0]
    only = replace(first, sampling=first.dt, **changes)
    return replace(cell, protocol=replace(cell.protocol, stimuli=(only,)))


def voltage(cell: Cell, theta=None):
    """The voltages in mV of the soma, [row, time], of the cell's first stimulus."""
    traces = simulate(build(cell, "float64"), cell.theta if theta is None else theta, cell.protocol, threads=1)
    assert not traces.status.any()
    return traces.v[0][:, 0]


@pytest.mark.parametrize(("name", "current", "count", "first", "last", "rest"), DL4NEURONS)
def test_the_cells_of_dl4neurons(name, current, count, first, last, rest):
    cell = step(read_cell(name), waveform=Step(50, 500, current), duration=600.0)
    (v,) = voltage(cell)
    times = crossings(v, 0.025, -20.0)
    assert len(times) == count
    assert times[: len(first)] == pytest.approx(first, abs=6e-4)  # as they are printed
    assert times[-1] == pytest.approx(last, abs=6e-4)
    assert v[1999] == pytest.approx(rest, abs=6e-5)


@pytest.mark.parametrize(("name", "parameters"), [("ballstick7", 7), ("ballstick9", 9), ("twodend13", 13)])
def test_the_ranges_of_dl4neurons(name, parameters):
    cell = read_cell(name)
    assert len(cell.space) == parameters
    factors = (0.7, 1.8) if name == "ballstick9" else (0.5, 2.0)
    for side, factor in zip((cell.space.low, cell.space.high), factors, strict=True):
        assert side == pytest.approx(factor * cell.theta[0], rel=1e-12)
    assert [site.name for site in cell.recorded] == ["soma"]
    assert len(cell.recording(("soma", cell.sites[1].name)).recorded) == 2


@pytest.fixture(scope="module")
def figure_2():
    cell = step(read_cell("mainen2"))
    theta = np.repeat(cell.theta, len(FIGURE_2), axis=0)
    theta[:, cell.space.names.index("rho")] = list(FIGURE_2)
    return dict(zip(FIGURE_2, (crossings(v, 0.025) for v in voltage(cell, theta)), strict=True))


@pytest.mark.parametrize("rho", FIGURE_2)
def test_rho_leads_from_regular_spikes_to_bursts(figure_2, rho):
    count, first, intervals = FIGURE_2[rho]
    times = figure_2[rho]
    assert abs(len(times) - count) <= 1
    assert times[0] == pytest.approx(first, rel=0.01)
    assert times[: 1 + len(intervals)] == pytest.approx(first + np.cumsum([0.0, *intervals]), rel=0.01)
    if rho == 200:
        assert np.median(np.diff(times)) == pytest.approx(3, abs=0.5)  # within bursts


def test_rho_and_kappa_are_the_ratio_of_areas_and_the_resistance_between():
    cell = read_cell("mainen2")
    for rho, kappa in ((140.0, 10.0), (60.0, 3.0)):
        values = cell.theta[0].copy()
        values[:2] = rho, kappa
        changed = cell.at(values)
        soma, dend = changed.morphology.sections
        assert dend.area / soma.area == pytest.approx(rho)
        half = 0.01 * changed.region("dend").Ra * (dend.L / 2) / (np.pi * dend.diam**2 / 4)
        assert half == pytest.approx(kappa)


def lcAS3(table, folder):
    """`mainen` on cylinders alone, by the recipe of docs/cells/mainen.md."""
    file = copy_cell("mainen", folder / "lcAS3")
    page = (Path(__file__).parents[2] / "docs" / "cells" / "mainen.md").read_text()
    (line,) = [line for line in page.splitlines() if line.strip().startswith("reconstruction:")]
    edited = ["  " + line.strip() if old.startswith("  spines:") else old for old in file.read_text().splitlines()]
    file.write_text("\n".join(edited))
    return read_cell(file, morphology=table)


def test_a_table_with_names_of_its_own_is_refused_as_it_is(shared):
    table = shared / "morphologies" / "mainen1996" / "lcAS3.json"
    with pytest.raises(CellError, match=r"82 sections in the region custom, .*: sapath, .*gbar cells mainen --copy"):
        read_cell("mainen", morphology=table)


@pytest.mark.parametrize("name", ["mainen", "mainen14"])
def test_the_sketch_of_a_pyramid_fires_in_bursts_as_the_pyramid_does(name):
    cell = read_cell(name)
    assert len(cell.space) == {"mainen": 10, "mainen14": 14}[name]
    (v,) = voltage(step(cell))
    intervals = np.diff(crossings(v, 0.025))
    assert len(intervals) + 1 == FIGURE_1["j4a"][1]
    assert np.sum(intervals < 15) == len(intervals) - 1
    assert np.sum(intervals > 400) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURE_1)
def test_the_four_patterns_of_firing(name, shared, tmp_path):
    current, count, expected = FIGURE_1[name]
    folder = shared / "morphologies" / "mainen1996"
    if name == "lcAS3":
        cell = lcAS3(folder / "lcAS3.json", tmp_path)
    else:
        cell = read_cell("mainen", morphology=folder / f"{name}.swc")
    (v,) = voltage(step(cell, waveform=Step(5, 900, current)))
    times = crossings(v, 0.025)
    assert len(times) == count
    assert times[: len(expected)] == pytest.approx(expected, abs=0.006)  # as they are printed
