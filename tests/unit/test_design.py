"""Designs: every row on its own, even where they promise it, and refused where they are none."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from scipy import stats
from scipy.stats import qmc

from gbar.dataset import split_rows
from gbar.design import (
    Grid,
    LatinHypercube,
    Random,
    Sobol,
    Sweep,
    count_rows,
    design_from_json,
    draws_from_prior,
    read_design,
)
from gbar.design.permutation import key_count, permuted
from gbar.design.sobol import points, word_count
from gbar.draws import words
from gbar.errors import ParameterError
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.prior import Normal

SPACE = ParameterSpace(
    (
        FreeParameter("gna.soma", "S/cm2", 0.06, 0.24, "log"),
        FreeParameter("e.soma", "mV", -100.0, -35.0),
        FreeParameter("q10", "", 1.0, 4.0, prior=Normal(2.5, 0.5)),
    )
)
OWN = np.array([0.12, -70.0, 2.3])
EVERY = ("uniform", "sobol", "lhs", "grid:5", "sweep:7")


def shares(design, n: int, seed: int = 1, space: ParameterSpace = SPACE) -> np.ndarray:
    theta = design.theta(space, seed, 0, n, n)
    assert space.inside(theta).all()
    return np.stack([p.cumulative(theta[:, j]) for j, p in enumerate(space.parameters)], axis=1)


@pytest.mark.parametrize("text", EVERY)
@pytest.mark.parametrize("n", [1, 7, 1000])
def test_any_rows_come_out_the_same(text, n):
    design = read_design(text, SPACE, OWN)
    n = design.rows(SPACE) or n
    whole = design.theta(SPACE, 3, 0, n, n)
    assert whole.shape == (n, 3) and whole.dtype == np.float64
    for start, stop in itertools.pairwise(sorted({0, n // 3, n // 2, n - 1, n})):
        np.testing.assert_array_equal(design.theta(SPACE, 3, start, stop, n), whole[start:stop])
    if design.from_prior:
        assert not np.array_equal(design.theta(SPACE, 4, 0, n, n), whole)
    assert design.theta(SPACE, 3, n, n, n).shape == (0, 3)
    assert design.text == text


def test_uniform_is_the_draw_of_the_space_whatever_the_number_of_rows():
    np.testing.assert_array_equal(Random().theta(SPACE, 5, 10, 40, 50), SPACE.draw(5, 10, 40))
    np.testing.assert_array_equal(Random().theta(SPACE, 5, 10, 40, 900), SPACE.draw(5, 10, 40))


@pytest.mark.parametrize("n", [1, 2, 3, 10, 255, 256, 257, 4096])
def test_an_order_holds_every_row_once(n):
    for seed in range(3):
        order = permuted(np.arange(n), n, words(seed, 1, 0, 1, key_count())[0])
        assert sorted(order) == list(range(n))
        for part in (slice(0, 1), slice(n // 2, n)):
            np.testing.assert_array_equal(
                permuted(np.arange(n)[part], n, words(seed, 1, 0, 1, key_count())[0]), order[part]
            )


def test_an_order_is_random():
    n, many = 12, 6000
    orders = np.array([permuted(np.arange(n), n, key) for key in words(0, 1, 0, many, key_count())])
    for row in range(n):  # every row comes everywhere as often
        assert stats.chisquare(np.bincount(orders[:, row], minlength=n)).pvalue > 1e-4
    pairs = np.bincount(orders[:, 0] * n + orders[:, 1], minlength=n * n).reshape(n, n)
    assert stats.chisquare(pairs[~np.eye(n, dtype=bool)]).pvalue > 1e-4  # wherever its neighbour is
    long = permuted(np.arange(100_000), 100_000, words(0, 1, 0, 1, key_count())[0])
    assert abs(np.corrcoef(long[1:], long[:-1])[0, 1]) < 0.01
    assert abs(np.corrcoef(long, np.arange(100_000))[0, 1]) < 0.01


@pytest.mark.parametrize("dimensions", [1, 2, 5, 31, 256])
def test_sobol_points_are_those_of_scipy(dimensions):
    mine = points(np.arange(1024), dimensions)
    known = qmc.Sobol(dimensions, scramble=False, bits=52).random(1024)  # in another order within powers of two
    gray = np.arange(1024) ^ (np.arange(1024) >> 1)
    np.testing.assert_array_equal(mine[gray], known)
    np.testing.assert_array_equal(points(np.array([2**40 + 3]), dimensions), points(np.array([2**40]), dimensions)
                                  + points(np.array([3]), dimensions) - 2 * _both(dimensions))  # fmt: skip


def _both(dimensions: int) -> np.ndarray:
    """The bits that points 2^40 and 3 share."""
    one, other = ((points(np.array([i]), dimensions) * 2**52).astype(np.uint64) for i in (2**40, 3))
    return (one & other).astype(np.float64) * 2.0**-52


def test_scrambling_leaves_a_net():
    """Of 2^10 points, every box of 2^-k by 2^-(10 - k) of dimensions 1 and 2 holds exactly one."""
    for seed in range(3):
        x = points(np.arange(1024), 2, words(seed, 9, 0, 1, word_count(2))[0])
        for k in range(11):
            cell = np.floor(x * [2**k, 2 ** (10 - k)]).astype(int)
            assert len({tuple(c) for c in cell}) == 1024
    many = np.array([points(np.arange(4), 3, w) for w in words(1, 9, 0, 2000, word_count(3))])
    for i, j in itertools.product(range(4), range(3)):  # every point is uniform on its own
        assert stats.kstest(many[:, i, j], "uniform").pvalue > 1e-4


def test_sobol_fills_the_prior_evenly():
    u = shares(Sobol(), 1024)
    for column in u.T:
        assert (np.bincount((np.clip(column, 0, 1 - 1e-12) * 1024).astype(int), minlength=1024) == 1).all()
    sobol = qmc.discrepancy(u)
    assert sobol < 0.2 * qmc.discrepancy(shares(Random(), 1024))


def test_rows_kept_for_a_test_lie_everywhere():
    """Of a Sobol sequence in its own order every tenth row lies in one half of the first parameter's range."""
    for n in (1000, 4096):
        for rows in (split_rows(n).test, split_rows(n).validation, np.arange(0, n, 2)):
            for column in shares(Sobol(), n)[rows].T:
                assert stats.kstest(column, "uniform").pvalue > 1e-3
    assert (points(np.arange(1000), 1)[split_rows(1000).test] >= 0.5).all()


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_a_latin_hypercube_has_one_row_in_every_stratum(n):
    u = shares(LatinHypercube(), n)
    for column in u.T:
        assert sorted(np.floor(np.clip(column, 0, 1 - 1e-12) * n).astype(int)) == list(range(n))
    if n == 1000:
        assert np.abs(np.corrcoef(u.T) - np.eye(3)).max() < 0.12
        for column in (u * n % 1).T:
            assert stats.kstest(column, "uniform").pvalue > 1e-3


def test_a_grid_by_hand():
    two = ParameterSpace(SPACE.parameters[:2])
    theta = Grid(3).theta(two, 0, 0, 9, 9)
    np.testing.assert_allclose(theta[:4], [[0.06, -100], [0.06, -67.5], [0.06, -35], [0.12, -100]])
    assert (theta[-1] == [0.24, -35.0]).all() and len(np.unique(theta, axis=0)) == 9
    assert count_rows(Grid(11), SPACE, None) == 11**3


def test_a_sweep_changes_one_parameter_at_a_time():
    design = read_design("sweep:5", SPACE, OWN)
    theta = design.theta(SPACE, 0, 0, 15, 15)
    for j in range(3):
        block = theta[5 * j : 5 * j + 5]
        others = [k for k in range(3) if k != j]
        assert (block[:, others] == OWN[others]).all()
        np.testing.assert_allclose(SPACE.parameters[j].to_unit(block[:, j]), np.linspace(-1, 1, 5), atol=1e-12)
    assert design.to_json() == {"kind": "sweep", "points": 5, "own": OWN.tolist()}
    assert design == Sweep(5, tuple(OWN))


def test_a_table_in_other_units_and_another_order(tmp_path):
    file = tmp_path / "sets.csv"
    file.write_text("q10,log_prob,e.soma [mV],gna.soma [mS/cm2]\n2,0.5,-60,70\n\n 3 ,1,-3.6e1, 200\n")
    design = read_design(f"table:{file}", SPACE, OWN)
    assert count_rows(design, SPACE, None) == 2 and not design.from_prior and design.text == "table:sets.csv"
    np.testing.assert_array_equal(design.theta(SPACE, 0, 0, 2, 2), [[0.07, -60.0, 2.0], [0.2, -36.0, 3.0]])
    before = design.to_json()
    file.write_text(file.read_text().replace("70", "71"))
    after = read_design(f"table:{file}", SPACE, OWN).to_json()
    assert before["file"] == after["file"] == "sets.csv" and before["sha256"] != after["sha256"]


HEAD = "gna.soma [S/cm2],e.soma [mV],q10\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (HEAD, "has no rows"),
        ("e.soma [mV],q10\n-50,2\n", r"sets.csv:1: has no column gna.soma \[S/cm2\]"),
        (HEAD.replace("q10", "q1O"), "the column 'q1O' is no free parameter; did you mean q10"),
        (HEAD.replace("q10", "q10,q10"), "two columns are called q10"),
        (HEAD.replace(" [S/cm2]", ""), r"the column gna.soma has no unit; head it gna.soma \[S/cm2\]"),
        (HEAD.replace("S/cm2", "nA"), "the column gna.soma is in nA; give it in S/cm2"),
        (HEAD.replace("S/cm2", "blob"), "the column gna.soma is in blob; give it in S/cm2"),
        (HEAD.replace("q10", "q10 [mV]"), "the column q10 is in mV; give it as numbers without a unit"),
        (HEAD.replace("q10", "q" * 41), f"the column '{'q' * 39}…' is no free parameter"),
        (
            HEAD.replace(",", ";"),
            "sets.csv:1: has semicolons between columns; put commas between values and points into",
        ),
        (HEAD.replace(",", "\t"), "sets.csv:1: has tabs between columns; put commas between values"),
        (HEAD + "0.1;-50;2\n", "sets.csv:2: gna.soma is '0.1;-50;2', expected a number; put commas between values"),
        (HEAD + "0.1,-50,2\n0,1,-50,2\n", "sets.csv:3: has 4 values for 3 columns; write one value a column, and dec"),
        (HEAD + "0.1,-50,2\n0.1,-50\n", "sets.csv:3: has no value of q10"),
        (HEAD + "0.1,-50,x\n", "sets.csv:2: q10 is 'x', expected a number"),
        (HEAD + "0.1,-50,nan\n", "sets.csv:2: q10 = nan is not finite"),
        (HEAD + "0.1,-50,2\n\n0.3,-50,2\n", "sets.csv:4: gna.soma = 0.3 S/cm2 is above its upper bound 0.24"),
        ("\x00\n", "is no free parameter|is no table"),
    ],
)
def test_a_table_that_is_none(tmp_path, text, message):
    file = tmp_path / "sets.csv"
    file.write_text(text)
    with pytest.raises(ParameterError, match=message) as caught:
        read_design(f"table:{file}", SPACE, OWN)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sobel", "unknown design 'sobel'; did you mean sobol"),
        ("", "unknown design ''"),
        ("lhs:3", "unknown design 'lhs:3'; use uniform"),
        ("grid", "'grid' has no number of points; write 2 to 999,999,999 points, as in grid:11"),
        ("grid:0", "the design 'grid:0' has 0 points; write 2 to 999,999,999 points, as in grid:11"),
        ("grid:1", "the design 'grid:1' has 1 point; write"),
        ("grid:-3", "the design 'grid:-3' has -3 points; write"),
        ("grid:1_000_000_000", "has 1,000,000,000 points; write 2 to"),
        ("grid:1__0", "the design 'grid:1__0' has no number of points"),
        ("sweep", "'sweep' has no number of points; write 2 to 999,999,999 points, as in sweep:11"),
        ("sweep:1", "the design 'sweep:1' has 1 point; write 2 to 999,999,999 points, as in sweep:11"),
        ("sweep:2.5", "has no number of points"),
        ("table:", "unknown design 'table:'"),
        ("table:nowhere.csv", "nowhere.csv: no such file"),
    ],
)
def test_a_design_that_is_none(text, message):
    with pytest.raises(ParameterError, match=message):
        read_design(text, SPACE, OWN)


def test_points_may_have_underscores():
    assert read_design("grid:1_000", SPACE, OWN) == Grid(1000)
    assert read_design("sweep:1_1", SPACE, OWN).points == 11


def test_numbers_of_rows():
    assert [count_rows(Sobol(), SPACE, n) for n in (None, 5)] == [1000, 5]
    assert count_rows(Grid(2), SPACE, 8) == 8
    for design, n, message in ((Sobol(), 0, "0 rows asked for"), (Grid(2), 9, "9 rows asked for, grid:2 has 8")):
        with pytest.raises(ParameterError, match=message):
            count_rows(design, SPACE, n)
    with pytest.raises(ParameterError, match="own values, and q10 = 9 is above its upper bound 4"):
        read_design("sweep:3", SPACE, np.array([0.1, -50.0, 9.0]))
    with pytest.raises(ParameterError, match="without free parameters"):
        read_design("sweep:3", ParameterSpace(()), np.zeros(0))
    wide = ParameterSpace(tuple(FreeParameter(f"p{i}", "", 0, 1) for i in range(257)))
    with pytest.raises(ParameterError, match="sobol design of 257"):
        Sobol().theta(wide, 0, 0, 1, 1)


def test_json_round_trip():
    for text in EVERY:
        design = read_design(text, SPACE, OWN)
        assert design_from_json(json.loads(json.dumps(design.to_json()))) == design
        assert draws_from_prior(design.to_json()) == design.from_prior
    assert not draws_from_prior({"kind": "table", "file": "sets.csv"})
    for damaged in (
        {},
        {"kind": "grid"},
        {"kind": "grid", "points": "x"},
        {"kind": ["lhs"]},
        {"kind": "sweep", "points": 3},
    ):
        with pytest.raises(ParameterError, match=r"damaged|no number of points"):
            design_from_json(damaged)
    with pytest.raises(ParameterError, match=r"of the table sets\.csv; give that table"):
        design_from_json({"kind": "table", "file": "sets.csv", "sha256": "0"})
