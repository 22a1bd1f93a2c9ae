"""What stands below the tables in every exported cell: code that builds the cell in NEURON and runs its protocol.

`exchange.neuron` puts the tables of a cell before the part of this file that follows the mark; here they are empty, so
that the code can be read, checked and tested.
"""

from __future__ import annotations

from typing import Any

NAME = ""
CELSIUS = 6.3
SECTIONS: list[tuple[str, str, int, str | None, float, Any]] = []
REGIONS: dict[str, dict[str, Any]] = {}
GLOBALS: dict[str, float] = {}
PROFILES: dict[tuple[str, str], list[float]] = {}
SITES: dict[str, tuple[str, float, str]] = {}
STIMULI: dict[str, dict[str, Any]] = {}

# --- building and running the cell ---

import argparse  # noqa: E402
import re  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

HERE = Path(__file__).resolve().parent
OFF = 1e15  # MOhm: a voltage clamp that is off


def load(library: str | None = None) -> Any:
    """NEURON's h, with the mechanisms: from a library, or as `nrnivmodl mechanisms` left them beside this file."""
    from neuron import h

    needed = {name for region in REGIONS.values() for name in region["mechanisms"]}
    if needed - known(h):
        found = [library] if library else sorted(map(str, HERE.glob("*/**/libnrnmech.*")))
        if not found:
            sys.exit(f"the mechanisms are not compiled; run `nrnivmodl mechanisms` in {HERE}")
        h.nrn_load_dll(found[0])
    if missing := needed - known(h):
        sys.exit(f"NEURON has no mechanism {', '.join(sorted(missing))}; run `nrnivmodl mechanisms` in {HERE}")
    return h


def known(h: Any) -> set[str]:
    """The names of the density mechanisms that NEURON has."""
    kind, name, found = h.MechanismType(0), h.ref(""), set()
    for i in range(int(kind.count())):
        kind.select(i)
        kind.selected(name)
        found.add(name[0])
    return found


def build(h: Any) -> dict[str, Any]:
    """The cell's sections by name, with their shape, membrane and values."""
    cell: dict[str, Any] = {}
    for name, region, nseg, parent, place, shape in SECTIONS:
        section = cell[name] = h.Section(name=name)
        if parent is not None:
            section.connect(cell[parent](place), 0)
        draw(section, shape, nseg)
        paint(h, section, REGIONS[region])
    for (name, variable), values in PROFILES.items():
        for segment, value in zip(cell[name], values, strict=True):
            setattr(segment, variable, value)
    for name, value in GLOBALS.items():
        setattr(h, name, value)
    for suffix in {suffix for region in REGIONS.values() for suffix in region["mechanisms"]}:
        if hasattr(h, f"usetable_{suffix}"):
            setattr(h, f"usetable_{suffix}", 0)
    return cell


def draw(section: Any, shape: Any, nseg: int) -> None:
    """Gives a section its shape: points; or a length, and one diameter or one for each segment."""
    if isinstance(shape, list):
        section.pt3dclear()
        for x, y, z, diam in shape:
            section.pt3dadd(x, y, z, diam)
        section.nseg = nseg
        return
    section.L, diams = shape
    section.nseg = nseg
    for segment, diam in zip(section, diams if isinstance(diams, list) else [diams] * nseg, strict=True):
        segment.diam = diam


def paint(h: Any, section: Any, region: dict[str, Any]) -> None:
    """Gives a section the membrane of its region."""
    section.cm = region["cm"]
    if region["Ra"] is not None:
        section.Ra = region["Ra"]
    for suffix, values in region["mechanisms"].items():
        section.insert(suffix)
        for variable, value in values.items():
            for segment in section:
                setattr(segment, f"{variable}_{suffix}", value)
    for ion in region["ions"]:  # what is stated stays: no concentration is reset to a global value, e only if computed
        old = int(h.ion_style(f"{ion}_ion", sec=section))
        c, e, at_start, in_steps = old & 3, (old >> 3) & 3, (old >> 5) & 1, (old >> 6) & 1
        if f"e{ion}" in region["fixed"]:
            e, at_start, in_steps = 1, 0, 0
        h.ion_style(f"{ion}_ion", c, e, at_start, in_steps, 0, sec=section)


def initialise(h: Any, cell: dict[str, Any], v_init: float, start: float) -> None:
    """Reversal potentials and concentrations as stated, NEURON's initialisation (at t = 0), then t = start."""
    h.celsius = CELSIUS
    for name, region, *_ in SECTIONS:
        for values in REGIONS[region]["ions"].values():
            for variable, value in values.items():
                for segment in cell[name]:
                    setattr(segment, variable, value)
    h.finitialize(v_init)
    h.t = start


def stimulate(h: Any, cell: dict[str, Any], stimulus: dict[str, Any]) -> list[Any]:
    """The currents of a stimulus, to be kept while it runs."""
    import numpy as np

    kept = []
    for kind, site, *numbers in stimulus["currents"]:
        clamp = h.IClamp(place(cell, site))
        if kind == "step":
            clamp.delay, clamp.dur, clamp.amp = numbers
            kept.append(clamp)
            continue
        file, on, first, interval = numbers
        values = np.loadtxt(HERE / file, ndmin=1)
        times = first + np.arange(len(values)) * interval
        clamp.delay, clamp.dur = on, 1e9
        played = h.Vector(np.append(values, values[-1])), h.Vector(np.append(times, 1e9))
        played[0].play(clamp._ref_amp, played[1], True)
        kept.append((clamp, played))
    return kept


def block(h: Any, cell: dict[str, Any], stimulus: dict[str, Any]) -> list[tuple[Any, str, float]]:
    """Leaves what a stimulus's condition leaves of its variables; returns what they were before, and where."""
    before = []
    for variable, region, share in stimulus["blocks"]:
        holders = [segment for name, where, *_ in SECTIONS if where == region for segment in cell[name]]
        for holder in holders if region else [h]:
            before.append((holder, variable, getattr(holder, variable)))
            setattr(holder, variable, share * getattr(holder, variable))
    return before


def clamps(h: Any, cell: dict[str, Any], stimulus: dict[str, Any]) -> list[tuple[Any, float, list[tuple[int, float]]]]:
    """The voltage clamps of a stimulus: the clamp, its resistance, and up to which step it holds which voltage."""
    found = []
    for site, resistance, levels in stimulus["clamps"]:
        clamp = h.SEClamp(place(cell, site))
        clamp.dur1, clamp.rs = 1e9, OFF
        found.append((clamp, resistance, levels))
    return found


def hold(clamp: Any, resistance: float, levels: list[tuple[int, float]], step: int, first: int) -> None:
    """Sets a voltage clamp for one step; it is off in the warm-up and after its last level."""
    level = next((level for until, level in levels if step < until), None) if step >= first else None
    clamp.rs = OFF if level is None else resistance
    if level is not None:
        clamp.amp1 = level


def place(cell: dict[str, Any], site: str) -> Any:
    """The segment of a site."""
    section, x, _ = SITES[site]
    return cell[section](x)


def reference(cell: dict[str, Any], site: str) -> Any:
    """NEURON's reference to what is recorded at a site."""
    variable = SITES[site][2]
    array = re.fullmatch(r"(\w+)\[(\d+)\]", variable)
    if array:
        return getattr(place(cell, site), f"_ref_{array[1]}")[int(array[2])]
    return getattr(place(cell, site), f"_ref_{variable}")


def run(h: Any, cell: dict[str, Any], name: str) -> Any:
    """One stimulus of the protocol: what is recorded at every site, [site, time], the warm-up left out.

    t is 0 at the start of the sweep: a warm-up runs from t = -warm_up.
    """
    import numpy as np

    stimulus = STIMULI[name]
    h.CVode().active(False)
    h.secondorder = 0
    h.dt = stimulus["dt"]
    kept = stimulate(h, cell, stimulus)
    held = clamps(h, cell, stimulus)
    before = block(h, cell, stimulus)
    vectors = [h.Vector().record(reference(cell, site)) for site in SITES]
    warm, steps = stimulus["warm_up_steps"], stimulus["steps"]
    initialise(h, cell, stimulus["v_init"], -warm * stimulus["dt"])
    for step in range(warm + steps):
        for clamp, resistance, levels in held:
            hold(clamp, resistance, levels, step, warm)
        h.fadvance()
    for holder, variable, value in before:
        setattr(holder, variable, value)
    del kept, held
    return np.array([np.array(vector)[warm :: stimulus["every"]] for vector in vectors])


def main() -> None:
    """The command line."""
    import numpy as np

    parser = argparse.ArgumentParser(description="Runs a cell's protocol in NEURON.")
    parser.add_argument("stimulus", nargs="*", help="stimuli by name; all unless given")
    parser.add_argument("-o", "--output", help="an .npz file for the traces, v0, v1, ... [site, time]")
    parser.add_argument("--library", help="the compiled mechanisms, if not beside this file")
    arguments = parser.parse_args()
    chosen = arguments.stimulus or list(STIMULI)
    if unknown := set(chosen) - set(STIMULI):
        parser.error(f"there is no stimulus {', '.join(sorted(unknown))}; there are {', '.join(STIMULI)}")
    h = load(arguments.library)
    cell = build(h)
    traces = {name: run(h, cell, name) for name in chosen}
    for name, trace in traces.items():
        for site, row in zip(SITES, trace, strict=True):
            print(f"{name}, {site}: {row.min():.4f} to {row.max():.4f}, {row[-1]:.4f} at the end")
    if arguments.output:
        arrays = {f"v{k}": trace for k, trace in enumerate(traces.values())}
        np.savez(arguments.output, stimuli=np.array(list(traces)), sites=np.array(list(SITES)), **arrays)


if __name__ == "__main__":
    main()
