"""A cell as a Python file that builds it in NEURON and runs its protocol, with its .mod files and its shape beside it.

All that NEURON would otherwise choose is stated: cm, Ra, nseg, every RANGE and GLOBAL variable that a cell may set,
reversal potentials, concentrations and ion styles, the temperature, v_init, dt, and TABLEs off. The file holds numbers
and quoted names in tables, and code that is the same for every cell.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pprint import pformat
from typing import Any

import numpy as np

from gbar import __version__
from gbar.cell import Cell, Profile, Region
from gbar.exchange import neuron_script
from gbar.exchange.mod_files import neuron_name, write_mod_files
from gbar.files import make_folder, write_whole
from gbar.morphology import Section
from gbar.protocol import Sampled, Step, Stimulus, Sum, Train, Waveform

FILE = "cell.py"
MOD_FILES = "mechanisms"

_MARK = "# --- building and running the cell ---\n"
_HEAD = '''"""A cell in NEURON, written by gbar {version}: tables, and code that builds it and runs its protocol.

    nrnivmodl mechanisms
    python cell.py -o traces.npz

Units are NEURON's: ms, mV, nA, um, S/cm2, uF/cm2, ohm cm, mM, degC.
"""

from __future__ import annotations

from typing import Any
'''


@dataclass(frozen=True)
class Exported:
    """A cell written for NEURON: the folder, the Python file in it, and the .mod files by the names they have there."""

    folder: Path
    script: Path
    mod_files: Mapping[str, Path]


def export_neuron(cell: Cell, folder: str | Path) -> Exported:
    """Writes a cell, at its own values, for NEURON: `cell.py`, a folder of .mod files, sampled currents as text.

    Write `cell.at(theta)` for other values of its free parameters. Raises OutputError.

    >>> export_neuron(read_cell("sphere"), "sphere_in_neuron").script  # doctest: +SKIP
    PosixPath('sphere_in_neuron/cell.py')
    """
    folder = make_folder(Path(folder))
    mechanisms = [painted.mechanism for region in cell.regions for painted in region.mechanisms]
    mod_files = write_mod_files(mechanisms, folder / MOD_FILES)
    stimuli: dict[str, Any] = {}
    for number, stimulus in enumerate(cell.protocol.stimuli):
        stimuli[stimulus.name] = _stimulus(stimulus, cell.sites[0].name, folder, number) | {
            "blocks": _blocks(cell, stimulus)
        }
    return Exported(folder, write_whole(folder / FILE, text(cell, stimuli)), mod_files)


def text(cell: Cell, stimuli: Mapping[str, Any]) -> str:
    """The Python file of a cell: strings as Python quotes them, numbers so that they read back exactly."""
    tables = {
        "NAME": cell.name,
        "DESCRIPTION": cell.description,
        "SOURCE": cell.source,
        "CELSIUS": float(cell.temperature),
        "SECTIONS": _sections(cell),
        "REGIONS": {region.name: _region(region) for region in cell.regions},
        "GLOBALS": _globals(cell),
        "PROFILES": _profiles(cell),
        "SITES": _sites(cell),
        "STIMULI": dict(stimuli),
    }
    comments = {
        "SECTIONS": "name, region, nseg, parent, place on it; L and diam (or one a segment) or points (x, y, z, diam)",
        "REGIONS": "membranes; `ions`: reversal potentials and concentrations at the start; `fixed`: not computed",
        "PROFILES": "values along a section, one a segment",
        "SITES": "places to record from and to inject at: section, x, variable",
        "STIMULI": "`blocks`: variable, region (None: GLOBAL), what is left of it",
    }
    lines = [_HEAD.format(version=__version__)]
    for name, value in tables.items():
        if name in comments:
            lines.append(f"# {comments[name]}")
        lines.append(f"{name}{_annotation(name)} = {pformat(value, width=110, sort_dicts=False, compact=True)}")
    code = inspect.getsource(neuron_script).partition(_MARK)[2]
    return "\n".join(lines) + "\n\n" + _MARK + code.replace("  # noqa: E402", "")


def _annotation(name: str) -> str:
    hint = inspect.get_annotations(neuron_script).get(name)
    return f": {hint}" if hint else ""


def _sections(cell: Cell) -> list[tuple[Any, ...]]:
    sections = cell.morphology.sections
    return [
        (s.name, s.region, int(n), sections[s.parent].name if s.parent >= 0 else None, float(s.parent_x), _shape(s))
        for s, n in zip(sections, cell.counts, strict=True)
    ]


def _shape(section: Section) -> Any:
    if section.diams is not None:
        return float(section.L), list(map(float, section.diams))
    if section.points is None:
        return float(section.L), float(section.diam)
    return [tuple(map(float, point)) for point in section.points]


def _region(region: Region) -> dict[str, Any]:
    mechanisms: dict[str, dict[str, float]] = {}
    for painted in region.mechanisms:
        ranges = [name for name, p in painted.parameters.items() if p.scope == "range"]
        values = {name: painted.value(name) for name in ranges}
        numbers = {name: float(value) for name, value in values.items() if not isinstance(value, Profile)}
        mechanisms[neuron_name(painted.mechanism)] = numbers
    stated = {**region.reversals, **region.concentrations}
    ions = {
        name: {v: float(stated[v]) for v in (use.e, use.inside, use.outside) if v in stated}
        for name, use in region.ions.items()
    }
    return {
        "cm": float(region.cm),
        "Ra": None if region.Ra is None else float(region.Ra),
        "mechanisms": mechanisms,
        "ions": ions,
        "fixed": sorted(region.fixed),
    }


def _globals(cell: Cell) -> dict[str, float]:
    found: dict[str, float] = {}
    for region in cell.regions:
        for painted in region.mechanisms:
            for name, parameter in painted.parameters.items():
                value = painted.value(name)
                if parameter.scope == "global" and not isinstance(value, Profile):
                    found[f"{name}_{neuron_name(painted.mechanism)}"] = float(value)
    return found


def _profiles(cell: Cell) -> dict[tuple[str, str], list[float]]:
    wanted = [
        (region.name, f"{name}_{neuron_name(painted.mechanism)}", value)
        for region in cell.regions
        for painted in region.mechanisms
        for name in painted.parameters
        if isinstance(value := painted.value(name), Profile)
    ]
    if not wanted:
        return {}
    from gbar.morphology.segments import segments

    nodes = segments(cell.morphology, cell.counts)
    found = {}
    for i, section in enumerate(cell.morphology.sections):
        mine = np.flatnonzero((nodes.section == i) & (nodes.area > 0))
        mine = mine[np.argsort(nodes.x[mine])]
        for region, variable, profile in wanted:
            if region == section.region:
                found[section.name, variable] = profile.at(nodes.distance[mine], nodes.diam[mine]).tolist()
    return found


def _sites(cell: Cell) -> dict[str, tuple[str, float, str]]:
    found = {}
    for site in cell.sites:
        at = cell.place(site)
        region = cell.region(cell.morphology.sections[cell.morphology.index(at.section)].region)
        found[site.name] = (at.section, float(at.x), _recorded(site.variable, region))
    return found


def _recorded(variable: str, region: Region) -> str:
    """A variable as it is called in NEURON: with the SUFFIX that its mechanism has there."""
    head, bracket, index = variable.partition("[")
    for painted in region.mechanisms:
        suffix = f"_{painted.mechanism.name}"
        if head.endswith(suffix):
            return f"{head.removesuffix(suffix)}_{neuron_name(painted.mechanism)}{bracket}{index}"
    return variable


# --- stimuli -----------------------------------------------------------------------------------------------------


def _stimulus(stimulus: Stimulus, first: str, folder: Path, number: int) -> dict[str, Any]:
    """A stimulus as a table; its times are NEURON's t, 0 at the start of the sweep and negative in the warm-up."""
    warm_up = stimulus.n_warm * stimulus.dt
    currents: list[tuple[Any, ...]] = []
    if stimulus.n_warm and stimulus.warm_up_current:
        currents.append(("step", first, -warm_up, warm_up, stimulus.warm_up_current))
    pairs = [(first, stimulus.waveform)] + [(injection.site, injection.waveform) for injection in stimulus.injections]
    for site, waveform in pairs:
        for part in parts(waveform):
            currents += _currents(part, site, stimulus, folder, f"{number}_{len(currents)}")
    return {
        "dt": stimulus.dt,
        "v_init": stimulus.v_init,
        "warm_up_steps": stimulus.n_warm,
        "steps": stimulus.n_steps,
        "every": stimulus.stride,
        "currents": currents,
        "clamps": [(c.site, c.resistance, _levels(stimulus, c.levels)) for c in stimulus.clamps],
    }


def _blocks(cell: Cell, stimulus: Stimulus) -> list[tuple[str, str | None, float]]:
    """What a stimulus's condition blocks: the variable as NEURON names it, the region, and the share that is left."""
    names = {
        f"{name}_{painted.mechanism.name}": f"{name}_{neuron_name(painted.mechanism)}"
        for region in cell.regions
        for painted in region.mechanisms
        for name in painted.parameters
    }
    parts = ((quantity.partition("."), share) for quantity, share in cell.remaining(stimulus).items())
    return [(names[label], region or None, share) for (label, _, region), share in parts]


def parts(waveform: Waveform) -> list[Waveform]:
    """The waveforms that a waveform is the sum of."""
    return [p for part in waveform.parts for p in parts(part)] if isinstance(waveform, Sum) else [waveform]


def _currents(waveform: Waveform, site: str, stimulus: Stimulus, folder: Path, label: str) -> list[tuple[Any, ...]]:
    """One of the currents of a sweep, which begins at t = 0."""
    if isinstance(waveform, Step):
        return [("step", site, waveform.delay, waveform.duration, waveform.amplitude)]
    if isinstance(waveform, Train) and waveform.count <= 100 and waveform.width <= waveform.period:
        times = [waveform.delay + k * waveform.period for k in range(waveform.count)]
        return [("step", site, time, waveform.width, waveform.amplitude) for time in times]
    if isinstance(waveform, Sampled):
        values, begin, interval = waveform.values, 0.0, waveform.dt
    else:  # its value in the middle of every step, where a step takes it
        middles = (np.arange(stimulus.n_steps) + 0.5) * stimulus.dt
        values, begin, interval = waveform.current(middles), 0.5 * stimulus.dt, stimulus.dt
    name = f"current_{label}.txt"
    write_whole(folder / name, "\n".join(map(repr, np.asarray(values, dtype=np.float64).tolist())) + "\n")
    return [("played", site, name, 0.0, begin, interval)]


def _levels(stimulus: Stimulus, levels: Sequence[tuple[float, float]]) -> list[tuple[int, float]]:
    """Up to which step each voltage is held: that whose middle lies in it."""
    ends = np.cumsum([duration for duration, _ in levels])
    middles = (np.arange(stimulus.n_steps) + 0.5) * stimulus.dt
    until = np.searchsorted(middles, ends - 1e-9) + stimulus.n_warm
    return [(int(step), float(level)) for step, (_, level) in zip(until, levels, strict=True)]
