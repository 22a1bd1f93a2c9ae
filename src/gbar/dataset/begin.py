"""How a data set is begun, gone on with, and helped with; what lies in the way is refused by name."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from gbar.dataset.layout import MOST_ROWS, checked_arrays, header_of, lay_out
from gbar.dataset.lock import Lock, holder
from gbar.dataset.manifest import Manifest
from gbar.dataset.places import PARTIAL, partial_path, standing, writing
from gbar.dataset.writer import Writer
from gbar.errors import DatasetError, OutputError


def check_place(path: Path, manifest: Manifest, rows: int, *, overwrite: bool = False) -> None:
    """Raises what `create` would, short of writing: to be asked before work that takes long."""
    path = Path(path)
    if who := holder(path):
        raise OutputError(f"it is being written by {who}", file=path, remedy="wait for it, or choose another name")
    _check(path, manifest, rows, overwrite)


def create(path: Path, manifest: Manifest, rows: int, *, overwrite: bool = False) -> Writer:
    """Begins a data set of `rows` rows at `path`, or goes on with the unfinished one that the same manifest began
    there; holds its lock.

    Raises OutputError if `path` exists (unless `overwrite`), cannot be written, is being written, or holds an
    unfinished data set of something else.
    """
    path = Path(path)
    lock, partial = Lock(path), partial_path(path)
    try:
        _check(path, manifest, rows, overwrite)
        if overwrite and partial.exists() and not _begun(path, manifest, rows):
            with writing(partial):
                shutil.rmtree(partial)
        if not partial.exists():
            with writing(path):
                lay_out(path, manifest, rows)
        warnings = _resume(path, manifest, rows)
        writer = Writer(path, manifest, rows, partial, lock, warnings)
        writer.doubt()
    except BaseException:
        lock.release()
        raise
    return writer


def join(path: Path) -> Writer:
    """Helps with the unfinished data set of `path`, whose lock another process holds: writes blocks, finishes nothing.

    Raises OutputError if there is none.
    """
    path = Path(path)
    manifest, rows = _unfinished(path)
    return Writer(path, manifest, rows, partial_path(path))


def _check(path: Path, manifest: Manifest, rows: int, overwrite: bool) -> None:
    if path.name.endswith(PARTIAL):
        raise OutputError(f"names in {PARTIAL} are those of data sets that are not finished", file=path,
                          remedy="choose another name")  # fmt: skip
    if not 1 <= rows <= MOST_ROWS:
        raise DatasetError(f"a data set of {rows} rows is asked for", remedy=f"use 1 to {MOST_ROWS:,}")
    if path.exists() and not overwrite:
        raise OutputError("it exists already", file=path, remedy="choose another name, or add --overwrite")
    if path.exists() and not (path / "zarr.json").is_file():
        raise OutputError("it exists and is no data set", file=path, remedy="choose another name")
    if partial_path(path).exists() and not overwrite:
        _resume(path, manifest, rows)
    there = standing(path)
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise OutputError("nothing can be written there", file=there, remedy="choose another place with -o")


def _begun(path: Path, manifest: Manifest, rows: int) -> bool:
    """Whether the unfinished store is one that this job can go on with."""
    with suppress(OutputError, DatasetError):
        _resume(path, manifest, rows)
        return True
    return False


def _unfinished(path: Path) -> tuple[Manifest, int]:
    """The unfinished store of `path`: its manifest and its rows."""
    import zarr

    partial = partial_path(path)
    remedy = "delete it, or choose another name"
    if not partial.exists():
        what = "there is no unfinished data set"
        raise OutputError(what, file=partial, remedy="give a folder that every machine sees under this name")
    try:
        group = zarr.open_group(partial, mode="r")
        manifest, rows = header_of(group)
        checked_arrays(group, manifest, rows)
        return manifest, rows
    except DatasetError as error:
        what = f"an unfinished data set lies there that cannot be gone on with: {error.what}"
        raise OutputError(what, file=partial, remedy=remedy) from None
    except Exception as error:  # whatever zarr raises for files that are not its own
        what = f"a damaged unfinished data set lies there ({type(error).__name__})"
        raise OutputError(what, file=partial, remedy=remedy) from None


def _resume(path: Path, manifest: Manifest, rows: int) -> tuple[str, ...]:
    """A warning if the unfinished store was begun on another processor; refuses another job's."""
    begun, there = _unfinished(path)
    partial, remedy = partial_path(path), "delete it, choose another name, or add --overwrite"
    found = list(begun.differences(manifest))
    found += [f"{there:,} rows, not {rows:,}"] if there != rows else []
    if found:
        what = f"an unfinished data set of something else lies there: {'; '.join(found)}"
        raise OutputError(what, file=partial, remedy=remedy)
    begun.check_version(manifest, partial)
    changed = begun.elsewhere(manifest)
    if not changed:
        return ()
    return (f"{partial.name} was begun elsewhere ({', '.join(changed)}); rows may differ by rounding",)
