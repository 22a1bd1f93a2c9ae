"""The parts of a rig as JSON: the name of the part, and its numbers by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from gbar.errors import ParameterError
from gbar.observation.value import Uniform, is_number, value_from_json, value_to_json


def part_to_json(part: Any) -> dict[str, Any]:
    """A part's kind and numbers; an infinite one, which JSON does not have, as None."""
    stored: dict[str, Any] = {"kind": type(part).__name__.lower()}
    for field in fields(part):
        value = getattr(part, field.name)
        if isinstance(value, tuple):
            stored[field.name] = list(value)
        else:
            infinite = not isinstance(value, Uniform) and math.isinf(value)
            stored[field.name] = None if infinite else value_to_json(value)
    return stored


def part_from_json(stored: Any, *kinds: type[Any]) -> Any:
    """The part, of one of `kinds`, that `part_to_json` stored; raises ParameterError for anything else."""
    names = {kind.__name__.lower(): kind for kind in kinds}
    kind = names.get(str(stored.get("kind"))) if isinstance(stored, Mapping) else None
    if kind is None:
        raise ParameterError(f"{stored!r} describes no part of a rig", remedy=f"give one of kind {', '.join(names)}")
    known = {field.name: field for field in fields(kind)}
    missing = [name for name, field in known.items() if field.default is MISSING and name not in stored]
    unknown = [name for name in stored if name not in known and name != "kind"]
    if missing or unknown:
        what = f"{stored['kind']} of a rig: missing {', '.join(missing) or 'nothing'}"
        raise ParameterError(f"{what}, unknown {', '.join(map(str, unknown)) or 'nothing'}",
                             remedy=f"give {', '.join(known)}")  # fmt: skip
    return kind(**{name: _number(field, stored[name]) for name, field in known.items() if name in stored})


def _number(field: Field[Any], stored: Any) -> Any:
    """The value of a field as its annotation wants it; an infinite default is stored as None."""
    if field.type == "Value":
        return value_from_json(stored)
    if field.type == "tuple[float, ...]" and isinstance(stored, list) and all(map(is_number, stored)):
        return tuple(map(float, stored))
    if (field.type == "float" and is_number(stored)) or (field.type == "int" and type(stored) is int):
        return stored
    if stored is None and field.default in (math.inf, -math.inf):
        return field.default
    raise ParameterError(f"{field.name} of a rig: {stored!r}", remedy=f"give {field.type}")
