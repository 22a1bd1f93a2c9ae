"""How AMPA and SK change rate and bursting of the cell `dopamine` under irregular input, over many releases.

    python benchmarks/dopamine.py [--write]

simulates 25 s (the first 5 s let sodium settle) for three inputs of the paper (Canavier & Landry 2006, Figures 4B, 9B
and 10: rate of release, GABA-A conductance), each as it is, with AMPA doubled and with SK blocked, and five trains of
events each. `--write` puts the table into benchmarks/RESULTS.md between <!-- dopamine:begin --> and
<!-- dopamine:end -->.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np

from gbar.cell import Cell, read_cell
from gbar.cell.file import CELLS
from gbar.files import write_whole
from gbar.kernel.build import build
from gbar.protocol import Protocol, Stimulus, Sum
from gbar.simulate import simulate

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
BEGIN, END = "<!-- dopamine:begin -->", "<!-- dopamine:end -->"
SETTLE, DURATION = 5000.0, 25_000.0  # ms
SEEDS = (1, 2, 3, 4, 5)
INPUTS = {  # Figure: events per ms (its file's mean NMDA opening over that of one event), GABA-A, sodium at the start
    "4B": (0.4497, 5e-4, (4.51, 4.71, 4.31)),
    "9B": (0.8461, 11e-4, (4.97, 7.30, 6.75)),
    "10": (0.9362, 3e-4, (5.47, 10.0, 8.32)),
}
MANIPULATIONS = {
    "as it is": {},
    "AMPA doubled": {"gampa": 5.36e-6},
    "SK blocked": {"gbar_kca_da.soma": 0.0},
}
FREE = """
parameters:
  nai.soma: {low: 1 mM, high: 20 mM}
  nai.prox: {low: 1 mM, high: 20 mM}
  nai.dist: {low: 1 mM, high: 20 mM}
  rate: {low: 0 /ms, high: 2 /ms, targets: [rate_glu_da.prox, rate_glu_da.dist]}
  seed: {low: 0, high: 9999, targets: [seed_glu_da.prox, seed_glu_da.dist]}
"""


def cell() -> Cell:
    """The cell that ships, its input and its sodium at the start free too."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dopamine.yaml"
        file.write_text((CELLS / "dopamine.yaml").read_text().replace("\nparameters:\n", FREE, 1))
        return read_cell(file)


def spikes(v: np.ndarray) -> np.ndarray:
    """Times in ms, after the sodium settled, of upward crossings of -20 mV."""
    k = np.flatnonzero((v[:-1] < -20) & (v[1:] >= -20))
    times = (k + (-20 - v[k]) / (v[k + 1] - v[k])) * 0.1
    return times[times > SETTLE]


def in_bursts(times: np.ndarray) -> int:
    """Spikes in bursts: from an interval of up to 80 ms on, until one beyond 160 ms (Grace & Bunney 1984)."""
    count, inside = 0, False
    for interval in np.diff(times):
        begins = not inside and interval <= 80
        inside = begins or (inside and interval <= 160)
        count += 2 if begins else int(inside)
    return count


def measured() -> dict[tuple[str, str], tuple[float, float]]:
    """Rate in Hz and share of spikes in bursts of each input under each manipulation, over all trains of events."""
    made = cell()
    cases = list(itertools.product(INPUTS, MANIPULATIONS, SEEDS))
    rows = []
    for figure, name, seed in cases:
        rate, gaba, sodium = INPUTS[figure]
        values = dict(zip(made.space.names, made.theta[0], strict=True))
        values |= dict(zip(("nai.soma", "nai.prox", "nai.dist"), sodium, strict=True))
        values |= {"rate": rate, "seed": seed, "gaba": gaba, "gampa": 2.68e-6, "pnmda": 2.3e-7}
        rows.append(list((values | MANIPULATIONS[name]).values()))
    protocol = Protocol((Stimulus("input", Sum(()), DURATION, 0.025, 0.1, -60.0),), ("soma",))
    traces = simulate(build(made, "float64"), np.array(rows), protocol, threads=1)
    assert not traces.status.any()
    counts: dict[tuple[str, str], list[int]] = {}
    for (figure, name, _), v in zip(cases, traces.v[0][:, 0], strict=True):
        times = spikes(v)
        sums = counts.setdefault((figure, name), [0, 0])
        sums[0] += len(times)
        sums[1] += in_bursts(times)
    seconds = len(SEEDS) * (DURATION - SETTLE) / 1000
    return {key: (all_ / seconds, part / all_) for key, (all_, part) in counts.items()}


def table(found: dict[tuple[str, str], tuple[float, float]]) -> str:
    """The table in Markdown."""
    lines = ["| input of Figure | | rate, Hz | spikes in bursts | rate × | in bursts × |", "|---|---|---|---|---|---|"]
    for (figure, name), (rate, share) in found.items():
        before = found[figure, "as it is"]
        change = "| |" if name == "as it is" else f"| {rate / before[0]:.2f} | {share / before[1]:.2f} |"
        lines.append(f"| {figure} | {name} | {rate:.2f} | {share:.0%} {change}")
    return "\n".join(lines)


def write(text: str) -> None:
    """Puts the table between its markers in RESULTS.md, which may not have them yet."""
    page = RESULTS.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2] if rest else "\n"
    intro = (
        "## The dopamine neuron under irregular input\n\n"
        f"`python benchmarks/dopamine.py --write`: {len(SEEDS)} trains of events of "
        f"{(DURATION - SETTLE) / 1000:g} s each; what they show: [docs/cells/dopamine.md](../docs/cells/dopamine.md).\n"
    )
    write_whole(RESULTS, f"{before.rstrip()}\n\n{BEGIN}\n{intro}\n{text}\n{END}{after}".encode())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    chosen = options.parse_args()
    text = table(measured())
    print(text)
    if chosen.write:
        write(text)


if __name__ == "__main__":
    main()
