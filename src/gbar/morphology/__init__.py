"""The shape of a cell: sections, each with a length, a diameter and a region; files of it; its segments."""

from gbar.morphology.axon import myelinated_axon, remove_axon, replace_axon, replace_axon_tapered, stub_axon
from gbar.morphology.cylinders import Cylinder, ball_and_stick, binary_tree, branching, regions
from gbar.morphology.morphology import Morphology, Section, cylinder, sphere, stepped, traced
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
from gbar.morphology.spines import add_spines
from gbar.morphology.write import write_swc

__all__ = [
    "REPAIRS",
    "Cylinder",
    "Morphology",
    "Section",
    "Segments",
    "add_spines",
    "ball_and_stick",
    "binary_tree",
    "branching",
    "cylinder",
    "myelinated_axon",
    "nseg_bluepyopt",
    "nseg_by_d_lambda",
    "nseg_by_length",
    "nseg_by_rule",
    "read_morphology",
    "regions",
    "remove_axon",
    "replace_axon",
    "replace_axon_tapered",
    "segments",
    "sphere",
    "stepped",
    "stub_axon",
    "traced",
    "write_swc",
]
