"""The networks that look at voltage: the one of the founding talk, and gbar's own default.

Both take [row, channel, time] in mV, scale it with one fixed centre and spread that belong to the network (never trace
by trace: that throws away rest and spike height), and return `outputs` numbers a row. An `Architecture` says in plain
numbers what a network is, so that one read from disk can be checked before a byte is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from gbar.errors import EstimatorError
from gbar.learn.statistics import TraceStatistics, count_statistics

MOST_WEIGHTS = 20_000_000  # a file from elsewhere may not ask for more than this
MOST_SAMPLES = 100_000
MOST_CHANNELS = 256
MOST_OUTPUTS = 4_096

_TALK_WIDTHS = (4, 6, 8, 10, 12)
_TALK_KERNEL = 7
_TALK_POOL = 3
_TALK_HIDDEN = 10
_SHORTEST = 24  # samples that the strided layers leave at least


@dataclass(frozen=True)
class Architecture:
    """What a network is, in plain numbers.

    `kind` is "talk" or "trace"; the input has `channels` (site and stimulus pairs) of `samples` each; `outputs` numbers
    come out. `width` is the number of filters in the trace network's first layer, `kernel` their length in samples and
    `hidden` the size of its dense layer; with `windows` it also sees the `statistics` of so many windows of each
    channel. `dropout` is the talk's. Raises EstimatorError for sizes that are out of
    range.
    """

    kind: Literal["talk", "trace"]
    channels: int
    samples: int
    outputs: int
    width: int = 16
    kernel: int = 9
    hidden: int = 128
    dropout: float = 0.0
    windows: int = 0

    def __post_init__(self) -> None:
        if self.kind not in ("talk", "trace"):
            raise EstimatorError(f"{self.kind!r} is no network of gbar", remedy="use talk or trace")
        limits = {"channels": MOST_CHANNELS, "samples": MOST_SAMPLES, "outputs": MOST_OUTPUTS}
        limits |= {"width": 1_024, "kernel": 255, "hidden": 4_096}
        for name, most in limits.items():
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise EstimatorError(f"a network's {name} is {value!r}, expected a whole number from 1 to {most}")
        if type(self.windows) is not int or not 0 <= self.windows <= min(64, self.samples // 8):
            raise EstimatorError(f"a network's windows are {self.windows!r}, expected 0 to 64 of 8 samples or more")
        if not isinstance(self.dropout, (int, float)) or not 0 <= self.dropout < 1:
            raise EstimatorError(f"a network's dropout is {self.dropout!r}, expected 0 <= dropout < 1")
        if self.kind == "talk" and self.samples < _TALK_POOL ** len(_TALK_WIDTHS):
            what = f"the talk's network needs at least 243 samples, not {self.samples}"
            raise EstimatorError(what, remedy="use trace")
        if self.weights > MOST_WEIGHTS:
            raise EstimatorError(f"a network of {self.weights} weights is over the limit of {MOST_WEIGHTS}")

    @property
    def layers(self) -> tuple[tuple[int, int, int], ...]:
        """(filters in, filters out, stride) of every convolution."""
        widths = _TALK_WIDTHS if self.kind == "talk" else tuple(self.width * m for m in (1, 2, 4, 4))
        strides = (1,) * len(widths) if self.kind == "talk" else strides_for(self.samples)
        return tuple(zip((self.channels, *widths), widths, strides, strict=False))

    @property
    def length(self) -> int:
        """Samples that are left after the last convolution."""
        length = self.samples
        for _, _, stride in self.layers:
            length = length // _TALK_POOL if self.kind == "talk" else (length - 1) // stride + 1
        return length

    @property
    def weights(self) -> int:
        """The number of weights, counted without building anything."""
        kernel, hidden = (_TALK_KERNEL, _TALK_HIDDEN) if self.kind == "talk" else (self.kernel | 1, self.hidden)
        convolutions = sum(into * out * kernel + out for into, out, _ in self.layers)
        dense = self.layers[-1][1] * self.length * hidden + hidden + hidden * self.outputs + self.outputs
        if self.windows:
            dense += (count_statistics(self.channels, self.windows) + 1) * hidden + hidden * self.outputs
        return convolutions + dense + (hidden * (hidden + 1) if self.kind == "talk" else 0)

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold and `from_json` reads back."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Architecture:
        """The inverse of `to_json`; raises EstimatorError for anything else."""
        try:
            if set(data) != {field.name for field in fields(Architecture)}:
                raise EstimatorError(f"the stored network has the unexpected fields {sorted(data)}")
            return Architecture(**data)
        except TypeError:
            raise EstimatorError("the description of the stored network is damaged") from None


def strides_for(samples: int) -> tuple[int, ...]:
    """The four strides of the trace network: as early and as large (at most 4) as leaves at least 24 samples at the
    end.

    >>> strides_for(7600), strides_for(2000), strides_for(500)
    ((4, 4, 4, 4), (4, 4, 4, 1), (4, 4, 1, 1))
    """
    strides = []
    for _ in range(4):
        stride = max((s for s in (4, 3, 2) if samples >= s * _SHORTEST), default=1)
        samples = (samples - 1) // stride + 1
        strides.append(stride)
    return tuple(strides)


class InputScale(nn.Module):
    """(v - centre) / spread with one fixed number each, kept with the weights; both in mV."""

    centre: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centre", torch.tensor(-60.0))
        self.register_buffer("spread", torch.tensor(25.0))

    def forward(self, v: Tensor) -> Tensor:
        """V in mV, scaled."""
        return (v - self.centre) / self.spread

    def measure(self, v: Float[np.ndarray, "row channel time"]) -> None:
        """Takes the mean and the standard deviation of the training rows `v` (mV), in blocks: never a second copy of
        them."""
        count, total, squares = 0, 0.0, 0.0
        for start in range(0, len(v), 256):
            block = v[start : start + 256].astype(np.float64) + 60.0
            count, total, squares = count + block.size, total + block.sum(), squares + np.square(block).sum()
        mean = total / max(count, 1)
        self.centre.fill_(mean - 60.0)
        self.spread.fill_(max(math.sqrt(max(squares / max(count, 1) - mean**2, 0.0)), 1e-3))


class TraceNetwork(nn.Module):
    """gbar's default: four strided convolutions, flattened into one dense layer; about 300,000 weights for 7,600
    samples.

    Input [row, channel, time] in mV, output [row, outputs]. SiLU is smooth, as the way from voltage to conductances is.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.scale = InputScale()
        kernel = architecture.kernel | 1  # odd, so that padding is the same on both sides
        layers: list[nn.Module] = []
        for into, out, stride in architecture.layers:
            layers += [nn.Conv1d(into, out, kernel, stride, kernel // 2), nn.SiLU()]
        self.convolutions = nn.Sequential(*layers)
        flat = architecture.layers[-1][1] * architecture.length
        self.dense = nn.Sequential(nn.Linear(flat, architecture.hidden), nn.SiLU())
        seen = architecture.hidden
        if architecture.windows:
            self.statistics = TraceStatistics(architecture.channels, architecture.windows)
            statistics = count_statistics(architecture.channels, architecture.windows)
            self.beside = nn.Sequential(nn.Linear(statistics, architecture.hidden), nn.SiLU())
            seen += architecture.hidden
        self.head = nn.Linear(seen, architecture.outputs)

    def forward(self, v: Tensor) -> Tensor:
        """[row, channel, time] in mV -> [row, outputs]."""
        seen = self.dense(self.convolutions(self.scale(v)).flatten(1))
        if self.architecture.windows:
            seen = torch.cat([seen, self.beside(self.statistics(v))], dim=1)
        out: Tensor = self.head(seen)
        return out


class TalkNetwork(nn.Module):
    """The network of the founding talk: five blocks of Conv1d(7), LeakyReLU and MaxPool(3), then Dense(10) twice; 5,834
    weights.

    The talk's Dropout(0.1) is off unless asked for: with ten units it deletes a tenth of all that is known of a row,
    and the same network reaches a test MSE of 3.5e-3 with it and 2.3e-4 without.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.scale = InputScale()
        layers: list[nn.Module] = []
        for into, out, _ in architecture.layers:
            layers += [nn.Conv1d(into, out, _TALK_KERNEL, padding="same"), nn.LeakyReLU(), nn.MaxPool1d(_TALK_POOL)]
        self.convolutions = nn.Sequential(*layers)
        dense: list[nn.Module] = []
        for into in (architecture.layers[-1][1] * architecture.length, _TALK_HIDDEN):
            dense += [nn.Linear(into, _TALK_HIDDEN), nn.LeakyReLU(), nn.Dropout(architecture.dropout)]
        self.dense = nn.Sequential(*dense)
        self.head = nn.Linear(_TALK_HIDDEN, architecture.outputs)

    def forward(self, v: Tensor) -> Tensor:
        """[row, channel, time] in mV -> [row, outputs]."""
        out: Tensor = self.head(self.dense(self.convolutions(self.scale(v)).flatten(1)))
        return out


def build_network(architecture: Architecture, seed: int) -> TraceNetwork | TalkNetwork:
    """The network that `architecture` describes, its first weights drawn from `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TalkNetwork(architecture) if architecture.kind == "talk" else TraceNetwork(architecture)


def count_weights(network: nn.Module) -> int:
    """The number of trainable weights of a network."""
    return sum(weight.numel() for weight in network.parameters())
