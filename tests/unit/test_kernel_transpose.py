"""Samples are written out as they were gathered, whatever the numbers of rows, samples and sites."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import At, Site, read_cell
from gbar.kernel.build import Precision, build
from gbar.kernel.transpose import SIDE, transpose
from gbar.protocol import Protocol, Step, Stimulus
from gbar.simulate import simulate

HEADER = """
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
"""
SQUARE = """

@njit
def square(source, begin, stride, target, place, step):
    transpose(source, begin, stride, target, place, step)
"""
CELL = read_cell("sphere")
ROWS = {"float32": (1, 7, 15, 16, 17, 33, 64, 70), "float64": (1, 7, 8, 9, 31, 32, 33)}


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_square(precision: str, tmp_path: Path) -> None:
    path = tmp_path / f"square_{precision}.py"
    path.write_text(HEADER + transpose(precision) + SQUARE)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    side = SIDE[precision]
    source = np.arange(3 + 40 * side, dtype=precision)
    target = np.full((side, 2, 37), -1, dtype=precision)
    module.square(source, 3, 40, target, 37 + 5, 2 * 37)
    expected = np.full_like(target, -1)
    expected[:, 1, 5 : 5 + side] = [[source[3 + i * 40 + j] for i in range(side)] for j in range(side)]
    np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize("samples", [2, 15, 16, 17, 32, 41])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_any_number_of_rows_and_samples(precision: Precision, samples: int) -> None:
    """Against a simulation whose samples are all taken one by one: of one row, in the narrowest block."""
    stimulus = Stimulus("s", Step(delay=0.0, duration=20.0, amplitude=0.3), 0.5 * (samples - 1), sampling=0.5)
    protocol = Protocol((stimulus,))
    sites = tuple(Site(name, At("soma", 0.5), name) for name in ("v", "m_hh", "ina"))
    cell = replace(CELL, sites=sites)
    kernel, alone = build(cell, precision, lanes=64), build(cell, precision, lanes=16)
    theta = CELL.space.draw(0, 0, max(ROWS[precision]))
    each = np.concatenate([simulate(alone, row[None], protocol).v[0] for row in theta])
    assert np.unique(each[:, 0, -1]).size == len(theta)
    for rows in ROWS[precision]:
        traces = simulate(kernel, theta[:rows], protocol)
        np.testing.assert_array_equal(traces.v[0], each[:rows])
