"""Linear recursions along time for many rows: what low-pass filters and Ornstein-Uhlenbeck processes are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

_BLOCK = 64  # samples that one matrix product advances


@dataclass(frozen=True)
class Modes:
    """y[k] = Re sum_i x_i[k], with x_i[k] = decay_i x_i[k-1] + before_i u[k-1] + now_i u[k].

    The first axis holds one entry for every row of u, or a single one for all. Time goes in blocks: within one the
    recursion is a triangular matrix, and between them two numbers a mode are carried on. Every row is a matrix
    product of its own and of the same shape, so that its bits do not depend on the rows beside it.
    """

    decay: Complex[np.ndarray, "row mode"]
    before: Complex[np.ndarray, "row mode"]
    now: Complex[np.ndarray, "row mode"]

    def run(
        self, u: Float[np.ndarray, "row time"], start: Complex[np.ndarray, "row mode"] | None = None
    ) -> Float[np.ndarray, "row time"]:
        """The rows y of rows u, in u's precision; `start` is decay_i x_i[-1] + before_i u[-1], or 0."""
        rows, samples = u.shape
        blocks = -(-samples // _BLOCK)
        padded = np.zeros((rows, blocks * _BLOCK), dtype=u.dtype)
        padded[:, :samples] = u
        parts = padded.reshape(rows, blocks, _BLOCK)
        tables = [_tables(*row) for row in zip(self.decay, self.before, self.now, strict=True)]
        within, gathering, spreading, ahead = (np.stack(table) for table in zip(*tables, strict=True))
        gathered = (parts @ gathering.astype(u.dtype)).astype(np.float64)
        carried = _carry(gathered, ahead, start)
        y = parts @ within.astype(u.dtype)
        y += carried.astype(u.dtype) @ spreading.astype(u.dtype)
        return y.reshape(rows, -1)[:, :samples]


def _tables(
    decay: Complex[np.ndarray, " mode"], before: Complex[np.ndarray, " mode"], now: Complex[np.ndarray, " mode"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One row's matrices: input to output within a block, input to what is carried on, that to output; its decay.

    What is carried is s = decay x + before u of the last sample, real parts first, then imaginary ones.
    """
    powers = decay[:, None] ** np.arange(_BLOCK + 1)
    response = now[:, None] * powers
    response[:, 1:] += before[:, None] * powers[:, :-1]  # of every mode to a single 1
    impulse = np.concatenate([np.zeros(_BLOCK - 1), response.real.sum(axis=0)[:_BLOCK]])
    within = np.lib.stride_tricks.sliding_window_view(impulse, _BLOCK)[::-1]  # [input, output]
    onward = response[:, :0:-1].T
    gathering = np.concatenate([onward.real, onward.imag], axis=1)
    spreading = np.concatenate([powers.real, -powers.imag])[:, :_BLOCK]
    return within, gathering, spreading, np.stack([powers[:, -1].real, powers[:, -1].imag])


def _carry(
    gathered: Float[np.ndarray, "row block part"],
    ahead: Float[np.ndarray, "row 2 mode"],
    start: Complex[np.ndarray, "row mode"] | None,
) -> Float[np.ndarray, "row block part"]:
    """What every block starts from; real arithmetic, because vectorised complex products may round differently."""
    rows, blocks, parts = gathered.shape
    modes = parts // 2
    carried = np.empty_like(gathered)
    real, imaginary = np.zeros((2, rows, modes))
    if start is not None:
        real, imaginary = real + start.real, imaginary + start.imag
    for block in range(blocks):
        carried[:, block, :modes], carried[:, block, modes:] = real, imaginary
        real, imaginary = (
            ahead[:, 0] * real - ahead[:, 1] * imaginary + gathered[:, block, :modes],
            ahead[:, 0] * imaginary + ahead[:, 1] * real + gathered[:, block, modes:],
        )
    return carried
