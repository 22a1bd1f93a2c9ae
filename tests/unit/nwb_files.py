"""Small NWB 2 files in the dialects that occur, written with pynwb."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

DT = 0.05  # ms
LENGTH = 4000
ON, OFF = 1000, 3000  # samples


def voltage(amplitude: float) -> np.ndarray:
    """In mV: -65 at rest and 50 mV per nA during the step, so that a voltage tells which current it belongs to."""
    v = np.full(LENGTH, -65.0)
    v[ON:OFF] += 50.0 * amplitude
    v[::7] += 0.01
    return v


def step(amplitude: float) -> np.ndarray:
    """The current in nA."""
    current = np.zeros(LENGTH)
    current[ON:OFF] = amplitude
    return current


@contextmanager
def quiet() -> Iterator[None]:
    """Without pynwb's warnings about the old dialects, which are wanted here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Writer:
    """An NWB file in the making: `add` series, then `write`."""

    def __init__(self) -> None:
        from pynwb import NWBFile

        self.file = NWBFile("a cell", "identifier", datetime(2020, 1, 1, tzinfo=UTC))
        device = self.file.create_device("amplifier")
        self.electrode = self.file.create_icephys_electrode(name="electrode", description="glass", device=device)

    def series(self, kind: str, name: str, data: np.ndarray, **more: Any) -> Any:
        import pynwb.icephys

        more.setdefault("gain", 1.0)
        if "timestamps" not in more:
            more.setdefault("rate", 1e3 / DT)
        if kind == "IZeroClampSeries":
            more.pop("bias_current", None)
        with quiet():
            return getattr(pynwb.icephys, kind)(name=name, data=data, electrode=self.electrode, **more)

    def respond(self, name: str, data: np.ndarray, kind: str = "CurrentClampSeries", **more: Any) -> Any:
        series = self.series(kind, name, data, **more)
        with quiet():
            self.file.add_acquisition(series, use_sweep_table=False)
        return series

    def stimulate(self, name: str, data: np.ndarray, kind: str = "CurrentClampStimulusSeries", **more: Any) -> Any:
        series = self.series(kind, name, data, **more)
        with quiet():
            self.file.add_stimulus(series, use_sweep_table=False)
        return series

    def write(self, path: Path) -> Path:
        from pynwb import NWBHDF5IO

        with quiet(), NWBHDF5IO(path, "w") as io:
            io.write(self.file)
        return path


def plain(path: Path, *, v: np.ndarray | None = None, current: np.ndarray | None = None) -> Path:
    """One sweep in SI units; `v` in mV, `current` in nA."""
    writer = Writer()
    writer.respond("response_0", (voltage(0.2) if v is None else v) * 1e-3, sweep_number=0)
    writer.stimulate("stimulus_0", (step(0.2) if current is None else current) * 1e-9, sweep_number=0)
    return writer.write(path)
