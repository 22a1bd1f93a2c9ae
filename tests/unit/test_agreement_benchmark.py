"""The table of comparisons with NEURON: what the notes of the tests come to."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from agreement import gather, table

NOTES = """im with hh, after a warm-up, row 0, soma v: 1.20e-09 mV, 3 spikes, shift 1.0e-08 us, 1 compartments
im with hh, a, comma, row 1, soma v: 3.40e-08 mV, 4 spikes, shift 2.5e-07 us, 1 compartments
im with hh, step, row 1, at_3 m_hh: 9.9e-01 , 0 spikes, shift 0.0e+00 us, 1 compartments
solve kinetic
tree, clamp, row 0, tip v: 5.00e-06 mV, 1 spikes, shift 0.0e+00 us, 26 compartments
"""


def test_rows_hold_the_worst() -> None:
    rows = gather(NOTES.splitlines())
    assert list(rows) == ["im with hh", "tree"]
    im = rows["im with hh"]
    assert (im.compartments, im.comparisons, im.spikes, im.voltage, im.shift) == (1, 3, 7, 3.4e-8, 2.5e-7)
    assert im.others == {"m_hh"}
    text = table(rows)
    assert "| tree | 26 | 1 | 1 | 5.0e-06 | 0.0e+00 |" in text and "also of 1 states" in text
