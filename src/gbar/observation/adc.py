"""The digitiser: whole steps within a range."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gbar.errors import ParameterError
from gbar.observation.value import Value, checked, column

Digitised = Callable[[Float[np.ndarray, "row time"]], Float[np.ndarray, "row time"]]


@dataclass(frozen=True)
class Adc:
    """A voltage becomes the nearest whole multiple of `step` mV, and what is beyond `low` or `high` mV is clipped.

    A step of 0 leaves the voltage continuous. A digitiser of 16 bits over ±1000 mV of voltage has a step of 0.0305 mV.
    """

    step: Value = 0.0  # mV
    low: float = -math.inf  # mV
    high: float = math.inf  # mV

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", checked(self.step, "a digitiser's step in mV", low=0.0))
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        if not self.low < self.high:
            raise ParameterError(f"a digitiser's range from {self.low:g} to {self.high:g} mV", remedy="give low first")

    def drawn(self, rngs: Sequence[np.random.Generator]) -> Digitised:
        """What digitises the rows of those generators, with each row's step."""
        step = column(self.step, rngs)
        return lambda v: _digitised(v, step.astype(v.dtype), self.low, self.high)


def _digitised(
    v: Float[np.ndarray, "row time"], step: Float[np.ndarray, "row 1"], low: float, high: float
) -> Float[np.ndarray, "row time"]:
    """The rows in whole steps; the clipped ones in the last whole step of the range. NaN stays NaN."""
    if not step.any():
        return np.clip(v, low, high)
    unit = np.where(step > 0.0, step, 1.0)
    codes = np.rint(v / unit)
    np.clip(codes, np.ceil(low / unit), np.floor(high / unit), out=codes)
    codes *= unit
    return codes if step.all() else np.where(step > 0.0, codes, np.clip(v, low, high))
