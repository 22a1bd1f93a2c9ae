"""What NEURON makes of a morphology once its axon is replaced or spines are folded in: reference of `test_shape.py`.

Usage: python shape_twin.py OUT.json CHANGE FILE [CHANGE FILE ...]. Every pair is done in a process of its own.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def main(out: str, *pairs: str) -> None:
    """Does every change to its file and writes what became of it."""
    from neuron import h

    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    results: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        for change, path in zip(pairs[::2], pairs[1::2], strict=True):
            answer = Path(folder) / "answer.json"
            answer.unlink(missing_ok=True)
            child = os.fork()
            if child == 0:
                try:
                    read(path)
                    kept = CHANGES[change]()
                    answer.write_text(json.dumps(table()))
                    del kept
                except BaseException as error:
                    print(change, path, repr(error), file=sys.stderr)
                os._exit(0)
            os.waitpid(child, 0)
            results.append(json.loads(answer.read_text()) if answer.exists() else None)
    Path(out).write_text(json.dumps(results))


def read(path: str) -> None:
    """Reads the file, with the Allen Institute's and BluePyOpt's number of segments."""
    from neuron import h

    reader = (h.Import3d_SWC_read if path.lower().endswith(".swc") else h.Import3d_Neurolucida3)()
    reader.quiet = 1
    reader.input(path)
    h.Import3d_GUI(reader, 0).instantiate(None)
    rule(40)


def rule(length: float) -> None:
    """1 + 2 int(L / length) segments in every section."""
    from neuron import h

    for section in h.allsec():
        section.nseg = 1 + 2 * int(section.L / length)


def nothing() -> None:
    """The morphology as it is."""


def allen() -> list[Any]:
    """Two sections of 30 um, 1 um thick, from the middle of the soma."""
    from neuron import h

    cut()
    return stub([1.0, 1.0], h.soma[0](0.5))


def bluepyopt() -> list[Any]:
    """Two sections of 30 um as thick as the axon at its start and beyond 60 um."""
    from neuron import h

    axon = [s for s in h.allsec() if s.name().startswith("axon")]
    diams = [axon[0].diam, axon[0].diam] if axon else [1.0, 1.0]
    h.distance(0, h.soma[0](0.5))
    for section in axon if len(axon) > 1 else []:
        if h.distance(section(0.5)) > 60:
            diams[1] = section.diam
            break
    cut()
    return stub(diams, h.soma[0](1))


def tapered() -> list[Any]:
    """Ten segments of the old axon's diameters, then myelin."""
    from neuron import h

    diams: list[float] = []
    for section in [s for s in h.allsec() if s.name().startswith("axon")]:
        section.nseg = 1 + int(section.L / 12) * 2
        diams += [segment.diam for segment in section]
    cut()
    made = stub(diams, h.soma[0](1))
    for k, section in enumerate(made):
        section.nseg = 5
        for segment, d in zip(section, diams[5 * k :], strict=False):
            segment.diam = d
    myelin = h.Section(name="myelin[0]")
    myelin.L, myelin.diam, myelin.nseg = 1000, diams[9], 5
    myelin.connect(made[1](1))
    return [*made, myelin]


def mainen() -> list[Any]:
    """Hillock, initial segment, myelin and nodes, and spines on the dendrites, segments of up to 50 um."""
    from neuron import h

    old = list(h.allsec())
    for section in old:
        section.nseg = int(section.L / 50) + 1
    d = (sum(segment.area() for segment in h.soma[0]) / (4 * h.PI)) ** 0.5 / 10
    hill, initial = h.Section(name="hill"), h.Section(name="iseg")
    hill.nseg = initial.nseg = 5
    hill.L, initial.L, initial.diam = 10, 15, d
    for segment in hill:
        segment.diam = 4 * d + (d - 4 * d) * segment.x
    hill.connect(h.soma[0](0.5))
    initial.connect(hill(1))
    made = [hill, initial]
    for k in range(5):
        for name, length, width, nseg in (("myelin", 100, d, 5), ("node", 1, 0.75 * d, 1)):
            section = h.Section(name=f"{name}[{k}]")
            section.L, section.diam, section.nseg = length, width, nseg
            section.connect(made[-1](1))
            made.append(section)
    for section in old[1:]:
        area = sum(segment.area() for segment in section)
        factor = (section.L * 0.83 + area) / area
        section.L = section.L * factor ** (2 / 3)
        for segment in section.allseg():
            inner = section(min(max(segment.x, 1e-9), 1 - 1e-9))
            inner.diam = inner.diam * factor ** (1 / 3)
    return made


def cut() -> None:
    """Deletes the axon."""
    from neuron import h

    for section in [s for s in h.allsec() if s.name().startswith("axon")]:
        h.delete_section(sec=section)


def stub(diams: list[float], place: Any) -> list[Any]:
    """Two sections of 30 um one after the other."""
    from neuron import h

    first, second = h.Section(name="axon[0]"), h.Section(name="axon[1]")
    for section, d in zip((first, second), diams, strict=False):
        section.L, section.diam, section.nseg = 30, d, 1
    first.connect(place)
    second.connect(first(1))
    return [first, second]


CHANGES = {f.__name__: f for f in (nothing, allen, bluepyopt, tapered, mainen)}


def table() -> dict[str, Any]:
    """Sections with their segments, and the voltages that 0.1 nA into the soma holds with leak and Ra in mV."""
    from neuron import h

    made = list(h.allsec())
    soma = next(s for s in made if s.name().startswith("soma"))
    clamp = h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 1e12, 0.1
    for section in made:
        section.insert("pas")
        section.Ra, section.cm = 150, 1e-9
        for segment in section:
            segment.pas.g, segment.pas.e = 1e-4, 0
    h.dt = 1e6
    h.finitialize(0)
    for _ in range(3):
        h.fadvance()
    h.distance(0, soma(0.5))
    found = {}
    for section in made:
        joint = section.parentseg()
        found[section.name()] = {
            "parent": None if joint is None else [joint.sec.name(), joint.x],
            "L": section.L,
            "area": [segment.area() for segment in section],
            "diam": [segment.diam for segment in section],
            "ri": [segment.ri() / section.Ra for segment in section],
            "distance": [h.distance(segment) for segment in section],
            "v": [segment.v for segment in section],
        }
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
