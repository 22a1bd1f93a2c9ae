"""Cells of many compartments as YAML: what can be said, what is refused and where, and that it comes back."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import Along, At, Profile, SegmentRule, Site, read_cell, write_cell
from gbar.cell.file import cell_file
from gbar.compartments import lower
from gbar.errors import CellError, OutputError, UserError
from gbar.prior import LogNormal, Normal

TREE = """
name: tree
temperature: 34 degC
mod_files: mods
morphology:
  sections:
    soma: {L: 20 um, diam: 20 um}
    hillock: {L: 10 um, diams: [4 um, 3 um, 2 um], parent: soma(0.5), region: axon}
    dend[0]: {L: 300 um, diam: 3 um, parent: soma}
    dend[1]: {L: 100 um, diam: 1 um, parent: "dend[0](1)"}
    dend[2]: {L: 120 um, diam: 1 um, parent: "dend[0](0.5)", segments: 7}
  regions:
    tuft: {region: dend, beyond: 250 um}
segments:
  d_lambda: 0.1
  frequency: 100 Hz
  sections: {soma: 3}
everywhere:
  cm: 1 uF/cm2
  Ra: 150 ohm cm
  reversals: {ena: 50 mV, ek: -77 mV}
  concentrations: {cai: 5e-5 mM, cao: 2 mM}
  mechanisms: {pas: {g: 1e-4 S/cm2, e: -70 mV}}
regions:
  soma:
    mechanisms:
      hh: {gnabar: 0.1 S/cm2}
      pas: {e: -65 mV}
  dend:
    cm: 2 uF/cm2
    mechanisms:
      pool:
      cachannel:
        gbar: {linear: {value: 1e-4 S/cm2, slope: -1e-7 S/cm2/um}}
  tuft:
    reversals: {eca: {fixed: 140 mV}}
    mechanisms:
      pool: {tau: {step: {value: 50 ms, outside: 80 ms, start: 0 um, stop: 350 um}}}
      cachannel:
        gbar: {formula: value * exp(-distance / lambda) + 1e-5 * diam, value: 1e-4 S/cm2, lambda: 100}
sites:
  soma: soma(0.5)
  far: {region: dend, distance: 200 um}
  on_the_way: {region: dend, distance: 110 um, towards: "dend[1]"}
  calcium: {at: "dend[0](0.2)", variable: cai}
  m: {at: soma(0.5), variable: m_hh}
parameters:
  gnabar_hh.soma: {low: 0.05 S/cm2, high: 0.2 S/cm2, scale: log}
  g_pas.*: {low: 1e-5 S/cm2, high: 1e-3 S/cm2, scale: log}
  Ra: {low: 50 ohm cm, high: 300 ohm cm, targets: [Ra.dend, Ra.tuft]}
  gbar_cachannel.tuft.lambda: {low: 50, high: 200}
  gbar_cachannel.dend.slope: {low: -2e-7 S/cm2/um, high: 0 S/cm2/um}
  diam_scale.tuft: {low: 0.5, high: 2}
  cai.dend: {low: 1e-5 mM, high: 1e-4 mM, scale: log}
  least_pool: {low: 1e-5 mM, high: 1e-3 mM, scale: log}
protocol:
  stimuli:
    - name: two places
      duration: 20 ms
      waveform: {step: {delay: 1 ms, duration: 5 ms, amplitude: 0.1 nA}}
      injections:
        - site: far
          waveform: {step: {delay: 2 ms, duration: 5 ms, amplitude: 0.2 nA}}
    - name: clamp
      duration: 20 ms
      clamps:
        - site: soma
          resistance: 5 Mohm
          levels:
            - {duration: 5 ms, voltage: -70 mV}
            - {duration: 10 ms, voltage: -20 mV}
"""

POOL = """
NEURON { SUFFIX pool USEION ca READ ica, cai WRITE cai RANGE tau GLOBAL least }
PARAMETER { tau = 80 (ms) <1e-9, 1e9> least = 1e-4 (mM) }
ASSIGNED { ica (mA/cm2) diam (um) }
STATE { cai (mM) }
INITIAL { cai = least }
BREAKPOINT { SOLVE out METHOD cnexp }
DERIVATIVE out { cai' = -1e4 * 4 * ica / (2 * 96485 * diam) - (cai - least) / tau }
"""
CHANNEL = """
COMMENT
SUFFIX is not here
ENDCOMMENT
: nor is SUFFIX there
NEURON { SUFFIX cachannel USEION ca READ eca WRITE ica RANGE gbar }
PARAMETER { gbar = 1e-4 (S/cm2) }
ASSIGNED { v (mV) eca (mV) ica (mA/cm2) }
BREAKPOINT { ica = gbar / (1 + exp(-(v + 20) / 9)) * (v - eca) }
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "mods").mkdir()
    (tmp_path / "mods" / "a_pool.mod").write_text(POOL)
    (tmp_path / "mods" / "channel.mod").write_text(CHANNEL)
    (tmp_path / "tree.yaml").write_text(TREE)
    return tmp_path / "tree.yaml"


def test_what_the_file_says_is_what_the_cell_is(file):
    cell = read_cell(file)
    sections = {s.name: s for s in cell.morphology.sections}
    assert cell.morphology.regions == ("soma", "axon", "dend", "tuft")
    assert [s.name for s in cell.morphology.sections if s.region == "tuft"] == ["dend[1]"]
    assert sections["hillock"].diams == (4.0, 3.0, 2.0) and sections["hillock"].parent_x == 0.5
    counts = dict(zip(sections, cell.counts, strict=True))
    assert (counts["soma"], counts["hillock"], counts["dend[2]"]) == (3, 3, 7) and counts["dend[0]"] % 2 == 1
    soma, axon, dend, tuft = (cell.region(name) for name in ("soma", "axon", "dend", "tuft"))
    assert [p.mechanism.name for p in soma.mechanisms] == ["pas", "hh"]
    assert soma.mechanisms[0].values == {"g": 1e-4, "e": -65.0}
    assert soma.reversals == {"ena": 50.0, "ek": -77.0} and axon.reversals == {} and axon.concentrations == {}
    assert dend.cm == 2.0 and dend.Ra == 150.0 and dend.concentrations == {"cai": 5e-5, "cao": 2.0}
    assert dend.fixed == frozenset() and tuft.fixed == {"eca"} and tuft.reversals == {"eca": 140.0}
    assert tuft.concentrations == {"cai": 5e-5}
    gbar = dend.mechanisms[2].values["gbar"]
    assert isinstance(gbar, Profile) and gbar == Profile.linear(1e-4, -1e-7)
    assert tuft.mechanisms[1].values["tau"] == Profile.step(50.0, 0.0, 350.0, 80.0)
    assert [str(site.place) for site in cell.sites] == [
        "soma(0.5)", "200 um along dend", "110 um along dend towards dend[1]", "dend[0](0.2)", "soma(0.5)",
    ]  # fmt: skip
    assert cell.space.parameters[1].targets == ("g_pas.soma", "g_pas.dend", "g_pas.tuft", "g_pas.axon")
    assert cell.space.parameters[4].unit == "S/cm2/um" and cell.space.parameters[7].targets == ("least_pool",)
    two, clamp = cell.protocol.stimuli
    assert two.injections[0].site == "far" and clamp.clamps[0].resistance == 5.0
    assert clamp.clamps[0].levels == ((5.0, -70.0), (10.0, -20.0))
    assert [site.unit for site in lower(cell).sites] == ["mV", "mV", "mV", "mM", ""]


def test_it_comes_back_from_where_it_is_written(file, tmp_path):
    cell = read_cell(file)
    write_cell(cell, tmp_path / "again.yaml")
    assert "file: mods/channel.mod" in (tmp_path / "again.yaml").read_text()
    other = tmp_path / "other"
    other.mkdir()
    write_cell(cell, other / "copy.yaml")
    assert sorted(f.name for f in other.iterdir()) == ["cachannel.mod", "copy.yaml", "pool.mod"]
    moved = cell.at(cell.space.draw(0, 0, 1)[0])
    write_cell(moved, other / "moved.yaml")
    for written, expected in (
        (tmp_path / "again.yaml", cell),
        (other / "copy.yaml", cell),
        (other / "moved.yaml", moved),
    ):
        again = read_cell(written)
        assert again == expected and again.digest == expected.digest
        tables, own = lower(again), lower(expected)
        assert [[i.bindings for i in c.instances] for c in tables.compartments] == [
            [i.bindings for i in c.instances] for c in own.compartments
        ]
        assert tables.quantities == own.quantities and tables.varying == own.varying


BAD = [
    ("parent: soma}", "parent: tuft}", "9:46: morphology.sections.dend[0].parent: there is no section tuft"),
    ("parent: soma}", "parent: dend[1]}", "is not YAML"),
    ("parent: soma}", 'parent: "dend[1]"}', "9:5: morphology.sections: a cyclic tree: dend[0] -> dend[1] -> dend[0]"),
    ("parent: soma}", 'parent: "dend[0]"}', "9:5: morphology.sections: a cyclic tree: dend[0] -> dend[0]"),
    (", parent: soma}", "}", "9:5: morphology.sections: soma and dend[0] both have no parent; write `parent: soma(1)`"),
    ("parent: soma(0.5)", "parent: soma(1.5)", "soma(1.5) lies beside the section"),
    ("parent: soma(0.5)", "parent: soma(x)", "'soma(x)' is no place on a section"),
    ("L: 300 um", "L: 0 um", "section dend[0] has L = 0.0 um"),
    ("segments: 7", "segments: 0", "0 segments"),
    ("diams: [4 um, 3 um, 2 um]", "diams: []", "0 diameters"),
    ("diams: [4 um, 3 um, 2 um]", "diam: 3 um, diams: [3 um]", "expected either diam or diams"),
    ("    soma: {L", "    so ma: {L", "'so ma' is no name for a section"),
    ("region: dend, beyond", "region: dent, beyond", "unknown value 'dent'; did you mean dend? expected one of soma"),
    ("beyond: 250 um", "beyond: 2500 um", "13:11: morphology.regions.tuft: selects no section"),
    ("tuft: {region", "t: {sections: [soma]}\n    tuft: {within: 5 um, region", "selects no section"),
    ("beyond: 250 um}", "beyond: 250 um}\n    t2: {sections: ['dend[1]']}", "dend[1] is in tuft already"),
    ("  d_lambda: 0.1\n", "  d_lambda: 0.1\n  every: 40 um\n", "expected one rule, got 2"),
    ("  d_lambda: 0.1\n", "  every: 40 um\n", "only d_lambda has a frequency"),
    ("sections: {soma: 3}", "sections: {some: 3}", "stated for some, which is no section and no region"),
    ("sections: {soma: 3}", "sections: {soma: 0}", "soma has 0 segments"),
    ("  Ra: 150 ohm cm\n", "", "Ra.soma is not stated"),
    ("  Ra: 150 ohm cm\n", "  Ra: 150 mV\n", "expected a quantity in ohm cm"),
    ("  cm: 1 uF/cm2\n", "", "the key 'cm' is missing; state it there or under everywhere"),
    ("ek: -77 mV}", "ek: -77 mV, ecl: -80 mV}", "21:39: everywhere.reversals: no region needs ecl"),
    ("cao: 2 mM}", "cao: 2 mM, cli: 3 mM}", "no region needs cli"),
    (", cao: 2 mM}", "}", "regions.dend: eca follows from cai and cao, which the cell does not state; add `cao: 2 mM`"),
    ("{eca: {fixed: 140 mV}}", "{eca: 140 mV}", "eca of tuft follows from cai and cao, since pool uses them"),
    ("regions:\n  soma:", "regions:\n  apical:\n  soma:", "25:3: regions: the morphology has no region apical; it has"),
    ("      pool:\n", "      pol:\n", "no mechanism named 'pol' ships"),
    ("      pool:\n", "      pool: {shipped: Ih}\n", "several mechanisms named Ih ship; write `shipped: allen/Ih`"),
    ("linear: {value", "linar: {value", "expected one profile, got 0; use one of linear, exponential, step, formula"),
    (", slope: -1e-7 S/cm2/um}", "}", "the key 'slope' is missing; expected keys: value, slope"),
    ("outside: 80 ms, start: 0 um, stop: 350 um", "outside: -8 ms, start: 0 um, stop: 350 um",
     "38:19: regions.tuft.mechanisms.pool.tau: tau_pool at dend[1](0.5) = -8 ms is out of range, a_pool.mod"),
    ("slope: -1e-7 S/cm2/um", "slope: -1e-7 S/cm2", "expected a quantity in S/cm2/um"),
    ("value * exp(-distance", "value * open(-distance", "open(...) is a call of something other than a function"),
    ("exp(-distance / lambda)", "exp(-distance / lamda)", "reads 'lamda', which has no value; did you mean lambda?"),
    (", lambda: 100}", "}", "reads 'lambda', which has no value"),
    ("value * exp(-distance / lambda)", "exp(-distance / lambda)", "does not read its coefficient 'value'"),
    ("  soma: soma(0.5)", "  soma: some(0.5)", "42:9: sites.soma: the site soma lies on some, which is no section"),
    ("distance: 200 um}", "distance: 2000 um}", "43:8: sites.far: the site far: nothing of dend lies at 2000 um"),
    ('towards: "dend[1]"', "towards: y", "not all of dend has coordinates"),
    ("variable: cai", "variable: nai", "sites.calcium: the site calcium records 'nai', which dend does not have"),
    ("variable: m_hh", "variable: m", "sites.m: the site m records 'm', which soma does not have"),
    ("- site: far", "- site: fare", "protocol.stimuli[0].injections[0].site: unknown value 'fare'; did you mean far?"),
    ("- site: soma\n", "- site: dend\n", "protocol.stimuli[1].clamps[0].site: unknown value 'dend'"),
    ("resistance: 5 Mohm", "resistance: 0 Mohm", "a voltage clamp has a series resistance of 0 MOhm"),
    ("voltage: -70 mV", "voltage: -70 nA", "expected a quantity in mV"),
    ("tuft.lambda", "tuft.lamda", "'gbar_cachannel.tuft.lamda' is no quantity of the cell; did you mean gbar"),
    ("g_pas.*", "g_pass.*", "'g_pass.*' is no quantity of the cell; did you mean g_pas"),
    ("mod_files: mods", "mod_files: ../mods", "leads out of the folder of tree.yaml"),
    ("mod_files: mods", "mod_files: mod", "there is no folder"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"), BAD, ids=[f"{new.strip()[:30]}-{i}" for i, (_, new, _) in enumerate(BAD)]
)
def test_a_mistake_is_named_with_its_place(file, old, new, message):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(CellError) as caught:
        read_cell(file)
    assert str(caught.value).startswith(f"{file}:") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_files_of_one_suffix_are_refused(file):
    shutil.copy(file.parent / "mods" / "a_pool.mod", file.parent / "mods" / "b_pool.mod")
    with pytest.raises(CellError, match=r"a_pool\.mod and b_pool\.mod both have the SUFFIX pool"):
        read_cell(file)
    (file.parent / "mods" / "b_pool.mod").write_text(POOL.replace("= 80", "= 81"))
    text = file.read_text().replace("pool:\n", "pool: {file: mods/a_pool.mod}\n")
    file.write_text(text.replace("pool: {tau", "pool: {file: mods/b_pool.mod, tau"))
    with pytest.raises(CellError, match=r"two mechanisms are called pool: .*a_pool\.mod and .*b_pool\.mod"):
        read_cell(file)


@pytest.mark.parametrize("text", ["", "TITLE hh\n: NEURON { SUFFIX hh }\nPARAMETER { g = 1 }\n"])
def test_a_file_that_holds_no_mechanism_is_not_passed_over_for_one_that_ships(file, text):
    (file.parent / "mods" / "hh.mod").write_text(text)
    with pytest.raises(CellError) as caught:
        read_cell(file)
    assert str(caught.value).startswith(f"{file}:")
    assert "hh.mod holds no mechanism; write one with the SUFFIX hh there, or take the file away" in str(caught.value)


def test_a_suffix_may_stand_in_an_included_file(file):
    own = POOL.replace("SUFFIX pool", "SUFFIX hh")
    (file.parent / "mods" / "hh.mod").write_text('INCLUDE "hh.inc"\n')
    (file.parent / "mods" / "hh.inc").write_text(own)
    with pytest.raises(CellError, match=r"hh has no parameter 'gnabar'"):
        read_cell(file)


def test_other_files_of_the_folder_are_nobody_s_business(file):
    cell = read_cell(file)
    for name, text in {
        "empty": "",
        "hh": "NEURON { POINT_PROCESS clamp }",
        "cut": CHANNEL.replace("cachannel", "cut")[:-40],
        "pas": "NEURON { ARTIFICIAL_CELL unit }",
    }.items():
        (file.parent / "mods" / f"{name}.mod").write_text(text)
    (file.parent / "mods" / "rates.inc").write_text("FUNCTION f() { f = 1 }")
    assert read_cell(file) == cell


def test_any_cut_of_the_file_is_refused_in_one_line(file):
    text = file.read_text()
    for end in range(0, len(text), 61):
        file.write_text(text[:end])
        try:
            read_cell(file)
        except UserError as error:
            assert str(error).startswith(str(file.parent)) and "\n" not in str(error)


SWC = """1 1 0 0 0 8 -1
2 1 0 -8 0 8 1
3 1 0 8 0 8 1
4 4 0 60 0 1.5 1
5 4 0 130 10 1.2 4
6 4 30 200 10 0.6 5
7 4 -40 260 10 0.7 5
8 3 50 0 0 1 1
9 3 120 0 0 0.5 8
10 2 0 -60 0 0.6 1
11 2 0 -160 0 0.4 10
"""
SHORT = """
name: mine
temperature: 34 degC
morphology: {file: mine.swc}
segments: {every: 40 um}
everywhere:
  cm: 1 uF/cm2
  Ra: 100 ohm cm
  reversals: {ena: 50 mV, ek: -77 mV}
  mechanisms: {pas: {g: 1e-4 S/cm2, e: -70 mV}}
regions:
  soma: {mechanisms: {hh: }}
  apical: {mechanisms: {hh: {gnabar: {exponential: {value: 0.1 S/cm2, length: -100 um}}}}}
parameters:
  gnabar_hh.apical.length: {low: -300 um, high: -50 um}
protocol:
  stimuli:
    - {name: step, duration: 20 ms, waveform: {step: {delay: 1 ms, duration: 5 ms, amplitude: 0.1 nA}}}
"""


@pytest.fixture
def short(tmp_path):
    (tmp_path / "mine.swc").write_text(SWC)
    (tmp_path / "mine.yaml").write_text(SHORT)
    return tmp_path / "mine.yaml"


def test_a_reconstruction_in_twenty_lines(short, tmp_path):
    assert len(SHORT.strip().splitlines()) < 20
    cell = read_cell(short)
    assert set(cell.morphology.regions) == {"soma", "apical", "basal", "axon"}
    assert cell.counts == tuple(1 + 2 * int(s.L / 40) for s in cell.morphology.sections)
    assert cell.sites[0].place == At("soma[0]", 0.5)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_cell(cell, elsewhere / "c.yaml")
    assert (elsewhere / "mine.swc").read_text() == SWC
    again = read_cell(elsewhere / "c.yaml")
    assert again == cell and again.digest == cell.digest
    (elsewhere / "mine.swc").write_text(SWC + "\n")
    with pytest.raises(OutputError, match="holds another morphology already"):
        write_cell(cell, elsewhere / "c.yaml")
    assert replace(cell, origin=None).digest == cell.digest


def test_a_shape_that_no_file_holds_goes_to_a_table(short, tmp_path):
    scaled = replace(read_cell(short), segments=SegmentRule(), origin=None)
    write_cell(scaled, tmp_path / "c.yaml")
    (table,) = tmp_path.glob("c.sections.*.csv")
    again = read_cell(tmp_path / "c.yaml")
    assert again == scaled and again.digest == scaled.digest
    table.write_text(table.read_text().replace("60.0", "60.5"))
    with pytest.raises(CellError, match="does not hold the sections that were written"):
        read_cell(tmp_path / "c.yaml")
    text = re.sub(r"\n    sha256: .*", "", (tmp_path / "c.yaml").read_text())
    (tmp_path / "c.yaml").write_text(text)
    assert read_cell(tmp_path / "c.yaml") != scaled
    for damage in (",x,y", "apic[0]"):
        table.write_text(table.read_text().replace(damage, "damage,", 1))
        with pytest.raises(CellError, match=r"c\.sections\..*\.csv"):
            read_cell(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("what", "regions"),
    [
        ("axon: bluepyopt", {"axon": [30.0, 30.0]}),
        ("axon: {bluepyopt: {length: 100 um}}", {"axon": [50.0, 50.0]}),
        ("axon: allen", {"axon": [30.0, 30.0]}),
        ("axon: none", {}),
        ("axon: keep", {"axon": None}),
        ("axon: {mainen: {internodes: 1}}", {"hillock": [10.0], "initial": [15.0], "myelin": [100.0], "node": [1.0]}),
    ],
)
def test_axons(short, tmp_path, what, regions):
    short.write_text(SHORT.replace("{file: mine.swc}", f"{{file: mine.swc, {what}}}"))
    cell = read_cell(short)
    assert set(cell.morphology.regions) == {"soma", "apical", "basal", *regions}
    for region, lengths in regions.items():
        found = [s.L for s in cell.morphology.sections if s.region == region]
        assert lengths is None or found == lengths
    write_cell(cell, tmp_path / "again.yaml")
    assert read_cell(tmp_path / "again.yaml") == cell


def test_spines(short, tmp_path):
    bare = read_cell(short)
    spines = "{file: mine.swc, spines: {regions: [apical], density: 1 /um, area: 0.83 um2}}"
    short.write_text(SHORT.replace("{file: mine.swc}", spines))
    cell = read_cell(short)
    assert cell.counts == bare.counts  # decided before the sections grew
    grown = {r: cell.morphology.region_area(r) - bare.morphology.region_area(r) for r in cell.morphology.regions}
    length = sum(s.L for s in bare.morphology.sections if s.region == "apical")
    assert grown["basal"] == grown["soma"] == grown["axon"] == 0.0
    assert grown["apical"] > 0.83 * length  # and a little more: the ends' diameters grow twice
    write_cell(cell, tmp_path / "again.yaml")
    assert read_cell(tmp_path / "again.yaml") == cell
    short.write_text(SHORT.replace("{file: mine.swc}", spines.replace("[apical]", "[tuft]")))
    with pytest.raises(CellError, match="unknown value 'tuft'"):
        read_cell(short)


def test_a_site_towards_the_tip_of_the_apical_dendrite(short):
    text = SHORT.replace("parameters:", "sites:\n  s: {region: apical, distance: 180 um, towards: y}\nparameters:")
    short.write_text(text)
    cell = read_cell(short)
    assert isinstance(cell.sites[0].place, Along)
    at = cell.place(cell.sites[0])
    tip = cell.morphology.sections[cell.morphology.index(at.section)].points
    assert tip is not None and tip[-1, 1] == 260.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mine.swc}", "yours.swc}", "there is no file"),
        ("mine.swc}", "../mine.swc}", "leads out of the folder"),
        ("mine.swc}", "mine.swc, repair: [all]}", "unknown value 'all'; expected one of duplicates"),
        ("mine.swc}", "mine.swc, axon: short}", "unknown value 'short'"),
        ("mine.swc}", "mine.swc, axon: {allen: {width: 2 um}}}", "unknown key 'width'"),
        (
            "segments: {every: 40 um}\n",
            "",
            "nothing says how many segments a section has; add `segments: {every: 40 um}`",
        ),
        ("  soma: {mech", "  tuft: {mech", "the morphology has no region tuft"),
        ("low: -300 um", "low: -300 mV", "expected a quantity in um"),
    ],
)
def test_a_mistake_about_a_reconstruction_is_named(short, old, new, message):
    short.write_text(SHORT.replace(old, new, 1))
    with pytest.raises(CellError) as caught:
        read_cell(short)
    assert str(caught.value).startswith(f"{short}:") and message in str(caught.value)


def test_a_defect_of_the_file_is_the_file_s(short):
    (short.parent / "mine.swc").write_text(SWC.replace("9 3 120 0 0 0.5 8", "9 3 120 0 0 0 8"))
    with pytest.raises(CellError, match=r"mine\.swc:9"):
        read_cell(short)
    short.write_text(SHORT.replace("mine.swc}", "mine.swc, repair: [radii]}"))
    assert read_cell(short).morphology.notes


def test_the_documented_reconstruction_and_pieces_read(tmp_path):
    text = (Path(__file__).parent.parent.parent / "docs" / "cell-format.md").read_text()
    _, pyramid, shape, priors, formulas, protocol, conditions = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (mod,) = re.findall(r"```nmodl\n(.*?)```", text, re.DOTALL)
    (tmp_path / "channels").mkdir()
    (tmp_path / "channels" / "k.mod").write_text(mod)
    (tmp_path / "pyramid.swc").write_text(SWC)
    file = tmp_path / "pyramid.yaml"
    file.write_text(pyramid)
    cell = read_cell(file)
    assert len(pyramid.splitlines()) <= 20 and [s.name for s in cell.sites] == ["soma", "trunk"]
    assert {p.mechanism.name for p in cell.region("basal").mechanisms} == {"pas", "kslow"}
    before, _, _ = pyramid.partition("protocol:")
    file.write_text(before + protocol)
    assert [s.name for s in read_cell(file).protocol.stimuli] == ["from two places", "clamp"]
    file.write_text(before + conditions)
    cell = read_cell(file)
    assert cell.remaining(cell.protocol.stimuli[0]) == {}
    assert cell.remaining(cell.protocol.stimuli[1]) == {
        "gnabar_hh.soma": 0.0,
        "gnabar_hh.apical": 0.0,
        "gbar_kslow.soma": pytest.approx(0.2),
    }
    head, _, rest = pyramid.partition("parameters:")
    file.write_text(head + priors + "protocol:" + rest.partition("protocol:")[2])
    assert {type(p.prior) for p in read_cell(file).space.parameters} == {LogNormal, Normal}
    shipped = cell_file("mainen2").read_text()
    assert all(line.partition("  #")[0] in shipped for line in formulas.splitlines())
    lines = [
        line for line in before.splitlines() if not line.startswith(("morphology", "segments", "sites", "  gnabar"))
    ]
    lines = [line for line in lines if not line.startswith("  apical")]
    file.write_text("\n".join(lines) + "\n" + shape + protocol.replace("trunk", "soma"))
    tree = read_cell(file)
    assert tree.morphology.regions == ("soma", "dend", "tuft") and tree.counts == (1, 11, 5)


def test_theta_of_the_file_s_own_values(file):
    cell = read_cell(file)
    assert np.isfinite(cell.theta).all()
    tables = lower(cell)
    np.testing.assert_allclose(tables.at(cell.theta)[:, 0], tables.values, rtol=1e-12)


def test_a_current_at_an_end_needs_a_resistivity():
    cell = read_cell("sphere")
    at_the_end = (Site("tip", At("soma", 1.0)),)
    with pytest.raises(CellError, match=r"Ra\.soma is not stated, and a stimulus acts at an end"):
        replace(cell, sites=at_the_end)
    stated = replace(cell, regions=(replace(cell.regions[0], Ra=100.0),), sites=at_the_end)
    assert [c.area is None for c in lower(stated).compartments] == [False, True]
