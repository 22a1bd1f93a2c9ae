"""What a simulation leaves: voltage traces, and for every row whether it came to its end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Float, UInt8


class Status(IntEnum):
    """How the simulation of a row ended."""

    OK = 0
    NON_FINITE = 1  # the voltage became NaN or infinite
    OUT_OF_RANGE = 2  # the voltage left [-250, 250] mV, or a quantity the limits that its mod file declares


@dataclass(frozen=True)
class Traces:
    """What was recorded of many parameter sets.

    `v` holds one array [row, site, time] for each stimulus of the protocol, in its order, with the cell's sites in
    theirs: mV where a site records v, else the unit of the site's variable. Sample k of stimulus s is at
    k * sampling[s] ms, sample 0 is the state after initialisation and warm-up. `status[row]` is a `Status`: not finite
    if that befell the row in any stimulus, else out of range if that did, or if a value that follows from the
    parameters is beyond the limits that a mod file declares.
    """

    v: tuple[Float[np.ndarray, "row site time"], ...]  # mV where v is recorded
    sampling: tuple[float, ...]  # ms
    status: UInt8[np.ndarray, " row"]

    def __len__(self) -> int:
        return len(self.status)


def count_statuses(status: UInt8[np.ndarray, " row"]) -> dict[str, int]:
    """How many rows ended each way, in words; the ways that do not occur are left out, but for "ok"."""
    counts = {s.name.lower().replace("_", " "): int((status == s).sum()) for s in Status}
    return {name: n for name, n in counts.items() if n or name == "ok"}
