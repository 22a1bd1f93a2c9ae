"""Rate and time left."""

from __future__ import annotations

import io

from rich.console import Console

from gbar.workflows import progress
from gbar.workflows.progress import Pace, Terminal


def test_rate_and_time_left():
    clock = [100.0]
    pace = Pace(lambda: clock[0])
    pace.reached(0, 1000)
    assert pace.rate("rows") == "" and pace.left() == "?"
    clock[0] += 2
    pace.reached(200, 1000)
    assert pace.rate("rows") == "100 rows/s" and pace.left() == "0:00:08" and not pace.due()
    clock[0] += progress.EVERY
    assert pace.due() and not pace.due()


def test_what_an_interrupted_run_did_does_not_count():
    clock = [0.0]
    pace = Pace(lambda: clock[0])
    pace.reached(900_000, 1_000_000)
    clock[0] = 10.0
    pace.reached(900_005, 1_000_000)
    assert pace.rate("rows") == "0.50 rows/s" and pace.left() == "2 days, 7:33:10"


def test_where_there_is_no_terminal_lines_tell(monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    terminal = Terminal()
    terminal.console = Console(file=io.StringIO(), force_terminal=False)
    with terminal.stage("simulated", "rows") as report:
        report(0, 2000)
        report(1500, 2000)
    told = terminal.console.file.getvalue()
    assert "simulated: 1,500 of 2,000 rows, " in told and "rows/s, 0:00:00 left" in told
    assert "simulated: 1,500 rows in 0.0 s" in told
