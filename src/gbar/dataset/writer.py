"""A data set that is being written: block by block, in any order, each of them whole or not there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from gbar.dataset.dataset import Dataset, open_dataset
from gbar.dataset.layout import MOST_ROWS, UNWRITTEN, checked_arrays, header_of, lay_out
from gbar.dataset.lock import Lock, holder
from gbar.dataset.manifest import Manifest
from gbar.dataset.places import old_path, partial_path, writing
from gbar.errors import DatasetError, OutputError
from gbar.features import spike_counts
from gbar.traces import Traces


class Writer:
    """Writes blocks of a data set; make it with `create`, or with `join` to help the one who did.

    The one that `create` gives holds the data set's lock until it has finished, is closed or dies.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        rows: int,
        arrays: Mapping[str, Any],
        lock: Lock | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.path, self.manifest, self.rows, self.warnings = path, manifest, rows, warnings
        self._arrays, self._lock = arrays, lock

    @property
    def missing(self) -> tuple[tuple[int, int], ...]:
        """The blocks [start, stop) that are still to be written, in order."""
        status = _statuses(self._arrays["status"], self.manifest, self.rows)
        return tuple((a, b) for a, b in self.manifest.blocks(self.rows) if (status[a:b] == UNWRITTEN).any())

    def write(
        self,
        start: int,
        theta: Float[np.ndarray, "row parameter"],
        traces: Traces,
        spikes: Int[np.ndarray, "row stimulus"] | None = None,
    ) -> None:
        """Writes whole blocks from row `start` on: theta in physical units, and what was simulated with it.

        `spikes` are the spike counts, counted in the traces unless given (reduced traces have lost them). Raises
        ValueError unless whole blocks of the right shapes are given, OutputError if the disk does not take them.
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
            "spikes": spike_counts(traces) if spikes is None else spikes,
            "status": traces.status,  # last: it says that the rows are there
        }
        for name, value in values.items():
            expected = (stop - start, *self._arrays[name].shape[1:])
            if value.shape != expected:
                raise ValueError(f"{name} is {value.shape}, expected {expected}")
        with writing(self.path):
            for name, value in values.items():
                self._arrays[name][start:stop] = value

    def finish(self) -> Dataset:
        """Gives the data set its name, lets go of it and opens it; raises DatasetError if blocks are missing."""
        if self.missing:
            what = f"{len(self.missing)} blocks of rows are missing"
            raise DatasetError(what, file=self.path, remedy="write them first")
        partial, old = partial_path(self.path), old_path(self.path)
        with writing(self.path):
            if self.path.exists():
                shutil.rmtree(old, ignore_errors=True)
                self.path.rename(old)
            partial.rename(self.path)
            shutil.rmtree(old, ignore_errors=True)
        self.close()
        return open_dataset(self.path)

    def close(self) -> None:
        """Lets others write; what is not finished stays to be gone on with."""
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_place(path: Path, manifest: Manifest, rows: int, *, overwrite: bool = False) -> None:
    """Raises what `create` would, short of writing: to be asked before work that takes long."""
    path = Path(path)
    if not 1 <= rows <= MOST_ROWS:
        raise DatasetError(f"a data set of {rows} rows is asked for", remedy=f"use 1 to {MOST_ROWS:,}")
    if path.exists() and not overwrite:
        raise OutputError("it exists already", file=path, remedy="choose another name, or add --overwrite")
    if path.exists() and not (path / "zarr.json").is_file():
        raise OutputError("it exists and is no data set", file=path, remedy="choose another name")
    if who := holder(path):
        raise OutputError(f"it is being written by {who}", file=path, remedy="wait for it, or choose another name")
    if partial_path(path).exists() and not overwrite:
        _resume(path, manifest, rows)


def create(path: Path, manifest: Manifest, rows: int, *, overwrite: bool = False) -> Writer:
    """Begins a data set of `rows` rows at `path`, or goes on with the unfinished one that the same manifest began
    there; holds its lock.

    Raises OutputError if `path` exists (unless `overwrite`), cannot be written, is being written, or holds an
    unfinished data set of something else.
    """
    path = Path(path)
    check_place(path, manifest, rows, overwrite=overwrite)
    lock = Lock(path)
    try:
        partial = partial_path(path)
        if overwrite and partial.exists() and not _begun(path, manifest, rows):
            with writing(partial):
                shutil.rmtree(partial)
        if not partial.exists():
            with writing(path):
                lay_out(path, manifest, rows)
        arrays, warnings = _resume(path, manifest, rows)
    except BaseException:
        lock.release()
        raise
    return Writer(path, manifest, rows, arrays, lock, warnings)


def join(path: Path) -> Writer:
    """Helps with the unfinished data set of `path`, whose lock another process holds: writes blocks, finishes nothing.

    Raises OutputError if there is none.
    """
    path = Path(path)
    manifest, rows, arrays = _opened(path)
    return Writer(path, manifest, rows, arrays)


def _begun(path: Path, manifest: Manifest, rows: int) -> bool:
    """Whether the unfinished store is one that this job can go on with."""
    with suppress(OutputError):
        _resume(path, manifest, rows)
        return True
    return False


def _opened(path: Path) -> tuple[Manifest, int, dict[str, Any]]:
    """The unfinished store of `path`: its manifest, rows and arrays."""
    import zarr

    partial = partial_path(path)
    remedy = "delete it, or choose another name"
    if not partial.exists():
        what = "there is no unfinished data set"
        raise OutputError(what, file=partial, remedy="give a folder that every machine sees under this name")
    try:
        group = zarr.open_group(partial, mode="r+")
        manifest, rows = header_of(group)
        return manifest, rows, checked_arrays(group, manifest, rows)
    except DatasetError as error:
        what = f"an unfinished data set lies there that cannot be gone on with: {error.what}"
        raise OutputError(what, file=partial, remedy=remedy) from None
    except Exception as error:  # whatever zarr raises for files that are not its own
        what = f"a damaged unfinished data set lies there ({type(error).__name__})"
        raise OutputError(what, file=partial, remedy=remedy) from None


def _resume(path: Path, manifest: Manifest, rows: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The unfinished store's arrays, and a warning if it was begun on another processor; refuses another job's."""
    begun, there, arrays = _opened(path)
    partial, remedy = partial_path(path), "delete it, choose another name, or add --overwrite"
    found = list(begun.differences(manifest))
    found += [f"{there:,} rows, not {rows:,}"] if there != rows else []
    if found:
        what = f"an unfinished data set of something else lies there: {'; '.join(found)}"
        raise OutputError(what, file=partial, remedy=remedy)
    mine, theirs = manifest.versions.get("gbar"), begun.versions.get("gbar")
    if mine != theirs:
        what = f"it was begun by gbar {theirs}, this is gbar {mine}"
        raise OutputError(what, file=partial, remedy=f"finish it with gbar {theirs}, or {remedy}")
    if (dict(begun.versions), dict(begun.cpu)) == (dict(manifest.versions), dict(manifest.cpu)):
        return arrays, ()
    changed = [
        f"{k} {v}, not {begun.versions.get(k)}" for k, v in manifest.versions.items() if begun.versions.get(k) != v
    ]
    changed += ["another processor"] if dict(begun.cpu) != dict(manifest.cpu) else []
    return arrays, (f"{partial.name} was begun elsewhere ({', '.join(changed)}); rows may differ by rounding",)


def _statuses(array: Any, manifest: Manifest, rows: int) -> Int[np.ndarray, " row"]:
    """The statuses that can be read; a block whose chunk is damaged counts as unwritten."""
    with suppress(Exception):  # whatever zarr raises for a damaged chunk
        return np.asarray(array[:])
    status = np.full(rows, UNWRITTEN, np.uint8)
    for start, stop in manifest.blocks(rows):
        with suppress(Exception):
            status[start:stop] = array[start:stop]
    return status
