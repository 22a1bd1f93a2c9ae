"""The rig told from baselines, and what it leaves on the grid that a network sees."""

import time
from dataclasses import replace

import numpy as np
import pytest

from gbar.errors import ParameterError, UnitError
from gbar.observation import (
    Adc,
    Bessel,
    Broadband,
    Disturbance,
    Drift,
    Electrode,
    Hum,
    Noise,
    Reduction,
    Rig,
    Uniform,
    delivered,
    estimate_hum,
    observe,
    seen,
)
from gbar.protocol import Protocol, Step, Stimulus
from gbar.recordings import Sweep, rig_of
from gbar.recordings.recording import Amplifier
from gbar.traces import Traces
from gbar.workflows.question import begun
from gbar.workflows.train import read_rig
from gbar.workflows.view import View, value_from

DT, REST = 0.02, -67.013
STEP = Stimulus("step", Step(1000.0, 500.0, 0.2), 2000.0, sampling=0.1)


def recorded(rig, *, seed=1, first=20_000, samples=30_000, **about):
    """A sweep of a cell that never moves, through a rig; the stimulus begins at sample `first`."""
    v = np.full((1, 1, samples), REST)
    seen_by = rig.apply(Traces((v,), (DT,), np.zeros(1, np.uint8)), seed)
    current = np.where(np.arange(samples) < first, 0.0, 0.1)
    return Sweep("one", seen_by.v[0][0, 0], current, DT, 0.0, **about)


def parts(rig):
    return {type(part): part for part in rig.noise}


def test_what_was_put_in_is_told():
    made = Rig(
        noise=(Broadband(0.2), Drift(0.3, 15.0), Hum(0.4, 50.0)), filter=Bessel(3.0), adc=Adc(1.0 / 32.0)
    )  # fmt: skip
    found = rig_of([recorded(made, seed=seed, first=100_000, samples=101_000) for seed in range(3)])
    told = parts(found)
    assert told[Broadband].sd == pytest.approx(0.2, rel=0.1)
    assert told[Drift].sd == pytest.approx(0.3, rel=0.3)
    assert told[Drift].tau == pytest.approx(15.0, rel=0.6)
    assert told[Hum].amplitude == pytest.approx(0.4, rel=0.15)
    assert told[Hum].frequency == pytest.approx(50.0, abs=0.1)
    assert found.filter.corner == pytest.approx(3.0, rel=0.1)
    assert found.adc.step == pytest.approx(1.0 / 32.0, rel=1e-6)
    assert found.electrode is None and found.junction_potential == 0.0


def test_the_filter_that_a_file_states_counts():
    found = rig_of([recorded(Rig(noise=(Broadband(0.2),), filter=Bessel(3.0)), amplifier=Amplifier(filter=2.5))])
    assert found.filter == Bessel(2.5)


@pytest.mark.parametrize("sweep", [recorded(Rig(noise=(Broadband(0.2),)), first=500), recorded(Rig())])
def test_a_short_or_noiseless_baseline_tells_nothing(sweep):
    assert rig_of([sweep]) is None


def test_a_disturbance_is_what_the_rig_does_to_a_trace():
    rig = Rig(Electrode(Uniform(2.0, 10.0)), 14.0, (Broadband(0.3), Drift(0.5, 20.0), Hum(0.2)), Bessel(2.0), Adc(0.03))
    protocol, reduction = Protocol((STEP,)), Reduction(0.5, 4001)
    t = STEP.times()
    cell = (-70.0 + 10.0 * np.exp(-(((t - 1200.0) / 4.0) ** 2))).astype(np.float32)
    traces = Traces((np.tile(cell, (256, 1, 1)),), (0.1,), np.zeros(256, np.uint8))
    whole = observe(rig.apply(traces, 3, currents=delivered(protocol)), (reduction,))[:, 0]
    apart = observe(seen(rig, traces), (reduction,))[:, 0]
    apart = apart + Disturbance.of(rig, protocol, (reduction,), 4).draw(256, np.random.default_rng(0))[:, 0]
    assert apart.mean(axis=0) == pytest.approx(whole.mean(axis=0), abs=0.25)
    middle = slice(2050, 2950)  # of the step: the bridge's drop differs from row to row
    for part in (slice(100, 1900), middle):
        assert apart[:, part].std() == pytest.approx(whole[:, part].std(), rel=0.08)
    drop = apart[:, middle].mean(axis=1) - apart[:, :1900].mean(axis=1)
    assert 0.2 * 2.0 - 0.4 < drop.min() < 0.2 * 4.0 and 0.2 * 8.0 < drop.max() < 0.2 * 10.0 + 0.4


def test_a_disturbance_has_the_same_bits_for_its_seed():
    rig, protocol = Rig(noise=(Broadband(0.3),), adc=Adc(0.5)), Protocol((Stimulus("s", Step(1, 1, 0.1), 20.0),))
    banks = [Disturbance.of(rig, protocol, (Reduction(0.2, 101),), seed).bank for seed in (1, 1, 2)]
    assert np.array_equal(banks[0], banks[1]) and not np.array_equal(banks[0], banks[2])


def test_numbers_and_ranges_as_users_type_them():
    assert value_from("10 Mohm", "Mohm") == 10.0
    assert value_from("0 Mohm, 1e7 ohm", "Mohm") == Uniform(0.0, 10.0)
    with pytest.raises(UnitError, match="rig: "):
        value_from("10", "Mohm")
    with pytest.raises(ParameterError, match="neither a number nor a range"):
        value_from("1 mV, 2 mV, 3 mV", "mV")


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is not JSON"), ("[]", "does not describe a rig"), (None, "cannot be read")]
)
def test_a_rig_file_that_is_none_is_refused_in_one_line(tmp_path, text, message):
    file = tmp_path / "rig.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ParameterError, match=message) as refused:
        read_rig(file)
    assert "\n" not in str(refused.value) and "rig.json" in str(refused.value)


def test_a_baseline_that_spikes_tells_nothing_of_the_rig():
    calm = recorded(Rig(noise=(Broadband(0.2),)))
    spiking = recorded(Rig(noise=(Broadband(0.2),)), seed=2)
    spiking.v[5000:5050] += 80.0
    assert rig_of([spiking]) is None
    assert rig_of([spiking, calm]) == rig_of([calm])
    assert rig_of([recorded(Rig(), first=500, amplifier=Amplifier(filter=2.5))]) == Rig(filter=Bessel(2.5))


def test_a_filter_of_unknown_corner_cannot_be_learnt_through():
    protocol = Protocol((Stimulus("s", Step(1, 1, 0.1), 20.0),))
    with pytest.raises(ParameterError, match="filter is a range"):
        Disturbance.of(Rig(filter=Bessel(Uniform(1.0, 3.0))), protocol, (Reduction(0.2, 101),), 0)


def test_the_range_of_a_digitiser_clips_the_voltage_and_not_its_noise():
    rig, protocol = Rig(adc=Adc(0.05, low=-100.0, high=-20.0)), Protocol((Stimulus("s", Step(1, 1, 0.1), 20.0),))
    assert abs(Disturbance.of(rig, protocol, (Reduction(0.2, 101),), 0).bank).max() < 0.05
    v = np.linspace(-120.0, 20.0, 801, dtype=np.float32)[None, None]
    clipped = seen(rig, Traces((v,), (0.025,), np.zeros(1, np.uint8))).v[0]
    assert clipped.min() == pytest.approx(-100.0) and clipped.max() == pytest.approx(-20.0)


def test_every_site_has_noise_of_its_own_and_the_first_the_drop():
    protocol = Protocol((STEP, Stimulus("short", Step(1, 1, 0.1), 1000.0, sampling=0.1)))
    rig = Rig(Electrode(20.0), noise=(Broadband(0.3),))
    view = View((Reduction(0.5, 4001), Reduction(0.5, 2001)), Noise(white=0.1), rig, sites=2)
    drawn = view.disturbed(protocol, 0)(64, np.random.default_rng(0))
    assert drawn.shape == (64, 4, 4001)
    assert drawn[:, 0, 2050:2950].mean() == pytest.approx(4.0, abs=0.05)
    assert abs(drawn[:, 1].mean()) < 0.05
    assert abs(np.corrcoef(drawn[:, 0, :1900].ravel(), drawn[:, 1, :1900].ravel())[0, 1]) < 0.02


def test_simulations_begin_at_the_rest_of_the_cell_itself():
    protocol = Protocol((replace(STEP, v_init=-60.0, warm_up=100.0, warm_up_current=0.1),))
    rig = Rig(Electrode(Uniform(0.0, 20.0)), junction_potential=14.0)
    assert begun(protocol, rig).stimuli[0].v_init == pytest.approx(-60.0 - 14.0 - 10.0 * 0.1)
    assert begun(protocol, None) is protocol


def test_hum_of_a_very_long_baseline_is_told_quickly():
    t = np.arange(1_200_000) * 1.0  # 20 minutes at 1 kHz
    v = -65.0 + 0.5 * np.sin(2 * np.pi * 0.05 * t) + 0.05 * np.random.default_rng(0).standard_normal(len(t))
    started = time.process_time()
    assert estimate_hum(v, 1.0).amplitude == pytest.approx(0.5, rel=0.05)
    assert time.process_time() - started < 5.0
