"""What a trace does, wherever it does it: how long and how often it is above each level, window by window.

A strided convolution must learn "twelve spikes" anew for every place where spikes may stand. These numbers say it at
once: in each of a few windows the mean, the highest and the lowest voltage, the log-odds of the time spent above each
of a ladder of levels, and the logarithm of the number of upward crossings of each. They have no weights; what follows
them has.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

LEVELS = tuple(float(level) for level in range(-90, 50, 10))  # mV
_CLIP = 6.0  # standard deviations: a recording may be unlike any simulation, but no network should be asked further
_AT_ONCE = 512


def count_statistics(channels: int, windows: int) -> int:
    """How many statistics there are."""
    return channels * windows * (3 + 2 * len(LEVELS))


class TraceStatistics(nn.Module):
    """The statistics of traces, each shifted and scaled by its mean and spread over the training rows."""

    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int, windows: int) -> None:
        super().__init__()
        self.windows = windows
        self.register_buffer("mean", torch.zeros(count_statistics(channels, windows)))
        self.register_buffer("spread", torch.ones(count_statistics(channels, windows)))

    def forward(self, v: Float[Tensor, "row channel time"]) -> Float[Tensor, "row statistic"]:
        """The statistics, scaled; without gradients."""
        with torch.no_grad():
            return ((self.raw(v) - self.mean) / self.spread).clamp(-_CLIP, _CLIP)

    def raw(self, v: Float[Tensor, "row channel time"]) -> Float[Tensor, "row statistic"]:
        """The statistics before they are scaled: mV, log-odds and log counts."""
        width = v.shape[-1] // self.windows
        parts = v[..., : self.windows * width].unflatten(-1, (self.windows, width))
        found = [parts.mean(-1), parts.amax(-1), parts.amin(-1)]
        for level in LEVELS:
            above = v[..., : self.windows * width] > level
            share = (above.unflatten(-1, (self.windows, width)).sum(-1) + 0.5) / (width + 1.0)
            up = torch.zeros_like(above)
            up[..., 1:] = above[..., 1:] & ~above[..., :-1]
            found += [torch.logit(share), torch.log1p(up.unflatten(-1, (self.windows, width)).sum(-1).float())]
        return torch.stack(found, -1).flatten(1)

    def measure(self, v: Float[np.ndarray, "row channel time"]) -> None:
        """Takes mean and spread over the training rows `v` (mV), in blocks."""
        count, total, squares = 0, torch.zeros_like(self.mean).double(), torch.zeros_like(self.mean).double()
        for start in range(0, len(v), _AT_ONCE):
            block = self.raw(torch.from_numpy(np.ascontiguousarray(v[start : start + _AT_ONCE], np.float32))).double()
            count, total, squares = count + len(block), total + block.sum(0), squares + block.square().sum(0)
        mean = total / max(count, 1)
        self.mean.copy_(mean.float())
        self.spread.copy_((squares / max(count, 1) - mean.square()).clamp(min=0.01).sqrt().float())
