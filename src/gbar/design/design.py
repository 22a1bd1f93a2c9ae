"""Which parameter sets are simulated: draws from the prior, even or random; a table; a grid; one parameter at a time.

Row i of a design depends on the design, the parameter space, the seed, i and the number of rows alone, so that rows are
made in any order, by anyone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from gbar import draws
from gbar.design import sobol
from gbar.design.permutation import key_count, permuted
from gbar.errors import ParameterError
from gbar.parameters import ParameterSpace

_ORDER, _SCRAMBLE, _STRATA, _WITHIN = 0x6F726472, 0x736F626F, 0x6C687331, 0x6C687332  # keep their draws apart


class Design(ABC):
    """A plan of parameter sets. `text` names it as `--design` does; `from_prior` says that its rows are draws from the
    prior, each of them distributed as the prior is."""

    from_prior: ClassVar[bool]

    @property
    @abstractmethod
    def text(self) -> str:
        """The design as `--design` names it."""

    @abstractmethod
    def theta(
        self, space: ParameterSpace, seed: int, start: int, stop: int, rows: int
    ) -> Float[np.ndarray, "row parameter"]:
        """Rows start..stop of the `rows` that the design has, in physical units."""

    def rows(self, space: ParameterSpace) -> int | None:
        """How many rows it has; None if as many as are asked for."""
        return None

    def to_json(self) -> dict[str, Any]:
        """Its kind, and all else that its rows depend on besides space, seed and number of rows, as JSON can hold it.

        `design_from_json` reads it back.
        """
        return {"kind": self.text}


@dataclass(frozen=True)
class Random(Design):
    """Independent draws; row i does not depend on the number of rows."""

    from_prior = True

    @property
    def text(self) -> str:
        """`uniform`."""
        return "uniform"

    def theta(
        self, space: ParameterSpace, seed: int, start: int, stop: int, rows: int
    ) -> Float[np.ndarray, "row parameter"]:
        """As `ParameterSpace.draw`."""
        return space.draw(seed, start, stop)


@dataclass(frozen=True)
class Sobol(Design):
    """The first n points of a scrambled Sobol sequence, in random order; best where n is a power of two.

    Their own order would not do: every second row, and with it every tenth, keeps to one half of some parameter's
    range.
    """

    from_prior = True

    @property
    def text(self) -> str:
        """`sobol`."""
        return "sobol"

    def theta(
        self, space: ParameterSpace, seed: int, start: int, stop: int, rows: int
    ) -> Float[np.ndarray, "row parameter"]:
        """Points of the sequence, as shares of the prior. Raises ParameterError for too many parameters."""
        if len(space) > sobol.MOST:
            raise ParameterError(f"a sobol design of {len(space)} free parameters",
                                 remedy=f"use lhs or uniform for more than {sobol.MOST}")  # fmt: skip
        order = draws.words(seed, _ORDER, 0, 1, key_count())[0]
        words = draws.words(seed, _SCRAMBLE, 0, 1, sobol.word_count(len(space)))[0]
        index = permuted(np.arange(start, stop), rows, order)
        return space.quantile(sobol.points(index, len(space), words))


@dataclass(frozen=True)
class LatinHypercube(Design):
    """In each of n strata of equal share in the prior, one row for every parameter (McKay et al. 1979)."""

    from_prior = True

    @property
    def text(self) -> str:
        """`lhs`."""
        return "lhs"

    def theta(
        self, space: ParameterSpace, seed: int, start: int, stop: int, rows: int
    ) -> Float[np.ndarray, "row parameter"]:
        """A random order of the strata for each parameter, and a random place within."""
        keys = draws.words(seed, _STRATA, 0, len(space), key_count())
        within = draws.shares(seed, _WITHIN, start, stop, len(space))
        index = np.arange(start, stop)
        strata = [permuted(index, rows, key) for key in keys]
        return space.quantile((np.reshape(strata, (len(space), len(index))).T + within) / rows)


@dataclass(frozen=True)
class Table(Design):
    """Parameter sets that were given, in their order: `values` [row, parameter] in physical units, of a file."""

    from_prior = False
    file: str  # its name
    sha256: str
    values: Float[np.ndarray, "row parameter"] = field(compare=False, repr=False)

    @property
    def text(self) -> str:
        """`table:` and the name of the file."""
        return f"table:{self.file}"

    def theta(
        self, space: ParameterSpace, seed: int, start: int, stop: int, rows: int
    ) -> Float[np.ndarray, "row parameter"]:
        """The rows themselves."""
        return np.array(self.values[start:stop], dtype=np.float64)

    def rows(self, space: ParameterSpace) -> int:
        """The rows of the table."""
        return len(self.values)

    def to_json(self) -> dict[str, Any]:
        """The table by its name and its sha256."""
        return {"kind": "table", "file": self.file, "sha256": self.sha256}


@dataclass(frozen=True)
class Grid(Design):
    """Every combination of `points` values of each parameter, even on its scale from low to high; the last parameter
    varies fastest."""

    from_prior = False
    points: int

    @property
    def text(self) -> str:
        """`grid:` and the number of points."""
        return f"grid:{self.points}"

    def theta(
        self, space: ParameterSpace, seed: int, start: int, stop: int, rows: int
    ) -> Float[np.ndarray, "row parameter"]:
        """The digits of the row's number, in base `points`, are the places on the axes."""
        index = np.arange(start, stop)
        places = [index // self.points**k % self.points for k in reversed(range(len(space)))]
        unit = _even(self.points)
        return space.to_theta(unit[np.reshape(places, (len(space), len(index))).T])

    def rows(self, space: ParameterSpace) -> int:
        """`points` to the number of parameters."""
        return int(self.points ** len(space))

    def to_json(self) -> dict[str, Any]:
        """With the number of points."""
        return {"kind": "grid", "points": self.points}


@dataclass(frozen=True)
class Sweep(Design):
    """One parameter after the other at `points` values, even on its scale from low to high, the others at the cell's
    own: `own`, in physical units."""

    from_prior = False
    points: int
    own: tuple[float, ...]

    @property
    def text(self) -> str:
        """`sweep:` and the number of points."""
        return f"sweep:{self.points}"

    def theta(
        self, space: ParameterSpace, seed: int, start: int, stop: int, rows: int
    ) -> Float[np.ndarray, "row parameter"]:
        """Row k of parameter j is row j * points + k."""
        index = np.arange(start, stop)
        axes = space.to_theta(np.repeat(_even(self.points)[:, None], len(space), axis=1))  # [point, parameter]
        theta = np.tile(np.array(self.own, dtype=np.float64), (len(index), 1))
        which, place = index // self.points, index % self.points
        theta[np.arange(len(index)), which] = axes[place, which]
        return theta

    def rows(self, space: ParameterSpace) -> int:
        """`points` for each parameter."""
        return self.points * len(space)

    def to_json(self) -> dict[str, Any]:
        """With the number of points and the cell's own values."""
        return {"kind": "sweep", "points": self.points, "own": list(self.own)}


def _even(points: int) -> Float[np.ndarray, " point"]:
    """So many places from -1 to 1, both included."""
    return np.linspace(-1.0, 1.0, points)
