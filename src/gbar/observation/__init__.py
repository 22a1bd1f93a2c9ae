"""What becomes of a cell's voltage on its way to whoever looks at it.

`Rig` is what electrode, amplifier and digitiser do to it; `Reduction` is what a network sees of a sweep, whether
simulated or recorded; `Disturbance` is what a rig leaves on that reduced grid, `Noise` the noise of observing there.
`estimate_*` measure these on a baseline.
"""

from gbar.observation.adc import Adc
from gbar.observation.baseline import estimate_hum, estimate_noise, estimate_step, without_hum
from gbar.observation.disturbance import Disturbance, passed, seen
from gbar.observation.electrode import Electrode, delivered
from gbar.observation.filters import RC, Bessel
from gbar.observation.noise import Broadband, Drift, Hum, Noise
from gbar.observation.reduction import Reduction, observe, observe_sweeps, reduction_for
from gbar.observation.rig import Rig
from gbar.observation.spectrum import BaselineSpectrum, estimate_spectrum
from gbar.observation.value import LogUniform, Uniform, Value

__all__ = [
    "RC",
    "Adc",
    "BaselineSpectrum",
    "Bessel",
    "Broadband",
    "Disturbance",
    "Drift",
    "Electrode",
    "Hum",
    "LogUniform",
    "Noise",
    "Reduction",
    "Rig",
    "Uniform",
    "Value",
    "delivered",
    "estimate_hum",
    "estimate_noise",
    "estimate_spectrum",
    "estimate_step",
    "observe",
    "observe_sweeps",
    "passed",
    "reduction_for",
    "seen",
    "without_hum",
]
