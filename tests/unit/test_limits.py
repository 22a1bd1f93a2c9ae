"""The limits that mod files declare, in ranges, formulas, profiles and blocks; and what a drug may block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.cell.blocking import is_blocked
from gbar.errors import CellError, ProtocolError
from gbar.kernel.build import build
from gbar.mechanism import parse, read, shipped, shipped_file
from gbar.protocol import Block, Condition, Protocol
from gbar.simulate import simulate
from gbar.traces import Status

MOD = """
NEURON { SUFFIX mine NONSPECIFIC_CURRENT i, j RANGE g, least, share, e, vshift GLOBAL q10 }
UNITS { (mV) = (millivolt) (mA) = (milliamp) (S) = (siemens) }
PARAMETER {
    g = 1e-4 (S/cm2) <0, 1e-2>
    least = 1e-4 (S/cm2) <1e-5, 1e9>
    share = 1 <0, 4>
    e = -70 (mV)
    vshift = 0 (mV)
    q10 = 2 <1, 5>
}
ASSIGNED { v (mV) i (mA/cm2) j (mA/cm2) celsius (degC) tadj }
STATE { m }
INITIAL { tadj = q10^((celsius - 20) / 10) m = 0 }
BREAKPOINT {
    SOLVE states METHOD cnexp
    i = least * (v - e)
    j = g * share * (1 + m) * (v - e)
}
DERIVATIVE states { m' = (1 / (1 + exp(-(v - vshift) / 9)) - m) * tadj }
"""
CELL = """\
name: limited
temperature: 20 degC
mod_files: .
morphology:
  sections:
    soma: {L: 10 um, diam: 10 um, segments: 1}
    dend: {L: 200 um, diam: 2 um, parent: soma(1), segments: 3}
everywhere:
  cm: 1 uF/cm2
  Ra: 100 ohm cm
  mechanisms: {mine: {e: -65 mV}}
regions:
  dend: {mechanisms: {mine: {g: {linear: {value: 1e-3 S/cm2, slope: 0 S/cm2/um}}}}}
parameters:
  slope: {low: -1e-5 S/cm2/um, high: 1e-5 S/cm2/um, targets: [g_mine.dend.slope]}
  more: {low: -1, high: 1, value: 0}
  share_mine.soma: {low: 0.5, high: 4}
formulas:
  g_mine.soma: 1e-3 * more
protocol:
  conditions:
    drug: {blocks: {g_mine: 50 %, share_mine: 30 %}}
  stimuli:
    - {name: rest, duration: 5 ms, waveform: {sum: []}}
    - {name: drug, duration: 5 ms, condition: drug, waveform: {sum: []}}
"""
REFUSED = {
    "share_mine.soma: {low: 0.5, high: 4}": {
        "share_mine.soma: {low: -5, high: 4}": r"17:26: .*low: share_mine.soma may become -5, mine.mod allows 0 to 4",
        "share_mine.soma: {low: 1, high: 5}": r"17:35: .*high: share_mine.soma may become 5, mine.mod allows 0 to 4",
        "all: {low: -5, high: 4, targets: [share_mine.*]}": r"17:14: .*all, which sets share_mine.dend, may become -5",
        "q10_mine: {low: 0, high: 4}": r"17:19: .*q10_mine may become 0, mine.mod allows 1 to 5",
        "least_mine.soma: {low: 0 S/cm2, high: 1 S/cm2}": r"17:26: .*may become 0 S/cm2, mine.mod allows 1e-05 to",
        "more2: {low: 50, high: 200, value: 340}": r"17:38: .*value: 340 is out of the range of more2, 50 to 200",
        "more2: {low: 50 um, high: 200 um, value: 0.04 mm}": r"17:44: .*value: 0.04 mm is out of .*, 0.05 to 0.2",
    },
    "g_mine: 50 %": {
        "e_mine: 50 %": r"22:21: .*e_mine is in mV; a drug blocks .*one of: g_mine, least_mine, share_m",
        "vshift_mine.soma: 50 %": r"22:21: .*vshift_mine.soma is in mV",
        "q10_mine: 50 %": r"22:21: .*q10_mine has no unit and scales no current",
        "g_mine: 50 %, g_mine.soma: 10 %": r"22:35: .*g_mine.soma is blocked twice",
        "least_mine: 95 %": r"22:21: .*95 % less of least_mine.dend may leave 5e-06 S/cm2, mine.mod allows 1e-05 to",
    },
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mine.mod").write_text(MOD)
    (tmp_path / "cell.yaml").write_text(CELL)
    return tmp_path / "cell.yaml"


@pytest.mark.parametrize(("old", "new"), [(old, new) for old, changes in REFUSED.items() for new in changes])
def test_what_leaves_the_limits_is_refused_at_its_place(old, new, file):
    assert CELL.count(old) == 1
    file.write_text(CELL.replace(old, new))
    with pytest.raises(CellError, match=REFUSED[old][new]) as refusal:
        read_cell(file)
    assert "\n" not in str(refusal.value)


def test_a_range_may_reach_the_limits_and_go_where_there_are_none(file):
    free = "share_mine.soma: {low: 0, high: 4}\n  vshift_mine.soma: {low: -50 mV, high: 50 mV}"
    file.write_text(CELL.replace("share_mine.soma: {low: 0.5, high: 4}", free))
    assert read_cell(file).space.low.tolist() == [-1e-5, -1.0, 0.0, -50.0]


def test_a_block_of_a_free_parameter_is_looked_at_at_the_ends_of_its_range(file):
    free = "least_mine.soma: {low: 1e-4 S/cm2, high: 1e-3 S/cm2}"
    text = CELL.replace("share_mine.soma: {low: 0.5, high: 4}", free)
    file.write_text(text.replace("g_mine: 50 %", "least_mine.soma: 80 %"))
    assert read_cell(file).space.names[2] == "least_mine.soma"
    file.write_text(text.replace("g_mine: 50 %", "least_mine.soma: 80 %").replace("low: 1e-4", "low: 2e-5"))
    with pytest.raises(CellError, match=r"22:21: .*least_mine.soma may leave 4e-06 S/cm2"):
        read_cell(file)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_rows_beyond_the_limits_have_a_status(precision, file):
    cell = read_cell(file)
    theta = np.repeat(cell.theta, 70, axis=0)
    theta[3, 0] = -9e-6  # the profile falls below 0 within 200 um
    theta[5, 1] = -0.5  # the formula is below 0
    theta[7, 2] = 4.5  # a parameter set beyond the range, and the limits
    theta[66, 0] = 9e-6
    theta[69, 1] = -1e-9
    status = simulate(build(cell, precision), theta, cell.protocol, threads=1).status
    assert np.flatnonzero(status == Status.OUT_OF_RANGE).tolist() == [3, 5, 7, 69]
    assert (status == Status.OK).sum() == 66


def test_a_profile_that_a_block_takes_below_the_limit(file):
    text = CELL.replace("mine: {g: {", "mine: {least: {").replace("g_mine.dend", "least_mine.dend")
    file.write_text(text.replace("g_mine: 50 %", "least_mine.dend: 99.5 %"))
    cell = read_cell(file)
    status = simulate(build(cell, "float64"), cell.theta, cell.protocol, threads=1).status
    assert status.tolist() == [Status.OUT_OF_RANGE]
    fixed = "".join(line for line in text.splitlines(keepends=True) if "slope:" not in line or "regions" in line)
    file.write_text(fixed.replace("parameters:", "  dend: {mechanisms: {mine: {least: {step: {value: 1e-3 S/cm2, "
                    "outside: 1e-3 S/cm2, start: 0 um, stop: 50 um}}}}}\nparameters:"))  # fmt: skip
    cell = read_cell(file)
    blocked = Protocol(
        cell.protocol.stimuli, conditions=(Condition("drug", (Block("least_mine.dend", 99.5),)),)
    )  # fmt: skip
    with pytest.raises(ProtocolError, match="its mod file allows 1e-05"):
        simulate(build(cell, "float64"), cell.theta, blocked, threads=1)


CURRENTS = {
    "i = x * 1e-4 * (v + 65)": True,
    "i = 1e-4 * m * (v + 65) * x / 3": True,
    "i = x * (v + 65) - x * m * v": True,
    "i = -(x * v)": True,
    "LOCAL a a = x * m i = a * (v + 65)": True,
    "IF (v > -50) { i = x * v } ELSE { i = 0 }": True,
    "i = 1e-4 * (v + x)": False,
    "i = 1e-4 * v + x * v": False,
    "i = 1e-4 * x * x * v": False,
    "i = 1e-4 * v / x": False,
    "i = exp(x) * v": False,
    "IF (v > x) { i = v } ELSE { i = 0 }": False,
    "i = 1e-4 * v": False,
}


@pytest.mark.parametrize("unit", ["", "(mA/cm2)", "(strange)"])
@pytest.mark.parametrize("code", CURRENTS)
def test_what_scales_a_current_is_blocked(code, unit):
    text = f"""NEURON {{ SUFFIX one NONSPECIFIC_CURRENT i RANGE x }}
    PARAMETER {{ x = 1 {unit} }}
    ASSIGNED {{ v (mV) i (mA/cm2) }}
    STATE {{ m }}
    BREAKPOINT {{ SOLVE states METHOD cnexp {code} }}
    DERIVATIVE states {{ m' = -m }}"""
    mechanism = parse(text)
    assert is_blocked(mechanism, mechanism.parameters[0]) == CURRENTS[code]


def test_what_moves_a_state_is_no_factor():
    mechanism = parse("""NEURON { SUFFIX one NONSPECIFIC_CURRENT i RANGE x }
    PARAMETER { x = 1 }
    ASSIGNED { v (mV) i (mA/cm2) }
    STATE { m }
    BREAKPOINT { SOLVE states METHOD cnexp i = x * m * v }
    DERIVATIVE states { m' = x - m }""")
    assert not is_blocked(mechanism, mechanism.parameters[0])


def test_what_is_blocked_of_the_mechanisms_that_ship():
    scaling = set()
    for name in shipped():
        mechanism = read(shipped_file(name))
        for parameter in mechanism.parameters:
            unit, found = parameter.unit.strip("() "), is_blocked(mechanism, parameter)
            if unit in ("S/cm2", "pS/um2", "cm/s"):
                assert found and parameter.limits == (0.0, 1e9), (name, parameter)
            elif unit not in ("", "mA/cm2"):
                assert not found, (name, parameter)
            elif found and parameter.scope != "private":
                scaling.add((name, parameter.name))
    assert scaling == {("capump_da", "ibar"), ("nakpump_da", "ibar"), ("glu_da", "pca")}
