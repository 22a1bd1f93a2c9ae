from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from gbar.errors import ParameterError
from gbar.features import UNITS, features, peak_times, spike_counts, spike_times
from gbar.features.names import AFTER, SHAPE, TIMING
from gbar.traces import Traces

DT = 0.025
ON, OFF = 50.0, 250.0


def hodgkin_huxley(amplitudes, gna=120.0, gk=36.0, length=300.0, dt=DT):
    """The 1952 equations (µA/cm², mS/cm², mV, 6.3 °C), a row for each amplitude, by exponential Euler."""
    amplitudes = np.asarray(amplitudes, dtype=float)
    v, m, h, n = (np.full(len(amplitudes), x) for x in (-65.0, 0.0529, 0.5961, 0.3177))
    kept = [v]
    for k in range(round(length / dt)):
        am = 0.1 * (v + 40.0 + 1e-9) / -np.expm1(-(v + 40.0 + 1e-9) / 10.0)
        an = 0.01 * (v + 55.0 + 1e-9) / -np.expm1(-(v + 55.0 + 1e-9) / 10.0)
        rates = (
            (am, 4.0 * np.exp(-(v + 65.0) / 18.0)),
            (0.07 * np.exp(-(v + 65.0) / 20.0), 1.0 / (1.0 + np.exp(-(v + 35.0) / 10.0))),
            (an, 0.125 * np.exp(-(v + 65.0) / 80.0)),
        )
        m, h, n = (x + (a / (a + b) - x) * -np.expm1(-dt * (a + b)) for x, (a, b) in zip((m, h, n), rates, strict=True))
        injected = amplitudes * (ON <= (k + 0.5) * dt < OFF)
        ionic = gna * m**3 * h * (v - 50.0) + gk * n**4 * (v + 77.0) + 0.3 * (v + 54.387)
        v = v + dt * (injected - ionic)
        kept.append(v)
    return np.stack(kept, axis=1)


@pytest.fixture(scope="module")
def trains():
    return np.concatenate(
        [hodgkin_huxley([-5.0, 0.0, 3.0, 8.0, 12.0, 25.0, 60.0]), hodgkin_huxley([7.0, 20.0], gna=200.0, gk=50.0)]
    )


def triangle(base=-70.0, top=30.0, rise=1.0, fall=2.0, at=(60.0, 80.0, 120.0), dt=0.01, length=200.0):
    """Spikes of straight flanks, whose features can be written down."""
    t = np.arange(round(length / dt) + 1) * dt
    v = np.full(len(t), base)
    for peak in at:
        v = np.maximum(v, top - (top - base) * np.where(t < peak, (peak - t) / rise, (t - peak) / fall))
    return np.maximum(v, base)


def test_spikes_of_straight_flanks():
    v = triangle()
    found = {name: x[0] for name, x in features(v[None], 0.01, (50.0, 150.0)).items()}
    crossing = 60.0 - 1.0 + 50.0 / 100.0  # half way up a flank of 100 mV in 1 ms
    assert found["spike_count"] == found["spike_count_stimint"] == 3
    np.testing.assert_allclose(spike_times(v[None], 0.01)[0], [crossing, crossing + 20.0, crossing + 60.0], atol=1e-9)
    np.testing.assert_allclose(peak_times(v[None], 0.01)[0], [60.0, 80.0, 120.0], atol=1e-9)
    assert found["time_to_first_spike"] == pytest.approx(10.0)
    assert found["doublet_ISI"] == pytest.approx(20.0)
    assert found["all_ISI_values"] == pytest.approx(30.0)
    assert found["ISI_values"] == pytest.approx(40.0)
    assert found["mean_frequency"] == pytest.approx(1e3 * 3 / 70.0)
    assert found["AP_begin_voltage"] == pytest.approx(-70.0, abs=1.1)  # the first steep sample
    assert found["peak_voltage"] == pytest.approx(30.0)
    assert found["AP_amplitude"] == pytest.approx(30.0 - found["AP_begin_voltage"])
    assert found["spike_half_width"] == pytest.approx(1.5, abs=1e-6)
    assert found["AP_duration_half_width"] == pytest.approx(1.5, abs=0.03)
    assert found["min_voltage_between_spikes"] == pytest.approx(-70.0)
    assert found["voltage_base"] == found["steady_state_voltage_stimend"] == pytest.approx(-70.0)
    threshold = spike_times(v[None], 0.01, threshold=0.0)[0]
    np.testing.assert_allclose(threshold, np.array([60.0, 80.0, 120.0]) - 0.3, atol=1e-9)


def test_the_response_to_a_step():
    """A cell that relaxes to -90 mV with 10 ms, without and with sag."""
    t = np.arange(16001) * DT
    inside = (t >= ON) & (t < OFF)
    s = np.where(inside, t - ON, 0.0)
    after = np.where(t >= OFF, np.exp(-(t - OFF) / 10.0), 0.0)
    plain = -70.0 - 20.0 * (inside * -np.expm1(-s / 10.0) + after)
    sagging = -70.0 - inside * (20.0 * -np.expm1(-s / 10.0) - 6.0 * -np.expm1(-s / 40.0))
    found = features(np.stack([plain, sagging]), DT, (ON, OFF), current_step=-0.2)
    np.testing.assert_allclose(found["ohmic_input_resistance_vb_ssse"], [20.0 / 0.2, 14.0 / 0.2], rtol=0.02)
    assert found["time_constant"][0] == pytest.approx(10.0, rel=0.01)
    assert found["decay_time_constant_after_stim"][0] == pytest.approx(10.0, rel=0.01)  # towards -70 mV
    assert found["sag_amplitude"][0] == pytest.approx(0.0, abs=1e-3)
    assert 0.05 < found["sag_ratio1"][1] < 0.5
    assert found["sag_ratio2"][1] == pytest.approx(1.0 - found["sag_ratio1"][1])
    upwards = features(-140.0 - sagging[None], DT, (ON, OFF), current_step=0.2)
    assert np.isnan(upwards["sag_amplitude"][0])
    assert np.isnan(features(sagging[None], DT, (ON, OFF))["ohmic_input_resistance"][0])
    assert np.isnan(features(sagging[None], DT, (ON, OFF), current_step=0.0)["ohmic_input_resistance"][0])


def test_a_current_for_every_row(trains):
    currents = np.linspace(-0.3, 0.5, len(trains))
    whole = features(trains, DT, (ON, OFF), currents, ["ohmic_input_resistance"])["ohmic_input_resistance"]
    for v, current, value in zip(trains, currents, whole, strict=True):
        assert features(v[None], DT, (ON, OFF), current)["ohmic_input_resistance"][0] == value
    with pytest.raises(ParameterError, match=r"current_step has the shape \(3,\) for 9 traces"):
        features(trains, DT, (ON, OFF), currents[:3])


def test_an_artefact_of_the_stimulus_is_no_onset():
    """A steep jump at the step's begin, long before the spike: the onset is the spike's own."""
    v = triangle(at=(80.0,))
    v[5000:15000] += 8.0 * (1.0 - np.exp(-np.arange(10000) * 0.01 / 0.2))
    assert features(v[None], 0.01, (50.0, 150.0))["AP_begin_voltage"][0] == pytest.approx(-62.0, abs=1.1)


def test_a_row_equals_the_batch_and_order_does_not_matter(trains):
    whole = features(trains, DT, (ON, OFF), current_step=-0.1)
    assert list(whole) == list(UNITS)
    for k, v in enumerate(trains):
        for name, value in features(v[None], DT, (ON, OFF), current_step=-0.1).items():
            np.testing.assert_array_equal(whole[name][k], value[0], err_msg=name)
    order = np.random.default_rng(0).permutation(len(trains))
    for name, value in features(trains[order], DT, (ON, OFF), current_step=-0.1).items():
        np.testing.assert_array_equal(whole[name][order], value, err_msg=name)
    times = spike_times(trains, DT)
    assert [len(x) for x in times] == whole["spike_count"].tolist()


def test_neither_chunks_nor_threads_nor_the_choice_of_names_show(trains, monkeypatch):
    rows = np.tile(trains, (3, 1))
    whole = features(rows, DT, (ON, OFF), -0.1)
    shared_out = features(rows, DT, (ON, OFF), -0.1, threads=4)
    monkeypatch.setattr("gbar.features.rows._MEMORY", 2 * rows.shape[1] + 5)
    for name, value in features(rows, DT, (ON, OFF), -0.1).items():
        np.testing.assert_array_equal(whole[name], value, err_msg=name)
        np.testing.assert_array_equal(whole[name], shared_out[name], err_msg=name)
        alone = features(rows, DT, (ON, OFF), -0.1, [name])
        assert list(alone) == [name]
        np.testing.assert_array_equal(whole[name], alone[name], err_msg=name)
    wanted = ["AHP_depth", "ISI_CV"]
    assert list(features(rows, DT, (ON, OFF), names=wanted)) == wanted


def test_rows_that_are_not_contiguous_or_of_another_type(trains):
    single = trains.astype(np.float32)
    whole = features(single, DT, (ON, OFF))
    sites = np.stack([single, single + 1.0], axis=1)
    for v in (sites[:, 0], np.asfortranarray(single)):
        for name, value in features(v, DT, (ON, OFF)).items():
            np.testing.assert_array_equal(whole[name], value, err_msg=name)
    rounded = np.round(trains).astype(np.int16)
    for name, value in features(rounded, DT, (ON, OFF)).items():
        np.testing.assert_array_equal(features(rounded.astype(float), DT, (ON, OFF), names=[name])[name], value)


def test_failed_rows_have_no_features_and_harm_no_other(trains):
    v = trains.copy()
    v[4, 3000:] = np.nan
    v[5, 100] = np.inf
    whole, damaged = features(trains, DT, (ON, OFF)), features(v, DT, (ON, OFF))
    for name in UNITS:
        assert np.isnan(damaged[name][[4, 5]]).all()
        np.testing.assert_array_equal(np.delete(damaged[name], [4, 5]), np.delete(whole[name], [4, 5]))


def test_silent_rows_and_spikes_without_an_end():
    quiet = np.full((2, 4001), -65.0)
    quiet[1, 3000:] = 20.0  # stays up: not a spike
    found = features(quiet, 0.1, (100.0, 300.0))
    assert found["spike_count"].tolist() == [0.0, 0.0]
    for name in set(TIMING | SHAPE | AFTER) - {"spike_count", "spike_count_stimint"}:
        assert np.isnan(found[name]).all(), name
    assert all(len(x) == 0 for x in spike_times(quiet[:1], 0.1) + peak_times(quiet, 0.1))


def test_one_and_two_spikes():
    one = features(triangle(at=(80.0,))[None], 0.01, (50.0, 150.0))
    assert one["peak_voltage"][0] == pytest.approx(30.0)
    assert np.isnan([one["all_ISI_values"][0], one["ISI_CV"][0], one["min_voltage_between_spikes"][0]]).all()
    two = features(triangle(at=(80.0, 95.0))[None], 0.01, (50.0, 150.0))
    assert two["all_ISI_values"][0] == two["doublet_ISI"][0] == pytest.approx(15.0)
    assert np.isnan([two["ISI_CV"][0], two["ISI_values"][0]]).all()


@pytest.mark.parametrize("window", [(50.0, 20.0), (-1.0, 20.0), (10.0, 1000.0), (10.0, 10.01), (np.nan, 20.0)])
def test_a_window_outside_the_trace(window):
    with pytest.raises(ParameterError, match="a window of"):
        features(np.zeros((1, 1001)), 0.1, window)


def test_no_rows():
    empty = features(np.zeros((0, 1001)), 0.1, (10.0, 50.0))
    assert all(x.shape == (0,) for x in empty.values())
    assert spike_times(np.zeros((0, 10)), 0.1) == peak_times(np.zeros((0, 10)), 0.1) == []


def test_spike_counts_by_row_and_stimulus(trains):
    other = triangle(at=(60.0, 80.0))[None].repeat(len(trains), axis=0)
    sites = np.stack([trains, np.full_like(trains, 40.0)], axis=1)  # the first site counts
    traces = Traces((sites, other[:, None]), (DT, 0.01), np.zeros(len(trains), dtype=np.uint8))
    counts = spike_counts(traces)
    assert counts.shape == (len(trains), 2)
    assert counts[:, 0].tolist() == [len(x) for x in spike_times(trains, DT)]
    assert (counts[:, 1] == 2).all()


def test_any_other_feature_is_asked_of_efel(trains):
    v = trains.copy()
    v[2, 7] = np.nan
    found = features(v, DT, (ON, OFF), -0.1, ["spike_count"], more=["AP_phaseslope", "voltage_base", "impedance"])
    assert list(found) == ["spike_count", "AP_phaseslope", "voltage_base", "impedance"]
    np.testing.assert_allclose(found["voltage_base"], features(v, DT, (ON, OFF))["voltage_base"])
    assert np.isfinite(found["AP_phaseslope"]).sum() >= 4
    assert np.isnan(found["AP_phaseslope"][[1, 2]]).all()  # silent, and not finite


def test_an_unknown_feature(trains, monkeypatch):
    with pytest.raises(ParameterError, match=r"AP_phaseslope is none of .* more=\('AP_phaseslope',\)"):
        features(trains, DT, (ON, OFF), names=["AP_phaseslope"])
    with pytest.raises(ParameterError, match="eFEL knows no feature bogus"):
        features(trains, DT, (ON, OFF), more=["bogus"])
    with pytest.raises(ParameterError, match="interp_step"):
        features(trains, DT, (ON, OFF), interp_step=-1.0)
    monkeypatch.setitem(sys.modules, "efel", None)
    with pytest.raises(ParameterError, match=r"AP_phaseslope is computed by eFEL, which is not installed; pip install"):
        features(trains, DT, (ON, OFF), more=["AP_phaseslope"])


def _in_another_process(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_numba_is_imported_when_features_are_asked_for():
    code = "import sys, gbar.features; print('numba' in sys.modules, 'efel' in sys.modules)"
    assert _in_another_process(code).split() == ["False", "False"]


def test_an_installation_that_cannot_be_written(tmp_path):
    """Neither beside the files nor in the user's folder: compiled anew, and the values are the same."""
    nowhere = tmp_path / "a file"
    nowhere.touch()
    code = """
import numba.core.caching as caching
def ensure(self):
    raise OSError("read-only")
for place in list(vars(caching).values()):
    if isinstance(place, type) and hasattr(place, "ensure_cache_path"):
        place.ensure_cache_path = ensure
import numpy as np
from gbar.features import features
print(features(np.full((1, 1001), -65.0), 0.1, (20.0, 80.0), names=["voltage_base"])["voltage_base"][0])
"""
    assert float(_in_another_process(code, NUMBA_CACHE_DIR=str(nowhere))) == -65.0
