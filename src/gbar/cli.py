"""The command line: one command, one workflow; what is more than names and files is in `workflows`."""

from __future__ import annotations

import errno
import functools
import logging
import shlex
import sys
from collections.abc import Callable
from inspect import Parameter, Signature
from inspect import signature as inspect_signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbar.errors import OutputError, UserError

if TYPE_CHECKING:
    from gbar.cell import Cell

app = typer.Typer(
    name="gbar",
    help="Voltage in, ion-channel densities out, and how sure you can be.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

data_app = typer.Typer(help="Stored simulations: are they whole, and what are they?", rich_markup_mode=None)
app.add_typer(data_app, name="data")

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}

CellArgument = Annotated[str, typer.Argument(metavar="CELL", help="a shipped cell's name, or a .yaml file of your own")]
_RECORDING = "a recording: .nwb, .abf, .ibw or a folder of them, .csv, .tsv, .npz, or a .yaml that names several files"
MorphologyOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="a reconstruction (.swc, .asc) to take the place of the cell's shape"),
]
RecordingArgument = Annotated[Path, typer.Argument(metavar="RECORDING", help=_RECORDING)]
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


def _shaped(
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


def _names(text: str | None) -> tuple[str, ...] | None:
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
        _shaped(cell, morphology, _names(sites)),
        output,
        rows=n,
        design=design,
        seed=seed,
        protocol=protocol,
        sites=_names(sites),
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
@reads_recording
def inspect(
    recordings: Annotated[list[Path], typer.Argument(metavar="RECORDING...", help=f"{_RECORDING}; or any folder")],
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
    named = {"sweeps": _names(sweeps)} if sweeps else {}
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
        _shaped(cell, morphology, alone=True),
        recording,
        output,
        declared=declared,
        rows=n,
        sweeps=_names(sweeps),
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
    recording: Annotated[Path, typer.Argument(metavar="RECORDING", help=f"{_RECORDING}, or simulations made by gbar")],
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

    made = check_cell(_shaped(cell, morphology), output, rows=rows, seed=seed, overwrite=overwrite)
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
        repair=_names(repair) or (),
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

    told = export_to(_shaped(cell, morphology), to, output, theta=theta, row=row, overwrite=overwrite)  # type: ignore[arg-type]
    sys.stdout.write(told)


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


@data_app.command("check")
def data_check(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="a store made by gbar simulate")],
    repair: Annotated[bool, typer.Option("--repair", help="make damaged blocks anew, and those alone")] = False,
    cell: Annotated[
        str | None, typer.Option(metavar="CELL", help="the cell it was made with, if that is a file of your own")
    ] = None,
    threads: Threads = None,
) -> None:
    """Compares the checksum of every chunk of stored simulations, and mends what is damaged."""
    from gbar.workflows.progress import Terminal
    from gbar.workflows.repair import check_dataset

    check_dataset(store, repair=repair, cell=cell, threads=threads, progress=Terminal())


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


def _version(asked: bool) -> None:
    if asked:
        from gbar import __version__

        sys.stdout.write(f"gbar {__version__}\n")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="the version")] = False,
) -> None:
    """Voltage in, ion-channel densities out, and how sure you can be."""


def _refused(error: OSError) -> UserError | None:
    """An operating system's refusal that the user can mend, as one line; None for any other."""
    if error.errno in _FULL:
        return OutputError("the disk is full", file=error.filename, remedy="free some space; finished parts are kept")
    if error.errno in _CLOSED:
        return OutputError("permission denied", file=error.filename, remedy="choose another place with -o")
    if error.filename is not None:
        return UserError(str(error.strerror), file=str(error.filename)[:200], remedy="check the name and the folder")
    return None


def run(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns the exit code: 0, 2 for the user's mistakes."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # zarr's writers: the first failure is told, the others not
    mistake = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
    try:
        code = app(args=arguments or ["--help"], standalone_mode=False)
    except UserError as error:
        return _say(str(error))
    except OSError as error:
        refused = _refused(error)
        if refused is None:
            raise
        return _say(str(refused))
    except MemoryError:
        return _say("the memory is full; ask for fewer rows or samples")
    except typer.Exit as leave:
        return leave.exit_code
    except Exception as error:
        if not isinstance(error, mistake):
            raise
        return _say(" ".join(error.format_message().split()) + " (gbar COMMAND --help tells more)")  # type: ignore[attr-defined]
    return code if isinstance(code, int) else 0


def _say(line: str) -> int:
    sys.stderr.write(f"gbar: {line}\n")
    return 2
