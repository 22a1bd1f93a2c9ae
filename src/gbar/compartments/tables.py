"""A cell lowered to tables: every quantity in one order, what the free parameters set, which mechanism reads what.

Description only: nothing here computes a time step. `kernel` turns these tables into code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from gbar.errors import ProtocolError
from gbar.mechanism import Mechanism
from gbar.parameters import ParameterSpace
from gbar.protocol import Block
from gbar.protocol.condition import remaining

Setting = Callable[[Float[np.ndarray, "row parameter"]], Float[np.ndarray, "varying row"]]


@dataclass(frozen=True)
class Quantity:
    """A number that the cell's equations read: `gnabar_hh.soma`, `ena.soma`, `cm.soma`, `area.soma`, `celsius`."""

    name: str
    value: float  # where no free parameter sets it


class Reversal(Enum):
    """Where an ion's reversal potential comes from, as NEURON's ion styles say."""

    STATED = "stated"  # the quantity `e` of the pool, constant
    AT_START = "at start"  # Nernst's equation at initialisation, constant afterwards
    ALWAYS = "always"  # Nernst's equation at initialisation and at the start of every step


@dataclass(frozen=True)
class Pool:
    """An ion in a compartment: its reversal potential in mV, its concentrations in mM, and the sum of its currents.

    The indices are of quantities: the values at initialisation, before any INITIAL block. A concentration that a
    mechanism of the compartment writes changes; all others stay.
    """

    ion: str
    valence: float
    reversal: Reversal
    e: int | None  # quantity, mV; None where `reversal` is not STATED
    ci: int | None  # quantity, mM; None where nothing needs it
    co: int | None  # quantity, mM


@dataclass(frozen=True)
class Instance:
    """A mechanism in a compartment, and the quantity that each of its parameters is.

    Bound are its parameters, and `area` (um2) and `diam` (um) where it reads them. The variables of ions come from the
    compartment's pools.
    """

    mechanism: Mechanism
    bindings: tuple[tuple[str, int], ...]  # (variable of the mechanism, index of a quantity)


@dataclass(frozen=True)
class Compartment:
    """An isopotential piece of membrane, or a point without membrane where sections meet.

    Compartments form a tree: a parent stands before its children, and the first is the root. `instances` are in the
    order in which NEURON calls them: mechanisms that write a concentration first.
    """

    section: str
    x: float  # place along the section, 0 to 1
    region: str
    parent: int  # compartment; -1 for the root
    axial: int | None  # quantity, uS: the conductance to the parent; None for the root
    area: int | None  # quantity, um2; None where there is no membrane
    cm: int | None  # quantity, uF/cm2
    instances: tuple[Instance, ...] = ()
    pools: tuple[Pool, ...] = ()


@dataclass(frozen=True)
class Site:
    """Something that is recorded, and a place where current can be injected.

    `variable` is `v` (mV), a variable of a pool (`cai`, `eca`, `ica`), or a state, current or ASSIGNED variable of a
    mechanism with its SUFFIX behind it (`m_hh`, `i_pas`), as NEURON names it.
    """

    name: str
    compartment: int
    variable: str = "v"
    unit: str = "mV"


@dataclass(frozen=True)
class Compartments:
    """A cell as tables.

    `varying` are the indices of the quantities that depend on free parameters; `setting(theta)` gives their values,
    [varying, row], for parameter sets theta [row, parameter]. `sites` are recorded; `places` are the names and
    compartments at which a stimulus may act, its own waveform at the first: those of `sites` unless stated.
    `parameters` are those of mechanisms by region: of a profile a quantity for each compartment.
    """

    cell: str
    quantities: tuple[Quantity, ...]
    celsius: int  # quantity, degC
    compartments: tuple[Compartment, ...]
    sites: tuple[Site, ...]
    space: ParameterSpace
    varying: tuple[int, ...]
    setting: Setting = field(compare=False)
    places: tuple[tuple[str, int], ...] = ()
    parameters: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # `gbar_na.soma` -> quantities
    limits: Mapping[int, tuple[float, float]] = field(
        default_factory=dict
    )  # of quantities, where mod files declare any

    def __post_init__(self) -> None:
        if not self.places:
            object.__setattr__(self, "places", tuple((site.name, site.compartment) for site in self.sites))

    @cached_property
    def values(self) -> Float[np.ndarray, " quantity"]:
        """The value of every quantity where no free parameter sets it."""
        return np.array([q.value for q in self.quantities], dtype=np.float64)

    def at(self, theta: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "quantity row"]:
        """The value of every quantity for every parameter set."""
        values = np.repeat(self.values[:, None], len(theta), axis=1)
        values[list(self.varying)] = self.setting(np.asarray(theta, dtype=np.float64))
        return values

    @cached_property
    def _limited(
        self,
    ) -> tuple[Int[np.ndarray, " limited"], Float[np.ndarray, "limited 1"], Float[np.ndarray, "limited 1"]]:
        """Which of the varying quantities have limits, and these."""
        found = [(row, *self.limits[quantity]) for row, quantity in enumerate(self.varying) if quantity in self.limits]
        rows, low, high = (np.array([entry[k] for entry in found]) for k in range(3))
        return rows.astype(np.int64), low.astype(np.float64)[:, None], high.astype(np.float64)[:, None]

    def within(self, varying: Float[np.ndarray, "varying row"]) -> Bool[np.ndarray, " row"]:
        """Which rows keep within the limits that mod files declare. What is no number is not looked at."""
        rows, low, high = self._limited
        values = varying[rows]
        return ~((values < low) | (values > high)).any(axis=0)

    def under(self, blocks: tuple[Block, ...]) -> Compartments:
        """The same cell where blocks leave less of the parameters of its mechanisms, be they free or not.

        Raises ProtocolError for a block of what the cell does not have, or that leaves what a mod file does not allow.
        """
        if not blocks:
            return self
        share = np.ones(len(self.quantities))
        for index, left in remaining(blocks, self.parameters).items():
            share[index] = left
            self._check_left(index, left)
        table = zip(self.quantities, share.tolist(), strict=True)
        left_of_varying, setting = share[list(self.varying), None], self.setting
        return replace(
            self,
            quantities=tuple(replace(quantity, value=quantity.value * left) for quantity, left in table),
            setting=lambda theta: left_of_varying * setting(theta),
        )

    def _check_left(self, index: int, left: float) -> None:
        """Refuses a share of a quantity, of those that do not vary, that is beyond its limits."""
        quantity, (low, high) = self.quantities[index], self.limits.get(index, (-np.inf, np.inf))
        if not low <= left * quantity.value <= high and index not in self.varying:
            what = f"a block leaves {left * quantity.value:g} of {quantity.name}"
            raise ProtocolError(f"{what}, its mod file allows {low:g} to {high:g}", remedy="block less")
