"""One chunk of an array: packed as Zarr's codecs pack it, and in its place whole or not at all.

Zarr itself takes 2 ms of a processor's time to write a chunk, however small, 0.4 ms to read one, and there are six
arrays or more to a block; these take a tenth of it. The file is the same: bytes, Blosc (lz4 of shuffled bytes),
CRC-32C.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from gbar.dataset.layout import COMPRESSOR, LEVEL, SEPARATOR, StoredArray, stored_arrays
from gbar.dataset.manifest import Manifest

_HEAD = 16  # bytes that Blosc puts before what it packs: the last four say how many there are with these
_CHECKSUM = 4  # bytes
_SCRATCH = ".new"  # the folder of a store in which chunks are written before they get their names


class Chunks:
    """The chunks of one array of the store in the folder `store`, `block` rows each (all, if there are fewer)."""

    def __init__(self, store: Path, array: StoredArray, block: int) -> None:
        self.array, self.block = array, min(block, array.shape[0])
        self._folder, self._scratch = store / array.name, store / _SCRATCH

    def file(self, start: int) -> Path:
        """Where the block that begins with row `start` lies."""
        place = [start // self.block, *[0] * (len(self.array.shape) - 1)]
        return self._folder / SEPARATOR.join(["c", *map(str, place)])

    def write(self, start: int, values: Shaped[np.ndarray, "row *more"]) -> None:
        """Writes whole blocks from row `start` on; raises OSError."""
        for at in range(0, len(values), self.block):
            self._place(self.file(start + at), packed(values[at : at + self.block], self.array, self.block))

    def read(self, start: int) -> Shaped[np.ndarray, "row *more"]:
        """The rows of the block that begins with row `start`, those of a last one that are not there included.

        Raises ValueError if it is damaged, OSError if it is missing.
        """
        return unpacked(self.file(start).read_bytes(), self.array, self.block)

    def whole(self) -> Shaped[np.ndarray, "row *more"]:
        """All rows; those of a block that was never written are the array's fill. Raises what `read` does else."""
        rows = self.array.shape[0]
        found = np.full(self.array.shape, self.array.fill, self.array.kind)
        for start in range(0, rows, self.block):
            with suppress(FileNotFoundError):
                found[start : start + self.block] = self.read(start)[: rows - start]
        return found

    def cut_short(self, start: int) -> bool:
        """Whether a block's file is missing, or of another size than it says itself: what is left of one whose machine
        died before the disk had it. Its checksum is not looked at."""
        try:
            with self.file(start).open("rb") as file:
                head, size = file.read(_HEAD), os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            return True
        return len(head) < _HEAD or int.from_bytes(head[-4:], "little") + _CHECKSUM != size

    def _place(self, file: Path, parts: Sequence[bytes]) -> None:
        self._scratch.mkdir(exist_ok=True)  # not its parents: nothing is written into a store that has gone
        fresh = self._scratch / uuid.uuid4().hex
        try:
            with fresh.open("xb", buffering=0) as opened:
                for part in parts:
                    _write(opened, part)
            fresh.replace(file)
        except BaseException:
            with suppress(OSError):
                fresh.unlink()
            raise


def _write(file: FileIO, data: bytes) -> None:
    """All of it: a disk that fills up takes a part, and has nothing against it before the next."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def chunks_of(store: Path, manifest: Manifest, rows: int) -> dict[str, Chunks]:
    """Those of every array over the rows of a store, by its name."""
    return {array.name: Chunks(store, array, manifest.block) for array in stored_arrays(manifest, rows)}


def packed(values: Shaped[np.ndarray, "row *more"], array: StoredArray, block: int) -> tuple[bytes, bytes]:
    """A chunk's file, `block` rows, those that are not there filled up: what is packed, and its checksum."""
    import google_crc32c
    from numcodecs import Blosc

    kind = np.dtype(array.kind).newbyteorder("<")
    if len(values) < block:
        filled = np.full((block, *values.shape[1:]), array.fill, kind)
        filled[: len(values)] = values
        values = filled
    squeeze = Blosc(COMPRESSOR, LEVEL, Blosc.SHUFFLE)
    squeezed = bytes(squeeze.encode(np.ascontiguousarray(values, kind)))
    return squeezed, int(google_crc32c.value(squeezed)).to_bytes(_CHECKSUM, "little")


def unpacked(data: bytes, array: StoredArray, block: int) -> Shaped[np.ndarray, "row *more"]:
    """The rows of a chunk's file; raises ValueError if it is damaged."""
    import google_crc32c
    from numcodecs import Blosc

    squeezed, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
    if int(google_crc32c.value(squeezed)).to_bytes(_CHECKSUM, "little") != checksum:
        raise ValueError("the checksum is wrong")
    shape, kind = (block, *array.shape[1:]), np.dtype(array.kind).newbyteorder("<")
    if 0 in shape:  # of a cell without free parameters, of which Blosc does not unpack what it has packed
        return np.empty(shape, kind)
    return np.frombuffer(Blosc().decode(squeezed), kind).reshape(shape)


def tidy(store: Path) -> None:
    """Takes away what writers that were killed have left."""
    scratch = store / _SCRATCH
    with suppress(OSError):
        for left in scratch.iterdir():
            left.unlink()
        scratch.rmdir()
