"""eFEL's values of single traces, and whether gbar's are the same."""

from __future__ import annotations

import warnings

import numpy as np

from gbar.features import UNITS, features

TOLERANCE = 1e-8  # relative and absolute, in each feature's unit
LOOSE = {"time_constant": 1e-6, "decay_time_constant_after_stim": 1e-6}  # straight lines through logarithms
INDICES = ["peak_indices", "AP_begin_indices", "AP_end_indices"]
SLOWEST = 1e6  # ms: eFEL's decay of a voltage that has not moved
UNMOVED = 1e-9  # mV: and how far it is from its lowest by rounding


def by_efel(v, dt, window, current=None, step=None):
    """EFEL's mean values by name, NaN for none; and its times of peaks, and indices of onsets and ends."""
    import efel

    efel.reset()
    efel.set_setting("interp_step", float(dt if step is None else step))
    trace = {"T": np.arange(len(v)) * dt, "V": v.astype(float), "stim_start": [window[0]], "stim_end": [window[1]]}
    if current is not None:
        trace["stimulus_current"] = [current]
    wanted = [name for name in UNITS if name != "depol_block_bool"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = efel.get_feature_values([trace], wanted + INDICES, raise_warnings=False)[0]
        try:
            found |= efel.get_feature_values([trace], ["depol_block_bool"], raise_warnings=False)[0]
        except IndexError:  # the trace ends with the stimulus
            found["depol_block_bool"] = None
    efel.reset()
    peaks, onsets, ends = (np.asarray(found.pop(name) if found[name] is not None else []) for name in INDICES)
    values = {name: float(np.mean(x)) if x is not None and len(x) else np.nan for name, x in found.items()}
    return values, (peaks * (dt if step is None else step), onsets, ends)


def undefined(window, lists, values):
    """The features for which eFEL reads beyond the end of a list, or backwards in time, or divides rounding errors."""
    peaks, onsets, ends = lists
    names = set()
    if values["decay_time_constant_after_stim"] > SLOWEST:
        names.add("decay_time_constant_after_stim")
    if abs(values["voltage_base"] - values["minimum_voltage"]) < UNMOVED:
        names |= {"sag_ratio1", "sag_ratio2"}
    if len(peaks) and peaks[0] < window[0]:
        names.add("spike_half_width")
    if len(ends) < min(len(peaks), len(onsets)):
        names |= {"AP_duration_half_width"}
    return names


def compare(v, dt, window, current=None, step=None):
    """Asserts that every feature of one trace is eFEL's; returns eFEL's values."""
    ours = {name: x[0] for name, x in features(v[None], dt, window, current, interp_step=step).items()}
    theirs, lists = by_efel(v, dt, window, current, step)
    assert list(ours) == list(UNITS)
    skipped = undefined(window, lists, theirs)
    for name in UNITS:
        if name in skipped:
            continue
        tolerance = LOOSE.get(name, TOLERANCE)
        np.testing.assert_allclose(ours[name], theirs[name], rtol=tolerance, atol=tolerance, err_msg=name)
    return theirs
