"""The `everywhere` and `regions` of a cell's YAML: membrane, cytoplasm, ions, mechanisms and their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gbar import mechanism, units
from gbar.cell.ions import ion_uses
from gbar.cell.painted import Painted
from gbar.cell.profile import VALUE, Profile
from gbar.cell.region import Region
from gbar.document import Node, nearest
from gbar.errors import UnitError
from gbar.mechanism import Mechanism

KEYS = ("cm", "Ra", "reversals", "concentrations", "mechanisms")
_SUFFIX = re.compile(r"\bSUFFIX\s+(\w+)", re.ASCII)
_DEFINES = re.compile(r"\b(SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)\s", re.ASCII)


@dataclass
class Mechanisms:
    """The mechanisms that a cell's YAML names, each read once: the folder's, then those that ship."""

    folder: Path | None = None
    read: dict[Path, Mechanism] = field(default_factory=dict)
    files: dict[str, list[Path]] | None = None  # of the folder, by SUFFIX

    def of(self, name: str, node: Node, file: Node | None, shipped: Node | None) -> Mechanism:
        """The mechanism of a SUFFIX, from its stated file or from where it is found."""
        path = self._path(name, node, file, shipped)
        if path not in self.read:
            self.read[path] = mechanism.read(path)
        found = self.read[path]
        if found.name != name:
            raise (node.key or node).fail(f"{path.name} has the SUFFIX {found.name}", f"write `{found.name}:`")
        return found

    def _path(self, name: str, node: Node, file: Node | None, shipped: Node | None) -> Path:
        if file is not None:
            path = file.beside()
            if not path.is_file():
                raise file.fail(f"there is no file {path}", "check the path: it is relative to the cell's file")
            return path
        if shipped is None and (own := self._in_folder().get(name)):
            if len(own) > 1:
                both = " and ".join(path.name for path in own)
                raise (node.key or node).fail(
                    f"{both} both have the SUFFIX {name}", "take one away, or name it by file"
                )
            return own[0]
        if shipped is None and (blank := self._blank(name)):
            if re.search(r"\bINCLUDE\b", _head(blank)):
                return blank  # its SUFFIX may stand in what it includes
            what = f"{blank} holds no mechanism"
            raise (node.key or node).fail(what, f"write one with the SUFFIX {name} there, or take the file away")
        wanted = shipped.text() if shipped is not None else name
        known = mechanism.shipped()
        if wanted not in known and not (shipped is not None and wanted.rpartition("/")[2] in known):
            where = shipped or node.key or node
            several = [other for other in known if other.endswith(f"/{wanted}")]
            if several:
                remedy = f"write `shipped: {several[0]}` under {name}, or {', '.join(several[1:])}"
                raise where.fail(f"several mechanisms named {wanted} ship", remedy)
            remedy = f"shipped: {', '.join(known)}; or name your own with `file: {name}.mod`"
            what = f"no mechanism named {wanted!r} ships with gbar"
            if shipped is None and self.folder is not None:
                mine = tuple(self._in_folder())
                what += f" or is in {self.folder.name}"
                remedy = f"{self.folder.name} has {', '.join(mine) or 'none'}; {remedy}"
                known = (*mine, *known)
            raise where.fail(what, nearest(wanted, known) + remedy)
        with (shipped or node).blamed():
            return mechanism.shipped_file(wanted)

    def _in_folder(self) -> dict[str, list[Path]]:
        if self.files is None:
            self.files = {}
            for path in sorted(self.folder.glob("*.mod")) if self.folder is not None else ():
                match = _SUFFIX.search(_head(path))
                if match:
                    self.files.setdefault(match[1], []).append(path)
        return self.files

    def _blank(self, name: str) -> Path | None:
        """The file of the folder that is called like a mechanism and names nothing that it defines."""
        path = self.folder / f"{name}.mod" if self.folder is not None else None
        return path if path is not None and path.is_file() and not _DEFINES.search(_head(path)) else None


def _head(path: Path) -> str:
    """The text of a mod file up to where its SUFFIX must stand, without its comments."""
    try:
        with path.open("rb") as stream:
            text = stream.read(200_000).decode("latin-1")
    except OSError:
        return ""
    text = re.sub(r"^[ \t]*COMMENT\b.*?^[ \t]*ENDCOMMENT\b", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"[:?].*", "", text)


@dataclass(frozen=True)
class Stated:
    """What one entry of `regions`, or `everywhere`, says."""

    node: Node
    cm: float | None
    Ra: float | None
    reversals: Mapping[str, float]
    fixed: frozenset[str]
    concentrations: Mapping[str, float]
    mechanisms: tuple[Painted, ...]


def read_stated(node: Node, mechanisms: Mechanisms) -> Stated:
    """What an entry of `regions`, or `everywhere`, says."""
    entries = node.mapping(optional=KEYS)
    painted = entries["mechanisms"].mapping(optional=None) if "mechanisms" in entries else {}
    reversals = entries["reversals"].mapping(optional=None) if "reversals" in entries else {}
    inside = entries["concentrations"].mapping(optional=None) if "concentrations" in entries else {}
    fixed = {name: value.mapping(required=("fixed",))["fixed"] for name, value in reversals.items()
             if isinstance(value.value, Mapping)}  # fmt: skip
    with node.blamed():
        return Stated(
            node,
            entries["cm"].quantity("uF/cm2") if "cm" in entries else None,
            entries["Ra"].quantity("ohm cm") if "Ra" in entries else None,
            {name: fixed.get(name, value).quantity("mV") for name, value in reversals.items()},
            frozenset(fixed),
            {name: value.quantity("mM") for name, value in inside.items()},
            tuple(_painted(label, entry, mechanisms) for label, entry in painted.items()),
        )


def region(name: str, own: Stated, everywhere: Stated | None) -> Region:
    """The region that its own entry and `everywhere` describe; what it says itself counts."""
    if everywhere is None:
        if own.cm is None or "mechanisms" not in own.node.mapping(optional=KEYS):
            own.node.mapping(required=("cm", "mechanisms"), optional=KEYS)  # complains
        everywhere = replace(own, cm=None, Ra=None, reversals={}, fixed=frozenset(), concentrations={}, mechanisms=())
    cm = own.cm if own.cm is not None else everywhere.cm
    if cm is None:
        raise own.node.fail("the key 'cm' is missing", "state it there or under everywhere")
    mechanisms = _merged(own.mechanisms, everywhere.mechanisms, own.node)
    reversals = dict(own.reversals)
    fixed = set(own.fixed)
    concentrations = dict(own.concentrations)
    with own.node.blamed():
        uses = ion_uses(painted.mechanism for painted in mechanisms).values()
    for use in uses:
        if use.uses_e and use.e in everywhere.reversals and use.e not in reversals:
            if use.e in everywhere.fixed:
                fixed.add(use.e)
            if use.e in everywhere.fixed or use.nernst == "never":
                reversals[use.e] = everywhere.reversals[use.e]
        for needed in use.needed(use.e in fixed):
            if needed in everywhere.concentrations:
                concentrations.setdefault(needed, everywhere.concentrations[needed])
    Ra = own.Ra if own.Ra is not None else everywhere.Ra
    with own.node.blamed():
        return Region(name, cm, mechanisms, reversals, Ra, concentrations, frozenset(fixed))


def check_used(everywhere: Stated, regions: Mapping[str, Region]) -> None:
    """Refuses what `everywhere` states of ions and no region needs."""
    for kind in ("reversals", "concentrations"):
        for name in getattr(everywhere, kind):
            if not any(name in getattr(region, kind) for region in regions.values()):
                where = everywhere.node.mapping(optional=KEYS)[kind].mapping(optional=None)[name]
                raise (where.key or where).fail(f"no region needs {name}", "take it out")


def _merged(own: tuple[Painted, ...], everywhere: tuple[Painted, ...], node: Node) -> tuple[Painted, ...]:
    mine = {painted.mechanism.name: painted for painted in own}
    found = []
    for painted in everywhere:
        stated = mine.pop(painted.mechanism.name, None)
        if stated is None:
            found.append(painted)
            continue
        if stated.mechanism.digest != painted.mechanism.digest:
            raise node.fail(
                f"two mechanisms are called {painted.mechanism.name}: "
                f"{painted.mechanism.file} and {stated.mechanism.file}",
                "use one, or give one of them another SUFFIX",
            )
        found.append(replace(painted, values=dict(painted.values) | dict(stated.values)))
    return (*found, *mine.values())


def _painted(name: str, node: Node, mechanisms: Mechanisms) -> Painted:
    entries = node.mapping(optional=None) if node.value not in (None, "") else {}
    read = mechanisms.of(name, node, entries.pop("file", None), entries.pop("shipped", None))
    bare = Painted(read)
    known = bare.parameters
    values: dict[str, float | Profile] = {}
    for label, value in entries.items():
        with (value.key or value).blamed():
            if label not in known:
                Painted(read, {label: 0.0})  # complains
        unit = known[label].unit
        if isinstance(value.value, Mapping):
            values[label] = _profile(value, unit.strip("() "))
        else:
            values[label] = number(value, unit)
        with value.blamed():
            Painted(read, {label: values[label]})
    return Painted(read, values)


def _profile(node: Node, unit: str) -> Profile:
    short = Profile.shorthands()
    entries = node.mapping(optional=None)
    kinds = [kind for kind in (*short, "formula") if kind in entries]
    if len(kinds) != 1:
        raise node.fail(f"expected one profile, got {len(kinds)}", f"use one of {', '.join((*short, 'formula'))}")
    if kinds == ["formula"]:
        text = entries.pop("formula")
        with text.blamed():
            bare = Profile.bare(text.text())
        for name in bare:
            if name not in entries and name == VALUE:
                raise node.fail("the key 'value' is missing", "state it with its unit")
        coefficients = {name: number(value, unit if name == VALUE else "") for name, value in entries.items()}
        with node.blamed():
            return Profile(text.text(), coefficients)
    (kind,) = kinds
    node.mapping(required=(kind,))
    needed = short[kind]
    optional = ("outside",) if kind == "step" else ()
    body = entries[kind].mapping(required=[n for n in needed if n not in optional], optional=optional)
    blank = Profile.short(kind, dict.fromkeys(needed, 1.0))
    with node.blamed():
        given = {name: number(value, blank.unit(name, unit)) for name, value in body.items()}
        return Profile.short(kind, dict.fromkeys(optional, 0.0) | given)


def number(node: Node, unit: str) -> float:
    """A value in a unit; where gbar does not know the mod file's unit, the same word must stand behind the number."""
    try:
        units.parse(unit)
    except UnitError:
        word = unit.strip("() ")
        try:
            return float(node.text().strip().removesuffix(word))
        except ValueError:
            raise node.fail(f"expected a number of {word}", f"write for example 1 {word}") from None
    return node.quantity(unit)
