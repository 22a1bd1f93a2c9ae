"""What was promised, and what of it is missed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

ENOUGH = 0.9  # of a target; below it the benchmark says so
NEURON_CELLS = {"a": 20.0, "b64": 10.0, "b1024": 10.0, "c": 10.0, "d": 10.0}  # float32
FASTEST = {
    "float32": {"a": 3.0, "b64": 4.0, "b1024": 4.0, "c": 4.0, "d": 4.0},
    "float64": {"a": 3.0, "b64": 2.0, "b1024": 2.0, "c": 2.0, "d": 2.0},
}
LOOP = {"a": 100.0}  # float32, the Python loop that people write
BOUND = 2.0  # times what the exponentials alone would take
THREADS = 1.9  # two threads over one
START = 2.0  # s
FEW, MANY = 64, 100_000  # rows between which throughput is flat
WORKS = ("a", "b64", "b1024", "c", "d")


@dataclass(frozen=True)
class Aim:
    """A ratio that is to be reached: `reached` at least `target`."""

    what: str
    reached: float
    target: float
    detail: str = ""

    @property
    def share(self) -> float:
        """How much of the target is reached."""
        return self.reached / self.target

    @property
    def missed(self) -> bool:
        """Whether it is less than is called enough."""
        return self.share < ENOUGH


def ratios(way: dict[str, Any], precision: str) -> list[float]:
    """How many times longer the peer took, pair by pair."""
    return [pair["peer"]["cpu"] / pair[precision]["cpu"] for pair in way["pairs"]]


def ratio(way: dict[str, Any], precision: str) -> float:
    """The median of them."""
    return median(ratios(way, precision))


def fastest(part: dict[str, Any], precision: str) -> dict[str, Any] | None:
    """The fastest peer that gbar in this precision is compared with: of any precision for float32, else of float64.

    A way with a TABLE does less work, and is none.
    """
    ways = [w for w in part["ways"] if w["role"] != "table" and precision in ("float32", w["precision"])]
    return min(ways, key=lambda way: ratio(way, precision), default=None)


def aims(parts: dict[str, Any]) -> list[Aim]:
    """All targets for which there is a figure."""
    found: list[Aim] = []
    for name in WORKS:
        if name in parts:
            found += _of_work(name, parts[name])
    if "rows" in parts:
        for precision, run in parts["rows"].items():
            speed = {point["rows"]: point["steps"] for point in run["points"]}
            found.append(
                Aim(f"throughput of {MANY:,} rows over that of {FEW}, {precision}", speed[MANY] / speed[FEW], 1.0)
            )
    if "threads" in parts:
        for precision, run in parts["threads"].items():
            found.append(Aim(f"two threads over one, {precision}", of_threads(run), THREADS))
    if "start" in parts:
        seconds = median(parts["start"]["seconds"])
        found.append(Aim("start-up, simulate sphere -n 1000", START / seconds, 1.0, f"{seconds:.2f} s"))
    return found


def _of_work(name: str, part: dict[str, Any]) -> Iterator[Aim]:
    label = f"({name})"
    for way in part["ways"]:
        if way["role"] == "cells":
            yield Aim(f"{label} float32 over NEURON's many-cells run", ratio(way, "float32"), NEURON_CELLS[name])
        if way["role"] == "loop" and "h.run" in way["name"] and name in LOOP:
            yield Aim(f"{label} float32 over the Python loop", ratio(way, "float32"), LOOP[name])
    for precision, by_work in FASTEST.items():
        if (peer := fastest(part, precision)) is not None:
            told = f"{peer['name']} ({peer['precision']})"
            yield Aim(f"{label} {precision} over the fastest peer", ratio(peer, precision), by_work[name], told)
    for precision in FASTEST:
        yield Aim(f"{label} {precision} within {BOUND:g} times the bound", BOUND / over_bound(part, precision), 1.0)


def of_threads(run: dict[str, Any]) -> float:
    """How many times faster two threads are: by the shortest times, which other work on the machine disturbs least."""
    return min(run["seconds"]["1"]) / min(run["seconds"]["2"])


def over_bound(part: dict[str, Any], precision: str) -> float:
    """How many times longer gbar takes than its exponentials alone would."""
    run = part[precision]
    exps = part["exps"] * part["rows"] * part["steps"]
    return median(seconds / (exps * exp) for seconds, exp in zip(run["runs"], run["exp"], strict=True))


def verdict(parts: dict[str, Any]) -> str:
    """The last line: which ratios are below 90 % of their target."""
    missed = [aim for aim in aims(parts) if aim.missed]
    if not missed:
        return "No ratio is below 90 % of its target."
    told = "; ".join(f"{aim.what}: {aim.reached:.2f} of {aim.target:g} ({aim.share:.0%})" for aim in missed)
    return f"Below 90 % of their target: {told}."
