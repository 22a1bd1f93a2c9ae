"""Where a data set lies while it is being written, and what its files' errors are to the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gbar.errors import DatasetError, OutputError
from gbar.files import unwritable

ANEW = "simulate again"
CHECK = "try gbar data check"
PARTIAL = ".partial"


def settled(path: Path) -> Path:
    """The path of a data set, through symbolic links and from `.`: what lies beside it is named after it.

    Raises OutputError for one that has no name.
    """
    path = Path(path)
    found = path.resolve() if path.is_symlink() or not path.name else path
    if not found.name or found.name == "..":
        raise OutputError("it is no name for a data set", file=path, remedy="name one, as in data.zarr")
    return found


def standing(path: Path) -> Path:
    """The nearest folder above a path that is there."""
    return next(folder for folder in path.absolute().parents if folder.exists())


def partial_path(path: Path) -> Path:
    """Where a data set lies while it is being written."""
    return path.with_name(path.name + PARTIAL)


def fresh_path(path: Path) -> Path:
    """Where an empty store is laid out, so that nobody sees half of it."""
    return path.with_name(f".{path.name}.new")


def old_path(path: Path) -> Path:
    """Where a store lies for the moment in which another one takes its name."""
    return path.with_name(f".{path.name}.old")


def lock_path(path: Path) -> Path:
    """The file that the one who writes a data set holds."""
    return path.with_name(path.name + ".lock")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the operating system has against writing, as one line."""
    try:
        yield
    except OSError as error:
        raise unwritable(error, path) from None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever damaged files make zarr and xarray raise, as one line."""
    try:
        yield
    except DatasetError as error:
        raise error if error.file else DatasetError(error.what, file=path, remedy=error.remedy) from None
    except MemoryError:
        raise DatasetError("it does not fit into memory", file=path, remedy="read fewer rows") from None
    except Exception as error:
        what, remedy = f"it is damaged ({type(error).__name__})", f"{CHECK} {path.name}, or {ANEW}"
        raise DatasetError(what, file=path, remedy=remedy) from None
