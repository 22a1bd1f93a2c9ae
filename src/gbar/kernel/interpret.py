"""The slow oracle: a cell's equations evaluated with NumPy, straight from the mechanisms' trees, in float64.

It shares no code with `equations` and `emit`, which it is there to check. The order of everything in a step is NEURON's
(nrn_finitialize and nrn_fixed_step of its fadvance.cpp, ion_init and ion_cur of its eion.cpp, and what nocmodl writes).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.compartments import Compartment, Compartments, Instance, Pool, Reversal, Site
from gbar.errors import InternalError
from gbar.nmodl.intrinsics import EXP_HIGH, EXP_LOW
from gbar.nmodl.tree import Binary, Block, Call, Expr, Name, Number, Select, Unary
from gbar.protocol import Stimulus

Values = dict[str, Any]  # a number, or an array over rows

FARADAY = 1.602176634e-19 * 6.02214076e23  # C/mol, CODATA 2018, as in NEURON
GAS = 1.380649e-23 * 6.02214076e23  # J/(mol K)

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


def exprel(x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The function (e^x - 1) / x, which is 1 at 0."""
    x = np.asarray(x, dtype=np.float64)
    safe = np.where(x == 0.0, 1.0, x)
    return np.where(x == 0.0, 1.0, expm1(safe) / safe)


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
    "exprel": exprel,
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


def nernst(celsius: Any, valence: float, ci: Any, co: Any) -> Any:
    """NEURON's Nernst potential in mV of concentrations in mM: 0 without charge, +-1e6 where there is no logarithm."""
    if valence == 0.0:
        return np.zeros_like(ci)
    inside, outside = (np.where(c > 0.0, c, 1.0) for c in (ci, co))
    e = 1e3 * GAS * (celsius + 273.15) / FARADAY / valence * np.log(outside / inside)
    return np.where(ci <= 0.0, 1e6, np.where(co <= 0.0, -1e6, e))


class _Pool:
    """An ion in a compartment, for every row: `value` of e (mV), i (mA/cm2, the sum so far), ci and co (mM)."""

    def __init__(self, pool: Pool, values: Any, celsius: Any) -> None:
        self.pool, self.celsius = pool, celsius
        ion, none = pool.ion, np.zeros_like(celsius)
        stated = {f"e{ion}": pool.e, f"{ion}i": pool.ci, f"{ion}o": pool.co}
        self.value: Values = {f"i{ion}": none} | {name: values[q] for name, q in stated.items() if q is not None}
        if pool.reversal is not Reversal.STATED:
            self.follow()

    def follow(self) -> None:
        """The reversal potential of the concentrations as they stand."""
        ion = self.pool.ion
        ci, co = self.value[f"{ion}i"], self.value[f"{ion}o"]
        self.value[f"e{ion}"] = nernst(self.celsius, self.pool.valence, ci, co)

    def begin(self) -> None:
        """What comes before the currents of a step."""
        self.value[f"i{self.pool.ion}"] = np.zeros_like(self.celsius)
        if self.pool.reversal is Reversal.ALWAYS:
            self.follow()


class _State:
    """A mechanism in a compartment: its variables for every row, and the compartment's pools that it uses."""

    def __init__(self, instance: Instance, pools: dict[str, _Pool], values: Any, shared: Values) -> None:
        self.mechanism = instance.mechanism
        self.constants = shared | {name: values[q] for name, q in instance.bindings}
        self.pools = {ion.name: pools[ion.name] for ion in self.mechanism.ions}
        self.held = {
            name: ion.name for ion in self.mechanism.ions for name in (*ion.reads, *ion.writes)
        }  # variable of an ion -> the ion
        self.variables: Values = {}

    def known(self, v: Any, t: float) -> Values:
        ions = {name: self.pools[ion].value[name] for name, ion in self.held.items() if name in self.pools[ion].value}
        return {**self.constants, **ions, **self.variables, "v": v, "t": t}

    def initialise(self, v: Any) -> None:
        zero = np.zeros_like(v)
        self.variables = dict.fromkeys((*self.mechanism.states, *self.mechanism.assigned), zero)
        self.keep(run(self.mechanism.initial, self.known(v, 0.0))[1])
        for ion in self.mechanism.ions:
            pool = self.pools[ion.name]
            if pool.pool.reversal is not Reversal.STATED and ion.changes:
                pool.follow()

    def currents(self, v: Any, t: float, secant: bool) -> tuple[Any, Any]:
        """The sum of the currents in mA/cm2, its slope in S/cm2; adds the currents of ions to their pools."""
        m = self.mechanism
        known = self.known(v, t)
        beside: Values = {}
        if m.memory or (secant and not m.affine):
            beside = run(m.breakpoint, {**known, "v": v + 0.001})[1]
        names, results = run(m.breakpoint, {**known, **beside, "v": v} if m.memory else known)
        current = sum((results[c.name] for c in m.currents), np.zeros_like(v))
        if secant and not m.affine:
            slope = (sum((beside[c.name] for c in m.currents), np.zeros_like(v)) - current) / 0.001
        else:
            slope = sum(run(m.slope, names)[1].values(), np.zeros_like(v))
        self.variables |= {c.name: results[c.name] for c in m.currents if c.ion is None}
        self.keep(results)
        return current, slope

    def advance(self, v: Any, t: float) -> None:
        self.keep(run(self.mechanism.advance, self.known(v, t))[1])

    def keep(self, results: Values) -> None:
        """Puts what a block leaves where it belongs: variables here, concentrations and currents in the pools."""
        for name, value in results.items():
            if name not in self.held or name in self.mechanism.assigned:  # a current that later blocks read too
                self.variables[name] = value
            if name not in self.held:
                continue
            pool = self.pools[self.held[name]].value
            pool[name] = pool[name] + value if name == f"i{self.held[name]}" else value


class _Membrane:
    """A compartment for every row."""

    def __init__(self, compartment: Compartment, values: Any, shared: Values, v: Any) -> None:
        self.compartment, self.v = compartment, v
        self.pools = {pool.ion: _Pool(pool, values, shared["celsius"]) for pool in compartment.pools}
        self.states = [_State(instance, self.pools, values, shared) for instance in compartment.instances]
        for state in self.states:
            state.initialise(v)

    def currents(self, t: float, secant: bool) -> tuple[Any, Any]:
        """The membrane current density in mA/cm2 and its slope in S/cm2."""
        for pool in self.pools.values():
            pool.begin()
        parts = [state.currents(self.v, t, secant) for state in self.states]
        current, slope = (sum((part[i] for part in parts), np.zeros_like(self.v)) for i in (0, 1))
        return current, slope

    def advance(self, t: float) -> None:
        for state in self.states:
            state.advance(self.v, t)

    def read(self, variable: str) -> Any:
        """The value of a site's variable."""
        if variable == "v":
            return self.v
        for pool in self.pools.values():
            if variable in pool.value:
                return pool.value[variable]
        for state in self.states:
            own = variable.removesuffix(f"_{state.mechanism.name}")
            if own != variable and own in state.variables:
                return state.variables[own]
        raise InternalError(f"{self.compartment.section} has no {variable}")


def interpret(
    compartments: Compartments, theta: Float[np.ndarray, "row parameter"], stimulus: Stimulus, *, secant: bool = True
) -> Float[np.ndarray, "row site time"]:
    """Every site's variable of every row at every sample of one stimulus.

    Its waveform is injected at the first site, its injections and voltage clamps act at the sites they name.

    `secant`: the slope of a current that is not affine in v is NEURON's difference quotient, else the derivative.
    """
    with np.errstate(all="ignore"):
        return _Run(compartments, np.asarray(theta, dtype=np.float64), stimulus, secant).samples()


class _Run:
    """A cell under one stimulus."""

    def __init__(self, tables: Compartments, theta: Any, stimulus: Stimulus, secant: bool) -> None:
        self.tables, self.stimulus, self.secant = tables, stimulus, secant
        self.values = tables.at(theta)
        shared = {"celsius": self.values[tables.celsius], "dt": stimulus.dt}
        v = np.full(len(theta), stimulus.v_init)
        self.membranes = [_Membrane(c, self.values, shared, v) for c in tables.compartments]
        place = dict(tables.places)
        self.injected = [(next(iter(place.values())), stimulus.injected())]
        self.injected += [(place[i.site], stimulus.injected_by(i)) for i in stimulus.injections]
        self.clamps = [(place[c.site], stimulus.command(c), c.resistance) for c in stimulus.clamps]
        for membrane in self.membranes:  # NEURON's initialisation ends with an evaluation of the currents
            membrane.currents(0.0, secant)

    def samples(self) -> Float[np.ndarray, "row site time"]:
        kept, dt = [], self.stimulus.dt
        for k in range(self.stimulus.n_warm + self.stimulus.n_steps):
            step = k - self.stimulus.n_warm
            if step >= 0 and step % self.stimulus.stride == 0:
                kept.append(self.recorded())
            self.step(k, step * dt, dt)
        kept.append(self.recorded())
        samples: Float[np.ndarray, "row site time"] = np.stack(kept, axis=-1)[..., : self.stimulus.samples]
        return samples

    def recorded(self) -> Any:
        return np.stack([self.recorded_at(site) for site in self.tables.sites], axis=1)

    def recorded_at(self, site: Site) -> Any:
        membrane = self.membranes[site.compartment]
        return np.broadcast_to(membrane.read(site.variable), membrane.v.shape)

    def step(self, k: int, t: float, dt: float) -> None:
        currents, slopes = self.electrodes(k)
        for j, membrane in enumerate(self.membranes):
            density, conductance = membrane.currents(t + 0.5 * dt, self.secant)
            c = membrane.compartment
            if c.area is not None and c.cm is not None:
                scale = 0.01 * self.values[c.area]  # nA per mA/cm2, uS per S/cm2
                currents[j] = currents[j] - scale * density
                slopes[j] = slopes[j] + scale * (1e-3 * self.values[c.cm] / dt + conductance)
        for membrane, change in zip(self.membranes, self.solve(currents, slopes), strict=True):
            membrane.v = membrane.v + change
        for membrane in self.membranes:
            membrane.advance(t + dt)

    def electrodes(self, k: int) -> tuple[list[Any], list[Any]]:
        """What electrodes put into every compartment in step k (nA at its voltage now), and their conductance (uS)."""
        currents = [np.zeros_like(m.v) for m in self.membranes]
        slopes = [np.zeros_like(m.v) for m in self.membranes]
        for at, current in self.injected:
            currents[at] = currents[at] + current[k]
        for at, command, resistance in self.clamps:
            if not np.isnan(command[k]):
                currents[at] = currents[at] + (command[k] - self.membranes[at].v) / resistance
                slopes[at] = slopes[at] + 1.0 / resistance
        return currents, slopes

    def solve(self, currents: list[Any], slopes: list[Any]) -> list[Any]:
        """The changes of voltage in mV: elimination from the leaves to the root and back (Hines 1984)."""
        links = [(k, c.parent, c.axial) for k, c in enumerate(self.tables.compartments) if c.parent >= 0]
        axial = {k: self.values[q] for k, _, q in links if q is not None}
        for k, parent, _ in links:
            flow = axial[k] * (self.membranes[parent].v - self.membranes[k].v)
            currents[k], currents[parent] = currents[k] + flow, currents[parent] - flow
            slopes[k], slopes[parent] = slopes[k] + axial[k], slopes[parent] + axial[k]
        for k, parent, _ in reversed(links):
            factor = axial[k] / slopes[k]
            slopes[parent] = slopes[parent] - factor * axial[k]
            currents[parent] = currents[parent] + factor * currents[k]
        changes = [current / slope for current, slope in zip(currents, slopes, strict=True)]
        for k, parent, _ in links:
            changes[k] = (currents[k] + axial[k] * changes[parent]) / slopes[k]
        return changes
