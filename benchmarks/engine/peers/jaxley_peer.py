"""Jaxley: parameter sets as lanes of vmap. Settings: precision; width (rows in one call); rows (all unless given).

`prepare` builds the cell and compiles; a run calls the compiled function until all rows are done. Hodgkin and Huxley's
channels, and those of Hay et al., are the ones of jaxley-mech.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jaxley as jx
import numpy as np
from jaxley_mech.channels import hodgkin52, l5pc
from work_file import Work, read_work
from worker import Ready, serve

HAY = {
    "NaTs2_t": "NaTs2T", "NaTa_t": "NaTaT", "Nap_Et2": "NapEt2", "K_Pst": "KPst", "K_Tst": "KTst", "SKv3_1": "SKv3_1",
    "SK_E2": "SKE2", "Im": "M", "Ih": "H", "Ca_HVA": "CaHVA", "Ca_LVAst": "CaLVA",
}  # fmt: skip
TABLES = {
    "hh": {"gnabar": "Na_gNa", "gkbar": "K_gK", "gl": "Leak_gLeak", "el": "Leak_eLeak"},
    "pas": {"g": "Leak_gLeak", "e": "Leak_eLeak"},
    "CaDynamics_E2": {name: f"CaPump_{name}" for name in ("gamma", "decay", "depth", "minCai")},
}
BUILT: dict[str, tuple[Any, float]] = {}  # folder -> its cell and the seconds it took; all widths share it


def prepare(folder: str, settings: dict[str, Any]) -> Ready:
    jax.config.update("jax_enable_x64", settings["precision"] == "float64")
    work = read_work(folder)
    theta = work.theta[: settings.get("rows")].astype(settings["precision"])
    width = min(settings["width"], len(theta))
    start = time.perf_counter()
    if folder not in BUILT:
        BUILT[folder] = build(work), time.perf_counter() - start
    module, building = BUILT[folder]
    start = time.perf_counter()
    batch = compiled(work, module, theta[:width])
    compiling = time.perf_counter() - start
    starts = range(0, len(theta), width)
    blocks = [jnp.asarray(theta[np.minimum(np.arange(s, s + width), len(theta) - 1)]) for s in starts]

    def run() -> np.ndarray:
        found = [np.asarray(batch(block)) for block in blocks]
        return np.concatenate(found)[: len(theta)]

    return Ready(run, len(theta), f"vmap of {width}; built in {building:.1f} s, compiled in {compiling:.1f} s")


def compiled(work: Work, module: Any, theta: np.ndarray) -> Callable[[Any], Any]:
    """What makes v [width, time] of theta [width, parameter]."""
    places = [view(module, free.compartments, len(work.compartments)) for free in work.free]
    keys = [parameter(free.suffix, free.variable) for free in work.free]

    def simulate(row: Any) -> Any:
        state = None
        for free, place, key, value in zip(work.free, places, keys, row, strict=True):
            weights = float(free.weights[0]) if free.uniform else jnp.asarray(free.weights)
            state = place.data_set(key, value * weights, state)
        return jx.integrate(module, param_state=state, delta_t=work.dt)[0]

    batch = jax.jit(jax.vmap(simulate)).lower(jnp.asarray(theta)).compile()
    return lambda block: batch(block).block_until_ready()


def build(work: Work) -> Any:
    """The cell, its stimulus and its record."""
    module = shape(work)
    numbers = np.arange(len(work.compartments))
    region_of = np.array([compartment.region for compartment in work.compartments])
    for name, region in work.regions.items():
        inside = numbers[region_of == name]
        for channel in channels(region, work.celsius):
            view(module, inside, len(numbers)).insert(channel)
        mine = view(module, inside, len(numbers))  # a view knows the channels that were there when it was made
        mine.set("capacitance", region["cm"])
        mine.set("axial_resistivity", region["Ra"] or 100.0)
        for suffix, values in region["mechanisms"].items():
            for variable, value in values.items():
                if name_there := parameter(suffix, variable):
                    mine.set(name_there, value)
        for key, value in ions(region).items():
            mine.set(key, value)
    for label, values in work.profiles.items():
        variable, suffix = next((label.removesuffix(f"_{s}"), s) for s in HAY if label.endswith(f"_{s}"))
        places = sorted(map(int, values))
        along = np.array([values[str(k)] for k in places])
        view(module, np.array(places), len(numbers)).set(parameter(suffix, variable), along)
    module.set("v", work.v_init)
    module.init_states(delta_t=work.dt)
    site = module.select(nodes=work.site)
    delay, width, amplitude = work.step
    middle = (np.arange(work.steps) + 0.5) * work.dt
    site.stimulate(jnp.asarray(np.where((middle >= delay) & (middle < delay + width), amplitude, 0.0)))
    site.record("v")
    return module


def shape(work: Work) -> Any:
    """A compartment, or a cell of branches, with the lengths and radii of the work."""
    if len(work.compartments) == 1:
        module = jx.Compartment()
    else:
        branch_of = {k: i for i, section in enumerate(work.sections) for k in section}
        parents = [branch_of.get(work.compartments[section[0]].parent, -1) for section in work.sections]
        kinds = {n: jx.Branch(jx.Compartment(), ncomp=n) for n in {len(section) for section in work.sections}}
        module = jx.Cell([kinds[len(section)] for section in work.sections], parents=parents)
    module.set("length", np.array([compartment.L for compartment in work.compartments]))
    module.set("radius", np.array([0.5 * compartment.diam for compartment in work.compartments]))
    return module


def view(module: Any, compartments: np.ndarray, count: int) -> Any:
    """Some compartments of the module."""
    return module if len(compartments) == count else module.select(nodes=np.asarray(compartments))


def channels(region: dict[str, Any], celsius: float) -> list[Any]:
    """New channels for the mechanisms of a region."""
    found: list[Any] = []
    for suffix in region["mechanisms"]:
        if suffix == "hh":
            found += [hodgkin52.Na(), hodgkin52.K(), hodgkin52.Leak()]
        elif suffix == "pas":
            found.append(hodgkin52.Leak())
        elif suffix == "CaDynamics_E2":
            reversal = l5pc.CaNernstReversal()
            reversal.channel_constants["T"] = 273.15 + celsius
            found += [l5pc.CaPump(), reversal]
        else:
            found.append(getattr(l5pc, HAY[suffix])())
    return found


def ions(region: dict[str, Any]) -> dict[str, float]:
    """The reversal potentials and concentrations as jaxley-mech names them."""
    squid = "hh" in region["mechanisms"]
    names = {"ena": "Na_eNa" if squid else "eNa", "ek": "K_eK" if squid else "eK", "cai": "CaCon_i", "cao": "CaCon_e"}
    return {names[name]: value for name, value in (region["reversals"] | region["concentrations"]).items()}


def parameter(suffix: str, variable: str) -> str | None:
    """The name in Jaxley of a mechanism's variable; None where it is a constant there."""
    if suffix in TABLES:
        return TABLES[suffix].get(variable)
    if variable.startswith("g"):
        name = HAY[suffix]
        return next(key for key in getattr(l5pc, name)().channel_params if key.startswith(f"{name}_g"))
    return {"ehcn": "eH"}.get(variable)


if __name__ == "__main__":
    serve(prepare)
