"""A wrong file is refused in one line; it never crashes, hangs, or gets anything executed."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_nmodl_roundtrip import files

from gbar import mechanism
from gbar.errors import NmodlError
from gbar.nmodl import lexer
from gbar.nmodl.lexer import decode
from gbar.nmodl.unparse import unparse

EVERYTHING = b"""TITLE every construct
DEFINE N 3
NEURON { SUFFIX all USEION ca READ cai, ica, eca WRITE cai, ica VALENCE 2 NONSPECIFIC_CURRENT i
 RANGE g, c GLOBAL q THREADSAFE }
UNITS { (mV) = (millivolt) (um) = (micron) FARADAY = (faraday) (coulomb) R = (k-mole) (joule/degC) PI = 3.14 (1) }
PARAMETER { g = 0.001 (S/cm2) <0, 1> q = 2 w[N] (1) }
ASSIGNED { v (mV) ica (mA/cm2) i (mA/cm2) cai (mM) eca (mV) a[N] minf tau diam }
STATE { m cai (mM) c[N] (mM) <1e-6> o p b1 b2 }
LOCAL once, shared[N]
INITIAL { SOLVE k STEADYSTATE sparse m = minf FROM i = 0 TO N-1 { c[i] = i a[i] = i*i }
 VERBATIM
 cai = _ion_cai;
 ENDVERBATIM
}
BREAKPOINT { SOLVE d METHOD cnexp SOLVE k METHOD sparse SOLVE l SOLVE p1
 IF (v > -40 && m < 1) { ica = g*m*(v - eca) } ELSE IF (v < -90) { ica = 0 } ELSE { ica = g*o }
 more(2) i = ghk(v, cai) + at_time(3) }
DERIVATIVE d { rates(v) m' = (minf - m)/tau cai' = -ica/(2*FARADAY*diam) - cai }
KINETIC k { COMPARTMENT j, a[j] + 1 { c } COMPARTMENT 2 { o p } LONGITUDINAL_DIFFUSION j, 1 { c }
 ~ o <-> p (alpha(v), 1) ~ c[0] << (-ica) ~ c[1] -> (1e-3) FROM j = 0 TO N-2 { ~ c[j] + 2 o <-> c[j+1] (1, 2) }
 CONSERVE o + p = 1 once = f_flux - b_flux }
LINEAR l { ~ b1 + 2*b2 = v ~ b1 - b2 = 3 }
PROCEDURE p1() { m = m + (1 - exp(-dt))*(minf - m)
 VERBATIM
 return 0;
 ENDVERBATIM
}
PROCEDURE more(n) { FROM j = 0 TO 1 { LOCAL x
 VERBATIM
 switch (_lj) { case 0: a[_lj] = 1. / (_lx + 2); break; case 1: if ((a[1] = 5) < q) { a[1] += q; } break; }
 ENDVERBATIM
 } FROM j = 1 TO n { m = m*j } }
PROCEDURE rates(u (mV)) { LOCAL x[2] TABLE minf, tau DEPEND celsius FROM -100 TO 100 WITH 200
 x[1] = u/10 minf = 1/(1 + exp(-x[1])) tau = 1 + q }
FUNCTION alpha(u) (/ms) { UNITSOFF alpha = 0.1*(u + 40)/(1 - exp(-(u + 40)/10)) UNITSON }
FUNCTION ghk(u (mV), ci (mM)) (mA/cm2) { ghk = nrn_ghk(u, ci, 2, 2) }
AFTER SOLVE { w[0] = 3 } COMMENT any [ thing ~ ENDCOMMENT
"""
TEXTS = [mechanism.shipped_file(name).read_bytes() for name in ("hh", "na_ms", "leak_ghk")] + [EVERYTHING]
LIMIT = 10.0  # s; a file of any content

WORDS = [
    *sorted(lexer.KEYWORDS | set(lexer.REFUSED) | set(lexer.PUNCTUATION)),
    "v", "m", "m'", "minf", "x", "rates", "ik", "k", "ek", "cnexp", "states", "0", "1", "2.5e-3", "(mV)", "\n",
    "COMMENT", "ENDCOMMENT", "TITLE", ":", "?", "celsius", "dt", "exp", "1e999", "[", "~", '"', "UNITSOFF",
    "VERBATIM return 0; ENDVERBATIM", "FROM i = 0 TO 2 {", "~ m <-> x (1, 2)", "SOLVE x METHOD sparse", "m[0]", "x[i]",
]  # fmt: skip


def refused_or_read(data: bytes) -> None:
    start = time.monotonic()
    try:
        mechanism.parse(decode(data, "fuzz.mod"), "fuzz.mod")
    except NmodlError as error:
        assert "\n" not in str(error)
        assert str(error).startswith("fuzz.mod:")
        assert error.remedy
    assert time.monotonic() - start < LIMIT


@given(st.binary(max_size=300))
@example(b"")
@example(b"\x1a")
@example(b"\xef\xbb\xbfTITLE")
@settings(max_examples=100, deadline=None)
def test_bytes(data):
    refused_or_read(data)


@given(
    st.sampled_from(TEXTS),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2), st.binary(min_size=1, max_size=3)), min_size=1, max_size=6),
)
@settings(max_examples=150, deadline=None)
def test_mutated_files(text, mutations):
    data = bytearray(text)
    for place, kind, new in mutations:
        at = int(place * (len(data) - 1))
        if kind == 0:
            data[at : at + len(new)] = new
        elif kind == 1:
            data[at:at] = new
        else:
            del data[at : at + 7 * len(new)]
    refused_or_read(bytes(data))


@given(st.sampled_from(TEXTS), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_shuffled_files(text, first, second, third):
    one, other, cut = sorted(int(x * len(text)) for x in (first, second, third))
    refused_or_read(text[:one] + text[other:cut] + text[one:other] + text[cut:])
    refused_or_read(text[:one])


@given(st.lists(st.sampled_from(WORDS), max_size=60))
@settings(max_examples=150, deadline=None)
def test_words(words):
    refused_or_read(" ".join(words).encode())
    refused_or_read(("NEURON { SUFFIX x } PARAMETER { x } BREAKPOINT { " + " ".join(words) + " }").encode())


def test_every_construct_is_read():
    built = mechanism.parse(EVERYTHING.decode(), "all.mod")
    assert built.states == ("m", "c[0]", "c[1]", "c[2]", "o", "p", "b1", "b2")
    assert [c.name for c in built.currents] == ["ica", "i"]


@given(files)
@settings(max_examples=100, deadline=None)
def test_trees_of_any_kind(tree):
    refused_or_read(unparse(tree).encode("utf-8", "surrogatepass"))


VARIABLES = ["v", "m", "n", "a", "g", "t", "dt", "cai", "ica", "c[0]", "c[1]", "celsius", "diam"]
values = st.recursive(
    st.sampled_from([*VARIABLES, "0", "1", "2.5", "1e-3", "1e30"]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "^", "<", ">=", "&&"]), inner),
        st.builds("{}({})".format, st.sampled_from(["exp", "log", "f", "fabs", "-", "sqrt"]), inner),
    ),
    max_leaves=8,
)
targets = st.sampled_from(["m", "n", "a", "g", "cai", "ica", "c[0]", "c[1]", "c[k]", "i", "x"])
lines = st.recursive(
    st.builds("{} = {}".format, targets, values) | st.builds("p({})".format, values),
    lambda inner: st.one_of(
        st.builds("IF ({}) {{ {} }} ELSE {{ {} }}".format, values, inner, inner),
        st.builds("FROM k = 0 TO 1 {{ {} }}".format, inner),
        st.builds("LOCAL x {}".format, inner).map("{{ {} }}".format),
    ),
    max_leaves=4,
)
code = st.lists(lines, max_size=4).map(" ".join)
rates = st.lists(st.builds("{}' = {}".format, st.sampled_from(["m", "n", "c[0]", "cai"]), values), max_size=3)
sides = st.sampled_from(["m", "n", "m + n", "2 c[0]", "c[1] + cai"])
reactions = st.lists(
    st.builds("~ {} <-> {} ({}, {})".format, sides, sides, values, values)
    | st.builds("~ {} << ({})".format, st.sampled_from(["m", "cai"]), values)
    | st.builds("CONSERVE {} = {}".format, sides, values)
    | st.builds("COMPARTMENT {} {{ {} }}".format, values, st.sampled_from(["m", "c", "n cai"])),
    max_size=4,
).map(" ".join)
equations = st.lists(st.builds("~ {} = {}".format, values, values), max_size=3).map(" ".join)


@given(
    code, code, code, rates.map(" ".join), reactions, equations,
    st.sampled_from(["cnexp", "derivimplicit", "euler", "runge", "sparse"]), st.sampled_from(["d", "k", "l", "p0"]),
)  # fmt: skip
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mechanisms_of_any_content(initial, breakpoint, routine, derivative, kinetic, linear, method, solved):
    how = "" if solved in ("l", "p0") else f"METHOD {method}"
    text = f"""NEURON {{ SUFFIX x USEION ca READ cai, ica WRITE cai, ica NONSPECIFIC_CURRENT i }}
PARAMETER {{ g = 1 }} ASSIGNED {{ a }} STATE {{ m n c[2] cai }}
INITIAL {{ {initial} }} BREAKPOINT {{ SOLVE {solved} {how} {breakpoint} }}
DERIVATIVE d {{ {derivative} }} KINETIC k {{ {kinetic} }} LINEAR l {{ {linear} }}
PROCEDURE p0() {{ {routine} }} PROCEDURE p(u) {{ m = m + u }} FUNCTION f(u) {{ f = u/(exp(u) - 1) }}"""
    refused_or_read(text.encode())


FRAME = "NEURON {{ SUFFIX x NONSPECIFIC_CURRENT i RANGE a }} PARAMETER {{ a = 1 }} ASSIGNED {{ v i }} {} "
MANY = 3_000


@pytest.mark.parametrize(
    "code",
    [
        f"BREAKPOINT {{ i = {'(' * MANY}v{')' * MANY} }}",
        f"BREAKPOINT {{ i = {'-' * MANY}v }}",
        f"BREAKPOINT {{ i = {'v + ' * MANY}v }}",
        f"BREAKPOINT {{ i = {'v ^ ' * MANY}v }}",
        f"BREAKPOINT {{ i = {'exp(' * MANY}v{')' * MANY} }}",
        f"BREAKPOINT {{ {'IF (v > 0) {' * MANY} {'}' * MANY} }}",
        f"BREAKPOINT {{ IF (v > 0) {{ i = 0 }} {'ELSE IF (v > 0) { i = 1 }' * MANY} }}",
        f"BREAKPOINT {{ i = {'v - (' * 90}v{')' * 90} }}",
        f"BREAKPOINT {{ i = exp(v) {'i = i * (v + a) - 1 ' * 300} }}",
        f"BREAKPOINT {{ i = v {'i = i * i + v ' * 200} i = i/(exp(i) - 1) }}",
        f"BREAKPOINT {{ i = v {'IF (v > i) { i = i + a } ' * 300} }}",
        f"BREAKPOINT {{ i = ({' + '.join(['v*a'] * 90)})^8/(exp(({' - '.join(['v'] * 90)})^7) - 1) }}",
        "BREAKPOINT { i = f30(v) } FUNCTION f0(x) { f0 = x*x } "
        + " ".join(f"FUNCTION f{n}(x) {{ f{n} = f{n - 1}(x) + f{n - 1}(x + 1) }}" for n in range(1, 31)),
        "BREAKPOINT { i = f900(v) } FUNCTION f0(x) { f0 = x*x } "
        + " ".join(f"FUNCTION f{n}(x) {{ f{n} = f{n - 1}(x)*a }}" for n in range(1, 901)),
        "BREAKPOINT { i = 1e308*1e308*v + 0/0 + 10^400 + exp(1e5) - log(-1) }",
        "LOCAL " + ", ".join(f"l{n}" for n in range(MANY)) + " BREAKPOINT { i = v }",
        "BREAKPOINT { FROM j = 0 TO 999 { FROM k = 0 TO 999 { i = i + j*k } } }",
        "BREAKPOINT { i = 0 FROM j = 0 TO 900 { i = i*(v + j) - 1 } }",
        "STATE { s[90] } BREAKPOINT { SOLVE k METHOD sparse i = s[3] } "
        "KINETIC k { FROM j = 0 TO 88 { ~ s[j] <-> s[j+1] (v, a) } }",
        "STATE { s[40] } BREAKPOINT { SOLVE k METHOD sparse i = s[3] } "
        "KINETIC k { FROM j = 0 TO 39 { FROM h = 0 TO 38 { ~ s[j] <-> s[h] (v, a) } } }",
        "DEFINE a -3 " * MANY + "BREAKPOINT { i = v }",
        "VERBATIM " * MANY + "ENDVERBATIM",
        "VERBATIM " + '/* */ "' * MANY + " ENDVERBATIM BREAKPOINT { i = v }",
        "BREAKPOINT { i = v } " + "COMMENT " * MANY + "ENDCOMMENT",
        "BREAKPOINT { i = v } : " + "x" * 500_000,
    ],
)
def test_excess_is_refused_or_read_in_time(code):
    refused_or_read(FRAME.format(code).encode())


def test_a_file_too_large_is_refused():
    data = b":" + b"x" * lexer.MAX_BYTES
    with pytest.raises(NmodlError, match=r"1000001 bytes; a \.mod file has at most"):
        decode(data, "large.mod")
    with pytest.raises(NmodlError, match="bytes"):
        mechanism.parse(data.decode())
