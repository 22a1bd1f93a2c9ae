"""Kills writers of a data set with SIGKILL at random moments until so many have died; every store has to become the
same bytes as one that nobody disturbed. Prints what happened as JSON.

Run as `killing.py FOLDER SEED KILLS`. Every writer is a fork of this process, which has compiled the cell and has one
thread, so that a writer starts at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import google_crc32c  # noqa: F401 (imported here, so that the forks need not)
import numcodecs  # noqa: F401
import zarr  # noqa: F401

from gbar.cell import read_cell
from gbar.dataset import open_dataset
from gbar.kernel.build import build
from gbar.workflows.simulate import simulate_dataset

ROWS, BLOCK = 650, 64
CELL = read_cell("sphere")


def contents(path: Path) -> dict[str, str]:
    """The digest of every file."""
    files = (file for file in sorted(path.rglob("*")) if file.is_file())
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def write(path: Path, overwrite: bool) -> None:
    simulate_dataset(CELL, path, rows=ROWS, block=BLOCK, threads=2, overwrite=overwrite)


def look(path: Path) -> None:
    """What bears the name is whole: the store that was there before, or the new one."""
    if path.exists():
        assert len(open_dataset(path).read().status) in (ROWS, 10)


def forked(do: Callable[[], None], life: float = 60.0) -> bool:
    """Does it in a fork; after `life` seconds that is killed. Returns whether it was."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            do()
            code = 0
        finally:
            os._exit(code)
    end = time.monotonic() + life
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0, "a writer failed that nobody killed"
            return False
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def main(folder: Path, seed: int, kills: int) -> None:
    rng, killed, stores, locks = random.Random(seed), 0, 0, 0
    build(CELL, "float32").compiled(ROWS, 2)
    begun = time.monotonic()
    assert not forked(lambda: write(folder / "whole.zarr", False))
    takes, expected = time.monotonic() - begun, contents(folder / "whole.zarr")
    path = folder / "sims.zarr"
    while killed < kills:
        shutil.rmtree(path, ignore_errors=True)
        overwrite = stores % 2 == 1
        if overwrite:
            assert not forked(lambda: simulate_dataset(CELL, path, rows=10, seed=9, threads=1))
        done, deaths = False, 0
        while not done and forked(lambda: write(path, overwrite), rng.uniform(0, takes * (1 + deaths / 4))):  # noqa: B023
            killed, deaths = killed + 1, deaths + 1  # each lives longer, should the machine have become slow
            locks += path.with_name("sims.zarr.lock").exists()
            assert not forked(lambda: look(path))
            done = path.exists() and contents(path) == expected  # killed while it took the old one away, or later
        assert contents(path) == expected, "the bits differ"
        left = {p.name for p in folder.iterdir()} - {"whole.zarr", "sims.zarr", "sims.zarr.lock"}
        assert left <= ({".sims.zarr.old"} if done else set()), left
        stores += 1
    print(json.dumps({"killed": killed, "stores": stores, "locks": locks, "seconds": takes}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
