"""Straight-line code as a function of some of its inputs, evaluated where a method of integration wants it.

What does not depend on these inputs is computed once, however often the rest is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.differentiate import derivative
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.walk import names, substitute, walk

_COMPARISONS = frozenset({"<", ">", "<=", ">=", "==", "!=", "&&", "||"})
_STEPS = frozenset({"floor", "ceil", "fabs", "fmod"})

Slopes = dict[str, dict[str, t.Expr]]  # name -> {argument: d(name)/d(argument)}, zeros left out


class Evaluation:
    """`code` as a function of the names in `arguments`."""

    def __init__(self, code: Sequence[t.Assign], arguments: Collection[str], fresh: Fresh) -> None:
        self.fresh = fresh
        self.arguments = tuple(arguments)
        self.fixed: list[t.Assign] = []  # does not depend on the arguments
        self.moving: list[t.Assign] = []
        self.dependence: dict[str, set[str]] = {name: {name} for name in arguments}
        self.made: dict[tuple[object, ...], t.Expr] = {}
        for line in code:
            self.add(line)

    def add(self, line: t.Assign) -> None:
        """One more line at the end of the code."""
        on = self.on(line.value)
        if on:
            self.dependence[line.target] = on
            self.moving.append(line)
        else:
            self.fixed.append(line)

    def once(self) -> list[t.Assign]:
        """The lines that do not depend on the arguments, given out once: they stand before what `at` gives."""
        lines, self.fixed = self.fixed, []
        return lines

    def on(self, expression: t.Expr) -> set[str]:
        """The arguments that an expression depends on."""
        return set().union(*(self.dependence.get(name, ()) for name in names(expression)))

    def behind(self, wanted: Sequence[t.Expr]) -> list[t.Assign]:
        """The lines that depend on the arguments and that expressions need."""
        needed: set[str] = set().union(*map(names, wanted))
        used = []
        for line in reversed(self.moving):
            if line.target in needed:
                needed |= names(line.value)
                used.append(line)
        return used[::-1]

    def at(self, values: Mapping[str, t.Expr], wanted: Sequence[t.Expr]) -> tuple[list[t.Assign], list[t.Expr]]:
        """(code, the expressions in `wanted`) where the arguments have the values (names or numbers) given.

        What earlier code from here has computed of the same values is not computed again: all of it has to stand
        before, in the order in which it was asked for.
        """
        known = dict(values)
        code: list[t.Assign] = []
        for line in self.behind(wanted):
            key = (line.target, *(values[argument] for argument in sorted(self.dependence[line.target])))
            if key not in self.made:
                value = s.simplify(substitute(line.value, known))
                if not isinstance(value, t.Name | t.Number):
                    name = self.fresh(_base(line.target))
                    code.append(t.Assign(name, value, line.at))
                    value = t.Name(name, line.at)
                self.made[key] = value
            known[line.target] = self.made[key]
        return code, [s.simplify(substitute(expression, known)) for expression in wanted]

    def slopes(self) -> Slopes:
        """The derivatives of every name with respect to the arguments, their own code added to this one's."""
        known: Slopes = {name: {name: s.ONE} for name in self.arguments}
        for line in tuple(self.moving):
            known[line.target] = {}
            for argument, slope in self.gradient(line.value, known).items():
                if not isinstance(slope, t.Number | t.Name):
                    name = self.fresh(f"d{_base(line.target)}")
                    self.add(t.Assign(name, slope, line.at))
                    slope = t.Name(name, line.at)
                known[line.target][argument] = slope
        return known

    def gradient(self, expression: t.Expr, known: Slopes) -> dict[str, t.Expr]:
        """The derivatives of an expression with respect to the arguments."""
        inside = names(expression) & known.keys()
        found = {}
        for argument in self.arguments:
            part = {name: known[name][argument] for name in inside if argument in known[name]}
            slope = derivative(expression, part) if part else None
            if slope is not None and slope != s.ZERO:
                found[argument] = slope
        return found

    def jumps(self, expression: t.Expr) -> bool:
        """Whether an expression may jump or bend where an argument crosses some value."""
        return any(
            self.on(node)
            for node in walk(expression)
            if (isinstance(node, t.Binary) and node.op in _COMPARISONS)
            or (isinstance(node, t.Select) and self.on(node.condition))
            or (isinstance(node, t.Call) and node.function in _STEPS)
        )


def _base(name: str) -> str:
    """The name without the number that made it new."""
    base, _, number = name.rpartition("_")
    return base if base and number.isdigit() else name
