import pytest

from gbar import mechanism
from gbar.errors import NmodlError
from gbar.nmodl.tree import Number

FRAME = """NEURON {{ SUFFIX x USEION ca READ cai WRITE ica }}
{file}
ASSIGNED {{ v ica cai a }}
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


def test_c_outside_of_all_blocks_is_ignored_where_nothing_needs_it():
    code = '#include <math.h>\nextern double drand48();\nstatic char id[] = "$Id: x.mod,v 1.1$";\n#define UNUSED 3'
    assert left(file=c(code)) == left()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"procedure": c("a = 3*a;")}, r"6:23: this C code is not supported: a = 3\*a;; C code is never run: write it"),
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
