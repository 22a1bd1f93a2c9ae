"""`kill -9` at any moment: the next run goes on, and the bits are those of a run that nobody disturbed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

KILLS = 50


def test_writers_killed_at_fifty_random_moments(tmp_path):
    script = Path(__file__).with_name("killing.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "7", str(KILLS)], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["killed"] >= KILLS and told["stores"] >= 5
    assert told["locks"] > KILLS / 4  # they died while they held the lock, most of them
