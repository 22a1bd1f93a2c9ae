"""Any recording, or simulations in the form of one, as a valid NWB 2 file.

Each sweep is a CurrentClampSeries (mV with a conversion to volts, so that no bit is lost), a CurrentClampStimulusSeries
and a row of the icephys tables; a measured current is acquired beside the voltage. What NWB has no field for (whether
the junction potential is corrected, that the holding current is part of the stimulus) is written in words that
`read_nwb` understands. Format: Rübel et al. 2022, doi 10.7554/eLife.78362.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar import __version__
from gbar.errors import OutputError
from gbar.files import write_whole
from gbar.recordings.recording import Recording, Sweep

_NOT_STATED = "not stated"
_CHUNK = 65_536  # samples
_SEX = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}
_SUBJECT = ("subject_id", "species", "sex", "age", "genotype", "strain", "description", "weight")


def write_nwb(
    path: Path,
    recording: Recording,
    *,
    provenance: Mapping[str, str] | None = None,
    subject: Mapping[str, str] | None = None,
) -> Path:
    """Writes a recording as NWB 2, whole or not at all; returns its path.

    `provenance` is written into the notes, a line each: for a simulation its cell and parameters. `subject` states or
    corrects what the recording says of the animal: subject_id, species ("Mus musculus"), sex (M, F, O or U), age
    ("P30D"), which archives ask for. Raises OutputError if the file cannot be written.

    >>> write_nwb(Path("cell.nwb"), read("cell.abf"))  # doctest: +SKIP
    """
    import h5py
    from pynwb import NWBHDF5IO

    path = Path(path)
    if path.suffix.lower() != ".nwb":
        raise OutputError("a recording is written as .nwb", file=path, remedy="change its name")
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pynwb's about sweep numbers, which every reader understands
        file = _file(recording, provenance or {}, {**recording.subject, **(subject or {})})
        with h5py.File(buffer, "w") as h5, NWBHDF5IO(file=h5, mode="w") as writer:
            writer.write(file)
    return write_whole(path, buffer.getvalue())


def _file(recording: Recording, provenance: Mapping[str, str], subject: Mapping[str, str]) -> Any:
    from pynwb import NWBFile
    from pynwb.file import Subject

    started, unknown = _started(recording)
    file = NWBFile(
        session_description=recording.description or "no description",
        identifier=recording.digest,
        session_start_time=started,
        session_id=_named(recording.source.stem),
        notes="\n".join([*_notes(recording), *unknown, *(f"{key}: {value}" for key, value in provenance.items())]),
        was_generated_by=[("gbar", __version__)],
    )
    cell = _named(recording.source.stem)
    if subject:
        file.subject = Subject(**_subject(subject, cell))
    device = file.create_device(name="device", description=recording.device or _NOT_STATED)
    electrode = file.create_icephys_electrode(
        name="electrode",
        description=" ".join(_junction(recording)) or "intracellular electrode",
        device=device,
        cell_id=cell,
        **_electrode(recording.sweeps),
    )
    rows = [_add(file, electrode, k, sweep, start) for k, (sweep, start) in enumerate(_starts(recording.sweeps))]
    _add_tables(file, recording.sweeps, rows)
    return file


def _subject(stated: Mapping[str, str], cell: str) -> dict[str, str]:
    """What is stated of the animal, in the words of the format; what it demands and nobody says is called unknown."""
    found = {"subject_id": cell, "sex": "U"} | {key: value for key, value in stated.items() if key in _SUBJECT}
    found["sex"] = _SEX.get(found["sex"].lower(), "U")
    ages = found.get("age", "").split("-")  # P20D-P90D is written P20D/P90D
    if len(ages) == 2 and all(age.startswith("P") for age in ages):
        found["age"] = "/".join(ages)
    return found


def _started(recording: Recording) -> tuple[datetime, list[str]]:
    """When the session began; where nobody knows, when the source was last written, and a line that says so."""
    if recording.started is not None:
        if recording.started.tzinfo is not None:
            return recording.started, []
        return recording.started.replace(tzinfo=UTC), [
            "session_start_time: as on the clock there; its zone is not known"
        ]
    try:
        written = datetime.fromtimestamp(int(recording.source.stat().st_mtime), tz=UTC)
    except OSError:
        written = datetime(1980, 1, 1, tzinfo=UTC)
    return written, ["session_start_time: not known; it is when the source was last written"]


def _notes(recording: Recording) -> list[str]:
    """Where the recording comes from and what is known of it as a whole."""
    return [
        f"source: {recording.source.name} ({recording.format}, sha256 {recording.digest})",
        *_junction(recording),
        *(f"left out: {why}" for why in recording.refused),
    ]


def _junction(recording: Recording) -> list[str]:
    value, corrected = recording.junction_potential, recording.junction_corrected
    told = [] if value is None else [f"Liquid junction potential: {value!r} mV."]
    if corrected is not None:
        told.append(f"The liquid junction potential is {'' if corrected else 'not '}corrected.")
    return told


def _electrode(sweeps: Sequence[Sweep]) -> dict[str, str]:
    """What all sweeps have in common."""
    filters = {sweep.amplifier.filter for sweep in sweeps}
    resistances = {sweep.amplifier.series_resistance for sweep in sweeps}
    found = {}
    if len(filters) == 1 and (corner := filters.pop()) is not None:
        found["filtering"] = f"low-pass filter {corner!r} kHz"
    if len(resistances) == 1 and (ohms := resistances.pop()) is not None:
        found["initial_access_resistance"] = f"{ohms!r} MOhm"
    return found


def _starts(sweeps: Sequence[Sweep]) -> list[tuple[Sweep, float]]:
    """Each sweep with its start in s; 0 for all where only their order is known."""
    known = [sweep.start for sweep in sweeps] != [float(k) for k in range(len(sweeps))]
    return [(sweep, sweep.start if known else 0.0) for sweep in sweeps]


def _add(file: Any, electrode: Any, number: int, sweep: Sweep, start: float) -> int:
    """Adds the series of one sweep; returns its row in the table of intracellular recordings."""
    from pynwb.icephys import CurrentClampSeries, CurrentClampStimulusSeries

    common = {
        "electrode": electrode,
        "gain": 1.0,
        "rate": 1e3 / sweep.dt,
        "starting_time": start,
        "sweep_number": number,
        "stimulus_description": sweep.stimulus or "N/A",
    }
    name = _named(sweep.name)
    amplifier = sweep.amplifier
    response = CurrentClampSeries(
        name=name,
        data=_stored(sweep.v),
        conversion=1e-3,
        description="membrane potential" + (f", {sweep.source.name} {sweep.place}" if sweep.source else ""),
        comments=_comments(sweep),
        bridge_balance=None if amplifier.bridge is None else amplifier.bridge * 1e6,
        capacitance_compensation=None if amplifier.capacitance is None else amplifier.capacitance * 1e-12,
        **common,
    )
    held = "" if sweep.holding is None else f"holding current of {sweep.holding!r} nA included"
    stimulus = CurrentClampStimulusSeries(
        name=f"{name}_stimulus",
        data=_stored(sweep.current),
        conversion=1e-9,
        description="current command",
        comments=held or "no comments",
        **common,
    )
    file.add_acquisition(response, use_sweep_table=False)
    file.add_stimulus(stimulus, use_sweep_table=False)
    if sweep.monitored is not None:
        measured = CurrentClampStimulusSeries(
            name=f"{name}_monitor",
            data=_stored(sweep.monitored),
            conversion=1e-9,
            description="current as it was measured",
            **common,
        )
        file.add_acquisition(measured, use_sweep_table=False)
    return int(file.add_intracellular_recording(electrode=electrode, stimulus=stimulus, response=response))


def _comments(sweep: Sweep) -> str:
    """What NWB has no field for at a sweep."""
    amplifier = sweep.amplifier
    told = [
        *(
            [f"series resistance {amplifier.series_resistance!r} MOhm"]
            if amplifier.series_resistance is not None
            else []
        ),
        *([f"low-pass filter {amplifier.filter!r} kHz"] if amplifier.filter is not None else []),
        *([f"holding current {sweep.holding!r} nA"] if sweep.holding is not None else []),
        *sweep.warnings,
    ]
    return "; ".join(told) or "no comments"


def _stored(values: Float[np.ndarray, " time"]) -> Any:
    """A compressed data set."""
    from hdmf.backends.hdf5 import H5DataIO

    chunks = (min(len(values), _CHUNK),)
    return H5DataIO(np.ascontiguousarray(values), compression="gzip", compression_opts=4, shuffle=True, chunks=chunks)


def _add_tables(file: Any, sweeps: Sequence[Sweep], rows: Sequence[int]) -> None:
    """The icephys tables: each sweep alone in its time, sequences of one stimulus, repetitions, the bath."""
    alone = [int(file.add_icephys_simultaneous_recording(recordings=[row])) for row in rows]
    repeated: dict[str, list[int]] = {}
    numbered = list(zip(sweeps, alone, strict=True))
    for (stimulus, condition), group in groupby(numbered, key=lambda pair: (pair[0].stimulus, pair[0].condition)):
        together = [index for _, index in group]
        kind = stimulus or _NOT_STATED
        sequence = file.add_icephys_sequential_recording(simultaneous_recordings=together, stimulus_type=kind)
        repeated.setdefault(condition, []).append(int(sequence))
    repetitions = [int(file.add_icephys_repetition(sequential_recordings=found)) for found in repeated.values()]
    conditions = file.get_icephys_experimental_conditions()
    conditions.add_column(name="condition", description="of the bath")
    for condition, repetition in zip(repeated, repetitions, strict=True):
        file.add_icephys_experimental_condition(repetitions=[repetition], condition=condition or _NOT_STATED)


def _named(name: str) -> str:
    """A name that NWB takes."""
    return name.replace("/", "_").replace(":", "_") or "sweep"
