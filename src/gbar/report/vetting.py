"""The picture of a vetting: examples of every class of rows, and where in parameter space each of them lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D

from gbar.document import counted
from gbar.parameters import ParameterSpace
from gbar.report.envelope import envelope
from gbar.report.style import INK, POSTERIOR, PRIOR, QUIET, RULE, SECOND, TRUTH, blank, drawn, numbered, plain
from gbar.report.sweeps import padded, time_scale
from gbar.report.tables import percent

EXAMPLES = 3  # of each class
SHOWN = 8  # parameters, those that tell a class from the others the most
POINTS = 1500  # in a picture of two parameters, of the class and of the others


@dataclass(frozen=True)
class Example:
    """The voltage (mV, every `dt` ms) of one row under one stimulus."""

    title: str
    v: Float[np.ndarray, " time"]
    dt: float


@dataclass(frozen=True)
class ClassOfRows:
    """One class: which rows are in it, what puts them there, examples, the limits (mV) that a line can show in them,
    and how far the class lies apart in every parameter (`gbar.vetting.apart`)."""

    name: str
    inside: Bool[np.ndarray, " row"]
    why: str
    examples: tuple[Example, ...]
    limits: tuple[float, ...]
    apart: Float[np.ndarray, " parameter"]


@drawn
def vetting_figure(
    classes: Sequence[ClassOfRows], unit: Float[np.ndarray, "row parameter"], space: ParameterSpace
) -> Figure:
    """A line for each class: examples with the limits dashed, the two parameters that tell it from the other rows the
    most, and for the most telling ones its median, middle half and middle 90 %, in orange where that is not chance.
    What the colours mean stands below."""
    row, top, foot = 1.75, 0.25, 0.7
    figure = blank(top + row * len(classes) + foot)
    figure.set_layout_engine("none")
    height = figure.get_figheight()
    grid = figure.add_gridspec(
        len(classes),
        EXAMPLES + 3,  # one of them is room for names
        width_ratios=[1.0] * EXAMPLES + [0.95, 0.45, 1.3],
        left=0.06,
        right=0.985,
        top=1 - 0.42 / height,
        bottom=(0.42 + foot) / height,
        hspace=0.75,
        wspace=0.32,
    )
    limits = padded([example.v for one in classes for example in one.examples], 0.06)
    for line, one in enumerate(classes):
        _draw_examples(figure, grid, line, one, limits)
        order = np.argsort(-one.apart, kind="stable")
        if len(space) > 1:
            _draw_pair(figure.add_subplot(grid[line, EXAMPLES]), one, unit, space, order[:2])
        _draw_intervals(figure.add_subplot(grid[line, EXAMPLES + 2]), one, unit, space, order[:SHOWN])
    _explain(figure, len(space) > 1)
    return figure


def _explain(figure: Figure, pairs: bool) -> None:
    """What colours and strokes mean, below the columns in which they are."""

    def dot(colour: str) -> Line2D:
        return Line2D([], [], color=colour, marker="o", markersize=3.0, linestyle="none")

    def bar(colour: str) -> Line2D:
        return Line2D([], [], color=colour, linewidth=2.6)

    dashed = Line2D([], [], color=SECOND, linewidth=0.7, linestyle=(0, (4, 3)))
    rows = [(dot(TRUTH), "row of the class"), (dot(POSTERIOR), "row in order"), (dot(PRIOR), "any other row")]
    apart = [(bar(TRUTH), "lies apart from the other rows"), (bar(QUIET), "no further apart than by chance")]
    for left, title, lines in (
        (0.055, "examples of the class", [(dashed, "its limits (mV)")]),
        (0.555, "two parameters over their ranges", rows if pairs else []),
        (0.76, "dot: median; bar: middle half; line: middle 90 %", apart),
    ):
        if lines:
            handles, labels = zip(*lines, strict=True)
            legend = figure.legend(
                handles, labels, title=title, loc="upper left", bbox_to_anchor=(left, 0.70 / figure.get_figheight()),
                fontsize=7.0, title_fontsize=7.0, alignment="left", labelspacing=0.25, borderpad=0.0, borderaxespad=0.0,
            )  # fmt: skip
            for text in (*legend.get_texts(), legend.get_title()):
                text.set_color(QUIET)


def _draw_examples(figure: Figure, grid: GridSpec, line: int, one: ClassOfRows, limits: tuple[float, float]) -> None:
    for k, example in enumerate(one.examples):
        axes = figure.add_subplot(grid[line, k])
        scale, unit = time_scale(len(example.v) * example.dt)
        t, v = envelope(example.v, example.dt, 600)
        axes.plot(t / scale, v, color=INK, linewidth=0.6)
        for level in one.limits:
            axes.axhline(level, color=SECOND, linewidth=0.7, linestyle=(0, (4, 3)))
        axes.set_xlim(0, len(example.v) * example.dt / scale)
        axes.set_ylim(*limits)
        axes.set_title(plain(example.title, 26), fontsize=7.0, color=QUIET, pad=2.0)
        axes.tick_params(labelleft=k == 0, labelsize=7.0)
        numbered(axes.xaxis, ticks=3)
        numbered(axes.yaxis, ticks=4)
        axes.set_xlabel(unit, fontsize=7.0, labelpad=1.0)
        if k == 0:
            axes.set_ylabel("mV", fontsize=7.5, labelpad=1.0)
    count = int(one.inside.sum())
    heading = f"{one.name}: {counted(count, 'rows')} ({percent(count / len(one.inside))})" + (
        f" · {one.why}" if one.why else ""
    )
    place = grid[line, 0].get_position(figure)
    figure.text(0.012, place.y1 + 0.2 / figure.get_figheight(), plain(heading, 150), fontsize=9.0, weight="bold")


def _draw_pair(
    axes: Axes, one: ClassOfRows, unit: Float[np.ndarray, "row parameter"], space: ParameterSpace, pair: np.ndarray
) -> None:
    """Rows of the class upon the others, by two parameters, over their ranges."""
    for inside, colour, size in ((False, PRIOR, 2.0), (True, TRUTH if one.why else POSTERIOR, 3.0)):
        rows = _some(np.flatnonzero(one.inside == inside), POINTS)
        axes.scatter(unit[rows, pair[0]], unit[rows, pair[1]], s=size, color=colour, linewidths=0, rasterized=True)
    for axis, k, limit in ((axes.xaxis, pair[0], axes.set_xlim), (axes.yaxis, pair[1], axes.set_ylim)):
        limit(-1.05, 1.05)
        axis.set_ticks([-1.0, 1.0], labels=["", ""])
        axis.set_label_text(plain(space.parameters[k].name, 20), fontsize=7.0)


def _draw_intervals(
    axes: Axes, one: ClassOfRows, unit: Float[np.ndarray, "row parameter"], space: ParameterSpace, shown: np.ndarray
) -> None:
    """Where the class lies in the range of each parameter: median, middle half and middle 90 %."""
    for line, k in enumerate(shown):
        colour = TRUTH if one.apart[k] > 0.0 else QUIET
        low, early, median, late, high = np.quantile(unit[one.inside, k], (0.05, 0.25, 0.5, 0.75, 0.95))
        axes.plot([-1.0, 1.0], [line, line], color=RULE, linewidth=0.8)
        axes.plot([low, high], [line, line], color=colour, linewidth=0.9)
        axes.plot([early, late], [line, line], color=colour, linewidth=2.6)
        axes.plot([median], [line], "o", color=colour, markersize=3.2)
    axes.set_ylim(SHOWN - 0.5, -0.5)
    axes.set_xlim(-1.08, 1.08)
    axes.set_yticks(range(len(shown)), labels=[plain(space.parameters[k].name, 20) for k in shown])
    axes.set_xticks([-1.0, 1.0], labels=["low", "high"])
    axes.tick_params(labelsize=6.5, length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _some(rows: np.ndarray, most: int) -> np.ndarray:
    """So many of the rows at most, evenly from all of them."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(int)]
