"""Tree -> NMODL text, with no more parentheses than precedence asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t

_LEVEL = {
    "||": 1, "&&": 2, "<": 3, ">": 3, "<=": 3, ">=": 3, "==": 3, "!=": 3, "+": 4, "-": 4, "*": 5, "/": 5, "^": 7,
}  # fmt: skip
_UNARY, _PRIMARY = 6, 8


def unparse(tree: b.File) -> str:
    """The NMODL text of a tree, which parses to an equal tree."""
    return "\n".join(_block(block) for block in tree.blocks) + "\n"


def unparse_expression(expression: t.Expr, level: int = 0) -> str:
    """The text of an expression, in parentheses if it binds less tightly than `level`."""
    match expression:
        case t.Number(value):
            return repr(value)
        case t.Name(name):
            return name
        case t.Element(name, index):
            return f"{name}[{_whole(index)}]"
        case t.Call(function, arguments):
            return f"{function}({', '.join(map(unparse_expression, arguments))})"
        case t.Select(condition, then, otherwise):
            return f"SELECT({', '.join(map(unparse_expression, (condition, then, otherwise)))})"
        case t.Unary(op, operand):
            own, text = _UNARY, op + unparse_expression(operand, _UNARY)
        case t.Binary("^", left, right):
            own, text = _LEVEL["^"], f"{unparse_expression(left, _PRIMARY)}^{unparse_expression(right, _UNARY)}"
        case t.Binary(op, left, right):
            own = _LEVEL[op]
            text = f"{unparse_expression(left, own)} {op} {unparse_expression(right, own + 1)}"
    return text if own >= level else f"({text})"


def _unit(unit: str) -> str:
    return f" ({unit})" if unit else ""


def _names(names: Sequence[t.Name]) -> str:
    return ", ".join(name.id for name in names)


def _block(block: b.FileBlock) -> str:
    match block:
        case b.Title(text):
            return f"TITLE {text}"
        case b.Neuron(statements):
            return _braces("NEURON", [_neuron(statement) for statement in statements])
        case b.Units(entries):
            return _braces("UNITS", [_unit_entry(entry) for entry in entries])
        case b.Parameters(entries):
            return _braces("PARAMETER", [_parameter(entry) for entry in entries])
        case b.Constants(entries):
            return _braces("CONSTANT", [_parameter(entry) for entry in entries])
        case b.Assigned(variables):
            return _braces("ASSIGNED", [_variable(entry) for entry in variables])
        case b.States(variables):
            return _braces("STATE", [_variable(entry) for entry in variables])
        case b.Independent():
            return "INDEPENDENT { t FROM 0 TO 1 WITH 1 (ms) }"
        case b.FileLocal(entries):
            return f"LOCAL {', '.join(map(_variable, entries))}"
        case b.Initial(body):
            return "INITIAL " + _body(body)
        case b.Breakpoint(body):
            return "BREAKPOINT " + _body(body)
        case b.Derivative(name, body):
            return f"DERIVATIVE {name} " + _body(body)
        case b.Kinetic(name, body):
            return f"KINETIC {name} " + _body(body)
        case b.Linear(name, body, nonlinear):
            return f"{'NONLINEAR' if nonlinear else 'LINEAR'} {name} " + _body(body)
        case b.Routine(kind, name, arguments, unit, body):
            return f"{kind} {name}({_arguments(arguments)}){_unit(unit)} " + _body(body)
        case b.FunctionTable(name, arguments, unit):
            return f"FUNCTION_TABLE {name}({_arguments(arguments)}){_unit(unit)}"
        case b.Beside(when, what, body):
            return f"{when} {what} " + _body(body)
        case b.FileVerbatim(text):
            return f"VERBATIM\n{text}\nENDVERBATIM"


def _arguments(arguments: Sequence[b.Argument]) -> str:
    return ", ".join(argument.name + _unit(argument.unit) for argument in arguments)


def _variable(entry: b.VariableDecl) -> str:
    return entry.name + _size(entry.size) + _unit(entry.unit)


def _size(size: int) -> str:
    return f"[{size}]" if size else ""


def _braces(head: str, lines: Sequence[str]) -> str:
    return "\n".join([head + " {", *(f"    {line}" for line in lines), "}"])


def _neuron(statement: b.NeuronStatement) -> str:
    match statement:
        case b.Suffix(name):
            return f"SUFFIX {name}"
        case b.UseIon(ion, reads, writes, valence):
            text = f"USEION {ion}"
            text += f" READ {_names(reads)}" if reads else ""
            text += f" WRITE {_names(writes)}" if writes else ""
            return text + (f" VALENCE {valence!r}" if valence is not None else "")
        case b.NonspecificCurrent(names):
            return f"NONSPECIFIC_CURRENT {_names(names)}"
        case b.RangeNames(names):
            return f"RANGE {_names(names)}"
        case b.GlobalNames(names):
            return f"GLOBAL {_names(names)}"
        case b.ThreadSafe():
            return "THREADSAFE"


def _unit_entry(entry: b.UnitAlias | b.UnitConstant) -> str:
    if isinstance(entry, b.UnitAlias):
        return f"({entry.alias}) = ({entry.meaning})"
    if entry.value is None:
        return f"{entry.name} = ({entry.source}) ({entry.unit})"
    return f"{entry.name} = {entry.value!r}{_unit(entry.unit)}"


def _parameter(entry: b.ParameterDecl) -> str:
    value = f" = {entry.value!r}" if entry.value is not None else ""
    text = entry.name + _size(entry.size) + value + _unit(entry.unit)
    return text + (f" <{entry.low!r}, {entry.high!r}>" if entry.low is not None else "")


def _body(body: tuple[t.Statement, ...]) -> str:
    lines = [line for statement in body for line in _statement(statement).split("\n")]
    return _braces("", lines).lstrip()


def _statement(statement: t.Statement) -> str:
    match statement:
        case t.Local(names, _, sizes):
            declared = zip(names, sizes or (0,) * len(names), strict=True)
            return f"LOCAL {', '.join(name + _size(size) for name, size in declared)}"
        case t.Assign(target, value, _, index):
            return f"{target}{_index(index)} = {unparse_expression(value)}"
        case t.Differential(state, value, _, index):
            primes = len(state) - len(state.rstrip("'"))
            return state.rstrip("'") + "'" * (primes + 1) + f"{_index(index)} = {unparse_expression(value)}"
        case t.If(t.Number(1.0), then, ()):
            return _body(then)
        case t.If(condition, then, otherwise):
            text = f"IF ({unparse_expression(condition)}) {_body(then)}"
            if len(otherwise) == 1 and isinstance(otherwise[0], t.If):
                inner = _statement(otherwise[0])
                return f"{text} ELSE {inner}" if inner.startswith("IF") else f"{text} ELSE {_body(otherwise)}"
            return f"{text} ELSE {_body(otherwise)}" if otherwise else text
        case t.CallStatement(call):
            return unparse_expression(call)
        case t.Solve(block, method):
            if method is None:
                return f"SOLVE {block}"
            return f"SOLVE {block} {method}" if method.startswith("STEADYSTATE") else f"SOLVE {block} METHOD {method}"
        case t.Table(names):
            return f"TABLE {', '.join(names)} FROM 0 TO 1 WITH 1"
        case t.Conductance(variable, ion):
            return f"CONDUCTANCE {variable}" + (f" USEION {ion}" if ion else "")
        case t.Verbatim(text):
            return f"VERBATIM\n{text}\nENDVERBATIM"
        case t.Loop(variable, first, last, step, body):
            return f"FROM {variable} = {_whole(first)} TO {_whole(last)} BY {_whole(step)} {_body(body)}"
        case t.Reaction() | t.Conserve() | t.CompartmentVolume() | t.Diffusion() | t.Equation():
            return _relation(statement)


def _relation(statement: t.Reaction | t.Conserve | t.CompartmentVolume | t.Diffusion | t.Equation) -> str:
    match statement:
        case t.Reaction(left, right, forward, None, kind):
            return f"~ {_side(left)} {kind} ({unparse_expression(forward)})"
        case t.Reaction(left, right, forward, backward, kind):
            rates = f"{unparse_expression(forward)}, {unparse_expression(backward or t.Number(0.0))}"
            return f"~ {_side(left)} {kind} {_side(right)} ({rates})"
        case t.Conserve(terms, total):
            return f"CONSERVE {_side(terms)} = {unparse_expression(total)}"
        case t.Equation(left, right):
            return f"~ {unparse_expression(left)} = {unparse_expression(right)}"
        case t.CompartmentVolume(volume, names, index):
            word = "COMPARTMENT"
        case t.Diffusion(volume, names, index):
            word = "LONGITUDINAL_DIFFUSION"
    return f"{word} {index + ', ' if index else ''}{unparse_expression(volume)} {{ {' '.join(names)} }}"


def _side(side: Sequence[t.Reactant]) -> str:
    parts = (f"{'' if r.count == 1 else f'{r.count:g} '}{r.name}{_index(r.index)}" for r in side)
    return " + ".join(parts)


def _index(index: t.Expr | None) -> str:
    return f"[{_whole(index)}]" if index is not None else ""


def _whole(expression: t.Expr) -> str:
    """The text of an index or a bound, with whole numbers written as such: NEURON takes no others there."""
    return re.sub(r"\b([0-9]+)\.0\b", r"\1", unparse_expression(expression))
