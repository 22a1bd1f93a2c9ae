"""Reading a reconstruction, whatever its format."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from gbar.errors import CellError
from gbar.morphology.morphology import Morphology
from gbar.morphology.neurolucida import read_asc
from gbar.morphology.repair import check_repairs
from gbar.morphology.swc import read_swc
from gbar.morphology.table import read_table

FORMATS = {".swc": read_swc, ".asc": read_asc, ".json": read_table}


def read_morphology(path: str | Path, *, repair: Collection[str] = ()) -> Morphology:
    """Reads a reconstruction (`.swc`, or Neurolucida's `.asc`) as NEURON's Import3d does, or a section table (`.json`).

    Arguments: the `path`; the names of repairs to be made where the file has defects (`REPAIRS` lists them). Returns
    the morphology, whose `notes` say what was repaired or left out. Raises CellError with file, line, defect and the
    repair of it: for several roots, missing parents, cycles, parents after children, points without radius, no soma.

        >>> morphology = read_morphology("cell.swc", repair=["radii"])  # doctest: +SKIP
    """
    path = Path(path)
    check_repairs(repair, path)
    read = FORMATS.get(path.suffix.lower())
    if read is None:
        what = f"a file of the format {path.suffix or '(no ending)'}"
        raise CellError(what, file=path, remedy=f"gbar reads morphologies from {', '.join(FORMATS)}")
    try:
        return read(path, repair)
    except CellError as error:
        if error.file is not None:
            raise
        raise CellError(error.what, file=path, remedy=error.remedy) from None
