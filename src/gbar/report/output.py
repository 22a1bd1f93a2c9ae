"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from gbar.errors import OutputError
from gbar.report.style import SETTINGS

FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}


def write_figure(figure: Figure, path: Path) -> Path:
    """Writes a figure as PNG, SVG or PDF, as the name says; returns its path. Raises OutputError."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"{path.name} is no kind of picture", remedy=f"end the name in {', '.join(FORMATS)}")
    stream = io.BytesIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(stream, format=kind, dpi=200)
    return write_whole(path, stream.getvalue())


def write_whole(path: Path, data: bytes) -> Path:
    """Writes a file beside its final place and moves it there; returns its path. Raises OutputError."""
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".gbar-", suffix=".partial")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
        temporary = None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise OutputError(
            f"cannot be written ({reason})", file=path, remedy="choose a folder that exists, is yours and has room"
        ) from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
    return path


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
