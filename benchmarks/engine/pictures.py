"""The pictures: ratios per work and peer, and how gbar's throughput goes with rows, compartments, channels, threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from benchmarks.engine.targets import WORKS, of_threads, ratio
from matplotlib.axes import Axes

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
    """How many times longer each peer takes than gbar in float32; hollow bars: than gbar in float64."""
    works = [name for name in WORKS if name in parts]
    figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
    for place, name in enumerate(works):
        best = _best(parts[name])
        width = 0.8 / len(COLOURS)
        for k, (peer, colour) in enumerate(COLOURS.items()):
            x = place + (k - (len(COLOURS) - 1) / 2) * width
            if peer not in best:
                axes.text(x, 1.05, "–", ha="center", va="bottom", color=GREY)
                continue
            value = best[peer]["float32"]
            axes.bar(x, value, 0.9 * width, color=colour, label=peer if place == 0 else None)
            axes.text(x, value * 1.04, f"{value:.3g}", ha="center", va="bottom", fontsize=7, color=INK)
            if "float64" in best[peer]:
                axes.plot([x - 0.42 * width, x + 0.42 * width], [best[peer]["float64"]] * 2, color="white", lw=1.6)
    axes.set_yscale("log")
    axes.set_ylim(bottom=1)
    axes.set_xticks(range(len(works)), [SHORT[name] for name in works])
    axes.set_ylabel("time of the peer / time of gbar")
    axes.set_title(
        "One core, the same work in turn. Bars: each peer's best over gbar float32; "
        "white lines: its best float64 over gbar float64",
        fontsize=8, color=GREY, loc="left",
    )  # fmt: skip
    axes.legend(frameon=False, ncols=len(COLOURS), fontsize=8, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=150)
    plt.close(figure)


def _best(part: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The smallest ratio of each peer to gbar float32 by any of its ways, and to gbar float64 by those in float64."""
    best: dict[str, dict[str, float]] = {}
    for way in part["ways"]:
        if way["role"] in ("table", "loop"):
            continue
        mine = best.setdefault(way["peer"], {})
        for precision in ("float32", "float64"):
            if precision in ("float32", way["precision"]):
                mine[precision] = min(mine.get(precision, float("inf")), ratio(way, precision))
    return best


def scaling(parts: dict[str, Any], file: Path) -> None:
    """Throughput of gbar, log-log."""
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.1), layout="constrained")
    _plot(axes[0], parts.get("rows"), "rows", "steps", "rows", "compartment-steps/s")
    _plot(axes[1], parts.get("compartments"), "compartments", "steps", "compartments", "compartment-steps/s")
    _plot(axes[2], parts.get("channels"), "channels", "instances", "channels", "channel-steps/s")
    for precision, run in (parts.get("threads") or {}).items():
        marker, colour = PRECISIONS[precision]
        counts = [int(count) for count in run["seconds"]]
        speed = [1.0, of_threads(run)]
        axes[3].loglog(counts, speed, marker=marker, color=colour, ms=4, lw=1, label=precision)
        axes[3].loglog(counts, counts, color=GREY, lw=0.8, ls=":")
        axes[3].set_xticks(counts, [str(count) for count in counts], minor=False)
    axes[3].set_xlabel("threads")
    axes[3].set_ylabel("times as fast as one")
    if "rows" in parts:
        axes[0].legend(frameon=False, fontsize=8)
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(True, which="major", lw=0.3, color=GREY)
    figure.savefig(file, dpi=150)
    plt.close(figure)


def _plot(axes: Axes, part: dict[str, Any] | None, x: str, y: str, across: str, up: str) -> None:
    for precision, run in (part or {}).items():
        marker, colour = PRECISIONS[precision]
        points = run["points"]
        axes.loglog(
            [p[x] for p in points], [p[y] for p in points], marker=marker, color=colour, ms=4, lw=1, label=precision
        )
    axes.set_xlabel(across)
    axes.set_ylabel(up)
