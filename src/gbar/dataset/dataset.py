"""Finished simulations on disk, as they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8, UInt16

from gbar.dataset.chunk import chunks_of
from gbar.dataset.layout import UNWRITTEN, checked_arrays, header_of
from gbar.dataset.lock import holder
from gbar.dataset.manifest import Manifest
from gbar.dataset.places import ANEW, CHECK, PARTIAL, partial_path, reading
from gbar.dataset.split import Split, split_rows
from gbar.errors import DatasetError
from gbar.traces import Status, Traces

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Dataset:
    """Finished simulations on disk; traces are read when asked for (`read`)."""

    path: Path
    manifest: Manifest
    theta: Float[np.ndarray, "row parameter"]  # physical units
    status: UInt8[np.ndarray, " row"]
    stored: Mapping[str, Any]  # the Zarr arrays by name

    def __len__(self) -> int:
        return len(self.status)

    def __repr__(self) -> str:
        about = self.manifest
        return f"Dataset({str(self.path)!r}: {len(self):,} rows of {about.cell}, {', '.join(about.space.names)})"

    @cached_property
    def unit(self) -> Float[np.ndarray, "row parameter"]:
        """The same in [-1, 1]."""
        return self.column("unit")

    @cached_property
    def spikes(self) -> Int[np.ndarray, "row stimulus"]:
        """The spike counts."""
        return self.column("spikes")

    @cached_property
    def classes(self) -> UInt16[np.ndarray, " row"]:
        """What is wrong with each row, as bits (`gbar.vetting.Finding`); raises DatasetError if it was not vetted."""
        return self.column("vetting")

    @property
    def traces(self) -> tuple[Any, ...]:
        """The Zarr arrays [row, site, time] of the stimuli, as they are stored."""
        return tuple(self.stored[f"v_{i}"] for i in range(len(self.manifest.layouts)))

    def column(self, name: str) -> Shaped[np.ndarray, "row *more"]:
        """All rows of a stored array that fits in memory."""
        if name not in self.stored:
            raise DatasetError(f"it has no array {name}", file=self.path, remedy=ANEW)
        with reading(self.path):
            return chunks_of(self.path, self.manifest, len(self))[name].whole()

    @cached_property
    def arrays(self) -> xarray.Dataset:
        """The same as an xarray Dataset, with names and units; its arrays are read when asked for."""
        with reading(self.path):
            import xarray

            return xarray.open_zarr(self.path, consolidated=False, chunks=None)

    @property
    def usable(self) -> Bool[np.ndarray, " row"]:
        """The rows whose simulation came to its end."""
        return np.asarray(self.status == Status.OK)

    @property
    def split(self) -> Split:
        """8/1/1 of the usable rows (see `split_rows`)."""
        return split_rows(len(self), self.usable)

    @property
    def blocks(self) -> tuple[tuple[int, int], ...]:
        """The blocks [start, stop) in which rows are stored; whole ones are read many times as fast as single rows."""
        return self.manifest.blocks(len(self))

    def read(self, rows: slice | Sequence[int] | Int[np.ndarray, " some"] | None = None) -> Traces:
        """The traces of the given rows (all: None), in mV; raises DatasetError if some are damaged or missing on
        disk."""
        index = self._index(slice(None) if rows is None else rows)
        v = []
        for stored in self.traces:
            with reading(self.path):
                part = self.manifest.storage.decode(_part(stored, index))
            lost = np.isnan(part[:, :, 0]).any(axis=1) & (self.status[index] == Status.OK)
            if lost.any():
                what = f"the traces of row {index[lost.argmax()]} are missing"
                raise DatasetError(what, file=self.path, remedy=f"{CHECK} {self.path.name}, or {ANEW}")
            v.append(part)
        return Traces(tuple(v), tuple(layout.sampling for layout in self.manifest.layouts), self.status[index])

    def _index(self, rows: slice | Sequence[int] | Int[np.ndarray, " some"]) -> Int[np.ndarray, " some"]:
        """The numbers of the rows, counted from the end where they are negative; raises IndexError beyond it."""
        if isinstance(rows, slice):
            return np.arange(*rows.indices(len(self)))
        return np.arange(len(self))[rows]


def open_dataset(path: Path) -> Dataset:
    """Opens finished simulations; raises DatasetError if there are none, if they are unfinished, damaged or not gbar's.

    >>> data = open_dataset(Path("sims.zarr"))  # doctest: +SKIP
    >>> data.theta, data.read(slice(0, 10)).v[0]  # doctest: +SKIP
    """
    path = Path(path)
    manifest, rows, arrays = opened(path)
    with reading(path):
        chunks = chunks_of(path, manifest, rows)
        theta, status = chunks["theta"].whole(), chunks["status"].whole()
    if (status == UNWRITTEN).any() or not np.isfinite(theta).all():
        raise DatasetError("rows are missing from it", file=path, remedy=f"{CHECK} {path.name}, or {ANEW}")
    return Dataset(path, manifest, theta, status, arrays)


def read_manifest(path: Path) -> Manifest:
    """What made the data set at `path`; raises what `open_dataset` would, but does not look at its rows."""
    return opened(Path(path))[0]


def opened(path: Path, mode: Literal["r", "r+"] = "r") -> tuple[Manifest, int, dict[str, Any]]:
    """The manifest, the number of rows and the arrays of a finished store, of which none is read."""
    if not path.exists():
        raise _absent(path)
    if not (path / "zarr.json").is_file():
        raise DatasetError("it is no Zarr store", file=path, remedy="give a folder that gbar simulate has made")
    if path.name.endswith(PARTIAL):
        raise DatasetError("it is not finished", file=path, remedy="resume the simulation")
    with reading(path):
        import zarr

        group = zarr.open_group(path, mode=mode)
        manifest, rows = header_of(group)
        return manifest, rows, checked_arrays(group, manifest, rows)


def _absent(path: Path) -> DatasetError:
    if not partial_path(path).exists():
        return DatasetError("there is no such data set", file=path, remedy="check the name")
    if who := holder(path):
        return DatasetError(f"it is not finished yet: {who} is writing it", file=path, remedy="wait for it")
    return DatasetError("it is not finished yet", file=path, remedy="resume the simulation")


def _part(stored: Any, index: Int[np.ndarray, " some"]) -> Shaped[np.ndarray, "row site time"]:
    """Rows of a stored array, in one piece if they are neighbours."""
    if len(index) and (np.diff(index) == 1).all():
        return np.asarray(stored[int(index[0]) : int(index[-1]) + 1])
    return np.asarray(stored.oindex[index])
