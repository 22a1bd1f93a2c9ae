"""How fast one Hodgkin-Huxley compartment is simulated for a thousand parameter sets, beside NEURON.

    python benchmarks/engine.py [--pairs 5] [--sets 1000]

One core each, alternating with NEURON (A B A B ...): 200 ms at dt 0.025, v kept at every step. NEURON runs the same
equations (gbar's own hh.mod compiled by nrnivmodl, no TABLE), and its built-in hh (with its TABLE) as an extra row. The
result is written to RESULTS.md between the markers <!-- engine:begin --> and <!-- engine:end -->.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent / "tests" / "reference")]

import numpy as np  # noqa: E402
from neuron_twin import TWIN, compile_mechanisms  # noqa: E402

from gbar.cell import Cell, read_cell  # noqa: E402
from gbar.kernel.arithmetic import functions  # noqa: E402
from gbar.kernel.build import build  # noqa: E402
from gbar.mechanism import shipped_file  # noqa: E402
from gbar.protocol import Protocol, Step, Stimulus  # noqa: E402
from gbar.simulate import simulate  # noqa: E402

DT, DURATION, DELAY, AMPLITUDE = 0.025, 200.0, 2.01, 0.3
STEPS = round(DURATION / DT)
EXPS = 9  # of a step without tables: six rates, three gates
LOOP_SETS = 100  # a loop over NEURON takes tens of seconds for 1,000 sets; its time is in proportion to them
PROTOCOL = Protocol((Stimulus("step", Step(DELAY, DURATION, AMPLITUDE), DURATION, DT, DT),))
MARKERS = ("<!-- engine:begin -->", "<!-- engine:end -->")
EXP_LOOP = """
import numpy as np
from numba import njit
R = np.{precision}
OPTIONS = {{"error_model": "numpy", "fastmath": {{"nsz", "arcp", "contract"}}}}
inline = njit(forceinline=True, **OPTIONS)
{functions}
@njit(**OPTIONS)
def many(x, y, times):
    for _ in range(times):
        for i in range(len(x)):
            y[i] = exp(x[i])
        x[0] = y[1] * R(1e-9)
"""


@dataclass
class Way:
    """A way of doing the job: `prepare` is not timed, `work` turns what it made into voltages [set, time]."""

    name: str
    sets: int
    prepare: Callable[[], Any]
    work: Callable[[Any], np.ndarray]
    rates: list[float] = field(default_factory=list)  # seconds for one set
    spikes: np.ndarray = field(default_factory=lambda: np.zeros(0, int))  # of each set

    def once(self) -> float:
        """Does it, and returns the seconds for one set."""
        state = self.prepare()
        start = time.process_time()
        v = self.work(state)
        seconds = (time.process_time() - start) / self.sets
        above = v > -20.0
        self.spikes = (above[:, 1:] & ~above[:, :-1]).sum(axis=1)
        self.rates.append(seconds)
        return seconds


class Neuron:
    """The cell in NEURON."""

    def __init__(self, cell: Cell, library: Path) -> None:
        from neuron import h

        self.h, self.cell = h, cell
        h.load_file("stdrun.hoc")
        h.nrn_load_dll(str(library))
        h.celsius, h.dt, h.tstop, h.v_init, h.steps_per_ms = cell.temperature, DT, DURATION, -65.0, 1.0 / DT
        self.context = h.ParallelContext()
        self.context.set_maxstep(10.0)

    def section(self, suffix: str, values: np.ndarray) -> tuple[Any, Any, Any]:
        """A section with its stimulus and the vector that records its voltage."""
        section = self.h.Section(name="soma")
        section.L = section.diam = self.cell.morphology.sections[0].diam
        section.insert(suffix)
        section.ena, section.ek = 50.0, -77.0
        self.set(section, suffix, values)
        clamp = self.h.IClamp(section(0.5))
        clamp.delay, clamp.dur, clamp.amp = DELAY, DURATION, AMPLITUDE
        return section, clamp, self.h.Vector().record(section(0.5)._ref_v)

    def set(self, section: Any, suffix: str, values: np.ndarray) -> None:
        segment = section(0.5)
        setattr(segment, f"gnabar_{suffix}", values[0])
        setattr(segment, f"gkbar_{suffix}", values[1])

    def psolve(self) -> None:
        self.h.finitialize(-65.0)
        self.context.psolve(DURATION)

    def loop(self, name: str, suffix: str, theta: np.ndarray, run: Callable[[], Any]) -> Way:
        """The Python loop that people write: one section, the parameter sets one after the other."""

        def work(state: tuple[Any, Any, Any]) -> np.ndarray:
            section, _, v = state
            voltages = []
            for values in theta:
                self.set(section, suffix, values)
                run()
                voltages.append(np.array(v.as_numpy(), copy=True))
            return np.array(voltages)

        return Way(name, len(theta), lambda: self.section(suffix, theta[0]), work)

    def at_once(self, name: str, suffix: str, theta: np.ndarray) -> Way:
        """All parameter sets as cells of one run; building them is not timed."""

        def work(cells: list[tuple[Any, Any, Any]]) -> np.ndarray:
            self.psolve()
            return np.array([np.array(v.as_numpy(), copy=True) for _, _, v in cells])

        return Way(name, len(theta), lambda: [self.section(suffix, values) for values in theta], work)


def gbar_way(cell: Cell, precision: Any, theta: np.ndarray) -> tuple[Way, float]:
    """The way of gbar, and the seconds that compiling it took."""
    os.environ["GBAR_CACHE"] = tempfile.mkdtemp(prefix="gbar_bench_")
    start = time.perf_counter()
    kernel = build(cell, precision)
    compiling = time.perf_counter() - start

    def work(_: object) -> np.ndarray:
        return simulate(kernel, theta, PROTOCOL, threads=1).v[0][:, 0]

    return Way(f"gbar, {precision}", len(theta), lambda: None, work), compiling


def exp_rate(precision: str) -> float:
    """How many exp a core can do in a second: the kernel's own polynomial on data in L1."""
    folder = Path(tempfile.mkdtemp(prefix="gbar_bench_"))
    path = folder / f"exp_{precision}.py"
    path.write_text(EXP_LOOP.format(precision=precision, functions=functions({"exp"}, precision)))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    x = np.linspace(-5, 5, 2048).astype(precision)
    y = np.empty_like(x)
    module.many(x, y, 1)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        module.many(x, y, 2000)
        best = min(best, time.perf_counter() - start)
    return 2000 * len(x) / best


def spread(values: list[float], form: str = "{:.3g}") -> str:
    """The median, and the smallest and largest."""
    low, middle, high = min(values), float(np.median(values)), max(values)
    return f"{form.format(middle)} ({form.format(low)}–{form.format(high)})"


def section_text(pairs: list[tuple[Way, Way]], sets: int, compiling: dict[str, float], rest: list[str]) -> str:
    """The section of RESULTS.md."""
    lines = [
        "## Engine: one Hodgkin–Huxley compartment",
        "",
        f"`python benchmarks/engine.py`: {sets:,} parameter sets (gnabar, gkbar from `sphere`'s prior),",
        f"{DURATION:g} ms at dt {DT} ms ({STEPS:,} steps), v kept at every step; one core each, gbar and NEURON in",
        f"turn, {len(pairs[0][0].rates)} pairs. Seconds are CPU time for all {sets:,} sets, median (range).",
        f"NEURON's loops ran {min(LOOP_SETS, sets)} sets and their time is scaled up; spikes are those of the sets",
        "that ran, gbar's of the same sets beside them.",
        f"{cpu()}, Python {platform.python_version()}, NEURON {version('neuron')}, Numba {version('numba')}.",
        "",
        "| NEURON's way | s | gbar's way | s | M steps/s | ns per step | NEURON / gbar | spikes: NEURON, gbar |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for neuron, ours in pairs:
        ratios = [n / g for n, g in zip(neuron.rates, ours.rates, strict=True)]
        step = float(np.median(ours.rates)) / STEPS
        lines.append(
            f"| {neuron.name} | {spread([r * sets for r in neuron.rates])} | {ours.name} | "
            f"{spread([r * sets for r in ours.rates])} | {1e-6 / step:.0f} | {1e9 * step:.1f} | "
            f"**{spread(ratios, '{:.1f}')}** | {neuron.spikes.sum():,}, {ours.spikes[: neuron.sets].sum():,} |"
        )
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in compiling.items())
    return "\n".join([*lines, "", f"Compile times, not in the above: {times}.", *rest])


def bound_text(precision: str, pairs: list[tuple[Way, Way]]) -> str:
    """How near gbar comes to what its exponentials alone would take."""
    steps = [STEPS / rate for _, ours in pairs if precision in ours.name for rate in ours.rates]
    rate = exp_rate(precision)
    return (
        f"A step without tables takes {EXPS} exp. A core does {rate / 1e9:.2f} G of them in a second\n"
        f"({precision}, in L1), which bounds it to {rate / EXPS / 1e6:.0f} M steps/s; "
        f"gbar reaches {np.median(steps) * EXPS / rate:.0%} of that."
    )


def small_batches(cell: Cell) -> str:
    """What batches smaller than a block take."""
    texts = []
    for lanes in (64, 16):
        kernel = build(cell, "float32", lanes=lanes)
        for rows in (1, 16, 64):
            theta = cell.space.draw(0, 0, rows)
            times = []
            for _ in range(20):
                start = time.process_time()
                simulate(kernel, theta, PROTOCOL, threads=1)
                times.append(time.process_time() - start)
            texts.append(f"{rows} row{'s' * (rows > 1)} {1e3 * float(np.median(times)):.1f} ms ({lanes} lanes)")
    return f"Small batches, float32: {', '.join(texts)}."


def cpu() -> str:
    """The processor's name, where the system tells."""
    try:
        found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        return "unknown processor"
    return found.group(1) if found else "unknown processor"


def write_section(text: str, file: Path) -> None:
    """Puts a text between the markers of a file, and leaves the rest of it alone."""
    begin, end = MARKERS
    old = file.read_text(encoding="utf-8") if file.exists() else "# Results\n"
    block = f"{begin}\n{text}\n{end}"
    if begin in old and end in old:
        new = old[: old.index(begin)] + block + old[old.index(end) + len(end) :]
    else:
        new = old.rstrip("\n") + f"\n\n{block}\n"
    file.write_text(new, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--results", type=Path, default=HERE / "RESULTS.md")
    arguments = parser.parse_args()
    cell = read_cell("sphere")
    theta = cell.space.draw(0, 0, arguments.sets)
    some = theta[:LOOP_SETS]
    start = time.perf_counter()
    library = compile_mechanisms([shipped_file("hh")], Path(tempfile.mkdtemp(prefix="gbar_bench_")))
    nmodl = time.perf_counter() - start
    neuron = Neuron(cell, library)
    suffix = f"hh{TWIN}"
    ways: dict[str, Callable[[], Way]] = {
        "loop": lambda: neuron.loop("Python loop, h.run()", suffix, some, neuron.h.run),
        "psolve": lambda: neuron.loop("Python loop, psolve", suffix, some, neuron.psolve),
        "at once": lambda: neuron.at_once("all cells in one run", suffix, theta),
        "table": lambda: neuron.at_once("all cells in one run, built-in hh with TABLE", "hh", theta),
    }
    compiling = {"nrnivmodl": nmodl}
    pairs: list[tuple[Way, Way]] = []
    for precision, names in (("float32", tuple(ways)), ("float64", ("at once",))):
        for name in names:
            theirs, (ours, seconds) = ways[name](), gbar_way(cell, precision, theta)
            compiling.setdefault(f"gbar {precision}", seconds)
            ours.once()  # the first touch of everything is not timed, for neither
            theirs.once()
            ours.rates.clear()
            theirs.rates.clear()
            for _ in range(arguments.pairs):
                g, n = ours.once(), theirs.once()
                took = f"gbar {g * arguments.sets:.3f} s, NEURON {n * arguments.sets:.2f} s"
                print(f"{precision} {name}: {took}, {n / g:.0f}x", flush=True)
            pairs.append((theirs, ours))
    rest = [bound_text("float32", pairs), bound_text("float64", pairs), small_batches(cell)]
    write_section(section_text(pairs, arguments.sets, compiling, rest), arguments.results)
    print(f"written to {arguments.results}")


if __name__ == "__main__":
    main()
