"""A design from the text that a user writes: `sobol`, `grid:11`, `table:sets.csv`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.design.design import Design, Grid, LatinHypercube, Random, Sobol, Sweep, Table
from gbar.design.table import read_table
from gbar.document import counted, nearest
from gbar.errors import ParameterError
from gbar.parameters import ParameterSpace

DEFAULT_ROWS = 1000
MOST_POINTS = 999_999_999  # of a grid's or a sweep's axis
PLAIN: dict[str, Design] = {"uniform": Random(), "sobol": Sobol(), "lhs": LatinHypercube()}
_KINDS = "uniform, sobol, lhs, table:FILE.csv, grid:POINTS or sweep:POINTS"


def read_design(text: str, space: ParameterSpace, own: Float[np.ndarray, " parameter"]) -> Design:
    """The design that a text names, for a cell with these free parameters whose `own` values are given.

    Raises ParameterError for a text that names none, a table that does not fit, and a sweep from values out of range.

    >>> read_design("grid:11", ParameterSpace(()), np.zeros(0))
    Grid(points=11)
    """
    kind, colon, rest = text.strip().partition(":")
    if kind in PLAIN and not colon:
        return PLAIN[kind]
    if kind == "table" and rest:
        values, sha256 = read_table(Path(rest), space)
        return Table(Path(rest).name, sha256, values)
    if kind in ("grid", "sweep"):
        points = _points(kind, rest)
        if kind == "grid":
            return Grid(points)
        if not len(space):
            raise ParameterError("a sweep of a cell without free parameters", remedy="free some in the cell")
        _check_own(space, own)
        return Sweep(points, tuple(np.asarray(own, dtype=np.float64).tolist()))
    known = (*PLAIN, "table", "grid", "sweep")
    hint = "" if kind in known else nearest(kind, known)
    raise ParameterError(f"unknown design {text!r}", remedy=f"{hint}use {_KINDS}")


def design_from_json(data: Mapping[str, Any]) -> Design:
    """The inverse of `Design.to_json`; raises ParameterError for a table, whose rows it does not hold, and for damage.

    >>> design_from_json({"kind": "grid", "points": 11})
    Grid(points=11)
    """
    kind = data.get("kind")
    if kind == "table":
        what = f"its parameter sets are those of the table {data.get('file')}"
        raise ParameterError(what, remedy="give that table")
    try:
        if kind in PLAIN:
            return PLAIN[str(kind)]
        points = _points(str(kind), str(data["points"]))
        if kind == "grid":
            return Grid(points)
        if kind == "sweep":
            return Sweep(points, tuple(float(value) for value in data["own"]))
        raise KeyError(kind)
    except (KeyError, TypeError, ValueError):
        raise ParameterError(f"a stored design is damaged ({kind!r})", remedy="simulate again") from None


def draws_from_prior(data: Mapping[str, Any]) -> bool:
    """Whether the rows of a stored design (`Design.to_json`) are draws from the prior."""
    return str(data.get("kind")) in PLAIN


def count_rows(design: Design, space: ParameterSpace, asked: int | None) -> int:
    """The rows of a design: its own number, or as many as are asked for (1,000 by default).

    Raises ParameterError if fewer than one is asked for, or another number than the design has.
    """
    own = design.rows(space)
    if own is None:
        rows = DEFAULT_ROWS if asked is None else asked
        if rows < 1:
            raise ParameterError(f"{rows} rows asked for", remedy="ask for 1 or more with -n")
        return rows
    if asked is not None and asked != own:
        raise ParameterError(f"{asked:,} rows asked for, {design.text} has {own:,}", remedy="leave out -n")
    return own


def _points(kind: str, number: str) -> int:
    """The points of a grid or a sweep, from a text that may have underscores in it."""
    whole = len(number) <= 20 and re.fullmatch(r"[+-]?\d+(_\d+)*", number, re.ASCII)
    given = int(number) if whole else None
    if given is not None and 2 <= given <= MOST_POINTS:
        return given
    has = "no number of points" if given is None else counted(given, "points")
    named = f"{kind}:{number}" if number else kind
    raise ParameterError(f"the design {named[:40]!r} has {has}",
                         remedy=f"write 2 to {MOST_POINTS:,} points, as in {kind}:11")  # fmt: skip


def _check_own(space: ParameterSpace, own: Float[np.ndarray, " parameter"]) -> None:
    """Refuses a sweep around values that are out of range."""
    try:
        space.check(np.asarray(own)[None])
    except ParameterError as error:
        what = f"a sweep starts from the cell's own values, and {error.what.replace('[0]', '', 1)}"
        raise ParameterError(what, remedy="widen the range in the cell, or change the cell's value") from None
