"""The `morphology` and `segments` of a cell's YAML: synthetic shapes, files, axons, spines, the user's own regions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gbar import morphology as shapes
from gbar.cell import geometry
from gbar.cell.geometry import Origin
from gbar.cell.region import Region
from gbar.cell.section_table import read_sections
from gbar.cell.segments import SegmentRule
from gbar.cell.shipped import blamed, editable
from gbar.cell.site import At
from gbar.document import Node, nearest
from gbar.errors import CellError
from gbar.morphology import Morphology, Section, cylinder, sphere
from gbar.morphology.morphology import listing

NAME = r"[A-Za-z_][A-Za-z0-9_]*"

_KINDS = ("sphere", "cylinder", "sections", "file", "table")
_FILES = ("file", "table")
_OF_FILES = ("repair", "axon", "spines", "regions")
_REPLACING = "reconstruction"  # what is done to a reconstruction in the stated shape's place, and not to that shape
STANDARD = ("soma", "axon", "basal", "apical")  # regions that any reconstruction may have
_RULES = {"count": "", "length": "um", "every": "um", "steps": "um", "d_lambda": ""}
_AXONS: dict[str, tuple[str, dict[str, str]]] = {  # -> function of gbar.morphology, units of its options
    "none": ("remove_axon", {}),
    "allen": ("stub_axon", {"length": "um", "diam": "um", "at": ""}),
    "bluepyopt": ("replace_axon", {"length": "um", "segment": "um", "origin": ""}),
    "sscx": ("replace_axon_tapered", {"length": "um", "nseg": "", "myelin": "um"}),
    "mainen": ("myelinated_axon", {"internodes": ""}),
}


@dataclass(frozen=True)
class Shape:
    """A morphology, where it is from, how its sections are divided, and the regions of a shape that it replaced."""

    morphology: Morphology
    segments: SegmentRule
    origin: Origin | None
    replaced: tuple[str, ...] = ()


def read_shape(
    node: Node,
    rule: Node | None,
    regions: Callable[[Morphology], Mapping[str, Region]],
    only: str,
    reconstruction: Path | None = None,
    stated: frozenset[str] = frozenset(),
) -> Shape:
    """The shape that the entries `morphology` and `segments` describe.

    `regions` gives the cell's regions by name for the sections there are (the d_lambda rule needs their Ra and cm), and
    `only` is the name of the region of a sphere or a cylinder. A `reconstruction` takes the place of the stated shape;
    what is done to the shape (axon, spines, regions) is done to it. Its regions must be `stated`, or be those of the
    shape that it replaces.
    """
    entries = node.mapping(optional=(*_KINDS, *_OF_FILES, _REPLACING))
    replacing = entries.get(_REPLACING)
    instead = replacing.mapping(optional=_OF_FILES) if replacing is not None else {}
    kinds = [kind for kind in _KINDS if kind in entries]
    if len(kinds) != 1:
        raise node.fail(
            f"expected one shape, got {len(kinds)}",
            "write `sphere: {diameter: 20 um}`, `cylinder: {L: ..., diam: ...}`, `sections: ...` or `file: x.swc`",
        )
    (kind,) = kinds
    if kind in ("sphere", "cylinder"):
        node.mapping(required=(kind,))
    replaced = _made(kind, entries, only).regions if reconstruction is not None and kind not in _FILES else ()
    if reconstruction is not None:
        kind = "file"
        entries = {key: entry for key, entry in entries.items() if key != _REPLACING} | instead
        if rule is None:
            what = "the cell takes no reconstruction: it does not say how many segments a section has"
            remedy = f"add `segments: {{every: 40 um}}` to {editable(node.file)}, and what its regions need"
            raise CellError(what, file=blamed(node.file), remedy=remedy)
    with node.blamed():
        made = _made(kind, entries, only) if reconstruction is None else _read(reconstruction, entries)
        own = made.regions
        if "axon" in entries:
            made = _with_axon(entries["axon"], made)
        if "regions" in entries:
            made = _with_regions(entries["regions"], made)
    if reconstruction is not None:
        _check_regions(
            made, [name for name in own if name not in stated and name not in replaced], reconstruction, node
        )
    segments = _rule(rule, made, node)
    spiny = _spiny(entries["spines"], made, reconstruction is not None) if "spines" in entries else []
    if spiny:
        made = _with_spines(entries["spines"], spiny, made, segments, regions(made))
    origin = None
    if kind == "file":
        file = entries["file"].beside() if reconstruction is None else reconstruction
        more = {key: plain(entries[key]) for key in entries if key not in _KINDS and (spiny or key != "spines")}
        if spiny:
            more["spines"]["regions"] = spiny
        origin = Origin(file, hashlib.sha256(file.read_bytes()).hexdigest(), more, made)
    return Shape(made, segments, origin, replaced)


def _check_regions(made: Morphology, strange: list[str], reconstruction: Path, node: Node) -> None:
    """Refuses a reconstruction with sections in a region of its own that the cell says nothing of."""
    for region in strange:
        names = [section.name for section in made.sections if section.region == region]
        if names:
            many = f"{len(names)} section{'s' * (len(names) > 1)}"
            what = f"{many} in the region {region}, of which the cell says nothing: {listing(names)}"
            remedy = f"`morphology: {{{_REPLACING}: {{regions: {{soma: {{sections: [{names[0]}]}}}}}}}}` in "
            remedy += f"{editable(node.file)} gives sections to a region that it has; or describe {region} there"
            raise CellError(what, file=reconstruction, remedy=remedy)


def plain(node: Node) -> Any:
    """The value of a node as plain data."""
    if isinstance(node.value, Mapping):
        return {key: plain(value) for key, value in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(value) for value in node.value]
    return node.value


def _made(kind: str, entries: Mapping[str, Node], only: str) -> Morphology:
    node = entries[kind]
    if kind == "sphere":
        return sphere(node.mapping(required=("diameter",))["diameter"].quantity("um"), only)
    if kind == "cylinder":
        lengths = node.mapping(required=("L", "diam"))
        return cylinder(lengths["L"].quantity("um"), lengths["diam"].quantity("um"), only)
    if kind == "sections":
        return _tree(node)
    if kind == "table":
        table = node.mapping(required=("file",), optional=("sha256",))
        return read_sections(table["file"].beside(), table["sha256"].text() if "sha256" in table else None)
    file = node.beside()
    if not file.is_file():
        raise node.fail(f"there is no file {file}", "check the path: it is relative to the cell's file")
    return _read(file, entries)


def _read(file: Path, entries: Mapping[str, Node]) -> Morphology:
    """A reconstruction, with the repairs that the cell asks for."""
    repair = [item.text(tuple(shapes.REPAIRS)) for item in entries["repair"].items()] if "repair" in entries else ()
    return shapes.read_morphology(file, repair=repair)


# --- sections ----------------------------------------------------------------------------------------------------


def _tree(node: Node) -> Morphology:
    """Named cylinders with parents, in any order."""
    given = node.mapping(optional=None)
    if not given:
        raise node.fail("a morphology without sections", "write for example `soma: {L: 20 um, diam: 20 um}`")
    parents: dict[str, tuple[str, float] | None] = {}
    for name, entry in given.items():
        if not re.fullmatch(rf"{NAME}(\[\d+\])?", name, re.ASCII):
            raise (entry.key or entry).fail(f"{name!r} is no name for a section", "write for example dend or dend[3]")
        fields = entry.mapping(required=("L",), optional=("diam", "diams", "parent", "region", "segments"))
        parents[name] = _parent(fields["parent"], given) if "parent" in fields else None
    sections: list[Section] = []
    order = _ordered(given, parents)
    for name in order:
        with given[name].blamed():
            sections.append(_section(name, given[name], parents[name], order))
    roots = [name for name in order if parents[name] is None]
    if len(roots) > 1:
        second = given[roots[1]]
        raise (second.key or second).fail(
            f"{roots[0]} and {roots[1]} both have no parent", f"write `parent: {roots[0]}(1)`"
        )
    return Morphology(tuple(sections))


def _parent(node: Node, given: Mapping[str, Node]) -> tuple[str, float]:
    text = node.text()
    with node.blamed():
        at = At.parse(text) if "(" in text else At(text, 1.0)
    if at.section not in given:
        raise node.fail(f"there is no section {at.section}", f"{nearest(at.section, given)}name one that there is")
    return at.section, at.x


def _ordered(given: Mapping[str, Node], parents: Mapping[str, tuple[str, float] | None]) -> list[str]:
    """The names with parents before children, otherwise as they stand."""
    order: list[str] = []
    placed: set[str] = set()
    for start in given:
        chain: list[str] = []
        name = start
        while name not in placed:
            if name in chain:
                loop = " -> ".join([*chain[chain.index(name) :], name])
                raise (given[name].key or given[name]).fail(f"a cyclic tree: {loop}", "give one of them another parent")
            chain.append(name)
            above = parents[name]
            if above is None:
                break
            name = above[0]
        for name in reversed(chain):
            order.append(name)
            placed.add(name)
    return order


def _section(name: str, node: Node, parent: tuple[str, float] | None, order: list[str]) -> Section:
    fields = node.mapping(optional=None)
    region = fields["region"].text() if "region" in fields else re.sub(r"\[\d+\]$", "", name)
    count = fields["segments"].integer() if "segments" in fields else None
    if count == 0:
        raise fields["segments"].fail("0 segments", "give at least one")
    index, x = (order.index(parent[0]), parent[1]) if parent else (-1, 1.0)
    L = fields["L"].quantity("um")
    if ("diam" in fields) == ("diams" in fields):
        raise node.fail("expected either diam or diams", "write `diam: 2 um`, or a list with one for each segment")
    if "diam" in fields:
        return Section(name, region, L, fields["diam"].quantity("um"), index, x, nseg=count)
    steps = [entry.quantity("um") for entry in fields["diams"].items()]
    if not steps or (count is not None and count != len(steps)):
        raise fields["diams"].fail(f"{len(steps)} diameters", "give one for each segment")
    return replace(shapes.stepped(name, region, L, steps, index, x), nseg=len(steps))


# --- what is done to a morphology --------------------------------------------------------------------------------


def _with_axon(node: Node, made: Morphology) -> Morphology:
    if isinstance(node.value, str):
        kind, options = node.text((*_AXONS, "keep")), {}
        if kind == "keep":
            return made
    else:
        entries = node.mapping(optional=tuple(_AXONS))
        if len(entries) != 1:
            raise node.fail(f"expected one kind of axon, got {len(entries)}", f"use one of {', '.join(_AXONS)}")
        ((kind, body),) = entries.items()
        known = _AXONS[kind][1]
        options = {name: value.quantity(known[name]) for name, value in body.mapping(optional=tuple(known)).items()}
    options = {name: int(value) if name in ("nseg", "internodes") else value for name, value in options.items()}
    with node.blamed():
        changed: Morphology = getattr(shapes, _AXONS[kind][0])(made, **options)
        return changed


def _spiny(node: Node, made: Morphology, replaced: bool) -> list[str]:
    """The regions that get spines; a shape that `replaced` the stated one need not have all that are named."""
    named = node.mapping(required=("regions",), optional=("density", "area"))["regions"].items()
    known = [entry.text(() if replaced else made.regions) for entry in named]
    return [name for name in known if name in made.regions]


def _with_spines(
    node: Node, names: list[str], made: Morphology, rule: SegmentRule, regions: Mapping[str, Region]
) -> Morphology:
    entries = node.mapping(required=("regions",), optional=("density", "area"))
    options = {
        name: entries[name].quantity(unit) for name, unit in (("density", "/um"), ("area", "um2")) if name in entries
    }
    with node.blamed():
        properties = {name: (region.Ra, region.cm) for name, region in regions.items()}
        numbers = geometry.counts(made, rule, properties)
        changed = shapes.add_spines(made, numbers, regions=names, **options)
    pairs = zip(changed.sections, numbers, strict=True)
    return replace(changed, sections=tuple(replace(section, nseg=n) for section, n in pairs))


def _with_regions(node: Node, made: Morphology) -> Morphology:
    """The morphology with sections given to the user's own regions; no section to two of them."""
    owner: dict[str, str] = {}
    names = [section.name for section in made.sections]
    spans = geometry.spans(made, [section.nseg or 1 for section in made.sections])
    for name, entry in node.mapping(optional=None).items():
        if not re.fullmatch(NAME, name, re.ASCII):
            raise (entry.key or entry).fail(f"{name!r} is no name for a region", "use letters, digits and _")
        fields = entry.mapping(optional=("sections", "region", "beyond", "within"))
        if not fields:
            raise entry.fail("selects no sections", "write sections, region, beyond or within")
        chosen = list(names)
        if "sections" in fields:
            chosen = [item.text(names) for item in fields["sections"].items()]
        if "region" in fields:
            kind = fields["region"].text(made.regions)
            chosen = [s for s in chosen if made.sections[names.index(s)].region == kind]
        middle = {s: sum(spans[names.index(s)]) / 2 for s in chosen}
        if "beyond" in fields:
            beyond = fields["beyond"].quantity("um")
            chosen = [s for s in chosen if middle[s] > beyond]
        if "within" in fields:
            within = fields["within"].quantity("um")
            chosen = [s for s in chosen if middle[s] <= within]
        if not chosen:
            raise entry.fail("selects no section", "choose otherwise: the conditions hold together")
        for section in chosen:
            if section in owner:
                raise entry.fail(f"{section} is in {owner[section]} already", "let every section be in one region")
            owner[section] = name
    return replace(made, sections=tuple(replace(s, region=owner.get(s.name, s.region)) for s in made.sections))


# --- segments ----------------------------------------------------------------------------------------------------


def _rule(node: Node | None, made: Morphology, shape: Node) -> SegmentRule:
    if node is None:
        if len(made.sections) > 1 and any(section.nseg is None for section in made.sections):
            raise shape.fail(
                "nothing says how many segments a section has",
                "add `segments: {every: 40 um}` (1 + 2 int(L / 40 um)), or count, length, steps or d_lambda",
            )
        return SegmentRule()
    entries = node.mapping(optional=(*_RULES, "frequency", "sections"))
    kinds = [kind for kind in _RULES if kind in entries]
    if len(kinds) > 1 or (not kinds and "sections" not in entries):
        raise node.fail(f"expected one rule, got {len(kinds)}", f"use one of {', '.join(_RULES)}")
    if "frequency" in entries and kinds != ["d_lambda"]:
        raise entries["frequency"].fail("only d_lambda has a frequency", "take it out")
    stated = entries["sections"].mapping(optional=None) if "sections" in entries else {}
    kind: Any = kinds[0] if kinds else "count"
    value = 1.0
    if kinds:
        value = float(entries[kind].integer()) if kind == "count" else entries[kind].quantity(_RULES[kind])
    frequency = entries["frequency"].quantity("Hz") if "frequency" in entries else 100.0
    with node.blamed():
        return SegmentRule(kind, value, frequency, {name: count.integer() for name, count in stated.items()})


def relative(file: Path, folder: Path) -> str | None:
    """The path of a file as a YAML in `folder` names it; None where it lies outside."""
    resolved, inside = file.resolve(), folder.resolve()
    return resolved.relative_to(inside).as_posix() if resolved.is_relative_to(inside) else None
