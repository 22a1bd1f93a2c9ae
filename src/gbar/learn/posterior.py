"""Neural posterior estimation: from simulations to a posterior that answers for any trace of the same experiment at
once.

The density estimator is a neural spline flow from `sbi` (Papamakarios & Murray 2016, arXiv:1605.06376; Durkan et al.
2019, arXiv:1906.04032; Greenberg et al. 2019, arXiv:1905.07488) whose condition is gbar's own network; see `flow` for
how it is boxed into the prior.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32

from gbar.dataset import Split, split_rows
from gbar.errors import EstimatorError
from gbar.estimate import Estimate
from gbar.learn.archive import About, read_archive, write_archive
from gbar.learn.flow import BoxedFlow, FlowArchitecture, negative_log_density
from gbar.learn.networks import Architecture, build_network
from gbar.learn.rows import Data, Draw, Part, Source
from gbar.learn.training import Epoch, History, Regression, Schedule, schedule_for, threads_at, train
from gbar.parameters import ParameterSpace

FEATURES = 64
_AT_ONCE = 4_000  # draws that are held in memory together
_MOST_MEANS = 500  # test rows whose posterior mean is scored: drawing is slow
_SCORE = 5  # keeps the draws of scoring apart from those of training


@dataclass(frozen=True)
class NeuralPosterior:
    """p(theta | traces) of one experiment. `training` holds the history and the scores on the test rows, as JSON."""

    flow: BoxedFlow
    about: About
    training: Mapping[str, Any]

    @property
    def space(self) -> ParameterSpace:
        """The parameter space whose box is the prior."""
        return self.about.space

    def sample(
        self, observation: Float[np.ndarray, "channel time"], draws: int, rng: np.random.Generator
    ) -> tuple[Float[np.ndarray, "draw parameter"], Float[np.ndarray, " draw"]]:
        """Theta in physical units and the log-density in unit space of `draws` samples, for one observation in mV.

        Every sample lies in the prior's box; none is rejected. Raises EstimatorError if the observation has another
        shape than those trained on.
        """
        unit, log_prob = self.draw(self._checked(observation)[None], draws, rng)
        return self.space.to_theta(unit[0]), log_prob[0]

    def estimate(
        self, observation: Float[np.ndarray, "channel time"], draws: int, rng: np.random.Generator, **provenance: Any
    ) -> Estimate:
        """The samples as an `Estimate` of kind "network"; `provenance` is added to the estimator's own."""
        theta, log_prob = self.sample(observation, draws, rng)
        return Estimate(
            space=self.space,
            samples=theta,
            log_prob=log_prob,
            kind="network",
            noise=dict(self.about.noise),
            provenance={**self.about.provenance, **provenance},
        )

    def log_prob(
        self, theta: Float[np.ndarray, "row parameter"], observation: Float[np.ndarray, "channel time"]
    ) -> Float[np.ndarray, " row"]:
        """The log-density in unit space of parameter sets in physical units; -inf outside the prior's box."""
        v = torch.from_numpy(self._checked(observation)[None])
        unit = torch.from_numpy(self.space.to_unit(theta))
        with torch.no_grad():
            density = self.flow.log_prob(unit[:, None], v)[:, 0].numpy()
        return np.where(self.space.inside(theta), density, -np.inf)

    def draw(
        self, v: Float[np.ndarray, "row channel time"], draws: int, rng: np.random.Generator
    ) -> tuple[Float[np.ndarray, "row draw parameter"], Float[np.ndarray, "row draw"]]:
        """For many observations at once: samples in unit space, and their log-density there; the same for any number
        of threads."""
        size = max(_AT_ONCE // max(draws, 1), 1)
        units, densities = [], []
        with torch.no_grad(), _seeded(rng), threads_at(1):
            for start in range(0, len(v), size):
                features = self.flow.features(
                    torch.from_numpy(np.ascontiguousarray(v[start : start + size], np.float32))
                )
                parts = [self.flow.draw(n, features) for n in _portions(draws)]
                units.append(torch.cat([unit for unit, _ in parts]).transpose(0, 1).numpy())
                densities.append(torch.cat([density for _, density in parts]).transpose(0, 1).numpy())
        return np.concatenate(units), np.concatenate(densities)

    def means(
        self, v: Float[np.ndarray, "row channel time"], rng: np.random.Generator, draws: int = 400
    ) -> Float[np.ndarray, "row parameter"]:
        """The posterior mean of each row in unit space, from `draws` samples."""
        return np.asarray(self.draw(v, draws, rng)[0].mean(axis=1))

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """Writes the estimator to `folder` (JSON and safetensors); raises OutputError if that exists or cannot be
        written."""
        architecture = self.flow.architecture.to_json()
        write_archive(
            folder,
            self.flow,
            kind="posterior",
            architecture=architecture,
            about=self.about,
            training=self.training,
            overwrite=overwrite,
        )

    def _checked(self, observation: Float[np.ndarray, "channel time"]) -> Float32[np.ndarray, "channel time"]:
        network = self.flow.architecture.network
        expected = (network.channels, network.samples)
        if np.shape(observation) != expected:
            what = f"the observation has the shape {np.shape(observation)}, the network expects {expected}"
            raise EstimatorError(what, remedy="use the experiment that it was trained for")
        observation = np.ascontiguousarray(observation, dtype=np.float32)
        if not np.isfinite(observation).all():
            raise EstimatorError("the observation holds values that are not finite", remedy="leave such sweeps out")
        return observation


@dataclass(frozen=True)
class PointEstimator:
    """A network trained by squared error alone: one point in unit space for each trace, and no error bars."""

    network: torch.nn.Module
    architecture: Architecture
    about: About
    training: Mapping[str, Any]

    @staticmethod
    def of(regression: Regression, about: About) -> PointEstimator:
        """What `regress` found, with what it was made for."""
        training = {"history": regression.history.to_json(), "test_error": regression.error.tolist()}
        return PointEstimator(regression.network, regression.architecture, about, training)

    def means(self, v: Float[np.ndarray, "row channel time"]) -> Float[np.ndarray, "row parameter"]:
        """The network's answer for each row in unit space; it may lie outside the box."""
        with torch.no_grad():
            parts = [
                self.network(torch.from_numpy(np.asarray(v[i : i + 256], np.float32))) for i in range(0, len(v), 256)
            ]
        return np.asarray(torch.cat(parts).double().numpy())

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """As `NeuralPosterior.save`."""
        architecture = self.architecture.to_json()
        write_archive(
            folder,
            self.network,
            kind="regression",
            architecture=architecture,
            about=self.about,
            training=self.training,
            overwrite=overwrite,
        )


def load_estimator(folder: Path) -> NeuralPosterior | PointEstimator:
    """Reads what `save` has written; raises EstimatorError in one line if it is missing, damaged or not what it
    says."""
    archive = read_archive(Path(folder))
    try:
        if archive.kind == "regression":
            plain = Architecture.from_json(archive.architecture)
            _agree(plain.outputs, archive.about.space)
            network = build_network(plain, 0)
            archive.load_weights(network)
            return PointEstimator(network, plain, archive.about, archive.training)
        boxed = FlowArchitecture.from_json(archive.architecture)
        _agree(boxed.parameters, archive.about.space)
        flow = BoxedFlow(boxed, 0)
        archive.load_weights(flow)
        return NeuralPosterior(flow, archive.about, archive.training)
    except EstimatorError as error:
        raise EstimatorError(error.what, file=error.file or folder, remedy=error.remedy or "train it again") from None


def load_posterior(folder: Path) -> NeuralPosterior:
    """`load_estimator`, for those who need a posterior; raises EstimatorError if it is a plain regression."""
    found = load_estimator(folder)
    if not isinstance(found, NeuralPosterior):
        raise EstimatorError("it gives points, not a posterior", file=folder, remedy="train a posterior")
    return found


def architecture_for(data: Source, windows: int = 0) -> FlowArchitecture:
    """The default for these data; with `windows`, its network sees the statistics of so many windows as well."""
    return FlowArchitecture(Architecture("trace", *data.shape, FEATURES, windows=windows), data.parameters)


def train_posterior(
    v: Float32[np.ndarray, "row channel time"],
    unit: Float[np.ndarray, "row parameter"],
    space: ParameterSpace,
    *,
    noise: Draw | None = None,
    noise_model: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    split: Split | None = None,
    schedule: Schedule | None = None,
    architecture: FlowArchitecture | None = None,
    seed: int = 0,
    progress: Callable[[Epoch], None] | None = None,
    checkpoint: Path | None = None,
) -> NeuralPosterior:
    """Trains a posterior on traces `v` (mV) and their parameters `unit` ([-1, 1]).

    `noise(rows, rng)` draws observation noise [row, channel, time] in mV, anew in every epoch. The split is 8/1/1
    (`split_rows`) unless given. The rest is `train_posterior_on`'s, and so is what it raises.
    """
    data = Data(v, unit, split or split_rows(len(v)), noise, seed)
    return train_posterior_on(
        data, space, noise_model=noise_model, provenance=provenance, schedule=schedule or schedule_for(len(v)),
        architecture=architecture, progress=progress, checkpoint=checkpoint,
    )  # fmt: skip


def train_posterior_on(
    data: Source,
    space: ParameterSpace,
    *,
    schedule: Schedule,
    noise_model: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    architecture: FlowArchitecture | None = None,
    progress: Callable[[Epoch], None] | None = None,
    checkpoint: Path | None = None,
) -> NeuralPosterior:
    """Trains a posterior on rows, in memory or streamed.

    `noise_model` says in JSON what noise they have, and `provenance` what the estimator is for. `progress` hears of
    every epoch; with `checkpoint`, a killed training goes on where it was. Test rows are scored once: mean log-density,
    and the squared error of the posterior mean (of the first 500) per parameter in unit space. Raises DatasetError for
    data that cannot be learned from, EstimatorError for a checkpoint that is damaged or another training's.
    """
    wanted = architecture or architecture_for(data)
    _agree(wanted.parameters, space)
    flow = BoxedFlow(wanted, data.seed)
    identity = {"space": space.to_json(), "noise": dict(noise_model or {}), "architecture": wanted.to_json()}
    history = train(
        flow, data, negative_log_density, schedule, progress=progress, checkpoint=checkpoint, identity=identity
    )
    about = About(space, dict(noise_model or {}), {**(provenance or {}), "training_seed": data.seed})
    posterior = NeuralPosterior(flow, about, {})
    with threads_at(1):
        return replace(posterior, training=_scored(posterior, data, schedule, history))


def _scored(posterior: NeuralPosterior, data: Source, plan: Schedule, history: History) -> dict[str, Any]:
    """History, rows and the scores on the test rows, as JSON: mean log-density, and of the first `_MOST_MEANS` rows the
    squared error of the posterior's mean and how often its 90 % intervals hold the truth, per parameter."""
    rng = np.random.default_rng([data.seed, _SCORE])
    squares, held, density, scored = np.zeros(len(posterior.space)), np.zeros(len(posterior.space)), 0.0, 0
    for v, unit in data.batches("test", 250, rng):
        with torch.no_grad():
            density += float(posterior.flow.log_prob(unit, v).sum())
        if scored < _MOST_MEANS:
            drawn = posterior.draw(v.numpy(), 200, rng)[0]
            low, high = np.quantile(drawn, (0.05, 0.95), axis=1)
            squares += ((drawn.mean(axis=1) - unit.numpy()) ** 2).sum(axis=0)
            held += ((low <= unit.numpy()) & (unit.numpy() <= high)).sum(axis=0)
            scored += len(unit)
    parts: tuple[Part, ...] = ("train", "validation", "test")
    rows = {part: data.count(part) for part in parts}
    return {
        "history": history.to_json(),
        "schedule": asdict(plan),
        "rows": rows,
        "test_error": (squares / max(scored, 1)).tolist(),
        "test_coverage": (held / max(scored, 1)).tolist(),
        "test_scored": scored,
        "test_log_density": density / max(rows["test"], 1),
    }


def _agree(outputs: int, space: ParameterSpace) -> None:
    if outputs != len(space):
        raise EstimatorError(f"a network for {outputs} parameters does not fit a space of {len(space)}")


def _portions(draws: int) -> Iterator[int]:
    """`draws` in portions that fit in memory."""
    for start in range(0, draws, _AT_ONCE):
        yield min(_AT_ONCE, draws - start)


@contextmanager
def _seeded(rng: np.random.Generator) -> Iterator[None]:
    """Torch's global generator, seeded from `rng` and put back afterwards: zuko draws from no other."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**62)))
        yield
