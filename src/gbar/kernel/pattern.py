"""What a kernel of many compartments depends on: which mechanisms, which variables of ions are kept, what varies.

The morphology is not in it, nor any value: one kernel serves every cell of the same pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

from gbar.compartments import Compartments, Instance, Pool, Reversal
from gbar.errors import CellError, InternalError
from gbar.kernel.instance import moving
from gbar.mechanism import Mechanism


@dataclass(frozen=True)
class IonPattern:
    """An ion whose variables change in time, or are recorded: they lie in tables, for every pool and lane."""

    name: str
    variables: tuple[str, ...]  # of e, ci, co and the total current, those that lie in tables
    follows: bool  # the reversal potential follows the concentrations, at the start at least


@dataclass(frozen=True)
class MechanismPattern:
    """A mechanism: which of its constants are one number, which are one number a lane, what is recorded of it.

    `pooled` are the variables of ions that it finds in tables.
    """

    mechanism: Mechanism
    fixed: tuple[str, ...]
    lanes: tuple[str, ...]
    pooled: tuple[str, ...]
    recorded: tuple[str, ...]


@dataclass(frozen=True)
class Pattern:
    """The mechanisms in the order in which they are called, the ions, and whether the cable's constants vary."""

    mechanisms: tuple[MechanismPattern, ...]
    ions: tuple[IonPattern, ...]
    membrane_varies: bool  # an area or a capacitance
    axial_varies: bool


def pattern(tables: Compartments) -> Pattern:
    """The pattern of a cell. Raises CellError for a site whose variable there is not."""
    mechanisms = ordered(tables)
    recorded = {(site.compartment, site.variable) for site in tables.sites}
    ions = _ions(tables, mechanisms, {variable for _, variable in recorded})
    pooled = {name for ion in ions for name in ion.variables}
    varying = set(tables.varying)
    found = tuple(_mechanism(tables, m, pooled, varying) for m in mechanisms)
    compartments = tables.compartments
    for site in tables.sites:
        site_variable(tables, site.compartment, site.variable)
    return Pattern(
        found,
        ions,
        any(q in varying for c in compartments for q in (c.area, c.cm)),
        any(c.axial in varying for c in compartments),
    )


def ordered(tables: Compartments) -> tuple[Mechanism, ...]:
    """Every mechanism once, in an order that has that of every compartment in it."""
    mechanisms: dict[str, Mechanism] = {}
    before: dict[str, set[str]] = {}
    for instances in {tuple(i.mechanism.name for i in c.instances): c.instances for c in tables.compartments}.values():
        for k, instance in enumerate(instances):
            name = instance.mechanism.name
            mechanisms.setdefault(name, instance.mechanism)
            before.setdefault(name, set()).update(i.mechanism.name for i in instances[:k])
    order: list[str] = []
    while len(order) < len(mechanisms):
        ready = next((n for n in mechanisms if n not in order and before[n] <= {*order}), None)
        if ready is None:
            raise InternalError("mechanisms stand in different orders in different compartments")
        order.append(ready)
    return tuple(mechanisms[name] for name in order)


def constants(tables: Compartments, instance: Instance, pools: tuple[Pool, ...], pooled: set[str]) -> dict[str, int]:
    """The quantity of everything that a mechanism reads and that does not change."""
    known = dict(instance.bindings)
    for ion in instance.mechanism.ions:
        held = {*ion.reads, *ion.writes} - pooled
        for pool in pools:
            if pool.ion == ion.name:
                known |= {name: q for name, q in quantities(pool).items() if name in held and q is not None}
    known["celsius"] = tables.celsius
    return known


def variables(ion: str) -> tuple[str, ...]:
    """An ion's variables in the order in which a pool has them: reversal potential, concentrations, total current."""
    return f"e{ion}", f"{ion}i", f"{ion}o", f"i{ion}"


def quantities(pool: Pool) -> dict[str, int | None]:
    """The quantities that a pool's variables start from."""
    return dict(zip(variables(pool.ion), (pool.e, pool.ci, pool.co), strict=False))


def site_variable(tables: Compartments, compartment: int, variable: str) -> tuple[str, str]:
    """Where a recorded variable is: ("v", ""), ("ion", its name), or (a mechanism's name, the variable's)."""
    if variable == "v":
        return "v", ""
    place = tables.compartments[compartment]
    if variable in {name for pool in place.pools for name in variables(pool.ion)}:
        return "ion", variable
    for instance in place.instances:
        m = instance.mechanism
        own = variable.removesuffix(f"_{m.name}")
        if own != variable and own in {*m.states, *m.assigned, *(c.name for c in m.currents)}:
            return m.name, own
    raise CellError(
        f"{tables.cell} has no variable {variable} to record at {place.section}({place.x:g})",
        remedy="record v, an ion's variable (cai, eca, ica), or a state or current with its SUFFIX (m_hh, i_pas)",
    )


def _mechanism(tables: Compartments, mechanism: Mechanism, pooled: set[str], varying: set[int]) -> MechanismPattern:
    names: dict[str, bool] = {}
    for place in tables.compartments:
        for instance in place.instances:
            if instance.mechanism.name == mechanism.name:
                for name, q in constants(tables, instance, place.pools, pooled).items():
                    names[name] = names.get(name, False) or q in varying
    recorded = dict.fromkeys(
        own
        for s in tables.sites
        for m, own in [site_variable(tables, s.compartment, s.variable)]
        if m == mechanism.name
    )
    held = dict.fromkeys(name for ion in mechanism.ions for name in (*ion.reads, *ion.writes) if name in pooled)
    return MechanismPattern(
        mechanism,
        tuple(name for name, varies in names.items() if not varies),
        tuple(name for name, varies in names.items() if varies),
        tuple(held),
        tuple(recorded),
    )


def _ions(tables: Compartments, mechanisms: tuple[Mechanism, ...], recorded: set[str]) -> tuple[IonPattern, ...]:
    """The ions with variables in tables; the other variables are constants of the mechanisms that read them."""
    read = {name for m in mechanisms for ion in m.ions for name in ion.reads}
    written = {name for m in mechanisms for name in moving(m)}
    pools: dict[str, list[Pool]] = {}
    for place in tables.compartments:
        for pool in place.pools:
            pools.setdefault(pool.ion, []).append(pool)
    ions = []
    for ion, found in pools.items():
        e, ci, co, i = variables(ion)
        follows = any(pool.reversal is not Reversal.STATED for pool in found) and (e in read or e in recorded)
        kept = [name for name in (e, ci, co) if name in written or name in recorded]
        kept += [name for name in (e, ci, co) if follows and name not in kept]
        kept += [i] if i in read or i in recorded else []
        if kept:
            ions.append(IonPattern(ion, tuple(kept), follows))
    return tuple(ions)
