"""One training loop for every network: Adam, a one-cycle rate, averaged weights, fresh noise in every epoch,
resumable."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from gbar.dataset import Split, split_rows
from gbar.errors import EstimatorError
from gbar.learn.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from gbar.learn.networks import Architecture, InputScale, build_network
from gbar.learn.rows import NOISE, ORDER, TEST, VALIDATION, Data, Draw, Source
from gbar.learn.statistics import TraceStatistics

Objective = Callable[[nn.Module, Tensor, Tensor], Tensor]  # network, v [row, channel, time], unit -> loss [row]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    The rate rises over the first fifth of the steps to `rate` and falls to nothing along cosines; weights are averaged
    with memory `average` per step, and the averaged ones of the epoch with the lowest validation loss are kept.
    Training ends early after `patience` epochs without a lower one. Gradients longer than `clip` are shortened.
    `threads` share the rows of a batch, None for as many as there are cores. Another number of them adds up the
    gradient in another order: losses and weights then differ in their last bits (by about 1e-8), not in kind.
    """

    epochs: int = 30
    batch: int = 32
    rate: float = 2e-3
    average: float = 0.99
    patience: int | None = None
    clip: float = 5.0
    threads: int | None = None


def schedule_for(rows: int, kind: str = "trace") -> Schedule:
    """What does well, in a minute or two on two cores for 3,000 rows and within eight minutes for 20,000 of 2,000
    samples.

    `kind` is "trace" (also inside a posterior) or "talk"; that small network takes a higher rate. More rows take fewer
    epochs of larger batches.
    """
    epochs, batch = (30, 32) if rows <= 5_000 else (20, 64) if rows <= 50_000 else (12, 128)
    if kind == "talk":
        return Schedule(epochs=epochs + 10, batch=batch, rate=5e-3)
    return Schedule(epochs=epochs, batch=batch)


@dataclass(frozen=True)
class Epoch:
    """What is known at an epoch's end: its number (from 1) of how many, mean losses, and seconds left if none is
    cut."""

    number: int
    epochs: int
    loss: float
    validation: float
    left: float  # s


@dataclass
class History:
    """The losses of every epoch so far, which one was best (from 1, 0 before the first) and the seconds it all took."""

    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold."""
        return asdict(self)


@dataclass(frozen=True)
class Regression:
    """A network trained to give the parameters back: its mean squared error per parameter in unit space, on the test
    rows."""

    network: nn.Module
    architecture: Architecture
    error: Float[np.ndarray, " parameter"]
    history: History


def squared_error(network: nn.Module, v: Tensor, unit: Tensor) -> Tensor:
    """The mean squared error of each row in unit space, [row]."""
    error: Tensor = (network(v) - unit).square().mean(dim=1)
    return error


def regress(
    v: Float32[np.ndarray, "row channel time"],
    unit: Float[np.ndarray, "row parameter"],
    *,
    kind: str = "trace",
    architecture: Architecture | None = None,
    split: Split | None = None,
    schedule: Schedule | None = None,
    seed: int = 0,
    noise: Draw | None = None,
    progress: Callable[[Epoch], None] | None = None,
    checkpoint: Path | None = None,
    identity: Mapping[str, Any] | None = None,
) -> Regression:
    """Trains a network on `v` (mV) to return `unit` ([-1, 1]) by mean squared error, and scores it once on the test
    rows.

    `kind` is "trace" (gbar's) or "talk", or `architecture` says it all; `split` is `split_rows` of the rows unless
    given. `noise(rows, rng)` draws noise that is added anew in every epoch, and to validation and test rows.
    `checkpoint` and `identity` (what the noise is and the estimator is for, as JSON) are `train`'s. Raises DatasetError
    for data that cannot be learned from, EstimatorError for a checkpoint that is damaged or another training's.
    """
    data = Data(v, unit, split or split_rows(len(v)), noise, seed)
    return regress_on(
        data, kind=kind, architecture=architecture, schedule=schedule, progress=progress, checkpoint=checkpoint,
        identity=identity,
    )  # fmt: skip


def regress_on(
    data: Source,
    *,
    kind: str = "trace",
    architecture: Architecture | None = None,
    schedule: Schedule | None = None,
    progress: Callable[[Epoch], None] | None = None,
    checkpoint: Path | None = None,
    identity: Mapping[str, Any] | None = None,
) -> Regression:
    """As `regress`, of rows that need not be in memory."""
    wanted = architecture or Architecture(kind, *data.shape, data.parameters)  # type: ignore[arg-type]
    network = build_network(wanted, data.seed)
    history = train(
        network, data, squared_error, schedule or Schedule(),
        progress=progress, checkpoint=checkpoint, identity=identity,
    )  # fmt: skip
    with threads_at(1):
        error = score(network, data)
    return Regression(network, wanted, error, history)


def score(network: nn.Module, data: Source) -> Float[np.ndarray, " parameter"]:
    """The mean squared error per parameter in unit space on the test rows, noise included."""
    network.eval()
    total = np.zeros(data.parameters)
    with torch.no_grad():
        for v, unit in data.batches("test", 256, np.random.default_rng([data.seed, TEST])):
            total += (network(v) - unit).double().square().sum(dim=0).numpy()
    return total / max(data.count("test"), 1)


def rate_at(share: float, peak: float, rise: float = 0.2) -> float:
    """The one-cycle learning rate after a share (0 to 1) of all steps: up to `peak` at `rise`, then down to almost
    nothing."""
    if share < rise:
        return peak * (0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * share / rise)))
    return peak * max(0.5 * (1 + math.cos(math.pi * (share - rise) / (1 - rise))), 1e-5)


def train(
    network: nn.Module,
    data: Source,
    objective: Objective,
    schedule: Schedule,
    *,
    progress: Callable[[Epoch], None] | None = None,
    checkpoint: Path | None = None,
    identity: Mapping[str, Any] | None = None,
) -> History:
    """Trains `network` in place and leaves in it the averaged weights of its best epoch.

    Measures the input's scale on the training rows first. With `checkpoint` the state is written there at every epoch's
    end, and a training that finds its own checkpoint goes on from it; `identity` is what tells two trainings apart,
    beside schedule, seed and data (the noise is not among these). Raises EstimatorError if the loss stops being finite,
    or if the checkpoint is damaged or another training's.
    """
    measured = data.measured()
    for module in network.modules():
        if isinstance(module, InputScale | TraceStatistics):
            module.measure(measured)
    del measured
    run = _Run(network, data, objective, schedule, _identity(network, data, schedule, identity or {}))
    if checkpoint is not None:
        run.resume(read_checkpoint(checkpoint, run.identity))
    with _workers(network, schedule) as run.workers:
        while not run.finished:
            run.epoch()
            if checkpoint is not None:
                write_checkpoint(checkpoint, run.state())
            if progress is not None:
                done, history = len(run.history.loss), run.history
                left = history.seconds / done * (schedule.epochs - done)
                progress(Epoch(done, schedule.epochs, history.loss[-1], history.validation[-1], left))
    network.load_state_dict(run.best)
    network.eval()
    return run.history


def _identity(network: nn.Module, data: Source, schedule: Schedule, more: Mapping[str, Any]) -> dict[str, Any]:
    """What must agree for a training to go on from a checkpoint."""
    told = asdict(schedule) | {"threads": None}
    weights = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    return {"schedule": told, "seed": data.seed, **data.identity(), "weights": weights, **more}


Workers = Callable[[Callable[[Tensor, Tensor], Any], Tensor, Tensor], Callable[[], list[Any]]]


def _alone(job: Callable[[Tensor, Tensor], Any], v: Tensor, unit: Tensor) -> Callable[[], list[Any]]:
    return lambda: [job(v, unit)]


@contextmanager
def _workers(network: nn.Module, schedule: Schedule) -> Iterator[Workers]:
    """What shares the rows of a batch among threads: begun when called, joined when its result is called.

    Every thread does its rows from end to end. Torch's own way, many threads inside each small operation, loses more in
    waiting than it gains, and ten times that where another process wants a core.
    """
    count = min(schedule.threads or os.cpu_count() or 1, 8, max(schedule.batch // 8, 1))
    if any(isinstance(module, nn.Dropout) and module.p > 0 for module in network.modules()):
        count = 1  # its draws have an order
    with threads_at(1):
        if count == 1:
            yield _alone
            return
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:

            def share(job: Callable[[Tensor, Tensor], Any], v: Tensor, unit: Tensor) -> Callable[[], list[Any]]:
                parts = [pool.submit(job, *part) for part in zip(v.chunk(count), unit.chunk(count), strict=True)]
                return lambda: [part.result() for part in parts]

            yield share


class _Run:
    """The state of one training between two epochs."""

    def __init__(
        self, network: nn.Module, data: Source, objective: Objective, schedule: Schedule, identity: Mapping[str, Any]
    ) -> None:
        self.network, self.data, self.objective = network, data, objective
        self.schedule, self.identity = schedule, identity
        self.workers: Workers = _alone
        self.weights: list[Tensor] = [weight for weight in network.parameters() if weight.requires_grad]
        self.average = [weight.detach().clone() for weight in self.weights]
        self.best = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        self.optimiser = torch.optim.Adam(self.weights, lr=schedule.rate)
        self.history = History()

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or patience is at its end."""
        done, patience = len(self.history.loss), self.schedule.patience
        return done >= self.schedule.epochs or (patience is not None and done - self.history.best >= patience)

    def epoch(self) -> None:
        """Visits every training row once, then scores the averaged weights on the validation rows."""
        start, number = time.perf_counter(), len(self.history.loss)
        order, noise = (np.random.default_rng([self.data.seed, key, number]) for key in (ORDER, NOISE))
        rows = self.data.count("train")
        self.network.train()
        total, done = 0.0, 0
        with torch.random.fork_rng(devices=[]):  # dropout's draws
            torch.manual_seed(int(noise.integers(2**62)))
            batches = self.data.batches("train", self.schedule.batch, noise, order)
            batch = next(batches, None)
            while batch is not None:
                size, join = len(batch[1]), self.workers(self._gradient, *batch)
                batch = next(batches, None)  # drawn while the others calculate
                parts = join()
                self._step(parts, size, (number + done / rows) / self.schedule.epochs)
                total, done = total + sum(loss for loss, _ in parts), done + size
        validation = self._validate()
        self.history.loss.append(total / rows)
        self.history.validation.append(validation)
        self.history.seconds += time.perf_counter() - start
        if not math.isfinite(self.history.loss[-1]):
            raise EstimatorError(f"the training diverged in epoch {number + 1}", remedy="use a lower learning rate")
        if not self.history.best or validation < self.history.validation[self.history.best - 1]:
            self.history.best = number + 1

    def _gradient(self, v: Tensor, unit: Tensor) -> tuple[float, tuple[Tensor, ...]]:
        """The summed loss of some rows and its gradient; touches nothing that another thread could see."""
        loss = self.objective(self.network, v, unit).sum()
        return float(loss.detach()), torch.autograd.grad(loss, self.weights, materialize_grads=True)

    def _step(self, parts: list[tuple[float, tuple[Tensor, ...]]], rows: int, share: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(share, self.schedule.rate)
        for weight, *shares in zip(self.weights, *(gradient for _, gradient in parts), strict=True):
            weight.grad = torch.stack(shares).sum(dim=0) / rows if len(shares) > 1 else shares[0] / rows
        nn.utils.clip_grad_norm_(self.weights, self.schedule.clip)
        self.optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.weights, 1 - self.schedule.average)

    def _losses(self, v: Tensor, unit: Tensor) -> float:
        with torch.no_grad():
            return float(self.objective(self.network, v, unit).double().sum())

    def _validate(self) -> float:
        """The validation loss of the averaged weights; keeps them if it is the lowest so far."""
        self.network.eval()
        raw = [weight.detach().clone() for weight in self.weights]
        total = 0.0
        self._load(self.average)
        for batch in self.data.batches("validation", 256, np.random.default_rng([self.data.seed, VALIDATION])):
            total += sum(self.workers(self._losses, *batch)())
        loss = total / self.data.count("validation")
        if loss < min(self.history.validation, default=math.inf):
            self.best = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
        self._load(raw)
        return loss

    def _load(self, values: list[Tensor]) -> None:
        with torch.no_grad():
            for weight, value in zip(self.weights, values, strict=True):
                weight.copy_(value)

    def state(self) -> Checkpoint:
        """All that the rest of the training depends on."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        tensors |= {f"average.{i}": tensor for i, tensor in enumerate(self.average)}
        for i, weight in enumerate(self.weights):
            tensors |= {f"adam.{i}.{name}": value for name, value in self.optimiser.state[weight].items()}
        return Checkpoint(tensors, self.history.to_json(), self.identity)

    def resume(self, checkpoint: Checkpoint | None) -> None:
        """Goes back to where `checkpoint` was taken; None: stays at the start."""
        if checkpoint is None:
            return
        tensors = checkpoint.tensors
        self.network.load_state_dict(_under("network.", tensors))
        self.best = _under("best.", tensors)
        self.average = [tensors[f"average.{i}"].clone() for i in range(len(self.weights))]
        for i, weight in enumerate(self.weights):
            self.optimiser.state[weight] = _under(f"adam.{i}.", tensors)
        self.history = History(**checkpoint.state)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name.removeprefix(prefix): t.clone() for name, t in tensors.items() if name.startswith(prefix)}


@contextmanager
def threads_at(count: int) -> Iterator[None]:
    """Torch at `count` threads for as long as this lasts."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
