"""The blocks and declarations of an NMODL file, as parsed; statements and expressions are in `tree`."""

from __future__ import annotations

from dataclasses import dataclass, field

from gbar.nmodl.tree import NOWHERE, Name, Position, Statement

# --- the NEURON block --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Suffix:
    """`SUFFIX name`."""

    name: str
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class UseIon:
    """`USEION ion READ a, b WRITE c VALENCE n`."""

    ion: str
    reads: tuple[Name, ...] = ()
    writes: tuple[Name, ...] = ()
    valence: float | None = None
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class NonspecificCurrent:
    """`NONSPECIFIC_CURRENT a, b`."""

    names: tuple[Name, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class RangeNames:
    """`RANGE a, b`."""

    names: tuple[Name, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class GlobalNames:
    """`GLOBAL a, b`."""

    names: tuple[Name, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class ThreadSafe:
    """`THREADSAFE`."""

    at: Position = field(default=NOWHERE, compare=False)


NeuronStatement = Suffix | UseIon | NonspecificCurrent | RangeNames | GlobalNames | ThreadSafe


@dataclass(frozen=True)
class Neuron:
    """`NEURON { ... }`."""

    statements: tuple[NeuronStatement, ...]
    at: Position = field(default=NOWHERE, compare=False)


# --- declarations ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UnitAlias:
    """`(mV) = (millivolt)`."""

    alias: str
    meaning: str
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class UnitConstant:
    """`F = 96485 (coul)` or, with `source` for the number, `FARADAY = (faraday) (coulomb)`."""

    name: str
    value: float | None
    source: str
    unit: str
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Units:
    """`UNITS { ... }`."""

    entries: tuple[UnitAlias | UnitConstant, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class ParameterDecl:
    """`name = value (unit) <low, high>`."""

    name: str
    value: float | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    at: Position = field(default=NOWHERE, compare=False)
    size: int = 0  # of an array


@dataclass(frozen=True)
class Parameters:
    """`PARAMETER { ... }`."""

    entries: tuple[ParameterDecl, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Constants:
    """`CONSTANT { ... }`."""

    entries: tuple[ParameterDecl, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class VariableDecl:
    """`name (unit)` in ASSIGNED or STATE; FROM, TO, START and <tolerance> are read and forgotten."""

    name: str
    unit: str = ""
    at: Position = field(default=NOWHERE, compare=False)
    size: int = 0  # of an array
    start: str = ""  # the PARAMETER whose value the pass `copies` lets it begin with


@dataclass(frozen=True)
class Assigned:
    """`ASSIGNED { ... }`."""

    entries: tuple[VariableDecl, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class States:
    """`STATE { ... }`."""

    entries: tuple[VariableDecl, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Independent:
    """`INDEPENDENT { t ... }`, which says nothing that is not known."""

    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class FileLocal:
    """`LOCAL a, b[3]` outside of all blocks: variables that keep their values; NEURON has one for all compartments."""

    entries: tuple[VariableDecl, ...]
    at: Position = field(default=NOWHERE, compare=False)


# --- code --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Initial:
    """`INITIAL { ... }`."""

    body: tuple[Statement, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Breakpoint:
    """`BREAKPOINT { ... }`."""

    body: tuple[Statement, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Derivative:
    """`DERIVATIVE name { ... }`."""

    name: str
    body: tuple[Statement, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Kinetic:
    """`KINETIC name { ... }`: reactions, what they conserve, the compartments' volumes, and statements between them."""

    name: str
    body: tuple[Statement, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Linear:
    """`LINEAR name { ... }` or `NONLINEAR name { ... }`: simultaneous equations for the states they name."""

    name: str
    body: tuple[Statement, ...]
    nonlinear: bool = False
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Argument:
    """An argument of a FUNCTION or PROCEDURE: `v (mV)`."""

    name: str
    unit: str = ""
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Routine:
    """`FUNCTION name(arguments) (unit) { ... }`, which returns the variable of its own name, or PROCEDURE (`kind`)."""

    kind: str
    name: str
    arguments: tuple[Argument, ...]
    unit: str
    body: tuple[Statement, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class FunctionTable:
    """`FUNCTION_TABLE name(arguments) (unit)`, whose values a program would have to give."""

    name: str
    arguments: tuple[Argument, ...]
    unit: str = ""
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Beside:
    """`BEFORE BREAKPOINT { ... }` and the like: `when` is BEFORE or AFTER; `what` BREAKPOINT, SOLVE, INITIAL, STEP."""

    when: str
    what: str
    body: tuple[Statement, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class FileVerbatim:
    """`VERBATIM text ENDVERBATIM` outside of all blocks."""

    text: str
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Title:
    """`TITLE text`."""

    text: str
    at: Position = field(default=NOWHERE, compare=False)


FileBlock = (
    Title
    | Neuron
    | Units
    | Parameters
    | Constants
    | Assigned
    | States
    | Independent
    | FileLocal
    | Initial
    | Breakpoint
    | Derivative
    | Kinetic
    | Linear
    | Routine
    | FunctionTable
    | Beside
    | FileVerbatim
)


@dataclass(frozen=True)
class File:
    """A parsed file: its blocks in the order written.

    `name` is for messages, `included` has the digests of the files that it INCLUDEs, `warnings` what passes say.
    """

    blocks: tuple[FileBlock, ...]
    name: str = field(default="", compare=False)
    included: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
