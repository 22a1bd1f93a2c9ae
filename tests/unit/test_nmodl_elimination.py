import numpy as np
import pytest

from gbar.kernel.interpret import evaluate
from gbar.nmodl import tree as t
from gbar.nmodl.elimination import Sparse, pivoted, pivots
from gbar.nmodl.fresh import Fresh


def number(code, expressions, values):
    names = dict(values)
    for line in code:
        names[line.target] = evaluate(line.value, names)
    return [float(evaluate(e, names)) for e in expressions]


def symbolic(matrix, right):
    """(entries by name, right-hand side by name, the values of these names)."""
    entries, values = {}, {}
    for (row, column), value in np.ndenumerate(matrix):
        if value:
            entries[row, column] = t.Name(f"m{row}x{column}")
            values[f"m{row}x{column}"] = value
    sides = [t.Name(f"r{row}") for row in range(len(right))]
    return entries, sides, values | {f"r{row}": value for row, value in enumerate(right)}


def scheme(rng, size, density):
    """The matrix of a random kinetic scheme: 1/dt and rates, in which columns lose what others gain."""
    rates = rng.uniform(0.1, 5.0, (size, size)) * (rng.random((size, size)) < density)
    np.fill_diagonal(rates, 0.0)
    return np.diag(40.0 + rates.sum(axis=0)) - rates


@pytest.mark.parametrize("size", [1, 2, 5, 12])
@pytest.mark.parametrize("density", [0.15, 0.6])
def test_sparse_solves(size, density):
    rng = np.random.default_rng(size)
    matrix, right = scheme(rng, size, density), rng.normal(size=size)
    entries, sides, values = symbolic(matrix, right)
    work = Sparse(size, entries, Fresh(values))
    code, found = work.solve(sides)
    np.testing.assert_allclose(number(work.code + code, found, values), np.linalg.solve(matrix, right), rtol=1e-11)
    other, again = work.solve([t.Number(float(k)) for k in range(size)])  # the factors serve any right-hand side
    expected = np.linalg.solve(matrix, np.arange(size))
    np.testing.assert_allclose(number(work.code + other, again, values), expected, rtol=1e-11, atol=1e-14)


def test_a_chain_fills_in_nothing():
    size = 20
    entries = {(i, j): t.Name(f"m{i}x{j}") for i in range(size) for j in range(size) if abs(i - j) <= 1}
    work = Sparse(size, entries, Fresh(()))
    assert len([line for line in work.code if line.target.startswith("ratio")]) == size - 1


def test_rows_with_few_entries_come_first():
    star = {(0, k) for k in range(5)} | {(k, 0) for k in range(5)}
    assert pivots(5, star)[-1] in (0, 1, 2, 3, 4)
    assert pivots(5, star).index(0) >= 3
    assert sorted(pivots(5, star)) == list(range(5))


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_pivoted_solves_what_has_no_diagonal(size):
    rng = np.random.default_rng(size)
    for _ in range(5):
        matrix = rng.normal(size=(size, size)) * (rng.random((size, size)) < 0.8)
        matrix[np.arange(size), np.arange(size)] = 0.0 if size > 1 else 2.0
        if abs(np.linalg.det(matrix)) < 1e-3:
            continue
        right = rng.normal(size=size)
        entries, sides, values = symbolic(matrix, right)
        code, found = pivoted(size, entries, sides, Fresh(values))
        np.testing.assert_allclose(number(code, found, values), np.linalg.solve(matrix, right), rtol=1e-9)


def test_numbers_are_computed_at_once():
    code, found = pivoted(2, {(0, 1): t.Number(2.0), (1, 0): t.Number(4.0)}, [t.Number(6.0), t.Number(2.0)], Fresh(()))
    assert not code
    assert found == [t.Number(0.5), t.Number(3.0)]
