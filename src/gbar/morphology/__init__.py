"""The shape of a cell: sections, each with a length, a diameter and a region."""

from gbar.morphology.morphology import Morphology, Section, cylinder, sphere

__all__ = ["Morphology", "Section", "cylinder", "sphere"]
