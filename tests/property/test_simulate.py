"""Row i of a simulation depends on row i alone; failures stay where they are."""

from __future__ import annotations

import time
from itertools import pairwise
from threading import Lock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gbar.cell import read_cell
from gbar.errors import ParameterError
from gbar.kernel.build import Kernel, build
from gbar.protocol import Protocol, Step, Stimulus
from gbar.simulate import simulate, simulate_blocks, simulate_parts
from gbar.traces import Status, Traces

ROWS = 150
STEP = Stimulus("step", Step(delay=1.0, duration=20.0, amplitude=0.4), duration=20.0, sampling=0.05)
WARM = Stimulus("warm", Step(delay=0.0, duration=5.0, amplitude=0.2), duration=10.0, warm_up=3.0, warm_up_current=0.1)
PROTOCOL = Protocol((STEP, WARM))
relaxed = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=["float32", "float64"])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return build(read_cell("sphere"), request.param)


@pytest.fixture(scope="module")
def theta() -> np.ndarray:
    return read_cell("sphere").space.draw(3, 0, ROWS)


@pytest.fixture(scope="module")
def whole(kernel: Kernel, theta: np.ndarray) -> tuple[np.ndarray, ...]:
    return simulate(kernel, theta, PROTOCOL, threads=1).v


@relaxed
@given(data=st.data())
def test_rows_are_the_same_in_any_batch_order_and_number_of_threads(
    data: st.DataObject, kernel: Kernel, theta: np.ndarray, whole: tuple[np.ndarray, ...]
) -> None:
    rows = np.array(data.draw(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=ROWS)))
    threads = data.draw(st.integers(1, 3))
    traces = simulate(kernel, theta[rows], PROTOCOL, threads=threads)
    assert traces.v[0].dtype == kernel.dtype
    for v, expected in zip(traces.v, whole, strict=True):
        assert np.array_equal(v, expected[rows])


@pytest.mark.parametrize("lanes", [16, 32, 64])
def test_rows_are_the_same_in_blocks_of_any_width(
    lanes: int, kernel: Kernel, theta: np.ndarray, whole: tuple[np.ndarray, ...]
) -> None:
    fixed = build(kernel.compartments, kernel.precision, lanes=lanes)
    for rows in (slice(None), slice(7, 8), slice(40, 105)):
        traces = simulate(fixed, theta[rows], PROTOCOL, threads=1)
        assert all(np.array_equal(v, expected[rows]) for v, expected in zip(traces.v, whole, strict=True))


@relaxed
@given(rows=st.integers(1, 2 * ROWS), threads=st.integers(1, 2))
def test_streaming_gives_the_same_rows(
    rows: int, threads: int, kernel: Kernel, theta: np.ndarray, whole: tuple[np.ndarray, ...]
) -> None:
    seen = 0
    calls: list[tuple[int, int]] = []
    for part, traces in simulate_blocks(
        kernel, theta, PROTOCOL, rows=rows, threads=threads, progress=lambda *x: calls.append(x)
    ):
        assert part.start == seen and len(traces) == part.stop - part.start <= rows
        assert all(np.array_equal(v, expected[part]) for v, expected in zip(traces.v, whole, strict=True))
        seen = part.stop
    assert seen == ROWS and calls[-1] == (ROWS, ROWS)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


@relaxed
@given(cuts=st.lists(st.integers(1, ROWS - 1), unique=True), threads=st.integers(1, 3))
def test_parts_are_handed_on_with_the_same_rows(
    cuts: list[int], threads: int, kernel: Kernel, theta: np.ndarray, whole: tuple[np.ndarray, ...]
) -> None:
    ends = [0, *sorted(cuts), ROWS]
    parts = list(pairwise(ends))
    seen, calls = [], list[tuple[int, int]]()

    def then(start: int, given: np.ndarray, traces: Traces) -> None:
        part = slice(start, start + len(traces))
        assert np.array_equal(given, theta[part]) and not traces.status.any()
        assert all(np.array_equal(v, expected[part]) for v, expected in zip(traces.v, whole, strict=True))
        seen.append((part.start, part.stop))

    def draw(start: int, stop: int) -> np.ndarray:
        return theta[start:stop]

    simulate_parts(kernel, parts, draw, PROTOCOL, then, threads=threads, progress=lambda *x: calls.append(x))
    assert sorted(seen) == parts and calls[-1] == (ROWS, ROWS)


def test_traces_are_lent_until_they_have_been_taken(kernel: Kernel, theta: np.ndarray) -> None:
    """Whoever takes them may be slow: nobody writes into them meanwhile, and no more parts are begun than before."""
    rows, lock, held, most = kernel.lanes, Lock(), 0, 0

    def draw(start: int, stop: int) -> np.ndarray:
        nonlocal held, most
        with lock:
            held += 1
            most = max(most, held)
        return theta[:rows] * (1.0 + 0.001 * start)

    def then(start: int, given: np.ndarray, traces: Traces) -> None:
        nonlocal held
        before = [v.copy() for v in traces.v]
        time.sleep(0.002 * (start % 3))
        assert all(np.array_equal(v, copy) for v, copy in zip(traces.v, before, strict=True))
        with lock:
            held -= 1

    parts = [(start, start + rows) for start in range(0, 60 * rows, rows)]
    simulate_parts(kernel, parts, draw, Protocol((WARM,)), then, threads=4)
    assert held == 0 and most <= 10


def test_few_parts_are_in_memory_at_a_time(kernel: Kernel, theta: np.ndarray) -> None:
    """No part is begun long before the threads are free for it: what is drawn and not handed on stays bounded."""
    drawn, ended, most = 0, 0, 0
    rows = kernel.lanes

    def draw(start: int, stop: int) -> np.ndarray:
        nonlocal drawn, most
        drawn += 1
        most = max(most, drawn - ended)
        return theta[:rows]

    def then(start: int, given: np.ndarray, traces: Traces) -> None:
        nonlocal ended
        ended += 1

    parts = [(start, start + rows) for start in range(0, 40 * rows, rows)]
    simulate_parts(kernel, parts, draw, PROTOCOL, then, threads=2)
    assert ended == 40 and most <= 6


def test_what_is_raised_by_those_who_take_the_parts_ends_it(kernel: Kernel, theta: np.ndarray) -> None:
    taken = []

    def then(start: int, given: np.ndarray, traces: Traces) -> None:
        taken.append(start)
        raise OSError("the disk is full")

    parts = [(start, start + 1) for start in range(ROWS)]
    with pytest.raises(OSError, match="full"):
        simulate_parts(kernel, parts, lambda a, b: theta[a:b], PROTOCOL, then, threads=2)
    assert len(taken) < 10
    simulate_parts(kernel, [], lambda a, b: theta[a:b], PROTOCOL, then)  # no rows are no error


def test_samples_and_times(kernel: Kernel, theta: np.ndarray) -> None:
    fine = Stimulus("fine", STEP.waveform, duration=20.0)
    coarse, every = (simulate(kernel, theta[:3], Protocol((s,)), threads=1) for s in (STEP, fine))
    assert coarse.v[0].shape == (3, 1, 401) and every.v[0].shape == (3, 1, 801)
    assert coarse.sampling == (0.05,) and np.array_equal(coarse.v[0], every.v[0][:, :, ::2])
    assert (every.v[0][:, 0, 0] == -65.0).all()


def test_a_bad_row_harms_no_other(kernel: Kernel, theta: np.ndarray, whole: tuple[np.ndarray, ...]) -> None:
    bad = theta.copy()
    bad[5] = [-1e3, 0.036]  # an unstable membrane
    bad[77] = [1e308, 0.036]  # infinite in float32; in float64 it holds v at ena, beyond the 1e9 S/cm2 of hh.mod
    traces = simulate(kernel, bad, PROTOCOL, threads=2)
    assert traces.status[5] == Status.OUT_OF_RANGE
    assert traces.status[77] == (Status.NON_FINITE if kernel.precision == "float32" else Status.OUT_OF_RANGE)
    good = np.setdiff1d(np.arange(ROWS), [5, 77])
    assert not traces.status[good].any()
    for v, expected in zip(traces.v, whole, strict=True):
        assert np.array_equal(v[good], expected[good])


def test_values_outside_the_prior_are_simulated_and_senseless_ones_refused(kernel: Kernel, theta: np.ndarray) -> None:
    outside = theta[:2] * 3.0
    assert not simulate(kernel, outside, PROTOCOL, threads=1).status.any()
    outside[1, 1] = np.nan
    with pytest.raises(ParameterError, match=r"gkbar_hh.soma\[1\] = nan S/cm2 is not finite"):
        simulate(kernel, outside, PROTOCOL)
    with pytest.raises(ParameterError, match="shape"):
        simulate(kernel, theta[:, :1], PROTOCOL)


def test_no_rows_are_no_error(kernel: Kernel, theta: np.ndarray) -> None:
    traces = simulate(kernel, theta[:0], PROTOCOL)
    assert len(traces) == 0 and traces.v[0].shape == (0, 1, 401)


def test_an_interrupt_stops_it(kernel: Kernel, theta: np.ndarray) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    many = np.repeat(theta, 20, axis=0)
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        simulate(kernel, many, PROTOCOL, threads=2, progress=interrupt)
    assert simulate(kernel, many[:64], PROTOCOL, threads=2, progress=lambda d, _: done.append(d)).status.sum() == 0
    assert done[-1] == 64
