"""`gbar convert`: any recording, or one row of simulations, as NWB 2."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gbar.dataset import Dataset, open_dataset
from gbar.errors import DatasetError, OutputError, RecordingError
from gbar.files import refuse_existing
from gbar.protocol import Protocol
from gbar.recordings import Recording, read
from gbar.recordings.nwb_write import write_nwb
from gbar.recordings.simulated import simulated

_STORES = ("zarr.json", ".zgroup")


def convert(
    source: Path,
    output: Path,
    *,
    row: int = 0,
    declared: Mapping[str, Any] | None = None,
    subject: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> str:
    """Writes a recording, or the row `row` of simulations made by gbar, to `output` (.nwb); returns what to print.

    `declared` are keywords of the reader (units, channels), `subject` states the animal: subject_id, species, sex, age.
    Raises RecordingError, DatasetError, OutputError.
    """
    if output.suffix.lower() != ".nwb":
        raise OutputError("a recording is written as .nwb", file=output, remedy="change its name")
    refuse_existing(output, overwrite, "")
    if output.resolve() == source.resolve():
        raise OutputError("is the recording itself", file=output, remedy="choose another name")
    if any((source / name).exists() for name in _STORES):
        if declared:
            raise RecordingError("simulations state their own units", file=source, remedy="leave the options out")
        recording, provenance = of_simulations(open_dataset(source), row)
    else:
        recording, provenance = read(source, **(declared or {})), {}
    write_nwb(output, recording, provenance=provenance, subject=subject)
    left = [f"left out: {why}" for why in recording.refused]
    return "\n".join([f"{len(recording.sweeps)} sweep(s) written to {output}", *left, ""])


def of_simulations(data: Dataset, row: int) -> tuple[Recording, dict[str, str]]:
    """One row of simulations as a recording, and where it comes from: cell, parameters with their units, versions."""
    if not 0 <= row < len(data):
        raise DatasetError(f"no row {row}", file=data.path, remedy=f"there are rows 0 to {len(data) - 1}")
    about = data.manifest
    theta = zip(about.space.parameters, data.theta[row], strict=True)
    provenance = {
        "simulated by": ", ".join(f"{name} {version}" for name, version in about.versions.items()),
        "cell": f"{about.cell} (sha256 {about.cell_digest})",
        "row": f"{row} of {len(data)}, seed {about.seed}, {about.precision}",
        "site": about.sites[0],
        "parameters": "; ".join(f"{p.name} = {value:.9g} {p.unit}" for p, value in theta),
    }
    recording = simulated(
        data.read([row]),
        0,
        Protocol.from_json(about.protocol),
        source=data.path,
        digest=about.cell_digest,
        description=f"simulation of {about.cell}, row {row}",
    )
    return recording, provenance
