"""The description of a cell, as a Python object and as a YAML file."""

from gbar.cell.cell import Cell, Painted, Quantity, Region
from gbar.cell.file import read_cell, shipped_cells, write_cell

__all__ = ["Cell", "Painted", "Quantity", "Region", "read_cell", "shipped_cells", "write_cell"]
