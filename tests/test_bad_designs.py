"""Designs and priors that cannot be: one line, exit code 2, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from gbar.cli import run

CELL = """\
name: mine
temperature: 6.3 degC
morphology: {sphere: {diameter: 20 um}}
regions: {soma: {cm: 1 uF/cm2, mechanisms: {pas: {g: 0.1 mS/cm2, e: -65 mV}}}}
parameters:
  g_pas.soma: {low: 0.01 mS/cm2, high: 1 mS/cm2, scale: log}
  e_pas.soma: {low: -80 mV, high: -50 mV}
protocol:
  stimuli:
    - {name: step, duration: 20 ms, dt: 0.1 ms, waveform: {step: {delay: 5 ms, duration: 10 ms, amplitude: 10 pA}}}
"""
CHANGES = {
    "prior": ("high: -50 mV", "high: -50 mV, prior: {normal: {mean: 5 mV, sd: 1 mV}}"),
    "sd": ("high: -50 mV", "high: -50 mV, prior: {normal: {mean: -65 mV, sd: 0 mV}}"),
    "below": ("high: -50 mV", "high: -50 mV, prior: {lognormal: {median: 1 mV, decades: 1}}"),
    "kind": ("high: -50 mV", "high: -50 mV, prior: gauss"),
    "empty": ("low: -80 mV", "low: -50 mV"),
    "zero": ("low: 0.01 mS/cm2", "low: 0 mS/cm2"),
    "own": ("e: -65 mV", "e: -90 mV"),
}


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, (old, new) in CHANGES.items():
        assert old in CELL
        (tmp_path / f"{name}.yaml").write_text(CELL.replace(old, new, 1))
    (tmp_path / "mine.yaml").write_text(CELL)
    (tmp_path / "sets.csv").write_text("g_pas.soma [S/cm2],e_pas.soma [mV]\n1e-4,-65\n1e-4,-40\n")
    (tmp_path / "unit.csv").write_text("g_pas.soma,e_pas.soma [mV]\n1e-4,-65\n")
    (tmp_path / "short.csv").write_text("e_pas.soma [mV]\n-65\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("mine.yaml --design sobel", "unknown design 'sobel'; did you mean sobol?"),
        ("mine.yaml --design grid", "'grid' has no number of points"),
        ("mine.yaml --design grid:4 -n 15", "15 rows asked for, grid:4 has 16; leave out -n"),
        ("mine.yaml --design grid:1000000", "rows"),
        ("mine.yaml --design lhs -n 0", "0 rows asked for"),
        ("mine.yaml --design table:none.csv", "none.csv: no such file"),
        ("mine.yaml --design table:.", "is a directory"),
        ("mine.yaml --design table:sets.csv", "sets.csv:3: e_pas.soma = -40 mV is above its upper bound -50"),
        ("mine.yaml --design table:unit.csv", "unit.csv:1: the column g_pas.soma has no unit; head it"),
        ("mine.yaml --design table:short.csv", "short.csv:1: has no column g_pas.soma [S/cm2]"),
        ("own.yaml --design sweep:3", "e_pas.soma = -90 mV is below its lower bound -80"),
        ("prior.yaml", "prior.yaml:7:15: parameters.e_pas.soma: the prior of e_pas.soma (normal, mean 5, sd 1)"),
        ("sd.yaml", "the sd of a normal prior is 0; give a finite number above 0"),
        ("below.yaml", "e_pas.soma has a lognormal prior and reaches down to -80"),
        ("kind.yaml", "unknown value 'gauss'"),
        ("empty.yaml", "the range of e_pas.soma, -50 to -50 mV, is empty"),
        ("zero.yaml", "has no logarithm; use a low bound above 0, or a linear scale"),
    ],
)  # fmt: skip
def test_one_line_and_nothing_written(bad, capsys, arguments, message):
    before = sorted(bad.iterdir())
    assert run(["simulate", *arguments.split(), "-o", "result"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("gbar: ") and message in lines[0], lines
    assert sorted(bad.iterdir()) == before
