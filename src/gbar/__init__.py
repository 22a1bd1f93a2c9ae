"""gbar: voltage in, ion-channel densities out, and how sure you can be.

The names below are the nouns and the ways to make them; each is imported when it is first asked for, so that
`import gbar` is instant. Two verbs carry the name of their module and are imported from it:

    from gbar.simulate import simulate
    from gbar.features import features
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Cell": "gbar.cell",
    "Dataset": "gbar.dataset",
    "Estimate": "gbar.estimate",
    "FreeParameter": "gbar.parameters",
    "GbarError": "gbar.errors",
    "Kernel": "gbar.kernel.build",
    "Mechanism": "gbar.mechanism",
    "Morphology": "gbar.morphology",
    "ParameterSpace": "gbar.parameters",
    "Protocol": "gbar.protocol",
    "Recording": "gbar.recordings",
    "Status": "gbar.traces",
    "Stimulus": "gbar.protocol",
    "Traces": "gbar.traces",
    "UserError": "gbar.errors",
    "build": "gbar.kernel.build",
    "open_dataset": "gbar.dataset",
    "read_cell": "gbar.cell",
    "read_recording": "gbar.recordings",
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gbar' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
