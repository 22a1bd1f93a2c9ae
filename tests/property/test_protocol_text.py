import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gbar.protocol import Chirp, Noise, Protocol, Ramp, Sampled, Step, Stimulus, Sum, Train

times = st.floats(0, 1000)
currents = st.floats(-3, 3)
simple = st.one_of(
    st.builds(Step, times, times, currents),
    st.builds(Ramp, times, times, currents, currents),
    st.builds(Chirp, times, times, currents, st.floats(0, 100), st.floats(0, 100)),
    st.builds(Noise, times, times, currents, st.floats(0, 0.3), st.floats(0.1, 50), st.integers(0, 2**62)),
    st.builds(
        lambda d, w, p, n, a: Train(d, min(w, p), p, n, a),
        times,
        times,
        st.floats(0.1, 90),
        st.integers(0, 9),
        currents,
    ),
    st.builds(lambda dt, v: Sampled(dt, np.array(v)), st.floats(0.01, 5), st.lists(currents, min_size=1, max_size=20)),
)
waveforms = st.one_of(simple, st.builds(Sum, st.lists(simple, max_size=3).map(tuple)))


@settings(deadline=None)
@given(waveforms, st.integers(1, 400), st.integers(1, 8), st.sampled_from([0.005, 0.01, 0.02, 0.025, 0.1]))
def test_text_and_back(waveform, count, stride, dt):
    stimulus = Stimulus("s", waveform, count * (stride * dt), dt=dt, sampling=stride * dt)
    protocol = Protocol((stimulus,))
    again = Protocol.from_json(json.loads(json.dumps(protocol.to_json())))
    assert again == protocol
    assert np.array_equal(again.stimuli[0].injected(), stimulus.injected())


@settings(deadline=None)
@given(waveforms, st.lists(st.floats(0, 1500), min_size=1, max_size=30))
def test_the_current_at_a_time_does_not_depend_on_the_other_times(waveform, asked):
    together = waveform.current(np.array(asked))
    assert [waveform.current(np.array([t]))[0] for t in asked] == together.tolist()
