"""From the description of a cell to its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Int

from gbar.cell import At, Cell, IonUse, Painted, Profile, Region, variables
from gbar.cell.profile import VALUE
from gbar.compartments.setting import Axial, Copies, Group, GroupedSetting, Profiled, Settings, Sizes
from gbar.compartments.shape import Shape
from gbar.compartments.tables import Compartment, Compartments, Instance, Pool, Quantity, Reversal, Site
from gbar.nmodl.prune import inputs

_REVERSALS = {"never": Reversal.STATED, "at start": Reversal.AT_START, "always": Reversal.ALWAYS}
UNLIMITED = (-np.inf, np.inf)
_BUILT_INTO_NEURON = ("pas", "hh")  # which come before all mod files, in this order


def lower(cell: Cell) -> Compartments:
    """The tables of a cell. Raises CellError where a profile has no value, or one that its parameter may not have."""
    return _Lowering(cell).tables()


def in_order(mechanisms: tuple[Painted, ...]) -> tuple[Painted, ...]:
    """The mechanisms of a region as NEURON calls them, if it is given their mod files in one folder, by SUFFIX.

    Those that write a concentration come first, the last one first (`nrn_writes_conc`); then all others in the order of
    their names, `pas` and `hh` before them.
    """

    def rank(painted: Painted) -> tuple[int, str]:
        name = painted.mechanism.name
        first = _BUILT_INTO_NEURON.index(name) if name in _BUILT_INTO_NEURON else len(_BUILT_INTO_NEURON)
        return first, name

    ordered = sorted(mechanisms, key=rank)
    writers = [painted for painted in ordered if any(ion.changes for ion in painted.mechanism.ions)]
    return (*reversed(writers), *(painted for painted in ordered if painted not in writers))


class _Table:
    """Quantities in order, and which of them are columns of theta themselves."""

    def __init__(self, columns: Mapping[str, int]) -> None:
        self.columns = columns  # of what free parameters and formulas set
        self.index: dict[str, int] = {}
        self.values: list[float] = []
        self.copies: dict[int, int] = {}  # quantity -> column
        self.groups: list[Group] = []

    def fixed(self, name: str, value: float) -> int:
        """The quantity of a name, with its value where no free parameter sets it."""
        if name not in self.index:
            self.index[name] = len(self.values)
            self.values.append(float(value))
        return self.index[name]

    def shared(self, name: str, value: float) -> int:
        """The same, of a quantity that a free parameter of its own name may set."""
        index = self.fixed(name, value)
        if name in self.columns:
            self.copies[index] = self.columns[name]
        return index

    def setting(self, shape: Shape, settings: Settings) -> GroupedSetting:
        """What computes the quantities that depend on theta."""
        copies = Copies(tuple(self.copies), tuple(self.copies.values()))
        return GroupedSetting(shape, ((copies,) if self.copies else ()) + tuple(self.groups), settings)


class _Lowering:
    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        columns = cell.columns
        self.table = _Table(columns)
        self.parameters: dict[str, tuple[int, ...]] = {}  # of mechanisms, by region
        self.limits: dict[int, tuple[float, float]] = {}  # of quantities
        self.shape = Shape.of(cell, columns)
        self.nodes = self.shape.nodes
        sections = cell.morphology.sections
        places = zip(self.nodes.section, self.nodes.x, strict=True)
        self.labels = [f"{sections[i].name}({x:.6g})" for i, x in places]
        self.membrane = self.nodes.area > 0

    def tables(self) -> Compartments:
        celsius = self.table.shared("celsius", self.cell.temperature)
        found: dict[int, Compartment] = {}
        for region in self.cell.regions:
            mine = np.array([i for i, name in enumerate(self.shape.region) if name == region.name], dtype=np.int64)
            found |= self.region(region, mine)
        setting = self.table.setting(self.shape, self.cell.settings)
        table = zip(self.table.index, self.table.values, strict=True)
        sites = {site.name: self.site(site.name, self.cell.place(site), site.variable) for site in self.cell.sites}
        return Compartments(
            cell=self.cell.name,
            quantities=tuple(Quantity(name, value) for name, value in table),
            celsius=celsius,
            compartments=tuple(found[i] for i in range(len(self.labels))),
            sites=tuple(sites[site.name] for site in self.cell.recorded),
            space=self.cell.space,
            varying=setting.varying,
            setting=setting,
            places=tuple((name, site.compartment) for name, site in sites.items()),
            parameters=self.parameters,
            limits=self.limits,
        )

    def region(self, region: Region, nodes: Int[np.ndarray, " node"]) -> dict[int, Compartment]:
        """The compartments of a region, by node."""
        axial = self.axial(region, nodes[self.nodes.parent[nodes] >= 0])
        membrane = nodes[self.membrane[nodes]]
        area = self.areas(region, membrane)
        cm = self.table.shared(f"cm.{region.name}", region.cm)
        pools = tuple(self.pool(region, use) for use in region.ions.values())
        instances = self.instances(region, membrane, area)
        found = {}
        for i in nodes.tolist():
            section = self.cell.morphology.sections[int(self.nodes.section[i])].name
            place = (section, float(self.nodes.x[i]), region.name, int(self.nodes.parent[i]), axial.get(i))
            bare = i not in area
            found[i] = (
                Compartment(*place, None, None) if bare else Compartment(*place, area[i], cm, instances[i], pools)
            )
        return found

    def each(self, head: str, nodes: Int[np.ndarray, " node"], values: Iterable[float]) -> dict[int, int]:
        """A quantity of its own for every node: node -> quantity."""
        pairs = zip(nodes.tolist(), values, strict=True)
        return {i: self.table.fixed(f"{head}.{self.labels[i]}", value) for i, value in pairs}

    def axial(self, region: Region, nodes: Int[np.ndarray, " node"]) -> dict[int, int]:
        if not len(nodes):
            return {}
        Ra = region.Ra or 1.0
        found = self.each("axial", nodes, 1.0 / (Ra * self.nodes.resistance[nodes]))
        column = self.table.columns.get(f"Ra.{region.name}", -1)
        if column >= 0 or region.name in self.shape.scaling:
            stated = (np.full(len(nodes), Ra), np.full(len(nodes), column))
            self.table.groups.append(Axial(tuple(found.values()), nodes, *stated))
        return found

    def areas(self, region: Region, nodes: Int[np.ndarray, " node"]) -> dict[int, int]:
        if len(nodes) == 1:
            name = f"area.{region.name}"
            found = {int(nodes[0]): self.table.shared(name, float(self.nodes.area[nodes[0]]))}
            if name in self.table.columns:
                return found
        else:
            found = self.each("area", nodes, self.nodes.area[nodes])
        if region.name in self.shape.scaling:
            self.table.groups.append(Sizes(tuple(found.values()), nodes, "area"))
        return found

    def diameters(self, region: Region, nodes: Int[np.ndarray, " node"]) -> dict[int, int]:
        known = f"diam.{self.labels[nodes[0]]}" in self.table.index
        found = self.each("diam", nodes, self.nodes.diam[nodes])
        if region.name in self.shape.scaling and not known:
            self.table.groups.append(Sizes(tuple(found.values()), nodes, "diam"))
        return found

    def pool(self, region: Region, use: IonUse) -> Pool:
        fixed = use.e in region.fixed
        e = ci = co = None
        reversal = _REVERSALS[use.nernst] if use.uses_e and not fixed else Reversal.STATED
        if use.uses_e and reversal is Reversal.STATED:
            e = self.table.shared(f"{use.e}.{region.name}", region.reversals[use.e])
        needed = {
            name: self.table.shared(f"{name}.{region.name}", region.concentrations[name]) for name in use.needed(fixed)
        }
        ci, co = needed.get(use.inside), needed.get(use.outside)
        return Pool(use.name, use.valence, reversal, e, ci, co)

    def instances(
        self, region: Region, nodes: Int[np.ndarray, " node"], area: Mapping[int, int]
    ) -> dict[int, tuple[Instance, ...]]:
        """The instances of every node; those of nodes where nothing differs are one object."""
        found: dict[int, list[Instance]] = {i: [] for i in nodes.tolist()}
        for painted in in_order(region.mechanisms):
            same, differing = self.bindings(region, painted, nodes, area)
            alike = Instance(painted.mechanism, tuple(same.items()))
            for i in nodes.tolist():
                own = {name: each[i] for name, each in differing.items()}
                found[i].append(Instance(painted.mechanism, tuple((same | own).items())) if own else alike)
        return {i: tuple(instances) for i, instances in found.items()}

    def bindings(
        self, region: Region, painted: Painted, nodes: Int[np.ndarray, " node"], area: Mapping[int, int]
    ) -> tuple[dict[str, int], dict[str, Mapping[int, int]]]:
        """Which quantity each variable is: of those alike in all nodes, and of those that are not, by node."""
        mechanism = painted.mechanism
        settable = painted.parameters
        provided = painted.provided
        same: dict[str, int] = {}
        differing: dict[str, Mapping[int, int]] = {}
        for parameter in mechanism.parameters:
            name = parameter.name
            label = f"{name}_{mechanism.name}"
            if name in provided:
                continue
            value = painted.value(name) if name in settable else parameter.value
            if isinstance(value, Profile):
                differing[name] = self.profiled(region, painted, name, value, nodes)
            elif name not in settable:
                same[name] = self.table.fixed(label, value)
            else:
                same[name] = self.table.shared(
                    label if parameter.scope == "global" else f"{label}.{region.name}", value
                )
            if name in settable:
                found = differing[name].values() if name in differing else (same[name],)
                self.parameters[f"{label}.{region.name}"] = tuple(found)
                if parameter.limits != UNLIMITED:
                    self.limits |= dict.fromkeys(found, parameter.limits)
        read = (
            inputs(mechanism.initial)
            | inputs(mechanism.breakpoint)
            | inputs(mechanism.slope)
            | inputs(mechanism.advance)
        )
        if "area" in read:
            differing["area"] = area
        if "diam" in read:
            differing["diam"] = self.diameters(region, nodes)
        return same, differing

    def profiled(
        self, region: Region, painted: Painted, name: str, profile: Profile, nodes: Int[np.ndarray, " node"]
    ) -> dict[int, int]:
        """A quantity of its own for every node, by a profile."""
        label = f"{name}_{painted.mechanism.name}"
        values = profile.at(self.nodes.distance[nodes], self.nodes.diam[nodes])
        for i, value in zip(nodes.tolist(), values.tolist(), strict=True):
            painted.check_value(name, value, f" at {self.labels[i]}")
        found = self.each(label, nodes, values)
        named = {c: f"{label}.{region.name}" + ("" if c == VALUE else f".{c}") for c in profile.coefficients}
        columns = {c: self.table.columns[target] for c, target in named.items() if target in self.table.columns}
        moves = "distance" in profile.reads and any(self.shape.moves(i) for i in nodes.tolist())
        if columns or moves or ("diam" in profile.reads and region.name in self.shape.scaling):
            self.table.groups.append(Profiled(tuple(found.values()), nodes, profile, columns))
        return found

    def site(self, name: str, at: At, variable: str) -> Site:
        node = self.node(at, variable == "v")
        section = self.cell.morphology.sections[int(self.nodes.section[node])]
        unit = variables(self.cell.region(section.region))[variable]
        head, bracket, index = variable.partition("[")
        for painted in self.cell.region(section.region).mechanisms if bracket else ():
            suffix = f"_{painted.mechanism.name}"  # an element of an array, s_kin[0]: the mechanism's variable is s[0]
            if head.endswith(suffix):
                variable = f"{head.removesuffix(suffix)}[{index}{suffix}"
        return Site(name, node, variable, unit)

    def node(self, at: At, voltage: bool) -> int:
        """The node of a place: a segment, or at a section's very end, for the voltage, the point where others meet."""
        section = self.cell.morphology.index(at.section)
        return self.nodes.at(section, at.x if voltage else min(max(at.x, 1e-9), 1 - 1e-9))
