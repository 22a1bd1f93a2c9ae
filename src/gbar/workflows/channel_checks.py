"""What a mechanism's author may want to know: conductances in the wrong scale or without effect, and divisions 0/0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gbar.kernel.gating import currents_at, surroundings
from gbar.mechanism import Mechanism, MechanismParameter
from gbar.nmodl import blocks as b
from gbar.nmodl import lexer
from gbar.nmodl import tree as t
from gbar.nmodl.constants import factor
from gbar.nmodl.parse import parse_file
from gbar.nmodl.prune import inputs
from gbar.nmodl.unparse import unparse_expression
from gbar.nmodl.walk import expressions, names, walk, walk_statements

_DENSITY = factor("S/cm2")
_FACTOR = 30.0  # more than what temperature does to a conductance


def check_mechanism(mechanism: Mechanism) -> tuple[str, ...]:
    """Warnings about a mechanism, one line each, those of the front end first."""
    return (*mechanism.warnings, *_without_effect(mechanism), *_out_of_scale(mechanism), *_unguarded(mechanism))


def _is_conductance(parameter: MechanismParameter) -> bool:
    found = factor(parameter.unit) if parameter.unit else None
    return found is not None and _DENSITY is not None and found[1] == _DENSITY[1]


def _without_effect(mechanism: Mechanism) -> Iterator[str]:
    """Conductances that no block needs for a current or a state."""
    read = set().union(*(inputs(block) for block in (mechanism.initial, mechanism.breakpoint, mechanism.advance)))
    for parameter in mechanism.parameters:
        if parameter.name not in read and (_is_conductance(parameter) or parameter.name.endswith("bar")):
            yield f"{mechanism.file}: {parameter.name} is a conductance on which no current depends"


def _out_of_scale(mechanism: Mechanism) -> Iterator[str]:
    """A conductance whose current is many times what its unit gives when every gate is open, or a small part of it."""
    known = surroundings(mechanism, 25.0)
    for parameter in mechanism.parameters:
        scale = factor(parameter.unit) if _is_conductance(parameter) else None
        if scale is None or _DENSITY is None or parameter.name not in known or not mechanism.currents:
            continue
        stated = scale[0] / _DENSITY[0]  # S/cm2
        found = [conductance / stated for conductance in _conductances(mechanism, parameter.name, known)]
        wrong = min(found) > _FACTOR or 0.0 < max(found) < 1.0 / _FACTOR
        if wrong:
            yield (
                f"{mechanism.file}: unit mismatch: {parameter.name} is in ({parameter.unit}), but with every gate open "
                f"its current is {max(found):.2g} times what that unit gives"
            )


def _conductances(mechanism: Mechanism, name: str, known: Mapping[str, float]) -> Iterator[float]:
    """The largest slope (S/cm2) of the current that 1 of a conductance adds, for each of several concentrations."""
    v = np.linspace(-150.0, 100.0, 51) + 0.0137
    inside = {f"{ion.name}i" for ion in mechanism.ions} & known.keys()
    gates = {state: np.ones_like(v) for state in mechanism.states}
    for concentration in (1e-6, 1e-3, 1.0, 1e3) if inside else (1.0,):
        held = {**known, **dict.fromkeys(inside, concentration)}

        def total(value: float, shift: float, held: Mapping[str, float] = held) -> Any:
            return sum(currents_at(mechanism, v + shift, {**held, name: value}, gates).values())

        slope = np.abs(total(1.0, 0.05) - total(1.0, -0.05) - total(0.0, 0.05) + total(0.0, -0.05)) / 0.1
        yield float(np.max(slope[np.isfinite(slope)], initial=0.0))


def _unguarded(mechanism: Mechanism) -> Iterator[str]:
    """Quotients like x/(exp(x) - 1) that no IF keeps from 0/0."""
    if not mechanism.file.is_file():
        return
    text = lexer.decode(mechanism.file.read_bytes(), str(mechanism.file))
    tree = parse_file(text, str(mechanism.file), mechanism.file.parent)
    kinds = b.Routine | b.Derivative | b.Breakpoint | b.Initial | b.Kinetic
    for block in tree.blocks:
        if not isinstance(block, kinds):
            continue
        for quotient in _quotients(block.body, set()):
            place = f"{quotient.at.file or mechanism.file}:{quotient.at.line}:{quotient.at.column}"
            yield f"{place}: {unparse_expression(quotient)} becomes 0/0 at one value, and nothing guards it"


def _quotients(body: tuple[t.Statement, ...], nudged: set[str]) -> Iterator[t.Binary]:
    """Such quotients outside every IF; an earlier `IF (v == -40) {v = v + 1e-4}` guards those of v."""
    for statement in body:
        if isinstance(statement, t.If):
            inner = (*walk_statements(statement.then), *walk_statements(statement.otherwise))
            nudged |= {s.target for s in inner if isinstance(s, t.Assign)} & names(statement.condition)
        elif isinstance(statement, t.Loop):
            yield from _quotients(statement.body, nudged)
        else:
            for node in (node for e in expressions(statement) for node in walk(e)):
                if isinstance(node, t.Binary) and node.op == "/":
                    vanishes = _vanishing(node.right)
                    if vanishes and vanishes & names(node.left) and not vanishes & nudged:
                        yield replace(node, at=node.at if node.at.line else getattr(statement, "at", node.at))


def _vanishing(e: t.Expr) -> set[str]:
    """The variables of x where an expression is exp(x) - 1 or 1 - exp(x); none where it is neither."""
    if not isinstance(e, t.Binary) or e.op != "-":
        return set()
    for one, other in ((e.left, e.right), (e.right, e.left)):
        if isinstance(one, t.Number) and one.value == 1.0 and isinstance(other, t.Call) and other.function == "exp":
            return names(other)
    return set()
