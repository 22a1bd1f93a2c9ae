"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from gbar.errors import OutputError


def write_whole(path: Path, data: bytes | str) -> Path:
    """Writes a file beside its final place and moves it there, so that nobody ever sees half of it; returns its path.

    Raises OutputError if it cannot be written.

    >>> write_whole(Path("cell.yaml"), "name: cell")  # doctest: +SKIP
    """
    path = Path(path)
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".gbar-", suffix=".partial")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data.encode() if isinstance(data, str) else data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
        temporary = None
    except (OSError, ValueError) as error:
        raise unwritable(error, path) from None
    finally:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()
    return path


def unwritable(error: OSError | ValueError, path: Path) -> OutputError:
    """The reason why a place cannot be written to, as a line for the user."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    full = reason.startswith("No space")
    remedy = "free some space" if full else "choose a folder that exists, is yours and has room"
    return OutputError(f"cannot be written ({reason})", file=path, remedy=remedy)


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
    if not path.exists() and not path.is_symlink():
        return
    if not overwrite:
        raise OutputError("it exists already", file=path, remedy="choose another name, or add --overwrite")
    if mark and (path.is_symlink() or not path.is_dir()):
        raise OutputError("it is no folder", file=path, remedy="choose another name")
    if path.is_dir() and any(path.iterdir()) and not (path / mark).exists():
        raise OutputError("it is a folder of something else", file=path, remedy="choose another name")


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
