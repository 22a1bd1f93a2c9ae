"""gbar's parser against the one that NEURON ships (neuron.nmodl): what it prints again parses to the same tree."""

from __future__ import annotations

import pytest
from awkward_mechanisms import TEXTS

from gbar.mechanism import shipped, shipped_file
from gbar.nmodl import blocks as b
from gbar.nmodl.parse import parse_file
from gbar.nmodl.unparse import unparse


@pytest.fixture(scope="module")
def printed_by_neuron(nrn):
    from neuron import nmodl

    return lambda text: nmodl.to_nmodl(nmodl.NmodlDriver().parse_string(text))


def code(text: str) -> b.File:
    """The tree without what that printer leaves out."""
    return b.File(tuple(one for one in parse_file(text).blocks if not isinstance(one, b.Title | b.Independent)))


@pytest.mark.parametrize("name", shipped())
def test_shipped_files(name, printed_by_neuron):
    text = shipped_file(name).read_text()
    assert code(printed_by_neuron(text)) == code(text)


@pytest.mark.parametrize("name", TEXTS)
def test_awkward_files(name, printed_by_neuron):
    assert code(printed_by_neuron(TEXTS[name])) == code(TEXTS[name])


def test_neuron_reads_what_gbar_prints(printed_by_neuron):
    for text in TEXTS.values():
        own = unparse(code(text))
        assert code(printed_by_neuron(own)) == code(text)
