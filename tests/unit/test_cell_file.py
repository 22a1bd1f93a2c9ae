import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar import mechanism
from gbar.cell import read_cell, shipped_cells, write_cell
from gbar.errors import CellError, NmodlError, OutputError, UserError
from gbar.protocol import Protocol, Sampled, Stimulus, Sum

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture
def own(tmp_path):
    """The example of docs/cell-format.md, on disk."""
    text = (DOCS / "cell-format.md").read_text()
    cell, *_ = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (mod,) = re.findall(r"```nmodl\n(.*?)```", text, re.DOTALL)
    (tmp_path / "channels").mkdir()
    (tmp_path / "channels" / "kslow.mod").write_text(mod)
    file = tmp_path / "mycell.yaml"
    file.write_text(cell)
    return file


def test_the_documented_example_reads(own):
    cell = read_cell(own)
    assert cell.file == own and read_cell(str(own)) == cell
    values = {name: q.value for name, q in cell.quantities().items()}
    assert values["gbar_kslow.soma"] == 5.0 and values["gl_hh.soma"] == 1e-4 and values["ek.soma"] == -85.0
    assert cell.space.names == ("gnabar_hh.soma", "gbar_kslow.soma", "leak")
    assert cell.space.low.tolist() == [0.06, 0.5, 5e-5] and cell.space.parameters[2].targets == ("gl_hh.soma",)
    assert [s.name for s in cell.protocol.stimuli] == ["step", "noise"]
    assert cell.protocol.stimuli[1].sampling == 0.1 and cell.protocol.stimuli[1].warm_up_current == -0.01


def test_every_shipped_cell_reads_and_comes_back(tmp_path):
    assert {"modern_sphere", "pospischil", "sphere"} <= set(shipped_cells())
    for name in shipped_cells():
        cell = read_cell(name)
        assert cell.name == name and cell.source.startswith("10.")
        write_cell(cell, tmp_path / f"{name}.yaml")
        again = read_cell(tmp_path / f"{name}.yaml")
        assert again == cell and again.digest == cell.digest
    assert sorted(f.name for f in tmp_path.iterdir()) == [f"{name}.yaml" for name in shipped_cells()]


def test_an_unknown_cell_is_answered_with_those_there_are():
    with pytest.raises(CellError) as caught:
        read_cell("spere")
    assert str(caught.value) == (
        "no cell named 'spere'; did you mean sphere? "
        f"shipped: {', '.join(shipped_cells())}, or give a path to a .yaml file"
    )
    for name in ("", "..", "sphere.yaml", "./sphere", "cells/sphere.yaml", "/"):
        with pytest.raises(CellError):
            read_cell(name)


BAD = [
    ("temperature: 24 degC\n", "", "mycell.yaml:1:1: the key 'temperature' is missing"),
    ("24 degC", "24", "4:14: temperature: 24 has no unit; write 24 degC"),
    ("24 degC", "24 mV", "4:14: temperature: '24 mV' is in mV, expected a quantity in degC"),
    ("24 degC", "309 degC", "the temperature is 309.0 degC"),
    ("temperature:", "temprature:", "4:1: unknown key 'temprature'; did you mean temperature?"),
    ("sphere: {diameter: 25 um}", "cube: {side: 25 um}",
     "7:3: morphology: unknown key 'cube'; expected keys: sphere, cylinder"),
    ("sphere: {diameter: 25 um}", "sphere: {diameter: -25 um}", "7:3: morphology: section soma has L = -25.0 um"),
    ("sphere: {diameter: 25 um}", "{}", "expected one shape, got 0"),
    ("cm: 1 uF/cm2", "cm: 1 uF", "11:9: regions.soma.cm: '1 uF' is in uF, expected a quantity in uF/cm2"),
    ("cm: 1 uF/cm2", "cm: 0 uF/cm2", "regions.soma: cm.soma is 0.0 uF/cm2"),
    ("      ek: -85 mV\n", "", "hh reads ek, which the cell does not state; add `ek: -90 mV` under regions.soma"),
    ("ek: -85 mV", "ek: -85 mV\n      eca: 120 mV", "no mechanism of soma reads eca; did you mean ena? take it out"),
    ("      hh:", "      hhh:",
     "16:7: regions.soma.mechanisms: no mechanism named 'hhh' ships with gbar; did you mean hh?"),
    ("gl: 0.1 mS/cm2", "gll: 0.1 mS/cm2",
     "17:9: regions.soma.mechanisms.hh: hh has no parameter 'gll'; did you mean gl?"),
    ("gl: 0.1 mS/cm2", "gl: 0.1 nA", "17:13: regions.soma.mechanisms.hh.gl: '0.1 nA' is in nA, expected"),
    ("gl: 0.1 mS/cm2", "gl: -0.1 mS/cm2",
     "17:13: regions.soma.mechanisms.hh.gl: gl_hh = -0.0001 S/cm2 is out of range"),
    ("gl: 0.1 mS/cm2", "ek: -80 mV", "17:9: regions.soma.mechanisms.hh: hh has no parameter 'ek'"),
    ("file: channels/kslow.mod", "file: channels/k.mod", "20:15: regions.soma.mechanisms.kslow.file: there is no file"),
    ("file: channels/kslow.mod", "file: ../kslow.mod", "leads out of the folder of mycell.yaml"),
    ("file: channels/kslow.mod", "file: channels", "there is no file"),
    ("      kslow:", "      kfast:", "19:7: regions.soma.mechanisms: kslow.mod has the SUFFIX kslow; write `kslow:`"),
    ("low: 60 mS/cm2", "low: 60", "24:25: parameters.gnabar_hh.soma.low: 60 has no unit; write 60 S/cm2"),
    ("low: 60 mS/cm2", "low: 600 mS/cm2",
     "24:19: parameters.gnabar_hh.soma: the range of gnabar_hh.soma, 0.6 to 0.24 S/cm2, is empty"),
    ("scale: log}", "scale: ln}", "unknown value 'ln'; expected one of linear, log"),
    ("gnabar_hh.soma: {low", "gnabar_hh.dend: {low",
     "24:3: parameters: 'gnabar_hh.dend' is no quantity of the cell; did you mean gnabar_hh.soma?"),
    ("[gl_hh.soma]", "[gl_hh.soma, el_hh.soma]", "the free parameter leak is in S/cm2, el_hh.soma in mV"),
    ("[gl_hh.soma]", "[gnabar_hh.soma]", "gnabar_hh.soma is set by gnabar_hh.soma and by leak"),
    ("amplitude: 300 pA", "amplitude: 300", "300 has no unit; write 300 pA or 0.3 nA"),
    ("amplitude: 300 pA", "amplitude: 300 nA", "stimulus step: the current reaches 300 nA, beyond 20 nA"),
    ("amplitude: 300 pA", "amplitude: 3 mV", "'3 mV' is in mV, expected a quantity in nA"),
    ("sampling: 0.1 ms", "sampling: 0.03 ms", "no whole multiple of dt 0.025 ms"),
    ("- name: noise", "- name: step", "two stimuli are called step"),
    ("seed: 1", "seed: one", "expected a whole number"),
    ("name: mycell", "name: ''", "the cell has no name"),
    ("regions:\n  soma:", "regions:\n  s o:", "'s o' is no name for a region"),
    ("parameters:\n", "regions: {}\nparameters:\n", "the key 'regions' stands twice, first in line 9"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"), BAD, ids=[f"{new.strip()[:30]}-{i}" for i, (_, new, _) in enumerate(BAD)]
)
def test_a_mistake_is_named_with_its_place(own, old, new, message):
    text = own.read_text()
    assert old in text
    own.write_text(text.replace(old, new, 1))
    with pytest.raises(CellError) as caught:
        read_cell(own)
    assert str(caught.value).startswith(f"{own}:") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_the_mod_file_is_the_mod_file_s(own):
    mod = own.parent / "channels" / "kslow.mod"
    mod.write_text(mod.read_text().replace("STATE { n }", "STATE { n"))
    with pytest.raises(NmodlError, match=r"kslow\.mod"):
        read_cell(own)


def test_a_unit_that_gbar_does_not_know_is_compared_as_a_word(own):
    mod = own.parent / "channels" / "kslow.mod"
    mod.write_text(
        mod.read_text().replace("tau = 40 (ms)", "tau = 40 (fortnight)").replace("RANGE gbar", "RANGE gbar, tau")
    )
    text = own.read_text()
    own.write_text(text.replace("gbar: 5 pS/um2", "gbar: 5 pS/um2\n        tau: 3.5 fortnight"))
    cell = read_cell(own)
    assert cell.quantities()["tau_kslow.soma"].value == 3.5
    write_cell(cell, own.parent / "again.yaml")
    assert read_cell(own.parent / "again.yaml") == cell
    own.write_text(text.replace("gbar: 5 pS/um2", "gbar: 5 pS/um2\n        tau: 3.5 ms"))
    with pytest.raises(CellError, match="expected a number of fortnight"):
        read_cell(own)


def test_any_cut_of_the_file_is_refused_in_one_line(own):
    """No prefix of a good file makes anything but a cell or a UserError."""
    text = own.read_text()
    for end in range(0, len(text), 7):
        own.write_text(text[:end])
        try:
            read_cell(own)
        except UserError as error:
            assert str(error).startswith(str(own)) and "\n" not in str(error)


def test_a_written_cell_takes_its_mod_files_along(own, tmp_path):
    cell = read_cell(own)
    other = tmp_path / "other"
    other.mkdir()
    write_cell(cell, other / "copy.yaml")
    assert read_cell(other / "copy.yaml") == cell
    assert (other / "kslow.mod").read_bytes() == (tmp_path / "channels" / "kslow.mod").read_bytes()
    write_cell(cell, other / "copy.yaml")  # again: the copy is there already
    write_cell(cell, tmp_path / "beside.yaml")
    assert "file: channels/kslow.mod" in (tmp_path / "beside.yaml").read_text()
    assert not (tmp_path / "kslow.mod").exists()
    (other / "kslow.mod").write_text("another")
    with pytest.raises(OutputError, match="holds another kslow already"):
        write_cell(cell, other / "copy.yaml")
    (tmp_path / "channels" / "kslow.mod").unlink()
    with pytest.raises(OutputError, match="has changed or gone"):
        write_cell(cell, tmp_path / "beside.yaml")


def test_long_sampled_currents_go_to_tables(tmp_path):
    current = np.random.default_rng(0).normal(size=1000) / 3
    wave = Sum((Sampled(0.02, current), Sampled(1.0, current[:3])))
    protocol = Protocol(
        (Stimulus("as recorded / 1", wave, 20, dt=0.01, sampling=0.02), Stimulus("b", Sampled(0.1 / 3, current), 20))
    )
    cell = replace(read_cell("sphere"), protocol=protocol)
    write_cell(cell, tmp_path / "c.yaml")
    again = read_cell(tmp_path / "c.yaml")
    assert again == cell and again.digest == cell.digest
    assert len((tmp_path / "c.yaml").read_text()) < 4000
    (table,) = tmp_path.glob("c.b.*.csv")
    table.write_text(table.read_text().replace("0.", "0.1", 1))
    with pytest.raises(CellError, match="does not hold the values that were written"):
        read_cell(tmp_path / "c.yaml")


def test_texts_keep_what_yaml_would_fold(tmp_path):
    cell = replace(read_cell("sphere"), name="µ\x85\u2028", source="a\r\nb \t", description="no: {x} # é\n\n  - 1")
    write_cell(cell, tmp_path / "c.yaml")
    assert read_cell(tmp_path / "c.yaml") == cell


def test_a_cell_that_cannot_be_written_leaves_nothing(tmp_path):
    cell = read_cell("sphere")
    with pytest.raises(OutputError, match="cannot be written"):
        write_cell(cell, tmp_path / "no" / "c.yaml")
    (tmp_path / "c.yaml").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_cell(cell, tmp_path / "c.yaml")
    assert [f.name for f in tmp_path.iterdir()] == ["c.yaml"]


def test_a_mechanism_of_one_s_own_may_bear_a_shipped_name(own):
    mod = own.parent / "hh.mod"
    mod.write_text(mechanism.shipped_file("hh").read_text().replace("el = -54.3", "el = -50"))
    own.write_text(
        own.read_text().replace("      hh:\n", "      hh:\n        file: hh.mod\n").replace("        el: -65 mV\n", "")
    )
    cell = read_cell(own)
    assert cell.quantities()["el_hh.soma"].value == -50.0
    write_cell(cell, own.parent / "again.yaml")
    assert read_cell(own.parent / "again.yaml") == cell
