"""Pass: a time step as several loops over the lanes, one after the other.

A long loop body keeps a processor waiting: it looks a few hundred instructions ahead, and each lane's chain of results
is as long as the body. Cut where much hangs on one value (the new voltage, the arguments of `exprel`), several lanes
are under way at once. The second cut serves another purpose too: (e^x - 1) / x is a short polynomial for -1 <= x <= 0,
where all but very fast states are; whether all lanes are there is known before the loop that needs it.

What a loop makes and a later one needs is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from gbar.kernel.graph import CONDITIONS, Level, Node, walk

ANEW = CONDITIONS | {"neg"}  # made anew: what memory does not hold, and what takes no time


@dataclass(frozen=True)
class Final:
    """A result, and where it goes: `place how value`, `how` being "=" or the like.

    `old` is the leaf that stands for what the place has before.
    """

    node: Node
    place: str
    old: Node | None = None
    how: str = "="


@dataclass
class Stage:
    """One loop: which results are finished in it, what it keeps for later ones, which arguments of `exprel` it makes
    for them, and whether it has an `exprel` itself."""

    finals: list[Final] = field(default_factory=list)
    kept: dict[Node, None] = field(default_factory=dict)
    arguments: dict[Node, None] = field(default_factory=dict)
    relative: bool = False


def stages(finals: Sequence[Final], barriers: Collection[Node] = ()) -> list[Stage]:
    """The loops that make results. What is made of a barrier is made in a later loop than the barrier."""
    return _Cut(finals, barriers).stages()


class _Cut:
    def __init__(self, finals: Sequence[Final], barriers: Collection[Node]) -> None:
        self.finals, self.barriers = finals, barriers
        self.place: dict[Node, int] = {}
        for node in walk([final.node for final in finals]):
            if node.level == Level.STEP and node.arguments:
                self.place[node] = self.earliest(node)
        self.overwritten = {final.old: self.place.get(final.node, 0) for final in finals if final.old is not None}

    def earliest(self, node: Node) -> int:
        """The first loop in which a value can be made."""
        after = [self.place[a] + (a in self.barriers) for a in node.arguments if a in self.place]
        first = max(after, default=0)
        return max(first, self.place.get(node.arguments[0], 0) + 1) if node.op == "exprel" else first

    def stages(self) -> list[Stage]:
        made = [Stage() for _ in range(max(self.place.values(), default=0) + 1)]
        for final in self.finals:
            made[self.place.get(final.node, 0)].finals.append(final)
        for number in range(len(made) - 1, -1, -1):
            self.gather(number, made)
        return made

    def gather(self, number: int, made: list[Stage]) -> None:
        """Has earlier loops keep what a loop needs."""
        stage = made[number]
        waiting, seen = [*(final.node for final in stage.finals), *stage.kept], set[Node]()
        while waiting:
            node = waiting.pop()
            if node in seen or node.level < Level.STEP:
                continue
            seen.add(node)
            home = self.place.get(node, number)
            if self.overwritten.get(node, number) < number:
                made[self.overwritten[node]].kept[node] = None
            elif home < number and node.op not in ANEW:
                made[home].kept[node] = None
            else:
                waiting.extend(node.arguments)
                if node.op == "exprel":
                    stage.relative = True
                    argument = node.arguments[0]
                    made[self.place.get(argument, 0)].arguments[argument] = None
