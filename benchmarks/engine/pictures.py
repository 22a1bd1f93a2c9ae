"""The pictures: ratios per work and peer, and how gbar's throughput goes with rows, compartments, channels, threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from benchmarks.engine.targets import WORKS, of_threads, ratio
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

INK, GREY = "#1b1b1b", "#8a8a8a"
COLOURS = {"NEURON": "#4c72b0", "CoreNEURON": "#64b5cd", "Arbor": "#dd8452", "Jaxley": "#55a868", "Brian2": "#c44e52"}
PRECISIONS = {"float32": ("o", INK), "float64": ("s", "#4c72b0")}
SHORT = {
    "a": "(a) one compartment\n1,000 sets",
    "b64": "(b) 197 compartments\n64 sets",
    "b1024": "(b) 197 compartments\n1,024 sets",
    "c": "(c) L5 pyramid\n12 channels, 64 sets",
    "d": "(d) CA1 pyramid\n64 sets",
}


def draw(parts: dict[str, Any], folder: Path) -> None:
    """Draws what there are figures for."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(name in parts for name in WORKS):
        ratios(parts, folder / "engine.png")
    if any(name in parts for name in ("rows", "compartments", "channels", "threads")):
        scaling(parts, folder / "engine-scaling.png")


def ratios(parts: dict[str, Any], file: Path) -> None:
    """How many times longer each peer takes, by its best way: float32 beside any precision, float64 beside float64."""
    works = [name for name in WORKS if name in parts]
    figure, axes = plt.subplots(2, 1, figsize=(9, 5), layout="constrained", sharex=True)
    titles = ("gbar float32; the peers in their best precision", "gbar float64; the peers in float64")
    for one, precision, title in zip(axes, PRECISIONS, titles, strict=True):
        for place, name in enumerate(works):
            _bars(one, place, best(parts[name], precision))
        one.set_yscale("log")
        one.set_ylim(1, 200)
        one.set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
        one.set_title(title, fontsize=9, color=INK, loc="left")
        one.spines[["top", "right"]].set_visible(False)
    axes[1].set_xticks(range(len(works)), [SHORT[name] for name in works], fontsize=8)
    axes[1].set_xlim(-0.5, len(works) - 0.5)
    figure.supylabel("time of the peer / time of gbar, one core", fontsize=9)
    handles = [Patch(color=colour, label=peer) for peer, colour in COLOURS.items()]
    figure.legend(handles=handles, frameon=False, ncols=len(COLOURS), fontsize=8, loc="outside upper right")
    figure.savefig(file, dpi=150)
    plt.close(figure)


def _bars(axes: Axes, place: int, values: dict[str, float]) -> None:
    """The bars of one work; a dash for a peer that cannot do it."""
    width = 0.85 / len(COLOURS)
    for k, (peer, colour) in enumerate(COLOURS.items()):
        x = place + (k - (len(COLOURS) - 1) / 2) * width
        value = values.get(peer)
        axes.bar(x, value or 1.0, 0.9 * width, color=colour)
        text = f"{value:.2g}" if value and value < 10 else f"{value:.0f}" if value else "–"
        axes.text(x, 1.05 * (value or 1.0), text, ha="center", va="bottom", fontsize=7, color=INK if value else GREY)


def best(part: dict[str, Any], precision: str) -> dict[str, float]:
    """The smallest ratio of each peer: to gbar float32 by any of its ways, to gbar float64 by those in float64."""
    found: dict[str, float] = {}
    for way in part["ways"]:
        if way["role"] not in ("table", "loop") and precision in ("float32", way["precision"]):
            found[way["peer"]] = min(found.get(way["peer"], float("inf")), ratio(way, precision))
    return found


def scaling(parts: dict[str, Any], file: Path) -> None:
    """Throughput of gbar, log-log."""
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.1), layout="constrained")
    panels = (
        ("rows", "steps", "M compartment-steps/s", (1, 10, 100, 1000)),
        ("compartments", "steps", "M compartment-steps/s", (100, 300, 1000)),
        ("channels", "instances", "M channel-steps/s", (100, 300, 1000)),
    )
    for one, (name, value, label, ticks) in zip(axes, panels, strict=False):
        for precision, run in parts.get(name, {}).items():
            _line(one, precision, [(p[name], 1e-6 * p[value]) for p in run["points"]])
        _labelled(one, name, label, ticks)
    for precision, run in parts.get("threads", {}).items():
        _line(axes[3], precision, [(1, 1.0), (2, of_threads(run))])
    axes[3].plot([1, 2], [1, 2], color=GREY, lw=0.8, ls=":")
    _labelled(axes[3], "threads", "times as fast as one", (1, 2))
    axes[3].set_xticks([1, 2], ["1", "2"])
    handles = [Line2D([], [], marker=m, color=c, ms=4, lw=1, label=p) for p, (m, c) in PRECISIONS.items()]
    figure.legend(handles=handles, frameon=False, ncols=2, fontsize=8, loc="outside upper right")
    figure.savefig(file, dpi=150)
    plt.close(figure)


def _line(axes: Axes, precision: str, points: list[tuple[int, float]]) -> None:
    marker, colour = PRECISIONS[precision]
    axes.plot(*zip(*points, strict=True), marker=marker, color=colour, ms=4, lw=1)


def _labelled(axes: Axes, across: str, up: str, ticks: tuple[int, ...]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.8 * ticks[0], 1.25 * ticks[-1])
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, lw=0.3, color=GREY)
