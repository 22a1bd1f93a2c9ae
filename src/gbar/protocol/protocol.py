"""The experiment done on a cell: which currents are injected, for how long, and what is kept of the voltage.

Times are ms, currents nA, voltages mV. A waveform gives the current at any time; a `Stimulus` is one sweep.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar import document, units
from gbar.document import Node, nearest
from gbar.errors import ProtocolError
from gbar.protocol import waveform
from gbar.protocol.condition import CONTROL, Block, Condition
from gbar.protocol.waveform import Waveform

LARGEST = 20.0  # nA, unless a stimulus allows more
MAX_STEPS = 20_000_000
SAMPLING = 0.1  # ms between the samples, where a document does not say


@dataclass(frozen=True)
class Injection:
    """A current injected at a site of the cell, by the site's name."""

    site: str
    waveform: Waveform


@dataclass(frozen=True)
class VoltageClamp:
    """A voltage clamp at a site of the cell through a series resistance, as NEURON's SEClamp, of any number of levels.

    In a step from t to t + dt it holds the level that `t + dt/2` falls in, by the current (level - v) / resistance
    with v at the end of the step; after the last level it is off. It begins with the sweep: there is none in a warm-up.
    """

    site: str
    levels: tuple[tuple[float, float], ...]  # duration in ms, voltage in mV
    resistance: float = 1.0  # MOhm

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple((float(t), float(v)) for t, v in self.levels))
        object.__setattr__(self, "resistance", float(self.resistance))
        if not (math.isfinite(self.resistance) and 1e-9 <= self.resistance <= 1e9):
            raise ProtocolError(f"a voltage clamp has a series resistance of {self.resistance:g} MOhm",
                                remedy="give one from 1e-9 to 1e9 MOhm")  # fmt: skip
        if not self.levels:
            raise ProtocolError("a voltage clamp has no levels", remedy="give at least one duration and voltage")
        for duration, level in self.levels:
            if not (math.isfinite(duration) and duration > 0 and math.isfinite(level)):
                raise ProtocolError(f"a voltage clamp has the level {level:g} mV for {duration:g} ms",
                                    remedy="give finite voltages, and durations above 0 ms")  # fmt: skip

    def command(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        """The voltage in mV that it holds at times t in ms; NaN where it is off."""
        ends = np.cumsum([duration for duration, _ in self.levels])
        levels = np.array([level for _, level in self.levels] + [np.nan])
        return np.asarray(levels[np.searchsorted(ends - waveform.GUARD, t, side="right")])


@dataclass(frozen=True)
class Stimulus:
    """One sweep: a waveform injected for `duration` ms, from v_init after a warm-up at a constant current.

    dt is the time step and `sampling` (a whole multiple of it) the distance of the samples kept, both in ms; the sweep
    has duration/sampling + 1 samples. The waveform acts at t + dt/2 in every step. Currents beyond 20 nA are
    refused (the commonest cause is pA taken for nA) unless `allow_large` asks for them. The waveform and the warm-up
    current are injected at the cell's first site; `injections` are added at others (or there), and `clamps` hold
    voltages. `condition` is one of the protocol's by its name, empty in control. Raises ProtocolError.
    """

    name: str
    waveform: Waveform
    duration: float  # ms
    dt: float = 0.025  # ms
    sampling: float = 0.025  # ms
    v_init: float = -65.0  # mV
    warm_up: float = 0.0  # ms
    warm_up_current: float = 0.0  # nA
    allow_large: bool = False
    injections: tuple[Injection, ...] = ()
    clamps: tuple[VoltageClamp, ...] = ()
    condition: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ProtocolError("a stimulus has no name", remedy="name it")
        for label in ("duration", "dt", "sampling", "v_init", "warm_up", "warm_up_current"):
            value = float(getattr(self, label))
            object.__setattr__(self, label, value)
            if not math.isfinite(value):
                raise self._error(f"{label} is {value}", "give a finite number")
            if (label in ("duration", "dt", "sampling") and value <= 0) or (label == "warm_up" and value < 0):
                raise self._error(f"{label} is {value:g} ms", "give a time above 0")
        self._multiple("sampling", self.sampling, "dt", self.dt)
        self._multiple("duration", self.duration, "sampling", self.sampling)
        self._multiple("warm_up", self.warm_up, "dt", self.dt)
        if self.n_steps + self.n_warm > MAX_STEPS:
            raise self._error(f"takes {self.n_steps + self.n_warm} steps", f"keep to {MAX_STEPS}, with a larger dt")
        object.__setattr__(self, "injections", tuple(self.injections))
        object.__setattr__(self, "clamps", tuple(self.clamps))
        object.__setattr__(self, "condition", "" if self.condition == CONTROL else self.condition)
        for currents in (self.injected(), *(self.injected_by(injection) for injection in self.injections)):
            self._check_currents(currents)
        sites = [clamp.site for clamp in self.clamps]
        if len(set(sites)) < len(sites):
            raise self._error("two voltage clamps hold one site", "give one clamp all the levels")

    @property
    def n_steps(self) -> int:
        """Time steps of the sweep, warm-up not counted."""
        return round(self.duration / self.dt)

    @property
    def n_warm(self) -> int:
        """Time steps of the warm-up."""
        return round(self.warm_up / self.dt)

    @property
    def stride(self) -> int:
        """Time steps from one kept sample to the next."""
        return round(self.sampling / self.dt)

    @property
    def samples(self) -> int:
        """Samples kept: duration/sampling + 1, the first before the first step."""
        return self.n_steps // self.stride + 1

    def times(self) -> Float[np.ndarray, " time"]:
        """The times in ms of the samples."""
        return np.arange(self.samples) * self.sampling

    def injected(self) -> Float[np.ndarray, " step"]:
        """The current in nA of every time step, warm-up first: element k acts from k*dt to (k+1)*dt.

        After the warm-up, the waveform at the middle of each step.
        """
        currents = np.empty(self.n_warm + self.n_steps)
        currents[: self.n_warm] = self.warm_up_current
        currents[self.n_warm :] = self.waveform.current(self._middles)
        return currents

    def injected_by(self, injection: Injection) -> Float[np.ndarray, " step"]:
        """The current in nA of every time step, warm-up (0) first, of one of `injections`."""
        return np.concatenate((np.zeros(self.n_warm), injection.waveform.current(self._middles)))

    def command(self, clamp: VoltageClamp) -> Float[np.ndarray, " step"]:
        """The voltage in mV that one of `clamps` holds in every time step, warm-up first; NaN where it is off."""
        return np.concatenate((np.full(self.n_warm, np.nan), clamp.command(self._middles)))

    @property
    def sites(self) -> tuple[str, ...]:
        """The names of the cell's sites that it takes for granted."""
        return tuple(dict.fromkeys([i.site for i in self.injections] + [clamp.site for clamp in self.clamps]))

    @property
    def _middles(self) -> Float[np.ndarray, " step"]:
        return (np.arange(self.n_steps) + 0.5) * self.dt

    def to_json(self) -> dict[str, Any]:
        """A dictionary with units beside the numbers, as in a cell's YAML."""
        times = {label: units.exact(getattr(self, label), "ms") for label in ("duration", "dt", "sampling", "warm_up")}
        rest = {"v_init": units.exact(self.v_init, "mV"), "warm_up_current": units.exact(self.warm_up_current, "nA")}
        more: dict[str, Any] = {"allow_large": True} if self.allow_large else {}
        more["waveform"] = waveform.to_json(self.waveform)
        if self.injections:
            more["injections"] = [{"site": i.site, "waveform": waveform.to_json(i.waveform)} for i in self.injections]
        if self.clamps:
            more["clamps"] = [_clamp_json(clamp) for clamp in self.clamps]
        condition = {"condition": self.condition} if self.condition else {}
        return {"name": self.name, **condition, **times, **rest, **more}

    @staticmethod
    def from_node(node: Node) -> Stimulus:
        """The stimulus that an entry of a document describes; samples are 0.1 ms apart where it does not say, if dt and
        duration allow that, else dt."""
        optional = ("dt", "sampling", "v_init", "warm_up", "warm_up_current", "allow_large", "injections", "clamps",
                    "condition")  # fmt: skip
        entries = node.mapping(required=("name", "duration"), optional=(*optional, "waveform"))
        if not {"waveform", "injections", "clamps"} & set(entries):
            node.mapping(required=("name", "duration", "waveform"), optional=optional)  # complains
        kinds = {
            "duration": "ms",
            "dt": "ms",
            "sampling": "ms",
            "warm_up": "ms",
            "v_init": "mV",
            "warm_up_current": "nA",
        }
        numbers = {label: entries[label].quantity(unit) for label, unit in kinds.items() if label in entries}
        numbers.setdefault("sampling", _sampling(numbers["duration"], numbers.get("dt", Stimulus.dt)))
        large = entries["allow_large"].flag() if "allow_large" in entries else False
        wave = waveform.from_node(entries["waveform"]) if "waveform" in entries else waveform.Sum(())
        injections = tuple(map(_injection, entries["injections"].items())) if "injections" in entries else ()
        clamps = tuple(map(_clamp, entries["clamps"].items())) if "clamps" in entries else ()
        name = entries["name"].text()
        condition = entries["condition"].text() if "condition" in entries else ""
        with node.blamed():
            return Stimulus(name, wave, allow_large=large, injections=injections, clamps=clamps, condition=condition,
                            **numbers)  # fmt: skip

    def _multiple(self, label: str, value: float, of: str, part: float) -> None:
        count = round(value / part)
        if abs(count * part - value) > 1e-9 * max(1.0, abs(value)) or (count == 0 and value > 0):
            below = count * part if count else part
            raise self._error(
                f"{label} {value:g} ms is no whole multiple of {of} {part:g} ms",
                f"use for example {label} = {below:.10g} ms",
            )

    def _check_currents(self, currents: Float[np.ndarray, " step"]) -> None:
        if not np.isfinite(currents).all():
            time = int(np.argmin(np.isfinite(currents))) * self.dt
            raise self._error(f"the current is not finite at {time:g} ms (warm-up included)", "give finite currents")
        largest = float(np.abs(currents).max(initial=0.0))
        if largest > LARGEST and not self.allow_large:
            raise self._error(f"the current reaches {largest:g} nA, beyond {LARGEST:g} nA",
                              "check that pA are not taken for nA, or state allow_large: true")  # fmt: skip

    def _error(self, what: str, remedy: str) -> ProtocolError:
        return ProtocolError(f"stimulus {self.name}: {what}", remedy=remedy)


def _sampling(duration: float, dt: float) -> float:
    """The distance of the samples (ms) where none is stated."""
    whole = all(round(x) > 0 and abs(x - round(x)) < 1e-9 * x for x in (SAMPLING / dt, duration / SAMPLING))
    return SAMPLING if whole else dt


def _injection(node: Node) -> Injection:
    entries = node.mapping(required=("site", "waveform"))
    return Injection(entries["site"].text(), waveform.from_node(entries["waveform"]))


def _clamp(node: Node) -> VoltageClamp:
    entries = node.mapping(required=("site", "resistance", "levels"))
    levels = []
    for entry in entries["levels"].items():
        level = entry.mapping(required=("duration", "voltage"))
        levels.append((level["duration"].quantity("ms"), level["voltage"].quantity("mV")))
    with node.blamed():
        return VoltageClamp(entries["site"].text(), tuple(levels), entries["resistance"].quantity("Mohm"))


def _clamp_json(clamp: VoltageClamp) -> dict[str, Any]:
    levels = [{"duration": units.exact(t, "ms"), "voltage": units.exact(v, "mV")} for t, v in clamp.levels]
    return {"site": clamp.site, "resistance": units.exact(clamp.resistance, "Mohm"), "levels": levels}


@dataclass(frozen=True)
class Protocol:
    """The stimuli that one cell is given, each from rest, and the sites of the cell that are recorded (empty: all).

    `conditions` are those that stimuli name. Raises ProtocolError.
    """

    stimuli: tuple[Stimulus, ...]
    sites: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "stimuli", tuple(self.stimuli))
        object.__setattr__(self, "sites", tuple(self.sites))
        if not self.stimuli:
            raise ProtocolError("a protocol has no stimulus", remedy="give at least one")
        names = [stimulus.name for stimulus in self.stimuli]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise ProtocolError(f"two stimuli are called {name}", remedy="rename one of them")
        self._check_conditions()
        for i, name in enumerate(self.sites):
            if name in self.sites[:i]:
                raise ProtocolError(f"the site {name} is recorded twice", remedy="name it once")

    def _check_conditions(self) -> None:
        object.__setattr__(self, "conditions", tuple(self.conditions))
        known = [condition.name for condition in self.conditions]
        for i, name in enumerate(known):
            if name in known[:i]:
                raise ProtocolError(f"two conditions are called {name}", remedy="rename one of them")
        for stimulus in self.stimuli:
            if stimulus.condition and stimulus.condition not in known:
                what = f"the stimulus {stimulus.name} is under {stimulus.condition!r}, which is no condition"
                listed = ", ".join((CONTROL, *known))
                raise ProtocolError(what, remedy=f"{nearest(stimulus.condition, known)}there are: {listed}")

    def blocks(self, stimulus: Stimulus) -> tuple[Block, ...]:
        """What is blocked during a stimulus."""
        return next((c.blocks for c in self.conditions if c.name == stimulus.condition), ())

    @property
    def samples(self) -> tuple[int, ...]:
        """Samples kept of each stimulus."""
        return tuple(stimulus.samples for stimulus in self.stimuli)

    @property
    def digest(self) -> str:
        """sha256 of everything in it."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold, with units beside the numbers, as in a cell's YAML."""
        head: dict[str, Any] = {"sites": list(self.sites)} if self.sites else {}
        if self.conditions:
            head["conditions"] = {condition.name: condition.to_json() for condition in self.conditions}
        return head | {"stimuli": [stimulus.to_json() for stimulus in self.stimuli]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Protocol:
        """The inverse of `to_json`; raises ProtocolError naming the entry that is wrong."""
        return Protocol.from_node(document.of(data, ProtocolError))

    @staticmethod
    def from_node(node: Node, conditions: tuple[Condition, ...] = ()) -> Protocol:
        """The protocol that an entry of a document describes; `conditions` are known beside its own."""
        entries = node.mapping(required=("stimuli",), optional=("sites", "conditions"))
        stated = entries["conditions"].mapping(optional=None) if "conditions" in entries else {}
        own = tuple(Condition.from_node(name, entry) for name, entry in stated.items())
        conditions = (*(condition for condition in conditions if condition.name not in stated), *own)
        stimuli = tuple(Stimulus.from_node(entry) for entry in entries["stimuli"].items())
        sites = tuple(entry.text() for entry in entries["sites"].items()) if "sites" in entries else ()
        with node.blamed():
            return Protocol(stimuli, sites, conditions)
