"""The picture of a mechanism: steady states, time constants and currents against voltage and calcium."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gbar.report.networks import COLOURS
from gbar.report.style import INK, QUIET, RULE, blank, drawn, numbered, plain
from gbar.report.sweeps import padded
from gbar.report.tables import number, unit_text

_COLOURS = (COLOURS[1], COLOURS[0], COLOURS[2], COLOURS[3], INK, QUIET)
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)))
_SHADES = (1.0, 0.62, 0.36)


@dataclass(frozen=True)
class Line:
    """One line of a panel; `variant` is what is held, as in "cai 0.001 mM", or empty."""

    name: str
    y: Float[np.ndarray, " point"]
    variant: str = ""


@dataclass(frozen=True)
class Panel:
    """Lines over one quantity: `label` and `unit` of what is drawn, `axis` and its unit of what it is drawn against."""

    label: str
    unit: str
    axis: str
    axis_unit: str
    x: Float[np.ndarray, " point"]
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False


@drawn
def channel_figure(title: str, note: str, rows: Sequence[Sequence[Panel]]) -> Figure:
    """Rows of panels under a title; `note` says under which conditions they hold."""
    columns = max(map(len, rows))
    figure = blank(0.55 + 2.75 * len(rows), 3.6 * columns if columns > 1 else 4.8)
    grid = figure.add_gridspec(len(rows), columns)
    for r, row in enumerate(rows):
        for c, panel in enumerate(row):
            _draw(figure.add_subplot(grid[r, c]), panel)
    longest = 46 * columns if columns > 1 else 62
    figure.suptitle(f"{plain(title, longest)}\n{plain(note, longest + 10)}", x=0.01, ha="left", fontsize=9.5, color=INK)
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    names = list(dict.fromkeys(line.name for line in panel.lines))
    variants = list(dict.fromkeys(line.variant for line in panel.lines if line.variant))
    for line in panel.lines:
        k = names.index(line.name)
        style: dict[str, Any] = {"color": _COLOURS[k % len(_COLOURS)], "linestyle": _DASHES[(k // len(_COLOURS)) % 3]}
        shade = _SHADES[variants.index(line.variant) % 3] if line.variant else 1.0
        axes.plot(panel.x, np.where(np.isfinite(line.y), line.y, np.nan), alpha=shade, linewidth=1.5, **style)
        if line.variant in ("", *variants[:1]) and (len(names) > 1 or not variants):
            axes.plot([], [], linewidth=1.5, label=plain(line.name, 34), **style)
    for variant, shade in zip(variants, _SHADES, strict=False):
        colour = _COLOURS[0] if len(names) == 1 else INK
        axes.plot([], [], color=colour, alpha=shade, linewidth=1.5, label=plain(variant, 34))
    if panel.log_x:
        axes.set_xscale("log")
    axes.set_xlim(float(panel.x[0]), float(panel.x[-1]))
    values = np.concatenate([line.y[np.isfinite(line.y)] for line in panel.lines])
    _scale(axes, panel, values)
    numbered(axes.xaxis, log=panel.log_x)
    numbered(axes.yaxis, log=axes.get_yscale() == "log", ticks=6)
    axes.set_xlabel(_labelled(panel.axis, panel.axis_unit))
    what = f"{panel.label} of {plain(names[0], 20)}" if variants and len(names) == 1 else panel.label
    axes.set_ylabel(_labelled(what, panel.unit))
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Above the panel and no wider than it."""
    handles, labels = axes.get_legend_handles_labels()
    fitting = max(1, int(46 / (max(map(len, labels)) + 6)))
    axes.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=min(fitting, len(labels)), fontsize=7.5,
        handlelength=1.8, columnspacing=1.0, borderaxespad=0.1, labelspacing=0.2,
    )  # fmt: skip


def _scale(axes: Axes, panel: Panel, values: Float[np.ndarray, " value"]) -> None:
    """The range of the vertical axis: logarithmic where asked for and the values allow it, else with 0 where near."""
    if panel.log_y and len(values) and values.min() > 0:
        low, high = float(values.min()), float(values.max())
        if high < 3 * low:
            low, high = min(low, high / 3), max(high, 3 * low)
        axes.set_yscale("log")
        axes.set_ylim(low / 1.25, high * 1.25)
        return
    low, high = padded([values], 0.06)
    if panel.label == "steady state" and len(values) and values.min() >= 0 and values.max() <= 1:
        low, high = -0.03, 1.03
    axes.set_ylim(low, high)
    if low < 0 < high and panel.label != "steady state":
        axes.axhline(0.0, color=RULE, linewidth=0.8, zorder=0)


def _labelled(name: str, unit: str) -> str:
    return f"{name} ({unit_text(unit)})" if unit and unit_text(unit) else name


def condition(name: str, value: float, unit: str) -> str:
    """What is held, as a label: "cai 0.001 mM"."""
    return f"{name} {number(value)} {unit_text(unit)}".rstrip()
