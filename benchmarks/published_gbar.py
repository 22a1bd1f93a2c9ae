"""gbar's answer for a .mod file: one compartment with that mechanism alone, by the compiled kernel or by the oracle."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from published_files import ModFile
from published_neuron import AREA, CELSIUS, DIAMETER, DT, STEPS, V_INIT, current

from gbar.compartments import Compartment, Compartments, Instance, Pool, Quantity, Reversal, Site
from gbar.kernel.build import build
from gbar.kernel.interpret import interpret
from gbar.mechanism import Ion, Mechanism
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Protocol, Sampled, Stimulus
from gbar.simulate import simulate

DEFAULTS = {  # e in mV, concentrations inside and outside in mM: nrnoc/membdef.h
    "na": (50.0, 10.0, 140.0),
    "k": (-77.0, 54.4, 2.5),
    "ca": (12.5 * float(np.log(2.0 / 5e-5)), 5e-5, 2.0),
}
OTHERS = (0.0, 1.0, 1.0)
UNBOUND = ("v", "t", "dt", "celsius", "area", "diam")  # never bound as a parameter
VALENCES = {"na": 1.0, "k": 1.0, "ca": 2.0}


@dataclass(frozen=True)
class Answer:
    """gbar's samples at every step, as NEURON's."""

    v: np.ndarray
    states: dict[str, np.ndarray]
    seconds_compile: float
    seconds_run: float


def tables(mechanism: Mechanism, sites: tuple[str, ...]) -> Compartments:
    """One compartment with the mechanism at NEURON's defaults; the sites are variables of it."""
    quantities: dict[str, float] = {"celsius": CELSIUS, "area": AREA, "diam": DIAMETER, "cm": 1.0}
    pools = []
    for ion in mechanism.ions:
        values = DEFAULTS.get(ion.name, OTHERS)
        names = (f"e{ion.name}", f"{ion.name}i", f"{ion.name}o")
        quantities |= dict(zip(names, values, strict=True))
        e, ci, co = (list(quantities).index(name) for name in names)
        valence = VALENCES.get(ion.name, 0.0) if ion.valence is None else ion.valence
        kind = reversal(ion)
        pools.append(Pool(ion.name, valence, kind, e if kind is Reversal.STATED else None, ci, co))
    held = {name for ion in mechanism.ions for name in (*ion.reads, *ion.writes)}
    bindings = [(name, list(quantities).index(name)) for name in ("area", "diam")]
    for parameter in mechanism.parameters:
        if parameter.name not in held and parameter.name not in UNBOUND:
            bindings.append((parameter.name, len(quantities)))
            quantities[f"{parameter.name}_{mechanism.name}"] = parameter.value
    index = {name: k for k, name in enumerate(quantities)}
    instance = Instance(mechanism, tuple(bindings))
    cell = Compartment("cell", 0.5, "cell", -1, None, index["area"], index["cm"], (instance,), tuple(pools))
    space = ParameterSpace((FreeParameter("cm", "uF/cm2", 0.5, 2.0, "linear", ("cm",)),))
    return Compartments(
        cell=mechanism.name,
        quantities=tuple(Quantity(name, value) for name, value in quantities.items()),
        celsius=index["celsius"],
        compartments=(cell,),
        sites=(Site("v", 0), *(Site(name, 0, name, "") for name in sites)),
        space=space,
        varying=(index["cm"],),
        setting=lambda theta: theta.T[[0]],
    )


def reversal(ion: Ion) -> Reversal:
    """The style that NEURON gives an ion which one mechanism uses: nrn_promote in nrnoc/eion.cpp."""
    concentrations = (f"{ion.name}i", f"{ion.name}o")
    concentration = 3 if set(concentrations) & set(ion.writes) else 1 if set(concentrations) & set(ion.reads) else 0
    e = 3 if f"e{ion.name}" in ion.writes else 1 if f"e{ion.name}" in ion.reads else 0
    e = 2 if concentration > 0 and e < 2 else e
    if e != 2:
        return Reversal.STATED
    return Reversal.ALWAYS if concentration == 3 else Reversal.AT_START


def stimulus() -> Stimulus:
    """The current that NEURON is given."""
    return Stimulus("coverage", Sampled(DT, current()), STEPS * DT, DT, DT, V_INIT, allow_large=True)


def compared(mechanism: Mechanism, names: list[str]) -> dict[str, str]:
    """Gbar's variable for each of NEURON's: states, and what the mechanism writes of its ions."""
    written = {name for ion in mechanism.ions for name in ion.writes if name != f"i{ion.name}"}
    pairs = {name: f"{name}_{mechanism.name}" for name in names if name in mechanism.states}
    return pairs | {name: name for name in names if name in written}


def by_oracle(mechanism: Mechanism, names: list[str]) -> Answer:
    """The slow oracle's answer."""
    pairs = compared(mechanism, names)
    begin = time.perf_counter()
    samples = interpret(tables(mechanism, tuple(pairs.values())), np.array([[1.0]]), stimulus())[0]
    states = dict(zip(pairs, samples[1:], strict=True))
    return Answer(samples[0], states, 0.0, time.perf_counter() - begin)


def by_kernel(mechanism: Mechanism, names: list[str]) -> Answer:
    """The compiled float64 kernel's answer."""
    pairs = compared(mechanism, names)
    begin = time.perf_counter()
    kernel = build(tables(mechanism, tuple(pairs.values())), "float64", lanes=16)
    built = time.perf_counter()
    traces = simulate(kernel, np.array([[1.0]]), Protocol((stimulus(),)), threads=1)
    samples = traces.v[0][0]
    states = dict(zip(pairs, samples[1:], strict=True))
    return Answer(samples[0], states, built - begin, time.perf_counter() - built)


def undeclared(file: ModFile, mechanism: Mechanism, names: list[str]) -> list[str]:
    """States of NEURON's that gbar's mechanism does not have."""
    held = {name for ion in mechanism.ions for name in (f"e{ion.name}", f"{ion.name}i", f"{ion.name}o")}
    return [name for name in names if name not in mechanism.states and name not in held]
