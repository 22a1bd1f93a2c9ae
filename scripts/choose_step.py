"""Which step makes the largest share of a cell's prior fire at least three spikes?

    python scripts/choose_step.py sphere -n 2000 --densities 10 20 30 40 50 60

Prints a Markdown table: current density, amplitude, shares of rows by their number of spikes (upward crossings of
-20 mV), over rows 0..n of the prior's draws. docs/cells holds the tables from which the shipped steps were
chosen.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from gbar.cell import read_cell
from gbar.kernel.build import build
from gbar.protocol import Protocol, Step
from gbar.simulate import simulate_blocks

THRESHOLD = -20.0  # mV


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cell")
    parser.add_argument("-n", type=int, default=2000, help="rows of the prior (2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--densities", type=float, nargs="+", default=[5, 10, 20, 30, 40, 50, 60], help="uA/cm2")
    arguments = parser.parse_args()
    cell = read_cell(arguments.cell)
    kernel = build(cell, "float32")
    theta = cell.space.draw(arguments.seed, 0, arguments.n)
    (stimulus,) = cell.protocol.stimuli
    assert isinstance(stimulus.waveform, Step)
    print("| µA/cm² | nA | ≥ 3 spikes | 0 | 1 | 2 | median | failed |")
    print("|---|---|---|---|---|---|---|---|")
    for density in arguments.densities:
        amplitude = density * cell.morphology.area * 1e-5  # µA/cm² x µm² in nA
        step = replace(stimulus, waveform=replace(stimulus.waveform, amplitude=amplitude))
        spikes = np.empty(len(theta), dtype=int)
        failed = 0
        for rows, traces in simulate_blocks(kernel, theta, Protocol((step,))):
            v = traces.v[0][:, 0]
            spikes[rows] = ((v[:, :-1] < THRESHOLD) & (v[:, 1:] >= THRESHOLD)).sum(axis=1)
            failed += int(np.count_nonzero(traces.status))
        few = " | ".join(f"{np.mean(spikes == k):.1%}" for k in range(3))
        print(
            f"| {density:g} | {amplitude:.4g} | {np.mean(spikes >= 3):.1%} | {few} | {np.median(spikes):g} | {failed} |"
        )


if __name__ == "__main__":
    main()
