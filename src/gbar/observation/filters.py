"""The low-pass filters of amplifiers: Bessel and RC, as what they do in continuous time.

H(s) = sum of r_i / (s - p_i). A filter is applied to the voltage that is linear between its samples, and gives its
exact response at the samples ("first-order hold"): for any dt, also one too coarse for the corner, where it passes all.
The bilinear transform would hold the corner at -3 dB by bending all other frequencies and cannot place it beyond the
Nyquist frequency; holding each sample ("zero-order hold") would delay a spike by dt/2 more.

Noise, too, is linear between samples here, and so a little weaker than in hardware: its standard deviation behind a
four-pole Bessel filter by 2 % where the corner is a tenth of the sampling rate, by 10 % where it is a quarter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Complex, Float

from gbar.errors import ParameterError
from gbar.observation.modes import Modes
from gbar.observation.value import Value, bounds, checked, column

MOST_POLES = 8
_SETTLED = 10.0  # time constants of the slowest pole: what is left is 5e-5

Applied = Callable[[Float[np.ndarray, "row time"], float], Float[np.ndarray, "row time"]]  # to mV sampled every dt ms


@dataclass(frozen=True)
class Bessel:
    """A Bessel low-pass filter of `poles` poles whose -3 dB corner is `corner` kHz; causal, its gain 1 at rest.

    Patch-clamp amplifiers have four poles. Spikes come later by its group delay (0.34 / corner for four).
    """

    corner: Value  # kHz
    poles: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "corner", checked(self.corner, "a filter's corner in kHz", above=0.0))
        if not 1 <= self.poles <= MOST_POLES:
            raise ParameterError(f"a Bessel filter of {self.poles} poles", remedy=f"give 1 to {MOST_POLES}")

    def drawn(self, rngs: Sequence[np.random.Generator]) -> Applied:
        """What filters the rows of those generators, with each row's corner."""
        corner = column(self.corner, rngs)
        return lambda v, dt: low_pass(v, dt, corner, self.poles)

    def settling(self) -> float:
        """The ms after which it has forgotten what it started from, whatever corner a row draws."""
        return _settling(bounds(self.corner)[0], self.poles)


@dataclass(frozen=True)
class RC:
    """A low-pass filter of one resistance and one capacitance whose -3 dB corner is `corner` kHz = 1/(2 pi tau)."""

    corner: Value  # kHz

    def __post_init__(self) -> None:
        object.__setattr__(self, "corner", checked(self.corner, "a filter's corner in kHz", above=0.0))

    def drawn(self, rngs: Sequence[np.random.Generator]) -> Applied:
        """What filters the rows of those generators, with each row's corner."""
        corner = column(self.corner, rngs)
        return lambda v, dt: low_pass(v, dt, corner, 1)

    def settling(self) -> float:
        """The ms after which it has forgotten what it started from, whatever corner a row draws."""
        return _settling(bounds(self.corner)[0], 1)


def low_pass(
    v: Float[np.ndarray, "row time"], dt: float, corner: Float[np.ndarray, "row 1"], poles: int
) -> Float[np.ndarray, "row time"]:
    """Rows in mV every dt ms through Bessel filters (of one pole: RC) of each row's corner in kHz.

    Before the first sample the voltage is taken to have had its value for ever.
    """
    at, residues = bessel_poles(poles)
    upper = at.imag >= 0.0  # of a conjugate pair, one with twice the residue; real poles once
    at, residues = at[upper], np.where(at.imag > 0.0, 2.0, 1.0)[upper] * residues[upper]
    held = [_first_order_hold(at * (2.0 * math.pi * f * dt), residues / at) for (f,) in corner]
    first = v[:, :1].copy()
    filtered = Modes(*(np.stack(part) for part in zip(*held, strict=True))).run(v - first)
    filtered += first
    return filtered


@lru_cache(maxsize=MOST_POLES)
def bessel_poles(count: int) -> tuple[Complex[np.ndarray, " pole"], Complex[np.ndarray, " pole"]]:
    """The poles of a Bessel low-pass filter whose -3 dB corner is at 1 rad/s, and the residues that make its gain 1.

    They are the roots of the reverse Bessel polynomial, theta(s) = sum_k (2n-k)! / (2^(n-k) k! (n-k)!) s^k [Thomson
    1949, doi 10.1049/pi-3.1949.0101], scaled by the frequency at which |theta(iw)|² = 2 theta(0)².
    """
    n = count
    theta = np.array([math.factorial(2 * n - k) / (2.0 ** (n - k) * math.factorial(k) * math.factorial(n - k))
                      for k in range(n, -1, -1)])  # fmt: skip
    low, high = 0.0, 2.0 * n
    for _ in range(80):  # |theta(iw)| rises with w
        middle = (low + high) / 2.0
        low, high = (middle, high) if abs(np.polyval(theta, 1j * middle)) ** 2 < 2.0 * theta[-1] ** 2 else (low, middle)
    poles = np.roots(theta) / low
    poles = np.where(np.abs(poles.imag) < 1e-9 * np.abs(poles), poles.real, poles)
    others = np.where(np.eye(n, dtype=bool), 1.0, poles[:, None] - poles[None, :])
    residues = np.prod(-poles) / np.prod(others, axis=1)
    return poles, residues


def gain(frequency: Float[np.ndarray, " f"], corner: float, poles: int) -> Float[np.ndarray, " f"]:
    """The amplitude gain of a Bessel filter of that corner, at frequencies in the corner's unit."""
    at, residues = bessel_poles(poles)
    return np.abs((residues / (1j * (frequency / corner)[..., None] - at)).sum(axis=-1))


def _first_order_hold(
    z: Complex[np.ndarray, " mode"], weight: Complex[np.ndarray, " mode"]
) -> tuple[Complex[np.ndarray, " mode"], Complex[np.ndarray, " mode"], Complex[np.ndarray, " mode"]]:
    """decay, before and now of modes r / (s - p) with z = p dt and weight = r / p, for an input linear between samples.

    The integral of r exp(p (dt - t)) over the two ramps of a step: with E = (exp(z) - 1) / z, now = weight (E - 1) and
    before = weight (exp(z) - E).
    """
    rise = np.expm1(z)
    mean = rise / z
    small = np.abs(z) < 1e-2  # mean - 1 by its series, the difference cancels
    series = z / 2 * (1 + z / 3 * (1 + z / 4 * (1 + z / 5 * (1 + z / 6))))
    less = np.where(small, series, mean - 1.0)
    return rise + 1.0, weight * (rise - less), weight * less


def _settling(corner: float, poles: int) -> float:
    slowest = float(np.abs(bessel_poles(poles)[0].real).min()) * 2.0 * math.pi * corner
    return _SETTLED / slowest
