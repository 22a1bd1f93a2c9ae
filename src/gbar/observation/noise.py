"""The noise of observing a voltage: `Noise` on the reduced grid, and the kinds that reach an amplifier.

White noise with its 1/f part (`Broadband`), a slow drift (`Drift`) and the hum of the mains (`Hum`) are stated
independently of the sampling: a sweep at 20 kHz and one at 50 kHz of the same rig have the same noise in a band.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from gbar.errors import ParameterError
from gbar.observation.modes import Modes
from gbar.observation.value import Value, checked, column

HARMONICS = 20  # of the mains, at most
_ROWS = 64  # done together: their samples stay in the cache
Generators = Sequence[np.random.Generator]  # one for every row
Drawn = Callable[[int, float], Float32[np.ndarray, "row time"]]  # noise in mV: so many samples every dt ms


@dataclass(frozen=True)
class Noise:
    """The noise of observing a voltage: a white part, and a slow one (Ornstein-Uhlenbeck) of random strength.

    `white` is the standard deviation in mV of every sample of the observation's own grid (after the reduction, not at
    the amplifier's bandwidth). `ou_sd` is the range (low, high) in mV from which each row's slow part takes its
    standard deviation, uniformly; `ou_tau` is its correlation time in ms.
    """

    white: float = 0.0  # mV
    ou_sd: tuple[float, float] = (0.0, 0.0)  # mV
    ou_tau: float = 20.0  # ms

    def __post_init__(self) -> None:
        low, high = (float(x) for x in self.ou_sd)
        object.__setattr__(self, "ou_sd", (low, high))
        if not all(math.isfinite(x) for x in (self.white, low, high, self.ou_tau)):
            raise ParameterError(f"noise of {self} is not finite", remedy="give finite numbers")
        if self.white < 0.0 or not 0.0 <= low <= high or self.ou_tau <= 0.0:
            raise ParameterError(
                f"noise of white {self.white:g} mV, slow {low:g} to {high:g} mV, tau {self.ou_tau:g} ms",
                remedy="give standard deviations of 0 or more, low first, and a positive tau",
            )

    def draw(self, rows: int, samples: int, dt: float, rng: np.random.Generator) -> Float32[np.ndarray, "row time"]:
        """Independent noise in mV for rows of `samples` values dt ms apart.

        >>> Noise(white=0.1).draw(2, 1000, 0.2, np.random.default_rng(0)).shape
        (2, 1000)
        """
        sd = rng.uniform(*self.ou_sd, size=(rows, 1)).astype(np.float32)
        noise = np.zeros((rows, samples), dtype=np.float32)
        if self.white > 0.0:
            rng.standard_normal(out=noise, dtype=np.float32)
            noise *= np.float32(self.white)
        if self.ou_sd[1] > 0.0:
            normal, step = rng.standard_normal((rows, samples), dtype=np.float32), np.array([[dt / self.ou_tau]])
            for some in (slice(first, first + _ROWS) for first in range(0, rows, _ROWS)):
                noise[some] += sd[some] * ornstein_uhlenbeck(normal[some], step)
        return noise

    def to_json(self) -> dict[str, Any]:
        """The noise as plain numbers, in mV and ms."""
        return {"white": self.white, "ou_sd": list(self.ou_sd), "ou_tau": self.ou_tau}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Noise:
        """The inverse of `to_json`; raises ParameterError for anything else."""
        try:
            low, high = stored["ou_sd"]
            return cls(float(stored["white"]), (float(low), float(high)), float(stored["ou_tau"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ParameterError(
                f"{stored!r} does not describe noise", remedy="give white, ou_sd and ou_tau"
            ) from error


def ornstein_uhlenbeck(
    normal: Float32[np.ndarray, "row time"], step: Float[np.ndarray, "row 1"]
) -> Float32[np.ndarray, "row time"]:
    """Stationary rows of unit variance, exact at any step (dt/tau), made of independent normal numbers.

    x' = a x + sqrt(1 - a²) n with a = exp(-step), and x = n in the first sample.
    """
    a, spread = np.exp(-step), np.sqrt(-np.expm1(-2.0 * step))
    start = (1.0 - spread) * normal[:, :1]
    return Modes(a.astype(complex), np.zeros_like(a, complex), spread.astype(complex)).run(normal, start)


@dataclass(frozen=True)
class Broadband:
    """White noise and, where `corner` is above 0, a 1/f part that equals it at `corner` Hz.

    The one-sided spectrum is (sd² / bandwidth) (1 + (corner / f)^exponent): `sd` in mV is what the white part adds up
    to from 0 to `bandwidth` kHz, at any sampling. The 1/f part of a sweep begins at 1 / (1.5 of its length).
    """

    sd: Value  # mV
    bandwidth: float = 10.0  # kHz
    corner: Value = 0.0  # Hz
    exponent: Value = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sd", checked(self.sd, "white noise in mV", low=0.0))
        object.__setattr__(self, "corner", checked(self.corner, "the corner of 1/f noise in Hz", low=0.0))
        object.__setattr__(self, "exponent", checked(self.exponent, "the exponent of 1/f noise", above=0.0))
        if not (math.isfinite(self.bandwidth) and self.bandwidth > 0.0):
            raise ParameterError(f"a bandwidth of {self.bandwidth:g} kHz", remedy="give more than 0 kHz")

    def drawn(self, rngs: Generators) -> Drawn:
        """What draws independent noise for the rows of those generators, with each row's strengths."""
        sd, corner, exponent = (column(value, rngs) for value in (self.sd, self.corner, self.exponent))

        def draw(samples: int, dt: float) -> Float32[np.ndarray, "row time"]:
            level = (sd * math.sqrt(0.5 / (dt * self.bandwidth))).astype(np.float32)  # of one sample's white part
            if self.corner == 0.0:
                return normals(samples, rngs) * level
            return _shaped(samples, dt, corner / 1000.0, exponent, rngs) * level

        return draw


@dataclass(frozen=True)
class Drift:
    """A slow Ornstein-Uhlenbeck wander of standard deviation `sd` mV and correlation time `tau` ms."""

    sd: Value  # mV
    tau: Value  # ms

    def __post_init__(self) -> None:
        object.__setattr__(self, "sd", checked(self.sd, "drift in mV", low=0.0))
        object.__setattr__(self, "tau", checked(self.tau, "a correlation time in ms", above=0.0))

    def drawn(self, rngs: Generators) -> Drawn:
        """What draws independent drifts for the rows of those generators, with each row's sd and tau."""
        sd, tau = column(self.sd, rngs).astype(np.float32), column(self.tau, rngs)
        return lambda samples, dt: sd * ornstein_uhlenbeck(normals(samples, rngs), dt / tau)


@dataclass(frozen=True)
class Hum:
    """The mains: a sine of `amplitude` mV (its peak) at `frequency` Hz, and harmonics, in a random phase each sweep.

    `harmonics` are the amplitudes of 2, 3, ... times the frequency, relative to the first.
    """

    amplitude: Value  # mV
    frequency: Value = 50.0  # Hz
    harmonics: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "amplitude", checked(self.amplitude, "hum in mV", low=0.0))
        object.__setattr__(self, "frequency", checked(self.frequency, "the mains frequency in Hz", above=0.0))
        object.__setattr__(self, "harmonics", tuple(float(h) for h in self.harmonics))
        if len(self.harmonics) >= HARMONICS or not all(math.isfinite(h) and h >= 0.0 for h in self.harmonics):
            raise ParameterError(
                f"harmonics of {self.harmonics}", remedy=f"give fewer than {HARMONICS} finite amplitudes of 0 or more"
            )

    def drawn(self, rngs: Generators) -> Drawn:
        """What draws hum for the rows of those generators, with each row's amplitude and frequency."""
        amplitude, frequency = column(self.amplitude, rngs), column(self.frequency, rngs)
        strength = amplitude * np.array([1.0, *self.harmonics])
        cycles = frequency * np.arange(1, 2 + len(self.harmonics)) / 1000.0  # in a ms

        def draw(samples: int, dt: float) -> Float32[np.ndarray, "row time"]:
            phase = np.array([rng.uniform(0.0, 2.0 * math.pi, strength.shape[1]) for rng in rngs])
            return _sines(samples, 2.0 * math.pi * cycles * dt, phase, strength)

        return draw


def normals(samples: int, rngs: Generators) -> Float32[np.ndarray, "row time"]:
    """Standard normal numbers, every row from its own generator."""
    out = np.empty((len(rngs), samples), dtype=np.float32)
    for row, rng in zip(out, rngs, strict=True):
        rng.standard_normal(out=row, dtype=np.float32)
    return out


def _shaped(
    samples: int, dt: float, corner: Float[np.ndarray, "row 1"], exponent: Float[np.ndarray, "row 1"], rngs: Generators
) -> Float32[np.ndarray, "row time"]:
    """Noise of the spectrum 1 + (corner/f)^exponent, relative to white noise of unit variance; corner in kHz.

    Drawn as Fourier coefficients of a period half as long again as the sweep, whose ends would else be alike; that of
    frequency 0 is left out.
    """
    period = _smooth(samples + samples // 2 + 2)
    count = period // 2
    f = np.arange(1, count + 1) / (period * dt)
    spectrum = np.zeros((len(rngs), count + 1), dtype=np.complex64)
    spectrum[:, 1:] = normals(2 * count, rngs).view(np.complex64)
    spectrum[:, 1:] *= np.sqrt(0.5 * period * (1.0 + (corner / f) ** exponent)).astype(np.float32)
    spectrum[:, -1] = spectrum[:, -1].real * np.float32(math.sqrt(2.0))  # the Nyquist frequency's has no phase
    return np.fft.irfft(spectrum, period)[:, :samples]


def _smooth(least: int) -> int:
    """The smallest even number from `least` on that has the factors 2, 3 and 5 alone: its transforms are quick."""
    candidate = least + least % 2
    while True:
        rest = candidate
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return candidate
        candidate += 2


def _sines(
    samples: int, step: Float[np.ndarray, "row sine"], phase: np.ndarray, strength: Float[np.ndarray, "row sine"]
) -> Float32[np.ndarray, "row time"]:
    """The sum of strength * sin(step * k + phase) over the last axis, as products of few sines: k = 128 a + b."""
    coarse = np.arange(-(-samples // 128)) * 128.0
    fine = np.arange(128.0)
    at = step[:, None, :] * coarse[:, None] + phase[:, None, :]
    on = step[:, :, None] * fine
    left = np.concatenate([np.sin(at) * strength[:, None, :], np.cos(at) * strength[:, None, :]], axis=2)
    right = np.concatenate([np.cos(on), np.sin(on)], axis=1)
    return (left.astype(np.float32) @ right.astype(np.float32)).reshape(len(phase), -1)[:, :samples]
