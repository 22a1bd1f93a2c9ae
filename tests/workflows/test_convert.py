from __future__ import annotations

import numpy as np
import pytest

from gbar.errors import DatasetError, OutputError, RecordingError
from gbar.recordings import read
from gbar.workflows.convert import convert
from gbar.workflows.simulate import simulate_dataset


@pytest.fixture(scope="module")
def simulations(tmp_path_factory):
    return simulate_dataset("sphere", tmp_path_factory.mktemp("simulations") / "sphere.zarr", rows=3, seed=1)


def test_a_row_of_simulations_becomes_a_recording(tmp_path, simulations):
    output = tmp_path / "row.nwb"
    assert "written to" in convert(simulations.path, output, row=2)
    recording = read(output)
    v = simulations.read([2]).v
    assert len(recording.sweeps) == len(v)
    for sweep, expected, layout in zip(recording.sweeps, v, simulations.manifest.layouts, strict=True):
        np.testing.assert_array_equal(sweep.v, expected[0, 0].astype(float))
        assert sweep.name == layout.name
        assert sweep.dt == pytest.approx(layout.sampling, rel=1e-8)
        assert sweep.departure is not None
        assert sweep.monitored is None
    assert recording.junction_corrected is True


def test_where_simulations_come_from_is_written(tmp_path, simulations):
    import h5py

    convert(simulations.path, tmp_path / "row.nwb", row=1)
    with h5py.File(tmp_path / "row.nwb") as h5:
        notes = h5["general/notes"][()].decode()
    assert "cell: sphere" in notes
    assert "row: 1 of 3, seed 1" in notes
    for k, name in enumerate(simulations.manifest.space.names):
        assert f"{name} = {simulations.theta[1, k]:.9g}" in notes


def test_a_table_becomes_nwb(tmp_path):
    path = tmp_path / "cell.csv"
    lines = [f"{0.05 * k},{-65 + 0.01 * (k % 7)},{100 if 50 <= k < 150 else 0}" for k in range(200)]
    path.write_text("t,v,i\n" + "\n".join(lines))
    declared = {"voltage_unit": "mV", "current_unit": "pA", "time_unit": "ms"}
    convert(path, tmp_path / "cell.nwb", declared=declared, subject={"species": "Mus musculus"})
    (sweep,) = read(tmp_path / "cell.nwb").sweeps
    assert sweep.amplitude == pytest.approx(0.1)
    assert read(tmp_path / "cell.nwb").subject["species"] == "Mus musculus"


def test_refusals(tmp_path, simulations):
    with pytest.raises(OutputError, match=r"written as \.nwb"):
        convert(simulations.path, tmp_path / "row.csv")
    with pytest.raises(DatasetError, match="no row 3; there are rows 0 to 2"):
        convert(simulations.path, tmp_path / "row.nwb", row=3)
    with pytest.raises(RecordingError, match="state their own units"):
        convert(simulations.path, tmp_path / "row.nwb", declared={"voltage_unit": "mV"})
    (tmp_path / "there.nwb").write_bytes(b"x")
    with pytest.raises(OutputError, match="exists already"):
        convert(simulations.path, tmp_path / "there.nwb")
    assert not (tmp_path / "row.nwb").exists()
