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
        | st.builds(t.Element, identifiers, inner)
    ),
    max_leaves=12,
)
some_names = st.lists(names, min_size=1, max_size=3).map(tuple)
index = st.none() | expressions
sizes = st.integers(0, 99)
at = st.just(t.NOWHERE)
local = st.lists(st.tuples(identifiers, sizes), min_size=1, max_size=3).map(
    lambda entries: tuple(zip(*entries, strict=True))
)
simple = (
    st.builds(t.Assign, identifiers, expressions, at, index)
    | st.builds(t.Differential, identifiers, expressions, at, index)
    | local.map(lambda entry: t.Local(entry[0], t.NOWHERE, entry[1] if any(entry[1]) else ()))
    | st.builds(t.CallStatement, st.builds(t.Call, identifiers, st.lists(expressions, max_size=2).map(tuple)))
    | st.builds(t.Solve, identifiers, st.none() | identifiers | identifiers.map("STEADYSTATE {}".format))
    | st.builds(t.Conductance, identifiers, st.none() | identifiers)
    | st.builds(t.Verbatim, st.sampled_from(["", "return 0;", "double x;\n// :a { ["]))
    | st.builds(t.Table, st.lists(identifiers, max_size=3).map(tuple))
)


def with_blocks(inner):
    body = st.lists(inner, max_size=3).map(tuple)
    return (
        st.builds(t.If, expressions, body, body)
        | st.builds(t.If, st.just(t.Number(1.0)), body, st.just(()))
        | st.builds(t.Loop, identifiers, expressions, expressions, expressions, body)
    )


statements = st.recursive(simple, with_blocks, max_leaves=6)
bodies = st.lists(statements, max_size=4).map(tuple)
sides = st.lists(st.builds(t.Reactant, st.integers(1, 9).map(float), identifiers, index), min_size=1, max_size=3)
sides = sides.map(tuple)
named = st.lists(identifiers, min_size=1, max_size=3).map(tuple)
reactions = (
    st.builds(t.Reaction, sides, sides, expressions, expressions, st.just("<->"))
    | st.builds(t.Reaction, sides, st.just(()), expressions, st.none(), st.sampled_from(["<<", "->"]))
    | st.builds(t.Conserve, sides, expressions)
    | st.builds(t.CompartmentVolume, expressions, named, st.just("") | identifiers)
    | st.builds(t.Diffusion, expressions, named, st.just("") | identifiers)
)
equations = st.builds(t.Equation, expressions, expressions)
declarations = st.lists(st.builds(b.VariableDecl, identifiers, units, at, sizes), max_size=4).map(tuple)
parameters = st.lists(
    st.builds(b.ParameterDecl, identifiers, st.none() | finite, units)
    | st.builds(b.ParameterDecl, identifiers, finite, units, finite, finite)
    | st.builds(b.ParameterDecl, identifiers, st.none(), units, st.none(), st.none(), at, sizes),
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
    | local.map(
        lambda entry: b.FileLocal(tuple(b.VariableDecl(name, size=size) for name, size in zip(*entry, strict=True)))
    )
    | st.builds(b.Kinetic, identifiers, st.lists(statements | reactions, max_size=4).map(tuple))
    | st.builds(b.Linear, identifiers, st.lists(statements | equations, max_size=4).map(tuple), st.booleans())
    | st.builds(b.FunctionTable, identifiers, arguments, units)
    | st.builds(
        b.Beside,
        st.sampled_from(["BEFORE", "AFTER"]),
        st.sampled_from(["BREAKPOINT", "SOLVE", "INITIAL", "STEP"]),
        bodies,
    )
    | st.builds(b.FileVerbatim, st.sampled_from(["", "return 0;", "double x;\n// :a { ["]))
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
