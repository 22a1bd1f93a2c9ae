"""Commands told from measured currents: synthetic ones with known answers, and those of laboratories."""

from __future__ import annotations

import numpy as np
import pytest

from gbar.recordings import Sweep, read
from gbar.recordings.command import ANSWERED, KEPT, as_measured, commanded, idealised, residual
from gbar.recordings.sanity import LOOKS_MONITORED
from gbar.recordings.stimulus import steps

DT, N = 0.05, 14_000
T = np.arange(N) * DT
HOLDING = -0.05


def levels(*parts, base=HOLDING, n=N):
    """A command in nA: base, and (from ms, to ms, nA above it)."""
    current = np.full(n, base)
    for start, end, level in parts:
        current[round(start / DT) : round(end / DT)] += level
    return current


def passive(current, seed=0, resistance=150.0, tau=20.0):
    """The voltage of a passive membrane under a current, with an amplifier's noise."""
    v = np.empty(len(current))
    x = current[0] * resistance
    for k, i in enumerate(current):
        x += DT / tau * (i * resistance - x)
        v[k] = x
    return v - 70.0 + np.random.default_rng(seed).normal(0.0, 0.05, len(v))


def monitored(command, noise=0.006, spikes=(), seed=1, delivered=None):
    """The sweep as a laboratory has it: the command under noise, artefacts of 0.8 and 1.2 nA at spikes (ms)."""
    v = passive(command if delivered is None else delivered)
    current = command + np.random.default_rng(seed).normal(0.0, noise, len(command))
    for at in spikes:
        k, width = round(at / DT), round(1.2 / DT)
        v[k : k + width] = 30.0
        current[k - 4 : k + 4] -= 0.8
        current[k + 4 : k + width] += 1.2
    return Sweep("s", v, current, DT, 0.0, warnings=(LOOKS_MONITORED,), monitored=current)


def found(sweep):
    """The edges in samples and levels in nA of the command that is told from a sweep."""
    exact = steps(idealised(sweep).current)
    assert exact is not None
    return list(exact.first), np.array(exact.level)


@pytest.mark.parametrize("noise", [0.0, 3e-5, 0.006])
def test_steps_holding_and_test_pulse_to_the_sample(noise):
    command = levels((100, 600, 0.1), (650, 660, -0.02))
    sweep = monitored(command, noise, spikes=np.arange(130, 590, 37.0))
    edges, level = found(sweep)
    assert np.abs(np.subtract(edges, [0, 2000, 12000, 13000, 13200])).max() <= 1
    assert level == pytest.approx([-0.05, 0.05, -0.05, -0.07, -0.05], abs=max(0.2 * noise, 1e-9))
    made = idealised(sweep)
    assert made.warnings == ()
    assert made.monitored is sweep.monitored
    left = residual(made)
    assert left.sd == pytest.approx(noise, rel=0.1, abs=1e-12)
    assert left.largest == pytest.approx(1.2, abs=0.05)


@pytest.mark.parametrize(("noise", "slack"), [(0.06, 10), (0.2, 400)])
def test_strong_noise_moves_no_level(noise, slack):
    edges, level = found(monitored(levels((100, 600, 0.3)), noise, spikes=np.arange(130, 590, 37.0)))
    assert np.abs(np.subtract(edges, [0, 2000, 12000])).max() <= slack
    assert level == pytest.approx([-0.05, 0.25, -0.05], abs=0.15 * noise)


def test_a_train_of_pulses():
    parts = [(100 + 20 * k, 104 + 20 * k, 0.5) for k in range(20)]
    edges, level = found(monitored(levels(*parts, base=0.0), 0.01))
    assert len(edges) == 41
    wanted = [0, *(round(t / DT) for part in parts for t in part[:2])]
    assert np.abs(np.subtract(edges, wanted)).max() <= 1
    assert level == pytest.approx([0.0] + [0.5, 0.0] * 20, abs=0.005)


@pytest.mark.parametrize("shape", ["ramp", "triangle", "ramp to a step"])
def test_ramps_are_two_points(shape):
    command, up = np.full(N, HOLDING), slice(2000, 12000)
    rise = (T[up] - 100) / 500
    if shape == "ramp":
        command[up] += 0.3 * rise
    elif shape == "triangle":
        command[up] += 0.3 * (1.0 - np.abs(2.0 * rise - 1.0))
    else:
        command[up] += 0.3 * np.minimum(2.0 * rise, 1.0)
    made = idealised(monitored(command, spikes=(400.0, 450.0)))
    assert made.warnings == ()
    assert np.abs(made.current - command).max() < 0.005
    bends = np.flatnonzero(np.abs(np.diff(made.current, 2)) > 1e-9)
    assert len(bends) <= 6  # an edge bends twice


def ornstein(seed=3, tau=3.0, sd=0.1):
    rng, x = np.random.default_rng(seed), np.zeros(N)
    for k in range(1, N):
        x[k] = x[k - 1] * (1 - DT / tau) + sd * np.sqrt(2 * DT / tau) * rng.normal()
    return x


WAVES = {
    "sine": HOLDING + 0.1 * np.sin(2 * np.pi * 4 * T / 1000),
    "half a sine": HOLDING + np.where((T > 100) & (T < 600), 0.2 * np.sin(np.pi * (T - 100) / 500), 0.0),
    "chirp": 0.05 * np.sin(2 * np.pi * np.cumsum(2 + 30 * T / 700) * DT / 1000),
    "exponential": np.where(T > 100, 0.3 * np.exp(-(T - 100) / 80), 0.0),
    "synaptic": np.where(T > 100, 0.3 * (np.exp(-(T - 100) / 8) - np.exp(-(T - 100))), 0.0),
    "noise": ornstein(),
    "noise for a while": np.where((T > 100) & (T < 600), ornstein(), 0.0),
    "noise on a step": np.where((T > 100) & (T < 600), 0.2 + ornstein(), 0.0),
}


@pytest.mark.parametrize("name", WAVES)
def test_what_is_arbitrary_is_kept_and_said(name):
    sweep = monitored(WAVES[name])
    made = idealised(sweep)
    assert np.array_equal(made.current, sweep.monitored)
    assert set(made.warnings) & {KEPT, ANSWERED}
    assert LOOKS_MONITORED in made.warnings


def test_no_stimulus_is_a_constant():
    edges, level = found(monitored(np.zeros(N), 0.02))
    assert edges == [0]
    assert level == pytest.approx([0.0], abs=1e-3)


def test_a_commanded_current_stays_as_it_is():
    sweep = Sweep("s", passive(levels((100, 600, 0.1))), levels((100, 600, 0.1)), DT, 0.0)
    assert idealised(sweep) is sweep
    assert as_measured(sweep) is sweep
    assert residual(sweep) is None


def test_the_measured_current_can_be_kept():
    sweep = idealised(monitored(levels((100, 600, 0.1))))
    assert as_measured(sweep).current is sweep.monitored
    assert residual(as_measured(sweep)) is None


def test_short_and_constant_currents():
    assert commanded(np.zeros(0), np.zeros(0), DT) is None
    assert np.array_equal(commanded(np.full(100, 0.1), np.full(100, -70.0), DT), np.full(100, 0.1))


@pytest.fixture(scope="module")
def bbp(shared):
    return read(shared / "recordings/bbp_c060114a5_ibw")


def test_nearly_all_currents_of_a_laboratory_are_told(bbp):
    kept = [s.name for s in bbp.sweeps if residual(s) is None]
    assert kept == ["APWaveform_301", "SpikeRec_410"]  # spikes hide where their last pulse ends
    for sweep in bbp.sweeps:
        left = residual(sweep)
        assert left is None or left.sd < 0.010


STEPS = {  # ms from, ms to: to a sample or so
    "IV": [(20.5, 1020.75)],
    "IDrest": [(700.5, 2700.75)],
    "IDthresh": [(700.5, 2700.75)],
    "APWaveform": [(5.07, 55.08)],
    "sAHP": [(21.0, 2721.5), (521.0, 721.5)],
}


@pytest.mark.parametrize("protocol", STEPS)
def test_the_steps_of_a_laboratory(bbp, protocol):
    wanted = sorted(t for part in STEPS[protocol] for t in part)
    for sweep in (s for s in bbp.sweeps if s.stimulus == protocol and residual(s) is not None):
        exact = steps(sweep.current)
        assert exact is not None
        if len(exact.first) > 1:
            assert np.array(exact.first[1:]) * sweep.dt == pytest.approx(wanted, abs=1.01 * sweep.dt), sweep.name
        assert -0.09 < exact.level[0] < -0.05, sweep.name
        assert exact.level[-1] == pytest.approx(exact.level[0], abs=0.009), sweep.name


def test_amplitudes_of_a_laboratory_are_evenly_spaced(bbp):
    first = [s.amplitude for s in bbp.sweeps if s.stimulus == "IDrest"][:16]
    assert np.diff(first) == pytest.approx(np.full(15, 0.047), abs=0.0015)
    responses = [s.amplitude for s in bbp.sweeps if s.stimulus == "IV"]
    assert np.median(np.reshape(responses, (3, 10)), axis=0) == pytest.approx(0.047 * np.arange(-6, 4), abs=0.003)


def test_the_ramps_of_a_laboratory(bbp):
    for sweep in (s for s in bbp.sweeps if s.stimulus == "APThreshold"):
        assert (sweep.current.min(), sweep.current.max()) == pytest.approx((-0.057, 0.647), abs=0.003)
        assert np.count_nonzero(np.abs(np.diff(sweep.current, 2)) > 1e-9) == 2  # the drop at the end alone
        assert np.argmax(sweep.current) * sweep.dt == pytest.approx(2002.0, abs=1.0)


@pytest.mark.parametrize("file", ["PYR5_rebound.abf", "FergusonEtAl2015_PYR5_rebound.nwb"])
def test_steps_from_a_holding_current(shared, file):
    sweeps = sorted(read(shared / "recordings/ferguson_ca1" / file).sweeps, key=lambda s: -s.amplitude)
    for k, sweep in enumerate(sweeps):
        exact = steps(sweep.current)
        assert np.array(exact.first) * sweep.dt == pytest.approx([0.0, 81.7, 1081.7], abs=0.11)
        assert exact.level[0] == pytest.approx(0.0494, abs=3e-4)
        assert sweep.amplitude == pytest.approx(-0.0249 * (k + 1), abs=1.5e-3)


def test_commands_of_a_protocol_stay_bit_for_bit(shared):
    for file in ("171116sh_0018.abf", "171116sh_0016.abf", "File_axon_5.abf"):
        for sweep in read(shared / "recordings/pyabf" / file).sweeps:
            assert idealised(sweep) is sweep
