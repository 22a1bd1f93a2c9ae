"""Simulations and what is learned from them: `gbar simulate`, `train`, `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gbar.cli.app import app
from gbar.cli.options import CellArgument, MorphologyOption, Output, Overwrite, Seed, Threads, names, shaped


@app.command()
def simulate(
    cell: CellArgument,
    output: Output,
    n: Annotated[int | None, typer.Option("-n", help="how many parameter sets (1,000, or those of the design)")] = None,
    design: Annotated[
        str,
        typer.Option(help="uniform, sobol, lhs (draws from the prior), table:FILE.csv, grid:POINTS or sweep:POINTS"),
    ] = "uniform",
    seed: Seed = 0,
    protocol: Annotated[Path | None, typer.Option(help="a .yaml file of stimuli; the cell's own unless given")] = None,
    morphology: MorphologyOption = None,
    sites: Annotated[str | None, typer.Option(help="those to record, separated by commas; the protocol's")] = None,
    precision: Annotated[str, typer.Option(help="float32 or float64")] = "float32",
    storage: Annotated[str, typer.Option(help="voltages as int16 (steps of 1/128 mV) or float32")] = "int16",
    threads: Threads = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="workers to do it: local:N, tcp://HOST:PORT (a Dask scheduler), slurm:PARTITION[,key=value]"),
    ] = None,
    vetting: Annotated[bool, typer.Option(help="whether rows are sorted into classes by the cell's limits")] = True,
    overwrite: Overwrite = False,
) -> None:
    """Simulates a cell for many parameter sets, drawn from its prior or stated, and stores them with the voltages."""
    from gbar.workflows.progress import Terminal
    from gbar.workflows.simulate import simulate_dataset

    simulate_dataset(
        shaped(cell, morphology, names(sites)),
        output,
        rows=n,
        design=design,
        seed=seed,
        protocol=protocol,
        sites=names(sites),
        precision=precision,  # type: ignore[arg-type]
        storage=storage,
        threads=threads,
        cluster=cluster,
        vetting=vetting,
        overwrite=overwrite,
        progress=Terminal(),
    )


@app.command()
def train(
    simulations: Annotated[Path, typer.Argument(metavar="SIMULATIONS", help="a store made by gbar simulate")],
    output: Output,
    kind: Annotated[
        str, typer.Option(help="posterior (with error bars), point, or talk (the 2018 network)")
    ] = "posterior",
    white: Annotated[str, typer.Option(help="white observation noise")] = "0.1 mV",
    drift: Annotated[
        str, typer.Option(help="sd of the slow (Ornstein-Uhlenbeck) noise; a range: '0.3 mV, 3 mV'")
    ] = "0 mV",
    rig: Annotated[
        Path | None, typer.Option(help="a .json of electrode, amplifier and digitiser, as gbar infer writes it")
    ] = None,
    samples: Annotated[int, typer.Option(help="at most so many samples of each sweep reach the network")] = 8000,
    epochs: Annotated[int | None, typer.Option(help="epochs; chosen by the size of the data unless stated")] = None,
    seed: Seed = 0,
    threads: Threads = None,
    overwrite: Overwrite = False,
) -> None:
    """Trains a network that maps voltage to parameters on stored simulations (safetensors and JSON)."""
    from gbar.workflows.progress import Terminal
    from gbar.workflows.train import train_estimator

    train_estimator(
        simulations,
        output,
        kind=kind,
        white=white,
        drift=drift,
        rig=rig,
        max_samples=samples,
        epochs=epochs,
        seed=seed,
        threads=threads,
        overwrite=overwrite,
        progress=Terminal(),
    )


@app.command()
def demo(
    output: Output = Path("demo"),
    cell: Annotated[str, typer.Option(help="modern_sphere or sphere")] = "modern_sphere",
    seed: Seed = 0,
    threads: Threads = None,
    overwrite: Overwrite = False,
) -> None:
    """The founding experiment: 3,000 simulated traces, two networks, one held-out trace inverted, a report."""
    from gbar.workflows.demo import founding_experiment
    from gbar.workflows.progress import Terminal

    founding_experiment(output, cell=cell, seed=seed, threads=threads, overwrite=overwrite, progress=Terminal())
