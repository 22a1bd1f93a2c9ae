"""The picture of a recording: the voltage and the delivered current of every sweep, spikes and doubts marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from gbar.features import spike_times
from gbar.recordings.recording import Sweep
from gbar.report.envelope import envelope
from gbar.report.style import INK, QUIET, SECOND, TRUTH, blank, drawn, numbered, plain

MOST = 40  # panels in one picture


@drawn
def recording_figure(sweeps: Sequence[Sweep], doubts: Mapping[str, Sequence[str]] | None = None) -> Figure:
    """Small multiples of the sweeps (the first 40), one voltage range and one current range for all.

    Each panel has the voltage with its spikes marked, the delivered current, and, where that was told from a measured
    one, what is left of the latter. `doubts` has the names of the flags of a sweep, which are written into its panel.
    """
    shown = list(sweeps[:MOST])
    columns = (1, 2, 3)[len(shown) - 1] if len(shown) <= 3 else 4 if len(shown) > 6 else 3
    lines = math.ceil(len(shown) / columns)
    rests = [left_over(sweep) for sweep in shown]
    rows = 3 if any(rest is not None for rest in rests) else 2
    figure, grid = _grid(lines, columns, rows)
    scale, unit = time_scale(max(len(sweep.v) * sweep.dt for sweep in shown))
    factor, current_unit = (1.0, "nA") if max(np.max(np.abs(s.current)) for s in shown) >= 1 else (1e3, "pA")
    ranges = [padded([s.v for s in shown], 0.12), padded([s.current * factor for s in shown], 0.15)]
    ranges += [padded([rest * factor for rest in rests if rest is not None], 0.15)] * (rows - 2)
    for k, (sweep, rest) in enumerate(zip(shown, rests, strict=True)):
        parts = grid[divmod(k, columns)].subgridspec(rows, 1, height_ratios=[3.0, 1.1, 1.1][:rows], hspace=0.16)
        panels = [figure.add_subplot(parts[row]) for row in range(rows)]
        _draw_voltage(panels[0], sweep, scale, 16 if columns > 3 else 24, (doubts or {}).get(sweep.name, ()))
        _draw_line(panels[1], sweep.current * factor, sweep.dt, scale, QUIET)
        if rest is not None:
            _draw_line(panels[2], rest * factor, sweep.dt, scale, SECOND, 0.5)
        for axes, limits, ticks in zip(panels, ranges, (4, 2, 2), strict=False):
            axes.set_xlim(0, len(sweep.v) * sweep.dt / scale)
            axes.set_ylim(*limits)
            numbered(axes.xaxis, ticks=5 if columns < 4 else 4)
            numbered(axes.yaxis, ticks=ticks)
            axes.tick_params(labelleft=k % columns == 0, labelbottom=axes is panels[-1])
        if k % columns == 0:
            for axes, label in zip(
                panels, ("voltage (mV)", f"current\n({current_unit})", f"residual\n({current_unit})"), strict=False
            ):
                axes.set_ylabel(label, fontsize=9.0 if rows == 2 else 8.0)
        if k + columns >= len(shown):
            panels[-1].set_xlabel(f"time ({unit})")
    figure.align_ylabels()
    return figure


def left_over(sweep: Sweep) -> Float[np.ndarray, " time"] | None:
    """The measured current less the command that was told from it, nA; None where one of them is not known."""
    if sweep.monitored is None or np.array_equal(sweep.monitored, sweep.current):
        return None
    return sweep.monitored - sweep.current


def _grid(lines: int, columns: int, rows: int) -> tuple[Figure, GridSpec]:
    """A figure of equal cells with room for tick labels below and a title above each of them."""
    cell, gap = {1: 2.7, 2: 2.3, 3: 1.8, 4: 1.5}[columns] + 0.6 * (rows - 2), 0.55  # inches
    height = 0.3 + lines * (cell + gap)
    figure = blank(height)
    figure.set_layout_engine("none")
    grid = figure.add_gridspec(
        lines,
        columns,
        left=0.085,
        right=0.99,
        top=1 - 0.3 / height,
        bottom=gap / height,
        hspace=gap / cell,
        wspace=0.08,
    )
    return figure, grid


def _draw_voltage(axes: Axes, sweep: Sweep, scale: float, longest: int, doubts: Sequence[str]) -> None:
    _draw_line(axes, sweep.v, sweep.dt, scale, INK, 0.7)
    spikes = spike_times(sweep.v[None], sweep.dt)[0]
    at_top = axes.get_xaxis_transform()
    marks = axes.plot(spikes / scale, np.full(len(spikes), 0.985), "|", color=SECOND, transform=at_top, clip_on=False)
    marks[0].set(markersize=6, markeredgewidth=0.9)
    count = f"{len(spikes)} spike" + ("" if len(spikes) == 1 else "s")
    axes.set_title(f"{plain(sweep.name, longest)}  ·  {count}", fontsize=8.5)
    if doubts:
        text = axes.text(0.99, 0.93, "\n".join(doubts), transform=axes.transAxes, ha="right", va="top")
        text.set(fontsize=6.5, color=TRUTH, bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1.0})


def _draw_line(
    axes: Axes, values: Float[np.ndarray, " time"], dt: float, scale: float, colour: str, width: float = 0.9
) -> None:
    t, y = envelope(values, dt, 1500)
    axes.plot(t / scale, y, color=colour, linewidth=width)


def time_scale(duration: float) -> tuple[float, str]:
    """What to divide ms by, and the unit it gives: seconds from 2 s on."""
    return (1000.0, "s") if duration >= 2000 else (1.0, "ms")


def padded(arrays: Sequence[Float[np.ndarray, "..."]], share: float) -> tuple[float, float]:
    """The range of all finite values, a share wider at both ends, never empty."""
    low = min((float(np.min(a[np.isfinite(a)])) for a in arrays if np.isfinite(a).any()), default=0.0)
    high = max((float(np.max(a[np.isfinite(a)])) for a in arrays if np.isfinite(a).any()), default=1.0)
    room = (high - low) * share or max(abs(high) * share, 1.0)
    return low - room, high + room
