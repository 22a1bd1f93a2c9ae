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


def write_figure(figure: Figure, path: Path) -> Path:
    """Writes a figure as PNG, SVG or PDF, as the name says; returns its path. Raises OutputError."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"{path.name} is no kind of picture", remedy=f"end the name in {', '.join(FORMATS)}")
    stream = io.BytesIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(stream, format=kind, dpi=200)
    return write_whole(path, stream.getvalue())
