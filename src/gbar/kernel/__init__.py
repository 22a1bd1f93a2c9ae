"""A cell compiled: its equations as a graph, their source text, the machine code; and a slow oracle beside them."""
