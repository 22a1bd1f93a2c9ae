"""`gbar train`: stored simulations in, a trained network out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gbar.dataset import Dataset, open_dataset
from gbar.design import draws_from_prior
from gbar.errors import DatasetError, ParameterError
from gbar.files import refuse_existing
from gbar.observation import Rig, reduction_for
from gbar.protocol import Protocol
from gbar.workflows.progress import Progress, Report, Silent
from gbar.workflows.view import View, noise_from, usable_split

if TYPE_CHECKING:
    from gbar.learn.posterior import NeuralPosterior, PointEstimator
    from gbar.learn.rows import Source
    from gbar.learn.training import Epoch

_LARGEST_RIG = 100_000  # bytes
KINDS = ("posterior", "point", "talk")
IN_MEMORY = 2 * 1024**3  # bytes: traces that take more are streamed from the disk


def train_estimator(
    simulations: Path,
    output: Path,
    *,
    kind: str = "posterior",
    white: str = "0.1 mV",
    drift: str = "0 mV",
    max_samples: int = 8000,
    rig: Path | None = None,
    epochs: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> NeuralPosterior | PointEstimator:
    """Trains on the data set at `simulations` and saves the estimator in the folder `output`.

    `rig` is a JSON file of the electrode, amplifier and digitiser to see the simulations through (`gbar infer` writes
    one of a recording), beside which `white` and `drift` are added.

    `kind` is "posterior" (gbar's network and a density), "point" (gbar's network, squared error) or "talk" (the
    network of the founding talk). Rows that failed are left out and counted. Traces of more than
    `IN_MEMORY` bytes are streamed from the disk. An interrupted training goes on at its last epoch.
    """
    progress = progress or Silent()
    if kind not in KINDS:
        raise ParameterError(f"unknown kind of estimator {kind!r}", remedy=f"use one of {', '.join(KINDS)}")
    if epochs is not None and epochs < 1:
        raise ParameterError(f"{epochs} epochs asked for", remedy="ask for 1 or more")
    noise, through = noise_from(white, drift), None if rig is None else read_rig(rig)
    refuse_existing(output, overwrite, "estimator.json")
    data = open_dataset(simulations)
    if not draws_from_prior(data.manifest.design):
        what = f"its rows are those of a {data.manifest.design.get('kind', 'damaged design')}, not draws from the prior"
        raise DatasetError(what, file=simulations, remedy="learn from simulations of the design uniform, sobol or lhs")
    for site, variable in zip(data.manifest.sites, data.manifest.variables, strict=True):
        if variable != "v":
            what = f"the site {site} records {variable}, and networks learn from voltages"
            raise DatasetError(what, file=simulations, remedy="simulate with the --sites that record v")
    layouts = data.manifest.layouts
    durations = [(layout.samples - 1) * layout.sampling for layout in layouts]
    reductions = reduction_for(durations, max_samples, sampling=[layout.sampling for layout in layouts])
    view = View(reductions, noise, through, len(data.manifest.sites))
    estimator = learn(
        data, view, kind=kind, epochs=epochs, seed=seed, threads=threads, progress=progress,
        checkpoint=checkpoint_of(output),
    )  # fmt: skip
    estimator.save(output, overwrite=overwrite)
    checkpoint_of(output).unlink(missing_ok=True)
    progress.say(f"{output}: {kind}, {tested(estimator)}")
    return estimator


def learn(
    data: Dataset,
    view: View,
    *,
    kind: str,
    epochs: int | None,
    seed: int,
    threads: int | None,
    progress: Progress,
    checkpoint: Path | None,
    provenance: Mapping[str, Any] | None = None,
    windows: int = 0,
) -> NeuralPosterior | PointEstimator:
    """Trains on the usable rows of a data set, seen through `view`; with `windows`, by statistics as well."""
    from gbar.learn.archive import About
    from gbar.learn.posterior import PointEstimator, architecture_for, train_posterior_on
    from gbar.learn.training import regress_on, schedule_for

    rows = source(data, view, seed=seed, progress=progress)
    schedule = schedule_for(int(data.usable.sum()), "talk" if kind == "talk" else "trace")
    schedule = replace(schedule, epochs=epochs or schedule.epochs, threads=threads)
    about = {**made_from(data, view), **(provenance or {})}
    with progress.stage("trained", "epochs") as report:
        heard = hearing(report)
        if kind == "posterior":
            return train_posterior_on(
                rows, data.manifest.space, noise_model=view.noise_json(), provenance=about, schedule=schedule,
                progress=heard, checkpoint=checkpoint, architecture=architecture_for(rows, windows),
            )  # fmt: skip
        found = regress_on(
            rows, kind="talk" if kind == "talk" else "trace", schedule=schedule, progress=heard, checkpoint=checkpoint,
            identity={"noise": view.noise_json(), **about},
        )  # fmt: skip
    return PointEstimator.of(found, About(data.manifest.space, view.noise_json(), about))


def source(data: Dataset, view: View, *, seed: int, progress: Progress) -> Source:
    """The usable rows of a data set as a training sees them through `view`: read once, or streamed in every epoch if
    they take more than `IN_MEMORY`."""
    from gbar.learn.rows import Data
    from gbar.learn.stream import Stream

    noise = view.disturbed(Protocol.from_json(data.manifest.protocol), seed)
    size = 4 * int(data.usable.sum()) * len(view.reductions) * len(data.manifest.sites) * view.samples
    if size > IN_MEMORY:
        progress.say(f"streaming {size / 1e9:.1f} GB of traces from {data.path}")
        return Stream(data, view.of_stored(data), noise, seed)
    with progress.stage("read", "rows") as report:
        v = view.of_dataset(data, report)
    return Data(v, data.unit[data.usable], usable_split(data), noise, seed)


def made_from(data: Dataset, view: View) -> dict[str, Any]:
    """What an estimator tells of where it comes from."""
    made = data.manifest
    return {
        "cell": made.cell,
        "cell_digest": made.cell_digest,
        "protocol": dict(made.protocol),
        "view": view.to_json(),
        "simulations": len(data),
        "left_out": int((~data.usable).sum()),
        "seed": made.seed,
    }


def hearing(report: Report) -> Callable[[Epoch], None]:
    """A training's progress as (done, total)."""
    return lambda epoch: report(epoch.number, epoch.epochs)


def tested(estimator: NeuralPosterior | PointEstimator) -> str:
    """The scores on the test rows in words."""
    errors = zip(estimator.about.space.names, estimator.training["test_error"], strict=True)
    return "test MSE in unit space " + ", ".join(f"{name} {error:.2g}" for name, error in errors)


def read_rig(file: Path) -> Rig:
    """A rig from the JSON that `Rig.to_json` makes; raises ParameterError in one line."""
    remedy = "name the rig.json of an inference, or one like it"
    try:
        if file.stat().st_size > _LARGEST_RIG:
            raise ParameterError("is too large to describe a rig", file=file, remedy=remedy)
        return Rig.from_json(json.loads(file.read_text(encoding="utf-8")))
    except ParameterError as error:
        raise ParameterError(error.what, file=file, remedy=error.remedy) from None
    except OSError as error:
        raise ParameterError(f"cannot be read: {error.strerror}", file=file, remedy=remedy) from None
    except (ValueError, RecursionError):
        raise ParameterError("is not JSON", file=file, remedy=remedy) from None


def checkpoint_of(output: Path) -> Path:
    """Where the unfinished training of an estimator lies."""
    return output.with_name(f".{output.name}.training")
