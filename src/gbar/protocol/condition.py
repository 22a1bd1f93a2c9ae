"""A condition of an experiment: what a drug blocks of a cell, in per cent.

    conditions:
      TTX: {blocks: {gbar_na: 100 %}}
      TTX and 4-AP: {blocks: {gbar_na: 100 %, gbar_ka.soma: 80 %}}

A block names a parameter of a mechanism as a free parameter does (`gbar_ka.soma`), or without a region everywhere
(`gbar_na`), and leaves 1 - block of it: of one value, and of all values of a profile over the distance.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from gbar import units
from gbar.document import Node, nearest
from gbar.errors import ProtocolError

CONTROL = "control"  # what a stimulus is under that names no condition

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Block:
    """How much of a quantity is blocked, 0 to 100 %."""

    quantity: str  # gbar_na.soma, or gbar_na: in every region that has it
    percent: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "percent", float(self.percent))
        if not 0.0 <= self.percent <= 100.0:
            raise ProtocolError(f"{self.quantity} is blocked by {self.percent:g} %", remedy="give 0 to 100 %")

    @property
    def share(self) -> float:
        """What is left, 1 to 0."""
        return (100.0 - self.percent) / 100.0


@dataclass(frozen=True)
class Condition:
    """Blocks under a name. Raises ProtocolError."""

    name: str
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        if not self.name.strip():
            raise ProtocolError("a condition has no name", remedy="name it")
        if self.name == CONTROL:
            raise ProtocolError(f"{CONTROL} is the condition without blocks", remedy="give this one another name")

    def to_json(self) -> dict[str, Any]:
        """A dictionary, as in a cell's YAML."""
        return {"blocks": {block.quantity: units.exact(block.percent, "%") for block in self.blocks}}

    @staticmethod
    def from_node(name: str, node: Node) -> Condition:
        """The condition that an entry under `conditions` describes."""
        blocks = []
        for quantity, entry in node.mapping(required=("blocks",))["blocks"].mapping(optional=None).items():
            percent = entry.quantity("%")
            with entry.blamed():
                blocks.append(Block(quantity, percent))
        with (node.key or node).blamed():
            return Condition(name, tuple(blocks))


def reached(quantity: str, known: Collection[str]) -> tuple[str, ...]:
    """Those of the known parameters of mechanisms that a block names. Raises ProtocolError where there are none.

    >>> reached("gbar_na", ("gbar_na.soma", "gbar_na.dend", "gbar_nap.soma"))
    ('gbar_na.soma', 'gbar_na.dend')
    """
    name = quantity.removesuffix(".*")
    found = (name,) if name in known else tuple(other for other in known if other.rpartition(".")[0] == name)
    if not found:
        heads = tuple(dict.fromkeys(other.partition(".")[0] for other in known))
        hint = nearest(name, (*known, *heads))
        raise ProtocolError(f"{quantity!r} is no parameter of a mechanism of the cell",
                            remedy=f"{hint}there are: {', '.join(heads) or 'none'}")  # fmt: skip
    return found


def remaining(blocks: tuple[Block, ...], known: Mapping[str, tuple[K, ...]]) -> dict[K, float]:
    """The shares that blocks leave of what they reach: of the keys that stand behind the names of `known`.

    Raises ProtocolError where a block reaches nothing, and where two reach the same.

    >>> remaining((Block("gbar_na", 75.0),), {"gbar_na.soma": (0,), "gbar_na.dend": (1, 2), "gbar_k.soma": (3,)})
    {0: 0.25, 1: 0.25, 2: 0.25}
    """
    shares: dict[K, float] = {}
    for block in blocks:
        for key in dict.fromkeys(key for name in reached(block.quantity, known) for key in known[name]):
            if key in shares:
                raise ProtocolError(f"{block.quantity} is blocked twice", remedy="block it once")
            shares[key] = block.share
    return shares
