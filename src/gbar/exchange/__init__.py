"""Cells of other formats, in and out: NEURON, BluePyOpt and Allen parameter files, SWC."""
