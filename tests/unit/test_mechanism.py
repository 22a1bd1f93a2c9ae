import os
import subprocess
import sys

import pytest

from gbar import mechanism
from gbar.errors import NmodlError
from gbar.nmodl import tree as t
from gbar.nmodl.parse import parse_file
from gbar.nmodl.prune import inputs
from gbar.nmodl.unparse import unparse_expression

SHIPPED = mechanism.shipped()
KNOWN = {"v", "dt", "celsius", "t", "diam", "area"}


@pytest.fixture(params=SHIPPED)
def built(request):
    return mechanism.read(mechanism.shipped_file(request.param))


def test_what_ships():
    assert set(SHIPPED) >= {
        "pas", "hh", "hhna", "hhk", "hhleak", "na_ms", "kv_ms", "na_tm", "k_tm", "im", "leak", "leak_ghk"
    }  # fmt: skip


def test_names_and_headers(built):
    assert built.name == built.file.stem
    assert built.title
    text = built.file.read_text()
    assert built.name in ("pas",) or "doi 10." in text
    assert len(built.digest) == 64
    assert not built.warnings


def test_blocks_read_only_what_they_may(built):
    own = {p.name for p in built.parameters} | {*built.states, *built.assigned} | concentrations(built)
    own |= {name for ion in built.ions for name in ion.reads}
    for block in (built.breakpoint, built.advance):
        assert inputs(block) <= own | KNOWN
    assert inputs(built.initial) <= own - {*built.states, *built.assigned} | KNOWN
    assert inputs(built.slope) <= own | KNOWN | {line.target for line in built.breakpoint.code}
    for block in (built.initial, built.breakpoint, built.slope, built.advance):
        targets = [line.target for line in block.code]
        assert len(set(targets)) == len(targets)
        assert not set(targets) & (own | KNOWN)


def concentrations(built):
    """Those that a mechanism writes."""
    return {name for ion in built.ions for name in ion.writes if name in (f"{ion.name}i", f"{ion.name}o")}


def test_results(built):
    assert {name for name, _ in built.initial.results} - concentrations(built) == {*built.states, *built.assigned}
    assert {current.name for current in built.currents} == {name for name, _ in built.breakpoint.results}
    assert {current.name for current in built.currents} == {name for name, _ in built.slope.results}
    assert {name for name, _ in built.advance.results} == {*built.states, *concentrations(built)}


def test_no_singularity_is_left(built):
    text = " ".join(
        unparse_expression(line.value)
        for block in (built.initial, built.breakpoint, built.advance)
        for line in block.code
    )
    source = built.file.read_text()
    guarded = source.count("fabs(")
    assert ("SELECT" in text) == (source.count("IF (") > guarded or "sparse" in source)  # what is below 0 becomes 0
    assert ("exprelr" in text) == (guarded > 0)


def test_currents_are_affine_unless_they_rectify_or_gate_at_once(built):
    assert built.affine == (built.name not in ("leak_ghk", "Nap", "glu_da"))


def test_conductances_and_more_are_range_parameters(built):
    scopes = {parameter.name: parameter.scope for parameter in built.parameters}
    assert "private" not in scopes.values()
    assert not built.currents or any(name in ("g", "p") or name.endswith("bar") for name in scopes)


def test_units_are_right_for_neuron(built, nrn):
    shown = subprocess.run(
        [str(next(p for p in _bin("modlunit"))), str(built.file)], capture_output=True, text=True, check=True
    )
    assert [line for line in shown.stdout.splitlines() if line.strip() and "hecking" not in line] == []


def test_modlunit_would_complain(tmp_path, nrn):
    wrong = tmp_path / "wrong.mod"
    wrong.write_text(mechanism.shipped_file("pas").read_text().replace("(mV)\n    i", "(mA)\n    i"))
    shown = subprocess.run([str(next(iter(_bin("modlunit")))), str(wrong)], capture_output=True, text=True, check=False)
    assert "units" in shown.stdout + shown.stderr
    assert len((shown.stdout + shown.stderr).splitlines()) > 3


def _bin(name):
    from pathlib import Path

    return [Path(sys.executable).parent / name]


def test_neurons_own_parser_reads_what_ships(built, nrn):
    from neuron import nmodl

    assert nmodl.NmodlDriver().parse_string(built.file.read_text())


def test_neurons_files_are_read_or_refused(nrn):
    from pathlib import Path

    import neuron

    files = sorted(Path(neuron.__file__).parent.rglob("*.mod"))
    assert len(files) > 10
    read = []
    for file in files:
        try:
            read.append(mechanism.read(file).name)
        except NmodlError as error:
            assert str(error).startswith(f"{file}:")
            assert error.line
    assert {"hh", "pas"} <= set(read)


def test_hh_at_rest():
    built = mechanism.read(mechanism.shipped_file("hh"))
    assert [(p.name, p.value) for p in built.parameters] == [
        ("gnabar", 0.12), ("gkbar", 0.036), ("gl", 0.0003), ("el", -54.3)
    ]  # fmt: skip
    assert built.states == ("m", "h", "n")
    assert built.ions == (mechanism.Ion("na", ("ena",), ("ina",)), mechanism.Ion("k", ("ek",), ("ik",)))
    assert built.currents == tuple(mechanism.Current(*c) for c in (("ina", "na"), ("ik", "k"), ("il", None)))
    assert dict(built.units)["gnabar"] == "S/cm2"


# --- files made for one point each -------------------------------------------------------------------------------

FRAME = """NEURON {{ SUFFIX x USEION k READ ek WRITE ik RANGE g {neuron} }}
PARAMETER {{ g = 1 {parameter} }} ASSIGNED {{ v ek ik a b {assigned} }} STATE {{ m }} {rest}
INITIAL {{ {initial} }}
BREAKPOINT {{ SOLVE s METHOD cnexp {breakpoint} }}
DERIVATIVE s {{ {derivative} }}"""


def made(**parts):
    frame = dict.fromkeys(("neuron", "parameter", "assigned", "rest", "initial"), "")
    frame |= {"breakpoint": "ik = g*m*(v - ek)", "derivative": "m' = 1 - m"}
    return mechanism.parse(FRAME.format(**frame | parts), "x.mod")


def result(block, name):
    return dict(block.results)[name]


def test_assigned_variables_that_blocks_share_are_carried():
    built = made(initial="a = 3^(celsius/10) b = 2 m = a", assigned="celsius", derivative="m' = a*(1 - m)")
    assert built.assigned == ("a",)
    assert {name for name, _ in built.initial.results} == {"m", "a"}


def test_assigned_variables_of_one_block_are_not():
    assert made(derivative="a = v b = a m' = b - m").assigned == ()


def test_what_breakpoint_leaves_for_the_derivative():
    built = made(breakpoint="a = v*v ik = g*m*a", derivative="m' = a - m")
    assert built.assigned == ("a",)
    assert {name for name, _ in built.breakpoint.results} == {"ik", "a"}
    assert not built.affine


def test_file_scope_locals_keep_their_values():
    built = made(rest="LOCAL q", initial="q = 2", derivative="m' = q - m")
    assert built.assigned == ("q",)


def test_everything_begins_at_zero():
    built = made(initial="a = a + 1 m = m + a + b", derivative="m' = a - m")
    assert result(built.initial, "m") == t.Number(1.0)
    assert result(made().initial, "m") if made().initial.results else True
    assert inputs(built.initial) == set()


def test_a_state_begins_at_its_parameter():
    built = made(parameter="m0 = 0.3", initial="a = m")
    assert built.states == ("m",)
    assert result(made(parameter="m0 = 0.3", initial="m = 2*m").initial, "m") is not None
    assert inputs(made(parameter="m0 = 0.3", initial="m = 2*m").initial) == {"m0"}


def test_states_get_a_value_even_without_initial():
    assert result(made().initial, "m") == t.Number(0.0)
    assert result(made(parameter="m0 = 0.3").initial, "m") == t.Name("m0")


def test_a_stated_conductance_is_honoured():
    built = made(breakpoint="CONDUCTANCE a USEION k a = g*m*v ik = a*(v - ek)")
    assert built.affine
    (line,) = [line for line in built.breakpoint.code if t.Name(line.target) == result(built.slope, "ik")]
    assert unparse_expression(line.value) == "g * m * v"


def test_currents_affine_in_v_only():
    assert made(breakpoint="ik = g*m*(v - ek) + 3*v - v/2").affine
    assert not made(breakpoint="ik = g*m*(v - ek)*(v - ek)").affine
    assert not made(breakpoint="IF (v > 0) { ik = v } ELSE { ik = 2*v }").affine
    assert made(breakpoint="IF (m > 0) { ik = v } ELSE { ik = 2*v }").affine
    assert made(breakpoint="a = 1").affine
    assert result(made(breakpoint="a = 1").breakpoint, "ik") == t.Number(0.0)


def test_locals_of_two_derivatives_do_not_meet():
    built = mechanism.parse(
        """NEURON { SUFFIX x NONSPECIFIC_CURRENT i } ASSIGNED { v i a } STATE { m n } INITIAL { a = 5 }
        BREAKPOINT { SOLVE s METHOD cnexp SOLVE w METHOD cnexp i = m*n*v }
        DERIVATIVE s { LOCAL a a = 2 m' = a - m } DERIVATIVE w { n' = a - n }"""
    )
    assert built.assigned == ("a",)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_do_not_matter(end, tmp_path):
    text = mechanism.shipped_file("hh").read_text()
    other = tmp_path / "hh.mod"
    other.write_bytes(text.replace("\n", end).encode("latin-1") + b"\x1a")
    one, two = mechanism.parse(text), mechanism.read(other)
    assert (one.initial, one.advance, one.breakpoint) == (two.initial, two.advance, two.breakpoint)


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "missing.mod", "a\0b"):
        with pytest.raises(NmodlError, match=r"; give the path of a \.mod file$"):
            mechanism.read(path)
    empty = tmp_path / "empty.mod"
    empty.write_text("")
    with pytest.raises(NmodlError, match=r"empty\.mod:1:1: no SUFFIX; "):
        mechanism.read(empty)
    with pytest.raises(NmodlError, match=r"no mechanism named 'nope' comes with gbar; there are .*hh, "):
        mechanism.shipped_file("nope")
    with pytest.raises(NmodlError):
        mechanism.shipped_file("../errors")


def test_sets_that_share_a_suffix():
    assert {"NaTa_t", "NaTs", "hay/Ih", "allen/Ih"} <= set(SHIPPED)
    hay, allen = (mechanism.read(mechanism.shipped_file(f"{name}/Ih")) for name in ("hay", "allen"))
    assert (hay.name, allen.name) == ("Ih", "Ih")
    assert ([p.name for p in hay.parameters], [p.name for p in allen.parameters]) == (
        ["gIhbar", "ehcn"], ["gbar", "ehcn"]
    )  # fmt: skip
    assert mechanism.shipped_file("Ih", prefer=("sscx", "hay")) == hay.file
    assert mechanism.shipped_file("NaTg", prefer=("allen",)) == mechanism.shipped_file("sscx/NaTg")
    assert (mechanism.shipped_name(hay), mechanism.shipped_name(allen)) == ("hay/Ih", "allen/Ih")
    assert mechanism.shipped_name(mechanism.parse(hay.file.read_text() + "\n")) is None
    with pytest.raises(NmodlError, match=r"2 mechanisms named Ih come with gbar; write allen/Ih or hay/Ih$"):
        mechanism.shipped_file("Ih")
    with pytest.raises(NmodlError, match="no mechanism named 'hay/hh'"):
        mechanism.shipped_file("hay/hh")


def test_the_same_text_gives_the_same_mechanism(built):
    assert mechanism.read(built.file) == built
    assert parse_file(built.file.read_text()) == parse_file(built.file.read_text())


def test_importing_is_quick_and_leaves_the_parser_for_later():
    code = "import sys, gbar.mechanism; assert 'lark' not in sys.modules"

    def once():
        before = os.times()
        subprocess.run([sys.executable, "-c", code], check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(once() for _ in range(3)) < 0.5  # of processor time: the wall clock is what else the machine does
