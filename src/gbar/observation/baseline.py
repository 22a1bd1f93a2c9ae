"""What of the noise and the digitiser can be told from a baseline: strengths, correlation time, hum, step."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError
from gbar.observation.noise import Hum, Noise
from gbar.observation.value import bounds

_HUM_LONGEST = 10_000.0  # ms


def estimate_noise(v: Float[np.ndarray, " time"], dt: float, *, slowest: float | None = None) -> Noise:
    """The white and the slow part of the noise of a baseline v (mV) sampled every dt ms.

    From the variance of differences over growing lags, 2 white² + 2 sd² (1 - exp(-lag/tau)), with outliers beyond four
    standard deviations left out: a constant offset has no part in it, and a rare synaptic potential little. The tau
    is looked for up to `slowest` ms (an eighth of the baseline unless stated). Give the baseline of the reduced sweep
    to get the `white` that `Noise` means. Raises RecordingError for fewer than 200 samples.
    """
    if v.ndim != 1 or len(v) < 200:
        raise RecordingError(
            f"{v.size} samples of baseline are too few to measure noise", remedy="state the noise instead"
        )
    slowest = len(v) * dt / 8.0 if slowest is None else slowest
    furthest = min(len(v) // 4, max(4, math.ceil(3.0 * slowest / dt)))
    lags = np.unique(np.geomspace(1, furthest, 40).astype(int))
    measured = np.array([clipped_variance(v[lag:] - v[:-lag]) / 2.0 for lag in lags])
    if not measured.any():
        return Noise(ou_tau=max(slowest, dt))
    weight = 1.0 / (np.maximum(measured, 1e-3 * measured.max()) * np.sqrt(lags))
    best = (math.inf, 0.0, 0.0, slowest)
    for tau in np.geomspace(2.0 * dt, max(slowest, 4.0 * dt), 80):
        white, slow = _two_parts(measured * weight, weight, weight * -np.expm1(-lags * dt / tau))
        misfit = float(np.sum(((white - slow * np.expm1(-lags * dt / tau) - measured) * weight) ** 2))
        best = min(best, (misfit, white, slow, float(tau)))
    _, white, slow, tau = best
    return Noise(math.sqrt(white), (math.sqrt(slow),) * 2, tau)


def clipped_variance(x: Float[np.ndarray, " sample"]) -> float:
    """The variance about the median of what lies within four robust standard deviations of it."""
    x = x - np.median(x)
    scale = 1.4826 * float(np.median(np.abs(x))) or float(x.std())
    return float(np.mean(x[np.abs(x) <= 4.0 * scale] ** 2))


def _two_parts(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The non-negative (p, q) that bring p a + q b closest to y."""
    aa, ab, bb, ay, by = a @ a, a @ b, b @ b, a @ y, b @ y
    determinant = aa * bb - ab * ab
    if determinant > 1e-12 * aa * bb:
        p, q = (bb * ay - ab * by) / determinant, (aa * by - ab * ay) / determinant
        if p >= 0.0 and q >= 0.0:
            return float(p), float(q)
    alone = (max(float(ay / aa), 0.0), 0.0), (0.0, max(float(by / bb), 0.0))
    return min(alone, key=lambda pq: float(np.sum((pq[0] * a + pq[1] * b - y) ** 2)))


def estimate_hum(
    v: Float[np.ndarray, " time"], dt: float, *, mains: tuple[float, ...] = (50.0, 60.0), harmonics: int = 3
) -> Hum:
    """The hum of the mains in a baseline v (mV) sampled every dt ms; an amplitude of 0 where none stands out.

    The frequency is looked for within 0.5 Hz of each of `mains` (Hz), in a Hann window; what the spectrum has
    beside it, from 3 to 8 / duration away, is taken off its power and must be exceeded 15-fold (9-fold by one of the
    first `harmonics`). Of a long baseline the last 10 s are looked at. Raises RecordingError for one under ten periods.
    """
    v = v[-max(1, round(_HUM_LONGEST / dt)) :]
    duration = len(v) * dt / 1000.0  # s
    if v.ndim != 1 or duration * min(mains) < 10.0 or dt > 2.0:
        raise RecordingError(
            f"{v.size} samples every {dt:g} ms are too few to measure hum", remedy="use a longer baseline"
        )
    lines = _Lines(v, dt)
    peaks = [lines.peak(centre) for centre in mains]
    ratios = [power / lines.background(frequency) for power, frequency in peaks]
    ratio, (power, frequency), centre = max(zip(ratios, peaks, mains, strict=True))
    if ratio < 15.0:
        return Hum(0.0, centre)
    amplitude = math.sqrt(power * (1.0 - 1.0 / ratio))
    relative = []
    for order in range(2, harmonics + 1):
        extra, beside = lines.power(order * frequency), lines.background(order * frequency)
        relative.append(math.sqrt(extra - beside) / amplitude if extra > 9.0 * beside else 0.0)
    return Hum(amplitude, frequency, tuple(relative))


def without_hum(v: Float[np.ndarray, " time"], dt: float, hum: Hum) -> Float[np.ndarray, " time"]:
    """The baseline without the sines that fit it best at the hum's frequency and its harmonics."""
    if hum.amplitude == 0.0:
        return v.copy()
    t = np.arange(len(v)) * dt / 1000.0
    at = 2.0 * math.pi * np.mean(bounds(hum.frequency)) * np.outer(t, np.arange(1, 2 + len(hum.harmonics)))
    sines = np.concatenate([np.cos(at), np.sin(at), np.ones((len(v), 1))], axis=1)
    found = np.linalg.lstsq(sines, v, rcond=None)[0]
    return v - sines[:, :-1] @ found[:-1]


class _Lines:
    """The squared amplitudes of sines (mV²) in a baseline, averaged to about 2 kHz, in a Hann window."""

    def __init__(self, v: Float[np.ndarray, " time"], dt: float) -> None:
        self._bin = max(1, round(0.5 / dt)) * dt / 1000.0  # s
        count = max(1, round(0.5 / dt))
        x = v[: len(v) // count * count].reshape(-1, count).mean(axis=1)
        window = np.hanning(len(x) + 2)[1:-1]
        self._x = window * (x - np.average(x, weights=window)) / window.sum()
        self._t = np.arange(len(x)) * self._bin
        self._resolution = 1.0 / (len(x) * self._bin)

    def power(self, frequency: float) -> float:
        """The squared amplitude of a sine of that frequency (Hz)."""
        passed = np.sinc(frequency * self._bin)
        return float(np.abs(2.0 * (self._x @ np.exp(-2j * math.pi * frequency * self._t)) / passed) ** 2)

    def peak(self, centre: float) -> tuple[float, float]:
        """The highest power within 0.5 Hz of a frequency, and where: on a grid, then by a parabola."""
        f = centre + np.linspace(-0.5, 0.5, 2 * math.ceil(4.0 / self._resolution) + 1)
        powers = [self.power(x) for x in f]
        top = int(np.argmax(powers))
        if not 0 < top < len(f) - 1:
            return powers[top], float(f[top])
        left, middle, right = powers[top - 1 : top + 2]
        curvature = left - 2.0 * middle + right
        best = float(f[top] + (f[1] - f[0]) * 0.5 * (left - right) / curvature) if curvature < 0.0 else float(f[top])
        return self.power(best), best

    def background(self, frequency: float) -> float:
        """What the noise beside it would give: the geometric mean of the medians on either side."""
        away = np.arange(3, 9) * self._resolution
        below = [self.power(f) for f in frequency - away if f > 1.5 * self._resolution]
        above = [self.power(f) for f in frequency + away]
        sides = [np.median(side) / math.log(2.0) for side in (below, above) if side]  # of an exponential distribution
        return float(np.exp(np.mean(np.log(np.maximum(sides, 1e-300)))))


def estimate_step(v: Float[np.ndarray, " time"]) -> float:
    """The step in mV of the digitiser that a voltage went through; 0 where its values are no multiples of one.

    The smallest difference between distinct values, of which 95 % of the differences must be whole multiples (within a
    tenth), refined by a line through all. Values as near as float32 rounds count as one.
    """
    values = np.unique(v[np.isfinite(v)]).astype(np.float64)
    if len(values) < 3:
        return 0.0
    rounding = 4.0 * float(np.finfo(np.float32).eps) * float(np.abs(values).max())
    values = values[np.concatenate([[True], np.diff(values) > rounding])]
    apart = np.diff(values)
    if len(apart) < 2:
        return 0.0
    step = float(np.median(apart[apart <= 1.5 * np.quantile(apart, 0.05)]))
    multiples = np.rint(apart / step)
    whole = (np.abs(apart / step - multiples) < 0.1) & (multiples >= 1.0)
    if whole.mean() < 0.95:
        return 0.0
    codes = np.concatenate([[0.0], np.cumsum(np.where(whole, multiples, apart / step))])
    return float(np.polyfit(codes, values, 1)[0])
