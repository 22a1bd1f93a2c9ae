"""GLOBAL variables of mechanisms: one value for the whole cell, wherever it was stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gbar.cell.painted import Painted
from gbar.cell.profile import Profile
from gbar.cell.region import Region
from gbar.errors import CellError


def global_names(region: Region) -> set[str]:
    """The GLOBAL parameters of a region's mechanisms, as in `q10_na`."""
    return {
        f"{name}_{painted.mechanism.name}"
        for painted in region.mechanisms
        for name, parameter in painted.parameters.items()
        if parameter.scope == "global"
    }


def agreed(regions: tuple[Region, ...]) -> tuple[Region, ...]:
    """The regions with one value of every GLOBAL variable; refuses two mechanisms of one name, and two values."""
    files: dict[str, Painted] = {}
    said: dict[str, tuple[str, float]] = {}  # gnabar_hh -> region, value
    for region in regions:
        for painted in region.mechanisms:
            mechanism = painted.mechanism
            first = files.setdefault(mechanism.name, painted).mechanism
            if first.digest != mechanism.digest:
                raise CellError(f"two mechanisms are called {mechanism.name}: {first.file} and {mechanism.file}",
                                remedy="use one, or give one of them another SUFFIX")  # fmt: skip
            for name, value in painted.values.items():
                label = f"{name}_{mechanism.name}"
                if label not in global_names(region) or isinstance(value, Profile):
                    continue
                other, earlier = said.setdefault(label, (region.name, value))
                if earlier != value:
                    raise CellError(
                        f"{label} is GLOBAL, one value for the cell, "
                        f"but {earlier:g} in {other} and {value:g} in {region.name}",
                        remedy="state one value, or declare it RANGE in the mod file",
                    )
    return tuple(_with_globals(region, said) for region in regions)


def _with_globals(region: Region, said: Mapping[str, tuple[str, float]]) -> Region:
    mechanisms = []
    for painted in region.mechanisms:
        missing = {
            name: said[label][1]
            for name, parameter in painted.parameters.items()
            if parameter.scope == "global"
            and name not in painted.values
            and (label := f"{name}_{painted.mechanism.name}") in said
        }
        mechanisms.append(replace(painted, values=dict(painted.values) | missing) if missing else painted)
    return replace(region, mechanisms=tuple(mechanisms)) if tuple(mechanisms) != region.mechanisms else region
