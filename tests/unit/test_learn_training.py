"""The training loop: it learns, repeats itself bit for bit, stops early, and goes on where it was killed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gbar.dataset import split_rows
from gbar.errors import DatasetError, EstimatorError, OutputError
from gbar.learn import training
from gbar.learn.networks import Architecture, build_network
from gbar.learn.training import Schedule, rate_at, regress, schedule_for

QUICK = Schedule(epochs=6, batch=64, threads=1)
SMALL = Architecture("trace", 1, 128, 2, width=4, hidden=16)


def toy(rows: int = 300, samples: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Sinusoids whose frequency and height are to be found again."""
    unit = np.random.default_rng(1).uniform(-1, 1, (rows, 2))
    t = np.linspace(0, 1, samples)
    v = -60 + (10 + 5 * unit[:, 1:]) * np.sin(2 * np.pi * (3 + unit[:, :1]) * t)
    return v[:, None].astype(np.float32), unit


def white(sd: float, shape: tuple[int, int]):
    return lambda rows, rng: sd * rng.standard_normal((rows, *shape), dtype=np.float32)


def test_it_learns_and_scores_test_rows_per_parameter():
    v, unit = toy()
    found = regress(v, unit, architecture=SMALL, schedule=Schedule(epochs=40, batch=16, rate=4e-3, threads=1))
    assert found.error.shape == (2,) and (found.error < 0.01).all()  # the mean alone: 0.333
    assert (
        found.architecture == SMALL
        and regress(v[:50], unit[:50], schedule=Schedule(epochs=1, threads=1)).architecture.width == 16
    )
    test = split_rows(300).test
    with torch.no_grad():
        error = (found.network(torch.from_numpy(v[test])).numpy() - unit[test]) ** 2
    np.testing.assert_allclose(found.error, error.mean(axis=0), rtol=1e-4)


def test_test_rows_are_never_learned_from():
    v, unit = toy()
    spoilt = unit.copy()
    spoilt[split_rows(300).test] = 0.5
    first, second = (regress(v, u, architecture=SMALL, schedule=QUICK).network.state_dict() for u in (unit, spoilt))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    v, unit = toy()
    noise = white(1.0, v.shape[1:])
    first, again, other = (
        regress(v, unit, architecture=SMALL, schedule=QUICK, seed=seed, noise=noise).network.state_dict()["head.weight"]
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_noise_is_fresh_in_every_epoch_and_fixed_for_validation():
    v, unit = toy(200)
    drawn: list[np.ndarray] = []

    def noise(rows, rng):
        drawn.append(white(1.0, v.shape[1:])(rows, rng))
        return drawn[-1]

    regress(v, unit, schedule=Schedule(epochs=2, batch=1000, threads=1), noise=noise)
    first, validation, second, again, _ = drawn
    assert first.shape == second.shape and not np.array_equal(first, second)
    np.testing.assert_array_equal(validation, again)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path, dropout):
    v, unit = toy(samples=243)
    given = {"architecture": Architecture("talk", 1, 243, 2, dropout=dropout), "schedule": QUICK, "seed": 3}
    given["noise"] = white(0.1, v.shape[1:])
    whole = regress(v, unit, **given)

    def kill(epoch):
        if epoch.number == 3:
            raise KilledError

    with pytest.raises(KilledError):
        regress(v, unit, **given, checkpoint=tmp_path / "c.safetensors", progress=kill)
    seen = []
    resumed = regress(v, unit, **given, checkpoint=tmp_path / "c.safetensors", progress=seen.append)
    assert [epoch.number for epoch in seen] == [4, 5, 6]
    assert resumed.history.loss == whole.history.loss and resumed.history.validation == whole.history.validation
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name]), name
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(tmp_path):
    v, unit = toy(200)
    path = tmp_path / "c.safetensors"
    regress(v, unit, architecture=SMALL, schedule=QUICK, checkpoint=path)
    with pytest.raises(EstimatorError, match="another training"):
        regress(v, unit, architecture=SMALL, schedule=QUICK, seed=1, checkpoint=path)
    with pytest.raises(EstimatorError, match="another training"):
        regress(v + 1, unit, schedule=QUICK, checkpoint=path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(EstimatorError, match="cannot be resumed"):
        regress(v, unit, architecture=SMALL, schedule=QUICK, checkpoint=path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        regress(v, unit, architecture=SMALL, schedule=QUICK, checkpoint=tmp_path / "file" / "c.safetensors")


def test_a_checkpoint_knows_its_data_and_what_it_is_told(tmp_path):
    v, unit = toy(60)
    given = {"architecture": SMALL, "schedule": Schedule(epochs=1, threads=1), "checkpoint": tmp_path / "c"}
    regress(v, unit, **given, identity={"noise": {"white": 0.1}})
    regress(v, unit, **given, identity={"noise": {"white": 0.1}})
    other_v, other_unit = v.copy(), unit.copy()
    other_v[7, 0, 3] += 1.0
    other_unit[7, 1] += 1e-3
    for *data, white_sd in ((v, unit, 0.2), (other_v, unit, 0.1), (v, other_unit, 0.1)):
        with pytest.raises(EstimatorError, match="another training"):
            regress(*data, **given, identity={"noise": {"white": white_sd}})


def test_early_stopping_restores_the_best_weights():
    v, unit = toy(60)
    noisy = unit + np.random.default_rng(0).normal(0, 0.5, unit.shape)  # to be overfitted
    data = training.Data(v, noisy, split_rows(60), None, 0)
    network = build_network(SMALL, 0)
    schedule = Schedule(epochs=80, batch=8, patience=5, average=0.0, threads=1)
    history = training.train(network, data, training.squared_error, schedule)
    assert len(history.loss) == history.best + 5 < 80
    rows = data.split.validation
    with torch.no_grad():
        now = training.squared_error(network, torch.from_numpy(v[rows]), torch.from_numpy(noisy[rows]).float())
    assert float(now.mean()) == pytest.approx(min(history.validation), rel=1e-5)


def test_the_rate_rises_and_falls():
    rates = [rate_at(share, 2e-3) for share in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(2e-3) and np.argmax(rates) == 20
    assert rates[0] < 1e-4 and 0 < rates[-1] < 1e-6
    assert (np.diff(rates[:21]) > 0).all() and (np.diff(rates[20:]) < 0).all()


def test_progress_tells_the_time_left():
    v, unit = toy(100)
    seen = []
    regress(v, unit, architecture=SMALL, schedule=QUICK, progress=seen.append)
    assert [epoch.number for epoch in seen] == [1, 2, 3, 4, 5, 6] and all(epoch.epochs == 6 for epoch in seen)
    assert seen[0].left > 0 and seen[-1].left == 0


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with training.threads_at(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_threads_change_rounding_only():
    v, unit = toy()
    noise = white(0.1, v.shape[1:])
    given = {"architecture": SMALL, "noise": noise}
    schedules = [Schedule(epochs=2, batch=64, threads=n) for n in (1, 2, 3)]
    one, two, three = (regress(v, unit, schedule=s, **given).history.loss for s in schedules)
    np.testing.assert_allclose(two, one, rtol=1e-4)
    np.testing.assert_allclose(three, one, rtol=1e-4)


def test_data_that_cannot_be_learned_from_are_refused():
    v, unit = toy(100)
    broken = v.copy()
    broken[17, 0, 3] = np.nan
    with pytest.raises(DatasetError, match="row 17 is not finite"):
        regress(broken, unit, schedule=QUICK)
    with pytest.raises(DatasetError, match="do not belong together"):
        regress(v, unit[:50], schedule=QUICK)
    with pytest.raises(DatasetError, match="too few"):
        regress(v[:5], unit[:5], schedule=QUICK)
    with pytest.raises(DatasetError, match="parameter"):
        regress(v, np.where(unit > 0.9, np.inf, unit), schedule=QUICK)
    with pytest.raises(EstimatorError, match="diverged"):
        regress(v * 1e30, unit * 1e30, schedule=QUICK)


def test_schedules_shrink_as_data_grow():
    for kind in ("trace", "talk"):
        schedules = [schedule_for(rows, kind) for rows in (100, 3000, 10_000, 20_000, 100_000, 10**6)]
        epochs, batches = [s.epochs for s in schedules], [s.batch for s in schedules]
        assert epochs == sorted(epochs, reverse=True) and batches == sorted(batches) and epochs[-1] >= 10
