"""The pictures of a posterior: every parameter against its prior, and every pair of parameters."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gbar.diagnose.narrowing import Narrowing, correlation_matrix, narrowing
from gbar.estimate import Estimate
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.prior import Uniform
from gbar.report.style import (
    DENSITY,
    INK,
    POSTERIOR,
    POSTERIOR_LIGHT,
    PRIOR,
    QUIET,
    TRUTH,
    bare,
    blank,
    drawn,
    drawn_unit,
    numbered,
    plain,
)
from gbar.report.tables import measured, number

Truth = Float[np.ndarray, " parameter"] | None
MOST = 10  # parameters in the picture of pairs
CURVE = 200  # points of a prior's density
LOST = 0.08  # in unit space: samples closer together than this are circled, or nobody would find them in the box
View = tuple[float, float]  # a stretch of one parameter's axis in unit space


@drawn
def marginals_figure(estimate: Estimate, truth: Truth = None) -> Figure:
    """A panel for each parameter: where the 90 % interval lies in the prior's range, and below it the density there.

    The density is relative to one that is uniform on the parameter's scale: such a prior stands at 1, others are drawn.
    """
    found = narrowing(estimate)
    columns = min(len(found), 4 if len(found) > 6 or len(found) == 4 else 3)
    lines = math.ceil(len(found) / columns)
    figure = blank(lines * 2.75 + 0.3, 10.0 if columns > 1 else 5.0)
    grid = figure.add_gridspec(2 * lines, columns, height_ratios=[0.16, 1.0] * lines)
    unit = estimate.space.to_unit(estimate.samples)
    true_unit = None if truth is None else estimate.space.to_unit(truth[None, :])[0]
    for k, one in enumerate(found):
        line, column = divmod(k, columns)
        true = None if true_unit is None else float(true_unit[k])
        strip = figure.add_subplot(grid[2 * line, column])
        density = figure.add_subplot(grid[2 * line + 1, column])
        _range_strip(strip, one, estimate.space, k, true)
        _density(density, unit[:, k], estimate.space, k, true)
        if column == 0:
            density.set_ylabel("density (prior = 1)" if estimate.space.uniform else "density (uniform = 1)")
    handles = [
        Patch(color=PRIOR, linewidth=0, label="prior"),
        Patch(color=POSTERIOR_LIGHT, linewidth=0, label="posterior"),
        Patch(color=POSTERIOR, linewidth=0, label="its 90 % interval"),
        Line2D([], [], color=INK, linewidth=1.3, label="median"),
    ]
    if truth is not None:
        handles.append(Line2D([], [], color=TRUTH, marker="v", linewidth=1.3, linestyle="--", label="truth"))
    figure.legend(handles=handles, loc="outside upper left", ncols=5)
    return figure


def _range_strip(axes: Axes, one: Narrowing, space: ParameterSpace, k: int, true: float | None) -> None:
    """The prior's whole range as a bar, the 90 % interval upon it, the bounds written at its ends."""
    at = _unit_of(space, k, np.array([one.interval[0], one.interval[1], one.median]))
    bare(axes)
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    axes.barh(0, 2, left=-1, height=0.9, color=PRIOR)
    axes.barh(0, max(at[1] - at[0], 0.012), left=at[0], height=0.9, color=POSTERIOR)
    axes.plot([at[2], at[2]], [-0.8, 0.8], color=INK, linewidth=1.3)
    if true is not None:
        axes.plot([true], [0.95], "v", color=TRUTH, markersize=5, clip_on=False)
    for x, value, side in ((-1.0, one.prior[0], "left"), (1.0, one.prior[1], "right")):
        axes.text(x, -0.75, number(value), ha=side, va="top", fontsize=7.5, color=QUIET)
    median, lower, upper = measured(one.median, one.interval)
    centre = f"{median} {drawn_unit(one.unit)}".rstrip()
    axes.set_title(f"{plain(one.name, 26)}\n{centre}\n{lower} to {upper}", fontsize=8.5, linespacing=1.35)


def _density(axes: Axes, unit: Float[np.ndarray, " draw"], space: ParameterSpace, k: int, true: float | None) -> None:
    view = _view(unit, true)
    bins = int(np.clip(math.sqrt(len(unit)), 12, 44))
    counts, edges = np.histogram(unit, bins=bins, range=view)
    ratio = counts / len(unit) / (np.diff(edges) / 2.0)
    low, high = np.quantile(unit, (0.05, 0.95))
    cuts = np.unique(np.concatenate([edges, np.clip([low, high], *view)]))
    middle = (cuts[:-1] + cuts[1:]) / 2
    level = ratio[np.clip(np.searchsorted(edges, middle) - 1, 0, bins - 1)]
    within = (middle > low) & (middle < high)
    x = _theta_of(space, k, cuts)
    prior = _prior_density(axes, space.parameters[k], view)
    axes.stairs(level, x, fill=True, color=POSTERIOR_LIGHT)
    if within.any():
        ends = np.append(within, False) | np.append(False, within)
        axes.stairs(level[within], x[ends], fill=True, color=POSTERIOR)
    axes.axvline(_theta_of(space, k, np.array([np.median(unit)]))[0], color=INK, linewidth=1.3)
    if true is not None:
        axes.axvline(_theta_of(space, k, np.array([true]))[0], color=TRUTH, linewidth=1.3, linestyle="--")
    axes.set_ylim(0, max(1.25 * prior, float(ratio.max()) * 1.08))
    _parameter_axis(axes, "x", space.parameters[k], view)
    axes.set_xlabel(_unit_label(space.parameters[k]))
    numbered(axes.yaxis, ticks=3)


def _prior_density(axes: Axes, parameter: FreeParameter, view: View) -> float:
    """The prior in grey, relative to a uniform one, on a stretch of its axis; returns its highest density there."""
    if isinstance(parameter.prior, Uniform):
        axes.fill_between(parameter.from_unit(np.array(view)), 0, 1, color=PRIOR, linewidth=0)
        axes.axhline(1, color=QUIET, linewidth=0.7, linestyle=(0, (2, 2)))
        return 1.0
    x = parameter.from_unit(np.linspace(max(view[0], -1.0), min(view[1], 1.0), CURVE))
    density = 2.0 * np.exp(parameter.log_prior(x))
    axes.fill_between(x, 0, density, color=PRIOR, linewidth=0)
    axes.plot(x, density, color=QUIET, linewidth=0.7, linestyle=(0, (2, 2)))
    return float(density.max())


@drawn
def pairs_figure(estimate: Estimate, truth: Truth = None) -> Figure:
    """Every pair of parameters: the density below the diagonal, the same samples in the prior's whole box above it.

    Of more than ten parameters the ten with the strongest correlation to any other are shown.
    """
    if len(estimate.space) > MOST:
        estimate, truth = _most_tied(estimate, truth)
    space, size = estimate.space, len(estimate.space)
    unit = estimate.space.to_unit(estimate.samples)
    true_unit = None if truth is None else space.to_unit(truth[None, :])[0]
    views = [_view(unit[:, k], None if true_unit is None else float(true_unit[k])) for k in range(size)]
    r = correlation_matrix(estimate)
    width = min(10.0, 2.4 + 2.0 * size)
    figure = blank(width * 0.97, width)
    figure.set_layout_engine("none")  # all panels alike
    grid = figure.add_gridspec(
        size,
        size,
        left=(0.85 if size > 3 else 1.2) / width,
        right=1 - 0.1 / width,
        bottom=0.8 / (0.97 * width),
        top=1 - 0.1 / width,
        wspace=0.1,
        hspace=0.1,
    )
    small = 7.0 if size > 5 else 8.0
    for i in range(size):
        for j in range(size):
            axes = figure.add_subplot(grid[i, j])
            if i < j:
                _in_prior_box(axes, unit[:, j], unit[:, i], r[i, j])
                continue
            if i == j:
                _diagonal(axes, unit[:, i], space, i, views[i])
            else:
                _joint(axes, unit[:, j], unit[:, i], (views[j], views[i]), space, (j, i))
                _parameter_axis(axes, "y", space.parameters[i], views[i], 3 if size > 5 else 4)
            _parameter_axis(axes, "x", space.parameters[j], views[j], 3 if size > 5 else 4)
            _mark_truth(axes, truth, i, j)
            axes.tick_params(labelsize=small - 0.5, labelbottom=i == size - 1, labelleft=j == 0 and i > 0)
            if size > 3:
                for label in axes.get_xticklabels():
                    label.set(rotation=45, horizontalalignment="right", rotation_mode="anchor")
            axes.xaxis.set_label_coords(0.5, -0.62 / (width / size) if size > 3 else -0.42 / (width / size))
            axes.yaxis.set_label_coords(-(0.55 if size > 3 else 0.85) / (width / size), 0.5)
            if i == size - 1:
                axes.set_xlabel(_stacked(space.parameters[j]), fontsize=small)
            if j == 0 and i > 0:
                axes.set_ylabel(_stacked(space.parameters[i]), fontsize=small)
    return figure


def _most_tied(estimate: Estimate, truth: Truth) -> tuple[Estimate, Truth]:
    strength = np.abs(correlation_matrix(estimate) - np.eye(len(estimate.space))).max(axis=0)
    kept = np.sort(np.argsort(-strength, kind="stable")[:MOST])
    space = ParameterSpace(tuple(estimate.space.parameters[k] for k in kept))
    return replace(estimate, space=space, samples=estimate.samples[:, kept]), None if truth is None else truth[kept]


def _in_prior_box(axes: Axes, x: Float[np.ndarray, " draw"], y: Float[np.ndarray, " draw"], r: float) -> None:
    axes.plot(x[:1000], y[:1000], ".", color=POSTERIOR, markersize=1.6, alpha=0.35, markeredgewidth=0, rasterized=True)
    if max(np.ptp(np.quantile(x, (0.05, 0.95))), np.ptp(np.quantile(y, (0.05, 0.95)))) < LOST:
        axes.plot([np.median(x)], [np.median(y)], "o", color=POSTERIOR, markersize=11, markerfacecolor="none")
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    bare(axes)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(PRIOR)
    strong = abs(r) > 0.7
    axes.text(
        0.05,
        0.95,
        f"r = {round(r, 2) + 0.0:.2f}".replace("-", "−"),
        transform=axes.transAxes,
        ha="left",
        va="top",
        fontsize=7.5,
        color=INK if strong else QUIET,
        fontweight="bold" if strong else "normal",
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.0},
    )


def _joint(
    axes: Axes,
    x: Float[np.ndarray, " draw"],
    y: Float[np.ndarray, " draw"],
    views: tuple[View, View],
    space: ParameterSpace,
    which: tuple[int, int],
) -> None:
    bins = int(np.clip(len(x) ** 0.4, 10, 40))
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=bins, range=views)
    axes.pcolormesh(
        _theta_of(space, which[0], x_edges),
        _theta_of(space, which[1], y_edges),
        counts.T,
        cmap=DENSITY,
        rasterized=True,
        vmin=0,
    )


def _diagonal(axes: Axes, x: Float[np.ndarray, " draw"], space: ParameterSpace, k: int, view: View) -> None:
    counts, edges = np.histogram(x, bins=int(np.clip(len(x) ** 0.5, 12, 40)), range=view)
    axes.stairs(counts, _theta_of(space, k, edges), fill=True, color=POSTERIOR_LIGHT)
    axes.stairs(counts, _theta_of(space, k, edges), color=POSTERIOR, linewidth=0.8)
    axes.set_ylim(0, None)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _mark_truth(axes: Axes, truth: Truth, i: int, j: int) -> None:
    if truth is None:
        return
    if i == j:
        axes.axvline(truth[i], color=TRUTH, linewidth=1.2, linestyle="--")
    else:
        axes.plot([truth[j]], [truth[i]], "x", color=TRUTH, markersize=7, markeredgewidth=1.8)


def _view(unit: Float[np.ndarray, " draw"], true: float | None) -> View:
    """The part of [-1, 1] worth drawing: all of it, unless the samples keep to less than half."""
    low, high = (float(q) for q in np.quantile(unit, (0.005, 0.995)))
    if true is not None:
        low, high = min(low, true), max(high, true)
    room = 0.25 * (high - low) + 1e-6
    low, high = low - room, high + room
    if high - low > 1.0:
        return min(-1.0, low + room), max(1.0, high - room)
    return max(low, -1.0) if low + room >= -1.0 else low, min(high, 1.0) if high - room <= 1.0 else high


def _parameter_axis(axes: Axes, which: str, parameter: FreeParameter, view: View, ticks: int = 4) -> None:
    """Limits, scale and ticks of an axis in the parameter's physical unit."""
    low, high = _theta_of(ParameterSpace((parameter,)), 0, np.array(view))
    log = parameter.scale == "log"
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log" if log else "linear")
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    numbered(axis, log=log, ticks=ticks)


def _theta_of(space: ParameterSpace, k: int, unit: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
    return ParameterSpace((space.parameters[k],)).to_theta(np.asarray(unit, dtype=float)[:, None])[:, 0]


def _unit_of(space: ParameterSpace, k: int, theta: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
    return ParameterSpace((space.parameters[k],)).to_unit(np.asarray(theta, dtype=float)[:, None])[:, 0]


def _unit_label(parameter: FreeParameter) -> str:
    return drawn_unit(parameter.unit) or "no unit"


def _stacked(parameter: FreeParameter) -> str:
    unit = drawn_unit(parameter.unit)
    return plain(parameter.name, 18) + (f"\n({unit})" if unit else "")
