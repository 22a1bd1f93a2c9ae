"""Rate and time left."""

from __future__ import annotations

import io

from rich.console import Console

from gbar.workflows import progress
from gbar.workflows.progress import Pace, Silent, Terminal, begin


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


def test_what_was_there_is_told_apart_from_what_was_done():
    def said(there: int, *reached: int) -> str:
        terminal = Terminal()
        terminal.console = Console(file=io.StringIO(), force_terminal=False)
        with terminal.stage("simulated", "rows") as report:
            begin(report, there, 20_000)
            for done in reached:
                report(done, 20_000)
        return terminal.console.file.getvalue()

    assert said(10_656, 15_000, 20_000) == "simulated: 9,344 rows in 0.0 s; 10,656 were there\n"
    assert said(19_999, 20_000) == "simulated: 1 row in 0.0 s; 19,999 were there\n"
    assert said(1, 20_000) == "simulated: 19,999 rows in 0.0 s; 1 was there\n"
    assert said(0, 20_000) == "simulated: 20,000 rows in 0.0 s\n"
    assert said(20_000) == "simulated: 0 rows in 0.0 s; 20,000 were there\n"


def test_what_is_said_first_was_there():
    pace = Pace()
    pace.begin(100, 300)
    pace.reached(200, 300)
    pace.begin(250, 300)
    pace.reached(300, 300)
    assert pace.summary("rows", 1.0) == "200 rows in 1.0 s; 100 were there"


def test_those_who_show_nothing_are_told_as_of_any_step():
    told = []
    begin(lambda done, total: told.append((done, total)), 5, 9)
    assert told == [(5, 9)]
    with Silent().stage("simulated", "rows") as report:
        begin(report, 5, 9)
