import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gbar.parameters import FreeParameter, ParameterSpace


@st.composite
def spaces(draw):
    parameters = []
    for i in range(draw(st.integers(1, 9))):
        if draw(st.booleans()):
            low = draw(st.floats(1e-9, 1e3))
            parameters.append(FreeParameter(f"p{i}", "1", low, low * draw(st.floats(1.001, 1e6)), "log"))
        else:
            low = draw(st.floats(-1e3, 1e3))
            parameters.append(FreeParameter(f"p{i}", "1", low, low + draw(st.floats(1e-3, 1e6))))
    return ParameterSpace(tuple(parameters))


@settings(deadline=None)
@given(spaces(), st.integers(0, 2**63), st.data())
def test_unit_and_theta_are_inverse(space, seed, data):
    unit = np.array([data.draw(st.lists(st.floats(-1, 1), min_size=len(space), max_size=len(space)))])
    theta = space.to_theta(unit)
    assert space.inside(theta).all()
    error = np.abs(space.to_theta(space.to_unit(theta)) - theta) / (np.abs(theta) + space.high - space.low)
    assert error.max() < 1e-12
    assert space.inside(space.draw(seed, 0, 20)).all()


@settings(deadline=None)
@given(spaces(), st.integers(0, 2**63), st.lists(st.integers(0, 60), min_size=0, max_size=6))
def test_a_draw_does_not_depend_on_the_partition(space, seed, cuts):
    whole = space.draw(seed, 0, 60)
    edges = sorted({0, 60, *cuts})
    parts = [space.draw(seed, a, b) for a, b in itertools.pairwise(edges)]
    assert np.array_equal(np.vstack(parts), whole)
    assert np.array_equal(space.draw(seed, 10**9, 10**9 + 3)[1:2], space.draw(seed, 10**9 + 1, 10**9 + 2))
