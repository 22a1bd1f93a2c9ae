"""gbar. Settings: precision; rows (all unless given); widths (tells the vectors of what was compiled)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from vectors import widths
from worker import Ready, serve

from gbar.cell import read_cell
from gbar.kernel.build import build
from gbar.simulate import simulate


def prepare(work: str, settings: dict[str, Any]) -> Ready:
    cell = read_cell(Path(work) / "cell.yaml")
    theta = np.load(Path(work) / "theta.npy")[: settings.get("rows")]
    kernel = build(cell, settings["precision"]).compiled(len(theta), 1)
    simulate(kernel, theta[: kernel.lanes], cell.protocol, threads=1)
    told = f"{kernel.lanes} lanes"
    if settings.get("widths"):
        told = ", ".join(f"{count} {register}" for register, count in widths().items())

    def run() -> np.ndarray:
        return simulate(kernel, theta, cell.protocol, threads=1).v[0][:, 0]

    return Ready(run, len(theta), told)


if __name__ == "__main__":
    serve(prepare)
