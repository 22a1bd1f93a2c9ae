"""`gbar cells`: the table, what it says of a cell, its picture, its copy, and what it refuses."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import read_cell, shipped_cells
from gbar.cell.copy import copy_cell, edited
from gbar.cell.density import densities
from gbar.document import parse_yaml
from gbar.errors import CellError, OutputError, UserError
from gbar.kernel.build import build
from gbar.morphology import Morphology, Section
from gbar.protocol import Block, Condition, Protocol, Stimulus
from gbar.protocol.waveform import Chirp, Noise, Ramp, Sampled, Step, Sum, Train
from gbar.report.cell_shape import outlines, region_colours
from gbar.simulate import simulate
from gbar.traces import Traces
from gbar.workflows.cells import cells
from gbar.workflows.described import acts, described, gist, wave_text
from gbar.workflows.portrait import WORK, affordable, liveliest, swept, telling
from test_bad_input import gbar, refused

DOCS = Path(__file__).parent.parent.parent / "docs"
TREE = """\
name: tree
description: A small tree. It is for tests.
temperature: 6.3 degC
morphology:
  sections:
    soma: {L: 20 um, diam: 20 um, segments: 1}
    trunk: {L: 100 um, diam: 2 um, parent: soma, region: apical, segments: 5}
everywhere:
  cm: 1 uF/cm2
  Ra: 100 ohm cm
  mechanisms: {pas: {g: 1e-4 S/cm2, e: -70 mV}}
regions:
  soma: {reversals: {ena: 50 mV, ek: -77 mV}, mechanisms: {hh: }}
  apical:
    mechanisms:
      Ih: {shipped: hay/Ih, gIhbar: {linear: {value: 1e-5 S/cm2, slope: 1e-7 S/cm2/um}}}
sites: {soma: soma(0.5), top: trunk(0.9)}
parameters:
  gnabar_hh.soma: {low: 0.05 S/cm2, high: 0.2 S/cm2}
  gIhbar_Ih.apical.slope: {low: 0 S/cm2/um, high: 1e-6 S/cm2/um}
  leak: {low: 1e-5 S/cm2, high: 1e-3 S/cm2, scale: log, targets: [g_pas.soma, g_pas.apical]}
protocol:
  conditions: {TTX: {blocks: {gnabar_hh: 100 %}}}
  stimuli:
    - {name: quiet, duration: 20 ms, sampling: 0.1 ms, waveform: {step: {delay: 5 ms, duration: 9 ms, amplitude: 0 nA}}}
    - {name: step, duration: 20 ms, sampling: 0.1 ms, waveform: {step: {delay: 5 ms, duration: 9 ms, amplitude: 1 nA}}}
    - name: blocked
      condition: TTX
      duration: 20 ms
      sampling: 0.1 ms
      waveform: {step: {delay: 5 ms, duration: 9 ms, amplitude: 1 nA}}
      injections: [{site: top, waveform: {step: {delay: 10 ms, duration: 5 ms, amplitude: 0.1 nA}}}]
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree.yaml").write_text(TREE)
    return tmp_path / "tree.yaml"


def size(picture: Path) -> tuple[int, int]:
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


# --- in words ----------------------------------------------------------------------------------------------------


def test_the_table_has_every_cell():
    lines = cells().splitlines()
    assert [line.split()[0] for line in lines[2 : 2 + len(shipped_cells())]] == list(shipped_cells())
    (pospischil,) = [line.split() for line in lines if line.startswith("pospischil")]
    assert pospischil[1:5] == ["8", "1", "1", "soma"]


@pytest.mark.parametrize("name", shipped_cells())
def test_every_shipped_cell_has_a_picture_and_stands_in_the_overview(name):
    assert (DOCS / "pictures" / f"cell-{name}.png").stat().st_size < 250_000
    cell, overview = read_cell(name), (DOCS / "cells.md").read_text()
    (row,) = [line.split("|")[1:] for line in overview.splitlines() if line.startswith("|") and f"`{name}`" in line]
    place = re.findall(r"`(\w+)`", row[0]).index(name)
    free, compartments = (re.findall(r"\d+", column) for column in row[1:3])
    assert free[place] == str(len(cell.space)) and str(cell.compartments) in compartments


def test_all_about_a_cell_is_said(tree):
    text = described(read_cell(tree))
    lines = {line.split("  ")[1].strip(): line for line in text.splitlines() if line.startswith("  ")}
    assert "2 sections, 6 compartments, 1,885 µm²" in lines["shape"]
    assert lines["g_pas"].split() == ["g_pas", "S/cm²", "0.0001*", "0.0001*"]
    assert lines["gIhbar_Ih"].split("  ")[-1].strip() == "1.2 × 10⁻⁵ to 2 × 10⁻⁵*"  # at 20 and 100 um
    assert lines["compartments"].split()[1:] == ["1", "5"]
    assert lines["leak"].endswith("g of Passive leak")  # everywhere
    assert re.split(r"  +", lines["leak"].strip())[1:7] == ["0.0001", "1 × 10⁻⁵", "0.001", "S/cm²", "log", "uniform"]
    assert "slope of gIhbar of" in lines["gIhbar_Ih.apical.slope"] and lines["gIhbar_Ih.apical.slope"].endswith(
        "apical"
    )
    assert "TTX" in lines["blocked"] and "1 nA, 5–14 ms at soma; 0.1 nA, 10–15 ms at top" in lines["blocked"]
    assert "  TTX: gnabar_hh −100 %" in text.splitlines()
    assert lines["top"].split() == ["top", "trunk(0.9)", "v", "yes", "yes"]


def test_every_shipped_cell_is_described():
    for name in shipped_cells():
        cell = read_cell(name)
        text = described(cell)
        assert all(f"  {parameter.name}  " in text for parameter in cell.space.parameters), name
        assert all(f"  {stimulus.name}  " in text for stimulus in cell.protocol.stimuli), name


def test_the_first_sentence():
    assert gist("As of Hay et al. 2011, e.g. this. And more.", 99) == "As of Hay et al. 2011, e.g. this"
    assert gist("many words " * 9, 30) == "many words many words many …"


@pytest.mark.parametrize(
    ("wave", "text"),
    [
        (Step(5, 10, 0.05), "50 pA, 5–15 ms"),
        (Train(20, 2, 25, 4, 0.5), "4 pulses of 0.5 nA for 2 ms every 25, 20–120 ms"),
        (Ramp(0, 100, -0.5, 0.5), "−0.5 nA to 0.5 nA, 0–100 ms"),
        (Chirp(0, 100, 0.5, 1, 20), "0.5 nA of 1 to 20 Hz, 0–100 ms"),
        (Noise(0, 100, 0.2, 0.1, 3, 1), "noise 0.2 nA ± 0.1 nA (τ 3 ms), 0–100 ms"),
        (Sampled(0.1, np.zeros(7)), "7 samples, one every 0.1 ms"),
        (Sum((Step(0, 1, 1), Step(2, 1, 1))), "1 nA, 0–1 ms + 1 nA, 2–3 ms"),
        (Sum(()), ""),
    ],
)
def test_waveforms_in_words(wave, text):
    assert wave_text(wave) == text


def test_no_current_at_all():
    cell = read_cell("sphere")
    assert acts(cell, Stimulus("rest", Sum(()), 10)) == "none"
    assert acts(cell, Stimulus("rest", Sum(()), 10, warm_up=5, warm_up_current=0.2)) == "0.2 nA before"


def test_densities_of_compartments(tree):
    found = {one.name: one for one in densities(read_cell(tree))}
    ih = found["gIhbar_Ih"]
    np.testing.assert_allclose(ih.distance["apical"], [20, 40, 60, 80, 100])
    np.testing.assert_allclose(ih.values["apical"], 1e-5 + 1e-7 * ih.distance["apical"])
    assert set(ih.values) == {"apical"} == ih.varies == ih.free and ih.siemens == 1.0
    assert found["g_pas"].free == {"soma", "apical"} and found["gnabar_hh"].values["soma"].tolist() == [0.12]
    assert found["e_pas"].siemens is None and found["gkbar_hh"].free == frozenset()
    assert {one.unit: one.siemens for one in densities(read_cell("modern_sphere"))}["pS/um2"] == 1e-4


# --- the picture -------------------------------------------------------------------------------------------------


def test_the_picture_is_drawn(tree):
    text = cells(str(tree), tree.parent / "tree.png", threads=1)
    width, height = size(tree.parent / "tree.png")
    assert text.endswith("tree.png: the picture\n") and width == 1320 and height > 800
    assert (tree.parent / "tree.png").stat().st_size < 250_000
    with pytest.raises(OutputError, match="exists already"):
        cells(str(tree), tree.parent / "tree.png")


def test_a_cell_without_free_parameters_is_drawn(tree):
    text = re.sub(r"(?ms)^parameters:.*?^protocol:", "parameters: {}\nprotocol:", TREE)
    clamp = "clamps: [{site: top, resistance: 5 Mohm, levels: [{duration: 9 ms, voltage: -60 mV}]}]"
    text = text.replace("top: trunk(0.9)", "top: trunk(0.9), m: {at: soma(0.5), variable: m_hh}")
    tree.write_text(re.sub(r"injections: .*", clamp, text))
    said = cells(str(tree), tree.parent / "tree.png", threads=1)
    assert "free parameters" not in said and "clamp at top: −60 mV for 9 ms" in said
    assert size(tree.parent / "tree.png")[0] == 1320


def test_what_is_simulated_for_it(tree):
    cell = read_cell(tree)
    values, theta = swept(cell, 3)
    assert values.shape == (3, 3) and theta.shape == (9, 3)
    np.testing.assert_allclose(values[:, 2], [1e-5, 1e-4, 1e-3])
    np.testing.assert_allclose(values[:, 0], [0.05, 0.125, 0.2])
    np.testing.assert_array_equal(theta[3:6, 1], values[:, 1])
    np.testing.assert_array_equal(np.delete(theta[3:6], 1, axis=1), np.repeat(cell.theta[:, [0, 2]], 3, axis=0))
    kernel = build(cell, "float32")
    default = simulate(kernel, cell.theta, cell.protocol, threads=1)
    assert liveliest(cell, default).name == "step"
    stimuli = cell.protocol.stimuli
    assert affordable(kernel, stimuli, stimuli[1], 3) == (stimuli, 5)
    assert affordable(kernel, stimuli, stimuli[1], 20) == (stimuli, 3)
    slow = Stimulus("slow", Step(0, 1, 1), 4e5, sampling=0.1)
    assert affordable(kernel, (*stimuli, slow), stimuli[1], 20) == (stimuli[1:2], 3)
    (short,), levels = affordable(kernel, (*stimuli, slow), slow, 20)
    instances = sum(len(c.instances) for c in kernel.compartments.compartments)
    assert levels == 2 and short.duration < 4e5
    assert instances * short.n_steps * 20 * levels == pytest.approx(WORK, rel=1e-3)


def test_the_stimulus_that_shows_most():
    cell = read_cell("sphere")
    (step,) = cell.protocol.stimuli
    names = ("none", "some", "same", "many")
    cell = replace(cell, protocol=Protocol(tuple(replace(step, name=name) for name in names)))
    train = np.where(np.arange(400) % 10 == 5, 20.0, -70.0)

    def spiking(*counts: int) -> Traces:
        v = tuple(np.where(np.arange(400) < 10 * count, train, -70.0)[None, None] for count in counts)
        return Traces(v, (0.1,) * len(counts), np.zeros(1, np.uint8))

    assert liveliest(cell, spiking(0, 3, 3, 40)).name == "some"
    assert liveliest(cell, spiking(0, 0, 0, 0)).name == "none"
    assert liveliest(cell, spiking(40, 39, 30, 30)).name == "same"
    assert liveliest(cell, spiking(40, 39, 38, 40)).name == "same"
    ttx = Condition("TTX", (Block("gnabar_hh", 100.0),))
    first, *others = cell.protocol.stimuli
    blocked = Protocol((*(replace(s, condition="TTX") for s in others), first), conditions=(ttx,))
    assert liveliest(replace(cell, protocol=blocked), spiking(1, 2, 3, 0)).name == "none"


def test_the_stimulus_that_tells_of_a_parameter():
    v = [np.zeros((3, 2, 1, 10)) for _ in range(2)]
    v[0][:, 1] = 20.0  # all three matter under the first
    v[1][2, 1] = 5.0  # the last alone under the second
    assert telling(v, 0) == [0, 0, 1]
    v[1][:, 1] = 5.0
    assert telling(v, 0) == telling(v[:1], 0) == [0, 0, 0]
    v[0][0, 1] = np.nan
    assert telling(v, 0) == [1, 0, 0]
    assert telling([np.zeros((3, 2, 1, 10))] * 2, 1) == [1, 1, 1]


def test_where_stylised_sections_lie():
    sections = (
        Section("soma", "soma", 20, 20),
        Section("trunk", "apical", 100, 2, 0),
        Section("left", "apical", 50, 1, 1),
        Section("right", "apical", 50, 1, 1),
        Section("oblique", "apical", 30, 1, 1, 0.5),
        Section("twig", "basal", 80, 1, 0),
        Section("axon", "axon", 60, 1, 0),
    )
    lines = outlines(Morphology(sections))
    assert [np.hypot(*np.diff(line, axis=0)[0]) for line in lines[1:]] == pytest.approx([100, 50, 50, 30, 80, 60])
    trunk, left, right, oblique, twig, axon = lines[1:]
    assert trunk[1][1] > 99 and axon[1][1] < -59 and twig[1][1] < 0
    np.testing.assert_allclose(left[0], trunk[1])
    np.testing.assert_allclose(oblique[0], trunk.mean(axis=0), atol=1e-9)
    assert right[1][0] < 0 < left[1][0] or left[1][0] < 0 < right[1][0]
    star = outlines(Morphology((sections[0], *(Section(f"d{k}", "dend", 10, 1, 0) for k in range(4)))))
    assert np.abs(np.sum([line[1] for line in star[1:]], axis=0)).max() < 1e-9  # all around


def test_colours_differ():
    names = ["soma", "axon", "basal", "apical", "tuft", "hillock", "node"]
    colours = region_colours(names)
    assert len(set(colours.values())) == len(names)
    assert colours["apical"] == region_colours(["apical"])["apical"]


# --- the copy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_cells())
def test_a_copy_is_the_same_cell_and_stands_alone(name, tmp_path):
    copy = copy_cell(name, tmp_path / "mine")
    cell, mine = read_cell(name), read_cell(copy)
    assert mine == cell and mine.digest == cell.digest and mine.file == tmp_path / "mine" / f"{name}.yaml"
    used = {painted.mechanism.name for region in cell.regions for painted in region.mechanisms}
    assert {file.stem for file in (tmp_path / "mine" / "mechanisms").iterdir()} == used
    assert all(str(p.mechanism.file).startswith(str(tmp_path)) for r in mine.regions for p in r.mechanisms)
    original = (Path(read_cell(name).file)).read_text()
    assert [line for line in copy.read_text().splitlines() if "#" in line] == [
        line for line in original.splitlines() if "#" in line
    ]


def test_a_changed_copy_is_another_cell(tmp_path):
    copy = copy_cell("sphere", tmp_path / "mine")
    mod = tmp_path / "mine" / "mechanisms" / "hh.mod"
    mod.write_text(mod.read_text() + ": mine now\n")
    assert read_cell(copy).digest != read_cell("sphere").digest


def test_only_names_of_sets_are_taken_out():
    text = (
        "temperature: 1 degC  # warm, shipped: x\n"
        "regions:\n  soma:\n    mechanisms:\n"
        "      a: {shipped: hay/a, g: 1}\n      b: {g: 1, shipped: hay/b}\n      c: {shipped: hay/c}\n"
        "      d:\n        shipped: hay/d\n        g: 1\n"
        "everywhere: {mechanisms: {e: {shipped: hay/e, g: 1}, f: {shipped: hay/f}}}\n"
    )
    assert edited(text, parse_yaml(text, CellError)) == (
        "temperature: 1 degC  # warm, shipped: x\nmod_files: mechanisms\n"
        "regions:\n  soma:\n    mechanisms:\n"
        "      a: {g: 1}\n      b: {g: 1}\n      c: {}\n"
        "      d:\n        g: 1\n"
        "everywhere: {mechanisms: {e: {g: 1}, f: {}}}\n"
    )


def test_what_is_refused(tmp_path, tree):
    for arguments, said in (
        ((None, tmp_path / "x.png"), "there are"),
        (("spher",), r"did you mean sphere\?"),
        (("sphere", tmp_path / "x.jpg"), "is no kind of picture"),
    ):
        with pytest.raises(UserError, match=said):
            cells(*arguments)
    with pytest.raises(CellError, match=r"'spher' does not ship; did you mean sphere\?"):
        cells("spher", copy=tmp_path / "mine")
    with pytest.raises(CellError, match="does not ship"):
        cells(str(tree), copy=tmp_path / "mine")
    with pytest.raises(UserError, match="--copy goes with no other option"):
        cells("sphere", tmp_path / "x.png", copy=tmp_path / "mine")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=r"exists already|something else"):
            copy_cell("sphere", tmp_path / "mine", overwrite=overwrite)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine", "tree.yaml"]


def test_the_command(tmp_path):
    done = gbar("cells", "sphere", "--copy", "mine", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("mine/sphere.yaml: sphere, to edit")
    assert "none.swc" in refused(gbar("cells", "mainen", "--morphology", "none.swc", cwd=tmp_path))
