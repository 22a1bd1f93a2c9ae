"""Numbers for people: the digits that count, units in print, and a median beside its interval."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbar.report.tables import duration, estimated, measured, number, percent, quantity, text_table, unit_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.012345, "0.0123"), (-71.04, "−71"), (9.996, "10"), (30000, "30,000"), (0, "0"), (4.5e-6, "4.5 × 10⁻⁶"),
        (1234567, "1.23 × 10⁶"), (0.000123, "0.000123"), (math.nan, "undefined"), (-math.inf, "−∞"),
    ],
)  # fmt: skip
def test_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(min_value=1e-12, max_value=1e12) | st.floats(min_value=-1e12, max_value=-1e-12))
def test_a_printed_number_is_within_its_last_digit(value: float) -> None:
    text = number(value, 3).replace("−", "-").replace(",", "")
    mantissa, _, power = text.partition(" × 10")
    exponent = int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)
    assert float(mantissa) * 10.0**exponent == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("median", "interval", "texts"),
    [
        (0.12034, (0.1188, 0.1221), ("0.1203", "0.1188", "0.1221")),
        (-70.123, (-70.5, -69.9), ("−70.12", "−70.50", "−69.90")),
        (9.0, (7.0, 10.0), ("9", "7", "10")),
        (71.3, (-70.2, 72.4), ("71", "−70", "72")),
        (0.002, (1e-4, 0.2), ("0.002", "0.0001", "0.2")),
        (1e-5, (9e-6, 1.2e-5), ("1.00 × 10⁻⁵", "9.0 × 10⁻⁶", "1.20 × 10⁻⁵")),
        (math.nan, (math.nan, math.nan), ("undefined",) * 3),
    ],
)
def test_the_interval_decides_the_decimals(
    median: float, interval: tuple[float, float], texts: tuple[str, str, str]
) -> None:
    assert measured(median, interval) == texts


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e3), st.floats(1e-9, 1e3))
def test_any_interval_can_be_written(median: float, below: float, above: float) -> None:
    assert all(measured(median, (median - below, median + above)))


@pytest.mark.parametrize(
    ("unit", "text"),
    [("S/cm2", "S/cm²"), ("uF/cm2", "µF/cm²"), ("ohm cm", "Ω·cm"), ("Mohm", "MΩ"), ("degC", "°C"), ("cm-1", "cm⁻¹"),
     ("um^2", "µm²"), ("1/s", "1/s"), ("1", ""), ("", "")],
)  # fmt: skip
def test_units_in_print(unit: str, text: str) -> None:
    assert unit_text(unit) == text


def test_a_quantity_and_an_estimate_in_one_line() -> None:
    assert quantity(0.12, "S/cm2") == "0.12 S/cm²"
    assert quantity(math.nan, "mV") == "undefined"
    assert estimated(0.12034, (0.1188, 0.1221), "S/cm2") == "0.1203 S/cm² (0.1188 to 0.1221)"


def test_small_shares_do_not_read_as_none() -> None:
    assert [percent(share) for share in (0, 1e-5, 0.002, 0.37)] == ["0 %", "< 0.1 %", "0.2 %", "37 %"]
    assert [percent(share) for share in (0.99, 0.998, 0.99999, 1)] == ["99 %", "99.8 %", "> 99.9 %", "100 %"]


def test_wall_times() -> None:
    assert [duration(s) for s in (0.4, 12, 200, 3900)] == ["0.4 s", "12 s", "3 min 20 s", "1 h 5 min"]


def test_columns_of_a_text_table_line_up() -> None:
    lines = text_table(["a", "long name"], [["value", "1"], ["x", "22"]]).splitlines()
    assert lines == ["a      long name", "─────  ─────────", "value  1", "x      22"]
