"""Every morphology of ../shared against NEURON's Import3d: equal section by section, or refused naming the defect."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_morphologies import asc, swc

from gbar.errors import CellError
from gbar.morphology import Morphology, read_morphology, segments, write_swc
from gbar.morphology.points import Points, read_points
from gbar.morphology.repair import sound

TWIN = Path(__file__).parent / "import3d_twin.py"

EQUAL = [
    "bbp/C060114A5.asc",
    "mainen1996/j4a.swc",
    "mainen1996/j7.swc",
    "mainen1996/j8.swc",
    "swc/morph_3_types.swc",
    "swc/morph_allen_485574832.swc",
    "swc/morph_ca1_n120.swc",
    "swc/morph_interrupted_soma.swc",
    "swc/morph_l5pc_with_axon.swc",
    "swc/morph_minimal.swc",
    "swc/morph_soma_both_ends.swc",
    "swc/morph_variable_radiuses_within_branch.swc",
    "odd/MorphIO__complexe.swc",
    "odd/MorphIO__marker-with-string.asc",
    "odd/MorphIO__neurite_wrong_root_point.swc",
    "odd/MorphIO__nrn_ordering.swc",
    "odd/MorphIO__reversed_NRN_neurite_order.swc",
    "odd/MorphIO__simple-all-types.swc",
    "odd/MorphIO__simple-with-font.asc",
    "odd/MorphIO__simple.asc",
    "odd/MorphIO__soma_cylinders.swc",
    "odd/MorphIO__soma_single_frustum.swc",
    "odd/NeuroM__neurolucida_axon-sprout-from-dendrite.asc",
    "odd/NeuroM__neurolucida_multifurcation.asc",
    "odd/NeuroM__neurolucida_sample.asc",
    "odd/NeuroM__swc_Neuron-flat.swc",
    "odd/NeuroM__swc_Neuron.swc",
    "odd/NeuroM__swc_Neuron_small_radius.swc",
    "odd/NeuroM__swc_Neuron_zero_length_segments.swc",
    "odd/NeuroM__swc_Single_apical.swc",
    "odd/NeuroM__swc_Single_axon.swc",
    "odd/NeuroM__swc_Soma_origin.swc",
    "odd/NeuroM__swc_Soma_translated_2.swc",
    "odd/NeuroM__swc_empty_segments.swc",
    "odd/NeuroM__swc_heterogeneous_morphology.swc",
    "odd/NeuroM__swc_narrow_start.swc",
    "odd/NeuroM__swc_ordering_sample.swc",
    "odd/NeuroM__swc_ordering_sample_mixed_tree_sections.swc",
    "odd/NeuroM__swc_point_soma_single_neurite.swc",
    "odd/NeuroM__swc_simple_trunk.swc",
    "odd/NeuroM__swc_strahler.swc",
]

ROOTS, RADII, SOMA, BOTH = ("drop-roots",), ("radii",), ("soma",), ("order", "radii")
REFUSED: dict[str, tuple[str, tuple[str, ...] | None]] = {  # the defect, and the repair of it
    "odd/MorphIO__annotations.asc": (":11: expected a point of a branch, got ')'", None),
    "odd/MorphIO__invalid-incomplete.asc": (":15: expected ), got '('", None),
    "odd/MorphIO__mono-type.asc": (":9: no outline of a soma", SOMA),
    "odd/MorphIO__multiple_soma.swc": (":11: point 10 has no parent, nor has that in line 2: several roots", ROOTS),
    "odd/MorphIO__simple-trailing-space.swc": (":2: no point is of the soma", SOMA),
    "odd/MorphIO__simple2.asc": (":8: no outline of a soma", SOMA),
    "odd/MorphIO__spine.asc": (":14: no outline of a soma", SOMA),
    "odd/NeuroM__swc_Neuron_disconnected_components.swc": (":40: point 6 has no parent", ("join-roots",)),
    "odd/NeuroM__swc_Neuron_missing_parents.swc": (":40: point 6 has the parent 5, which does not", ("join-roots",)),
    "odd/NeuroM__swc_dangling_axon.swc": (":24: point 4 has the radius 0 um (4 points", RADII),
    "odd/NeuroM__swc_non_increasing_trunk_off_1_16pt.swc": (
        ":37: point 6 stands after point 7: ids do not",
        ("order", "radii"),
    ),
    "odd/NeuroM__swc_random_trunk_off_0_16pt.swc": (":33: no point is of the soma", SOMA),
    "odd/NeuroM__swc_root_node_jump.swc": (":8: point 4 has the radius 0 um (4 points", RADII),
    "odd/NeuroM__swc_sequential_trunk_off_1_16pt.swc": (":34: point 1 has the radius 0 um;", RADII),
    "odd/NeuroM__swc_simple-different-section-types.swc": (":24: point 4 has the radius 0 um (4 points", RADII),
    "odd/NeuroM__swc_simple.swc": (":26: point 4 has the radius 0 um (4 points", RADII),
    "odd/NeuroM__swc_soma_three_pt_soma.swc": (":8: point 4 has the radius 0 um (5 points", RADII),
    "odd/NeuroM__swc_soma_zero_radius.swc": (":23: point 1 has the radius 0 um (7 points", RADII),
    "odd/NeuroM__swc_undefined_type.swc": (":4: point 4 has the radius 0 um (4 points", RADII),
    "odd/NeuroM__valid_set_Neuron.swc": (":1: expected seven numbers", None),
    "swc/morph_flywire_t4_720575940626407426.swc": (":9: point 2 has the parent 2408: a parent after", BOTH),
    "swc/morph_multiple_roots.swc": (":9: id 3 stands in line 7 already", ("duplicates", "drop-roots")),
}
RANDOM = [f"random{k}.{kind}" for kind in ("swc", "asc") for k in range(40)]
REPAIRED = [name for name, (_, repair) in REFUSED.items() if repair and name.endswith(".swc")]


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "morphologies"


@pytest.fixture(scope="module")
def neuron(folder: Path, nrn: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """NEURON's reading of every file, of every SWC file after its repair, and of some that gbar has written."""
    scratch = tmp_path_factory.mktemp("import3d")
    paths = {name: folder / name for name in EQUAL}
    for k, name in enumerate(REPAIRED):
        points = sound(read_points(folder / name), REFUSED[name][1] or (), [])
        paths[f"repaired {name}"] = dump(points, scratch / f"repaired{k}.swc")
    for name in ("mainen1996/j4a.swc", "bbp/C060114A5.asc"):
        paths[f"written {name}"] = scratch / f"written-{Path(name).stem}.swc"
        write_swc(read_morphology(folder / name), paths[f"written {name}"])
    for k, name in enumerate(RANDOM):
        paths[name] = scratch / name
        paths[name].write_text((swc if name.endswith("swc") else asc)(np.random.default_rng(k)))
    out = scratch / "neuron.json"
    command = [sys.executable, str(TWIN), str(out), *map(str, paths.values())]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    found = json.loads(out.read_text())
    return {name: found[str(path)] for name, path in paths.items()} | {"paths": paths}


def dump(points: Points, path: Path) -> Path:
    parents = np.where(points.parent_index() < 0, -1, points.parent)
    rows = zip(points.id, points.type, points.xyz.tolist(), points.radius, parents, strict=True)
    path.write_text("".join(f"{i} {kind} {x!r} {y!r} {z!r} {float(r)!r} {p}\n" for i, kind, (x, y, z), r, p in rows))
    return path


def check(morphology: Morphology, reference: list[dict[str, Any]] | None) -> None:
    """The same sections, to the last bit of their points."""
    assert reference is not None, "NEURON cannot read this"
    rows = {row["name"]: row for row in reference}
    assert sorted(rows) == sorted(section.name for section in morphology.sections)
    for section in morphology.sections:
        row = rows[section.name]
        parent = None if section.parent < 0 else morphology.sections[section.parent].name
        assert (parent, section.parent_x) == (row["parent"], row["parent_x"]), section.name
        np.testing.assert_array_equal(section.points, row["points"], err_msg=section.name)
        got = (section.L, section.diam)
        assert got == pytest.approx((row["L"], row["1"]["diam"][0]), rel=1e-12)
        assert section.area == pytest.approx(sum(row["1"]["area"]), rel=1e-12)
    for nseg in (1, 5):
        nodes = segments(morphology, [nseg] * len(morphology.sections))
        for i, section in enumerate(morphology.sections):
            row = rows[section.name][str(nseg)]
            mine = np.flatnonzero((nodes.section == i) & (nodes.length > 0))
            for name in ("area", "diam", "distance"):
                got = getattr(nodes, name)[mine]
                np.testing.assert_allclose(got, row[name], rtol=1e-12, atol=1e-10 if name == "distance" else 0)
            first = 0 if section.parent >= 0 else 1  # the first segment of the root has no parent
            np.testing.assert_allclose(nodes.resistance[mine][first:], row["ri"][first:], rtol=1e-12)


def test_every_file_is_listed(folder):
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in (".swc", ".asc")}
    assert files == set(EQUAL) | set(REFUSED)


@pytest.mark.parametrize("name", EQUAL)
def test_equal_to_neuron(name, folder, neuron):
    morphology = read_morphology(folder / name)
    check(morphology, neuron[name])
    if name != "odd/NeuroM__swc_heterogeneous_morphology.swc":  # an axon on a dendrite: NEURON has it before its parent
        assert [section.name for section in morphology.sections] == [row["name"] for row in neuron[name]]


@pytest.mark.parametrize("name", REFUSED)
def test_refused_naming_the_defect_and_the_repair(name, folder):
    defect, repair = REFUSED[name]
    with pytest.raises(CellError) as caught:
        read_morphology(folder / name)
    message = str(caught.value)
    assert f"{folder / name}{defect}" in message
    assert "\n" not in message
    if repair:
        assert f'"{repair[0]}"' in message
        morphology = read_morphology(folder / name, repair=repair)
        assert morphology.notes
        assert all(any(note.startswith(part) for note in morphology.notes) for part in repair)


@pytest.mark.parametrize("name", REPAIRED)
def test_a_repaired_file_is_equal_to_neurons_reading_of_the_repaired_points(name, folder, neuron):
    check(read_morphology(folder / name, repair=REFUSED[name][1]), neuron[f"repaired {name}"])


def test_random_files_are_read_as_neuron_reads_them_or_refused(neuron):
    read = 0
    for name in RANDOM:
        try:
            morphology = read_morphology(neuron["paths"][name])
        except CellError:
            continue
        check(morphology, neuron[name])
        read += 1
    assert read > 65


@pytest.mark.parametrize("name", ["mainen1996/j4a.swc", "bbp/C060114A5.asc"])
def test_what_is_written_is_read_alike_by_neuron(name, folder, neuron):
    before, after = read_morphology(folder / name), read_morphology(neuron["paths"][f"written {name}"])
    check(after, neuron[f"written {name}"])
    assert len(after.sections) == len(before.sections)
    assert after.area == pytest.approx(before.area, rel=1e-6 if name.endswith(".swc") else 3e-3)
