"""Mechanisms written in tests, and their blocks run step by step with the interpreter's arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gbar.kernel.interpret import run
from gbar.mechanism import Mechanism, parse


def mechanism(
    solve: str, block: str, states: str, *, initial: str = "", more: str = "", assigned: str = ""
) -> Mechanism:
    """A mechanism with one block to be solved, parameters a, b, c, k and a current of all its states."""
    total = " + ".join(states.split()).replace("[", "[")
    return parse(
        f"""NEURON {{ SUFFIX x NONSPECIFIC_CURRENT i RANGE a, b, c, k }}
PARAMETER {{ a = 0.3 b = 0.2 c = 0.05 k = 0.5 }}
ASSIGNED {{ v i {assigned} }}
STATE {{ {states} }}
BREAKPOINT {{ SOLVE {solve} i = 0.001*({total})*(v + 70) }}
INITIAL {{ {initial} }}
{block}
{more}""",
        "x.mod",
    )


def steps(
    m: Mechanism, count: int, dt: float = 0.025, v: float | Iterable[float] = -65.0, **inputs: float
) -> list[dict[str, float]]:
    """The mechanism's variables after INITIAL, and after every step of SOLVE at the voltages given."""
    constants = {p.name: p.value for p in m.parameters} | {"celsius": 6.3} | inputs
    voltages = [float(v)] * (count + 1) if isinstance(v, int | float) else list(v)
    values = start(m, voltages[0], constants, dt)
    out = [values]
    for k in range(count):
        known = {**constants, **values, "v": voltages[k + 1], "t": (k + 1) * dt, "dt": dt}
        values = values | {name: float(x) for name, x in run(m.advance, known)[1].items()}
        out.append(values)
    return out


def start(m: Mechanism, v: float, constants: Mapping[str, float], dt: float) -> dict[str, float]:
    """The mechanism's variables after INITIAL."""
    blank = dict.fromkeys((*m.states, *m.assigned), 0.0)
    found = run(m.initial, {**constants, **blank, "v": v, "t": 0.0, "dt": dt})[1]
    return blank | {name: float(x) for name, x in found.items()}
