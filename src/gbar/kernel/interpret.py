"""The slow oracle: a cell's equations evaluated with NumPy, straight from the mechanisms' trees, in float64.

It shares no code with `equations` and `emit`, which it is there to check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.compartments import Compartments
from gbar.errors import InternalError
from gbar.mechanism import Mechanism
from gbar.nmodl.intrinsics import EXP_HIGH, EXP_LOW
from gbar.nmodl.tree import Binary, Block, Call, Expr, Name, Number, Select, Unary
from gbar.protocol import Stimulus

Values = dict[str, Any]  # a number, or an array over rows

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "&&": np.logical_and,
    "||": np.logical_or,
}


def exp(x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The exponential, constant where it would leave the range of float64."""
    return np.asarray(np.exp(np.clip(x, EXP_LOW, EXP_HIGH)))


def expm1(x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The function e^x - 1, constant where e^x is."""
    return np.asarray(np.expm1(np.clip(x, EXP_LOW, EXP_HIGH)))


def exprelr(x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The function x / (e^x - 1), which is 1 at 0."""
    x = np.asarray(x, dtype=np.float64)
    safe = np.where(x == 0.0, 1.0, x)
    return np.where(x == 0.0, 1.0, safe / expm1(safe))


def dexprelr(x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The derivative of x / (e^x - 1), which is -1/2 at 0; to 1e-9."""
    x = np.asarray(x, dtype=np.float64)
    near = np.abs(x) < 1e-2
    safe = np.where(near, 1.0, x)
    f = exprelr(safe)
    return np.where(near, -0.5 + x / 6 - x**3 / 180 + x**5 / 5040, f * (1.0 - safe - f) / safe)


CALLS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("log", "log10", "sqrt", "fabs", "floor", "ceil", "fmod")},
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "exp": exp,
    "expm1": expm1,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "pow": np.power,
    "exprelr": exprelr,
    "dexprelr": dexprelr,
}


def evaluate(e: Expr, names: Values) -> Any:
    """The value of an expression."""
    if isinstance(e, Number):
        return np.float64(e.value)
    if isinstance(e, Name):
        return names[e.id]
    if isinstance(e, Unary):
        operand = evaluate(e.operand, names)
        return -operand if e.op == "-" else np.logical_not(operand)
    if isinstance(e, Binary):
        return BINARY[e.op](evaluate(e.left, names), evaluate(e.right, names))
    if isinstance(e, Call):
        return CALLS[e.function](*(evaluate(argument, names) for argument in e.arguments))
    if isinstance(e, Select):
        condition, then, otherwise = (evaluate(part, names) for part in (e.condition, e.then, e.otherwise))
        return np.where(condition, then, otherwise)
    raise InternalError(f"no value for {e}")


def run(block: Block, names: Values) -> tuple[Values, Values]:
    """The names known when a block ends, and its results."""
    names = dict(names)
    for statement in block.code:
        names[statement.target] = evaluate(statement.value, names)
    return names, {name: evaluate(value, names) for name, value in block.results}


class _State:
    """A mechanism's variables for every row."""

    def __init__(self, mechanism: Mechanism, constants: Values, v: Any) -> None:
        self.mechanism, self.constants = mechanism, constants
        self.variables: Values = dict.fromkeys((*mechanism.states, *mechanism.assigned), np.zeros_like(v))
        self.variables |= run(mechanism.initial, self.known(v, 0.0))[1]

    def known(self, v: Any, t: float) -> Values:
        return {**self.constants, **self.variables, "v": v, "t": t}

    def currents(self, v: Any, t: float, secant: bool) -> tuple[Any, Any]:
        m = self.mechanism
        names, results = run(m.breakpoint, self.known(v, t))
        current = sum(results[c.name] for c in m.currents)
        if secant and not m.affine:
            beside = run(m.breakpoint, self.known(v + 0.001, t))[1]
            slope = (sum(beside[c.name] for c in m.currents) - current) / 0.001
        else:
            slopes = run(m.slope, names)[1]
            slope = sum(slopes[c.name] for c in m.currents)
        self.variables |= results
        return current, slope

    def advance(self, v: Any, t: float) -> None:
        self.variables |= run(self.mechanism.advance, self.known(v, t))[1]


def interpret(
    compartments: Compartments, theta: Float[np.ndarray, "row parameter"], stimulus: Stimulus, *, secant: bool = True
) -> Float[np.ndarray, "row time"]:
    """The voltage in mV of every row at every sample of one stimulus.

    `secant`: the slope of a current that is not affine in v is NEURON's difference quotient, else the derivative.
    """
    theta = np.asarray(theta, dtype=np.float64)
    values = compartments.at(theta)
    compartment = compartments.compartments[0]
    if compartment.area is None or compartment.cm is None:
        raise InternalError("a cell of one compartment has membrane")
    v = np.full(len(theta), stimulus.v_init)
    shared = {"celsius": values[compartments.celsius], "dt": stimulus.dt}
    shared |= {f"e{pool.ion}": values[pool.e] for pool in compartment.pools if pool.e is not None}
    states = [
        _State(i.mechanism, {**{name: values[q] for name, q in i.bindings}, **shared}, v) for i in compartment.instances
    ]
    area, cm = values[compartment.area], values[compartment.cm]
    samples = []
    for step, injected in enumerate(stimulus.injected(), start=-stimulus.n_warm):
        if step >= 0 and step % stimulus.stride == 0:
            samples.append(v)
        parts = [state.currents(v, (step + 0.5) * stimulus.dt, secant) for state in states]
        current, slope = (sum(part[i] for part in parts) for i in (0, 1))
        v = v + (100.0 * injected / area - current) / (1e-3 * cm / stimulus.dt + slope)
        for state in states:
            state.advance(v, (step + 1.0) * stimulus.dt)
    samples.append(v)
    return np.stack(samples, axis=1)[:, : stimulus.samples]
