"""`gbar data check`: damage is found by its checksum, and made anew alone."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import read_cell
from gbar.cli import run
from gbar.dataset import find_damage, open_dataset
from gbar.dataset.layout import fingerprint
from gbar.errors import DatasetError, ParameterError
from gbar.workflows.repair import check_dataset
from gbar.workflows.simulate import simulate_dataset

ROWS, BLOCK = 150, 64


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "whole.zarr"
    simulate_dataset("sphere", path, rows=ROWS, block=BLOCK, threads=1)
    return path


@pytest.fixture
def store(whole, tmp_path) -> Path:
    return shutil.copytree(whole, tmp_path / "sims.zarr")


def contents(path: Path) -> dict[str, str]:
    """The digest of every file of a store."""
    files = (file for file in sorted(path.rglob("*")) if file.is_file())
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(data)


def test_a_whole_store_is_found_whole(store, capsys):
    assert run(["data", "check", str(store)]) == 0
    assert "150 rows, every chunk is whole" in capsys.readouterr().err


def damaged(store: Path, harm: str) -> set[str]:
    """Does harm; returns the arrays and blocks that are to be made anew."""
    if harm == "flipped":
        flip(store / "v_0" / "c.1.0.0")
    elif harm == "emptied":
        (store / "v_0" / "c.1.0.0").write_bytes(b"")
    elif harm == "two":
        (store / "spikes" / "c.1.0").unlink()
        flip(store / "unit" / "c.2.0")
        return {"1", "2"}
    elif harm == "theta":
        flip(store / "theta" / "c.1.0")
    elif harm == "status":
        flip(store / "status" / "c.1")
    elif harm == "coordinate":
        (store / "site" / "zarr.json").write_text("{")
        (store / "time_0" / "c" / "0").unlink()
        return set()
    return {"1"}


@pytest.mark.parametrize("harm", ["flipped", "emptied", "two", "theta", "status", "coordinate"])
def test_damage_is_found_and_made_anew_alone(whole, store, harm):
    blocks = damaged(store, harm)
    times = {file: file.stat().st_mtime_ns for file in store.glob("*/c.*")}
    assert len(times) == 3 * 7 or harm in ("two",)  # every array's chunks, one of which is gone
    with pytest.raises(DatasetError, match=r"add --repair") as refused:
        check_dataset(store)
    assert str(store) in str(refused.value) and "\n" not in str(refused.value)
    repaired = check_dataset(store, repair=True, threads=1)
    assert {str(one.start // BLOCK) for one in repaired if one.stop} == blocks
    assert contents(store) == contents(whole)
    assert find_damage(store) == ()
    again = {file.name.split(".")[1] for file in times if file.stat().st_mtime_ns != times[file]}
    assert again == blocks


def test_a_repair_that_was_killed_goes_on(whole, store, monkeypatch):
    damaged(store, "two")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr("gbar.workflows.repair.fill", killed)
        with pytest.raises(KeyboardInterrupt):
            check_dataset(store, repair=True)
    with pytest.raises(DatasetError, match="rows are missing from it; try gbar data check"):
        open_dataset(store)
    check_dataset(store, repair=True)
    assert contents(store) == contents(whole)


def test_chunks_of_other_parameters_are_damage(store):
    shutil.copy(store / "theta" / "c.1.0", store / "theta" / "c.0.0")
    assert [str(one) for one in find_damage(store)] == ["unit of rows 0 to 63 is not that of theta"]
    check_dataset(store, repair=True)
    assert find_damage(store) == ()


@pytest.mark.parametrize("harm", ["scale", "manifest", "separator"])
def test_what_says_how_to_read_it_is_not_repaired(store, harm, capsys):
    file = store / ("zarr.json" if harm == "manifest" else "v_0/zarr.json")
    about = json.loads(file.read_text())
    if harm == "scale":
        about["attributes"]["scale_factor"] *= 2
    elif harm == "separator":
        about["chunk_key_encoding"]["configuration"]["separator"] = "/"
    else:
        about["attributes"]["gbar"]["manifest"]["seed"] = 7
    file.write_text(json.dumps(about))
    before = contents(store)
    assert run(["data", "check", str(store), "--repair"]) == 2
    told = capsys.readouterr().err
    assert "simulate again" in told and "try gbar data check" not in told and contents(store) == before


def test_parameters_of_a_table_are_repaired_with_the_table(tmp_path):
    table, other, store = tmp_path / "sets.csv", tmp_path / "other.csv", tmp_path / "sims.zarr"
    lines = [f"{0.1 + 0.001 * i},0.036" for i in range(70)]
    table.write_text("\n".join(["gnabar_hh.soma [S/cm2],gkbar_hh.soma [S/cm2]", *lines]))
    other.write_text(table.read_text().replace("0.036", "0.037"))
    simulate_dataset("sphere", store, design=f"table:{table}", block=64)
    whole = contents(store)
    (store / "theta" / "c.1.0").unlink()
    flip(store / "v_0" / "c.0.0.0")
    harmed = contents(store)
    for given, said in ((None, "name it: --table FILE.csv"), (other, "not the table that the rows were made of")):
        with pytest.raises(ParameterError, match=said):
            check_dataset(store, repair=True, table=given)
        assert contents(store) == harmed
    check_dataset(store, repair=True, table=table)
    assert contents(store) == whole


def test_a_cell_that_does_not_ship_is_asked_for(tmp_path):
    cell = replace(read_cell("sphere"), name="mine")
    data = simulate_dataset(cell, tmp_path / "sims.zarr", rows=5)
    flip(data.path / "v_0" / "c.0.0.0")
    with pytest.raises(DatasetError, match="a cell called mine that does not ship; name the file of that cell: --cell"):
        check_dataset(data.path, repair=True)
    check_dataset(data.path, repair=True, cell=cell)


def test_another_cell_is_refused_by_name(store):
    flip(store / "v_0" / "c.1.0.0")
    before = contents(store)
    cell = read_cell("sphere")
    hotter = replace(cell, temperature=cell.temperature + 1)
    with pytest.raises(DatasetError, match=r"celsius 6\.3 degC, not 7\.3 degC; name the cell"):
        check_dataset(store, repair=True, cell=hotter)
    with pytest.raises(DatasetError, match="cell sphere, not ballstick7"):
        check_dataset(store, repair=True, cell="ballstick7")
    assert contents(store) == before


def test_another_version_is_refused(store):
    header = json.loads((store / "zarr.json").read_text())
    told = header["attributes"]["gbar"]
    told["manifest"]["versions"]["gbar"] = "0.0.9"
    told["digest"] = fingerprint(told["manifest"], told["rows"])
    (store / "zarr.json").write_text(json.dumps(header))
    assert len(open_dataset(store)) == ROWS  # reading asks for nothing
    flip(store / "v_0" / "c.1.0.0")
    with pytest.raises(DatasetError, match=r"begun by gbar 0\.0\.9, this is gbar"):
        check_dataset(store, repair=True)
    header["attributes"]["gbar"]["format"] = 1
    (store / "zarr.json").write_text(json.dumps(header))
    for read in (open_dataset, check_dataset):
        with pytest.raises(DatasetError, match=r"another version of gbar \(0\.0\.9, format 1; this one reads 4\)"):
            read(store)


def test_traces_that_were_never_stored_are_damage(store):
    import zarr

    array = zarr.open_group(store, mode="r+")["v_0"]
    values = array[:BLOCK]
    values[5] = -32768
    array[:BLOCK] = values  # with a checksum that is right
    assert [str(one) for one in find_damage(store)] == ["v_0 of rows 0 to 63 lacks traces"]
    assert np.isfinite(open_dataset(store).theta).all()
