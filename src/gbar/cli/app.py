"""The command line itself; each module beside this one adds its commands to it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer(
    name="gbar",
    help="Voltage in, ion-channel densities out, and how sure you can be.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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
