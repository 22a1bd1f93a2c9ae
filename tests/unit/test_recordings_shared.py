"""What every file of ../shared/recordings holds, or why it is refused: one row a file, written down by hand.

A wave of Igor is half a sweep, so the folder of waves has one row for each of its protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gbar.errors import RecordingError
from gbar.recordings import Recording, read

CSV = {"voltage_unit": "mV", "current_unit": "A", "dt": "0.01 ms", "stimulus": "csv/input_traces_hh.csv"}
SINE = {"stimulus_folder": "pyabf/external_stimulus"}
WAVES = "bbp_c060114a5_ibw"


@dataclass(frozen=True)
class Held:
    """The sweeps of a file (of a folder of waves: of one protocol)."""

    file: str
    format: str
    sweeps: int
    dt: float  # ms
    samples: int
    v: tuple[float, float]  # mV, lowest and highest of all sweeps
    current: tuple[float, float]  # pA, likewise, as it was recorded
    spikes: tuple[int, ...]  # of each sweep
    amplitudes: tuple[float, ...] = ()  # pA, of what was delivered, to within 1 pA
    measured: bool = False  # whether the current is a monitor's
    protocol: str = ""  # of a folder of waves
    junction: tuple[float | None, bool | None] = (None, None)  # mV, and whether it is corrected
    options: Mapping[str, Any] = field(default_factory=dict)


HELD = [
    Held("allen_nwb/allen_509881736.nwb", "NWB 2", 1, 0.02, 72500, (-69.38, 32.03), (0, 130), (25,), (130,)),
    Held("allen_nwb/allen_518290966.nwb", "NWB 2", 1, 0.02, 72500, (-76.66, 38.5), (0, 170), (12,), (170,)),
    Held("allen_nwb/allen_555060623.nwb", "NWB 2", 1, 0.02, 72500, (-65.19, 28.31), (0, 90), (13,), (90,)),
    Held("allen_nwb/allen_569469018.nwb", "NWB 2", 1, 0.02, 72500, (-71.81, 43.0), (0, 90), (12,), (90,)),
    Held(
        *("ferguson_ca1/FergusonEtAl2015_PYR5_rebound.nwb", "NWB 2", 10, 0.1, 20000),
        *((-75.84, 23.19), (-424.19, 480.35), (5, 4, 4, 3, 5, 5, 4, 3, 4, 2)),
        amplitudes=(-248.4, -223.7, -198.7, -173.8, -148.8, -124.1, -99.3, -74.3, -49.4, -24.6),
        measured=True,
        junction=(-15.2, None),
    ),
    Held(
        *("ferguson_ca1/PYR5_rebound.abf", "ABF 1", 10, 0.1, 20000),
        *((-75.84, 23.19), (-424.19, 480.35), (2, 4, 3, 4, 5, 5, 3, 4, 4, 5)),
        amplitudes=(-24.6, -49.4, -74.3, -99.3, -124.1, -148.8, -173.8, -198.7, -223.7, -248.4),
        measured=True,
    ),
    Held(
        *("lantyer_nwb/LantyerEtAl2018_180817_ME_9_CC.nwb", "NWB 2", 10, 0.05, 23200),
        *((-73.84, 74.78), (-0.73, 404.18), (0, 0, 0, 9, 21, 27, 33, 37, 42, 46)),
        amplitudes=(40.3, 80.6, 120.9, 161.1, 201.5, 241.7, 282.0, 322.2, 362.5, 402.8),
        measured=True,
    ),
    Held(
        *("pyabf/171116sh_0016.abf", "ABF 2", 11, 0.05, 20000, (-61.68, 61.61), (0, 100)),
        (0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4),
    ),
    Held(
        *("pyabf/171116sh_0017.abf", "ABF 2", 3, 0.1, 100_000, (-65.52, -55.15), (-20, 20), (0, 0, 0)),
        options=SINE,
    ),
    Held(
        *("pyabf/171116sh_0018.abf", "ABF 2", 17, 0.05, 60_000, (-76.69, 60.85), (-100, 300)),
        (0, 0, 0, 0, 0, 0, 2, 3, 6, 8, 10, 12, 12, 14, 16, 16, 18),
        amplitudes=(*(-100.0,) * 8, 100, 125, 150, 175, 200, 225, 250, 275, 300),
    ),
    Held(
        *("pyabf/File_axon_5.abf", "ABF 2", 9, 0.05, 20000, (-87.73, 34.97), (-100, 300), (0, 0, 0, 0, 0, 0, 2, 2, 3)),
        amplitudes=(-100, -50, 0, 50, 100, 150, 200, 250, 300),
    ),
    Held(
        *("csv/output_traces_hh.csv", "CSV", 5, 0.01, 1497, (-87.45, 55.64), (0, 50_000), (3, 1, 2, 4, 0)),
        options=CSV | {"allow_large": True},
    ),
    Held(
        *(WAVES, "Igor", 3, 0.1, 20400, (-70.55, 44.51), (-835.0, 1034.38), (13, 13, 13)),
        measured=True,
        protocol="APThreshold",
    ),
    Held(
        *(WAVES, "Igor", 30, 0.25, 5280, (-90.64, -55.8), (-369.06, 108.44), (0,) * 30),
        measured=True,
        protocol="IV",
    ),
    Held(
        *(WAVES, "Igor", 27, 0.01, 5999, (-83.9, 39.34), (-852.81, 1758.12)),
        (0, 1, 1, 2, 2, 2, 3, 3, 3, 0, 1, 1, 2, 2, 2, 2, 3, 3, 0, 1, 1, 2, 2, 2, 2, 3, 3),
        measured=True,
        protocol="APWaveform",
    ),
    Held(
        *(WAVES, "Igor", 6, 0.5, 5480, (-70.34, 40.46), (-619.06, 1478.75), (2, 3, 4, 5, 6, 7)),
        measured=True,
        protocol="sAHP",
    ),
    Held(
        *(WAVES, "Igor", 32, 0.25, 12000, (-84.09, 42.79), (-823.13, 1686.56)),
        (
            *(0, 2, 4, 5, 8, 9, 13, 16, 18, 21, 22, 26, 26, 27, 29, 29),
            *(1, 2, 5, 7, 10, 14, 18, 20, 23, 25, 27, 29, 30, 31, 32, 33),
        ),
        measured=True,
        protocol="IDrest",
    ),
    Held(
        *(WAVES, "Igor", 18, 0.25, 12000, (-77.5, 42.48), (-796.25, 1014.06)),
        (0, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 1, 2, 2, 4, 3),
        measured=True,
        protocol="IDthresh",
    ),
    Held(
        *(WAVES, "Igor", 6, 0.05, 1400, (-92.76, 54.57), (-1130.63, 2251.25), (2, 2, 2, 2, 1, 1)),
        measured=True,
        protocol="SpikeRec",
    ),
]

REFUSED: list[tuple[str, Mapping[str, Any], str]] = [
    ("lantyer_nwb/LantyerEtAl2018_170328_AL_238_VC.nwb", {}, r"holds only voltage clamp \(14 sweeps\)"),
    ("pyabf/171116sh_0017.abf", {}, r"stimulus file 'sine sweep magnitude 20\.abf'.*--stimulus-folder"),
    ("pyabf/190619B_0003.abf", {}, "2 channels are voltages: which is the cell's"),
    ("pyabf/opto_aps_bad_units.abf", {}, "wrong unit: IN 0 is labelled pA"),
    ("pyabf/external_stimulus/sine sweep magnitude 20.abf", {}, "no channel is a voltage"),
    ("csv/output_traces_hh.csv", {}, "the unit of the voltage"),
    ("csv/output_traces_hh.csv", CSV, r"\|I\| reaches 50 nA: is its unit wrong"),
    ("csv/input_traces_hh.csv", {}, "without the current that was injected"),
]


@cache
def opened(folder: Path, file: str, options: tuple[tuple[str, Any], ...]) -> Recording:
    paths = ("stimulus", "stimulus_folder")
    return read(folder / file, **{key: folder / value if key in paths else value for key, value in options})


def close(found: float, expected: float, tolerance: float) -> bool:
    return abs(found - expected) <= tolerance


@pytest.mark.parametrize("expected", HELD, ids=lambda row: " ".join(filter(None, (row.file, row.protocol))))
def test_what_a_file_holds(shared, expected):
    recording = opened(shared / "recordings", expected.file, tuple(expected.options.items()))
    sweeps = [s for s in recording.sweeps if expected.protocol in ("", s.stimulus)]
    assert recording.format == expected.format
    assert recording.refused == ()
    assert (recording.junction_potential, recording.junction_corrected) == expected.junction
    assert {(s.dt, len(s.v), len(s.current)) for s in sweeps} == {(expected.dt, expected.samples, expected.samples)}
    currents = [1e3 * (s.current if s.monitored is None else s.monitored) for s in sweeps]
    assert {s.monitored is not None for s in sweeps} == {expected.measured}
    found = [*(s.v for s in sweeps), *currents]
    ranges = [(min(x.min() for x in part), max(x.max() for x in part)) for part in (found[: len(sweeps)], currents)]
    for (low, high), (least, most) in zip(ranges, (expected.v, expected.current), strict=True):
        assert close(low, least, 0.01)
        assert close(high, most, 0.01)
    assert tuple(s.spike_count() for s in sweeps) == expected.spikes
    assert len(sweeps) == expected.sweeps
    for sweep, amplitude in zip(sweeps, expected.amplitudes, strict=bool(expected.amplitudes)):
        assert close(1e3 * sweep.amplitude, amplitude, 1.0), sweep.name


@pytest.mark.parametrize(("file", "options", "reason"), REFUSED)
def test_why_a_file_is_refused(shared, file, options, reason):
    with pytest.raises(RecordingError, match=reason) as caught:
        opened(shared / "recordings", file, tuple(options.items()))
    assert "\n" not in str(caught.value)


def test_every_file_has_its_row(shared):
    folder = shared / "recordings"
    rows = {row.file for row in HELD} | {file for file, _, _ in REFUSED}
    waves = set(folder.rglob("*.ibw"))
    files = {path for path in folder.rglob("*") if path.is_file() and path.name != "SOURCE.txt"} - waves
    assert {str(path.relative_to(folder)) for path in files} == rows - {WAVES}
    used = [name for s in opened(folder, WAVES, ()).sweeps for name in s.place.split(" and ")]
    assert sorted(used) == sorted(path.name for path in waves)
    protocols = {row.protocol for row in HELD if row.file == WAVES}
    assert protocols == {s.stimulus for s in opened(folder, WAVES, ()).sweeps}
