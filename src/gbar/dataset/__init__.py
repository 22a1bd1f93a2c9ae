"""Simulations on disk: theta, traces, statuses and a manifest in a Zarr store, which xarray opens with names and units.

A store is made of blocks of rows, the unit in which it is simulated, written, checked, repaired and read in bulk: every
array has one chunk, with a checksum, for each block. Blocks are written in any order, by anyone, into `<path>.partial`,
which takes its own name only when every block is there. A block whose rows have no status has not been written; that is
what a resumed job looks for. One command at a time writes a store (`lock`).
"""

from gbar.dataset.begin import check_place, create, join
from gbar.dataset.damage import Damage, find_damage, reopen
from gbar.dataset.dataset import Dataset, open_dataset, read_manifest
from gbar.dataset.lock import Lock
from gbar.dataset.manifest import Layout, Manifest, block_for, cpu_features, versions
from gbar.dataset.places import partial_path, settled
from gbar.dataset.split import Split, split_rows
from gbar.dataset.storage import FLOAT32, INT16, Storage
from gbar.dataset.writer import Writer

__all__ = [
    "FLOAT32",
    "INT16",
    "Damage",
    "Dataset",
    "Layout",
    "Lock",
    "Manifest",
    "Split",
    "Storage",
    "Writer",
    "block_for",
    "check_place",
    "cpu_features",
    "create",
    "find_damage",
    "join",
    "open_dataset",
    "partial_path",
    "read_manifest",
    "reopen",
    "settled",
    "split_rows",
    "versions",
]
