"""What a recorded cell is like, over all of its sweeps: passive properties, rheobase, f-I, spikes, each with its SD.

Features of single sweeps are eFEL's (`gbar.features`). Passive ones come from the sweeps whose current steps down
without spikes; those of spikes from the repeats of the weakest step that makes spikes in at least half of them. A step
is a constant current for 200 ms or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gbar.features import features
from gbar.recordings import Recording, Sweep
from gbar.workflows.measured import window

SAME = 0.003  # nA: steps this close are repeats of one amplitude
SHORTEST = 200.0  # ms, of a step
EVEN = 0.05  # of its amplitude: a step's current varies less
PASSIVE = {
    "input resistance": ("ohmic_input_resistance_vb_ssse", "MOhm"),
    "membrane time constant": ("time_constant", "ms"),
    "sag ratio": ("sag_ratio1", "1"),
}
SPIKES = {
    "latency": ("time_to_first_spike", "ms"),
    "AP threshold": ("AP_begin_voltage", "mV"),
    "AP peak": ("peak_voltage", "mV"),
    "AP half-width": ("spike_half_width", "ms"),
    "AHP": ("min_AHP_values", "mV"),
}
NAMES = ("voltage_base", "spike_count_stimint", "adaptation_index2")


@dataclass(frozen=True)
class Property:
    """A property of a cell: mean and SD over `sweeps` sweeps; the SD of one sweep is NaN."""

    name: str
    unit: str
    mean: float
    sd: float
    sweeps: int


@dataclass(frozen=True)
class Rate:
    """One point of the f-I curve: a step's amplitude above the holding current (nA), and the rate in it (Hz)."""

    amplitude: float
    mean: float
    sd: float
    sweeps: int


@dataclass(frozen=True)
class CellProperties:
    """The table of a cell; a property that its sweeps do not show is not in it."""

    properties: tuple[Property, ...]
    rates: tuple[Rate, ...]


def cell_properties(recording: Recording) -> CellProperties:
    """The properties of the cell that a recording is of; sweeps without a stimulus tell its rest only."""
    sweeps = recording.sweeps
    found = {id(sweep): _measured(sweep) for sweep in sweeps}
    stepped = [sweep for sweep in sweeps if _is_step(sweep)]
    falls = [s for s in stepped if s.amplitude < 0.0 and not found[id(s)]["spike_count_stimint"]]
    properties = _spread({"rest": ("voltage_base", "mV")}, sweeps, found) + _spread(PASSIVE, falls, found)
    by_name = {one.name: one for one in properties}
    if "input resistance" in by_name and "membrane time constant" in by_name:
        properties += (_capacitance(by_name["input resistance"], by_name["membrane time constant"]),)
    rises = _repeats([s for s in stepped if s.amplitude > 0.0])
    spiking = [group for group in rises if _spikes(group, found) >= 0.5 * len(group)]
    if spiking:
        weakest = spiking[0]
        amplitudes = np.array([s.amplitude for s in weakest])
        properties += (_property("rheobase, of the steps given", "nA", amplitudes),)
        properties += _spread(SPIKES, weakest, found)
        properties += _spread({"adaptation index": ("adaptation_index2", "1")}, spiking[-1], found)
    return CellProperties(properties, tuple(_rate(group, found) for group in rises))


def _is_step(sweep: Sweep) -> bool:
    """Whether a sweep's stimulus is one constant current."""
    if sweep.departure is None or not sweep.amplitude:
        return False
    on, off = window(sweep, sweep.duration)
    inside = sweep.current[round(on / sweep.dt) + 1 : round(off / sweep.dt) - 1]
    return off - on >= SHORTEST and bool(np.ptp(inside) <= EVEN * abs(sweep.amplitude))


def _measured(sweep: Sweep) -> Mapping[str, float]:
    """The features of one sweep, in its own stimulus."""
    wanted = [*NAMES, *(name for name, _ in (*PASSIVE.values(), *SPIKES.values()))]
    v = np.ascontiguousarray(sweep.v[None], dtype=np.float64)
    stretch = window(sweep, sweep.duration)
    return {name: float(x[0]) for name, x in features(v, sweep.dt, stretch, sweep.amplitude or None, wanted).items()}


def _spread(
    names: Mapping[str, tuple[str, str]], sweeps: Sequence[Sweep], found: Mapping[int, Mapping[str, float]]
) -> tuple[Property, ...]:
    values = {name: np.array([found[id(s)][known] for s in sweeps]) for name, (known, _) in names.items()}
    return tuple(_property(name, names[name][1], x) for name, x in values.items() if np.isfinite(x).any())


def _property(name: str, unit: str, values: np.ndarray) -> Property:
    values = values[np.isfinite(values)]
    sd = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return Property(name, unit, float(values.mean()), sd, len(values))


def _capacitance(resistance: Property, tau: Property) -> Property:
    """The capacitance of a single compartment with that resistance and time constant."""
    mean = 1e3 * tau.mean / resistance.mean
    relative = np.hypot(tau.sd / tau.mean, resistance.sd / resistance.mean)
    sweeps = min(tau.sweeps, resistance.sweeps)
    return Property("capacitance (time constant / resistance)", "pF", mean, float(mean * relative), sweeps)


def _repeats(sweeps: Sequence[Sweep]) -> list[list[Sweep]]:
    """Sweeps of the same amplitude, weakest first."""
    groups: list[list[Sweep]] = []
    for sweep in sorted(sweeps, key=lambda s: s.amplitude):
        if groups and sweep.amplitude - groups[-1][0].amplitude <= SAME:
            groups[-1].append(sweep)
        else:
            groups.append([sweep])
    return groups


def _spikes(group: Sequence[Sweep], found: Mapping[int, Mapping[str, float]]) -> int:
    """How many of the sweeps have spikes in their stimulus."""
    return sum(found[id(s)]["spike_count_stimint"] > 0 for s in group)


def _rate(group: Sequence[Sweep], found: Mapping[int, Mapping[str, float]]) -> Rate:
    rates = []
    for sweep in group:
        on, off = window(sweep, sweep.duration)
        rates.append(1e3 * found[id(sweep)]["spike_count_stimint"] / (off - on))
    sd = float(np.std(rates, ddof=1)) if len(rates) > 1 else float("nan")
    return Rate(float(np.mean([s.amplitude for s in group])), float(np.mean(rates)), sd, len(rates))
