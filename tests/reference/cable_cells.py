"""Hand-made tables of cells for the tests of kernels: mechanisms of their own, trees of any shape, no cell file."""

from __future__ import annotations

from collections.abc import Sequence

from gbar.compartments import Compartment, Compartments, Instance, Pool, Quantity, Reversal, Site
from gbar.mechanism import Mechanism, parse
from gbar.parameters import FreeParameter, ParameterSpace

CALCIUM_POOL = """
NEURON { SUFFIX pool USEION ca READ ica WRITE cai RANGE depth, tau, rest }
UNITS { FARADAY = (faraday) (coulomb) }
PARAMETER { depth = 0.1 (um) tau = 80 (ms) rest = 1e-4 (mM) }
STATE { cai (mM) }
ASSIGNED { ica (mA/cm2) }
INITIAL { cai = rest }
BREAKPOINT { SOLVE follow METHOD cnexp }
DERIVATIVE follow { cai' = -10000*ica/(2*FARADAY*depth) + (rest - cai)/tau }
"""
CALCIUM_CURRENT = """
NEURON { SUFFIX hva USEION ca READ eca WRITE ica RANGE gbar }
PARAMETER { gbar = 0.0005 (S/cm2) }
STATE { m h }
ASSIGNED { v (mV) eca (mV) ica (mA/cm2) }
INITIAL { m = 1/(1 + exp(-(v + 25)/7)) h = 1/(1 + exp((v + 40)/8)) }
BREAKPOINT { SOLVE gates METHOD cnexp ica = gbar*m*m*h*(v - eca) }
DERIVATIVE gates { m' = (1/(1 + exp(-(v + 25)/7)) - m)/2  h' = (1/(1 + exp((v + 40)/8)) - h)/50 }
"""
CALCIUM_GATED = """
NEURON { SUFFIX sk USEION k READ ek WRITE ik USEION ca READ cai RANGE gbar }
PARAMETER { gbar = 0.002 (S/cm2) }
STATE { z }
ASSIGNED { v (mV) ek (mV) cai (mM) ik (mA/cm2) }
INITIAL { z = 1/(1 + (0.00043/cai)^4.8) }
BREAKPOINT { SOLVE gate METHOD cnexp ik = gbar*z*(v - ek) }
DERIVATIVE gate { z' = 1/(1 + (0.00043/cai)^4.8) - z }
"""
CURVED = """
NEURON { SUFFIX curved USEION k READ ek, ki, ko WRITE ik NONSPECIFIC_CURRENT i RANGE p, last, before, size }
PARAMETER { p = 1e-7 }
STATE { n }
ASSIGNED {
    v (mV) ek (mV) ki (mM) ko (mM) ik (mA/cm2) i (mA/cm2)
    last (mV) before (mV) size diam (um) area (um2) celsius (degC)
}
INITIAL { n = 0.5 last = v before = v size = diam/10 + area/1000 }
BREAKPOINT {
    SOLVE gate METHOD cnexp
    ik = p*n*(v - ek)*(v - ek)*size*(ko + ki)/100
    i = p*(last + before + 140)*exp(v/50) + t*1e-9
    before = before + 0.1*(v - before)
}
DERIVATIVE gate { last = v n' = (1/(1 + exp(-(v + 40)/9)) - n)/(celsius/10) }
"""


class Quantities:
    """The quantities of a cell in the making, by name."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def __call__(self, name: str, value: float) -> int:
        """The index of a quantity, which is made where it is not there yet."""
        self.values.setdefault(name, float(value))
        return list(self.values).index(name)

    def instance(self, mechanism: Mechanism, place: str, **values: float) -> Instance:
        """A mechanism with its default parameters, or others; `area` and `diam` where they are among them."""
        given = {p.name: p.value for p in mechanism.parameters} | values
        given.pop("celsius", None)
        bindings = tuple((n, self(f"{n}_{mechanism.name}.{place}", value)) for n, value in given.items())
        return Instance(mechanism, bindings)

    def tables(
        self,
        compartments: Sequence[Compartment],
        sites: Sequence[tuple[int, str]],
        free: Sequence[tuple[str, float, float]],
        celsius: float = 20.0,
    ) -> Compartments:
        """The tables; free are quantities by name, with their ranges."""
        index = self("celsius", celsius)
        space = ParameterSpace(tuple(FreeParameter(n, "mV", low, high, "linear", (n,)) for n, low, high in free))
        return Compartments(
            "hand-made",
            tuple(Quantity(name, value) for name, value in self.values.items()),
            index,
            tuple(compartments),
            tuple(Site(f"site {k}", place, variable) for k, (place, variable) in enumerate(sites)),
            space,
            tuple(list(self.values).index(name) for name, _, _ in free),
            lambda theta: theta.T.copy(),
        )


def calcium_tree(style: Reversal, hh: Mechanism, free: Sequence[tuple[str, float, float]]) -> Compartments:
    """Nine compartments, one without membrane, two branchings; calcium in three of them, a concentration's readers."""
    q = Quantities()
    pool, hva, sk, curved = map(parse, (CALCIUM_POOL, CALCIUM_CURRENT, CALCIUM_GATED, CURVED))
    compartments = []
    for k, parent in enumerate((-1, 0, 1, 1, 3, 0, 5, 6, 6)):
        place = ("soma", "dend", "apic")[0 if k == 0 else 1 + k % 2]
        sodium = Pool("na", 1.0, Reversal.STATED, q("ena", 50.0), None, None)
        inside, outside = q("ki", 54.4), q("ko", 2.5)
        potassium = Pool("k", 1.0, Reversal.STATED, q(f"ek.{place}", -77.0), inside, outside)
        e = q("eca", 120.0) if style is Reversal.STATED else None
        calcium = Pool("ca", 2.0, style, e, q("cai", 5e-5), q(f"cao.{place}", 2.0))
        found: tuple[Instance, ...] = tuple(q.instance(m, place) for m in (hh, hva, sk))
        pools: tuple[Pool, ...] = (sodium, potassium, calcium)
        if k in (0, 3, 5):
            found = (q.instance(pool, place), *found)
        else:
            found = (found[0], q.instance(curved, f"{place}{k}", area=900.0 / k, diam=2.0 + k))
        area = None if k == 1 else q(f"area.{k}", 1000.0 / (k + 1))
        compartments.append(
            Compartment(
                place, 0.5, place, parent,
                q(f"axial.{k}", 0.01 * (k + 1)) if k else None,
                area,
                q(f"cm.{place}", 1.0) if area is not None else None,
                found if area is not None else (),
                pools if area is not None else (),
            )
        )  # fmt: skip
    sites = [(0, "v"), (4, "v"), (3, "cai"), (5, "ica"), (0, "eca"), (3, "m_hva"), (4, "m_hh"), (0, "ik"), (0, "ek")]
    sites += [(1, "v"), (2, "i_curved"), (4, "last_curved"), (7, "before_curved"), (5, "z_sk")]
    return q.tables(compartments, sites, free)
