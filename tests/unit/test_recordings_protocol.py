"""Sweeps as stimuli: where the stimulus begins, the experiment as recorded, and the choice among sweeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gbar.errors import ProtocolError, RecordingError
from gbar.protocol import Sampled, Step, Sum
from gbar.recordings import Recording, Sweep, choose, read


def sweep(current, v=None, dt=0.05, name="s", start=0.0):
    current = np.asarray(current, dtype=float)
    v = np.full(len(current), -70.0) if v is None else v
    return Sweep(name, v, current, dt, start)


def recording(*sweeps):
    return Recording(Path("cell.nwb"), "0" * 64, "NWB 2", sweeps)


def pulse(amplitude, length=4000, on=1000, off=3000, base=0.0):
    current = np.full(length, base)
    current[on:off] = base + amplitude
    return current


def spikes(count, length=4000):
    v = np.full(length, -70.0)
    for k in range(count):
        v[1100 + 80 * k : 1120 + 80 * k] = 30.0
    return v


def answer(amplitude, count):
    """Spikes on the answer of 100 MOhm."""
    return spikes(count) + pulse(100.0 * amplitude)


def test_departure_of_a_command():
    assert sweep(pulse(0.1)).departure == 1000
    assert sweep(pulse(-1e-6)).departure == 1000
    assert sweep(np.zeros(4000)).departure is None
    assert sweep(np.full(4000, 0.3)).departure is None
    assert sweep(pulse(0.1, on=1)).departure == 1
    ramp = np.concatenate([np.zeros(500), np.linspace(0.0, 0.5, 3500)])
    assert sweep(ramp).departure == 501
    assert sweep(pulse(0.1, base=-0.05)).baseline_current == -0.05


@pytest.mark.parametrize("noise", [3e-5, 2e-3])
def test_departure_of_a_monitored_current(noise):
    rng = np.random.default_rng(0)
    current = pulse(0.1, base=0.02) + noise * rng.standard_normal(4000)
    current[[400, 401, 1500, 1501]] += 0.5  # brief artefacts
    found = sweep(current)
    assert found.departure == pytest.approx(1000, abs=1)
    assert found.baseline_current == pytest.approx(0.02, abs=noise)
    assert found.amplitude == pytest.approx(0.1, abs=6 * noise)


def test_amplitude_is_the_strongest_level_that_lasts():
    two = pulse(0.05) + pulse(-0.2, on=3200, off=3600)
    assert sweep(two).amplitude == pytest.approx(-0.2)
    assert sweep(np.zeros(4000)).amplitude == 0.0


def test_a_clean_step_keeps_its_exact_edges():
    v = np.full(72500, -67.0)
    v[::2] += 0.5
    v[10250:] = -50.0
    (stimulus,) = recording(sweep(pulse(0.13, 72500, 10250, 60250), v, dt=0.02)).protocol().stimuli
    assert stimulus.waveform == Step(205.0, 1000.0, 0.13)
    assert (stimulus.dt, stimulus.sampling, stimulus.warm_up) == (0.025, 0.025, 500.0)
    assert stimulus.v_init == -66.75  # the baseline alone
    assert stimulus.duration == pytest.approx(1449.975)
    current = stimulus.injected()
    assert not current[:20000].any()
    edges = np.flatnonzero(np.diff(current)) + 1 - 20000
    assert edges.tolist() == [round(205.0 / 0.025), round(1205.0 / 0.025)]


def test_levels_with_holding_and_a_test_pulse():
    current = pulse(0.1, base=-0.05) + pulse(-0.02, on=3200, off=3600)
    (stimulus,) = recording(sweep(current, dt=0.05)).protocol().stimuli
    assert stimulus.warm_up_current == -0.05
    injected = stimulus.injected()
    np.testing.assert_allclose(injected[:20000], -0.05)
    at = (np.arange(stimulus.n_steps) + 0.5) * 0.025
    np.testing.assert_allclose(injected[20000:], current[(at / 0.05 + 1e-9).astype(int)], atol=1e-15)


def test_any_other_current_is_interpolated_between_its_samples():
    t = np.arange(4000) * 0.04
    current = np.where(t > 20.0, 0.1 * np.sin(t / 7.0), 0.0)
    (stimulus,) = recording(sweep(current, dt=0.04)).protocol(warm_up=0.0).stimuli
    assert stimulus.waveform == Sampled(0.04, current)
    at = (np.arange(stimulus.n_steps) + 0.5) * 0.025
    np.testing.assert_allclose(stimulus.injected(), np.interp(at, t, current), atol=1e-12)


@pytest.mark.parametrize(
    ("recorded", "dt", "sampling"),
    [(0.005, 0.025, 0.025), (0.02, 0.025, 0.025), (0.05, 0.025, 0.05), (0.1, 0.025, 0.1), (0.25, 0.025, 0.1)],
)
def test_sampling_follows_the_recording_but_never_aliases_spikes(recorded, dt, sampling):
    (stimulus,) = recording(sweep(pulse(0.1), dt=recorded)).protocol(dt=dt).stimuli
    assert stimulus.sampling == pytest.approx(sampling)
    assert stimulus.duration <= 3999 * recorded + 1e-9
    assert stimulus.duration > 3999 * recorded - sampling


def test_large_currents_asked_for_when_reading_stay_allowed():
    (stimulus,) = recording(sweep(pulse(50.0))).protocol().stimuli
    assert stimulus.injected().max() == 50.0


def test_sweeps_are_chosen_by_name():
    cell = recording(sweep(pulse(0.1), name="a"), sweep(pulse(0.2), name="b"))
    assert [s.name for s in cell.protocol(["b"]).stimuli] == ["b"]
    assert [s.name for s in cell.protocol().stimuli] == ["a", "b"]
    with pytest.raises(RecordingError, match="no sweep 'c'; the sweeps are a, b"):
        cell.protocol(["c"])
    with pytest.raises(RecordingError, match="no sweep is chosen"):
        cell.protocol([])
    with pytest.raises(ProtocolError, match="time step of 0"):
        cell.protocol(dt=0.0)


def test_the_choice_is_spread_over_amplitudes_best_first():
    levels = [-0.1, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3]
    counts = [0, 0, 0, 2, 5, 9, 15]
    cell = recording(
        *(sweep(pulse(a), answer(a, n), name=f"s{k}") for k, (a, n) in enumerate(zip(levels, counts, strict=True)))
    )
    chosen = choose(cell, n=3)
    assert [s.name for s in chosen.used] == ["s5", "s0", "s2"]
    assert [s.name for s in chosen.held_out] == ["s1", "s3", "s4", "s6"]
    assert "s5 (200 pA)" in chosen.reason
    assert "held out: s1, s3, s4, s6" in chosen.reason
    everything = choose(cell, n=20)
    assert len(everything.used) == 6  # the sweep without a stimulus says least
    assert [s.name for s in everything.held_out] == ["s1"]


def test_flagged_sweeps_are_chosen_last():
    good = [sweep(pulse(a), answer(a, 3), name=f"good {a}") for a in (0.1, 0.12, 0.15)]
    slow = [sweep(pulse(a), answer(a, 3), dt=0.5, name=f"slow {a}") for a in (0.01, 0.5)]
    chosen = choose(recording(*slow, *good), n=4)
    assert [s.name for s in chosen.used] == ["good 0.12", "good 0.15", "good 0.1", "slow 0.5"]
    assert "flagged all the same: slow 0.5 (undersampled spikes)" in chosen.reason
    assert [s.name for s in choose(recording(*slow), n=1).used] == ["slow 0.5"]  # a flag of all tells none apart


def test_noise_on_a_plateau_is_no_train_of_spikes():
    v = np.full(4000, -70.0)
    v[1000:3000] = -20.0 + 0.15 * np.random.default_rng(0).standard_normal(2000)
    v[3500:3520] = 30.0
    assert sweep(pulse(0.1), v).spike_count() == 2


def test_the_amplitude_of_a_short_pulse():
    assert sweep(pulse(2.0, off=1020)).amplitude == 2.0
    assert sweep(pulse(-0.5, off=1003)).amplitude == -0.5


def test_short_stimuli_are_chosen_after_long_ones_and_coarse_sampling_counts_little():
    brief = [sweep(pulse(a, off=1100), pulse(100.0 * a, off=1100) - 70.0, name=f"brief {a}") for a in (-0.04, 0.045)]
    flat = [sweep(pulse(a), answer(a, 0), name=f"flat {a}") for a in (0.02, 0.03, 0.04)]
    long = []
    for a in (0.1, 0.2):
        v = pulse(100.0 * a, 800, 200, 600) - 70.0
        v[[300, 350, 400]] = 30.0
        long.append(sweep(pulse(a, 800, 200, 600), v, dt=0.25, name=f"long {a}"))
    chosen = choose(recording(*brief, *flat, *long), n=6)
    assert [s.name for s in chosen.used][:2] == ["long 0.2", "flat 0.02"]
    assert [s.name for s in chosen.used][-1].startswith("brief")
    assert "flagged" not in chosen.reason


def test_a_train_keeps_its_edges_and_noise_its_samples():
    train = np.zeros(40_000)
    for k in range(100):
        train[1000 + 300 * k : 1040 + 300 * k] = 0.5
    noise = 0.1 * np.random.default_rng(0).standard_normal(4000)
    noise[:100] = 0.0
    long, short = recording(sweep(train, name="train"), sweep(noise, dt=0.2, name="noise")).protocol().stimuli
    assert isinstance(long.waveform, Sum)
    assert [part.delay for part in long.waveform.parts[:2]] == [50.0, 65.0]
    assert len(long.waveform.parts) == 100
    assert isinstance(short.waveform, Sampled)
    assert (long.duration, short.duration) == pytest.approx((1999.95, 799.8))
    assert (long.sampling, short.sampling) == pytest.approx((0.05, 0.1))


def test_the_choice_among_little():
    silent = recording(sweep(pulse(0.05), name="a"), sweep(pulse(-0.2), name="b"))
    assert [s.name for s in choose(silent, n=1).used] == ["b"]
    rest = recording(sweep(np.zeros(4000), name="rest"))
    assert [s.name for s in choose(rest).used] == ["rest"]
    repeats = recording(*(sweep(pulse(a), spikes(3), name=n) for a, n in ((0.1, "a"), (0.1, "b"), (0.2, "c"))))
    assert sorted(s.amplitude for s in choose(repeats, n=2).used) == pytest.approx([0.1, 0.2])
    with pytest.raises(RecordingError, match="0 sweeps"):
        choose(silent, n=0)


@pytest.mark.parametrize("cell", ["509881736", "518290966", "555060623", "569469018"])
def test_allen_cells_as_recorded(shared, cell):
    found = read(shared / "recordings" / "allen_nwb" / f"allen_{cell}.nwb")
    (stimulus,) = found.protocol().stimuli
    assert isinstance(stimulus.waveform, Step)
    assert (stimulus.waveform.delay, stimulus.waveform.duration) == (205.0, 1000.0)
    assert stimulus.warm_up_current == 0.0
    assert stimulus.v_init == pytest.approx(float(np.median(found.sweeps[0].v[:10250])))
    assert stimulus.samples == 58000
