"""Every feature against eFEL itself, trace by trace: simulated cells, recordings, and traces made to be awkward."""

from __future__ import annotations

import numpy as np
import pytest
from efel_twin import compare

from gbar.cell import read_cell
from gbar.features import features
from gbar.kernel.build import build
from gbar.protocol import Protocol, Step, Stimulus
from gbar.recordings import read
from gbar.simulate import simulate
from gbar.workflows.measured import window

ON, OFF = 150.0, 650.0
AMPLITUDES = (-0.3, -0.02, 0.0, 0.05, 0.1, 0.2, 0.4, 1.0, 3.0, 12.0)  # nA
DT = 0.025


@pytest.fixture(scope="module")
def steps():
    """A regular-spiking cell and others drawn from the prior: for each amplitude v[row, time], every 0.025 ms."""
    cell = read_cell("pospischil")
    pulses = [
        Stimulus(f"{nA}", Step(delay=ON, duration=OFF - ON, amplitude=nA), 800.0, DT, DT, -70.0) for nA in AMPLITUDES
    ]
    theta = np.concatenate([cell.theta, cell.space.draw(3, 0, 7)])
    return dict(
        zip(AMPLITUDES, (v[:, 0] for v in simulate(build(cell), theta, Protocol(tuple(pulses))).v), strict=True)
    )


@pytest.mark.parametrize("step", [None, 0.1])
@pytest.mark.parametrize("every", [1, 2, 4, 10])
def test_simulated_cells(steps, every, step):
    counts, blocked = set(), 0.0
    for nA, rows in steps.items():
        for v in rows[:: 1 if every == 1 else 3, ::every]:
            found = compare(v, every * DT, (ON, OFF), nA, step)
            counts.add(found["spike_count"])
            blocked += found["depol_block_bool"]
    assert {0.0, 1.0} <= counts  # silent cells and lone spikes are among them
    assert max(counts) > 20
    assert blocked > 0


def test_a_stimulus_from_the_first_to_the_last_sample(steps):
    for nA in (-0.3, 0.4):
        for v in steps[nA]:
            compare(v[6000:26001], DT, (0.0, 500.0), nA)
            compare(v, DT, (0.0, 650.0), nA)
            compare(v, DT, (400.0, 650.0), nA)  # spikes before the stimulus
            compare(v, DT, (149.99, 650.013), nA)  # between samples


@pytest.mark.parametrize("seed", range(12))
def test_awkward_traces(seed):
    """Bursts, plateaus, noise at the threshold, and so few bits that equal voltages are common."""
    rng = np.random.default_rng(seed)
    for dt in (0.02, 0.05, 0.1, 0.25):
        t = np.arange(round(rng.uniform(150.0, 400.0) / dt)) * dt
        v = -70.0 + 12.0 * ((t > 50.0) & (t < 120.0)) * (1.0 - np.exp(-np.abs(t - 50.0) / 15.0)) * rng.choice(
            [-1, 1, 3]
        )
        for at in np.cumsum(rng.exponential(rng.choice([4.0, 30.0]), 12)) + 30.0 * rng.integers(0, 3):
            late = np.clip(t - at, 0.0, None)
            v += rng.uniform(60.0, 110.0) * np.exp(-np.abs(t - at) / rng.uniform(0.2, 1.0))
            v -= rng.uniform(0.0, 15.0) * late / 5.0 * np.exp(1.0 - late / 5.0)
        v += rng.choice([0.0, 0.05, 1.0]) * rng.standard_normal(len(t))
        bit = rng.choice([1e-9, 0.03, 0.5])
        v = np.round(v / bit) * bit
        for step in (None, 0.1):
            compare(v, dt, (50.0, 120.0), 0.1, step)


@pytest.mark.parametrize(
    ("cell", "spikes"), [("509881736", 25), ("518290966", 12), ("555060623", 13), ("569469018", 12)]
)
@pytest.mark.parametrize("step", [None, 0.1])
def test_allen_cells(shared, cell, spikes, step):
    (sweep,) = read(shared / "recordings" / "allen_nwb" / f"allen_{cell}.nwb").sweeps
    assert compare(sweep.v, sweep.dt, (205.0, 1205.0), sweep.amplitude, step)["spike_count"] == spikes


@pytest.mark.parametrize(
    ("file", "most"),
    [
        ("lantyer_nwb/LantyerEtAl2018_180817_ME_9_CC.nwb", 40),  # fast spikes at 20 kHz
        ("ferguson_ca1/FergusonEtAl2015_PYR5_rebound.nwb", 0),
        ("pyabf/171116sh_0016.abf", 1),  # spikes before the stimulus, which ends with the sweep
        ("pyabf/171116sh_0018.abf", 5),
        ("pyabf/File_axon_5.abf", 1),
    ],
)
def test_recordings(shared, file, most):
    sweeps = read(shared / "recordings" / file).sweeps
    counts = []
    for sweep in sweeps[:: max(1, len(sweeps) // 5)]:
        v = sweep.v[: round(2_500.0 / sweep.dt)]
        for step in (None, 0.1):
            found = compare(v, sweep.dt, window(sweep, (len(v) - 1) * sweep.dt), sweep.amplitude or None, step)
        counts.append(found["spike_count"])
    assert max(counts) >= most


def test_float32(steps):
    for nA in (-0.3, 0.2, 3.0):
        single = steps[nA].astype(np.float32)
        double = features(single.astype(np.float64), DT, (ON, OFF), nA)
        for name, value in features(single, DT, (ON, OFF), nA).items():
            np.testing.assert_array_equal(value, double[name], err_msg=name)
