"""The section of RESULTS.md, made of what was measured."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.engine import environments, pictures, targets
from benchmarks.engine.targets import aims, fastest, over_bound, ratios, verdict

from gbar.files import write_whole

BEGIN, END = "<!-- engine:begin -->", "<!-- engine:end -->"
PRECISIONS = ("float32", "float64")
HOW = """`make bench-engine` ({minutes:.0f} min): from theta in memory to the array of voltages v[row, time] at every
step of 0.025 ms; the same cell, parameter sets and step of current for all; one core, one thread each; gbar and a peer
in turn (A B A B, {pairs} pairs), each a process of its own that is suspended while the other runs. Seconds of the
processor, median (range); what is shorter than a quarter of a second is repeated within a turn. Building, compiling and
importing are not in the times. No TABLE except where it is said. A ratio is the peer's time over gbar's, pair by pair.
{machine}."""
PEERS = """The peers are from PyPI, each with its fastest settings: NEURON {neuron} (gbar's .mod files, compiled with
`{fast}`; its loops run fewer sets), CoreNEURON of the same wheel and flags, Arbor {arbor}
(the wheel, AVX2; its own catalogues; sizes of groups tried; parameters are set when it is built, which is not in its
time), {jaxley} (widths of vmap tried), Brian2 {brian} (exponential Euler)."""
WHY = """Spikes are upward crossings of −20 mV, of all sets that the peer ran and of the same sets in gbar. They differ
where the model does: NEURON's own `hh` looks its rates up in a TABLE; Brian2 moves gates and voltage from the same old
values; Arbor is given cylinders of the same length and area where pieces taper, and dendrites at the soma's end."""
BOUND = """The bound: exp, log and pow of a step as the mechanisms are parsed, each once, times what one exp of the
kernel takes on data in the first-level cache. Fewer exps in the kernel do not lower it, so that less than 1 is
possible."""
HEADS = {
    "rows": (
        "One Hodgkin–Huxley compartment, 8,000 steps, every step kept, at most 512 rows in memory:",
        "steps",
        "M steps/s",
    ),
    "compartments": ("Branched Hodgkin–Huxley cells, 64 rows:", "steps", "M compartment-steps/s"),
    "channels": ("Channels of Hay et al. on 197 compartments, 64 rows:", "instances", "M channel-steps/s"),
}


def write(parts: dict[str, Any], file: Path, seconds: float) -> None:
    """Rewrites the section between the markers of a file, and the pictures."""
    pictures.draw(parts, environments.ROOT / "docs" / "pictures")
    old = file.read_text(encoding="utf-8") if file.exists() else "# Results\n"
    block = f"{BEGIN}\n{text(parts, seconds)}\n{END}"
    if BEGIN in old and END in old:
        new = old[: old.index(BEGIN)] + block + old[old.index(END) + len(END) :]
    else:
        new = old.rstrip("\n") + f"\n\n{block}\n"
    write_whole(file, new.encode())


def text(parts: dict[str, Any], seconds: float) -> str:
    """The section."""
    works = {name: parts[name] for name in targets.WORKS if name in parts}
    pairs = max((len(way["pairs"]) for part in works.values() for way in part["ways"]), default=0)
    lines = [
        *("## Engine: gbar beside the simulators of the field", ""),
        *(HOW.format(minutes=seconds / 60, pairs=pairs, machine=machine()), "", peers(), "", WHY, ""),
        *("![ratios](../docs/pictures/engine.png)", "", *summary(works)),
        *(line for part in works.values() for line in work(part)),
        *bound(works),
        *alone(parts),
        *promises(parts),
        *("", f"**{verdict(parts)}**"),
    ]
    return "\n".join(lines)


def machine() -> str:
    """The processor and the versions."""
    try:
        found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    name = found.group(1).strip() if found else platform.processor() or "unknown processor"
    return f"{name}, Python {platform.python_version()}, NumPy {version('numpy')}, Numba {version('numba')}"


def peers() -> str:
    """What the peers are."""
    return PEERS.format(
        fast=environments.FAST,
        neuron=environments.versions("neuron", "neuron").split()[-1],
        arbor=environments.versions("arbor", "arbor").split()[-1],
        jaxley=environments.versions("jaxley", "Jaxley", "jax", "jaxley-mech"),
        brian=environments.versions("brian2", "Brian2").split()[-1],
    )


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table in Markdown."""
    heads = list(heads)
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    yield from (f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)


def spread(values: Iterable[float], form: str = "{:.3g}") -> str:
    """The median, and the smallest and largest."""
    known = sorted(values)
    return f"{form.format(median(known))} ({form.format(known[0])}–{form.format(known[-1])})"


def summary(works: dict[str, Any]) -> Iterator[str]:
    """One line a work: what gbar is compared with."""
    heads = (
        *("work", "fastest peer, any precision", "float32 over it", "fastest float64 peer", "float64 over it"),
        "float32 over NEURON's many-cells run",
    )
    rows = []
    for part in works.values():
        row = [part["title"]]
        for precision in PRECISIONS:
            way = fastest(part, precision)
            name, ratio = ("", "") if way is None else (f"{way['name']}, {way['precision']}", over(way, precision))
            row += [name, f"**{ratio}**"]
        cells = next((way for way in part["ways"] if way["role"] == "cells"), None)
        rows.append([*row, f"**{over(cells, 'float32')}**" if cells else ""])
    yield from table(heads, rows)


def over(way: dict[str, Any], precision: str) -> str:
    """How many times longer a peer takes."""
    return spread(ratios(way, precision), "{:.1f}")


def work(part: dict[str, Any]) -> Iterator[str]:
    """The table of a work."""
    steps = 1e-6 * part["compartments"] * part["steps"]
    yield from ("", f"### {part['title']}, {part['rows']:,} parameter sets", "")
    heads = (
        *("", "precision", "ms a set", "M compartment-steps/s", "over gbar float32", "over gbar float64", "sets"),
        *("spikes: peer, gbar", "prepared"),
    )
    rows = []
    for precision in PRECISIONS:
        run = part[precision]
        each = [seconds / part["rows"] for seconds in run["runs"]]
        speed, told = f"{steps / median(each):.0f}", f"{run['seconds']:.1f} s; {run['told']}"
        rows.append(
            ["**gbar**", precision, spread(1e3 * t for t in each), speed, "", "", f"{part['rows']:,}", "", told]
        )
    for way in sorted(part["ways"], key=lambda way: targets.ratio(way, "float32")):
        times = [pair["peer"]["cpu"] for pair in way["pairs"]]
        rows.append(
            [
                *(way["name"], way["precision"], spread(1e3 * t for t in times), f"{steps / median(times):.3g}"),
                *(over(way, precision) for precision in PRECISIONS),
                *(f"{way['rows']:,}", spikes(way), f"{way['seconds']:.1f} s; {way['told']}"),
            ]
        )
    rows += [[name, "", f"not measured: {why}", *[""] * 6] for name, why in part["missing"].items()]
    yield from table(heads, rows)


def spikes(way: dict[str, Any]) -> str:
    """The spikes of a peer and of gbar in the same sets."""
    ours = dict.fromkeys(f"{way['ours'][precision]:,}" for precision in PRECISIONS)
    return f"{way['spikes']:,}, {' or '.join(ours)}"


def bound(works: dict[str, Any]) -> Iterator[str]:
    """How near gbar comes to what its exponentials alone would take."""
    yield from ("", "### Beside the bound", "", BOUND, "")
    heads = [
        "work",
        "exps a step",
        *(head for p in PRECISIONS for head in (f"{p}: one exp, ns", "gbar over the bound")),
    ]
    rows = []
    for name, part in works.items():
        each = ((f"{1e9 * median(part[p]['exp']):.3f}", f"**{over_bound(part, p):.2f}**") for p in PRECISIONS)
        rows.append([f"({name})", f"{part['exps']:,}", *(cell for pair in each for cell in pair)])
    yield from table(heads, rows)


def alone(parts: dict[str, Any]) -> Iterator[str]:
    """What gbar is measured at alone."""
    if "vectors" in parts:
        yield from vectors(parts["vectors"])
    if scaled := [name for name in HEADS if name in parts]:
        yield from ("", "### Rows, compartments, channels, threads", "")
        yield "![scaling](../docs/pictures/engine-scaling.png)"
        for name in scaled:
            yield from points(name, parts[name])
    if "threads" in parts:
        each = ", ".join(f"{p} {targets.of_threads(run):.2f}" for p, run in parts["threads"].items())
        count = next(iter(parts["threads"].values()))["rows"]
        what = f"Two threads over one, {count:,} rows of one compartment, by the clock, the shortest of many turns"
        yield from ("", f"{what}: {each}.")
    if "start" in parts:
        clock, used = (spread(parts["start"][key], "{:.2f}") for key in ("seconds", "cpu"))
        what = "`gbar simulate sphere -n 1000` from the cache, as a whole process"
        yield from ("", f"{what}: {clock} s by the clock, {used} s of the processor.")


def vectors(found: dict[str, Any]) -> Iterator[str]:
    """The emitted vectors, and what AVX2 takes."""
    yield from ("", "### Vectors", "")
    yield "Packed arithmetic in the emitted assembly by register, and the same work compiled for AVX2, in turn."
    yield ""
    labels = list(next(iter(found.values())))
    heads = ["work", *(head for label in labels for head in (f"{label}, ms", "instructions")), "AVX2 over it"]
    rows = []
    for name, kinds in found.items():
        wide, narrow = (kinds[label]["cpu"] for label in labels)
        cells = ((spread(1e3 * t for t in kind["cpu"]), kind["vectors"]) for kind in kinds.values())
        times = spread((n / w for w, n in zip(wide, narrow, strict=True)), "{:.2f}")
        rows.append([name, *(cell for pair in cells for cell in pair), times])
    yield from table(heads, rows)


def points(name: str, part: dict[str, Any]) -> Iterator[str]:
    """The figures of a plot."""
    title, value, unit = HEADS[name]
    yield from ("", title, "")
    rows = []
    for precision, run in part.items():
        rows.append([f"{precision}, {unit}", *(f"{1e-6 * p[value]:.0f}" for p in run["points"])])
        if name == "rows":
            rows.append([f"{precision}, ms", *(f"{1e3 * p['seconds']:.3g}" for p in run["points"])])
        if "MiB" in run["points"][0]:
            rows.append([f"{precision}, peak memory of the process, MiB", *(f"{p['MiB']:.0f}" for p in run["points"])])
    counts = [f"{p[name]:,}" for p in next(iter(part.values()))["points"]]
    yield from table([name, *counts], rows)


def promises(parts: dict[str, Any]) -> Iterator[str]:
    """The targets beside what is reached."""
    yield from ("", "### Targets", "")
    rows = []
    for aim in aims(parts):
        reached = f"**{aim.reached:.2f}**" if aim.missed else f"{aim.reached:.2f}"
        rows.append([aim.what, reached, f"{aim.target:g}", f"{aim.share:.0%}", aim.detail])
    yield from table(["what", "reached", "target", "share", "beside"], rows)
