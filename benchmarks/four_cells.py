"""The four Allen recordings in ../shared, inferred with `pospischil`, and the page that tells how well.

    python benchmarks/four_cells.py [FOLDER]

Runs `gbar infer pospischil` on each recording that has no result in FOLDER yet (bench/four unless given; up to 15
minutes each on two cores) and writes docs/four-cells.md with its pictures.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from gbar.diagnose.narrowing import Narrowing, narrowing
from gbar.diagnose.totals import total_conductances
from gbar.kernel.build import build
from gbar.learn.posterior import load_posterior
from gbar.report.output import write_figure
from gbar.report.predictions import predicted_figure
from gbar.report.tables import number, quantity, span
from gbar.workflows.infer import Answer, answered, infer_recording
from gbar.workflows.progress import Silent, Terminal
from gbar.workflows.question import Question, ask

ROOT = Path(__file__).parent.parent
RECORDINGS = ROOT.parent / "shared/recordings/allen_nwb"
PAGE = ROOT / "docs/four-cells.md"
PICTURES = ROOT / "docs/pictures"

HEAD = """\
# Four real cells

Four neurons of mouse visual cortex from the Allen Cell Types Database, one sweep each (a 1 s current step); Gonçalves
et al. 2020 (doi 10.7554/eLife.56261) fitted these recordings with the same model. Each was given to
`gbar infer pospischil RECORDING.nwb -o RESULT` with nothing else stated: 30,000 simulations under the recording's own
current, one training, one posterior; no second round, no fitting to the recording, no correction. The model is one
compartment with sodium, potassium, M-current and leak; real cells have more, and **the intervals are not calibrated for
that mismatch**. Made by `python benchmarks/four_cells.py`.

"Inside" says that the recorded value lies in the 90 % interval of 300 cells drawn from the posterior and simulated
again, and that at least half of them have the feature at all. Wall times are of a two-core machine that did other work
beside it.
"""


@dataclass(frozen=True)
class Result:
    """One inferred recording."""

    question: Question
    answer: Answer
    seconds: float


def result(recording: Path, folder: Path) -> Result:
    """The inference of one recording: done now, or read from `folder`."""
    timing = folder.with_suffix(".json")
    if not (folder / "report.html").exists():
        start = time.perf_counter()
        infer_recording("pospischil", recording, folder, progress=Terminal())
        timing.write_text(json.dumps(time.perf_counter() - start))
    question = ask("pospischil", recording)
    answer = answered(
        question, build(question.cell, "float32"), load_posterior(folder / "estimator"), 0, None, Silent()
    )
    return Result(question, answer, float(json.loads(timing.read_text())))


def told(one: Result) -> str:
    """A recording's part of the page."""
    name = one.question.recording.source.stem
    picture = write_figure(predicted_figure(one.question.sweeps, one.answer.predicted), PICTURES / f"{name}.png")
    lines = [f"## {name}", "", one.answer.check.verdict, "", f"![recorded and predicted](pictures/{picture.name})", ""]
    lines += ["| feature | measured | predicted median | 90 % interval | undefined in | |", "|---|---|---|---|---|---|"]
    for check in one.answer.check.compared:
        word = "inside" if check.inside else "beyond every cell" if check.beyond else "outside"
        middle = f"{number(check.median)} | {span(*check.interval)} | {check.undefined:.0%}"
        lines.append(f"| {check.name} | {quantity(check.measured, check.unit, 4)} | {middle} | {word} |")
    lines += ["", "| parameter | median | 90 % interval | prior | narrowed by | |", "|---|---|---|---|---|---|"]
    lines += [parameter(found) for found in narrowing(one.answer.estimate)]
    totals = total_conductances(one.question.cell, one.answer.estimate.samples)
    spoken = ", ".join(f"{label} {number(sorted(nS)[len(nS) // 2])} nS" for label, nS in totals.items())
    lines += ["", f"Total conductances (medians): {spoken}. Wall time {one.seconds:.0f} s on two cores.", ""]
    return "\n".join(lines)


def parameter(found: Narrowing) -> str:
    """A parameter's row."""
    values = f"{quantity(found.median, found.unit)} | {span(*found.interval)} | {span(*found.prior)}"
    return f"| `{found.name}` | {values} | {found.narrowed:.0%} | {found.verdict} |"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "bench/four"
    folder.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    results = [result(path, folder / path.stem) for path in sorted(RECORDINGS.glob("*.nwb"))]
    counted = [len(r.answer.check.compared) - len(r.answer.check.outside) for r in results]
    total = len(results[0].answer.check.compared)
    table = [
        "| recording | features inside | spikes measured | spikes predicted | wall time |",
        "|---|---|---|---|---|",
    ]
    for one, inside in zip(results, counted, strict=True):
        spikes = next(c for c in one.answer.check.features if c.name == "spike count")
        predicted = f"{number(spikes.median)} ({span(*spikes.interval)})"
        row = f"{inside} of {total} | {number(spikes.measured)} | {predicted} | {one.seconds:.0f} s"
        table.append(f"| {one.question.recording.source.stem} | {row} |")
    PAGE.write_text("\n".join([HEAD, *table, "", *map(told, results)]), encoding="utf-8")
    print(f"{PAGE}: {sum(counted)} of {total * len(results)} features inside")


if __name__ == "__main__":
    main()
