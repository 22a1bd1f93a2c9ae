"""The arrays of a store: names, shapes, types, one chunk a block of rows, and how an empty one is laid out."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from gbar.dataset.manifest import Manifest
from gbar.dataset.places import ANEW, fresh_path, partial_path
from gbar.errors import DatasetError
from gbar.features import VITALS
from gbar.protocol import Protocol, Stimulus
from gbar.traces import Status
from gbar.vetting import Finding

FORMAT = 4
MOST_ROWS = 10_000_000_000
SEPARATOR = "."  # in a chunk's name: all of an array lie in one folder, of which a new one costs as much as a file
COMPRESSOR, LEVEL = "lz4", 5  # of Blosc, which shuffles the bytes before
CODECS = ["bytes", "blosc", "crc32c"]
UNWRITTEN = 255  # the status of a row that is not there yet


@dataclass(frozen=True)
class StoredArray:
    """One array over rows: its shape, type, what stands where nothing was written, its dimensions and CF attributes."""

    name: str
    shape: tuple[int, ...]
    kind: str
    fill: float
    dimensions: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


def stored_arrays(manifest: Manifest, rows: int) -> tuple[StoredArray, ...]:
    """The arrays of a data set of so many rows, in the order in which a block is written: its status comes last."""
    physical = "; ".join(f"{p.name}: {p.unit or '1'}" for p in manifest.space.parameters)
    matrix, of_matrix = (rows, len(manifest.space)), ("row", "parameter")
    counts = (rows, len(manifest.layouts))
    flags = {"flag_values": [int(s) for s in Status], "flag_meanings": " ".join(s.name.lower() for s in Status)}
    return (
        StoredArray("theta", matrix, "float64", math.nan, of_matrix, _about(physical, "free parameters")),
        StoredArray("unit", matrix, "float64", math.nan, of_matrix, _about("1", "theta in [-1, 1]")),
        *(_traces(manifest, rows, i) for i in range(len(manifest.layouts))),
        StoredArray("spikes", counts, "int32", 0, ("row", "stimulus"), _about("1", "spike count")),
        *(_vetted(counts) if manifest.vetting is not None else ()),
        StoredArray("status", (rows,), "uint8", UNWRITTEN, ("row",), _about("1", "status") | flags),
    )


def _traces(manifest: Manifest, rows: int, i: int) -> StoredArray:
    layout, storage = manifest.layouts[i], manifest.storage
    shape = (rows, len(manifest.sites), layout.samples)
    attributes = _recorded(manifest) | {"stimulus": layout.name} | storage.attributes
    return StoredArray(f"v_{i}", shape, storage.kind, storage.fill, ("row", "site", f"time_{i}"), attributes)


def _recorded(manifest: Manifest) -> dict[str, Any]:
    """Unit and name of what the sites record; the units of all of them where they are not voltages alone."""
    if set(manifest.variables) == {"v"}:
        return _about("mV", "membrane voltage")
    parts = zip(manifest.sites, manifest.variables, manifest.units, strict=True)
    told = {site: (variable, unit or "1") for site, variable, unit in parts}
    return _about(
        "; ".join(f"{site}: {unit}" for site, (_, unit) in told.items()),
        "; ".join(f"{site}: {variable}" for site, (variable, _) in told.items()),
    )


def _vetted(counts: tuple[int, int]) -> tuple[StoredArray, StoredArray]:
    """The features that rows are vetted by, and the classes that they are in, a bit each."""
    units = "; ".join(f"{name}: {unit}" for name, unit in VITALS.items())
    flags = {"flag_masks": [int(f) for f in Finding], "flag_meanings": " ".join(str(f.name).lower() for f in Finding)}
    of_features = ("row", "stimulus", "feature")
    return (
        StoredArray("features", (*counts, len(VITALS)), "float32", math.nan, of_features, _about(units, "features")),
        StoredArray("vetting", counts[:1], "uint16", 0, ("row",), _about("1", "what is wrong, if anything") | flags),
    )


def _about(units: str, name: str) -> dict[str, Any]:
    return {"units": units, "long_name": name}


def lay_out(path: Path, manifest: Manifest, rows: int) -> None:
    """An empty store at `<path>.partial`, made under a third name so that it is never seen half laid out."""
    import zarr

    fresh = fresh_path(path)
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        about = manifest.to_json()
        header = {"format": FORMAT, "rows": rows, "manifest": about, "digest": fingerprint(about, rows)}
        group = zarr.create_group(fresh, attributes={"title": "Simulations made by gbar", "gbar": header})
        lay_coordinates(fresh, manifest)
        for array in stored_arrays(manifest, rows):
            _array(group, array, min(manifest.block, rows))
        fresh.rename(partial_path(path))
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def header_of(group: Any) -> tuple[Manifest, int]:
    """The manifest and the number of rows; raises DatasetError if gbar, or this version of it, did not write them."""
    header = group.attrs.get("gbar")
    if not isinstance(header, Mapping) or "format" not in header:
        raise DatasetError("it was not made by gbar", remedy="give a folder that gbar simulate has made")
    if header["format"] != FORMAT:
        made = header.get("manifest", {})
        by = made.get("versions", {}).get("gbar", "?") if isinstance(made, Mapping) else "?"
        what = f"it was made by another version of gbar ({by}, format {header['format']}; this one reads {FORMAT})"
        raise DatasetError(what, remedy=f"use that version, or {ANEW}")
    rows = header.get("rows")
    if not isinstance(rows, int) or not 1 <= rows <= MOST_ROWS:
        raise DatasetError(f"it claims {rows} rows", remedy=ANEW)
    about = header.get("manifest", {})
    if header.get("digest") != fingerprint(about, rows):
        raise DatasetError("its manifest is not what gbar wrote", remedy=f"put zarr.json back, or {ANEW}")
    return Manifest.from_json(about), rows


def fingerprint(manifest: Any, rows: int) -> str:
    """The sha256 of the manifest and the number of rows: no checksum of Zarr's is on them."""
    return hashlib.sha256(json.dumps([manifest, rows], sort_keys=True).encode()).hexdigest()


def checked_arrays(group: Any, manifest: Manifest, rows: int) -> dict[str, Any]:
    """The arrays by name. Raises DatasetError unless they are those that the manifest speaks of; reads none of them."""
    found = {}
    for expected in stored_arrays(manifest, rows):
        array = group.get(expected.name)
        if array is None or not _is_stored(array, expected, min(manifest.block, rows)):
            raise DatasetError(f"its array {expected.name} is not the one that its manifest speaks of", remedy=ANEW)
        found[expected.name] = array
    return found


def _is_stored(array: Any, expected: StoredArray, block: int) -> bool:
    """Whether an array's metadata say what `_array` wrote: shape, chunks, type, how they are packed, how decoded."""
    metadata, attributes = array.metadata, dict(array.attrs)
    kind = np.dtype(expected.kind)
    return bool(
        (array.shape, array.chunks, array.dtype) == (expected.shape, (block, *expected.shape[1:]), kind)
        and getattr(metadata.chunk_key_encoding, "separator", "") == SEPARATOR
        and [codec.to_dict()["name"] for codec in metadata.codecs] == CODECS
        and np.array_equal(np.array(array.fill_value, kind), np.array(expected.fill, kind), equal_nan=kind.kind == "f")
        and all(attributes.get(name) == value for name, value in expected.attributes.items())
    )


@dataclass(frozen=True)
class Coordinate:
    """Names or numbers along one dimension, with their CF attributes."""

    dimension: str
    values: Shaped[np.ndarray, " value"]
    attributes: Mapping[str, str] = field(default_factory=dict)


def coordinates(manifest: Manifest) -> dict[str, Coordinate]:
    """What names parameters, sites and features, the times in ms, and what was injected or held at these times."""
    found = {name: Coordinate(name, np.array(names, dtype=object)) for name, names in _names(manifest).items()}
    found["variable"] = Coordinate("site", np.array(manifest.variables, dtype=object))
    protocol = Protocol.from_json(manifest.protocol)
    for i, (layout, stimulus) in enumerate(zip(manifest.layouts, protocol.stimuli, strict=True)):
        along, times = f"time_{i}", np.arange(layout.samples) * layout.sampling
        found[along] = Coordinate(along, times, _about("ms", f"time from the start of {layout.name}"))
        for name, (values, about) in _sources(stimulus, times).items():
            found[f"{name}_{i}"] = Coordinate(along, values, about | {"stimulus": layout.name})
    return found


def _names(manifest: Manifest) -> dict[str, list[str]]:
    names = {
        "parameter": list(manifest.space.names),
        "site": list(manifest.sites),
        "stimulus": [layout.name for layout in manifest.layouts],
    }
    return names if manifest.vetting is None else names | {"feature": list(VITALS)}


def _sources(
    stimulus: Stimulus, times: Float[np.ndarray, " time"]
) -> dict[str, tuple[Float[np.ndarray, " time"], dict[str, str]]]:
    """What acts on the cell from each time (ms) on: the current at its first site, and at others what is stated."""
    step = np.minimum(np.floor(times / stimulus.dt + 1e-6).astype(np.intp), stimulus.n_steps - 1) + stimulus.n_warm
    found = {"current": (stimulus.injected()[step], _about("nA", "current injected at the first site of the cell"))}
    for k, injection in enumerate(stimulus.injections):
        about = _about("nA", f"current injected at {injection.site}")
        found[f"injection_{k}"] = (stimulus.injected_by(injection)[step], about)
    for k, clamp in enumerate(stimulus.clamps):
        found[f"command_{k}"] = (stimulus.command(clamp)[step], _about("mV", f"voltage held at {clamp.site}"))
    return found


def lay_coordinates(store: Path, manifest: Manifest) -> None:
    """Writes the coordinates of a store, over those that are there."""
    import zarr

    group = zarr.open_group(store, mode="r+")
    for name, coordinate in coordinates(manifest).items():
        values = coordinate.values
        kind: Any = str if values.dtype == object else "float64"
        array = group.create_array(
            name, shape=values.shape, dtype=kind, dimension_names=(coordinate.dimension,),
            attributes=dict(coordinate.attributes), overwrite=True,
        )  # fmt: skip
        array[:] = values


def _array(group: Any, array: StoredArray, block: int) -> None:
    from zarr.codecs import BloscCodec, Crc32cCodec

    size = np.dtype(array.kind).itemsize
    squeeze = BloscCodec(cname=COMPRESSOR, clevel=LEVEL, shuffle="shuffle", typesize=size)
    group.create_array(
        array.name,
        shape=array.shape,
        dtype=array.kind,
        chunks=(block, *array.shape[1:]),
        fill_value=array.fill,
        dimension_names=array.dimensions,
        chunk_key_encoding={"name": "default", "separator": SEPARATOR},
        compressors=[squeeze, Crc32cCodec()],
        attributes=dict(array.attributes),
        config={"write_empty_chunks": True},
    )
