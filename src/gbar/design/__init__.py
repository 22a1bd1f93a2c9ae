"""Which parameter sets are simulated, and in which order."""

from gbar.design.design import Design, Grid, LatinHypercube, Random, Sobol, Sweep, Table
from gbar.design.read import DEFAULT_ROWS, count_rows, read_design

__all__ = [
    "DEFAULT_ROWS",
    "Design",
    "Grid",
    "LatinHypercube",
    "Random",
    "Sobol",
    "Sweep",
    "Table",
    "count_rows",
    "read_design",
]
