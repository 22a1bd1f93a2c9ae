"""Simulations on disk: whole or not there, resumable, checked when opened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.dataset import (
    INT16,
    Dataset,
    Layout,
    Lock,
    Manifest,
    block_for,
    create,
    join,
    open_dataset,
    partial_path,
    split_rows,
)
from gbar.dataset.lock import holder
from gbar.dataset.places import lock_path
from gbar.errors import DatasetError, OutputError
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Injection, Protocol, Step, Stimulus, Sum, VoltageClamp
from gbar.traces import Status, Traces

BLOCK = 64
ROWS = 2 * BLOCK + 10
STEP = Stimulus(
    "step",
    Step(delay=1.0, duration=2.0, amplitude=0.5),
    duration=4.9,
    sampling=0.1,
    warm_up=1.0,
    warm_up_current=0.25,
    injections=(Injection("dend", Step(delay=2.0, duration=9.0, amplitude=-0.5)),),
)
HELD = Stimulus("held", Sum(()), duration=9.5, sampling=0.5, clamps=(VoltageClamp("dend", ((4.0, -70.0),)),))
PROTOCOL = Protocol((STEP, HELD)).to_json()


def manifest(**changes) -> Manifest:
    space = ParameterSpace(
        (FreeParameter("gna.soma", "S/cm2", 0.06, 0.24, "log"), FreeParameter("gk.soma", "S/cm2", 0, 1))
    )
    layouts = (Layout("step", 50, 0.1), Layout("held", 20, 0.5))
    return replace(Manifest("sphere", "0" * 64, space, PROTOCOL, ("soma", "dend"), layouts, 7, block=BLOCK), **changes)


def rows(start: int, stop: int) -> tuple[np.ndarray, Traces]:
    theta = manifest().space.draw(7, start, stop)
    v = tuple(
        np.random.default_rng([start, n]).normal(-60, 20, (stop - start, 2, n)).astype(np.float32) for n in (50, 20)
    )
    status = np.zeros(stop - start, np.uint8)
    status[3] = Status.NON_FINITE
    v[0][3, 0, 5:] = np.nan
    return theta, Traces(v, (0.1, 0.5), status)


def filled(path: Path, **changes) -> Dataset:
    with create(path, manifest(**changes), ROWS) as writer:
        for start, stop in reversed(writer.missing):
            writer.write(start, *rows(start, stop))
        return writer.finish()


def test_what_was_written_comes_back(tmp_path):
    data = filled(tmp_path / "sims.zarr")
    assert len(data) == ROWS and data.manifest == manifest()
    assert not partial_path(tmp_path / "sims.zarr").exists()
    theta, traces = rows(BLOCK, 2 * BLOCK)
    np.testing.assert_array_equal(data.theta[BLOCK : 2 * BLOCK], theta)
    np.testing.assert_allclose(data.unit, manifest().space.to_unit(data.theta))
    read = data.read(slice(BLOCK, 2 * BLOCK))
    for v, expected in zip(read.v, traces.v, strict=True):
        np.testing.assert_array_equal(v, expected)
    np.testing.assert_array_equal(read.status, traces.status)
    assert read.sampling == (0.1, 0.5)
    assert data.usable.sum() == ROWS - 3


def test_xarray_sees_names_units_and_coordinates(tmp_path):
    arrays = filled(tmp_path / "sims.zarr").arrays
    assert arrays["v_0"].dims == ("row", "site", "time_0") and arrays["v_1"].dims == ("row", "site", "time_1")
    assert arrays["v_0"].attrs["units"] == "mV" and arrays["time_1"].attrs["units"] == "ms"
    assert list(arrays["parameter"].values) == ["gna.soma", "gk.soma"] and list(arrays["site"].values) == [
        "soma",
        "dend",
    ]
    assert arrays["v_1"].sel(site="dend", time_1=2.0).shape == (ROWS,)
    assert arrays["theta"].sel(parameter="gk.soma").max() <= 1


def test_what_acts_on_the_cell_lies_beside_the_voltages(tmp_path):
    """From each time on: a step's first sample is that at which it begins; warm-ups are over by then."""
    arrays = filled(tmp_path / "sims.zarr").arrays
    current, injected, held = (arrays[name] for name in ("current_0", "injection_0_0", "command_0_1"))
    assert current.dims == injected.dims == ("time_0",) and held.dims == ("time_1",)
    assert [current.attrs["units"], held.attrs["units"], held.attrs["stimulus"]] == ["nA", "mV", "held"]
    np.testing.assert_array_equal(current, np.where((np.arange(50) >= 10) & (np.arange(50) < 30), 0.5, 0.0))
    np.testing.assert_array_equal(injected, np.where(np.arange(50) >= 20, -0.5, 0.0))
    np.testing.assert_array_equal(held, np.where(np.arange(20) < 8, -70.0, np.nan))
    assert not arrays["current_1"].any() and "dend" in injected.attrs["long_name"]


def test_split_is_eight_one_one_and_stays_as_data_grow():
    split = split_rows(3000)
    assert [len(part) for part in (split.train, split.validation, split.test)] == [2400, 300, 300]
    assert sorted(np.concatenate([split.train, split.validation, split.test])) == list(range(3000))
    grown = split_rows(20_000)
    assert set(split.test) <= set(grown.test) and set(split.train) <= set(grown.train)
    keep = np.arange(3000) % 7 != 0
    assert set(split_rows(3000, keep).test) == {i for i in split.test if i % 7}


def test_an_unfinished_set_is_resumed_and_not_opened(tmp_path):
    path = tmp_path / "sims.zarr"
    with create(path, manifest(), ROWS) as writer:
        writer.write(BLOCK, *rows(BLOCK, 2 * BLOCK))
        with pytest.raises(DatasetError, match=f"process {os.getpid()} on .* is writing it"):
            open_dataset(path)
    with pytest.raises(DatasetError, match="not finished yet; resume"):
        open_dataset(path)
    with pytest.raises(DatasetError, match="not finished"):
        open_dataset(partial_path(path))
    with create(path, manifest(), ROWS) as writer:
        assert writer.missing == ((0, BLOCK), (2 * BLOCK, ROWS)) and not writer.warnings
        with pytest.raises(DatasetError, match="2 blocks"):
            writer.finish()
    with create(path, manifest(cpu={"machine": "abacus"}), ROWS) as elsewhere:
        assert "another processor" in elsewhere.warnings[0]
    with create(path, manifest(versions=manifest().versions | {"numba": "9.9"}), ROWS) as elsewhere:
        assert ", not 9.9" in elsewhere.warnings[0]
    with pytest.raises(DatasetError, match=r"begun by gbar 0\.1\.0, this is gbar 9\.9"):
        create(path, manifest(versions=manifest().versions | {"gbar": "9.9"}), ROWS)
    with pytest.raises(OutputError, match="138 rows, not 139"):
        create(path, manifest(), ROWS + 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 8}, "seed 7, not 8"),
        ({"cell": "cube"}, "cell sphere, not cube"),
        ({"cell_digest": "1" * 64}, "the description of the cell sphere changed"),
        ({"mechanisms": {"hh": "b", "km": "c"}}, "the mod file hh changed; the mechanism km is new"),
        ({"morphology": "b"}, "the morphology changed"),
        ({"protocol": Protocol((replace(STEP, v_init=-70.0), HELD)).to_json()}, r"the protocol changed \(step\)"),
        ({"design": {"kind": "sobol"}}, "design uniform, not sobol"),
        ({"storage": INT16}, "storage float32, not int16"),
        ({"block": 128}, "blocks of 64, not 128"),
        ({"sites": ("soma", "axon")}, "sites soma, dend, not soma, axon"),
        ({"precision": "float64"}, "precision float32, not float64"),
    ],
)
def test_what_differs_is_named(tmp_path, changes, said):
    first = manifest(mechanisms={"hh": "a"}, morphology="a")
    create(tmp_path / "sims.zarr", first, ROWS).close()
    with pytest.raises(OutputError, match=f"something else lies there: {said}; delete it"):
        create(tmp_path / "sims.zarr", replace(first, **changes), ROWS)


def test_a_changed_range_is_named(tmp_path):
    other = ParameterSpace((manifest().space.parameters[0], FreeParameter("gk.soma", "S/cm2", 0, 2)))
    assert manifest().differences(manifest(space=other)) == ("the range or prior of gk.soma changed",)
    assert manifest().same_rows(manifest(versions={}, cpu={}))


def test_two_writers_of_one_set(tmp_path):
    path = tmp_path / "sims.zarr"
    with create(path, manifest(), ROWS) as writer:
        for overwrite in (False, True):
            with pytest.raises(OutputError, match=f"it is being written by process {os.getpid()} on .*; wait"):
                create(path, manifest(), ROWS, overwrite=overwrite)
        helper = join(path)
        for start, stop in helper.missing:
            helper.write(start, *rows(start, stop))
        assert not writer.missing and len(writer.finish()) == ROWS
    assert [p.name for p in tmp_path.iterdir()] == ["sims.zarr"]
    with pytest.raises(OutputError, match="no unfinished data set"):
        join(path)


def test_the_lock_of_one_that_was_killed_locks_nothing(tmp_path):
    path = tmp_path / "sims.zarr"
    code = (
        "import sys, time; from gbar.dataset import Lock; a = Lock(sys.argv[1]); print('x', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with pytest.raises(OutputError, match=f"by process {process.pid} on"):
            Lock(path)
        process.kill()
    assert lock_path(path).exists() and not holder(path)
    with Lock(path):
        pass
    assert not lock_path(path).exists()


def test_int16_is_off_by_half_a_step_at_most(tmp_path):
    data = filled(tmp_path / "sims.zarr", storage=INT16)
    assert data.traces[0].dtype == np.int16
    for start, stop in data.blocks:
        expected, read = rows(start, stop)[1], data.read(slice(start, stop))
        for v, w in zip(expected.v, read.v, strict=True):
            assert w.dtype == np.float32
            np.testing.assert_array_equal(np.isnan(v), np.isnan(w))
            assert 0.9 / 256 < np.nanmax(np.abs(w - v)) <= 1 / 256
    decoded = data.arrays["v_0"]
    assert decoded.attrs["units"] == "mV"
    np.testing.assert_array_equal(decoded[:BLOCK].values, data.read(slice(0, BLOCK)).v[0])


def test_storage_at_its_edges():
    v = np.array([[[0.0, -0.0, 250.0, -250.0, 255.99, 1e30, -1e30, np.nan, np.inf, -np.inf, 1 / 256 + 1e-6]]])
    codes = INT16.encode(v.astype(np.float32))
    assert codes[0, 0].tolist() == [0, 0, 32000, -32000, 32767, 32767, -32767, -32768, -32768, -32768, 1]
    np.testing.assert_array_equal(INT16.encode(v), codes)  # of float64
    back = INT16.decode(codes)[0, 0]
    assert np.isnan(back[7:10]).all() and np.abs(back[:5] - v[0, 0, :5]).max() <= INT16.error == 1 / 256
    large = np.random.default_rng(0).uniform(-250, 250, (3, 2, 50_000)).astype(np.float32)
    assert np.abs(INT16.decode(INT16.encode(large)) - large).max() <= INT16.error


def test_a_block_has_about_eight_megabytes():
    assert block_for(1, [5001], INT16) == 512
    assert block_for(1, [1], INT16) == 4096 and block_for(3, [200_000], INT16) == 64
    for samples in (700, 5001, 20_000):
        assert 4e6 < block_for(1, [10, samples], INT16) * samples * 2 < 9e6


def test_part_of_a_block_is_refused(tmp_path):
    writer = create(tmp_path / "sims.zarr", manifest(), ROWS)
    for start, stop in ((0, 10), (5, 5 + BLOCK), (2 * BLOCK, ROWS + 5)):
        with pytest.raises(ValueError, match="blocks"):
            writer.write(start, *rows(start, stop))
    assert len(writer.missing) == 3


def test_an_existing_path_stays_unless_asked_for(tmp_path):
    path = tmp_path / "sims.zarr"
    filled(path)
    with pytest.raises(OutputError, match="exists"):
        create(path, manifest(), ROWS)
    writer = create(path, manifest(seed=9), 10, overwrite=True)
    assert len(open_dataset(path)) == ROWS  # the old one lives until the new one is whole
    writer.write(0, *rows(0, 10))
    assert len(writer.finish()) == 10 and sorted(p.name for p in tmp_path.iterdir()) == ["sims.zarr"]
    other = tmp_path / "precious"
    other.mkdir()
    with pytest.raises(OutputError, match="no data set"):
        create(other, manifest(), 10, overwrite=True)


@pytest.mark.parametrize(
    "harm",
    ["missing", "file", "empty", "garbage", "header", "foreign", "chunk", "lost", "lost status", "shape", "manifest"],
)
def test_a_damaged_set_gives_one_line(tmp_path, harm):
    path = tmp_path / "sims.zarr"
    filled(path)
    header = json.loads((path / "zarr.json").read_text())
    if harm == "missing":
        shutil.rmtree(path)
    elif harm == "file":
        shutil.rmtree(path)
        path.write_bytes(b"no store")
    elif harm == "empty":
        shutil.rmtree(path)
        path.mkdir()
    elif harm == "garbage":
        (path / "zarr.json").write_bytes(os.urandom(200))
    elif harm == "header":
        (path / "v_0" / "zarr.json").write_text("{")
    elif harm == "foreign":
        header["attributes"] = {"title": "somebody else's"}
        (path / "zarr.json").write_text(json.dumps(header))
    elif harm == "chunk":
        chunk = path / "v_0" / "c.1.0.0"
        data = bytearray(chunk.read_bytes())
        data[len(data) // 2] ^= 0xFF
        chunk.write_bytes(data)
    elif harm == "lost":
        (path / "v_1" / "c.1.0.0").unlink()
    elif harm == "lost status":
        (path / "status" / "c.1").unlink()
    elif harm == "shape":
        about = json.loads((path / "v_0" / "zarr.json").read_text())
        about["shape"] = [10**12, 2, 50]
        (path / "v_0" / "zarr.json").write_text(json.dumps(about))
    elif harm == "manifest":
        del header["attributes"]["gbar"]["manifest"]["space"]
        (path / "zarr.json").write_text(json.dumps(header))
    with pytest.raises(DatasetError) as raised:
        open_dataset(path).read()
    assert "\n" not in str(raised.value) and str(path) in str(raised.value)


def test_a_full_disk_gives_one_line_and_nothing_that_looks_whole(tmp_path):
    code = (
        "import resource, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from test_dataset import *\n"
        "path = Path(sys.argv[2]); writer = create(path, manifest(), ROWS)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n    writer.write(0, *rows(0, BLOCK))\n"
        "except OutputError as error:\n    print(error)\n"
    )
    path = tmp_path / "sims.zarr"
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "cannot be written" in done.stdout and len(done.stdout.splitlines()) == 1
    assert not path.exists() and create(path, manifest(), ROWS).missing[0] == (0, BLOCK)


def test_a_place_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        create(tmp_path / "file" / "sims.zarr", manifest(), 10)
