import math

import pytest

from gbar import units
from gbar.errors import UnitError


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("20 um", "um", 20.0),
        ("150 pA", "nA", 0.15),
        ("-65mV", "mV", -65.0),
        ("0.5 mS/cm2", "S/cm2", 0.0005),
        ("20 pS/um2", "S/cm2", 0.002),
        ("1 nS/um2", "pS/um2", 1000.0),
        ("0.12 mho/cm2", "S/cm2", 0.12),
        ("10 S/m2", "S/cm2", 0.001),
        ("0.1 kOhm-cm", "ohm cm", 100.0),
        ("1 MOhm", "ohm", 1e6),
        ("1e-4 cm/s", "cm/s", 1e-4),
        ("36 °C", "degC", 36.0),
        ("2 ms-1", "/ms", 2.0),
        ("10 /ms", "1/s", 10000.0),
        ("3 kHz", "Hz", 3000.0),
        ("1 mM", "uM", 1000.0),
        ("1 µF/cm2", "uF/cm2", 1.0),
        ("1e-8 cm2", "um2", 1.0),
        ("96.485 kilocoulombs", "C", 96485.0),
        ("3", "1", 3.0),
        ("3", "", 3.0),
        ("1 millimolar", "(mM)", 1.0),
    ],
)
def test_reads_a_quantity_exactly(text, unit, value):
    assert units.quantity(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("150", "nA", "150 has no unit; write 150 pA or 0.15 nA"),
        (0.3, "nA", "0.3 has no unit"),
        ("0.1 nA", "S/cm2", "'0.1 nA' is in nA, expected a quantity in S/cm2; write for example 0.12 S/cm2"),
        ("0.1 S/cm2", "nA", "is in S/cm2, expected a quantity in nA; write for example 150 pA or 0.15 nA"),
        ("3 mV", "", "without a unit; write a number alone"),
        ("1 furlong", "um", "what is 'furlong'?"),
        ("nan mV", "mV", "no number with a unit"),
        ("inf mV", "mV", "no number with a unit"),
        ("1e999 mV", "mV", "beyond every number"),
        ("1e99999999999999999999 mV", "mV", "beyond every number"),
        ("five mV", "mV", "no number with a unit"),
        (True, "mV", "no number with a unit"),
        ("5 mV mV", "mV", "expected a quantity in mV"),
        ("5 ms" + "-1" * 200, "ms", "no unit that gbar knows"),
        ("5 m99999999999", "m", "no unit that gbar knows"),
    ],
)
def test_refuses_what_is_no_such_quantity(text, unit, message):
    with pytest.raises(UnitError) as caught:
        units.quantity(text, unit)
    assert message in str(caught.value)


def test_prefixes_are_not_confused():
    assert units.quantity("1 mS", "uS") == 1000.0
    assert units.quantity("1 ms", "us") == 1000.0
    with pytest.raises(UnitError):
        units.quantity("1 mS", "ms")
    with pytest.raises(UnitError):
        units.quantity("1 Ms", "mS")


def test_same_and_compatible():
    assert units.same("mho/cm2", "(S/cm2)")
    assert units.same("", "1")
    assert not units.same("mS/cm2", "S/cm2")
    assert units.same("furlong", "furlong") and not units.same("furlong", "um")
    assert units.compatible("pA", "nA") and not units.compatible("nA", "S/cm2")


def test_converts_as_it_reads():
    assert units.convert(0.5, "mS/cm2", "S/cm2") == 0.0005
    assert units.convert(0.1 + 0.2, "mV", "mV") == 0.1 + 0.2
    assert units.factor("pA", "nA") == 1e-3
    with pytest.raises(UnitError, match="different kinds"):
        units.convert(1.0, "nA", "mV")


def test_formats_for_people_and_for_files():
    assert units.format(0.123456, "S/cm2") == "0.1235 S/cm2"
    assert units.format(3.0, "") == "3"
    assert units.quantity(units.exact(math.pi, "mV"), "mV") == math.pi
