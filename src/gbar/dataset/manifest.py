"""What made a data set, and in what it differs from what is asked for."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from gbar import __version__
from gbar.dataset.places import ANEW
from gbar.dataset.storage import FLOAT32, Storage
from gbar.errors import DatasetError, ParameterError
from gbar.parameters import ParameterSpace
from gbar.vetting import Vetting

CHUNK = 8 * 1024 * 1024  # bytes of a block's largest array, about
BLOCKS = (64, 4096)  # the fewest and the most rows of a block
_NAMED = 4  # numbers of a cell that a refusal names
_UNIFORM = {"kind": "uniform"}


@dataclass(frozen=True)
class Layout:
    """One stimulus as it lies on disk: `samples` of its sweep, `sampling` ms apart."""

    name: str
    samples: int
    sampling: float  # ms


@dataclass(frozen=True)
class Manifest:
    """What made a data set: the cell by name and digest, its parameter space with the prior, the protocol as JSON,
    sites, layouts, seed and precision; `mechanisms` has the digest of every mod file by its mechanism's name.

    `variables` and `units` say what each site records (the voltage, in mV, if they are left out); `quantities` has
    every number of the cell by its name, so that a difference can be named. `design` says how theta was chosen, `block`
    how many rows are stored together, `storage` how their voltages are, `vetting` how rows are sorted into classes, if
    they are; `rig` is that behind which voltages were stored, if not as they were simulated (JSON of an
    `observation.Rig`).
    `versions` and `cpu` are filled in from where it is made.
    """

    cell: str
    cell_digest: str
    space: ParameterSpace
    protocol: Mapping[str, Any]
    sites: tuple[str, ...]
    layouts: tuple[Layout, ...]
    seed: int
    precision: str = "float32"
    mechanisms: Mapping[str, str] = field(default_factory=dict)
    morphology: str = ""
    variables: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    quantities: Mapping[str, str] = field(default_factory=dict)
    design: Mapping[str, Any] = field(default_factory=lambda: dict(_UNIFORM))
    storage: Storage = FLOAT32
    block: int = 256
    vetting: Vetting | None = None
    rig: Mapping[str, Any] | None = None
    versions: Mapping[str, str] = field(default_factory=lambda: versions())
    cpu: Mapping[str, Any] = field(default_factory=lambda: cpu_features())

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", self.variables or ("v",) * len(self.sites))
        object.__setattr__(self, "units", self.units or ("mV",) * len(self.sites))

    @property
    def digests(self) -> dict[str, Any]:
        """The sha256 of the cell, of its morphology, of each mod file, and of the protocol."""
        protocol = hashlib.sha256(json.dumps(dict(self.protocol), sort_keys=True).encode()).hexdigest()
        return {
            "cell": self.cell_digest,
            "morphology": self.morphology,
            "mechanisms": dict(self.mechanisms),
            "protocol": protocol,
        }

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold and `from_json` reads back."""
        layouts = [{"name": x.name, "samples": x.samples, "sampling": x.sampling} for x in self.layouts]
        return {
            "cell": self.cell,
            "digests": self.digests,
            "space": self.space.to_json(),
            "protocol": dict(self.protocol),
            "sites": list(self.sites),
            "variables": list(self.variables),
            "units": list(self.units),
            "quantities": dict(self.quantities),
            "layouts": layouts,
            "seed": self.seed,
            "design": dict(self.design),
            "precision": self.precision,
            "storage": self.storage.to_json(),
            "block": self.block,
            "vetting": None if self.vetting is None else self.vetting.to_json(),
            "rig": None if self.rig is None else dict(self.rig),
            "versions": dict(self.versions),
            "cpu": dict(self.cpu),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Manifest:
        """The inverse of `to_json`; raises DatasetError if something is missing or of the wrong type."""
        try:
            found = Manifest(
                cell=str(data["cell"]),
                cell_digest=str(data["digests"]["cell"]),
                space=ParameterSpace.from_json(data["space"]),
                protocol=dict(data["protocol"]),
                sites=tuple(str(site) for site in data["sites"]),
                layouts=tuple(Layout(str(x["name"]), int(x["samples"]), float(x["sampling"])) for x in data["layouts"]),
                seed=int(data["seed"]),
                precision=str(data["precision"]),
                mechanisms={str(name): str(digest) for name, digest in data["digests"]["mechanisms"].items()},
                morphology=str(data["digests"]["morphology"]),
                design=dict(data["design"]),
                storage=Storage.from_json(data["storage"]),
                block=int(data["block"]),
                vetting=None if data["vetting"] is None else Vetting.from_json(data["vetting"]),
                rig=None if data["rig"] is None else dict(data["rig"]),
                variables=tuple(str(variable) for variable in data["variables"]),
                units=tuple(str(unit) for unit in data["units"]),
                quantities={str(name): str(value) for name, value in data["quantities"].items()},
                versions=dict(data["versions"]),
                cpu=dict(data["cpu"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, ParameterError) as error:
            raise DatasetError(f"its manifest is damaged ({error})", remedy=ANEW) from None
        if found.vetting is not None and found.vetting.site not in found.sites:
            raise DatasetError(f"its manifest is damaged (no site {found.vetting.site})", remedy=ANEW)
        if not len(found.sites) == len(found.variables) == len(found.units):
            raise DatasetError("its manifest is damaged (sites without a variable)", remedy=ANEW)
        if found.block < 1:
            raise DatasetError(f"its manifest is damaged (blocks of {found.block} rows)", remedy=ANEW)
        return found

    def blocks(self, rows: int) -> tuple[tuple[int, int], ...]:
        """The blocks [start, stop) of so many rows, in order."""
        return tuple((start, min(start + self.block, rows)) for start in range(0, rows, self.block))

    def same_rows(self, other: Manifest) -> bool:
        """Whether both make the same rows, versions and processors aside."""
        return not self.differences(other)

    def differences(self, asked: Manifest) -> tuple[str, ...]:
        """In what the data set differs from what is asked for, versions and processors aside, a few words each.

        >>> manifest.differences(replace(manifest, seed=0))  # doctest: +SKIP
        ('seed 1, not 0',)
        """
        found = [*_named(self, asked), *_mechanisms(self.mechanisms, asked.mechanisms)]
        if self.morphology != asked.morphology:
            found.append("the morphology changed")
        found += _space(self.space, asked.space)
        found += _quantities(self.quantities, asked.quantities)
        found += _protocol(self.protocol, asked.protocol)
        found += _vetting(self.vetting, asked.vetting)
        if self.rig != asked.rig:
            found.append("the filter that its voltages were stored behind")
        if not found and self.cell_digest != asked.cell_digest:
            found.append(f"the description of the cell {self.cell} changed")
        if not found and self._rest() != asked._rest():
            found.append("its layout changed")
        return tuple(found)

    def elsewhere(self, asked: Manifest) -> tuple[str, ...]:
        """What of the versions and the processor is not what it was, a few words each; rows differ by rounding."""
        names = dict.fromkeys((*self.versions, *asked.versions))
        pairs = {name: (self.versions.get(name), asked.versions.get(name)) for name in names}
        changed = [f"{name} {mine}, not {theirs}" for name, (mine, theirs) in pairs.items() if mine != theirs]
        return (*changed, *(["another processor"] if dict(self.cpu) != dict(asked.cpu) else []))

    def check_version(self, asked: Manifest, file: Path) -> None:
        """Raises DatasetError if another version of gbar made it: that one may simulate otherwise."""
        mine, theirs = self.versions.get("gbar"), asked.versions.get("gbar")
        if mine != theirs:
            what, remedy = f"it was begun by gbar {mine}, this is gbar {theirs}", f"go on with gbar {mine}, or {ANEW}"
            raise DatasetError(what, file=file, remedy=remedy)

    def _rest(self) -> dict[str, Any]:
        return {key: value for key, value in self.to_json().items() if key not in ("versions", "cpu")}


def versions() -> dict[str, str]:
    """The versions of what the rows' bits depend on."""
    return {"gbar": __version__, "numpy": version("numpy"), "numba": version("numba")}


def cpu_features() -> dict[str, Any]:
    """The machine type and the SIMD extensions that NumPy found: float32 results agree to the bit only where they
    agree."""
    found = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    return {"machine": platform.machine(), "simd": list(found)}


def block_for(sites: int, samples: Sequence[int], storage: Storage) -> int:
    """How many rows are stored together: a power of two for which the largest array's chunk has about 8 MB.

    >>> block_for(1, [5001], INT16)
    512
    """
    row = sites * max(samples, default=1) * np.dtype(storage.kind).itemsize
    fewest, most = BLOCKS
    return int(min(max(1 << (max(CHUNK // row, 1).bit_length() - 1), fewest), most))


def _named(stored: Manifest, asked: Manifest) -> list[str]:
    """Differences of what can be said in full."""
    pairs = {
        "cell": (stored.cell, asked.cell),
        "seed": (stored.seed, asked.seed),
        "sites": (", ".join(stored.sites), ", ".join(asked.sites)),
        "recorded": (", ".join(stored.variables), ", ".join(asked.variables)),
        "precision": (stored.precision, asked.precision),
        "design": (_design(stored.design), _design(asked.design)),
        "storage": (stored.storage.kind, asked.storage.kind),
        "blocks of": (stored.block, asked.block),
    }
    return [f"{name} {mine}, not {theirs}" for name, (mine, theirs) in pairs.items() if mine != theirs]


def _design(design: Mapping[str, Any]) -> str:
    kind = str(design.get("kind", "?"))
    rest = ", ".join(f"{name} {value}" for name, value in design.items() if name != "kind")
    return f"{kind} ({rest})" if rest else kind


def _mechanisms(stored: Mapping[str, str], asked: Mapping[str, str]) -> list[str]:
    """The mod files that changed, that came, that went."""
    changed = [name for name in stored if name in asked and stored[name] != asked[name]]
    found = [f"the mod file {name} changed" for name in changed]
    found += [f"the mechanism {name} is gone" for name in stored if name not in asked]
    return found + [f"the mechanism {name} is new" for name in asked if name not in stored]


def _quantities(stored: Mapping[str, str], asked: Mapping[str, str]) -> list[str]:
    """The numbers of the cell that changed, the first few of them."""
    found = [f"{name} {value}, not {asked[name]}" for name, value in stored.items() if asked.get(name, value) != value]
    return found[:_NAMED] + ([f"{len(found) - _NAMED} more numbers of the cell"] if len(found) > _NAMED else [])


def _space(stored: ParameterSpace, asked: ParameterSpace) -> list[str]:
    if stored.names != asked.names:
        return [f"free parameters {', '.join(stored.names)}, not {', '.join(asked.names)}"]
    pairs = zip(stored.parameters, asked.parameters, strict=True)
    return [f"the range or prior of {mine.name} changed" for mine, theirs in pairs if mine != theirs]


def _vetting(stored: Vetting | None, asked: Vetting | None) -> list[str]:
    if stored is None or asked is None:
        return [] if stored is asked else ["it is vetted" if asked is None else "it is not vetted"]
    found = [f"vetted with {difference}" for difference in stored.criteria.differences(asked.criteria)]
    return found + ([f"vetted at {stored.site}, not {asked.site}"] if stored.site != asked.site else [])


def _protocol(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """That the protocol changed, and which of its stimuli did."""
    if stored == asked:
        return []
    mine, theirs = (list(protocol.get("stimuli", [])) for protocol in (stored, asked))
    if len(mine) != len(theirs):
        return [f"the protocol changed ({len(mine)} stimuli, not {len(theirs)})"]
    names = [str(a.get("name", i)) for i, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b]
    return [f"the protocol changed ({', '.join(names)})" if names else "the protocol changed"]
