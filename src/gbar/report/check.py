"""The picture of a comparison with NEURON: what both simulate, and the difference of every sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from gbar.diagnose.agreement import Check, Comparison
from gbar.report.envelope import envelope
from gbar.report.style import INK, POSTERIOR, QUIET, TRUTH, blank, drawn, plain

MOST = 12  # pairs of panels in one picture
FLOOR = 1e-14  # where the logarithmic axis of differences begins


@drawn
def check_figure(made: Check) -> Figure:
    """Two panels for each stimulus and parameter set (the first 12): the first site's trace, all sites' differences."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in made.comparisons:
        groups.setdefault((comparison.stimulus, comparison.row), []).append(comparison)
    shown = list(groups.items())[:MOST]
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    figure = blank(0.4 + 2.6 * lines)
    grid = figure.add_gridspec(lines, columns)
    for k, ((stimulus, row), comparisons) in enumerate(shown):
        pair = grid[divmod(k, columns)].subgridspec(2, 1, height_ratios=[1.0, 1.2], hspace=0.08)
        trace, difference = figure.add_subplot(pair[0]), figure.add_subplot(pair[1])
        _traces(trace, comparisons[0])
        trace.set_title(plain(f"{stimulus}, {row}", 40), fontsize=8.5)
        trace.tick_params(labelbottom=False)
        _differences(difference, comparisons)
        if k % columns == 0:
            trace.set_ylabel(f"{comparisons[0].variable} ({comparisons[0].unit})")
            difference.set_ylabel("difference")
            trace.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, fontsize=7, handlelength=1.2)
        if k + columns >= len(shown):
            difference.set_xlabel("time (ms)")
    return figure


def _traces(axes: Axes, comparison: Comparison) -> None:
    for values, colour, width, label in (
        (comparison.neurons, QUIET, 2.2, "NEURON"),
        (comparison.ours, INK, 0.7, "gbar"),
    ):
        t, v = envelope(np.asarray(values, dtype=np.float64), comparison.dt, 1500)
        axes.plot(t, v, color=colour, linewidth=width, label=label)


def _differences(axes: Axes, comparisons: Sequence[Comparison]) -> None:
    for k, comparison in enumerate(comparisons):
        apart = np.maximum(np.abs(comparison.ours.astype(np.float64) - comparison.neurons), FLOOR)
        t, d = envelope(apart, comparison.dt, 1500)
        colour = POSTERIOR if comparison.agrees else TRUTH
        axes.plot(t, d, color=colour, linewidth=0.7, alpha=max(0.35, 1.0 - 0.2 * k))
    axes.axhline(comparisons[0].limit, color=TRUTH, linewidth=0.8, linestyle="--")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator([10.0**power for power in range(-14, 6, 3)]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0e}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(FLOOR, max(10 * comparisons[0].limit, 1.0))
