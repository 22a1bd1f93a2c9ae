"""The shape of a cell: sections, each with a length, a diameter and a region; files of it; its segments."""

from gbar.morphology.morphology import Morphology, Section, cylinder, sphere, traced
from gbar.morphology.read import read_morphology
from gbar.morphology.repair import REPAIRS
from gbar.morphology.segments import (
    Segments,
    nseg_bluepyopt,
    nseg_by_d_lambda,
    nseg_by_length,
    nseg_by_rule,
    segments,
)

__all__ = [
    "REPAIRS",
    "Morphology",
    "Section",
    "Segments",
    "cylinder",
    "nseg_bluepyopt",
    "nseg_by_d_lambda",
    "nseg_by_length",
    "nseg_by_rule",
    "read_morphology",
    "segments",
    "sphere",
    "traced",
]
