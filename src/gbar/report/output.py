"""A figure as a file of its own."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from gbar.errors import OutputError
from gbar.files import write_whole
from gbar.report.style import SETTINGS

FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}


def write_figure(figure: Figure, path: Path, dpi: int = 200, colours: int | None = None) -> Path:
    """Writes a figure as PNG, SVG or PDF, as the name says; returns its path. Raises OutputError.

    A PNG has `dpi` dots per inch and, if asked for, no more than so many colours, which makes it small.
    """
    kind = picture_format(path)
    stream = io.BytesIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(stream, format=kind, dpi=dpi)
    return write_whole(path, _fewer(stream, colours) if kind == "png" and colours else stream.getvalue())


def picture_format(path: Path) -> str:
    """The format that a picture's name asks for. Raises OutputError."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"{path.name} is no kind of picture", remedy=f"end the name in {', '.join(FORMATS)}")
    return kind


def _fewer(stream: io.BytesIO, colours: int) -> bytes:
    """A PNG with a palette of so many colours."""
    from PIL import Image

    smaller = io.BytesIO()
    with Image.open(stream) as picture:
        picture.convert("RGB").quantize(colours, Image.Quantize.MAXCOVERAGE).save(smaller, format="png", optimize=True)
    return smaller.getvalue()
