"""KINETIC blocks as ordinary statements: fluxes, and the matrix and right-hand side that NEURON makes of them.

With R the net production of every state, V its COMPARTMENT volume (1 where none is stated) and dt the step, one turn of
NEURON's method `sparse` solves (V/dt - dR/ds) ds = R - V (s - s_old)/dt for the change ds of the states (kinetic.cpp,
scopmath sparse_thread.hpp). dR/ds takes the rates for constants, whatever they depend on. CONSERVE takes the place of
the equation of the last state it names that has not lost its equation before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.fresh import Fresh
from gbar.nmodl.walk import walk_statements

Place = TypeVar("Place", int, tuple[int, int])


@dataclass
class Scheme:
    """A KINETIC block: `states` in NEURON's order, and the names of variables made for its matrix and flows.

    `body` are ordinary statements. After them `production[i]` holds R of state i (of a conserved one what its total
    lacks), `matrix[i, j]` entries of -dR/ds without V/dt, `volumes[i]` the volume of a state that has one. `linear`:
    NEURON takes the scheme for linear, and solves it in one turn.
    """

    states: tuple[str, ...]
    conserved: int  # so many of the first states have a CONSERVE for their equation
    body: tuple[t.Statement, ...] = ()
    production: dict[int, str] = field(default_factory=dict)
    matrix: dict[tuple[int, int], str] = field(default_factory=dict)
    volumes: dict[int, str] = field(default_factory=dict)
    linear: bool = True


def scheme(body: Sequence[t.Statement], declared: Collection[str], fresh: Fresh, conserving: bool = True) -> Scheme:
    """The scheme of a block; `declared` are the STATEs in the order of the file. Raises ValueError if it has none.

    Without `conserving` CONSERVE is passed over, as explicit methods do.
    """
    states, conserved = _states(body, declared, conserving)
    found = Scheme(states, conserved)
    work = _Work(found, {name: i for i, name in enumerate(states)}, fresh, conserving)
    statements = work.body(tuple(body))
    local = next((k for k, one in enumerate(statements) if not isinstance(one, t.Local)), len(statements))
    found.body = (*statements[:local], *work.opening(), *statements[local:])
    return found


def _states(body: Sequence[t.Statement], declared: Collection[str], conserving: bool) -> tuple[tuple[str, ...], int]:
    """(the states of a scheme in NEURON's order, how many of them are given by CONSERVE)."""
    used: set[str] = set()
    first: list[str] = []
    statements = list(walk_statements(tuple(body)))
    for statement in statements:
        if isinstance(statement, t.Reaction):
            used |= {reactant.name for reactant in (*statement.left, *statement.right)}
        elif isinstance(statement, t.Conserve):
            used |= {term.name for term in statement.terms}
    for statement in reversed(statements):
        if isinstance(statement, t.Conserve) and conserving:
            free = [term.name for term in reversed(statement.terms) if term.name in declared and "[" not in term.name]
            chosen = next((name for name in free if name not in first), None)
            if chosen is None:
                raise ValueError(statement)
            first.append(chosen)
    rest = ordered(tuple(name for name in declared if name in used and name not in first), declared)
    return (*first, *rest), len(first)


def ordered(states: Collection[str], declared: Collection[str]) -> tuple[str, ...]:
    """States in the order of NEURON's table of symbols: by the first letter, the last declared first."""
    order = {name: -k for k, name in enumerate(dict.fromkeys(name.partition("[")[0] for name in declared))}
    return tuple(sorted(states, key=lambda name: (name[0], order[name.partition("[")[0]])))


class _Work:
    def __init__(self, found: Scheme, numbers: Mapping[str, int], fresh: Fresh, conserving: bool) -> None:
        self.found, self.numbers, self.fresh, self.conserving = found, numbers, fresh, conserving
        self.volumes: dict[str, t.Expr] = {}
        self.equation = iter(range(found.conserved - 1, -1, -1))  # the last CONSERVE has the first equation

    def opening(self) -> list[t.Statement]:
        """Statements for the start of the block: everything made for the scheme at zero, and the volumes."""
        names = [*self.found.production.values(), *self.found.matrix.values()]
        out: list[t.Statement] = [t.Assign(name, s.ZERO) for name in names]
        for name, volume in self.volumes.items():
            number = self.numbers.get(name)
            if number is not None and number >= self.found.conserved:
                self.found.volumes[number] = self.fresh("volume")
                out.append(t.Assign(self.found.volumes[number], volume))
        return out

    def body(self, body: tuple[t.Statement, ...]) -> list[t.Statement]:
        for statement in body:
            if isinstance(statement, t.CompartmentVolume):
                self.volumes |= dict.fromkeys(statement.names, statement.volume)
        out: list[t.Statement] = []
        for statement in body:
            match statement:
                case t.Reaction():
                    out += self.reaction(statement)
                case t.Conserve():
                    out += self.conserve(statement) if self.conserving else []
                case t.If(condition, then, otherwise, at):
                    out.append(t.If(condition, tuple(self.body(then)), tuple(self.body(otherwise)), at))
                case t.CompartmentVolume() | t.Diffusion():
                    pass
                case _:
                    out.append(statement)
        return out

    def reaction(self, reaction: t.Reaction) -> list[t.Statement]:
        at = reaction.at
        if reaction.kind == "<<":
            flux: list[t.Statement] = [t.Assign("f_flux", s.ZERO, at), t.Assign("b_flux", reaction.forward, at)]
            return flux + self.produce(reaction.left, t.Name("b_flux"), 1.0)
        out: list[t.Statement] = []
        rates: list[t.Expr] = []
        for name, side, rate in (
            ("f_flux", reaction.left, reaction.forward),
            ("b_flux", reaction.right, reaction.backward),
        ):
            kept = t.Name(self.fresh("rate"))
            out.append(t.Assign(kept.id, rate or s.ZERO, at))
            rates.append(kept if rate is not None else s.ZERO)
            out.append(t.Assign(name, _product(rates[-1], side), at))
        net = t.Binary("-", t.Name("f_flux"), t.Name("b_flux"))
        out += self.produce(reaction.left, net, -1.0) + self.produce(reaction.right, net, 1.0)
        for side, rate, sign in ((reaction.left, rates[0], 1.0), (reaction.right, rates[1], -1.0)):
            if rate != s.ZERO:
                out += self.slopes(reaction, side, rate, sign)
        return out

    def produce(self, side: tuple[t.Reactant, ...], flux: t.Expr, sign: float) -> list[t.Statement]:
        out: list[t.Statement] = []
        for reactant in side:
            row = self.numbers.get(reactant.name, -1)
            if row >= self.found.conserved:
                name = self.made(self.found.production, row, "made")
                part = s.multiply(t.Number(sign * reactant.count), flux)
                out.append(t.Assign(name, s.add(t.Name(name), part), reactant.at))
        return out

    def slopes(
        self, reaction: t.Reaction, side: tuple[t.Reactant, ...], rate: t.Expr, sign: float
    ) -> list[t.Statement]:
        """The entries that one direction of a reaction gives to the matrix."""
        out: list[t.Statement] = []
        for k, reactant in enumerate(side):
            column = self.numbers.get(reactant.name, -1)
            if column < 0:
                continue
            others = [*side[:k], t.Reactant(reactant.count - 1, reactant.name), *side[k + 1 :]]
            self.found.linear &= not any(other.count for other in others)
            term = t.Name(self.fresh("term"))
            value = _product(s.multiply(rate, t.Number(reactant.count)), others)
            out.append(t.Assign(term.id, value, reaction.at))
            for row_side, direction in ((reaction.left, sign), (reaction.right, -sign)):
                for other in row_side:
                    row = self.numbers.get(other.name, -1)
                    if row >= self.found.conserved:
                        name = self.made(self.found.matrix, (row, column), "entry")
                        part = s.multiply(t.Number(direction * other.count), term)
                        out.append(t.Assign(name, s.add(t.Name(name), part), reaction.at))
        return out

    def conserve(self, conserve: t.Conserve) -> list[t.Statement]:
        row = next(self.equation)
        lacking: t.Expr = conserve.total
        out: list[t.Statement] = []
        for term in reversed(conserve.terms):
            weight = s.multiply(t.Number(term.count), self.volumes.get(term.name, s.ONE))
            if term.name in self.numbers:
                name = self.made(self.found.matrix, (row, self.numbers[term.name]), "entry")
                out.append(t.Assign(name, weight, conserve.at))
            lacking = t.Binary("-", lacking, s.multiply(t.Name(term.name, term.at), weight))
        name = self.made(self.found.production, row, "lacking")
        return [*out, t.Assign(name, lacking, conserve.at)]

    def made(self, table: dict[Place, str], place: Place, base: str) -> str:
        if place not in table:
            table[place] = self.fresh(base)
        return table[place]


def _product(rate: t.Expr, side: Sequence[t.Reactant]) -> t.Expr:
    """The rate times every reactant, as often as it takes part."""
    for reactant in side:
        for _ in range(int(reactant.count)):
            rate = s.multiply(rate, t.Name(reactant.name, reactant.at))
    return rate
