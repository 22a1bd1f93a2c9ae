"""What makes a recording doubtful: flags with a name, a value, a threshold that a user can change, and a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from gbar.errors import ParameterError, RecordingError
from gbar.observation import estimate_hum
from gbar.recordings.recording import Recording, Sweep

UNDERSAMPLED = "undersampled spikes"
SPIKE = -20.0  # mV: a voltage that reaches it has spiked


@dataclass(frozen=True)
class Thresholds:
    """Where a flag is raised; each can be set by its name."""

    largest_voltage: float = 120.0  # mV: |v| beyond it suggests a wrong unit
    smallest_voltage: float = 1.0  # mV: |v| never beyond it, likewise
    held_share: float = 0.98  # of the samples at which the voltage stays exactly where it was: a voltage clamp
    answer: float = 1.0  # MOhm: a cell that answers the current with less has not got it
    model_noise: float = 0.001  # mV: no amplifier's voltage has less noise
    model_linearity: float = 0.02  # relative SD of the input resistances of a passive model cell, over 30 mV and more
    drift_within: float = 3.0  # mV, of the rest in one sweep
    drift_between: float = 5.0  # mV, of a sweep's rest from that of the others with the same holding current
    series_resistance: float = 20.0  # MOhm, of the voltage's jump at a step's onset
    hum: float = 0.2  # mV, amplitude of 50 or 60 Hz before the stimulus
    clipped: float = 0.3  # ms for which a spike stays at the sweep's exact maximum
    sampling: float = 0.1  # ms between samples of a sweep with spikes
    highest_rest: float = -40.0  # mV, without holding current
    lowest_rest: float = -100.0  # mV, likewise
    seal_rest: float = 5.0  # mV, by which the rest climbs while
    seal_resistance: float = 0.3  # the input resistance falls by that share: the seal is being lost

    def changed(self, settings: Iterable[str]) -> Thresholds:
        """With some set anew, as in "hum=0.5"; raises ParameterError for a name or number that is none.

        >>> Thresholds().changed(["hum=0.5"]).hum
        0.5
        """
        known, given = [f.name for f in fields(self)], {}
        for setting in settings:
            name, _, value = (part.strip() for part in setting.partition("="))
            if name not in known:
                raise ParameterError(f"no threshold {name!r}", remedy=f"the thresholds are {', '.join(known)}")
            try:
                given[name] = float(value)
            except ValueError:
                raise ParameterError(f"threshold {name}={value!r} is no number", remedy=f"{name}=0.5") from None
            if not math.isfinite(given[name]):
                raise ParameterError(f"threshold {name}={value!r} is not finite", remedy=f"{name}=0.5")
        return replace(self, **given)


UNITS: Mapping[str, str] = {
    "wrong unit": "mV",
    "voltage clamp": "1",
    "no stimulus": "nA",
    "stimulus not delivered": "MOhm",
    "model cell": "mV",
    "linear cell": "1",
    "drift within the sweep": "mV",
    "drift between sweeps": "mV",
    "series resistance": "MOhm",
    "hum": "mV",
    "clipped spikes": "ms",
    "undersampled spikes": "ms",
    "offset rest": "mV",
    "seal loss": "mV",
}


@dataclass(frozen=True)
class Flag:
    """One doubt about a sweep, or about the whole recording (`sweep` is then empty)."""

    name: str
    value: float  # in UNITS[name]
    threshold: float
    sentence: str
    sweep: str = ""


def flags(recording: Recording, thresholds: Thresholds | None = None) -> tuple[Flag, ...]:
    """Every doubt about the sweeps of a recording, in their order, and then about the recording."""
    limits = thresholds or Thresholds()
    found = [flag for sweep in recording.sweeps for flag in flags_of(sweep, limits)]
    return (
        *found,
        *_drift_between(recording.sweeps, limits),
        *_linear(recording.sweeps, limits),
        *_seal(recording, limits),
    )


def flags_of(sweep: Sweep, thresholds: Thresholds | None = None) -> tuple[Flag, ...]:
    """The doubts about one sweep by itself."""
    limits = thresholds or Thresholds()
    found = (check(sweep, limits) for check in _CHECKS)
    return tuple(replace(flag, sweep=sweep.name) for flag in found if flag is not None)


def input_resistance(sweep: Sweep) -> float | None:
    """The change of voltage over that of current from baseline to the second half of the stimulus, in MOhm.

    None where there are spikes in it, no stimulus of 10 pA and 10 ms at least, or no baseline of 2 ms.
    """
    driven = _driven(sweep)
    if sweep.departure is None or abs(sweep.amplitude) < 0.01 or len(driven) * sweep.dt < 10.0:
        return None
    if float(sweep.v[driven[0] : driven[-1] + 1].max()) >= SPIKE:
        return None
    if sweep.baseline.stop * sweep.dt < 2.0:
        return None
    late = driven[len(driven) // 2 :]
    current = float(np.median(sweep.current[late])) - sweep.baseline_current
    return (float(np.median(sweep.v[late])) - sweep.baseline_voltage) / current


def series_resistance(sweep: Sweep) -> float | None:
    """The jump of the voltage at the onset of the first step of 50 pA or more, over the current, in MOhm.

    What the membrane charges in the meantime is taken off: a line through 0.5 to 1.5 ms after the onset is followed
    back to it. Not balanced: positive; balanced too far: negative. None without such a step or a sampling of 0.1 ms.
    """
    first = sweep.departure
    if first is None or sweep.dt > 0.1 or first * sweep.dt < 2.0 or (len(sweep.v) - first) * sweep.dt < 3.0:
        return None
    after = np.arange(first + math.ceil(0.5 / sweep.dt), first + math.ceil(1.5 / sweep.dt) + 1)
    before = slice(first - max(2, round(1.0 / sweep.dt)), first)
    step = float(np.median(sweep.current[after])) - sweep.baseline_current
    if abs(step) < 0.05 or abs(float(sweep.current[first]) - sweep.baseline_current - step) > 0.2 * abs(step):
        return None
    if float(sweep.v[after].max()) > SPIKE:
        return None
    line = np.polynomial.polynomial.polyfit((after - first) * sweep.dt, sweep.v[after], 1)
    return float(line[0] - np.median(sweep.v[before])) / step


def _driven(sweep: Sweep) -> np.ndarray:
    """The samples at which the current is past half of its amplitude."""
    return np.flatnonzero(
        np.sign(sweep.amplitude) * (sweep.current - sweep.baseline_current) > 0.5 * abs(sweep.amplitude)
    )


def _unit(sweep: Sweep, limits: Thresholds) -> Flag | None:
    largest = float(np.abs(sweep.v).max())
    if largest > limits.largest_voltage:
        what = f"the voltage reaches {largest:.4g} mV, no neuron's: is its unit wrong?"
        return Flag("wrong unit", largest, limits.largest_voltage, what)
    if largest < limits.smallest_voltage:
        what = f"the voltage never exceeds {largest:.3g} mV: is its unit wrong?"
        return Flag("wrong unit", largest, limits.smallest_voltage, what)
    return None


def _clamp(sweep: Sweep, limits: Thresholds) -> Flag | None:
    share = float(np.mean(np.diff(sweep.v) == 0.0))
    noisy = sweep.monitored is not None
    if share <= limits.held_share or not (noisy or np.ptp(sweep.v) == 0.0):
        return None
    what = f"the voltage stays exactly where it was at {100 * share:.4g} % of the samples: was it clamped?"
    return Flag("voltage clamp", share, limits.held_share, what)


def _stimulus(sweep: Sweep, limits: Thresholds) -> Flag | None:
    if sweep.departure is None:
        return Flag("no stimulus", float(np.ptp(sweep.current)), 0.0, "the current is constant: nothing was delivered")
    resistance = input_resistance(sweep)
    if resistance is None or resistance >= limits.answer:
        return None
    what = f"the voltage answers {1e3 * sweep.amplitude:.4g} pA with {resistance:.3g} MOhm: the cell did not get it"
    return Flag("stimulus not delivered", resistance, limits.answer, what)


def _model(sweep: Sweep, limits: Thresholds) -> Flag | None:
    noise = float(np.median(np.abs(np.diff(sweep.v, 2)))) * 1.4826 / math.sqrt(6.0)
    step = np.diff(np.unique(sweep.v[:20_000]))
    digitised = len(step) > 0 and float(step.min()) > 0.5 * limits.model_noise
    if noise >= limits.model_noise or digitised or not np.ptp(sweep.v):
        return None
    what = f"the voltage's noise is {noise:.2g} mV, less than any amplifier's: a model?"
    return Flag("model cell", noise, limits.model_noise, what)


def _drift_within(sweep: Sweep, limits: Thresholds) -> Flag | None:
    v = sweep.v[sweep.baseline]
    if len(v) * sweep.dt < 50.0 or len(v) < 30:
        return None
    third = len(v) // 3
    drift = float(np.median(v[-third:]) - np.median(v[:third]))
    if abs(drift) <= limits.drift_within:
        return None
    what = f"the rest drifts by {drift:+.2g} mV before the stimulus"
    return Flag("drift within the sweep", drift, limits.drift_within, what)


def _series(sweep: Sweep, limits: Thresholds) -> Flag | None:
    jump = series_resistance(sweep)
    if jump is None or abs(jump) <= limits.series_resistance:
        return None
    how = "is the bridge not balanced?" if jump > 0 else "is the bridge balanced too far?"
    what = f"the voltage jumps by {jump:.3g} MOhm times the current at its onset: {how}"
    return Flag("series resistance", jump, limits.series_resistance, what)


def _hum(sweep: Sweep, limits: Thresholds) -> Flag | None:
    try:
        hum = estimate_hum(np.asarray(sweep.v[sweep.baseline], dtype=np.float64), sweep.dt)
    except RecordingError:
        return None
    amplitude, frequency = (
        float(np.mean(x if isinstance(x, int | float) else 0.0)) for x in (hum.amplitude, hum.frequency)
    )
    if amplitude <= limits.hum:
        return None
    what = f"{amplitude:.2g} mV of hum at {frequency:.3g} Hz"
    return Flag("hum", amplitude, limits.hum, what)


def _clipped(sweep: Sweep, limits: Thresholds) -> Flag | None:
    if not sweep.spike_count():
        return None
    top = np.concatenate([[False], sweep.v == sweep.v.max(), [False]])
    edges = np.flatnonzero(np.diff(top.astype(np.int8)))
    longest = int((edges[1::2] - edges[::2]).max())
    if longest < 3 or longest * sweep.dt < limits.clipped:
        return None
    what = f"a spike stays at exactly {float(sweep.v.max()):.4g} mV for {longest * sweep.dt:.3g} ms: it is clipped"
    return Flag("clipped spikes", longest * sweep.dt, limits.clipped, what)


def _sampling(sweep: Sweep, limits: Thresholds) -> Flag | None:
    if sweep.dt <= limits.sampling * (1 + 1e-9) or not sweep.spike_count():
        return None
    what = f"sampled every {sweep.dt:g} ms: spikes are undersampled, their peaks and widths uncertain"
    return Flag(UNDERSAMPLED, sweep.dt, limits.sampling, what)


def _rest(sweep: Sweep, limits: Thresholds) -> Flag | None:
    rest = sweep.baseline_voltage
    if abs(sweep.baseline_current) > 0.01 or sweep.baseline.stop * sweep.dt < 2.0:
        return None
    for limit, beyond in (
        (limits.highest_rest, rest > limits.highest_rest),
        (limits.lowest_rest, rest < limits.lowest_rest),
    ):
        if beyond:
            return Flag("offset rest", rest, limit, f"the cell rests at {rest:.4g} mV without current: an offset?")
    return None


_CHECKS: tuple[Callable[[Sweep, Thresholds], Flag | None], ...] = (
    _unit,
    _clamp,
    _stimulus,
    _model,
    _drift_within,
    _series,
    _hum,
    _clipped,
    _sampling,
    _rest,
)


def _drift_between(sweeps: Sequence[Sweep], limits: Thresholds) -> list[Flag]:
    """Sweeps whose rest differs from the median of all with their holding current (within 10 pA)."""
    known = [s for s in sweeps if s.baseline.stop * s.dt >= 2.0]
    found = []
    for sweep in known:
        same = [s for s in known if abs(s.baseline_current - sweep.baseline_current) <= 0.01]
        drift = sweep.baseline_voltage - float(np.median([s.baseline_voltage for s in same]))
        if len(same) >= 3 and abs(drift) > limits.drift_between:
            what = f"the rest is {drift:+.3g} mV from that of the other sweeps"
            found.append(Flag("drift between sweeps", drift, limits.drift_between, what, sweep.name))
    return found


def _linear(sweeps: Sequence[Sweep], limits: Thresholds) -> list[Flag]:
    """A passive model cell: no spike in any sweep, and one input resistance from deep below to far above the rest."""
    if len(sweeps) < 3 or any(s.spike_count() for s in sweeps):
        return []
    told = [(r, r * s.amplitude) for s in sweeps if (r := input_resistance(s)) is not None]
    if len(told) < 3 or np.ptp([v for _, v in told]) < 30.0 or max(v for _, v in told) < 15.0:
        return []
    spread = float(np.std([r for r, _ in told]) / abs(np.mean([r for r, _ in told])))
    if spread > limits.model_linearity:
        return []
    what = f"no spikes, and the same input resistance (to {100 * spread:.2g} %) over 30 mV and more: a model cell?"
    return [Flag("linear cell", spread, limits.model_linearity, what)]


def _seal(recording: Recording, limits: Thresholds) -> list[Flag]:
    """Whether the rest climbs while the input resistance falls, from the first to the last third of the sweeps."""
    told = [(s.baseline_voltage, r) for s in recording.sweeps if (r := input_resistance(s)) is not None and r > 0]
    third = len(told) // 3
    if third < 1:
        return []
    first, last = np.median(np.array(told[:third]), axis=0), np.median(np.array(told[-third:]), axis=0)
    climb, fall = float(last[0] - first[0]), float(1.0 - last[1] / first[1])
    if climb <= limits.seal_rest or fall <= limits.seal_resistance:
        return []
    what = (
        f"the rest climbs by {climb:.2g} mV while the input resistance falls by {100 * fall:.2g} %: a seal being lost"
    )
    return [Flag("seal loss", climb, limits.seal_rest, what)]
