"""The nodes of a parsed NMODL file: frozen, compared by content, never text to be executed.

The parser makes a `File`; passes turn trees into trees; the last of them leaves `Block`s of straight-line code.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Position:
    """A place in the source: line and column, both from 1; `file` where it is one that the file INCLUDEs."""

    line: int
    column: int
    file: str = ""


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

    Passes introduce four intrinsics that NMODL has not: `expm1(x)` = exp(x) - 1; `exprel(x)` = (exp(x) - 1) / x and its
    reciprocal `exprelr(x)`, which are 1 at x = 0; and the derivative of the latter, `dexprelr(x)`, -1/2 at x = 0.
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


@dataclass(frozen=True)
class Element:
    """`name[index]` as parsed; the pass `unroll` leaves Name("name[0]") in its place."""

    name: str
    index: Expr
    at: Position = field(default=NOWHERE, compare=False)


Expr = Number | Name | Unary | Binary | Call | Select | Element

# --- statements --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Local:
    """`LOCAL a, b`; of arrays like `c[3]`, `sizes` has the lengths (0: no array), until `unroll` names the elements."""

    names: tuple[str, ...]
    at: Position = field(default=NOWHERE, compare=False)
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Assign:
    """`target = value`; with `index`, `target[index] = value`, which `unroll` makes a target called `target[0]`."""

    target: str
    value: Expr
    at: Position = field(default=NOWHERE, compare=False)
    index: Expr | None = None


@dataclass(frozen=True)
class Differential:
    """`state' = value`, or before `unroll` `state'[index] = value`."""

    state: str
    value: Expr
    at: Position = field(default=NOWHERE, compare=False)
    index: Expr | None = None


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


@dataclass(frozen=True)
class Loop:
    """`FROM variable = first TO last BY step {body}`, both ends included; gone after `unroll`."""

    variable: str
    first: Expr
    last: Expr
    step: Expr
    body: tuple[Statement, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Verbatim:
    """`VERBATIM text ENDVERBATIM`: never run; gone once the pass `verbatim` has seen that nothing needs it."""

    text: str
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Reactant:
    """`count name` in a reaction or a sum that is conserved; `index` is None after `unroll`."""

    count: float
    name: str
    index: Expr | None = None
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Reaction:
    """A line of a KINETIC block, by `kind`.

    "<->": `~ left <-> right (forward, backward)`. "->": `~ left -> right (forward)`. "<<": `~ left << (forward)`, an
    influx into the one name on the left. The statements after it may read its fluxes as `f_flux` and `b_flux`.
    """

    left: tuple[Reactant, ...]
    right: tuple[Reactant, ...]
    forward: Expr
    backward: Expr | None
    kind: str
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Conserve:
    """`CONSERVE a + 2 b = total` in a KINETIC block."""

    terms: tuple[Reactant, ...]
    total: Expr
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class CompartmentVolume:
    """`COMPARTMENT volume {a b}`; before `unroll`, `COMPARTMENT index, volume {a b}` names the elements of arrays."""

    volume: Expr
    names: tuple[str, ...]
    index: str = ""
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Diffusion:
    """`LONGITUDINAL_DIFFUSION index, coefficient {a b}`, which does nothing within one compartment."""

    coefficient: Expr
    names: tuple[str, ...]
    index: str = ""
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Equation:
    """`~ left = right` in a LINEAR or NONLINEAR block."""

    left: Expr
    right: Expr
    at: Position = field(default=NOWHERE, compare=False)


Statement = (
    Local
    | Assign
    | Differential
    | If
    | CallStatement
    | Solve
    | Table
    | Conductance
    | Loop
    | Reaction
    | Conserve
    | CompartmentVolume
    | Diffusion
    | Equation
    | Verbatim
)

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
