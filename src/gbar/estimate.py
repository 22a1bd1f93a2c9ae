"""An answer: parameter values that could have produced a recording, and how likely each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.parameters import ParameterSpace


@dataclass(frozen=True)
class Estimate:
    """Samples of a posterior over a cell's free parameters.

    `log_prob` is the density's logarithm in unit space ([-1, 1] per parameter). `kind` says how it was made ("network"), `noise` which
    observation noise it assumed, `provenance` from what, with which version; `warnings` are sentences for the user.
    """

    space: ParameterSpace
    samples: Float[np.ndarray, "draw parameter"]  # physical units
    log_prob: Float[np.ndarray, " draw"]
    kind: str
    noise: Mapping[str, Any]
    provenance: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
