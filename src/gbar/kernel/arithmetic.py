"""The text of the elementary functions that a kernel carries in its own file, for each precision.

exp is 2^k * e^r: k = round(x / ln 2) by adding and subtracting 1.5 * 2^(mantissa bits), which leaves k in the lowest
bits of the sum as well, r = x - k ln 2 with ln 2 in two parts, e^r - 1 = r + r^2 P(r) with P a near-minimax polynomial
(Chebyshev interpolation in extended precision), 2^k by shifting k into the exponent. No branch, no table, no call: LLVM
vectorises it. Arguments are clamped so that the result is finite; NaN stays NaN.

exp2 is the same without the reduction by ln 2: whoever calls it has its argument at hand as a multiple of log2(e),
which costs nothing where that is a constant factor. It is as good as the rounding of its argument allows.
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
    power: tuple[str, ...]  # 2^r for |r| <= 1/2
    relative: tuple[str, ...]  # (e^x - 1) / x for -1 <= x <= 0
    even: tuple[str, ...]  # x/2 coth(x/2) as a polynomial in x^2, for |x| <= even_near
    even_near: float
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
        power=("1.0", "0.6931472", "0.2402265", "0.05550327", "0.009618057", "0.0013400428", "0.00015461445"),
        relative=("0.99999994", "0.49999517", "0.16660967", "0.041418765", "0.0078373635", "0.00091254537"),
        even=("1.0", "0.083333135", "-0.0013879009", "3.1471085e-05"),
        even_near=1.0,
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
        power=(
            "1.0",
            "0.6931471805599453",
            "0.24022650695910158",
            "0.055504108664821625",
            "0.009618129107587256",
            "0.001333355814640647",
            "0.00015403530463724353",
            "1.5252733841556773e-05",
            "1.3215432535912375e-06",
            "1.0178057087733941e-07",
            "7.074194297288521e-09",
            "4.4558179083360645e-10",
        ),
        relative=(
            "0.9999999999999993",
            "0.49999999999984135",
            "0.16666666666031096",
            "0.041666666567209965",
            "0.008333332533829133",
            "0.0013888851313201313",
            "0.00019840165406452624",
            "2.4780637082499497e-05",
            "2.7299847438420252e-06",
            "2.555917600283951e-07",
            "1.5922824481440597e-08",
        ),
        even=(
            "1.0",
            "0.08333333333331554",
            "-0.0013888888880577112",
            "3.3068768869994584e-05",
            "-8.266098460021903e-07",
            "2.048510288417138e-08",
        ),
        even_near=0.5,
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

WATCHING = """NOWHERE = np.{integer}({lowest})
NEAR = np.{integer}({near_bits})  # as integers, -0 and what is below it grow from NOWHERE to this, which is -1
"""

FUNCTIONS = {
    "bits": '''
@inline
def bits(x):
    """The bits of a number as an integer."""
    return np.{real}(x).view(np.{integer})
''',
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
    "exp2": '''
@inline
def exp2(t, limit):
    """2^t, t kept between -limit and limit; NaN stays NaN."""
    t = limit if t > limit else t
    t = -limit if t < -limit else t
    shifted = t + R({magic})
    r = t - (shifted - R({magic}))
    power = np.{real}({power}).view(np.{integer})
    exponent = np.{integer}(np.{real}(shifted).view(np.{integer}) << np.{integer}({mantissa}))
    return np.{integer}(power + exponent).view(np.{real})
''',
    "exprel_near": '''
@inline
def exprel_near(x):
    """(e^x - 1) / x for -1 <= x <= 0."""
    return {relative}
''',
    "exprel": '''
@inline
def exprel(x):
    """(e^x - 1) / x, 1 at 0."""
    is_near = (x >= R(-1.0)) & (x <= R(0.0))
    below = R(1.0) if x == R(0.0) else x
    above = R(1.0) if x == R(0.0) else expm1(x)
    return exprel_near(x) if is_near else above / below
''',
    "exprelr_by": '''
@inline
def exprelr_by(x, e):
    """x / (e^x - 1), 1 at 0, where e = e^x is known."""
    is_near = abs(x) < R({even_near})
    y = x * x
    series = {even} - R(0.5) * x
    below = R(1.0) if is_near else e - R(1.0)
    return series if is_near else x / below
''',
    "exprelr": '''
@inline
def exprelr(x):
    """x / (e^x - 1), 1 at 0."""
    return exprelr_by(x, exp(x))
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
NEEDS = {
    "exprel": ("exprel_near", "expm1"),
    "exprelr": ("exprelr_by", "exp"),
    "dexprelr": ("exprelr", "exprelr_by", "exp"),
    "pow": ("exp", "log"),
}

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
    "exprel": '''
@inline
def exprel_once(x):
    """(e^x - 1) / x, 1 at 0."""
    return expm1_once(x) / x if x != 0.0 else 1.0
''',
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
        "power": horner([f"R({c})" for c in f.power], "r"),
        "relative": horner([f"R({c})" for c in f.relative], "x"),
        "even": horner([f"R({c})" for c in f.even], "y"),
        "series": horner([f"R({c})" for c in SERIES], "y"),
        "atanh": horner([f"R(1/{2 * i + 1})" for i in range(degree)], "y"),
        "half_root": {"float32": "0x3F3504F3", "float64": "0x3FE6A09E667F3BCD"}[precision],
    }
    text = PARTS.format(**values) if wanted & {"exp", "expm1"} else ""
    return text + "".join(FUNCTIONS[name].format(**values) for name in FUNCTIONS if name in wanted)


def watching(precision: str) -> str:
    """The text of the constants with which bits of arguments of exprel are compared."""
    f = FORMATS[precision]
    lowest = -(2 ** (31 if precision == "float32" else 63))
    return WATCHING.format(integer=f.integer, lowest=lowest, near_bits=lowest + (f.bias << f.mantissa))


def functions_once(used: set[str]) -> str:
    """The text of the functions that are used before the time loop, in float64."""
    wanted = used | ({"expm1"} if used & {"exprel", "exprelr", "dexprelr"} else set())
    values = {**vars(FORMATS["float64"]), "series": horner([f"({c})" for c in SERIES], "y")}
    return "".join(text.format(**values) for name, text in ONCE.items() if name in wanted)


def horner(coefficients: list[str], x: str) -> str:
    """The text of a polynomial, constant first."""
    text = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        text = f"{coefficient} + {x} * ({text})"
    return text
