"""What a site can record: the variables of its region, by the names that NEURON gives them."""

from __future__ import annotations

from gbar.cell.region import Region
from gbar.cell.site import Site
from gbar.document import listed, nearest
from gbar.errors import CellError


def check_variable(site: Site, region: Region) -> None:
    """Raises CellError where a site records what its region does not have."""
    known = variables(region)
    if site.variable not in known:
        raise CellError(
            f"the site {site.name} records {site.variable!r}, which {region.name} does not have",
            remedy=f"{nearest(site.variable, known)}it has: {listed(known)}",
        )


def variables(region: Region) -> dict[str, str]:
    """What can be recorded in a region, as NEURON names it (`v`, `cai`, `ica`, `m_hh`, `i_pas`), with the unit."""
    found = {"v": "mV"}
    for use in region.ions.values():
        for name in sorted(use.reads | use.writes | set(use.needed(use.e in region.fixed))):
            found[name] = "mV" if name == use.e else "mA/cm2" if name == f"i{use.name}" else "mM"
    for painted in region.mechanisms:
        mechanism, unit = painted.mechanism, dict(painted.mechanism.units)
        currents = [current.name for current in mechanism.currents]
        for name in (*mechanism.states, *mechanism.assigned, *currents):
            if name not in mechanism.ion_variables:
                found.setdefault(_labelled(name, mechanism.name), _plain(unit.get(name, "")) or
                                 ("mA/cm2" if name in currents else ""))  # fmt: skip
    return found


def _labelled(name: str, suffix: str) -> str:
    """`m_hh`; of an element of an array `s_kin[0]`."""
    head, bracket, index = name.partition("[")
    return f"{head}_{suffix}{bracket}{index}"


def _plain(unit: str) -> str:
    return unit.strip("() ")
