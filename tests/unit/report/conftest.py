"""Small synthetic cells and answers for the figures: a Hodgkin-Huxley cell in NumPy, and Gaussian posteriors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gbar.diagnose.predictive import check_predictions
from gbar.estimate import Estimate
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.recordings.recording import Recording, Sweep
from gbar.report.content import NetworkScore, ParameterBox, Report, SimulationSummary, TrainingHistory
from gbar.traces import Traces

DT, DURATION, SAMPLING = 0.025, 120.0, 0.1


def hodgkin_huxley(gna: np.ndarray, gk: np.ndarray, amplitude: float) -> np.ndarray:
    """Voltages [row, time] in mV of a step of current (uA/cm2) from 10 to 110 ms; densities in S/cm2."""
    v = np.full(len(gna), -65.0)
    m, h, n = (np.full(len(gna), x) for x in (0.0529, 0.5961, 0.3177))
    kept = [v.copy()]
    for k in range(round(DURATION / DT)):
        am, bm = 0.1 * (v + 40) / (1 - np.exp(-(v + 40.0001) / 10)), 4 * np.exp(-(v + 65) / 18)
        ah, bh = 0.07 * np.exp(-(v + 65) / 20), 1 / (1 + np.exp(-(v + 35) / 10))
        an, bn = 0.01 * (v + 55) / (1 - np.exp(-(v + 55.0001) / 10)), 0.125 * np.exp(-(v + 65) / 80)
        m, h, n = (x + DT * (a * (1 - x) - b * x) for x, a, b in ((m, am, bm), (h, ah, bh), (n, an, bn)))
        ionic = 1e3 * (gna * m**3 * h * (v - 50) + gk * n**4 * (v + 77) + 0.0003 * (v + 54.4))
        v = v + DT * (amplitude * (10 <= k * DT < 110) - ionic)
        if (k + 1) % round(SAMPLING / DT) == 0:
            kept.append(v.copy())
    return np.stack(kept, axis=1)


@pytest.fixture(scope="session")
def space() -> ParameterSpace:
    return ParameterSpace(
        (
            FreeParameter("gnabar_hh.soma", "S/cm2", 0.06, 0.24, "log"),
            FreeParameter("gkbar_hh.soma", "S/cm2", 0.018, 0.072, "log"),
        )
    )


@pytest.fixture(scope="session")
def truth() -> np.ndarray:
    return np.array([0.11, 0.034])


@pytest.fixture(scope="session")
def estimate(space: ParameterSpace, truth: np.ndarray) -> Estimate:
    rng, covariance = np.random.default_rng(3), [[0.004, 0.0035], [0.0035, 0.004]]
    unit = space.to_unit(truth[None, :]) + rng.multivariate_normal([0.01, -0.01], covariance, 2000)
    return Estimate(
        space,
        space.to_theta(unit),
        np.zeros(len(unit)),
        "network",
        {"white": "0.1 mV"},
        {"gbar": "0.1.0", "seed": 1, "training": {"rows": 2400, "seconds": 31.5}},
        ("not calibrated for model mismatch",),
    )


@pytest.fixture(scope="session")
def wide_estimate() -> Estimate:
    """Eight parameters: narrowed well, somewhat and not at all, one pressed against its bound, two tied together."""
    scales = ["log", "log", "log", "log", "linear", "linear", "log", "linear"]
    names = [
        f"{name}.soma" for name in ("gnabar_na", "gkbar_kd", "g_pas", "gmbar_m", "taumax_m", "vt", "area", "e_pas")
    ]
    units = ["S/cm2", "S/cm2", "S/cm2", "S/cm2", "ms", "mV", "um2", "mV"]
    low = [5e-4, 1e-7, 1e-7, 1e-7, 50, -90, 1000, -100]
    high = [0.08, 0.015, 6e-4, 6e-4, 3000, -40, 60000, -35]
    space = ParameterSpace(
        tuple(
            FreeParameter(n, u, a, b, s)  # type: ignore[arg-type]
            for n, u, a, b, s in zip(names, units, low, high, scales, strict=True)
        )
    )
    rng = np.random.default_rng(5)
    width, centre = [0.1, 0.06, 0.04, 0.3, 2, 0.05, 0.02, 0.01], [0.3, 0.5, 0.4, -0.8, 0, 0.1, 0.2, -0.2]
    unit = rng.normal(size=(3000, 8)) * width + centre
    unit[:, 3] = -1 + rng.exponential(0.1, 3000)
    unit[:, 4] = rng.uniform(-1, 1, 3000)
    unit[:, 6] -= 0.9 * (unit[:, 2] - 0.4)
    return Estimate(space, space.to_theta(np.clip(unit, -1, 1)), np.zeros(3000), "network", {}, {})


@pytest.fixture(scope="session")
def predicted(estimate: Estimate) -> Traces:
    rows = estimate.samples[:60]
    v = tuple(hodgkin_huxley(rows[:, 0], rows[:, 1], amplitude)[:, None, :] for amplitude in (8.0, 20.0))
    status = np.zeros(len(rows), dtype=np.uint8)
    status[7] = 1
    v[0][7, 0, 500:] = np.nan
    return Traces(v, (SAMPLING, SAMPLING), status)


@pytest.fixture(scope="session")
def recording(truth: np.ndarray) -> Recording:
    rng = np.random.default_rng(0)
    sweeps = []
    for k, amplitude in enumerate((8.0, 20.0)):
        v = hodgkin_huxley(truth[:1], truth[1:], amplitude)[0]
        t = np.arange(len(v)) * SAMPLING
        current = np.where((t >= 10) & (t < 110), amplitude * 1e-2, 0.0)
        sweeps.append(Sweep(f"Step {k + 1}", v + rng.normal(0, 0.3, len(v)), current, SAMPLING, float(k)))
    return Recording(Path("cells/neuron_7.nwb"), "ab" * 32, "NWB 2", tuple(sweeps), refused=("Step 9: voltage clamp",))


@pytest.fixture(scope="session")
def scores(space: ParameterSpace) -> tuple[NetworkScore, ...]:
    rng = np.random.default_rng(1)
    true = rng.uniform(-1, 1, (300, 2))
    return (
        NetworkScore("the talk's CNN", space, true, true + rng.normal(0, 0.016, true.shape), 5834, 66.0),
        NetworkScore("gbar's default", space, true, true + rng.normal(0, 0.006, true.shape), 210_000, 81.0),
    )


@pytest.fixture(scope="session")
def box(space: ParameterSpace) -> ParameterBox:
    x, y = np.geomspace(0.06, 0.24, 5), np.geomspace(0.018, 0.072, 5)
    gna, gk = (grid.ravel() for grid in np.meshgrid(x, y))
    v = hodgkin_huxley(gna, gk, 20.0).reshape(5, 5, -1)
    return ParameterBox(space, 0, 1, x, y, v, SAMPLING)


@pytest.fixture(scope="session")
def report(
    estimate: Estimate,
    truth: np.ndarray,
    predicted: Traces,
    recording: Recording,
    scores: tuple[NetworkScore, ...],
    box: ParameterBox,
) -> Report:
    """Every part at once."""
    rng = np.random.default_rng(2)
    measured = {"spike count": 9.0, "resting potential": -64.9, "spike height": 96.0, "spike width": 1.9, "sag": np.nan}
    draws = {
        "spike count": rng.integers(8, 11, 60).astype(float),
        "resting potential": rng.normal(-65, 0.2, 60),
        "spike height": rng.normal(88, 1.5, 60),
        "spike width": rng.normal(1.88, 0.04, 60),
        "sag": np.full(60, np.nan),
    }
    draws["spike height"][:9] = np.nan
    units = {"resting potential": "mV", "spike height": "mV", "spike width": "ms", "sag": "mV"}
    epochs = tuple(
        {"epoch": float(k), "train": 0.3 * 0.85**k + 4e-4, "validation": 0.3 * 0.84**k + 5e-4 + 1e-5 * k}
        for k in range(40)
    )
    return Report(
        title="neuron_7.nwb",
        cell="sphere",
        recording=recording,
        estimate=estimate,
        truth=truth,
        predicted=predicted,
        features=check_predictions(measured, draws, units),
        box=box,
        networks=scores,
        simulations=SimulationSummary({"ok": 2995, "non-finite": 5}, silent=812, seconds=41.0),
        training=(TrainingHistory("gbar's default", "mean squared error (unit space)", epochs),),
        provenance={"gbar": "0.1.0", "digest": "ab" * 32, "seeds": [1, 2], "machine": {"cores": 2}},
        commands=("gbar infer sphere cells/neuron_7.nwb -o result/",),
        files={"samples.csv": "posterior samples"},
    )
