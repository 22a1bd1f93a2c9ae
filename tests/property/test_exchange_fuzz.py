"""Damaged parameter files of other simulators: a cell, or one line of complaint, and nothing else."""

from __future__ import annotations

import copy
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))
from test_exchange_import import FIT, MECHANISMS, NEW, NEW_PROTOCOLS, PARAMETERS, PROTOCOLS, SWC

from gbar.errors import UserError
from gbar.exchange.importing import Choices, import_cell

ODD = [
    None, True, "", "x", "__import__('os').system('x')", "{value}", "soma", "all", "NaN", -1, 0, 1e308, -1e-320, 10**40,
    [], {}, [[]], [1], [1, 2, 3], ["pas"], {"a": 1}, {"mech": 1}, "\u0000", "\ud800", "i\u0307", [None], {"": {}},
]  # fmt: skip
LAYOUTS = {
    "old": {"parameters": PARAMETERS, "mechanisms": MECHANISMS, "protocols": PROTOCOLS},
    "new": {"pyr": NEW, "protocols": NEW_PROTOCOLS},
    "allen": {"fit": FIT},
}


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    found: list[tuple[Any, Any]] = []
    keys = data.keys() if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    for key in keys:
        found.append((data, key))
        found += places(data[key])
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
@given(seed=st.integers(0, 2**32 - 1), changes=st.integers(1, 3))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_damaged_files_are_read_or_refused(layout: str, seed: int, changes: int) -> None:
    rng = random.Random(seed)
    files = copy.deepcopy(LAYOUTS[layout])
    for _ in range(changes):
        container, key = rng.choice(places(files)[len(files) :] or places(files))
        kind = rng.randrange(4)
        if kind == 0:
            del container[key]
        elif kind == 1 and isinstance(container, dict):
            container[str(rng.choice(ODD))] = container.pop(key)
        else:
            container[key] = copy.deepcopy(rng.choice(ODD))
    folder = Path(tempfile.mkdtemp(prefix="gbar-fuzz-"))
    try:
        for name, data in files.items():
            (folder / f"{name}.json").write_text(json.dumps(data))
        (folder / "cell.swc").write_text(SWC)
        made = import_cell(
            folder, folder / "cell.swc", folder / "out", choices=Choices(threshold=0.1, axon="bluepyopt")
        )
        assert made.cell.compartments > 1
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 2000
        assert not (folder / "out" / "cell.yaml").exists()
    finally:
        shutil.rmtree(folder)
