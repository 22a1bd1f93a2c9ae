"""Brian2, one compartment only: the parameter sets are the neurons of one group. Settings: rows; target; folder.

Targets: `standalone` compiles a C++ program once, which every run starts anew with other values and whose results are
read from its files; `cython` runs in this process. Always float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brian2 as b2
import numpy as np
from work_file import Work, read_work
from worker import Ready, serve

EQUATIONS = """
dv/dt = (gl*(el - v) + gna*m*m*m*h*(ena - v) + gk*n*n*n*n*(ek - v) + density)/capacity : volt
dm/dt = q10*(am*(1 - m) - bm*m) : 1
dh/dt = q10*(ah*(1 - h) - bh*h) : 1
dn/dt = q10*(an*(1 - n) - bn*n) : 1
am = 1/exprel(-(u + 40)/10)/ms : Hz
bm = 4*exp(-(u + 65)/18)/ms : Hz
ah = 0.07*exp(-(u + 65)/20)/ms : Hz
bh = 1/(1 + exp(-(u + 35)/10))/ms : Hz
an = 0.1/exprel(-(u + 55)/10)/ms : Hz
bn = 0.125*exp(-(u + 65)/80)/ms : Hz
u = v/mV : 1
density = amplitude*int(t + dt/2 >= delay)*int(t + dt/2 < stop) : amp/meter**2
gna : siemens/meter**2
gk : siemens/meter**2
"""
INITIAL = {  # steady states
    "m": "am/(am + bm)",
    "h": "ah/(ah + bh)",
    "n": "an/(an + bn)",
}


def prepare(folder: str, settings: dict[str, Any]) -> Ready:
    work = read_work(folder)
    if len(work.compartments) != 1:
        raise ValueError("a SpatialNeuron is one cell")
    theta = work.theta[: settings.get("rows")]
    standalone = settings["target"] == "standalone"
    b2.prefs.codegen.target = "cython"
    if standalone:
        b2.set_device("cpp_standalone", directory=settings["folder"], build_on_run=False)
    group, monitor, network = model(work, len(theta))
    if standalone:
        network.run(work.duration * b2.ms)
        b2.device.build(directory=settings["folder"], compile=True, run=False)
        run = program(work, group, monitor, theta)
    else:
        network.store()
        run = session(work, group, monitor, network, theta)
    return Ready(run, len(theta), settings["target"])


def model(work: Work, count: int) -> tuple[Any, Any, Any]:
    """The group of cells, the record of their voltage, and the network of both."""
    ((_, region),) = work.regions.items()
    values, reversals = region["mechanisms"]["hh"], region["reversals"]
    area = np.pi * work.compartments[0].diam * work.compartments[0].L * b2.um**2
    delay, width, amplitude = work.step
    per_area = b2.siemens / b2.cm**2
    b2.defaultclock.dt = work.dt * b2.ms
    names = {
        "gl": values["gl"] * per_area,
        "el": values["el"] * b2.mV,
        "ena": reversals["ena"] * b2.mV,
        "ek": reversals["ek"] * b2.mV,
        "capacity": region["cm"] * b2.uF / b2.cm**2,
        "q10": 3 ** ((work.celsius - 6.3) / 10),
        "delay": delay * b2.ms,
        "stop": (delay + width) * b2.ms,
        "amplitude": amplitude * b2.nA / area,
    }
    group = b2.NeuronGroup(count, EQUATIONS, method="exponential_euler", namespace=names)
    group.v = work.v_init * b2.mV
    for name, text in INITIAL.items():
        setattr(group, name, text)
    monitor = b2.StateMonitor(group, "v", record=True)
    return group, monitor, b2.Network(group, monitor)


def densities(work: Work, theta: np.ndarray) -> tuple[Any, Any]:
    """The densities of sodium and potassium channels of all rows."""
    columns = {free.variable: theta[:, j] for j, free in enumerate(work.free)}
    return tuple(columns[name] * b2.siemens / b2.cm**2 for name in ("gnabar", "gkbar"))  # type: ignore[return-value]


def program(work: Work, group: Any, monitor: Any, theta: np.ndarray) -> Callable[[], np.ndarray]:
    """The compiled program, started anew for every run."""

    def run() -> np.ndarray:
        gna, gk = densities(work, theta)
        b2.device.run(run_args={group.gna: gna, group.gk: gk})
        return millivolts(monitor)

    return run


def session(work: Work, group: Any, monitor: Any, network: Any, theta: np.ndarray) -> Callable[[], np.ndarray]:
    """The run in this process."""

    def run() -> np.ndarray:
        network.restore()
        group.gna, group.gk = densities(work, theta)
        network.run(work.duration * b2.ms)
        return millivolts(monitor)

    return run


def millivolts(monitor: Any) -> np.ndarray:
    """What was recorded, [row, time] in mV; Brian2 records at the beginning of every step."""
    return np.asarray(monitor.v) * 1e3


if __name__ == "__main__":
    serve(prepare)
