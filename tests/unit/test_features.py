from __future__ import annotations

import warnings

import numpy as np
import pytest

from gbar.errors import ParameterError
from gbar.features import UNITS, features, spike_counts, spike_times
from gbar.recordings import read
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


EFEL = {
    "spike_count": "Spikecount",
    "spike_count_window": "Spikecount_stimint",
    "mean_frequency": "mean_frequency",
    "latency": "time_to_first_spike",
    "isi_mean": "all_ISI_values",
    "isi_cv": "ISI_CV",
    "ap_threshold": "AP_begin_voltage",
    "ap_height": "peak_voltage",
    "ap_amplitude": "AP_amplitude",
    "ap_half_width": "AP_duration_half_width",
    "ahp": "min_between_peaks_values",
    "voltage_base": "voltage_base",
    "steady_voltage": "steady_state_voltage_stimend",
}


def by_efel(v, dt, on, off, current=None):
    """EFEL's values of one trace, averaged over spikes; NaN where it finds none."""
    import efel

    efel.reset()
    efel.set_setting("interp_step", dt)
    efel.set_setting("ignore_first_ISI", False)
    trace = {"T": np.arange(len(v)) * dt, "V": v, "stim_start": [on], "stim_end": [off]}
    wanted = list(EFEL.values())
    if current is not None:
        trace["stimulus_current"] = [current]
        wanted += ["ohmic_input_resistance_vb_ssse", "sag_ratio1"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = efel.get_feature_values([trace], wanted, raise_warnings=False)[0]
    efel.reset()
    if found["min_between_peaks_values"] is not None:
        found["min_between_peaks_values"] = found["min_between_peaks_values"][:-1]
    return {name: float(np.mean(x)) if x is not None and len(x) else np.nan for name, x in found.items()}


def agree(v, dt, on, off):
    ours = {name: x[0] for name, x in features(v[None], dt, (on, off)).items()}
    theirs = by_efel(v, dt, on, off)
    exact = {"spike_count": 0.0, "spike_count_window": 0.0, "mean_frequency": 1e-9}
    exact |= dict.fromkeys(("ap_threshold", "ap_height", "ap_amplitude", "ahp"), 1e-6)
    close = {"voltage_base": 2e-3, "steady_voltage": 0.05}  # their windows end one sample earlier or later
    # ours are times of crossings, eFEL's of peaks, up to 0.8 ms later and by 0.1 ms more or less from spike to spike
    close |= {"latency": 0.8, "isi_mean": 0.05, "isi_cv": 5e-3}
    close |= {"ap_half_width": dt}
    if theirs["Spikecount"] != theirs["Spikecount_stimint"]:  # eFEL's amplitude alone leaves spikes after the step out
        theirs["AP_amplitude"] = theirs["peak_voltage"] - theirs["AP_begin_voltage"]
    for name, tolerance in (exact | close).items():
        other = theirs[EFEL[name]]
        if name == "mean_frequency" and theirs["Spikecount_stimint"] == 0.0:
            assert ours[name] == 0.0
            continue
        assert np.isnan(ours[name]) == np.isnan(other), name
        if not np.isnan(other):
            assert ours[name] == pytest.approx(other, abs=max(tolerance, 1e-12)), name
    return ours


def test_against_efel_on_simulated_trains(trains):
    counts = [agree(v, DT, ON, OFF)["spike_count"] for v in trains]
    assert counts[1] == 0
    assert sum(count > 5 for count in counts) >= 3
    assert 1 in counts  # a lone spike is among them


@pytest.mark.parametrize(
    ("cell", "spikes"), [("509881736", 25), ("518290966", 12), ("555060623", 13), ("569469018", 12)]
)
def test_against_efel_on_allen_cells(shared, cell, spikes):
    (sweep,) = read(shared / "recordings" / "allen_nwb" / f"allen_{cell}.nwb").sweeps
    assert agree(sweep.v, sweep.dt, 205.0, 1205.0)["spike_count"] == spikes


@pytest.mark.parametrize("k", [0, 3, 6, 9])
def test_against_efel_on_fast_spikes_at_20_khz(shared, k):
    recording = read(shared / "recordings" / "lantyer_nwb" / "LantyerEtAl2018_180817_ME_9_CC.nwb")
    agree(recording.sweeps[k].v, 0.05, 100.0, 600.0)


def test_resistance_and_sag_against_efel():
    """A cell that relaxes to -90 mV and sags back, as with an h current."""
    t = np.arange(12001) * DT
    inside = (t >= ON) & (t < OFF)
    s = np.where(inside, t - ON, 0.0)
    v = -70.0 - inside * (20.0 * -np.expm1(-s / 10.0) - 6.0 * -np.expm1(-s / 40.0))
    theirs = by_efel(v, DT, ON, OFF, current=-0.2)
    found = features(v[None], DT, (ON, OFF), current_step=-0.2)
    assert found["input_resistance"][0] == pytest.approx(theirs["ohmic_input_resistance_vb_ssse"], rel=1e-3)
    assert found["sag_ratio"][0] == pytest.approx(theirs["sag_ratio1"], rel=1e-3)
    assert found["input_resistance"][0] == pytest.approx((20.0 - 6.0) / 0.2, rel=0.02)
    assert np.isnan(features(-140.0 - v[None], DT, (ON, OFF), current_step=0.2)["sag_ratio"][0])
    assert np.isnan(features(v[None], DT, (ON, OFF))["input_resistance"][0])


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
    assert found["spike_count"] == found["spike_count_window"] == 3
    np.testing.assert_allclose(spike_times(v[None], 0.01)[0], [crossing, crossing + 20.0, crossing + 60.0], atol=1e-9)
    assert found["latency"] == pytest.approx(crossing - 50.0)
    assert found["first_isi"] == pytest.approx(20.0)
    assert found["isi_mean"] == pytest.approx(30.0)
    assert found["isi_cv"] == pytest.approx(np.std([20.0, 40.0], ddof=1) / 30.0)
    assert found["mean_frequency"] == pytest.approx(1e3 * 3 / 70.0)
    assert found["ap_threshold"] == pytest.approx(-70.0, abs=1e-9)
    assert found["ap_height"] == pytest.approx(30.0)
    assert found["ap_amplitude"] == pytest.approx(100.0)
    assert found["ap_half_width"] == pytest.approx(1.5, abs=1e-9)
    assert found["ahp"] == found["rest"] == found["steady_voltage"] == -70.0
    threshold = spike_times(v[None], 0.01, threshold=0.0)[0]
    np.testing.assert_allclose(threshold, np.array([60.0, 80.0, 120.0]) - 0.3, atol=1e-9)


def test_an_artefact_of_the_stimulus_is_no_onset():
    """A steep jump at the step's begin, long before the spike: the onset is the spike's own."""
    v = triangle(at=(80.0,))
    v[5000:15000] += 8.0 * (1.0 - np.exp(-np.arange(10000) * 0.01 / 0.2))
    assert features(v[None], 0.01, (50.0, 150.0))["ap_threshold"][0] == pytest.approx(-62.0, abs=0.2)


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


def test_chunks_do_not_show(trains, monkeypatch):
    whole = features(trains, DT, (ON, OFF))
    monkeypatch.setattr("gbar.features._CHUNK", 2 * trains.shape[1] + 5)
    for name, value in features(trains, DT, (ON, OFF)).items():
        np.testing.assert_array_equal(whole[name], value, err_msg=name)


def test_float32_traces(trains):
    whole, single = features(trains, DT, (ON, OFF)), features(trains.astype(np.float32), DT, (ON, OFF))
    for name in UNITS:
        np.testing.assert_allclose(single[name], whole[name], rtol=1e-3, err_msg=name)


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
    assert found["mean_frequency"].tolist() == [0.0, 0.0]
    for name in ("latency", "first_isi", "isi_mean", "isi_cv", "ap_threshold", "ap_height", "ap_half_width", "ahp"):
        assert np.isnan(found[name]).all(), name
    assert all(len(x) == 0 for x in spike_times(quiet[:1], 0.1))


def test_one_and_two_spikes():
    one = features(triangle(at=(80.0,))[None], 0.01, (50.0, 150.0))
    assert one["ap_height"][0] == pytest.approx(30.0)
    assert np.isnan([one["isi_mean"][0], one["isi_cv"][0], one["ahp"][0]]).all()
    two = features(triangle(at=(80.0, 95.0))[None], 0.01, (50.0, 150.0))
    assert two["isi_mean"][0] == two["first_isi"][0] == pytest.approx(15.0)
    assert np.isnan(two["isi_cv"][0])


@pytest.mark.parametrize("window", [(50.0, 20.0), (-1.0, 20.0), (10.0, 1000.0), (10.0, 10.01), (np.nan, 20.0)])
def test_a_window_outside_the_trace(window):
    with pytest.raises(ParameterError, match="a window of"):
        features(np.zeros((1, 1001)), 0.1, window)


def test_no_rows():
    empty = features(np.zeros((0, 1001)), 0.1, (10.0, 50.0))
    assert all(x.shape == (0,) for x in empty.values())
    assert spike_times(np.zeros((0, 10)), 0.1) == []


def test_spike_counts_by_row_and_stimulus(trains):
    other = triangle(at=(60.0, 80.0))[None].repeat(len(trains), axis=0)
    sites = np.stack([trains, np.full_like(trains, 40.0)], axis=1)  # the first site counts
    traces = Traces((sites, other[:, None]), (DT, 0.01), np.zeros(len(trains), dtype=np.uint8))
    counts = spike_counts(traces)
    assert counts.shape == (len(trains), 2)
    assert counts[:, 0].tolist() == [len(x) for x in spike_times(trains, DT)]
    assert (counts[:, 1] == 2).all()
