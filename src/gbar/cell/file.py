"""Cells as YAML files: the ones that ship, by name, and a user's own, by path. The format: docs/cell-format.md."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gbar import units
from gbar.cell import geometry
from gbar.cell.blocking import check_block
from gbar.cell.cell import Cell, mechanism_parameters
from gbar.cell.derived import Derived
from gbar.cell.painting import Mechanisms, Stated, check_used, number, read_stated, region
from gbar.cell.profile import Profile
from gbar.cell.quantity import Quantity
from gbar.cell.recordable import check_variable
from gbar.cell.region import Region
from gbar.cell.shapes import NAME, STANDARD, Shape, read_shape
from gbar.cell.shipped import CELLS, blamed, editable, shipped_cells
from gbar.cell.site import Along, At, Site
from gbar.criteria import Criteria
from gbar.document import Node, listed, nearest, read_yaml
from gbar.errors import CellError
from gbar.morphology import Morphology, segments
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.prior import LogNormal, Normal, Prior, Uniform
from gbar.protocol import Protocol
from gbar.protocol.condition import Block, remaining

_REQUIRED = ("name", "temperature", "morphology", "regions", "parameters", "protocol")
_OPTIONAL = ("description", "source", "everywhere", "mod_files", "segments", "sites", "formulas", "vetting")


def read_cell(
    source: str | Path, *, morphology: str | Path | None = None, sites: tuple[str, ...] | None = None
) -> Cell:
    """The cell of a shipped name (`sphere`) or of a YAML file (`./mycell.yaml`).

    `morphology` is a reconstruction (SWC, ASC) that replaces the cell's shape and keeps what the cell does to it: axon,
    spines, segments, regions. What the cell says of regions that it does not have is left out, and so are sites that
    it does not have (`morphology.notes` say which), unless they are recorded or acted on. `sites` are recorded in
    place of the protocol's. Raises CellError (ProtocolError, NmodlError) with file, line and column of what is wrong.
    """
    root = read_yaml(cell_file(source), CellError)
    cell = _cell(root, None if morphology is None else Path(morphology), sites)
    return cell if sites is None else cell.recording(sites)


def cell_file(source: str | Path) -> Path:
    """The YAML file of a shipped name, or of a path. Raises CellError for a name that does not ship."""
    if isinstance(source, str) and not source.endswith((".yaml", ".yml")) and not re.search(r"[/\\]", source):
        if source not in shipped_cells():
            hint = nearest(source, shipped_cells())
            remedy = f"{hint}shipped: {', '.join(shipped_cells())}, or give a path to a .yaml file"
            raise CellError(f"no cell named {source!r}", remedy=remedy)
        return CELLS / f"{source}.yaml"
    return Path(source)


def _cell(node: Node, reconstruction: Path | None, recorded: tuple[str, ...] | None) -> Cell:
    required: tuple[str, ...] = _REQUIRED
    if isinstance(node.value, Mapping) and "everywhere" in node.value:
        required = tuple(key for key in _REQUIRED if key != "regions")
    entries = node.mapping(required=required, optional=(*_REQUIRED, *_OPTIONAL))
    regions = _Regions(entries, node, reconstruction)
    stated = regions.stated.keys() | ({*STANDARD} if regions.everywhere is not None else set())
    shape = read_shape(
        entries["morphology"], entries.get("segments"), regions.of, regions.first, reconstruction, frozenset(stated)
    )
    painted = regions.of(shape.morphology)
    if regions.everywhere is not None:
        check_used(regions.everywhere, painted)
    with entries.get("segments", entries["morphology"]).blamed():
        properties = {name: (one.Ra, one.cm) for name, one in painted.items()}
        counts = geometry.counts(shape.morphology, shape.segments, properties)
    regions.check(painted, shape.morphology, counts)
    _check_protocol(
        entries["protocol"], list(entries["sites"].mapping(optional=None)) if "sites" in entries else ["soma"]
    )
    protocol = Protocol.from_node(entries["protocol"])
    if recorded is not None:
        protocol = replace(protocol, sites=recorded)
    sites: tuple[Site, ...] = ()
    notes: tuple[str, ...] = ()
    if "sites" in entries:
        needed = None if reconstruction is None else _needed(list(entries["sites"].mapping(optional=None)), protocol)
        sites, notes = _sites(entries["sites"], shape.morphology, counts, painted, needed)
    _check_blocks(entries["protocol"], painted, ParameterSpace(()))
    names = tuple(stimulus.name for stimulus in protocol.stimuli)
    vetting = Criteria.from_node(entries["vetting"], names) if "vetting" in entries else Criteria()
    with node.blamed():
        bare = Cell(
            name=entries["name"].text(),
            morphology=replace(shape.morphology, notes=(*shape.morphology.notes, *notes)),
            regions=tuple(painted.values()),
            temperature=entries["temperature"].quantity("degC"),
            space=ParameterSpace(()),
            protocol=protocol,
            description=entries["description"].text() if "description" in entries else "",
            source=entries["source"].text() if "source" in entries else "",
            file=node.file,
            segments=shape.segments,
            sites=sites,
            origin=shape.origin,
            vetting=vetting,
        )
    named = entries["parameters"].mapping(optional=None).items()
    known = bare.quantities()
    parameters = tuple(_parameter(name, entry, bare, known, regions.absent(shape)) for name, entry in named)
    with entries["parameters"].blamed():
        space = ParameterSpace(parameters)
        _check_blocks(entries["protocol"], painted, space)
        bare = replace(bare, space=space) if parameters and "formulas" not in entries else bare
    if "formulas" not in entries:
        return bare
    formulas = _formulas(entries["formulas"], bare, known, space, regions.absent(shape))
    with entries["formulas"].blamed():
        cell = replace(bare, space=space, formulas=formulas)
        return cell.at(cell.theta[0])


class _Regions:
    """What `regions` and `everywhere` say, and the regions that come of it for a morphology."""

    def __init__(self, entries: Mapping[str, Node], root: Node, reconstruction: Path | None) -> None:
        folder = entries["mod_files"].beside() if "mod_files" in entries else None
        if folder is not None and not folder.is_dir():
            raise entries["mod_files"].fail(
                f"there is no folder {folder}", "check the path: it is relative to the cell"
            )
        mechanisms = Mechanisms(folder)
        self.node = entries.get("regions", root)
        given = entries["regions"].mapping(optional=None) if "regions" in entries else {}
        for name, entry in given.items():
            if not re.fullmatch(NAME, name, re.ASCII):
                raise (entry.key or entry).fail(f"{name!r} is no name for a region", "use letters, digits and _")
        self.everywhere = read_stated(entries["everywhere"], mechanisms) if "everywhere" in entries else None
        self.stated = {name: read_stated(_filled(entry), mechanisms) for name, entry in given.items()}
        self.first = next(iter(given), "soma")
        self.known: dict[str, Region] = {}
        self.reconstruction = reconstruction

    def of(self, morphology: Morphology) -> dict[str, Region]:
        """The regions of a morphology, in the order of the YAML; refuses those that it does not have.

        A reconstruction that replaces the shape of the YAML need not have all.
        """
        there = morphology.regions
        for name, stated in self.stated.items():
            if name not in there and self.reconstruction is None:
                where = stated.node.key or stated.node
                raise where.fail(
                    f"the morphology has no region {name}", f"{nearest(name, there)}it has: {', '.join(there)}"
                )
        names = [name for name in self.stated if name in there]
        names += [name for name in there if name not in self.stated]
        return {name: self.region(name) for name in names}

    def absent(self, shape: Shape) -> tuple[str, ...]:
        """The regions that the YAML describes, or its own shape has, and the reconstruction has not."""
        there = shape.morphology.regions
        return tuple(name for name in dict.fromkeys((*self.stated, *shape.replaced)) if name not in there)

    def region(self, name: str) -> Region:
        if name not in self.known:
            own = self.stated.get(name)
            if own is None and self.everywhere is None:
                raise self.node.fail(f"the region {name} of the morphology is not described", f"add `{name}:`")
            if own is None and self.everywhere is not None:
                own = _nothing(self.everywhere)
            assert own is not None
            self.known[name] = region(name, own, self.everywhere)
        return self.known[name]

    def check(self, regions: Mapping[str, Region], morphology: Morphology, counts: tuple[int, ...]) -> None:
        """Refuses what only the compartments show: no Ra where there are several, and profiles out of their limits."""
        profiles = [
            (one.name, painted, name, value)
            for one in regions.values()
            for painted in one.mechanisms
            for name, value in painted.values.items()
            if isinstance(value, Profile)
        ]
        for one in regions.values():
            if one.Ra is None and sum(counts) > 1:
                raise self.where(one.name).fail(
                    f"Ra.{one.name} is not stated, and the cell has {sum(counts)} compartments",
                    f"add `Ra: 100 ohm cm` under regions.{one.name}, or under everywhere",
                )
        cut = segments(morphology, counts) if profiles else None
        for place, painted, name, profile in profiles:
            assert cut is not None
            named = [morphology.sections[i] for i in cut.section]
            mine = [i for i, section in enumerate(named) if section.region == place and cut.area[i] > 0]
            values = profile.at(cut.distance[mine], cut.diam[mine])
            with self.where(place, "mechanisms", painted.mechanism.name, name).blamed():
                for i, value in zip(mine, values.tolist(), strict=True):
                    painted.check_value(name, value, f" at {named[i].name}({cut.x[i]:.4g})")

    def where(self, region: str, *keys: str) -> Node:
        """Where the YAML says something of a region, or of what stands under these keys of it."""
        own = self.stated.get(region)
        for root in (own.node if own else None, self.everywhere.node if self.everywhere else None):
            node: Node | None = root
            for key in keys:
                node = node.value.get(key) if node is not None and isinstance(node.value, Mapping) else None
            if node is not None:
                return node
        return self.node


def _filled(node: Node) -> Node:
    """An entry of `regions` with nothing behind its colon says nothing."""
    return replace(node, value={}) if node.value in (None, "") else node


def _nothing(everywhere: Stated) -> Stated:
    empty: dict[str, float] = {}
    return replace(
        everywhere, cm=None, Ra=None, reversals=empty, fixed=frozenset(), concentrations=empty, mechanisms=()
    )


def _sites(
    node: Node,
    morphology: Morphology,
    counts: tuple[int, ...],
    regions: Mapping[str, Region],
    needed: frozenset[str] | None,
) -> tuple[tuple[Site, ...], tuple[str, ...]]:
    """The sites, and a line for each that is left out.

    Without `needed` all must lie somewhere; with it, which is for reconstructions, only those that are named there.
    """
    found, left_out = [], []
    for name, entry in node.mapping(optional=None).items():
        with entry.blamed():
            site = _site(name, entry)
        try:
            at = geometry.place(morphology, counts, site)
        except CellError as error:
            if needed is None:
                raise entry.fail(error.what, error.remedy) from None
            if name in needed:
                raise _nowhere(error, site, node) from None
            left_out.append(f"{error.what}: it is left out")
            continue
        with entry.blamed():
            check_variable(site, regions[morphology.sections[morphology.index(at.section)].region])
        found.append(site)
    if not found:
        raise node.fail("names no site", "write for example `soma: soma(0.5)`, or take sites out")
    return tuple(found), tuple(left_out)


def _needed(names: list[str], protocol: Protocol) -> frozenset[str]:
    """Those of the sites that are recorded or acted on; the waveform of a stimulus acts at the first one."""
    acting = {name for stimulus in protocol.stimuli for name in stimulus.sites}
    return frozenset({names[0], *(protocol.sites or names), *acting})


def _nowhere(error: CellError, site: Site, node: Node) -> CellError:
    """The refusal of a site that is recorded or acted on and that a reconstruction does not have."""
    remedy = f"record others (--sites), or put {site.name} elsewhere in {editable(node.file)}"
    return CellError(f"{error.what}, and it is recorded or acted on", file=blamed(node.file), remedy=remedy)


def _site(name: str, node: Node) -> Site:
    if isinstance(node.value, str):
        return Site(name, At.parse(node.value))
    entries = node.mapping(optional=("at", "region", "distance", "towards", "variable"))
    variable = entries["variable"].text() if "variable" in entries else "v"
    if "at" in entries:
        node.mapping(required=("at",), optional=("variable",))
        return Site(name, At.parse(entries["at"].text()), variable)
    node.mapping(required=("region", "distance"), optional=("towards", "variable"))
    towards = entries["towards"].text() if "towards" in entries else ""
    return Site(name, Along(entries["region"].text(), entries["distance"].quantity("um"), towards), variable)


def _check_protocol(node: Node, sites: list[str]) -> None:
    """Refuses a stimulus at a site that there is not, or the recording of one, where it stands."""
    if not isinstance(node.value, Mapping) or "stimuli" not in node.value:
        return
    for entry in node.value["sites"].items() if "sites" in node.value else ():
        entry.text(sites)
    stimuli = node.value["stimuli"].value
    for stimulus in stimuli if isinstance(stimuli, tuple) else ():
        for key in ("injections", "clamps"):
            entries = stimulus.value.get(key) if isinstance(stimulus.value, Mapping) else None
            for entry in entries.value if entries is not None and isinstance(entries.value, tuple) else ():
                if isinstance(entry.value, Mapping) and "site" in entry.value:
                    entry.value["site"].text(sites)


def _check_blocks(protocol: Node, regions: Mapping[str, Region], space: ParameterSpace) -> None:
    """Refuses a block of what the cell does not have, or no drug blocks, where it stands."""
    known = mechanism_parameters(regions.values())
    conditions = protocol.mapping(optional=None).get("conditions")
    for condition in conditions.mapping(optional=None).values() if conditions is not None else ():
        blocks: tuple[Block, ...] = ()
        for quantity, entry in condition.mapping(("blocks",))["blocks"].mapping(optional=None).items():
            with (entry.key or entry).blamed():
                blocks += (Block(quantity, entry.quantity("%")),)
                remaining(blocks, known)
                check_block(blocks[-1], regions.values(), space)


def _parameter(
    name: str, node: Node, cell: Cell, known: Mapping[str, Quantity], absent: tuple[str, ...]
) -> FreeParameter:
    """A free parameter; targets in regions that a reconstruction does not have (`absent`) are left out."""
    entries = node.mapping(required=("low", "high"), optional=("scale", "prior", "targets", "value"))
    scale: Any = entries["scale"].text(("linear", "log")) if "scale" in entries else "linear"
    if "value" in entries:
        node.mapping(required=("low", "high", "value"), optional=("scale", "prior"))
        with entries["value"].blamed():
            unit = units.stated(entries["value"].text())
        low, high, value = (entries[side].quantity(unit) for side in ("low", "high", "value"))
        if low < high and not low <= value <= high:
            what = f"{units.format(value, unit)} is out of the range of {name}, {low:g} to {high:g}"
            raise entries["value"].fail(what, "give a value within, or widen the range")
        prior = _prior(entries["prior"], unit) if "prior" in entries else Uniform()
        with node.blamed():
            return FreeParameter(name, unit, low, high, scale, value=value, prior=prior)
    listed_targets = [(t.text(), t) for t in entries["targets"].items()] if "targets" in entries else []
    targets: list[str] = []
    for target, where in listed_targets or [(name, node.key or node)]:
        targets += _meant(target, where, cell, known, absent)
    if not targets:
        what = f"{name} sets nothing: the reconstruction has no {' and no '.join(absent)}"
        remedy = f"take a reconstruction that has, or take the parameter out of {editable(node.file)}"
        place = node.key or node
        line, column = (None, None) if blamed(node.file) is None else (place.line, place.column)
        raise CellError(what, file=blamed(node.file), line=line, column=column, remedy=remedy)
    unit = known[cell.canonical(targets[0])].unit
    low, high = (number(entries[side], unit) for side in ("low", "high"))
    for side, bound in (("low", low), ("high", high)):
        with entries[side].blamed():
            for target in targets:
                known[cell.canonical(target)].check_bound(bound, name)
    prior = _prior(entries["prior"], unit) if "prior" in entries else Uniform()
    with node.blamed():
        return FreeParameter(name, unit, low, high, scale, tuple(targets), prior=prior)


def _prior(node: Node, unit: str) -> Prior:
    """`uniform`, `{normal: {mean, sd}}` or `{lognormal: {median, decades}}`; in place of decades sigma, of ln."""
    if isinstance(node.value, str):
        if node.value != "uniform":
            raise node.fail(f"unknown value {node.value!r}", f"expected one of {_written_priors(unit)}")
        return Uniform()
    kinds = node.mapping(optional=("normal", "lognormal"))
    if len(kinds) != 1:
        raise node.fail("expected one prior", f"write {_written_priors(unit)}")
    kind, entry = next(iter(kinds.items()))
    if kind == "normal":
        stated = entry.mapping(required=("mean", "sd"))
        with entry.blamed():
            return Normal(number(stated["mean"], unit), number(stated["sd"], unit))
    stated = entry.mapping(required=("median",), optional=("decades", "sigma"))
    if len(stated) != 2:
        raise entry.fail("expected a median and its spread", "add decades (sd of log10) or sigma (sd of ln), not both")
    decades = stated["decades"].quantity("1") if "decades" in stated else stated["sigma"].quantity("1") / math.log(10.0)
    with entry.blamed():
        return LogNormal(number(stated["median"], unit), decades)


def _written_priors(unit: str) -> str:
    """The priors as a YAML states them, in a unit."""
    one, five = (f"{value} {unit.strip('() ')}".rstrip() for value in (1, 5))
    return f"uniform, {{normal: {{mean: {five}, sd: {one}}}}} or {{lognormal: {{median: {five}, decades: 0.3}}}}"


def _meant(target: str, where: Node, cell: Cell, known: Mapping[str, Quantity], absent: tuple[str, ...]) -> list[str]:
    """What a target means: `g_pas.*` a quantity in every region that has it; nothing if only `absent` regions do."""
    found = [cell.canonical(f"{target[:-1]}{r.name}") for r in cell.regions] if target.endswith(".*") else [target]
    found = [name for name in dict.fromkeys(found) if cell.canonical(name) in known]
    if not found and target.partition(".")[2].partition(".")[0] not in absent:
        what = f"{target!r} is no quantity of the cell"
        raise where.fail(what, f"{nearest(target, known)}it has: {listed(known)}")
    return found


def _formulas(
    node: Node, cell: Cell, known: Mapping[str, Quantity], space: ParameterSpace, absent: tuple[str, ...]
) -> tuple[Derived, ...]:
    """The formulas of a cell's quantities, of those that a reconstruction has."""
    found = []
    for target, entry in node.mapping(optional=None).items():
        for name in _meant(target, entry.key or entry, cell, known, absent):
            with entry.blamed():
                found.append(Derived(name, entry.text()))
                found[-1].check(space, cell.positive(name))
    return tuple(found)
