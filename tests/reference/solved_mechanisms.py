"""Mechanisms for the comparison of integration methods with NEURON: (name, METHOD and block, states, INITIAL)."""

from __future__ import annotations

PARAMETERS = "a = 0.3 b = 0.2 c = 0.05 k = 0.5"

SCHEME = """~ c1 <-> c2 (a*exp(v/30), b) ~ 2 c2 <-> c3 (a, (b + c)) ~ c3 <-> o ((b + 1), 2*a) ~ o -> (c)
COMPARTMENT k*2 { ca buf cabuf } ~ ca << (2 - 1e-3*v) ~ ca + buf <-> cabuf (10*a, b) net = f_flux - b_flux"""
LINEAR = "~ c1 <-> c2 (a*exp(v/30), b*exp(-v/40)) ~ c2 <-> o (a, c) ~ c1 <-> i1 (k, a)"
CALCIUM = "~ ca + buf <-> cabuf (100*a, b) ~ ca << (1e-5*(v + 70)) ~ ca + pump <-> bound (50*a, 5*b) ~ bound -> (k)"
SMALL = "ca = 1e-4 buf = 0.03 cabuf = 1e-4 pump = 1e-3 bound = 0"

MECHANISMS = {
    "linear": ("sparse", f"KINETIC go {{ {LINEAR} }}", "c1 c2 o i1", "c1 = 1"),
    "conserved": ("sparse", f"KINETIC go {{ {LINEAR} CONSERVE c1 + c2 + o + i1 = 1 }}", "c1 c2 o i1", "c1 = .7"),
    "steady": (
        "sparse", f"KINETIC go {{ {LINEAR} CONSERVE c1 + c2 + o + i1 = 1 }}", "c1 c2 o i1",
        "SOLVE go STEADYSTATE sparse",
    ),
    "mixed": ("sparse", f"KINETIC go {{ {SCHEME} }}", "c1 c2 c3 o ca buf cabuf", "c1 = .5 o = .2 ca = .1 buf = 2"),
    "mixedsteady": (
        "sparse", f"KINETIC go {{ {SCHEME} CONSERVE c1 + 2 c2 + c3 + o = 1 }}", "c1 c2 c3 o ca buf cabuf",
        "c1 = .5 o = .2 ca = .1 buf = 2 cabuf = .3 SOLVE go STEADYSTATE sparse",
    ),
    "calcium": ("sparse", f"KINETIC go {{ {CALCIUM} }}", "ca buf cabuf pump bound", SMALL),
    "shells": (
        "sparse", "KINETIC go { COMPARTMENT j, (j + 1) { s } FROM j = 0 TO 2 { ~ s[j] <-> s[j+1] (a, b) } }", "s[4]",
        "s[0] = 1",
    ),
    "kineuler": ("euler", f"KINETIC go {{ {LINEAR} CONSERVE c1 + c2 + o + i1 = 1 }}", "c1 c2 o i1", "c1 = 1"),
    "kinrunge": ("runge", f"KINETIC go {{ {LINEAR} }}", "c1 c2 o i1", "c1 = 1"),
    "coupled": (
        "derivimplicit", "DERIVATIVE go { r = a*exp(v/50) x' = -r*x + b*u u' = r*x - (b + c)*u + v/100 }", "x u",
        "x = 1",
    ),
    "pump": (
        "derivimplicit", "DERIVATIVE go { x' = 1e-3*(v + 80) - a*x/(x + k) - b*x*x + u u' = exp(-x) - u*u*u }", "x u",
        "x = .01 u = .9",
    ),
    "rest": (
        "derivimplicit", "DERIVATIVE go { x' = a*exp(v/40)*r - b*x u' = c*x - k*u r = 1 - x - u }", "x u",
        "x = .3 r = 1 - x",
    ),
    "tiny": ("derivimplicit", "DERIVATIVE go { x' = 1e-7*(v + 80) - 1e-4*x/(x + 1e-4) }", "x", "x = 5e-5"),
    "bent": (
        "derivimplicit", "DERIVATIVE go { IF (x > k) { r = 3*x - 2*k } ELSE { r = x } x' = exp(v/40) - r }", "x",
        "x = .4",
    ),
    "standing": ("derivimplicit", "DERIVATIVE go { x' = 1 - x }", "x", "x = 0.01 SOLVE go STEADYSTATE derivimplicit"),
    "euler": ("euler", "DERIVATIVE go { r = a*x x' = 1 - r + u*v/100 u' = -u + x*t }", "x u", "x = 1 u = .5"),
    "runge": ("runge", "DERIVATIVE go { r = a*x x' = 1 - r + u*v/100 u' = -u + x*t }", "x u", "x = 1 u = .5"),
    "cnexp": ("cnexp", "DERIVATIVE go { x' = (a*exp(v/40) - x)/b u' = x - u*(1 + x) }", "x u", "x = 1 u = .5"),
    "called": ("cnexp", "DERIVATIVE go { x' = f(x) u' = (x - u)/k }", "x u", "x = 1 u = .5"),
    "polynomial": ("cnexp", "DERIVATIVE go { x' = b - a*x*x u' = (x - u)/k }", "x u", "x = 1 u = .5"),
    "unmoved": ("", "DERIVATIVE go { r = v x' = 1 - x }", "x", "x = 1"),
    "simeq": ("", "LINEAR go { ~ x + u + z = 1 ~ a*x - b*u = v/1000 ~ k*u - c*z = 0 }", "x u z", "x = 1 SOLVE go"),
    "procedure": ("", "PROCEDURE go() { x = x + (1 - exp(-dt/a))*(exp(v/50) - x) u = u + 1 }", "x u", "x = 1 SOLVE go"),
    "remembers": ("cnexp", "DERIVATIVE go { x' = (n - x)/a }", "x", "x = 1 n = 0"),
}  # fmt: skip
EXTRA = {"remembers": "n = n + 0.01*v"}  # in BREAKPOINT


def text(name: str) -> str:
    """The .mod file of a mechanism."""
    method, block, states, initial = MECHANISMS[name]
    total = " + ".join(s if "[" not in s else f"{s.partition('[')[0]}[1]" for s in states.split())
    solve = f"SOLVE go METHOD {method}" if method else "SOLVE go"
    return f"""NEURON {{ SUFFIX {name} NONSPECIFIC_CURRENT i RANGE a, b, c, k, r, n, net }}
PARAMETER {{ {PARAMETERS} }}
ASSIGNED {{ v (mV) dt (ms) i (mA/cm2) r n net }}
STATE {{ {states} }}
BREAKPOINT {{ {solve} {EXTRA.get(name, "")} i = 1e-6*({total})*(v + 70) }}
INITIAL {{ {initial} }}
{block}
FUNCTION f(q) {{ f = 1 - 2*q }}
"""
