from __future__ import annotations

import json
import math

import numpy as np
import pytest

from gbar.errors import CellError
from gbar.morphology import (
    Cylinder,
    Morphology,
    Section,
    add_spines,
    ball_and_stick,
    binary_tree,
    branching,
    cylinder,
    myelinated_axon,
    nseg_bluepyopt,
    nseg_by_d_lambda,
    nseg_by_length,
    read_morphology,
    regions,
    remove_axon,
    replace_axon,
    replace_axon_tapered,
    segments,
    stepped,
    stub_axon,
    traced,
)

SOMA = Section("soma", "soma", 20, 20)


def test_one_segment_of_one_cylinder_is_what_it_was():
    nodes = segments(cylinder(123.4, 5.6), (1,))
    assert nodes.parent.tolist() == [-1]
    assert nodes.area[0] == math.pi * 5.6 * 123.4
    assert (nodes.x[0], nodes.length[0], nodes.diam[0], nodes.resistance[0], nodes.distance[0]) == (
        0.5,
        123.4,
        5.6,
        0,
        0,
    )


def test_nodes_where_sections_meet():
    """Ends that a section joins are nodes without area; a place amid a section is the segment that holds it."""
    tree = Morphology(
        (
            SOMA,
            Section("a", "basal", 100, 2, 0, 1.0),
            Section("b", "basal", 100, 2, 0, 0.0),
            Section("c", "basal", 100, 2, 1, 0.5),
            Section("d", "basal", 100, 2, 3, 0.0),
        )
    )
    nodes = segments(tree, (2, 2, 1, 1, 1))
    assert nodes.section.tolist() == [0, 0, 0, 0, 1, 1, 2, 3, 4]
    assert nodes.x.tolist() == [0.25, 0.75, 0, 1, 0.25, 0.75, 0.5, 0.5, 0.5]
    assert nodes.parent.tolist() == [-1, 0, 0, 1, 3, 4, 2, 5, 5]  # d joins c's 0 end: it is where c joins a
    assert [k for k, area in enumerate(nodes.area) if area == 0] == [2, 3]
    half = 0.04 / math.pi * 5 / 20**2
    assert nodes.resistance[:4] == pytest.approx([0, 2 * half, half, half])
    assert nodes.distance.tolist() == [10, 0, 15, 5, 30, 80, 65, 130, 130]  # from the segment that holds soma(0.5)
    assert [nodes.at(0, x) for x in (0, 0.1, 0.5, 1)] == [2, 0, 1, 3]
    assert [nodes.at(1, x) for x in (0, 0.3, 1)] == [3, 4, 5]
    assert nodes.area.sum() == pytest.approx(tree.area)


def test_the_distance_counts_from_the_soma_also_where_that_is_not_the_root():
    tree = branching({"path": Cylinder(10, 1, "custom"), "soma": Cylinder(20, 20, "soma", "path"),
                      "dend": Cylinder(100, 1, "basal", "soma")})  # fmt: skip
    nodes = segments(tree, (1, 1, 1))
    assert nodes.distance[[nodes.at(i, 0.5) for i in range(3)]].tolist() == [15, 0, 60]


def test_points_are_integrated_whatever_the_segments():
    """A cone, a jump of the diameter, and double points: areas and resistances add up to the whole."""
    cone = traced("cone", "soma", np.array([[0, 0, 0, 4], [30, 0, 0, 1]]))
    assert cone.area == pytest.approx(math.pi * 2.5 * math.hypot(30, 1.5))
    assert (cone.L, cone.diam) == (30, 2.5)
    jump = traced("jump", "soma", np.array([[0, 0, 0, 4], [9, 0, 0, 4], [9, 0, 0, 4], [9, 0, 0, 2], [30, 0, 0, 2.0]]))
    for section in (cone, jump):
        whole = segments(Morphology((section,)), (1,))
        assert whole.area[0] == pytest.approx(section.area)
        for n in (2, 3, 10):
            nodes = segments(Morphology((section,)), (n,))
            assert nodes.area.sum() == pytest.approx(section.area)
            assert nodes.diam.mean() == pytest.approx(section.diam)
    ends = Morphology((cone, Section("a", "axon", 1, 1, 0, 0.0), Section("b", "axon", 1, 1, 0, 1.0)))
    nodes = segments(ends, (7, 1, 1))
    through = nodes.resistance[nodes.section == 0].sum()
    assert through == pytest.approx(0.04 / math.pi * 30 / (4 * 1))  # of a cone: L / (d1 d2)


def test_numbers_of_segments():
    tree = Morphology(
        (SOMA, Section("a", "basal", 120, 1, 0), Section("b", "axon", 80.5, 1, 0), stepped("c", "axon", 9, [1, 2], 0))
    )
    assert nseg_by_length(tree, 40) == (1, 3, 3, 2)
    assert nseg_bluepyopt(tree) == (1, 7, 5, 2)
    assert nseg_by_d_lambda(tree, 0.1, 100, 1.0)[1] == 5
    with pytest.raises(CellError, match="length is 0"):
        nseg_by_length(tree, 0)
    with pytest.raises(CellError, match="section soma has 0 segments"):
        segments(tree, (0, 1, 1, 2))
    with pytest.raises(CellError, match="3 numbers of segments for 4 sections"):
        segments(tree, (1, 1, 1))
    with pytest.raises(CellError, match="section c is made of 2 cylinders and has 3 segments"):
        segments(tree, (1, 1, 1, 3))
    with pytest.raises(CellError, match="more than the 1000000"):
        segments(tree, (1, 10**6, 1, 2))


def test_d_lambda_as_in_neuron(nrn):
    from neuron import h

    h.load_file("stdlib.hoc")
    section = h.Section(name="cone")
    section.pt3dadd(0, 0, 0, 4)
    section.pt3dadd(700, 0, 0, 1)
    section.pt3dadd(900, 50, 0, 0.3)
    section.Ra, section.cm = 123, 0.9
    expected = int((section.L / (0.07 * h.lambda_f(250, sec=section)) + 0.9) / 2) * 2 + 1
    tree = Morphology((traced("cone", "soma", np.array([[0, 0, 0, 4], [700, 0, 0, 1], [900, 50, 0, 0.3]])),))
    assert nseg_by_d_lambda(tree, 0.07, 123, 0.9, 250) == (expected,)
    assert expected > 9


def test_synthetic_trees():
    cell = ball_and_stick(20, 200, 2, "apical")
    assert [(s.name, s.region, s.parent, s.parent_x) for s in cell.sections] == [
        ("soma", "soma", -1, 1.0),
        ("dend", "apical", 0, 1.0),
    ]
    tree = binary_tree(20, 2, 50, 4, trunks=2)
    assert len(tree.sections) == 1 + 2 * 7
    assert [s.diam for s in tree.sections[-8:]] == pytest.approx([4 * 2 ** (-4 / 3)] * 8)
    names = {section.name for section in tree.sections}
    assert len(names) == 15
    parents = [section.parent for section in tree.sections[1:]]
    assert max(parents.count(k) for k in range(1, 15)) == 2
    in_any_order = branching({"b": Cylinder(1, 1, "axon", "a"), "a": Cylinder(1, 1, "axon", "s", 0.5),
                              "s": Cylinder(9, 9, "soma")})  # fmt: skip
    assert [section.name for section in in_any_order.sections] == ["s", "a", "b"]


@pytest.mark.parametrize(
    ("cylinders", "message"),
    [
        ({}, "without cylinders"),
        ({"a": Cylinder(1, 1, "soma"), "b": Cylinder(1, 1, "soma")}, "a, b have no parent"),
        ({"a": Cylinder(1, 1, "soma", "b"), "b": Cylinder(1, 1, "soma", "a")}, "every cylinder has a parent"),
        ({"a": Cylinder(1, 1, "soma"), "b": Cylinder(1, 1, "axon", "c")}, "b joins c, which is no cylinder"),
        ({"a": Cylinder(1, 1, "soma"), "b": Cylinder(1, 1, "axon", "c"), "c": Cylinder(1, 1, "axon", "b")}, "circle"),
        ({"a": Cylinder(1, 0, "soma")}, "section a has diam = 0"),
        ({"a": Cylinder(1, 1, "soma"), "b": Cylinder(1, 1, "axon", "a", 2)}, "joins its parent at 2"),
    ],
)
def test_trees_that_are_none(cylinders, message):
    with pytest.raises(CellError, match=message):
        branching(cylinders)
    with pytest.raises(CellError):
        binary_tree(20, 99, 50, 4)


def test_regions_by_the_user():
    tree = binary_tree(20, 1, 50, 4)
    assert regions(tree, {"dend": "oblique", "dend[0]": "trunk"}).regions == ("soma", "trunk", "oblique")
    with pytest.raises(CellError, match="there is no section dent; there are: dend, dend"):
        regions(tree, {"dent": "x"})


def test_axons():
    cell = branching({
        "soma": Cylinder(20, 20, "soma"),
        "dend": Cylinder(100, 2, "basal", "soma"),
        "axon[0]": Cylinder(50, 3, "axon", "soma"),
        "axon[1]": Cylinder(90, 1.5, "axon", "axon[0]"),
    })  # fmt: skip
    assert remove_axon(cell).regions == ("soma", "basal")
    stub = stub_axon(cell)
    assert [(s.L, s.diam, s.parent, s.parent_x) for s in stub.sections[2:]] == [(30, 1, 0, 0.5), (30, 1, 2, 1)]
    assert "2 sections of the axon removed" in stub.notes[0]
    thick = replace_axon(cell)
    assert [(s.L, s.diam, s.parent_x) for s in thick.sections[2:]] == [(30, 3, 1.0), (30, 1.5, 1.0)]
    assert [s.diam for s in replace_axon(remove_axon(cell)).sections[2:]] == [1, 1]
    tapered = replace_axon_tapered(cell)
    assert [s.diams for s in tapered.sections[2:4]] == [(3, 3, 3, 3, 3), (3, 3, 3, 3, 1.5)]
    assert tapered.sections[4].region == "myelin"
    assert (tapered.sections[4].L, tapered.sections[4].nseg) == (1000, 5)
    with pytest.raises(CellError, match="the axon has 1 segments of about 12 um; its replacement needs 10"):
        replace_axon_tapered(stub_axon(cell, 5).without([3]))
    published = myelinated_axon(cell)
    assert published.regions == ("soma", "basal", "hillock", "initial", "myelin", "node")
    d = 20 / 20  # a tenth of the radius of a sphere as large as the soma
    assert published.sections[2].diams == pytest.approx([(4 - 0.6 * k) * d for k in (0.5, 1.5, 2.5, 3.5, 4.5)])
    on_axon = branching({"soma": Cylinder(20, 20, "soma"), "axon": Cylinder(50, 3, "axon", "soma"),
                         "dend": Cylinder(90, 1.5, "basal", "axon")})  # fmt: skip
    with pytest.raises(CellError, match="dend joins axon, which is to go"):
        remove_axon(on_axon)


def test_spines_add_their_area():
    cell = ball_and_stick(20, 200, 2)
    one = add_spines(cell, (1, 1))
    factor = 1 + 0.83 / (2 * math.pi)
    got = (one.sections[1].L, one.sections[1].diam)
    assert got == pytest.approx((200 * factor ** (2 / 3), 2 * factor))  # the published loop visits one segment thrice
    assert one.sections[0] == cell.sections[0]
    three = add_spines(cell, (1, 3)).sections[1].diams
    assert three == pytest.approx([2 * factor ** (k / 3) for k in (2, 1, 2)])
    with pytest.raises(CellError, match="there is no region apical to put spines on"):
        add_spines(cell, (1, 1), ["apical"])


TABLE = {"sections": [{"name": "dend[0]", "parent": "soma", "parentx": 0.5, "childend": 0.0, "L": 90, "diam": [2, 2]},
                      {"name": "soma", "parent": None, "parentx": None, "L": 20, "diam": 15.0}]}  # fmt: skip


def test_section_tables(tmp_path, shared):
    path = tmp_path / "cell.json"
    path.write_text(json.dumps(TABLE))
    made = read_morphology(path)
    assert [(s.name, s.region, s.parent_x) for s in made.sections] == [("soma", "soma", 1.0), ("dend[0]", "basal", 0.5)]
    published = read_morphology(shared / "morphologies" / "mainen1996" / "lcAS3.json")
    assert len(published.sections) == 157
    assert published.region_area("soma") == pytest.approx(math.pi * 8.2 * 13.2)
    rows = TABLE["sections"]
    for change, message in [
        ({"diam": [2, 3]}, "several diameters and no points"),
        ({"childend": 1.0}, "joins its parent with its 1 end"),
        ({"L": "long"}, "are to be numbers"),
        ({"L": -1}, "L = -1"),
        ({"name": 5}, "are to be texts"),
        ({"parent": "x"}, "joins x, which is no cylinder"),
        ({"pt3d": [[1, 2, 3]]}, "pt3d are no points"),
        ({"name": "soma"}, "two sections are called soma"),
    ]:
        path.write_text(json.dumps({"sections": [rows[0] | change, rows[1]]}))
        with pytest.raises(CellError, match=message) as caught:
            read_morphology(path)
        assert str(caught.value).startswith(str(path))
    for text in ("{", "[]", "[" * 100_000, '{"sections": []}'):
        path.write_text(text)
        with pytest.raises(CellError):
            read_morphology(path)
