import pytest

from gbar import mechanism
from gbar.errors import NmodlError
from gbar.nmodl.prune import inputs
from gbar.nmodl.tree import Number
from gbar.nmodl.unparse import unparse_expression

PARTS = {
    "neuron": "SUFFIX x USEION k READ ek WRITE ik NONSPECIFIC_CURRENT i RANGE g",
    "parameter": "g = 1 (S/cm2)",
    "assigned": "v (mV) ek (mV) ik (mA/cm2) i (mA/cm2) a",
    "state": "m",
    "initial": "m = 0",
    "breakpoint": "SOLVE s METHOD cnexp ik = g*m*(v - ek)",
    "derivative": "m' = 1 - m",
    "rest": "",
}


def build(**parts):
    p = PARTS | parts
    text = f"""NEURON {{ {p["neuron"]} }}
PARAMETER {{ {p["parameter"]} }}
ASSIGNED {{ {p["assigned"]} }}
STATE {{ {p["state"]} }}
INITIAL {{ {p["initial"]} }}
BREAKPOINT {{ {p["breakpoint"]} }}
DERIVATIVE s {{ {p["derivative"]} }}
{p["rest"]}"""
    return mechanism.parse(text, "x.mod")


def test_the_frame_is_right():
    assert build().states == ("m",)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"initial": "m = n"}, r"5:15: n is not declared; declare it in"),
        ({"initial": "n = 1"}, r"5:11: n is not declared"),
        ({"initial": "dt = 1"}, r"5:11: dt belongs to the simulator"),
        ({"initial": "c = 1", "rest": "CONSTANT { c = 3 }"}, r"5:11: c is a constant and cannot be assigned"),
        ({"initial": "F = 1", "rest": "UNITS { F = 96485 (coul) }"}, r"5:11: F is a constant and cannot be assigned"),
        ({"initial": "m = f(1)"}, r"5:15: f\(\) is not defined; define it as a FUNCTION"),
        ({"initial": "m = scop_random()"}, r"5:15: scop_random\(\) is not supported; a mechanism is deterministic"),
        ({"initial": "m = f(1)", "rest": "FUNCTION_TABLE f(x)"}, r"5:15: f\(\) is a FUNCTION_TABLE; write it as a"),
        ({"initial": "m = exp(1, 2)"}, r"5:15: exp\(\) has 2 arguments; it takes 1"),
        ({"initial": "m = f()", "rest": "FUNCTION f(x) { f = x }"}, r"5:15: f\(\) has 0 arguments; it takes 1"),
        ({"initial": "m = p(1)", "rest": "PROCEDURE p(x) { a = x }"}, r"5:15: p is a PROCEDURE and has no value"),
        ({"initial": "m = f", "rest": "FUNCTION f(x) { f = x }"}, r"5:15: f is a function; call it"),
        ({"initial": "m = exp"}, r"5:15: exp is a function; call it"),
        ({"initial": "m' = 1"}, r"5:11: m' in INITIAL; equations of states belong in a DERIVATIVE"),
        ({"initial": "SOLVE s METHOD cnexp"}, r"5:17: SOLVE in INITIAL is not supported"),
        ({"derivative": "SOLVE s"}, r"7:22: SOLVE in DERIVATIVE is not supported"),
        ({"breakpoint": "SOLVE s METHOD adams"}, r"6:20: METHOD adams is not supported; there are after_cvode"),
        ({"breakpoint": "SOLVE f", "rest": "FUNCTION f() { f = 1 }"}, r"6:20: f takes arguments or has a value"),
        ({"breakpoint": "SOLVE p", "rest": "PROCEDURE p(x) { a = x }"}, r"6:20: p takes arguments or has a value"),
        ({"initial": "COMPARTMENT 2 { m }"}, r"5:11: a statement of KINETIC blocks in INITIAL"),
        ({"derivative": "CONSERVE m = 1"}, r"7:16: a statement of KINETIC blocks in DERIVATIVE"),
        ({"derivative": "~ m = 1"}, r"7:16: a simultaneous equation in DERIVATIVE; it belongs in a LINEAR"),
        ({"rest": "BEFORE STEP { a = 1 }"}, r"8:1: BEFORE STEP is not supported; there are AFTER INITIAL and"),
        ({"neuron": "SUFFIX x USEION ca"}, r"1:26: USEION ca neither READs nor WRITEs"),
        ({"initial": "m = f(1)", "rest": "FUNCTION f(x) { f = f(x - 1) }"}, r"8:21: f\(\) calls itself"),
        (
            {"initial": "m = f(1)", "rest": "FUNCTION f(x) { f = h(x) } FUNCTION h(x) { h = f(x) }"},
            r"8:48: f\(\) calls itself; recursion has no place",
        ),
        (
            {"initial": "m = f(1, 2)", "rest": "FUNCTION f(x, x) { f = x }"},
            r"8:10: f\(\) has two arguments of one name",
        ),
        ({"rest": "PROCEDURE s() { a = 1 }"}, r"8:11: s is defined a second time; it is defined at 7:12"),
        ({"parameter": "g = 1 g = 2"}, r"2:19: g is defined a second time; it is defined at 2:13"),
        ({"assigned": "v m"}, r"is defined a second time"),
        ({"assigned": "v exp"}, r"3:14: exp is a function of NMODL"),
        ({"neuron": "RANGE g"}, r"1:1: no SUFFIX"),
        ({"neuron": "SUFFIX x SUFFIX y"}, r"a second SUFFIX"),
        ({"neuron": "SUFFIX x USEION ca READ xca"}, r"1:34: xca is no variable of the ion ca; there are eca, ica"),
        ({"neuron": "SUFFIX x USEION k READ ek USEION k WRITE ik"}, r"USEION k stands twice"),
        ({"neuron": "SUFFIX x USEION k WRITE ik NONSPECIFIC_CURRENT ik"}, r"1:57: the current ik stands twice"),
        ({"derivative": "m' = 1 m' = 2"}, r"7:23: m has a second equation"),
        ({"derivative": "m'' = 1 - m"}, r"7:16: m'' is of higher order"),
        ({"derivative": "m' = 1 a' = 2"}, r"7:23: a is no state; declare a in STATE"),
        ({"derivative": "IF (v > 0) { m' = 1 }"}, r"7:29: m' inside an IF is not supported"),
        ({"breakpoint": "SOLVE w METHOD cnexp"}, r"6:20: SOLVE w: there is no such block"),
        ({"breakpoint": "SOLVE s METHOD cnexp SOLVE s METHOD cnexp"}, r"SOLVE s stands twice"),
        ({"breakpoint": "SOLVE s METHOD cnexp CONDUCTANCE g USEION na"}, r"CONDUCTANCE g needs exactly one current of"),
        ({"rest": "UNITS { Q = (smoot) (m) }"}, r"8:9: Q = \(smoot\) \(m\) is not a conversion gbar knows; write"),
    ],
)
def test_mistakes_are_named_with_their_place(parts, message):
    with pytest.raises(NmodlError, match=rf"^x\.mod:.*{message}"):
        build(**parts)


def test_a_reversal_potential_in_parameter_is_the_ions():
    built = build(parameter="g = 1 ek = -77 (mV) celsius = 6.3 (degC)", assigned="v ik i a")
    assert [parameter.name for parameter in built.parameters] == ["g"]
    assert built.ions[0].reads == ("ek",)
    assert built.warnings == (
        "x.mod:2:19: ek = -77 is ignored; the ion has the value",
        "x.mod:2:33: celsius = 6.3 is ignored; the simulation's temperature has the value",
    )


def test_scopes_limits_and_units():
    built = build(
        neuron="SUFFIX x USEION k READ ek, ik WRITE ik VALENCE 1 NONSPECIFIC_CURRENT i RANGE g, a GLOBAL q THREADSAFE",
        parameter="g = 1 (S/cm2) <0, 1e9> q = 3 w u (mV)",
    )
    assert [(p.name, p.value, p.unit, p.scope, p.low, p.high) for p in built.parameters] == [
        ("g", 1.0, "S/cm2", "range", 0.0, 1e9),
        ("q", 3.0, "", "global", None, None),
        ("w", 0.0, "", "private", None, None),
        ("u", 0.0, "mV", "private", None, None),
    ]
    assert built.ions == (mechanism.Ion("k", ("ek", "ik"), ("ik",), 1.0),)
    assert dict(built.units)["v"] == "mV"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"breakpoint": "SOLVE s METHOD cnexp ik = m*1e200^2"},
            r"6:47: 1e\+200\^2.0 is not a finite number; correct",
        ),
        ({"breakpoint": "SOLVE s METHOD cnexp ik = 1e308*10*0*m"}, r"6:45: 1e\+308 \* 10.0 is not a finite number"),
        ({"breakpoint": "SOLVE s METHOD cnexp ik = m + log(-1)"}, r"6:44: log\(-1.0\) is not a finite number"),
        ({"initial": "m = f(3)", "rest": "FUNCTION f(x) { f = 1/(x - 3) }"}, r"8:22: 1.0 / 0.0 is not a finite number"),
        ({"derivative": "m' = c*10 - m", "rest": "CONSTANT { c = 1e308 }"}, r"7:16: 1e\+308 \* 10.0 is not a finite"),
    ],
)
def test_constants_without_a_finite_value(parts, message):
    with pytest.raises(NmodlError, match=rf"^x\.mod:{message}"):
        build(**parts)


def test_what_is_not_finite_and_never_used_does_no_harm():
    assert build(initial="a = 1/0 m = 2").initial.results == (("m", Number(2.0)),)


@pytest.mark.parametrize(
    "breakpoint",
    [
        "a = a + .001*(v - a) ik = g*a",
        "ik = g*m*(v - a) p()",
        "IF (v > 0) { a = 1 } ik = g*a",
        "m = m + 1 ik = g*m",
        "ik = g*m g = g*2",
    ],
)
def test_breakpoint_may_remember(breakpoint):
    built = build(
        breakpoint=f"SOLVE s METHOD cnexp {breakpoint}", rest="PROCEDURE p() { a = v/2 }", derivative="m' = a - m"
    )
    assert built.memory
    assert not built.affine
    assert not build().memory


def test_with_a_stated_conductance_neuron_evaluates_once():
    built = build(breakpoint="CONDUCTANCE g USEION k SOLVE s METHOD cnexp a = a + 1 ik = g*a*(v - ek) i = g*v*v")
    assert not built.memory
    assert built.affine
    assert {name: unparse_expression(value) for name, value in built.slope.results} == {"ik": "g", "i": "0.0"}


def test_breakpoint_reads_what_other_blocks_leave():
    read = "ik = g*m*a*(v - ek) SOLVE s METHOD cnexp"
    assert build(breakpoint=read, derivative="a = v m' = 1 - m").assigned == ("a",)
    assert build(breakpoint=read, initial="p() m = 0", rest="PROCEDURE p() { a = v }").assigned == ("a",)
    assert build(breakpoint=f"p() {read}", derivative="m' = a - m", rest="PROCEDURE p() { a = v }").assigned == ("a",)


def test_lower_case_if_and_old_fashioned_blocks():
    built = build(
        initial="if (v > 0) { m = 1 } else { m = 2 }",
        rest="INDEPENDENT {t FROM 0 TO 1 WITH 1 (ms)}",
        state="m FROM 0 TO 1",
    )
    assert dict(built.initial.results)["m"]


def test_a_range_name_without_declaration_is_only_warned_of():
    neuron = PARTS["neuron"] + ", w"
    assert build(neuron=neuron).warnings == ("x.mod:1:76: w is named in the NEURON block and declared nowhere",)
    with pytest.raises(NmodlError, match=r"^x\.mod:5:15: w is not declared"):
        build(neuron=neuron, initial="m = w")


def test_a_file_may_define_functions_that_neuron_has():
    assert build(initial="m = ghk(2)", rest="FUNCTION ghk(x) { ghk = x*x }").initial.results == (("m", Number(4.0)),)


def test_the_voltage_may_be_changed_within_a_block():
    moved = build(breakpoint="SOLVE s METHOD cnexp p() ik = g*m*(v - ek)", rest="PROCEDURE p() { v = v + 10 }")
    assert moved.affine
    assert {name for name, _ in moved.breakpoint.results} == {"ik", "i"}
    assert "v + 10.0" in unparse_expression(moved.breakpoint.code[0].value)


@pytest.mark.parametrize(
    ("parts", "warning"),
    [
        ({"assigned": "v ek ik (nA) i a"}, "x.mod:3:17: the current ik is in (nA); its number is taken as mA/cm2"),
        ({"assigned": "v ek ik (S/cm2) i a"}, "x.mod:3:17: the current ik is in (S/cm2); its number is taken"),
        ({"state": "m n"}, "x.mod:4:11: the state n has no equation"),
        ({"breakpoint": "ik = m"}, "x.mod:7:12: s is never solved"),
    ],
)
def test_what_neuron_lets_pass_is_warned_of(parts, warning):
    assert any(one.startswith(warning) for one in build(**parts).warnings)


def test_initial_and_breakpoint_may_stand_twice():
    built = build(rest="INITIAL { m = m + 1 } BREAKPOINT { i = 1 }")
    assert dict(built.initial.results) == {"m": Number(1.0)}
    assert dict(built.breakpoint.results)["i"] == Number(1.0)


def test_solve_is_taken_out_of_an_if():
    usual, within = build(), build(breakpoint="IF (v > 0) { SOLVE s METHOD cnexp } ik = g*m*(v - ek)")
    assert within.advance == usual.advance
    assert within.breakpoint == usual.breakpoint


def test_variables_of_ions():
    ions = "SUFFIX x USEION ca READ ica, cao WRITE cai, cao VALENCE 2 USEION k READ ek, ki WRITE ik RANGE g"
    built = build(
        neuron=ions, assigned="v ek ik ica cao ki", state="cai m", breakpoint="SOLVE s METHOD cnexp ik = g*(v - ek)*ki",
        initial="m = cao ek = -3", derivative="m' = -m cai' = -ica - cai cao = 2*ek",
    )  # fmt: skip
    assert built.states == ("m",)
    assert built.assigned == ()
    assert [p.name for p in built.parameters] == ["g"]
    assert built.ions == (
        mechanism.Ion("ca", ("ica", "cao", "cai"), ("cai", "cao"), 2.0),
        mechanism.Ion("k", ("ek", "ki"), ("ik",), None),
    )
    assert {name for name, _ in built.initial.results} == {"m"}  # what is only READ is the block's own copy
    assert {name for name, _ in built.advance.results} == {"m", "cai", "cao"}


def test_without_currents_breakpoint_follows_the_states():
    pool = {"neuron": "SUFFIX x USEION ca WRITE cai", "assigned": "cai a", "initial": "m = 1"}
    built = build(**pool, breakpoint="IF (t > 0) { SOLVE s METHOD cnexp } cai = m*2", derivative="m' = -m")
    assert built.breakpoint.results == ()
    assert {name for name, _ in built.advance.results} == {"m", "cai"}


def test_a_parameter_that_is_assigned_begins_with_its_value():
    built = build(initial="m = g", breakpoint="SOLVE s METHOD cnexp ik = g*m", derivative="g = g*2 m' = -m")
    assert [p.name for p in built.parameters] == ["g"]
    assert built.assigned == ("g_now",)
    assert dict(built.initial.results)["g_now"] == dict(built.initial.results)["m"]
    assert unparse_expression(dict(built.initial.results)["m"]) == "g"
    assert not build(initial="g = 3 m = g", breakpoint="g = 4 ik = g").assigned


def test_defaults_have_six_digits_as_in_neuron():
    built = build(parameter="g = 0.11111118698262042 <0, 12345678> q = 12345678", initial="m = 0.11111118698262042")
    assert [(p.value, p.low, p.high) for p in built.parameters] == [
        (0.111111, 0.0, 12345700.0),
        (12345700.0, None, None),
    ]
    assert dict(built.initial.results)["m"] == Number(0.11111118698262042)


def test_a_name_that_hides_a_parameter_is_no_copy():
    built = build(initial="m = p(1)", rest="FUNCTION p(g) { LOCAL a g = g + 1 p = g }")
    assert dict(built.initial.results) == {"m": Number(2.0)}
    assert not built.assigned


def test_what_nothing_calls_is_only_warned_of():
    rest = "PROCEDURE p() { q = 1 } FUNCTION_TABLE f(x) FUNCTION h(x) { h = f(x) }"
    assert build(rest=rest).warnings == (
        "x.mod:8:17: q is not declared; declare it in PARAMETER, ASSIGNED, STATE or LOCAL (p() is never called)",
        "x.mod:8:65: f() is a FUNCTION_TABLE; write it as a FUNCTION: nobody gives the table its values here "
        "(h() is never called)",
    )


def test_printing_has_no_effect():
    assert build(initial='printf("%g\\n", m) m = 2').initial.results == (("m", Number(2.0)),)


def test_what_neuron_defines():
    assert build(initial="m = abs(-3)").initial.results == (("m", Number(3.0)),)
    built = build(initial="m = nrn_ghk(v, 1, 2, 1)", breakpoint="SOLVE s METHOD cnexp at_time(5) ik = at_time(g)*m")
    assert {"v", "celsius"} <= inputs(built.initial)
    assert {"t", "dt", "g"} <= inputs(built.breakpoint)


def test_a_current_that_is_read_later_is_the_mechanisms_own():
    own = build(derivative="m' = ik - m", initial="m = 2")
    assert own.assigned == ("ik_own",)
    assert "ik_own" in inputs(own.advance)
    assert dict(own.breakpoint.results)["ik_own"] == dict(own.breakpoint.results)["ik"]
    assert dict(own.initial.results)["ik_own"] == Number(0.0)
    total = build(neuron="SUFFIX x USEION k READ ek, ik WRITE ik RANGE g", derivative="m' = ik - m")
    assert total.assigned == ()
    assert "ik" in inputs(total.advance)


def test_what_neuron_declares():
    built = build(initial="m0 = 3 m = m0 + usetable", state="m n")
    assert dict(built.initial.results) == {"m": Number(3.0), "n": Number(0.0)}
    assert not build(parameter="g = 1 m0 = 4", initial="").assigned


def test_solve_of_a_procedure_in_a_procedure_is_a_call():
    built = build(initial="p() m = a", rest="PROCEDURE p() { IF (a < 1) { SOLVE q } } PROCEDURE q() { a = 2 }")
    assert dict(built.initial.results)["m"] == Number(2.0)


def test_a_local_outside_of_blocks_hides_what_assigned_declares():
    assert build(rest="LOCAL a").assigned == ()
    with pytest.raises(NmodlError, match="m is defined a second time"):
        build(rest="LOCAL m")


def test_a_current_declared_in_parameter_is_a_current():
    usual = build()
    odd = build(parameter="g = 1 ik (mA/cm2) i = 3 (mA/cm2)", assigned="v ek a")
    assert odd.currents == usual.currents
    assert odd.breakpoint == usual.breakpoint
    assert [p.name for p in odd.parameters] == ["g"]


def test_what_neuron_shares_among_compartments_is_warned_of():
    neuron = PARTS["neuron"] + " GLOBAL a"
    told = "x.mod:{}: NEURON has one {} for all compartments; here every compartment has its own"
    built = build(neuron=neuron, initial="a = v", breakpoint="SOLVE s METHOD cnexp ik = g*m*(v - ek)*a")
    assert built.warnings == (told.format("3:50", "a"),)
    built = build(initial="q = a a = g w = q", derivative="m' = w - m + a", rest="LOCAL q LOCAL w")
    assert not built.warnings
    built = build(initial="q = g w = q", derivative="m' = w - m + q", rest="LOCAL q LOCAL w")
    assert built.warnings == (told.format("8:7", "q"), told.format("8:15", "w"))
    shared = "a = celsius q = 3^((celsius - 6)/10)"
    built = build(neuron=neuron, initial=shared, derivative="m' = a - q*m", rest="LOCAL q")
    assert set(built.assigned) == {"a", "q"}
    assert not built.warnings
    within = build(neuron=neuron, breakpoint="SOLVE s METHOD cnexp a = v ik = g*m*a", rest="LOCAL q")
    assert not within.warnings


def test_a_reversal_potential_that_is_only_written_is_the_mechanisms_own():
    built = build(
        neuron="SUFFIX x USEION k WRITE ik, ek NONSPECIFIC_CURRENT i RANGE g", derivative="m' = 1 - m ek = -m"
    )
    assert built.ions[0].writes == ("ik", "ek")
    assert built.assigned == ("ek_own",)
    assert dict(built.initial.results)["ek"] == Number(0.0)
    for block in (built.advance, built.breakpoint):
        assert "ek" in dict(block.results)
        assert "ek" not in inputs(block)
    assert not build(neuron="SUFFIX x USEION k READ ek WRITE ik, ek NONSPECIFIC_CURRENT i RANGE g").assigned


def test_diffusion_is_left_out_with_a_warning():
    kinetic = "KINETIC k { LONGITUDINAL_DIFFUSION 1 { n } ~ n <-> m (1, 2) }"
    built = build(state="m n", breakpoint="SOLVE k METHOD sparse", derivative="", rest=kinetic)
    assert "x.mod:8:13: n: diffusion from compartment to compartment is left out" in built.warnings
