"""Parameter sets from a CSV file: a column for each free parameter, headed `name [unit]`."""

from __future__ import annotations

import csv
import hashlib
import re
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gbar import units
from gbar.document import counted, nearest, read_text
from gbar.errors import ParameterError, UnitError
from gbar.parameters import FreeParameter, ParameterSpace

LARGEST = 1_000_000_000  # bytes
PASSED_OVER = ("log_prob",)  # what a table of samples has besides
LONGEST = 40  # characters of a text of the table that messages repeat
ONE_EACH = "write one value a column, and decimal points instead of decimal commas"
COMMAS = "put commas between values and points into numbers, as in 0.1,-65"
_HEADING = re.compile(r"\s*(?P<name>[^\s\[\]]+)\s*(?:\[(?P<unit>[^\[\]]*)\])?\s*")


def read_table(file: Path, space: ParameterSpace) -> tuple[Float[np.ndarray, "row parameter"], str]:
    """Theta of every line, in the units and the order of the space, and the sha256 of the file's text.

    The table of samples that `gbar infer` writes is one. Raises ParameterError, with the line, for columns that are not
    the parameters in units of their kind, for a line with more values than columns, for what is no number, and for
    values out of range.
    """
    text = read_text(file, ParameterError, LARGEST)
    digest, rows = hashlib.sha256(text.encode()).hexdigest(), csv.reader(text.splitlines())
    del text  # it may be large
    try:
        header = next(rows)
        columns = _columns(header, space, file)
        found, lines = array("d"), array("q")  # values, and where each row of them stands
        for row in rows:
            if row and (len(row) > 1 or row[0].strip()):
                if len(row) > len(header):
                    what = f"has {counted(len(row), 'values')} for {counted(len(header), 'columns')}"
                    raise ParameterError(what, file=file, line=rows.line_num, remedy=ONE_EACH)
                found.extend(_values(row, columns, file, rows.line_num))
                lines.append(rows.line_num)
    except csv.Error as error:
        raise ParameterError(f"is no table ({error})", file=file, line=rows.line_num,
                             remedy="write numbers with commas between") from None  # fmt: skip
    if not lines:
        raise ParameterError("has no rows", file=file, remedy="write a parameter set a line below the names")
    theta = np.array(found, dtype=np.float64).reshape(len(lines), len(space))
    bad = ~space.inside(theta)
    if bad.any():
        first = int(bad.argmax())
        try:
            space.check(theta[first : first + 1])
        except ParameterError as error:
            what = error.what.replace("[0]", "", 1)
            raise ParameterError(what, file=file, line=lines[first], remedy=error.remedy) from None
    return theta, digest


Column = tuple[int, Callable[[str], float]]  # its place, and what makes its text a number in the parameter's unit


def _columns(header: list[str], space: ParameterSpace, file: Path) -> dict[str, Column]:
    """A column for each parameter of the space, by name, in its order."""
    there: dict[str, tuple[int, str | None]] = {}
    for index, text in enumerate(header):
        heading = _HEADING.fullmatch(text)
        name = heading["name"] if heading else text.strip()
        if heading is None or name not in (*space.names, *PASSED_OVER):
            if between := _separator(text):
                raise ParameterError(f"has {between} between columns", file=file, line=1, remedy=COMMAS)
            remedy = f"{nearest(name, space.names)}the cell's free parameters are {', '.join(space.names)}"
            raise ParameterError(f"the column {_short(text)!r} is no free parameter", file=file, line=1,
                                 remedy=remedy)  # fmt: skip
        if name in there:
            raise ParameterError(f"two columns are called {name}", file=file, line=1, remedy="keep one")
        there[name] = index, heading["unit"]
    found: dict[str, Column] = {}
    for parameter in space.parameters:
        wanted = f"{parameter.name} [{parameter.unit}]" if parameter.unit else parameter.name
        if parameter.name not in there:
            raise ParameterError(f"has no column {wanted}", file=file, line=1,
                                 remedy="give one for each free parameter of the cell")  # fmt: skip
        index, unit = there[parameter.name]
        found[parameter.name] = index, _conversion((unit or "").strip(), parameter, wanted, file)
    return found


def _conversion(given: str, parameter: FreeParameter, wanted: str, file: Path) -> Callable[[str], float]:
    """How a column's texts become numbers; refuses one that lacks the parameter's unit, or has one of another kind."""
    if given == parameter.unit:
        return float
    try:
        fits = given != "" and units.compatible(given, parameter.unit)
    except UnitError:
        fits = False
    if not fits:
        if not given:
            raise ParameterError(f"the column {parameter.name} has no unit", file=file, line=1,
                                 remedy=f"head it {wanted}")  # fmt: skip
        remedy = f"give it in {parameter.unit}" if parameter.unit else "give it as numbers without a unit"
        raise ParameterError(f"the column {parameter.name} is in {_short(given)}", file=file, line=1, remedy=remedy)
    return lambda text: units.quantity(f"{text.strip()} {given}", parameter.unit)


def _values(row: list[str], columns: dict[str, Column], file: Path, line: int) -> list[float]:
    """The numbers of a line, in the order of the space."""
    try:
        return [number(row[index]) for index, number in columns.values()]
    except (ValueError, IndexError, UnitError):
        for name, (index, number) in columns.items():
            text = row[index].strip() if index < len(row) else ""
            try:
                number(text)
            except (ValueError, UnitError):
                what = f"{name} is {_short(text)!r}, expected a number" if text else f"has no value of {name}"
                remedy = COMMAS if _separator(text) else "write a number in every column"
                raise ParameterError(what, file=file, line=line, remedy=remedy) from None
        raise


def _separator(text: str) -> str:
    """What stands in place of commas in a text that should be of one column; "" if nothing does."""
    return "semicolons" if ";" in text else "tabs" if "\t" in text.strip() else ""


def _short(text: str) -> str:
    """A text of the table as messages repeat it, with … where it is cut."""
    text = text.strip()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
