from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from gbar.errors import CellError
from gbar.morphology import REPAIRS, Morphology, points, read_morphology, write_swc
from gbar.morphology.cylinders import Cylinder, ball_and_stick, binary_tree, branching

CELL = """\
# a soma of one point and two dendrites
1 1 0 0 0 10 -1
2 3 10 0 0 1 1
3 3 60 0 0 1 2
4 4 0 10 0 2 1
5 4 0 90 0 1 4
"""


def read(tmp_path: Path, text: str | bytes, *repair: str) -> Morphology:
    path = tmp_path / "cell.swc"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_morphology(path, repair=repair)


def test_a_soma_of_one_point_is_a_sphere_and_dendrites_are_wired_to_its_middle(tmp_path):
    soma, dend, apic = read(tmp_path, CELL).sections
    assert (soma.name, dend.name, apic.name) == ("soma[0]", "dend[0]", "apic[0]")
    assert (soma.region, dend.region, apic.region) == ("soma", "basal", "apical")
    assert soma.points.tolist() == [[-10, 0, 0, 20], [0, 0, 0, 20], [10, 0, 0, 20]]
    assert soma.area == pytest.approx(4 * math.pi * 100)
    assert (dend.parent, dend.parent_x, apic.parent, apic.parent_x) == (0, 0.5, 0, 0.5)
    assert (dend.L, dend.diam) == (50, 2)
    assert dend.points.tolist() == [[10, 0, 0, 2], [60, 0, 0, 2]]
    assert apic.diam == 3


def test_neuromorphos_soma_of_three_points_is_a_sphere_and_other_three_are_a_cable(tmp_path):
    sphere = "1 1 0 0 0 5 -1\n2 1 0 -5 0 5 1\n3 1 0 5 0 5 1\n4 3 5 0 0 1 1\n5 3 50 0 0 1 4\n"
    assert read(tmp_path, sphere).sections[0].points.tolist() == [[-5, 0, 0, 10], [0, 0, 0, 10], [5, 0, 0, 10]]
    longer = sphere.replace("0 5 0 5 1", "0 6 0 5 1")
    soma, second, dend = read(tmp_path, longer).sections
    assert (soma.region, second.region, dend.region) == ("soma", "soma", "basal")
    cable = read(tmp_path, "1 1 0 0 0 5 -1\n2 1 0 5 0 4 1\n3 1 0 10 0 5 2\n4 3 5 5 0 1 2\n5 3 50 5 0 1 4\n")
    assert cable.sections[0].L == 10
    assert cable.sections[1].parent_x == 0.5


@pytest.mark.parametrize(
    "text",
    [
        CELL.replace("\n", "\r\n"),
        CELL.replace("\n", "\r"),
        CELL.replace(" ", "\t"),
        CELL.replace("\n", "   \n\n"),
        CELL.replace("\n", " extra 1 2 # words\n").replace("# a", "   # a"),
        "\ufeff" + CELL + "\x1a",
        CELL.replace("10 0 0", "1e1 +0.0 -.0"),
        CELL.encode().replace(b"soma", b"s\xf6ma"),
    ],
)
def test_line_ends_tabs_blanks_comments_and_encodings(tmp_path, text):
    assert read(tmp_path, text) == read(tmp_path, CELL)


BAD = [  # file, message, repair that mends it, its note
    ("", ":  no points", None, None),
    ("# nothing\n", ": no points; an SWC file has lines of: id type", None, None),
    ("1 1 0 0 0 1\n", ":1: expected seven numbers (id type x y z radius parent), got '1 1 0 0 0 1'", None, None),
    ("1,1,0,0,0,1,-1\n", ":1: expected seven numbers", None, None),
    (CELL + "6 3 0 0 zero 1 5\n", ":7: expected seven numbers", None, None),
    ("1 1 nan 0 0 1 -1\n", ":1: x is nan, expected a finite number", None, None),
    ("1 1 0 0 0 inf -1\n", ":1: radius is inf, expected a finite number", None, None),
    ("1.5 1 0 0 0 1 -1\n", ":1: id is 1.5, expected a whole number", None, None),
    ("-3 1 0 0 0 1 -1\n", ":1: id is -3, expected 0 or more", None, None),
    (CELL.replace("2 3 10", "2 2.5 10"), ":3: type is 2.5, expected a whole number", None, None),
    (CELL + "5 4 0 90 9 1 4\n", ":7: id 5 stands in line 6 already", "duplicates", "dropped 1 point whose id came"),
    (CELL + "6 3 0 0 80 1 -1\n", ":7: point 6 has no parent, nor has that in line 2: several roots", "join-roots",
     "point 6 (line 7) joined to point 1, 80 um away"),
    (CELL + "6 3 0 0 80 1 -1\n", ":7: point 6 has no parent", "drop-roots", "dropped 1 point off the tree"),
    (CELL + "6 3 0 0 80 1 77\n", ":7: point 6 has the parent 77, which does", "drop-roots", "1 point off"),
    (CELL.replace("4 4 0 10 0 2 1", "4 4 0 10 0 2 5"), ":5: point 4 is its own ancestor: a cyclic tree", "drop-roots",
     "dropped 2 points off the tree that has the soma: lines 5, 6"),
    (CELL.replace("4 4 0 10 0 2 1", "4 4 0 10 0 2 5"), ":5: point 4 is its own ancestor: a cyclic tree", "join-roots",
     "point 4 (line 5) joined to point 1, 10 um away"),
    (CELL.replace("4 4 0 10 0 2 1", "4 4 0 10 0 2 4"), ":5: point 4 is its own ancestor", "drop-roots", "2 points"),
    ("1 1 0 0 0 1 2\n2 1 1 0 0 1 1\n", ":1: no point is a root: a cyclic tree", None, None),
    (CELL.replace("4 4 0 10 0 2 1\n5 4 0 90 0 1 4", "5 4 0 10 0 2 1\n4 4 0 90 0 1 5"),
     ":6: point 4 has the parent 5: a parent after its child", "order", "5 points ordered and numbered depth first"),
    ("2 3 10 0 0 1 1\n" + CELL.replace("2 3 10 0 0 1 1\n", ""), ":3: point 1 stands after point 2: ids do not ascend",
     "order", "5 points ordered"),
    (CELL.replace("60 0 0 1 2", "60 0 0 0 2"), ":4: point 3 has the radius 0 um;", "radii", "1 point given"),
    (CELL.replace("60 0 0 1 2", "60 0 0 -1 2"), ":4: point 3 has the radius -1 um;", "radii", "1 point given"),
    (CELL.replace("1 1 0 0 0 10", "1 1 0 0 0 0"), ":2: point 1 has the radius 0 um;", "radii", "1 point given"),
    (CELL.replace("1 1 0", "1 3 0"), ":2: no point is of the soma (type 1)", "soma", "point 1 (line 2) of type 3 made"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "repair", "note"), BAD)
def test_a_defect_is_refused_with_its_line_and_the_repair_says_what_it_changed(tmp_path, text, message, repair, note):
    with pytest.raises(CellError) as caught:
        read(tmp_path, text)
    assert f"cell.swc{message}".replace(":  ", ": ") in str(caught.value)
    assert caught.value.remedy
    if repair is None:
        return
    assert f'"{repair}"' in str(caught.value)
    assert repair in REPAIRS
    mended = read(tmp_path, text, repair, "lengths")
    assert note in " ".join(mended.notes)


def test_a_section_without_length_is_refused_and_one_of_two_points_is_left_out_as_neuron_does(tmp_path):
    three = CELL.replace("5 4 0 90 0 1 4", "5 4 0 10 0 1 4\n6 4 0 10 0 1 5")
    with pytest.raises(CellError, match=r"cell.swc:5: a section without length \(apic\): all of its 3 points"):
        read(tmp_path, three)
    dropped = read(tmp_path, three, "lengths")
    assert [section.name for section in dropped.sections] == ["soma[0]", "dend[0]"]
    assert "dropped" in dropped.notes[0]
    two = read(tmp_path, CELL.replace("0 90 0 1 4", "0 10 0 1 4"))
    assert [section.name for section in two.sections] == ["soma[0]", "dend[0]"]
    assert two.notes[0].endswith("is left out, as NEURON does")


def test_interleaved_branches_are_not_joined_to_strangers(tmp_path):
    """Breadth first, Import3d makes one section of points 3 and 4, which are of two branches."""
    text = "1 1 0 0 0 9 -1\n2 3 9 0 0 1 1\n3 3 0 9 0 1 1\n4 3 99 0 0 1 2\n5 3 0 99 0 1 3\n6 3 0 99 9 1 3\n"
    with pytest.raises(CellError, match="point 4 continues no branch"):
        read(tmp_path, text)
    made = read(tmp_path, text, "order")
    assert [(s.name, s.parent, s.parent_x, round(s.L)) for s in made.sections] == [
        ("soma[0]", -1, 1.0, 18),
        ("dend[0]", 0, 0.5, 90),
        ("dend[1]", 0, 0.5, 90),
        ("dend[2]", 2, 0.0, 90),
    ]


def test_a_file_with_several_defects_says_all_repairs_that_it_needs(tmp_path):
    text = CELL.replace("3 3 60 0 0 1 2", "3 3 60 0 0 0 4").replace("1 1 0", "1 3 0")
    with pytest.raises(CellError, match=r'in all it needs "order", "radii", "soma"'):
        read(tmp_path, text)
    assert len(read(tmp_path, text, "order", "radii", "soma").notes) == 3


def test_repairs_that_do_not_exist_or_exclude_each_other(tmp_path):
    with pytest.raises(CellError, match="there is no repair 'magic'; repairs: duplicates"):
        read(tmp_path, CELL, "magic")
    with pytest.raises(CellError, match="exclude each other"):
        read(tmp_path, CELL, "drop-roots", "join-roots")


def test_other_files(tmp_path, monkeypatch):
    with pytest.raises(CellError, match=r"a file of the format .txt; gbar reads morphologies from .swc, .asc"):
        read_morphology(tmp_path / "cell.txt")
    with pytest.raises(CellError, match="cannot be read: No such file"):
        read_morphology(tmp_path / "none.swc")
    monkeypatch.setattr(points, "MAX_BYTES", 10)
    with pytest.raises(CellError, match="more than the"):
        read(tmp_path, CELL)


def test_types_beyond_four_are_custom_and_keep_their_names(tmp_path):
    made = read(tmp_path, CELL.replace(" 4 0 ", " 7 0 ").replace("2 3 10", "2 0 10").replace("3 3 60", "3 0 60"))
    assert [(s.name, s.region) for s in made.sections] == [
        ("soma[0]", "soma"), ("dend_0[0]", "custom"), ("dend_7[0]", "custom")
    ]  # fmt: skip


def test_a_parent_stands_before_its_children_whatever_their_types(tmp_path):
    made = read(tmp_path, CELL + "6 2 0 99 0 1 5\n7 2 9 99 0 1 6\n")
    assert [(s.name, s.parent) for s in made.sections] == [
        ("soma[0]", -1),
        ("apic[0]", 0),
        ("axon[0]", 1),
        ("dend[0]", 0),
    ]


def test_a_million_points(tmp_path):
    """A chain of 1,000 branches of 1,000 points."""
    n = 1_000_000
    parent = np.arange(n)
    parent[1000::1000] = 1 + (np.arange(999) % 500)
    parent[0] = -1
    rows = np.column_stack((np.arange(1, n + 1), np.full(n, 3), np.arange(n) % 1000, np.arange(n) // 1000, parent))
    path = tmp_path / "large.swc"
    lines = [f"{i} {kind} {x} {y} 0 0.5 {p}" for i, kind, x, y, p in rows.tolist()]
    lines[0] = "1 1 0 0 0 5 -1"
    path.write_text("\n".join(lines))
    made = read_morphology(path)
    assert sum(len(section.points) for section in made.sections) > n


@pytest.mark.parametrize(
    "made",
    [
        ball_and_stick(20, 200, 2),
        branching({"soma": Cylinder(20, 20, "soma"), "a": Cylinder(50, 2, "basal", "soma", 0.5),
                   "b": Cylinder(50, 2, "axon", "soma", 0.0), "c": Cylinder(30, 2, "apical", "soma", 1.0)}),
    ],
)  # fmt: skip
def test_what_is_written_is_read_again(made, tmp_path):
    assert write_swc(made, tmp_path / "out.swc") == ()
    again = read_morphology(tmp_path / "out.swc")
    assert len(again.sections) == len(made.sections)
    for region in made.regions:
        assert again.region_area(region) == pytest.approx(made.region_area(region), rel=1e-6)


def test_what_swc_cannot_hold_is_said(tmp_path):
    tree = binary_tree(20, 2, 50, 4)
    said = write_swc(tree, tmp_path / "out.swc")
    assert any(line.startswith("the area of basal is") for line in said)
    with pytest.raises(Exception, match="cannot be written"):
        write_swc(tree, tmp_path / "nowhere" / "out.swc")
