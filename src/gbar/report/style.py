"""How figures look: colours that the colour-blind tell apart, sizes for a page of 960 CSS pixels, SVG for HTML."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable
from functools import lru_cache, wraps
from itertools import pairwise
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from gbar.report.tables import number, unit_text

WIDTH = 10.0  # inches: 960 CSS pixels, at which 9 points are 12 pixels

INK = "#1c2430"  # text, and whatever was measured
QUIET = "#667080"  # ticks, secondary text
RULE = "#d5dae1"
PRIOR = "#c3c9d2"
POSTERIOR = "#0b66a8"
POSTERIOR_LIGHT = "#9cc6e6"
TRUTH = "#d55e00"  # vermilion: the truth, and what disagrees
SECOND = "#e08a00"  # orange: the network that is compared
DENSITY = LinearSegmentedColormap.from_list("gbar density", ["#ffffff", "#cfe3f3", "#7db4dd", POSTERIOR, "#063a63"])

_FONT = "DejaVu Sans"  # comes with matplotlib, so every machine draws the same
SETTINGS: Any = {
    "font.family": [_FONT],
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,  # names come from files
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.titlepad": 5.0,
    "axes.unicode_minus": True,
    "axes.axisbelow": True,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "gbar",
    "path.simplify": True,
}

P = ParamSpec("P")


def drawn(make: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draws a figure in gbar's style without leaving a trace in matplotlib's settings."""

    @wraps(make)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(SETTINGS):
            return make(*args, **kwargs)

    return styled


def blank(height: float, width: float = WIDTH) -> Figure:
    """An empty figure of that size in inches, laid out by itself, without pyplot."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def svg(figure: Figure) -> str:
    """The figure as a data URI of an SVG image; artists marked as rasterised are drawn at 200 dots per inch."""
    stream = io.BytesIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(stream, format="svg", dpi=200, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def plain(text: str, longest: int = 60) -> str:
    """Text of any origin, fit to be drawn: one line, no character that the font lacks, not too long."""
    known = _characters()
    line = "".join(c if ord(c) in known else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    if len(line) <= longest:
        return line
    tail = longest // 2
    return line[: longest - tail - 1] + "…" + line[-tail:]  # names of one family differ at their ends


def drawn_unit(unit: str) -> str:
    """A unit of any origin, fit to be drawn; empty for a number without one."""
    return plain(unit_text(unit), 20)


def numbered(axis: Any, log: bool = False, ticks: int = 5) -> None:
    """Ticks at round numbers, written out (0.01, 4 × 10⁻⁵) instead of as an offset or a power."""
    low, high = sorted(axis.get_view_interval())
    if log and low > 0:
        axis.set_major_locator(FixedLocator(_log_ticks(low, high, ticks)))
    else:
        axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(float(f"{value:.9g}"))))


def bare(axes: Axes) -> None:
    """Takes all spines and ticks from a panel."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` round numbers of a logarithmic axis, far enough from each other for their labels."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = range(first, last + 1)
    sets = [[sub * 10.0**k for k in decades for sub in subs] for subs in ((1, 2, 5), (1, 3), (1,))]
    sets += [[10.0**k for k in decades if k % stride == 0] for stride in range(2, len(decades) + 2)]
    if high / low < 8:
        sets = [
            list(MaxNLocator(n, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)) for n in range(most, 0, -1)
        ] + sets
    shown = [[value for value in values if low * 0.9999 <= value <= high * 1.0001] for values in sets]
    apart = 0.8 * math.log(high / low) / most
    fit = [values for values in shown if all(math.log(b / a) >= apart for a, b in pairwise(values))]
    return max(fit, key=lambda values: (min(len(values), 3), -len(values)), default=[])


def _tick(value: float) -> str:
    """A tick's number, short: 0.02, 10⁻⁷, 4·10⁻⁵."""
    text = number(value, 9).replace(" × ", "·")
    return text.removeprefix("1·") if text.startswith("1·10") else text


@lru_cache(maxsize=1)
def _characters() -> frozenset[int]:
    return frozenset(get_font(findfont(_FONT)).get_charmap())
