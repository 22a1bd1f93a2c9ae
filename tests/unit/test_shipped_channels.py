"""The channels of published models against their closed forms, typed here once more from the papers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gbar import mechanism
from gbar.kernel.gating import response, surroundings

exp = np.exp
V = np.array([-97.3, -71.2, -63.9, -52.4, -38.6, -21.7, -3.1, 24.8, 51.5])  # mV, beside every singularity

# The sets, with the parameters that published parameter files name
HAY = {
    "NaTa_t": ("ina", {"gNaTa_tbar"}),
    "NaTs2_t": ("ina", {"gNaTs2_tbar"}),
    "Nap_Et2": ("ina", {"gNap_Et2bar"}),
    "K_Pst": ("ik", {"gK_Pstbar"}),
    "K_Tst": ("ik", {"gK_Tstbar"}),
    "SKv3_1": ("ik", {"gSKv3_1bar"}),
    "SK_E2": ("ik", {"gSK_E2bar", "zTau"}),
    "Im": ("ik", {"gImbar"}),
    "Ih": ("ihcn", {"gIhbar", "ehcn"}),
    "Ca_HVA": ("ica", {"gCa_HVAbar"}),
    "Ca_LVAst": ("ica", {"gCa_LVAstbar"}),
    "CaDynamics_E2": ("", {"gamma", "decay", "depth", "minCai"}),
}
SSCX = {
    "NaTg": ("ina", {"gNaTgbar", "vshiftm", "vshifth", "slopem", "slopeh"}),
    "Ca_HVA2": ("ica", {"gCa_HVAbar"}),
    "CaDynamics_DC0": ("", {"gamma", "decay", "minCai"}),
}
MAINEN = {
    "km": ("ik", {"gbar", "q10"}),
    "kca": ("ik", {"gbar", "q10"}),
    "ca": ("ica", {"gbar", "q10", "vshift"}),
    "cad": ("", {"depth", "taur", "cainf"}),
}
ALLEN = {
    "NaTs": ("ina", {"gbar", "malphaF", "mbetaF", "mvhalf", "mk", "halphaF", "hbetaF", "hvhalf", "hk"}),
    "NaV": (
        "ina",
        {"gbar", "alpha", "beta", "gamma", "delta", "Con", "Coff", "Oon", "Ooff", "x1", "x2", "alfac", "btfac"},
    ),
    "Nap": ("ina", {"gbar"}),
    "K_P": ("ik", {"gbar", "vshift", "tauF"}),
    "K_T": ("ik", {"gbar", "vshift", "mTauF", "hTauF"}),
    "Kd": ("ik", {"gbar"}),
    "Kv2like": ("ik", {"gbar"}),
    "Kv3_1": ("ik", {"gbar", "vshift"}),
    "Im": ("ik", {"gbar"}),
    "Im_v2": ("ik", {"gbar"}),
    "Ca_LVA": ("ica", {"gbar"}),
    "Ca_HVA": ("ica", {"gbar"}),
    "SK": ("ik", {"gbar", "zTau"}),
    "Ih": ("ihcn", {"gbar", "ehcn"}),
    "CaDynamics": ("", {"gamma", "decay", "depth", "minCai"}),
}
DOPAMINE = {
    "na_da": ("ina", {"gbar", "vshift"}),
    "kdr_da": ("ik", {"gbar"}),
    "ka_da": ("ik", {"gbar"}),
    "cat_da": ("ica", {"gbar"}),
    "can_da": ("ica", {"gbar", "k"}),
    "cal_da": ("ica", {"gbar", "k"}),
    "kca_da": ("ik", {"gbar", "k"}),
    "leak_da": ("ina ik ica", {"gnabar", "gkbar", "gcabar"}),
    "gaba_da": ("i", {"gbar", "e"}),
    "nakpump_da": ("ina ik", {"ibar", "k", "n"}),
    "capump_da": ("ica", {"ibar", "k"}),
    "nabal_da": ("", {"f"}),
    "cabal_da": ("", {"f"}),
    "glu_da": (
        "ina ik ica",
        {"gampabar", "pbar", "rate", "irregular", "seed", "kna", "pca", "mg", "kmg", "qmg", "pmin"}
        | {"nao", "ki", "ko", "cain", "cao"},
    ),
}
KORNGREEN = {
    "nat": ("ina", {"gbar", "q10", "vshiftm", "vshifth"}),
    "kfast": ("ik", {"gbar", "q10"}),
    "kslow": ("ik", {"gbar", "q10"}),
    "hcn": ("i", {"gbar", "q10", "eh"}),
}
SETS = {
    "hay": HAY, "sscx": SSCX, "mainen": MAINEN, "allen": ALLEN, "dopamine": DOPAMINE, "korngreen": KORNGREEN,
}  # fmt: skip
EVERY = [(f"{name}/{suffix}", *what) for name, one in SETS.items() for suffix, what in one.items()]


def test_nothing_ships_beside_these():
    in_sets = {path.relative_to(path.parents[1]).with_suffix("").as_posix() for path in folder().glob("*/*.mod")}
    assert in_sets == {name for name, _, _ in EVERY}


def folder():
    return mechanism.shipped_file("hh").parent


@pytest.mark.parametrize(("name", "current", "parameters"), EVERY, ids=[name for name, _, _ in EVERY])
def test_names_that_parameter_files_use(name, current, parameters):
    m = mechanism.read(mechanism.shipped_file(name))
    assert m.name == name.partition("/")[2]
    assert [c.name for c in m.currents] == current.split()
    assert {p.name for p in m.parameters} == parameters
    assert not m.warnings


def test_ions_of_calcium():
    def ions(name):
        m = mechanism.read(mechanism.shipped_file(name))
        return {ion.name: (set(ion.reads) - set(ion.writes), set(ion.writes)) for ion in m.ions}

    assert ions("SK_E2") == ions("allen/SK") == ions("kca") == {"k": ({"ek"}, {"ik"}), "ca": ({"cai"}, set())}
    assert ions("CaDynamics_E2") == ions("CaDynamics_DC0") == ions("cad") == {"ca": ({"ica"}, {"cai"})}
    assert ions("hay/Ca_HVA") == ions("ca") == {"ca": ({"eca"}, {"ica"})}
    assert ions("hay/Ih") == {}


def linear(x, k):
    """The quotient x / (1 - exp(-x/k))."""
    return x / (1.0 - exp(-x / k))


def rates(a, b, q=1.0):
    return a / (a + b), 1.0 / (q * (a + b))


Q34 = 2.3 ** ((34 - 21) / 10)


def colbert(v, half_m, half_h, q, km=6.0, kh=6.0):
    """Colbert & Pan 2002, doi 10.1038/nn0602-857, as in Hay et al. 2011, doi 10.1371/journal.pcbi.1002107."""
    m = rates(0.182 * linear(v - half_m, km), -0.124 * (v - half_m) / (1 - exp((v - half_m) / km)), q)
    h = rates(-0.015 * (v - half_h) / (1 - exp((v - half_h) / kh)), 0.015 * linear(v - half_h, kh), q)
    return {"m": m, "h": h}


def persistent_inactivation(v, q):
    """Magistretti & Alonso 1999, doi 10.1085/jgp.114.4.491."""
    a = -2.88e-6 * (v + 17.0) / (1 - exp((v + 17.0) / 4.63))
    b = 6.94e-6 * (v + 64.4) / (1 - exp(-(v + 64.4) / 2.63))
    return 1 / (1 + exp((v + 48.8) / 10)), 1 / (q * (a + b))


def slow_potassium(u, q, half, slope):
    """Korngreen & Sakmann 2000, doi 10.1111/j.1469-7793.2000.00621.x."""
    tau = np.where(u < -50, 1.25 + 175.03 * exp(0.026 * u), 1.25 + 13 * exp(-0.026 * u)) / q
    h = 1 / (1 + exp((u + 54) / 11)), (360 + (1010 + 24 * (u + 55)) * exp(-(((u + 75) / 48) ** 2))) / q
    return {"m": (1 / (1 + exp(-(u - half) / slope)), tau), "h": h}


def fast_potassium(u, q, half, slope):
    """The same, the transient component."""
    m = 1 / (1 + exp(-(u - half) / slope)), (0.34 + 0.92 * exp(-(((u + 71) / 59) ** 2))) / q
    return {"m": m, "h": (1 / (1 + exp((u + 66) / 10)), (8 + 49 * exp(-(((u + 73) / 23) ** 2))) / q)}


def kv3(v):
    """Rettig et al. 1992, doi 10.1002/j.1460-2075.1992.tb05312.x."""
    return {"m": (1 / (1 + exp((v - 18.7) / -9.7)), 0.2 * 20 / (1 + exp((v + 46.56) / -44.14)))}


def muscarinic(v, q):
    """Adams, Brown & Constanti 1982, doi 10.1113/jphysiol.1982.sp014357."""
    return {"m": rates(3.3e-3 * exp(2.5 * 0.04 * (v + 35)), 3.3e-3 * exp(-2.5 * 0.04 * (v + 35)), q)}


def hcn(v):
    """Kole, Hallermann & Stuart 2006, doi 10.1523/JNEUROSCI.3664-05.2006."""
    a = 0.001 * 6.43 * (v + 154.9) / (exp((v + 154.9) / 11.9) - 1)
    return {"m": rates(a, 0.001 * 193 * exp(v / 33.1))}


def high_calcium(v, q=1.0, shift=0.0):
    """Reuveni et al. 1993, doi 10.1523/JNEUROSCI.13-11-04609.1993."""
    m = rates(0.055 * (-27 - v) / (exp((-27 - v) / 3.8) - 1), 0.94 * exp((-75 - v) / 17), q)
    u = v + shift
    return {"m": m, "h": rates(0.000457 * exp((-13 - u) / 50), 0.0065 / (exp((-u - 15) / 28) + 1), q)}


def low_calcium(v, q):
    """Avery & Johnston 1996, doi 10.1523/JNEUROSCI.16-18-05567.1996; Randall & Tsien 1997 for the time constants."""
    u = v + 10
    return {
        "m": (1 / (1 + exp((u + 30) / -6)), (5 + 20 / (1 + exp((u + 25) / 5))) / q),
        "h": (1 / (1 + exp((u + 80) / 6.4)), (20 + 50 / (1 + exp((u + 40) / 7))) / q),
    }


def kv2(v, q):
    """Form of Keren et al. 2005, doi 10.1152/jn.00408.2005, in Nandi et al. 2022, doi 10.1016/j.celrep.2022.111176."""
    steady, tau = rates(0.12 * linear(v - 43, 11), 0.02 * exp(-(v + 1.27) / 120))
    h = 1 / (1 + exp((v + 58) / 11))
    h1 = (360 + (1010 + 23.7 * (v + 54)) * exp(-(((v + 75) / 48) ** 2))) / q
    h2 = (2350 + 1380 * exp(-0.011 * v) - 210 * exp(-0.03 * v)) / q
    return {"m": (steady, 2.5 * tau / q), "h1": (h, h1), "h2": (h, h2)}


def mainen_gate(v, q, half, opening, closing, slope):
    """Mainen & Sejnowski 1996, doi 10.1038/382363a0."""
    return rates(opening * linear(v - half, slope), -closing * (v - half) / (1 - exp((v - half) / slope)), q)


def q10(celsius, reference):
    return 2.3 ** ((celsius - reference) / 10)


def korngreen_sodium(v, q):
    """Almog & Korngreen 2014, doi 10.1523/JNEUROSCI.2896-13.2014."""
    m = 1 / (1 + exp(-(v + 38) / 10)), (0.058 + 0.114 * exp(-(((v + 36) / 28) ** 2))) / q
    return {"m": m, "h": (1 / (1 + exp((v + 66) / 6)), (0.28 + 16.7 * exp(-(((v + 60) / 25) ** 2))) / q)}


def korngreen_slow(v, q):
    """The same, after Korngreen & Sakmann 2000, doi 10.1111/j.1469-7793.2000.00621.x."""
    a = rates(q * 0.0052 * linear(v - 11.1, 13.1), q * 0.01938 * exp(-(v + 1.27) / 71) - 0.0053)
    b = 1 / (1 + exp((v + 58) / 11))
    faster = 360 + (1010 + 23.7 * (v + 54)) * exp(-(((v + 75) / 48) ** 2))
    slower = 2350 + 1380 * exp(-0.01118 * v) - 210 * exp(-0.0306 * v)
    return {"a": a, "b": (b, faster), "c": (b, slower)}


def williams(v, q):
    """Williams & Stuart 2000, doi 10.1152/jn.2000.83.5.3177."""
    return {"h": (1 / (1 + exp((v + 91) / 6)), 1 / (q * (0.0003933 * exp(-0.0249 * v) + 0.0877 * exp(0.062 * v))))}


def boltzmann(v, half, slope):
    return 1 / (1 + exp(-(v - half) / slope))


def bell(v, centre, width, height, floor):
    return floor + height * exp(-(((v - centre) / width) ** 2))


def dopamine_sodium(v, shift=0.0):
    """Canavier & Landry 2006, doi 10.1152/jn.00704.2006."""
    u = v - shift
    mtau = boltzmann(v, -45, -1.5) - boltzmann(v, -65, -0.5) + 0.04
    htau = 56 * boltzmann(u, -39, -4.5) - 56 * boltzmann(u, -59, -2) + 1
    return {"m": (boltzmann(u, -44.6, 6), mtau), "h": (boltzmann(u, -66.8, -7.8), htau)}


CLOSED = {
    "korngreen/nat": lambda v, c: korngreen_sodium(v, q10(c, 21)),
    "korngreen/kfast": lambda v, c: fast_potassium(v, q10(c, 21), -47, 29),
    "korngreen/kslow": lambda v, c: korngreen_slow(v, q10(c, 21)),
    "korngreen/hcn": lambda v, c: williams(v, q10(c, 22)),
    "hay/NaTa_t": lambda v, c: colbert(v, -38, -66, Q34),
    "hay/NaTs2_t": lambda v, c: colbert(v, -32, -60, Q34),
    "hay/Nap_Et2": lambda v, c: {
        "m": (1 / (1 + exp((v + 52.6) / -4.6)), 6 * colbert(v, -38, -66, Q34)["m"][1]),
        "h": persistent_inactivation(v, Q34),
    },
    "hay/K_Pst": lambda v, c: slow_potassium(v + 10, Q34, -1, 12),
    "hay/K_Tst": lambda v, c: fast_potassium(v + 10, Q34, 0, 19),
    "hay/SKv3_1": lambda v, c: kv3(v),
    "hay/Im": lambda v, c: muscarinic(v, Q34),
    "hay/Ih": lambda v, c: hcn(v),
    "hay/Ca_HVA": lambda v, c: high_calcium(v),
    "hay/Ca_LVAst": lambda v, c: low_calcium(v, Q34),
    "sscx/NaTg": lambda v, c: colbert(v, -38 + 13, -66 + 15, Q34, 7.0, 5.0),
    "sscx/Ca_HVA2": lambda v, c: high_calcium(v, shift=12.3),
    "mainen/km": lambda v, c: {"n": mainen_gate(v, q10(c, 23), -30, 0.001, 0.001, 9)},
    "mainen/ca": lambda v, c: high_calcium(v, q10(c, 23)),
    "allen/NaTs": lambda v, c: colbert(v, -40, -66, q10(c, 23)),
    "allen/Nap": lambda v, c: {"h": persistent_inactivation(v, q10(c, 21))},
    "allen/K_P": lambda v, c: slow_potassium(v, q10(c, 21), -14.3, 14.6),
    "allen/K_T": lambda v, c: fast_potassium(v, q10(c, 21), -47, 29),
    "allen/Kd": lambda v, c: {
        "m": (1 - 1 / (1 + exp((v + 43) / 8)), np.ones_like(v)),
        "h": (1 / (1 + exp((v + 67) / 7.3)), 1500 * np.ones_like(v)),
    },
    "allen/Kv2like": lambda v, c: kv2(v, q10(c, 21)),
    "allen/Kv3_1": lambda v, c: kv3(v),
    "allen/Im": lambda v, c: muscarinic(v, q10(c, 21)),
    "allen/Im_v2": lambda v, c: im_v2(v, q10(c, 30)),
    "allen/Ca_LVA": lambda v, c: low_calcium(v, q10(c, 21)),
    "allen/Ca_HVA": lambda v, c: high_calcium(v),
    "allen/Ih": lambda v, c: hcn(v),
    "dopamine/na_da": lambda v, c: dopamine_sodium(v, 18),
    "dopamine/kdr_da": lambda v, c: {"n": (boltzmann(v, -35, 12), 10 * np.ones_like(v))},
    "dopamine/ka_da": lambda v, c: {
        "p": (boltzmann(v, -42, 4), bell(v, -42, 10, 5.5, 4)),
        "q": (boltzmann(v, -63, -4), 50 * np.ones_like(v)),
    },
    "dopamine/cat_da": lambda v, c: {
        "d": (boltzmann(v, -63.5, 1.5), bell(v, -66, 6.32455, 65, 3.5)),
        "f": (boltzmann(v, -76.2, -3), bell(v, -72, 10, 50, 10)),
    },
    "dopamine/can_da": lambda v, c: {"d": (boltzmann(v, -45, 7), bell(v, -70, 25, 18, 0.3))},
    "dopamine/cal_da": lambda v, c: {"d": (boltzmann(v, -50, 3), bell(v, -45, 20, 18, 1.5))},
}
SET = {
    "dopamine/na_da": {"vshift": 18.0},
    "sscx/NaTg": {"vshiftm": 13.0, "vshifth": 15.0, "slopem": 7.0, "slopeh": 5.0},
}


def im_v2(v, q):
    """After Vervaeke et al. 2006, in Nandi et al. 2022, doi 10.1016/j.celrep.2022.111176."""
    a, b = 0.007 * exp(6 * 0.4 * (v + 48) / 26.12), 0.007 * exp(-6 * 0.6 * (v + 48) / 26.12)
    return {"m": (a / (a + b), (15 + 1 / (a + b)) / q)}


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("celsius", [34.0, 26.5])
def test_steady_states_and_time_constants_are_the_published_ones(name, celsius):
    m = mechanism.read(mechanism.shipped_file(name))
    found = response(m, V, surroundings(m, celsius) | SET.get(name, {}))
    expected = CLOSED[name](V, celsius)
    assert set(expected) == set(m.states)
    for state, (steady, tau) in expected.items():
        np.testing.assert_allclose(found.steady[state], steady, rtol=1e-10, err_msg=state)
        np.testing.assert_allclose(found.tau[state], tau, rtol=1e-8, err_msg=state)


@pytest.mark.parametrize(("name", "state"), [("hay/SK_E2", "z"), ("allen/SK", "z")])
def test_small_conductance_channels_follow_calcium(name, state):
    """Kohler et al. 1996, doi 10.1126/science.273.5282.1709."""
    m = mechanism.read(mechanism.shipped_file(name))
    cai = np.array([1e-9, 1e-7, 5e-5, 4.3e-4, 1e-3, 1e-2])
    found = response(m, np.full(6, -60.0), surroundings(m, 34.0) | {"cai": cai})
    expected = np.where(cai > 1e-7, 1 / (1 + (0.00043 / cai) ** 4.8), 0.0)
    np.testing.assert_allclose(found.steady[state], expected, rtol=1e-10, atol=1e-20)
    np.testing.assert_allclose(found.tau[state], 1.0, rtol=1e-8)


def test_kca_follows_calcium():
    """Mainen & Sejnowski 1996, doi 10.1038/382363a0: opening 0.01 Ca, closing 0.02 per ms at 23 degC."""
    m = mechanism.read(mechanism.shipped_file("kca"))
    cai = np.logspace(-5, 1, 7)
    found = response(m, np.full(7, -60.0), surroundings(m, 37.0) | {"cai": cai})
    np.testing.assert_allclose(found.steady["n"], 0.01 * cai / (0.01 * cai + 0.02), rtol=1e-10)
    np.testing.assert_allclose(found.tau["n"], 1 / (q10(37, 23) * (0.01 * cai + 0.02)), rtol=1e-8)


@pytest.mark.parametrize(("name", "factor"), [("Nap", 1.0), ("NaTs", 1.0), ("km", 1e-4 * q10(34, 23))])
def test_currents_at_steady_states(name, factor):
    """The density in S/cm2 (pS/um2 in km) times the open gates times the driving force."""
    m = mechanism.read(mechanism.shipped_file(name))
    known = surroundings(m, 34.0) | {"gbar": 2.0}
    found = response(m, V, known)
    s = found.steady
    e = known["ek" if name == "km" else "ena"]
    product = {
        "Nap": lambda: s["h"] / (1 + exp(-(V + 52.6) / 4.6)),
        "NaTs": lambda: s["m"] ** 3 * s["h"],
        "km": lambda: s["n"],
    }
    (current,) = found.current.values()
    np.testing.assert_allclose(current, factor * 2.0 * product[name]() * (V - e), rtol=1e-9)


def carter(v, celsius):
    """The rate matrix of the scheme of Carter et al. 2012, doi 10.1016/j.neuron.2012.08.033: d/dt s = A s, per ms."""
    q = 2.3 ** ((celsius - 37) / 10)
    on, off = 400 * exp(v / 24), 12 * exp(-v / 24)
    closed, inactive = range(6), range(6, 12)
    links = [(closed[5], inactive[5], 8.0, 0.05)]
    for k in range(4):
        links += [(closed[k], closed[k + 1], (4 - k) * on, (k + 1) * off)]
        links += [(inactive[k], inactive[k + 1], 2.51 * (4 - k) * on, (k + 1) * off / 5.32)]
    for k in range(5):
        links += [(closed[k], inactive[k], 0.01 * 2.51**k, 40 / 5.32**k)]
    links += [(row[4], row[5], 250.0, 60.0) for row in (closed, inactive)]
    a = np.zeros((12, 12))
    for one, other, forth, back in links:
        a[other, one] += q * forth
        a[one, one] -= q * forth
        a[one, other] += q * back
        a[other, other] -= q * back
    return a


def test_the_markov_sodium_channel_starts_in_the_steady_state_of_its_scheme():
    m = mechanism.read(mechanism.shipped_file("NaV"))
    order = ["C1", "C2", "C3", "C4", "C5", "O", "I1", "I2", "I3", "I4", "I5", "I6"]
    v = np.array([-95.3, -60.7, -22.1, 31.4])
    found = response(m, v, surroundings(m, 34.0))
    for k in range(len(v)):
        matrix = np.vstack([carter(v[k], 34.0), np.ones(12)])
        expected = np.linalg.lstsq(matrix, np.eye(13)[12], rcond=None)[0]
        np.testing.assert_allclose([found.steady[name][k] for name in order], expected, rtol=1e-6, atol=1e-9)
    assert all(np.isnan(found.tau[name]).all() for name in order)


def steps_of_pool(name, ica, steps, dt, **known):
    from gbar.kernel.interpret import run

    m = mechanism.read(mechanism.shipped_file(name))
    values = surroundings(m, 34.0) | {"v": -65.0, "t": 0.0, "dt": dt, **known}
    values |= run(m.initial, values)[1] | {"ica": ica}
    for _ in range(steps):
        values |= run(m.advance, values)[1]
    return float(values["cai"])


FARADAY = 96485.33212331001


def test_calcium_pools_fill_and_decay():
    """The shell of Destexhe et al. 1993, doi 10.1016/S0006-3495(93)81190-1, exactly as cnexp solves it."""
    ica, dt, n = -2e-3, 0.025, 40

    def exact(start, rest, decay, gain):
        end = rest + gain * decay
        return end + (start - end) * exp(-n * dt / decay)

    shell = 1e4 * 2e-3 * 0.05 / (2 * FARADAY * 0.1)
    assert steps_of_pool("CaDynamics_E2", ica, n, dt) == pytest.approx(exact(5e-5, 1e-4, 80, shell), rel=1e-10)
    assert steps_of_pool("CaDynamics", ica, n, dt) == pytest.approx(exact(1e-4, 1e-4, 80, shell), rel=1e-10)
    whole = 1e4 * 2e-3 * (4 / 3.0) * 0.01 / (2 * FARADAY)
    found = steps_of_pool("CaDynamics_DC0", ica, n, dt, diam=3.0)
    assert found == pytest.approx(exact(6.5e-5, 6.5e-5, 70, whole), rel=1e-10)


def test_mainens_pool_takes_backward_steps_and_pumps_nothing_in():
    ica, dt, n = -2e-3, 0.025, 40
    ca = 1e-4
    for _ in range(n):
        ca = (ca + dt * (1e4 * 2e-3 / (2 * FARADAY * 0.1) + 1e-4 / 200)) / (1 + dt / 200)
    assert steps_of_pool("cad", ica, n, dt) == pytest.approx(ca, rel=1e-10)
    assert steps_of_pool("cad", 2e-3, n, dt) == pytest.approx(1e-4, rel=1e-12)


def currents(name, v=-60.0, **known):
    m = mechanism.read(mechanism.shipped_file(name))
    found = response(m, np.array([v]), surroundings(m, 35.0) | known).current
    return {current: float(value[0]) for current, value in found.items()}


def test_pumps_and_channels_of_the_dopamine_neuron_follow_their_ions():
    """Canavier & Landry 2006, doi 10.1152/jn.00704.2006."""
    pumped = 3.6e-3 / (1 + (10 / 4.0) ** 1.5)
    assert currents("nakpump_da", nai=4.0) == pytest.approx({"ina": 3 * pumped, "ik": -2 * pumped})
    assert currents("capump_da", cai=1e-4) == pytest.approx({"ica": 0.0312 / (1 + 5e-4 / 1e-4)})
    assert currents("kca_da", cai=1e-4, ek=-100.0) == pytest.approx({"ik": 8e-4 * 40 / (1 + 1.9**4)})
    for name, gbar, k, half, slope in (("can_da", 1.71e-4, 1e-4, -45, 7), ("cal_da", 2.16e-4, 4.5e-4, -50, 3)):
        expected = gbar * boltzmann(-60.0, half, slope) * k / (k + 2e-4) * (-60.0 - 120.0)
        assert currents(name, cai=2e-4, eca=120.0) == pytest.approx({"ica": expected})


def test_sodium_and_calcium_fill_the_segment():
    """Charge over volume: 4/diam of membrane, one elementary charge or two."""
    ica, dt, n = -2e-3, 0.025, 40
    found = steps_of_pool("cabal_da", ica, n, dt, diam=3.0, cai=1e-4)
    assert found == pytest.approx(1e-4 + n * dt * 0.005 * 1e4 * 2e-3 * (4 / 3.0) / (2 * FARADAY), rel=1e-10)
    m = mechanism.read(mechanism.shipped_file("nabal_da"))
    values = surroundings(m, 35.0) | {"diam": 3.0, "nai": 4.0, "ina": -1e-2, "dt": dt, "v": -60.0, "t": 0.0}
    from gbar.kernel.interpret import run

    for _ in range(n):
        values |= run(m.advance, values)[1]
    assert float(values["nai"]) == pytest.approx(4.0 + n * dt * 1e4 * 1e-2 * (4 / 3.0) / FARADAY, rel=1e-10)


def test_glutamate_receptors_at_their_mean_opening():
    """Ohmic AMPA and Goldman-Hodgkin-Katz NMDA currents, typed with the exponentials of the equations."""
    v, nai, ena, ek, rate = -30.0, 4.0, 95.0, -100.0, 0.5

    def mean(a, b):
        rise = 1 - exp(-(a + b))
        return rate * a / (a + b) * (1 - rise / (a + b) + rise / b)

    u = FARADAY * v * 1e-3 / (8.31446261815324 * 308.15)
    p = 0.0225 + (1 - 0.0225) / (1 + 1.2 / 50.7 * exp(-v / 9))
    n = 1e-3 * FARADAY * 2.3e-7 * p * mean(0.072, 0.0066)
    a = 2.68e-6 * mean(1.1, 0.19)
    found = currents("glu_da", v, nai=nai, ena=ena, ek=ek, rate=rate, irregular=0.0)
    sodium = 0.75 * n * u * (nai - 145 * exp(-u)) / (1 - exp(-u))
    potassium = 0.75 * n * u * (140 - 2.5 * exp(-u)) / (1 - exp(-u))
    calcium = 10.6 * n * u * (1e-4 - 0.3 * 2 * exp(-2 * u)) / (1 - exp(-2 * u))
    expected = {"ina": a * (v - ena) + sodium, "ik": 3.37 / 2.68 * a * (v - ek) + potassium, "ica": calcium}
    assert found == pytest.approx(expected, rel=1e-6)


def parameters_of(suffix, *sets):
    m = mechanism.read(mechanism.shipped_file(suffix, prefer=sets))
    return {f"{p.name}_{m.name}" for p in m.parameters}


def test_bluepyopts_parameter_files_find_their_names(shared):
    entries = json.loads((shared / "parameters/bluepyopt_l5pc/parameters.json").read_text())
    ranged = [entry for entry in entries if entry["type"] == "range"]
    assert len(ranged) > 20
    for entry in ranged:
        assert entry["param_name"] in parameters_of(entry["mech"], "hay")


def test_the_sscx_parameter_files_find_their_names(shared):
    recipe = json.loads((shared / "parameters/sscx_l5pc/pyr.json").read_text())
    suffixes = sorted({name for region in recipe["mechanisms"].values() for name in region["mech"]})
    known = set().union(*(parameters_of(suffix, "sscx", "hay") for suffix in suffixes))
    lists = [entries for region, entries in recipe["parameters"].items() if isinstance(entries, list)]
    names = {entry["name"] for entries in lists for entry in entries if entry["name"].endswith(tuple(suffixes))}
    assert len(names) > 15
    assert names <= known


@pytest.mark.parametrize(
    "file", ["468193142_fit_allactive.json", "468193142_fit_perisomatic.json", "allen_l5_template_fit.json"]
)
def test_allens_parameter_files_find_their_names(shared, file):
    genome = json.loads((shared / "parameters/allen_fit" / file).read_text())["genome"]
    named = [entry for entry in genome if entry["mechanism"]]
    assert len(named) > 10
    for entry in named:
        path = mechanism.shipped_file(f"allen/{entry['mechanism']}")
        assert entry["name"] in {f"{p.name}_{entry['mechanism']}" for p in mechanism.read(path).parameters}


def test_slow_potassium_beyond_what_was_measured():
    """Where the published closing rate and slower time constant are negative, ours are small and positive."""
    m = mechanism.read(mechanism.shipped_file("kslow"))
    found = response(m, np.array([-140.0, -118.0, 100.0, 150.0]), surroundings(m, 21.0))
    assert all((tau > 0).all() for tau in found.tau.values())
    assert found.steady["a"][2:] == pytest.approx(1.0, abs=1e-4)


def test_shifts_move_sodium_gates_up():
    m = mechanism.read(mechanism.shipped_file("nat"))
    at = surroundings(m, 34.0)
    shifted, plain = response(m, V + 7.0, at | {"vshiftm": 7.0, "vshifth": 7.0}), response(m, V, at)
    for gate in ("m", "h"):
        np.testing.assert_allclose(shifted.steady[gate], plain.steady[gate], rtol=1e-12)
        np.testing.assert_allclose(shifted.tau[gate], plain.tau[gate], rtol=1e-12)
