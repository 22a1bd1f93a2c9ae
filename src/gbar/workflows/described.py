"""A cell in words: its source and shape, its channels by region, its free parameters, its experiment."""

from __future__ import annotations

import re
import textwrap

import numpy as np

from gbar.cell import Cell, Quantity
from gbar.cell.density import Density, densities
from gbar.parameters import FreeParameter
from gbar.protocol import Stimulus
from gbar.protocol.waveform import Chirp, Noise, Ramp, Sampled, Step, Sum, Train, Waveform
from gbar.report.tables import number, quantity, span, text_table, unit_text

WIDTH = 112  # characters
_OF_REGIONS = {"cm": "specific capacitance", "Ra": "axial resistivity", "area": "membrane area", "L": "length",
               "L_scale": "factor of lengths", "diam_scale": "factor of diameters"}  # fmt: skip


def described(cell: Cell) -> str:
    """All about a cell, in lines."""
    lines = [cell.name, *(f"  {line}" for line in textwrap.wrap(" ".join(cell.description.split()), WIDTH - 2)), ""]
    source = f"https://doi.org/{cell.source}" if cell.source.startswith("10.") else cell.source
    facts = {"source": source, "file": str(cell.file or ""), "shape": _shape(cell),
             "temperature": quantity(cell.temperature, "degC")}  # fmt: skip
    lines += [f"  {label:<13}{value}" for label, value in facts.items() if value]
    if cell.origin is not None:
        lines += [f"  {'':<13}{note}" for note in cell.morphology.notes]
    lines += ["", "regions and channels (* free)", "", *_indented(regions_table(cell))]
    lines += [f"  {profile}" for profile in _profiles(cell)]
    if len(cell.space):
        lines += [
            "",
            f"free parameters ({len(cell.space)}), between low and high; a uniform prior is even on the scale",
            "",
        ]
        lines += _indented(parameters_table(cell)) + [f"  {f.target} = {f.formula}" for f in cell.formulas]
    lines += ["", "stimuli, each from rest", "", *_indented(stimuli_table(cell))]
    lines += ["", "sites", "", *_indented(sites_table(cell))]
    return "\n".join(lines) + "\n"


def gist(description: str, longest: int) -> str:
    """The beginning of a description: its first sentence, or as many words of it as fit.

    >>> gist("A soma and a dendrite. The soma is round.", 60)
    'A soma and a dendrite'
    """
    first = re.split(r"\. (?=[A-Z])", " ".join(description.split()))[0].removesuffix(".")
    return textwrap.shorten(first, longest, placeholder=" …")


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _shape(cell: Cell) -> str:
    sections = cell.morphology.sections
    if len(sections) == 1:
        what = f"one cylinder, {quantity(sections[0].L, 'um')} long and {quantity(sections[0].diam, 'um')} thick"
    else:
        what = f"{len(sections)} sections"
    if cell.origin is not None:
        what += f" of {cell.origin.file.name}"
    many = f"{cell.compartments} compartment{'s' * (cell.compartments > 1)}"
    return f"{what}, {many}, {quantity(cell.morphology.area, 'um2', 4)}"


# --- regions -----------------------------------------------------------------------------------------------------


def regions_table(cell: Cell) -> str:
    """What is stated of every region: a row for each quantity, a column for each region."""
    names = [region.name for region in cell.regions]
    pairs = list(zip(cell.morphology.sections, cell.counts, strict=True))
    counts = [str(sum(count for section, count in pairs if section.region == name)) for name in names]
    rows = [("compartments", "", *counts)]
    rows += [(label, unit, *(cells.get(name, "") for name in names)) for label, unit, cells in _membranes(cell)]
    rows += [
        (density.name, unit_text(density.unit), *(density_text(density, name) for name in names))
        for density in densities(cell)
    ]
    return text_table(("", "", *names), rows)


def _membranes(cell: Cell) -> list[tuple[str, str, dict[str, str]]]:
    """Area, capacitance, resistivity, reversal potentials and concentrations: name, unit, text by region."""
    found: dict[str, tuple[str, str, dict[str, str]]] = {}
    free = {cell.canonical(target) for p in cell.space.parameters for target in p.targets}
    free |= {cell.canonical(formula.target) for formula in cell.formulas}
    ions = {f"{name}.{r.name}" for r in cell.regions for name in (*r.reversals, *r.concentrations)}
    for one in cell.quantities().values():
        head, _, region = one.name.partition(".")
        if head in ("area", "cm", "Ra") or one.name in ions:
            row = found.setdefault(head, (head, unit_text(one.unit), {}))
            row[2][region] = number(one.value, 4) + "*" * (one.name in free)
    return list(found.values())


def density_text(density: Density, region: str) -> str:
    """A density in a region: a number, or its range where it depends on the place; empty where there is none."""
    if region not in density.values:
        return ""
    values = density.values[region]
    if np.isnan(values).all():
        return "there"
    first, last = (float(values[i]) for i in (int(np.argmin(values)), int(np.argmax(values))))
    text = number(first) if first == last else span(first, last)
    return text + "*" * (region in density.free)


def _profiles(cell: Cell) -> list[str]:
    """The formulas of densities that depend on the place."""
    found: dict[str, str] = {}
    for region in cell.regions:
        for painted in region.mechanisms:
            for name, value in painted.values.items():
                if not isinstance(value, float):
                    numbers = ", ".join(f"{c} {number(x, 4)}" for c, x in value.coefficients.items())
                    found[f"{name}_{painted.mechanism.name}.{region.name}"] = f"{value.formula}; {numbers}"
    return [f"{name} = {text}" for name, text in found.items()]


# --- free parameters ---------------------------------------------------------------------------------------------


def parameters_table(cell: Cell) -> str:
    """The free parameters: the cell's own value, range, scale, prior, and what each sets."""
    known = cell.quantities()
    rows = []
    for p, value in zip(cell.space.parameters, cell.theta[0].tolist(), strict=True):
        numbers = (number(value), number(p.low), number(p.high), unit_text(p.unit))
        rows.append((p.name, *numbers, p.scale, p.prior.describe(p.unit), sets(cell, p, known)))
    header = ("parameter", "value", "low", "high", "unit", "scale", "prior", "what it sets")
    return text_table(header, rows)


def sets(cell: Cell, parameter: FreeParameter, known: dict[str, Quantity]) -> str:
    """What a free parameter sets, in words: "gbar of potassium channel: soma, dend"."""
    targets = [cell.canonical(target) for target in parameter.targets]
    targets += [cell.canonical(f.target) for f in cell.formulas if parameter.name in f.reads]
    regions: dict[str, list[str]] = {}
    for target in targets:
        if target in known:
            label, _, rest = target.partition(".")
            region, _, coefficient = rest.partition(".")
            what = f"{coefficient} of " * bool(coefficient) + _meaning(cell, label, region)
            regions.setdefault(what, []).append(region)
    everywhere = [region.name for region in cell.regions]
    parts = []
    for what, places in regions.items():
        where = "" if places in ([""], everywhere) else f": {', '.join(places)}"
        parts.append(what + where)
    return "; ".join(parts)


def _meaning(cell: Cell, label: str, region: str) -> str:
    """What a quantity is, without its region."""
    if label in _OF_REGIONS:
        return _OF_REGIONS[label]
    if label == "celsius":
        return "temperature"
    for one in cell.regions:
        for painted in one.mechanisms if region in ("", one.name) else ():
            name = label.removesuffix(f"_{painted.mechanism.name}")
            if name != label and name in painted.parameters:
                return f"{name} of {textwrap.shorten(painted.mechanism.title, 44, placeholder=' …') or label}"
        if label in one.reversals:
            return f"reversal potential of {label[1:]}"
        if label in one.concentrations:
            return f"concentration of {label[:-1]} {'inside' if label.endswith('i') else 'outside'} at the start"
    return label


# --- the experiment ----------------------------------------------------------------------------------------------


def stimuli_table(cell: Cell) -> str:
    """The stimuli: how long, under which condition, from where, and which currents and clamps."""
    rows = [
        (
            s.name, s.condition or "control", f"{number(s.duration, 5)} ms", f"{number(s.dt)}, {number(s.sampling)} ms",
            f"{number(s.v_init, 4)} mV" + f", {number(s.warm_up, 5)} ms before" * (s.warm_up > 0), acts(cell, s),
        )
        for s in cell.protocol.stimuli
    ]  # fmt: skip
    text = text_table(("stimulus", "condition", "lasts", "dt, sampling", "from", "current"), rows)
    blocks = [
        f"{c.name}: {', '.join(f'{b.quantity} −{number(b.percent)} %' for b in c.blocks)}"
        for c in cell.protocol.conditions
    ]
    return "\n".join([text, *blocks])


def acts(cell: Cell, stimulus: Stimulus) -> str:
    """The currents and clamps of a stimulus in words."""
    first = cell.sites[0].name
    found = [(first, stimulus.waveform), *((i.site, i.waveform) for i in stimulus.injections)]
    several = len({site for site, _ in found}) > 1
    parts = [wave_text(wave) + f" at {site}" * several for site, wave in found if wave_text(wave)]
    if stimulus.warm_up_current:
        parts.append(f"{current(stimulus.warm_up_current)} before")
    for clamp in stimulus.clamps:
        levels = ", ".join(f"{number(v)} mV for {number(t)} ms" for t, v in clamp.levels)
        parts.append(f"clamp at {clamp.site}: {levels}")
    return "; ".join(parts) or "none"


def current(value: float) -> str:
    """A current in nA, or in pA where it is small."""
    return quantity(value, "nA") if abs(value) >= 0.1 else quantity(1000.0 * value, "pA")


def wave_text(wave: Waveform) -> str:
    """A waveform in words, with its times in ms; empty for none."""
    if isinstance(wave, Sum):
        return " + ".join(filter(None, map(wave_text, wave.parts)))
    if isinstance(wave, Sampled):
        return f"{len(wave.values)} samples, one every {number(wave.dt)} ms"
    if isinstance(wave, Step):
        what, length = current(wave.amplitude), wave.duration
    elif isinstance(wave, Train):
        what = (
            f"{wave.count} pulses of {current(wave.amplitude)} for {number(wave.width)} ms every {number(wave.period)}"
        )
        length = wave.count * wave.period
    elif isinstance(wave, Ramp):
        what, length = f"{current(wave.start)} to {current(wave.stop)}", wave.duration
    elif isinstance(wave, Chirp):
        what, length = f"{current(wave.amplitude)} of {number(wave.f0)} to {number(wave.f1)} Hz", wave.duration
    elif isinstance(wave, Noise):
        mean = f"{current(wave.mean)} ± " if wave.mean else ""
        what, length = f"noise {mean}{current(wave.sd)} (τ {number(wave.tau)} ms)", wave.duration
    else:
        return type(wave).__name__.lower()
    return f"{what}, {number(wave.delay, 5)}–{number(wave.delay + length, 5)} ms"


def sites_table(cell: Cell) -> str:
    """The sites: where, what is recorded there, and where currents enter."""
    recorded = {site.name for site in cell.recorded}
    acting = {name for s in cell.protocol.stimuli for name in s.sites}
    acting |= {cell.sites[0].name for s in cell.protocol.stimuli if wave_text(s.waveform)}
    rows = []
    for site in cell.sites:
        place, at = str(site.place), str(cell.place(site))
        where = place if place == at else f"{place}, {at}"
        rows.append((site.name, where, site.variable, "yes" if site.name in recorded else "no",
                     "yes" if site.name in acting else ""))  # fmt: skip
    return text_table(("site", "where", "variable", "recorded", "current"), rows)
