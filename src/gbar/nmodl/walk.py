"""Ways through a tree: every statement, every node, every name; and names replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gbar.nmodl import tree as t


def walk_statements(body: tuple[t.Statement, ...]) -> Iterator[t.Statement]:
    """Every statement of a body, those inside IFs included."""
    for statement in body:
        yield statement
        match statement:
            case t.If():
                yield from walk_statements(statement.then)
                yield from walk_statements(statement.otherwise)
            case t.Loop():
                yield from walk_statements(statement.body)


def expressions(statement: t.Statement) -> tuple[t.Expr, ...]:
    """The expressions of a statement itself, without those of statements inside it."""
    match statement:
        case t.Assign(_, value) | t.Differential(_, value):
            return (value,)
        case t.If(condition):
            return (condition,)
        case t.CallStatement(call):
            return (call,)
        case t.Reaction(_, _, forward, backward):
            return (forward,) if backward is None else (forward, backward)
        case t.Conserve(_, total):
            return (total,)
        case t.CompartmentVolume(volume) | t.Diffusion(volume):
            return (volume,)
        case t.Equation(left, right):
            return (left, right)
    return ()


def walk(expression: t.Expr) -> Iterator[t.Expr]:
    """Every node of an expression."""
    yield expression
    for child in children(expression):
        yield from walk(child)


def children(expression: t.Expr) -> tuple[t.Expr, ...]:
    """The operands of an expression."""
    match expression:
        case t.Unary(_, operand):
            return (operand,)
        case t.Binary(_, left, right):
            return (left, right)
        case t.Call(_, arguments):
            return arguments
        case t.Select(condition, then, otherwise):
            return (condition, then, otherwise)
        case t.Element(_, index):
            return (index,)
    return ()


def calls(body: tuple[t.Statement, ...]) -> Iterator[t.Call]:
    """Every call in a body."""
    for statement in walk_statements(body):
        for expression in expressions(statement):
            yield from (node for node in walk(expression) if isinstance(node, t.Call))


def names(expression: t.Expr) -> set[str]:
    """The variables that an expression reads."""
    match expression:
        case t.Name(name):
            return {name}
        case t.Unary(_, operand):
            return names(operand)
        case t.Binary(_, left, right):
            return names(left) | names(right)
        case t.Call(_, arguments):
            return set().union(*map(names, arguments))
        case t.Select(condition, then, otherwise):
            return names(condition) | names(then) | names(otherwise)
    return set()


def substitute(expression: t.Expr, values: Mapping[str, t.Expr]) -> t.Expr:
    """`expression` with the variables in `values` replaced."""
    match expression:
        case t.Name(name):
            return values.get(name, expression)
        case t.Unary(op, operand, at):
            return t.Unary(op, substitute(operand, values), at)
        case t.Binary(op, left, right, at):
            return t.Binary(op, substitute(left, values), substitute(right, values), at)
        case t.Call(function, arguments, at):
            return t.Call(function, tuple(substitute(argument, values) for argument in arguments), at)
        case t.Select(condition, then, otherwise, at):
            return t.Select(substitute(condition, values), substitute(then, values), substitute(otherwise, values), at)
    return expression
