"""Which simulated cells are none that one could have recorded: silent, blocked, with impossible rest or spikes.

Rows are sorted into classes, and a row may be in several of them. None is left out: what is made of the classes is for
the one who uses the rows to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8, UInt16

from gbar import document
from gbar.criteria import Criteria, Window
from gbar.errors import ParameterError, ProtocolError
from gbar.features import VITALS, vitals
from gbar.protocol import Protocol, Stimulus
from gbar.traces import Status, Traces

_PLACE = {name: place for place, name in enumerate(VITALS)}


class Finding(IntFlag):
    """What is wrong with a row; 0 if nothing is."""

    SILENT = 1  # not a single spike under any stimulus
    REST = 2  # outside of its window, as the next ones, under one stimulus at least
    FEW_SPIKES = 4
    MANY_SPIKES = 8
    PEAK = 16
    WIDTH = 32
    AHP = 64
    DEPOLARISATION_BLOCK = 128
    NON_FINITE = 256
    OUT_OF_RANGE = 512


@dataclass(frozen=True)
class Vetting:
    """How the rows of a data set are vetted: by what criteria, at which of its sites."""

    criteria: Criteria
    site: str

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold and `from_json` reads back."""
        return {"criteria": self.criteria.to_json(), "site": self.site}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Vetting:
        """The inverse of `to_json`; raises ParameterError, KeyError or TypeError for anything else."""
        node = document.of(data["criteria"], ParameterError, "vetting")
        return Vetting(Criteria.from_node(node, tuple(data["criteria"].get("stimuli", ()))), str(data["site"]))


BELOW = {
    "rest": Finding.REST,
    "spikes": Finding.FEW_SPIKES,
    "rate": Finding.FEW_SPIKES,
    "peak": Finding.PEAK,
    "width": Finding.WIDTH,
    "ahp": Finding.AHP,
}
ABOVE = BELOW | {
    "spikes": Finding.MANY_SPIKES,
    "rate": Finding.MANY_SPIKES,
    "plateau": Finding.DEPOLARISATION_BLOCK,
}


@dataclass(frozen=True)
class Vetted:
    """What was found of every row: its classes (`Finding`), the features they came from, and the spike counts.

    The features are `VITALS`, NaN where there is none; of a row whose simulation failed there are none, and 0 spikes.
    """

    classes: UInt16[np.ndarray, " row"]
    features: Float32[np.ndarray, "row stimulus vital"]
    spikes: Int[np.ndarray, "row stimulus"]


def vet(traces: Traces, protocol: Protocol, criteria: Criteria | None = None, *, site: int = 0) -> Vetted:
    """Vets simulated traces by what they do at one site, at which v is recorded.

    >>> vet(simulate(kernel, theta, cell.protocol), cell.protocol).classes  # doctest: +SKIP
    """
    criteria = criteria or Criteria()
    measured = measure(traces, protocol, criteria.level, site=site)
    counts = np.nan_to_num(measured[:, :, _PLACE["spikes"]]).astype(np.int32)
    return Vetted(classify(measured, traces.status, protocol, criteria), measured, counts)


def measure(
    traces: Traces, protocol: Protocol, level: float, *, site: int = 0
) -> Float32[np.ndarray, "row stimulus vital"]:
    """The `VITALS` of every row under every stimulus, at a site; `level` (mV) is that of plateaus.

    Raises ProtocolError if the traces are not those of the protocol.
    """
    if len(traces.v) != len(protocol.stimuli):
        what = f"traces of {len(traces.v)} stimuli, the protocol has {len(protocol.stimuli)}"
        raise ProtocolError(what, remedy="vet traces with the protocol that they were simulated under")
    found = np.empty((len(traces), len(traces.v), len(VITALS)), np.float32)
    usable = traces.status == Status.OK
    for i, (v, sampling, stimulus) in enumerate(zip(traces.v, traces.sampling, protocol.stimuli, strict=True)):
        found[:, i] = vitals(v, sampling, driven(stimulus), level, site=site, usable=usable)
    return found


def classify(
    measured: Float[np.ndarray, "row stimulus vital"],
    status: UInt8[np.ndarray, " row"],
    protocol: Protocol,
    criteria: Criteria,
) -> UInt16[np.ndarray, " row"]:
    """The classes of rows whose `VITALS` have been measured. A feature that is missing is in no wrong."""
    classes = np.zeros(len(status), np.uint16)
    for _, values, window, below, above in limits(measured, protocol, criteria):
        classes[values < window.low] |= np.uint16(below)
        classes[values > window.high] |= np.uint16(above)
    silent = (measured[:, :, _PLACE["spikes"]] == 0).all(axis=1)
    classes[silent] |= np.uint16(Finding.SILENT)
    classes[status == Status.NON_FINITE] = Finding.NON_FINITE
    classes[status == Status.OUT_OF_RANGE] = Finding.OUT_OF_RANGE
    return classes


def limits(
    measured: Float[np.ndarray, "row stimulus vital"], protocol: Protocol, criteria: Criteria
) -> Iterator[tuple[str, Float[np.ndarray, " row"], Window, Finding, Finding]]:
    """Every feature under every stimulus: its name, values and window, and the classes below and above that."""
    for i, stimulus in enumerate(protocol.stimuli):
        for name in ABOVE:
            window = criteria.window(name, stimulus.name)
            nothing = Finding(0)
            yield name, measured[:, i, _PLACE[name]], window, BELOW.get(name, nothing), ABOVE[name]


def count_classes(classes: UInt16[np.ndarray, " row"]) -> dict[Finding, int]:
    """How many rows are in each class that has any; a row in several is counted in each."""
    counts = {finding: int(np.count_nonzero(classes & np.uint16(finding))) for finding in Finding}
    return {finding: n for finding, n in counts.items() if n}


def apart(
    unit: Float[np.ndarray, "row parameter"], members: Sequence[Bool[np.ndarray, " row"]]
) -> Float[np.ndarray, "class parameter"]:
    """How far the rows of each class, its `members`, lie apart from all others in every parameter.

    It is the largest difference of the two distribution functions (Kolmogorov and Smirnov's), 0 where that is less than
    chance makes in 1 of 100 such samples.
    """
    rows = np.array([int(inside.sum()) for inside in members])
    others = len(unit) - rows
    found = np.zeros((len(members), unit.shape[1]))
    for k in range(unit.shape[1]):
        order = np.argsort(unit[:, k], kind="stable")
        last = np.append(np.diff(unit[order, k]) > 0.0, True)  # of equal values
        total = np.flatnonzero(last) + 1
        for i, inside in enumerate(members):
            if rows[i] and others[i]:
                of_class = np.cumsum(inside[order])[last]
                found[i, k] = np.abs(of_class / rows[i] - (total - of_class) / others[i]).max()
    chance = 1.63 * np.sqrt(1.0 / np.maximum(rows, 1) + 1.0 / np.maximum(others, 1))
    return np.where(found > chance[:, None], found, 0.0)


def worded(finding: Finding) -> str:
    """The name of a class for people: "depolarisation block"."""
    return (finding.name or "").lower().replace("_", " ")


@lru_cache(maxsize=64)
def driven(stimulus: Stimulus) -> tuple[float, float]:
    """From when to when (ms) a stimulus does anything but what it begins with; the whole sweep if it never does."""
    sources = [stimulus.injected(), *(stimulus.injected_by(injection) for injection in stimulus.injections)]
    sources += [np.nan_to_num(stimulus.command(clamp), nan=np.inf) for clamp in stimulus.clamps]
    currents = np.array([source[stimulus.n_warm :] for source in sources])
    steps = np.flatnonzero((currents != currents[:, :1]).any(axis=0))
    if not len(steps):
        return 0.0, stimulus.duration
    return float(steps[0] * stimulus.dt), float((steps[-1] + 1) * stimulus.dt)
