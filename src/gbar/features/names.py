"""The features that are computed here, by eFEL's names, with their units, in the groups that are computed together."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TIMING: Mapping[str, str] = MappingProxyType(
    {
        "spike_count": "1",
        "spike_count_stimint": "1",  # peaks within the stimulus
        "mean_frequency": "Hz",  # spikes within the stimulus by the time from its begin to the last of them
        "time_to_first_spike": "ms",  # latency: from the begin of the stimulus to the first peak of the trace
        "time_to_last_spike": "ms",
        "inv_time_to_first_spike": "Hz",
        "doublet_ISI": "ms",  # the first interval
        "all_ISI_values": "ms",
        "ISI_values": "ms",  # without the first interval, as the next two
        "ISI_CV": "1",
        "irregularity_index": "ms",
        "adaptation_index": "1",
        "adaptation_index2": "1",
    }
)
SHAPE: Mapping[str, str] = MappingProxyType(
    {
        "peak_voltage": "mV",
        "AP_height": "mV",  # eFEL's other name for the same
        "AP_begin_voltage": "mV",  # the threshold of a spike: where its slope passes 10 mV/ms
        "AP_amplitude": "mV",  # from there to the peak, of spikes within the stimulus
        "AP_duration_half_width": "ms",  # half way between onset and peak, in whole samples
        "spike_half_width": "ms",  # half way between the afterhyperpolarisation and the peak, interpolated
        "AP_width": "ms",  # at -20 mV
        "AP_duration": "ms",
        "AP_rise_time": "ms",
        "AP_fall_time": "ms",
        "AP_peak_upstroke": "mV/ms",
        "AP_peak_downstroke": "mV/ms",
    }
)
AFTER: Mapping[str, str] = MappingProxyType(
    {
        "min_AHP_values": "mV",  # the first minimum after a spike
        "AHP_depth_abs": "mV",  # eFEL's other name for the same
        "AHP_depth": "mV",  # relative to voltage_base
        "AHP_depth_from_peak": "mV",
        "AHP_time_from_peak": "ms",
        "AHP_depth_abs_slow": "mV",  # the lowest from 5 ms after a spike to the next, without the first interval
        "AHP_slow_time": "1",  # when, as a part of the interval
        "min_voltage_between_spikes": "mV",
    }
)
PASSIVE: Mapping[str, str] = MappingProxyType(
    {
        "voltage_base": "mV",  # rest: the mean over the last tenth of the time before the stimulus
        "steady_state_voltage_stimend": "mV",  # the mean over the last tenth of the stimulus
        "voltage_deflection": "mV",
        "voltage_deflection_vb_ssse": "mV",  # from voltage_base to steady_state_voltage_stimend
        "minimum_voltage": "mV",  # during the stimulus
        "maximum_voltage": "mV",
        "sag_amplitude": "mV",
        "sag_ratio1": "1",
        "sag_ratio2": "1",
        "ohmic_input_resistance": "MOhm",
        "ohmic_input_resistance_vb_ssse": "MOhm",
    }
)
MEMBRANE: Mapping[str, str] = MappingProxyType(
    {
        "time_constant": "ms",  # of the fall after the begin of a hyperpolarising step
        "decay_time_constant_after_stim": "ms",
    }
)
BLOCK: Mapping[str, str] = MappingProxyType({"depol_block_bool": "1"})

GROUPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"timing": TIMING, "shape": SHAPE, "after": AFTER, "passive": PASSIVE, "membrane": MEMBRANE, "block": BLOCK}
)
UNITS: Mapping[str, str] = MappingProxyType({name: unit for group in GROUPS.values() for name, unit in group.items()})

VITALS: Mapping[str, str] = MappingProxyType(  # what `vitals` finds
    {"rest": "mV", "spikes": "1", "rate": "Hz", "peak": "mV", "width": "ms", "ahp": "mV", "plateau": "ms"}
)
