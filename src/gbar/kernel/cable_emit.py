"""The modules of a kernel of many compartments, and the layout of the tables that they expect."""

from __future__ import annotations

from dataclasses import dataclass

from gbar.kernel import cable_text
from gbar.kernel.cable_mechanism import MechanismLayout, MechanismText
from gbar.kernel.pattern import Pattern


@dataclass(frozen=True)
class Layout:
    """What the tables of a kernel have to hold."""

    pattern: Pattern
    lanes: int
    node: int  # slots of a compartment
    area: int | None  # the slots of what varies from lane to lane
    capacity: int | None
    axial: int | None
    mechanisms: tuple[MechanismLayout, ...]


@dataclass(frozen=True)
class Modules:
    """The texts: `run` has the time loop, those of mechanisms `initial`, `currents`, `advance` and `step`, or
    some of them."""

    run: str
    mechanisms: tuple[str, ...]


def emit_cable(pattern: Pattern, precision: str, lanes: int) -> tuple[Modules, Layout]:
    """The source texts for a pattern of cells, and the layout of its tables.

    `precision` is "float32" or "float64", `lanes` the width of a block, a power of two.
    """
    slot = cable_text.ERROR + 1
    area = capacity = axial = None
    if pattern.membrane_varies:
        area, capacity, slot = slot, slot + 1, slot + 2
    if pattern.axial_varies:
        axial, slot = slot, slot + 1
    mechanisms = [MechanismText(mechanism, precision, lanes, area) for mechanism in pattern.mechanisms]
    run = cable_text.run_text(precision, lanes, slot, {"g": axial, "capacity": capacity})
    layout = Layout(pattern, lanes, slot, area, capacity, axial, tuple(m.layout for m in mechanisms))
    return Modules(run, tuple(m.text() for m in mechanisms)), layout
