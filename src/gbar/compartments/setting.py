"""The quantities that depend on free parameters, computed for many parameter sets at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from gbar.cell import Profile
from gbar.compartments.shape import Dimensions, Shape


@dataclass(frozen=True)
class Copies:
    """Quantities that are free parameters themselves."""

    quantities: tuple[int, ...]
    columns: tuple[int, ...]  # of theta

    def values(self, theta: Float[np.ndarray, "row parameter"], size: Dimensions) -> Float[np.ndarray, "quantity row"]:
        """Their values, [quantity, row]."""
        return theta.T[list(self.columns)]


@dataclass(frozen=True)
class Profiled:
    """A parameter of a mechanism over nodes of a region, by its profile."""

    quantities: tuple[int, ...]
    nodes: Int[np.ndarray, " quantity"]
    profile: Profile
    columns: Mapping[str, int]  # coefficient -> column of theta

    def values(self, theta: Float[np.ndarray, "row parameter"], size: Dimensions) -> Float[np.ndarray, "quantity row"]:
        """Its values, [quantity, row]."""
        coefficients = {name: theta[:, column] for name, column in self.columns.items()}
        across = np.zeros(len(theta))
        return self.profile.at(size.distance[self.nodes] + across, size.diam[self.nodes] + across, coefficients)


@dataclass(frozen=True)
class Sizes:
    """The areas (um2) or the diameters (um) of nodes."""

    quantities: tuple[int, ...]
    nodes: Int[np.ndarray, " quantity"]
    kind: str  # area or diam

    def values(self, theta: Float[np.ndarray, "row parameter"], size: Dimensions) -> Float[np.ndarray, "quantity row"]:
        """Their values, [quantity, row]."""
        values: Float[np.ndarray, "quantity row"] = getattr(size, self.kind)[self.nodes]
        return values


@dataclass(frozen=True)
class Axial:
    """The conductances (uS) of nodes to their parents, by the resistivity Ra (ohm cm) of each and its free column."""

    quantities: tuple[int, ...]
    nodes: Int[np.ndarray, " quantity"]
    Ra: Float[np.ndarray, " quantity"]
    columns: Int[np.ndarray, " quantity"]  # of theta; -1 where Ra is not free

    def values(self, theta: Float[np.ndarray, "row parameter"], size: Dimensions) -> Float[np.ndarray, "quantity row"]:
        """Their values, [quantity, row]."""
        Ra = np.repeat(self.Ra[:, None], len(theta), axis=1)
        free = self.columns >= 0
        Ra[free] = theta.T[self.columns[free]]
        conductance: Float[np.ndarray, "quantity row"] = 1.0 / (Ra * size.resistance[self.nodes])
        return conductance


Group = Copies | Profiled | Sizes | Axial
Settings = Callable[[Float[np.ndarray, "row parameter"]], Float[np.ndarray, "row setting"]]


@dataclass(frozen=True, eq=False)
class GroupedSetting:
    """The values of all quantities that depend on theta, a group of them at a time.

    `settings` gives theta [row, parameter] with the values of the cell's formulas as more columns behind it.
    """

    shape: Shape
    groups: tuple[Group, ...]
    settings: Settings

    @property
    def varying(self) -> tuple[int, ...]:
        """The indices of the quantities, in the order of the values."""
        return tuple(index for group in self.groups for index in group.quantities)

    def __call__(self, theta: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "varying row"]:
        """Their values for parameter sets; NaN or infinite where a parameter set is none."""
        theta = self.settings(np.asarray(theta, dtype=np.float64))
        with np.errstate(all="ignore"):
            size = self.shape.at(theta)
            parts = [group.values(theta, size) for group in self.groups]
        return np.concatenate(parts) if parts else np.empty((0, len(theta)))
