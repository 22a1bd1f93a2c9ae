"""A random order of n rows of which any part is known without the rest.

A Feistel network permutes the 2^b numbers that n fits in (Luby & Rackoff 1988, doi:10.1137/0217022): in turn each half
of the bits takes on a hash of the other. What lands at n or beyond goes through again until it lands below (Black &
Rogaway 2002, doi:10.1007/3-540-45760-7_9).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, UInt64

_ROUNDS = 10


def permuted(index: Int[np.ndarray, " row"], n: int, keys: UInt64[np.ndarray, " key"]) -> Int[np.ndarray, " row"]:
    """Where each of the rows `index`, of 0 to n - 1, stands in the order that the `keys` (`key_count`) name."""
    bits = max(2, (n - 1).bit_length())
    found = _mixed(np.asarray(index, dtype=np.uint64), bits, keys)
    while (beyond := found >= n).any():
        found[beyond] = _mixed(found[beyond], bits, keys)
    return found.astype(np.int64)


def key_count() -> int:
    """How many random words an order takes."""
    return _ROUNDS


def _mixed(x: UInt64[np.ndarray, " row"], bits: int, keys: UInt64[np.ndarray, " key"]) -> UInt64[np.ndarray, " row"]:
    """A permutation of the numbers of so many bits."""
    width = (np.uint64(bits - bits // 2), np.uint64(bits // 2))
    mask = tuple((np.uint64(1) << w) - np.uint64(1) for w in width)
    half = [x & mask[0], x >> width[0]]
    for turn, key in enumerate(keys):
        mine = turn % 2
        half[mine] = half[mine] ^ (_hash(half[1 - mine] + key) & mask[mine])
    return half[0] | (half[1] << width[0])


def _hash(x: UInt64[np.ndarray, " row"]) -> UInt64[np.ndarray, " row"]:
    """The finaliser of splitmix64 (Steele et al. 2014, doi:10.1145/2660193.2660195)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
