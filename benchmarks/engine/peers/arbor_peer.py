"""Arbor: every parameter set a cell of one simulation. Settings: group (cells in a group); rows (all unless given).

Arbor takes parameters when a simulation is built, so setting them belongs to `prepare`; a run resets the simulation,
runs it and gathers the samples. Always float64.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import arbor as A
import numpy as np
from arbor import units as U
from work_file import Work, read_work
from worker import Ready, serve

GLOBAL = {("pas", "e"), ("Ih", "ehcn"), ("SK_E2", "zTau")}


def prepare(folder: str, settings: dict[str, Any]) -> Ready:
    work = read_work(folder)
    theta = work.theta[: settings.get("rows")]
    recipe = Recipe(work, theta)
    context = A.context(threads=1)
    group = min(settings["group"], len(theta))
    hints = {A.cell_kind.cable: A.partition_hint(prefer_gpu=False, cpu_group_size=group)}
    simulation = A.simulation(recipe, context, A.partition_load_balance(recipe, context, hints))
    schedule = A.regular_schedule(work.dt * U.ms)
    handles = [simulation.sample((gid, "v"), schedule) for gid in range(len(theta))]

    def run() -> np.ndarray:
        simulation.reset()
        simulation.run(tfinal=(work.duration + 0.5 * work.dt) * U.ms, dt=work.dt * U.ms)
        return np.array([simulation.samples(handle)[0][0][:, 1] for handle in handles])

    config = A.config()
    return Ready(run, len(theta), f"{config['arch']}, groups of {group}")


class Recipe(A.recipe):
    """One cell for each row of theta."""

    def __init__(self, work: Work, theta: np.ndarray) -> None:
        A.recipe.__init__(self)
        self.work, self.theta = work, theta
        self.tree = segment_tree(work)
        self.membranes = membranes(work)
        self.place = f"(on-components 0.5 (segment {work.site}))"
        self.properties = A.neuron_cable_properties()
        self.properties.catalogue = catalogue(work)

    def num_cells(self) -> int:
        return len(self.theta)

    def cell_kind(self, gid: int) -> A.cell_kind:
        return A.cell_kind.cable

    def global_properties(self, kind: A.cell_kind) -> Any:
        return self.properties

    def probes(self, gid: int) -> list[Any]:
        return [A.cable_probe_membrane_voltage(self.place, "v")]

    def cell_description(self, gid: int) -> A.cable_cell:
        work, row = self.work, self.theta[gid]
        decor = A.decor()
        decor.set_property(Vm=work.v_init * U.mV, tempK=(work.celsius + 273.15) * U.Kelvin)
        for number, region in enumerate(work.regions.values()):
            paint_region(decor, f"(tag {number})", region)
        for suffix, values in self.membranes.items():
            for where, given in painted(work, suffix, values, row):
                decor.paint(where, density(suffix, given))
        delay, width, amplitude = work.step
        clamp = A.i_clamp(delay * U.ms, width * U.ms, amplitude * U.nA)
        decor.place(self.place, clamp)
        return A.cable_cell(self.tree, decor, A.label_dict(), A.cv_policy_every_segment())


def segment_tree(work: Work) -> Any:
    """A segment for every compartment, tagged with its region."""
    tree, numbers = A.segment_tree(), list(work.regions)
    for c in work.compartments:
        r = 0.5 * c.diam
        parent = A.mnpos if c.parent < 0 else c.parent
        x = 0.0 if c.parent < 0 else tree.segments[c.parent].dist.x
        tag = numbers.index(c.region)
        tree.append(parent, A.mpoint(x, 0, 0, r), A.mpoint(x + c.L, 0, 0, r), tag=tag)
    return tree


def paint_region(decor: Any, where: str, region: dict[str, Any]) -> None:
    """Capacitance, resistivity, and the ions as stated."""
    decor.paint(where, cm=region["cm"] * 0.01 * U.F / U.m2)
    decor.paint(where, rL=(region["Ra"] or 100.0) * U.Ohm * U.cm)
    for name, value in region["reversals"].items():
        decor.paint(where, ion=name[1:], rev_pot=value * U.mV)
    for name, value in region["concentrations"].items():
        what = "int_con" if name.endswith("i") else "ext_con"
        decor.paint(where, ion=name[:-1], **{what: value * U.mM})


def membranes(work: Work) -> dict[str, list[tuple[int, dict[str, float]]]]:
    """The compartments of every mechanism, with their values."""
    found: dict[str, list[tuple[int, dict[str, float]]]] = {}
    for k, compartment in enumerate(work.compartments):
        for suffix, values in work.regions[compartment.region]["mechanisms"].items():
            mine = {
                name.removesuffix(f"_{suffix}"): along[str(k)]
                for name, along in work.profiles.items()
                if name.endswith(f"_{suffix}") and str(k) in along
            }
            found.setdefault(suffix, []).append((k, {**values, **mine}))
    return found


def painted(
    work: Work, suffix: str, places: list[tuple[int, dict[str, float]]], row: np.ndarray
) -> Iterable[tuple[str, dict[str, float]]]:
    """Where a mechanism is painted with which values: whole regions if they are alike in them."""
    values = {k: dict(v) for k, v in places}
    for free, value in zip(work.free, row, strict=True):
        if free.suffix == suffix:
            for k, weight in zip(free.compartments, free.weights, strict=True):
                values[int(k)][free.variable] = float(value * weight)
    for number, name in enumerate(work.regions):
        mine = {k: v for k, v in values.items() if work.compartments[k].region == name}
        if len({tuple(sorted(v.items())) for v in mine.values()}) == 1:
            yield f"(tag {number})", next(iter(mine.values()))
        else:
            yield from ((f"(segment {k})", v) for k, v in mine.items())


def density(suffix: str, values: dict[str, float]) -> Any:
    """A mechanism with its values; those that Arbor counts as GLOBAL stand in its name."""
    apart = {name: value for name, value in values.items() if (suffix, name) in GLOBAL}
    name = f"{suffix}/" + ",".join(f"{name}={value!r}" for name, value in apart.items()) if apart else suffix
    return A.density(name, {name: value for name, value in values.items() if name not in apart})


def catalogue(work: Work) -> Any:
    """Arbor's own mechanisms: those of the squid and, where they are used, of the Blue Brain Project."""
    made = A.default_catalogue()
    used = {suffix for region in work.regions.values() for suffix in region["mechanisms"]}
    if used & set(A.bbp_catalogue()):
        made.extend(A.bbp_catalogue(), "")
    return made


if __name__ == "__main__":
    serve(prepare)
