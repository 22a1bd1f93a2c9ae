"""Points of a scrambled Sobol sequence, any of them at once.

Point i is the exclusive or of the direction numbers that the bits of i select, with the primitive polynomials and
initial numbers of Joe & Kuo 2008 (doi:10.1137/070709359). Scrambled by a random lower triangular matrix of bits for
each dimension (Matousek 1998, doi:10.1006/jcom.1998.0489) and a random shift, which leave what makes the sequence even
as it is, and make every point uniform on its own.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt64

BITS = 52  # of an index, and of a coordinate
MOST = 256  # dimensions
_TABLE = Path(__file__).with_name("joe_kuo.csv")


def points(
    index: Int[np.ndarray, " row"], dimensions: int, words: UInt64[np.ndarray, " word"] | None = None
) -> Float[np.ndarray, "row dimension"]:
    """The points of these numbers, in [0, 1); scrambled by `word_count` random words, as they are without."""
    directions = direction_numbers(dimensions)  # [dimension, bit]
    shift = np.zeros(dimensions, np.uint64)
    if words is not None:
        bits = words.reshape(dimensions, BITS + 1) >> np.uint64(64 - BITS)
        directions, shift = _scrambled(directions, bits[:, :BITS]), bits[:, BITS]
    x = np.broadcast_to(shift, (len(index), dimensions)).copy()
    index = np.asarray(index, dtype=np.uint64)
    for k in range(int(index.max(initial=0)).bit_length()):
        chosen = (index >> np.uint64(k)) & np.uint64(1)
        x ^= chosen[:, None] * directions[:, k]
    return x.astype(np.float64) * 2.0**-BITS


def word_count(dimensions: int) -> int:
    """How many random words scramble so many dimensions."""
    return dimensions * (BITS + 1)


def direction_numbers(dimensions: int) -> UInt64[np.ndarray, "dimension bit"]:
    """The direction numbers as integers of 52 bits, the first bit behind the point being the highest."""
    found = np.zeros((dimensions, BITS), np.uint64)
    for row, (polynomial, *initial) in zip(found, _table()[:dimensions], strict=True):
        degree = polynomial.bit_length() - 1
        m = list(initial)
        while len(m) < BITS:
            m.append(_next(m, polynomial, degree) if degree else 1)
        row[:] = [value << (BITS - 1 - k) for k, value in enumerate(m)]
    return found


def _next(m: list[int], polynomial: int, degree: int) -> int:
    """The recurrence of Bratley & Fox 1988, doi:10.1145/42288.214372."""
    value = m[-degree] ^ (m[-degree] << degree)
    for j in range(1, degree):
        if polynomial >> (degree - j) & 1:
            value ^= m[-j] << j
    return value


def _scrambled(
    directions: UInt64[np.ndarray, "dimension bit"], words: UInt64[np.ndarray, "dimension bit"]
) -> UInt64[np.ndarray, "dimension bit"]:
    """Every bit of a direction number plus a random choice of the bits above it."""
    found = np.zeros_like(directions)
    for k in range(BITS):
        own = np.uint64(1 << (BITS - 1 - k))
        above = np.uint64((1 << BITS) - (1 << (BITS - k)))
        rows = (words[:, k] & above) | own
        parity = np.bitwise_count(directions & rows[:, None]).astype(np.uint64) & np.uint64(1)
        found |= parity * own
    return found


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[int, ...], ...]:
    """Polynomial and initial numbers of every dimension."""
    lines = _TABLE.read_text(encoding="ascii").splitlines()
    return tuple(tuple(map(int, line.split(","))) for line in lines if not line.startswith("#"))
