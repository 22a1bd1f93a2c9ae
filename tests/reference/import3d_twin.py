"""What NEURON's Import3d makes of files of morphology, as JSON: the reference of `test_import3d.py`.

Usage: python import3d_twin.py OUT.json FILE...  Every file is read in a process of its own, for some end NEURON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

NSEG = (1, 5)


def sections(path: str) -> list[dict[str, Any]]:
    """Every section in NEURON's order: its points, where it joins its parent, and its segments at each nseg."""
    from neuron import h

    reader = (h.Import3d_SWC_read if path.lower().endswith(".swc") else h.Import3d_Neurolucida3)()
    reader.quiet = 1
    reader.input(path)
    h.Import3d_GUI(reader, 0).instantiate(None)
    made = list(h.allsec())
    found = []
    for section in made:
        joint = section.parentseg()
        points = [(section.x3d(i), section.y3d(i), section.z3d(i), section.diam3d(i)) for i in range(section.n3d())]
        parent, x = (None, 1.0) if joint is None else (joint.sec.name(), joint.x)
        found.append({"name": section.name(), "L": section.L, "parent": parent, "parent_x": x, "points": points})
    middle = next((s for s in made if s.name().startswith("soma")), None)
    middle = (middle or next(s for s in made if s.parentseg() is None))(0.5)
    for nseg in NSEG:
        for section in made:
            section.nseg = nseg
        h.distance(0, middle)
        for section, row in zip(made, found, strict=True):
            row[str(nseg)] = {
                "area": [segment.area() for segment in section],
                "diam": [segment.diam for segment in section],
                "ri": [segment.ri() / section.Ra for segment in section],
                "distance": [h.distance(segment) for segment in section],
            }
    return found


def main(out: str, *paths: str) -> None:
    """Reads the files, each in a child of its own, and writes what became of them."""
    from neuron import h

    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            answer = Path(folder) / "answer.json"
            answer.unlink(missing_ok=True)
            child = os.fork()
            if child == 0:
                try:
                    answer.write_text(json.dumps(sections(path)))
                except BaseException as error:
                    print(path, repr(error), file=sys.stderr)
                os._exit(0)
            os.waitpid(child, 0)
            results[path] = json.loads(answer.read_text()) if answer.exists() else None
    Path(out).write_text(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
