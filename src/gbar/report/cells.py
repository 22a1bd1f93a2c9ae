"""The portrait of a cell: shape, channels by region, what it does, and what each free parameter does to that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from gbar.cell import Cell, Site
from gbar.cell.density import Density, densities
from gbar.parameters import FreeParameter
from gbar.protocol import Stimulus
from gbar.report.cell_shape import draw_shape, region_colours
from gbar.report.envelope import envelope
from gbar.report.style import DENSITY, INK, QUIET, RULE, bare, blank, drawn, drawn_unit, numbered, plain
from gbar.report.sweeps import padded, time_scale
from gbar.report.tables import number
from gbar.traces import Status, Traces

WIDTH, WIDER = 11.0, 13.5  # inches; for six panels in a line
MOST_ROWS = 22  # densities in the table
_SHADES = (1e-7, 1.0)  # S/cm2, from white to dark


@dataclass(frozen=True)
class Effect:
    """What sites do under a stimulus at some values of a free parameter, from low to high, the others held."""

    parameter: FreeParameter
    values: Float[np.ndarray, " level"]
    v: Float[np.ndarray, "level site time"]  # mV; NaN where the simulation failed
    sampling: float  # ms
    sites: tuple[str, ...]
    stimulus: str


@drawn
def cell_figure(cell: Cell, about: str, default: Traces, effects: Sequence[Effect]) -> Figure:
    """All of a cell in one picture; `about` is a line below its name, `default` its traces at its own values."""
    across = _across(len(effects))
    lines = -(-len(effects) // across) if effects else 0
    columns = 2 if len(cell.protocol.stimuli) == 4 else min(len(cell.protocol.stimuli), 3)
    rows = -(-len(cell.protocol.stimuli) // columns)
    kinds = list(dict.fromkeys(site.variable for site in cell.recorded))
    table = densities(cell)
    level = max((len(effect.values) for effect in effects), default=0)
    heights = [
        max(2.4, 0.6 + 0.2 * min(len(table), MOST_ROWS)),
        0.35 + rows * (1.5 + 0.75 * len(kinds)),
        0.4 + lines * (0.78 + 0.2 * level),
    ]
    heights = heights if effects else heights[:2]
    figure = blank(0.5 + sum(heights), WIDER if across > 5 else WIDTH)
    figure.suptitle(f"{plain(cell.name, 60)}:  {plain(about, 150)}", x=0.008, ha="left", fontsize=9.5, color=INK)
    parts: Sequence[SubFigure] = list(np.ravel(np.asarray(figure.subfigures(len(heights), 1, height_ratios=heights))))
    colours = region_colours([region.name for region in cell.regions])
    sites = _site_colours(cell, colours)
    _anatomy(parts[0], cell, table, colours, sites)
    _behaviour(parts[1], cell, default, sites, rows, columns)
    if effects:
        _influence(parts[2], effects, sites, lines, across)
    return figure


def _across(count: int) -> int:
    """How many panels of free parameters stand in a line."""
    return next((n for n, most in ((1, 1), (2, 4), (3, 6), (4, 12), (5, 20)) if count <= most), 6)


def _heading(part: SubFigure, text: str) -> None:
    part.suptitle(text, x=0.008, ha="left", fontsize=9.0, color=QUIET)


def _site_colours(cell: Cell, colours: dict[str, str]) -> dict[str, str]:
    """The colour of every site: of its region, or the next one where that is taken."""
    spare = [c for c in ("#b3446c", "#58a6b8", "#a3824a", "#7a8b2f", QUIET) if c not in colours.values()]
    found: dict[str, str] = {}
    for site in cell.sites:
        at = cell.place(site)
        own = colours[cell.morphology.sections[cell.morphology.index(at.section)].region]
        same = [other.name for other in cell.sites if other.name in found and cell.place(other) == at]
        if same:
            found[site.name] = found[same[0]]
        else:
            found[site.name] = own if own not in found.values() else spare.pop(0) if spare else QUIET
    return found


# --- shape and channels ------------------------------------------------------------------------------------------


def _anatomy(
    part: SubFigure, cell: Cell, table: Sequence[Density], colours: dict[str, str], sites: dict[str, str]
) -> None:
    varied = [density for density in table if density.varies and density.siemens is not None]
    ratios = [2.6, 3.4, 2.6] if varied else [3.0, 4.2]
    grid = part.add_gridspec(1, len(ratios), width_ratios=ratios)
    shape = part.add_subplot(grid[0])
    names = {site.name for site in cell.recorded} | {name for s in cell.protocol.stimuli for name in s.sites}
    places: dict[str, str] = {}
    for site in cell.sites:  # one mark where several are recorded
        if site.name in names and cell.place(site) not in [cell.place(s) for s in cell.sites if s.name in places]:
            places[site.name] = sites[site.name]
    draw_shape(shape, cell, colours, places if cell.compartments > 1 else {})
    _matrix(part.add_subplot(grid[1]), cell, table, colours)
    if varied:
        _along(part.add_subplot(grid[2]), varied, colours)


def _matrix(axes: Axes, cell: Cell, table: Sequence[Density], colours: dict[str, str]) -> None:
    """Densities as a table, darker where there is more; free ones in bold."""
    bare(axes)
    shown = list(table)
    if len(shown) > MOST_ROWS:
        shown = [d for d in table if d.siemens is not None or d.free][:MOST_ROWS]
    names = [region.name for region in cell.regions]
    axes.set_xlim(-0.02, max(len(names), 2))
    axes.set_ylim(max(len(shown), 6), -0.9)
    small = 7.5 if len(names) <= 5 else 6.3
    for k, name in enumerate(names):
        axes.text(k + 0.5, -0.45, plain(name, 14), ha="center", va="center", fontsize=small + 0.5, color=colours[name])
    for row, density in enumerate(shown):
        unit = drawn_unit(density.unit)
        label = plain(density.name, 30) + (f"  ({unit})" if unit else "")
        axes.text(-0.06, row + 0.5, label, ha="right", va="center", fontsize=7.5)
        for k, name in enumerate(names):
            if name in density.values:
                _entry(axes, density, name, k, row, small)
    axes.set_title("channels by region; free ones in bold", color=QUIET, fontsize=8.5)


def _entry(axes: Axes, density: Density, region: str, column: int, row: int, size: float) -> None:
    values = density.values[region]
    shade, dark = to_rgba("#f1f3f6"), False
    if density.siemens is not None and np.isfinite(values).all():
        largest = max(float(values.max()) * density.siemens, 1e-30)
        low, high = (math.log10(limit) for limit in _SHADES)
        share = float(np.clip((math.log10(largest) - low) / (high - low), 0.0, 1.0))
        shade, dark = DENSITY(0.75 * share), share > 0.62
    axes.add_patch(Rectangle((column + 0.02, row + 0.06), 0.96, 0.88, color=shade, linewidth=0))
    weight, text = "bold" if region in density.free else "normal", _span(values)
    axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size * min(1.0, 9.0 / len(text)),
              fontweight=weight, color="white" if dark else INK)  # fmt: skip


def _span(values: Float[np.ndarray, " compartment"]) -> str:
    """A number, or the first and the last where they change on the way out."""
    if np.isnan(values).all():
        return "•"
    low, high = float(values.min()), float(values.max())
    return _short(low) if low == high else f"{_short(low, 2)}–{_short(high, 2)}"


def _short(value: float, digits: int = 3) -> str:
    """A number in few characters: 0.00102, 3.1e-5."""
    text = number(value, digits)
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    return text if len(text) <= 5 + digits // 3 else f"{float(mantissa):g}e{int(power)}".replace("-", "−")


def _along(axes: Axes, varied: Sequence[Density], colours: dict[str, str]) -> None:
    """Densities over the distance from the soma."""
    marks = "osD^vP*X"
    for k, density in enumerate(varied[: len(marks)]):
        factor = density.siemens or 1.0
        for region, values in density.values.items():
            order = np.argsort(density.distance[region])
            x, y = density.distance[region][order], values[order] * factor
            axes.plot(x, np.where(y > 0, y, np.nan), marks[k], color=colours[region], markersize=2.6, alpha=0.8)
        axes.plot([], [], marks[k], color=INK, markersize=3.5, label=plain(density.name, 26))
    axes.set_yscale("log")
    numbered(axes.yaxis, log=True)
    numbered(axes.xaxis)
    axes.set_xlabel("distance from the soma (µm)")
    axes.set_ylabel("density (S/cm²)")
    axes.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, handlelength=0.8, columnspacing=0.8)


# --- what it does ------------------------------------------------------------------------------------------------


def _behaviour(part: SubFigure, cell: Cell, default: Traces, sites: dict[str, str], rows: int, columns: int) -> None:
    """The traces of every stimulus at the cell's own values, with the currents below them."""
    failed = "" if default.status[0] == Status.OK else "; the simulation left the range of voltages"
    _heading(part, f"at the cell's own values{failed}")
    kinds = list(dict.fromkeys(site.variable for site in cell.recorded))
    heights = [*([1.0] + [0.62] * (len(kinds) - 1)), 0.34]
    grid = part.add_gridspec(rows, columns)
    for n, (stimulus, v) in enumerate(zip(cell.protocol.stimuli, default.v, strict=True)):
        inner = grid[divmod(n, columns)].subgridspec(len(heights), 1, height_ratios=heights)
        scale, unit = time_scale(stimulus.duration)
        for k, kind in enumerate(kinds):
            axes = part.add_subplot(inner[k])
            mine = [(s, v[0, i]) for i, s in enumerate(cell.recorded) if s.variable == kind]
            _traces(axes, mine, stimulus, scale, sites, first=n % columns == 0)
            if k == 0:
                named = f"{stimulus.name}  ·  {stimulus.condition}" if stimulus.condition else stimulus.name
                axes.set_title(plain(named, 48), fontsize=8.5)
                if n == 0 and len(mine) > 1:
                    handles, labels = axes.get_legend_handles_labels()
                    axes.legend(handles[::-1], labels[::-1], fontsize=7, loc="lower right", bbox_to_anchor=(1.0, 1.0),
                                ncols=len(mine), handlelength=1.0, borderaxespad=0.0)  # fmt: skip
        currents = part.add_subplot(inner[len(kinds)])
        _currents(currents, cell, stimulus, scale, sites)
        currents.set_xlabel(f"time ({unit})")
        if n % columns == 0:
            currents.set_ylabel("nA")


def _traces(
    axes: Axes,
    recorded: Sequence[tuple[Site, Float[np.ndarray, " time"]]],
    stimulus: Stimulus,
    scale: float,
    sites: dict[str, str],
    first: bool,
) -> None:
    for site, values in reversed(recorded):
        t, y = envelope(values.astype(np.float64), stimulus.sampling, 1800)
        axes.plot(t / scale, y, color=sites[site.name], linewidth=0.8, label=plain(site.name, 14))
    axes.set_xlim(0.0, stimulus.duration / scale)
    axes.tick_params(labelbottom=False)
    numbered(axes.yaxis, ticks=4)
    if first:
        variable = recorded[0][0].variable
        axes.set_ylabel("mV" if variable == "v" else plain(variable, 16))


def _currents(axes: Axes, cell: Cell, stimulus: Stimulus, scale: float, sites: dict[str, str]) -> None:
    """What is injected where; the warm-up is not drawn."""
    acting = [(cell.sites[0].name, stimulus.injected()[stimulus.n_warm :])]
    acting += [(i.site, stimulus.injected_by(i)[stimulus.n_warm :]) for i in stimulus.injections]
    for site, values in acting:
        if values.any() or len(acting) == 1:
            t, y = envelope(values, stimulus.dt, 1800)
            axes.plot(t / scale, y, color=sites[site] if len(cell.sites) > 1 else QUIET, linewidth=0.9)
    for clamp in stimulus.clamps:
        axes.text(0.02, 0.5, f"voltage clamp at {plain(clamp.site, 20)}", transform=axes.transAxes, fontsize=7)
    silent = not any(values.any() for _, values in acting)
    axes.set_ylim(*((-0.1, 0.1) if silent else padded([values for _, values in acting], 0.12)))
    axes.set_xlim(0.0, stimulus.duration / scale)
    numbered(axes.yaxis, ticks=2)
    numbered(axes.xaxis)


# --- what the free parameters do ---------------------------------------------------------------------------------


def _influence(part: SubFigure, effects: Sequence[Effect], colours: dict[str, str], lines: int, across: int) -> None:
    """A panel for each free parameter: traces from its low value, at the bottom, to its high one."""
    reach = {name: _reach([e for e in effects if e.stimulus == name]) for name in {e.stimulus for e in effects}}
    below = "below: the stimulus, mV from line to line, unit of time"
    middle = "; the middle line is mid-range" if len(effects[0].values) % 2 else ""
    where = f"each free parameter from low (bottom) to high (top{middle}), the others held"
    _heading(part, f"{where}, at {plain(', '.join(effects[0].sites), 40)}; {below}")
    grid = part.add_gridspec(lines, across)
    fit = 30 if across > 4 else 40  # characters of 8 points
    for n, effect in enumerate(effects):
        axes = part.add_subplot(grid[divmod(n, across)])
        _stack(axes, effect, reach[effect.stimulus], colours)
        name, unit = plain(effect.parameter.name, 34), drawn_unit(effect.parameter.unit)
        title = f"{name} ({unit})" if unit and len(name) + len(unit) < fit else name
        axes.set_title(title, fontsize=min(8.0, 8.0 * fit / len(title)), x=0.0 if len(title) < 0.7 * fit else -0.18)
        scale = time_scale(_length(effect))[1]
        axes.set_xlabel(f"{plain(effect.stimulus, 22)}, {reach[effect.stimulus]} mV, {scale}", fontsize=7, labelpad=1.5)


def _length(effect: Effect) -> float:
    """The duration of its traces, ms."""
    return (effect.v.shape[-1] - 1) * effect.sampling


def _reach(effects: Sequence[Effect]) -> int:
    """The range of voltages that all panels leave to a trace, mV, up to the next ten."""
    low, high = padded([effect.v for effect in effects], 0.0)
    return 10 * math.ceil((high - low) / 10)


def _stack(axes: Axes, effect: Effect, reach: int, colours: dict[str, str]) -> None:
    """Traces one above the other, the first site's in front of the others'."""
    levels = len(effect.values)
    scale, _ = time_scale(_length(effect))
    rest = min((float(np.median(v)) for v in effect.v[:, 0] if np.isfinite(v).all()), default=0.0)
    for k, traces in enumerate(effect.v):
        if not np.isfinite(traces).all():
            axes.text(0.5, (k + 0.3) / levels, "fails", transform=axes.transAxes, fontsize=7, color=QUIET)
            continue
        for site, v in reversed(list(zip(effect.sites, traces, strict=True))):
            t, y = envelope(v.astype(np.float64), effect.sampling, 900)
            ahead = site == effect.sites[0]
            colour = DENSITY(0.4 + 0.6 * k / max(levels - 1, 1)) if ahead else colours[site]
            axes.plot(t / scale, y - rest + k * reach, color=colour, linewidth=0.75 if ahead else 0.6,
                      alpha=1.0 if ahead else 0.55)  # fmt: skip
    axes.set_xlim(0.0, _length(effect) / scale)
    numbered(axes.xaxis, ticks=4)
    axes.set_yticks([k * reach for k in range(levels)], [_short(value) for value in effect.values])
    axes.tick_params(axis="y", length=0, labelsize=7)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", color=RULE, linewidth=0.5)
