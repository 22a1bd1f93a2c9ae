"""How far gbar is from NEURON on every mechanism and cell that ships or is imported: the live comparisons as a table.

    python benchmarks/agreement.py [--write]

runs tests/reference/test_neuron.py and test_neuron_trees.py, which compare every sample at every site, and gathers what
they note down (GBAR_COMPARISONS); `--write` puts the table into benchmarks/RESULTS.md between the markers
<!-- agreement:begin --> and <!-- agreement:end -->.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from gbar.files import write_whole

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
BEGIN, END = "<!-- agreement:begin -->", "<!-- agreement:end -->"
TESTS = ("tests/reference/test_neuron.py", "tests/reference/test_neuron_trees.py")

_LINE = re.compile(
    r"(?P<cell>[^,]+), (?P<stimulus>.+), row \S+, \S+ (?P<variable>\S+): (?P<difference>\S+) (?P<unit>\S*), "
    r"(?P<spikes>\d+) spikes, shift (?P<shift>\S+) us, (?P<compartments>\d+) compartments"
)


@dataclass
class Row:
    """What the comparisons of one cell come to."""

    compartments: int
    comparisons: int = 0
    spikes: int = 0
    voltage: float = 0.0  # mV, the largest difference
    shift: float = 0.0  # us, of a spike
    others: set[str] = field(default_factory=set)


def gather(lines: list[str]) -> dict[str, Row]:
    """The rows of the table, by cell."""
    rows: dict[str, Row] = {}
    for line in lines:
        found = _LINE.fullmatch(line.strip())
        if found is None:
            continue
        row = rows.setdefault(found["cell"], Row(int(found["compartments"])))
        row.comparisons += 1
        row.spikes += int(found["spikes"])
        row.shift = max(row.shift, float(found["shift"]))
        if found["variable"] == "v":
            row.voltage = max(row.voltage, float(found["difference"]))
        else:
            row.others.add(found["variable"])
    return rows


def table(rows: dict[str, Row]) -> str:
    """The table in Markdown."""
    head = "| cell | compartments | comparisons | spikes | largest difference, mV | largest shift of a spike, µs |"
    lines = [head, "|---|---|---|---|---|---|"]
    for name, row in rows.items():
        kinds = f", also of {len(row.others)} states, currents or concentrations" if row.others else ""
        figures = f"{row.comparisons}{kinds} | {row.spikes} | {row.voltage:.1e} | {row.shift:.1e}"
        lines.append(f"| {name} | {row.compartments} | {figures} |")
    return "\n".join(lines)


def write(text: str) -> None:
    """Puts the table between its markers in RESULTS.md, which may not have them yet."""
    page = RESULTS.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2] if rest else "\n"
    head = "## Agreement with NEURON, cell by cell"
    intro = f"{head}\n\n`python benchmarks/agreement.py --write`: float64, TABLE off, every sample at every site.\n"
    write_whole(RESULTS, f"{before.rstrip()}\n\n{BEGIN}\n{intro}\n{text}\n{END}{after}".encode())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "comparisons.txt"
        command = [sys.executable, "-m", "pytest", "-q", *TESTS]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "GBAR_COMPARISONS": str(notes)})
        text = table(gather(notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []))
    print(text)
    if done.returncode != 0:
        sys.exit("not all comparisons agree; the table is not written")
    if chosen.write:
        write(text)


if __name__ == "__main__":
    main()
