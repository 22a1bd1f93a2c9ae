"""Names that nothing else has."""

from __future__ import annotations

from collections.abc import Iterable


class Fresh:
    """Makes names of its own: `minf_1`, `minf_2`, ..., none of which is in `taken` or was made before."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._made: set[str] = set()
        self._next: dict[str, int] = {}

    def __call__(self, base: str) -> str:
        """A new name that begins with `base`."""
        number = self._next.get(base, 1)
        while f"{base}_{number}" in self._taken:
            number += 1
        self._next[base] = number + 1
        name = f"{base}_{number}"
        self._taken.add(name)
        self._made.add(name)
        return name

    def made(self, name: str) -> bool:
        """Whether `name` was made here."""
        return name in self._made
