"""Which parameter sets are simulated, and in which order."""

from gbar.design.design import Design, Grid, LatinHypercube, Random, Sobol, Sweep, Table
from gbar.design.read import count_rows, design_from_json, draws_from_prior, read_design
from gbar.design.table import read_table

__all__ = [
    "Design",
    "Grid",
    "LatinHypercube",
    "Random",
    "Sobol",
    "Sweep",
    "Table",
    "count_rows",
    "design_from_json",
    "draws_from_prior",
    "read_design",
    "read_table",
]
