"""Measured sweeps and what is known of how they were taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Sweep:
    """One current-clamp sweep: the voltage, and the current as it was delivered, on the same time grid."""

    name: str
    v: Float[np.ndarray, " time"]  # mV, as recorded
    current: Float[np.ndarray, " time"]  # nA, as delivered; holding included
    dt: float  # ms
    start: float  # s after the first sweep, where known; else its index
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recording:
    """The current-clamp sweeps of one cell, in order of time."""

    source: Path
    digest: str  # sha256 of the file
    format: str  # "NWB 2", "CSV", "NPZ"
    sweeps: tuple[Sweep, ...]
    description: str = ""
    junction_potential: float | None = None  # mV, where stated
    refused: tuple[str, ...] = ()  # sweeps that were left out, and why
