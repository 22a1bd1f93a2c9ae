"""The picture of a recording: the voltage and the delivered current of every sweep, spikes marked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gbar.recordings.recording import Sweep
from gbar.report.envelope import envelope
from gbar.report.style import INK, QUIET, SECOND, blank, drawn, numbered, plain

THRESHOLD = -20.0  # mV; a spike crosses it upward
MOST = 40  # panels in one picture


@drawn
def recording_figure(sweeps: Sequence[Sweep]) -> Figure:
    """Small multiples of the sweeps (the first 40), one voltage range and one current range for all."""
    shown = list(sweeps[:MOST])
    columns = (1, 2, 3)[len(shown) - 1] if len(shown) <= 3 else 4 if len(shown) > 6 else 3
    rows = math.ceil(len(shown) / columns)
    height = {1: 3.2, 2: 2.9, 3: 2.3, 4: 1.9}[columns]
    figure = blank(rows * height + 0.3)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[3.0, 1.1] * rows)
    scale, unit = time_scale(max(len(sweep.v) * sweep.dt for sweep in shown))
    factor, current_unit = (1.0, "nA") if max(np.max(np.abs(s.current)) for s in shown) >= 1 else (1e3, "pA")
    for k, sweep in enumerate(shown):
        row, column = divmod(k, columns)
        voltage = figure.add_subplot(grid[2 * row, column])
        current = figure.add_subplot(grid[2 * row + 1, column], sharex=voltage)
        spikes = spike_times(sweep.v, sweep.dt)
        _draw_voltage(voltage, sweep, spikes, scale)
        t, i = envelope(sweep.current * factor, sweep.dt, 1200)
        current.plot(t / scale, i, color=QUIET, linewidth=0.9)
        voltage.set_ylim(*padded([s.v for s in shown], 0.12))
        current.set_ylim(*padded([s.current * factor for s in shown], 0.15))
        current.set_xlim(0, len(sweep.v) * sweep.dt / scale)
        voltage.tick_params(labelbottom=False)
        numbered(current.xaxis, ticks=5 if columns < 4 else 4)
        numbered(voltage.yaxis, ticks=4)
        numbered(current.yaxis, ticks=2)
        if column == 0:
            voltage.set_ylabel("voltage (mV)")
            current.set_ylabel(f"current\n({current_unit})")
        if k + columns >= len(shown):
            current.set_xlabel(f"time ({unit})")
    figure.align_ylabels()
    return figure


def _draw_voltage(axes: Axes, sweep: Sweep, spikes: Float[np.ndarray, " spike"], scale: float) -> None:
    t, v = envelope(sweep.v, sweep.dt, 1500)
    axes.plot(t / scale, v, color=INK, linewidth=0.7)
    axes.plot(
        spikes / scale,
        np.full(len(spikes), 0.985),
        "|",
        color=SECOND,
        markersize=6,
        markeredgewidth=1.1,
        transform=axes.get_xaxis_transform(),
        clip_on=False,
    )
    count = f"{len(spikes)} spike" + ("" if len(spikes) == 1 else "s")
    axes.set_title(f"{plain(sweep.name, 22)}  ·  {count}", fontsize=8.5)


def spike_times(v: Float[np.ndarray, " time"], dt: float) -> Float[np.ndarray, " spike"]:
    """When the voltage crosses −20 mV upward, linearly interpolated, in ms."""
    before = np.flatnonzero((v[:-1] < THRESHOLD) & (v[1:] >= THRESHOLD))
    times: Float[np.ndarray, " spike"] = (before + (THRESHOLD - v[before]) / (v[before + 1] - v[before])) * dt
    return times


def time_scale(duration: float) -> tuple[float, str]:
    """What to divide ms by, and the unit it gives: seconds from 2 s on."""
    return (1000.0, "s") if duration >= 2000 else (1.0, "ms")


def padded(arrays: Sequence[Float[np.ndarray, "..."]], share: float) -> tuple[float, float]:
    """The range of all finite values, a share wider at both ends, never empty."""
    low = min((float(np.min(a[np.isfinite(a)])) for a in arrays if np.isfinite(a).any()), default=0.0)
    high = max((float(np.max(a[np.isfinite(a)])) for a in arrays if np.isfinite(a).any()), default=1.0)
    room = (high - low) * share or max(abs(high) * share, 1.0)
    return low - room, high + room
