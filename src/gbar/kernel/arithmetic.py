"""The text of the elementary functions that a kernel carries in its own file, for each precision.

exp is 2^k * e^r: k = round(x / ln 2) by adding and subtracting 1.5 * 2^(mantissa bits), which leaves k in the lowest
bits of the sum as well, r = x - k ln 2 with ln 2 in two parts, e^r - 1 = r + r^2 P(r) with P a near-minimax polynomial
(Chebyshev interpolation in extended precision), 2^k by shifting k into the exponent. No branch, no table, no call: LLVM
vectorises it. Arguments are clamped so that the result is finite; NaN stays NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

from gbar.nmodl.intrinsics import EXP_HIGH, EXP_LOW


@dataclass(frozen=True)
class Format:
    """What exp and log need to know of a floating-point format."""

    real: str
    integer: str
    mantissa: int
    bias: int
    low: float  # 2^k is normal from here
    high: float  # and finite up to here
    ln2: tuple[str, str]
    magic: str
    polynomial: tuple[str, ...]  # P, constant first
    near: float  # |x| below which dexprelr is its series


FORMATS = {
    "float32": Format(
        real="float32",
        integer="int32",
        mantissa=23,
        bias=127,
        low=-87.0,
        high=88.0,
        ln2=("0.693115234375", "3.1946184945309417e-05"),
        magic="12582912.0",
        polynomial=("0.5", "0.16666577", "0.041666555", "0.0083631791", "0.0013926184"),
        near=1.0,
    ),
    "float64": Format(
        real="float64",
        integer="int64",
        mantissa=52,
        bias=1023,
        low=EXP_LOW,
        high=EXP_HIGH,
        ln2=("0.6931471805601177", "-1.7239444525614835e-13"),
        magic="6755399441055744.0",
        polynomial=(
            "0.5",
            "0.16666666666666669",
            "0.041666666666624115",
            "0.008333333333329963",
            "0.0013888888917217822",
            "0.0001984126986335166",
            "2.480152129100049e-05",
            "2.7557268130209233e-06",
            "2.7620090429143735e-07",
            "2.51005066431842e-08",
        ),
        near=0.25,
    ),
}

# dexprelr: coefficients of x, x^3, x^5, ... beside the constant -1/2
SERIES = ("1/6", "-1/180", "1/5040", "-1/151200", "1/4790016", "-691/108972864000")

PARTS = '''
@inline
def split(x):
    """e^x = two_to_k * (1 + q): q accurate near 0, two_to_k normal and finite."""
    x = R({high}) if x > R({high}) else x
    x = R({low}) if x < R({low}) else x
    shifted = x * R(1.4426950408889634) + R({magic})
    k = shifted - R({magic})
    r = (x - k * R({ln2[0]})) - k * R({ln2[1]})
    q = r + (r * r) * ({polynomial})
    exponent = np.{integer}(np.{real}(shifted).view(np.{integer}) + np.{integer}({bias}))
    bits = np.{integer}(exponent << np.{integer}({mantissa}))
    return np.{integer}(bits).view(np.{real}), q
'''

FUNCTIONS = {
    "exp": """
@inline
def exp(x):
    two_to_k, q = split(x)
    return two_to_k * q + two_to_k
""",
    "expm1": """
@inline
def expm1(x):
    two_to_k, q = split(x)
    return two_to_k * q + (two_to_k - R(1.0))
""",
    "exprelr": '''
@inline
def exprelr(x):
    """x / (e^x - 1), 1 at 0."""
    below = expm1(x)
    below = R(1.0) if x == R(0.0) else below
    above = R(1.0) if x == R(0.0) else x
    return above / below
''',
    "dexprelr": '''
@inline
def dexprelr(x):
    """The derivative of x / (e^x - 1), -1/2 at 0: f (1 - f - x) / x, and its series where that cancels."""
    f = exprelr(x)
    is_near = abs(x) < R({near})
    far = R(1.0) if is_near else x
    y = x * x
    series = R(-0.5) + x * ({series})
    direct = f * ((R(1.0) - x) - f) / far
    return series if is_near else direct
''',
    "log": '''
@inline
def log(x):
    """ln x by its exponent and 2 atanh(s), s = (m - 1) / (m + 1), m in [1/sqrt 2, sqrt 2]; NaN below 0."""
    bits = np.{real}(x).view(np.{integer})
    offset = np.{integer}(bits - np.{integer}({half_root}))
    exponent = np.{integer}(offset >> np.{integer}({mantissa}))
    m = np.{integer}(bits - np.{integer}(exponent << np.{integer}({mantissa}))).view(np.{real})
    k = R(exponent)
    s = (m - R(1.0)) / (m + R(1.0))
    y = s * s
    result = k * R({ln2[0]}) + (k * R({ln2[1]}) + (s + s) * ({atanh}))
    result = result if x < R(np.inf) else x
    result = R(-np.inf) if x == R(0.0) else result
    return R(np.nan) if x < R(0.0) else result
''',
    "pow": '''
@inline
def power(x, y):
    """x to the power y as exp(y ln |x|); below 0, with its sign, for a whole y, else NaN."""
    size = exp(y * log(abs(x)))
    half = R(0.5) * y
    below = size if half == np.floor(half) else -size
    below = below if y == np.floor(y) else R(np.nan)
    result = below if x < R(0.0) else size
    at_zero = R(np.inf) if y < R(0.0) else y
    at_zero = R(0.0) if y > R(0.0) else at_zero
    result = at_zero if x == R(0.0) else result
    return R(1.0) if y == R(0.0) else result
''',
}
NEEDS = {"exprelr": ("expm1",), "dexprelr": ("exprelr", "expm1"), "pow": ("exp", "log")}

ONCE = {
    "exp": """
@inline
def exp_once(x):
    x = {high} if x > {high} else x
    return np.exp({low} if x < {low} else x)
""",
    "expm1": """
@inline
def expm1_once(x):
    return np.expm1({high} if x > {high} else x)
""",
    "exprelr": '''
@inline
def exprelr_once(x):
    """x / (e^x - 1), 1 at 0."""
    return x / expm1_once(x) if x != 0.0 else 1.0
''',
    "dexprelr": '''
@inline
def dexprelr_once(x):
    """The derivative of x / (e^x - 1), -1/2 at 0."""
    if abs(x) < 0.25:
        y = x * x
        return -0.5 + x * ({series})
    f = x / expm1_once(x)
    return f * ((1.0 - x) - f) / x
''',
}


def functions(used: set[str], precision: str) -> str:
    """The text of the functions that the time loop uses, after those that they use."""
    wanted = used | {need for name in used for need in NEEDS.get(name, ())}
    f = FORMATS[precision]
    degree = 5 if precision == "float32" else 11
    values = {
        **vars(f),
        "polynomial": horner([f"R({c})" for c in f.polynomial], "r"),
        "series": horner([f"R({c})" for c in SERIES], "y"),
        "atanh": horner([f"R(1/{2 * i + 1})" for i in range(degree)], "y"),
        "half_root": {"float32": "0x3F3504F3", "float64": "0x3FE6A09E667F3BCD"}[precision],
    }
    text = PARTS.format(**values) if wanted & {"exp", "expm1"} else ""
    return text + "".join(FUNCTIONS[name].format(**values) for name in FUNCTIONS if name in wanted)


def functions_once(used: set[str]) -> str:
    """The text of the functions that are used before the time loop, in float64."""
    wanted = used | {need for name in used for need in NEEDS.get(name, ())}
    values = {**vars(FORMATS["float64"]), "series": horner([f"({c})" for c in SERIES], "y")}
    return "".join(text.format(**values) for name, text in ONCE.items() if name in wanted)


def horner(coefficients: list[str], x: str) -> str:
    """The text of a polynomial, constant first."""
    text = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        text = f"{coefficient} + {x} * ({text})"
    return text
