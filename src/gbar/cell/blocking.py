"""What a drug may block of a cell: conductances, permeabilities, and what scales a current and does nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gbar import units
from gbar.cell.painted import Painted
from gbar.cell.region import Region
from gbar.errors import ProtocolError, UnitError
from gbar.mechanism import Mechanism, MechanismParameter
from gbar.nmodl.degree import degrees, results
from gbar.parameters import ParameterSpace
from gbar.protocol.condition import Block, reached

_BLOCKED = ("S/cm2", "S", "cm/s")
_SCALING = ("1", "mA/cm2")


def check_block(block: Block, regions: Iterable[Region], space: ParameterSpace) -> None:
    """Raises ProtocolError for a block of what no drug blocks, and for one that leaves less than the mod file allows.

    A free parameter is looked at at both ends of its range; what a profile leaves is known by the compartments only.
    """
    every = {f"{name}_{painted.mechanism.name}.{region}": (painted, p) for name, painted, region, p in _each(regions)}
    for name in reached(block.quantity, every):
        painted, parameter = every[name]
        if not is_blocked(painted.mechanism, parameter):
            kind = f"is in {unit}" if (unit := parameter.unit.strip("() ")) else "has no unit and scales no current"
            heads = dict.fromkeys(other.partition(".")[0] for other, one in every.items()
                                  if is_blocked(one[0].mechanism, one[1]))  # fmt: skip
            what = f"{block.quantity} {kind}; a drug blocks conductances, permeabilities, and what scales a current"
            raise ProtocolError(what, remedy=f"block one of: {', '.join(heads) or 'none'}")
        named = (name, name.rpartition(".")[0]) if parameter.scope == "global" else (name,)
        ranges = [(p.low, p.high) for p in space.parameters if not set(named).isdisjoint(p.targets)]
        stated = painted.value(parameter.name)
        values = ranges[0] if ranges else (stated,) if isinstance(stated, float) else ()
        for value in values:
            check_left(block, name, value * block.share, parameter, painted.mechanism.file.name)


def check_left(block: Block, name: str, left: float, parameter: MechanismParameter, file: str) -> None:
    """Raises ProtocolError where a block leaves a value that the mod file does not allow."""
    low, high = parameter.limits
    if not low <= left <= high:
        what = f"{block.percent:g} % less of {name} may leave {units.format(left, parameter.unit.strip('() '))}"
        raise ProtocolError(f"{what}, {file} allows {low:g} to {high:g}",
                            remedy="block less, or widen the limits in the mod file")  # fmt: skip


def is_blocked(mechanism: Mechanism, parameter: MechanismParameter) -> bool:
    """Whether a drug may block a parameter.

    A conductance (per area, or not) and a permeability, by its unit; and a number without a unit (or with one that gbar
    does not know) or a current per area, such as a pump's largest one, where it scales a current.
    """
    try:
        dimension = units.parse(parameter.unit).dimension
    except UnitError:
        return scales_a_current(mechanism, parameter.name)
    if any(dimension == units.parse(unit).dimension for unit in _BLOCKED):
        return True
    scaling = any(dimension == units.parse(unit).dimension for unit in _SCALING)
    return scaling and scales_a_current(mechanism, parameter.name)


def scales_a_current(mechanism: Mechanism, name: str) -> bool:
    """Whether a parameter is a factor of every current that it is in, of one at least, and moves no state."""
    known: dict[str, int | None] = {name: 1}
    for block in (mechanism.initial, mechanism.advance):
        for variable, degree in results(block, degrees(block, known)).items():
            if variable in mechanism.states and degree != 0:
                return False
            known[variable] = degree if known.get(variable, degree) == degree else None
    found = results(mechanism.breakpoint, degrees(mechanism.breakpoint, known))
    currents = [found.get(current.name, 0) for current in mechanism.currents]
    return 1 in currents and set(currents) <= {0, 1}


def _each(regions: Iterable[Region]) -> Iterator[tuple[str, Painted, str, MechanismParameter]]:
    for region in regions:
        for painted in region.mechanisms:
            for name, parameter in painted.parameters.items():
                yield name, painted, region.name, parameter
