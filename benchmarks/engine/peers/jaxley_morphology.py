"""Writes the compartments that Jaxley makes of an SWC file, branch by branch: `python jaxley_morphology.py SWC OUT`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jaxley as jx


def main() -> None:
    swc, out = sys.argv[1:]
    cell = jx.read_swc(swc, ncomp=4)
    nodes = cell.nodes
    groups = [name for name in ("soma", "axon", "basal", "apical", "undefined", "custom") if name in nodes]
    branches = []
    for branch, parent in enumerate(cell.comb_parents):
        mine = nodes[nodes["global_branch_index"] == branch]
        region = next((name for name in groups if mine[name].all()), "basal")
        branches.append(
            {
                "parent": int(parent),
                "region": region,
                "lengths": [float(x) for x in mine["length"]],
                "radii": [float(x) for x in mine["radius"]],
            }
        )
    Path(out).write_text(json.dumps(branches), encoding="utf-8")


if __name__ == "__main__":
    main()
