"""Cells and their channels, here and in other simulators: `gbar cells`, `channels`, `check`, `import`, `export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gbar.cli.app import app
from gbar.cli.options import CellArgument, MorphologyOption, Output, Overwrite, Seed, Threads, names, shaped


@app.command()
def channels(
    files: Annotated[list[str], typer.Argument(metavar="FILE.mod...", help=".mod files, or names of those that ship")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="a folder for the text and the pictures")
    ] = None,
    celsius: Annotated[float, typer.Option(help="the temperature in degC of rates that depend on it")] = 34.0,
    overwrite: Overwrite = False,
) -> None:
    """Says what was understood of mechanisms, and draws their steady states and time constants."""
    from gbar.workflows.channels import channels as described

    sys.stdout.write(described(files, output, celsius=celsius, overwrite=overwrite))


@app.command()
def cells(
    cell: Annotated[str | None, typer.Argument(metavar="[CELL]", help="a shipped cell's name, or a .yaml file")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="a .png, .svg or .pdf of the cell")] = None,
    copy: Annotated[Path | None, typer.Option(metavar="FOLDER", help="for a copy of the cell, to edit")] = None,
    morphology: MorphologyOption = None,
    threads: Threads = None,
    overwrite: Overwrite = False,
) -> None:
    """Lists the cells that ship; says what one is made of, draws it, copies it for you to change."""
    from gbar.workflows import cells as workflow
    from gbar.workflows.progress import Terminal

    told = workflow.cells(
        cell, output, copy=copy, morphology=morphology, threads=threads, overwrite=overwrite, progress=Terminal()
    )
    sys.stdout.write(told)


@app.command()
def check(
    cell: CellArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="a folder for the picture and the files")
    ] = None,
    morphology: MorphologyOption = None,
    rows: Annotated[int, typer.Option(min=0, help="parameter sets drawn from the prior, beside the cell's own")] = 2,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Runs a cell in gbar and in NEURON side by side; the exit code is 0 if they agree, 1 if not."""
    from gbar.workflows.check import check_cell, described

    made = check_cell(shaped(cell, morphology), output, rows=rows, seed=seed, overwrite=overwrite)
    sys.stdout.write(described(made))
    if not made.agrees:
        raise typer.Exit(1)


@app.command("import")
def import_command(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="a BluePyOpt folder, or an Allen fit.json")],
    morphology: Annotated[Path, typer.Option("--morphology", "-m", help="the reconstruction: .swc or .asc")],
    output: Output,
    mechanisms: Annotated[
        Path | None, typer.Option(help="a folder of .mod files; those that ship unless given")
    ] = None,
    axon: Annotated[
        str | None, typer.Option(help="keep, stub, truncated, bluepyopt or sscx; as in the original unless given")
    ] = None,
    repair: Annotated[str | None, typer.Option(help="repairs of the reconstruction, separated by commas")] = None,
    values: Annotated[Path | None, typer.Option(help="a JSON file of parameter sets (a hall of fame)")] = None,
    row: Annotated[int, typer.Option(min=0, help="which of them becomes the cell's own")] = 0,
    threshold: Annotated[
        str | None, typer.Option(help="the threshold current that protocols refer to, as in '0.3 nA'")
    ] = None,
    holding: Annotated[str | None, typer.Option(help="the holding current that protocols refer to")] = None,
    apical_point: Annotated[int | None, typer.Option(help="the apical section that distances lead to")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Makes a gbar cell of another simulator's files."""
    from gbar.workflows.exchange import import_from

    told = import_from(
        source,
        output,
        morphology=morphology,
        mechanisms=mechanisms,
        axon=axon,
        repair=names(repair) or (),
        values=values,
        row=row,
        threshold=threshold,
        holding=holding,
        apical_point=apical_point,
        overwrite=overwrite,
    )
    sys.stdout.write(told)


@app.command()
def export(
    cell: CellArgument,
    output: Output,
    to: Annotated[str, typer.Option(help="neuron, bluepyopt or swc")] = "neuron",
    theta: Annotated[
        Path | None, typer.Option(help="parameter sets: .json, .csv, or simulations; the cell's own unless given")
    ] = None,
    row: Annotated[int, typer.Option(min=0, help="which of them")] = 0,
    morphology: MorphologyOption = None,
    overwrite: Overwrite = False,
) -> None:
    """Writes a cell for another simulator."""
    from gbar.workflows.exchange import export_to

    told = export_to(shaped(cell, morphology), to, output, theta=theta, row=row, overwrite=overwrite)  # type: ignore[arg-type]
    sys.stdout.write(told)
