"""Rows streamed from a store: whole blocks read ahead by threads, mixed in a pool, handed out in batches.

A store is a row of blocks, and one row cannot be had without its block: reading rows in a random order would read every
block again for each of its rows. So blocks are read whole, in an order drawn anew for every epoch, and go through a
pool of several blocks: a block that comes in pushes as many rows out, drawn from the whole pool. What is read, reduced
and made noisy by threads while the network learns takes a fixed amount of memory, whatever the store's size.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch.utils.data import IterableDataset, get_worker_info

from gbar.dataset import Dataset
from gbar.dataset.places import CHECK
from gbar.document import counted
from gbar.errors import DatasetError, ParameterError
from gbar.learn.rows import NOISE, ORDER, TEST, VALIDATION, Batch, Draw, Part, sizes
from gbar.traces import Traces

POOL = 256 * 1024 * 1024  # bytes of the rows that are mixed, if that is a few blocks
FEWEST_BLOCKS = 4  # of a pool, at least: fewer would leave neighbours together
PIECE = 256  # rows that leave a pool together at the end
MEASURED = 4096  # training rows by which a network's scales are set, about
SCORED = 10_000  # rows of validation and test, about

T = TypeVar("T")

See = Callable[[Traces], Float32[np.ndarray, "row channel time"]]
Piece = tuple[Float32[np.ndarray, "row channel time"], Float32[np.ndarray, "row parameter"]]  # mV; in [-1, 1]


@dataclass(frozen=True, eq=False)
class Stream(IterableDataset[Batch]):
    """The usable rows of a store as a network sees them: a source to train on, and an `IterableDataset` of torch.

    `see` makes the network's input of traces, in mV; `noise(rows, rng)` is drawn and added anew in every epoch.
    Iterating gives the batches of one `part` in one `epoch`, for a plain loop or a DataLoader with `batch_size=None`;
    they are the same bits for the same (seed, epoch), however many `readers` there are. The split is the store's;
    of validation and test, blocks spread over the store that hold about `scored` rows are used. Raises ParameterError
    for numbers that are too small, and DatasetError for a store with too few rows.

    >>> for epoch in range(12):  # doctest: +SKIP
    ...     for v, unit in Stream(data, see, epoch=epoch): ...
    """

    data: Dataset
    see: See
    noise: Draw | None = None
    seed: int = 0
    part: Part = "train"
    epoch: int = 0
    batch: int = 64
    readers: int = 2
    pool: int = POOL
    scored: int = SCORED

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("readers", 1), ("scored", 1), ("pool", 0), ("seed", 0), ("epoch", 0)):
            if getattr(self, name) < least:
                what = f"a stream with {name}={getattr(self, name)}"
                raise ParameterError(what, remedy=f"give {name} as a whole number of {least} or more")
        if not (self._blocks("train") and self._blocks("validation")):
            what = f"{int(self.data.usable.sum())} rows are too few to train on"
            raise DatasetError(what, file=self.data.path, remedy="simulate more")

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        if worker is not None and worker.num_workers > 1:
            what = f"each of {worker.num_workers} workers would read the whole store"
            raise DatasetError(what, file=self.data.path, remedy="use num_workers=0: it reads ahead by itself")
        if self.part == "train":
            order = np.random.default_rng([self.seed, ORDER, self.epoch])
            return self.batches("train", self.batch, np.random.default_rng([self.seed, NOISE, self.epoch]), order)
        key = VALIDATION if self.part == "validation" else TEST
        return self.batches(self.part, self.batch, np.random.default_rng([self.seed, key]))

    def __len__(self) -> int:
        """How many batches there are."""
        return len(sizes(self.count(self.part), self.batch))

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Channels and samples of what the network sees."""
        seen = self._seen(self.data.read(slice(0, 1)))
        return seen.shape[1], seen.shape[2]

    @property
    def parameters(self) -> int:
        """How many parameters a row has."""
        return len(self.data.manifest.space)

    @cached_property
    def slots(self) -> int:
        """How many rows the pool holds."""
        rows = self.pool // (4 * self.shape[0] * self.shape[1])
        return max(rows, FEWEST_BLOCKS * self.data.manifest.block)

    def count(self, part: Part) -> int:
        """How many rows `batches` gives of a part."""
        return sum(len(self._rows[part][block]) for block in self._blocks(part))

    def measured(self) -> Float32[np.ndarray, "row channel time"]:
        """The training rows of blocks spread over the store, some thousands, without noise."""
        blocks = self._spread("train", MEASURED)
        return np.concatenate([v for v, _ in self._read("train", blocks, None)])

    def batches(
        self, part: Part, size: int, noise: np.random.Generator, order: np.random.Generator | None = None
    ) -> Iterator[Batch]:
        """The rows of a part once, in batches of nearly equal size, at most `size`.

        A block's noise comes from a key drawn from `noise` and the block's number: it does not depend on who reads it,
        or when. With `order`, blocks come in an order drawn from it and go through the pool; without, one by one.
        Raises DatasetError if a block is damaged, or holds a trace that is not finite.
        """
        key = None if self.noise is None else int(noise.integers(2**62))
        blocks = self._blocks(part)
        if order is None:
            pieces = self._read(part, blocks, key)
        else:
            pieces = mixed(self._read(part, order.permutation(blocks), key), self.slots, order)
        for v, unit in rebatched(pieces, sizes(self.count(part), size)):
            yield torch.from_numpy(v), torch.from_numpy(unit)

    def identity(self) -> dict[str, Any]:
        """The sha256 of the manifest, all parameters and statuses and the sums of `measured`, and what the order of the
        rows depends on."""
        digest = hashlib.sha256(json.dumps(self.data.manifest.to_json(), sort_keys=True).encode())
        for told in (self.data.theta, self.data.status, self.measured().sum(axis=2, dtype=np.float64)):
            digest.update(np.ascontiguousarray(told).tobytes())
        order = {"slots": self.slots, "scored": self.scored}
        return {"shape": [len(self.data), *self.shape], "data": digest.hexdigest(), "stream": order}

    @cached_property
    def _edges(self) -> tuple[tuple[int, int], ...]:
        return self.data.blocks

    @cached_property
    def _rows(self) -> dict[str, list[Int[np.ndarray, " some"]]]:
        """The rows of each part that lie in each block."""
        starts = [start for start, _ in self._edges[1:]]
        return {part: np.split(rows, np.searchsorted(rows, starts)) for part, rows in vars(self.data.split).items()}

    def _blocks(self, part: Part) -> Sequence[int]:
        """The blocks that are read of a part."""
        return self._spread(part, len(self.data) if part == "train" else self.scored)

    def _spread(self, part: Part, rows: int) -> list[int]:
        """Blocks, spread evenly over the store, that hold about so many rows of a part, or all that hold any."""
        held = [block for block, some in enumerate(self._rows[part]) if len(some)]
        there = sum(len(self._rows[part][block]) for block in held)
        wanted = math.ceil(min(rows / max(there, 1), 1.0) * len(held))
        return [held[i * len(held) // wanted] for i in range(wanted)]

    def _read(self, part: Part, blocks: Iterable[int], key: int | None) -> Iterator[Piece]:
        """The rows of a part in some blocks, block by block, in that order; the next ones are being read meanwhile."""
        return ahead((partial(self._piece, part, int(block), key) for block in blocks), self.readers)

    def _piece(self, part: Part, block: int, key: int | None) -> Piece:
        start, stop = self._edges[block]
        rows = self._rows[part][block]
        v = self._seen(_chosen(self.data.read(slice(start, stop)), rows - start))
        bad = ~np.isfinite(v).all(axis=(1, 2))
        if bad.any():
            what = f"the trace of row {int(rows[bad.argmax()])} is not finite"
            raise DatasetError(what, file=self.data.path, remedy=f"{CHECK} {self.data.path.name}")
        if self.noise is not None and key is not None:
            v = v + _fitting(self.noise(len(v), np.random.default_rng([key, block])), v)
        return v, self.data.unit[rows].astype(np.float32)

    def _seen(self, traces: Traces) -> Float32[np.ndarray, "row channel time"]:
        """What the network sees of traces; refuses what is no row of channels for each of them."""
        v = self.see(traces)
        if v.ndim != 3 or len(v) != len(traces.status):
            what = f"`see` makes an array of shape {v.shape} of {len(traces.status)} rows"
            raise ParameterError(what, remedy="let it make (rows, channels, samples)")
        return v


def ahead(jobs: Iterable[Callable[[], T]], threads: int) -> Iterator[T]:
    """The results of jobs, in order; the next ones, twice as many as threads, are being done or ready meanwhile."""
    waiting: deque[Future[T]] = deque()
    jobs = iter(jobs)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="gbar reader")
    try:
        waiting.extend(pool.submit(job) for job in islice(jobs, 2 * threads))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(job) for job in islice(jobs, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def mixed(pieces: Iterator[Piece], slots: int, order: np.random.Generator) -> Iterator[Piece]:
    """The rows of pieces, each piece in exchange for as many drawn from a pool of `slots` rows, which holds the last
    ones; no piece has more rows than that."""
    v, unit, filled = np.empty(0), np.empty(0), 0
    for new_v, new_unit in pieces:
        if not filled:
            v = np.empty((slots, *new_v.shape[1:]), np.float32)
            unit = np.empty((slots, *new_unit.shape[1:]), np.float32)
        room = min(slots - filled, len(new_v))
        v[filled : filled + room], unit[filled : filled + room] = new_v[:room], new_unit[:room]
        filled += room
        if room < len(new_v):
            out = order.choice(slots, len(new_v) - room, replace=False)
            drawn = v[out], unit[out]
            v[out], unit[out] = new_v[room:], new_unit[room:]
            yield drawn
    rest = order.permutation(filled)
    for start in range(0, filled, PIECE):
        leaving = rest[start : start + PIECE]
        yield v[leaving], unit[leaving]


def rebatched(pieces: Iterator[Piece], sizes: Sequence[int]) -> Iterator[Piece]:
    """The rows of pieces, in order, in batches of the given sizes, which add up to them."""
    v, unit = np.empty(0, np.float32), np.empty(0, np.float32)
    for size in sizes:
        parts = [(v[:size], unit[:size])]
        v, unit = v[size:], unit[size:]
        while (missing := size - sum(len(part) for part, _ in parts)) > 0:
            v, unit = next(pieces)
            parts.append((v[:missing], unit[:missing]))
            v, unit = v[missing:], unit[missing:]
        parts = [part for part in parts if len(part[0])]
        yield parts[0] if len(parts) == 1 else _joined(parts)


def _fitting(
    noise: Float32[np.ndarray, "row channel time"], v: Float32[np.ndarray, "row channel time"]
) -> Float32[np.ndarray, "row channel time"]:
    """Noise of the shape of what it is added to; refuses any other, since NumPy would repeat some."""
    if noise.shape == v.shape:
        return noise
    if noise.ndim == 3 and noise.shape[1] != v.shape[1]:
        what = f"the network sees {counted(v.shape[1], 'channels')}, the noise has {noise.shape[1]}"
        raise ParameterError(what, remedy="give noise for a channel of each stimulus and site, as View(sites=…) does")
    what = f"the network sees (rows, channels, samples) of {v.shape}, the noise has {noise.shape}"
    raise ParameterError(what, remedy="draw noise of the same shape")


def _joined(parts: Sequence[Piece]) -> Piece:
    return np.concatenate([v for v, _ in parts]), np.concatenate([unit for _, unit in parts])


def _chosen(traces: Traces, rows: Int[np.ndarray, " some"]) -> Traces:
    return Traces(tuple(v[rows] for v in traces.v), traces.sampling, traces.status[rows])
