"""What a mechanism does at a voltage that is held: steady states, time constants and steady currents, by evaluation.

The mechanism's own blocks are run: a state that a long step no longer moves is steady, and a short step from two values
of a state tells its time constant. No expression is taken apart, so this serves every method of integration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.kernel.interpret import Values, run
from gbar.mechanism import Mechanism
from gbar.nmodl.prune import inputs

# NEURON's defaults, where nothing else is said
REVERSALS = {"na": 50.0, "k": -77.0, "ca": 132.4579341637009}  # mV
INSIDE = {"na": 10.0, "k": 54.4, "ca": 5e-5}  # mM
OUTSIDE = {"na": 140.0, "k": 2.5, "ca": 2.0}  # mM
GEOMETRY = {"area": 100.0, "diam": 10.0}  # um2, um

LONG, SHORT = 1e9, 1e-6  # ms


@dataclass(frozen=True)
class Response:
    """A mechanism under a held voltage, at every point; NaN where there is no answer.

    `tau` (ms) is NaN where a state has no time constant of its own: it follows others, or its equation is not linear.
    """

    steady: Mapping[str, Float[np.ndarray, " point"]]  # of every state
    tau: Mapping[str, Float[np.ndarray, " point"]]  # of every state, ms
    current: Mapping[str, Float[np.ndarray, " point"]]  # of every current, mA/cm2, outward positive


def surroundings(mechanism: Mechanism, celsius: float) -> dict[str, float]:
    """All that the blocks read beside v, t and dt: default parameters, and NEURON's defaults for ions and geometry."""
    known = {"celsius": celsius, **GEOMETRY}
    for ion in mechanism.ions:
        name = ion.name
        stated = {
            f"e{name}": REVERSALS.get(name, 0.0),
            f"i{name}": 0.0,
            f"{name}i": INSIDE.get(name, 1.0),
            f"{name}o": OUTSIDE.get(name, 1.0),
        }
        known |= {variable: stated[variable] for variable in (*ion.reads, *ion.writes)}
    known |= {parameter.name: parameter.value for parameter in mechanism.parameters}
    blocks = (mechanism.initial, mechanism.breakpoint, mechanism.advance)
    read = set().union(*map(inputs, blocks)) - {*mechanism.states, *mechanism.assigned, "v", "t", "dt"}
    return {name: known.get(name, 0.0) for name in sorted(read)}  # what nothing gives a value is 0, as in NEURON


def response(mechanism: Mechanism, v: Float[np.ndarray, " point"], known: Mapping[str, Any]) -> Response:
    """Steady states, time constants and currents at voltages `v` in mV.

    `known` holds what `surroundings` lists: a number, or an array with a value for every point.

    >>> from gbar import mechanism
    >>> hh = mechanism.read(mechanism.shipped_file("hh"))
    >>> at_rest = response(hh, np.array([-65.0]), surroundings(hh, 6.3))
    >>> [round(float(at_rest.steady[name][0]), 4) for name in hh.states]
    [0.0529, 0.5961, 0.3177]
    """
    with np.errstate(all="ignore"):
        held = _Held(mechanism, np.asarray(v, dtype=np.float64), known)
        steady = held.steady()
        tau = {name: held.tau(name) for name in mechanism.states}
        return Response(steady, tau, held.currents(steady))


def currents_at(
    mechanism: Mechanism,
    v: Float[np.ndarray, " point"],
    known: Mapping[str, Any],
    states: Mapping[str, Float[np.ndarray, " point"]],
) -> dict[str, Float[np.ndarray, " point"]]:
    """The currents (mA/cm2) at voltages `v` in mV and given states; `known` as for `response`."""
    with np.errstate(all="ignore"):
        return _Held(mechanism, np.asarray(v, dtype=np.float64), known).currents(dict(states))


class _Held:
    """A mechanism whose voltage does not move."""

    def __init__(self, mechanism: Mechanism, v: Any, known: Mapping[str, Any]) -> None:
        self.mechanism, self.v = mechanism, v
        self.known: Values = {**known, "v": v, "t": 0.0}
        self.outside = set(known)
        self.first = None if "dt" in inputs(mechanism.initial) else self.initialised(SHORT)

    def start(self, dt: Any) -> Values:
        """States and ASSIGNED variables as INITIAL leaves them."""
        return self.initialised(dt) if self.first is None else self.first

    def initialised(self, dt: Any) -> Values:
        zero = dict.fromkeys((*self.mechanism.states, *self.mechanism.assigned), np.zeros_like(self.v))
        return zero | self.own(run(self.mechanism.initial, {**self.known, **zero, "dt": dt})[1])

    def own(self, results: Values) -> Values:
        """Results without the ions' variables, which are held."""
        return {n: np.broadcast_to(x, self.v.shape) for n, x in results.items() if n not in self.outside}

    def moved(self, variables: Values, dt: Any) -> Values:
        """Where a step takes the variables."""
        return {**variables, **self.own(run(self.mechanism.advance, {**self.known, **variables, "dt": dt})[1])}

    def steady(self) -> Values:
        """The states where a long step leads, if they stay there; else where a line through two values leads."""
        start = self.start(LONG)
        end = start
        for _ in range(3):
            end = self.moved(end, LONG)
        later = self.moved(end, LONG)
        soon = self.moved({**self.start(SHORT), **{n: end[n] for n in self.mechanism.states}}, SHORT)
        found = {}
        for name in self.mechanism.states:
            small = 1e-6 * np.maximum(np.abs(end[name]), 1e-3)
            drift = np.abs(soon[name] - end[name]) / SHORT
            stays = np.isfinite(end[name]) & (drift < small) & (np.abs(later[name] - end[name]) < small)
            found[name] = end[name] if stays.all() else np.where(stays, end[name], self.crossing(name))
        return found

    def crossing(self, name: str) -> Any:
        """Where the rate of change of a state of an equation of its own is 0."""
        low, high = self.after(name, 0.0, SHORT), self.after(name, 1.0, SHORT)
        lost = 1.0 - (high - low)
        return np.where(self.alone(name, self.start(SHORT)) & (lost > 1e-14), low / lost, np.nan)

    def after(self, name: str, value: Any, dt: Any, others: Values | None = None) -> Any:
        """A state a step after it had a value."""
        begin = {**self.start(dt), **(others or {})}
        return self.moved({**begin, name: np.broadcast_to(value, self.v.shape)}, dt)[name]

    def alone(self, name: str, variables: Values) -> Any:
        """Whether a state's change is linear in it, and the same whatever the other states are."""
        half = self.after(name, 0.5, SHORT)
        straight = 0.5 * (self.after(name, 0.0, SHORT) + self.after(name, 1.0, SHORT))
        others = {n: 0.5 * variables[n] + 0.1 for n in self.mechanism.states if n != name}
        elsewhere = self.after(name, 0.5, SHORT, others)
        small = 1e-9 * np.abs(half - 0.5) + 1e-14
        return (np.abs(half - straight) < small) & (np.abs(half - elsewhere) < small)

    def tau(self, name: str) -> Any:
        """The time constant from a step of a millionth of a ms, then from one of a tenth of it."""
        alone = self.alone(name, self.start(SHORT))
        if not np.any(alone):
            return np.full_like(self.v, np.nan)
        rate = (1.0 - (self.after(name, 1.0, SHORT) - self.after(name, 0.0, SHORT))) / SHORT
        rough = np.where(rate > 1e-9, 1.0 / rate, np.nan)
        dt = 0.1 * np.where(np.isfinite(rough), rough, 1.0)
        kept = self.after(name, 1.0, dt) - self.after(name, 0.0, dt)
        exponential, implicit = -dt / np.log(kept), dt * kept / (1.0 - kept)
        fine = np.where(np.abs(exponential - rough) < np.abs(implicit - rough), exponential, implicit)
        fine = np.where(np.abs(fine - rough) < 1e-2 * rough, fine, rough)
        return np.where(alone, fine, np.nan)

    def currents(self, states: Values) -> Values:
        """What BREAKPOINT gives at these states."""
        known = {**self.known, **self.moved({**self.start(SHORT), **states}, SHORT), **states, "dt": SHORT}
        for _ in range(2 if self.mechanism.memory else 1):
            results = run(self.mechanism.breakpoint, known)[1]
            known |= self.own({n: x for n, x in results.items() if n in self.mechanism.assigned})
        return {c.name: np.broadcast_to(results[c.name], self.v.shape) for c in self.mechanism.currents}
