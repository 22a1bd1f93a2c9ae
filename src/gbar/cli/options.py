"""What several commands take: cells, recordings and what their files do not say, seeds, threads, places."""

from __future__ import annotations

import functools
from collections.abc import Callable
from inspect import Parameter, Signature
from inspect import signature as inspect_signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from gbar.cell import Cell

CellArgument = Annotated[str, typer.Argument(metavar="CELL", help="a shipped cell's name, or a .yaml file of your own")]
RECORDING = "a recording: .nwb, .abf, .ibw or a folder of them, .csv, .tsv, .npz, or a .yaml that names several files"
MorphologyOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="a reconstruction (.swc, .asc) to take the place of the cell's shape"),
]
RecordingArgument = Annotated[Path, typer.Argument(metavar="RECORDING", help=RECORDING)]
Output = Annotated[Path, typer.Option("--output", "-o", help="where the results go")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="the seed of everything random")]
Threads = Annotated[int | None, typer.Option(min=1, help="threads; all cores unless stated")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace what is there")]

# what the user states about a recording that its file does not say; keywords of `recordings.read`
_TABLE = "for tables and Igor waves that do not say it: "
DECLARED: dict[str, Any] = {
    "voltage_unit": Annotated[str | None, typer.Option(help=f"{_TABLE}the unit, as in mV")],
    "current_unit": Annotated[str | None, typer.Option(help=f"{_TABLE}the unit, as in pA")],
    "time_unit": Annotated[str | None, typer.Option(help=f"{_TABLE}the unit, as in ms")],
    "dt": Annotated[str | None, typer.Option(help=f"{_TABLE}the sampling interval, as in '0.05 ms'")],
    "stimulus": Annotated[Path | None, typer.Option(help="for tables: the file that holds the current")],
    "stimulus_folder": Annotated[Path | None, typer.Option(help="for ABF: where the protocol's stimulus files lie")],
    "voltage_channel": Annotated[str | None, typer.Option(help="for ABF and Igor: the channel that is the voltage")],
    "current_channel": Annotated[str | None, typer.Option(help="for ABF and Igor: the channel that is the current")],
    "electrode": Annotated[str | None, typer.Option(help="for NWB: the electrode, where cells share a file")],
}


def shaped(
    cell: str, morphology: Path | None, sites: tuple[str, ...] | None = None, *, alone: bool = False
) -> str | Cell:
    """A cell by its name, or with a reconstruction in the place of its shape, and a line on stderr of what that lacks.

    `sites` are recorded in place of the protocol's, or its first `alone`.
    """
    if morphology is None:
        return cell
    from gbar.cell import read_cell

    if alone:
        sites = tuple(site.name for site in read_cell(cell).sites[:1])
    shaped = read_cell(cell, morphology=morphology, sites=sites)
    for note in shaped.morphology.notes:
        typer.echo(f"{morphology.name}: {note}", err=True)
    return shaped


def names(text: str | None) -> tuple[str, ...] | None:
    """Names separated by commas."""
    return tuple(name.strip() for name in text.split(",")) if text else None


def reads_recording(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that state what a file does not say, gathered in its argument `declared`."""

    @functools.wraps(command)
    def with_options(allow_large: bool = False, **arguments: Any) -> None:
        stated = {name: arguments.pop(name) for name in DECLARED}
        declared = {name: value for name, value in stated.items() if value is not None}
        command(**arguments, declared=declared | ({"allow_large": True} if allow_large else {}))

    large = Annotated[
        bool, typer.Option("--allow-large", help="let currents above 20 nA and voltages above 500 mV through")
    ]
    options = {**DECLARED, "allow_large": large}
    own = inspect_signature(command, eval_str=True).parameters
    kinds = {name: p.annotation for name, p in own.items() if name != "declared"} | options
    with_options.__annotations__ = kinds
    with_options.__signature__ = Signature(  # type: ignore[attr-defined]
        [p for name, p in own.items() if name != "declared"]
        + [
            Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind, default=False if name == "allow_large" else None)
            for name, kind in options.items()
        ]
    )
    return with_options
