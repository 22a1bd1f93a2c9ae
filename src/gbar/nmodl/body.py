"""A block that SOLVE names, as a function of the variables it is solved for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.evaluation import Evaluation
from gbar.nmodl.flatten import Flat, flatten
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.singular import singular

DT = t.Name("dt")
Inline = Callable[[tuple[t.Statement, ...]], tuple[t.Statement, ...]]


@dataclass
class Body:
    """Statements evaluated after the code of `flat`, with `variables` as arguments.

    `values` says where the evaluation leaves every variable. What `run` adds belongs to the code of `flat`.
    """

    flat: Flat
    fresh: Fresh
    variables: tuple[str, ...]
    arguments: tuple[str, ...]
    values: dict[str, t.Expr]
    before: dict[str, t.Expr]  # where the variables were, all of them
    evaluation: Evaluation
    own: tuple[t.Assign, ...]  # its lines that depend on none of the variables

    def start(self) -> list[t.Expr]:
        """What the variables hold before the block."""
        return [self.before.get(name, t.Name(name)) for name in self.variables]

    def run(self, code: Sequence[t.Assign]) -> None:
        """Adds lines to the code, of which nothing is left to be found by passes that look for rates."""
        self.flat.code += code
        self.flat.finished |= {line.target for line in code}

    def at(self, values: Sequence[t.Expr], wanted: Sequence[t.Expr]) -> list[t.Expr]:
        """Expressions of the block where its variables have other values."""
        code, found = self.evaluation.at(dict(zip(self.arguments, values, strict=True)), wanted)
        self.run(code)
        return [self.named("value", one) for one in found]

    def leave(self, values: Sequence[t.Expr], evaluated: Sequence[t.Expr] | None = None) -> None:
        """Ends the block with these values of its variables; all others are left by its evaluation at `evaluated`."""
        hidden = {*self.variables, "dt", "t"}
        changed = {n: e for n, e in self.values.items() if n not in hidden and e != self.before.get(n, t.Name(n))}
        found = self.at(values if evaluated is None else evaluated, list(changed.values()))
        self.flat.values |= dict(zip(changed, found, strict=True))
        for name, value in zip(self.variables, values, strict=True):
            if name not in ("dt", "t"):
                self.flat.values[name] = self.named(name, value)

    def named(self, base: str, value: t.Expr) -> t.Expr:
        """A name that holds a value at this place of the code."""
        if isinstance(value, t.Name | t.Number):
            return value
        name = self.fresh(base)
        self.run([t.Assign(name, value)])
        return t.Name(name)


def body(
    flat: Flat,
    statements: tuple[t.Statement, ...],
    variables: Sequence[str],
    inline: Inline,
    fresh: Fresh,
    start: Mapping[str, t.Expr] | None = None,
) -> Body:
    """The body of a block after the code of `flat`; `start` holds for this block alone, as {"dt": 1e9} does."""
    arguments = tuple(fresh(name) for name in variables)
    before = {**flat.values, **(start or {})}
    unknown = {name: t.Name(argument) for name, argument in zip(variables, arguments, strict=True)}
    inner = flatten(inline(statements), fresh, {**before, **unknown})
    code = [line for line in singular(s.simplify_values(inner.code)) if isinstance(line, t.Assign)]
    evaluation = Evaluation(code, arguments, fresh)
    own = tuple(evaluation.once())
    found = Body(flat, fresh, tuple(variables), arguments, inner.values, before, evaluation, own)
    found.run(own)
    return found
