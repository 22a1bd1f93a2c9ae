"""A cell lowered to tables: compartments, quantities, pools of ions, sites, and what the free parameters set."""

from gbar.compartments.lower import lower
from gbar.compartments.tables import (
    Compartment,
    Compartments,
    Instance,
    Pool,
    Quantity,
    Reversal,
    Setting,
    Site,
)

__all__ = [
    "Compartment",
    "Compartments",
    "Instance",
    "Pool",
    "Quantity",
    "Reversal",
    "Setting",
    "Site",
    "lower",
]
