"""A cell that ships, copied to a folder of the user's: its YAML with the comments, and the mod files that it uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from gbar.cell.cell import Cell
from gbar.cell.file import cell_file, read_cell
from gbar.cell.shipped import shipped_cells
from gbar.document import Node, nearest, read_text, read_yaml
from gbar.errors import CellError, InternalError
from gbar.files import make_folder, refuse_existing, write_whole

MOD_FILES = "mechanisms"  # the folder of mod files beside the YAML

_SHIPPED = re.compile(r"shipped:\s*[\w/]+\s*(,\s*)?")


def copy_cell(name: str, folder: Path, *, overwrite: bool = False) -> Path:
    """Puts NAME.yaml and a folder of its mod files into `folder`; returns the path of the YAML.

    The copy is the same cell, and needs nothing that ships with gbar. Raises CellError for a name that does not ship,
    OutputError for a folder that is taken or cannot be written.
    """
    if name not in shipped_cells():
        hint = nearest(name, shipped_cells())
        raise CellError(f"{name!r} does not ship", remedy=f"{hint}there are {', '.join(shipped_cells())}")
    cell, file = read_cell(name), cell_file(name)
    refuse_existing(folder, overwrite, f"{name}.yaml")
    mods = make_folder(make_folder(folder) / MOD_FILES)
    for painted in (painted for region in cell.regions for painted in region.mechanisms):
        write_whole(mods / f"{painted.mechanism.name}.mod", painted.mechanism.file.read_bytes())
    text = edited(read_text(file, CellError), read_yaml(file, CellError))
    copy = write_whole(folder / f"{name}.yaml", text)
    _check(cell, copy)
    return copy


def edited(text: str, root: Node) -> str:
    """The text of a YAML with `mod_files` stated, and without what names a shipped set of mechanisms."""
    lines = text.splitlines(keepends=True)
    places = [(node.key.line, node.key.column) for node in _sets(root) if node.key is not None]
    for at in sorted(places, reverse=True):  # so that what is before the place stays where it is
        line, column = (int(number or 1) - 1 for number in at)
        before, after = lines[line][:column], _SHIPPED.sub("", lines[line][column:], count=1)
        if after.lstrip().startswith("}"):
            before, after = before.rstrip().removesuffix(","), after.lstrip()
        lines[line] = before + after if (before + after).strip() else ""
    temperature = root.mapping(optional=None)["temperature"]
    assert temperature.line is not None
    lines.insert(temperature.line, f"mod_files: {MOD_FILES}\n")
    return "".join(lines)


def _sets(root: Node) -> Iterator[Node]:
    """The entries `shipped` of mechanisms."""
    entries = root.mapping(optional=None)
    regions = entries["regions"].mapping(optional=None) if "regions" in entries else {}
    for place in (*regions.values(), entries.get("everywhere")):
        if place is None or not isinstance(place.value, Mapping) or "mechanisms" not in place.value:
            continue
        for mechanism in place.value["mechanisms"].mapping(optional=None).values():
            if isinstance(mechanism.value, Mapping) and "shipped" in mechanism.value:
                yield mechanism.value["shipped"]


def _check(cell: Cell, copy: Path) -> None:
    """A copy that is not the cell is a mistake of ours."""
    again = read_cell(copy)
    mine = {painted.mechanism.file.resolve().parent for region in again.regions for painted in region.mechanisms}
    if again != cell or again.digest != cell.digest or mine - {(copy.parent / MOD_FILES).resolve()}:
        raise InternalError(f"the copy {copy} is not {cell.name}")
