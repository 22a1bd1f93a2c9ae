"""Pass: calls of the file's own FUNCTIONs and PROCEDUREs -> their statements, with hygienic names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gbar.errors import NmodlError
from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t
from gbar.nmodl.fresh import Fresh

MAX_STATEMENTS = 5_000
MAX_CALLS = 30  # inside one another


@dataclass
class _Inliner:
    routines: dict[str, b.Routine]
    fresh: Fresh
    file: str
    made: int = 0
    depth: int = 0
    inside: bool = False  # a FUNCTION, whose variables are parts of the expression that calls it

    def body(self, body: tuple[t.Statement, ...], names: dict[str, str]) -> list[t.Statement]:
        """`body` without calls and LOCALs; `names` says how variables are called outside (argument -> its copy)."""
        names = dict(names)
        out: list[t.Statement] = []
        for statement in body:
            self.count(statement.at)
            match statement:
                case t.Local(locals_):
                    names |= {name: self.fresh(name, self.inside) for name in locals_}
                    out += [t.Assign(names[name], t.Number(0.0), statement.at) for name in locals_]
                case t.Assign(target, value, at):
                    out.append(t.Assign(names.get(target, target), self.expression(value, names, out), at))
                case t.Differential(state, value, at):
                    out.append(t.Differential(state, self.expression(value, names, out), at))
                case t.If(condition, then, otherwise, at):
                    test = self.expression(condition, names, out)
                    out.append(t.If(test, tuple(self.body(then, names)), tuple(self.body(otherwise, names)), at))
                case t.CallStatement(call):
                    self.expression(call, names, out)
                case t.Conductance(variable):
                    out.append(replace(statement, variable=names.get(variable, variable)))
                case t.Table() | t.Diffusion() | t.Verbatim():
                    pass
                case t.Reaction() | t.Conserve() | t.CompartmentVolume() | t.Equation():
                    out.append(self.relation(statement, names, out))
                case _:
                    out.append(statement)
        return out

    def relation(
        self,
        statement: t.Reaction | t.Conserve | t.CompartmentVolume | t.Equation,
        names: dict[str, str],
        out: list[t.Statement],
    ) -> t.Statement:
        match statement:
            case t.Reaction(left, right, forward, backward, kind, at):
                rate = self.expression(forward, names, out)
                back = self.expression(backward, names, out) if backward is not None else None
                return t.Reaction(left, right, rate, back, kind, at)
            case t.Conserve(_, total):
                return replace(statement, total=self.expression(total, names, out))
            case t.CompartmentVolume(volume):
                return replace(statement, volume=self.expression(volume, names, out))
        return replace(
            statement,
            left=self.expression(statement.left, names, out),
            right=self.expression(statement.right, names, out),
        )

    def expression(self, expression: t.Expr, names: dict[str, str], out: list[t.Statement]) -> t.Expr:
        """`expression` with calls replaced by variables; the statements that give those their values go to `out`."""
        match expression:
            case t.Name(name, at):
                return t.Name(names.get(name, name), at)
            case t.Unary(op, operand, at):
                return t.Unary(op, self.expression(operand, names, out), at)
            case t.Binary(op, left, right, at):
                return t.Binary(op, self.expression(left, names, out), self.expression(right, names, out), at)
            case t.Call(function, arguments, at):
                values = tuple(self.expression(argument, names, out) for argument in arguments)
                if function not in self.routines:
                    return t.Call(function, values, at)
                return self.call(self.routines[function], values, at, out)
            case t.Select(condition, then, otherwise, at):
                return t.Select(
                    self.expression(condition, names, out),
                    self.expression(then, names, out),
                    self.expression(otherwise, names, out),
                    at,
                )
        return expression

    def call(self, routine: b.Routine, values: tuple[t.Expr, ...], at: t.Position, out: list[t.Statement]) -> t.Expr:
        names: dict[str, str] = {}
        outside, self.inside = self.inside, self.inside or routine.kind == "FUNCTION"
        for argument, value in zip(routine.arguments, values, strict=True):
            names[argument.name] = self.fresh(argument.name, self.inside)
            out.append(t.Assign(names[argument.name], value, at))
        if routine.kind == "FUNCTION":
            names[routine.name] = self.fresh(routine.name, True)
            out.append(t.Assign(names[routine.name], t.Number(0.0), at))
        self.depth += 1
        if self.depth > MAX_CALLS:
            raise NmodlError(
                f"more than {MAX_CALLS} calls inside one another",
                file=self.file,
                line=at.line,
                column=at.column,
                remedy="join some of these procedures",
            )
        out += self.body(routine.body, names)
        self.depth, self.inside = self.depth - 1, outside
        return t.Name(names[routine.name], at) if routine.kind == "FUNCTION" else t.Number(0.0)

    def count(self, at: t.Position) -> None:
        self.made += 1
        if self.made > MAX_STATEMENTS:
            raise NmodlError(
                f"the calls of this file expand to more than {MAX_STATEMENTS} statements",
                file=self.file,
                line=at.line,
                column=at.column,
                remedy="call fewer procedures from procedures",
            )


def inline(
    body: tuple[t.Statement, ...], routines: dict[str, b.Routine], fresh: Fresh, file: str = ""
) -> tuple[t.Statement, ...]:
    """`body` without calls of `routines` and without LOCALs.

    Arguments are passed by value, a FUNCTION gives the variable of its own name, and a local variable, argument or
    result gets a name that `fresh` makes; it is 0 until assigned. Raises NmodlError where this grows beyond
    MAX_STATEMENTS, or calls are nested beyond MAX_CALLS.
    """
    return tuple(_Inliner(routines, fresh, file).body(body, {}))
