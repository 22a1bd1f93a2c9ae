import pytest
from nmodl_code import body, routines

from gbar.errors import NmodlError
from gbar.nmodl import tree as t
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.inline import MAX_CALLS, MAX_STATEMENTS, inline
from gbar.nmodl.unparse import unparse_expression


def inlined(text, calls):
    return inline(body(text), routines(calls), Fresh({"x", "y", "a", "f", "g"}), "x.mod")


def lines(statements):
    return [f"{s.target} = {unparse_expression(s.value)}" for s in statements]


def test_arguments_are_copies_and_the_result_has_the_functions_name():
    assert lines(inlined("a = 2*f(a)", "FUNCTION f(x) { x = x + 1 f = x*x }")) == [
        "x_1 = a",
        "f_1 = 0.0",
        "x_1 = x_1 + 1.0",
        "f_1 = x_1*x_1".replace("*", " * "),
        "a = 2.0 * f_1",
    ]


def test_locals_do_not_meet_variables_of_the_same_name():
    assert lines(inlined("LOCAL y y = a p(y) a = y", "PROCEDURE p(x) { LOCAL y y = 3 a = y }")) == [
        "y_1 = 0.0",
        "y_1 = a",
        "x_1 = y_1",
        "y_2 = 0.0",
        "y_2 = 3.0",
        "a = y_2",
        "a = y_1",
    ]


def test_every_call_has_names_of_its_own():
    code = inlined("a = f(1) + f(2)", "FUNCTION f(x) { f = x }")
    assert lines(code)[-1] == "a = f_1 + f_2"
    assert len({statement.target for statement in code}) == 5


def test_calls_in_an_else_if_stay_in_its_branch():
    first, second = (
        inlined("IF (x > 1) { a = 1 } ELSE IF (f(x) > 2) { a = 2 }", "FUNCTION f(x) { f = x y = 1 }")[0:1] * 2
    )
    assert isinstance(first, t.If)
    assert [type(statement) for statement in second.otherwise] == [t.Assign, t.Assign, t.Assign, t.Assign, t.If]


def test_a_function_called_for_what_it_does():
    assert "y = 1.0" in lines(inlined("f(x)", "FUNCTION f(x) { y = 1 }"))


def test_growth_without_bound_is_refused():
    doubling = "FUNCTION f0(x) { f0 = x } " + " ".join(
        f"FUNCTION f{n}(x) {{ f{n} = f{n - 1}(x) + f{n - 1}(x) }}" for n in range(1, 25)
    )
    with pytest.raises(NmodlError, match=rf"^x.mod:1:.*expand to more than {MAX_STATEMENTS} statements"):
        inlined("a = f24(x)", doubling)


def test_long_chains_of_calls_are_refused():
    chain = "FUNCTION f0(x) { f0 = x } " + " ".join(f"FUNCTION f{n}(x) {{ f{n} = f{n - 1}(x) }}" for n in range(1, 200))
    with pytest.raises(NmodlError, match=rf"more than {MAX_CALLS} calls inside one another"):
        inlined("a = f199(x)", chain)
