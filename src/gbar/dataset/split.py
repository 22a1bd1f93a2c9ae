"""Which rows train a network, validate it and test it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int


@dataclass(frozen=True)
class Split:
    """Row numbers for training, validation and test."""

    train: Int[np.ndarray, " train"]
    validation: Int[np.ndarray, " validation"]
    test: Int[np.ndarray, " test"]


def split_rows(rows: int, keep: Bool[np.ndarray, " row"] | None = None) -> Split:
    """8/1/1, interleaved: of every ten rows the last is for test, the one before for validation; so 3,000 give
    2,400/300/300.

    Rows are independent draws, and no row ever changes sides when a data set grows or when rows are left out by `keep`.

    >>> split_rows(10).test
    array([9])
    """
    index = np.arange(rows)
    if keep is not None:
        index = index[keep]
    return Split(index[index % 10 < 8], index[index % 10 == 8], index[index % 10 == 9])
