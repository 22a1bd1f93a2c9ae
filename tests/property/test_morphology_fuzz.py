"""Whatever a file of morphology holds, it becomes a tree or one line of complaint, in time."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gbar.errors import CellError
from gbar.morphology import REPAIRS, read_morphology, segments, write_swc

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

SWC = b"""# cell
1 1 0 0 0 5 -1
2 3 5 0 0 1 1
3 3 50 0 0 1 2
4 3 90 9 0 .5 3
5 4 50 9 9 1 3
6 2 0 -9 0 1 1
7 2 0 -90 0 1 6
"""
ASC = b"""("CellBody" (Color Red) (CellBody) (8 0 0 0.1) (0 5 0 0.1) (-8 0 0 0.1) (0 -5 0 0.1))
((Dendrite) (9 0 0 2) (20 0 0 2) <(Class 4 "x") (2 2 2 1)> ((30 0 0 1) (40 0 0 1) Normal | (20 0 0 1.5) (20 9 0 1.5)))
((Axon) (0 -6 0 1) (Cross (Name "m") (1 1 1 1)) (0 -60 0 1 S3))
"""
JSON = b"""{"sections": [{"name": "soma", "parent": null, "L": 20, "diam": [20]},
 {"name": "d", "parent": "soma", "parentx": 1.0, "L": 9, "diam": 1}]}"""
WORDS = [b"(", b")", b"|", b" ", b"\n", b"\r", b"-1", b"1e400", b"1e38", b"1e300", b"1e-40", b"nan", b'"', b",", b"0"]


@st.composite
def mutated(draw, whole: bytes) -> bytes:
    text = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(text) - 1, 0)))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            text[at : at + 1] = draw(st.binary(max_size=3))
        elif kind == 1:
            text[at : at + draw(st.integers(1, 20))] = b""
        elif kind == 2:
            text[at:at] = text[at : at + draw(st.integers(1, 40))]
        else:
            text[at : at + 1] = draw(st.sampled_from(WORDS))
    return bytes(text)


def tried(path, repair) -> None:
    try:
        made = read_morphology(path, repair=repair)
    except CellError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
        return
    nodes = segments(made, [3] * len(made.sections))
    assert np.isfinite(nodes.area).all()
    assert np.isfinite(nodes.resistance).all()
    assert (nodes.parent < np.arange(len(nodes.parent))).all()


repairs = st.sets(st.sampled_from([name for name in REPAIRS if name != "join-roots"]))


@FUZZ
@given(mutated(SWC), repairs)
def test_swc(tmp_path, text, repair):
    path = tmp_path / "cell.swc"
    path.write_bytes(text)
    tried(path, repair)


@FUZZ
@given(mutated(ASC), repairs)
def test_asc(tmp_path, text, repair):
    path = tmp_path / "cell.asc"
    path.write_bytes(text)
    tried(path, repair)


@FUZZ
@given(mutated(JSON))
def test_tables(tmp_path, text):
    path = tmp_path / "cell.json"
    path.write_bytes(text)
    tried(path, ())


@st.composite
def trees(draw) -> str:
    n = draw(st.integers(1, 25))
    rows = []
    for i in range(n):
        parent = -1 if i == 0 else draw(st.integers(-1, n))
        kind = draw(st.sampled_from([1, 1, 2, 3, 3, 4, 5, 0]))
        x, y, r = (draw(st.integers(-4, 4)) for _ in range(3))
        rows.append(f"{i + 1} {kind} {x} {y} 0 {r} {parent}")
    return "\n".join(draw(st.permutations(rows)) if draw(st.booleans()) else rows)


@FUZZ
@given(trees(), st.sampled_from(["join-roots", "drop-roots"]))
def test_every_defect_of_a_tree_can_be_repaired(tmp_path, text, roots):
    path = tmp_path / "cell.swc"
    path.write_text(text)
    every = {name for name in REPAIRS if not name.endswith("-roots")} | {roots}
    try:
        made = read_morphology(path, repair=every)
    except CellError as error:
        assert "no point is a root" in error.what or "has the radius" in error.what  # all radii are missing
        return
    write_swc(made, tmp_path / "out.swc")
