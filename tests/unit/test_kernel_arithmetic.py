"""The elementary functions of a generated kernel against NumPy's, and at every float32 near a singularity."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gbar.kernel.arithmetic import FORMATS, functions, watching

HEADER = """
import numpy as np
from numba import njit
R = np.{precision}
OPTIONS = {{"error_model": "numpy", "fastmath": {{"nsz", "arcp", "contract"}}}}
inline = njit(forceinline=True, **OPTIONS)
"""
EACH = """
@njit(**OPTIONS)
def all_{name}(x):
    y = np.empty_like(x)
    for i in range(len(x)):
        y[i] = {name}(x[i])
    return y
"""
PAIRS = """
@njit(**OPTIONS)
def all_{name}(x, y):
    z = np.empty_like(x)
    for i in range(len(x)):
        z[i] = {name}(x[i], y[i])
    return z
"""
BITS = """
{watching}
@njit(**OPTIONS)
def is_near(x):
    y = np.empty(len(x), np.bool_)
    for i in range(len(x)):
        y[i] = bits(x[i]) <= NEAR
    return y
"""
NAMES = ("exp", "expm1", "exprel", "exprel_near", "exprelr", "dexprelr", "log")
TWO = ("exp2", "exprelr_by", "power")
Functions = dict[str, Callable[..., np.ndarray]]


def compiled(precision: str, folder: Path) -> Functions:
    text = HEADER.format(precision=precision) + functions({*NAMES, "exp2", "exprelr_by", "pow", "bits"}, precision)
    text += "".join(EACH.format(name=name) for name in NAMES) + "".join(PAIRS.format(name=name) for name in TWO)
    text += BITS.format(watching=watching(precision))
    path = folder / f"functions_{precision}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return {name: getattr(module, f"all_{name}") for name in (*NAMES, *TWO)} | {"is_near": module.is_near}


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Functions:
    return compiled("float32", tmp_path_factory.mktemp("functions"))


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Functions:
    return compiled("float64", tmp_path_factory.mktemp("functions"))


def ulps(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest error in units of the last place of `found`'s type."""
    unit = np.spacing(np.abs(expected).astype(found.dtype)).astype(np.float64)
    return float((np.abs(found.astype(np.float64) - expected) / unit).max())


def neighbours(centre: float, reach: int) -> np.ndarray:
    """Every float32 within `reach` ulp of a value."""
    ordered = np.float32(centre).view(np.int32) + np.arange(-reach, reach + 1, dtype=np.int32)
    return ordered.astype(np.int32).view(np.float32)


def around_zero(reach: int) -> np.ndarray:
    """The float32 nearest to 0, zeros among them, and small numbers of every size."""
    tiny = np.arange(reach, dtype=np.int32).view(np.float32)
    sizes = np.geomspace(1e-37, 1.0, 20000).astype(np.float32)
    return np.concatenate([-tiny, tiny, -sizes, sizes])


def true_exprelr(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, safe / np.expm1(safe))


def true_exprel(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.longdouble)
    safe = np.where(x == 0, 1.0, x)
    return np.asarray(np.where(x == 0, 1.0, np.expm1(safe) / safe))


def true_dexprelr(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    near = np.abs(x) < 0.3
    safe = np.where(near, 1.0, x)
    f = safe / np.expm1(safe)
    y = np.where(near, x, 0.0) ** 2
    bernoulli = (1 / 6, -1 / 180, 1 / 5040, -1 / 151200, 1 / 4790016, -691 / 108972864000, 1 / 3113510400)
    series = -0.5 + x * np.polynomial.polynomial.polyval(y, bernoulli)
    return np.where(near, series, f * (1 - safe - f) / safe)


def test_float32_exp_is_good_to_two_ulp(single: Functions) -> None:
    x = np.linspace(-86.9, 87.9, 2_000_001).astype(np.float32)
    assert ulps(single["exp"](x), np.exp(x.astype(np.float64))) < 2.0


def test_float64_exp_is_good_to_about_one_ulp(double: Functions) -> None:
    x = np.linspace(-707.0, 708.0, 1_000_001)
    exact = np.exp(x.astype(np.longdouble))
    error = np.abs(double["exp"](x).astype(np.longdouble) - exact) / exact
    assert float(error.max()) < 1.5 * 2.2e-16


def test_exp_is_finite_at_both_ends_and_keeps_nan(single: Functions, double: Functions) -> None:
    for f, dtype in ((single, np.float32), (double, np.float64)):
        y = f["exp"](np.array([np.inf, 1e30, 750.0, 90.0], dtype))
        assert np.isfinite(y).all() and (y > 1e37).all()
        low = f["exp"](np.array([-np.inf, -1e30, -750.0], dtype))
        assert (low >= 0).all() and (low < 2e-38).all()
        nan = np.array([np.nan, -np.nan], dtype)
        for name in NAMES:
            assert np.isnan(f[name](nan)).all(), name
        assert np.isnan(f["exp2"](nan, np.full(2, 100.0, dtype))).all()
        assert np.isnan(f["exprelr_by"](nan, nan)).all()


def test_expm1_keeps_its_relative_accuracy_near_zero(single: Functions, double: Functions) -> None:
    x = np.concatenate([around_zero(200), np.linspace(-20, 20, 400_001).astype(np.float32)])
    assert ulps(single["expm1"](x), np.expm1(x.astype(np.float64))) < 3.0
    x64 = np.concatenate(
        [np.geomspace(1e-300, 1.0, 100_001), -np.geomspace(1e-300, 1.0, 100_001), np.linspace(-30, 30, 1001)]
    )
    assert ulps(double["expm1"](x64), np.expm1(x64)) < 4.0


def test_exprelr_at_every_float32_near_its_singularity(single: Functions) -> None:
    x = around_zero(200)
    y = single["exprelr"](x)
    assert y[x == 0].tolist() == [1.0] * int((x == 0).sum())
    assert ulps(y, true_exprelr(x)) < 4.0


@pytest.mark.parametrize(
    ("threshold", "scale"), [(-40.0, 10.0), (-55.0, 10.0), (-35.0, 9.0), (25.0, 9.0), (-43.2, 4.0)]
)
def test_rates_at_every_float32_within_100_ulp_of_their_singularity(
    single: Functions, threshold: float, scale: float
) -> None:
    v = neighbours(threshold, 100)
    x = (v - np.float32(threshold)) / np.float32(scale)
    assert (x == 0).any()
    assert ulps(single["exprelr"](x), true_exprelr(x)) < 2.0
    assert ulps(single["dexprelr"](x), true_dexprelr(x)) < 2.0


def test_exprelr_far_from_zero(single: Functions, double: Functions) -> None:
    x = np.concatenate([np.linspace(-200, 80, 100_001), [-1e4]])
    assert ulps(single["exprelr"](x.astype(np.float32)), true_exprelr(x.astype(np.float32))) < 5.0
    assert np.allclose(double["exprelr"](x), true_exprelr(x), rtol=1e-15, atol=0)
    assert single["exprelr"](np.array([500.0], np.float32))[0] < 1e-35


def test_dexprelr(single: Functions, double: Functions) -> None:
    x = np.concatenate([around_zero(200), np.linspace(-60, 60, 200_001).astype(np.float32)])
    assert np.allclose(single["dexprelr"](x), true_dexprelr(x), rtol=2e-6, atol=1e-20)
    x64 = np.concatenate([np.linspace(-30, 30, 100_001), np.geomspace(1e-12, 0.5, 1001)])
    assert np.allclose(double["dexprelr"](x64), true_dexprelr(x64), rtol=1e-13, atol=0)


def test_log(single: Functions, double: Functions) -> None:
    x = np.concatenate([np.geomspace(2e-38, 3e38, 400_001), np.linspace(0.5, 2.0, 400_001)])
    assert ulps(single["log"](x.astype(np.float32)), np.log(x.astype(np.float32).astype(np.float64))) < 3.0
    wide = np.concatenate([np.geomspace(3e-308, 1e308, 400_001), np.linspace(0.5, 2.0, 400_001)])
    assert ulps(double["log"](wide), np.log(wide)) <= 3.0
    for f, dtype in ((single, np.float32), (double, np.float64)):
        special = f["log"](np.array([0.0, -1.0, np.inf, 1.0], dtype))
        assert special[0] == -np.inf and np.isnan(special[1]) and special[2] == np.inf and special[3] == 0.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_power_of_any_sign(single: Functions, double: Functions, dtype: type) -> None:
    bases, exponents = [-7.0, -1.0, -0.3, 0.0, 0.3, 1.0, 7.0], [-3.0, -2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 17.0]
    x, y = (grid.ravel().astype(dtype) for grid in np.meshgrid(bases, exponents))
    with np.errstate(all="ignore"):
        expected = np.power(x.astype(np.float64), y.astype(np.float64))
    assert np.isnan(expected).sum() == 6 and np.isinf(expected).sum() == 3
    found = (single if dtype is np.float32 else double)["power"](x, y)
    assert np.allclose(found, expected, rtol=2e-5 if dtype is np.float32 else 1e-13, atol=0, equal_nan=True)


def test_exp2_is_good_to_two_ulp_of_its_argument(single: Functions, double: Functions) -> None:
    t = np.concatenate([np.linspace(-102, 102, 1_000_001), np.arange(-102, 103) + 0.5, around_zero(50)])
    t32 = t.astype(np.float32)
    assert ulps(single["exp2"](t32, np.full_like(t32, 126.0)), np.exp2(t32.astype(np.float64))) < 2.0
    t64 = np.concatenate([np.linspace(-1021, 1022, 1_000_001), np.arange(-1021, 1022) + 0.5, t])
    exact = np.exp2(t64.astype(np.longdouble))
    error = np.abs(double["exp2"](t64, np.full_like(t64, 1022.0)).astype(np.longdouble) - exact) / exact
    assert float(error.max()) < 1.5 * 2.2e-16


@pytest.mark.parametrize("limit", [12.75, 102.0, 126.0])
def test_exp2_of_whole_numbers_is_exact_and_ends_at_its_limit(
    single: Functions, double: Functions, limit: float
) -> None:
    for f, dtype in ((single, np.float32), (double, np.float64)):
        whole = np.arange(-int(limit), int(limit) + 1).astype(dtype)
        assert np.array_equal(f["exp2"](whole, np.full_like(whole, limit)), np.exp2(whole))
        beyond = np.array([limit, np.nextafter(limit, np.inf), 1e30, np.inf], dtype)
        for sign in (1, -1):
            found = f["exp2"]((sign * beyond).astype(dtype), np.full_like(beyond, limit))
            assert np.unique(found).size == 1
            assert np.allclose(found, 2.0 ** (sign * limit), rtol=1e-6 if dtype is np.float32 else 1e-15, atol=0)


def test_exprel_at_every_float32_near_zero_and_where_its_forms_meet(single: Functions) -> None:
    x = np.concatenate([around_zero(200), neighbours(-1.0, 2000), np.linspace(-86, 80, 400_001).astype(np.float32)])
    y = single["exprel"](x)
    assert ulps(y, true_exprel(x).astype(np.float64)) < 4.0
    assert np.allclose(y[x == 0], 1.0, rtol=1e-7, atol=0)


def test_exprel_in_float64(double: Functions) -> None:
    tiny = np.geomspace(1e-300, 1.0, 100_001)
    x = np.concatenate([tiny, -tiny, np.linspace(-1.1, 0.1, 100_001), np.linspace(-700, 700, 100_001), [0.0, -0.0]])
    exact = true_exprel(x)
    assert float((np.abs(double["exprel"](x) - exact) / exact).max()) < 6 * 2.2e-16


def test_exprel_far_from_zero(single: Functions, double: Functions) -> None:
    for f, dtype in ((single, np.float32), (double, np.float64)):
        found = f["exprel"](np.array([-np.inf, -1e30, -1e4, 1e4, np.inf], dtype))
        assert found[0] == 0.0 and np.allclose(found[1:3], [1e-30, 1e-4], rtol=1e-6)
        assert found[3] > 1e30 and found[4] == 0.0  # e^x is constant at last


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_forms_of_exprel_give_the_same_bits(single: Functions, double: Functions, dtype: type) -> None:
    f = single if dtype is np.float32 else double
    x = np.concatenate([-np.abs(around_zero(200)), np.linspace(-1, 0, 500_001), [-1.0, -0.0, 0.0]]).astype(dtype)
    assert np.array_equal(f["exprel"](x), f["exprel_near"](x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_are_compared_as_numbers_are(single: Functions, double: Functions, dtype: type) -> None:
    f = single if dtype is np.float32 else double
    one, least = dtype(-1.0), np.finfo(dtype).smallest_subnormal
    inside = np.array([one, np.nextafter(one, dtype(0)), -0.5, -least, -0.0], dtype)
    outside = np.array([np.nextafter(one, dtype(-2)), -1e30, -np.inf, least, 0.5, np.inf, np.nan, -np.nan], dtype)
    assert f["is_near"](inside).all() and not f["is_near"](outside).any()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_exprelr_by_a_known_exponential(single: Functions, double: Functions, precision: str) -> None:
    f, dtype = (single, np.float32) if precision == "float32" else (double, np.float64)
    meet = FORMATS[precision].even_near
    x = np.concatenate(
        [around_zero(200), neighbours(meet, 2000), neighbours(-meet, 2000), np.linspace(-80, 80, 200_001)]
    )
    x = x.astype(dtype)
    e = np.exp(x.astype(np.longdouble)).astype(dtype)
    exact = 1.0 / true_exprel(x)
    assert float((np.abs(f["exprelr_by"](x, e) - exact) / exact).max()) < 6 * np.finfo(dtype).eps
    ends = np.array([0.0, -0.0, -np.inf, -1e30, 1e4], dtype)
    found = f["exprelr_by"](ends, f["exp"](ends))
    assert found[:4].tolist() == [1.0, 1.0, np.inf, ends.dtype.type(1e30)] and found[4] < 1e-30
