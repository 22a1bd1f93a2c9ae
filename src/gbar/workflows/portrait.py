"""The portrait of a cell: its traces at its own values, and at values of every free parameter from low to high."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from gbar.cell import Cell
from gbar.features import spike_times
from gbar.kernel.build import Kernel, build
from gbar.protocol import Stimulus
from gbar.simulate import simulate
from gbar.traces import Status, Traces
from gbar.workflows.described import gist
from gbar.workflows.progress import Progress, Silent

if TYPE_CHECKING:
    from gbar.report.cells import Effect

LEVELS = (5, 3, 2)  # values of a free parameter that are drawn, from low to high; fewer where that takes long
MANY = 10  # parameters of which fewer levels are drawn
WORK = 5e9  # steps of a mechanism in a compartment, of all rows: half a minute
DPI, COLOURS = 120, 192  # of a PNG, so that it stays below 250 kB
SHORTEST = 50.0  # ms of a slow cell's stimulus
UNMOVED = 0.5  # mV: less than this is no effect to look at


def draw(cell: Cell, output: Path, *, threads: int | None = None, progress: Progress | None = None) -> None:
    """Simulates what a cell's picture shows, and writes the picture. Raises OutputError."""
    from gbar.report.cells import cell_figure
    from gbar.report.output import write_figure

    progress = progress or Silent()
    kernel = build(cell, "float32")
    with progress.stage("simulated at the cell's own values", "rows") as report:
        default = simulate(kernel, cell.theta, cell.protocol, threads=threads, progress=report)
    stimulus = liveliest(cell, default)
    effects = influence(cell, kernel, stimulus, threads=threads, progress=progress) if len(cell.space) else []
    about = gist(cell.description, 150 - len(cell.name) - len(cell.source)) + f" ({cell.source})" * bool(cell.source)
    write_figure(cell_figure(cell, about, default, effects), output, dpi=DPI, colours=COLOURS)


def liveliest(cell: Cell, default: Traces) -> Stimulus:
    """The stimulus with the most spikes at the first site that records a voltage; of several the first."""
    site = next((k for k, site in enumerate(cell.recorded) if site.variable == "v"), 0)
    spikes = [len(spike_times(v[:1, site], dt)[0]) for v, dt in zip(default.v, default.sampling, strict=True)]
    return cell.protocol.stimuli[int(np.argmax(spikes))]


def influence(
    cell: Cell, kernel: Kernel, stimulus: Stimulus, *, threads: int | None, progress: Progress
) -> list[Effect]:
    """What each free parameter does to what a stimulus evokes, the others at the cell's own values."""
    from gbar.report.cells import Effect

    stimulus, levels = affordable(kernel, stimulus, len(cell.space))
    values, theta = swept(cell, levels)
    alone = replace(cell.protocol, stimuli=(stimulus,))
    with progress.stage("simulated at values of the free parameters", "rows") as report:
        traces = simulate(kernel, theta, alone, threads=threads, progress=report)
    v = np.where((traces.status == Status.OK)[:, None, None], traces.v[0], np.nan)
    v = v.reshape(len(cell.space), levels, *v.shape[1:])
    voltages = [k for k, site in enumerate(cell.recorded) if site.variable == "v"] or [0]
    found = []
    for j, parameter in enumerate(cell.space.parameters):
        site = most_moved(v[j][:, voltages])
        name = cell.recorded[voltages[site]].name
        found.append(Effect(parameter, values[:, j], v[j][:, voltages[site]], stimulus.sampling, name, stimulus.name))
    return found


def swept(cell: Cell, levels: int) -> tuple[Float[np.ndarray, "level parameter"], Float[np.ndarray, "row parameter"]]:
    """The values of every parameter from low to high, on its scale, and the sets where one of them has them."""
    count = len(cell.space)
    values = cell.space.to_theta(np.repeat(np.linspace(-1.0, 1.0, levels)[:, None], count, axis=1))
    theta = np.repeat(cell.theta, count * levels, axis=0)
    for j in range(count):
        theta[j * levels : (j + 1) * levels, j] = values[:, j]
    return values, theta


def most_moved(v: Float[np.ndarray, "level site time"]) -> int:
    """The first site, unless nothing happens there: then the one where most does."""
    with np.errstate(invalid="ignore"):
        moved = np.nan_to_num(v - v[:1]).__abs__().max(axis=(0, 2))
    return 0 if moved[0] >= UNMOVED else int(np.argmax(moved))


def affordable(kernel: Kernel, stimulus: Stimulus, parameters: int) -> tuple[Stimulus, int]:
    """The stimulus, shortened where it would take too long, and the number of levels that are drawn."""
    instances = sum(len(place.instances) for place in kernel.compartments.compartments)
    steps = stimulus.n_warm + stimulus.n_steps
    choices = LEVELS[1:] if parameters > MANY else LEVELS
    levels = next((n for n in choices if instances * steps * parameters * n <= WORK), LEVELS[-1])
    share = WORK / (instances * steps * parameters * levels)
    if share >= 1.0:
        return stimulus, levels
    samples = max(round(share * stimulus.samples), round(SHORTEST / stimulus.sampling))
    duration = min(samples * stimulus.sampling, stimulus.duration)
    return replace(stimulus, duration=duration), levels
