"""The bound: how many exp, log and pow a step has, times what one exp takes on data in the first-level cache.

What is counted is the mechanism as it is parsed (states solved, common subexpressions once), not what the emitter makes
of it: fewer exps in the kernel are a way past the bound and do not lower it.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Hashable
from pathlib import Path

import numpy as np

from gbar.compartments import Compartments
from gbar.kernel.arithmetic import functions
from gbar.mechanism import Mechanism
from gbar.nmodl.tree import Binary, Call, Expr, Name, Number, Select, Unary

COUNTED = {"exp", "expm1", "exprel", "exprelr", "dexprelr", "log", "log10", "pow", "tanh", "sinh", "cosh"}
EXPONENTIALS = {"expm1": "exp", "exprel": "exp", "exprelr": "exp", "dexprelr": "exp"}  # of one argument: one exp
CONSTANT = frozenset({"celsius", "dt", "area", "diam"})
LOOP = '''"""exp over an array that stays in the first-level cache."""

import numpy as np
from numba import njit

R = np.{precision}
OPTIONS = {{"error_model": "numpy", "fastmath": {{"nsz", "arcp", "contract"}}}}
inline = njit(forceinline=True, **OPTIONS)
{functions}

@njit(**OPTIONS)
def many(x, y, times):
    for _ in range(times):
        for i in range(len(x)):
            y[i] = exp(x[i])
        x[0] = y[1] * R(1e-9)
'''


def exponentials(mechanism: Mechanism) -> int:
    """How many exp, log and pow one time step of a mechanism has."""
    counter = _Counter(mechanism)
    for block in (mechanism.breakpoint, mechanism.slope, mechanism.advance):
        counter.values.clear()
        for line in block.code:
            counter.values[line.target] = counter.value(line.value)
        for _, result in block.results:
            counter.value(result)
    return len(counter.found)


def in_a_step(tables: Compartments) -> int:
    """How many one time step of a cell has, in all its compartments."""
    instances = [instance for compartment in tables.compartments for instance in compartment.instances]
    each = {m.digest: exponentials(m) for m in {i.mechanism.digest: i.mechanism for i in instances}.values()}
    return sum(each[instance.mechanism.digest] for instance in instances)


class _Counter:
    """Gives equal expressions equal values, and collects the counted ones that change in time."""

    def __init__(self, mechanism: Mechanism) -> None:
        fixed = {parameter.name for parameter in mechanism.parameters} | CONSTANT
        self.fixed = fixed | {name for ion in mechanism.ions for name in ion.reads if name == f"e{ion.name}"}
        self.values: dict[str, tuple[Hashable, bool]] = {}
        self.found: set[Hashable] = set()

    def value(self, expression: Expr) -> tuple[Hashable, bool]:
        """What stands for the expression's value, and whether it changes in time."""
        match expression:
            case Number(value=value):
                return value, False
            case Name(id=name):
                return self.values.get(name, (name, name not in self.fixed))
            case Unary(op=op, operand=operand):
                return self.made(op, operand)
            case Binary(op="^", left=left, right=right):
                whole = isinstance(right, Number) and right.value == int(right.value)
                return self.made("*" if whole else "pow", left, right)
            case Binary(op=op, left=left, right=right):
                return self.made(op, left, right)
            case Select(condition=condition, then=then, otherwise=otherwise):
                return self.made("select", condition, then, otherwise)
            case Call(function=function, arguments=arguments):
                return self.made(EXPONENTIALS.get(function, function), *arguments)
        raise TypeError(f"{type(expression).__name__} in a block that is straight-line code")

    def made(self, op: str, *arguments: Expr) -> tuple[Hashable, bool]:
        values = [self.value(argument) for argument in arguments]
        key, changes = (op, *(value for value, _ in values)), any(changing for _, changing in values)
        if changes and op in COUNTED:
            self.found.add(key)
        return key, changes


def exp_seconds(precision: str, seconds: float = 1.0) -> float:
    """What one exp of the kernel takes on data in the first-level cache: the best of many, in seconds."""
    with tempfile.TemporaryDirectory(prefix="gbar-bench-") as folder:
        path = Path(folder) / f"exp_{precision}.py"
        path.write_text(LOOP.format(precision=precision, functions=functions({"exp"}, precision)), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        x = np.linspace(-5, 5, 2048).astype(precision)
        y = np.empty_like(x)
        module.many(x, y, 1)
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.process_time()
        module.many(x, y, 2000)
        best = min(best, time.process_time() - start)
    return best / (2000 * len(x))
