"""Quantities for people to read: significant digits, units, and a number beside its uncertainty. Plain text only."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNDEFINED = "undefined"


def number(value: float, digits: int = 3) -> str:
    """A number with `digits` significant digits: 0.0123, 45.6, 1,230, 4.5 × 10⁻⁶; NaN reads "undefined".

    >>> number(0.012345), number(-71.04), number(4.5e-6, 2), number(30000)
    ('0.0123', '−71', '4.5 × 10⁻⁶', '30,000')
    """
    if math.isnan(value):
        return _UNDEFINED
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    return _trimmed(_placed(value, digits - 1 - _exponent(value, digits)))


def quantity(value: float, unit: str, digits: int = 3) -> str:
    """A number with its unit: `quantity(0.12, "S/cm2")` reads 0.12 S/cm²."""
    text = number(value, digits)
    return text if text == _UNDEFINED else f"{text} {unit_text(unit)}".rstrip()


def measured(median: float, interval: tuple[float, float]) -> tuple[str, str, str]:
    """A median and the ends of its interval, all to the decimal that the interval's width leaves meaningful.

    >>> measured(0.12034, (0.1188, 0.1221))
    ('0.1203', '0.1188', '0.1221')
    """
    values = (median, *interval)
    if not all(math.isfinite(value) for value in values):
        return number(median), number(interval[0]), number(interval[1])
    largest = max(abs(value) for value in values)
    width = interval[1] - interval[0]
    if largest == 0 or width <= 1e-5 * largest:
        return number(median, 6), number(interval[0], 6), number(interval[1], 6)
    smallest = min(abs(value) for value in values)
    if smallest > 0 and largest / smallest > 30:  # an interval over orders of magnitude: each number for itself
        return number(median, 2), number(interval[0], 2), number(interval[1], 2)
    if all(value == round(value) for value in values) and largest < 1e5:  # counts
        return number(median, 5), number(interval[0], 5), number(interval[1], 5)
    decimals = 1 - min(math.floor(math.log10(width)), math.floor(math.log10(largest)))
    median_text, low, high = (_placed(value, decimals) for value in values)
    return median_text, low, high


def estimated(median: float, interval: tuple[float, float], unit: str) -> str:
    """One line for a median and its interval: 0.1203 S/cm² (0.1188 to 0.1221)."""
    text, low, high = measured(median, interval)
    return f"{text} {unit_text(unit)}".rstrip() + f" ({low} to {high})"


def span(low: float, high: float, digits: int = 3) -> str:
    """A range: 0.06 to 0.24."""
    return f"{number(low, digits)} to {number(high, digits)}"


def unit_text(unit: str) -> str:
    """A unit as it is printed: S/cm2 → S/cm², uF/cm2 → µF/cm², ohm cm → Ω·cm, degC → °C."""
    text = re.sub(r"\bu(?=[a-zA-Z])", "µ", unit.strip())
    text = re.sub(r"ohm", "Ω", text, flags=re.IGNORECASE)
    text = re.sub(r"\bdegC\b", "°C", text)
    text = re.sub(r"(?<=[^\W\d])\^?(-?\d)(?!\d)", lambda power: power.group(1).translate(_SUPERSCRIPT), text)
    text = re.sub(r"\s*\*\s*|(?<=\w)\s+(?=\w)", "·", text)
    return "" if text in ("1", "dimensionless") else text


def percent(share: float) -> str:
    """A share: 37 %, 0.2 %, 99.8 %; only none and all read 0 % and 100 %."""
    if math.isnan(share):
        return _UNDEFINED
    if 0 < share < 0.0005:
        return "< 0.1 %"
    if 0.9995 < share < 1:
        return "> 99.9 %"
    decimals = 1 if 0 < share < 0.0095 or 0.9905 < share < 1 else 0
    return f"{100 * share:.{decimals}f} %"


def duration(seconds: float) -> str:
    """A wall time: 0.4 s, 12 s, 3 min 20 s, 1 h 5 min."""
    if seconds < 10:
        return f"{number(seconds, 2)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned with spaces, a rule below the header: for a terminal or a plain file."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:]])


def _exponent(value: float, digits: int) -> int:
    """The decimal exponent of a value once it is rounded to `digits` significant digits."""
    return int(f"{value:.{digits - 1}e}".split("e")[1])


def _placed(value: float, decimals: int) -> str:
    """A value rounded to `decimals` places, in powers of ten where plain digits would be hard to read."""
    rounded = round(value, decimals)
    if rounded == 0:
        return "0" if decimals <= 0 else f"{0:.{min(decimals, 12)}f}"
    exponent = math.floor(math.log10(abs(rounded)))
    if -4 <= exponent < 6:
        return f"{rounded:,.{max(decimals, 0)}f}".replace("-", "−")
    mantissa, _, power = f"{rounded:.{max(decimals + exponent, 0)}e}".partition("e")
    return f"{mantissa.replace('-', '−')} × 10{str(int(power)).translate(_SUPERSCRIPT)}"


def _trimmed(text: str) -> str:
    """Without the zeros that end a decimal fraction."""
    head, times, power = text.partition(" × ")
    return (head.rstrip("0").rstrip(".") if "." in head else head) + times + power
