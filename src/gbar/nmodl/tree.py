"""The nodes of a parsed NMODL file: frozen, compared by content, never text to be executed.

The parser makes a `File`; passes turn trees into trees; the last of them leaves `Block`s of straight-line code.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Position:
    """A place in the source: line and column, both from 1."""

    line: int
    column: int


NOWHERE = Position(0, 0)

# --- expressions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Number:
    """A literal."""

    value: float
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Name:
    """A variable."""

    id: str
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Unary:
    """`-x` or `!x`."""

    op: str
    operand: Expr
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Binary:
    """`left op right` with op one of + - * / ^ < > <= >= == != && ||."""

    op: str
    left: Expr
    right: Expr
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Call:
    """A call of a FUNCTION of the file or of an intrinsic: exp, log, log10, sqrt, fabs, pow, sin, cos, tanh, ...

    Passes introduce three intrinsics that NMODL has not: `exprelr(x)` = x / (exp(x) - 1), which is 1 at x = 0, and its
    derivative `dexprelr(x)`, which is -1/2 at x = 0; and `expm1(x)` = exp(x) - 1.
    """

    function: str
    arguments: tuple[Expr, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Select:
    """`then if condition else otherwise`; both sides are evaluated. Made by the pass that flattens IF statements."""

    condition: Expr
    then: Expr
    otherwise: Expr
    at: Position = field(default=NOWHERE, compare=False)


Expr = Number | Name | Unary | Binary | Call | Select

# --- statements --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Local:
    """`LOCAL a, b`."""

    names: tuple[str, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Assign:
    """`target = value`."""

    target: str
    value: Expr
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Differential:
    """`state' = value`."""

    state: str
    value: Expr
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class If:
    """`IF (condition) {then} ELSE {otherwise}`; ELSE IF is an If alone in `otherwise`."""

    condition: Expr
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class CallStatement:
    """A PROCEDURE (or FUNCTION) called for what it does."""

    call: Call
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Solve:
    """`SOLVE block METHOD method`; `STEADYSTATE method` has that word before the method's name."""

    block: str
    method: str | None
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Table:
    """`TABLE a, b DEPEND c FROM low TO high WITH n`: read, and ignored: gbar computes what a table would hold."""

    names: tuple[str, ...] = ()
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Conductance:
    """`CONDUCTANCE variable USEION ion`: the file states the slope d(current of the ion)/dv."""

    variable: str
    ion: str | None
    at: Position = field(default=NOWHERE, compare=False)


Statement = Local | Assign | Differential | If | CallStatement | Solve | Table | Conductance

# --- what the passes leave ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """`target` = the state whose value is the variable `state`, advanced by dt under state' = `value`.

    Straight-line code holds it between flattening and the solution of the differential equations.
    """

    target: str
    state: str
    value: Expr
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Block:
    """Straight-line single-assignment code.

    Every statement of `code` assigns a fresh name (one that is no variable of the mechanism, assigned nowhere else in
    this block); every other name it reads is an input: a parameter, a state, an ASSIGNED variable, an ion's variable,
    or one of v, t, dt, celsius, with the value it has when the block starts. `results` are the pairs (variable of the
    mechanism, expression of its value when the block ends).
    """

    code: tuple[Assign, ...] = ()
    results: tuple[tuple[str, Expr], ...] = ()
