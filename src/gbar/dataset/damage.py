"""Chunks of a finished data set that are missing or damaged, and the writer that makes their blocks anew."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from gbar.dataset.chunk import Chunks, chunks_of
from gbar.dataset.dataset import opened
from gbar.dataset.layout import UNWRITTEN, coordinates, lay_coordinates
from gbar.dataset.lock import Lock
from gbar.dataset.manifest import Manifest
from gbar.dataset.places import reading, writing
from gbar.dataset.writer import Writer
from gbar.traces import Status

_ROUNDING = 1e-9  # between parameters in [-1, 1] that two machines make of the same physical ones


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


def find_damage(
    path: Path, report: Callable[[int, int], None] | None = None, *, among: Collection[int] | None = None
) -> tuple[Damage, ...]:
    """Reads every chunk of the data set at `path` and compares its checksum; `report` hears of (rows done, rows).

    `among` are the first rows of the blocks to look at, if not all. Raises DatasetError if its metadata are damaged,
    without which the rest cannot be read.
    """
    path = Path(path)
    manifest, rows, _ = opened(path)
    chunks, found = chunks_of(path, manifest, rows), list(_damaged_coordinates(path, manifest))
    for start, stop in manifest.blocks(rows):
        if among is None or start in among:
            found += [Damage(name, start, stop, what) for name, what in _wrong(chunks, start, stop, manifest).items()]
        if report is not None:
            report(stop, rows)
    return tuple(found)


def reopen(path: Path, damage: Sequence[Damage]) -> Writer:
    """A writer that misses the damaged blocks, and holds the data set's lock; coordinates are mended at once.

    Until a block is written anew, its rows have no status: who is killed meanwhile leaves a set that can be mended.
    """
    path = Path(path)
    manifest, rows, _ = opened(path)
    lock = Lock(path)
    try:
        with writing(path):
            if any(not one.stop for one in damage):
                lay_coordinates(path, manifest)
            statuses = chunks_of(path, manifest, rows)["status"]
            for one in damage:
                if one.stop:
                    statuses.file(one.start).unlink(missing_ok=True)
    except BaseException:
        lock.release()
        raise
    return Writer(path, manifest, rows, path, lock)


def _wrong(chunks: Mapping[str, Chunks], start: int, stop: int, manifest: Manifest) -> dict[str, str]:
    """What is the matter with the chunks of a block, by the names of their arrays."""
    wrong: dict[str, str] = {}
    values: dict[str, Shaped[np.ndarray, "row *more"]] = {}
    ok = np.zeros(stop - start, bool)  # the rows whose simulation came to its end, as far as is known
    for name in sorted(chunks, key=lambda name: name != "status"):
        try:
            read = chunks[name].read(start)[: stop - start]
        except FileNotFoundError:
            wrong[name] = "is missing"
            continue
        except (OSError, ValueError):
            wrong[name] = "is damaged"
            continue
        if name == "status":
            ok = read == Status.OK
        if name in ("theta", "unit"):
            values[name] = read
        if what := _senseless(name, read, ok, manifest):
            wrong[name] = what
    if not wrong and np.abs(manifest.space.to_unit(values["theta"]) - values["unit"]).max(initial=0.0) > _ROUNDING:
        wrong["unit"] = "is not that of theta"
    return wrong


def _senseless(
    name: str, values: Shaped[np.ndarray, "row *more"], ok: Bool[np.ndarray, " row"], manifest: Manifest
) -> str:
    """What is the matter with values whose checksum is right; "" if nothing is."""
    if name in ("theta", "unit") and not np.isfinite(values).all():
        return "is not finite"
    if name == "status" and (values == UNWRITTEN).any():
        return "was never written"
    if name.startswith("v_") and np.isnan(manifest.storage.decode(values[:, :, 0])[ok]).any():
        return "lacks traces"
    return ""


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
