"""Rows streamed from a store: each once an epoch, mixed, the same bits for the same seed, read block by block."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from gbar.dataset import INT16, Dataset, Layout, Manifest, create, open_dataset
from gbar.errors import DatasetError, ParameterError
from gbar.learn import stream
from gbar.learn.networks import Architecture
from gbar.learn.rows import Data, sizes
from gbar.learn.stream import Stream, ahead, mixed, rebatched
from gbar.learn.training import Schedule, regress_on
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Protocol, Step, Stimulus
from gbar.traces import Status, Traces

BLOCK, ROWS, SAMPLES = 16, 330, 64
SPACE = ParameterSpace((FreeParameter("gna.soma", "S/cm2", 0.0, 1.0), FreeParameter("gk.soma", "S/cm2", 0.0, 1.0)))
FAILED = 37
PROTOCOL = Protocol((Stimulus("step", Step(1.0, 2.0, 0.5), duration=0.1 * (SAMPLES - 1), sampling=0.1),)).to_json()


def voltages(unit: np.ndarray) -> np.ndarray:
    """Sinusoids of which frequency and height are the parameters."""
    t = np.linspace(0, 1, SAMPLES)
    return (-60 + (10 + 5 * unit[:, 1:]) * np.sin(2 * np.pi * (3 + unit[:, :1]) * t))[:, None].astype(np.float32)


def store(path: Path, spoilt: int | None = None) -> Dataset:
    manifest = Manifest("sphere", "0" * 64, SPACE, PROTOCOL, ("soma",), (Layout("step", SAMPLES, 0.1),), 7, block=BLOCK)
    with create(path, replace(manifest, storage=INT16), ROWS) as writer:
        for start, stop in writer.missing:
            theta = SPACE.draw(7, start, stop)
            v, status = voltages(SPACE.to_unit(theta)), np.zeros(stop - start, np.uint8)
            if start <= FAILED < stop:
                status[FAILED - start], v[FAILED - start, 0, 9:] = Status.NON_FINITE, np.nan
            if spoilt is not None and start <= spoilt < stop:
                v[spoilt - start, 0, 9] = np.nan
            writer.write(start, theta, Traces((v,), (0.1,), status), np.zeros((stop - start, 1), int))
        return writer.finish()


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Dataset:
    return store(tmp_path_factory.mktemp("store") / "toy.zarr")


def see(traces: Traces) -> np.ndarray:
    return traces.v[0]


def white(rows: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((rows, 1, SAMPLES), dtype=np.float32)


def small(data: Dataset, **changes) -> Stream:
    """A stream whose pool holds no more than four blocks."""
    return Stream(data, see, **{"pool": 0, "batch": 10} | changes)


def drawn(of: Stream) -> tuple[np.ndarray, np.ndarray]:
    v, unit = zip(*of, strict=True)
    return torch.cat(v).numpy(), torch.cat(unit).numpy()


def rows_of(unit: np.ndarray, data: Dataset) -> list[int]:
    """Which rows of the store these parameters are."""
    known = {row.tobytes(): i for i, row in enumerate(data.unit.astype(np.float32))}
    return [known[row.tobytes()] for row in unit]


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_every_usable_row_of_a_part_comes_once_with_its_own_parameters(data, part):
    v, unit = drawn(small(data, part=part))
    rows = rows_of(unit, data)
    assert sorted(rows) == getattr(data.split, part).tolist() and FAILED not in rows
    np.testing.assert_array_equal(v, data.read(rows).v[0])
    assert (rows == sorted(rows)) == (part != "train")


def test_the_bits_depend_on_seed_and_epoch_alone(data):
    first = drawn(small(data, noise=white, seed=3, epoch=5))
    for readers in (1, 4):
        again = drawn(small(data, noise=white, seed=3, epoch=5, readers=readers))
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    for changed in ({"seed": 4, "epoch": 5}, {"seed": 3, "epoch": 6}):
        other = drawn(small(data, noise=white, **changed))
        assert not np.array_equal(first[1], other[1])
        assert sorted(rows_of(first[1], data)) == sorted(rows_of(other[1], data))


def test_late_readers_change_nothing(data, monkeypatch):
    calm = drawn(small(data, noise=white))
    read, delays = Dataset.read, np.random.default_rng(0)

    def late(self, rows):
        time.sleep(float(delays.uniform(0, 0.01)))
        return read(self, rows)

    monkeypatch.setattr(Dataset, "read", late)
    np.testing.assert_array_equal(drawn(small(data, noise=white, readers=4))[0], calm[0])


def test_rows_of_many_blocks_are_mixed(data):
    of = small(data)
    assert of.slots == 4 * BLOCK
    _, unit = drawn(of)
    blocks = np.array(rows_of(unit, data)) // BLOCK
    batches = np.split(blocks, np.cumsum(sizes(len(blocks), 10))[:-1])
    assert np.mean([len(set(some)) for some in batches]) > 3.0  # of at most about 5 in the pool
    visited = np.diff(np.array(rows_of(unit, data)))
    assert (visited == 1).mean() < 0.1 and len(set(blocks[:50])) > 3


def test_blocks_are_read_whole_and_once_an_epoch(data, monkeypatch):
    pieces: list[slice] = []
    read = Dataset.read
    monkeypatch.setattr(Dataset, "read", lambda self, rows: (pieces.append(rows), read(self, rows))[1])
    of = small(data)
    assert of.shape == (1, SAMPLES)
    orders = []
    for epoch in (0, 1):
        pieces.clear()
        drawn(replace(of, epoch=epoch, readers=1))
        orders.append([(p.start, p.stop) for p in pieces if p.stop > 1])
        assert sorted(orders[-1]) == list(data.blocks)
    assert orders[0] != orders[1] and list(data.blocks) not in orders


def test_no_more_is_read_than_the_pool_and_a_few_blocks_ahead(data, monkeypatch):
    count = [0]
    read = Dataset.read

    def counted(self, rows):
        count[0] += 1
        return read(self, rows)

    of = small(data, readers=2)
    assert of.shape
    monkeypatch.setattr(Dataset, "read", counted)
    batches = iter(of)
    next(batches)
    time.sleep(0.2)
    assert count[0] <= of.slots // (0.8 * BLOCK) + 2 + 2 * of.readers < len(data.blocks)
    batches.close()


def test_readers_end_with_the_loop_that_is_left(data):
    for _ in small(data):
        break
    for _ in range(100):
        if not [t for t in threading.enumerate() if t.name.startswith("gbar reader")]:
            return
        time.sleep(0.02)
    raise AssertionError("readers go on")


def test_noise_is_fresh_in_every_epoch_and_fixed_for_validation(data):
    def noise(part: str, epoch: int) -> np.ndarray:
        v, unit = drawn(small(data, noise=white, part=part, epoch=epoch))
        order = np.argsort(rows_of(unit, data))
        return (v - data.read(np.sort(rows_of(unit, data))).v[0][np.argsort(order)])[order]

    first, second = noise("train", 0), noise("train", 1)
    assert first.std() == pytest.approx(1.0, abs=0.02) and abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(first[0].ravel(), first[1].ravel())[0, 1]) < 0.5
    np.testing.assert_array_equal(noise("validation", 0), noise("validation", 1))


def test_validation_reads_blocks_spread_over_the_store(data):
    of = small(data, part="validation", scored=8)
    rows = rows_of(drawn(of)[1], data)
    assert 8 <= len(rows) == of.count("validation") < len(data.split.validation)
    assert min(rows) < ROWS / 4 and max(rows) > ROWS / 2 and set(rows) <= set(data.split.validation)
    assert len(list(of)) == len(of)


def test_a_trace_that_is_not_finite_is_named(tmp_path):
    data = store(tmp_path / "toy.zarr", spoilt=203)
    with pytest.raises(DatasetError, match=r"toy\.zarr: the trace of row 203 is not finite"):
        drawn(small(data))


def test_a_damaged_block_is_one_line(tmp_path):
    data = store(tmp_path / "toy.zarr")
    chunk = tmp_path / "toy.zarr" / "v_0" / "c.7.0.0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 255
    chunk.write_bytes(content)
    with pytest.raises(DatasetError, match=r"toy\.zarr: it is damaged .*gbar data check"):
        drawn(small(open_dataset(data.path)))


def test_too_few_rows_are_refused(data, monkeypatch):
    monkeypatch.setattr(Dataset, "usable", property(lambda self: np.arange(len(self)) < 5))
    with pytest.raises(DatasetError, match="5 rows are too few to train on; simulate more"):
        small(data)


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("batch", 0, 1), ("batch", -3, 1), ("readers", 0, 1), ("seed", -1, 0), ("epoch", -1, 0), ("scored", 0, 1)],
)
def test_numbers_that_are_too_small_are_refused(data, name, value, least):
    with pytest.raises(ParameterError) as caught:
        small(data, **{name: value})
    assert str(caught.value) == f"a stream with {name}={value}; give {name} as a whole number of {least} or more"


def two(traces: Traces) -> np.ndarray:
    return np.repeat(traces.v[0], 2, axis=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_for_another_number_of_channels_is_refused(data, channels):
    def noise(rows: int, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((rows, channels, SAMPLES), dtype=np.float32)

    number = (
        f"the network sees 2 channels, the noise has {channels}; give noise for a channel of each stimulus and site"
    )
    with pytest.raises(ParameterError, match=number):
        drawn(Stream(data, two, noise))


def test_shapes_that_do_not_fit_are_named(data):
    with pytest.raises(
        ParameterError, match=r"sees \(rows, channels, samples\) of \(\d+, 2, 64\), the noise has \(1,\)"
    ):
        drawn(Stream(data, two, lambda rows, rng: np.zeros(1, np.float32)))
    with pytest.raises(ParameterError, match=r"`see` makes an array of shape \(\d+, 64\) of \d+ rows; let it make"):
        drawn(Stream(data, lambda traces: traces.v[0][:, 0]))


def test_torch_loads_it_with_one_process_and_is_told_not_to_use_more(data, monkeypatch):
    loaded = [unit for _, unit in DataLoader(small(data), batch_size=None)]
    np.testing.assert_array_equal(torch.cat(loaded).numpy(), drawn(small(data))[1])
    monkeypatch.setattr(stream, "get_worker_info", lambda: SimpleNamespace(num_workers=3))
    with pytest.raises(DatasetError, match="each of 3 workers would read the whole store; use num_workers=0"):
        iter(small(data))


SCHEDULE = Schedule(epochs=16, batch=16, rate=4e-3, threads=1)
NETWORK = Architecture("trace", 1, SAMPLES, 2, width=4, hidden=16)


def test_a_network_learns_from_a_stream_as_from_memory(data):
    keep = np.flatnonzero(data.usable)
    place = np.cumsum(data.usable) - 1
    split = replace(data.split, **{part: place[rows] for part, rows in vars(data.split).items()})
    memory = Data(data.read(keep).v[0], data.unit[keep], split, None, 0)
    streamed, there = (regress_on(of, architecture=NETWORK, schedule=SCHEDULE) for of in (small(data), memory))
    assert (streamed.error < 0.08).all() and (there.error < 0.08).all()  # the mean alone: 0.333
    assert len(streamed.history.loss) == 16


class KilledError(Exception):
    pass


def test_a_killed_training_on_a_stream_goes_on_to_the_same_bits(data, tmp_path):
    given = {"architecture": NETWORK, "schedule": replace(SCHEDULE, epochs=4), "checkpoint": tmp_path / "c"}

    def kill(epoch):
        if epoch.number == 2:
            raise KilledError

    with pytest.raises(KilledError):
        regress_on(small(data, noise=white), **given, progress=kill)
    resumed = regress_on(small(data, noise=white, readers=1), **given)
    whole = regress_on(small(data, noise=white), **{**given, "checkpoint": None})
    assert resumed.history.loss == whole.history.loss and len(whole.history.loss) == 4
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name]), name


def test_what_tells_one_stream_from_another(data, tmp_path):
    other = store(tmp_path / "other.zarr", spoilt=None)
    assert small(data).identity() == small(other).identity()
    assert small(data).identity() != small(data, pool=2**20).identity()
    assert small(data).identity() != Stream(data, lambda traces: see(traces) + 1, pool=0).identity()


def test_pieces_are_cut_into_batches():
    def pieces(*lengths):
        at = np.cumsum([0, *lengths])
        return iter([(np.arange(a, b)[:, None], np.arange(a, b)) for a, b in pairwise(at)])

    for lengths, most in (((3, 4, 3), 4), ((10,), 3), ((1,) * 9, 4), ((2, 0, 5), 7), ((), 5)):
        cut = list(rebatched(pieces(*lengths), sizes(sum(lengths), most)))
        assert [len(v) for v, _ in cut] == sizes(sum(lengths), most) and all(len(v) <= most for v, _ in cut)
        together = [int(x) for _, unit in cut for x in unit]
        assert together == list(range(sum(lengths))) == [int(x) for v, _ in cut for x in v[:, 0]]


def test_a_pool_keeps_every_row():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 9, 40)
    at = np.cumsum([0, *lengths])
    pieces = [(np.arange(a, b, dtype=np.float32)[:, None, None], np.arange(a, b)[:, None]) for a, b in pairwise(at)]
    for slots in (8, 20, 1000):
        out = list(mixed(iter(pieces), slots, np.random.default_rng(1)))
        rows = np.concatenate([unit[:, 0] for _, unit in out])
        assert sorted(rows) == list(range(at[-1])) and (rows != np.arange(at[-1])).any()
        np.testing.assert_array_equal(np.concatenate([v[:, 0, 0] for v, _ in out]), rows)


def test_results_come_in_order_and_a_failure_in_its_place():
    def job(number: int):
        def run() -> int:
            time.sleep(0.01 * (number % 3))
            if number == 5:
                raise KilledError
            return number

        return run

    assert list(ahead([job(n) for n in range(5)], 3)) == [0, 1, 2, 3, 4]
    results = ahead([job(n) for n in range(9)], 3)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(KilledError):
        next(results)


def test_what_has_not_begun_is_not_done_once_nobody_looks():
    begun: list[int] = []
    go_on = threading.Event()

    def job(number: int):
        def run() -> int:
            begun.append(number)
            assert number == 0 or go_on.wait(30)
            return number

        return run

    results = ahead([job(n) for n in range(9)], 1)
    assert next(results) == 0
    threading.Timer(0.5, go_on.set).start()
    results.close()
    assert begun in ([0], [0, 1])
