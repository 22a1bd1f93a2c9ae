"""Compiled kernels: the generated text is written to a file named by its hash, imported, and compiled by Numba.

The file lies in the user's cache directory (`GBAR_CACHE`, else `~/.cache/gbar`), and the machine code that Numba keeps
beside it is used again. Where that directory cannot be written, a temporary one of this process takes its place.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np

from gbar.compartments import Compartments, lower
from gbar.errors import InternalError
from gbar.files import write_whole
from gbar.kernel import cable_text
from gbar.kernel.cable import CableTables, slots
from gbar.kernel.cable_emit import emit_cable
from gbar.kernel.emit import LANES, VERSION, emit
from gbar.kernel.pattern import pattern

if TYPE_CHECKING:
    from gbar.cell import Cell

Precision = Literal["float32", "float64"]

_P, _N = ctypes.c_void_p, ctypes.c_int64
_RUN = ctypes.CFUNCTYPE(None, *[_P] * 6, *[_N] * 5, _P, _P, *[_N] * 3, _P)  # `run` of many compartments

CABLE_LANES = {"float32": (32, 64), "float64": (16, 32)}  # the narrower where the state of a block exceeds CACHE
NARROW = 16  # lanes of the blocks that few rows are run in
GROWTH = 0.8  # a block of n lanes takes as long as n to this power
CACHE = 6 * 1024 * 1024  # bytes, beyond a second-level cache: stretches are read in order, which hides its misses


@dataclass(frozen=True)
class Kernel:
    """A cell as code for one precision. It knows which quantities are free, and no quantity's value.

    It is compiled when it first runs: seconds the first time, then from the cache. `lanes` is the width of its blocks;
    few rows are run in narrower ones, which is other code (see `compiled`). `cable` are the tables of a kernel of many
    compartments; a cell of one compartment does without, unless they are asked for.
    """

    compartments: Compartments
    precision: Precision
    lanes: int
    text: str = field(repr=False)  # of the module with the time loop
    cable: CableTables | None = field(default=None, repr=False, compare=False)
    mechanisms: tuple[str, ...] = field(default=(), repr=False)  # the texts of the mechanisms' modules
    fixed: bool = False  # the width was asked for

    @property
    def source(self) -> str:
        """The generated Python text."""
        return "".join((*self.mechanisms, self.text))

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """The type of the voltages that it makes."""
        return np.dtype(self.precision)

    @property
    def run(self) -> Callable[..., None]:
        """The compiled function (see the docstring in its source)."""
        return self._machine_code[1]

    @property
    def path(self) -> Path:
        """The file of its source, once it is compiled."""
        return self._machine_code[0]

    @cached_property
    def _machine_code(self) -> tuple[Path, Callable[..., None]]:
        if self.cable is None:
            path, module = _compiled(self.text, VERSION)
            return path, module.run
        addresses = []
        for mechanism in self.mechanisms:
            _, module = _compiled(mechanism, cable_text.VERSION)
            phases = ((name, getattr(module, name, None)) for name in ("initial", "currents", "advance", "step"))
            addresses.append({name: int(found.address) for name, found in phases if found is not None})
        self.cable.programs(addresses)
        path, module = _compiled(self.text, cable_text.VERSION)
        return path, _RUN(module.run.address)

    def compiled(self, rows: int, threads: int) -> Kernel:
        """This kernel, or its narrow one if that has done so many rows sooner, on so many threads; compiled."""

        def time(lanes: int) -> float:
            blocks = -(-rows // lanes)
            return -(-blocks // threads) * float(lanes) ** GROWTH

        best = self
        if not self.fixed and self.lanes > NARROW and time(NARROW) <= time(self.lanes):
            best = self.narrow
        best.run  # noqa: B018 (compiles)
        return best

    @cached_property
    def narrow(self) -> Kernel:
        """The same with the narrowest blocks; a row has the same bits in both."""
        return build(self.compartments, self.precision, lanes=NARROW, cable=self.cable is not None)

    @cached_property
    def tree(self) -> Kernel:
        """The same with the code of many compartments, which alone has voltage clamps."""
        if self.cable is not None:
            return self
        return build(self.compartments, self.precision, lanes=self.lanes if self.fixed else None, cable=True)


def build(
    cell: Cell | Compartments,
    precision: Precision = "float32",
    *,
    lanes: int | None = None,
    cable: bool | None = None,
) -> Kernel:
    """The kernel of a cell, not yet compiled.

    `lanes` is the number of parameter sets that are run side by side: a power of two, 16 at least; leave it out for
    what measured best for the number of rows. `cable` asks for the code of many compartments, whose text does not
    depend on the morphology, also for one; leave it out for what is needed. Raises CellError where the cell does not
    state what a mechanism reads.

    >>> kernel = build(read_cell("sphere"), "float64")  # doctest: +SKIP
    """
    compartments = cell if isinstance(cell, Compartments) else lower(cell)
    if lanes is not None and (lanes < NARROW or lanes & (lanes - 1)):
        raise InternalError(f"{lanes} lanes: a power of two from {NARROW} is needed")
    if cable or (cable is None and len(compartments.compartments) > 1):
        return _cable(compartments, precision, lanes)
    width = lanes or LANES[precision]
    return Kernel(compartments, precision, width, emit(compartments, precision, width), fixed=lanes is not None)


def _cable(compartments: Compartments, precision: Precision, lanes: int | None) -> Kernel:
    """A kernel of many compartments; fewer lanes where the state of a block is large."""
    found = pattern(compartments)
    width = lanes or max(CABLE_LANES[precision])
    modules, layout = emit_cable(found, precision, width)
    if lanes is None and (fit := fitting(slots(compartments, layout), precision)) != width:
        width = fit
        modules, layout = emit_cable(found, precision, width)
    tables = CableTables(compartments, layout)
    return Kernel(compartments, precision, width, modules.run, tables, modules.mechanisms, fixed=lanes is not None)


def fitting(count: int, precision: Precision) -> int:
    """How many lanes to run side by side where each has `count` numbers of state."""
    widths = [width for width in CABLE_LANES[precision] if width * count * np.dtype(precision).itemsize <= CACHE]
    return max(widths, default=CABLE_LANES[precision][0])


def _compiled(text: str, version: int) -> tuple[Path, ModuleType]:
    """The file and the module of a kernel's text, from the cache where it is there and whole."""
    import numba

    digest = hashlib.sha256(f"{version}\n{numba.__version__}\n{text}".encode()).hexdigest()[:32]
    name = f"gbar_kernel_{digest}"
    try:
        path = _write(_cache_folder() / f"{name}.py", text)
        return path, _load(path)
    except Exception:  # unwritable, full or damaged: what is wrong with the kernel itself shows again below
        path = _write(_temporary_folder() / f"{name}.py", text)
        return path, _load(path)


def _write(path: Path, text: str) -> Path:
    """Puts a kernel's text into its file, whole or not at all; leaves a file alone that has it."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(path, text)


def _cache_folder() -> Path:
    stated = os.environ.get("GBAR_CACHE")
    return Path(stated) if stated else Path.home() / ".cache" / "gbar"


@functools.cache
def _temporary_directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="gbar_")


def _temporary_folder() -> Path:
    return Path(_temporary_directory().name)


@functools.cache
def _load(path: Path) -> ModuleType:
    """Imports a kernel's file: compiles it, or loads the machine code beside it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InternalError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # Numba looks a cached function's module up by its name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(path.stem, None)
        raise
    return module
