"""What the tests share: where the reference data lie, and what may be skipped where it is missing."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def missing(what: str) -> None:
    """Skips the test, or fails it where everything must be there (GBAR_REQUIRE_ALL)."""
    if os.environ.get("GBAR_REQUIRE_ALL"):
        pytest.fail(f"{what} is missing, and GBAR_REQUIRE_ALL is set")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recordings, morphologies and parameter files that lies beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        missing("the reference data in ../shared")
    return folder


@pytest.fixture(scope="session")
def nrn() -> None:
    """NEURON and the C++ compiler that nrnivmodl needs."""
    if find_spec("neuron") is None:
        missing("NEURON (pip install neuron)")
    if shutil.which("g++") is None and shutil.which("c++") is None:
        missing("a C++ compiler for nrnivmodl")
