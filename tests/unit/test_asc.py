from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gbar.errors import CellError
from gbar.morphology import Morphology, contour, read_morphology

SOMA = """\
; drawn by hand
("CellBody" (Color Red) (CellBody)
  (8 0 0 0.1) (0 5 0 0.1) (-8 0 0 0.1) (0 -5 0 0.1)
)
"""
TREES = """\
( (Color RGB (1, 2, 3)) (Dendrite)
  (9 0 0 2)
  (20 0 0 2) <(Class 4 "none") (20 1 0 1)>  ; a spine
  (
    (30 0 0 1)
    (40 0 0 1)
    (Cross (Color Red) (Name "m") (40 0 0 1)) Normal
  |
    (20 0 0 1.5)
    (20 9 0 1.5)
    High
  )
)
((Axon) (0 -6 0 1) (0 -60 0 1 S3))
"""


def read(tmp_path: Path, text: str, *repair: str) -> Morphology:
    path = tmp_path / "cell.asc"
    path.write_text(text)
    return read_morphology(path, repair=repair)


def test_outline_trees_markers_spines_and_properties(tmp_path):
    made = read(tmp_path, SOMA + TREES)
    assert [(s.name, s.region, s.parent, s.parent_x) for s in made.sections] == [
        ("soma[0]", "soma", -1, 1.0),
        ("axon[0]", "axon", 0, 0.5),
        ("dend[0]", "basal", 0, 0.5),
        ("dend[1]", "basal", 2, 1.0),
        ("dend[2]", "basal", 2, 1.0),
    ]
    assert made.sections[0].points.shape == (21, 4)
    assert made.sections[3].points.tolist() == [[20, 0, 0, 1], [30, 0, 0, 1], [40, 0, 0, 1]]  # from its parent's end
    assert made.sections[4].points.tolist() == [[20, 0, 0, 1.5], [20, 9, 0, 1.5]]  # begins there itself


def test_other_outlines_texts_and_blocks_are_no_part_of_the_cell(tmp_path):
    more = """(Sections S1 "a")\n(ImageCoords)\n("Pia" (Color Red) (1 2 3 1) (4 5 6 1) (7 8 9 1))
    ( (Color Red) (1 2 3) "a remark" )\n(Thumbnail (Cols 2) (Rows 2) (00 11))\n(Dot (Color Red) (1 2 3 4))\n"""
    assert read(tmp_path, more + SOMA + more + TREES) == read(tmp_path, SOMA + TREES)
    assert read(tmp_path, (SOMA + TREES).replace("\n", "\r\n")) == read(tmp_path, SOMA + TREES)


def test_outlines_that_overlap_are_a_stack_and_others_two_cells(tmp_path):
    upper = SOMA.replace("0 0.1)", "4 0.1)")
    stack = read(tmp_path, SOMA + upper + TREES).sections[0]
    assert stack.points[:, 2].tolist() == [0, 4]
    far = SOMA.replace("(8 0", "(108 0").replace("(0 5", "(100 5").replace("(-8 0", "(92 0").replace("(0 -5", "(100 -5")
    with pytest.raises(CellError, match=r"cell.asc:6: a second soma, apart from the one in line 2"):
        read(tmp_path, SOMA + far + TREES)


def test_the_centre_line_of_an_ellipse_has_its_axis_and_width():
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    outline = np.column_stack((10 * np.cos(angle) + 3, 4 * np.sin(angle), np.full(400, 7.0)))
    line = contour.single(outline)
    assert line.shape == (21, 4)
    np.testing.assert_allclose(line[:, 2], 7)
    assert line[10, 3] == pytest.approx(8, rel=0.01)
    assert np.ptp(line[:, 0]) == pytest.approx(20, rel=0.02)
    (middle,) = contour.stack([outline])
    np.testing.assert_allclose(middle[:3], [3, 0, 7], atol=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: no points"),
        ("nonsense", ":1: expected (, got 'nonsense'"),
        (SOMA + "((Axon) (0 -6 0 1) (0 -60 0 1)", ":5: expected ), got 'the end of the file'"),
        (SOMA + "((Axon))", ":5: expected a point of a branch, got ')'"),
        (SOMA + "((Axon) (0 -6 0 1) ((1 2 3 1) | ))", ":5: expected a point of a branch, got ')'"),
        (SOMA + "((Axon) (0 x 0 1))", ":5: expected a point of two numbers at least"),
        (SOMA + '("Pia (1 2 3 4))', ":5: unexpected '\"' (a quote that is not closed)"),
        (SOMA + "(Dot (1 2 3 4)", ":5: the bracket opened here is never closed"),
        (SOMA + "((Axon) (0 -6 0 0) (0 -60 0 1))", ":5: 1 points of a branch without a diameter"),
        (TREES, ":2: no outline of a soma (CellBody) with three points or more"),
        ('("CellBody" (1 1 0 1) (1 1 0 1) (1 1 0 1))' + TREES, ":1: the soma is an outline without"),
        ('("CellBody" (1 1 0 1) (2 2 0 1) (3 3 0 1))' + TREES, ":1: the soma is an outline without"),
    ],
)
def test_a_defect_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(CellError) as caught:
        read(tmp_path, text)
    assert f"cell.asc{message}" in str(caught.value)


def test_repairs(tmp_path):
    made = read(tmp_path, TREES, "soma")
    assert made.sections[0].region == "soma"
    assert made.sections[0].diam == 2
    assert "soma: a sphere of 2 um" in made.notes[0]
    mended = read(tmp_path, SOMA + TREES.replace("(30 0 0 1)", "(30 0 0 0)"), "radii")
    assert mended.sections[3].points[:, 3].tolist() == [1, 1, 1]
    assert "radii" in mended.notes[0]


def test_thousands_of_forks_in_forks(tmp_path):
    depth = 5000
    begin = "".join(f"({k} 0 0 1) ( " for k in range(depth))
    end = "".join(f" | ({k} 1 0 1) )" for k in reversed(range(depth)))
    made = read(tmp_path, f"{SOMA}((Dendrite) {begin} ({depth} 0 0 1) {end})")
    assert len(made.sections) == 2 * depth + 1  # the first branch, of one point, is left out; two at every fork
    assert len(made.notes) == 1
