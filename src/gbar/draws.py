"""Random words of which row i depends on (seed, i) alone, whoever draws it, with which rows beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, UInt64

from gbar.errors import ParameterError


def words(seed: int, key: int, start: int, stop: int, columns: int) -> UInt64[np.ndarray, "row column"]:
    """64 random bits for every row from `start` to `stop`, of the endless table that (seed, key) names.

    Philox counts in blocks of four 64-bit words; every row owns a whole number of blocks, so that any row is reached
    without drawing those before it. Raises ParameterError for a seed or a row below 0.
    """
    if seed < 0 or not 0 <= start <= stop:
        raise ParameterError(
            f"seed {seed}, rows {start} to {stop} cannot be drawn", remedy="use a seed and rows from 0 up"
        )
    blocks = max(1, -(-columns // 4))
    generator: Any = np.random.Philox(np.random.SeedSequence(seed, spawn_key=(key,)))
    generator.advance(start * blocks)
    drawn = np.asarray(generator.random_raw((stop - start) * blocks * 4), dtype=np.uint64)
    return drawn.reshape(stop - start, blocks * 4)[:, :columns]


def shares(seed: int, key: int, start: int, stop: int, columns: int) -> Float[np.ndarray, "row column"]:
    """As `words`, as numbers from 0 to below 1, of 53 bits."""
    return (words(seed, key, start, stop, columns) >> np.uint64(11)).astype(np.float64) * 2.0**-53
