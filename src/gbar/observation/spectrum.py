"""What the spectrum of a baseline tells: its white level, the corner of its 1/f part, the corner of the filter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError
from gbar.observation.filters import gain
from gbar.observation.noise import Broadband

_LEAST = 1000  # samples
_BINS = 60  # of logarithmic width, and as many cuts at equal distances: a steep fall needs narrow ones
_REFERENCE = 0.1  # kHz, where the strength of the 1/f part is fitted
_WORTH = 15.0  # by how much a further part must lower the deviance


@dataclass(frozen=True)
class BaselineSpectrum:
    """A one-sided spectrum density * (1 + (corner / f)^exponent), behind a Bessel filter if `filter` is not None."""

    density: float  # mV²/kHz of the white part
    corner: float  # Hz, where the 1/f part equals it; 0: none seen
    exponent: float
    filter: float | None  # kHz, the -3 dB corner; None: no fall seen below the Nyquist frequency

    def broadband(self, bandwidth: float = 10.0) -> Broadband:
        """The noise before the filter, its white part stated for a bandwidth in kHz."""
        return Broadband(math.sqrt(self.density * bandwidth), bandwidth, self.corner, self.exponent)


def estimate_spectrum(
    v: Float[np.ndarray, " time"], dt: float, *, poles: int = 4, step: float = 0.0
) -> BaselineSpectrum:
    """The spectrum of the noise of a baseline v (mV) sampled every dt ms, behind a Bessel filter of `poles` poles.

    The periodogram (Hann window, means over about 100 bins) is fitted by maximum likelihood with white noise alone,
    with a 1/f part, with a filter, and with both; a part that lowers the deviance by less than 15 is left out. `step`
    mV of the digitiser is a floor of step²/12 that the filter does not lower. Take hum out before (`without_hum`).
    Noise of the amplifier and of the membrane are both in v; a corner beyond the Nyquist frequency says that white
    noise is not seen. Raises RecordingError for fewer than 1,000 samples, or a voltage that never changes.
    """
    if v.ndim != 1 or len(v) < _LEAST or not np.ptp(v) > 0.0:
        raise RecordingError(
            f"{v.size} samples of baseline are too few (or too still) for a spectrum",
            remedy=f"use {_LEAST} or more of a noisy voltage",
        )
    fit = _Fit(*_periodogram(v, dt), nyquist=0.5 / dt, poles=poles, floor=step**2 / 6.0 * dt)
    white = fit.best(flicker=False, filtered=False)
    chosen = white
    for flicker, filtered in ((True, False), (False, True), (True, True)):
        other = fit.best(flicker=flicker, filtered=filtered)
        parts = (flicker + filtered) - np.isfinite(chosen[1][[1, 3]]).sum()
        if other[0] < chosen[0] - _WORTH * max(int(parts), 0):
            chosen = other
    level, strength, exponent, corner = chosen[1]
    density = math.exp(level)
    rise = 1000.0 * _REFERENCE * math.exp((strength - level) / exponent) if math.isfinite(strength) else 0.0
    return BaselineSpectrum(
        density, rise, float(exponent) if rise else 1.0, math.exp(corner) if math.isfinite(corner) else None
    )


def _periodogram(
    v: Float[np.ndarray, " time"], dt: float
) -> tuple[Float[np.ndarray, " bin"], Float[np.ndarray, " bin"], Float[np.ndarray, " bin"]]:
    """Frequencies in kHz, one-sided power densities in mV²/kHz and how many independent ordinates each bin holds."""
    window = np.hanning(len(v) + 2)[1:-1]
    power = np.abs(np.fft.rfft(window * (v - np.average(v, weights=window)))) ** 2 * (2.0 * dt / np.sum(window**2))
    f = np.arange(len(power)) / (len(v) * dt)
    last = len(power) - 1  # the Nyquist frequency, left out
    edges = np.unique(np.concatenate([np.geomspace(3, last, _BINS), np.linspace(3, last, _BINS)]).astype(int))
    count = np.diff(edges)
    bins = [np.add.reduceat(x[: edges[-1]], edges[:-1]) / count for x in (f, power)]
    return bins[0], bins[1], count / 1.5  # neighbours share a Hann window's main lobe


class _Fit:
    """Whittle's likelihood of a binned periodogram under [log white, log 1/f at _REFERENCE, exponent, log corner]."""

    def __init__(
        self,
        f: Float[np.ndarray, " bin"],
        power: Float[np.ndarray, " bin"],
        count: Float[np.ndarray, " bin"],
        *,
        nyquist: float,
        poles: int,
        floor: float,
    ) -> None:
        self._f, self._power, self._count = f, power, count
        self._nyquist, self._floor = nyquist, floor
        self._log_f = np.log(np.stack([f, 2.0 * nyquist - f, 2.0 * nyquist + f]))  # the latter are folded back
        self._log_ratio = np.linspace(-12.0, 6.0, 4001)  # of a frequency to the corner
        self._log_gain = 2.0 * np.log(gain(np.exp(self._log_ratio), 1.0, poles))  # of power

    def best(self, *, flicker: bool, filtered: bool) -> tuple[float, Float[np.ndarray, "4"]]:
        """The lowest deviance from several starts, and its parameters; -inf and +inf for the parts left out."""
        middle = math.log(float(np.median(self._power)))
        low = math.log(float(self._power[:3].mean()))
        corners = np.log(np.geomspace(0.05, 0.8, 4) * self._nyquist) if filtered else [math.inf]
        exponents = (0.8, 1.6) if flicker else (1.0,)
        free = np.array([True, flicker, flicker, filtered])
        found = []
        for corner, exponent in product(corners, exponents):
            rise = low - exponent * math.log(_REFERENCE / self._f[1]) if flicker else -math.inf
            found.append(self._descend(np.array([middle, rise, exponent, corner]), free))
        return min(found, key=lambda one: one[0])

    def _log_model(self, p: Float[np.ndarray, "4"]) -> Float[np.ndarray, " bin"]:
        white = math.exp(p[0])
        shape = white + np.exp(p[1] - p[2] * (self._log_f[0] - math.log(_REFERENCE)))
        if math.isfinite(p[3]):
            passed = np.exp(np.interp(self._log_f - p[3], self._log_ratio, self._log_gain))
            shape = shape * passed[0] + white * (passed[1] + passed[2])
        return np.log(shape + self._floor)

    def _deviance(self, p: Float[np.ndarray, "4"]) -> float:
        log = self._log_model(p)
        return 2.0 * float(np.sum(self._count * (log + self._power * np.exp(-log))))

    def _descend(self, p: Float[np.ndarray, "4"], free: np.ndarray) -> tuple[float, Float[np.ndarray, "4"]]:
        """Fisher scoring with a damping that grows where a step does not help."""
        low = np.array([-60.0, -60.0, 0.3, math.log(2.0 * self._f[0])])
        high = np.array([60.0, 60.0, 3.0, math.log(self._nyquist)])
        places = np.flatnonzero(free)
        best, damping = self._deviance(p), 1e-2
        for _ in range(40):
            log = self._log_model(p)
            slopes = np.stack([(self._log_model(p + nudge) - log) / 1e-5 for nudge in 1e-5 * np.eye(4)[places]])
            pull = slopes @ (self._count * (self._power * np.exp(-log) - 1.0))
            curvature = (slopes * self._count) @ slopes.T
            move = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature) + 1e-9), pull)
            if pull @ move < 1e-3:  # half of what a whole step could gain
                break
            trial = p.copy()
            trial[places] = np.clip(p[places] + np.clip(move, -2.0, 2.0), low[places], high[places])
            deviance = self._deviance(trial)
            if deviance < best:
                p, best, damping = trial, deviance, damping / 5.0
            else:
                damping *= 8.0
        return best, p
