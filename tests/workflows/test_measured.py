"""The stretch of a sweep that features are measured in, and features that are measured alike."""

from __future__ import annotations

import numpy as np
import pytest

from gbar.recordings import Sweep
from gbar.workflows.measured import compare, window

DT = 0.1


def sweep(*pulses: tuple[float, float, float], v: np.ndarray | None = None) -> Sweep:
    """A sweep of 1,000 ms with current pulses (from, to, nA)."""
    t = np.arange(10_001) * DT
    current = sum((np.where((t >= a) & (t < b), nA, 0.0) for a, b, nA in pulses), np.zeros(len(t)))
    return Sweep("s", np.full(len(t), -70.0) if v is None else v, current, DT, 0.0)


@pytest.mark.parametrize(
    ("pulses", "expected"),
    [
        (((100, 600, 0.1),), (100, 600)),
        (((100, 600, 0.1), (800, 850, 0.1)), (100, 600)),  # a test pulse behind
        (((20, 40, -0.1), (100, 600, 0.1)), (100, 600)),  # and before
        (((100, 300, 0.1), (301, 600, 0.1)), (100, 600)),  # an artefact
        (((100, 102, 0.5), (150, 152, 0.5), (200, 202, 0.5)), (100, 202)),  # a train
        (((100, 300, 0.1), (500, 700, 0.1)), (100, 700)),  # two steps
        ((), (0, 1000)),
    ],
)
def test_the_window_is_the_main_step(pulses, expected):
    assert window(sweep(*pulses), 1000.0) == pytest.approx(expected, abs=DT)


def test_a_noisy_recording_of_the_predicted_cell_is_inside():
    rng = np.random.default_rng(1)
    t = np.arange(10_001) * DT
    rise = np.where((t > 100) & (t < 600), 5.0 * (1 - np.exp(-(t - 100) / 20)), 0.0)
    clean = -70.0 + np.where(t >= 600, 5.0 * np.exp(-(t - 600) / 20), rise)
    recorded = sweep((100, 600, 0.1), v=clean + 0.3 * rng.standard_normal(len(t)))
    measured, predicted = compare(recorded, np.repeat(clean[None], 50, axis=0), DT, rng)
    assert measured["input resistance (without spikes)"] == pytest.approx(50.0, rel=0.02)
    for name in ("rest", "input resistance (without spikes)"):
        low, high = predicted[name].min(), predicted[name].max()
        assert low <= measured[name] <= high, name
