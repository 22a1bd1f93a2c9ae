"""A cell's tables: what is in every compartment, and that the setting gives what the cell at a parameter set has."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gbar import mechanism
from gbar.cell import Along, At, Cell, Painted, Profile, Region, SegmentRule, Site, read_cell
from gbar.compartments import Reversal, lower
from gbar.errors import CellError
from gbar.morphology import Morphology, Section, read_morphology, traced
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Protocol, Step, Stimulus

HH = mechanism.read(mechanism.shipped_file("hh"))
PAS = mechanism.read(mechanism.shipped_file("pas"))
PROTOCOL = Protocol((Stimulus("step", Step(2, 5, 0.1), 10),))
ENA_EK = {"ena": 50, "ek": -77}

POOL = mechanism.parse(
    """
NEURON { SUFFIX pool USEION ca READ ica, cai WRITE cai RANGE tau GLOBAL least }
PARAMETER { tau = 80 (ms) <1e-9, 1e9> least = 1e-4 (mM) }
ASSIGNED { ica (mA/cm2) diam (um) }
STATE { cai (mM) }
INITIAL { cai = least }
BREAKPOINT { SOLVE out METHOD cnexp }
DERIVATIVE out { cai' = -1e4 * 4 * ica / (2 * 96485 * diam) - (cai - least) / tau }
""",
    file="pool.mod",
)
CA = mechanism.parse(
    """
NEURON { SUFFIX cachannel USEION ca READ eca WRITE ica RANGE gbar, m }
PARAMETER { gbar = 1e-4 (S/cm2) }
ASSIGNED { v (mV) eca (mV) ica (mA/cm2) m }
BREAKPOINT { m = 1 / (1 + exp(-(v + 20) / 9)) ica = gbar * m * (v - eca) }
""",
    file="cachannel.mod",
)


def tree(pointed=False):
    dend = Section("dend", "dend", 300.0, 2.0, 0, 1.0)
    if pointed:
        points = np.array([[0, 0, 0, 3.0], [0, 100, 0, 2.0], [20, 250, 0, 1.0], [40, 300, 5, 0.5]])
        dend = traced("dend", "dend", points, 0, 1.0)
    return Morphology((Section("soma", "soma", 20.0, 18.0), dend, Section("tuft", "tuft", 100.0, 1.0, 1, 1.0)))


IH = Profile("(-0.87 + 2.09 * exp(distance * k)) * value", {"value": 1e-4, "k": 0.0031})


def cell(space=(), pointed=False, **changes):
    regions = (
        Region("soma", 1.0, (Painted(HH), Painted(PAS)), ENA_EK, 100.0),
        Region("dend", 2.0, (Painted(PAS, {"g": IH}), Painted(CA), Painted(POOL)), {}, 150.0, {"cai": 5e-5, "cao": 2}),
        Region("tuft", 2.0, (Painted(PAS, {"g": Profile("value * diam", {"value": 1e-4})}),), {}, 150.0),
    )
    arguments = {
        "name": "tree", "morphology": tree(pointed), "regions": regions, "temperature": 30.0,
        "space": ParameterSpace(tuple(space)), "protocol": PROTOCOL,
        "segments": SegmentRule("every", 40.0),
        "sites": (Site("soma", At("soma", 0.5)), Site("far", Along("dend", 200.0)), Site("ca", At("dend", 0.1), "cai")),
    }  # fmt: skip
    return Cell(**(arguments | changes))


FREE = (
    FreeParameter("gnabar_hh.soma", "S/cm2", 0.05, 0.2, "log"),
    FreeParameter("g_pas.dend", "S/cm2", 1e-5, 1e-3, "log"),
    FreeParameter("g_pas.dend.k", "", 1e-3, 5e-3),
    FreeParameter("Ra", "ohm cm", 50, 200, targets=("Ra.dend", "Ra.tuft")),
    FreeParameter("cm.dend", "uF/cm2", 0.5, 3),
    FreeParameter("e", "mV", -80, -60, targets=("e_pas.soma", "e_pas.dend", "e_pas.tuft")),
    FreeParameter("ena.soma", "mV", 40, 60),
    FreeParameter("cao.dend", "mM", 1, 3),
    FreeParameter("celsius", "degC", 20, 36),
    FreeParameter("least_pool", "mM", 1e-5, 1e-3, "log"),
    FreeParameter("tau_pool.dend", "ms", 10, 200),
)
GEOMETRY = (
    FreeParameter("L_scale.dend", "", 0.5, 2),
    FreeParameter("diam_scale.dend", "", 0.5, 2),
    FreeParameter("L_scale.tuft", "", 0.5, 2),
    FreeParameter("area.soma", "um2", 500, 2000),
)


def test_the_tree_of_compartments():
    tables = lower(cell())
    places = [(c.section, c.parent) for c in tables.compartments]
    assert [section for section, _ in places if section == "dend"].__len__() == 16  # 15 and the point at its end
    for i, compartment in enumerate(tables.compartments):
        assert compartment.parent < i and (compartment.parent == -1) == (i == 0) == (compartment.axial is None)
    bare = [c for c in tables.compartments if c.area is None]
    assert [(c.section, c.x) for c in bare] == [("soma", 1.0), ("dend", 1.0)]
    assert all(c.cm is None and not c.instances and not c.pools for c in bare)
    values = tables.values
    areas = {r: sum(values[c.area] for c in tables.compartments if c.region == r and c.area is not None)
             for r in ("soma", "dend", "tuft")}  # fmt: skip
    assert areas == pytest.approx({"soma": math.pi * 360, "dend": math.pi * 600, "tuft": math.pi * 100})
    inner = [c for c in tables.compartments if c.section == "dend" and c.area is not None][1:]
    length, Ra = 20e-4, 150.0  # cm, ohm cm
    expected = math.pi * (1e-4) ** 2 / (Ra * length) * 1e6  # uS
    assert [values[c.axial] for c in inner] == pytest.approx([expected] * 14)


def test_uniform_quantities_are_shared_and_profiles_are_not():
    tables = lower(cell())
    names = [q.name for q in tables.quantities]
    assert len(set(names)) == len(names)
    assert {"gnabar_hh.soma", "ena.soma", "cai.dend", "cm.dend", "area.soma", "e_pas.dend", "least_pool"} <= set(names)
    assert sum(name.startswith("g_pas.dend(") for name in names) == 15
    dend = [c for c in tables.compartments if c.section == "dend" and c.area is not None]
    ca = {id(i) for c in dend for i in c.instances if i.mechanism.name == "cachannel"}
    assert len(ca) == 1
    distance = np.array([10.0 + 10 + 20 * k for k in range(15)])
    g = [tables.values[dict(i.bindings)["g"]] for c in dend for i in c.instances if i.mechanism.name == "pas"]
    np.testing.assert_allclose(g, (-0.87 + 2.09 * np.exp(distance * 0.0031)) * 1e-4, rtol=1e-12)
    assert [
        tables.values[dict(i.bindings)["diam"]] for c in dend for i in c.instances if i.mechanism.name == "pool"
    ] == [2.0] * 15


def test_pools_and_the_order_of_instances():
    tables = lower(cell())
    soma, dend = (next(c for c in tables.compartments if c.section == name) for name in ("soma", "dend"))
    assert {(p.ion, p.reversal) for p in soma.pools} == {("na", Reversal.STATED), ("k", Reversal.STATED)}
    assert all(p.e is not None and p.ci is None and p.co is None for p in soma.pools)
    (ca,) = dend.pools
    assert (ca.ion, ca.valence, ca.reversal, ca.e) == ("ca", 2.0, Reversal.ALWAYS, None)
    assert ca.ci is not None and ca.co is not None
    assert tables.quantities[ca.ci].value == 5e-5 and tables.quantities[ca.co].value == 2.0
    assert [i.mechanism.name for i in dend.instances] == ["pool", "pas", "cachannel"]


def test_a_fixed_reversal_potential_is_stated():
    region = Region("dend", 2.0, (Painted(CA), Painted(POOL)), {"eca": 140}, 150.0, {"cai": 5e-5}, frozenset({"eca"}))
    regions = tuple(region if r.name == "dend" else r for r in cell().regions)
    tables = lower(cell(regions=regions))
    (ca,) = next(c for c in tables.compartments if c.section == "dend").pools
    assert ca.reversal is Reversal.STATED and tables.quantities[ca.e].value == 140 and ca.co is None


def test_sites():
    tables = lower(cell())
    soma, far, ca = tables.sites
    assert (soma.compartment, soma.variable, soma.unit) == (0, "v", "mV")
    at = tables.compartments[far.compartment]
    assert (at.section, round(at.x * 300, 6)) == ("dend", 190.0)  # 200 um from soma(0.5) lie 190 um along it
    assert (ca.variable, ca.unit, tables.compartments[ca.compartment].x) == ("cai", "mM", pytest.approx(0.1))
    ends = (Site("top", At("dend", 1.0)), Site("foot", At("dend", 0.0)), Site("tip", At("tuft", 1.0)),
            Site("m", At("dend", 1.0), "i_pas"))  # fmt: skip
    top, foot, tip, m = (tables.compartments[s.compartment] for s in lower(cell(sites=ends)).sites)
    assert (top.section, top.x, top.area) == ("dend", 1.0, None)
    assert (foot.section, foot.x) == ("soma", 1.0)
    assert (tip.section, tip.area is not None) == ("tuft", True)
    assert m.section == "dend" and m.area is not None


@pytest.mark.parametrize("pointed", [False, True])
@pytest.mark.parametrize(
    "free", [FREE, GEOMETRY, FREE + GEOMETRY, GEOMETRY[3:]], ids=["values", "sizes", "all", "area"]
)
def test_the_setting_gives_what_the_cell_at_a_parameter_set_has(free, pointed):
    described = cell(free, pointed)
    tables = lower(described)
    theta = described.space.draw(3, 0, 4)
    values = tables.at(theta)
    assert values.shape == (len(tables.quantities), 4)
    assert tables.setting(theta).shape == (len(tables.varying), 4)
    for row in range(4):
        own = lower(described.at(theta[row]))
        assert [q.name for q in own.quantities] == [q.name for q in tables.quantities]
        assert own.compartments == tables.compartments and own.sites == tables.sites
        np.testing.assert_allclose(values[:, row], own.values, rtol=3e-7 if pointed and free != FREE else 1e-13)
    np.testing.assert_allclose(tables.at(described.theta)[:, 0], tables.values, rtol=1e-12)


def test_only_what_depends_on_theta_varies():
    def varying(*free):
        tables = lower(cell(free))
        return sorted({tables.quantities[i].name.partition("(")[0] for i in tables.varying})

    assert varying() == []
    assert varying(FREE[0]) == ["gnabar_hh.soma"]
    assert varying(FREE[2]) == ["g_pas.dend"]
    assert varying(FREE[3]) == ["axial.dend", "axial.tuft"]
    # the distances of the dendrite's compartments, and those of the tuft, follow the dendrite's length
    assert varying(GEOMETRY[0]) == ["area.dend", "axial.dend", "diam.dend", "g_pas.dend"]
    assert varying(GEOMETRY[2]) == ["area.tuft", "axial.tuft", "g_pas.tuft"]
    assert varying(GEOMETRY[3]) == ["area.soma", "axial.soma", "g_pas.dend"]


def test_the_area_of_a_cell_in_one_piece_is_the_parameter_itself():
    sphere = replace(read_cell("sphere"), space=ParameterSpace((FreeParameter("area.soma", "um2", 100, 9000),)))
    tables = lower(sphere)
    theta = sphere.space.draw(0, 0, 5)
    assert (tables.setting(theta) == theta.T).all() and len(tables.varying) == 1
    assert [q.name for q in tables.quantities][:3] == ["celsius", "area.soma", "cm.soma"]


def test_global_variables_have_one_value():
    dend, soma = cell().region("dend"), cell().region("soma")

    def both(first, second):
        mine = replace(dend, mechanisms=(Painted(POOL, first),), concentrations={"cai": 5e-5})
        return (
            replace(soma, mechanisms=(*soma.mechanisms, Painted(POOL, second)), concentrations={"cai": 5e-5}),
            mine,
            cell().region("tuft"),
        )

    stated = cell(regions=both({"least": 2e-4}, {}))
    assert stated.region("soma").mechanisms[-1].value("least") == 2e-4  # stated once, it holds everywhere
    assert stated.quantities()["least_pool"].value == 2e-4
    with pytest.raises(
        CellError, match=r"least_pool is GLOBAL, one value for the cell, but 0\.0001 in soma and 0\.0002 in"
    ):
        cell(regions=both({"least": 2e-4}, {"least": 1e-4}))
    free = (FreeParameter("least_pool.dend", "mM", 1e-5, 1e-3),)
    alias = cell(free, regions=both({}, {}))
    assert lower(alias).at(np.array([[5e-4]]))[[q.name for q in lower(alias).quantities].index("least_pool")] == 5e-4
    with pytest.raises(
        CellError, match=r"least_pool is GLOBAL, one value for the cell, and set by least_pool\.dend and f"
    ):
        cell((*free, FreeParameter("f", "mM", 1e-5, 1e-3, targets=("least_pool",))), regions=both({}, {}))
    with pytest.raises(CellError, match="least_pool is GLOBAL, one value for the whole cell; give a number"):
        Painted(POOL, {"least": IH})


def test_two_mechanisms_of_one_name_are_refused():
    other = mechanism.parse(
        "NEURON { SUFFIX hh NONSPECIFIC_CURRENT i } ASSIGNED { i v } BREAKPOINT { i = v }", file="b.mod"
    )
    tuft = replace(cell().region("tuft"), mechanisms=(Painted(other),))
    with pytest.raises(CellError, match=r"two mechanisms are called hh: .*hh\.mod and b\.mod"):
        cell(regions=(cell().region("soma"), cell().region("dend"), tuft))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"regions": tuple(replace(r, Ra=None) for r in cell().regions)}, "Ra.soma is not stated, and the cell has"),
        ({"sites": (Site("a", At("dent", 0.5)),)}, "the site a lies on dent, which is no section; did you mean dend?"),
        ({"sites": (Site("a", Along("apical", 5)),)}, "the site a lies in apical, which is no region"),
        (
            {"sites": (Site("a", Along("dend", 500)),)},
            "nothing of dend lies at 500 um from the soma; it ends at 310 um",
        ),
        ({"sites": (Site("a", At("tuft", 0.5), "cai"),)}, "the site a records 'cai', which tuft does not have"),
        ({"sites": (Site("a", At("soma", 0.5)),) * 2}, "two sites are called a"),
        ({"segments": SegmentRule(sections={"axon": 3})}, "stated for axon, which is no section and no region"),
        ({"space": (FreeParameter("L_scale.dend", "", 0, 1),)}, "L_scale.dend may become 0;"),
        ({"space": (FreeParameter("cao.dend", "mM", 0, 1),)}, "cao.dend may become 0 mM"),
        (
            {"space": (GEOMETRY[0], FreeParameter("area.dend", "um2", 1, 2))},
            "area.dend and L_scale.dend are both free",
        ),
    ],
)
def test_what_is_no_cell_is_refused(changes, message):
    with pytest.raises(CellError) as caught:
        cell(**changes)
    assert message in str(caught.value)


def test_a_profile_must_stay_within_the_mod_file_s_limits():
    tau = Painted(POOL, {"tau": Profile.linear(80.0, -1.0)})
    dend = replace(cell().region("dend"), mechanisms=(Painted(CA), tau))
    described = cell(regions=(cell().region("soma"), dend, cell().region("tuft")))
    with pytest.raises(CellError, match=r"tau_pool at dend\(0.2.*\) = 0 ms is out of range, pool.mod allows 1e-09"):
        lower(described)


def test_the_digest_covers_the_shape_and_all_that_is_new():
    pointed = tree(True)
    moved = list(pointed.sections)
    moved[1] = traced("dend", "dend", pointed.sections[1].points + np.array([0, 0, 0, 0.25]), 0, 1.0)
    regions = cell().regions
    variants = [
        cell(), cell(pointed=True), cell(morphology=Morphology(tuple(moved))),
        cell(segments=SegmentRule("every", 60.0)), cell(sites=cell().sites[:2]),
        cell(regions=(replace(regions[0], Ra=101.0), *regions[1:])),
        cell(regions=(regions[0], replace(regions[1], concentrations={"cai": 5e-5, "cao": 2.5}), regions[2])),
        cell(regions=(regions[0], regions[1], replace(regions[2], mechanisms=(Painted(PAS, {"g": IH}),)))),
    ]  # fmt: skip
    assert len({c.digest for c in variants}) == len(variants)
    assert cell().digest == cell().digest


def test_ten_thousand_rows_of_many_compartments_are_cheap(shared):
    import time

    morphology = read_morphology(shared / "morphologies" / "bbp" / "C060114A5.asc")
    regions = tuple(Region(r, 1.0, (Painted(PAS, {"g": IH}),), {}, 100.0) for r in morphology.regions)
    free = [FreeParameter(f"g_pas.{r}", "S/cm2", 1e-5, 1e-3) for r in morphology.regions]
    free += [FreeParameter(f"Ra.{r}", "ohm cm", 50, 200) for r in morphology.regions]
    described = Cell("l5", morphology, regions, 34.0, ParameterSpace(tuple(free)), PROTOCOL,
                     segments=SegmentRule("every", 40.0))  # fmt: skip
    tables = lower(described)
    assert len(tables.compartments) > 900 and len(tables.varying) > 1800
    theta = described.space.draw(0, 0, 64)
    tables.setting(theta)
    before = time.process_time()
    for _ in range(10):
        tables.setting(theta)
    assert (time.process_time() - before) / 10 < 0.1  # of hours that a block of so many compartments takes


def test_a_mechanism_may_call_its_parameters_as_neuron_calls_the_membranes():
    text = """
    NEURON { SUFFIX named NONSPECIFIC_CURRENT i RANGE cm, L GLOBAL Ra }
    PARAMETER { Ra = 0.4 cm = 0.8 L = 2 }
    ASSIGNED { v (mV) i (mA/cm2) }
    BREAKPOINT { i = 1e-4 * Ra * cm * L * (v + 65) }
    """
    region = Region("soma", 1.5, (Painted(mechanism.parse(text), {"cm": 0.9}),))
    tables = lower(replace(read_cell("sphere"), regions=(region,), space=ParameterSpace(())))
    (compartment,) = tables.compartments
    bound = {name: tables.values[q] for name, q in compartment.instances[0].bindings}
    assert bound == {"Ra": 0.4, "cm": 0.9, "L": 2.0}
    assert tables.values[compartment.cm] == 1.5
