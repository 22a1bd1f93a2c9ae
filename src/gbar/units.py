"""Physical units: "150 pA" read into the unit that is wanted, and refused if it is of another kind.

Inside gbar every number is in NEURON's units (ms, mV, nA, um, um2, S/cm2, uF/cm2, ohm cm, mM, degC). Conversion happens
once, where a number is read. All units known here are powers of ten of one another, so conversion moves a decimal point
and is exact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from gbar.errors import UnitError

# What each symbol is: a power of ten times metre^a second^b ampere^c volt^d mole^e degree^f.
Dimension = tuple[int, int, int, int, int, int]
_NONE: Dimension = (0, 0, 0, 0, 0, 0)
_SYMBOLS: dict[str, tuple[int, Dimension]] = {
    "m": (0, (1, 0, 0, 0, 0, 0)),
    "s": (0, (0, 1, 0, 0, 0, 0)),
    "A": (0, (0, 0, 1, 0, 0, 0)),
    "V": (0, (0, 0, 0, 1, 0, 0)),
    "mol": (0, (0, 0, 0, 0, 1, 0)),
    "degC": (0, (0, 0, 0, 0, 0, 1)),
    "S": (0, (0, 0, 1, -1, 0, 0)),
    "ohm": (0, (0, 0, -1, 1, 0, 0)),
    "F": (0, (0, 1, 1, -1, 0, 0)),
    "C": (0, (0, 1, 1, 0, 0, 0)),
    "J": (0, (0, 1, 1, 1, 0, 0)),
    "Hz": (0, (0, -1, 0, 0, 0, 0)),
    "M": (3, (-3, 0, 0, 0, 1, 0)),
    "l": (-3, (3, 0, 0, 0, 0, 0)),
    "%": (-2, _NONE),
}
_ALIASES = {
    "mho": "S", "siemens": "S", "meter": "m", "metre": "m", "micron": "um", "sec": "s", "second": "s",
    "amp": "A", "ampere": "A", "volt": "V", "farad": "F", "Ohm": "ohm", "Ω": "ohm", "coulomb": "C", "joule": "J",
    "hertz": "Hz", "molar": "M", "mole": "mol", "liter": "l", "litre": "l", "°C": "degC", "celsius": "degC",
}  # fmt: skip
_PREFIXES = {
    "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "c": -2, "d": -1, "k": 3, "M": 6, "G": 9,
    "femto": -15, "pico": -12, "nano": -9, "micro": -6, "milli": -3, "centi": -2,
    "deci": -1, "kilo": 3, "mega": 6, "giga": 9,
}  # fmt: skip

_FACTOR = re.compile(r"(?P<op>[/*·.\-\s]*)(?P<symbol>[A-Za-zµμΩ°]+|1|%)(?:\^|\*\*)?(?P<power>-?\d+)?(?=[\s/*·.\-]|$)")
_NUMBER = re.compile(r"\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>.*?)\s*$", re.DOTALL)

# One unit for each kind of quantity, to suggest in messages.
_EXAMPLES = {
    "nA": "150 pA or 0.15 nA",
    "mV": "-65 mV",
    "ms": "150 ms",
    "degC": "34 degC",
    "um": "20 um",
    "um2": "1000 um2",
    "%": "100 %",
    "S/cm2": "0.12 S/cm2 or 120 mS/cm2",
}


@dataclass(frozen=True)
class Unit:
    """A unit as ten to the `power` times base units to the exponents `dimension`."""

    power: int
    dimension: Dimension


def parse(text: str) -> Unit:
    """The unit that a text such as `mS/cm2`, `ohm cm`, `/ms` or `1` names; raises UnitError if it names none."""
    stripped = text.strip().removeprefix("(").removesuffix(")").strip()
    power, dimension, place = 0, _NONE, 0
    while place < len(stripped):
        match = _FACTOR.match(stripped, place)
        if match is None or len(stripped) > 60 or abs(int(match["power"] or 1)) > 9:
            raise UnitError(
                f"{text!r} is no unit that gbar knows", remedy="write for example ms, mV, nA, um, S/cm2, uF/cm2 or mM"
            )
        symbol_power, symbol_dimension = _symbol(match["symbol"], text)
        exponent = int(match["power"] or 1) * (-1 if "/" in match["op"] else 1)
        power += exponent * symbol_power
        a, b, c, d, e, f = (x + exponent * y for x, y in zip(dimension, symbol_dimension, strict=True))
        dimension = (a, b, c, d, e, f)
        place = match.end()
    return Unit(power, dimension)


def _symbol(symbol: str, text: str) -> tuple[int, Dimension]:
    if symbol == "1":
        return 0, _NONE
    for name in (symbol, symbol.removesuffix("s") if len(symbol) > 3 else symbol):
        for prefix in ("", *sorted(_PREFIXES, key=len, reverse=True)):
            stem = name.removeprefix(prefix)
            if prefix and (stem == name or not stem):
                continue
            stem = _ALIASES.get(stem, stem)
            shift = _PREFIXES.get(prefix, 0)
            if stem == "um":
                stem, shift = "m", shift - 6
            if stem in _SYMBOLS:
                base, dimension = _SYMBOLS[stem]
                return base + shift, dimension
    raise UnitError(
        f"{text!r} is no unit that gbar knows: what is {symbol!r}?",
        remedy="write for example ms, mV, nA, um, S/cm2, uF/cm2 or mM",
    )


def compatible(unit: str, wanted: str) -> bool:
    """Whether two units are of the same kind, such as pA and nA."""
    return parse(unit).dimension == parse(wanted).dimension


def same(unit: str, other: str) -> bool:
    """Whether two spellings name one unit, such as S/cm2 and mho/cm2; unknown units are compared as text."""
    try:
        return parse(unit) == parse(other)
    except UnitError:
        return unit.strip("() ") == other.strip("() ")


def quantity(text: str | int | float, wanted: str) -> float:
    """The number in the unit `wanted` that a text such as "20 um" states.

    Where a dimensionless number is wanted (`wanted` is "" or "1") a bare number will do; anywhere else it is refused,
    as is a unit of another kind. Raises UnitError.

    >>> quantity("150 pA", "nA")
    0.15
    >>> quantity("0.5 mS/cm2", "S/cm2")
    0.0005
    """
    match = _NUMBER.match(str(text)) if not isinstance(text, bool) else None
    if match is None:
        raise UnitError(f"{text!r} is no number with a unit", remedy=f"write {_example('', wanted)}")
    number, unit = match["number"], match["unit"]
    target = parse(wanted)
    if not unit and target != Unit(0, _NONE):
        raise UnitError(f"{text} has no unit", remedy=f"write {_example(number, wanted)}")
    given = parse(unit)
    if given.dimension != target.dimension:
        kind = f"in {wanted.strip('() ')}" if target != Unit(0, _NONE) else "without a unit"
        raise UnitError(
            f"{str(text)!r} is in {unit or 'no unit'}, expected a quantity {kind}",
            remedy=f"write {_example('', wanted)}",
        )
    try:
        value = float(Decimal(number).scaleb(given.power - target.power))
    except (InvalidOperation, OverflowError):
        value = float("inf")
    if value in (float("inf"), float("-inf")):
        raise UnitError(f"{text} is beyond every number that gbar can hold", remedy=f"write {_example('', wanted)}")
    return value


def _example(number: str, wanted: str) -> str:
    wanted = wanted.strip("() ")
    if not wanted or wanted == "1":
        return "a number alone"
    if number and wanted == "nA":
        return f"{number} pA or {float(Decimal(number).scaleb(-3)):g} nA"
    return f"{number} {wanted}" if number else f"for example {_EXAMPLES.get(wanted, f'1 {wanted}')}"


def convert(value: float, unit: str, wanted: str) -> float:
    """A number in one unit as a number in another of the same kind; raises UnitError if they differ in kind."""
    given, target = parse(unit), parse(wanted)
    if given.dimension != target.dimension:
        raise UnitError(f"{unit} and {wanted} are units of different kinds", remedy=f"state the quantity in {wanted}")
    return float(Decimal(repr(float(value))).scaleb(given.power - target.power)) if given != target else float(value)


def factor(unit: str, wanted: str) -> float:
    """What numbers in `unit` are multiplied by to be in `wanted`."""
    return convert(1.0, unit, wanted)


def format(value: float, unit: str, digits: int = 4) -> str:
    """A quantity for people: four significant digits and the unit.

    >>> format(0.123456, "S/cm2")
    '0.1235 S/cm2'
    """
    return f"{float(value):.{digits}g} {unit}".rstrip()


def stated(text: str | int | float) -> str:
    """The unit that a text such as "20 um" states; "" where there is none. Raises UnitError.

    >>> stated("10 Mohm")
    'Mohm'
    """
    match = _NUMBER.match(str(text))
    if match is None:
        raise UnitError(f"{text!r} is no number with a unit", remedy="write for example 20 um")
    parse(match["unit"])
    return match["unit"]


def exact(value: float, unit: str) -> str:
    """A quantity for files: the shortest text that `quantity` reads back to the same number."""
    return f"{float(value)!r} {unit}".rstrip()
