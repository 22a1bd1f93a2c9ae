import math
from dataclasses import replace

import numpy as np
import pytest

from gbar import mechanism
from gbar.cell import Cell, Painted, Region, read_cell
from gbar.errors import CellError
from gbar.morphology import cylinder, sphere
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Protocol, Step, Stimulus

HH = mechanism.read(mechanism.shipped_file("hh"))
PAS = mechanism.read(mechanism.shipped_file("pas"))
PROTOCOL = Protocol((Stimulus("step", Step(2, 5, 0.1), 10),))


def cell(values=None, reversals=None, space=(), **changes):
    region = Region(
        "soma",
        changes.pop("cm", 1.0),
        (Painted(HH, values or {}), Painted(PAS, {"g": 1e-4})),
        {"ena": 50, "ek": -77} if reversals is None else reversals,
    )
    arguments = {
        "name": "test",
        "morphology": sphere(20),
        "regions": (region,),
        "temperature": 6.3,
        "space": ParameterSpace(space),
        "protocol": PROTOCOL,
    }
    return Cell(**(arguments | changes))


def test_every_quantity_has_its_name_value_and_unit():
    quantities = {name: (q.value, q.unit) for name, q in cell({"gnabar": 0.1}).quantities().items()}
    assert quantities == {
        "celsius": (6.3, "degC"),
        "area.soma": (pytest.approx(400 * math.pi), "um2"),
        "L.soma": (20.0, "um"),
        "cm.soma": (1.0, "uF/cm2"),
        "ena.soma": (50.0, "mV"),
        "ek.soma": (-77.0, "mV"),
        "gnabar_hh.soma": (0.1, "S/cm2"),
        "gkbar_hh.soma": (0.036, "S/cm2"),
        "gl_hh.soma": (0.0003, "S/cm2"),
        "el_hh.soma": (-54.3, "mV"),
        "g_pas.soma": (1e-4, "S/cm2"),
        "e_pas.soma": (-70.0, "mV"),
        "L_scale.soma": (1.0, ""),
        "diam_scale.soma": (1.0, ""),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": {"gnabr": 0.1}}, "hh has no parameter 'gnabr'; did you mean gnabar? it has: gnabar, gkbar, gl, el"),
        ({"values": {"gnabar": -0.1}}, "gnabar_hh = -0.1 S/cm2 is out of range, hh.mod allows 0"),
        ({"values": {"gnabar": math.nan}}, "gnabar_hh is nan"),
        ({"reversals": {"ena": 50}}, "hh reads ek, which the cell does not state; add `ek: -90 mV` under regions.soma"),
        ({"reversals": {"ena": 50, "ek": -77, "eca": 1}}, "no mechanism of soma reads eca"),
        ({"reversals": {"ena": 50, "ek": math.nan}}, "ek.soma is nan"),
        ({"cm": 0.0}, "cm.soma is 0.0 uF/cm2; give a capacitance above 0"),
        ({"temperature": 309.0}, "the temperature is 309.0 degC"),
        ({"temperature": math.nan}, "the temperature is nan degC"),
        ({"name": " "}, "the cell has no name"),
        ({"morphology": sphere(20, "dendrite")}, "regions soma are described, the morphology has dendrite"),
        (
            {"space": (FreeParameter("gnabar_hh.sona", "S/cm2", 0, 1),)},
            "sets 'gnabar_hh.sona', which the cell does not have; did you mean gnabar_hh.soma?",
        ),
        (
            {"space": (FreeParameter("gnabar_hh.soma", "mS/cm2", 0, 1),)},
            "is in mS/cm2, gnabar_hh.soma in S/cm2; state its range in S/cm2",
        ),
        ({"space": (FreeParameter("cm.soma", "uF/cm2", 0, 1),)}, "cm.soma may become 0 uF/cm2"),
        ({"space": (FreeParameter("area.soma", "um2", -5, 1),)}, "area.soma may become -5 um2"),
    ],
)
def test_refuses_what_is_no_cell(arguments, message):
    with pytest.raises(CellError) as caught:
        cell(**arguments)
    assert message in str(caught.value)


def test_a_mechanism_is_painted_once():
    with pytest.raises(CellError, match="pas is painted twice"):
        Region("soma", 1.0, (Painted(PAS), Painted(PAS)), {})


def test_values_of_the_free_parameters_become_the_cell_s_own():
    space = (
        FreeParameter("gnabar_hh.soma", "S/cm2", 0.06, 0.24, "log"),
        FreeParameter("e", "mV", -90, -50, targets=("el_hh.soma", "e_pas.soma", "ek.soma")),
        FreeParameter("area.soma", "um2", 100, 1e4, "log"),
        FreeParameter("cm.soma", "uF/cm2", 0.5, 2),
        FreeParameter("celsius", "degC", 5, 20),
    )
    before = cell(space=space, morphology=cylinder(100, 2))
    theta = np.array([0.2, -60.0, 5000.0, 1.5, 12.0])
    after = before.at(theta)
    np.testing.assert_allclose(after.theta, [theta], rtol=1e-14)
    values = {name: q.value for name, q in after.quantities().items()}
    assert values["el_hh.soma"] == values["e_pas.soma"] == values["ek.soma"] == -60.0
    assert values["gkbar_hh.soma"] == 0.036 and values["g_pas.soma"] == 1e-4
    assert after.temperature == 12.0 and after.region("soma").cm == 1.5
    assert after.space == before.space and after != before
    assert before.theta[0, 0] == 0.12
    assert before.at(theta.reshape(1, -1)) == after
    for bad in ([0.2], [0.2, -60, 5000, 1.5, math.nan]):
        with pytest.raises(CellError, match=r"are not the values of gnabar_hh.soma, e, area.soma"):
            before.at(np.array(bad))


def test_the_digest_knows_what_a_simulation_depends_on_and_nothing_else():
    plain = cell()
    assert plain == cell() and plain.digest == cell().digest
    assert replace(plain, name="other", description="x", source="y").digest == plain.digest
    assert cell({"gnabar": 0.12}).digest == plain.digest  # the mod file's own value
    changed = [
        cell({"gnabar": 0.13}),
        cell(reversals={"ena": 51, "ek": -77}),
        cell(cm=1.1),
        cell(temperature=7.0),
        cell(morphology=sphere(21)),
        cell(space=(FreeParameter("gnabar_hh.soma", "S/cm2", 0.06, 0.24, "log"),)),
        cell(protocol=Protocol((Stimulus("step", Step(2, 5, 0.2), 10),))),
        cell(regions=(Region("soma", 1.0, (Painted(HH),), {"ena": 50, "ek": -77}),)),
    ]
    assert len({plain.digest, *(c.digest for c in changed)}) == 1 + len(changed)


def test_the_cells_that_ship_are_what_was_asked_for():
    ball = read_cell("sphere")
    assert ball.theta.tolist() == [[0.12, 0.036]]
    assert ball.space.low.tolist() == [0.06, 0.018] and ball.space.high.tolist() == [0.24, 0.072]
    assert ball.temperature == 6.3 and ball.region("soma").reversals == {"ena": 50.0, "ek": -77.0}
    modern = read_cell("modern_sphere")
    np.testing.assert_allclose(modern.space.to_unit(modern.theta), 0, atol=1e-12)
    for c in (ball, modern):
        (stimulus,) = c.protocol.stimuli
        assert (stimulus.samples, stimulus.dt, stimulus.sampling) == (7601, 0.02, 0.02)
        assert (stimulus.waveform.delay, stimulus.waveform.duration) == (2.0, 144.0)
        assert all(p.scale == "log" and p.high / p.low == pytest.approx(4) for p in c.space.parameters)
        np.testing.assert_allclose(c.space.to_unit(c.theta), 0, atol=1e-12)


def test_the_leak_of_modern_sphere_is_what_its_description_says():
    quantities = read_cell("modern_sphere").quantities()
    p, cin, cout = (quantities[f"{name}_leak_ghk.soma"].value for name in ("p", "cin", "cout"))
    thermal = 8.314462618 * 310.15 / 96485.33212 * 1e3  # mV

    def density(v):  # mA/cm2
        x = v / thermal
        return 1e-3 * p * 96485.33212 * x * (cin - cout * math.exp(-x)) / (1 - math.exp(-x))

    rest = -thermal * math.log(cin / cout)
    assert rest == pytest.approx(-70.5, abs=0.05)
    assert (density(rest + 0.01) - density(rest - 0.01)) / 0.02 == pytest.approx(1 / 30000, rel=1e-3)
    assert density(1e-6) / -rest / ((density(rest + 0.01) - density(rest - 0.01)) / 0.02) == pytest.approx(
        1.73, abs=0.01
    )


def test_pospischil_has_the_priors_of_goncalves_2020():
    """Low and high of their Table (mS/cm2, ms, mV), the area last; the process noise has no counterpart."""
    space = read_cell("pospischil").space
    assert space.names == (
        "gbar_na_tm.soma", "gbar_k_tm.soma", "gbar_leak.soma", "gbar_im.soma", "taumax_im.soma", "vt.soma",
        "e_leak.soma", "area.soma",
    )  # fmt: skip
    assert space.low.tolist() == [5e-4, 1e-7, 1e-7, 1e-7, 1e-4, -90.0, -100.0, 2000.0]
    assert space.high.tolist() == [0.08, 0.015, 6e-4, 6e-4, 3000.0, -40.0, -35.0, 80000.0]
    assert [p.scale for p in space.parameters] == ["linear"] * 7 + ["log"]
    assert space.parameters[5].targets == ("vt_na_tm.soma", "vt_k_tm.soma")
