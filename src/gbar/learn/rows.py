"""What a training sees: rows of traces and parameters, in memory (`Data`) or streamed from the disk (`stream`)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from gbar.dataset import Split
from gbar.errors import DatasetError

Draw = Callable[[int, np.random.Generator], Float32[np.ndarray, "row channel time"]]  # observation noise in mV
Part = Literal["train", "validation", "test"]
Batch = tuple[Float32[Tensor, "row channel time"], Float32[Tensor, "row parameter"]]  # mV; in [-1, 1]

ORDER, NOISE, VALIDATION, TEST = 1, 2, 3, 4  # keep the draws of one seed apart


class Source(Protocol):
    """Rows to train on. `shape` is (channels, samples) of a row's traces, `parameters` the length of its answer."""

    @property
    def seed(self) -> int:
        """From which all draws of a training come."""

    @property
    def shape(self) -> tuple[int, int]:
        """Channels and samples."""

    @property
    def parameters(self) -> int:
        """How many parameters a row has."""

    def count(self, part: Part) -> int:
        """How many rows `batches` gives of a part."""

    def measured(self) -> Float32[np.ndarray, "row channel time"]:
        """The training rows, or enough of them, by which a network's scales are set: in mV, without noise."""

    def batches(
        self, part: Part, size: int, noise: np.random.Generator, order: np.random.Generator | None = None
    ) -> Iterator[Batch]:
        """The rows of a part once, in batches of nearly equal size, at most `size`; noise is drawn anew.

        They come in the order of the store, or in one that is drawn from `order`.
        """

    def identity(self) -> dict[str, Any]:
        """What tells these rows from others, as JSON (the noise is not among it)."""


def sizes(rows: int, most: int) -> list[int]:
    """So many rows in as few batches as `most` rows in each allow, of nearly equal size.

    >>> sizes(10, 4)
    [4, 3, 3]
    """
    count = math.ceil(rows / most)
    return [rows // count + (i < rows % count) for i in range(count)]


@dataclass(frozen=True)
class Data:
    """Rows in memory: traces in mV, parameters in [-1, 1], which row is for what, and the noise to add.

    Raises DatasetError if shapes disagree, a number is not finite, or a part has no rows.
    """

    v: Float32[np.ndarray, "row channel time"]
    unit: Float[np.ndarray, "row parameter"]
    split: Split
    noise: Draw | None
    seed: int

    def __post_init__(self) -> None:
        if self.v.ndim != 3 or self.unit.ndim != 2 or len(self.v) != len(self.unit):
            raise DatasetError(f"traces {self.v.shape} and parameters {self.unit.shape} do not belong together")
        if not (len(self.split.train) and len(self.split.validation)):
            raise DatasetError(f"{len(self.v)} rows are too few to train on", remedy="simulate more")
        for start in range(0, len(self.v), 1024):
            bad = ~np.isfinite(self.v[start : start + 1024]).all(axis=(1, 2))
            if bad.any():
                what = f"the trace of row {start + int(bad.argmax())} is not finite"
                raise DatasetError(what, remedy="leave such rows out")
        if not np.isfinite(self.unit).all():
            raise DatasetError("a parameter value is not finite", remedy="leave such rows out")

    @property
    def shape(self) -> tuple[int, int]:
        """Channels and samples."""
        return self.v.shape[1], self.v.shape[2]

    @property
    def parameters(self) -> int:
        """How many parameters a row has."""
        return self.unit.shape[1]

    def count(self, part: Part) -> int:
        """How many rows a part has."""
        return len(getattr(self.split, part))

    def measured(self) -> Float32[np.ndarray, "row channel time"]:
        """All training rows."""
        return self.v[self.split.train]

    def batches(
        self, part: Part, size: int, noise: np.random.Generator, order: np.random.Generator | None = None
    ) -> Iterator[Batch]:
        """See `Source`."""
        rows = getattr(self.split, part)
        rows = rows if order is None else order.permutation(rows)
        for some in np.array_split(rows, max(math.ceil(len(rows) / size), 1)):
            v = np.ascontiguousarray(self.v[some], dtype=np.float32)
            if self.noise is not None:
                v = v + self.noise(len(some), noise)
            yield torch.from_numpy(v), torch.from_numpy(self.unit[some].astype(np.float32))

    def identity(self) -> dict[str, Any]:
        """Their shape, and the sha256 of every row's parameters and its traces' sums."""
        digest = hashlib.sha256(self.unit.astype(np.float64).tobytes())
        for start in range(0, len(self.v), 1024):
            digest.update(self.v[start : start + 1024].sum(axis=2, dtype=np.float64).tobytes())
        return {"shape": list(self.v.shape), "data": digest.hexdigest()}
