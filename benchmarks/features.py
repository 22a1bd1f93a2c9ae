"""How long features of a trace take, here and with eFEL: the same traces, in turn, on one core.

    python benchmarks/features.py            # a minute or two; needs eFEL
    python benchmarks/features.py --write    # and put the table into benchmarks/RESULTS.md between its markers

The traces are of `pospischil`, its parameters drawn from the prior, under steps of -0.1, 0 and 0.3 nA from 150 to 650
ms, and four recordings of the Allen Institute where ../shared has them. eFEL is asked for all features of a trace at
once, with an interpolation step equal to the sampling; the values of both are compared, and what differs is told.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import efel
import numpy as np

from gbar.cell import read_cell
from gbar.features import UNITS, features
from gbar.files import write_whole
from gbar.kernel.build import build
from gbar.protocol import Protocol, Step, Stimulus
from gbar.recordings import read
from gbar.simulate import simulate

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
RECORDINGS = ROOT.parent / "shared" / "recordings" / "allen_nwb"
BEGIN, END = "<!-- features:begin -->", "<!-- features:end -->"
ROWS, BY_EFEL, ROUNDS = 256, 8, 5
WINDOW = (150.0, 650.0)
WHY = "of spikes before the stimulus and of a voltage that has not moved: see the docstring of `gbar.features`"
USUAL = (
    "voltage_base", "spike_count", "mean_frequency", "time_to_first_spike", "doublet_ISI", "all_ISI_values", "ISI_CV",
    "adaptation_index2", "AP_begin_voltage", "AP_amplitude", "peak_voltage", "AP_duration_half_width",
    "AHP_depth_abs", "AHP_depth_abs_slow", "AHP_slow_time", "steady_state_voltage_stimend", "sag_ratio1",
    "ohmic_input_resistance_vb_ssse", "decay_time_constant_after_stim", "time_constant",
)  # fmt: skip


@dataclass(frozen=True)
class Work:
    """Traces under one stimulus, and how many of them eFEL is given each time."""

    name: str
    v: np.ndarray  # mV [row, time]
    dt: float  # ms
    window: tuple[float, float]  # ms
    current: float  # nA
    by_efel: int


def simulated(sampling: float) -> list[Work]:
    cell = read_cell("pospischil")
    kernel = build(cell, "float32")
    steps = {"hyperpolarised": -0.1, "at rest": 0.0, "spiking": 0.3}
    stimuli = tuple(
        Stimulus(
            name, Step(delay=WINDOW[0], duration=WINDOW[1] - WINDOW[0], amplitude=nA), 800.0, 0.025, sampling, -70.0
        )
        for name, nA in steps.items()
    )
    traces = simulate(kernel, cell.space.draw(0, 0, ROWS), Protocol(stimuli), threads=1).v
    return [
        Work(name, np.ascontiguousarray(v[:, 0]), sampling, WINDOW, nA, BY_EFEL)
        for (name, nA), v in zip(steps.items(), traces, strict=True)
    ]


def recorded() -> list[Work]:
    files = sorted(RECORDINGS.glob("*.nwb")) if RECORDINGS.is_dir() else []
    sweeps = [read(file).sweeps[0] for file in files]
    return [Work("recorded", s.v[None], s.dt, (205.0, 1205.0), s.amplitude, 1) for s in sweeps]


def by_gbar(work: Work, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    return features(work.v, work.dt, work.window, work.current, names)


def by_efel(work: Work, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    t = np.arange(work.v.shape[1]) * work.dt
    on, off = work.window
    traces = [
        {"T": t, "V": v, "stim_start": [on], "stim_end": [off], "stimulus_current": [work.current]}
        for v in work.v[: work.by_efel].astype(np.float64)
    ]
    efel.set_setting("interp_step", work.dt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = efel.get_mean_feature_values(traces, list(names), raise_warnings=False)
    return {name: np.array([np.nan if row[name] is None else row[name] for row in found]) for name in names}


def cost(call: Callable[[], object]) -> float:
    """Processor time in s of one call."""
    before = time.process_time()
    call()
    return time.process_time() - before


def race(works: list[Work], names: tuple[str, ...]) -> tuple[float, float, list[float]]:
    """Microseconds a trace, gbar's and eFEL's, medians of rounds in turn, and the ratio of each round."""
    traces, given = sum(len(w.v) for w in works), sum(w.by_efel for w in works)
    for work in works:
        by_gbar(work, names)  # compiles
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(1e6 * sum(cost(lambda w=w: by_gbar(w, names)) for w in works) / traces)
        theirs.append(1e6 * sum(cost(lambda w=w: by_efel(w, names)) for w in works) / given)
    return statistics.median(ours), statistics.median(theirs), [b / a for a, b in zip(ours, theirs, strict=True)]


def agreement(works: list[Work]) -> str:
    """How many values are the same to 1e-6, and how many of which features are not."""
    total, different = 0, Counter[str]()
    for work in works:
        ours, theirs = by_gbar(work, tuple(UNITS)), by_efel(work, tuple(UNITS))
        for name in UNITS:
            equal = np.isclose(ours[name][: work.by_efel], theirs[name], rtol=1e-6, atol=1e-6, equal_nan=True)
            total += len(equal)
            different[name] += int((~equal).sum())
    told = ", ".join(f"{count} of {name}" for name, count in different.most_common() if count)
    return f"The same to 1e-6: {total - different.total():,} of {total:,} values" + (
        f"; not: {told} ({WHY})." if told else "."
    )


def row(name: str, works: list[Work], names: tuple[str, ...]) -> str:
    ours, theirs, ratios = race(works, names)
    return (
        f"| {name} | {works[0].v.shape[1]:,} | {len(names)} | {theirs:,.0f} | {ours:,.0f} "
        f"| **{statistics.median(ratios):.0f}** ({min(ratios):.0f}–{max(ratios):.0f}) |"
    )


def table() -> str:
    lines = [
        f"`python benchmarks/features.py --write`: microseconds of processor time a trace, {ROUNDS} rounds in turn",
        f"on one core, medians (range); gbar {ROWS} rows at a time, recordings singly, eFEL {efel.__version__} asked",
        f"for all features of a trace at once. Python {platform.python_version()}, NumPy {np.__version__}.",
        "",
        "| traces | samples | features | eFEL, µs | gbar, µs | eFEL / gbar |",
        "|---|---|---|---|---|---|",
    ]
    coarse, fine, measured = simulated(0.1), simulated(0.025), recorded()
    for names in (tuple(UNITS), USUAL):
        lines += [row(f"simulated, {work.name}", [work], names) for work in coarse]
        lines.append(row("simulated, all three", coarse, names))
        lines.append(row("simulated, all three", fine, names))
        if measured:
            lines.append(row("recorded (Allen)", measured, names))
    lines += ["", agreement([*coarse, *fine, *measured])]
    return "\n".join(lines)


def write(text: str) -> None:
    """Puts the table between its markers in RESULTS.md, which may not have them yet."""
    page = RESULTS.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2] if rest else "\n"
    block = f"{BEGIN}\n## Features of a trace\n\n{text}\n{END}"
    write_whole(RESULTS, f"{before.rstrip()}\n\n{block}{after}".encode())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    chosen = options.parse_args()
    text = table()
    print(text)
    if chosen.write:
        write(text)


if __name__ == "__main__":
    main()
