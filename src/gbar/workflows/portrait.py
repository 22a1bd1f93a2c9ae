"""The portrait of a cell: its traces at its own values, and at values of every free parameter from low to high."""

from __future__ import annotations

from collections.abc import Sequence
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
APART = 30  # spikes that are told apart in a small panel
UNMOVED = 0.3  # mV on average: less than this is no effect to look at
MUCH = 2.0  # times as large a share in what parameters do makes another stimulus worth showing
SHORTEST = 50.0  # ms of a slow cell's stimulus


def draw(cell: Cell, output: Path, *, threads: int | None = None, progress: Progress | None = None) -> None:
    """Simulates what a cell's picture shows, and writes the picture. Raises OutputError."""
    from gbar.report.cells import cell_figure
    from gbar.report.output import write_figure

    progress = progress or Silent()
    kernel = build(cell, "float32")
    with progress.stage("simulated at the cell's own values", "rows") as report:
        default = simulate(kernel, cell.theta, cell.protocol, threads=threads, progress=report)
    effects = influence(cell, kernel, default, threads=threads, progress=progress) if len(cell.space) else []
    about = gist(cell.description, 138 - len(cell.name) - len(cell.source)) + f" ({cell.source})" * bool(cell.source)
    write_figure(cell_figure(cell, about, default, effects), output, dpi=DPI, colours=COLOURS)


def liveliest(cell: Cell, default: Traces) -> Stimulus:
    """The stimulus, in control if there is one, with the most spikes that can be told apart at the first voltage."""
    site = next((k for k, site in enumerate(cell.recorded) if site.variable == "v"), 0)
    spikes = [len(spike_times(v[:1, site], dt)[0]) for v, dt in zip(default.v, default.sampling, strict=True)]
    pairs = list(zip(cell.protocol.stimuli, spikes, strict=True))
    control = [pair for pair in pairs if not pair[0].condition] or pairs
    return max(control, key=lambda pair: pair[1] if pair[1] <= APART else -pair[1])[0]


def influence(cell: Cell, kernel: Kernel, default: Traces, *, threads: int | None, progress: Progress) -> list[Effect]:
    """What each free parameter does to what a stimulus evokes, the others at the cell's own values."""
    from gbar.report.cells import Effect

    first = liveliest(cell, default)
    stimuli, levels = affordable(kernel, cell.protocol.stimuli, first, len(cell.space))
    values, theta = swept(cell, levels)
    with progress.stage("simulated at values of the free parameters", "rows") as report:
        alone = replace(cell.protocol, stimuli=stimuli)
        traces = simulate(kernel, theta, alone, threads=threads, progress=report)
    voltages = [k for k, site in enumerate(cell.recorded) if site.variable == "v"] or [0]
    names = tuple(cell.recorded[k].name for k in voltages)
    good = (traces.status == Status.OK)[:, None, None]
    v = [np.where(good, one[:, voltages], np.nan).reshape(len(cell.space), levels, len(names), -1) for one in traces.v]
    chosen = telling(v, next(k for k, stimulus in enumerate(stimuli) if stimulus.name == first.name))
    return [
        Effect(parameter, values[:, j], v[s][j], stimuli[s].sampling, names, stimuli[s].name)
        for j, (parameter, s) in enumerate(zip(cell.space.parameters, chosen, strict=True))
    ]


def telling(v: Sequence[Float[np.ndarray, "parameter level site time"]], first: int) -> list[int]:
    """Of traces under several stimuli: which stimulus shows what each parameter does.

    `first` is the one, unless the parameter has a share in all that parameters do that is much larger in another.
    """
    effect = np.array([np.sqrt(np.nan_to_num((one - one[:, :1]) ** 2).mean(axis=(2, 3)).max(axis=1)) for one in v])
    share = np.where(effect >= UNMOVED, effect / np.maximum(effect.mean(axis=1, keepdims=True), 1e-9), 0.0)
    best = share.argmax(axis=0)
    return [int(s) if share[s, j] > MUCH * share[first, j] else first for j, s in enumerate(best)]


def swept(cell: Cell, levels: int) -> tuple[Float[np.ndarray, "level parameter"], Float[np.ndarray, "row parameter"]]:
    """The values of every parameter from low to high, on its scale, and the sets where one of them has them."""
    count = len(cell.space)
    values = cell.space.to_theta(np.repeat(np.linspace(-1.0, 1.0, levels)[:, None], count, axis=1))
    theta = np.repeat(cell.theta, count * levels, axis=0)
    for j in range(count):
        theta[j * levels : (j + 1) * levels, j] = values[:, j]
    return values, theta


def affordable(
    kernel: Kernel, stimuli: tuple[Stimulus, ...], first: Stimulus, parameters: int
) -> tuple[tuple[Stimulus, ...], int]:
    """The stimuli and the number of levels that are drawn: all, or one of few levels, shortened if need be."""
    instances = sum(len(place.instances) for place in kernel.compartments.compartments)
    levels = LEVELS[1] if parameters > MANY else LEVELS[0]
    work = instances * parameters * levels
    if work * sum(stimulus.n_warm + stimulus.n_steps for stimulus in stimuli) <= WORK:
        return stimuli, levels
    steps = first.n_warm + first.n_steps
    levels = next((n for n in LEVELS if n <= levels and instances * steps * parameters * n <= WORK), LEVELS[-1])
    share = WORK / (instances * steps * parameters * levels)
    if share >= 1.0:
        return (first,), levels
    samples = max(round(share * first.samples), round(SHORTEST / first.sampling))
    return (replace(first, duration=min(samples * first.sampling, first.duration)),), levels
