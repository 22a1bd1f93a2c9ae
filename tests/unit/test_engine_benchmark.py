"""The benchmark of the engine: contenders over pipes, the bound, the targets and the text that is left behind."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.engine import report, targets
from benchmarks.engine.bound import exponentials, in_a_step
from benchmarks.engine.contender import Contender, Trouble
from benchmarks.engine.works import branched_cell, described

from gbar.compartments import lower
from gbar.mechanism import parse, read, shipped_file

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "engine" / "peers"))
from vectors import counted

PEER = """
import sys
sys.path.insert(0, {peers!r})
import numpy as np
from worker import Ready, serve

def prepare(work, settings):
    if settings.get("broken"):
        raise ValueError("no such channel")
    print("chatter")
    return Ready(lambda: np.array([[-65.0, 10.0, -65.0, 10.0], [-65.0] * 4]), 2, "told")

serve(prepare)
"""


def test_a_contender_answers_over_pipes(tmp_path: Path) -> None:
    script = tmp_path / "peer.py"
    script.write_text(PEER.format(peers=str(Path(__file__).parents[2] / "benchmarks" / "engine" / "peers")))
    with Contender(Path(sys.executable), script, 0) as one:
        with pytest.raises(Trouble, match="no such channel"):
            one.prepare(tmp_path, {"broken": True})
        assert one.prepare(tmp_path, {})["told"] == "told"
        answer = one.run()
        assert answer["spikes"] == [2, 0] and answer["samples"] == 4 and answer["cpu"] >= 0
    script.write_text("raise SystemExit('the licence has run out')")
    with Contender(Path(sys.executable), script, 0) as one, pytest.raises(Trouble, match="licence"):
        one.prepare(tmp_path, {})


def test_exponentials_are_counted_in_the_mechanism() -> None:
    hh = read(shipped_file("hh"))
    assert exponentials(hh) == 9
    assert in_a_step(lower(branched_cell(1.0))) == 9 * 197
    assert exponentials(read(shipped_file("pas"))) == 0
    shared = """
    NEURON { SUFFIX twice NONSPECIFIC_CURRENT i }
    PARAMETER { g = 1e-5 celsius }
    STATE { n }
    ASSIGNED { v i }
    BREAKPOINT { SOLVE s METHOD cnexp i = g*n*exp(v/9)*exp(v/9)*3^(celsius/10) }
    DERIVATIVE s { n' = (exp(v/9) - n)/5 }
    """
    assert exponentials(parse(shared)) == 1  # nothing else changes in time


def test_a_work_says_what_theta_sets() -> None:
    work = described(branched_cell(1.0))
    assert [len(section) for section in work["sections"]] == [1] + [7] * 28
    sodium = work["free"][0]
    assert (sodium["suffix"], sodium["variable"], sodium["compartments"]) == ("hh", "gnabar", list(range(197)))
    assert set(sodium["weights"]) == {1.0}
    assert work["compartments"][8][1] == 7  # the second branch joins the end of the first


def test_vectors_are_counted_by_register() -> None:
    assembly = "\tvfmadd231ps\t%zmm1, %zmm2, %zmm3\n\tvmulsd\t%xmm1, %xmm2, %xmm3\n\tvaddpd\t(%rax), %ymm1, %ymm1\n"
    assert counted(assembly) == {"zmm": 1, "ymm": 1, "xmm": 0}


def part(peer: float) -> dict[str, Any]:
    """A work in which gbar takes 1 ms a set in float32, 2 ms in float64, and its peers `peer` ms and more."""
    pair = {"float32": {"cpu": 1e-3}, "float64": {"cpu": 2e-3}}
    common = {"rows": 4, "told": "", "seconds": 1.0, "spikes": 7, "ours": {"float32": 7, "float64": 7}}

    def way(name: str, role: str, precision: str, ms: float) -> dict[str, Any]:
        pairs = [{**pair, "peer": {"cpu": 1e-3 * ms}}]
        return {"name": name, "peer": name, "role": role, "precision": precision, "pairs": pairs, **common}

    ours = {"told": "64 lanes", "seconds": 2.0}
    return {
        "title": "(d)", "rows": 4, "steps": 10, "compartments": 5, "exps": 50, "missing": {"Brian2": "no trees"},
        "ways": [
            way("Jaxley", "peer", "float32", peer),
            way("Arbor", "peer", "float64", 1.5 * peer),
            way("NEURON", "cells", "float64", 3 * peer),
            way("NEURON with TABLE", "table", "float64", 0.1),
        ],
        "float32": {**ours, "runs": [4e-3], "exp": [1e-6]}, "float64": {**ours, "runs": [8e-3], "exp": [2e-6]},
    }  # fmt: skip


def test_the_last_line_says_what_is_missed() -> None:
    assert targets.verdict({"d": part(4.0)}) == "No ratio is below 90 % of its target."
    slow = targets.verdict({"d": part(3.0)})
    assert "over the fastest peer: 3.00 of 4 (75%)" in slow and "many-cells run: 9.00" not in slow
    assert "bound" in targets.verdict({"d": {**part(4.0), "exps": 10}})


def test_the_report_names_every_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report.pictures, "draw", lambda parts, folder: None)
    file = tmp_path / "RESULTS.md"
    file.write_text("# Results\n\nbefore\n\n<!-- engine:begin -->\nlast year\n<!-- engine:end -->\n\nafter\n")
    report.write({"d": part(4.0)}, file, 60.0)
    text = file.read_text()
    assert "before" in text and "after" in text and "last year" not in text
    assert "Jaxley, float32" in text and "not measured: no trees" in text and "4.0 (4.0–4.0)" in text
