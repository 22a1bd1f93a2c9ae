"""The functions NMODL knows by itself, and the variables the simulator provides."""

from __future__ import annotations

# name -> number of arguments
INTRINSICS = {
    "exp": 1, "log": 1, "log10": 1, "sqrt": 1, "fabs": 1, "pow": 2, "floor": 1, "ceil": 1,
    "sin": 1, "cos": 1, "tan": 1, "asin": 1, "acos": 1, "atan": 1, "atan2": 2, "sinh": 1, "cosh": 1, "tanh": 1,
}  # fmt: skip

# exp is constant beyond these, so that it is finite and not 0: in constants, in float64 kernels and in the interpreter
EXP_LOW, EXP_HIGH = -708.0, 709.0

# made by passes only: exp(x) - 1, (exp(x) - 1) / x, its reciprocal, and the derivative of that
LOWERED = {"expm1": 1, "exprel": 1, "exprelr": 1, "dexprelr": 1}

# membrane voltage (mV), time (ms), time step (ms), temperature (degC), the segment's area (um2) and diameter (um)
ENVIRONMENT = frozenset({"v", "t", "dt", "celsius", "area", "diam"})

# known to NEURON, not to gbar
REFUSED_FUNCTIONS = dict.fromkeys(
    ["scop_random", "set_seed", "setseed", "normrand", "exprand", "poisrand", "gauss", "random_uniform",
     "random_normal", "random_negexp", "nrn_random_play"],
    "a mechanism is deterministic: remove the random number",
)  # fmt: skip
PRINTING = frozenset({"printf", "fprintf", "prterr"})  # statements without effect
