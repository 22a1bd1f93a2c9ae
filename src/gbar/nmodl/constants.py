"""Physical constants and conversion factors of UNITS blocks, with the values NEURON 9 gives them (2019 SI)."""

from __future__ import annotations

import math
import re

ELEMENTARY_CHARGE = 1.602176634e-19  # coulomb
AVOGADRO = 6.02214076e23
BOLTZMANN = 1.380649e-23  # joule/kelvin
FARADAY = ELEMENTARY_CHARGE * AVOGADRO  # coulomb/mole

# (factor to SI, exponents of m, kg, s, A, K, mol); mole counts as a number, as NEURON's units do
_BASE: dict[str, tuple[float, tuple[int, ...]]] = {
    "1": (1.0, (0, 0, 0, 0, 0)),
    "m": (1.0, (1, 0, 0, 0, 0)), "meter": (1.0, (1, 0, 0, 0, 0)),
    "gm": (1e-3, (0, 1, 0, 0, 0)), "gram": (1e-3, (0, 1, 0, 0, 0)),
    "s": (1.0, (0, 0, 1, 0, 0)), "sec": (1.0, (0, 0, 1, 0, 0)), "second": (1.0, (0, 0, 1, 0, 0)),
    "min": (60.0, (0, 0, 1, 0, 0)), "hertz": (1.0, (0, 0, -1, 0, 0)), "hz": (1.0, (0, 0, -1, 0, 0)),
    "A": (1.0, (0, 0, 0, 1, 0)), "amp": (1.0, (0, 0, 0, 1, 0)), "ampere": (1.0, (0, 0, 0, 1, 0)),
    "K": (1.0, (0, 0, 0, 0, 1)), "degC": (1.0, (0, 0, 0, 0, 1)), "degK": (1.0, (0, 0, 0, 0, 1)),
    "kelvin": (1.0, (0, 0, 0, 0, 1)), "degree": (1.0, (0, 0, 0, 0, 1)),
    "coulomb": (1.0, (0, 0, 1, 1, 0)), "coul": (1.0, (0, 0, 1, 1, 0)),
    "volt": (1.0, (2, 1, -3, -1, 0)), "V": (1.0, (2, 1, -3, -1, 0)),
    "joule": (1.0, (2, 1, -2, 0, 0)), "J": (1.0, (2, 1, -2, 0, 0)),
    "siemens": (1.0, (-2, -1, 3, 2, 0)), "mho": (1.0, (-2, -1, 3, 2, 0)), "S": (1.0, (-2, -1, 3, 2, 0)),
    "ohm": (1.0, (2, 1, -3, -2, 0)), "farad": (1.0, (-2, -1, 4, 2, 0)), "F": (1.0, (-2, -1, 4, 2, 0)),
    "liter": (1e-3, (3, 0, 0, 0, 0)), "l": (1e-3, (3, 0, 0, 0, 0)),
    "mole": (AVOGADRO, (0, 0, 0, 0, 0)), "mol": (AVOGADRO, (0, 0, 0, 0, 0)),
    "molar": (AVOGADRO * 1e3, (-3, 0, 0, 0, 0)), "M": (AVOGADRO * 1e3, (-3, 0, 0, 0, 0)),
    "faraday": (FARADAY, (0, 0, 1, 1, 0)), "e": (ELEMENTARY_CHARGE, (0, 0, 1, 1, 0)),
    "k": (BOLTZMANN, (2, 1, -2, 0, -1)), "pi": (math.pi, (0, 0, 0, 0, 0)),
    "gasconstant": (BOLTZMANN * AVOGADRO, (2, 1, -2, 0, -1)), "R": (BOLTZMANN * AVOGADRO, (2, 1, -2, 0, -1)),
}  # fmt: skip
_PREFIX = {
    "giga": 1e9, "mega": 1e6, "kilo": 1e3, "deci": 1e-1, "centi": 1e-2, "milli": 1e-3, "micro": 1e-6, "nano": 1e-9,
    "pico": 1e-12, "femto": 1e-15, "c": 1e-2, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "k": 1e3, "f": 1e-15,
}  # fmt: skip
_PART = re.compile(
    r"\s*(?:(?P<slash>/)|(?P<name>[A-Za-z]+)(?P<power>[0-9]*)|(?P<number>[0-9.]+(?:[eE]?[+-][0-9]+)?)|[-*])"
)


def factor(unit: str, aliases: dict[str, str] | None = None) -> tuple[float, tuple[int, ...]] | None:
    """(factor to SI, exponents of m, kg, s, A, K) of a unit as NMODL writes it, or None where it is not understood.

    `aliases` are the units that the file itself defines: {"mV": "millivolt"}.
    """
    value, powers, sign, offset = 1.0, [0, 0, 0, 0, 0], 1, 0
    while offset < len(unit.rstrip()):
        part = _PART.match(unit, offset)
        if part is None:
            return None
        offset = part.end()
        if part.group("slash"):
            if sign < 0:
                return None
            sign = -1
        elif part.group("number"):
            number = _number(part.group("number"))
            if not number:
                return None
            value *= number**sign
        elif part.group("name"):
            known = _unit(part.group("name"), aliases or {})
            if known is None:
                return None
            power = sign * min(int(part.group("power") or 1), 9)
            value *= known[0] ** power
            powers = [p + power * q for p, q in zip(powers, known[1], strict=True)]
    return value, tuple(powers)


def conversion(source: str, target: str, aliases: dict[str, str] | None = None) -> float | None:
    """How many `target` a `source` is: conversion("faraday", "coulomb") = 96485.33...; None if that has no answer."""
    one, other = factor(source, aliases), factor(target, aliases)
    if one is None or other is None or not other[0]:
        return None
    if one[1] != other[1] and other[1] != (0, 0, 0, 0, 0):
        return None
    return one[0] / other[0]


def _number(text: str) -> float | None:
    try:
        return float(re.sub(r"(?<=[0-9.])([+-])", r"e\1", text) if "e" not in text.lower() else text)
    except (ValueError, OverflowError):
        return None


def _unit(name: str, aliases: dict[str, str], depth: int = 0) -> tuple[float, tuple[int, ...]] | None:
    if name in aliases and depth == 0:
        meaning = aliases[name]
        return _unit(meaning, aliases, 1) if meaning.isalpha() else factor(meaning)
    for word in (name, name.removesuffix("s")):
        if word in _BASE:
            return _BASE[word]
        for prefix, scale in _PREFIX.items():
            rest = word.removeprefix(prefix)
            if rest != word and rest in _BASE and rest != "1":
                return scale * _BASE[rest][0], _BASE[rest][1]
    return None
