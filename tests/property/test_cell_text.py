import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gbar import mechanism
from gbar.cell import Cell, Painted, Region, read_cell, write_cell
from gbar.errors import UserError
from gbar.morphology import cylinder
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Protocol, Step, Stimulus

HH = mechanism.read(mechanism.shipped_file("hh"))
positive = st.floats(1e-9, 1e6)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30)


@st.composite
def cells(draw):
    values = draw(st.dictionaries(st.sampled_from(["gnabar", "gkbar", "gl"]), positive))
    targets = draw(st.permutations(["gnabar_hh.soma", "cm.soma", "area.soma"]))
    known = {"gnabar_hh.soma": "S/cm2", "cm.soma": "uF/cm2", "area.soma": "um2"}
    parameters = []
    for target in targets[: draw(st.integers(0, 3))]:
        low = draw(positive)
        scale = draw(st.sampled_from(["linear", "log"]))
        name = draw(st.sampled_from([target, f"p{len(parameters)}"]))
        parameters.append(FreeParameter(name, known[target], low, low * draw(st.floats(1.1, 9)), scale, (target,)))
    voltages = st.floats(-150, 150)
    return Cell(
        name=draw(texts.filter(str.strip)),
        morphology=cylinder(draw(positive), draw(positive)),
        regions=(
            Region("soma", draw(positive), (Painted(HH, values),), {"ena": draw(voltages), "ek": draw(voltages)}),
        ),
        temperature=draw(st.floats(-20, 60)),
        space=ParameterSpace(tuple(parameters)),
        protocol=Protocol((Stimulus(draw(texts.filter(bool)), Step(0, 1, draw(st.floats(-9, 9))), 2),)),
        description=draw(texts),
        source=draw(texts),
    )


@settings(max_examples=60, deadline=None)
@given(cells())
def test_a_written_cell_reads_back_equal(cell):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "c.yaml"
        write_cell(cell, file)
        again = read_cell(file)
        assert again == cell
        assert again.digest == cell.digest


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused_in_one_line_or_read(data):
    text = bytearray((Path(mechanism.__file__).parent / "cells" / "sphere.yaml").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "c.yaml"
        file.write_bytes(bytes(text))
        try:
            read_cell(file)
        except UserError as error:
            assert "\n" not in str(error)
