"""A wrong file is refused in one line; it never crashes, hangs, or gets anything executed."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gbar import mechanism
from gbar.errors import NmodlError
from gbar.nmodl import lexer
from gbar.nmodl.lexer import decode

TEXTS = [mechanism.shipped_file(name).read_bytes() for name in ("hh", "na_ms", "leak_ghk")]
LIMIT = 10.0  # s; a file of any content

WORDS = [
    *sorted(lexer.KEYWORDS | set(lexer.REFUSED) | set(lexer.PUNCTUATION)),
    "v", "m", "m'", "minf", "x", "rates", "ik", "k", "ek", "cnexp", "states", "0", "1", "2.5e-3", "(mV)", "\n",
    "COMMENT", "ENDCOMMENT", "TITLE", ":", "?", "celsius", "dt", "exp", "1e999", "[", "~", '"', "UNITSOFF",
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
