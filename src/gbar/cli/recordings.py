"""Recordings and what they say: `gbar inspect`, `infer`, `convert`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gbar.cli.app import app
from gbar.cli.options import (
    RECORDING,
    CellArgument,
    MorphologyOption,
    Output,
    Overwrite,
    RecordingArgument,
    Seed,
    Threads,
    names,
    reads_recording,
    shaped,
)


@app.command()
@reads_recording
def inspect(
    recordings: Annotated[list[Path], typer.Argument(metavar="RECORDING...", help=f"{RECORDING}; or any folder")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="a .png, .svg or .pdf of every sweep; of several, a folder")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
    measured: Annotated[bool, typer.Option("--measured", help="keep measured currents as they are")] = False,
    properties: Annotated[
        bool, typer.Option("--properties", help="the cell over all sweeps, and its f-I curve")
    ] = False,
    threshold: Annotated[list[str] | None, typer.Option(help="of a flag, as in hum=0.5; may be repeated")] = None,
    sweeps: Annotated[
        str | None, typer.Option(help="for NWB: those to read, separated by commas, where all do not fit in memory")
    ] = None,
    overwrite: Overwrite = False,
    *,
    declared: dict[str, Any],
) -> None:
    """Says what recordings hold and what is doubtful about them, and draws them."""
    from gbar.recordings.quality import Thresholds
    from gbar.workflows.inspect import inspect as inspect_recordings

    limits = Thresholds().changed(threshold or [])
    named = {"sweeps": names(sweeps)} if sweeps else {}
    text = inspect_recordings(
        recordings,
        output,
        declared=declared | named,
        thresholds=limits,
        as_json=json,
        measured=measured,
        properties=properties,
        overwrite=overwrite,
    )
    sys.stdout.write(text)


@app.command()
@reads_recording
def infer(
    cell: CellArgument,
    recording: RecordingArgument,
    output: Output,
    morphology: MorphologyOption = None,
    n: Annotated[int | None, typer.Option("-n", help="simulations to learn from (30,000)")] = None,
    sweeps: Annotated[str | None, typer.Option(help="names of the sweeps to use, separated by commas")] = None,
    measured: Annotated[bool, typer.Option("--measured", help="keep measured currents as they are")] = False,
    seed: Seed = 0,
    estimator: Annotated[Path | None, typer.Option(help="a network trained for this cell and experiment")] = None,
    white: Annotated[
        str | None, typer.Option(help="white noise of what the network sees (told from baselines)")
    ] = None,
    drift: Annotated[str | None, typer.Option(help="sd of the slow noise to allow for ('0.3 mV, 3 mV')")] = None,
    bridge: Annotated[
        str | None, typer.Option(help="series resistance that the bridge left, or a range: '0 Mohm, 10 Mohm'")
    ] = None,
    junction: Annotated[
        str | None,
        typer.Option(help="junction potential still in the voltages (they minus it are the cell's), or a range"),
    ] = None,
    samples: Annotated[int | None, typer.Option(help="of a sweep that the network sees, at most (2,000)")] = None,
    threads: Threads = None,
    overwrite: Overwrite = False,
    *,
    declared: dict[str, Any],
) -> None:
    """Finds which parameters of a cell could have produced a recording, and writes a report to look at."""
    from gbar.workflows.infer import infer_recording
    from gbar.workflows.progress import Terminal

    infer_recording(
        shaped(cell, morphology, alone=True),
        recording,
        output,
        declared=declared,
        rows=n,
        sweeps=names(sweeps),
        measured=measured,
        seed=seed,
        estimator=estimator,
        white=white,
        drift=drift,
        bridge=bridge,
        junction=junction,
        max_samples=samples,
        threads=threads,
        overwrite=overwrite,
        command=shlex.join(["gbar", *sys.argv[1:]]),
        progress=Terminal(),
    )


@app.command()
@reads_recording
def convert(
    recording: Annotated[Path, typer.Argument(metavar="RECORDING", help=f"{RECORDING}, or simulations made by gbar")],
    output: Output,
    row: Annotated[int, typer.Option(min=0, help="of simulations: which row")] = 0,
    subject_id: Annotated[str | None, typer.Option(help="of the animal; archives ask for it")] = None,
    species: Annotated[str | None, typer.Option(help="as in 'Mus musculus'")] = None,
    sex: Annotated[str | None, typer.Option(help="M, F, O or U")] = None,
    age: Annotated[str | None, typer.Option(help="as in P30D")] = None,
    overwrite: Overwrite = False,
    *,
    declared: dict[str, Any],
) -> None:
    """Writes a recording, or one row of simulations, as NWB 2."""
    from gbar.workflows import convert as workflow

    stated = {"subject_id": subject_id, "species": species, "sex": sex, "age": age}
    subject = {name: value for name, value in stated.items() if value is not None}
    sys.stdout.write(
        workflow.convert(recording, output, row=row, declared=declared, subject=subject, overwrite=overwrite)
    )
