"""gbar and the peers on one work, in turn: A B A B, one core, each suspended while the other runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.engine.bound import exp_seconds, in_a_step
from benchmarks.engine.contender import Contender, Trouble
from benchmarks.engine.environments import HERE, Missing, environment
from benchmarks.engine.ways import PEER_WAYS, Way
from benchmarks.engine.works import Work

from gbar.cell import read_cell
from gbar.compartments import lower

PRECISIONS = ("float32", "float64")
LEAST = 0.25  # s of the processor that a turn takes, by repeating what is shorter


def race(work: Work, folder: Path, pairs: int, core: int) -> dict[str, Any]:
    """What is known of a work when all have run: plain data, for the report."""
    place = work.write(folder)
    cell = read_cell(place / "cell.yaml")
    tables = lower(cell)
    result: dict[str, Any] = {
        "title": work.title,
        "rows": work.rows,
        "steps": cell.protocol.stimuli[0].n_steps,
        "compartments": cell.compartments,
        "instances": sum(len(compartment.instances) for compartment in tables.compartments),
        "exps": in_a_step(tables),
        "ways": [],
        "missing": {},
    }
    with ExitStack() as stack:
        ours = {}
        for precision in PRECISIONS:
            one = stack.enter_context(Contender(Path(sys.executable), HERE / "peers" / "gbar_peer.py", core))
            ready = one.prepare(place, {"precision": precision})
            result[precision] = {"seconds": ready["seconds"], "told": ready["told"], "runs": [], "exp": []}
            one.run()
            ours[precision] = one
        for way in _ways(work, place, result["missing"]):
            try:
                result["ways"].append(_against(way, ours, place, pairs, core))
            except Trouble as trouble:
                result["missing"][way.name] = str(trouble)
                print(f"  {way.name}: {trouble}", flush=True)
        _beside_the_bound(result, ours, core)
    return result


def _ways(work: Work, place: Path, missing: dict[str, str]) -> Iterator[Way]:
    for peer, ways in PEER_WAYS.items():
        try:
            yield from ways(work.name, place / "neuron" / "mechanisms")
        except Missing as reason:
            missing[peer] = str(reason)
            print(f"  {peer}: {reason}", flush=True)


def _against(way: Way, ours: dict[str, Contender], place: Path, pairs: int, core: int) -> dict[str, Any]:
    """A way's times beside gbar's. Raises Trouble."""
    found: dict[str, Any] = {
        "name": way.name, "peer": way.peer, "role": way.role, "precision": way.precision, "pairs": [],
    }  # fmt: skip
    with Contender(environment(way.environment), HERE / "peers" / way.script, core, way.variables) as peer:
        ready = _best(way, peer, place, found)
        rows = ready["rows"]
        for _ in range(pairs):
            turn = {precision: ours[precision].run(LEAST) for precision in PRECISIONS}
            theirs = peer.run(LEAST)
            pair = {p: {k: turn[p][k] / len(turn[p]["spikes"]) for k in ("cpu", "wall")} for p in PRECISIONS}
            found["pairs"].append({**pair, "peer": {k: theirs[k] / rows for k in ("cpu", "wall")}})
        found |= {
            "rows": rows,
            "seconds": ready["seconds"],
            "told": "; ".join(text for text in (ready["told"], way.told) if text),
            "spikes": sum(theirs["spikes"]),
            "not finite": theirs["not finite"],
            "ours": {p: sum(turn[p]["spikes"][:rows]) for p in PRECISIONS},
        }
    ratios = ", ".join(
        f"{p} {sorted(pair['peer']['cpu'] / pair[p]['cpu'] for pair in found['pairs'])[pairs // 2]:.1f}x"
        for p in PRECISIONS
    )
    one = sorted(pair["peer"]["cpu"] for pair in found["pairs"])[pairs // 2]
    print(f"  {way.name} ({way.precision}; {found['told']}): {1e3 * one:.3g} ms a set, gbar {ratios}", flush=True)
    return found


def _best(way: Way, peer: Contender, place: Path, found: dict[str, Any]) -> dict[str, Any]:
    """Prepares the way with the settings that are fastest; each is run once before."""
    tried: dict[int, float] = {}
    for k, settings in enumerate(way.settings):
        ready = peer.prepare(place, settings | ({"rows": way.rows} if way.rows else {}))
        peer.run()
        if len(way.settings) > 1:
            tried[k] = peer.run(LEAST)["cpu"] / ready["rows"]
    if tried:
        found["tried"] = [{**way.settings[k], "ms": 1e3 * seconds} for k, seconds in tried.items()]
        best = min(tried, key=lambda k: tried[k])
        if best != len(way.settings) - 1:
            ready = peer.prepare(place, way.settings[best] | ({"rows": way.rows} if way.rows else {}))
            peer.run()
    return ready


def _beside_the_bound(result: dict[str, Any], ours: dict[str, Contender], core: int) -> None:
    """The runs of gbar beside the time of its own exp on the same core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    for precision, one in ours.items():
        for _ in range(3):
            result[precision]["exp"].append(exp_seconds(precision, 0.3))
            result[precision]["runs"].append(one.run(LEAST)["cpu"])
    os.sched_setaffinity(0, cores)
