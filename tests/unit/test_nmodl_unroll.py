import numpy as np
import pytest

from gbar import mechanism
from gbar.errors import NmodlError
from gbar.kernel.interpret import run
from gbar.nmodl.parse import parse_file
from gbar.nmodl.unparse import unparse
from gbar.nmodl.unroll import unroll

DECLARED = "ASSIGNED { a[3] (mV) b[2] x } STATE { c[2] (mM) } "


def unrolled(code, declared=DECLARED):
    return unparse(unroll(parse_file(declared + code, "x.mod")))


def same(code, plain):
    """Whether unrolled code is the code of a file with scalars a_0, a_1, ... written out."""
    text = unrolled(code)
    for name, size in (("a", 3), ("b", 2), ("c", 2), ("l", 2)):
        for n in range(size):
            text = text.replace(f"{name}[{n}]", f"{name}_{n}")
    scalars = "ASSIGNED { a_0 (mV) a_1 (mV) a_2 (mV) b_0 b_1 x } STATE { c_0 (mM) c_1 (mM) } "
    assert parse_file(text) == parse_file(scalars + plain)


def test_loops_include_both_ends():
    same("INITIAL { FROM i = 0 TO 2 { a[i] = i } }", "INITIAL { a_0 = 0 a_1 = 1 a_2 = 2 }")
    same("INITIAL { FROM i = 0 TO 2 BY 2 { a[2-i] = x } }", "INITIAL { a_2 = x a_0 = x }")
    same("INITIAL { FROM i = 2 TO 1 { a[i] = x } x = 1 }", "INITIAL { x = 1 }")


def test_indices_are_whole_numbers_as_in_c():
    same("INITIAL { FROM i = 1 TO 2 { a[(i+2)/2] = b[i/2]*c[2*i-i-1] } }", "INITIAL { a_1 = b_0*c_0 a_2 = b_1*c_1 }")


def test_loops_inside_loops_and_ifs():
    same(
        "PROCEDURE p() { FROM i = 0 TO 1 { IF (x > i) { FROM j = i TO 1 { b[i] = a[j] } } } }",
        "PROCEDURE p() { IF (x > 0) { b_0 = a_0 b_0 = a_1 } IF (x > 1) { b_1 = a_1 } }",
    )


def test_local_arrays_hide_those_of_the_file():
    same("INITIAL { LOCAL l[2], x l[1] = x }", "INITIAL { LOCAL l_0, l_1, x l_1 = x }")
    same("FUNCTION a(b) { a = b }", "FUNCTION a(b) { a = b }")


def test_a_local_inside_a_loop_is_new_in_every_turn():
    same(
        "INITIAL { FROM i = 0 TO 1 { LOCAL y y = i b[i] = y } }",
        "INITIAL { { LOCAL y y = 0 b_0 = y } { LOCAL y y = 1 b_1 = y } }",
    )


def test_reactions_and_compartments():
    same(
        "KINETIC k { COMPARTMENT i, a[i]*1(um) { c } LONGITUDINAL_DIFFUSION i, a[i] { c } COMPARTMENT 2 { x }"
        " FROM i = 0 TO 0 { ~ c[i] + 2 x <-> c[i+1] (a[i], b[i+1]) } ~ c[0] << (f_flux) CONSERVE c[0] + c[1] = 1 }",
        "KINETIC k { COMPARTMENT a_0*1(um) { c_0 } COMPARTMENT a_1*1(um) { c_1 }"
        " LONGITUDINAL_DIFFUSION a_0 { c_0 } LONGITUDINAL_DIFFUSION a_1 { c_1 } COMPARTMENT 2 { x }"
        " ~ c_0 + 2 x <-> c_1 (a_0, b_1) ~ c_0 << (f_flux) CONSERVE c_0 + c_1 = 1 }",
    )


def test_derivatives_and_equations():
    same("DERIVATIVE d { FROM i = 0 TO 1 { c'[i] = -c[i] } }", "DERIVATIVE d { c_0' = -c_0 c_1' = -c_1 }")
    same("LINEAR l { FROM i = 0 TO 1 { ~ c[i]*x = a[i] } }", "LINEAR l { ~ c_0*x = a_0 ~ c_1*x = a_1 }")


def test_range_names_every_element_and_m0_every_state():
    built = mechanism.parse(
        "NEURON { SUFFIX x RANGE g, c NONSPECIFIC_CURRENT i } PARAMETER { g[2] (S/cm2) c0 = 3 } STATE { c[2] }"
        " DEFINE n 2 DEFINE m -1 INITIAL { g[1] = m } BREAKPOINT { SOLVE s METHOD cnexp i = g[0]*(v + m)*c[1] }"
        " DERIVATIVE s { FROM k = 0 TO n - 1 { c'[k] = -c[k] } } ASSIGNED { v }"
    )
    assert [(p.name, p.scope) for p in built.parameters] == [("g[0]", "range"), ("g[1]", "range"), ("c0", "private")]
    assert built.states == ("c[0]", "c[1]")
    assert {name for name, _ in built.advance.results} == {"c[0]", "c[1]"}
    assert dict(built.initial.results).keys() == {"c[0]", "c[1]"}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("INITIAL { a[3] = 1 }", r"1:61: a\[3\] is outside of the array; its elements are a\[0\] to a\[2\]"),
        ("INITIAL { x = a[-1] }", r"1:65: a\[-1\] is outside"),
        ("INITIAL { x = a }", r"1:65: a is an array of 3; name an element: a\[0\]"),
        ("INITIAL { x[1] = 1 }", r"1:61: x is no array; declare it with its length: x\[3\]"),
        ("INITIAL { x = a[x] }", r"1:65: this index or bound is not known before the simulation"),
        ("INITIAL { x = a[0.5] }", r"1:65: this index or bound is not known"),
        ("INITIAL { FROM i = 0 TO 2 BY 0 { x = 1 } }", r"1:66: a loop BY 0 does not end"),
        ("INITIAL { FROM i = 0 TO 1e7 { x = 1 } }", r"1:66: a loop of 10000001 turns; a loop has at most 1000"),
        ("INITIAL { FROM i = 0 TO 1e300 { x = 1 } }", r"1:66: this index or bound is not known"),
        ("INITIAL { FROM i = x TO 2 { a[i] = 1 } }", r"1:66: this index or bound is not known before the simulation"),
        ("INITIAL { FROM i = 0 TO x + 1 { a[0] = 1 } }", r"1:66: this index or bound is not known"),
        ("INITIAL { FROM i = 0 TO 2 { i = 1 } }", r"1:79: i counts the turns of a loop and cannot be assigned"),
        (
            f"INITIAL {{ {'FROM i = 0 TO 99 { ' * 4} x = i {'}' * 4} }}",
            r"1:138: the loops of this file expand to more than 20000 statements",
        ),
        ("ASSIGNED { big[100000] }", r"1:62: the array big has 100000 elements; an array has at most 1000"),
        ("INITIAL { LOCAL big[100000] }", r"1:61: the array big has 100000 elements"),
    ],
)
def test_refusals(code, message):
    with pytest.raises(NmodlError, match=rf"^x\.mod:{message}"):
        unrolled(code)


def test_a_loop_may_end_at_a_parameter():
    text = (
        "NEURON { SUFFIX x RANGE n NONSPECIFIC_CURRENT i } PARAMETER { n = 3 many = 12 } ASSIGNED { v i }"
        " BREAKPOINT { i = 1 FROM k = 1 TO n { i = i*v } FROM k = 1 TO many { i = i + 1 } }"
    )
    built = mechanism.parse(text, "x.mod")
    assert [(p.name, p.value, p.high) for p in built.parameters] == [("n", 3.0, 8.0), ("many", 12.0, 12.0)]
    assert built.warnings == (
        "x.mod:1:122: a loop ends at n, which can be at most 8 here",
        "x.mod:1:150: a loop ends at many, which can be at most 12 here",
    )
    for turns in (0, 1, 3, 8):
        found = run(built.breakpoint, {"v": 2.0, "n": turns, "many": 2.0})[1]
        assert found["i"] == 2.0**turns + 2


def test_a_loop_may_end_at_a_variable():
    text = (
        "NEURON { SUFFIX x NONSPECIFIC_CURRENT i } ASSIGNED { v i n } BREAKPOINT { n = -v i = power(n, 2) }"
        " FUNCTION power(count, x) { power = 1 FROM k = 1 TO count { power = power*x } }"
    )
    built = mechanism.parse(text, "x.mod")
    assert built.warnings == ("x.mod:1:142: a loop ends at count, which can be at most 8 here",)
    with np.errstate(divide="ignore"):
        found = {turns: run(built.breakpoint, {"v": np.float64(-turns)})[1]["i"] for turns in (0, 1, 8, 9)}
    assert found == {0: 1, 1: 2, 8: 256, 9: np.inf}
