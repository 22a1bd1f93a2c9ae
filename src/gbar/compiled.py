"""Functions over arrays, compiled when they first run and kept beside their file, or where Numba keeps such things.

A compiled function calls only those of its own file: what is kept does not notice a change in another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """The function, compiled; other threads go on meanwhile, and a division by zero is IEEE's."""
    return _compile(function, False)


def compiled_sums(function: F) -> F:
    """As `compiled`; sums may be taken in another order."""
    return _compile(function, {"reassoc", "contract", "nsz", "arcp"})


def compiled_extremes(function: F) -> F:
    """As `compiled`; for numbers that are not NaN, whose least and greatest may be looked for in any order."""
    return _compile(function, {"nnan", "nsz"})


def _compile(function: F, fastmath: Any) -> F:
    options = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        made: F = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder in which anything may be kept: compiled anew in every process
        made = numba.njit(**options)(function)
    return made
