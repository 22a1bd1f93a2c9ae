"""NEURON, and CoreNEURON in it. Settings: library (from nrnivmodl); way; rows (all unless given); table.

Ways: `run` and `psolve` are the Python loop that people write, one cell, the parameter sets one after the other, by
`h.run()` or by `ParallelContext.psolve`; `cells` has all parameter sets as cells of one run, `coreneuron` the same by
CoreNEURON. With `table`, Hodgkin and Huxley's channels are NEURON's own, which look rates up in a TABLE.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from work_file import Work, read_work
from worker import Ready, serve


def prepare(folder: str, settings: dict[str, Any]) -> Ready:
    work = read_work(folder)
    theta = work.theta[: settings.get("rows")]
    script = load_script(work.folder / "neuron" / "cell.py")
    if settings.get("table"):
        built_in(script)
    h = script.load(settings["library"])
    return Ready(*ways(work, script, h, settings)[settings["way"]](theta), told=str(h.nrnversion(0)))


def load_script(file: Path) -> ModuleType:
    """The cell as gbar exported it."""
    spec = importlib.util.spec_from_file_location("cell", file)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def built_in(script: ModuleType) -> None:
    """Puts NEURON's own hh in the place of gbar's."""
    for region in script.REGIONS.values():
        region["mechanisms"] = {"hh" if name == "hh_gbar" else name: v for name, v in region["mechanisms"].items()}


class Places:
    """Numbers in NEURON that are set all at once."""

    def __init__(self, h: Any, pointers: list[Any]) -> None:
        self.values = h.Vector(max(len(pointers), 1))
        self.pointers = h.PtrVector(max(len(pointers), 1))
        for k, pointer in enumerate(pointers):
            self.pointers.pset(k, pointer)

    def set(self, values: np.ndarray) -> None:
        self.values.as_numpy()[:] = values
        self.pointers.scatter(self.values)


class Model:
    """One cell: its sections, its stimulus, its record of the voltage, and the places that theta sets."""

    def __init__(self, work: Work, script: ModuleType, h: Any) -> None:
        self.h, self.script = h, script
        self.sections = script.build(h)
        self.kept = script.stimulate(h, self.sections, next(iter(script.STIMULI.values())))
        self.v = h.Vector().record(script.reference(self.sections, next(iter(script.SITES))))
        segments = [segment for section in self.sections.values() for segment in section]
        known = {name for region in script.REGIONS.values() for name in region["mechanisms"]}
        pointers, self.columns, self.weights = [], [], []
        for column, free in enumerate(work.free):
            name = f"{free.variable}_{free.suffix if free.suffix in known else free.suffix + '_gbar'}"
            for k, weight in zip(free.compartments, free.weights, strict=True):
                pointers.append(getattr(segments[k], f"_ref_{name}"))
                self.columns.append(column)
                self.weights.append(weight)
        self.free = Places(h, pointers)
        stated = [
            (getattr(segment, f"_ref_{variable}"), value)
            for name, region, *_ in script.SECTIONS
            for values in script.REGIONS[region]["ions"].values()
            for variable, value in values.items()
            for segment in self.sections[name]
        ]
        self.ions, self.stated = Places(h, [pointer for pointer, _ in stated]), np.array([v for _, v in stated])

    def set(self, row: np.ndarray) -> None:
        """Sets the free parameters, and the ions as stated, which the run before has changed."""
        self.free.set(row[self.columns] * self.weights)
        self.ions.set(self.stated)

    def voltage(self) -> np.ndarray:
        """A copy of what was recorded."""
        return np.array(self.v.as_numpy(), copy=True)


def ways(
    work: Work, script: ModuleType, h: Any, settings: dict[str, Any]
) -> dict[str, Callable[[np.ndarray], tuple[Callable[[], np.ndarray], int]]]:
    """The ways by name: theta -> (what is timed, rows)."""
    h.load_file("stdrun.hoc")
    h.CVode().active(False)
    h.celsius, h.dt, h.tstop, h.v_init, h.steps_per_ms = work.celsius, work.dt, work.duration, work.v_init, 1 / work.dt
    h.secondorder = 0
    context = h.ParallelContext()
    context.set_maxstep(10.0)
    context.nthread(1)

    def psolve() -> None:
        h.finitialize(work.v_init)
        context.psolve(work.duration)

    def loop(run: Callable[[], Any]) -> Callable[[np.ndarray], tuple[Callable[[], np.ndarray], int]]:
        def way(theta: np.ndarray) -> tuple[Callable[[], np.ndarray], int]:
            model = Model(work, script, h)
            tables(h, settings)

            def timed() -> np.ndarray:
                found = []
                for row in theta:
                    model.set(row)
                    run()
                    found.append(model.voltage())
                return np.array(found)

            return timed, len(theta)

        return way

    def cells(theta: np.ndarray) -> tuple[Callable[[], np.ndarray], int]:
        models = [Model(work, script, h) for _ in theta]
        tables(h, settings)

        def timed() -> np.ndarray:
            for model, row in zip(models, theta, strict=True):
                model.set(row)
            psolve()
            return np.array([model.voltage() for model in models])

        return timed, len(theta)

    def coreneuron(theta: np.ndarray) -> tuple[Callable[[], np.ndarray], int]:
        from neuron import coreneuron

        coreneuron.enable = True
        coreneuron.verbose = 0
        return cells(theta)

    return {"run": loop(h.run), "psolve": loop(psolve), "cells": cells, "coreneuron": coreneuron}


def tables(h: Any, settings: dict[str, Any]) -> None:
    """Switches the TABLE of NEURON's hh on or off."""
    h.usetable_hh = 1 if settings.get("table") else 0


if __name__ == "__main__":
    serve(prepare)
