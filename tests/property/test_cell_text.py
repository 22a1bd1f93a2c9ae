import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gbar import mechanism
from gbar.cell import Along, At, Cell, Painted, Profile, Region, SegmentRule, Site, geometry, read_cell, write_cell
from gbar.errors import UserError
from gbar.morphology import Morphology, Section, cylinder, traced
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Injection, Protocol, Step, Stimulus, VoltageClamp

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


PAS = mechanism.read(mechanism.shipped_file("pas"))
sizes = st.floats(0.5, 500)
profiles = st.one_of(
    positive,
    st.builds(Profile.linear, positive, st.just(0.0)),
    st.builds(Profile.exponential, positive, st.floats(-1e4, -50)),
    st.builds(Profile.step, positive, sizes, sizes, positive),
    st.builds(
        lambda x, k: Profile("value * (1 + k * diam)", {"value": x, "k": k}), st.floats(1e-9, 100), st.floats(0, 9)
    ),
)
rules = st.one_of(
    st.builds(SegmentRule, st.just("count"), st.integers(1, 5).map(float)),
    st.builds(SegmentRule, st.sampled_from(["length", "every", "steps"]), st.floats(20, 400)),
    st.builds(SegmentRule, st.just("d_lambda"), st.floats(0.1, 0.5), st.floats(10, 200)),
)


@st.composite
def sections(draw):
    found = [Section("soma", "soma", draw(sizes), draw(sizes))]
    for k in range(draw(st.integers(0, 4))):
        region = draw(st.sampled_from(["soma", "dend", "tuft"]))
        parent, x = draw(st.integers(0, k)), draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))
        if draw(st.booleans()):
            end = draw(st.floats(1, 300))
            points = np.array([[0, 0, 0, 2.0], [0, end / 2, 1, draw(st.floats(0.2, 9))], [end / 3, end, 2, 0.5]])
            found.append(traced(f"b[{k}]", region, points, parent, x))
        else:
            count = draw(st.one_of(st.none(), st.integers(1, 5)))
            found.append(Section(f"b[{k}]", region, draw(sizes), draw(sizes), parent, x, nseg=count))
    return Morphology(tuple(found))


@st.composite
def trees(draw):
    morphology = draw(sections())
    regions, free = [], []
    for name in morphology.regions:
        painted = Painted(HH, {"gnabar": draw(profiles)}), Painted(PAS, {"g": draw(profiles)})
        regions.append(Region(name, draw(st.floats(0.5, 3)), painted, {"ena": 50, "ek": -77}, draw(st.floats(50, 300))))
        known = ["cm", "Ra", "ena", "gnabar_hh", "L_scale", "diam_scale"]
        unit = {"cm": "uF/cm2", "Ra": "ohm cm", "ena": "mV", "gnabar_hh": "S/cm2", "L_scale": "", "diam_scale": ""}
        chosen = draw(st.lists(st.sampled_from(known), unique=True, max_size=3))
        free += [FreeParameter(f"{q}.{name}", unit[q], 0.5, draw(st.floats(0.75, 9))) for q in chosen]
    places = [At(s.name, draw(st.floats(0, 1))) for s in morphology.sections]
    variables = st.sampled_from(["v", "m_hh", "ina", "i_pas"])
    sites = [Site(f"s{k}", place, draw(variables)) for k, place in enumerate(places)]
    stimulus = Stimulus(
        "a", Step(0, 1, 0.5), 2,
        injections=tuple(Injection(s.name, Step(0, 1, draw(st.floats(-9, 9)))) for s in sites[:1]),
        clamps=tuple(VoltageClamp(s.name, ((1.0, draw(st.floats(-90, 90))),), 2.5) for s in sites[1:2]),
    )  # fmt: skip
    cell = Cell(
        "tree", morphology, tuple(regions), 20.0, ParameterSpace(tuple(free)), Protocol((stimulus,)),
        segments=draw(rules), sites=tuple(sites),
    )  # fmt: skip
    if len(morphology.sections) == 1:
        return cell
    tip = morphology.sections[-1]
    along = Along(
        tip.region, sum(geometry.spans(morphology, cell.counts)[-1]) / 2, draw(st.sampled_from(["", tip.name]))
    )
    return replace(cell, sites=(*sites, Site("along", along)))


@settings(max_examples=60, deadline=None)
@given(trees(), st.data())
def test_a_written_tree_reads_back_equal_at_any_theta(cell, data):
    if len(cell.space) and data.draw(st.booleans()):
        cell = cell.at(cell.space.draw(data.draw(st.integers(0, 9)), 0, 1)[0])
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
