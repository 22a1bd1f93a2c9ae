"""Cells as Python files for NEURON: what is in the text, and what may never be; .mod files under NEURON's names."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import At, Cell, Painted, Profile, Region, SegmentRule, Site, read_cell, shipped_cells
from gbar.errors import OutputError
from gbar.exchange.mod_files import BUILT_IN, neuron_name, write_mod_files
from gbar.exchange.neuron import export_neuron
from gbar.mechanism import Mechanism, read, shipped, shipped_file
from gbar.morphology import Morphology, Section, sphere, stepped
from gbar.nmodl import lexer
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Injection, Noise, Protocol, Ramp, Sampled, Step, Stimulus, Sum, Train, VoltageClamp

HH = read(shipped_file("hh"))
NASTY = "\"\"\"\\'''\n__import__('os').abort() # \x00 \u2028 {} %s"


def tables(script: Path) -> dict[str, object]:
    """The tables of an exported cell, read as literals."""
    found = {}
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        if isinstance(target, ast.Name) and target.id not in ("HERE", "OFF"):
            assert node.value is not None
            found[target.id] = ast.literal_eval(node.value)
    return found


def region(name: str, **values: float | Profile) -> Region:
    return Region(name, 1.0, (Painted(HH, values),), {"ena": 50.0, "ek": -77.0}, Ra=100.0)


def tree(protocol: Protocol) -> Cell:
    points = np.array([[0, 0, 0, 2], [50, 0, 0, 1.5], [100, 3, 0, 0.1]], dtype=float)
    from gbar.morphology import traced

    morphology = Morphology(
        (
            Section("soma", "soma", 20, 20),
            traced("dend[0]", "basal", points, 0, 0.5),
            stepped("axon[0]", "axon", 30, [3.0, 2.0, 1.0], 0, 1.0),
        )
    )
    regions = (region("soma"), region("basal", gnabar=Profile.exponential(0.1, -50.0)), region("axon", gkbar=0.05))
    free = FreeParameter("gnabar_hh.soma", "S/cm2", 0.05, 0.5, "log")
    sites = (Site("soma", At("soma", 0.5)), Site("tip", At("dend[0]", 1.0)), Site("m", At("dend[0]", 0.1), "m_hh"))
    rule = SegmentRule("count", 3, sections={"soma": 1})
    return Cell("tree", morphology, regions, 12.0, ParameterSpace((free,)), protocol, segments=rule, sites=sites)


STIMULI = (
    Stimulus("step", Step(5, 80, 0.5), 100.0, warm_up=10.0, warm_up_current=0.1, v_init=-70),
    Stimulus("sum", Sum((Step(5, 80, 0.5), Train(1, 1, 5, 3, 0.2), Sum((Ramp(0, 10, 0, 1),)))), 50.0),
    Stimulus("played", Sampled(0.5, np.array([0.0, 0.1, -0.3])), 20.0, dt=0.05, sampling=0.1, warm_up=1.0),
    Stimulus("noise", Noise(0, 20, 0.1, 0.1, 3.0, 1), 20.0, injections=(Injection("tip", Step(1, 2, 0.05)),)),
    Stimulus("clamp", Sum(()), 30.0, clamps=(VoltageClamp("soma", ((10.0, -70.0), (0.0126, 0.0), (5, -60)), 0.5),)),
)


def test_tables_say_what_the_cell_is(tmp_path: Path) -> None:
    cell = tree(Protocol(STIMULI))
    found = tables(export_neuron(cell.at(np.array([0.3])), tmp_path).script)
    assert found["CELSIUS"] == 12.0
    sections = found["SECTIONS"]
    assert [row[:5] for row in sections] == [  # type: ignore[attr-defined]
        ("soma", "soma", 1, None, 1.0),
        ("dend[0]", "basal", 3, "soma", 0.5),
        ("axon[0]", "axon", 3, "soma", 1.0),
    ]
    shapes = [row[5] for row in sections]  # type: ignore[attr-defined]
    assert shapes[0] == (20.0, 20.0) and shapes[2] == (30.0, [3.0, 2.0, 1.0]) and len(shapes[1]) == 3
    soma = found["REGIONS"]["soma"]  # type: ignore[index]
    assert soma["mechanisms"]["hh_gbar"]["gnabar"] == 0.3 and soma["ions"] == {"na": {"ena": 50.0}, "k": {"ek": -77.0}}
    assert set(soma["mechanisms"]["hh_gbar"]) == {"gnabar", "gkbar", "gl", "el"}
    along = found["PROFILES"]["dend[0]", "gnabar_hh_gbar"]  # type: ignore[index]
    middles = (50 + np.hypot(50, 3)) * (np.arange(3) + 0.5) / 3
    assert np.allclose(along, 0.1 * np.exp(-middles / 50), rtol=1e-6)
    assert ("axon[0]", "gnabar_hh_gbar") not in found["PROFILES"]  # type: ignore[operator]
    assert found["SITES"] == {
        "soma": ("soma", 0.5, "v"), "tip": ("dend[0]", 1.0, "v"), "m": ("dend[0]", 0.1, "m_hh_gbar"),
    }  # fmt: skip


def test_stimuli_are_those_of_the_protocol(tmp_path: Path) -> None:
    cell = tree(Protocol(STIMULI))
    found = tables(export_neuron(cell, tmp_path).script)["STIMULI"]
    step = found["step"]  # type: ignore[index]
    assert (step["dt"], step["v_init"], step["warm_up_steps"], step["steps"], step["every"]) == (
        0.025,
        -70.0,
        400,
        4000,
        1,
    )
    assert step["currents"] == [("step", "soma", -10.0, 10.0, 0.1), ("step", "soma", 5.0, 80.0, 0.5)]
    kinds = [row[0] for row in found["sum"]["currents"]]  # type: ignore[index]
    assert kinds == ["step"] * 4 + ["played"]
    kind, site, file, on, first, interval = found["played"]["currents"][0]  # type: ignore[index]
    assert (kind, site, on, first, interval) == ("played", "soma", 0.0, 0.0, 0.5)
    assert np.loadtxt(tmp_path / file).tolist() == [0.0, 0.1, -0.3]
    assert found["played"]["every"] == 2  # type: ignore[index]
    noise = found["noise"]["currents"]  # type: ignore[index]
    expected = cell.protocol.stimuli[3].injected()
    assert np.array_equal(np.loadtxt(tmp_path / noise[0][2]), expected)
    assert noise[1] == ("step", "tip", 1.0, 2.0, 0.05)
    site, resistance, levels = found["clamp"]["clamps"][0]  # type: ignore[index]
    command = cell.protocol.stimuli[4].command(cell.protocol.stimuli[4].clamps[0])
    held = np.full(1200, np.nan)
    start = 0
    for until, level in levels:
        held[start:until], start = level, until
    assert (site, resistance) == ("soma", 0.5) and np.array_equal(held, command, equal_nan=True)


def test_names_of_any_kind_stay_text(tmp_path: Path) -> None:
    nasty = Stimulus(NASTY, Step(1, 2, 0.1), 5.0)
    cell = Cell(NASTY, sphere(20.0), (region("soma"),), 12.0, ParameterSpace(()), Protocol((nasty,)), NASTY, NASTY)
    script = export_neuron(cell, tmp_path).script
    found = tables(script)
    assert found["NAME"] == NASTY and found["DESCRIPTION"] == NASTY.strip() and list(found["STIMULI"]) == [NASTY]  # type: ignore[call-overload]
    modules = {node.names[0].name for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Import)}
    assert modules == {"argparse", "re", "sys", "numpy"}
    calls = [node for node in ast.parse(script.read_text()).body if isinstance(node, ast.Expr)]
    assert len(calls) == 1 and isinstance(calls[0].value, ast.Constant)  # the docstring alone


def test_the_file_explains_itself_without_neuron(tmp_path: Path) -> None:
    script = export_neuron(read_cell("sphere"), tmp_path).script
    done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--library" in done.stdout


@pytest.mark.parametrize("name", shipped_cells())
def test_numbers_read_back_exactly(name: str, tmp_path: Path) -> None:
    cell = read_cell(name)
    found = tables(export_neuron(cell, tmp_path).script)
    for one in cell.regions:
        for painted in one.mechanisms:
            suffix = neuron_name(painted.mechanism)
            for parameter, declared in painted.parameters.items():
                value = painted.value(parameter)
                if isinstance(value, Profile):
                    continue
                if declared.scope == "global":
                    assert found["GLOBALS"][f"{parameter}_{suffix}"] == value  # type: ignore[index]
                else:
                    assert found["REGIONS"][one.name]["mechanisms"][suffix][parameter] == value  # type: ignore[index]


# --- .mod files --------------------------------------------------------------------------------------------------


def suffix_of(file: Path) -> str:
    words = [lexeme.text for lexeme in lexer.tokens(file.read_text(), str(file))]
    return words[words.index("SUFFIX") + 1]


def test_neurons_own_names_are_left_to_neuron(tmp_path: Path) -> None:
    pas = read(shipped_file("pas"))
    written = write_mod_files([HH, pas, HH], tmp_path)
    assert list(written) == ["hh_gbar"] and suffix_of(written["hh_gbar"]) == "hh_gbar"
    assert neuron_name(pas) == "pas" and neuron_name(HH) == "hh_gbar"
    assert list(write_mod_files([pas], tmp_path / "all", neurons_own=False)) == ["pas_gbar"]


def test_another_pas_gets_a_name_of_its_own(tmp_path: Path) -> None:
    own = tmp_path / "pas.mod"
    own.write_text(": SUFFIX pas\n" + shipped_file("pas").read_text().replace("SUFFIX pas", "SUFFIX  pas : SUFFIX pas"))
    written = write_mod_files([read(own)], tmp_path / "out")
    assert list(written) == ["pas_gbar"] and suffix_of(written["pas_gbar"]) == "pas_gbar"
    assert ": SUFFIX pas\n" in written["pas_gbar"].read_text()
    assert read(written["pas_gbar"]).name == "pas_gbar"


def test_included_files_come_along(tmp_path: Path) -> None:
    (tmp_path / "rates.inc").write_text("FUNCTION one() { one = 1 }\n")
    file = tmp_path / "k.mod"
    file.write_text('NEURON { SUFFIX kinc NONSPECIFIC_CURRENT i }\nINCLUDE "rates.inc"\nASSIGNED { v i }\n'
                    "BREAKPOINT { i = one() * 1e-5 * (v + 70) }\n")  # fmt: skip
    write_mod_files([read(file)], tmp_path / "out")
    assert (tmp_path / "out" / "rates.inc").read_text().startswith("FUNCTION one")


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "hh.mod"
    file.write_text(shipped_file("hh").read_text())
    mechanism = read(file)
    file.write_text(file.read_text() + "\n: more\n")
    with pytest.raises(OutputError, match="has changed"):
        write_mod_files([mechanism], tmp_path / "out")


def test_every_shipped_mechanism_has_a_name_that_neuron_lacks() -> None:
    mechanisms: list[Mechanism] = [read(shipped_file(name)) for name in shipped()]
    assert not {neuron_name(m) for m in mechanisms if m.name != "pas"} & BUILT_IN
