"""A data set that is being written: block by block, in any order, each of them whole or not there."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped

from gbar.dataset.chunk import chunks_of, tidy
from gbar.dataset.dataset import Dataset, open_dataset
from gbar.dataset.layout import UNWRITTEN
from gbar.dataset.lock import Lock
from gbar.dataset.manifest import Manifest
from gbar.dataset.places import old_path, partial_path, reading, writing
from gbar.errors import DatasetError
from gbar.features import spike_counts
from gbar.protocol import Protocol
from gbar.traces import Traces
from gbar.vetting import vet


class Writer:
    """Writes blocks of a data set; `create` makes it, `join` makes one that helps, `reopen` one that mends.

    It holds the data set's lock, unless it helps, until it has finished, is closed or dies. `store` is the folder in
    which the chunks lie.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        rows: int,
        store: Path,
        lock: Lock | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.path, self.manifest, self.rows, self.warnings = path, manifest, rows, warnings
        self._store, self._lock = store, lock
        self._chunks = chunks_of(store, manifest, rows)

    @property
    def missing(self) -> tuple[tuple[int, int], ...]:
        """The blocks [start, stop) that are still to be written, in order."""
        return tuple((a, b) for a, b in self.manifest.blocks(self.rows) if self._is_missing(a, b))

    def theta(self, start: int, stop: int) -> Float[np.ndarray, "row parameter"]:
        """The parameters of a block that are stored already; raises DatasetError if they are damaged."""
        with reading(self.path):
            return self._chunks["theta"].read(start)[: stop - start]

    def doubt(self) -> None:
        """Makes blocks missing that a machine may have lost when it died: they have a status, but not all their files
        in full length."""
        with writing(self.path):
            for start, _ in self.manifest.blocks(self.rows):
                status = self._chunks["status"].file(start)
                if status.exists() and any(chunks.cut_short(start) for chunks in self._chunks.values()):
                    status.unlink()

    def write(
        self,
        start: int,
        theta: Float[np.ndarray, "row parameter"],
        traces: Traces,
        spikes: Int[np.ndarray, "row stimulus"] | None = None,
    ) -> None:
        """Writes whole blocks from row `start` on: theta in physical units, and what was simulated with it.

        `spikes` are the spike counts, counted in the traces unless given (reduced traces have lost them). The rows are
        vetted if the manifest says how. Raises ValueError unless whole blocks of the right shapes are given,
        OutputError if the disk does not take them.
        """
        stop, block = start + len(theta), self.manifest.block
        if start % block or (stop % block and stop != self.rows) or not start < stop <= self.rows:
            raise ValueError(f"rows {start} to {stop} are not whole blocks of {block} of {self.rows} rows")
        if len(traces) != len(theta) or len(traces.v) != len(self.manifest.layouts):
            raise ValueError("theta and traces do not belong together")
        values = {
            "theta": theta,
            "unit": self.manifest.space.to_unit(theta),
            **{f"v_{i}": self.manifest.storage.encode(v) for i, v in enumerate(traces.v)},
            **self._told(traces, spikes),
            "status": traces.status,  # last: it says that the rows are there
        }
        for name, value in values.items():
            expected = (stop - start, *self._chunks[name].array.shape[1:])
            if value.shape != expected:
                raise ValueError(f"{name} is {value.shape}, expected {expected}")
        with writing(self.path):
            for name, value in values.items():
                self._chunks[name].write(start, value)

    def _told(
        self, traces: Traces, spikes: Int[np.ndarray, "row stimulus"] | None
    ) -> dict[str, Shaped[np.ndarray, "row *more"]]:
        """What the traces tell: the spike counts, unless they are known, and what comes of vetting."""
        vetting = self.manifest.vetting
        if vetting is None:
            return {"spikes": spike_counts(traces) if spikes is None else spikes}
        found = vet(traces, self._protocol, vetting.criteria, site=self.manifest.sites.index(vetting.site))
        return {"spikes": found.spikes, "features": found.features, "vetting": found.classes}

    @cached_property
    def _protocol(self) -> Protocol:
        return Protocol.from_json(self.manifest.protocol)

    def finish(self) -> Dataset:
        """Gives the data set its name, lets go of it and opens it; raises DatasetError if blocks are missing."""
        self._check_whole()
        partial, old = partial_path(self.path), old_path(self.path)
        with writing(self.path):
            if self.path.exists():
                shutil.rmtree(old, ignore_errors=True)
                self.path.rename(old)
            partial.rename(self.path)
            tidy(self.path)
            shutil.rmtree(old, ignore_errors=True)
        self.close()
        return open_dataset(self.path)

    def mended(self) -> None:
        """Ends a repair; raises DatasetError if blocks are missing still."""
        self._check_whole()
        tidy(self._store)
        self.close()

    def close(self) -> None:
        """Lets others write; what is not finished stays to be gone on with."""
        if self._lock is not None:
            self._lock.release()

    def _is_missing(self, start: int, stop: int) -> bool:
        """Whether a block has no status that can be read."""
        try:
            return bool((self._chunks["status"].read(start)[: stop - start] == UNWRITTEN).any())
        except (OSError, ValueError):
            return True

    def _check_whole(self) -> None:
        if missing := self.missing:
            raise DatasetError(f"{len(missing)} blocks of rows are missing", file=self.path, remedy="write them first")

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
