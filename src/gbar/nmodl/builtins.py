"""Functions that NEURON gives to every file, written in NMODL: a file that calls one gets its definition."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from gbar.nmodl import blocks as b
from gbar.nmodl import tree as t
from gbar.nmodl.constants import BOLTZMANN, ELEMENTARY_CHARGE, FARADAY
from gbar.nmodl.parse import parse_file
from gbar.nmodl.walk import calls

# at_time: whether te lies in the step that ends now. abs: C++'s, of a double. nrn_ghk: the Goldman-Hodgkin-Katz flux
# (mA/cm2 for 1 cm/s, mM); NEURON takes x/(exp(x) - 1) as 1 - x/2 near 0.
_TEXT = f"""
FUNCTION at_time(te) {{
    at_time = te - 1e-11 <= t && te - 1e-11 > t - dt
}}
FUNCTION abs(x) {{
    abs = fabs(x)
}}
FUNCTION nrn_ghk(vm, ci, co, z) {{
    LOCAL x
    x = z*vm/(1000*{BOLTZMANN / ELEMENTARY_CHARGE!r}*(celsius + 273.15))
    nrn_ghk = .001*z*{FARADAY!r}*(ci*nrn_ghk_part(-x) - co*nrn_ghk_part(x))
}}
FUNCTION nrn_ghk_part(x) {{
    IF (fabs(x) < 1e-4) {{
        nrn_ghk_part = 1 - x/2
    }} ELSE {{
        nrn_ghk_part = x/(exp(x) - 1)
    }}
}}
"""


@lru_cache(maxsize=1)
def _routines() -> dict[str, b.Routine]:
    return {block.name: block for block in parse_file(_TEXT).blocks if isinstance(block, b.Routine)}


def with_builtins(tree: b.File) -> b.File:
    """`tree` with the definitions of the functions in this module that it calls and does not define itself."""
    known = _routines()
    own = {block.name for block in tree.blocks if isinstance(block, b.Routine)}
    called: set[str] = set()
    for block in tree.blocks:
        body: tuple[t.Statement, ...] = getattr(block, "body", ())
        called |= {call.function for call in calls(body)}
    needed = called & known.keys() - own
    if "nrn_ghk" in needed:
        needed.add("nrn_ghk_part")
    return replace(tree, blocks=tree.blocks + tuple(known[name] for name in sorted(needed)))
