"""The description of a cell, as a Python object and as a YAML file."""

from gbar.cell.cell import Cell, Painted, Quantity, Region

__all__ = ["Cell", "Painted", "Quantity", "Region"]
