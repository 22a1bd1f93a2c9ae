import pytest

from gbar import mechanism
from gbar.errors import NmodlError
from gbar.nmodl.tree import Number

FRAME = """NEURON {{ SUFFIX x USEION ca READ cai WRITE ica }}
{file}
ASSIGNED {{ v ica cai a w[2] }}
INITIAL {{ a = 1 p() a = a*f(2) {initial} }}
BREAKPOINT {{ ica = a*v }}
PROCEDURE p() {{ a = 2 {procedure} }}
FUNCTION f(y) {{ f = y {function} }}
"""


def built(**parts):
    return mechanism.parse(
        FRAME.format(**{"file": "", "initial": "", "procedure": "", "function": ""} | parts), "x.mod"
    )


def c(code):
    return f"VERBATIM\n{code}\nENDVERBATIM"


def left(**parts):
    return dict(built(**parts).initial.results)["a"]


@pytest.mark.parametrize(
    "code",
    [
        "", "return 0;", "  return;", "return(0);", "// return 0;", "/* a = 3;\n a = 4; */", "{ return 0; }",
        'printf("%g %s;\\n", a, "//");', 'fprintf(stderr, "a"); return 0;', ";;",
    ],
)  # fmt: skip
def test_code_without_effect_is_dropped(code):
    assert left(procedure=c(code)) == left(initial=c(code)) == left() == Number(4.0)


def test_what_follows_a_return_is_never_reached():
    assert left(procedure=f"a = 3 {c('return 0;')} a = 5") == Number(6.0)
    assert left(procedure=f"IF (a > 1) {{ a = 3 {c('return 0;')} }}") == Number(6.0)
    assert left(function=f"f = 3 {c('return 0;')} f = 5") == Number(0.0)


def test_reading_the_ion_has_been_done_already():
    assert left(initial=c("cai = _ion_cai;")) == left()


def test_numbers_may_be_given_to_variables():
    assert left(initial=c("a = 3e-1; /* not 4 */ a = -.5;")) == Number(-0.5)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("a = 3*a + 1.5/2 - -1;", 7.75),
        ("a += 2; a *= a - 1;", 12.0),
        ("if (a > 1 && !(a > 2)) a = 10; else a = 20;", 10.0),
        ("if ((a = 1./(a + 2)) < 0.5) { a = a*8; }", 2.0),
        ("if (a < 1) { a = 1; } else if (a < 3) { a = 5; } else a = 7;", 5.0),
        ("switch (2) { case 0: a = 1; break; case 2: a = 8; break; case 3: a = 9; break; }", 8.0),
        ("a = pow(a, 3) + exp(0.) + fabs(-2);", 11.0),
        ("a = a < 3 == 1;", 1.0),
        ("a = 3; return 0;", 3.0),
        ("w[1] = 4; a = w[0] + w[1];", 4.0),
    ],
)
def test_plain_c_is_translated(code, value):
    assert dict(built(procedure=c(code)).initial.results)["a"] == Number(value * 2)


def test_locals_have_a_prefix_in_c():
    assert left(procedure=f"{{ LOCAL q q = 3 {c('a = _lq; _lq = 4; a = a + _lq;')} }}") == Number(14.0)
    assert left(function=c("_lf = _ly*10;")) == Number(40.0)


def test_loops_count_in_c():
    code = c("switch (_lj) { case 0: w[_lj] = 1. / (_lj + 2); break; case 1: w[_lj] = 5; break; }")
    assert left(procedure=f"FROM j = 0 TO 1 {{ {code} }} a = w[0] + w[1]") == Number(11.0)
    with pytest.raises(NmodlError, match="this C code"):  # whole numbers
        left(procedure=f"FROM j = 0 TO 1 {{ {c('a = 1/(_lj + 2);')} }}")


@pytest.mark.parametrize(
    "code",
    [
        "a = 3", "a == 3;", "a++;", "*p = 3;", "a = b ? 1 : 2;", "a = 5 % 2;", "a = foo(3);", "a = 1, 2;", "a = 1e5x;",
        "for (;;) a = 1;", "while (a) a = 1;", "int i; i = 3;", "double x = 3;", 'a = "x";', "a = 'x';", "a = &v;",
        "{ a = 1;", "if (a) return 0; a = 2;", "a = 1; return 0; a = 2;", "return a;", "a = _ion_cai;", "a = _p[3];",
        "switch (a) { case 1: a = 2; break; }", "switch (1) { case 1: a = 2; case 2: a = 3; break; }", "a = 1 @ 2;",
        "if (a > 1 && (a = 3)) a = 2;", "a = " + "(" * 100 + "1" + ")" * 100 + ";", "a = a" + " + 1." * 3000 + ";",
        "#define a 3", "goto a;",
    ],
)  # fmt: skip
def test_other_c_is_refused(code):
    with pytest.raises(NmodlError, match=r"^x\.mod:6:23: this C code is not supported"):
        built(procedure=c(code))


def test_c_outside_of_all_blocks_is_ignored_where_nothing_needs_it():
    code = '#include <math.h>\nextern double drand48();\nstatic char id[] = "$Id: x.mod,v 1.1$";\n#define UNUSED 3'
    assert left(file=c(code)) == left()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"procedure": c("a = 3/2;")}, r"6:23: this C code is not supported: a = 3/2;; C code is never run: write it"),
        ({"procedure": f"IF (a > 1) {{ {c('return 0;')} }} a = 3"}, r"this C code is not supported: return 0;"),
        ({"procedure": c('printf("%g", a++);')}, "this C code is not supported"),
        ({"procedure": c('printf("%g", a = 3);')}, "this C code is not supported"),
        ({"procedure": c("return 0; a = 3;")}, "this C code is not supported"),
        ({"procedure": c("return 1;")}, "this C code is not supported"),
        ({"procedure": c('system("rm -rf /");')}, "this C code is not supported: system"),
        ({"initial": f"{c('return 0;')} a = 7"}, "this C code is not supported: return 0;"),
        ({"initial": f"cai = 3 {c('cai = _ion_cai;')}"}, "this C code is not supported: cai = _ion_cai"),
        ({"initial": c("cai = _ion_cao;")}, "this C code is not supported: cai = _ion_cao"),
        ({"file": c("double g(x) { return 3; }"), "initial": "a = g(1)"}, r"g\(\) is not defined"),
        ({"file": c("#define a 3")}, r"2:1: this C code defines a name that the file uses"),
    ],
)
def test_code_with_an_effect_is_refused_at_its_place(parts, message):
    with pytest.raises(NmodlError, match=rf"^x\.mod:.*{message}"):
        built(**parts)


@pytest.mark.parametrize("mark", [":", "?"])
def test_a_comment_may_hold_the_word(mark):
    assert left(initial=f"{mark}VERBATIM a = 3\n{mark} ENDVERBATIM\n") == left()


def test_verbatim_within_a_comment():
    assert left(file="COMMENT VERBATIM a = 3; ENDVERBATIM ENDCOMMENT") == left()
