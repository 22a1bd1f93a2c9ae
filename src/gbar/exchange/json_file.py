"""JSON files whose values know where they stand, so that every complaint and every note names its place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gbar import document
from gbar.document import Node
from gbar.errors import CellError


def read_json(file: Path) -> Node:
    """The document in a JSON file; raises CellError with the place of what is no JSON."""
    text = document.read_text(file, CellError)
    try:
        data = json.loads(text)
        return _placed(document.of(data, CellError), file)
    except json.JSONDecodeError as error:
        raise CellError(
            f"is not JSON: {error.msg}", file=file, line=error.lineno, column=error.colno, remedy="mend the text there"
        ) from None
    except (RecursionError, ValueError):
        what = "is nested too deeply, or holds a number that is none"
        raise CellError(what, file=file, remedy="name another file") from None


def _placed(node: Node, file: Path) -> Node:
    value: Any = node.value
    if isinstance(value, Mapping):
        value = {key: _placed(entry, file) for key, entry in value.items()}
    elif isinstance(value, tuple):
        value = tuple(_placed(entry, file) for entry in value)
    return replace(node, value=value, file=file)


def number(node: Node) -> float:
    """A finite number, which Allen's files put in quotes; raises CellError."""
    value = node.value
    try:
        found = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        got = repr(value) if isinstance(value, str | int | float) else "a list" if isinstance(value, tuple) else "keys"
        raise node.fail(f"expected a number, got {got}"[:120], "give a finite number")
    return found


def numbers(node: Node) -> dict[str, float]:
    """A mapping of names to numbers, such as a parameter set."""
    return {name: number(entry) for name, entry in node.mapping(optional=None).items()}


def where(node: Node) -> str:
    """Where a value stands, for notes: `pyr.json: parameters.apical[2]`."""
    name = node.file.name if node.file else ""
    return f"{name}: {node.path}" if node.path else name
