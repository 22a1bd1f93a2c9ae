"""What the delivered current of a sweep is made of: its initial value, its first departure, constant levels.

Some files hold the command (exact levels), others the monitored current (levels under noise, with artefacts at spikes);
the noise is measured from the current itself, so that both are understood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_SUSTAINED = 5  # samples: a departure lasts at least so long, or to the end; an artefact at a spike does not
_HEAD = 50  # samples that say what the initial value is
_MAX_EDGES = 400  # a command of more levels than this is a waveform, not steps


@dataclass(frozen=True)
class Steps:
    """A piecewise constant current: `level[i]` from `first[i]` (a sample's index) to the next, the last to the end."""

    first: tuple[int, ...]
    level: tuple[float, ...]  # nA


def noise_level(current: Float[np.ndarray, " time"]) -> float:
    """The standard deviation in nA of white noise on the current; zero for a command, which begins exactly constant.

    From the median second difference, which ramps and slow waves leave alone.
    """
    if len(current) < 3 or not np.ptp(_head(current)):
        return 0.0
    return float(np.median(np.abs(np.diff(current, 2))) * 1.4826 / np.sqrt(6.0))


def _head(current: Float[np.ndarray, " time"]) -> Float[np.ndarray, " head"]:
    return current[: max(2, min(_HEAD, len(current) // 4))]


def initial_level(current: Float[np.ndarray, " time"]) -> float:
    """The current in nA that the sweep begins with: its first sample, or the baseline's median where there is noise."""
    if noise_level(current) == 0.0:
        return float(current[0])
    first = departure(current)
    return float(np.median(current[: len(current) if first is None else max(first, 1)]))


def departure(current: Float[np.ndarray, " time"]) -> int | None:
    """The first sample at which the current leaves its initial value for good or for a while; None if it never does."""
    noise = noise_level(current)
    if noise == 0.0:
        changed = np.flatnonzero(current != current[0])
        return int(changed[0]) if len(changed) else None
    head = _head(current)
    centre = float(np.median(head))
    bound = max(6.0 * noise, 1.5 * float(np.ptp(head)))
    away = np.abs(current - centre) > bound
    return _first_run(away, min(_SUSTAINED, len(current)))


def _first_run(flags: np.ndarray, length: int) -> int | None:
    """Where `length` true values in a row first begin."""
    total = np.concatenate([[0], np.cumsum(flags)])
    full = np.flatnonzero(total[length:] - total[:-length] == length)
    return int(full[0]) if len(full) else None


def strongest_level(current: Float[np.ndarray, " time"], baseline: float) -> float:
    """The level furthest from `baseline` that lasts, as its distance in nA.

    It lasts for 2 % of the samples or more; of a command that is away for less, for half of the time that it is.
    """
    away = np.sort(current - baseline)
    lasting = max(1, len(away) // 50)
    gone = int(np.count_nonzero(away)) if noise_level(current) == 0.0 else 0
    if 0 < gone <= 2 * lasting:
        lasting = max(1, gone // 2)
    count = min(len(away) - 1, lasting)
    low, high = float(away[count]), float(away[-1 - count])
    return high if abs(high) >= abs(low) else low


def steps(current: Float[np.ndarray, " time"]) -> Steps | None:
    """The current as constant levels, if that is exactly what it is; None for any other waveform."""
    edges = np.flatnonzero(current[1:] != current[:-1]) + 1
    if len(edges) > min(_MAX_EDGES, len(current) // 10):
        return None
    first = (0, *(int(edge) for edge in edges))
    return Steps(first, tuple(float(current[k]) for k in first))


def looks_monitored(current: Float[np.ndarray, " time"]) -> bool:
    """Whether the current carries brief artefacts far above its noise, as a monitored one does at every spike."""
    noise = noise_level(current)
    if noise == 0.0:
        return False
    change = np.abs(np.diff(current))
    return int(np.count_nonzero(change > max(30.0 * noise, 0.05))) > 8
