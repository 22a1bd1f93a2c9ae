import math

import pytest

from gbar import mechanism
from gbar.nmodl.constants import conversion, factor


@pytest.mark.parametrize(
    ("source", "target", "value"),
    [
        ("faraday", "coulomb", 96485.3321233100184),
        ("faraday", "coulombs", 96485.3321233100184),
        ("faraday", "kilocoulombs", 96.4853321233100184),
        ("faraday", "10000 coulomb", 9.64853321233100184),
        ("k-mole", "joule/degC", 8.3144626181532395),
        ("k-mole", "volt-coulomb/degC", 8.3144626181532395),
        ("k-mole", "millivolt-coulomb/degC", 8314.4626181532395),
        ("pi", "1", math.pi),
        ("e", "coulomb", 1.602176634e-19),
        ("mV", "volt", 1e-3),
        ("pS/um2", "S/cm2", 1e-4),
        ("mA/cm2", "A/m2", 10.0),
    ],
)
def test_conversions(source, target, value):
    found = conversion(source, target, {"um": "micron", "mV": "millivolt"} if "um2" not in source else {})
    assert found == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("unit", ["smoot", "a/b/c", "mV)", "m/s/s", "_", "ms(", "1/0", "9e999", "m99999999"])
def test_what_is_no_unit_is_not_guessed(unit):
    assert factor(unit) is None or math.isfinite(factor(unit)[0])
    assert conversion(unit, "coulomb") is None


def test_kinds_do_not_mix():
    assert conversion("mV", "ms") is None


@pytest.mark.parametrize("line", ["F = 96485.5 (coul)", "F = 96485.5", "F = (96485.5 coulomb) (coulomb)"])
def test_constants_of_units_are_numbers(line):
    text = f"NEURON {{ SUFFIX x NONSPECIFIC_CURRENT i }} UNITS {{ {line} }} ASSIGNED {{ v i }} BREAKPOINT {{ i = F*v }}"
    built = mechanism.parse(text)
    assert built.slope.results[0][1].value == 96485.5
    assert built.affine
