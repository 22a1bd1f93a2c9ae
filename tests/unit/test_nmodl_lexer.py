import pytest

from gbar.errors import NmodlError
from gbar.nmodl.lexer import decode, normalise, tokens
from gbar.nmodl.parse import parse_file


def kinds(text):
    return [lexeme.kind for lexeme in tokens(normalise(text), "x.mod")]


def texts(text):
    return [lexeme.text for lexeme in tokens(normalise(text), "x.mod")]


def test_both_comment_signs_end_with_the_line():
    assert texts("a : b c\n? VERBATIM\nd") == ["a", "d"]


def test_comment_block_may_hold_anything():
    assert texts('a COMMENT } " ~ VERBATIM : ? é ENDCOMMENT b') == ["a", "b"]


def test_comment_without_end():
    with pytest.raises(NmodlError, match=r"^x.mod:2:3: COMMENT without ENDCOMMENT; "):
        kinds("a\n  COMMENT b")


def test_title_takes_its_line():
    assert [(lexeme.kind, lexeme.text) for lexeme in tokens("TITLE na: (fast) { \nNEURON", "")] == [
        ("TITLE", "na: (fast) {"),
        ("NEURON", "NEURON"),
    ]


def test_units_are_forgotten_switches():
    assert kinds("UNITSOFF a UNITSON REPRESENTS [NCIT:C17145] b") == ["NAME", "NAME"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_keep_places(end):
    at = [lexeme.at for lexeme in tokens(normalise(f"a{end}{end}  b : c{end}d"), "")]
    assert [(place.line, place.column) for place in at] == [(1, 1), (3, 3), (4, 1)]


def test_places_after_a_comment_block():
    at = [lexeme.at for lexeme in tokens("COMMENT\n\n ENDCOMMENT  a", "")]
    assert [(place.line, place.column) for place in at] == [(3, 14)]


def test_bytes_of_all_sorts():
    assert decode(b"\xef\xbb\xbfa\r\nb\rc\x1agarbage", "") == "a\nb\nc"
    assert decode("µ".encode("latin-1"), "") == "µ"
    assert decode("µ".encode(), "") == "µ"


def test_a_parenthesis_is_a_unit_or_not_by_where_it_stands():
    assert kinds("PARAMETER { a = 1 (mV) }")[-2] == "UNIT"
    assert kinds("ASSIGNED { v (mV) }")[3] == "UNIT"
    assert kinds("x = 1 (mV) + f(y)") == ["NAME", "_EQUAL", "NUMBER", "UNIT", "PLUS", "NAME", "_LPAR", "NAME", "_RPAR"]
    assert kinds("FUNCTION f(v (mV)) (/ms) { a = (b) }") == [
        "FUNCTION", "NAME", "_LPAR", "NAME", "UNIT", "_RPAR", "UNIT", "_LBRACE",
        "NAME", "_EQUAL", "_LPAR", "NAME", "_RPAR", "_RBRACE",
    ]  # fmt: skip


def test_numbers():
    assert texts("1 1. .5 1e-3 2.5E+10 6.02e23") == ["1", "1.", ".5", "1e-3", "2.5E+10", "6.02e23"]
    with pytest.raises(NmodlError, match=r"^x.mod:1:5: 1e999 is too large a number"):
        kinds("a = 1e999")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NEURON {\nPOINT_PROCESS s }", r"^x.mod:2:1: POINT_PROCESS is not supported; only density mechanisms"),
        ("a\n  VERBATIM\nreturn 0;\n", r"^x.mod:2:3: VERBATIM without ENDVERBATIM; close it"),
        ('printf("a', r"^x.mod:1:8: a string without its end"),
        ("WHILE (1) { }", r"^x.mod:1:1: WHILE is not supported; write the repeated statements out"),
        ("a $ b", r"^x.mod:1:3: unexpected character '\$'; delete it"),
        ("PARAMETER { a (\nmV) }", r"^x.mod:1:15: a unit was expected between these parentheses"),
    ],
)
def test_refusals(text, message):
    with pytest.raises(NmodlError, match=message):
        kinds(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NEURON { SUFFIX }", r"^x.mod:1:17: unexpected '}'; expected a name$"),
        ("PARAMETER { a = }", r"^x.mod:1:17: unexpected '}'; expected '-' or a number$"),
        ("INITIAL {\n  m = 1", r"^x.mod:2:8: the file ends too early; "),
        ("INITIAL { m = n' }", r"^x.mod:1:16: unexpected '''; a prime belongs after a state's name"),
        ("1", r"^x.mod:1:1: unexpected '1'; "),
        ("BREAKPOINT { } }", r"^x.mod:1:16: unexpected '}'; "),
    ],
)
def test_syntax_errors_say_where_and_what(text, message):
    with pytest.raises(NmodlError, match=message):
        parse_file(text, "x.mod")
