"""What is written as NWB 2 is read back as it was, and is what archives want."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pytest
from nwb_files import DT, plain, quiet, step, voltage

from gbar.errors import OutputError, RecordingError
from gbar.protocol import Protocol, Step, Stimulus, VoltageClamp
from gbar.recordings import Amplifier, Recording, Sweep, read
from gbar.recordings.nwb_write import write_nwb
from gbar.recordings.simulated import simulated
from gbar.traces import Traces

MOUSE = {"subject_id": "m1", "species": "Mus musculus", "sex": "F", "age": "P30D"}
SAME = ("name", "dt", "start", "holding", "stimulus", "condition", "amplifier")


def sweep(k: int, **more) -> Sweep:
    rng = np.random.default_rng(k)
    v = voltage(0.01 * k) + rng.normal(0, 0.1, 4000)
    return Sweep(f"sweep_{k}", v, step(0.01 * k), DT, float(k), **more)


def recording(tmp_path, *sweeps: Sweep, **more) -> Recording:
    source = tmp_path / "cell_1.abf"
    source.write_bytes(b"x")
    more = {"started": datetime(2021, 2, 3, 4, 5, tzinfo=UTC), "subject": MOUSE} | more
    return Recording(source, "ab" * 32, "ABF 2", sweeps, **more)


def inspected(path):
    """Complaints of the inspector that an archive would not take."""
    from nwbinspector import Importance, inspect_nwbfile

    with quiet():
        found = list(inspect_nwbfile(nwbfile_path=str(path)))
    bad = (Importance.ERROR, Importance.PYNWB_VALIDATION, Importance.CRITICAL, Importance.BEST_PRACTICE_VIOLATION)
    return {message.check_function_name for message in found if message.importance in bad}


def check_same(again: Recording, original: Recording) -> None:
    assert len(again.sweeps) == len(original.sweeps)
    for one, other in zip(again.sweeps, original.sweeps, strict=True):
        np.testing.assert_array_equal(one.v, other.v)
        np.testing.assert_array_equal(one.current, other.current)
        assert (one.monitored is None) == (other.monitored is None)
        if other.monitored is not None:
            np.testing.assert_array_equal(one.monitored, other.monitored)
        for name in SAME:
            assert getattr(one, name) == getattr(other, name), name
    for name in ("description", "device", "junction_potential", "junction_corrected", "started", "subject"):
        assert getattr(again, name) == getattr(original, name), name


def test_everything_comes_back(tmp_path):
    measured = step(0.03) + np.random.default_rng(0).normal(0, 0.01, 4000)
    original = recording(
        tmp_path,
        sweep(0, stimulus="Long Square", condition="control"),
        sweep(1, stimulus="Long Square", condition="control", holding=-0.0501),
        sweep(2, stimulus="Ramp", condition="control", amplifier=Amplifier(12.3, 14.7, 9.9, 5.1)),
        sweep(3, stimulus="Long Square", condition="TTX 1 uM", monitored=measured),
        sweep(4, condition="TTX 1 uM", amplifier=Amplifier(bridge=0.0, filter=2.4)),
        description="a cell of layer 5",
        device="MultiClamp 700B, Digidata 1440A",
        junction_potential=-14.5,
        junction_corrected=False,
        refused=("sweep_9: the seal was lost",),
    )
    path = write_nwb(tmp_path / "out.nwb", original)
    check_same(read(path), original)
    assert inspected(path) == set()
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@pytest.mark.parametrize("corrected", [True, False, None])
@pytest.mark.parametrize("potential", [None, 14.0, -9.25])
def test_the_junction_potential_is_said_as_it_is_known(tmp_path, potential, corrected):
    original = recording(tmp_path, sweep(1), junction_potential=potential, junction_corrected=corrected)
    again = read(write_nwb(tmp_path / "out.nwb", original))
    assert (again.junction_potential, again.junction_corrected) == (potential, corrected)


def test_sweeps_of_different_length_and_rate_with_known_starts(tmp_path):
    rng = np.random.default_rng(0)
    sweeps = [
        Sweep(f"s{k}", rng.normal(-65, 1, n), np.linspace(0.1 * k, 0.2, n), dt, start)
        for k, (n, dt, start) in enumerate([(500, 0.01, 0.0), (4000, 0.25, 12.5), (70_000, 0.02, 99.125)])
    ]
    original = recording(tmp_path, *sweeps)
    path = write_nwb(tmp_path / "out.nwb", original)
    check_same(read(path), original)
    assert inspected(path) == set()


def test_what_nobody_knows_is_not_made_up(tmp_path):
    original = recording(tmp_path, sweep(1), started=None, subject={})
    path = write_nwb(tmp_path / "out.nwb", original)
    again = read(path)
    assert again.subject == {}
    assert again.started.timestamp() == int(original.source.stat().st_mtime)
    assert inspected(path) == {"check_subject_exists"}
    write_nwb(path, original, subject=MOUSE)
    assert inspected(path) == set()


def test_an_animal_in_other_words(tmp_path):
    about = {"species": "Mus musculus", "sex": "female", "age": "P20D-P90D"}
    path = write_nwb(tmp_path / "out.nwb", recording(tmp_path, sweep(1), subject=about))
    assert read(path).subject == {"subject_id": "cell_1", "species": "Mus musculus", "sex": "F", "age": "P20D/P90D"}
    assert inspected(path) == set()


def test_an_nwb_file_goes_through_unchanged(tmp_path):
    original = read(plain(tmp_path / "cell.nwb"))
    again = read(write_nwb(tmp_path / "out.nwb", original))
    check_same(again, dataclasses.replace(original, description="a cell"))


def test_noise_that_was_commanded_is_still_a_command(tmp_path):
    noise = np.random.default_rng(1).normal(0, 0.05, 4000)
    original = recording(tmp_path, Sweep("noise", voltage(0.0), noise, DT, 0.0))
    check_same(read(write_nwb(tmp_path / "out.nwb", original)), original)


def test_simulations(tmp_path):
    stimulus = Stimulus("step", Step(5.0, 10.0, 0.1), 20.0, dt=0.025, sampling=0.1, warm_up=5.0, warm_up_current=0.02)
    v = np.linspace(-65, -60, 201)[None, None]
    made = simulated(Traces((v,), (0.1,), np.zeros(1, np.uint8)), 0, Protocol((stimulus,)), source=tmp_path, digest="a")
    (only,) = made.sweeps
    assert len(only.v) == len(only.current) == 201
    assert only.current[49:51].tolist() == [0.0, 0.1]
    assert only.current[149:151].tolist() == [0.1, 0.0]
    path = write_nwb(tmp_path / "out.nwb", made, provenance={"cell": "a sphere"}, subject=MOUSE)
    check_same(read(path), dataclasses.replace(made, started=read(path).started, subject=MOUSE))
    assert inspected(path) == set()


def test_failed_rows_and_voltage_clamp_are_no_recordings(tmp_path):
    stimulus = Stimulus("step", Step(5.0, 10.0, 0.1), 20.0)
    traces = Traces((np.zeros((1, 1, 801)),), (0.025,), np.ones(1, np.uint8))
    with pytest.raises(RecordingError, match="row 0 ended non finite; choose another row"):
        simulated(traces, 0, Protocol((stimulus,)), source=tmp_path, digest="a")
    clamped = dataclasses.replace(stimulus, clamps=(VoltageClamp("soma", ((20.0, -60.0),)),))
    good = dataclasses.replace(traces, status=np.zeros(1, np.uint8))
    with pytest.raises(RecordingError, match="step is a voltage clamp"):
        simulated(good, 0, Protocol((clamped,)), source=tmp_path, digest="a")


def test_refusals_leave_nothing_behind(tmp_path):
    with pytest.raises(OutputError, match=r"written as \.nwb"):
        write_nwb(tmp_path / "out.h5", recording(tmp_path, sweep(1)))
    with pytest.raises(OutputError, match="cannot be written"):
        write_nwb(tmp_path / "no" / "out.nwb", recording(tmp_path, sweep(1)))
    assert [file.name for file in tmp_path.iterdir()] == ["cell_1.abf"]
