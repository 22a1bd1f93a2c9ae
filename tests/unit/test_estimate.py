"""The answer: its numbers, and its way to disk and back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gbar.errors import EstimatorError, OutputError
from gbar.estimate import Estimate, from_table
from gbar.parameters import FreeParameter, ParameterSpace

SPACE = ParameterSpace(
    (
        FreeParameter("gna.soma", "S/cm2", 0.01, 1.0, "log"),
        FreeParameter("e.soma", "mV", -90, -50),
        FreeParameter("n", "", 0, 1),
    )
)


@pytest.fixture
def estimate() -> Estimate:
    rng = np.random.default_rng(0)
    samples = SPACE.to_theta(np.clip(rng.normal(0.2, 0.1, (501, 3)), -1, 1))
    noise = {"white": 0.1}
    return Estimate(SPACE, samples, rng.normal(size=501), "network", noise, {"seed": 3}, ("not calibrated, and so on",))


def test_numbers(estimate):
    unit = SPACE.to_unit(estimate.samples)
    np.testing.assert_allclose(SPACE.to_unit(estimate.mean[None])[0], unit.mean(axis=0))
    np.testing.assert_allclose(estimate.sd, unit.std(axis=0))
    np.testing.assert_array_equal(estimate.quantiles([0.5])[0], np.median(estimate.samples, axis=0))
    assert estimate.quantiles().shape == (3, 3) and (np.diff(estimate.quantiles(), axis=0) > 0).all()
    np.testing.assert_array_equal(estimate.best, estimate.samples[estimate.log_prob.argmax()])
    assert len(estimate) == 501


@pytest.mark.parametrize("ending", ["csv", "npz"])
def test_a_table_comes_back_to_the_bit(estimate, tmp_path, ending):
    path = tmp_path / f"samples.{ending}"
    estimate.to_table(path)
    back = from_table(path)
    np.testing.assert_array_equal(back.samples, estimate.samples)
    np.testing.assert_array_equal(back.log_prob, estimate.log_prob)
    assert (back.space, back.kind, back.noise, back.provenance, back.warnings) == (
        SPACE,
        "network",
        {"white": 0.1},
        {"seed": 3},
        estimate.warnings,
    )
    with pytest.raises(OutputError, match="exists"):
        estimate.to_table(path)
    estimate.to_table(path, overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted({path.name, "samples.json"})


def test_units_are_in_the_header_and_the_summary(estimate, tmp_path):
    estimate.to_table(tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text().splitlines()[0] == "gna.soma [S/cm2],e.soma [mV],n,log_prob"
    summary = json.loads((tmp_path / "s.json").read_text())
    first = summary["parameters"][0]
    assert (
        first["unit"] == "S/cm2"
        and first["low"] < first["quantiles"]["5"] < first["mean"] < first["quantiles"]["95"] < first["high"]
    )
    assert summary["samples"] == 501 and summary["warnings"] == list(estimate.warnings)


def harmed(path, harm):
    beside = path.with_suffix(".json")
    text = path.read_bytes()
    if harm == "missing":
        path.unlink()
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "garbage":
        path.write_bytes(bytes(range(256)) * 4)
    elif harm == "cut":
        path.write_bytes(text[: len(text) // 2 + 7])
    elif harm == "column":
        path.write_bytes(text.replace(b"S/cm2", b"mS/cm2", 1))
    elif harm == "nan":
        path.write_bytes(b"\n".join([*text.splitlines()[:-1], b"nan,nan,nan,nan"]))
    elif harm == "no summary":
        beside.unlink()
    elif harm == "summary":
        beside.write_text("[1, 2]")
    elif harm == "space":
        beside.write_text(beside.read_text().replace('"scale": "log"', '"scale": "cubic"'))


@pytest.mark.parametrize(
    "harm", ["missing", "empty", "garbage", "cut", "column", "nan", "no summary", "summary", "space"]
)
def test_a_damaged_csv_gives_one_line(estimate, tmp_path, harm):
    path = tmp_path / "s.csv"
    estimate.to_table(path)
    harmed(path, harm)
    with pytest.raises(EstimatorError) as raised:
        from_table(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("harm", ["missing", "empty", "garbage", "cut"])
def test_a_damaged_npz_gives_one_line(estimate, tmp_path, harm):
    path = tmp_path / "s.npz"
    estimate.to_table(path)
    harmed(path, harm)
    with pytest.raises(EstimatorError):
        from_table(path)


def test_objects_in_an_npz_are_not_unpickled(tmp_path):
    path = tmp_path / "s.npz"
    np.savez(
        path, samples=np.array([{"a": 1}], dtype=object), log_prob=np.zeros(1), about=np.frombuffer(b"{}", np.uint8)
    )
    with pytest.raises(EstimatorError):
        from_table(path)


def test_where_it_cannot_be_written(estimate, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "s.csv", tmp_path / "s.xlsx"):
        with pytest.raises(OutputError):
            estimate.to_table(path)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_contract_of_six_fields_still_makes_an_estimate(estimate):
    plain = Estimate(SPACE, estimate.samples, estimate.log_prob, "optimiser", {}, {})
    assert plain.warnings == () and replace(plain, warnings=("a",)).warnings == ("a",)
