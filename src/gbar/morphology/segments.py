"""A morphology cut into segments: the tree of nodes that a simulation computes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Segments:
    """Nodes of a cell as arrays, a parent before its children.

    A node is the middle of a segment, or, with no area, a point where sections meet (kept where needed).
    """

    section: Int[np.ndarray, " node"]  # index into Morphology.sections
    x: Float[np.ndarray, " node"]  # place along its section, 0 to 1
    parent: Int[np.ndarray, " node"]  # node; -1 for the root
    area: Float[np.ndarray, " node"]  # um2, NEURON's area(); 0 at a meeting point
    diam: Float[np.ndarray, " node"]  # um, NEURON's segment diameter
    length: Float[np.ndarray, " node"]  # um, L / nseg; 0 at a meeting point
    resistance: Float[np.ndarray, " node"]  # to the parent: MOhm per ohm cm of the node's own section's Ra; 0: the root
    distance: Float[np.ndarray, " node"]  # um along the tree from the middle of the soma, NEURON's h.distance
