"""Flags of recordings: each on a synthetic sweep that has just that fault, none on a good one, and on shared files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.errors import ParameterError
from gbar.recordings import Recording, Sweep, read
from gbar.recordings.quality import UNITS, Thresholds, flags, flags_of, input_resistance, series_resistance

DT, N, ON, OFF = 0.05, 20_000, 8000, 16_000
T = np.arange(N) * DT


def recorded(amplitude=0.1, rest=-70.0, resistance=150.0, noise=0.05, count=4, series=0.0, seed=0, name="s"):
    """A step of 400 ms after 400 ms of rest: a passive answer with spikes of 1 ms, as an amplifier writes it."""
    current = np.zeros(N)
    current[ON:OFF] = amplitude
    v = rest + amplitude * resistance * (1 - np.exp(-np.maximum(T - T[ON], 0.0) / 20.0))
    v[OFF:] = rest + (v[OFF - 1] - rest) * np.exp(-(T[OFF:] - T[OFF]) / 20.0)
    v += series * current
    for k in range(count):
        at = ON + 1500 + 1500 * k
        v[at - 20 : at + 20] += 90.0 * np.exp(-(np.arange(-20, 20) ** 2) / 100.0)
    return Sweep(name, v + np.random.default_rng(seed).normal(0.0, noise, N), current, DT, 0.0)


def names(sweep, thresholds=None):
    return [flag.name for flag in flags_of(sweep, thresholds)]


def test_a_good_sweep_has_no_flags():
    assert names(recorded()) == []
    assert names(recorded(-0.1, count=0)) == []


def changed(sweep, v):
    return replace(sweep, v=v)


GOOD = recorded()
TOP = np.minimum(GOOD.v, 5.0)
FAULTS = {
    "wrong unit": [changed(GOOD, GOOD.v * 10.0), changed(GOOD, GOOD.v * 1e-3)],
    "voltage clamp": [replace(changed(GOOD, np.where(T < 400, -70.0, -60.0)), monitored=GOOD.current)],
    "no stimulus": [recorded(0.0, count=0)],
    "stimulus not delivered": [
        recorded(resistance=0.1, count=0),
        recorded(resistance=-50.0, count=0),
    ],
    "model cell": [recorded(noise=0.0)],
    "drift within the sweep": [changed(GOOD, GOOD.v + 0.02 * np.minimum(T, 400.0) - 8.0)],
    "series resistance": [recorded(series=40.0, count=0), recorded(series=-40.0, count=0)],
    "hum": [changed(GOOD, GOOD.v + 0.5 * np.sin(2 * np.pi * f * T / 1000)) for f in (50.0, 60.0)],
    "clipped spikes": [changed(GOOD, TOP)],
    "undersampled spikes": [replace(GOOD, v=GOOD.v[::5], current=GOOD.current[::5], dt=0.25)],
    "offset rest": [recorded(rest=-35.0, count=0), recorded(rest=-104.0, count=0)],
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_its_flag(name):
    for sweep in FAULTS[name]:
        raised = flags_of(sweep)
        assert name in [flag.name for flag in raised]
        (flag,) = (flag for flag in raised if flag.name == name)
        assert flag.sweep == "s"
        assert np.isfinite(flag.value)
        assert flag.sentence and "\n" not in flag.sentence
        assert flag.name in UNITS


@pytest.mark.parametrize("name", ["series resistance", "hum", "offset rest", "drift within the sweep"])
def test_one_fault_has_no_other_flag(name):
    for sweep in FAULTS[name]:
        assert names(sweep) == [name]


def test_values():
    assert input_resistance(recorded(-0.1, count=0)) == pytest.approx(150.0, rel=0.01)
    assert input_resistance(recorded(count=2)) is None
    assert series_resistance(recorded(series=40.0, count=0)) == pytest.approx(40.0, abs=2.0)
    assert series_resistance(recorded(series=-15.0, count=0)) == pytest.approx(-15.0, abs=2.0)
    (hum,) = flags_of(FAULTS["hum"][0])
    assert hum.value == pytest.approx(0.5, rel=0.03)


def test_a_holding_current_excuses_the_rest():
    held = recorded(rest=-35.0, count=0)
    assert names(replace(held, current=held.current + 0.05)) == []


def test_digitised_voltages_are_no_model():
    sweep = recorded(noise=0.005)
    assert "model cell" not in names(changed(sweep, np.round(sweep.v / 0.03) * 0.03))


def recording(*sweeps):
    return Recording(Path("cell.nwb"), "0" * 64, "NWB 2", sweeps)


def test_drift_between_sweeps():
    sweeps = [recorded(rest=-70.0 + (8.0 if k == 4 else 0.0), seed=k, name=f"s{k}") for k in range(5)]
    (flag,) = flags(recording(*sweeps))
    assert (flag.name, flag.sweep) == ("drift between sweeps", "s4")
    assert flag.value == pytest.approx(8.0, abs=0.1)


def test_a_box_of_resistors():
    steps = [recorded(a, count=0, seed=k, name=f"s{k}") for k, a in enumerate((-0.2, -0.1, 0.1, 0.2, 0.3))]
    assert [flag.name for flag in flags(recording(*steps))] == ["linear cell"]
    assert flags(recording(*steps[:2])) == ()


def test_a_seal_that_is_lost():
    sweeps = [
        recorded(-0.05, rest=-70.0 + 1.5 * k, resistance=200.0 - 15.0 * k, count=0, seed=k, name=f"s{k}")
        for k in range(9)
    ]
    assert "seal loss" in [flag.name for flag in flags(recording(*sweeps))]


def test_thresholds_are_set_by_name():
    assert names(FAULTS["hum"][0], Thresholds().changed(["hum = 1", "clipped=2"])) == []
    with pytest.raises(ParameterError, match="no threshold 'hun'; the thresholds are largest_voltage"):
        Thresholds().changed(["hun=1"])
    for wrong in ("hum", "hum=a lot", "hum=nan"):
        with pytest.raises(ParameterError, match="hum"):
            Thresholds().changed([wrong])


SHARED = {  # what is raised for each file, and for how many sweeps
    "allen_nwb/allen_509881736.nwb": {},
    "allen_nwb/allen_518290966.nwb": {},
    "allen_nwb/allen_555060623.nwb": {},
    "allen_nwb/allen_569469018.nwb": {},
    "bbp_c060114a5_ibw": {"no stimulus": 3, "undersampled spikes": 47},  # IV at 0 pA; spikes at 2 and 4 kHz
    "ferguson_ca1/FergusonEtAl2015_PYR5_rebound.nwb": {"series resistance": 8},  # 30 MOhm within half a millisecond
    "ferguson_ca1/PYR5_rebound.abf": {"series resistance": 8},
    "lantyer_nwb/LantyerEtAl2018_180817_ME_9_CC.nwb": {"series resistance": 9},  # 33 MOhm in 0.2 ms
    "pyabf/171116sh_0016.abf": {"no stimulus": 1},  # the first ramp is one of 0 pA
    "pyabf/171116sh_0018.abf": {},
    "pyabf/File_axon_5.abf": {"no stimulus": 1},  # the step of 0 pA
}


@pytest.mark.parametrize("file", SHARED)
def test_flags_of_shared_recordings(shared, file):
    found: dict[str, int] = {}
    for flag in flags(read(shared / "recordings" / file)):
        found[flag.name] = found.get(flag.name, 0) + 1
    assert found == SHARED[file]
