"""The pictures of a prediction: voltages of the proposed cells beside the recording, and their features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gbar.diagnose.predictive import FeatureCheck, PredictiveCheck
from gbar.features import spike_times
from gbar.recordings.recording import Sweep
from gbar.report.envelope import band, envelope
from gbar.report.style import (
    INK,
    POSTERIOR,
    POSTERIOR_LIGHT,
    QUIET,
    RULE,
    TRUTH,
    blank,
    drawn,
    drawn_unit,
    numbered,
    plain,
)
from gbar.report.sweeps import padded, time_scale
from gbar.report.tables import percent
from gbar.traces import Status, Traces

MOST = 8  # sweeps in one picture
INDIVIDUALS = 3
BAND_ROWS = 200  # more rows do not change the picture


@drawn
def predicted_figure(observed: Sequence[Sweep], predicted: Traces, site: int = 0, recorded: str = "recorded") -> Figure:
    """Each sweep (the first 8) over the pointwise 5–95 % band and three single predicted cells, and its first spikes.

    `predicted.v[s]` answers `observed[s]`, both from time 0; rows that failed are left out.
    """
    pairs = list(zip(observed, predicted.v, predicted.sampling, strict=True))[:MOST]
    good = np.flatnonzero(predicted.status == Status.OK)[:BAND_ROWS]
    figure = blank(len(pairs) * (3.0 if len(pairs) == 1 else 2.1) + 0.6)
    grid = figure.add_gridspec(len(pairs), 2, width_ratios=[2.3, 1.0])
    for k, (sweep, v, sampling) in enumerate(pairs):
        rows = v[good, site, :]
        window = _first_spikes(sweep, rows, sampling)
        whole = figure.add_subplot(grid[k, 0] if window else grid[k, :])
        duration = len(sweep.v) * sweep.dt
        _overlay(whole, sweep, rows, sampling, (0.0, duration), *time_scale(duration))
        whole.set_title(plain(sweep.name, 40), fontsize=8.5)
        whole.set_ylabel("voltage (mV)")
        if window:
            zoom = figure.add_subplot(grid[k, 1])
            _overlay(zoom, sweep, rows, sampling, window, 1.0, "ms")
            zoom.set_ylim(whole.get_ylim())
            zoom.tick_params(labelleft=False)
            zoom.set_title("the first spikes", fontsize=8.5, color=QUIET)
        for axes in figure.axes[-2 if window else -1 :]:
            axes.xaxis.label.set_visible(k == len(pairs) - 1)
    handles = [
        Line2D([], [], color=INK, linewidth=1.2, label=recorded),
        Patch(color=POSTERIOR_LIGHT, alpha=0.55, linewidth=0, label="90 % of the predicted cells, at each moment"),
        Line2D([], [], color=POSTERIOR, linewidth=0.9, label=f"{min(INDIVIDUALS, len(good))} of the predicted cells"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure


def _overlay(
    axes: Axes,
    sweep: Sweep,
    rows: Float[np.ndarray, "row time"],
    sampling: float,
    window: tuple[float, float],
    scale: float,
    unit: str,
) -> None:
    """Draws the stretch of time `window` (ms) of one sweep, recorded and predicted."""
    start, stop = (round(edge / sampling) for edge in window)
    part = rows[:, start : stop + 1]
    if len(part) and part.shape[1]:
        t, low, high = band(part, sampling, (0.05, 0.95))
        axes.fill_between((t + start * sampling) / scale, low, high, color=POSTERIOR_LIGHT, alpha=0.55, linewidth=0)
        for row in part[:INDIVIDUALS]:
            t, v = envelope(row, sampling)
            axes.plot((t + start * sampling) / scale, v, color=POSTERIOR, linewidth=0.6, alpha=0.8)
    first, last = (round(edge / sweep.dt) for edge in window)
    t, v = envelope(sweep.v[first : last + 1], sweep.dt)
    axes.plot((t + first * sweep.dt) / scale, v, color=INK, linewidth=0.9)
    axes.set_xlim(window[0] / scale, window[1] / scale)
    axes.set_ylim(*padded([sweep.v, part[:INDIVIDUALS]], 0.06))
    axes.set_xlabel(f"time ({unit})")
    numbered(axes.xaxis, ticks=6 if unit == "s" or window[0] == 0 else 4)
    numbered(axes.yaxis, ticks=4)


def _first_spikes(sweep: Sweep, rows: Float[np.ndarray, "row time"], sampling: float) -> tuple[float, float] | None:
    """A stretch of time (ms) that holds the first recorded spikes (else the first predicted ones), or None."""
    spikes = spike_times(sweep.v[None], sweep.dt)[0]
    if not len(spikes):
        spikes = np.sort(np.concatenate([*spike_times(rows[:20], sampling), np.empty(0)]))
    if not len(spikes):
        return None
    near = spikes[(spikes < spikes[0] + 80.0)][:3]
    middle, half = (near[0] + near[-1]) / 2, max((near[-1] - near[0]) / 2 + 6.0, 12.0)
    duration = len(sweep.v) * sweep.dt
    return max(0.0, float(middle - half)), min(duration, float(middle + half))


@drawn
def features_figure(check: PredictiveCheck) -> Figure:
    """A strip for each feature that was compared: predicted 90 % interval and median, and what was measured."""
    shown = check.compared or check.features
    figure = blank(0.5 * len(shown) + 0.5)
    grid = figure.add_gridspec(len(shown), 1)
    for k, feature in enumerate(shown):
        axes = figure.add_subplot(grid[k, 0])
        _strip(axes, feature)
        axes.text(
            -0.02,
            0.5,
            f"{plain(feature.name, 44)}{_in(feature.unit)}",
            transform=axes.transAxes,
            ha="right",
            va="center",
        )
    handles = [
        Line2D([], [], color=POSTERIOR_LIGHT, linewidth=6, solid_capstyle="butt", label="predicted, 90 %"),
        Line2D(
            [],
            [],
            color=POSTERIOR,
            marker="|",
            markersize=10,
            markeredgewidth=2,
            linestyle="",
            label="predicted median",
        ),
        Line2D([], [], color=INK, marker="o", markersize=6, linestyle="", label="measured, inside"),
        Line2D(
            [],
            [],
            color=TRUTH,
            marker="D",
            markersize=6,
            markerfacecolor="white",
            markeredgewidth=1.6,
            linestyle="",
            label="measured, outside",
        ),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
    return figure


def _strip(axes: Axes, feature: FeatureCheck) -> None:
    low, high = feature.interval
    known = np.array([value for value in (feature.measured, low, high, feature.median) if np.isfinite(value)])
    axes.spines[["left"]].set_visible(False)
    axes.spines[["bottom"]].set_color(RULE)
    axes.set_yticks([])
    axes.set_ylim(-1, 1)
    if np.isfinite(low):
        axes.plot([low, high], [0, 0], color=POSTERIOR_LIGHT, linewidth=7, solid_capstyle="butt")
        axes.plot([feature.median], [0], "|", color=POSTERIOR, markersize=11, markeredgewidth=2)
    if np.isfinite(feature.measured):
        style = (
            {"marker": "o", "color": INK}
            if feature.inside
            else {"marker": "D", "color": TRUTH, "markerfacecolor": "white", "markeredgewidth": 1.6}
        )
        axes.plot([feature.measured], [0], markersize=6, linestyle="", clip_on=False, **style)
    if len(known):
        axes.set_xlim(*padded([known], 0.18))
        numbered(axes.xaxis, ticks=5)
    else:
        axes.set_xticks([])
    axes.text(
        1.02,
        0.5,
        _remark(feature),
        transform=axes.transAxes,
        ha="left",
        va="center",
        fontsize=8.5,
        color=INK if feature.inside else TRUTH,
    )


def _remark(feature: FeatureCheck) -> str:
    share = percent(feature.undefined)
    if np.isnan(feature.measured):
        return f"undefined, in {share} too" if feature.inside else f"undefined, but in {share} only"
    word = "inside" if feature.inside else "missing in most" if feature.lacking else "outside"
    return word + (f"; undefined in {share}" if feature.undefined > 0 else "")


def _in(unit: str) -> str:
    text = drawn_unit(unit)
    return f" ({text})" if text else ""
