"""`gbar check`: a cell in gbar and in NEURON side by side, sample by sample."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar.cell import Cell, read_cell
from gbar.diagnose.agreement import Check, Comparison
from gbar.exchange.neuron import export_neuron
from gbar.exchange.nrnivmodl import compiled, find_neuron, run_exported
from gbar.files import make_folder, refuse_existing
from gbar.simulate import simulate

ONE, MANY = 1e-5, 1e-3  # mV: cells of one compartment, and of many
SPAN = 100.0  # mV, a spike's height: what is no voltage may differ by the same share of its largest value
NUDGE = 1e-15  # relative
LONG = 1e8  # compartment-steps that are announced


def check_cell(
    source: str | Path | Cell, output: Path | None = None, *, rows: int = 2, seed: int = 0, overwrite: bool = False
) -> Check:
    """Simulates a cell's protocol in gbar (float64) and NEURON, at its own and at `rows` random parameter sets.

    Every step is compared, whatever the protocol's sampling. With `output`, draws the differences in `check.png` there
    and leaves the cell as NEURON ran it in `neuron/`. Raises UserError where NEURON or a compiler is missing.
    """
    version = find_neuron()
    cell = every_step(source if isinstance(source, Cell) else read_cell(source))
    if output is not None:
        refuse_existing(output, overwrite, "check.png")
    theta, names = parameter_sets(cell, rows, seed)
    _announce(cell, len(theta))
    if output is not None:
        made = compare(cell, theta, names, version, make_folder(output) / "neuron")
        _draw(made, output)
        return made
    with tempfile.TemporaryDirectory(prefix="gbar-check-") as folder:
        return compare(cell, theta, names, version, Path(folder))


def _announce(cell: Cell, rows: int) -> None:
    """Says what will take minutes."""
    steps = sum(stimulus.n_warm + stimulus.n_steps for stimulus in cell.protocol.stimuli)
    if steps * cell.compartments * rows > LONG:
        duration = sum(stimulus.warm_up + stimulus.duration for stimulus in cell.protocol.stimuli)
        what = f"{duration / 1000:.3g} s of {cell.compartments} compartments for {rows} parameter sets"
        sys.stderr.write(f"simulating {what} in gbar and in NEURON; this takes minutes\n")


def every_step(cell: Cell) -> Cell:
    """The cell with a protocol that keeps every step."""
    stimuli = tuple(replace(stimulus, sampling=stimulus.dt) for stimulus in cell.protocol.stimuli)
    return replace(cell, protocol=replace(cell.protocol, stimuli=stimuli))


def parameter_sets(cell: Cell, rows: int, seed: int) -> tuple[Float[np.ndarray, "row parameter"], list[str]]:
    """The cell's own values and `rows` draws from its prior, with names."""
    drawn = rows if len(cell.space) else 0
    theta = np.concatenate([cell.theta, cell.space.draw(seed, 0, drawn)]) if drawn else cell.theta
    return theta, ["default", *(f"random {k + 1}" for k in range(drawn))]


def compare(
    cell: Cell,
    theta: Float[np.ndarray, "row parameter"],
    names: Sequence[str],
    version: str,
    folder: Path,
    library: Path | None = None,
) -> Check:
    """Runs all parameter sets in both simulators; `library`: the mechanisms, where they are compiled already."""
    from gbar.kernel.build import build

    folders = [folder / name.replace(" ", "_") for name in names]
    exported = [export_neuron(cell.at(row), place) for row, place in zip(theta, folders, strict=True)]
    library = library or compiled(exported[0].mod_files.values())
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = [pool.submit(run_exported, one, library) for one in exported]
        kernel = build(cell, "float64")
        traces = simulate(kernel, theta, cell.protocol, threads=1)
        neurons = [future.result() for future in running]
    limit = MANY if cell.compartments > 1 else ONE
    order = [site.name for site in cell.sites]
    found = []
    for r, name in enumerate(names):
        for stimulus, v in zip(cell.protocol.stimuli, traces.v, strict=True):
            for k, site in enumerate(kernel.compartments.sites):
                reference = neurons[r][stimulus.name][order.index(site.name)]
                scale = 1.0 if site.variable == "v" else float(np.abs(reference).max()) / SPAN
                place = (name, stimulus.name, site.name, site.variable, site.unit, stimulus.dt)
                found.append(Comparison(*place, v[r, k], reference, limit * scale))
    movement = {}
    for r, name in enumerate(names):
        if not all(comparison.agrees for comparison in found if comparison.row == name):
            nudged = simulate(kernel, theta[r : r + 1] * (1.0 + NUDGE), cell.protocol, threads=1)
            pairs = zip(nudged.v, traces.v, strict=True)
            movement[name] = max(float(np.abs(a[0, 0] - b[r, 0]).max()) for a, b in pairs)
    return Check(cell, version, tuple(found), movement)


def _draw(made: Check, output: Path) -> None:
    from gbar.report.check import check_figure
    from gbar.report.output import write_figure

    write_figure(check_figure(made), output / "check.png")


def described(made: Check) -> str:
    """The comparisons as a table, and what they come to in one line."""
    from gbar.report.tables import text_table

    header = ("parameters", "stimulus", "site", "largest difference", "allowed", "spikes", "shift us", "")
    rows = [
        (
            c.row, c.stimulus, c.site if c.variable == "v" else f"{c.site} {c.variable}",
            f"{c.difference:.2g} {c.unit}".rstrip(), f"{c.limit:.0e}",
            _counted(c), _shifted(c), "" if c.agrees else "beyond",
        )
        for c in made.comparisons
    ]  # fmt: skip
    beyond = sum(not c.agrees for c in made.comparisons)
    many = f"{made.cell.compartments} compartments" if made.cell.compartments > 1 else "one compartment"
    lines = [f"{made.cell.name}, {many}: gbar in float64 beside NEURON {made.version}, every step", ""]
    lines += [text_table(header, rows), ""]
    lines += [
        f"{name}: a relative change of {NUDGE:g} in all parameters alone moves gbar by {moved:.2g} mV"
        for name, moved in made.movement.items()
    ]
    agreed = f"all {len(made.comparisons)} comparisons are within tolerance"
    lines.append(agreed if not beyond else f"{beyond} of {len(made.comparisons)} comparisons are beyond tolerance")
    return "\n".join([*lines, ""])


def _counted(comparison: Comparison) -> str:
    ours, neurons = comparison.spikes
    if comparison.variable != "v":
        return ""
    return str(ours) if ours == neurons else f"{ours} for {neurons}"


def _shifted(comparison: Comparison) -> str:
    return f"{comparison.shift:.2g}" if comparison.variable == "v" and comparison.spikes[1] else ""
