"""Files with the language's traps, alone in a compartment, against NEURON: voltage, states and concentrations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from awkward_mechanisms import BYTES
from neuron_twin import side_by_side

from gbar.cell import At, Cell, Painted, Region, Site
from gbar.cell.ions import DEFAULTS, ion_uses
from gbar.exchange.mod_files import write_mod_files
from gbar.exchange.nrnivmodl import compiled
from gbar.mechanism import Mechanism, read
from gbar.morphology import sphere
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.protocol import Protocol, Sampled, Stimulus

DURATION, DT = 100.0, 0.025  # ms
REVERSALS = {"ena": 50.0, "ek": -77.0, "eca": 120.0}

pytestmark = pytest.mark.usefixtures("nrn")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Mechanism], Path]:
    """All files read, and one library of them."""
    folder = tmp_path_factory.mktemp("traps")
    for name, data in BYTES.items():
        (folder / f"{name}.mod").write_bytes(data)
    mechanisms = {name: read(folder / f"{name}.mod") for name in BYTES}
    library = compiled(write_mod_files(mechanisms.values(), folder / "neuron").values())
    assert library is not None
    return mechanisms, library


def alone(mechanism: Mechanism) -> Cell:
    """A cell of one mechanism that records its states and what it writes of ions."""
    uses = ion_uses([mechanism]).values()
    reversals = {use.e: REVERSALS[use.e] for use in uses if use.uses_e and use.nernst == "never"}
    concentrations = {name: DEFAULTS.get(name, 1.0) for use in uses for name in use.needed(False)}
    region = Region("soma", 1.0, (Painted(mechanism),), reversals, concentrations=concentrations)
    written = [name for ion in mechanism.ions for name in ion.writes if not name.startswith("i")]
    variables = ["v", *written, *(_full(state, mechanism.name) for state in mechanism.states)]
    sites = tuple(Site(f"at_{k}", At("soma", 0.5), variable) for k, variable in enumerate(variables))
    space = ParameterSpace((FreeParameter("cm.soma", "uF/cm2", 0.5, 2.0, "linear", ("cm.soma",)),))
    noise = np.random.default_rng(3).normal(0.0, 0.02, 500) + np.linspace(0.02, -0.02, 500)
    # one stimulus: what INITIAL does not set, NEURON keeps from one run to the next
    protocol = Protocol((Stimulus("ramp and noise", Sampled(dt=0.2, values=noise), DURATION, DT, DT, -65.0),))
    return Cell(mechanism.name, sphere(20.0), (region,), 6.3, space, protocol, sites=sites)


def _full(state: str, suffix: str) -> str:
    """A state's name in a cell: m_kv, or ca_cad[0] of an array."""
    base, bracket, index = state.partition("[")
    return f"{base}_{suffix}{bracket}{index}"


@pytest.mark.parametrize("name", BYTES)
def test_traps_do_what_they_do_in_neuron(name: str, made: tuple[dict[str, Mechanism], Path], tmp_path: Path) -> None:
    mechanisms, library = made
    found = side_by_side(alone(mechanisms[name]), np.array([[1.0]]), tmp_path, library=library)
    assert all(np.ptp(comparison.neurons) > 0 for comparison in found.comparisons if comparison.variable == "v")
