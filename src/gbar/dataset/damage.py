"""Chunks of a finished data set that are missing or damaged, and the writer that makes their blocks anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from gbar.dataset.chunk import Chunks
from gbar.dataset.dataset import opened
from gbar.dataset.layout import UNWRITTEN, coordinates, lay_coordinates, stored_arrays
from gbar.dataset.lock import Lock
from gbar.dataset.manifest import Manifest
from gbar.dataset.places import reading, writing
from gbar.dataset.writer import Writer
from gbar.traces import Status


@dataclass(frozen=True)
class Damage:
    """A chunk that does not hold what it should: the rows [start, stop) of an array, or all of one without rows."""

    array: str
    start: int
    stop: int
    what: str

    def __str__(self) -> str:
        place = f" of rows {self.start:,} to {self.stop - 1:,}" if self.stop else ""
        return f"{self.array}{place} {self.what}"


def find_damage(path: Path, report: Callable[[int, int], None] | None = None) -> tuple[Damage, ...]:
    """Reads every chunk of the data set at `path` and compares its checksum; `report` hears of (rows done, rows).

    Raises DatasetError if its metadata are damaged, without which the rest cannot be read.
    """
    path = Path(path)
    manifest, rows, arrays = opened(path)
    chunks = {array.name: Chunks(path, array, manifest.block) for array in stored_arrays(manifest, rows)}
    found = list(_damaged_coordinates(path, manifest))
    for start, stop in manifest.blocks(rows):
        ok = _came_to_its_end(arrays["status"], start, stop)
        for name, array in arrays.items():
            what = _wrong(array, chunks[name].file(start), start, stop, manifest, ok)
            found += [Damage(name, start, stop, what)] if what else []
        if report is not None:
            report(stop, rows)
    return tuple(found)


def reopen(path: Path, damage: Sequence[Damage]) -> Writer:
    """A writer that misses the damaged blocks, and holds the data set's lock; coordinates are mended at once.

    Until a block is written anew, its rows have no status: who is killed meanwhile leaves a set that can be mended.
    """
    path = Path(path)
    manifest, rows, arrays = opened(path)
    lock = Lock(path)
    try:
        with writing(path):
            if any(not one.stop for one in damage):
                lay_coordinates(path, manifest)
            statuses = next(array for array in stored_arrays(manifest, rows) if array.name == "status")
            for one in damage:
                if one.stop:
                    Chunks(path, statuses, manifest.block).file(one.start).unlink(missing_ok=True)
    except BaseException:
        lock.release()
        raise
    return Writer(path, manifest, rows, arrays["status"], path, lock)


def stored_theta(path: Path, start: int, stop: int) -> Float[np.ndarray, "row parameter"] | None:
    """The parameters of a block in physical units, if they can be read."""
    _, _, arrays = opened(Path(path))
    values = _read(arrays["theta"], start, stop)
    return values if values is not None and np.isfinite(values).all() else None


def _came_to_its_end(status: Any, start: int, stop: int) -> Bool[np.ndarray, " row"]:
    """The rows of a block whose simulation did, as far as is known."""
    values = _read(status, start, stop)
    return np.zeros(stop - start, bool) if values is None else np.asarray(values == Status.OK)


def _wrong(array: Any, file: Path, start: int, stop: int, manifest: Manifest, ok: Bool[np.ndarray, " row"]) -> str:
    """What is the matter with a chunk; "" if nothing is."""
    if not file.is_file():
        return "is missing"
    values = _read(array, start, stop)
    if values is None:
        return "is damaged"
    name = array.basename
    if name in ("theta", "unit") and not np.isfinite(values).all():
        return "is not finite"
    if name == "status" and (values == UNWRITTEN).any():
        return "was never written"
    if name.startswith("v_") and np.isnan(manifest.storage.decode(values[:, :, 0])[ok]).any():
        return "lacks traces"
    return ""


def _read(array: Any, start: int, stop: int) -> Shaped[np.ndarray, "row *more"] | None:
    try:
        return np.asarray(array[start:stop])
    except Exception:  # whatever a damaged chunk makes zarr raise
        return None


def _damaged_coordinates(path: Path, manifest: Manifest) -> list[Damage]:
    import zarr

    with reading(path):
        group = zarr.open_group(path, mode="r")
    expected = {name: coordinate.values for name, coordinate in coordinates(manifest).items()}
    return [Damage(name, 0, 0, "is damaged") for name, values in expected.items() if not _same(group, name, values)]


def _same(group: Any, name: str, values: Shaped[np.ndarray, " value"]) -> bool:
    try:
        return bool(np.array_equal(np.asarray(group[name][:]), values, equal_nan=values.dtype != object))
    except Exception:  # whatever a damaged array makes zarr raise
        return False
