"""What a KINETIC scheme conserves stays, whatever its reactions."""

import sys
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from nmodl_running import mechanism, steps

STATES = "p q r s"
rate = st.floats(0.01, 20.0)
names = st.sampled_from(STATES.split())
start = st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4)


@given(st.lists(st.tuples(names, names, rate, rate), min_size=1, max_size=6), start, st.booleans())
@settings(max_examples=25, deadline=None)
def test_linear_schemes_keep_their_sum(reactions, values, conserving):
    lines = " ".join(f"~ {x} <-> {y} ({f!r}, {r!r})" for x, y, f, r in reactions if x != y)
    if not lines:
        return
    total = sum(values)
    conserve = f"CONSERVE p + q + r + s = {total!r}" if conserving else ""
    initial = " ".join(f"{name} = {value!r}" for name, value in zip(STATES.split(), values, strict=True))
    m = mechanism("go METHOD sparse", f"KINETIC go {{ {lines} {conserve} }}", STATES, initial=initial)
    for row in steps(m, 5)[1:]:
        found = [row[name] for name in STATES.split()]
        np.testing.assert_allclose(sum(found), total, rtol=1e-12, atol=1e-15)
        assert min(found) >= -1e-12


@given(st.tuples(rate, rate), st.tuples(rate, rate), start)
@settings(max_examples=25, deadline=None)
def test_buffers_keep_what_is_bound(one, other, values):
    block = f"KINETIC go {{ ~ p + q <-> r {one!r} ~ 2 p <-> s {other!r} }}"
    initial = " ".join(f"{name} = {value!r}" for name, value in zip(STATES.split(), values, strict=True))
    m = mechanism("go METHOD sparse", block, STATES, initial=initial)
    first, *rest = steps(m, 5)
    for row in rest:
        np.testing.assert_allclose(row["q"] + row["r"], first["q"] + first["r"], rtol=1e-12, atol=1e-15)
        amount = row["p"] + row["r"] + 2 * row["s"]
        np.testing.assert_allclose(amount, first["p"] + first["r"] + 2 * first["s"], rtol=1e-12, atol=1e-15)
