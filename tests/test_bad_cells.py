"""What goes wrong with mod files, reconstructions and cells of many compartments: one line, exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from test_bad_input import gbar, refused

LEAK = """\
NEURON { SUFFIX mine NONSPECIFIC_CURRENT i RANGE g }
UNITS { (mV) = (millivolt) (mA) = (milliamp) }
PARAMETER { g = 1e-4 (S/cm2) }
ASSIGNED { v (mV) i (mA/cm2) }
BREAKPOINT { i = g * (v + 65) }
"""

CELL = """\
name: tree
temperature: 6.3 degC
mod_files: channels
morphology: {file: tree.swc}
segments: {every: 40 um}
everywhere:
  cm: 1 uF/cm2
  Ra: 100 ohm cm
  mechanisms: {mine: {g: 1e-4 S/cm2}}
regions:
  soma: {mechanisms: {mine: {g: 2e-4 S/cm2}}}
parameters:
  g_mine.soma: {low: 1e-5 S/cm2, high: 1e-3 S/cm2, scale: log}
protocol:
  stimuli:
    - {name: step, duration: 20 ms, dt: 0.1 ms, waveform: {step: {delay: 5 ms, duration: 10 ms, amplitude: 10 pA}}}
"""

SWC = """\
1 1 0 0 0 8 -1
2 1 0 -8 0 8 1
3 1 0 8 0 8 1
4 3 8 0 0 1 1
5 3 80 0 0 1 4
6 4 0 20 0 1 1
7 4 0 90 0 1 6
"""

INJECTION = "{site: far, waveform: {step: {delay: 1 ms, duration: 1 ms, amplitude: 1 pA}}}"
FORMULA = '{g: {formula: \'__import__("os").system("true") * value\', value: 1e-4 S/cm2}}'


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A cell that is sound, and variants of it that are not."""
    (tmp_path / "channels").mkdir()
    (tmp_path / "channels" / "mine.mod").write_text(LEAK)
    (tmp_path / "tree.swc").write_text(SWC)
    (tmp_path / "tree.yaml").write_text(CELL)
    (tmp_path / "other.mod").write_text(LEAK.replace("1e-4", "2e-4"))
    changes = {
        "region": ("  soma: {mech", "  tuft: {mech"),
        "call": ("{g: 2e-4 S/cm2}", FORMULA),
        "twice": ("soma: {mechanisms: {mine: {g: 2e-4 S/cm2}}}", "soma: {mechanisms: {mine: {file: other.mod}}}"),
        "resistivity": ("  Ra: 100 ohm cm\n", ""),
        "file": ("tree.swc", "missing.swc"),
        "format": ("tree.swc", "tree.yaml"),
        "site": ("parameters:", "sites: {far: 'dend[7](0.5)'}\nparameters:"),
        "target": ("g_mine.soma:", "g_mine.axon:"),
        "injection": ("name: step,", f"name: step, injections: [{INJECTION}],"),
    }  # fmt: skip
    for name, (old, new) in changes.items():
        assert old in CELL
        (tmp_path / f"{name}.yaml").write_text(CELL.replace(old, new, 1))
    shapes = {
        "cyclic": SWC.replace("4 3 8 0 0 1 1", "4 3 8 0 0 1 5"),
        "roots": SWC.replace("6 4 0 20 0 1 1", "6 4 0 20 0 1 -1"),
        "order": SWC.replace("4 3 8 0 0 1 1\n", "") + "4 3 8 0 0 1 1\n",
        "orphan": SWC.replace("6 4 0 20 0 1 1", "6 4 0 20 0 1 99"),
        "flat": SWC.replace("5 3 80 0 0 1 4", "5 3 80 0 0 0 4"),
        "somaless": SWC.replace(" 1 0 ", " 3 0 "),
        "short": SWC.replace("5 3 80 0 0 1 4", "5 3 80 0 0 1"),
        "word": SWC.replace("5 3 80 0 0 1 4", "5 3 far 0 0 1 4"),
        "nothing": "",
    }
    for name, text in shapes.items():
        (tmp_path / f"{name}.swc").write_text(text)
        (tmp_path / f"swc_{name}.yaml").write_text(CELL.replace("tree.swc", f"{name}.swc"))
    return tmp_path


CELLS = [
    ("region.yaml", "tuft"),
    ("call.yaml", "call.yaml:11"),
    ("twice.yaml", "mine"),
    ("resistivity.yaml", "Ra: "),
    ("file.yaml", "missing.swc"),
    ("format.yaml", "tree.yaml"),
    ("site.yaml", "dend[7]"),
    ("target.yaml", "g_mine.axon"),
    ("injection.yaml", "far"),
    ("swc_cyclic.yaml", "cyclic"),
    ("swc_roots.yaml", "root"),
    ("swc_order.yaml", "order"),
    ("swc_orphan.yaml", "99"),
    ("swc_flat.yaml", "radi"),
    ("swc_somaless.yaml", "soma"),
    ("swc_short.yaml", "short.swc:5"),
    ("swc_word.yaml", "word.swc:5"),
    ("swc_nothing.yaml", "nothing.swc"),
]


def test_the_sound_cell_runs(bad):
    done = gbar("simulate", "./tree.yaml", "-n", 10, "-o", "result", cwd=bad)
    assert done.returncode == 0, done.stderr
    assert "10 rows (10 ok)" in done.stderr + done.stdout


@pytest.mark.parametrize(("name", "said"), CELLS)
def test_cells_of_many_compartments(name, said, bad):
    assert said in refused(gbar("simulate", f"./{name}", "-n", 10, "-o", "result", cwd=bad))
    assert not (bad / "result").exists()


MODS = {
    "itself.mod": ('INCLUDE "itself.mod"\n' + LEAK, "itself.mod"),
    "gone.mod": ('INCLUDE "nowhere.inc"\n' + LEAK, "nowhere.inc"),
    "pointer.mod": (LEAK.replace("RANGE g", "RANGE g POINTER p"), "pointer.mod:1"),
    "point.mod": (LEAK.replace("SUFFIX", "POINT_PROCESS"), "POINT_PROCESS"),
    "c.mod": (LEAK.replace("{ i =", "{\nVERBATIM\nsystem(0);\nENDVERBATIM\ni ="), "c.mod:6"),
    "table.mod": (LEAK.replace("g * (v", "f(v) * g * (v") + "FUNCTION_TABLE f(v (mV))\n", "FUNCTION_TABLE"),
    "random.mod": (LEAK.replace("g * (v", "scop_random() * (v"), "random.mod:5"),
    "open.mod": (LEAK.replace("i = g * (v + 65) }", "i = g * (v + 65)"), "open.mod"),
    "empty.mod": ("", "empty.mod"),
}


@pytest.mark.parametrize("name", MODS)
def test_mechanisms_that_are_refused(name, tmp_path):
    text, said = MODS[name]
    (tmp_path / name).write_text(text)
    assert said in refused(gbar("channels", name, "-o", "result", cwd=tmp_path))
    assert not (tmp_path / "result").exists()


@pytest.mark.parametrize("arguments", [("nosuch",), ("missing.mod",), (".",), ("pas", "--celsius", 310)])
def test_channels_that_are_none(arguments, tmp_path):
    refused(gbar("channels", *arguments, cwd=tmp_path))


def test_an_endless_reconstruction(bad):
    points = (f"{k} 3 {50 * (k % 2)} 0 0 1 {k - 1}" for k in range(8, 1_000_008))
    (bad / "tree.swc").write_text(SWC + "\n".join(points).replace("8 3 0 0 0 1 7", "8 3 0 0 0 1 5") + "\n")
    assert "segments, more than" in refused(gbar("simulate", "./tree.yaml", "-n", 10, "-o", "result", cwd=bad))


@pytest.mark.parametrize(
    ("source", "said"),
    [("missing", "missing"), ("empty", "empty"), ("broken", "text.json:1"), ("list.json", "mechanisms.json")],
)
def test_foreign_cells_that_are_none(source, said, bad):
    (bad / "empty").mkdir()
    (bad / "broken").mkdir()
    (bad / "broken" / "text.json").write_text("{no json")
    (bad / "list.json").write_text(json.dumps([1, 2]))
    line = refused(gbar("import", source, "-m", "tree.swc", "-o", "result", cwd=bad))
    assert said in line
    assert not (bad / "result").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "sphere", "--to", "genesis", "-o", "result"),
        ("export", "sphere", "--theta", "missing.csv", "-o", "result"),
        ("export", "nosuch", "-o", "result"),
        ("check", "nosuch"),
        ("check", "sphere", "--rows", -1),
    ],
)
def test_exports_and_checks_that_cannot_be(arguments, bad):
    refused(gbar(*arguments, cwd=bad))
    assert not (bad / "result").exists()
