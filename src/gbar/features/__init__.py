"""What an electrophysiologist reads off a voltage trace: rest, spikes, their times and shapes, the response to a step.

Names, definitions and values are eFEL's (https://efel.readthedocs.io; doi 10.5281/zenodo.593869) with its default
settings and an interpolation step equal to the sampling, computed for many traces at once. Each name's group has its
file: `timing`, `shape`, `after`, `passive`, `membrane`, `block`; they read where spikes lie from `spikes`. `vitals` are
a few of them for millions of traces. Numba is imported when features are first asked for.

Where eFEL leaves its definitions, the feature is missing here:

- eFEL pairs its lists of peaks, onsets, ends and minima by rank; where it then reads beyond the end of a list, or looks
  for the rise of a spike of before the stimulus backwards in time, that spike is left out of the mean;
- the sag ratios and the decay of a voltage that has not moved are quotients of rounding errors;
- a trace that is not finite has no features.
"""

from gbar.features.batch import features, peak_times
from gbar.features.crossings import THRESHOLD, spike_counts, spike_times
from gbar.features.names import UNITS, VITALS
from gbar.features.vitals import vitals

__all__ = ["THRESHOLD", "UNITS", "VITALS", "features", "peak_times", "spike_counts", "spike_times", "vitals"]
