"""The SSCx layer 5 pyramid as its authors evaluate it: every published feature of the first hall-of-fame set.

    python benchmarks/l5_pyramid.py [--write]

`l5pc30` on C060114A5 (../shared/morphologies/bbp) has the first parameter set of ../shared/parameters/sscx_l5pc. Its
evaluation (Reva et al. 2023, doi 10.1016/j.patter.2023.100855) finds the current that holds the cell at the features'
voltage_base, then the rheobase from there, and then takes steps in percent of the rheobase. Features are eFEL's with
the published settings; a distance is the published score, |value - mean| / SD, for lists its mean over the list. The
same for the sketch of 60 compartments that ships. `--write` puts the table into benchmarks/RESULTS.md and
docs/cells/l5pc.md between <!-- l5pc:begin --> and <!-- l5pc:end -->.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import efel
import numpy as np

from gbar.cell import Along, At, Cell, Site, read_cell
from gbar.files import write_whole
from gbar.kernel.build import Kernel, build
from gbar.morphology import Morphology
from gbar.protocol import Protocol, Step, Stimulus, Sum
from gbar.simulate import simulate

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
PUBLISHED = SHARED / "parameters" / "sscx_l5pc"
C060114A5 = SHARED / "morphologies" / "bbp" / "C060114A5.asc"
PAGES = (ROOT / "benchmarks" / "RESULTS.md", ROOT / "docs" / "cells" / "l5pc.md")
BEGIN, END = "<!-- l5pc:begin -->", "<!-- l5pc:end -->"
APICAL_POINT = {"C060114A5": "apic[14]", "sketch": "upper"}  # distances along the apical dendrite lead there
LIMIT = 3.0  # SD
DT, SAMPLING, V_INIT = 0.025, 0.1, -80.0  # ms, ms (eFEL's interpolation step), mV
THRESHOLD = -30.0  # mV, of spikes in features; eFEL's own, -20, in the search for the rheobase

Trace = np.ndarray


@dataclass(frozen=True)
class Currents:
    """What the protocols of a cell refer to, in nA."""

    holding: float
    threshold: float


@dataclass(frozen=True)
class Found:
    """A feature of a protocol at a site, beside what was published."""

    protocol: str
    site: str
    feature: str
    values: np.ndarray
    mean: float
    sd: float

    @property
    def distance(self) -> float:
        """The mean over the values of their distance in SD; infinite without a value."""
        return float(np.abs(self.values - self.mean).mean() / self.sd) if len(self.values) else float("inf")


# --- the cell and its sweeps -----------------------------------------------------------------------------------------


def sites(morphology: Morphology, apical_point: str) -> tuple[Site, ...]:
    """Where the published protocols record; their names are those of the features' recordings."""
    return (
        Site("soma.v", At("soma", 0.5)),
        Site("dend1.v", Along("apical", 208.0, apical_point)),
        Site("dend2.v", Along("apical", 402.0, apical_point)),
        Site("ca_prox_apic.cai", Along("apical", 50.0, apical_point), "cai"),
        Site("ca_prox_basal.cai", first_passing(morphology, "basal", 50.0), "cai"),
        Site("ca_soma.cai", At("soma", 0.5), "cai"),
        Site("ca_ais.cai", At("axon[0]", 0.5), "cai"),
    )


def first_passing(morphology: Morphology, region: str, distance: float) -> At:
    """Where the first section of a region passes a distance (um) from soma(0.5); BluePyOpt itself takes the last."""
    sections, starts = morphology.sections, [0.0]
    for section in sections[1:]:
        parent = sections[section.parent]
        joint = section.parent_x * parent.L
        starts.append(starts[section.parent] + joint if section.parent else abs(joint - parent.L / 2))
    pairs = zip(sections, starts, strict=True)
    section, start = next((s, x) for s, x in pairs if s.region == region and x <= distance <= x + s.L)
    return At(section.name, (distance - start) / section.L)


def kernel_of(cell: Cell, apical_point: str) -> Kernel:
    return build(replace(cell, sites=sites(cell.morphology, apical_point)), "float64", lanes=16)


def sweep(kernel: Kernel, theta: np.ndarray, steps: Sequence[Step], duration: float) -> dict[str, Trace]:
    """The traces of one sweep by site, a sample every 0.1 ms."""
    stimulus = Stimulus("sweep", Sum(tuple(steps)), duration, DT, SAMPLING, v_init=V_INIT)
    traces = simulate(kernel, theta, Protocol((stimulus,)), threads=1)
    if traces.status.any():
        raise SystemExit(f"a sweep of {duration:g} ms failed")
    return {site.name: v for site, v in zip(kernel.compartments.sites, traces.v[0][0], strict=True)}


def features(
    v: Trace, names: Sequence[str], window: tuple[float, float], current: float, threshold: float, strict: bool
) -> dict[str, np.ndarray]:
    """The features of a trace by eFEL; a feature that does not exist is empty."""
    efel.reset()
    efel.set_setting("Threshold", threshold)
    efel.set_setting("interp_step", SAMPLING)
    efel.set_setting("strict_stiminterval", strict)
    trace = {"T": np.arange(len(v)) * SAMPLING, "V": v, "stim_start": [window[0]], "stim_end": [window[1]]}
    (found,) = efel.get_feature_values([trace | {"stimulus_current": [current]}], list(names), raise_warnings=False)
    return {name: np.empty(0) if found[name] is None else np.atleast_1d(found[name]) for name in names}


# --- the published evaluation ----------------------------------------------------------------------------------------


class Evaluation:
    """A cell and the published protocols and features."""

    def __init__(self, kernel: Kernel, theta: np.ndarray) -> None:
        self.kernel, self.theta = kernel, theta
        self.protocols: Mapping[str, Any] = json.loads((PUBLISHED / "protocols_cADpyr_L5TPC.json").read_text())
        self.features: Mapping[str, Any] = json.loads((PUBLISHED / "cADpyr_L5TPC.json").read_text())

    def target(self, protocol: str, feature: str) -> float:
        """The published mean of a somatic feature."""
        (found,) = [f["val"][0] for f in self.features[protocol]["soma.v"] if f["feature"] == feature]
        return float(found)

    def one(self, steps: Sequence[Step], duration: float, feature: str, threshold: float = -20.0) -> float:
        """A feature of the soma's response to steps, the first of which is the stimulus."""
        window = (steps[0].delay, steps[0].delay + steps[0].duration)
        v = sweep(self.kernel, self.theta, steps, duration)["soma.v"]
        return float(features(v, [feature], window, steps[0].amplitude, threshold, False)[feature].mean())

    def rin(self, holding: float, feature: str) -> float:
        """A feature of the small hyperpolarising step on a holding current (nA)."""
        step = self.protocols["Rin"]["stimuli"]["step"]
        steps = [Step(step["delay"], step["duration"], step["amp"]), Step(0.0, step["totduration"], holding)]
        return self.one(steps, step["totduration"], feature)

    def holding(self) -> float:
        """The current in nA that holds the soma at the published voltage_base: the published bisection."""
        aim, search = self.target("Rin", "voltage_base"), self.protocols["RinHoldcurrent"]
        rest = self.protocols["RMP"]["stimuli"]["step"]
        rmp = self.one([Step(rest["delay"], rest["duration"], 0.0)], rest["totduration"], "voltage_base")
        low, high = 2.0 * (aim - rmp) / self.rin(0.0, "ohmic_input_resistance_vb_ssse"), 0.0
        for _ in range(search["holdi_max_depth"]):
            middle = (low + high) / 2
            base = self.rin(middle, "voltage_base")
            if abs(base - aim) < search["holdi_precision"]:
                return middle
            low, high = (low, middle) if base > aim else (middle, high)
        return (low + high) / 2

    def spikes(self, holding: float, amplitude: float, part: float) -> bool:
        """Whether a step, or its first part alone, makes the held cell spike."""
        step = self.protocols["ThresholdDetection"]["step_template"]["stimuli"]["step"]
        duration = step["duration"] * part
        total = step["totduration"] if part == 1.0 else step["delay"] + duration
        steps = [Step(step["delay"], duration, amplitude), Step(0.0, total, holding)]
        return self.one(steps, total, "Spikecount") >= 1

    def threshold(self, holding: float) -> float:
        """The rheobase in nA: the first of 20 short steps that makes a spike, then the published bisection."""
        resistance = self.rin(holding, "ohmic_input_resistance_vb_ssse")
        low, high = -holding, (-40.0 - self.target("Rin", "voltage_base")) / resistance
        high = next((a for a in np.linspace(low, high, 20) if self.spikes(holding, a, 0.1)), high)
        for _ in range(5):
            if abs(high - low) < 0.01:
                break
            middle = (low + high) / 2
            low, high = (low, middle) if self.spikes(holding, middle, 1.0) else (middle, high)
        return float(high)

    def sweeps(self, currents: Currents) -> Iterator[tuple[str, list[Step], float]]:
        """Every protocol that has features: its steps, the holding current behind them, its duration."""
        for name in self.features:
            given = self.protocols.get(name, {}).get("stimuli")
            if given is None:
                continue
            of_threshold = self.protocols[name]["type"] == "StepThresholdProtocol"
            listed = given["step"] if isinstance(given["step"], list) else [given["step"]]
            amplitudes = [s["thresh_perc"] / 100 * currents.threshold if of_threshold else s["amp"] for s in listed]
            steps = [Step(s["delay"], s["duration"], a) for s, a in zip(listed, amplitudes, strict=True)]
            total = float(listed[-1]["totduration"])
            held = of_threshold or "holding" in given
            yield name, [*steps, *([Step(0.0, total, currents.holding)] if held else [])], total

    def window(self, name: str, steps: Sequence[Step], total: float) -> tuple[float, float]:
        """From when to when features count: to the end of the sweep in bAP, to the last pulse of a train."""
        pulses = steps[:-1] if len(steps) > 1 else steps
        last = pulses[-1].delay + pulses[-1].duration
        return pulses[0].delay, total if name == "bAP" else pulses[-1].delay if name.startswith("H40S8") else last

    def run(self) -> tuple[Currents, list[Found]]:
        """The currents found, and all features in their published order."""
        holding = self.holding()
        currents = Currents(holding, self.threshold(holding))
        found: list[Found] = []
        for name, steps, total in self.sweeps(currents):
            traces = sweep(self.kernel, self.theta, steps, total)
            for site, wanted in self.features[name].items():
                for entry in wanted:
                    strict, what = entry.get("strict_stim", True), entry["feature"]
                    window = self.window(name, steps, total)
                    values = features(traces[site], [what], window, steps[0].amplitude, THRESHOLD, strict)[what]
                    found.append(Found(name, site, what, values, *entry["val"][:2]))
        for name, value in (("RinHoldCurrent", currents.holding), ("Threshold", currents.threshold)):
            (entry,) = self.features[name]["soma.v"]
            found.append(Found(name, "soma", entry["feature"], np.array([value]), *entry["val"][:2]))
        return currents, found


# --- the page --------------------------------------------------------------------------------------------------------


def table(real: list[Found], sketch: list[Found]) -> list[str]:
    """The features of both shapes in Markdown; a distance beyond the limit is bold."""
    head = "| protocol | at | feature | published mean ± SD | C060114A5 | distance, SD | sketch | distance, SD |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for a, b in zip(real, sketch, strict=True):
        cells = [a.protocol, a.site, a.feature, f"{a.mean:.4g} ± {a.sd:.3g}"]
        for one in (a, b):
            distance = f"{one.distance:.2f}" if one.distance <= LIMIT else f"**{one.distance:.3g}**"
            cells += [f"{one.values.mean():.4g}" if len(one.values) else "none", distance]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def summary(name: str, compartments: int, currents: Currents, found: list[Found]) -> list[str]:
    within = sum(one.distance <= LIMIT for one in found)
    short = ", ".join(f"{f.protocol} {f.feature} at {f.site} ({f.distance:.3g})" for f in found if f.distance > LIMIT)
    held = f"held by {currents.holding:.6f} nA, rheobase {currents.threshold:.6f} nA"
    text = f"{name}, {compartments} compartments, {held}: {within} of {len(found)} features within {LIMIT:g} SD"
    return [f"{text}; beyond: {short}." if short else f"{text}.", ""]


def page(results: Mapping[str, tuple[int, Currents, list[Found]]]) -> list[str]:
    """Heading, summaries and table; of every shape its compartments, its currents and its features."""
    lines = [
        "## The SSCx layer 5 pyramid, feature by feature",
        "",
        "`python benchmarks/l5_pyramid.py --write`: float64.",
        "",
        "A feature with several values (one for each spike or interval) is shown by their mean. Its distance is, as",
        "published, the mean of the values' distances: larger than that of the mean where they lie on both sides.",
    ]
    lines.append("")
    for name, (compartments, currents, found) in results.items():
        lines += summary(name, compartments, currents, found)
    return lines + table(*(found for _, _, found in results.values()))


def write(lines: list[str], file: Path) -> None:
    """Puts lines between their markers in a page, which may not have them yet."""
    before, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2] if rest else "\n"
    write_whole(file, "\n".join([before.rstrip(), "", BEGIN, *lines, END + after]).encode())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", action="store_true", help="put the tables into the pages")
    chosen = options.parse_args()
    cells = {"C060114A5": read_cell("l5pc30", morphology=C060114A5), "sketch": read_cell("l5pc30")}
    results = {}
    for name, cell in cells.items():
        results[name] = (cell.compartments, *Evaluation(kernel_of(cell, APICAL_POINT[name]), cell.theta).run())
    lines = page(results)
    print("\n".join(lines))
    if chosen.write:
        for file in PAGES:
            write(lines, file)


if __name__ == "__main__":
    main()
