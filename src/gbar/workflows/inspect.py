"""`gbar inspect`: what a recording holds, as a table and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gbar.errors import OutputError
from gbar.files import refuse_existing
from gbar.recordings import Recording, Sweep, choose, read

PICTURES = (".png", ".svg", ".pdf")


def inspect_recording(
    path: Path, output: Path | None = None, *, declared: Mapping[str, Any] | None = None, overwrite: bool = False
) -> str:
    """Reads a recording, draws every sweep into `output` if that is given, and returns the table to print."""
    from gbar.report.output import write_figure
    from gbar.report.sweeps import recording_figure

    if output is not None:
        if output.suffix.lower() not in PICTURES:
            raise OutputError("a picture ends in .png, .svg or .pdf", file=output, remedy="change its name")
        refuse_existing(output, overwrite, "")
    recording = read(path, **(declared or {}))
    if output is not None:
        write_figure(recording_figure(recording.sweeps), output)
    return described(recording) + (f"\ndrawn in {output}\n" if output else "")


def described(recording: Recording) -> str:
    """The recording in words and a table with one line a sweep."""
    from gbar.report.tables import text_table

    head = f"{recording.source}: {recording.format}, {len(recording.sweeps)} current-clamp sweep(s)"
    about = [head, *([recording.description] if recording.description else [])]
    known = recording.junction_potential
    about.append(f"junction potential: {'not stated' if known is None else f'{known:g} mV'}")
    header = ("sweep", "duration ms", "sampling kHz", "baseline mV", "holding pA", "stimulus pA", "spikes")
    table = text_table(header, [_row(sweep) for sweep in recording.sweeps])
    notes = [f"left out: {why}" for why in recording.refused] + [f"warning: {w}" for w in recording.warnings]
    notes += [f"warning: {spoken}" for spoken in _warnings(recording.sweeps)]
    used = ", ".join(s.name for s in choose(recording).used)
    return "\n".join([*about, "", table, "", *notes, f"gbar infer would use: {used}", ""])


def _warnings(sweeps: tuple[Sweep, ...]) -> list[str]:
    """Each warning once, with the sweeps that it is about."""
    about: dict[str, list[str]] = {}
    for sweep in sweeps:
        for warning in sweep.warnings:
            about.setdefault(warning, []).append(sweep.name)
    everywhere = len(sweeps) > 1
    return [
        f"{'every sweep' if everywhere and len(names) == len(sweeps) else ', '.join(names)}: {warning}"
        for warning, names in about.items()
    ]


def _row(sweep: Sweep) -> tuple[str, ...]:
    from gbar.report.tables import number

    return (
        sweep.name,
        f"{sweep.duration:.2f}",
        number(1 / sweep.dt, 4),
        f"{sweep.baseline_voltage:.2f}",
        number(round(1e3 * sweep.baseline_current, 1), 4),
        number(1e3 * sweep.amplitude, 4),
        f"{sweep.spike_count()}",
    )
