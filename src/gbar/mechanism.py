"""One parsed NMODL density mechanism: its variables, ions and equations, ready to be emitted or interpreted."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gbar.errors import NmodlError
from gbar.nmodl import lexer
from gbar.nmodl.builtins import with_builtins
from gbar.nmodl.check import check
from gbar.nmodl.copies import with_copies
from gbar.nmodl.currents import with_own_currents
from gbar.nmodl.lower import lower
from gbar.nmodl.parse import parse_file
from gbar.nmodl.shared import warnings_of_shared
from gbar.nmodl.symbols import Symbols
from gbar.nmodl.tree import Block
from gbar.nmodl.unroll import unroll
from gbar.nmodl.verbatim import without_verbatim

_SHIPPED = Path(__file__).parent / "mechanisms"


@dataclass(frozen=True)
class MechanismParameter:
    """A PARAMETER: its default value in the unit that the file states; RANGE, GLOBAL or neither (private, fixed)."""

    name: str
    value: float
    unit: str
    scope: str  # "range", "global" or "private"
    low: float | None = None
    high: float | None = None

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the largest value that the file allows; infinite where it declares none."""
        return -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high


@dataclass(frozen=True)
class Ion:
    """USEION: the variables of the ion that the blocks read and write: e, i (total current), i and o concentrations.

    For ca: `eca` (mV), `ica` (mA/cm2; as an input the sum over the mechanisms of the compartment so far, as a result of
    `breakpoint` this mechanism's own current), `cai` and `cao` (mM; results of `initial` and `advance` where written).
    They are never among a mechanism's states, parameters or assigned variables, whatever block declares them.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    valence: float | None = None

    @property
    def changes(self) -> bool:
        """Whether a concentration is written."""
        return not {f"{self.name}i", f"{self.name}o"}.isdisjoint(self.writes)


@dataclass(frozen=True)
class Current:
    """A membrane current density in mA/cm2, outward positive; `ion` is None for a NONSPECIFIC_CURRENT."""

    name: str
    ion: str | None


@dataclass(frozen=True)
class Mechanism:
    """A density mechanism after all passes.

    `initial` gives states and ASSIGNED variables their values at v_init. `breakpoint` gives the currents (its results
    hold every current, by name) at the voltage v and the present states, without SOLVE. `slope` holds d(current)/dv for
    every current (results by the current's name); its code may read names assigned in `breakpoint.code`, which comes
    before it. `affine`: every current is affine in v (or has its slope stated by a CONDUCTANCE), so that `slope` serves
    any step of v. `advance` moves the states by dt at the new voltage (results: states and whatever ASSIGNED variables
    DERIVATIVE leaves). Beside these, a block's results hold those of `assigned` that it changes, and the variables of
    ions that it writes. Variables are 0 when INITIAL begins, a state m has the PARAMETER m0 if there is one.

    What the passes add to `assigned`: for a PARAMETER `g` that code assigns, `g_now`, which is `g` when INITIAL begins
    and which all code reads in its stead; for a current `ik` that a block reads as BREAKPOINT left it, and that is not
    READ from the ion, `ik_own`; for a reversal potential that is WRITTEN and not READ, `ek_own`. An element of an array
    is a variable like `s[0]`. The code of BREAKPOINT of a mechanism without currents is in `advance`, after the states.
    """

    name: str  # SUFFIX
    file: Path
    digest: str  # sha256 of the file and of what it INCLUDEs
    title: str
    parameters: tuple[MechanismParameter, ...]
    states: tuple[str, ...]
    assigned: tuple[str, ...]  # ASSIGNED and file-scope LOCAL variables that keep a value between blocks
    units: tuple[tuple[str, str], ...]  # (variable, unit as written), for every variable that has one
    ions: tuple[Ion, ...]
    currents: tuple[Current, ...]
    initial: Block
    breakpoint: Block
    slope: Block
    affine: bool
    advance: Block
    memory: bool = False  # breakpoint reads what its own evaluation before left: NEURON's two calls a step both count,
    # and the slope is the quotient of their difference (`affine` is False)
    warnings: tuple[str, ...] = ()  # what the file says and gbar does not do, one line each with its place

    @property
    def ion_variables(self) -> frozenset[str]:
        """Every variable of an ion that it reads or writes."""
        return frozenset(name for ion in self.ions for name in (*ion.reads, *ion.writes))


def read(path: str | Path) -> Mechanism:
    """The mechanism in the .mod file `path`. Raises NmodlError, with the place in the file, if gbar does not accept it.

    >>> read(shipped_file("pas")).currents
    (Current(name='i', ion=None),)
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise NmodlError("is not a file", file=path, remedy="give the path of a .mod file")
        if path.is_file() and path.stat().st_size > lexer.MAX_BYTES:
            raise lexer.too_large(path.stat().st_size, str(path))
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NmodlError(f"cannot be read ({reason})", file=path, remedy="give the path of a .mod file") from None
    return _mechanism(lexer.decode(data, str(path)), str(path), hashlib.sha256(data).hexdigest(), path.parent)


def parse(text: str, file: str = "<text>") -> Mechanism:
    """The mechanism that an NMODL text defines; `file` is its name in messages. Raises NmodlError."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > lexer.MAX_BYTES:
        raise lexer.too_large(len(data), file)
    return _mechanism(text, file, hashlib.sha256(data).hexdigest())


def shipped() -> tuple[str, ...]:
    """The names of the mechanisms that come with gbar: a SUFFIX, or set/SUFFIX where two sets have one of that SUFFIX.

    >>> {"hh", "NaTa_t", "hay/Ih", "allen/Ih"} <= set(shipped())
    True
    """
    files = _shipped_files()
    suffixes = [suffix for _, suffix in files]
    return tuple(sorted(f"{s}/{n}" if s and suffixes.count(n) > 1 else n for s, n in files))


def shipped_file(name: str, prefer: Sequence[str] = ()) -> Path:
    """The .mod file of a mechanism that comes with gbar.

    `name`: a SUFFIX that one file alone has, or set/SUFFIX, as in allen/Ih. `prefer`: the sets in whose first a mere
    SUFFIX is looked for before all others, as in ("sscx", "hay"). Raises NmodlError if no file, or more than one, fits.
    """
    files = _shipped_files()
    chosen, _, suffix = name.rpartition("/")
    for one in (chosen,) if chosen else tuple(prefer):
        if one and (one, suffix) in files:
            return files[one, suffix]
    fit = [] if chosen else [(s, n) for s, n in files if n == suffix]
    if len(fit) == 1:
        return files[fit[0]]
    if fit:
        choices = " or ".join(sorted(f"{s}/{n}" if s else n for s, n in fit))
        raise NmodlError(f"{len(fit)} mechanisms named {suffix} come with gbar", remedy=f"write {choices}")
    raise NmodlError(f"no mechanism named {name!r} comes with gbar", remedy=f"there are {', '.join(shipped())}")


def shipped_name(mechanism: Mechanism) -> str | None:
    """The name under which a mechanism comes with gbar, as in `shipped`; None if its file is not one of these."""
    for name in shipped():
        file = shipped_file(name)
        if file.stem == mechanism.name and hashlib.sha256(file.read_bytes()).hexdigest() == mechanism.digest:
            return name
    return None


@cache
def _shipped_files() -> Mapping[tuple[str, str], Path]:
    """(set, SUFFIX) -> file; the set is the folder, and empty for the files that belong to none."""
    files = sorted(_SHIPPED.rglob("*.mod"))
    return {(path.parent.relative_to(_SHIPPED).as_posix().removeprefix("."), path.stem): path for path in files}


def _mechanism(text: str, file: str, digest: str, folder: Path | None = None) -> Mechanism:
    try:
        tree = with_builtins(with_copies(unroll(without_verbatim(parse_file(text, file, folder)))))
        symbols = check(tree)
        code = with_own_currents(lower(tree, symbols), symbols)
    except RecursionError:
        raise NmodlError(
            "expressions, calls or blocks are too deep inside one another",
            file=file,
            remedy="split them with LOCAL variables",
        ) from None
    if tree.included:
        digest = hashlib.sha256("".join((digest, *tree.included)).encode()).hexdigest()
    return Mechanism(
        symbols.suffix,
        Path(file),
        digest,
        symbols.title,
        _parameters(symbols),
        symbols.states,
        code.carried,
        tuple(symbols.units.items()),
        _ions(symbols),
        tuple(Current(*item) for item in symbols.currents.items()),
        code.initial,
        code.breakpoint,
        code.slope,
        code.affine,
        code.advance,
        memory=code.memory,
        warnings=symbols.warnings + code.warnings + warnings_of_shared(code, symbols),
    )


def _parameters(symbols: Symbols) -> tuple[MechanismParameter, ...]:
    return tuple(
        MechanismParameter(name, entry.value or 0.0, entry.unit, symbols.scopes[name], entry.low, entry.high)
        for name, entry in symbols.parameters.items()
    )


def _ions(symbols: Symbols) -> tuple[Ion, ...]:
    ions = []
    for use in symbols.ions:
        reads, writes = (tuple(dict.fromkeys(name.id for name in names)) for names in (use.reads, use.writes))
        changed = tuple(name for name in writes if name in symbols.ion_writes and name not in reads)
        ions.append(Ion(use.ion, reads + changed, writes, use.valence))
    return tuple(ions)
