"""Stored simulations: `gbar data check`, `vet`, `plot`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gbar.cli.app import app
from gbar.cli.options import Overwrite, Threads

data_app = typer.Typer(help="Stored simulations: are they whole, and what are they?", rich_markup_mode=None)
app.add_typer(data_app, name="data")


@data_app.command("check")
def data_check(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="a store made by gbar simulate")],
    repair: Annotated[bool, typer.Option("--repair", help="make damaged blocks anew, and those alone")] = False,
    cell: Annotated[
        str | None, typer.Option(metavar="CELL", help="the cell it was made with, if that is a file of your own")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="the .csv of the design table:FILE, if parameters are damaged")
    ] = None,
    threads: Threads = None,
) -> None:
    """Compares the checksum of every chunk of stored simulations, and mends what is damaged."""
    from gbar.workflows.progress import Terminal
    from gbar.workflows.repair import check_dataset

    check_dataset(store, repair=repair, cell=cell, table=table, threads=threads, progress=Terminal())


StoreArgument = Annotated[Path, typer.Argument(metavar="STORE", help="a store made by gbar simulate")]
Limits = Annotated[
    list[str] | None,
    typer.Option("--limit", help="of a feature, as in 'width.high=3 ms' or 'step.spikes.low=2'; may be repeated"),
]
CriteriaOf = Annotated[
    str | None, typer.Option("--cell", metavar="CELL", help="whose limits to take; those it was made with unless given")
]


@data_app.command("vet")
def data_vet(store: StoreArgument, limit: Limits = None, cell: CriteriaOf = None) -> None:
    """Counts the classes of stored rows, with any limits; nothing is changed."""
    from gbar.workflows.progress import Terminal
    from gbar.workflows.vet import vet_dataset

    sys.stdout.write(vet_dataset(store, limit or [], cell=cell, progress=Terminal()))


@data_app.command("plot")
def data_plot(
    store: StoreArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="a .png, .svg or .pdf")],
    limit: Limits = None,
    cell: CriteriaOf = None,
    overwrite: Overwrite = False,
) -> None:
    """Draws examples of every class of stored rows, and where in parameter space each of them lies."""
    from gbar.workflows.progress import Terminal
    from gbar.workflows.vet import plot_dataset

    plot_dataset(store, output, limit or [], cell=cell, overwrite=overwrite, progress=Terminal())
