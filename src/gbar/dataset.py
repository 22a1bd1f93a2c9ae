"""Simulations on disk: theta, traces, statuses and a manifest in a Zarr store, which xarray opens with names and units.

A store is written block of rows by block of rows, in any order, into `<path>.partial`, and takes its own name only when
every block is there. A row without a status has not been written; that is what a resumed job looks for.
"""

from __future__ import annotations

import math
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from gbar import __version__
from gbar.errors import DatasetError, OutputError, ParameterError
from gbar.features import spike_counts
from gbar.files import unwritable
from gbar.parameters import ParameterSpace
from gbar.traces import Status, Traces

if TYPE_CHECKING:
    import xarray

FORMAT = 1
BLOCK = 256  # rows that are written, and stored, together
MOST_ROWS = 100_000_000
_UNWRITTEN = 255  # the status of a row that is not there yet
_ANEW = "simulate again"


@dataclass(frozen=True)
class Split:
    """Row numbers for training, validation and test."""

    train: Int[np.ndarray, " train"]
    validation: Int[np.ndarray, " validation"]
    test: Int[np.ndarray, " test"]


def split_rows(rows: int, keep: Bool[np.ndarray, " row"] | None = None) -> Split:
    """8/1/1, interleaved: of every ten rows the last is for test, the one before for validation; so 3,000 give
    2,400/300/300.

    Rows are independent draws, and no row ever changes sides when a data set grows or when rows are left out by `keep`.

    >>> split_rows(10).test
    array([9])
    """
    index = np.arange(rows)
    if keep is not None:
        index = index[keep]
    return Split(index[index % 10 < 8], index[index % 10 == 8], index[index % 10 == 9])


@dataclass(frozen=True)
class Layout:
    """One stimulus as it lies on disk: `samples` of its sweep, `sampling` ms apart."""

    name: str
    samples: int
    sampling: float  # ms


@dataclass(frozen=True)
class Manifest:
    """What made a data set: the cell by name and digest, its parameter space, the protocol as JSON, sites, layouts,
    seed, precision.

    `versions` and `cpu` are filled in from where it is made; a data set is resumed elsewhere only with a warning.
    """

    cell: str
    cell_digest: str
    space: ParameterSpace
    protocol: Mapping[str, Any]
    sites: tuple[str, ...]
    layouts: tuple[Layout, ...]
    seed: int
    precision: str = "float32"
    versions: Mapping[str, str] = field(default_factory=lambda: versions())
    cpu: Mapping[str, Any] = field(default_factory=lambda: cpu_features())

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold and `from_json` reads back."""
        layouts = [{"name": x.name, "samples": x.samples, "sampling": x.sampling} for x in self.layouts]
        return {
            "cell": self.cell,
            "cell_digest": self.cell_digest,
            "space": self.space.to_json(),
            "protocol": dict(self.protocol),
            "sites": list(self.sites),
            "layouts": layouts,
            "seed": self.seed,
            "precision": self.precision,
            "versions": dict(self.versions),
            "cpu": dict(self.cpu),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Manifest:
        """The inverse of `to_json`; raises DatasetError if something is missing or of the wrong type."""
        try:
            layouts = tuple(Layout(str(x["name"]), int(x["samples"]), float(x["sampling"])) for x in data["layouts"])
            return Manifest(
                str(data["cell"]),
                str(data["cell_digest"]),
                ParameterSpace.from_json(data["space"]),
                dict(data["protocol"]),
                tuple(str(site) for site in data["sites"]),
                layouts,
                int(data["seed"]),
                str(data["precision"]),
                dict(data["versions"]),
                dict(data["cpu"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, ParameterError) as error:
            raise DatasetError(f"its manifest is damaged ({error})", remedy=_ANEW) from None

    def same_rows(self, other: Manifest) -> bool:
        """Whether both make the same rows, versions and processors aside."""
        mine, theirs = self.to_json(), other.to_json()
        return all(mine[key] == theirs[key] for key in mine if key not in ("versions", "cpu"))


def versions() -> dict[str, str]:
    """The versions of what the rows' bits depend on."""
    return {"gbar": __version__, "numpy": version("numpy"), "numba": version("numba")}


def cpu_features() -> dict[str, Any]:
    """The machine type and the SIMD extensions that NumPy found: float32 results agree to the bit only where they
    agree."""
    found = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    return {"machine": platform.machine(), "simd": list(found)}


class Writer:
    """A data set that is being written, by one process; blocks may come in any order. Make it with `create`."""

    def __init__(
        self, path: Path, manifest: Manifest, rows: int, group: Any, overwrite: bool, warnings: tuple[str, ...]
    ) -> None:
        self.path, self.manifest, self.rows, self.warnings = path, manifest, rows, warnings
        self._group, self._overwrite = group, overwrite

    @property
    def missing(self) -> tuple[tuple[int, int], ...]:
        """The blocks [start, stop) that are still to be written, in order."""
        status = self._group["status"][:]
        starts = range(0, self.rows, BLOCK)
        blocks = ((start, min(start + BLOCK, self.rows)) for start in starts)
        return tuple((start, stop) for start, stop in blocks if (status[start:stop] == _UNWRITTEN).any())

    def write(
        self,
        start: int,
        theta: Float[np.ndarray, "row parameter"],
        traces: Traces,
        spikes: Int[np.ndarray, "row stimulus"] | None = None,
    ) -> None:
        """Writes whole blocks from row `start` on: theta in physical units, and what was simulated with it.

        `spikes` are the spike counts, counted in the traces unless given (reduced traces have lost them). Raises
        ValueError unless whole blocks of the right shapes are given, OutputError if the disk does not take them.
        """
        stop = start + len(theta)
        if start % BLOCK or (stop % BLOCK and stop != self.rows) or not start < stop <= self.rows:
            raise ValueError(f"rows {start} to {stop} are not whole blocks of {BLOCK} of {self.rows} rows")
        if len(traces) != len(theta) or len(traces.v) != len(self.manifest.layouts):
            raise ValueError("theta and traces do not belong together")
        with _writing(self.path):
            self._group["theta"][start:stop] = theta
            self._group["unit"][start:stop] = self.manifest.space.to_unit(theta)
            for i, v in enumerate(traces.v):
                expected = (stop - start, *self._group[f"v_{i}"].shape[1:])
                if v.shape != expected:
                    raise ValueError(f"the traces of stimulus {i} are {v.shape}, expected {expected}")
                self._group[f"v_{i}"][start:stop] = v
            self._group["spikes"][start:stop] = spike_counts(traces) if spikes is None else spikes
            self._group["status"][start:stop] = traces.status  # last: it says that the rows are there

    def finish(self) -> Dataset:
        """Gives the data set its name; raises DatasetError if blocks are missing."""
        if self.missing:
            what = f"{len(self.missing)} blocks of rows are missing"
            raise DatasetError(what, file=self.path, remedy="write them first")
        with _writing(self.path):
            if self._overwrite and self.path.exists():
                old = self.path.with_name(f".{self.path.name}.{os.getpid()}.old")
                self.path.rename(old)
                partial_path(self.path).rename(self.path)
                shutil.rmtree(old)
            else:
                partial_path(self.path).rename(self.path)
        return open_dataset(self.path)


def partial_path(path: Path) -> Path:
    """Where a data set lies while it is being written."""
    return path.with_name(path.name + ".partial")


def check_place(path: Path, manifest: Manifest, rows: int, *, overwrite: bool = False) -> None:
    """Raises what `create` would, short of writing: to be asked before work that takes long."""
    path = Path(path)
    if not 1 <= rows <= MOST_ROWS:
        raise DatasetError(f"a data set of {rows} rows is asked for", remedy=f"use 1 to {MOST_ROWS:,}")
    if path.exists() and not overwrite:
        raise OutputError("it exists already", file=path, remedy="choose another name, or add --overwrite")
    if path.exists() and not (path / "zarr.json").is_file():
        raise OutputError("it exists and is no data set", file=path, remedy="choose another name")
    if partial_path(path).exists() and not overwrite:
        _resume(partial_path(path), manifest, rows)


def create(path: Path, manifest: Manifest, rows: int, *, overwrite: bool = False) -> Writer:
    """Begins a data set of `rows` rows at `path`, or goes on with the unfinished one that the same manifest began
    there.

    Raises OutputError if `path` exists (unless `overwrite`), cannot be written, or holds an unfinished data set of
    something else.
    """
    path = Path(path)
    check_place(path, manifest, rows, overwrite=overwrite)
    partial = partial_path(path)
    if overwrite and partial.exists() and not _begun(partial, manifest, rows):
        with _writing(partial):
            shutil.rmtree(partial)
    if partial.exists():
        group, warnings = _resume(partial, manifest, rows)
    else:
        with _writing(path):
            group, warnings = _lay_out(path, manifest, rows), ()
    return Writer(path, manifest, rows, group, overwrite, warnings)


def _begun(partial: Path, manifest: Manifest, rows: int) -> bool:
    """Whether the unfinished store is one that this job can go on with."""
    try:
        _resume(partial, manifest, rows)
    except OutputError:
        return False
    return True


def _resume(partial: Path, manifest: Manifest, rows: int) -> tuple[Any, tuple[str, ...]]:
    """The unfinished store at `partial`, with a warning if it was begun with other versions or on another processor."""
    import zarr

    remedy = "delete it, or choose another name"
    try:
        group = zarr.open_group(partial, mode="r+")
        begun = Manifest.from_json(group.attrs["gbar"]["manifest"])
        same = begun.same_rows(manifest) and group["status"].shape == (rows,)
    except Exception as error:  # whatever zarr raises for files that are not its own
        raise OutputError(
            f"a damaged unfinished data set lies there ({type(error).__name__})", file=partial, remedy=remedy
        ) from None
    if not same:
        raise OutputError("an unfinished data set of something else lies there", file=partial, remedy=remedy)
    if (dict(begun.versions), dict(begun.cpu)) == (dict(manifest.versions), dict(manifest.cpu)):
        return group, ()
    return group, (f"{partial.name} was begun with other versions or on another processor; rows differ by rounding",)


def _lay_out(path: Path, manifest: Manifest, rows: int) -> Any:
    """An empty store at `<path>.partial`, made under a third name so that it is never seen half laid out."""
    import zarr

    partial = partial_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        header = {"format": FORMAT, "manifest": manifest.to_json()}
        group = zarr.create_group(fresh, attributes={"title": "Simulations made by gbar", "gbar": header})
        _coordinates(group, manifest)
        names = ("row", "parameter")
        matrix = (rows, len(manifest.space))
        physical = "; ".join(f"{p.name}: {p.unit or '1'}" for p in manifest.space.parameters)
        _array(group, "theta", matrix, "float64", math.nan, names, units=physical, long_name="free parameters")
        _array(group, "unit", matrix, "float64", math.nan, names, units="1", long_name="theta in [-1, 1]")
        for i, layout in enumerate(manifest.layouts):
            shape = (rows, len(manifest.sites), layout.samples)
            about = {"units": "mV", "long_name": "membrane voltage", "stimulus": layout.name}
            _array(group, f"v_{i}", shape, "float32", math.nan, ("row", "site", f"time_{i}"), **about)
        counts = (rows, len(manifest.layouts))
        _array(group, "spikes", counts, "int32", 0, ("row", "stimulus"), units="1", long_name="spike count")
        meanings = {"flag_values": [int(s) for s in Status], "flag_meanings": " ".join(s.name.lower() for s in Status)}
        _array(group, "status", (rows,), "uint8", _UNWRITTEN, ("row",), units="1", long_name="status", **meanings)
        fresh.rename(partial)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return zarr.open_group(partial, mode="r+")


def _coordinates(group: Any, manifest: Manifest) -> None:
    for name, values in (("parameter", manifest.space.names), ("site", manifest.sites)):
        array = group.create_array(name, shape=(len(values),), dtype=str, dimension_names=(name,))
        array[:] = np.array(values, dtype=object)
    for i, layout in enumerate(manifest.layouts):
        about = {"units": "ms", "long_name": f"time from the start of {layout.name}"}
        array = group.create_array(
            f"time_{i}", shape=(layout.samples,), dtype="float64", dimension_names=(f"time_{i}",), attributes=about
        )
        array[:] = np.arange(layout.samples) * layout.sampling


def _array(
    group: Any,
    name: str,
    shape: tuple[int, ...],
    kind: str,
    fill: float,
    dimensions: tuple[str, ...],
    **attributes: Any,
) -> None:
    from zarr.codecs import BloscCodec, Crc32cCodec

    squeeze = BloscCodec(cname="lz4", clevel=5, shuffle="shuffle", typesize=np.dtype(kind).itemsize)
    group.create_array(
        name,
        shape=shape,
        dtype=kind,
        chunks=(min(BLOCK, shape[0]), *shape[1:]),
        fill_value=fill,
        dimension_names=dimensions,
        compressors=[squeeze, Crc32cCodec()],
        attributes=attributes,
    )


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """What the operating system has against writing, as one line."""
    try:
        yield
    except OSError as error:
        raise unwritable(error, path) from None


@dataclass(frozen=True)
class Dataset:
    """Finished simulations on disk; traces are read when asked for (`read`)."""

    path: Path
    manifest: Manifest
    theta: Float[np.ndarray, "row parameter"]  # physical units
    unit: Float[np.ndarray, "row parameter"]  # [-1, 1]
    status: UInt8[np.ndarray, " row"]
    spikes: Int[np.ndarray, "row stimulus"]
    traces: tuple[Any, ...]  # Zarr arrays [row, site, time], one per stimulus

    def __len__(self) -> int:
        return len(self.status)

    def __repr__(self) -> str:
        about = self.manifest
        return f"Dataset({str(self.path)!r}: {len(self):,} rows of {about.cell}, {', '.join(about.space.names)})"

    @cached_property
    def arrays(self) -> xarray.Dataset:
        """The same as an xarray Dataset, with names and units; its arrays are read when asked for."""
        with _reading(self.path):
            import xarray

            return xarray.open_zarr(self.path, consolidated=False, chunks=None)

    @property
    def usable(self) -> Bool[np.ndarray, " row"]:
        """The rows whose simulation came to its end."""
        return np.asarray(self.status == Status.OK)

    @property
    def split(self) -> Split:
        """8/1/1 of the usable rows (see `split_rows`)."""
        return split_rows(len(self), self.usable)

    def read(self, rows: slice | Sequence[int] | Int[np.ndarray, " some"] | None = None) -> Traces:
        """The traces of the given rows (all: None), in mV; raises DatasetError if some are damaged or missing on
        disk."""
        index = np.arange(len(self))[slice(None) if rows is None else rows]
        v = []
        for stored in self.traces:
            with _reading(self.path):
                part = np.asarray(stored.oindex[index])
            lost = np.isnan(part).any(axis=(1, 2)) & (self.status[index] == Status.OK)
            if lost.any():
                what = f"the traces of row {index[lost.argmax()]} are missing"
                raise DatasetError(what, file=self.path, remedy=_ANEW)
            v.append(part)
        return Traces(tuple(v), tuple(layout.sampling for layout in self.manifest.layouts), self.status[index])


def open_dataset(path: Path) -> Dataset:
    """Opens finished simulations; raises DatasetError if there are none, if they are unfinished, damaged or not gbar's.

    >>> data = open_dataset(Path("sims.zarr"))  # doctest: +SKIP
    >>> data.theta, data.read(slice(0, 10)).v[0]  # doctest: +SKIP
    """
    path = Path(path)
    if not path.exists():
        unfinished = partial_path(path).exists()
        remedy = "resume the simulation" if unfinished else "check the name"
        what = "it is not finished yet" if unfinished else "there is no such data set"
        raise DatasetError(what, file=path, remedy=remedy)
    if not (path / "zarr.json").is_file():
        raise DatasetError("it is no Zarr store", file=path, remedy="give a folder that gbar simulate has made")
    if path.name.endswith(".partial"):
        raise DatasetError("it is not finished", file=path, remedy="resume the simulation")
    with _reading(path):
        import zarr

        group = zarr.open_group(path, mode="r")
        header = group.attrs.get("gbar")
        if not isinstance(header, Mapping) or header.get("format") != FORMAT:
            raise DatasetError("it was not made by this version of gbar", file=path, remedy=_ANEW)
        manifest = Manifest.from_json(header.get("manifest", {}))
        arrays = _checked_arrays(group, manifest)
        theta, unit, status, spikes = (np.asarray(arrays[name][:]) for name in ("theta", "unit", "status", "spikes"))
    if (status == _UNWRITTEN).any() or not (np.isfinite(theta).all() and np.isfinite(unit).all()):
        raise DatasetError("rows are missing from it", file=path, remedy=_ANEW)
    traces = tuple(arrays[f"v_{i}"] for i in range(len(manifest.layouts)))
    return Dataset(path, manifest, theta, unit, status, spikes, traces)


def _checked_arrays(group: Any, manifest: Manifest) -> dict[str, Any]:
    """The arrays by name. Raises DatasetError unless they are those that the manifest speaks of; reads none of them."""
    arrays = dict(group.arrays())
    rows = arrays["status"].shape[0]
    if not 1 <= rows <= MOST_ROWS:
        raise DatasetError(f"it claims {rows} rows", remedy=_ANEW)
    expected = {"theta": (rows, len(manifest.space)), "unit": (rows, len(manifest.space)), "status": (rows,)}
    expected["spikes"] = (rows, len(manifest.layouts))
    expected |= {f"v_{i}": (rows, len(manifest.sites), x.samples) for i, x in enumerate(manifest.layouts)}
    kinds = {"theta": "float64", "unit": "float64", "status": "uint8", "spikes": "int32"}
    for name, shape in expected.items():
        found = arrays.get(name)
        if found is None or found.shape != shape or found.dtype != kinds.get(name, "float32"):
            raise DatasetError(f"its array {name} is not the one that its manifest speaks of", remedy=_ANEW)
    return arrays


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever damaged files make zarr and xarray raise, as one line."""
    try:
        yield
    except DatasetError as error:
        raise error if error.file else DatasetError(error.what, file=path, remedy=error.remedy) from None
    except MemoryError:
        raise DatasetError("it does not fit into memory", file=path, remedy="read fewer rows") from None
    except Exception as error:
        raise DatasetError(f"it is damaged ({type(error).__name__})", file=path, remedy=_ANEW) from None
