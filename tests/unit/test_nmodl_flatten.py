from nmodl_code import body, show

from gbar.nmodl import tree as t
from gbar.nmodl.flatten import flatten
from gbar.nmodl.fresh import Fresh


def flat(text, **start):
    return flatten(body(text), Fresh({"a", "b", "x", "m"}), start)


def test_every_name_is_assigned_once():
    out = flat("a = x + 1 a = a*2 b = a")
    assert show(out.code) == ["a_1 = x + 1.0", "a_2 = a_1 * 2.0", "b_1 = a_2"]
    assert out.values == {"a": t.Name("a_2"), "b": t.Name("b_1")}


def test_branches_become_selects():
    out = flat("IF (x > 0) { a = x*x } ELSE { a = 3 b = 1 }")
    assert show(out.code) == [
        "test_1 = x > 0.0",
        "a_1 = x * x",
        "a_2 = 3.0",
        "b_1 = 1.0",
        "a_3 = SELECT(test_1, a_1, a_2)",
        "b_2 = SELECT(test_1, b, b_1)",
    ]
    assert out.values == {"a": t.Name("a_3"), "b": t.Name("b_2")}


def test_else_if_nests():
    out = flat("IF (x > 2) { a = 1 } ELSE IF (x > 1) { a = 2 } ELSE { a = 3 }")
    assert show(out.code)[-2:] == ["a_4 = SELECT(test_2, a_2, a_3)", "a_5 = SELECT(test_1, a_1, a_4)"]


def test_start_values_replace_inputs():
    assert show(flat("a = m + b", m=t.Number(0.0)).code) == ["a_1 = 0.0 + b"]


def test_equations_become_steps_in_the_order_written():
    out = flat("m' = a - m a = m m' = a")
    first, copy, second = out.code
    assert [(step.target, step.state) for step in (first, second)] == [("m_1", "m"), ("m_2", "m_1")]
    assert copy.value == t.Name("m_1")
    assert second.value == t.Name(copy.target)


def test_a_state_set_before_its_equation_has_a_name():
    out = flat("m = 2 m' = 1 - m")
    assert show(out.code) == ["m_1 = 2.0", "m_2 = 1.0 - m_1"]
    assert out.code[1].state == "m_1"
