import math

import pytest

from gbar.errors import CellError
from gbar.morphology import Morphology, Section, cylinder, sphere


def test_area_is_the_side_of_the_cylinder():
    assert cylinder(100, 2).area == pytest.approx(math.pi * 200)
    assert sphere(20).area == pytest.approx(4 * math.pi * 10**2)
    assert sphere(20).sections == (Section("soma", "soma", 20, 20),)
    assert sphere(20, "axon").regions == ("axon",)


def test_area_can_be_set_and_keeps_the_shape():
    scaled = cylinder(100, 2).with_area("soma", 1000.0)
    assert scaled.area == pytest.approx(1000.0)
    assert scaled.sections[0].L / scaled.sections[0].diam == pytest.approx(50)
    assert sphere(20).with_area("soma", sphere(20).area) == sphere(20)


def test_area_as_in_neuron(nrn):
    from neuron import h

    section = h.Section(name="cylinder")
    section.L, section.diam = 123.4, 5.6
    assert cylinder(123.4, 5.6).area == pytest.approx(section(0.5).area(), rel=1e-12)


def test_refuses_what_is_no_cylinder():
    for L, diam in ((0, 1), (1, -1), (math.nan, 1), (1, math.inf)):
        with pytest.raises(CellError, match="give a length above 0"):
            cylinder(L, diam)


def test_refuses_what_is_no_tree():
    soma = Section("soma", "soma", 10, 10)
    for sections, what in [
        ((), "without sections"),
        ((soma, Section("dend", "basal", 100, 1)), "soma and dend both have no parent"),
        ((Section("dend", "basal", 100, 1, parent=1), soma), "dend, has a parent"),
        ((soma, Section("dend", "basal", 100, 1, parent=1)), "dend stands before its parent"),
        ((soma, Section("soma", "basal", 100, 1, parent=0)), "2 sections are called soma"),
    ]:
        with pytest.raises(CellError, match=what):
            Morphology(sections)
    with pytest.raises(CellError, match=r"joins its parent at 1\.5"):
        Section("dend", "basal", 100, 1, parent=0, parent_x=1.5)
