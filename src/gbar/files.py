"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gbar.errors import OutputError


def write_whole(path: Path, data: bytes | str) -> Path:
    """Writes a file so that nobody ever sees half of it; raises OutputError if it cannot be written.

    >>> write_whole(Path("cell.yaml"), "name: cell")  # doctest: +SKIP
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data.encode() if isinstance(data, str) else data)
        partial.replace(path)
    except OSError as error:
        raise unwritable(error, path) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return path


def unwritable(error: OSError, path: Path) -> OutputError:
    """An operating system's refusal to write, as a line for the user."""
    return OutputError(
        f"cannot be written ({error.strerror or error})", file=path, remedy="free space, or choose another place"
    )


def make_folder(path: Path) -> Path:
    """Makes a folder and those above it; raises OutputError if that cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(error, path) from None
    return path


def refuse_existing(path: Path, overwrite: bool, mark: str) -> None:
    """Raises OutputError if `path` exists, unless it may be overwritten and is ours: a folder that holds `mark`."""
    path = Path(path)
    if not path.exists():
        return
    if not overwrite:
        raise OutputError("it exists already", file=path, remedy="choose another name, or add --overwrite")
    if path.is_dir() and any(path.iterdir()) and not (path / mark).exists():
        raise OutputError("it is a folder of something else", file=path, remedy="choose another name")
