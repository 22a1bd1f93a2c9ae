"""The description of a cell, as a Python object and as a YAML file."""

from gbar.cell.cell import Cell
from gbar.cell.derived import Derived
from gbar.cell.file import read_cell
from gbar.cell.geometry import Origin
from gbar.cell.ions import IonUse
from gbar.cell.painted import Painted
from gbar.cell.profile import Profile
from gbar.cell.quantity import Quantity
from gbar.cell.recordable import variables
from gbar.cell.region import Region
from gbar.cell.segments import SegmentRule
from gbar.cell.shipped import shipped_cells
from gbar.cell.site import Along, At, Site
from gbar.cell.write import write_cell

__all__ = [
    "Along",
    "At",
    "Cell",
    "Derived",
    "IonUse",
    "Origin",
    "Painted",
    "Profile",
    "Quantity",
    "Region",
    "SegmentRule",
    "Site",
    "read_cell",
    "shipped_cells",
    "variables",
    "write_cell",
]
