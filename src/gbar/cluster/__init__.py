"""Blocks of work on many processes and machines: which (`address`), how they are reached (`connect`), whether they can
help (`workers`), and how every block gets done although workers die, join and leave (`spread`). The only home of Dask.

The workers need no more than this package, and one folder that all of them see. What is sent to them is the work's
description, once to each of them, and the numbers of its blocks; what comes back is that a block is done.
"""

from gbar.cluster.address import Address, Local, Remote, Slurm, read_address
from gbar.cluster.connect import Cluster, connected
from gbar.cluster.spread import spread
from gbar.cluster.work import Block, Work
from gbar.cluster.workers import compared, this_worker

__all__ = [
    "Address",
    "Block",
    "Cluster",
    "Local",
    "Remote",
    "Slurm",
    "Work",
    "compared",
    "connected",
    "read_address",
    "spread",
    "this_worker",
]
