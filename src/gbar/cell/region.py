"""The membrane and cytoplasm of a region of the cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from gbar.cell.ions import DEFAULTS, IonUse, ion_uses
from gbar.cell.painted import Painted
from gbar.document import nearest
from gbar.errors import CellError

_TYPICAL = {"ena": 50, "ek": -90, "eca": 140}  # mV, to show the form in messages


@dataclass(frozen=True)
class Region:
    """The membrane of a region: capacitance, mechanisms, axial resistivity, and what its mechanisms need of their ions.

    `reversals` (`{"ena": 50.0}`) are the reversal potentials in mV that mechanisms read and that do not follow from
    concentrations; `concentrations` (`{"cai": 5e-5}`) in mM are those inside and outside at initialisation, where a
    mechanism reads or writes them or Nernst's equation needs them. `fixed` names reversal potentials that keep their
    stated value although NEURON would compute them, as after hoc's `ion_style("ca_ion", 0, 1, 0, 0, 0)`. `Ra` is needed
    where a cell has more than one compartment. Raises CellError.
    """

    name: str
    cm: float  # uF/cm2
    mechanisms: tuple[Painted, ...]
    reversals: Mapping[str, float] = field(default_factory=dict)  # mV
    Ra: float | None = None  # ohm cm
    concentrations: Mapping[str, float] = field(default_factory=dict)  # mM
    fixed: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "mechanisms", tuple(self.mechanisms))
        object.__setattr__(self, "fixed", frozenset(self.fixed))
        for name in ("reversals", "concentrations"):
            object.__setattr__(self, name, {ion: float(value) for ion, value in getattr(self, name).items()})
        if not (math.isfinite(self.cm) and self.cm > 0):
            raise CellError(f"cm.{self.name} is {self.cm} uF/cm2", remedy="give a capacitance above 0")
        if self.Ra is not None and not (math.isfinite(self.Ra) and self.Ra > 0):
            raise CellError(f"Ra.{self.name} is {self.Ra} ohm cm", remedy="give a resistivity above 0")
        names = [painted.mechanism.name for painted in self.mechanisms]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise CellError(
                    f"{name} is painted twice on {self.name}", remedy="paint it once, with the sum of the densities"
                )
        for name, value in self.reversals.items():
            if not math.isfinite(value):
                raise CellError(f"{name}.{self.name} is {value}", remedy="give a finite reversal potential in mV")
        for name, value in self.concentrations.items():
            if not (math.isfinite(value) and value > 0):
                raise CellError(f"{name}.{self.name} is {value} mM", remedy="give a concentration above 0")
        for use in self.ions.values():
            self._check_ion(use)
        self._check_stated()

    @property
    def ions(self) -> dict[str, IonUse]:
        """What the mechanisms do with each ion, by the ion's name."""
        return ion_uses(painted.mechanism for painted in self.mechanisms)

    def _check_ion(self, use: IonUse) -> None:
        fixed = use.e in self.fixed
        if use.uses_e and use.e not in self.reversals and (use.nernst == "never" or fixed):
            raise CellError(
                f"{use.why(use.e)}, which the cell does not state",
                remedy=f"add `{use.e}: {_TYPICAL.get(use.e, 0)} mV` under regions.{self.name}.reversals",
            )
        if use.nernst != "never" and use.e in self.reversals and not fixed:
            user = next((who for name, who in use.readers if name in (use.inside, use.outside)), "a mechanism")
            raise CellError(
                f"{use.e} of {self.name} follows from {use.inside} and {use.outside}, since {user} uses them",
                remedy=f"take {use.e} out, or write `{use.e}: {{fixed: {self.reversals[use.e]:g} mV}}` to keep it",
            )
        for name in use.needed(fixed):
            if name not in self.concentrations:
                raise CellError(
                    f"{use.why(name)}, which the cell does not state",
                    remedy=f"add `{name}: {DEFAULTS.get(name, 1.0):g} mM` (NEURON's default) under "
                    f"regions.{self.name}.concentrations",
                )

    def _check_stated(self) -> None:
        uses = self.ions.values()
        read = [use.e for use in uses if use.uses_e]
        for name in (*self.reversals, *self.fixed):
            if name not in read:
                raise CellError(
                    f"no mechanism of {self.name} reads {name}",
                    remedy=f"{nearest(name, read)}take it out; those read are: {', '.join(read) or 'none'}",
                )
        needed = [name for use in uses for name in use.needed(use.e in self.fixed)]
        for name in self.concentrations:
            if name not in needed:
                raise CellError(
                    f"nothing of {self.name} needs {name}",
                    remedy=f"{nearest(name, needed)}take it out; those needed are: {', '.join(needed) or 'none'}",
                )
