"""The compiled side of `Storage.encode`."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int16

from gbar.compiled import compiled


@compiled
def fill_in_codes(
    v: Float[np.ndarray, " sample"],
    steps: float,
    largest: int,
    missing: int,
    codes: Int16[np.ndarray, " sample"],
) -> None:
    """Writes the whole number nearest to v (mV) times `steps` (1/mV), from -largest to largest; `missing` where v is
    not finite."""
    scale, high, lost = v.dtype.type(steps), v.dtype.type(largest), v.dtype.type(missing)
    for i in range(len(v)):
        code = np.rint(v[i] * scale)
        code = high if code > high else (-high if code < -high else code)
        codes[i] = np.int16(code if v[i] - v[i] == 0 else lost)
