"""`gbar channels`: what it says, what it warns of, what it draws, and what it refuses."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from gbar import mechanism
from gbar.errors import NmodlError, OutputError, UserError
from gbar.report.channels import Line, Panel, channel_figure
from gbar.workflows.channel_checks import check_mechanism
from gbar.workflows.channels import channels

BAD = """TITLE badly made, with a gate of voltage and calcium
NEURON { SUFFIX bad USEION k READ ek WRITE ik USEION ca READ cai RANGE gbar, gother, vhalf }
UNITS { (mV) = (millivolt) (mA) = (milliamp) (pS) = (picosiemens) (um) = (micron) (S) = (siemens) }
PARAMETER { gbar = 10 (pS/um2) gother = 1 (S/cm2) vhalf = -20 (mV) }
ASSIGNED { v (mV) ek (mV) cai ik (mA/cm2) a b }
STATE { o p }
INITIAL { rates(v, cai) o = a/(a + b) p = 0 }
BREAKPOINT { SOLVE s METHOD cnexp ik = gbar*o*p*(v - ek) }
DERIVATIVE s { rates(v, cai) o' = a*(1 - o) - b*o p' = (1/(1 + exp(-(v + 30)/5)) - p)/3 }
PROCEDURE rates(v, c) {
    a = 0.1*(v + 40)/(1 - exp(-(v + 40)/10))*c/(c + 0.001)
    b = 0.125*exp(-(v + 50)/80)
}
"""


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.mod"
    file.write_text(BAD)
    return file


def size(picture: Path) -> tuple[int, int]:
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_what_is_understood_is_said():
    text = channels(["SK_E2", "hay/Ih", "pas"])
    first, second, third = text.split("\n\n", 2)[0], text, text[text.index("pas: Passive leak") :]
    assert first.splitlines()[0] == "SK_E2: Small-conductance calcium-activated potassium channel"
    assert "  currents    ik (k)" in first
    assert "  ion ca      reads cai" in first
    assert "  states      z" in first
    assert "gSK_E2bar  1e-06    S/cm²  range  0 to 1e+09" in text
    assert "hay/Ih: Hyperpolarisation-activated cation channel" in second
    assert "currents    ihcn (nonspecific)" in second
    assert "states      none" in third
    assert text.count("no warnings") == 3


def test_gates_in_numbers():
    text = channels(["hh"], celsius=6.3)
    (row,) = [line.split() for line in text.splitlines() if line.startswith("  n ")]
    assert row == ["n", "0.0254", "to", "0.978", "−53.4", "0.85", "to", "5.79"]
    assert "at 6.3 °C, ek −77 mV, ena 50 mV, default parameters" in text


def test_warnings(bad: Path):
    warnings = check_mechanism(mechanism.read(bad))
    assert [w.removeprefix(str(bad)) for w in warnings] == [
        ": gother is a conductance on which no current depends",
        ": unit mismatch: gbar is in (pS/um2), but with every gate open "
        "its current is 1e+04 times what that unit gives",
        ":11:21: 0.1 * (v + 40.0) / (1.0 - exp(-(v + 40.0) / 10.0)) becomes 0/0 at one value, and nothing guards it",
    ]
    assert "warning: " + warnings[0] in channels([bad])


@pytest.mark.parametrize("name", mechanism.shipped())
def test_what_ships_gives_no_warnings(name: str):
    assert check_mechanism(mechanism.read(mechanism.shipped_file(name))) == ()


@pytest.mark.parametrize(
    "guarded",
    [
        "IF (fabs(v + 40) < 1e-6) { a = 1 } ELSE { a = 0.1*(v + 40)/(1 - exp(-(v + 40)/10)) }",
        "IF (v == -40) { v = v + 1e-4 } a = 0.1*(v + 40)/(1 - exp(-(v + 40)/10))",
        "a = 0.1/(1 + exp(-(v + 40)/10))",
        "a = 0.1/(1 - exp(-(v + 40)/10))",
    ],
)
def test_guards_are_seen(bad: Path, guarded: str):
    text = BAD.replace("a = 0.1*(v + 40)/(1 - exp(-(v + 40)/10))*c/(c + 0.001)", guarded + " a = a*c/(c + 0.001)")
    bad.write_text(text)
    assert not [w for w in check_mechanism(mechanism.read(bad)) if "0/0" in w]


@pytest.mark.parametrize(("unit", "factor"), [("pS/um2", "(1e-4)*"), ("mS/cm2", "(1e-3)*"), ("S/cm2", "")])
def test_units_that_fit_are_not_blamed(bad: Path, unit: str, factor: str):
    bad.write_text(BAD.replace("gbar = 10 (pS/um2)", f"gbar = 10 ({unit})").replace("ik = gbar", f"ik = {factor}gbar"))
    assert not [w for w in check_mechanism(mechanism.read(bad)) if "mismatch" in w]


def test_pictures(bad: Path, tmp_path: Path):
    output = tmp_path / "pictures"
    text = channels([bad, "hh", "pas", "allen/Ih", "CaDynamics_E2", bad], output)
    assert text.endswith(f"5 picture(s) in {output}\n")
    assert sorted(p.name for p in output.iterdir()) == [
        "allen_Ih.png", "bad-2.png", "bad.png", "channels.txt", "hh.png", "pas.png"
    ]  # fmt: skip
    assert size(output / "hh.png") == (2160, 660)  # three panels
    assert size(output / "bad.png") == (2160, 1210)  # and a row against calcium
    assert size(output / "pas.png") == (960, 660)  # the current alone
    assert text.startswith((output / "channels.txt").read_text())
    with pytest.raises(OutputError, match="it exists already; choose another name, or add --overwrite"):
        channels(["pas"], output)
    channels(["pas"], output, overwrite=True)


def test_panels_are_labelled_with_units():
    x = np.linspace(-100.0, 60.0, 9)
    panel = Panel("time constant", "ms", "voltage", "mV", x, (Line("m", 1 + x**2), Line("h", 2 + x**2)), log_y=True)
    (axes,) = channel_figure("title", "note", [[panel]]).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("voltage (mV)", "time constant (ms)")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["m", "h"]
    assert axes.get_yscale() == "log"


def test_what_cannot_be_read_is_refused_before_anything_is_written(bad: Path, tmp_path: Path):
    broken = tmp_path / "broken.mod"
    broken.write_text("NEURON { SUFFIX broken ")
    output = tmp_path / "pictures"
    for files, said in (
        ([bad, broken], r"broken\.mod:1:"),
        ([tmp_path / "missing.mod"], r"missing\.mod: cannot be read .*; give the path of a \.mod file$"),
        (["nope"], "no mechanism named 'nope' comes with gbar; there are "),
        (["Ih"], "2 mechanisms named Ih come with gbar; write allen/Ih or hay/Ih$"),
    ):
        with pytest.raises(NmodlError, match=said):
            channels(files, output)
    for files, said in (([tmp_path], "is a folder; give its files: "), ([], "no mechanism is named; ")):
        with pytest.raises(UserError, match=said):
            channels(files, output)
    with pytest.raises(UserError, match=r"the temperature 310 degC is none of a neuron; "):
        channels(["pas"], output, celsius=310.0)
    assert not output.exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="it is a folder of something else"):
        channels(["pas"], tmp_path / "other", overwrite=True)
