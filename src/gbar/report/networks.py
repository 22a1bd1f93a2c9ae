"""The pictures of what was learnt: training curves, predictions against the truth, networks side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gbar.report.content import NetworkScore, ParameterBox, TrainingHistory
from gbar.report.envelope import envelope
from gbar.report.style import INK, POSTERIOR, PRIOR, QUIET, RULE, SECOND, blank, drawn, drawn_unit, numbered, plain
from gbar.report.sweeps import padded
from gbar.report.tables import number, quantity

COLOURS = (SECOND, POSTERIOR, "#3d8b5f", "#8a5fa8")
MARKERS = ("s", "o", "^", "D")


@drawn
def training_figure(histories: Sequence[TrainingHistory]) -> Figure:
    """The loss on training and validation rows over epochs, one panel a training, the best epoch marked."""
    columns = min(len(histories), 3)
    lines = math.ceil(len(histories) / columns)
    figure = blank(2.8 * lines, 10.0 if columns > 1 else 6.5)
    for k, history in enumerate(histories):
        axes = figure.add_subplot(lines, columns, k + 1)
        epoch = np.array([row["epoch"] for row in history.epochs])
        train = np.array([row["train"] for row in history.epochs])
        validation = np.array([row["validation"] for row in history.epochs])
        axes.plot(epoch, train, color=PRIOR, linewidth=1.6, label="training rows")
        axes.plot(epoch, validation, color=POSTERIOR, linewidth=1.4, label="validation rows")
        if np.isfinite(validation).any():
            best = int(np.nanargmin(validation))
            axes.plot(
                epoch[best],
                validation[best],
                "o",
                color=POSTERIOR,
                markersize=5,
                label=f"best: {number(float(validation[best]))} at epoch {epoch[best]:.0f}",
            )
        losses = np.concatenate([train, validation])
        log = bool(np.nanmin(losses) > 0 and np.nanmax(losses) > 5 * np.nanmin(losses))
        if log:
            axes.set_yscale("log")
        numbered(axes.yaxis, log=log)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel(plain(history.loss, 50))
        axes.set_title(plain(history.name, 50))
        axes.legend(loc="best")
    return figure


@drawn
def scatter_figure(scores: Sequence[NetworkScore]) -> Figure:
    """Predicted against true values of test rows in physical units, a panel for each network and parameter."""
    panels = [(n, k) for n, score in enumerate(scores) for k in range(len(score.space))]
    across = min(len(panels), 4)
    lines = math.ceil(len(panels) / across)
    side = min(3.0, 10.0 / max(across, 3))
    figure = blank(lines * (side + 0.45) + 0.1, max(side * across, 4.0))
    grid = figure.add_gridspec(lines, across)
    for place, (n, k) in enumerate(panels):
        _scatter(figure.add_subplot(grid[divmod(place, across)]), scores[n], k, COLOURS[n % 4])
    return figure


def _scatter(axes: Axes, score: NetworkScore, k: int, colour: str) -> None:
    parameter = score.space.parameters[k]
    truth, predicted = score.space.to_theta(score.truth)[:, k], score.space.to_theta(score.predicted)[:, k]
    axes.plot([parameter.low, parameter.high], [parameter.low, parameter.high], color=RULE, linewidth=1.2)
    dots = axes.plot(truth, predicted, ".", color=colour, markersize=4, alpha=0.5, rasterized=len(truth) > 1000)
    dots[0].set_markeredgewidth(0)
    axes.set(xscale=parameter.scale, yscale=parameter.scale)
    axes.set(xlim=(parameter.low, parameter.high), ylim=(parameter.low, parameter.high))
    for axis in (axes.xaxis, axes.yaxis):
        numbered(axis, log=parameter.scale == "log", ticks=4)
    axes.set_aspect("equal")
    title = f"{plain(score.name, 24)}\n{plain(parameter.name, 24)}\nMSE {number(float(score.mse[k]), 2)}"
    axes.set_title(title, fontsize=8.5)
    unit = drawn_unit(parameter.unit)
    axes.set_xlabel(f"true ({unit})" if unit else "true")
    axes.set_ylabel(f"predicted ({unit})" if unit else "predicted")


@drawn
def scores_figure(scores: Sequence[NetworkScore]) -> Figure:
    """The mean squared error of every network, for each parameter and on average, on a logarithmic axis."""
    names = [*scores[0].space.names, "mean"]
    figure = blank(0.5 * len(names) + 1.0, 7.5)
    axes = figure.add_subplot()
    for k, score in enumerate(scores):
        mse = [*score.mse, float(np.mean(score.mse))]
        axes.plot(
            mse, np.arange(len(names)), MARKERS[k % 4], color=COLOURS[k % 4], markersize=8, label=plain(score.name, 40)
        )
        for y, value in enumerate(mse):
            axes.annotate(
                number(float(value), 2),
                (value, y),
                (0, -7 if k % 2 else 7),  # two networks may be equally good
                textcoords="offset points",
                ha="center",
                va="top" if k % 2 else "bottom",
                fontsize=7.5,
                color=QUIET,
            )
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), [plain(name, 30) for name in names], color=INK)
    axes.set_ylim(len(names) - 0.5, -0.7)
    axes.grid(axis="y", color=RULE, linewidth=0.7)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.6, high * 1.6)
    numbered(axes.xaxis, log=True)
    blind = " (predicting the middle: 0.333)" if scores[0].space.uniform else ""
    axes.set_xlabel(f"mean squared error in unit space{blind}")
    figure.legend(loc="outside upper left", ncols=len(scores))
    return figure


@drawn
def box_figure(box: ParameterBox) -> Figure:
    """Small multiples of traces over a grid of two parameters, the second growing upward."""
    lines, columns = box.v.shape[:2]
    figure = blank(min(1.25 * lines, 9.0) + 0.6)
    grid = figure.add_gridspec(lines, columns)
    x, y = box.space.parameters[box.x], box.space.parameters[box.y]
    limits = padded([box.v], 0.06)
    for line in range(lines):
        for column in range(columns):
            axes = figure.add_subplot(grid[lines - 1 - line, column])
            trace = box.v[line, column]
            if np.isfinite(trace).all():
                t, v = envelope(trace, box.sampling, 800)
                axes.plot(t, v, color=INK, linewidth=0.7)
            axes.set_xlim(0, (box.v.shape[2] - 1) * box.sampling)
            axes.set_ylim(*limits)
            numbered(axes.xaxis, ticks=3)
            numbered(axes.yaxis, ticks=3)
            corner = line == 0 and column == 0
            axes.tick_params(labelbottom=corner, labelleft=corner)
            axes.set_xlabel("time (ms)" if corner else "", fontsize=8)
            axes.set_ylabel("voltage (mV)" if corner else "", fontsize=8)
            if line == lines - 1:
                axes.set_title(plain(quantity(float(box.x_values[column]), x.unit), 24), loc="center", fontsize=8.5)
            if column == columns - 1:
                axes.text(
                    1.04,
                    0.5,
                    plain(quantity(float(box.y_values[line]), y.unit), 24),
                    transform=axes.transAxes,
                    rotation=270,
                    ha="left",
                    va="center",
                    fontsize=8.5,
                )
    figure.suptitle(f"{plain(x.name)}  →", fontsize=9)
    figure.get_layout_engine().set(rect=(0, 0, 0.975, 1))  # type: ignore[union-attr, call-arg]
    figure.text(0.997, 0.5, f"{plain(y.name)}  →", rotation=90, ha="right", va="center", fontsize=9)
    return figure
