"""Changed morphologies against NEURON: replaced axons, spines; the tree of nodes by the voltages that it holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gbar.morphology import (
    Morphology,
    Segments,
    add_spines,
    myelinated_axon,
    nseg_bluepyopt,
    nseg_by_rule,
    read_morphology,
    replace_axon,
    replace_axon_tapered,
    segments,
    stub_axon,
)

TWIN = Path(__file__).parent / "shape_twin.py"
ASC, ALLEN, MINIMAL = "bbp/C060114A5.asc", "swc/morph_allen_485574832.swc", "swc/morph_minimal.swc"
L5, BOTH_ENDS, HETEROGENEOUS = (
    "swc/morph_l5pc_with_axon.swc",
    "swc/morph_soma_both_ends.swc",
    "odd/NeuroM__swc_heterogeneous_morphology.swc",
)
PAIRS = [
    ("nothing", ASC), ("nothing", L5), ("nothing", BOTH_ENDS), ("nothing", HETEROGENEOUS), ("nothing", ALLEN),
    ("allen", ALLEN), ("allen", ASC), ("bluepyopt", ASC), ("bluepyopt", L5), ("bluepyopt", ALLEN),
    ("bluepyopt", MINIMAL), ("tapered", ASC), ("tapered", L5),
    ("mainen", "mainen1996/j7.swc"), ("mainen", "mainen1996/j4a.swc"),
]  # fmt: skip


@pytest.fixture(scope="module")
def neuron(shared: Path, nrn: None, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Any]:
    out = tmp_path_factory.mktemp("shape") / "neuron.json"
    words = [word for change, name in PAIRS for word in (change, str(shared / "morphologies" / name))]
    subprocess.run([sys.executable, str(TWIN), str(out), *words], check=True, capture_output=True, timeout=300)
    return dict(zip(PAIRS, json.loads(out.read_text()), strict=True))


def changed(change: str, before: Morphology) -> tuple[Morphology, tuple[int, ...]]:
    if change == "mainen":
        made = myelinated_axon(before)
        nseg = nseg_by_rule(made, lambda L: int(L / 50) + 1)
        return add_spines(made, nseg, [region for region in ("basal", "apical") if region in made.regions]), nseg
    made = {
        "nothing": lambda m: m,
        "allen": stub_axon,
        "bluepyopt": replace_axon,
        "tapered": replace_axon_tapered,
    }[change](before)
    return made, nseg_bluepyopt(made)


def held(nodes: Segments, current: float) -> np.ndarray:
    """The voltages of the nodes with a leak of 1e-4 S/cm2, Ra 150 ohm cm and a current in nA into the first node."""
    n = len(nodes.parent)
    matrix = np.diag(nodes.area * 1e-8 * 1e-4 * 1e6)  # uS
    for k in range(1, n):
        g, p = 1 / (150 * nodes.resistance[k]), nodes.parent[k]
        matrix[[k, p], [k, p]] += g
        matrix[[k, p], [p, k]] -= g
    right = np.zeros(n)
    right[nodes.at(0, 0.5)] = current
    return np.linalg.solve(matrix, right)


@pytest.mark.parametrize(("change", "name"), PAIRS)
def test_shape_as_in_neuron(change, name, shared, neuron):
    reference = neuron[change, name]
    assert reference is not None
    morphology, nseg = changed(change, read_morphology(shared / "morphologies" / name))
    nodes = segments(morphology, nseg)
    assert sorted(section.name for section in morphology.sections) == sorted(reference)
    # NEURON scales the points of sections with spines in single precision, where they stand
    near = 5e-6 if change == "mainen" else 1e-11
    voltage = held(nodes, 0.1)
    for i, section in enumerate(morphology.sections):
        row = reference[section.name]
        mine = np.flatnonzero((nodes.section == i) & (nodes.length > 0))
        joint = None if section.parent < 0 else [morphology.sections[section.parent].name, section.parent_x]
        assert joint == row["parent"]
        for key in ("area", "diam", "distance"):
            np.testing.assert_allclose(getattr(nodes, key)[mine], row[key], rtol=near, atol=near, err_msg=section.name)
        first = 0 if section.parent >= 0 else 1
        np.testing.assert_allclose(nodes.resistance[mine][first:], row["ri"][first:], rtol=near)
        np.testing.assert_allclose(voltage[mine], row["v"], rtol=max(near, 1e-8), err_msg=section.name)


def test_the_truncated_axon_of_the_allen_institute_measures_from_the_start_of_the_soma(shared):
    old = read_morphology(shared / "morphologies" / L5)
    near, far = replace_axon(old), replace_axon(old, origin=0.0)
    assert [s.L for s in far.sections[-2:]] == [30, 30]
    assert near.sections[-2].diam == far.sections[-2].diam
