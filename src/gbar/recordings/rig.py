"""The rig that a recording was made with, as far as the file and its baselines tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError
from gbar.observation import (
    Adc,
    BaselineSpectrum,
    Bessel,
    Broadband,
    Drift,
    Hum,
    Rig,
    estimate_hum,
    estimate_noise,
    estimate_spectrum,
    estimate_step,
    without_hum,
)
from gbar.observation.baseline import clipped_variance
from gbar.observation.value import bounds
from gbar.recordings.recording import Sweep

_CALM = 10.0  # mV: a baseline that goes further away is more than noise
_LONGEST = 200_000  # samples of a baseline that are looked at
_MIDDLE = 1.0  # kHz, at which noise counts as white: above what is slow, below most filters
_BINS = 200  # of a baseline, at least


@dataclass(frozen=True)
class _Baseline:
    """What one sweep's baseline tells."""

    white: Broadband
    slow: Drift
    hum: Hum
    step: float  # mV
    corner: float | None  # kHz, of the filter


def rig_of(sweeps: Sequence[Sweep]) -> Rig | None:
    """Noise, hum, filter and digitiser of the rig; None where no baseline tells and the file states no filter.

    Of the sweeps with a baseline of 1,000 samples that stays within 10 mV (no spikes in it) the one with the middle
    white noise speaks for all. What a baseline varies beyond its white noise is a slow drift of that strength: its 1/f
    part cannot be followed below the frequencies that a baseline has. The filter is the file's where it states one,
    else what the spectrum shows below its Nyquist frequency. Noise of the membrane counts as the amplifier's. What no
    baseline tells, bridge error and junction potential, is left at nothing.
    """
    told = [one for sweep in sweeps if (one := _baseline(sweep)) is not None]
    if not told:
        stated = [sweep.amplifier.filter for sweep in sweeps if sweep.amplifier.filter]
        return Rig(filter=Bessel(stated[0])) if stated else None
    found = sorted(told, key=lambda one: bounds(one.white.sd))[len(told) // 2]
    noise: list[Broadband | Drift | Hum] = [found.white]
    noise += [found.slow] if found.slow.sd else []
    noise += [found.hum] if found.hum.amplitude else []
    return Rig(
        noise=tuple(noise),
        filter=None if found.corner is None else Bessel(found.corner),
        adc=Adc(found.step) if found.step else None,
    )


def _baseline(sweep: Sweep) -> _Baseline | None:
    v = np.asarray(sweep.v[sweep.baseline][-_LONGEST:], dtype=np.float64)
    if np.abs(v - np.median(v)).max() > _CALM:
        return None
    hum, step = _hum(v, sweep.dt), estimate_step(sweep.v)
    v = without_hum(v, sweep.dt, hum)
    try:
        spectrum = estimate_spectrum(v, sweep.dt, step=step)
    except RecordingError:  # too short, or without any noise
        return None
    corner = sweep.amplifier.filter or spectrum.filter
    density = _level(spectrum, min(_MIDDLE, 0.25 / sweep.dt))
    return _Baseline(Broadband(math.sqrt(density * 10.0), 10.0), _drift(v, sweep.dt, density), hum, step, corner)


def _level(spectrum: BaselineSpectrum, f: float) -> float:
    """The density in mV²/kHz before the filter at f kHz: what is white, seen from there."""
    rise = (spectrum.corner / (1000.0 * f)) ** spectrum.exponent if spectrum.corner else 0.0
    return spectrum.density * (1.0 + rise)


def _drift(v: Float[np.ndarray, " time"], dt: float, density: float) -> Drift:
    """What a baseline's means over a ms, which no filter correlates, vary beyond white noise of that density."""
    width = max(1, min(round(1.0 / dt), len(v) // _BINS))
    means = v[: len(v) // width * width].reshape(-1, width).mean(axis=1)
    slow = clipped_variance(means) - 0.5 * density / (width * dt)
    return Drift(math.sqrt(max(slow, 0.0)), estimate_noise(means, width * dt).ou_tau)


def _hum(v: Float[np.ndarray, " time"], dt: float) -> Hum:
    try:
        return estimate_hum(v, dt)
    except RecordingError:
        return Hum(0.0)
