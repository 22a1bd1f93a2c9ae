"""Names that nothing else has."""

from __future__ import annotations

from collections.abc import Iterable


class Fresh:
    """Makes names of its own: `minf_1`, `minf_2`, ..., none of which is in `taken` or was made before.

    A name may be made for a value inside an expression (the result of a FUNCTION, a condition) rather than for a
    variable that the file assigns; `is_part` tells the two apart.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._made: set[str] = set()
        self._parts: set[str] = set()
        self._next: dict[str, int] = {}

    def __call__(self, base: str, part: bool = False) -> str:
        """A new name that begins with `base`."""
        number = self._next.get(base, 1)
        while f"{base}_{number}" in self._taken:
            number += 1
        self._next[base] = number + 1
        name = f"{base}_{number}"
        self._taken.add(name)
        self._made.add(name)
        if part:
            self._parts.add(name)
        return name

    def made(self, name: str) -> bool:
        """Whether `name` was made here."""
        return name in self._made

    def is_part(self, name: str) -> bool:
        """Whether `name` was made for a value inside an expression."""
        return name in self._parts
