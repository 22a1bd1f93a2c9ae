"""The elementary functions of a generated kernel against NumPy's, and at every float32 near a singularity."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gbar.kernel.arithmetic import functions

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
POWERS = """
@njit(**OPTIONS)
def all_power(x, y):
    z = np.empty_like(x)
    for i in range(len(x)):
        z[i] = power(x[i], y[i])
    return z
"""
NAMES = ("exp", "expm1", "exprelr", "dexprelr", "log")
Functions = dict[str, Callable[..., np.ndarray]]


def compiled(precision: str, folder: Path) -> Functions:
    text = HEADER.format(precision=precision) + functions({*NAMES, "pow"}, precision)
    text += "".join(EACH.format(name=name) for name in NAMES) + POWERS
    path = folder / f"functions_{precision}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return {name: getattr(module, f"all_{name}") for name in (*NAMES, "power")}


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
        for name in NAMES:
            assert np.isnan(f[name](np.array([np.nan], dtype))).all(), name


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
