"""The shape of a cell: sections, each with a length, a diameter and a region; files of it; its segments."""

from gbar.morphology.morphology import Morphology, Section, cylinder, sphere, traced
from gbar.morphology.segments import Segments

__all__ = ["Morphology", "Section", "Segments", "cylinder", "sphere", "traced"]
