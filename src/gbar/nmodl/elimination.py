"""Linear equations with symbolic coefficients, solved by elimination once for all: straight-line code.

`Sparse` divides by the diagonal in the order of pivots that NEURON's solver of KINETIC schemes takes, rows with few
entries first, which keeps them few. `pivoted` chooses the greatest pivot of each column while the code runs, as
NEURON's solver of LINEAR blocks does: for systems whose diagonal may vanish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gbar.nmodl import simplify as s
from gbar.nmodl import tree as t
from gbar.nmodl.fresh import Fresh

Entries = Mapping[tuple[int, int], t.Expr]  # (row, column) -> coefficient; what is missing is 0


def pivots(size: int, filled: set[tuple[int, int]]) -> list[int]:
    """The order in which rows (and the columns of the same numbers) are eliminated.

    The next is the row with the fewest entries left; among equals the one whose count changed last (NEURON's scopmath,
    sparse_thread.hpp, spar_minorder).
    """
    rows = [{i} | {c for r, c in filled if r == i} for i in range(size)]
    columns = [{i} | {r for r, c in filled if c == i} for i in range(size)]
    counts = [len(row) for row in rows]
    waiting: list[int] = []

    def insert(row: int) -> None:
        place = next((k for k, other in enumerate(waiting) if counts[other] >= counts[row]), len(waiting))
        waiting.insert(place, row)

    def count(row: int, by: int) -> None:
        waiting.remove(row)
        counts[row] += by
        insert(row)

    for row in range(size):
        insert(row)
    order = list(range(size))
    for step in range(size):
        pivot = waiting[0]
        order.remove(pivot)
        order.insert(step, pivot)
        later = order[step + 1 :]
        for row in [row for row in later if row in columns[pivot]]:
            for column in later:
                if column in rows[pivot] and column not in rows[row]:
                    rows[row].add(column)
                    columns[column].add(row)
                    count(row, 1)
            count(row, -1)
        waiting.remove(pivot)
    return order


class Sparse:
    """A square matrix, factored; `code` is what has to stand before that of its solutions."""

    def __init__(self, size: int, entries: Entries, fresh: Fresh, order: Sequence[int] | None = None) -> None:
        self.fresh, self.code = fresh, list[t.Assign]()
        rows: list[dict[int, t.Expr]] = [{} for _ in range(size)]
        for (row, column), value in entries.items():
            if value != s.ZERO:
                rows[row][column] = value
        filled = {(row, column) for row in range(size) for column in rows[row]}
        self.order = list(order) if order is not None else pivots(size, filled)
        self.rows = rows
        self.inverse: dict[int, t.Expr] = {}
        self.ratios: list[tuple[int, int, t.Expr]] = []  # (pivot, row, what of the pivot's row is taken from the row)
        self._factor()

    def _factor(self) -> None:
        for step, pivot in enumerate(self.order):
            own = self.rows[pivot]
            self.inverse[pivot] = self._named("pivot", s.divide(s.ONE, own.get(pivot, s.ZERO)))
            later = self.order[step + 1 :]
            for row in later:
                below = self.rows[row].pop(pivot, None)
                if below is None:
                    continue
                ratio = self._named("ratio", s.multiply(below, self.inverse[pivot]))
                self.ratios.append((pivot, row, ratio))
                for column in later:
                    if column in own:
                        before = self.rows[row].get(column, s.ZERO)
                        value = s.subtract(before, s.multiply(own[column], ratio))
                        self.rows[row][column] = self._named("entry", value)

    def _named(self, base: str, value: t.Expr) -> t.Expr:
        return _named(base, value, self.code, self.fresh)

    def solve(self, right: Sequence[t.Expr]) -> tuple[list[t.Assign], list[t.Expr]]:
        """(code, the unknowns) for a right-hand side."""
        code: list[t.Assign] = []
        sides = list(right)
        for pivot, row, ratio in self.ratios:
            if sides[pivot] != s.ZERO:
                value = s.subtract(sides[row], s.multiply(sides[pivot], ratio))
                sides[row] = _named("side", value, code, self.fresh)
        solution: dict[int, t.Expr] = {}
        for step in reversed(range(len(self.order))):
            pivot = self.order[step]
            value = sides[pivot]
            for column in self.order[step + 1 :]:
                if column in self.rows[pivot]:
                    value = s.subtract(value, s.multiply(self.rows[pivot][column], solution[column]))
            solution[pivot] = _named("solution", s.multiply(value, self.inverse[pivot]), code, self.fresh)
        return code, [solution[row] for row in range(len(sides))]


def pivoted(size: int, entries: Entries, right: Sequence[t.Expr], fresh: Fresh) -> tuple[list[t.Assign], list[t.Expr]]:
    """(code, the unknowns) of a system whose pivots are chosen while the code runs."""
    code: list[t.Assign] = []
    rows = [[entries.get((r, c), s.ZERO) for c in range(size)] + [right[r]] for r in range(size)]
    for step in range(size):
        for row in range(step + 1, size):
            if rows[row][step] != s.ZERO:
                _exchange(rows, step, row, code, fresh)
        inverse = _named("pivot", s.divide(s.ONE, rows[step][step]), code, fresh)
        rows[step] = [
            _named("entry", s.multiply(value, inverse), code, fresh) if column > step else value
            for column, value in enumerate(rows[step])
        ]
        for row in range(step + 1, size):
            factor = rows[row][step]
            if factor == s.ZERO:
                continue
            for column in range(step + 1, size + 1):
                if rows[step][column] != s.ZERO:
                    value = s.subtract(rows[row][column], s.multiply(rows[step][column], factor))
                    rows[row][column] = _named("entry", value, code, fresh)
    solution: list[t.Expr] = [s.ZERO] * size
    for row in reversed(range(size)):
        value = rows[row][size]
        for column in range(row + 1, size):
            if rows[row][column] != s.ZERO:
                value = s.subtract(value, s.multiply(rows[row][column], solution[column]))
        solution[row] = _named("solution", value, code, fresh)
    return code, solution


def _exchange(rows: list[list[t.Expr]], step: int, row: int, code: list[t.Assign], fresh: Fresh) -> None:
    """Exchanges two rows where the lower one has the greater entry in the column of this step."""
    one, other = rows[step], rows[row]
    smaller = s.simplify(t.Binary("<", t.Call("fabs", (one[step],)), t.Call("fabs", (other[step],))))
    if one[step] == s.ZERO or (isinstance(smaller, t.Number) and smaller.value):
        rows[step], rows[row] = other, one
    if one[step] == s.ZERO or isinstance(smaller, t.Number):
        return
    test = fresh("test", part=True)
    code.append(t.Assign(test, smaller))
    for column in range(step, len(one)):
        upper, lower = one[column], other[column]
        if upper != lower:
            one[column] = _named("entry", s.select(t.Name(test), lower, upper), code, fresh)
            other[column] = _named("entry", s.select(t.Name(test), upper, lower), code, fresh)


def _named(base: str, value: t.Expr, code: list[t.Assign], fresh: Fresh) -> t.Expr:
    if isinstance(value, t.Name | t.Number):
        return value
    if isinstance(value, t.Unary) and isinstance(value.operand, t.Name):
        return value
    name = fresh(base)
    code.append(t.Assign(name, value))
    return t.Name(name)
