"""How voltages are stored: as they are (float32), or in steps of 1/128 mV (int16), half the size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Float32, Shaped

from gbar.errors import DatasetError

STEP = 1.0 / 128.0  # mV between two codes
LARGEST = 32767  # the codes are -32767 to 32767: +-255.99 mV, more than a membrane voltage that is one
MISSING = -32768  # the code of a sample that is missing or not finite


@dataclass(frozen=True)
class Storage:
    """The type in which traces lie on disk.

    int16: a sample is the whole number nearest to v / (1/128 mV), so that it is off by 1/256 mV at most; what is not
    finite is missing, and what lies beyond +-255.99 mV (its row's status says so) is set to that.
    """

    kind: Literal["int16", "float32"]

    @property
    def error(self) -> float:
        """By how much a stored sample is off at most, in mV, beside the rounding to float32."""
        return STEP / 2 if self.kind == "int16" else 0.0

    @property
    def fill(self) -> float:
        """What stands where nothing has been written."""
        return MISSING if self.kind == "int16" else float("nan")

    @property
    def attributes(self) -> dict[str, Any]:
        """What tells a reader how to decode the array (CF conventions)."""
        return {"scale_factor": STEP, "_FillValue": MISSING} if self.kind == "int16" else {}

    def encode(self, v: Float[np.ndarray, "row site time"]) -> Shaped[np.ndarray, "row site time"]:
        """Voltages in mV as they are stored.

        >>> INT16.encode(np.array([[[-65.0, np.nan]]], np.float32))
        array([[[ -8320, -32768]]], dtype=int16)
        """
        if self.kind == "float32":
            return np.asarray(v, np.float32)
        from gbar.dataset.codes import fill_in_codes

        codes = np.empty(v.shape, np.int16)
        fill_in_codes(np.ascontiguousarray(v).reshape(-1), 1.0 / STEP, LARGEST, MISSING, codes.reshape(-1))
        return codes

    def decode(self, stored: Shaped[np.ndarray, "row site time"]) -> Float32[np.ndarray, "row site time"]:
        """The inverse of `encode`, in mV: NaN where a sample is missing."""
        if self.kind == "float32":
            return np.asarray(stored, np.float32)
        v = np.multiply(stored, np.float32(STEP), dtype=np.float32)
        missing = stored == MISSING
        if missing.any():
            v[missing] = np.nan
        return v

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold and `from_json` reads back."""
        return {"kind": self.kind, "unit": "mV", "largest_error": self.error}

    @staticmethod
    def from_json(data: Any) -> Storage:
        """The inverse of `to_json`; raises DatasetError for anything else."""
        for known in (INT16, FLOAT32):
            if data == known.to_json():
                return known
        raise DatasetError(f"its voltages are stored as {data!r}, which this version does not know")


INT16 = Storage("int16")
FLOAT32 = Storage("float32")
