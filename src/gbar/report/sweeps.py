"""The picture of a recording: the voltage and the delivered current of every sweep, spikes marked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from gbar.features import spike_times
from gbar.recordings.recording import Sweep
from gbar.report.envelope import envelope
from gbar.report.style import INK, QUIET, SECOND, blank, drawn, numbered, plain

MOST = 40  # panels in one picture


@drawn
def recording_figure(sweeps: Sequence[Sweep]) -> Figure:
    """Small multiples of the sweeps (the first 40), one voltage range and one current range for all."""
    shown = list(sweeps[:MOST])
    columns = (1, 2, 3)[len(shown) - 1] if len(shown) <= 3 else 4 if len(shown) > 6 else 3
    lines = math.ceil(len(shown) / columns)
    figure, grid = _grid(lines, columns)
    scale, unit = time_scale(max(len(sweep.v) * sweep.dt for sweep in shown))
    factor, current_unit = (1.0, "nA") if max(np.max(np.abs(s.current)) for s in shown) >= 1 else (1e3, "pA")
    voltages, currents = padded([s.v for s in shown], 0.12), padded([s.current * factor for s in shown], 0.15)
    for k, sweep in enumerate(shown):
        pair = grid[divmod(k, columns)].subgridspec(2, 1, height_ratios=[3.0, 1.1], hspace=0.12)
        voltage, current = figure.add_subplot(pair[0]), figure.add_subplot(pair[1])
        _draw_voltage(voltage, sweep, scale, 16 if columns > 3 else 24)
        t, i = envelope(sweep.current * factor, sweep.dt, 1200)
        current.plot(t / scale, i, color=QUIET, linewidth=0.9)
        for axes, limits, ticks in ((voltage, voltages, 4), (current, currents, 2)):
            axes.set_xlim(0, len(sweep.v) * sweep.dt / scale)
            axes.set_ylim(*limits)
            numbered(axes.xaxis, ticks=5 if columns < 4 else 4)
            numbered(axes.yaxis, ticks=ticks)
            axes.tick_params(labelleft=k % columns == 0, labelbottom=axes is current)
        if k % columns == 0:
            voltage.set_ylabel("voltage (mV)")
            current.set_ylabel(f"current\n({current_unit})")
        if k + columns >= len(shown):
            current.set_xlabel(f"time ({unit})")
    figure.align_ylabels()
    return figure


def _grid(lines: int, columns: int) -> tuple[Figure, GridSpec]:
    """A figure of equal cells with room for tick labels below and a title above each of them."""
    cell, gap = {1: 2.7, 2: 2.3, 3: 1.8, 4: 1.5}[columns], 0.55  # inches
    height = 0.3 + lines * (cell + gap)
    figure = blank(height)
    figure.set_layout_engine("none")
    grid = figure.add_gridspec(
        lines,
        columns,
        left=0.075,
        right=0.99,
        top=1 - 0.3 / height,
        bottom=gap / height,
        hspace=gap / cell,
        wspace=0.08,
    )
    return figure, grid


def _draw_voltage(axes: Axes, sweep: Sweep, scale: float, longest: int) -> None:
    t, v = envelope(sweep.v, sweep.dt, 1500)
    axes.plot(t / scale, v, color=INK, linewidth=0.7)
    spikes = spike_times(sweep.v[None], sweep.dt)[0]
    at_top = axes.get_xaxis_transform()
    marks = axes.plot(spikes / scale, np.full(len(spikes), 0.985), "|", color=SECOND, transform=at_top, clip_on=False)
    marks[0].set(markersize=6, markeredgewidth=0.9)
    count = f"{len(spikes)} spike" + ("" if len(spikes) == 1 else "s")
    axes.set_title(f"{plain(sweep.name, longest)}  ·  {count}", fontsize=8.5)


def time_scale(duration: float) -> tuple[float, str]:
    """What to divide ms by, and the unit it gives: seconds from 2 s on."""
    return (1000.0, "s") if duration >= 2000 else (1.0, "ms")


def padded(arrays: Sequence[Float[np.ndarray, "..."]], share: float) -> tuple[float, float]:
    """The range of all finite values, a share wider at both ends, never empty."""
    low = min((float(np.min(a[np.isfinite(a)])) for a in arrays if np.isfinite(a).any()), default=0.0)
    high = max((float(np.max(a[np.isfinite(a)])) for a in arrays if np.isfinite(a).any()), default=1.0)
    room = (high - low) * share or max(abs(high) * share, 1.0)
    return low - room, high + room
