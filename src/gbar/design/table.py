"""Parameter sets from a CSV file: a column for each free parameter, headed `name [unit]`."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar import units
from gbar.document import nearest, read_text
from gbar.errors import ParameterError, UnitError
from gbar.parameters import FreeParameter, ParameterSpace

LARGEST = 1_000_000_000  # bytes
PASSED_OVER = ("log_prob",)  # what a table of samples has besides
_HEADING = re.compile(r"\s*(?P<name>[^\s\[\]]+)\s*(?:\[(?P<unit>[^\[\]]*)\])?\s*")


def read_table(file: Path, space: ParameterSpace) -> tuple[Float[np.ndarray, "row parameter"], str]:
    """Theta of every line, in the units and the order of the space, and the sha256 of the file's text.

    The table of samples that `gbar infer` writes is one. Raises ParameterError, with the line, for columns that are not
    the parameters in units of their kind, for what is no number, and for values out of range.
    """
    text = read_text(file, ParameterError, LARGEST)
    rows = csv.reader(io.StringIO(text))
    try:
        columns = _columns(next(rows), space, file)
        found: list[list[float]] = []
        lines: list[int] = []
        for row in rows:
            if any(cell.strip() for cell in row):
                found.append(_values(row, columns, file, rows.line_num))
                lines.append(rows.line_num)
    except csv.Error as error:
        raise ParameterError(f"is no table ({error})", file=file, line=rows.line_num,
                             remedy="write numbers with commas between") from None  # fmt: skip
    if not found:
        raise ParameterError("has no rows", file=file, remedy="write a parameter set a line below the names")
    theta = np.array(found, dtype=np.float64)
    bad = ~space.inside(theta)
    if bad.any():
        first = int(bad.argmax())
        try:
            space.check(theta[first : first + 1])
        except ParameterError as error:
            what = error.what.replace("[0]", "", 1)
            raise ParameterError(what, file=file, line=lines[first], remedy=error.remedy) from None
    return theta, hashlib.sha256(text.encode()).hexdigest()


class _Column:
    """Which column a parameter has, and its unit there."""

    def __init__(self, index: int, unit: str, parameter: FreeParameter) -> None:
        self.index, self.parameter = index, parameter
        self.unit = None if unit == parameter.unit else unit  # where it is not the parameter's own

    def value(self, cell: str) -> float:
        """A cell's number in the parameter's unit; raises ValueError or UnitError."""
        return float(cell) if self.unit is None else units.quantity(f"{cell} {self.unit}", self.parameter.unit)


def _columns(header: list[str], space: ParameterSpace, file: Path) -> list[_Column]:
    """A column for each parameter of the space, in its order."""
    there: dict[str, tuple[int, str | None]] = {}
    for index, text in enumerate(header):
        heading = _HEADING.fullmatch(text)
        name = heading["name"] if heading else text.strip()
        if heading is None or name not in (*space.names, *PASSED_OVER):
            remedy = f"{nearest(name, space.names)}the cell's free parameters are {', '.join(space.names)}"
            raise ParameterError(f"the column {text.strip()[:40]!r} is no free parameter", file=file, line=1,
                                 remedy=remedy)  # fmt: skip
        if name in there:
            raise ParameterError(f"two columns are called {name}", file=file, line=1, remedy="keep one")
        there[name] = index, heading["unit"]
    found = []
    for parameter in space.parameters:
        wanted = f"{parameter.name} [{parameter.unit}]" if parameter.unit else parameter.name
        if parameter.name not in there:
            raise ParameterError(f"has no column {wanted}", file=file, line=1,
                                 remedy="give one for each free parameter of the cell")  # fmt: skip
        index, unit = there[parameter.name]
        _check_unit(unit, parameter, wanted, file)
        found.append(_Column(index, (unit or "").strip(), parameter))
    return found


def _check_unit(unit: str | None, parameter: FreeParameter, wanted: str, file: Path) -> None:
    """Refuses a column of a parameter that has a unit and does not state one, or one of another kind."""
    given = (unit or "").strip()
    if given == parameter.unit:
        return
    try:
        fits = given != "" and units.compatible(given, parameter.unit)
    except UnitError:
        fits = False
    if not fits:
        what = f"the column {parameter.name} is in {given}" if given else f"the column {parameter.name} has no unit"
        raise ParameterError(what, file=file, line=1, remedy=f"head it {wanted}")


def _values(row: list[str], columns: list[_Column], file: Path, line: int) -> list[float]:
    values = []
    for column in columns:
        cell = row[column.index].strip() if column.index < len(row) else ""
        try:
            values.append(column.value(cell))
        except (ValueError, UnitError):
            what = f"{column.parameter.name} is {cell[:40]!r}, expected a number" if cell else (
                f"has no value of {column.parameter.name}")  # fmt: skip
            raise ParameterError(what, file=file, line=line, remedy="write a number in every column") from None
    return values
