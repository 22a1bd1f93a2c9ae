"""parse∘print is the identity on trees, and operators bind as in Python."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gbar import mechanism
from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t
from gbar.nmodl.lexer import KEYWORDS, REFUSED
from gbar.nmodl.parse import parse_file
from gbar.nmodl.unparse import unparse, unparse_expression

RESERVED = KEYWORDS | set(REFUSED) | {"COMMENT", "TITLE", "UNITSOFF", "UNITSON", "REPRESENTS", "if", "else"}
identifiers = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name not in RESERVED)
names = identifiers.map(t.Name)
positive = st.floats(0, allow_infinity=False)
finite = st.floats(allow_nan=False, allow_infinity=False)
units = st.sampled_from(["", "mV", "/ms", "mA/cm2", "1", "mho/cm2", "k-mole"])

BINARY = ["+", "-", "*", "/", "^", "<", ">", "<=", ">=", "==", "!=", "&&", "||"]
expressions = st.recursive(
    positive.map(t.Number) | names,
    lambda inner: (
        st.builds(t.Binary, st.sampled_from(BINARY), inner, inner)
        | st.builds(t.Unary, st.sampled_from(["-", "!"]), inner)
        | st.builds(t.Call, identifiers, st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=12,
)
some_names = st.lists(names, min_size=1, max_size=3).map(tuple)
simple = (
    st.builds(t.Assign, identifiers, expressions)
    | st.builds(t.Differential, identifiers, expressions)
    | st.builds(t.Local, st.lists(identifiers, min_size=1, max_size=3).map(tuple))
    | st.builds(t.CallStatement, st.builds(t.Call, identifiers, st.lists(expressions, max_size=2).map(tuple)))
    | st.builds(t.Solve, identifiers, st.none() | identifiers | identifiers.map("STEADYSTATE {}".format))
    | st.builds(t.Conductance, identifiers, st.none() | identifiers)
    | st.builds(t.Table, st.lists(identifiers, max_size=3).map(tuple))
)
statements = st.recursive(
    simple,
    lambda inner: st.builds(
        t.If, expressions, st.lists(inner, max_size=3).map(tuple), st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=6,
)
bodies = st.lists(statements, max_size=4).map(tuple)
declarations = st.lists(st.builds(b.VariableDecl, identifiers, units), max_size=4).map(tuple)
parameters = st.lists(
    st.builds(b.ParameterDecl, identifiers, st.none() | finite, units)
    | st.builds(b.ParameterDecl, identifiers, finite, units, finite, finite),
    max_size=4,
).map(tuple)
neuron = st.lists(
    st.builds(b.Suffix, identifiers)
    | st.builds(b.UseIon, identifiers, some_names | st.just(()), some_names | st.just(()), st.none() | finite)
    | st.builds(b.RangeNames, some_names)
    | st.builds(b.GlobalNames, some_names)
    | st.builds(b.NonspecificCurrent, some_names)
    | st.just(b.ThreadSafe()),
    max_size=5,
).map(tuple)
unit_entries = st.lists(
    st.builds(b.UnitAlias, st.just("mV"), st.just("millivolt"))
    | st.builds(b.UnitConstant, identifiers, finite, st.just(""), units)
    | st.builds(b.UnitConstant, identifiers, st.none(), st.just("faraday"), st.just("coulomb")),
    max_size=3,
).map(tuple)
arguments = st.lists(st.builds(b.Argument, identifiers, units), max_size=3).map(tuple)
files = st.lists(
    st.builds(b.Neuron, neuron)
    | st.builds(b.Units, unit_entries)
    | st.builds(b.Parameters, parameters)
    | st.builds(b.Constants, parameters)
    | st.builds(b.Assigned, declarations)
    | st.builds(b.States, declarations)
    | st.just(b.Independent())
    | st.builds(b.FileLocal, some_names)
    | st.builds(b.Initial, bodies)
    | st.builds(b.Breakpoint, bodies)
    | st.builds(b.Derivative, identifiers, bodies)
    | st.builds(b.Routine, st.sampled_from(["FUNCTION", "PROCEDURE"]), identifiers, arguments, units, bodies)
    | st.builds(b.Title, st.sampled_from(["", "a channel: of {sorts}"])),
    max_size=4,
).map(lambda blocks: b.File(tuple(blocks)))


@given(files)
@settings(max_examples=200, deadline=None)
def test_a_printed_tree_parses_to_itself(tree):
    assert parse_file(unparse(tree)) == tree


@pytest.mark.parametrize("name", mechanism.shipped())
def test_shipped_files_survive_printing(name):
    tree = parse_file(mechanism.shipped_file(name).read_text())
    again = parse_file(unparse(tree))
    assert again == tree
    assert len(tree.blocks) > 4


def parsed(text: str) -> t.Expr:
    tree = parse_file(f"PROCEDURE p() {{ a = {text} }}")
    assert isinstance(tree.blocks[0], b.Routine)
    statement = tree.blocks[0].body[0]
    assert isinstance(statement, t.Assign)
    return statement.value


def python_value(expression: t.Expr) -> float:
    """By Python's own arithmetic on the tree."""
    match expression:
        case t.Number(value):
            return value
        case t.Unary("-", operand):
            return -python_value(operand)
        case t.Binary(op, left, right):
            x, y = python_value(left), python_value(right)
            return {
                "+": lambda: x + y, "-": lambda: x - y, "*": lambda: x * y, "/": lambda: x / y, "^": lambda: x**y,
                "<": lambda: x < y, "==": lambda: x == y, "&&": lambda: x and y, "||": lambda: x or y,
            }[op]()  # fmt: skip
    raise AssertionError(expression)


signs = st.sampled_from(["", "-", "- -"])
operators = st.sampled_from(["+", "-", "*", "/", "^", "<", "&&", "||"])


@given(st.lists(st.tuples(signs, st.sampled_from(["1", "2", "3", "0.5"]), operators), min_size=2, max_size=7))
@settings(max_examples=300, deadline=None)
def test_operators_bind_as_in_python(parts):
    text = " ".join(f"{sign} {number} {op}" for sign, number, op in parts).rsplit(" ", 1)[0]
    if text.count("<") > 1:
        text = text.replace("<", "-")  # Python chains comparisons, C and NMODL do not
    python = text.replace("^", "**").replace("&&", "and").replace("||", "or")
    try:
        expected = float(eval(python))  # our own text of digits and operators
        found = float(python_value(parsed(text)))
    except (ArithmeticError, TypeError):
        return
    assert math.isclose(found, expected, rel_tol=1e-12) or (math.isnan(found) and math.isnan(expected))


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a - b - c", "(a - b) - c"),
        ("a/b*c", "(a/b)*c"),
        ("a^b^c", "a^(b^c)"),
        ("-a^2", "-(a^2)"),
        ("2^-a*b", "(2^(-a))*b"),
        ("!a*b", "(!a)*b"),
        ("a == b < c", "(a == b) < c"),
        ("a || b && c", "a || (b && c)"),
        ("-a*b", "(-a)*b"),
        ("a < b + c*d", "a < (b + (c*d))"),
    ],
)
def test_grouping(text, grouped):
    assert parsed(text) == parsed(grouped)
    assert parsed(unparse_expression(parsed(text))) == parsed(text)
