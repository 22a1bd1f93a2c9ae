"""Figures, tables and one self-contained HTML file; matplotlib and jinja2 are imported here and nowhere else."""
