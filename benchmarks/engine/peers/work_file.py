"""A work as its folder says it, for every simulator alike: compartments, membranes, stimulus, and what theta sets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Compartment:
    """A cylinder of membrane, 0 end to 1 end; its parent is the compartment whose 1 end it joins."""

    region: str
    parent: int
    L: float  # um
    diam: float  # um


@dataclass(frozen=True)
class Free:
    """A column of theta: the variable of a mechanism that it sets, times a weight, in some compartments."""

    name: str
    suffix: str
    variable: str
    compartments: np.ndarray
    weights: np.ndarray

    @property
    def uniform(self) -> bool:
        """Whether all its compartments have the same value."""
        return bool((self.weights == self.weights[0]).all())


@dataclass(frozen=True)
class Work:
    """One work. Units are NEURON's: ms, mV, nA, um, S/cm2, uF/cm2, ohm cm, mM, degC."""

    folder: Path
    celsius: float
    dt: float
    steps: int
    v_init: float
    step: tuple[float, float, float]  # delay, duration, amplitude
    site: int  # compartment that is recorded and injected
    sections: list[list[int]]  # the compartments of every section, 0 end to 1 end
    compartments: list[Compartment]
    regions: dict[str, dict[str, Any]]  # cm, Ra, reversals, concentrations, mechanisms: suffix -> values
    profiles: dict[str, dict[str, float]]  # variable_suffix -> compartment -> value
    free: list[Free]
    theta: np.ndarray  # [row, parameter]

    @property
    def duration(self) -> float:
        """In ms."""
        return self.steps * self.dt


def read_work(folder: str | Path) -> Work:
    """The work in a folder."""
    folder = Path(folder)
    data = json.loads((folder / "work.json").read_text(encoding="utf-8"))
    free = [
        Free(**{**f, "compartments": np.array(f["compartments"], int), "weights": np.array(f["weights"], float)})
        for f in data.pop("free")
    ]
    compartments = [Compartment(*c) for c in data.pop("compartments")]
    step = tuple(data.pop("step"))
    theta = np.load(folder / "theta.npy")
    return Work(folder=folder, compartments=compartments, free=free, step=step, theta=theta, **data)
