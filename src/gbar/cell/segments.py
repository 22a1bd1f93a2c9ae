"""How many compartments each section is divided into."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gbar.errors import CellError

MOST = 10_001  # compartments of one section


@dataclass(frozen=True)
class SegmentRule:
    """NEURON's nseg of every section.

    `count`: `value` in every section. `length`: the fewest of an odd number none of which is longer than `value` um.
    `every`: 1 + 2 int(L / value), BluePyOpt's and Allen's rule with 40 um. `steps`: 1 + int(L / value). `d_lambda`: the
    fewest of an odd number none of which is longer than the share `value` of the length constant at `frequency` Hz.
    `sections` (by the name of a section or a region) states the number itself, before any rule.
    """

    kind: Literal["count", "length", "every", "steps", "d_lambda"] = "count"
    value: float = 1.0
    frequency: float = 100.0  # Hz
    sections: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sections", {name: int(n) for name, n in self.sections.items()})
        if self.kind not in ("count", "length", "every", "steps", "d_lambda"):
            raise CellError(f"there is no rule {self.kind!r} for the number of segments",
                            remedy="use count, length, every, steps or d_lambda")  # fmt: skip
        for label, value in (("the number of segments by " + self.kind, self.value), ("frequency", self.frequency)):
            if not (math.isfinite(value) and value > 0):
                raise CellError(f"{label} is {value:g}", remedy="give a number above 0")
        for name, count in (
            *self.sections.items(),
            *((("every section", self.value),) if self.kind == "count" else ()),
        ):
            if count != int(count) or not 1 <= count <= MOST:
                raise CellError(f"{name} has {count:g} segments", remedy=f"give a whole number from 1 to {MOST}")

    def __hash__(self) -> int:
        return hash((self.kind, self.value, self.frequency, tuple(self.sections.items())))
