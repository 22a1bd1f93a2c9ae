"""The networks: as many weights as stated, any length of input, one fixed scale, nothing absurd from a file."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gbar.errors import EstimatorError
from gbar.learn.networks import Architecture, InputScale, TalkNetwork, build_network, count_weights, strides_for

TALK = Architecture("talk", 1, 7600, 2)


def test_the_talks_network_has_its_5834_weights():
    network = build_network(TALK, 0)
    assert isinstance(network, TalkNetwork)
    assert count_weights(network) == TALK.weights == 5834
    assert TALK.length == 31 and network.dense[0].in_features == 372
    assert [layer.out_channels for layer in network.convolutions if isinstance(layer, torch.nn.Conv1d)] == [
        4,
        6,
        8,
        10,
        12,
    ]


def test_dropout_is_off_unless_asked_for():
    v = torch.randn(3, 1, 7600)
    assert torch.equal(build_network(TALK, 0)(v), build_network(TALK, 0)(v))
    dropping = build_network(Architecture("talk", 1, 7600, 2, dropout=0.1), 0)
    assert sum(isinstance(m, torch.nn.Dropout) and m.p == 0.1 for m in dropping.modules()) == 2


def test_the_default_has_about_300_000_weights():
    assert 250_000 < Architecture("trace", 1, 7600, 2).weights < 350_000


@pytest.mark.parametrize("kind", ["talk", "trace"])
@pytest.mark.parametrize(("channels", "samples"), [(1, 500), (2, 777), (4, 2000), (1, 7600), (3, 8000)])
def test_weights_are_counted_right_and_any_input_fits(kind, channels, samples):
    architecture = Architecture(kind, channels, samples, 8)
    network = build_network(architecture, 1)
    assert count_weights(network) == architecture.weights
    assert network(torch.zeros(2, channels, samples)).shape == (2, 8)
    assert Architecture.from_json(architecture.to_json()) == architecture


def test_short_input_keeps_its_time_axis():
    for samples in (24, 96, 500, 1200, 4000, 8000):
        length = Architecture("trace", 1, samples, 2).length
        assert 24 <= length <= max(samples // 4, 33), samples
    assert strides_for(30) == (1, 1, 1, 1)


def test_the_seed_decides_the_weights_and_nothing_else_is_touched():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (build_network(TALK, seed) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.head.weight, again.head.weight) and not torch.equal(first.head.weight, other.head.weight)


def test_scale_is_one_number_for_the_whole_set():
    v = np.random.default_rng(0).normal(-52, 23, (700, 2, 40)).astype(np.float32)
    v[:350] += 10  # traces at different rests must stay apart
    scale = InputScale()
    scale.measure(v)
    assert float(scale.centre) == pytest.approx(v.mean(dtype=np.float64), abs=1e-3)
    assert float(scale.spread) == pytest.approx(v.std(dtype=np.float64), rel=1e-4)
    scaled = scale(torch.from_numpy(v))
    assert float(scaled[:350].mean() - scaled[350:].mean()) > 0.3
    scale.measure(np.full((3, 1, 10), -65, np.float32))
    assert torch.isfinite(scale(torch.zeros(1, 1, 3))).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "other"},
        {"channels": 0},
        {"channels": 10**9},
        {"samples": 10**12},
        {"samples": 7600.0},
        {"samples": True},
        {"outputs": -1},
        {"hidden": 10**6},
        {"hidden": 4096, "width": 1024},
        {"dropout": 1.0},
        {"dropout": float("nan")},
        {"kind": "talk", "samples": 100},
    ],
)
def test_absurd_architectures_are_refused_before_anything_is_allocated(changes):
    data = Architecture("trace", 1, 7600, 2).to_json() | changes
    with pytest.raises(EstimatorError):
        Architecture.from_json(data)


def test_unknown_fields_are_refused():
    for data in ({}, TALK.to_json() | {"code": "1"}):
        with pytest.raises(EstimatorError):
            Architecture.from_json(data)
