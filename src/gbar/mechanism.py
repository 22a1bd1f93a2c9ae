"""One parsed NMODL density mechanism: its variables, ions and equations, ready to be emitted or interpreted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gbar.nmodl.tree import Block


@dataclass(frozen=True)
class MechanismParameter:
    """A PARAMETER: its default value in the unit that the file states; RANGE, GLOBAL or neither (then private, fixed)."""

    name: str
    value: float
    unit: str
    scope: str  # "range", "global" or "private"
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Ion:
    """USEION: variables of the ion that are read (ek, ki, ...) and written (ik, ...)."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True)
class Current:
    """A membrane current density in mA/cm2, outward positive; `ion` is None for a NONSPECIFIC_CURRENT."""

    name: str
    ion: str | None


@dataclass(frozen=True)
class Mechanism:
    """A density mechanism after all passes.

    `initial` gives states and ASSIGNED variables their values at v_init. `breakpoint` gives the currents (its results
    hold every current, by name) at the voltage v and the present states, without SOLVE. `slope` holds d(current)/dv for
    every current (results by the current's name); its code may read names assigned in `breakpoint.code`, which comes before it.
    `affine`: every current is affine in v, so that `slope` is exact for any step of v. `advance` moves the states by dt at the
    new voltage (results: states and whatever ASSIGNED variables DERIVATIVE leaves).
    """

    name: str  # SUFFIX
    file: Path
    digest: str  # sha256 of the file
    title: str
    parameters: tuple[MechanismParameter, ...]
    states: tuple[str, ...]
    assigned: tuple[str, ...]  # ASSIGNED and file-scope LOCAL variables that keep a value between blocks
    units: tuple[tuple[str, str], ...]  # (variable, unit as written), for every variable that has one
    ions: tuple[Ion, ...]
    currents: tuple[Current, ...]
    initial: Block
    breakpoint: Block
    slope: Block
    affine: bool
    advance: Block
