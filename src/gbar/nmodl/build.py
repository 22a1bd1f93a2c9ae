"""What each rule of grammar.lark makes: tokens and nodes -> a frozen node."""

# ruff: noqa: D102 -- a method is described by the rule of its name
from __future__ import annotations

from typing import Any

from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t
from gbar.nmodl.lexer import Lexeme
from gbar.nmodl.tree import Position


def _at(token: Lexeme) -> Position:
    return token.at


def _names(tokens: Any) -> tuple[t.Name, ...]:
    return tuple(t.Name(str(token), _at(token)) for token in tokens)


def _text(token: Any) -> str:
    """What a VERBATIM holds, without indentation and empty lines."""
    lines = (line.strip() for line in str(token).splitlines())
    return "\n".join(line for line in lines if line)


class Builder:
    """One method a rule: from its children (tokens and nodes) to its node."""

    def file(self, c: list[Any]) -> b.File:
        return b.File(tuple(c))

    def title(self, c: list[Any]) -> b.Title:
        return b.Title(str(c[0]), _at(c[0]))

    def neuron(self, c: list[Any]) -> b.Neuron:
        return b.Neuron(tuple(c[1:]), _at(c[0]))

    def suffix(self, c: list[Any]) -> b.Suffix:
        return b.Suffix(str(c[1]), _at(c[1]))

    def use_ion(self, c: list[Any]) -> b.UseIon:
        return b.UseIon(str(c[1]), c[2] or (), c[3] or (), c[4], _at(c[1]))

    def nonspecific(self, c: list[Any]) -> b.NonspecificCurrent:
        return b.NonspecificCurrent(c[1], _at(c[0]))

    def range_names(self, c: list[Any]) -> b.RangeNames:
        return b.RangeNames(c[1], _at(c[0]))

    def global_names(self, c: list[Any]) -> b.GlobalNames:
        return b.GlobalNames(c[1], _at(c[0]))

    def threadsafe(self, c: list[Any]) -> b.ThreadSafe:
        return b.ThreadSafe(_at(c[0]))

    def names(self, c: list[Any]) -> tuple[t.Name, ...]:
        return _names(c)

    def units(self, c: list[Any]) -> b.Units:
        return b.Units(tuple(c[1:]), _at(c[0]))

    def unit_alias(self, c: list[Any]) -> b.UnitAlias:
        return b.UnitAlias(str(c[0]), str(c[1]), _at(c[0]))

    def unit_constant_from(self, c: list[Any]) -> b.UnitConstant:
        return b.UnitConstant(str(c[0]), None, str(c[1]), str(c[-1]), _at(c[0]))

    def unit_constant(self, c: list[Any]) -> b.UnitConstant:
        return b.UnitConstant(str(c[0]), c[1], "", str(c[2] or ""), _at(c[0]))

    def parameters(self, c: list[Any]) -> b.Parameters:
        return b.Parameters(tuple(c[1:]), _at(c[0]))

    def constants(self, c: list[Any]) -> b.Constants:
        return b.Constants(tuple(c[1:]), _at(c[0]))

    def parameter(self, c: list[Any]) -> b.ParameterDecl:
        low, high = c[4] or (None, None)
        return b.ParameterDecl(str(c[0]), c[2], str(c[3] or ""), low, high, _at(c[0]), c[1] or 0)

    def size(self, c: list[Any]) -> int:
        return int(min(float(c[0]), 1e9))

    def index(self, c: list[Any]) -> t.Expr:
        expression: t.Expr = c[0]
        return expression

    def limits(self, c: list[Any]) -> tuple[float, float]:
        return c[1], c[2]

    def assigned(self, c: list[Any]) -> b.Assigned:
        return b.Assigned(tuple(c[1:]), _at(c[0]))

    def states(self, c: list[Any]) -> b.States:
        return b.States(tuple(c[1:]), _at(c[0]))

    def variable(self, c: list[Any]) -> b.VariableDecl:
        unit = next((str(token) for token in c[2:] if token is not None and token.type == "UNIT"), "")
        return b.VariableDecl(str(c[0]), unit, _at(c[0]), c[1] or 0)

    def independent(self, c: list[Any]) -> b.Independent:
        return b.Independent(_at(c[0]))

    def file_local(self, c: list[Any]) -> b.FileLocal:
        return b.FileLocal(c[1], _at(c[0]))

    def file_verbatim(self, c: list[Any]) -> b.FileVerbatim:
        return b.FileVerbatim(_text(c[0]), _at(c[0]))

    def kinetic(self, c: list[Any]) -> b.Kinetic:
        return b.Kinetic(str(c[1]), c[-1], _at(c[1]))

    def linear(self, c: list[Any]) -> b.Linear:
        return b.Linear(str(c[1]), c[-1], c[0].type == "NONLINEAR", _at(c[1]))

    def function_table(self, c: list[Any]) -> b.FunctionTable:
        return b.FunctionTable(str(c[1]), c[2], str(c[3] or ""), _at(c[1]))

    def beside(self, c: list[Any]) -> b.Beside:
        return b.Beside(str(c[0]), str(c[1]), c[2], _at(c[0]))

    def initial(self, c: list[Any]) -> b.Initial:
        return b.Initial(c[1], _at(c[0]))

    def breakpoint_block(self, c: list[Any]) -> b.Breakpoint:
        return b.Breakpoint(c[1], _at(c[0]))

    def derivative(self, c: list[Any]) -> b.Derivative:
        return b.Derivative(str(c[1]), c[-1], _at(c[1]))

    def routine(self, c: list[Any]) -> b.Routine:
        return b.Routine(str(c[0]), str(c[1]), c[2], str(c[3] or ""), c[4], _at(c[1]))

    def arguments(self, c: list[Any]) -> tuple[b.Argument, ...]:
        return tuple(argument for argument in c if argument is not None)

    def argument(self, c: list[Any]) -> b.Argument:
        return b.Argument(str(c[0]), str(c[1] or ""), _at(c[0]))

    def signed(self, c: list[Any]) -> float:
        return -float(c[1]) if len(c) == 2 else float(c[0])

    # statements

    def body(self, c: list[Any]) -> tuple[t.Statement, ...]:
        return tuple(c)

    def locals(self, c: list[Any]) -> tuple[b.VariableDecl, ...]:
        return tuple(c)

    def local_name(self, c: list[Any]) -> b.VariableDecl:
        return b.VariableDecl(str(c[0]), "", _at(c[0]), c[1] or 0)

    def local(self, c: list[Any]) -> t.Local:
        sizes = tuple(entry.size for entry in c[1])
        return t.Local(tuple(entry.name for entry in c[1]), _at(c[0]), sizes if any(sizes) else ())

    def assign(self, c: list[Any]) -> t.Assign:
        return t.Assign(str(c[0]), c[2], _at(c[0]), c[1])

    def differential(self, c: list[Any]) -> t.Differential:
        return t.Differential(str(c[0]) + "'" * (len(c) - 4), c[-1], _at(c[0]), c[-2])

    def inner_body(self, c: list[Any]) -> t.If:
        return t.If(t.Number(1.0), c[0], ())

    def verbatim(self, c: list[Any]) -> t.Verbatim:
        return t.Verbatim(_text(c[0]), _at(c[0]))

    def loop(self, c: list[Any]) -> t.Loop:
        return t.Loop(str(c[0]), c[1], c[2], c[3] or t.Number(1.0), c[4], _at(c[0]))

    def side(self, c: list[Any]) -> tuple[t.Reactant, ...]:
        return tuple(child for child in c if isinstance(child, t.Reactant))

    def reactant(self, c: list[Any]) -> t.Reactant:
        return t.Reactant(float(c[0] or 1), str(c[1]), c[2], _at(c[1]))

    def reaction(self, c: list[Any]) -> t.Reaction:
        return t.Reaction(c[1], c[3], c[4], c[5], "<->", _at(c[0]))

    def flux(self, c: list[Any]) -> t.Reaction:
        return t.Reaction(c[1], (), c[-1], None, "<<" if c[2].type == "LESS" else "->", _at(c[0]))

    def conserve(self, c: list[Any]) -> t.Conserve:
        return t.Conserve(c[1], c[2], _at(c[0]))

    def volume(self, c: list[Any]) -> t.CompartmentVolume | t.Diffusion:
        kind = t.CompartmentVolume if c[0].type == "COMPARTMENT" else t.Diffusion
        return kind(c[2], tuple(map(str, c[3:])), str(c[1] or ""), _at(c[0]))

    def equation(self, c: list[Any]) -> t.Equation:
        return t.Equation(c[1], c[2], _at(c[0]))

    def if_statement(self, c: list[Any]) -> t.If:
        return t.If(c[1], c[2], c[3] or (), _at(c[0]))

    def else_if(self, c: list[Any]) -> tuple[t.Statement, ...]:
        return (t.If(c[2], c[3], c[4] or (), _at(c[1])),)

    def else_body(self, c: list[Any]) -> tuple[t.Statement, ...]:
        return tuple(c[1])

    def call_statement(self, c: list[Any]) -> t.CallStatement:
        return t.CallStatement(c[0], c[0].at)

    def solve(self, c: list[Any]) -> t.Solve:
        return t.Solve(str(c[1]), c[2], _at(c[1]))

    def solve_how(self, c: list[Any]) -> str:
        return str(c[1]) if c[0].type == "METHOD" else f"STEADYSTATE {c[1]}"

    def table(self, c: list[Any]) -> t.Table:
        return t.Table(tuple(n.id for child in c if isinstance(child, tuple) for n in child), _at(c[0]))

    def table_names(self, c: list[Any]) -> tuple[t.Name, ...]:
        return tuple(c[0])

    def depend(self, c: list[Any]) -> None:
        return None

    def conductance(self, c: list[Any]) -> t.Conductance:
        return t.Conductance(str(c[1]), str(c[3]) if len(c) > 3 and c[3] is not None else None, _at(c[1]))

    # expressions

    def binary(self, c: list[Any]) -> t.Binary:
        return t.Binary(str(c[1]), c[0], c[2], _at(c[1]))

    def unary(self, c: list[Any]) -> t.Unary:
        return t.Unary(str(c[0]), c[1], _at(c[0]))

    def number(self, c: list[Any]) -> t.Number:
        return t.Number(float(c[0]), _at(c[0]))

    def name(self, c: list[Any]) -> t.Name:
        return t.Name(str(c[0]), _at(c[0]))

    def element(self, c: list[Any]) -> t.Element:
        return t.Element(str(c[0]), c[1], _at(c[0]))

    def group(self, c: list[Any]) -> t.Expr:
        expression: t.Expr = c[0]
        return expression

    def call(self, c: list[Any]) -> t.Call:
        given = (argument for argument in c[1:] if argument is not None and not hasattr(argument, "type"))
        return t.Call(str(c[0]), tuple(given), _at(c[0]))  # without texts, which only printf takes
