"""The drawing of a cell's shape: reconstructions as they lie, stylised trees laid out around the soma."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle

from gbar.cell import Cell
from gbar.morphology import Morphology, Section
from gbar.report.style import INK, POSTERIOR, QUIET, SECOND, TRUTH, bare
from gbar.report.tables import quantity

GREEN, VIOLET = "#3d8b5f", "#8a5fa8"
_KNOWN = {"soma": "#4a5566", "apical": POSTERIOR, "basal": GREEN, "dend": GREEN, "axon": SECOND}
_OTHERS = (VIOLET, TRUTH, "#58a6b8", "#a3824a", "#b86a93", "#7a8b2f", GREEN, POSTERIOR, SECOND)
_ROUND = 3.0  # times as long as thick: a soma longer than this is drawn as a cable
_ASIDE = math.radians(55)  # how far a branch leans that leaves its parent before the end

_UP, _DOWN = ("apical", "tuft"), ("axon", "hillock", "initial", "node", "myelin")

Line = Float[np.ndarray, "point 2"]  # um


def region_colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for every region, the same for the usual ones in every picture."""
    left = [colour for colour in _OTHERS if colour not in [_KNOWN.get(name) for name in names]]
    found = {}
    for name in names:
        found[name] = _KNOWN[name] if name in _KNOWN else left.pop(0) if left else QUIET
    return found


def draw_shape(axes: Axes, cell: Cell, colours: Mapping[str, str], sites: Mapping[str, str]) -> None:
    """The cell from the front, its regions in colours, the thickness of its branches, and marks at sites.

    `colours` by region, `sites` by the names of those that are marked.
    """
    morphology = cell.morphology
    lines = outlines(morphology)
    bare(axes)
    axes.set_aspect("equal", adjustable="datalim")
    whole = np.concatenate(lines)
    extent = max(float(np.ptp(whole[:, 0])), float(np.ptp(whole[:, 1])), _radius(morphology.sections[0]) * 3.0)
    ball = [i for i, section in enumerate(morphology.sections) if _is_round(section)]
    cables = [i for i in range(len(lines)) if i not in ball]
    widths = [float(np.clip(morphology.sections[i].diam * 230.0 / extent, 0.8, 9.0)) for i in cables]
    shades = [colours[morphology.sections[i].region] for i in cables]
    axes.add_collection(
        LineCollection([lines[i] for i in cables], linewidths=widths, colors=shades, capstyle="round", zorder=2)
    )
    for i in ball:
        radius = max(_radius(morphology.sections[i]), 0.018 * extent)
        middle = lines[i].mean(axis=0)
        axes.add_patch(Circle((middle[0], middle[1]), radius, color=colours[morphology.sections[i].region], zorder=3))
    for k, site in enumerate(site for site in cell.sites if site.name in sites):
        at, colour = cell.place(site), sites[site.name]
        x, y = _along(lines[morphology.index(at.section)], at.x)
        axes.plot(x, y, "o", markersize=6.5, color="white", markeredgecolor=colour, markeredgewidth=1.6, zorder=4)
        up = 4 if k % 2 == 0 else -10
        axes.annotate(site.name, (x, y), xytext=(7, up), textcoords="offset points", fontsize=7.5, color=colour,
                      zorder=5)  # fmt: skip
    radius = _radius(morphology.sections[0]) if ball else 0.0
    low, high = whole.min(axis=0) - radius, whole.max(axis=0) + radius
    room = 0.04 * extent if cables else 0.25 * extent
    axes.update_datalim([low - room, high + room])
    axes.autoscale_view()
    _scale_bar(axes, extent, low)


def _scale_bar(axes: Axes, extent: float, low: Float[np.ndarray, " 2"]) -> None:
    power = 10.0 ** math.floor(math.log10(extent / 4))
    length = max(step * power for step in (1, 2, 5) if step * power <= extent / 4)
    x, y = float(low[0]), float(low[1]) - 0.09 * extent
    axes.plot([x, x + length], [y, y], color=INK, linewidth=1.4, solid_capstyle="butt")
    axes.text(x, y - 0.02 * extent, quantity(length, "um"), fontsize=7.5, va="top")
    axes.update_datalim([(x, y - 0.09 * extent)])


def _radius(section: Section) -> float:
    """Of the sphere of the same membrane."""
    return math.sqrt(section.area / (4.0 * math.pi))


def _is_round(section: Section) -> bool:
    return section.region == "soma" and _ROUND * section.diam >= section.L


# --- where the sections lie --------------------------------------------------------------------------------------


def outlines(morphology: Morphology) -> list[Line]:
    """A line in um for every section: its points as they lie, or where a stylised tree has been given a place.

    Without points, the sections that leave the root share the directions around it: apical ones upwards, axons
    downwards, others to the sides, or all around where there are no such; the branches of a section share its sector.
    """
    traced = any(section.points is not None for section in morphology.sections)
    sectors = {} if traced else _sectors(morphology)
    lines: list[Line] = []
    for i, section in enumerate(morphology.sections):
        if section.points is not None:
            lines.append(section.points[:, :2])
            continue
        if i == 0:
            half = 0.0 if _is_round(section) else section.L / 2
            lines.append(np.array([[0.0, -half], [0.0, half]]))
            continue
        parent = lines[section.parent]
        start = _along(parent, section.parent_x)
        angle = sectors[i] if sectors else -math.pi / 2
        lines.append(np.array([start, start + section.L * np.array([math.cos(angle), math.sin(angle)])]))
    return lines


def _along(line: Line, x: float) -> Float[np.ndarray, " 2"]:
    """The point of a line at a share of its length."""
    reach = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))))
    return np.array([np.interp(x * reach[-1], reach, line[:, k]) for k in (0, 1)])


def _sectors(morphology: Morphology) -> dict[int, float]:
    """The direction of every section but the root, in radians."""
    children: dict[int, list[int]] = {}
    for i, section in enumerate(morphology.sections):
        children.setdefault(section.parent, []).append(i)
    found: dict[int, float] = {}
    for stems, low, high in _around(morphology, children.get(0, [])):
        _share(morphology, children, stems, low, high, found)
    return found


def _around(morphology: Morphology, stems: Sequence[int]) -> list[tuple[list[int], float, float]]:
    """Groups of the sections at the root and the sector, in radians, that each group shares."""
    up: list[int] = []
    down: list[int] = []
    aside: list[int] = []
    for i in stems:
        region = morphology.sections[i].region
        (up if _has(region, _UP) else down if _has(region, _DOWN) else aside).append(i)
    half = (len(aside) + 1) // 2
    if up:
        groups = [(up, 65, 115), (down, 255, 285), (aside[:half], 195, 250), (aside[half:], 290, 345)]
    elif down:
        groups = [(down, 255, 285), (aside, -10, 190)]
    elif len(aside) == 1:
        groups = [(aside, 45, 135)]
    else:
        groups = [(aside, 0, 360)]
    return [(group, math.radians(low), math.radians(high)) for group, low, high in groups]


def _has(region: str, words: Sequence[str]) -> bool:
    return any(word in region for word in words)


def _share(
    morphology: Morphology,
    children: Mapping[int, Sequence[int]],
    siblings: Sequence[int],
    low: float,
    high: float,
    found: dict[int, float],
) -> None:
    """Divides a sector among siblings by their tips, and each one's share among its own branches."""
    weights = [_tips(children, i) for i in siblings]
    at = low
    for i, weight in zip(siblings, weights, strict=True):
        width = (high - low) * weight / sum(weights)
        found[i] = at + width / 2
        own = children.get(i, ())
        ends = [k for k in own if morphology.sections[k].parent_x > 0.99]
        _share(morphology, children, ends, *(_at_least(at, at + width, len(ends))), found)
        for n, k in enumerate(k for k in own if k not in ends):
            lean = found[i] + (_ASIDE if n % 2 == 0 else -_ASIDE)
            found[k] = lean
            _share(morphology, children, children.get(k, ()), lean - 0.3, lean + 0.3, found)
        at += width


def _at_least(low: float, high: float, count: int) -> tuple[float, float]:
    """A sector wide enough for this many branches to be told apart, but no wider than a right angle and a half."""
    wide = min(max(high - low, 0.5 * count), 2.4)
    return (low + high - wide) / 2, (low + high + wide) / 2


def _tips(children: Mapping[int, Sequence[int]], i: int) -> int:
    return sum(_tips(children, k) for k in children.get(i, ())) or 1
